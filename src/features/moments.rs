//! Mean and deviation of a column, from exact integer sums.
//!
//! Values are taken relative to the smallest one, as integers of up to 50 bits of the column's range, and summed in
//! integers. Integer addition has no order, so the result depends on neither threads nor chunks, and a row of weight 3
//! counts exactly as three rows; nothing cancels, however far the column is from zero.

use super::extent::Extent;
use super::stream::Stream;
use crate::matrix::Weights;
use crate::matrix::power::{ceil_exponent, pow2, scale2};
use ethnum::I256;

/// Bits of the range that a value keeps.
const BITS: i32 = 50;

/// What scaling needs to know of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moments {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) mean: f64,
    /// Population standard deviation; exactly 0 for a constant column.
    pub(super) sd: f64,
}

/// The moments of the values that are there (missing ones are NaN); rows without weight do not count. Of no values, the mean is
/// NaN.
pub(super) fn moments(values: &(impl Stream + ?Sized), weights: Option<&Weights>) -> Moments {
    let weights = weights.map(Weights::values);
    let Extent { low, high, .. } = values.extent(weights);
    let grid = if low <= high { Grid::new(low, high) } else { Grid::new(0.0, 0.0) };
    let Sums { sum, squares, total } = values.fold(
        Sums::default,
        |sums, first, values| {
            let mut partial = 0i128; // squares of a block's unweighted rows fit
            for (i, v) in values.iter().enumerate().filter(|(_, v)| !v.is_nan()) {
                let (q, w) = (i128::from(grid.place(*v)), weights.map_or(1, |w| w[first + i]));
                sums.sum += q * i128::from(w);
                sums.total += w;
                if w == 1 {
                    partial += q * q;
                } else {
                    sums.squares += I256::from(q * q) * I256::from(w);
                }
            }
            sums.squares += I256::from(partial);
        },
        |a, b| Sums { sum: a.sum + b.sum, squares: a.squares + b.squares, total: a.total + b.total },
    );
    let spread2 = (I256::from(total) * squares - I256::from(sum) * I256::from(sum)).as_f64();
    let (mean, sd) = (sum as f64 / total as f64, spread2.sqrt() / total as f64);
    Moments { low, high, mean: grid.value(mean), sd: grid.length(sd) }
}

/// Values and their squares in steps of the grid, and their weight.
#[derive(Debug, Default)]
struct Sums {
    sum: i128,
    squares: I256,
    total: u64,
}

/// Values as integers: `(v - low) * 2^exponent` in units of `2^-BITS`.
struct Grid {
    low: f64,
    exponent: i32,
}

impl Grid {
    fn new(low: f64, high: f64) -> Self {
        let reach = high * 0.5 - low * 0.5; // the whole range may overflow
        let exponent = if reach > 0.0 { -ceil_exponent(reach) - 1 } else { 0 };
        Self { low: scale2(low, exponent), exponent }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a whole number of at most 51 bits")]
    fn place(&self, value: f64) -> i64 {
        ((scale2(value, self.exponent) - self.low) * pow2(BITS)).round_ties_even() as i64
    }

    fn value(&self, steps: f64) -> f64 {
        scale2(self.low + steps * pow2(-BITS), -self.exponent)
    }

    fn length(&self, steps: f64) -> f64 {
        scale2(steps * pow2(-BITS), -self.exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(values: &[f64]) -> Moments {
        moments(values, None)
    }

    #[test]
    fn small_numbers_are_exact() {
        let m = plain(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!((m.low, m.high, m.mean, m.sd), (2.0, 9.0, 5.0, 2.0));
    }

    #[test]
    fn an_offset_does_not_cost_precision() {
        let m = plain(&[1e12 + 2.0, 1e12 + 4.0, 1e12 + 6.0]);
        assert_eq!(m.mean, 1e12 + 4.0);
        assert!((m.sd - (8.0f64 / 3.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn a_constant_column_has_no_deviation() {
        for v in [0.0, 7.0, 1e30, -1e-300] {
            let m = plain(&[v; 5]);
            assert_eq!((m.mean, m.sd), (v, 0.0));
        }
    }

    #[test]
    fn a_weight_counts_as_so_many_rows() {
        let weights = Weights::new(&[3.0, 1.0, 0.0]).unwrap();
        let weighted = moments(&[1.25, 7.5, 1e9][..], Some(&weights));
        assert_eq!(weighted, plain(&[1.25, 1.25, 1.25, 7.5]));
    }

    #[test]
    fn the_largest_range_does_not_overflow() {
        let large = f64::MAX / 1.5;
        let m = plain(&[-large, large]);
        assert!(m.mean.abs() < 1e-15 * large);
        assert!((m.sd / large - 1.0).abs() < 1e-12);
    }

    #[test]
    fn missing_values_do_not_count() {
        assert_eq!(plain(&[1.0, f64::NAN, 3.0]), plain(&[1.0, 3.0]));
        assert!(plain(&[f64::NAN]).mean.is_nan());
    }
}
