// Scores every centroid of a set for the points that a lane holds, one centroid for all lanes at a time.
//
// Reads: a lane's POINTS points, kept in registers (HOLD) or read again for every four centroids; the centroids, four to a
// vec4, from workgroup memory a few at a time (STAGE) or straight from `scores`. All lanes read the same centroid, so one
// fetch serves all points of a workgroup. Gives: the best two upper scores of each point.
//
// Bytes a point: 4 DIMS read, once for all sets of a round (HOLD), or for every four centroids. Operations a point and
// centroid: DIMS fused multiply-adds and five to keep the best two. Words fetched into registers a multiply-add:
// 1 / POINTS, and without HOLD 1 / 4 more: a GPU that makes four multiply-adds in the time of one such word (an H100) is
// held up below four points a lane, which is what `tiled.wgsl` is for.

//#each POINTS
var<private> p{i}: Point;
//#if HOLD
var<private> x{i}: array<f32, DIMS>;
//#end
//#end

// Takes a lane's points of the tiles from `first` on.
fn fetch(first: u32, lane: u32) {
    //#each POINTS
    p{i} = point(first + {i}u * WIDE + lane / 64u, lane % 64u);
    //#if HOLD
    //#each DIMS
    x{i}[{j}] = tiles[p{i}.base + {j}u * 64u];
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
