// 64-bit arithmetic and totals where the GPU has 64-bit integers and atomics. Twin of `limbs.wgsl`.

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
