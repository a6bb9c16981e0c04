// 64-bit arithmetic and totals in 32-bit limbs, lowest first: every GPU has u32. Twin of `int64.wgsl`.

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
