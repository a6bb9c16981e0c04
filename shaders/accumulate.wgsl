// Moves points whose label changed between the integer sums of their clusters.
//
// Reads: a point, its old and new label. Writes: this pass's change of coordinate sums, points and weight of each cluster,
// as integers of LIMBS limbs; the carry of a limb goes to the next, so the order of additions cannot be seen.
//
// Steps, for each coordinate of a point that moved, then for its count and weight: 1. the integer; 2. add it to the new
// cluster; 3. subtract it from the old one, if there was one; and at the end of a workgroup 4. add its bins to the totals.
//
// Sums lie coordinate by coordinate, the clusters of one side by side, in workgroup memory (BINS of them, added to the
// totals at the end of the workgroup) or, where they do not fit, straight in the totals.

//#if BINS
var<workgroup> bins: array<atomic<u32>, BINS * LIMBS>; // limb by limb

fn add_bin(bin: u32, value: Cell) {
    var carry = 0u;
    for (var i = 0u; i < LIMBS; i++) {
        let limb = value[i] + carry;
        carry = select(0u, 1u, limb < carry);
        if (limb != 0u) {
            let old = atomicAdd(&bins[i * BINS + bin], limb);
            carry += select(0u, 1u, old + limb < old);
        }
    }
}

fn clear_bins(lane: u32, count: u32) {
    for (var bin = lane; bin < count; bin += LANES) {
        for (var i = 0u; i < LIMBS; i++) {
            atomicStore(&bins[i * BINS + bin], 0u);
        }
    }
    workgroupBarrier();
}

// Adds `count` bins to the totals from `cell` on.
fn flush_bins(lane: u32, cell: u32, count: u32) {
    workgroupBarrier();
    for (var bin = lane; bin < count; bin += LANES) {
        var value = Cell();
        for (var i = 0u; i < LIMBS; i++) {
            value[i] = atomicLoad(&bins[i * BINS + bin]);
        }
        if (any(value != Cell())) {
            add_cell(cell + bin, value);
        }
    }
    workgroupBarrier();
}
//#end

// Coordinate j of a point as it is summed.
fn summed(row: u32, base: u32, j: u32) -> Cell {
    //#if WEIGHTED
    let weight = weights[row];
    if (j == DIMS) { return vec4<u32>(1u, 0u, 0u, 0u); }
    if (j > DIMS) { return vec4<u32>(weight, 0u, 0u); }
    let q = grid(tiles[base + j * 64u]);
    let size = product128(select(q, negate64(q), is_negative64(q)), weight);
    return select(size, negated(size), is_negative64(q));
    //#else
    if (j == DIMS) { return vec2<u32>(1u, 0u); }
    return grid(tiles[base + j * 64u]);
    //#end
}

fn negated(a: Cell) -> Cell {
    //#if WEIGHTED
    return add128(~a, vec4<u32>(1u, 0u, 0u, 0u));
    //#else
    return negate64(a);
    //#end
}

// Whether a change of this point's label counts: it has weight.
fn counts(row: u32) -> bool {
    //#if WEIGHTED
    return any(weights[row] != vec2<u32>(0u));
    //#else
    return true;
    //#end
}
