//! Exact quantiles of a column, several from one sort.
//!
//! A quantile is named by a fraction `part / of` and found in whole numbers: of the `n` values in order, the one at
//! position `(n - 1) * part / of`. Between two of them the *linear* one interpolates, as numpy's default does (Hyndman
//! and Fan 1996, definition 7).
//!
//! Weights count as repeated rows. One row is the largest weight that divides them all, so only their ratios count:
//! 2, 6 and 4 are one, three and two rows. That unit is taken over all rows of weight, missing values included, so it is
//! the same in every column.

use super::sums::{present, unit};
use rayon::prelude::*;

/// The present values of a column in order, each as often as its weight says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sorted {
    values: Vec<f64>,
    /// The rows up to and with each value; `None` if each is one row.
    passed: Option<Vec<u64>>,
    rows: u64,
}

impl Sorted {
    /// The values that are there, with their weights (in total below 2^62); `None` if none is.
    pub(crate) fn new(values: &[f64], weights: Option<&[u64]>) -> Option<Self> {
        let (mut there, of) = present(values, weights);
        if there.is_empty() {
            return None;
        }
        let Some(of) = of else {
            there.par_sort_unstable_by(f64::total_cmp);
            return Some(Self { rows: there.len() as u64, values: there, passed: None });
        };
        let row = unit(weights.unwrap_or_default());
        let mut pairs: Vec<(f64, u64)> = there.into_iter().zip(of).collect();
        pairs.par_sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut rows = 0;
        let passed = pairs.iter().map(|(_, w)| {
            rows += w / row;
            rows
        });
        let passed = Some(passed.collect());
        Some(Self { values: pairs.into_iter().map(|(v, _)| v).collect(), passed, rows })
    }

    /// The linearly interpolated quantile at `part / of`.
    pub(crate) fn linear(&self, part: u64, of: u64) -> f64 {
        let (row, share) = self.position(part, of);
        between(self.at(row), self.at((row + 1).min(self.rows - 1)), share)
    }

    /// The middle value, or the mean of the two.
    pub(crate) fn median(&self) -> f64 {
        self.linear(1, 2)
    }

    /// The row at or below a quantile, and how far it is from there to the next.
    fn position(&self, part: u64, of: u64) -> (u64, f64) {
        let (steps, of) = (u128::from(self.rows - 1) * u128::from(part), u128::from(of));
        let row = u64::try_from(steps / of).unwrap_or(self.rows - 1);
        (row.min(self.rows - 1), (steps % of) as f64 / of as f64)
    }

    #[expect(clippy::cast_possible_truncation, reason = "a row of a slice")]
    fn at(&self, row: u64) -> f64 {
        match &self.passed {
            None => self.values[row as usize],
            Some(passed) => self.values[passed.partition_point(|&p| p <= row)],
        }
    }
}

/// The value that lies `share` (0 to 1) of the way from `a` to `b`, never outside them.
pub(crate) fn between(a: f64, b: f64, share: f64) -> f64 {
    let reach = b - a;
    let value = if !reach.is_finite() {
        a * (1.0 - share) + b * share
    } else if share < 0.5 {
        a + reach * share
    } else {
        b - reach * (1.0 - share)
    };
    value.clamp(a, b)
}

#[cfg(test)]
mod tests {
    use super::super::columns::{ABSURD, assert_near, awkward, recorded, shuffled, weighted_and_repeated};
    use super::*;

    #[test]
    fn a_quantile_lies_between_two_values() {
        let sorted = Sorted::new(&[4.0, f64::NAN, 1.0, 3.0, 2.0], None).unwrap();
        assert_eq!(
            (sorted.median(), sorted.linear(1, 4), sorted.linear(0, 1), sorted.linear(1, 1)),
            (2.5, 1.75, 1.0, 4.0)
        );
        assert_eq!((Sorted::new(&[], None), Sorted::new(&[f64::NAN, 1.0], Some(&[1, 0]))), (None, None));
    }

    #[test]
    fn a_weight_counts_as_so_many_rows_and_their_common_factor_not_at_all() {
        for column in awkward() {
            let (values, weights, repeated) = weighted_and_repeated(&column);
            let plain = Sorted::new(&repeated, None).unwrap();
            for factor in [1, 3, 1 << 20] {
                let weights: Vec<u64> = weights.iter().map(|w| w * factor).collect();
                let weighted = Sorted::new(&values, Some(&weights)).unwrap();
                for part in 0..=100 {
                    assert_eq!(weighted.linear(part, 100), plain.linear(part, 100));
                }
            }
        }
    }

    #[test]
    fn a_row_without_a_value_still_says_what_one_row_weighs() {
        let weighted = Sorted::new(&[1.0, 2.0, f64::NAN], Some(&[3, 3, 1])).unwrap();
        let repeated = Sorted::new(&[1.0, 1.0, 1.0, 2.0, 2.0, 2.0], None).unwrap();
        assert_eq!(weighted.linear(1, 4), repeated.linear(1, 4));
    }

    #[test]
    fn rows_have_no_order_and_zero_has_no_sign() {
        for column in awkward() {
            assert_eq!(Sorted::new(&shuffled(&column), None), Sorted::new(&column, None));
        }
        let zeros = Sorted::new(&[0.0, -0.0], None).unwrap();
        assert!(zeros.linear(0, 1).is_sign_positive());
    }

    #[test]
    fn quantiles_rise_and_stay_finite_at_absurd_magnitudes() {
        for column in ABSURD {
            let sorted = Sorted::new(column, None).unwrap();
            let all: Vec<f64> = (0..=1000).map(|part| sorted.linear(part, 1000)).collect();
            assert!(all.iter().all(|v| v.is_finite()) && all.is_sorted(), "{column:?}");
        }
    }

    #[test]
    fn medians_are_those_of_scikit_learn() {
        for (name, values, record) in recorded() {
            let median = Sorted::new(&values, None).unwrap().median();
            assert_near(median, record["median"].as_f64().unwrap(), 0.0, 1e-15, name);
        }
    }
}
