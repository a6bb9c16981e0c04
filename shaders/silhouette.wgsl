// Adds up the distances of every point to every cluster. Twin of `engine/cpu/silhouette.rs`.
//
// Reads: the tiles of the points that are measured, the tiles of some clusters and the weights of their places, and the runs:
// the tiles of one cluster that a workgroup takes. Writes: for each measured point a sum of distances to each run, short
// enough for f32; the host adds them up in f64.
//
// A workgroup takes a tile of measured points and a run. A lane holds the squared distances of 4 points to 4 others; both are
// staged in workgroup memory, 16 dimensions at a time, as they lie in their tiles.
//
// Steps: 1. squared distances to a tile; 2. roots, weighted and added up over the tile; 3. sums of tiles, by eights so that
// no sum is long; 4. on the host: sums of runs in f64, means.

const SLICE: u32 = 16u; // dimensions staged at a time: one vector a lane
const QUADS: u32 = 16u; // of a tile
const SHORT: u32 = 8u;  // tiles added up before they join the others

struct Step {
    first_run: u32,
    tiles: u32, // measured
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read> measured: array<vec4<f32>>;       // [tiles x DIMS x 64]
@group(0) @binding(2) var<storage, read> tiles: array<vec4<f32>>;          // [tiles x DIMS x 64]
@group(0) @binding(3) var<storage, read> weights: array<vec4<f32>>;        // [tiles x 64]
@group(0) @binding(4) var<storage, read> runs: array<vec2<u32>>;           // the first tile and the end of each
@group(0) @binding(5) var<storage, read_write> sums: array<vec4<f32>>;     // [runs of the step x measured tiles x 64]

var<workgroup> own: array<vec4<f32>, 256>;    // [SLICE x QUADS]
var<workgroup> others: array<vec4<f32>, 256>; // [SLICE x QUADS]

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let run = runs[step.first_run + group.y];
    let row = lane / QUADS;  // its measured points, and its others
    let quad = lane % QUADS;
    var long = vec4<f32>();
    var short = vec4<f32>();
    for (var t = run.x; t < run.y; t++) {
        // 1. squared distances to a tile
        var d0 = vec4<f32>();
        var d1 = vec4<f32>();
        var d2 = vec4<f32>();
        var d3 = vec4<f32>();
        for (var first = 0u; first < DIMS; first += SLICE) {
            workgroupBarrier();
            let j = first + row;
            if (j < DIMS) {
                own[lane] = measured[(group.x * DIMS + j) * QUADS + quad];
                others[lane] = tiles[(t * DIMS + j) * QUADS + quad];
            }
            workgroupBarrier();
            let count = min(SLICE, DIMS - first);
            for (var i = 0u; i < count; i++) {
                let x = own[i * QUADS + row];
                let y = others[i * QUADS + quad];
                let g0 = y - x.x;
                let g1 = y - x.y;
                let g2 = y - x.z;
                let g3 = y - x.w;
                d0 = fma(g0, g0, d0);
                d1 = fma(g1, g1, d1);
                d2 = fma(g2, g2, d2);
                d3 = fma(g3, g3, d3);
            }
        }
        // 2. roots, weighted and added up over the tile
        let w = weights[t * QUADS + quad];
        short += vec4<f32>(dot(sqrt(d0), w), dot(sqrt(d1), w), dot(sqrt(d2), w), dot(sqrt(d3), w));
        // 3. sums of tiles
        if (t % SHORT == SHORT - 1u) {
            long += short;
            short = vec4<f32>();
        }
    }
    workgroupBarrier();
    own[lane] = long + short;
    for (var half = QUADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (quad < half) {
            own[lane] += own[lane + half];
        }
    }
    if (quad == 0u) {
        sums[(group.y * step.tiles + group.x) * QUADS + row] = own[lane];
    }
}
