//! Limits beyond which a value is an outlier, learnt from one column.
//!
//! Each method puts them a number of spreads to either side of the middle. A column whose spread is 0 has no limits:
//! more than half of its values may be equal, and the others are not outliers for that.

use super::quantile::{linear, median};
use super::stream::Stream;
use super::sums::spread;

/// How limits are found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Method {
    /// So many interquartile ranges below the first and above the third quartile (Tukey 1977, "Exploratory Data Analysis",
    /// takes 1.5).
    Iqr(f64),
    /// So many standard deviations from the mean. With ten rows or fewer nothing is beyond 3: no value of `n` lies farther
    /// than `sqrt(n - 1)` deviations from their mean (Samuelson 1968, "How Deviant Can You Be?").
    Zscore(f64),
    /// So many median absolute deviations, made comparable with a standard deviation, from the median (Iglewicz and Hoaglin
    /// 1993, "How to Detect and Handle Outliers", take 3.5).
    Mad(f64),
}

impl Method {
    pub(super) const IQR: Self = Self::Iqr(1.5);
    pub(super) const ZSCORE: Self = Self::Zscore(3.0);
    pub(super) const MAD: Self = Self::Mad(3.5);
}

/// A normal column's standard deviation in median absolute deviations: 1 / 0.6745, as Iglewicz and Hoaglin round it.
const DEVIATION: f64 = 1.4826;

/// The lowest and the highest value of a column that are no outliers; `None` if it has no values or no spread.
pub(super) fn limits(values: &(impl Stream + ?Sized), weights: Option<&[u64]>, method: Method) -> Option<(f64, f64)> {
    let (low, high, reach) = match method {
        Method::Iqr(factor) => {
            let [q1, q3] = linear(values, weights, &[1, 3], 4)?.try_into().ok()?;
            (q1, q3, finite(q3 - q1) * factor)
        }
        Method::Zscore(factor) => {
            let spread = spread(values, weights)?;
            (spread.mean, spread.mean, spread.sd * factor)
        }
        Method::Mad(factor) => {
            let middle = median(values, weights)?;
            let far = median(&values.map(|v| finite((v - middle).abs())), weights)?;
            (middle, middle, far * (factor * DEVIATION))
        }
    };
    (reach > 0.0).then(|| (finite(low - reach), finite(high + reach)))
}

/// The nearest finite number; NaN stays.
fn finite(value: f64) -> f64 {
    value.clamp(f64::MIN, f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::columns::{ABSURD, assert_near, awkward, numbers, recorded, shuffled, weighted_and_repeated};
    use super::*;

    const METHODS: [(&str, Method); 3] = [("iqr", Method::IQR), ("zscore", Method::ZSCORE), ("mad", Method::MAD)];

    #[test]
    fn limits_are_those_of_numpy() {
        for (column, values, record) in recorded() {
            for (name, method) in METHODS {
                let what = format!("{name} of {column}");
                match limits(&values, None, method) {
                    None => assert!(record[name].is_null(), "{what}"),
                    Some((low, high)) => {
                        let expected = numbers(&record[name]);
                        assert_near(low, expected[0], high - low, 1e-14, &what);
                        assert_near(high, expected[1], high - low, 1e-14, &what);
                    }
                }
            }
        }
    }

    #[test]
    fn a_column_without_spread_has_no_limits() {
        for (_, method) in METHODS {
            assert_eq!(limits(&[2.0; 9][..], None, method), None);
            assert_eq!(limits(&[f64::NAN, 1.0][..], Some(&[1, 0]), method), None);
        }
        let mostly = [1.0, 1.0, 1.0, 1.0, 5.0];
        assert_eq!((limits(&mostly[..], None, Method::IQR), limits(&mostly[..], None, Method::MAD)), (None, None));
        assert!(limits(&mostly[..], None, Method::ZSCORE).is_some());
    }

    #[test]
    fn a_factor_moves_the_limits() {
        let values: Vec<f64> = (0..=100).map(f64::from).collect();
        assert_eq!(limits(&values, None, Method::Iqr(0.5)), Some((0.0, 100.0)));
    }

    #[test]
    fn a_weight_counts_as_so_many_rows_in_any_order() {
        for column in awkward() {
            let (values, weights, repeated) = weighted_and_repeated(&column);
            let scaled: Vec<u64> = weights.iter().map(|w| w << 20).collect();
            for (_, method) in METHODS {
                let plain = limits(&shuffled(&repeated), None, method);
                assert_eq!(limits(&values, Some(&weights), method), plain);
                assert_eq!(limits(&values, Some(&scaled), method), plain);
            }
        }
    }

    #[test]
    fn absurd_magnitudes_stay_finite() {
        for column in ABSURD {
            for (_, method) in METHODS {
                if let Some((low, high)) = limits(*column, None, method) {
                    assert!(low.is_finite() && high.is_finite() && low < high, "{column:?}");
                }
            }
        }
    }
}
