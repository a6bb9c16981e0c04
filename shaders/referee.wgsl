// Decides a point that the f32 scores cannot: exact integer distances to the few centroids that may be nearest.
//
// Reads: one point of a tile, the set's centroids. Gives: the position of the nearest; counts what it did in `totals`.
//
// Steps, as in the CPU's twin: 1. upper scores of all centroids; 2. the best lower score; 3. candidates are those whose
// upper score reaches it; 4. the smallest integer distance wins, ties to the lowest index.

fn referee(base: u32, norm: f32) -> u32 {
    var best_lower = LOWEST;
    for (var quad = 0u; quad < params.quads; quad++) {
        let lower = upper(quad, base, norm) - guards(quad, norm);
        for (var i = 0u; i < 4u; i++) {
            best_lower = max(best_lower, select(LOWEST, lower[i], quad * 4u + i < params.distinct));
        }
    }
    var nearest = 0u;
    var least = vec4<u32>(0xffffffffu);
    var tie = false;
    for (var quad = 0u; quad < params.quads; quad++) {
        let score = upper(quad, base, norm);
        for (var i = 0u; i < 4u; i++) {
            let c = quad * 4u + i;
            if (c < params.distinct && score[i] >= best_lower) {
                let d2 = distance2(base, c);
                if (less128(d2, least)) {
                    least = d2;
                    nearest = c;
                    tie = false;
                } else if (all(d2 == least)) {
                    tie = true;
                }
            }
        }
    }
    atomicAdd(&totals[2], 1u);
    if (tie) {
        atomicAdd(&totals[1], 1u);
    }
    return nearest;
}
