//! Rows by segment, and how much each counts.

use crate::features::sums::unit;
use crate::matrix::Weights;

/// Rows, each in a segment and of some weight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grouping<'a> {
    labels: &'a [u32],
    k: usize,
    weights: Option<&'a Weights>,
    /// The fixed-point weight of one row: what divides all weights, so that 2, 6 and 4 are one, three and two rows.
    unit: u64,
}

/// Rows with a value in each segment, and rows without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Present {
    pub(super) present: Vec<u64>,
    pub(super) missing: Vec<u64>,
}

impl Present {
    pub(super) fn none(k: usize) -> Self {
        Self { present: vec![0; k], missing: vec![0; k] }
    }

    pub(super) fn count(&mut self, segment: usize, there: bool) {
        let rows = if there { &mut self.present } else { &mut self.missing };
        rows[segment] += 1;
    }
}

impl<'a> Grouping<'a> {
    pub(super) fn new(labels: &'a [u32], k: usize, weights: Option<&'a Weights>) -> Self {
        Self { labels, k, weights, unit: weights.map_or(1, |w| unit(w.values())) }
    }

    pub(super) fn k(&self) -> usize {
        self.k
    }

    /// The segment of row `i` and its weight, as a multiple of [`Grouping::unit`].
    #[inline]
    pub(super) fn row(&self, i: usize) -> (usize, u64) {
        (self.labels[i] as usize, self.weights.map_or(1, |w| w.values()[i]))
    }

    /// What one row weighs.
    pub(super) fn unit(&self) -> u64 {
        self.unit
    }

    /// A sum of weights as a real number.
    pub(super) fn real(&self, weight: u64) -> f64 {
        self.weights.map_or(weight as f64, |w| w.real(weight))
    }

    /// `part / of`, the same bits for every way to weight the same rows; NaN of nothing.
    pub(super) fn share(&self, part: u64, of: u64) -> f64 {
        (part / self.unit) as f64 / (of / self.unit) as f64
    }

    /// Rows in each segment.
    pub(super) fn counts(&self) -> Vec<u64> {
        self.added(|_| 1)
    }

    /// The share of each segment.
    pub(super) fn shares(&self) -> Vec<f64> {
        let weights = self.added(|i| self.row(i).1);
        let total = weights.iter().sum();
        weights.into_iter().map(|w| self.share(w, total)).collect()
    }

    fn added(&self, what: impl Fn(usize) -> u64) -> Vec<u64> {
        let mut sums = vec![0; self.k];
        self.labels.iter().enumerate().for_each(|(i, label)| sums[*label as usize] += what(i));
        sums
    }
}
