//! Rows by segment, and how much each counts.

use crate::features::sums::unit;
use crate::matrix::Weights;
use crate::table::BLOCK;
use rayon::prelude::*;

/// Rows, each in a segment and of some weight.
#[derive(Debug, Clone)]
pub(super) struct Grouping<'a> {
    labels: &'a [u32],
    k: usize,
    weights: Option<&'a Weights>,
    /// The fixed-point weight of one row: what divides all weights, so that 2, 6 and 4 are one, three and two rows.
    unit: u64,
    /// The rows of each block, segment by segment, as places in the block: what is gathered of a segment then stays in
    /// registers while its rows are walked, which takes half the time of going from segment to segment.
    order: Vec<u16>,
    /// The runs of one segment in `order`, block by block: the segment, and where its run ends in the block.
    runs: Vec<Vec<(u32, u32)>>,
}

/// Rows with a value in each segment, and rows without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Present {
    pub(super) present: Vec<u64>,
    pub(super) missing: Vec<u64>,
}

/// The places of some rows, one segment after another, and where the run of each segment ends.
#[expect(clippy::cast_possible_truncation, reason = "a block has 65,536 rows")]
fn ordered(labels: &[u32]) -> (Vec<u16>, Vec<(u32, u32)>) {
    let mut order: Vec<u16> = (0..labels.len()).map(|at| at as u16).collect();
    order.sort_by_key(|at| labels[usize::from(*at)]); // stable: rows of a segment keep their order
    let mut to = 0;
    let runs = order.chunk_by(|a, b| labels[usize::from(*a)] == labels[usize::from(*b)]).map(|run| {
        to += run.len() as u32;
        (labels[usize::from(run[0])], to)
    });
    let runs = runs.collect();
    (order, runs)
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
        let (order, runs) = labels.par_chunks(BLOCK).map(ordered).unzip::<_, _, Vec<Vec<u16>>, Vec<_>>();
        Self { labels, k, weights, unit: weights.map_or(1, |w| unit(w.values())), order: order.concat(), runs }
    }

    pub(super) fn k(&self) -> usize {
        self.k
    }

    /// The segment of row `i` and its weight, as a multiple of [`Grouping::unit`].
    #[inline]
    pub(super) fn row(&self, i: usize) -> (usize, u64) {
        (self.labels[i] as usize, self.weights.map_or(1, |w| w.values()[i]))
    }

    /// The segments of a block, each with the places of its rows in the block, ascending.
    pub(super) fn segments(&self, block: usize) -> impl Iterator<Item = (usize, &[u16])> {
        let order = &self.order[block * BLOCK..];
        let mut from = 0;
        self.runs[block].iter().map(move |&(segment, to)| {
            let places = &order[from..to as usize];
            from = to as usize;
            (segment as usize, places)
        })
    }

    /// The weights of the rows of a block, if they have any.
    pub(super) fn weights(&self, block: usize) -> Option<&'a [u64]> {
        self.weights.map(|w| &w.values()[block * BLOCK..])
    }

    /// What one row weighs.
    pub(super) fn unit(&self) -> u64 {
        self.unit
    }

    /// Whether all rows weigh the same.
    pub(super) fn is_even(&self) -> bool {
        self.weights.is_none()
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
