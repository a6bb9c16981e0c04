// Scores every centroid of every set for a tile of points, keeps the best two, and moves the points whose label changed.
//
// Reads: tiles [DIMS x 64], tile norms, each set's centroids in f32 (four to a vec4) and on the grid. Writes: labels where
// they changed, and the change of the sums (see `accumulate.wgsl`). A workgroup is WIDE tiles wide and takes TILES tiles.
// It takes the sets of a round together: those whose sums are in workgroup memory at the same time.
//
// How points are scored is in `score.wgsl` or `tiled.wgsl`, one of which is a part of this stage; what that takes is counted
// there. Beside it, bytes a point and set: 4 of label read, 4 written where it changed, and where sums are made afterwards 4
// written to say so. Operations: none but a comparison where the best two are apart; a point that moved costs (DIMS + EXTRA)
// additions of LIMBS limbs to each of two clusters.
//
// Steps, as in the CPU's twin: 1. start values of the tile; 2. score; 3. prove; 4. referee what is not proven;
// 5. compare with the old labels and move the points that changed.

@group(0) @binding(2) var<storage, read_write> labels: array<u32>;  // [sets x points]
@group(0) @binding(4) var<storage, read> scores: array<vec4<f32>>;  // per quad: half squares, norms, then DIMS coordinates
@group(0) @binding(5) var<storage, read> exact: array<vec2<u32>>;   // [distinct]: its label, then DIMS on the grid
//#if DEFER
@group(0) @binding(8) var<storage, read_write> moved: array<u32>;  // [points] the old label, or UNMOVED
//#end

const LOWEST: f32 = -3.0e38;

struct Point {
    here: bool, // false beyond the last point
    row: u32,
    base: u32,  // of its first coordinate in `tiles`
    norm: f32,  // of its tile
}

fn point(t: u32, lane: u32) -> Point {
    let tile = min(t, chunk.end_tile - 1u);
    let row = t * 64u + lane;
    return Point(row < chunk.points, row, tile * DIMS * 64u + lane, coordinate(chunk.norms + tile));
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

// Proves or referees the label of a point, and moves the point if it changed.
fn settle(cset: Set, p: Point, top: Top) {
    var position = top.position;
    if (p.here && !(top.best - guards(cset, position / 4u, p.norm)[position % 4u] > top.second)) {
        position = referee(cset, p.base, p.norm);
    }
    let label = exact[(cset.first_centroid + position) * (DIMS + 1u)].x;
    let at = cset.first_label + p.row;
    var old = label;
    if (p.here) {
        old = labels[at];
    }
    if (label != old) {
        labels[at] = label;
    }
    //#if DEFER
    if (p.here) {
        moved[p.row] = select(UNMOVED, old, label != old);
    }
    //#else
    move_point(cset, p, old, label);
    //#end
}

//#if BINS
fn add(cset: Set, slot: u32, value: Cell) {
    add_bin(cset.bin + slot, value);
}

fn count(cset: Set, which: u32) {
    atomicAdd(&bins[cset.bin + counter(cset, which)], 1u); // a workgroup takes fewer than 2^32 points
}
//#else
var<private> tally: array<u32, 3>;

fn add(cset: Set, slot: u32, value: Cell) {
    add_cell(cset.cell + slot, value);
}

fn count(cset: Set, which: u32) {
    tally[which] += 1u;
}

fn flush_tally(cset: Set) {
    for (var which = 0u; which < 3u; which++) {
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
        count(cset, CHANGED);
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
        for (var step = 0u; step < TILES && first + step < chunk.end_tile; step += POINTS * WIDE) {
            fetch(first + step, lane);
            for (var s = begin; s < end; s++) {
                label_points(sets[s], lane);
            }
        }
        //#if BINS
        flush_bins(lane, round.cell, round.round_cells);
        //#else
        flush_tally(round);
        //#end
    }
}
