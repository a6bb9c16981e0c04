//! Powers of two, exactly: `powi` and `log2` of a platform's math library promise no such thing.

/// Adding this to an f64 below 2^51 rounds it to a whole number, ties to even, and leaves that in the low bits; taking it away
/// again gives the whole number.
pub(crate) const MAGIC: f64 = 1.5 * (1u64 << 52) as f64;

/// `2^p` for `-1022 <= p <= 1023`.
pub(crate) fn pow2(p: i32) -> f64 {
    debug_assert!((-1022..=1023).contains(&p));
    f64::from_bits(u64::from((p + 1023).unsigned_abs()) << 52)
}

/// `value * 2^p` in two steps, so that `p` itself may lie outside the range of an f64.
pub(crate) fn scale2(value: f64, p: i32) -> f64 {
    let half = p / 2;
    value * pow2(half) * pow2(p - half)
}

/// The least `p` with `value <= 2^p`, for a finite positive value.
pub(crate) fn ceil_exponent(value: f64) -> i32 {
    let (normal, lift) = if value < f64::MIN_POSITIVE { (value * pow2(64), 64) } else { (value, 0) };
    let bits = normal.to_bits();
    let floor = ((bits >> 52) & 0x7ff) as i32 - 1023 - lift;
    let power_of_two = bits & ((1 << 52) - 1) == 0;
    if power_of_two { floor } else { floor + 1 }
}

/// The least `p` with `count <= 2^p`; 0 for a count of 0.
pub(crate) fn ceil_log2(count: u64) -> u32 {
    count.max(1).next_power_of_two().trailing_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_exact() {
        assert_eq!((pow2(0), pow2(-3), pow2(1023)), (1.0, 0.125, f64::MAX / (2.0 - f64::EPSILON)));
        assert_eq!(scale2(5e-324, 1074), 1.0);
        assert_eq!((ceil_log2(1), ceil_log2(2), ceil_log2(3), ceil_log2(40_000_000)), (0, 1, 2, 26));
    }

    #[test]
    fn a_ceiling_exponent_reaches_the_value() {
        for (value, p) in [(1.0, 0), (1.5, 1), (2.0, 1), (0.5, -1), (1e-310, -1029), (5e-324, -1074)] {
            assert_eq!(ceil_exponent(value), p, "{value}");
        }
    }
}
