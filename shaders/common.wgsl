// What every kernel shares: the bindings, and integers of 128 bits in limbs, lowest first. Nothing here rounds.

// Labels are LABEL_BITS wide, 8, 16 or 32, LABELS to a word; all bits set are NO_LABEL.
const LABELS: u32 = 32u / LABEL_BITS;

// Where the label of a point is in its word.
fn label_shift(row: u32) -> u32 {
    return row % LABELS * LABEL_BITS;
}

// Tiles on this device, of which a dispatch takes those from the first to before the end.
struct Chunk {
    points: u32,
    first_tile: u32,
    end_tile: u32,
    norms: u32, // where the norms of the tiles begin among the coordinates
    dims: u32,  // DIMS, as a number that the compiler does not know: see `assign.wgsl`
    rounds: u32, // of a loop at the end of a kernel: see `whole`
}

// A centroid set of the batch.
struct Set {
    k: u32,
    distinct: u32,       // centroids scored
    quads: u32,          // distinct, rounded up to whole vec4
    first_quad: u32,     // in `scores`
    first_centroid: u32, // in `exact` and `index`
    first_label: u32,    // in `labels`, a whole number of words
    cell: u32,           // first of its cells in `totals`
    bin: u32,            // first of its bins in workgroup memory
    bound: f32,
    guard: f32,
    round_end: u32,      // the first set whose bins are not in workgroup memory together with this one's
    round_cells: u32,    // cells of those that are
    count: u32,          // sets in all
    region: u32,         // cells that the totals of a pass take
    first_slack: u32,    // of its tiles' slack, in the words of `labels`
    travel: u32,         // of its centroids until the first pass of the submission
}

@group(0) @binding(3) var<storage, read> sets: array<Set>;
//#if CHUNK
@group(0) @binding(0) var<uniform> chunk: Chunk;
@group(0) @binding(1) var<storage, read> tiles: array<vec4<f32>>;        // [tiles x DIMS x 64], then norms [tiles]

fn coordinate(at: u32) -> f32 {
    return tiles[at / 4u][at % 4u];
}
// Whether loops still run to their end. Mesa's software driver gives all loops of a lane 65,535 rounds together, then leaves
// each after one, without a word: what a kernel did until then is worth nothing if its last loop is not whole.
fn whole() -> bool {
    var done = 0u;
    for (var i = 0u; i < chunk.rounds; i++) {
        done += 1u;
    }
    return done == chunk.rounds;
}

//#if WEIGHTED
@group(0) @binding(7) var<storage, read> weights: array<vec2<u32>>;     // [points] in fixed point
//#end
//#end

//#if WEIGHTED
alias Cell = vec4<u32>;
const LIMBS: u32 = 4u;
const EXTRA: u32 = 2u; // after the coordinates: points, weight
//#else

alias Cell = vec2<u32>;
const LIMBS: u32 = 2u;
const EXTRA: u32 = 1u; // after the coordinates: points
//#end

const COORDINATES: u32 = DIMS + EXTRA;

// A set's cells are [k][COORDINATES], then its counters.
fn cell_of(label: u32, j: u32) -> u32 {
    return label * COORDINATES + j;
}

const CHANGED: u32 = 0u;
const TIES: u32 = 1u;
const REFEREED: u32 = 2u;
const SKIPPED: u32 = 3u; // tiles that were not read
const DRIFT: u32 = 4u;   // how far its centroids moved after the pass, at most, in steps
const CUT: u32 = 5u;     // lanes whose loops the driver ended before their end

// Moves of centroids are counted in steps of 2^-STEP_BITS of the frame's unit, none as more than MOST_DRIFT.
const STEP_BITS: u32 = 24u;
const MOST_DRIFT: u32 = 0x40000000u;

fn counter(cset: Set, which: u32) -> u32 {
    return COORDINATES * cset.k + which;
}

// 64-bit arithmetic and totals: with 64-bit integers and atomics where the GPU has them, else in 32-bit limbs, which every
// GPU has.
//#if INT64
@group(0) @binding(6) var<storage, read_write> totals: array<atomic<u64>>; // cells of LIMBS / 2 words

fn joined(limbs: vec2<u32>) -> u64 {
    return (u64(limbs.y) << 32u) | u64(limbs.x);
}

fn parted(value: u64) -> vec2<u32> {
    return vec2<u32>(u32(value & 0xfffffffflu), u32(value >> 32u));
}

// The product of two u32 as 64 bits.
fn mul_wide(a: u32, b: u32) -> vec2<u32> {
    return parted(u64(a) * u64(b));
}

fn add64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    return parted(joined(a) + joined(b));
}

// Adds to a cell of the totals.
fn add_cell(cell: u32, value: Cell) {
    let low = joined(value.xy);
    //#if WEIGHTED
    let old = atomicAdd(&totals[2u * cell], low);
    let carry = select(0lu, 1lu, old + low < old);
    let high = joined(value.zw) + carry;
    if (high != 0lu) {
        atomicAdd(&totals[2u * cell + 1u], high);
    }
    //#else
    atomicAdd(&totals[cell], low);
    //#end
}
//#else
@group(0) @binding(6) var<storage, read_write> totals: array<atomic<u32>>; // cells of LIMBS limbs

// The product of two u32 as 64 bits.
fn mul_wide(a: u32, b: u32) -> vec2<u32> {
    let a0 = a & 0xffffu;
    let a1 = a >> 16u;
    let b0 = b & 0xffffu;
    let b1 = b >> 16u;
    let low = a0 * b0;
    let middle0 = a1 * b0 + (low >> 16u); // at most (2^16 - 1)^2 + 2^16 - 1: fits
    let middle1 = a0 * b1 + (middle0 & 0xffffu);
    return vec2<u32>((middle1 << 16u) | (low & 0xffffu), a1 * b1 + (middle0 >> 16u) + (middle1 >> 16u));
}

fn add64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let low = a.x + b.x;
    return vec2<u32>(low, a.y + b.y + select(0u, 1u, low < a.x));
}

// Adds to a cell of the totals. Exactly one addition sees each wrap of a limb, so the carries are exact in any order.
fn add_cell(cell: u32, value: Cell) {
    var carry = 0u;
    for (var i = 0u; i < LIMBS; i++) {
        let limb = value[i] + carry;
        carry = select(0u, 1u, limb < carry);
        if (limb != 0u) {
            let old = atomicAdd(&totals[LIMBS * cell + i], limb);
            carry += select(0u, 1u, old + limb < old);
        }
    }
}
//#end

fn load_cell(cell: u32) -> Cell {
    //#if INT64
    //#if WEIGHTED
    return vec4<u32>(parted(atomicLoad(&totals[2u * cell])), parted(atomicLoad(&totals[2u * cell + 1u])));
    //#else
    return parted(atomicLoad(&totals[cell]));
    //#end
    //#else
    var value = Cell();
    for (var i = 0u; i < LIMBS; i++) {
        value[i] = atomicLoad(&totals[LIMBS * cell + i]);
    }
    return value;
    //#end
}

fn negate64(a: vec2<u32>) -> vec2<u32> {
    return add64(~a, vec2<u32>(1u, 0u));
}

fn is_negative64(a: vec2<u32>) -> bool {
    return (a.y >> 31u) == 1u;
}

fn add128(a: vec4<u32>, b: vec4<u32>) -> vec4<u32> {
    let low = add64(a.xy, b.xy);
    let carry = select(0u, 1u, low.y < a.y || (low.y == a.y && low.x < a.x));
    return vec4<u32>(low, add64(add64(a.zw, b.zw), vec2<u32>(carry, 0u)));
}

fn less128(a: vec4<u32>, b: vec4<u32>) -> bool {
    if (a.w != b.w) { return a.w < b.w; }
    if (a.z != b.z) { return a.z < b.z; }
    if (a.y != b.y) { return a.y < b.y; }
    return a.x < b.x;
}

// The product of two unsigned 64-bit integers.
fn product128(a: vec2<u32>, b: vec2<u32>) -> vec4<u32> {
    let outer = vec4<u32>(mul_wide(a.x, b.x), mul_wide(a.y, b.y));
    let sum = add128(outer, vec4<u32>(0u, mul_wide(a.x, b.y), 0u));
    return add128(sum, vec4<u32>(0u, mul_wide(a.y, b.x), 0u));
}

// The square of a signed 64-bit integer.
fn square128(value: vec2<u32>) -> vec4<u32> {
    let a = select(value, negate64(value), is_negative64(value));
    return product128(a, a);
}

// The grid integer of a framed value: x * 2^BITS, taken from the bits of x, so that no float operation can round it.
fn grid(x: f32) -> vec2<u32> {
    let bits = bitcast<u32>(x);
    let exponent = i32((bits >> 23u) & 0xffu) - 150 + BITS; // x = mantissa * 2^(exponent field - 150)
    if ((bits & 0x7f800000u) == 0u) {
        return vec2<u32>(0u);
    }
    let mantissa = (bits & 0x7fffffu) | 0x800000u;
    var q = vec2<u32>(0u);
    if (exponent <= 0) {
        q.x = mantissa >> u32(min(-exponent, 31)); // exact: x is a multiple of the grid's step
    } else if (exponent < 32) {
        q = vec2<u32>(mantissa << u32(exponent), mantissa >> u32(32 - exponent));
    } else {
        q.y = mantissa << u32(exponent - 32);
    }
    return select(q, negate64(q), (bits >> 31u) == 1u);
}
