// Decides a point that the f32 scores cannot: exact integer distances to the few centroids that may be nearest.
//
// Reads: one point of a tile, the set's centroids. Gives: the position of the nearest; counts what it did.
//
// Steps, as in the CPU's twin: 1. upper scores of all centroids; 2. the best lower score; 3. candidates are those whose
// upper score reaches it; 4. the smallest integer distance wins, ties to the lowest index.

// Upper scores of the four centroids of a quad.
fn upper(cset: Set, quad: u32, base: u32, norm: f32) -> vec4<f32> {
    let at = (cset.first_quad + quad) * (DIMS + 2u);
    let half2 = scores[at];
    var sum = cset.bound * (half2 + norm * scores[at + 1u]) - half2;
    for (var j = 0u; j < chunk.dims; j++) {
        sum = fma(vec4<f32>(coordinate(base + j * 64u)), scores[at + 2u + j], sum);
    }
    return sum;
}

fn guards(cset: Set, quad: u32, norm: f32) -> vec4<f32> {
    let at = (cset.first_quad + quad) * (DIMS + 2u);
    return cset.guard * (scores[at] + norm * scores[at + 1u]);
}

fn guard(cset: Set, position: u32, norm: f32) -> f32 {
    let at = (cset.first_quad + position / 4u) * (DIMS + 2u);
    return cset.guard * (scores[at][position % 4u] + norm * scores[at + 1u][position % 4u]);
}

// The squared distance on the grid of a point to a distinct centroid.
fn distance2(base: u32, centroid: u32) -> vec4<u32> {
    var sum = vec4<u32>(0u);
    for (var j = 0u; j < chunk.dims; j++) {
        let q = grid(coordinate(base + j * 64u));
        sum = add128(sum, square128(add64(q, negate64(exact[centroid * (DIMS + 1u) + 1u + j]))));
    }
    return sum;
}

// Whether two centroids are not identical: identical ones do not tie, the first stands for all.
fn differ(a: u32, b: u32) -> bool {
    var apart = false;
    for (var j = 1u; j <= chunk.dims; j++) {
        apart = apart || any(exact[a * (DIMS + 1u) + j] != exact[b * (DIMS + 1u) + j]);
    }
    return apart;
}

fn referee(cset: Set, base: u32, norm: f32) -> u32 {
    var best_lower = LOWEST;
    for (var quad = 0u; quad < cset.quads; quad++) {
        let lower = upper(cset, quad, base, norm) - guards(cset, quad, norm);
        for (var i = 0u; i < 4u; i++) {
            best_lower = max(best_lower, select(LOWEST, lower[i], quad * 4u + i < cset.distinct));
        }
    }
    var nearest = 0u;
    var least = vec4<u32>(0xffffffffu);
    var tie = false;
    for (var quad = 0u; quad < cset.quads; quad++) {
        let score = upper(cset, quad, base, norm);
        for (var i = 0u; i < 4u; i++) {
            let c = quad * 4u + i;
            if (c < cset.distinct && score[i] >= best_lower) {
                let d2 = distance2(base, cset.first_centroid + c);
                if (less128(d2, least)) {
                    least = d2;
                    nearest = c;
                    tie = false;
                } else if (all(d2 == least)) {
                    tie = tie || differ(cset.first_centroid + nearest, cset.first_centroid + c);
                }
            }
        }
    }
    count_up(cset, REFEREED, 1u);
    if (tie) {
        count_up(cset, TIES, 1u);
    }
    return nearest;
}
