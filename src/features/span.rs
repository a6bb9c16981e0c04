//! A range of values, and where in it a value lies: what bins are made of.

use super::sums::unit_exponent;
use crate::matrix::power::scale2;

/// Values as places in their range, from 0 to more than a half, and at most 1. Places never fall as values rise.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// Places are `v * 2^exponent - start`.
    start: f64,
    pub(crate) exponent: i32,
    /// `2^exponent` in two factors, since it may lie beyond an f64, and `2^-exponent` likewise.
    up: [f64; 2],
    down: [f64; 2],
}

impl Span {
    pub(crate) fn new(low: f64, high: f64) -> Self {
        let exponent = if low <= high { unit_exponent(low, high) } else { 0 };
        let half = exponent / 2;
        let factors = |sign: i32| [scale2(1.0, sign * half), scale2(1.0, sign * (exponent - half))];
        let (up, down) = (factors(1), factors(-1));
        Self { low, high, start: low * up[0] * up[1], exponent, up, down }
    }

    #[inline]
    pub(crate) fn place(&self, value: f64) -> f64 {
        value * self.up[0] * self.up[1] - self.start
    }

    /// The value at a place.
    #[inline]
    pub(crate) fn value(&self, place: f64) -> f64 {
        (self.start + place) * self.down[0] * self.down[1]
    }
}

#[cfg(test)]
mod tests {
    use super::super::columns::{ABSURD, awkward};
    use super::*;

    #[test]
    fn places_rise_from_nothing_to_more_than_a_half() {
        let tiny: Vec<f64> = (0..500).map(|i| f64::from(i) * 1e-312).collect();
        for column in awkward().iter().chain([&tiny]).map(Vec::as_slice).chain(ABSURD.iter().copied()) {
            let mut sorted: Vec<f64> = column.iter().copied().filter(|v| !v.is_nan()).collect();
            sorted.sort_unstable_by(f64::total_cmp);
            let (low, high) = (sorted[0], sorted[sorted.len() - 1]);
            let span = Span::new(low, high);
            let places: Vec<f64> = sorted.iter().map(|v| span.place(*v)).collect();
            assert!(places.is_sorted() && places[0] == 0.0, "{low} to {high}");
            assert!(low == high || (0.5..=1.0).contains(&places[places.len() - 1]), "{low} to {high}");
        }
    }
}
