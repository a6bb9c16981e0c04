//! A bounded sample of the rows: what is fitted again and again must not grow with the table.

use super::draws::{Purpose, generator};
use crate::error::Result;
use crate::kmeans::{Params, ValidParams, smallest_hashes};
use crate::matrix::{Matrix, Weights};

/// Rows that are fitted again, at most: a reference or a bootstrap sample of so many has a standard error far below the
/// differences that decide, and takes a fraction of a second for all numbers of clusters together.
pub const SAMPLE_ROWS: usize = 5_000;

/// Rows a cluster at least, should so many clusters be asked for.
const ROWS_A_CLUSTER: usize = 20;

/// Rows of a cluster that a part of the table must hold to say anything of it. A cluster of fewer is missed by bootstrap
/// samples, or found in them, by chance; where [`ROWS_A_CLUSTER`] are there on average, clusters of like size have these.
const ENOUGH_ROWS: usize = ROWS_A_CLUSTER / 2;

/// Some rows of a matrix, drawn without replacement, or all of them.
#[derive(Debug)]
pub(super) struct Sample<'m> {
    whole: &'m Matrix,
    picked: Option<(Vec<usize>, Matrix)>,
}

impl<'m> Sample<'m> {
    /// At most [`sample_rows`] rows with weight.
    pub(super) fn new(whole: &'m Matrix, most_clusters: usize, seed: u64) -> Result<Self> {
        let size = sample_rows(whole, most_clusters);
        if size == whole.count() {
            return Ok(Self { whole, picked: None });
        }
        let mut rows = smallest_hashes(whole, &generator(seed, Purpose::Rows, 0), size);
        rows.sort_unstable();
        let picked = whole.pick(&rows, reweighted(whole, &rows, |_| 1.0)?)?;
        Ok(Self { whole, picked: Some((rows, picked)) })
    }

    /// The rows as a matrix.
    pub(super) fn matrix(&self) -> &Matrix {
        self.picked.as_ref().map_or(self.whole, |(_, matrix)| matrix)
    }

    /// Whether these are all rows.
    pub(super) fn is_whole(&self) -> bool {
        self.picked.is_none()
    }

    /// Whether it holds enough rows to say something of a cluster that it has so many rows of.
    pub(super) fn measures(&self, rows: usize) -> bool {
        let is_all = self.is_whole() || rows_with_weight(self.whole) == self.matrix().count();
        rows >= if is_all { 1 } else { ENOUGH_ROWS }
    }

    /// The labels of these rows, from those of all.
    pub(super) fn labels(&self, labels: &[u32]) -> Vec<u32> {
        match &self.picked {
            None => labels.to_vec(),
            Some((rows, _)) => rows.iter().map(|&row| labels[row]).collect(),
        }
    }
}

/// How many rows of a matrix are fitted again, where up to so many clusters are asked for.
#[must_use]
pub fn sample_rows(matrix: &Matrix, most_clusters: usize) -> usize {
    rows_with_weight(matrix).min(SAMPLE_ROWS.max(ROWS_A_CLUSTER.saturating_mul(most_clusters)))
}

fn rows_with_weight(matrix: &Matrix) -> usize {
    matrix.weights().map_or(matrix.count(), |w| usize::try_from(w.positive()).unwrap_or(usize::MAX))
}

/// The weights of some rows, each times `factor` of its place among them; `None` if all are one.
pub(super) fn reweighted(matrix: &Matrix, rows: &[usize], factor: impl Fn(usize) -> f64) -> Result<Option<Weights>> {
    let weight = |row: usize| matrix.weights().map_or(1.0, |w| w.real(w.values()[row]));
    let weights: Vec<f64> = rows.iter().enumerate().map(|(at, &row)| weight(row) * factor(at)).collect();
    if weights.iter().all(|w| *w == 1.0) { Ok(None) } else { Weights::new(&weights).map(Some) }
}

/// The parameters of a fit of some of its rows: the same, but another seed, and fewer clusters are no error there.
pub(super) fn again(params: &ValidParams, which: u32) -> Result<ValidParams> {
    let again = Params::new(params.k()).init(params.init().clone()).n_init(params.starts());
    let again = again.max_iter(params.max_iter()).tol(params.tol());
    again.seed(params.seed().wrapping_add(u64::from(which))).check()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn a_sample_is_bounded_and_rows_without_weight_are_not_in_it() {
        let x = Array2::from_shape_fn((12_000, 2), |(i, j)| (i * (j + 1)) as f64);
        let matrix = Matrix::learn(&x.view(), None).unwrap().0;
        let sample = Sample::new(&matrix, 12, 1).unwrap();
        assert_eq!(sample.matrix().count(), SAMPLE_ROWS);
        assert_eq!([0, 1, 9, 10].map(|rows| sample.measures(rows)), [false, false, false, true]);
        assert_eq!(Sample::new(&matrix, 500, 1).unwrap().matrix().count(), 10_000);
        let weights: Vec<f64> = (0..12_000).map(|i| if i % 6 == 0 { 2.0 } else { 0.0 }).collect();
        let matrix = Matrix::learn(&x.view(), Some(Weights::new(&weights).unwrap())).unwrap().0;
        let sample = Sample::new(&matrix, 12, 1).unwrap();
        assert_eq!((sample.matrix().count(), sample.is_whole()), (2_000, false));
        assert_eq!([0, 1].map(|rows| sample.measures(rows)), [false, true], "all rows with weight are there");
        let labels: Vec<u32> = (0..12_000).map(|i| i % 6).collect();
        assert_eq!(sample.labels(&labels), [0; 2_000]);
        let weights = sample.matrix().weights().unwrap();
        assert_eq!(weights.real(weights.total()), 4_000.0);
    }
}
