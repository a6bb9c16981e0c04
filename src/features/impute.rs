//! What stands for a missing value.

use super::moments::moments;
use super::selection::lower_median;
use super::stream::Stream;
use crate::matrix::Weights;

/// The lower median of the values that are there, a weight of 3 counting as three rows: an element of the data, exact.
/// `None` if nothing with weight is there.
pub(super) fn median(values: &(impl Stream + ?Sized), weights: Option<&Weights>) -> Option<f64> {
    lower_median(values, weights.map(Weights::values))
}

/// The mean of the values that are there. `None` if nothing with weight is there.
pub(super) fn mean(values: &(impl Stream + ?Sized), weights: Option<&Weights>) -> Option<f64> {
    Some(moments(values, weights).mean).filter(|mean| mean.is_finite())
}
