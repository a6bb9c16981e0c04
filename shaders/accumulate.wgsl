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
    let q = grid(coordinate(base + j * 64u));
    let size = product128(select(q, negate64(q), is_negative64(q)), weight);
    return select(size, negated(size), is_negative64(q));
    //#else
    if (j == DIMS) { return vec2<u32>(1u, 0u); }
    return grid(coordinate(base + j * 64u));
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

//#if SLICES
// A kernel of its own, for many clusters: where the sums of all coordinates together do not fit in workgroup memory, a
// workgroup takes a slice of the coordinates and a range of the tiles. It reads in what bits the labels of each point differ,
// as `assign.wgsl` left it (0 if it did not move), and of those that moved the new label and the slice's coordinates, each
// once: LABEL_BITS / 8 bytes a point and slice, and as many and 4 a coordinate of a point that moved.

@group(0) @binding(2) var<storage, read> labels: array<u32>; // [sets], of each [points], then slack [tiles]
@group(0) @binding(8) var<storage, read> moved: array<u32>;  // [points] the old label ^ the new one

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let cset = sets[0];
    if (cset.count == 0u) {
        return; // there is no such pass: see `update.wgsl`
    }
    let j0 = group.y * cset.slice;
    let j1 = min(j0 + cset.slice, DIMS + EXTRA);
    let first = chunk.first_tile + group.x * TILES;
    clear_bins(lane, (j1 - j0) * cset.k);
    var changed = 0u;
    for (var step = 0u; step < TILES && first + step < chunk.end_tile; step += WIDE) {
        let t = first + step + lane / 64u;
        let row = t * 64u + lane % 64u;
        var bits = 0u;
        if (row < chunk.points) {
            bits = (moved[row / LABELS] >> place(row)) & NO_LABEL;
        }
        if (bits != 0u) {
            changed += select(0u, 1u, counts(row));
            let label = (labels[(cset.first_label + row) / LABELS] >> place(row)) & NO_LABEL;
            let old = label ^ bits;
            let base = t * DIMS * 64u + lane % 64u;
            for (var j = j0; j < j1; j++) {
                let value = summed(row, base, j);
                let bin = (j - j0) * cset.k;
                add_bin(bin + label, value);
                if (old != NO_LABEL) {
                    add_bin(bin + old, negated(value));
                }
            }
        }
    }
    flush_bins(lane, cset.cell + j0 * cset.k, (j1 - j0) * cset.k);
    if (j0 == 0u && changed != 0u) {
        var value = Cell();
        value.x = changed;
        add_cell(cset.cell + counter(cset, CHANGED), value);
    }
}
//#end
