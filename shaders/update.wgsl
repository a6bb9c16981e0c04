// Moves the centroids to the means of their points and scores' bounds with them, so that the next pass needs no host.
//
// Reads: the sums before the first pass of a submission, then the change of each pass so far, a region of `totals` each.
// Writes: the centroids of the next pass on the grid (each pass has a region of `exact`), what scoring needs of them
// (`scores`), and in `next`, the sets of the next pass, that there is none: where no label changed, and where a cluster
// lost its weight, which is the host's to fill. Workgroup (c + 1, s) moves centroid c of set s; workgroup (0, 0) decides.
//
// Steps, for each cluster, as in `engine/cpu/update.rs` and `engine/bound.rs`: 1. its weight and sums; 2. the mean, rounded to
// the grid with ties to even; 3. the f32 nearest to each coordinate; 4. the half square and the norm; 5. how far it moved,
// in whole steps and rounded up, of which the largest goes to the counter DRIFT of the pass (see `prune.wgsl`).
//
// Nothing here is a float operation: every f32 is put together from an integer, bit by bit, so no rounding mode can be
// seen. A coordinate is the f32 nearest to C * 2^-BITS, the half square the one nearest to |C|^2 * 2^(-2 BITS - 1), with
// |C|^2 exact in 128 bits. The norm is not too small: let N = |C|^2, h even with M = floor(N / 2^h) < 2^48, and
// r = floor(sqrt(M)); then N < (M + 1) 2^h <= (r + 1)^2 2^h, so |C| < (r + 1) 2^(h / 2), and r + 1 <= 2^24 is exact in f32.
// That is all that the proof in `engine/bound.rs` asks for; its factors do not depend on the centroids.
//
// Identical centroids are not merged: the referee decides between them, to the lowest index, and calls that no tie.

@group(0) @binding(4) var<storage, read_write> scores: array<u32>;       // the bits of what `assign.wgsl` reads
@group(0) @binding(5) var<storage, read_write> exact: array<vec2<u32>>;
@group(0) @binding(8) var<storage, read_write> next: array<Set>;

const MOVED: u32 = 1u;
const EMPTY: u32 = 2u;

var<workgroup> verdict: atomic<u32>;
var<workgroup> squares: array<vec4<u32>, LANES>;
var<workgroup> moves: array<vec4<u32>, LANES>;

// What a cell of a set has come to: the sum before the first pass and all changes since.
fn running(cset: Set, slot: u32) -> Cell {
    var sum = Cell();
    for (var cell = cset.cell % cset.region + slot; cell <= cset.cell + slot; cell += cset.region) {
        //#if WEIGHTED
        sum = add128(sum, load_cell(cell));
        //#else
        sum = add64(sum, load_cell(cell));
        //#end
    }
    return sum;
}

fn weight_of(cset: Set, c: u32) -> vec2<u32> {
    return running(cset, cell_of(c, COORDINATES - 1u)).xy;
}

fn less64(a: vec2<u32>, b: vec2<u32>) -> bool {
    return a.y < b.y || (a.y == b.y && a.x < b.x);
}

// Twice a number below 2^63, and a bit.
fn doubled(a: vec2<u32>, bit: u32) -> vec2<u32> {
    return vec2<u32>((a.x << 1u) | bit, (a.y << 1u) | (a.x >> 31u));
}

fn size64(a: vec2<u32>) -> vec2<u32> {
    return select(a, negate64(a), is_negative64(a));
}

// The bits of a number up to its highest one.
fn bit_length(a: vec4<u32>) -> u32 {
    for (var i = 3u; i > 0u; i--) {
        if (a[i] != 0u) {
            return 32u * i + 32u - countLeadingZeros(a[i]);
        }
    }
    return 32u - countLeadingZeros(a.x);
}

// 32 bits of a number from bit `first` on.
fn bits_from(a: vec4<u32>, first: u32) -> u32 {
    let i = first / 32u;
    let low = select(0u, a[min(i, 3u)], i < 4u) >> (first % 32u);
    let high = select(0u, a[min(i + 1u, 3u)], i < 3u);
    return low | ((high << (31u - first % 32u)) << 1u);
}

// Whether one of the lowest `count` bits is set.
fn any_below(a: vec4<u32>, count: u32) -> bool {
    var found = false;
    for (var i = 0u; i < 4u; i++) {
        let here = min(max(count, 32u * i) - 32u * i, 32u);
        found = found || (here > 0u && (a[i] << (32u - max(here, 1u))) != 0u);
    }
    return found;
}

// size / weight rounded to the nearest integer, ties to even; weight below 2^62 and not 0.
fn divided(size: vec4<u32>, weight: vec2<u32>) -> vec2<u32> {
    var rest = vec2<u32>(0u);
    var quotient = vec2<u32>(0u);
    for (var bit = bit_length(size); bit > 0u; bit--) {
        rest = doubled(rest, bits_from(size, bit - 1u) & 1u);
        let fits = !less64(rest, weight);
        rest = select(rest, add64(rest, negate64(weight)), fits);
        quotient = doubled(quotient, select(0u, 1u, fits));
    }
    let twice = doubled(rest, 0u);
    let up = less64(weight, twice) || (all(weight == twice) && (quotient.x & 1u) == 1u);
    return add64(quotient, vec2<u32>(select(0u, 1u, up), 0u));
}

// The mean of a sum: as the size rounds, so does its negative.
fn mean(sum: Cell, weight: vec2<u32>) -> vec2<u32> {
    //#if WEIGHTED
    let negative = is_negative64(sum.zw);
    let size = select(sum, add128(~sum, vec4<u32>(1u, 0u, 0u, 0u)), negative);
    //#else
    let negative = is_negative64(sum);
    let size = vec4<u32>(size64(sum), 0u, 0u);
    //#end
    let quotient = divided(size, weight);
    return select(quotient, negate64(quotient), negative);
}

// The bits of the f32 nearest to size * 2^exponent, ties to even: never subnormal, for 2^-81 is the least there is.
fn nearest(size: vec4<u32>, exponent: i32) -> u32 {
    let length = bit_length(size);
    if (length == 0u) {
        return 0u;
    }
    var mantissa = size.x << (24u - min(length, 24u));
    if (length > 24u) {
        let dropped = length - 24u;
        mantissa = bits_from(size, dropped);
        let half = bits_from(size, dropped - 1u) & 1u;
        mantissa += select(0u, half, (mantissa & 1u) == 1u || any_below(size, dropped - 1u));
    }
    // A mantissa that was rounded up to 2^24 carries into the exponent, which is what it should do.
    return (u32(i32(length) - 24 + exponent + 150) << 23u) + (mantissa - 0x800000u);
}

// A whole number and an even h: the number times 2^(h / 2) is above the square root, by a 2^23rd part of it at most: see above.
fn above_root(square: vec4<u32>) -> vec2<u32> {
    let length = bit_length(square);
    let dropped = select(0u, (length - 47u) & ~1u, length > 48u);
    let kept = vec2<u32>(bits_from(square, dropped), bits_from(square, dropped + 32u));
    var root = 0u;
    for (var bit = 0x800000u; bit > 0u; bit >>= 1u) {
        if (!less64(kept, mul_wide(root | bit, root | bit))) {
            root |= bit;
        }
    }
    return vec2<u32>(root + 1u, dropped);
}

// The bits of an f32 that is no smaller than the square root of a square on the grid.
fn norm(square: vec4<u32>) -> u32 {
    let above = above_root(square);
    return nearest(vec4<u32>(above.x, 0u, 0u, 0u), i32(above.y / 2u) - BITS);
}

// The square root of a square on the grid in steps, rounded up.
fn steps(square: vec4<u32>) -> u32 {
    let above = above_root(square);
    let shift = i32(above.y / 2u) - BITS + i32(STEP_BITS);
    if (shift > 6) {
        return MOST_DRIFT; // a root is at most 2^24
    }
    if (shift >= 0) {
        return above.x << u32(shift);
    }
    let finer = u32(-shift); // at most 16
    return (above.x + (1u << finer) - 1u) >> finer;
}

fn raise_cell(cell: u32, value: u32) {
    //#if INT64
    atomicMax(&totals[LIMBS / 2u * cell], u64(value));
    //#else
    atomicMax(&totals[LIMBS * cell], value);
    //#end
}

fn decide(lane: u32) {
    if (lane == 0u) {
        atomicStore(&verdict, 0u);
    }
    workgroupBarrier();
    for (var s = 0u; s < sets[0].count; s++) {
        let cset = sets[s];
        if (lane == 0u && any(load_cell(cset.cell + counter(cset, CHANGED)) != Cell())) {
            atomicOr(&verdict, MOVED);
        }
        for (var c = lane; c < cset.k; c += LANES) {
            if (all(weight_of(cset, c) == vec2<u32>(0u))) {
                atomicOr(&verdict, EMPTY);
            }
        }
    }
    workgroupBarrier();
    if (lane == 0u && atomicLoad(&verdict) != MOVED) {
        next[0].count = 0u;
    }
}

fn move_centroid(s: u32, c: u32, lane: u32) {
    let cset = sets[s];
    let weight = weight_of(cset, c);
    let row = (next[s].first_centroid + c) * (DIMS + 1u);
    let at = ((cset.first_quad + c / 4u) * (DIMS + 2u)) * 4u + c % 4u;
    let old = (cset.first_centroid + c) * (DIMS + 1u); // where identical centroids are not left out
    var square = vec4<u32>(0u);
    var move2 = vec4<u32>(0u);
    for (var j = lane; j < DIMS; j += LANES) {
        let place = mean(running(cset, cell_of(c, j)), weight);
        exact[row + 1u + j] = place;
        let sign = (place.y >> 31u) << 31u;
        scores[at + 4u * (2u + j)] = sign | nearest(vec4<u32>(size64(place), 0u, 0u), -BITS);
        square = add128(square, square128(place));
        move2 = add128(move2, square128(add64(place, negate64(exact[old + 1u + j]))));
    }
    squares[lane] = square;
    moves[lane] = move2;
    workgroupBarrier();
    if (lane == 0u) {
        for (var i = 1u; i < min(LANES, DIMS); i++) {
            square = add128(square, squares[i]);
            move2 = add128(move2, moves[i]);
        }
        let whole = cset.distinct == cset.k;
        if (!whole || any(move2 != vec4<u32>(0u))) {
            raise_cell(cset.cell + counter(cset, DRIFT), select(MOST_DRIFT, steps(move2), whole));
        }
        exact[row] = vec2<u32>(c, 0u);
        scores[at] = nearest(square, -2 * BITS - 1);
        scores[at + 4u] = norm(square);
    }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    if (group.x == 0u && group.y == 0u) {
        decide(lane);
    } else if (group.x > 0u && sets[0].count > 0u && group.x <= sets[group.y].k) {
        move_centroid(group.y, group.x - 1u, lane);
    }
}
