// Moves points whose label changed between the integer sums of their clusters.
//
// Reads: a point, its old and new label. Writes: counts and sums of this pass's change, in `totals`, as 64-bit integers
// in two limbs; the carry of the low limb goes to the high one, so the order of additions cannot be seen.

const NO_LABEL: u32 = 0xffffffffu;

fn add_to(slot: u32, value: vec2<u32>) {
    let old = atomicAdd(&totals[slot], value.x);
    let carry = select(0u, 1u, old + value.x < old);
    atomicAdd(&totals[slot + 1u], value.y + carry);
}

fn count(cluster: u32, by: u32) {
    atomicAdd(&totals[4u + cluster], by);
}

fn sum_slot(cluster: u32, j: u32) -> u32 {
    return 4u + params.k + 2u * (cluster * DIMS + j);
}

{{BINS}}

fn move_point(base: u32, old: u32, label: u32) {
    atomicAdd(&totals[0], 1u);
    count(label, 1u);
    if (old != NO_LABEL) {
        count(old, 0xffffffffu);
    }
    for (var j = 0u; j < DIMS; j++) {
        let q = grid(tiles[base + j * 64u]);
        add_coordinate(label, j, q);
        if (old != NO_LABEL) {
            add_coordinate(old, j, negate64(q));
        }
    }
}
