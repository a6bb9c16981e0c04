// Scores every centroid for a tile of points, keeps the best two, and moves the points whose label changed.
//
// Reads: tiles [dims x 64], tile norms, the set's centroids in f32 (four to a vec4) and on the grid. Writes: labels,
// and into `totals`: counters, counts and sums. A workgroup is a tile wide and takes TILES tiles one after another.
//
// Bytes a point: 4 DIMS read, 4 of label read, 4 written where it changed. Operations: DIMS x k fused multiply-adds.
//
// Steps, as in the CPU's twin: 1. start values of the tile; 2. score; 3. prove; 4. referee what is not proven;
// 5. compare with the old labels and move the points that changed.

struct Params {
    points: u32,      // in this chunk
    tiles: u32,
    distinct: u32,    // centroids scored
    quads: u32,       // distinct, rounded up to whole vec4
    k: u32,           // clusters counted
    bound: f32,
    guard: f32,
    groups_x: u32,
}

@group(0) @binding(0) var<storage, read> params: Params;
@group(0) @binding(1) var<storage, read> tiles: array<f32>;
@group(0) @binding(2) var<storage, read> norms: array<f32>;
@group(0) @binding(3) var<storage, read_write> labels: array<u32>;
@group(0) @binding(4) var<storage, read> scores: array<vec4<f32>>;  // per quad: half squares, norms, then DIMS coordinates
@group(0) @binding(5) var<storage, read> exact: array<vec2<u32>>;   // [distinct x DIMS] on the grid
@group(0) @binding(6) var<storage, read> index: array<u32>;         // [distinct] the label of each
@group(0) @binding(7) var<storage, read_write> totals: array<atomic<u32>>; // changed, ties, refereed, 0, counts [k], sums [k x DIMS x 2]

const LOWEST: f32 = -3.0e38;

{{BINS_DECLARATION}}

// Upper scores of the four centroids of a quad.
fn upper(quad: u32, base: u32, norm: f32) -> vec4<f32> {
    let at = quad * (DIMS + 2u);
    let half2 = scores[at];
    let size = half2 + norm * scores[at + 1u];
    var sum = params.bound * size - half2;
    for (var j = 0u; j < DIMS; j++) {
        sum = fma(vec4<f32>(tiles[base + j * 64u]), scores[at + 2u + j], sum);
    }
    return sum;
}

fn guards(quad: u32, norm: f32) -> vec4<f32> {
    let at = quad * (DIMS + 2u);
    return params.guard * (scores[at] + norm * scores[at + 1u]);
}

// The squared distance on the grid of a point to a distinct centroid.
fn distance2(base: u32, centroid: u32) -> vec4<u32> {
    var sum = vec4<u32>(0u);
    for (var j = 0u; j < DIMS; j++) {
        let q = grid(tiles[base + j * 64u]);
        sum = add128(sum, square128(add64(q, negate64(exact[centroid * DIMS + j]))));
    }
    return sum;
}

// {{INCLUDE_REFEREE}}

// {{INCLUDE_ACCUMULATE}}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let first = (group.y * params.groups_x + group.x) * TILES;
    clear_bins(lane);
    for (var t = first; t < min(first + TILES, params.tiles); t++) {
        if (t * 64u + lane < params.points) {
            label_point(t, lane);
        }
    }
    flush_bins(lane);
}

fn label_point(t: u32, lane: u32) {
    let base = t * DIMS * 64u + lane;
    let norm = norms[t];
    var best = LOWEST;
    var second = LOWEST;
    var position = 0u;
    for (var quad = 0u; quad < params.quads; quad++) {
        let score = upper(quad, base, norm);
        for (var i = 0u; i < 4u; i++) {
            let c = quad * 4u + i;
            let s = select(LOWEST, score[i], c < params.distinct);
            second = max(second, min(best, s));
            position = select(position, c, s > best);
            best = max(best, s);
        }
    }
    if (!(best - guards(position / 4u, norm)[position % 4u] > second)) {
        position = referee(base, norm);
    }
    let label = index[position];
    let row = t * 64u + lane;
    let old = labels[row];
    if (label != old) {
        labels[row] = label;
        move_point(base, old, label);
    }
}
