// Scores every centroid of every set for a tile of points, keeps the best two, and moves the points whose label changed.
//
// Reads: tiles [DIMS x 64], tile norms, each set's centroids in f32 (four to a vec4) and on the grid. Writes: labels where
// they changed, and the change of the sums (see `accumulate.wgsl`). A workgroup is WIDE tiles wide and takes TILES tiles.
// It takes the sets of a round together: those whose sums are in workgroup memory at the same time.
//
// There are two ways to score, TILED and not; what each takes is counted where it stands below. Beside it, bytes a point
// and set, with B = LABEL_BITS / 8: B of label read, and where it changed one atomicXor of a word with the bits in which the
// old and the new label differ. Where sums are made afterwards, the same bits go to `moved` by another one, which B bytes of
// zeros were written to before; the kernel that sums reads B of each. Operations: none but a comparison where the best two
// are apart; a point that moved costs (DIMS + EXTRA) additions of LIMBS limbs to each of two clusters.
//
// The points of LABELS lanes share a word. The other way to write it, each word by one lane after the lanes have put their
// labels together in workgroup memory, costs a barrier and LABELS words through that memory for every point of every pass,
// and where a label of a word changed 4 bytes written. An atomicXor costs nothing where no label changed, and of the rest
// as many read and written words as labels: in the first passes up to LABELS times as many, in all others fewer.
//
// Where few labels change (SLACK), tiles that `prune.wgsl` finds settled are left out.
//
// Steps, as in the CPU's twin: 1. start values of the tile; 2. score; 3. prove; 4. referee what is not proven;
// 5. compare with the old labels and move the points that changed.

@group(0) @binding(2) var<storage, read_write> labels: array<atomic<u32>>; // [sets], of each [points], then slack [tiles]
@group(0) @binding(4) var<storage, read> scores: array<vec4<f32>>;  // per quad: half squares, norms, then DIMS coordinates
@group(0) @binding(5) var<storage, read> exact: array<vec2<u32>>;   // [distinct]: its label, then DIMS on the grid
//#if DEFER
@group(0) @binding(8) var<storage, read_write> moved: array<atomic<u32>>; // [points] the old label ^ the new one
//#end

const LOWEST: f32 = -3.0e38;

struct Point {
    here: bool, // false beyond the last point
    row: u32,
    base: u32,  // of its first coordinate in `tiles`
    norm: f32,  // of its tile
    //#if SLACK
    square: f32,
    slot: u32,  // its tile in the step
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

// The point of a lane in the tiles of the workgroup from the i-th on.
fn point(i: u32, lane: u32) -> Point {
    let t = tile_at(i + lane / 64u);
    let tile = min(t, chunk.end_tile - 1u);
    let row = t * 64u + lane % 64u;
    let base = tile * DIMS * 64u + lane % 64u;
    let norm = coordinate(chunk.norms + tile);
    //#if SLACK
    let slot = (i + lane / 64u) % (POINTS * WIDE);
    //#if HOLD
    return Point(row < chunk.points, row, base, norm, 0.0, slot);
    //#else
    return Point(row < chunk.points, row, base, norm, square(base), slot);
    //#end
    //#else
    return Point(row < chunk.points, row, base, norm);
    //#end
}

// Where the scores of a quad of centroids start, for points of norm up to that of their tile.
fn start(cset: Set, half2: vec4<f32>, norms: vec4<f32>, norm: f32) -> vec4<f32> {
    return cset.bound * (half2 + norm * norms) - half2;
}

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

// A slice of the points, then of the centroids; at the end what two groups fold. As integers, since those hold both.
var<workgroup> staged: array<vec4<u32>, STAGED>;

var<private> first_tile: u32; // of the step, among those of the workgroup
var<private> own: Point;      // the one that this lane settles

// Takes the step of the workgroup's tiles from the first on.
fn fetch(first: u32, lane: u32) {
    first_tile = first;
    own = point(first, lane);
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
    settle(cset, own, top);
}
//#else
// Scores every centroid of a set for the points that a lane holds, one centroid for all lanes at a time.
//
// Reads: a lane's POINTS points, kept in registers (HOLD) or read again for every four centroids; the centroids, four to a
// vec4, from workgroup memory a few at a time (STAGE) or straight from `scores`. All lanes read the same centroid, so one
// fetch serves all points of a workgroup. Gives: the best two upper scores of each point.
//
// Bytes a point: 4 DIMS read, once for all sets of a round (HOLD), or for every four centroids. Operations a point and
// centroid: DIMS fused multiply-adds and five to keep the best two. Words fetched into registers a multiply-add:
// 1 / POINTS, and without HOLD 1 / 4 more: a GPU that makes four multiply-adds in the time of one such word (an H100) is
// held up below four points a lane, which is what TILED is for.

//#each POINTS
var<private> p{i}: Point;
//#if HOLD
var<private> x{i}: array<f32, DIMS>;
//#end
//#end

// Takes a lane's points of the workgroup's tiles from the first on.
fn fetch(first: u32, lane: u32) {
    //#each POINTS
    p{i} = point(first + {i}u * WIDE, lane);
    //#if HOLD
    //#each DIMS
    x{i}[{j}] = tiles[p{i}.base + {j}u * 64u];
    //#if SLACK
    p{i}.square = fma(x{i}[{j}], x{i}[{j}], p{i}.square);
    //#end
    //#end
    //#end
    //#end
}

//#if STAGE
// A few quads of centroids at a time in workgroup memory.
var<workgroup> staged: array<vec4<f32>, STAGED * (DIMS + 2u)>;

fn stage(cset: Set, quad: u32, lane: u32) {
    let first = (cset.first_quad + quad) * (DIMS + 2u);
    let count = min(STAGED, cset.quads - quad) * (DIMS + 2u);
    workgroupBarrier();
    for (var i = lane; i < count; i += LANES) {
        staged[i] = scores[first + i];
    }
    workgroupBarrier();
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
    //#each POINTS
    var top{i} = Top(LOWEST, LOWEST, 0u);
    //#end
    for (var first = 0u; first < cset.quads; first += STAGED) {
        //#if STAGE
        stage(cset, first, lane);
        let begin = 0u;
        //#else
        let begin = (cset.first_quad + first) * (DIMS + 2u);
        //#end
        for (var quad = 0u; quad < min(STAGED, cset.quads - first); quad++) {
            let at = begin + quad * (DIMS + 2u);
            let half2 = hot(at);
            let norm = hot(at + 1u);
            //#each POINTS
            var sum{i} = start(cset, half2, norm, p{i}.norm);
            //#end
            //#if HOLD
            //#each DIMS
            let c{j} = hot(at + 2u + {j}u);
            //#each POINTS
            sum{i} = fma(vec4<f32>(x{i}[{j}]), c{j}, sum{i});
            //#end
            //#end
            //#else
            for (var j = 0u; j < DIMS; j++) {
                let c = hot(at + 2u + j);
                //#each POINTS
                sum{i} = fma(vec4<f32>(tiles[p{i}.base + j * 64u]), c, sum{i});
                //#end
            }
            //#end
            //#each POINTS
            top{i} = take_quad(top{i}, sum{i}, (first + quad) * 4u);
            //#end
        }
    }
    //#each POINTS
    settle(cset, p{i}, top{i});
    //#end
}
//#end

// Proves or referees the label of a point, and moves the point if it changed.
fn settle(cset: Set, p: Point, top: Top) {
    var position = top.position;
    let lower = top.best - guards(cset, position / 4u, p.norm)[position % 4u];
    let stands = lower > top.second;
    if (p.here && !stands) {
        position = referee(cset, p.base, p.norm);
    }
    //#if SLACK
    if (p.here) {
        atomicMin(&least[p.slot], select(0u, margin(p.square, lower, top.second), stands));
    }
    //#end
    let label = exact[(cset.first_centroid + position) * (DIMS + 1u)].x;
    let word = (cset.first_label + p.row) / LABELS;
    var old = label;
    if (p.here) {
        old = (atomicLoad(&labels[word]) >> place(p.row)) & NO_LABEL;
    }
    if (label != old) {
        let bits = (label ^ old) << place(p.row);
        atomicXor(&labels[word], bits); // other lanes change other bits of it
        //#if DEFER
        atomicXor(&moved[p.row / LABELS], bits);
        //#end
    }
    //#if DEFER
    //#else
    move_point(cset, p, old, label);
    //#end
}

//#if BINS
fn add(cset: Set, slot: u32, value: Cell) {
    add_bin(cset.bin + slot, value);
}

fn count_up(cset: Set, which: u32, by: u32) {
    atomicAdd(&bins[cset.bin + counter(cset, which)], by); // a workgroup takes fewer than 2^32 points
}
//#else
var<private> tally: array<u32, 4>;

fn add(cset: Set, slot: u32, value: Cell) {
    add_cell(cset.cell + slot, value);
}

fn count_up(cset: Set, which: u32, by: u32) {
    tally[which] += by;
}

fn flush_tally(cset: Set) {
    for (var which = 0u; which < 4u; which++) {
        if (tally[which] != 0u) {
            var value = Cell();
            value.x = tally[which];
            add_cell(cset.cell + counter(cset, which), value);
        }
    }
}
//#end

//#if DEFER
//#else
fn move_alone(cset: Set, p: Point, old: u32, label: u32) {
    for (var j = 0u; j < DIMS + EXTRA; j++) {
        let value = summed(p.row, p.base, j);
        add(cset, j * cset.k + label, value);
        if (old != NO_LABEL) {
            add(cset, j * cset.k + old, negated(value));
        }
    }
}

fn move_point(cset: Set, p: Point, old: u32, label: u32) {
    let moves = label != old;
    if (moves && counts(p.row)) {
        count_up(cset, CHANGED, 1u);
    }
    if (moves) {
        move_alone(cset, p, old, label);
    }
}
//#end

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>, // they wrap into a second dimension
    @builtin(local_invocation_index) lane: u32,
) {
    let first = chunk.first_tile + (group.y * groups.x + group.x) * TILES;
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
        for (var step = 0u; step < count; step += POINTS * WIDE) {
            fetch(step, lane);
            for (var s = begin; s < end; s++) {
                label_points(sets[s], lane);
                //#if SLACK
                keep_slack(sets[s], step, lane);
                //#end
            }
        }
        //#if BINS
        flush_bins(lane, round.cell, round.round_cells);
        //#else
        flush_tally(round);
        //#end
    }
}
