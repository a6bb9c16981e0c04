// Moves points between the sums of many clusters, where those of all coordinates together do not fit in workgroup memory:
// a workgroup takes a slice of the coordinates and a range of the tiles.
//
// Reads: the old label of each point that moved, as `assign.wgsl` left it, its new label, and the slice's coordinates of
// the tiles, each once. Writes: the change of the sums (see `accumulate.wgsl`).

@group(0) @binding(2) var<storage, read> labels: array<u32>;  // [sets x points]
@group(0) @binding(8) var<storage, read> moved: array<u32>;  // [points] the old label, or UNMOVED

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let cset = sets[0];
    let j0 = group.y * cset.slice;
    let j1 = min(j0 + cset.slice, DIMS + EXTRA);
    let first = chunk.first_tile + group.x * TILES;
    clear_bins(lane, (j1 - j0) * cset.k);
    var changed = 0u;
    for (var step = 0u; step < TILES && first + step < chunk.end_tile; step += WIDE) {
        let t = first + step + lane / 64u;
        let row = t * 64u + lane % 64u;
        var old = UNMOVED;
        if (row < chunk.points) {
            old = moved[row];
        }
        if (old != UNMOVED) {
            changed += select(0u, 1u, counts(row));
            let label = labels[cset.first_label + row];
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
