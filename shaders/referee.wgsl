// Decides the points that the f32 scores cannot: exact integer distances to the few centroids that may be nearest.
//
// Reads: the points of a step in doubt, the set's centroids. Gives: the position of the nearest; counts what it did.
//
// Steps, as in the CPU's twin: 1. upper scores of all centroids; 2. the best lower score; 3. candidates are those whose
// upper score reaches it; 4. the smallest integer distance wins, ties to the lowest index.
//
// A workgroup decides one point after the other, JUDGES of its lanes a centroid each: a lane that did it alone would hold up
// all others for as long as scoring takes for hundreds of points. Operations a point: 2 DIMS multiply-adds a centroid, an
// integer distance a candidate, three barriers.

const JUDGES: u32 = 64u;

// A candidate that is the nearest of those that a lane looked at.
struct Nearest {
    distance2: vec4<u32>,
    position: u32,
    tie: bool, // with one that is not identical
}

var<workgroup> nearest: array<Nearest, JUDGES>;
var<workgroup> judged: atomic<u32>;   // lanes that have one
var<workgroup> highest: atomic<u32>;  // the best lower score, as a rank

// Ranks lie in the order of the scores.
fn rank(score: f32) -> u32 {
    let bits = bitcast<u32>(score);
    return select(~bits, bits | 0x80000000u, score >= 0.0);
}

// The upper score of a centroid.
fn upper(cset: Set, position: u32, base: u32, norm: f32) -> f32 {
    let at = (cset.first_quad + position / 4u) * (DIMS + 2u);
    let i = position % 4u;
    let half2 = scores[at][i];
    var sum = cset.bound * (half2 + norm * scores[at + 1u][i]) - half2;
    for (var j = 0u; j < chunk.dims; j += AHEAD) {
        //#each AHEAD
        if (j + {a}u < DIMS) {
            sum = fma(coordinate(base + (j + {a}u) * 64u), scores[at + 2u + j + {a}u][i], sum);
        }
        //#end
    }
    return sum;
}

fn guard(cset: Set, position: u32, norm: f32) -> f32 {
    let at = (cset.first_quad + position / 4u) * (DIMS + 2u);
    return cset.guard * (scores[at][position % 4u] + norm * scores[at + 1u][position % 4u]);
}

// The squared distance on the grid of a point to a distinct centroid.
fn distance2(base: u32, centroid: u32) -> vec4<u32> {
    var sum = vec4<u32>(0u);
    for (var j = 0u; j < chunk.dims; j += AHEAD) {
        //#each AHEAD
        if (j + {a}u < DIMS) {
            let q = grid(coordinate(base + (j + {a}u) * 64u));
            sum = add128(sum, square128(add64(q, negate64(exact[centroid * (DIMS + 1u) + 1u + j + {a}u]))));
        }
        //#end
    }
    return sum;
}

// Whether two centroids are not identical: identical ones do not tie, the first stands for all.
fn differ(a: u32, b: u32) -> bool {
    var apart = false;
    for (var j = 1u; j <= chunk.dims && !apart; j++) {
        apart = any(exact[a * (DIMS + 1u) + j] != exact[b * (DIMS + 1u) + j]);
    }
    return apart;
}

// The nearer of two, at the same distance the one of the lower position.
fn nearer(cset: Set, a: Nearest, b: Nearest) -> Nearest {
    if (less128(a.distance2, b.distance2)) { return a; }
    if (less128(b.distance2, a.distance2)) { return b; }
    let tie = a.tie || b.tie || differ(cset.first_centroid + a.position, cset.first_centroid + b.position);
    return Nearest(a.distance2, min(a.position, b.position), tie);
}

// Finds the centroid nearest to a point; all lanes take part, and the first one gets it.
fn referee(cset: Set, base: u32, norm: f32, lane: u32) -> u32 {
    if (lane == 0u) {
        atomicStore(&judged, 0u);
        atomicStore(&highest, 0u);
    }
    workgroupBarrier();
    if (lane < JUDGES) {
        for (var c = lane; c < cset.distinct; c += JUDGES) {
            atomicMax(&highest, rank(upper(cset, c, base, norm) - guard(cset, c, norm)));
        }
    }
    workgroupBarrier();
    if (lane < JUDGES) {
        let best = atomicLoad(&highest);
        var own = Nearest(vec4<u32>(0xffffffffu), 0xffffffffu, false);
        for (var c = lane; c < cset.distinct; c += JUDGES) {
            if (rank(upper(cset, c, base, norm)) >= best) {
                let one = Nearest(distance2(base, cset.first_centroid + c), c, false);
                own = nearer(cset, own, one);
            }
        }
        if (own.position != 0xffffffffu) {
            nearest[atomicAdd(&judged, 1u)] = own;
        }
    }
    workgroupBarrier();
    var first = nearest[0];
    if (lane == 0u) {
        let count = atomicLoad(&judged);
        for (var i = 1u; i < count; i++) {
            first = nearer(cset, first, nearest[i]);
        }
        count_up(cset, REFEREED, 1u);
        if (first.tie) {
            count_up(cset, TIES, 1u);
        }
    }
    return first.position;
}

// Decides the points of a step that are in doubt, and lists those that move. They lie at the end of the list of those, and
// make room for them one by one.
fn decide_doubts(cset: Set, step: u32, lane: u32) {
    workgroupBarrier();
    // The same for all lanes, so that they meet at the barriers, though no checker can know.
    let doubts = atomicLoad(&doubting[turn]);
    for (var i = doubts; i > 0u; i--) {
        let place = moves[STEP * 64u - i].place;
        let p = point(step, place);
        let position = referee(cset, p.base, p.norm, lane);
        if (lane == 0u) {
            let label = label_at(cset, min(position, cset.distinct - 1u)); // see `list`
            change_label(cset, p, place, load_label(cset, p), label);
        }
    }
    if (doubts > 0u) {
        workgroupBarrier();
    }
}

var<workgroup> doubting: array<atomic<u32>, 2>;

// Leaves a point of the step to the referee.
fn doubt(place: u32) {
    moves[STEP * 64u - 1u - min(atomicAdd(&doubting[turn], 1u), STEP * 64u - 1u)].place = place; // see `list`
}
