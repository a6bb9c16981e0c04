//! A column as normal deviates by rank: scikit-learn's `QuantileTransformer(output_distribution="normal")`, learnt from
//! all values.

use super::normal::{deviate, probability};
use crate::features::quantile::{between, linear};
use crate::features::stream::Stream;
use crate::features::sums::unit;
use serde::{Deserialize, Serialize};

/// Quantiles that are kept, at even steps: scikit-learn's default.
const MOST: u64 = 1000;

/// What the smallest and the largest value get instead of probability 0 and 1: scikit-learn's bound of 1e-7, less a bit, is
/// 5.2 deviations.
const END: f64 = 1e-7 - f64::EPSILON;

/// A learnt transform by rank.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ranks {
    /// Of the column, from the smallest value to the largest, at even steps.
    quantiles: Vec<f64>,
}

impl Ranks {
    /// As many quantiles as there are rows, but no more than 1000. As in scikit-learn, a row with a missing value is a row.
    pub(super) fn learn(values: &(impl Stream + ?Sized), weights: Option<&[u64]>) -> Option<Self> {
        let rows = weights.map_or(values.rows() as u64, |w| w.iter().sum::<u64>() / unit(w));
        let last = rows.clamp(1, MOST) - 1;
        let quantiles = linear(values, weights, &(0..=last).collect::<Vec<_>>(), last.max(1))?;
        Some(Self { quantiles })
    }

    /// A value that several quantiles equal stands in their middle; the smallest one and what is below it, and the largest one
    /// and what is above, stand at the ends.
    pub(super) fn apply(&self, value: f64) -> f64 {
        if value.is_nan() { value } else { deviate(self.rank(value).clamp(END, 1.0 - END)) }
    }

    /// The share of the column below a value, 0 to 1.
    fn rank(&self, value: f64) -> f64 {
        let q = &self.quantiles;
        let (first, last) = (q[0], q[q.len() - 1]);
        if value <= first {
            return 0.0;
        }
        if value >= last {
            return 1.0;
        }
        let (below, upto) = (q.partition_point(|&v| v < value), q.partition_point(|&v| v <= value));
        let steps = if below < upto {
            (below + upto - 1) as f64 / 2.0
        } else {
            // Halves, because the distance between two values may overflow.
            let (a, b) = (q[below - 1] / 2.0, q[below] / 2.0);
            (below - 1) as f64 + ((value / 2.0 - a) / (b - a)).clamp(0.0, 1.0)
        };
        steps / (q.len() - 1) as f64
    }

    /// The value at that rank.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place among at most 1000 quantiles")]
    pub(super) fn restore(&self, transformed: f64) -> f64 {
        let (q, rank) = (&self.quantiles, probability(transformed));
        if rank <= END {
            q[0]
        } else if rank >= 1.0 - END {
            q[q.len() - 1]
        } else {
            let steps = rank * (q.len() - 1) as f64;
            let below = steps as usize;
            between(q[below], q[(below + 1).min(q.len() - 1)], steps - below as f64)
        }
    }
}
