//! Exact quantiles of a column.
//!
//! A quantile is named by a fraction `part / of` and found in whole numbers: of the `n` values in order, the one at
//! position `(n - 1) * part / of`. Between two of them the *linear* one interpolates, as numpy's default does (Hyndman
//! and Fan 1996, definition 7).
//!
//! Weights count as repeated rows. One row is the largest weight that divides them all, so only their ratios count:
//! 2, 6 and 4 are one, three and two rows. That unit is taken over all rows of weight, missing values included, so it is
//! the same in every column.

use super::stream::Stream;
use super::sums::unit;

/// The linearly interpolated quantiles at parts of `of`, in the order asked for, of the values that are there (with weights of
/// below 2^62 in total); `None` if none is.
pub(crate) fn linear(
    values: &(impl Stream + ?Sized),
    weights: Option<&[u64]>,
    parts: &[u64],
    of: u64,
) -> Option<Vec<f64>> {
    let row = weights.map_or(1, unit);
    let rows = values.extent(weights).weight / row;
    if rows == 0 {
        return None;
    }
    let places: Vec<u64> = ranks(rows, parts, of).iter().map(|rank| rank * row).collect();
    Some(interpolated(rows, parts, of, &values.at(weights, &places)))
}

/// The rows in order, of at least one, between which the quantiles at parts of `of` lie: ascending, each once.
pub(crate) fn ranks(rows: u64, parts: &[u64], of: u64) -> Vec<u64> {
    let mut ranks: Vec<u64> = parts.iter().flat_map(|&part| ends(rows, part, of).0).collect();
    ranks.sort_unstable();
    ranks.dedup();
    ranks
}

/// The linearly interpolated quantiles of so many rows, given the values of their [`ranks`].
pub(crate) fn interpolated(rows: u64, parts: &[u64], of: u64, values: &[f64]) -> Vec<f64> {
    let ranks = ranks(rows, parts, of);
    let at = |rank: u64| values[ranks.partition_point(|r| *r < rank)];
    let quantile = |&part: &u64| {
        let (ends, share) = ends(rows, part, of);
        let [low, high] = ends.map(at);
        between(low, high, share)
    };
    parts.iter().map(quantile).collect()
}

/// The middle value, or the mean of the two; `None` if there is none.
pub(super) fn median(values: &(impl Stream + ?Sized), weights: Option<&[u64]>) -> Option<f64> {
    linear(values, weights, &[1], 2)?.first().copied()
}

/// The rows at or below a quantile and at or above it, and how far it is from the one to the other.
fn ends(rows: u64, part: u64, of: u64) -> ([u64; 2], f64) {
    let last = rows - 1;
    let (steps, of) = (u128::from(last) * u128::from(part), u128::from(of));
    let row = u64::try_from(steps / of).unwrap_or(last).min(last);
    ([row, (row + 1).min(last)], (steps % of) as f64 / of as f64)
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

    /// All hundredths.
    fn hundredths(values: &[f64], weights: Option<&[u64]>) -> Option<Vec<f64>> {
        linear(values, weights, &(0..=100).collect::<Vec<_>>(), 100)
    }

    #[test]
    fn a_quantile_lies_between_two_values() {
        let values = [4.0, f64::NAN, 1.0, 3.0, 2.0];
        assert_eq!(linear(&values[..], None, &[4, 2, 0, 1], 4), Some(vec![4.0, 2.5, 1.0, 1.75]));
        assert_eq!((median(&[][..], None), median(&[f64::NAN, 1.0][..], Some(&[1, 0]))), (None, None));
    }

    #[test]
    fn a_weight_counts_as_so_many_rows_and_their_common_factor_not_at_all() {
        for column in awkward() {
            let (values, weights, repeated) = weighted_and_repeated(&column);
            for factor in [1, 3, 1 << 20] {
                let weights: Vec<u64> = weights.iter().map(|w| w * factor).collect();
                assert_eq!(hundredths(&values, Some(&weights)), hundredths(&repeated, None));
            }
        }
    }

    #[test]
    fn a_row_without_a_value_still_says_what_one_row_weighs() {
        let weighted = linear(&[1.0, 2.0, f64::NAN][..], Some(&[3, 3, 1]), &[1], 4);
        assert_eq!(weighted, linear(&[1.0, 1.0, 1.0, 2.0, 2.0, 2.0][..], None, &[1], 4));
    }

    #[test]
    fn rows_have_no_order_and_zero_has_no_sign() {
        for column in awkward() {
            assert_eq!(hundredths(&shuffled(&column), None), hundredths(&column, None));
        }
        let zeros = linear(&[0.0, -0.0][..], None, &[0], 1).unwrap();
        assert!(zeros[0].is_sign_positive());
    }

    #[test]
    fn quantiles_rise_and_stay_finite_at_absurd_magnitudes() {
        for column in ABSURD {
            let all = linear(*column, None, &(0..=1000).collect::<Vec<_>>(), 1000).unwrap();
            assert!(all.iter().all(|v| v.is_finite()) && all.is_sorted(), "{column:?}");
        }
    }

    #[test]
    fn medians_are_those_of_scikit_learn() {
        for (name, values, record) in recorded() {
            let median = median(&values, None).unwrap();
            assert_near(median, record["median"].as_f64().unwrap(), 0.0, 1e-15, name);
        }
    }
}
