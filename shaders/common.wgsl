// Integers wider than 32 bits, in limbs (lowest first): every GPU has u32, and nothing here rounds.

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

// The square of a signed 64-bit integer as 128 bits.
fn square128(value: vec2<u32>) -> vec4<u32> {
    let a = select(value, negate64(value), is_negative64(value));
    let low = mul_wide(a.x, a.x);
    let middle = mul_wide(a.x, a.y);
    let high = mul_wide(a.y, a.y);
    let outer = vec4<u32>(low, high);
    let once = vec4<u32>(0u, middle, 0u);
    return add128(add128(outer, once), once);
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
        q = vec2<u32>(mantissa << u32(exponent), select(0u, mantissa >> u32(32 - exponent), exponent > 0));
    } else {
        q.y = mantissa << u32(exponent - 32);
    }
    return select(q, negate64(q), (bits >> 31u) == 1u);
}
