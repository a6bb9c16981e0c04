// Moves points whose label changed between the integer sums of their clusters.
//
// Reads: a list of the points of a step that moved, with their old and new labels. Writes: this pass's change of coordinate
// sums, points and weight of each cluster, as integers of LIMBS limbs; the carry of a limb goes to the next, so the order of
// additions cannot be seen.
//
// Steps, for each coordinate of a point that moved, then for its count and weight: 1. the integer; 2. add it to the new
// cluster; 3. subtract it from the old one, if there was one; and at the end of a workgroup 4. add its bins to the totals.
//
// Sums lie cluster by cluster, the coordinates of one side by side, in workgroup memory (BINS of them, added to the totals
// at the end of the workgroup) or, where they do not fit, straight in the totals.
//
// The lanes of a workgroup share the list out: where few points moved, as in most passes, all of them work, and where many
// moved, few of those that work at the same time add to one cluster and wait for each other. Bytes: 12 of workgroup memory a
// point that moved, 4 a coordinate of it, from the nearest cache. Operations: LIMBS additions a coordinate and cluster.

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

//#if BINS
fn add(cset: Set, slot: u32, value: Cell) {
    add_bin(cset.bin + slot, value);
}

fn count_up(cset: Set, which: u32, by: u32) {
    atomicAdd(&bins[cset.bin + counter(cset, which)], by); // a workgroup takes fewer than 2^32 points
}
//#else
var<private> tally: array<u32, 4>;

fn add(cset: Set, slot: u32, value: Cell) {
    add_cell(cset.cell + slot, value);
}

fn count_up(cset: Set, which: u32, by: u32) {
    tally[which] += by;
}

fn flush_tally(cset: Set) {
    for (var which = 0u; which < 4u; which++) {
        if (tally[which] != 0u) {
            var value = Cell();
            value.x = tally[which];
            add_cell(cset.cell + counter(cset, which), value);
        }
    }
}
//#end

// The points of a step that moved, in any order; two counters of them, and of those in doubt (see `referee.wgsl`), take turns,
// so that one is cleared while the other is read.
struct Move {
    place: u32, // in the step
    old: u32,
    label: u32,
}

var<workgroup> moves: array<Move, STEP * 64u>;
var<workgroup> moving: array<atomic<u32>, 2>;
var<private> turn: u32;

// There is room for every point of the step; but where a driver ends the loops of some lanes early (see `whole`), nobody
// may clear the counters any more.
fn list(at: u32, place: u32, old: u32, label: u32) {
    moves[min(at, STEP * 64u - 1u)] = Move(place, old, label);
}

// Moves the listed points between the sums, all lanes together: eight points by so many coordinates at a time, since lanes
// that add to one bin wait for each other.
fn move_listed(cset: Set, step: u32, lane: u32) {
    let count = atomicLoad(&moving[turn]);
    if (lane == 0u) {
        atomicStore(&moving[1u - turn], 0u);
        atomicStore(&doubting[1u - turn], 0u);
    }
    turn = 1u - turn;
    for (var i = lane; i < (count + 7u) / 8u * 8u * COORDINATES; i += LANES) {
        let at = i / (8u * COORDINATES) * 8u + i % 8u;
        if (at < count) {
            let j = i / 8u % COORDINATES;
            let one = moves[at];
            let p = point(step, one.place);
            let value = summed(p.row, p.base, j);
            if (j == DIMS && counts(p.row)) {
                count_up(cset, CHANGED, 1u);
            }
            add(cset, cell_of(one.label, j), value);
            if (one.old != NO_LABEL) {
                add(cset, cell_of(one.old, j), negated(value));
            }
        }
    }
    workgroupBarrier();
}
