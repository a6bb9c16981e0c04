//! Means that have no order: what learners of numbers rest on.
//!
//! A term whose size is known beforehand is cut to a whole number of steps and added in integers. So neither threads nor
//! the order of rows can be seen in a sum, and a row of weight 3 counts exactly as three rows. A mean is a function of the
//! rational number `sum / weight` alone, so a factor that all weights share cannot be seen either.
//!
//! `moments.rs` does the same for the mean and deviation that scaling needs; this file takes any terms.

use super::extent::Extent;
use super::stream::Stream;
use crate::matrix::power::{ceil_exponent, pow2, scale2};

/// Steps of a term are `2^-BITS`: a term of up to 4 fits 63 bits, and 2^62 rows of it fit the 128 of a sum.
const BITS: i32 = 60;

/// The smallest number above 0.
const SMALLEST: f64 = f64::from_bits(1);

/// Sums of `N` terms over rows, with the rows' weight (in total below 2^62).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sums<const N: usize> {
    totals: [i128; N],
    weight: u64,
}

impl<const N: usize> Default for Sums<N> {
    fn default() -> Self {
        Self { totals: [0; N], weight: 0 }
    }
}

impl<const N: usize> Sums<N> {
    /// The sums of `terms(value)`, each at most 4 in size, over the values that are there.
    pub(crate) fn of(
        values: &(impl Stream + ?Sized),
        weights: Option<&[u64]>,
        terms: impl Fn(f64) -> [f64; N] + Sync + Send,
    ) -> Self {
        let see = |sums: &mut Self, first: usize, values: &[f64]| {
            for (i, value) in values.iter().enumerate().filter(|(_, v)| !v.is_nan()) {
                sums.add(terms(*value), weights.map_or(1, |w| w[first + i]));
            }
        };
        values.fold(Self::default, see, Self::join)
    }

    fn add(&mut self, terms: [f64; N], weight: u64) {
        for (total, term) in self.totals.iter_mut().zip(terms) {
            *total += i128::from(steps(term)) * i128::from(weight);
        }
        self.weight += weight;
    }

    fn join(mut self, other: Self) -> Self {
        self.totals.iter_mut().zip(other.totals).for_each(|(total, o)| *total += o);
        self.weight += other.weight;
        self
    }

    /// The mean of each term; there must be weight.
    pub(crate) fn means(&self) -> [f64; N] {
        self.totals.map(|total| mean(total, self.weight))
    }
}

/// A term of at most 4 in size as whole steps, cut towards 0.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "cutting is what is asked for; beyond 4 it saturates")]
pub(crate) fn steps(term: f64) -> i64 {
    (term * pow2(BITS)) as i64
}

/// `total / weight`, in steps, as a real number: the same bits for every way to write that fraction.
pub(crate) fn mean(total: i128, weight: u64) -> f64 {
    let (size, weight) = (total.unsigned_abs(), u128::from(weight));
    let (whole, rest) = (size / weight, size % weight);
    let part = (rest << 64) / weight;
    let mean = (whole as f64 + part as f64 * pow2(-64)) * pow2(-BITS);
    if total < 0 { -mean } else { mean }
}

/// The largest number that divides all weights: how much one row weighs. 1 where nothing has weight.
pub(crate) fn unit(weights: &[u64]) -> u64 {
    let gcd = |mut a: u64, mut b: u64| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    weights.iter().fold(0, |unit, &w| if unit == 1 { 1 } else { gcd(unit, w) }).max(1)
}

/// How a column is spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) mean: f64,
    /// Population standard deviation; exactly 0 for a constant column.
    pub(crate) sd: f64,
    /// The third central moment over the cube of the deviation, uncorrected; 0 for a constant column.
    pub(crate) skewness: f64,
}

/// The spread of the values that are there; `None` if there is none.
pub(crate) fn spread(values: &(impl Stream + ?Sized), weights: Option<&[u64]>) -> Option<Spread> {
    let Extent { low, high, .. } = values.extent(weights);
    if low > high {
        return None;
    }
    let exponent = unit_exponent(low, high);
    let start = scale2(low, exponent);
    let place = |v: f64| scale2(v, exponent) - start; // 0 to 1
    let [mean] = Sums::of(values, weights, |v| [place(v)]).means();
    let [m2, m3] = Sums::of(values, weights, |v| {
        let far = place(v) - mean;
        [far * far, far * far * far]
    })
    .means();
    let (sd, back) = (m2.sqrt(), |v: f64| scale2(v, -exponent));
    Some(Spread {
        low,
        high,
        mean: back(start + mean).clamp(low, high),
        sd: if sd > 0.0 { back(sd).max(SMALLEST) } else { 0.0 },
        skewness: if sd > 0.0 { m3 / (m2 * sd) } else { 0.0 },
    })
}

/// The power of two that brings a range to at most 1, also where the range itself would overflow.
pub(crate) fn unit_exponent(low: f64, high: f64) -> i32 {
    let range = high - low;
    if range == 0.0 {
        0
    } else if range.is_finite() {
        -ceil_exponent(range)
    } else {
        -ceil_exponent(high * 0.5 - low * 0.5) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::super::columns::{ABSURD, awkward, shuffled, weighted_and_repeated};
    use super::*;

    #[test]
    fn small_numbers_are_exact() {
        let s = spread(&[2.0, 4.0, f64::NAN, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0][..], None).unwrap();
        assert_eq!((s.low, s.high, s.mean, s.sd), (2.0, 9.0, 5.0, 2.0));
        assert!((s.skewness - 0.65625).abs() < 1e-15, "{}", s.skewness);
    }

    #[test]
    fn a_constant_column_has_no_deviation_and_no_skewness() {
        for v in [0.0, 7.0, 1e30, -5e-324, f64::MAX] {
            let s = spread(&[v; 5][..], None).unwrap();
            assert_eq!((s.mean, s.sd, s.skewness), (v, 0.0, 0.0));
        }
    }

    #[test]
    fn a_weight_counts_as_so_many_rows_and_their_common_factor_not_at_all() {
        for column in awkward() {
            let (values, weights, repeated) = weighted_and_repeated(&column);
            let plain = spread(&repeated, None);
            for factor in [1, 3, 1 << 20] {
                let weights: Vec<u64> = weights.iter().map(|w| w * factor).collect();
                assert_eq!(spread(&values, Some(&weights)), plain);
            }
        }
    }

    #[test]
    fn rows_have_no_order() {
        for column in awkward() {
            assert_eq!(spread(&shuffled(&column), None), spread(&column, None));
        }
    }

    #[test]
    fn absurd_magnitudes_stay_finite() {
        for column in ABSURD {
            let s = spread(*column, None).unwrap();
            assert!([s.mean, s.sd, s.skewness].iter().all(|v| v.is_finite()), "{column:?}: {s:?}");
            assert_eq!(s.sd > 0.0, s.low < s.high, "{column:?}: {s:?}");
        }
        assert_eq!(
            (spread(&[][..], None), spread(&[f64::NAN][..], None), spread(&[1.0][..], Some(&[0]))),
            (None, None, None)
        );
    }

    #[test]
    fn the_unit_of_weights_is_what_divides_them_all() {
        assert_eq!((unit(&[6, 0, 9]), unit(&[1 << 40, 3 << 40]), unit(&[0, 0]), unit(&[])), (3, 1 << 40, 1, 1));
    }
}
