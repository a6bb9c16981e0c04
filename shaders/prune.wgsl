// Leaves the tiles alone in which no label can have changed.
//
// Reads: how far the centroids of each set have travelled, and of each tile how far they may: its slack. Writes: the slack of
// the tiles that were scored. A workgroup lists the tiles of its own that some set of the round needs, and scores those.
//
// Let m be the least, over the points of a tile, of how much farther every other centroid is than the nearest:
// |x - c| - |x - a| >= m. When each centroid has moved by no more than s, the own one is at most s farther and every other
// at most s nearer, so while 2 s < m no label of the tile can change and no point of it can lie between two centroids. The
// travel of a set is the sum over its passes of twice the largest move, in whole steps of 2^-STEP_BITS, each rounded up; the
// slack of a tile is the travel when it was scored and m, rounded down. It is kept as its complement, so that ones say that
// nothing is known. This is the bound of Hamerly (2010, *Making k-means even faster*) for a tile in place of a point.
//
// From upper and lower scores, with D = |x - a|^2 <= |x|^2 - 2 lower and g <= (score of a) - (score of c) for every other c:
// |x - c| - |x - a| = sqrt(D + 2 (difference of the scores)) - sqrt(D) >= 2 g / (sqrt(D + 2 g) + sqrt(D)). Additions and
// products are widened by more than they can be off in any rounding mode; a square root and a quotient are checked by
// multiplying, and where one is off by more than it should be, the slack is none. A point that went to the referee has none.
//
// Bytes: 4 a tile and set read, and 4 written where it is scored; of a tile that no set needs, nothing else. Operations: a
// point DIMS multiply-adds for |x|^2, a point and set about 25, a lane and set one atomicMin in workgroup memory. So it is
// built in only where few labels change (see `plan.rs`). The other way, a slack in scores, needs no root but |x| + |c| in
// place of |x - c|, some times as much to take from it for each move.

const UNKNOWN: u32 = 0xffffffffu;
const BEYOND: u32 = 0xffffffffu;  // a tile that there is not
const FAR: f32 = 1e9;             // a gap is taken for no more
const MOST_STEPS: f32 = 4e9;
const UP: f32 = 1.0 + 0x1p-20;    // more than four roundings
const DOWN: f32 = 1.0 - 0x1p-20;
const WIDER: f32 = 1.0 + 0x1p-18; // more than a driver's root or quotient is off
const NARROWER: f32 = 1.0 - 0x1p-18;

var<workgroup> wanted: array<u32, TILES>;
var<workgroup> unsettled: array<u32, TILES>;
var<workgroup> listed: u32;
var<workgroup> least: array<atomic<u32>, STEP>; // of each tile of a step

// How far the centroids of a set have travelled until this pass, those moves too that the device has made since the host.
fn travel(cset: Set) -> u32 {
    var sum = cset.travel;
    if (cset.region != 0u) {
        for (var cell = cset.cell % cset.region + cset.region; cell < cset.cell; cell += cset.region) {
            let drift = min(load_cell(cell + counter(cset, DRIFT)).x, MOST_DRIFT);
            sum = added(sum, 2u * drift);
        }
    }
    return sum;
}

fn added(a: u32, b: u32) -> u32 {
    return select(a + b, 0xffffffffu, a + b < a);
}

fn is_settled(cset: Set, tile: u32) -> bool {
    return travel(cset) < ~atomicLoad(&labels[cset.first_slack + tile]);
}

// Lists the tiles from `first` on that some set of the round needs; gives how many they are.
fn list_unsettled(first: u32, begin: u32, end: u32, lane: u32) -> u32 {
    workgroupBarrier(); // the list before is done with
    let here = min(TILES, max(chunk.end_tile, first) - first);
    if (lane < TILES) {
        var wants = false;
        for (var s = begin; s < end && lane < here && !wants; s++) {
            wants = !is_settled(sets[s], first + lane);
        }
        wanted[lane] = select(0u, 1u, wants);
        unsettled[lane] = BEYOND;
    }
    if (lane < STEP) {
        atomicStore(&least[lane], UNKNOWN);
    }
    workgroupBarrier();
    if (lane == 0u) {
        var count = 0u;
        for (var i = 0u; i < TILES; i++) {
            if (wanted[i] == 1u) {
                unsettled[count] = first + i;
                count++;
            }
        }
        listed = count;
        for (var s = begin; s < end && count < here; s++) {
            count_up(sets[s], SKIPPED, here - count);
        }
    }
    return workgroupUniformLoad(&listed);
}

// The squared norm of a point, within the roundings of a product and a sum a coordinate.
fn square(base: u32) -> f32 {
    var sum = 0.0;
    for (var j = 0u; j < chunk.dims; j++) {
        let x = coordinate(base + j * 64u);
        sum = fma(x, x, sum);
    }
    return sum;
}

// No smaller than the square root, or -1 if this driver's cannot be trusted.
fn root_above(value: f32) -> f32 {
    let root = sqrt(value) * WIDER;
    return select(-1.0, root, root * root * DOWN >= value);
}

// In whole steps, how much farther every other centroid is at least than the nearest, of a point whose best score is no
// lower than `lower` and whose others are no higher than `second`.
fn margin(square: f32, lower: f32, second: f32) -> u32 {
    let gap2 = 2.0 * min((lower - second) * DOWN, FAR);
    let size2 = square * (1.0 + f32(2u * DIMS + 16u) * 0x1p-23);
    let own2 = max(size2 - 2.0 * lower, 0.0) * UP + 1e-30;
    let own = root_above(own2);
    let other = root_above((own2 + gap2) * UP);
    let both = (own + other) * UP;
    let apart = gap2 / both * NARROWER;
    if (own >= 0.0 && other >= 0.0 && gap2 > 0.0 && apart * both * UP <= gap2) {
        return u32(min(apart * f32(1u << STEP_BITS), MOST_STEPS));
    }
    return 0u;
}

// Keeps the slack of the tiles of a step. Of centroids that were scored as one, one may come nearer than what was compared.
fn keep_slack(cset: Set, step: u32, lane: u32) {
    if (lane < STEP) {
        let steps = atomicExchange(&least[lane], UNKNOWN);
        let tile = unsettled[step + lane];
        if (tile != BEYOND && cset.distinct == cset.k) {
            atomicStore(&labels[cset.first_slack + tile], ~added(travel(cset), steps));
        }
    }
}
