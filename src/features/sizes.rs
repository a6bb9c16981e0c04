//! What a column is shifted and divided by when outliers shall not decide it, or zeros shall stay: the numbers of the
//! scales `robust` and `maxabs`. A column without spread is divided by 1.

use super::extent::Extent;
use super::quantile::linear;
use super::stream::Stream;

/// Offset and divisor that bring a column to median 0 and interquartile range 1 (scikit-learn's `RobustScaler`); `None` if
/// it has no values.
pub(super) fn robust(values: &(impl Stream + ?Sized), weights: Option<&[u64]>) -> Option<(f64, f64)> {
    let [q1, median, q3] = linear(values, weights, &[1, 2, 3], 4)?.try_into().ok()?;
    Some((median, divisor(q3 - q1)))
}

/// Offset 0 and the divisor that brings a column's largest magnitude to 1 (scikit-learn's `MaxAbsScaler`); `None` if it has
/// no values.
pub(super) fn maxabs(values: &(impl Stream + ?Sized), weights: Option<&[u64]>) -> Option<(f64, f64)> {
    let Extent { low, high, .. } = values.extent(weights);
    (low <= high).then(|| (0.0, divisor(low.abs().max(high.abs()))))
}

fn divisor(size: f64) -> f64 {
    if size > 0.0 { size.min(f64::MAX) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::super::columns::{ABSURD, assert_near, awkward, numbers, recorded, shuffled, weighted_and_repeated};
    use super::*;

    #[test]
    fn sizes_are_those_of_scikit_learn() {
        for (name, values, record) in recorded() {
            let ((offset, divisor), expected) = (robust(&values, None).unwrap(), numbers(&record["robust"]));
            assert_near(offset, expected[0], expected[1], 1e-14, name);
            assert_near(divisor, expected[1], expected[0].abs(), 1e-14, name);
            assert_eq!(maxabs(&values[..], None), Some((0.0, record["maxabs"].as_f64().unwrap())), "{name}");
            let Extent { low, high, .. } = values.extent(None);
            assert_eq!(numbers(&record["minmax"]), [low, high - low], "{name}");
        }
    }

    #[test]
    fn a_column_without_spread_is_divided_by_one() {
        assert_eq!((robust(&[3.0; 4][..], None), maxabs(&[0.0, -0.0][..], None)), (Some((3.0, 1.0)), Some((0.0, 1.0))));
        assert_eq!((robust(&[f64::NAN][..], None), maxabs(&[1.0][..], Some(&[0]))), (None, None));
    }

    #[test]
    fn a_weight_counts_as_so_many_rows_in_any_order() {
        for column in awkward() {
            let (values, weights, repeated) = weighted_and_repeated(&column);
            let repeated = shuffled(&repeated);
            assert_eq!(robust(&values, Some(&weights)), robust(&repeated, None));
            assert_eq!(maxabs(&values[..], Some(&weights)), maxabs(&repeated[..], None));
        }
    }

    #[test]
    fn absurd_magnitudes_stay_finite() {
        for column in ABSURD {
            for (offset, divisor) in [robust(*column, None).unwrap(), maxabs(*column, None).unwrap()] {
                assert!(offset.is_finite() && divisor.is_finite() && divisor > 0.0, "{column:?}");
            }
        }
    }
}
