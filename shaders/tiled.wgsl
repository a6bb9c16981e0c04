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

var<private> first_tile: u32; // of the step
var<private> own: Point;      // the one that this lane settles

// Takes the step of the tiles from `first` on.
fn fetch(first: u32, lane: u32) {
    first_tile = first;
    own = point(first + lane / 64u, lane % 64u);
}

// The tile of a vector of four points of the step.
fn tile_of(vector: u32) -> u32 {
    return min(first_tile + vector / 16u, chunk.end_tile - 1u);
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
