// Scores every centroid of every set for a tile of points, keeps the best two, and moves the points whose label changed.
//
// Reads: tiles [DIMS x 64], tile norms, each set's centroids in f32 (four to a vec4) and on the grid. Writes: labels where
// they changed, and the change of the sums (see `accumulate.wgsl`). A workgroup takes TILES tiles, STEP of them at a time,
// and the sets of a round together: those whose sums are in workgroup memory at the same time.
//
// There are two ways to score, TILED and not; what each takes is counted where it stands below. Beside it, bytes a point
// and set, with B = LABEL_BITS / 8: B of label read, and where it changed one atomicXor of a word with the bits in which the
// old and the new label differ. Operations: none but a comparison where the best two are apart. Barriers a set and step: two,
// two more for every part of the centroids that is brought anew, some for every point in doubt, and with TILED those of the fold.
//
// Without TILED the four points of a lane share a word of labels that are a byte, or have two or four words of their own.
// With TILED the points of LABELS lanes share a word. The other way to write it, each word by one lane after the lanes have
// put their labels together in workgroup memory, costs a barrier and LABELS words through that memory for every point of
// every pass. An atomicXor costs nothing where no label changed, and of the rest as many read and written words as labels.
//
// What the compiler knows to be short it unrolls, and reads ahead as far as registers go. That is what scoring is meant to
// do; in what few points need (`referee.wgsl`) it takes registers from it, so loops there count to `chunk.dims`.
//
// Where few labels change (SLACK), tiles that `prune.wgsl` finds settled are left out.
//
// Steps, as in the CPU's twin: 1. start values of the tile; 2. score; 3. prove; 4. referee what is not proven;
// 5. compare with the old labels and move the points that changed.

@group(0) @binding(2) var<storage, read_write> labels: array<atomic<u32>>; // [sets], of each [points], then slack [tiles]
@group(0) @binding(4) var<storage, read> scores: array<vec4<f32>>;  // per quad: half squares, norms, then DIMS coordinates
@group(0) @binding(5) var<storage, read> exact: array<vec2<u32>>;   // [distinct]: its label, then DIMS on the grid

const LOWEST: f32 = -3.0e38;

// Four points of a tile that follow each other, or with TILED one.
struct Point {
    row: u32,   // of the first of them
    base: u32,  // of its first coordinate in `tiles`
    norm: f32,  // of their tile
    slot: u32,  // their tile in the step
    //#if SLACK
    squares: vec4<f32>, // their squared norms, within the roundings of a product and a sum a coordinate
    //#end
}

//#if SLACK
fn tile_at(i: u32) -> u32 {
    return unsettled[i];
}
//#else
var<private> group_tile: u32; // the first of the workgroup

fn tile_at(i: u32) -> u32 {
    return group_tile + i;
}
//#end

// The point that begins at `place` of the step whose first tile is the workgroup's i-th.
fn point(i: u32, place: u32) -> Point {
    let slot = place / 64u;
    let t = tile_at(i + slot);
    let tile = min(t, chunk.end_tile - 1u);
    var p = Point();
    p.row = t * 64u + place % 64u;
    p.base = tile * DIMS * 64u + place % 64u;
    p.norm = coordinate(chunk.norms + tile);
    p.slot = slot;
    return p;
}

// Where the first of them is in the step.
fn place_of(p: Point) -> u32 {
    return p.slot * 64u + p.row % 64u;
}

// The label of the first of them.
fn load_label(cset: Set, p: Point) -> u32 {
    return (atomicLoad(&labels[(cset.first_label + p.row) / LABELS]) >> label_shift(p.row)) & NO_LABEL;
}

// Gives the first of them another label, and lists it.
fn change_label(cset: Set, p: Point, place: u32, old: u32, label: u32) {
    if (label != old) {
        let bits = (label ^ old) << label_shift(p.row);
        atomicXor(&labels[(cset.first_label + p.row) / LABELS], bits); // other lanes change other bits of it
        list(atomicAdd(&moving[turn], 1u), place, old, label);
    }
}

// Where the scores of a quad of centroids start, for points of norm up to that of their tile.
fn start(cset: Set, half2: vec4<f32>, norms: vec4<f32>, norm: f32) -> vec4<f32> {
    return cset.bound * (half2 + norm * norms) - half2;
}

//#if TILED
// Scores every centroid of a set for the points of a workgroup, many points by many centroids in the registers of a lane.
//
// The product of two matrices, as it is multiplied everywhere: a lane keeps the scores of 4 VECTORS points for 4 QUADS
// centroids and adds one coordinate of all of them at a time. The lanes lie ACROSS points by GROUPS of centroids. Points and
// centroids come through workgroup memory, SLICE coordinates at a time, as four points of a tile or four centroids to a
// vec4. The best two scores of a point so far stay with the lanes that scored it; at the end they are folded into one.
//
// Bytes a point: 4 DIMS read for every BLOCK of 4 GROUPS QUADS centroids (64 with 8 points by 8 centroids a lane), from the
// nearest cache after the first time. Operations a point and centroid: DIMS fused multiply-adds and five to keep the best
// two. Words fetched into registers a multiply-add: 1 / (4 VECTORS) + 1 / (4 QUADS), a quarter with 8 by 8; words written to
// workgroup memory: that over the ACROSS lanes or GROUPS that share them. The fold: 8 words of each lane's points, once.

const GROUPS: u32 = 4u * VECTORS;            // lanes that hold the same points, each with other centroids
const ACROSS: u32 = LANES / GROUPS;          // lanes that hold the same centroids, each with other points
const BLOCK: u32 = GROUPS * QUADS;           // quads of centroids scored together
const CENTROIDS: u32 = SLICE * LANES / 4u;   // where they begin in `staged`

// The best two upper scores of a point so far.
struct Top {
    best: f32,
    second: f32,
    position: u32,
}

fn take(top: Top, score: f32, c: u32) -> Top {
    return Top(max(top.best, score), max(top.second, min(top.best, score)), select(top.position, c, score > top.best));
}

// The last quad may be padded: with scores so low that they are never the best, nor the second in doubt.
fn take_quad(top: Top, four: vec4<f32>, c: u32) -> Top {
    return take(take(take(take(top, four.x, c), four.y, c + 1u), four.z, c + 2u), four.w, c + 3u);
}

// A slice of the points, then of the centroids; at the end what two groups fold. As integers, since those hold both.
var<workgroup> staged: array<vec4<u32>, STAGED>;

var<private> first_tile: u32; // of the step, among those of the workgroup
var<private> own: Point;      // the one that this lane settles

// Takes the step of the workgroup's tiles from the first on.
fn fetch(first: u32, lane: u32) {
    first_tile = first;
    own = point(first, lane);
    //#if SLACK
    own.squares.x = square(own.base);
    //#end
}

// The tile of a vector of four points of the step.
fn tile_of(vector: u32) -> u32 {
    return min(tile_at(first_tile + vector / 16u), chunk.end_tile - 1u);
}

// Brings the coordinates from `begin` on, and the quads from `first` on; beyond the last coordinate all are 0, which adds
// nothing to a score.
fn stage(cset: Set, first: u32, begin: u32, lane: u32) {
    workgroupBarrier();
    for (var i = lane; i < CENTROIDS; i += LANES) {
        let j = begin + i / (LANES / 4u);
        let vector = i % (LANES / 4u);
        let four = tiles[(tile_of(vector) * DIMS + min(j, DIMS - 1u)) * 16u + vector % 16u];
        staged[i] = select(vec4<u32>(0u), bitcast<vec4<u32>>(four), j < DIMS);
    }
    for (var i = lane; i < SLICE * BLOCK; i += LANES) {
        let j = begin + i % SLICE;
        let quad = cset.first_quad + min(first + i / SLICE, cset.quads - 1u);
        let four = scores[quad * (DIMS + 2u) + 2u + min(j, DIMS - 1u)];
        staged[CENTROIDS + i] = select(vec4<u32>(0u), bitcast<vec4<u32>>(four), j < DIMS);
    }
    workgroupBarrier();
}

fn merge(a: Top, b: vec4<u32>) -> Top {
    let best = bitcast<f32>(b.x);
    let second = max(max(a.second, bitcast<f32>(b.y)), min(a.best, best));
    return Top(max(a.best, best), second, select(a.position, b.z, best > a.best));
}

fn packed(top: Top) -> vec4<u32> {
    return vec4<u32>(bitcast<u32>(top.best), bitcast<u32>(top.second), top.position, 0u);
}

// Labels a point for each lane.
fn label_points(cset: Set, lane: u32) {
    let across = lane % ACROSS;
    let group = lane / ACROSS;
    //#each VECTORS
    let norm{v} = coordinate(chunk.norms + tile_of(across + {v}u * ACROSS));
    var top{v}x = Top(LOWEST, LOWEST, 0u);
    var top{v}y = top{v}x;
    var top{v}z = top{v}x;
    var top{v}w = top{v}x;
    //#end
    for (var first = 0u; first < cset.quads; first += BLOCK) {
        //#each QUADS
        let quad{q} = first + group * QUADS + {q}u;
        let at{q} = (cset.first_quad + min(quad{q}, cset.quads - 1u)) * (DIMS + 2u);
        let half{q} = scores[at{q}];
        //#each VECTORS
        var sum{q}x{v} = start(cset, half{q}, scores[at{q} + 1u], norm{v});
        var sum{q}y{v} = sum{q}x{v};
        var sum{q}z{v} = sum{q}x{v};
        var sum{q}w{v} = sum{q}x{v};
        //#end
        //#end
        for (var begin = 0u; begin < DIMS; begin += SLICE) {
            stage(cset, first, begin, lane);
            //#each SLICE
            //#each VECTORS
            let p{j}_{v} = bitcast<vec4<f32>>(staged[{j}u * (LANES / 4u) + across + {v}u * ACROSS]);
            //#end
            //#each QUADS
            let c{j}_{q} = bitcast<vec4<f32>>(staged[CENTROIDS + (group * QUADS + {q}u) * SLICE + {j}u]);
            //#each VECTORS
            sum{q}x{v} = fma(vec4<f32>(p{j}_{v}.x), c{j}_{q}, sum{q}x{v});
            sum{q}y{v} = fma(vec4<f32>(p{j}_{v}.y), c{j}_{q}, sum{q}y{v});
            sum{q}z{v} = fma(vec4<f32>(p{j}_{v}.z), c{j}_{q}, sum{q}z{v});
            sum{q}w{v} = fma(vec4<f32>(p{j}_{v}.w), c{j}_{q}, sum{q}w{v});
            //#end
            //#end
            //#end
        }
        //#each QUADS
        if (quad{q} < cset.quads) {
            //#each VECTORS
            top{v}x = take_quad(top{v}x, sum{q}x{v}, quad{q} * 4u);
            top{v}y = take_quad(top{v}y, sum{q}y{v}, quad{q} * 4u);
            top{v}z = take_quad(top{v}z, sum{q}z{v}, quad{q} * 4u);
            top{v}w = take_quad(top{v}w, sum{q}w{v}, quad{q} * 4u);
            //#end
        }
        //#end
    }
    // Two groups at a time give what they found; each lane takes what is its own point's.
    var top = Top(LOWEST, LOWEST, 0u);
    for (var giver = 0u; giver < GROUPS; giver += 2u) {
        workgroupBarrier();
        if (group / 2u == giver / 2u) {
            let at = group % 2u * LANES + 4u * across;
            //#each VECTORS
            staged[at + 4u * {v}u * ACROSS] = packed(top{v}x);
            staged[at + 4u * {v}u * ACROSS + 1u] = packed(top{v}y);
            staged[at + 4u * {v}u * ACROSS + 2u] = packed(top{v}z);
            staged[at + 4u * {v}u * ACROSS + 3u] = packed(top{v}w);
            //#end
        }
        workgroupBarrier();
        top = merge(merge(top, staged[lane]), staged[LANES + lane]);
    }
    settle_own(cset, top);
}

// Settles the point of a lane.
fn settle_own(cset: Set, top: Top) {
    let place = place_of(own);
    let here = own.row < chunk.points;
    var old = NO_LABEL;
    var label = old;
    if (here) {
        let lower = top.best - guard(cset, top.position, own.norm);
        let stands = lower > top.second;
        //#if SLACK
        atomicMin(&least[own.slot], select(0u, margin(own.squares.x, lower, top.second), stands));
        //#end
        old = load_label(cset, own);
        label = old;
        if (stands) {
            label = label_at(cset, top.position);
        } else {
            doubt(place);
        }
    }
    change_label(cset, own, place, old, label);
}
//#else
// Scores every centroid of a set for the points that a lane holds, QUADS times four centroids for all lanes at a time.
//
// Reads: VECTORS times four points that follow each other, as vec4, kept in registers (HOLD) or read again for every QUADS
// times four centroids; the centroids, four to a vec4, from workgroup memory (STAGE) or straight from `scores`. All lanes read
// the same centroid, so one fetch serves all points of a workgroup. Four labels of a byte are a word that is the lane's own.
// Gives: the best two upper scores of each point.
//
// Bytes a point: 4 DIMS read, once for all sets of a round (HOLD), or for every 4 QUADS centroids. Operations a point and
// centroid: DIMS fused multiply-adds and five to keep the best two. Words fetched into registers a multiply-add:
// 1 / (4 VECTORS), and without HOLD 1 / (4 QUADS) more.

// The best two upper scores of four points so far.
struct Tops {
    best: vec4<f32>,
    second: vec4<f32>,
    position: vec4<u32>,
}

fn take_all(tops: Tops, scores: vec4<f32>, c: u32) -> Tops {
    return Tops(
        max(tops.best, scores),
        max(tops.second, min(tops.best, scores)),
        select(tops.position, vec4<u32>(c), scores > tops.best),
    );
}

//#each VECTORS
var<private> p{v}: Point;
//#if HOLD
//#each DIMS
var<private> x{v}_{j}: vec4<f32>;
//#end
//#end
//#end

// Takes a lane's points of the step that begins at the workgroup's tile `first`.
fn fetch(first: u32, lane: u32) {
    //#each VECTORS
    p{v} = point(first, 4u * (lane + {v}u * LANES));
    //#if HOLD
    //#each DIMS
    x{v}_{j} = tiles[p{v}.base / 4u + {j}u * 16u];
    //#if SLACK
    p{v}.squares = fma(x{v}_{j}, x{v}_{j}, p{v}.squares);
    //#end
    //#end
    //#else
    //#if SLACK
    for (var j = 0u; j < chunk.dims; j++) {
        let x = tiles[p{v}.base / 4u + j * 16u];
        p{v}.squares = fma(x, x, p{v}.squares);
    }
    //#end
    //#end
    //#end
}

//#if STAGE
// Quads of centroids in workgroup memory: of a set that is alone in its round all of them, brought once for all its tiles, if
// they fit; else a few at a time. (Those of several sets could stay too, but where a set begins is then a sum for every read
// and takes registers: up to half as many again, by NVIDIA's compiler for compute capability 9.0.)
var<workgroup> staged: array<vec4<f32>, STAGED * (DIMS + 2u)>;
var<private> resident: bool;

fn stage(first: u32, count: u32, lane: u32) {
    workgroupBarrier();
    for (var i = lane; i < count * (DIMS + 2u); i += LANES) {
        staged[i] = scores[first * (DIMS + 2u) + i];
    }
    workgroupBarrier();
}

// Brings the centroids of a set that is alone in its round, if they fit.
fn stage_resident(cset: Set, alone: bool, lane: u32) {
    resident = alone && cset.quads <= STAGED;
    if (resident) {
        stage(cset.first_quad, cset.quads, lane);
    }
}
//#end

fn hot(at: u32) -> vec4<f32> {
    //#if STAGE
    return staged[at];
    //#else
    return scores[at];
    //#end
}

// Labels the points of a lane: every coordinate of a centroid that is fetched serves them all.
fn label_points(cset: Set, lane: u32) {
    //#each VECTORS
    var top{v} = Tops(vec4<f32>(LOWEST), vec4<f32>(LOWEST), vec4<u32>(0u));
    //#end
    for (var first = 0u; first < cset.quads; first += STAGED) {
        let end = min(STAGED, cset.quads - first);
        //#if STAGE
        if (!resident) {
            stage(cset.first_quad + first, end, lane);
        }
        let begin = 0u;
        //#else
        let begin = (cset.first_quad + first) * (DIMS + 2u);
        //#end
        for (var quad = 0u; quad < end; quad += QUADS) {
            //#each QUADS
            let at{q} = begin + min(quad + {q}u, end - 1u) * (DIMS + 2u);
            let half{q} = hot(at{q});
            let norm{q} = hot(at{q} + 1u);
            //#each VECTORS
            let start{q}_{v} = start(cset, half{q}, norm{q}, p{v}.norm);
            var sum{q}x{v} = vec4<f32>(start{q}_{v}.x);
            var sum{q}y{v} = vec4<f32>(start{q}_{v}.y);
            var sum{q}z{v} = vec4<f32>(start{q}_{v}.z);
            var sum{q}w{v} = vec4<f32>(start{q}_{v}.w);
            //#end
            //#end
            //#if HOLD
            //#each DIMS
            //#each QUADS
            let c{j}_{q} = hot(at{q} + 2u + {j}u);
            //#each VECTORS
            sum{q}x{v} = fma(x{v}_{j}, vec4<f32>(c{j}_{q}.x), sum{q}x{v});
            sum{q}y{v} = fma(x{v}_{j}, vec4<f32>(c{j}_{q}.y), sum{q}y{v});
            sum{q}z{v} = fma(x{v}_{j}, vec4<f32>(c{j}_{q}.z), sum{q}z{v});
            sum{q}w{v} = fma(x{v}_{j}, vec4<f32>(c{j}_{q}.w), sum{q}w{v});
            //#end
            //#end
            //#end
            //#else
            for (var j = 0u; j < DIMS; j++) {
                //#each VECTORS
                let x{v} = tiles[p{v}.base / 4u + j * 16u];
                //#end
                //#each QUADS
                let c{q} = hot(at{q} + 2u + j);
                //#each VECTORS
                sum{q}x{v} = fma(x{v}, vec4<f32>(c{q}.x), sum{q}x{v});
                sum{q}y{v} = fma(x{v}, vec4<f32>(c{q}.y), sum{q}y{v});
                sum{q}z{v} = fma(x{v}, vec4<f32>(c{q}.z), sum{q}z{v});
                sum{q}w{v} = fma(x{v}, vec4<f32>(c{q}.w), sum{q}w{v});
                //#end
                //#end
            }
            //#end
            //#each QUADS
            if (quad + {q}u < end) {
                let c{q} = (first + quad + {q}u) * 4u;
                //#each VECTORS
                top{v} = take_all(top{v}, sum{q}x{v}, c{q});
                top{v} = take_all(top{v}, sum{q}y{v}, c{q} + 1u);
                top{v} = take_all(top{v}, sum{q}z{v}, c{q} + 2u);
                top{v} = take_all(top{v}, sum{q}w{v}, c{q} + 3u);
                //#end
            }
            //#end
        }
    }
    //#each VECTORS
    settle_four(cset, p{v}, top{v});
    //#end
}

// The labels that four points have, of which the first is a multiple of 4.
fn load_labels(at: u32) -> vec4<u32> {
    let word = at / LABELS;
    //#if LABELS8
    return (vec4<u32>(atomicLoad(&labels[word])) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(NO_LABEL);
    //#else
    //#if LABELS16
    let words = vec2<u32>(atomicLoad(&labels[word]), atomicLoad(&labels[word + 1u]));
    return vec4<u32>(words.x & NO_LABEL, words.x >> 16u, words.y & NO_LABEL, words.y >> 16u);
    //#else
    return vec4<u32>(
        atomicLoad(&labels[word]),
        atomicLoad(&labels[word + 1u]),
        atomicLoad(&labels[word + 2u]),
        atomicLoad(&labels[word + 3u]),
    );
    //#end
    //#end
}

// Changes these bits of a word of labels, which is the lane's own.
fn change(cset: Set, p: Point, i: u32, bits: u32) {
    if (bits != 0u) {
        atomicXor(&labels[(cset.first_label + p.row) / LABELS + i], bits);
    }
}

fn change_labels(cset: Set, p: Point, bits: vec4<u32>) {
    //#if LABELS8
    change(cset, p, 0u, bits.x | (bits.y << 8u) | (bits.z << 16u) | (bits.w << 24u));
    //#else
    //#if LABELS16
    change(cset, p, 0u, bits.x | (bits.y << 16u));
    change(cset, p, 1u, bits.z | (bits.w << 16u));
    //#else
    change(cset, p, 0u, bits.x);
    change(cset, p, 1u, bits.y);
    change(cset, p, 2u, bits.z);
    change(cset, p, 3u, bits.w);
    //#end
    //#end
}

// The largest half square and the largest norm of the centroids of a round, as bits: they lie in the order of the numbers.
var<workgroup> largest: array<atomic<u32>, 2>;

const NONE: f32 = 1e37; // half squares of the padding are beyond

fn find_largest(first: Set, last: Set, lane: u32) {
    if (lane < 2u) {
        atomicStore(&largest[lane], 0u);
    }
    workgroupBarrier();
    for (var i = lane; i < 2u * (last.first_quad + last.quads - first.first_quad); i += LANES) {
        let four = scores[(first.first_quad + i / 2u) * (DIMS + 2u) + i % 2u];
        let real = select(four, vec4<f32>(0.0), four > vec4<f32>(NONE));
        atomicMax(&largest[i % 2u], bitcast<u32>(max(max(real.x, real.y), max(real.z, real.w))));
    }
    workgroupBarrier();
}

// Lower bounds of the best scores of four points. A guard as wide as any of the round's is enough for most points; to look each
// one's own up takes reads that lie apart. With SLACK more rests on them than the proof.
fn lower_scores(cset: Set, p: Point, top: Tops) -> vec4<f32> {
    //#if SLACK
    //#else
    let half2 = bitcast<f32>(atomicLoad(&largest[0]));
    let norm = bitcast<f32>(atomicLoad(&largest[1]));
    let lower = top.best - vec4<f32>(cset.guard * (half2 + p.norm * norm));
    if (all(lower > top.second)) {
        return lower;
    }
    //#end
    return top.best - vec4<f32>(
        guard(cset, top.position.x, p.norm),
        guard(cset, top.position.y, p.norm),
        guard(cset, top.position.z, p.norm),
        guard(cset, top.position.w, p.norm),
    );
}

const PLACES: vec4<u32> = vec4<u32>(0u, 1u, 2u, 3u);

// Settles four points that follow each other.
fn settle_four(cset: Set, p: Point, top: Tops) {
    let here = vec4<u32>(p.row) + PLACES < vec4<u32>(chunk.points);
    if (!here.x) {
        return;
    }
    let old = load_labels(cset.first_label + p.row);
    let position = top.position;
    let lower = lower_scores(cset, p, top);
    let stands = lower > top.second;
    let place = place_of(p);
    let doubtful = here & !stands;
    if (any(doubtful)) {
        if (doubtful.x) { doubt(place); }
        if (doubtful.y) { doubt(place + 1u); }
        if (doubtful.z) { doubt(place + 2u); }
        if (doubtful.w) { doubt(place + 3u); }
    }
    //#if SLACK
    let margins = select(vec4<u32>(0u), vec4<u32>(
        margin(p.squares.x, lower.x, top.second.x),
        margin(p.squares.y, lower.y, top.second.y),
        margin(p.squares.z, lower.z, top.second.z),
        margin(p.squares.w, lower.w, top.second.w),
    ), stands);
    let slack = select(vec4<u32>(UNKNOWN), margins, here);
    atomicMin(&least[p.slot], min(min(slack.x, slack.y), min(slack.z, slack.w)));
    //#end
    let label = select(old, vec4<u32>(
        label_at(cset, position.x),
        label_at(cset, position.y),
        label_at(cset, position.z),
        label_at(cset, position.w),
    ), here & stands);
    let moves = label != old;
    if (any(moves)) {
        change_labels(cset, p, label ^ old);
        let count = select(vec4<u32>(0u), vec4<u32>(1u), moves);
        let first = atomicAdd(&moving[turn], count.x + count.y + count.z + count.w);
        let at = vec4<u32>(first) + vec4<u32>(0u, count.x, count.x + count.y, count.x + count.y + count.z);
        if (moves.x) { list(at.x, place, old.x, label.x); }
        if (moves.y) { list(at.y, place + 1u, old.y, label.y); }
        if (moves.z) { list(at.z, place + 2u, old.z, label.z); }
        if (moves.w) { list(at.w, place + 3u, old.w, label.w); }
    }
}
//#end

fn label_at(cset: Set, position: u32) -> u32 {
    if (cset.distinct == cset.k) {
        return position;
    }
    return exact[(cset.first_centroid + position) * (DIMS + 1u)].x;
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>, // they wrap into a second dimension
    @builtin(local_invocation_index) lane: u32,
) {
    let first = chunk.first_tile + (group.y * groups.x + group.x) * TILES;
    if (lane < 2u) {
        atomicStore(&moving[lane], 0u);
        atomicStore(&doubting[lane], 0u);
    }
    workgroupBarrier();
    var end = 0u;
    for (var begin = 0u; begin < sets[0].count; begin = end) {
        let round = sets[begin]; // its sets' bins are in workgroup memory together
        end = round.round_end;
        //#if BINS
        clear_bins(lane, round.round_cells);
        //#end
        //#if SLACK
        let count = list_unsettled(first, begin, end, lane);
        //#else
        group_tile = first;
        let count = min(TILES, max(chunk.end_tile, first) - first);
        //#end
        //#if TILED
        //#else
        if (count > 0u) {
            //#if SLACK
            //#else
            find_largest(round, sets[end - 1u], lane);
            //#end
            //#if STAGE
            stage_resident(round, end == begin + 1u, lane);
            //#end
        }
        //#end
        for (var step = 0u; step < count; step += STEP) {
            fetch(step, lane);
            for (var s = begin; s < end; s++) {
                label_points(sets[s], lane);
                decide_doubts(sets[s], step, lane);
                //#if SLACK
                keep_slack(sets[s], step, lane);
                //#end
                move_listed(sets[s], step, lane);
            }
        }
        //#if BINS
        flush_bins(lane, round.cell, round.round_cells);
        //#else
        flush_tally(round);
        //#end
        if (!whole()) {
            var one = Cell();
            one.x = 1u;
            add_cell(round.cell + counter(round, CUT), one);
        }
    }
}
