//! Two indices of the scatter within clusters beside that between them.

use super::distances::in_frame;
use super::scan::Sums;
use crate::engine::Centroids;
use crate::matrix::Matrix;
use rayon::prelude::*;

/// How the points of each cluster with weight lie about their mean; lengths in the frame.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scatter {
    dims: usize,
    /// Their means `[clusters x dims]`.
    means: Vec<f64>,
    /// Their weights, sums of squared distances to the mean, and mean distances to it `[clusters]`.
    weights: Vec<f64>,
    squares: Vec<f64>,
    spreads: Vec<f64>,
}

impl Scatter {
    /// From the means of all clusters `[k x dims]` and what was summed up in each `[k]`.
    pub(super) fn new(matrix: &Matrix, means: &Centroids, clusters: &[Sums]) -> Self {
        let (unit, dims) = (matrix.weights().map_or(1.0, |w| w.real(1)), matrix.dims());
        let there = || clusters.iter().filter(|c| c.weight > 0);
        let means = in_frame(matrix, means);
        let rows = means.chunks_exact(dims).zip(clusters).filter(|(_, c)| c.weight > 0);
        Self {
            dims,
            means: rows.flat_map(|(mean, _)| mean.to_vec()).collect(),
            weights: there().map(|c| c.weight as f64 * unit).collect(),
            squares: there().map(|c| c.scatter).collect(),
            spreads: there().map(|c| c.spread / (c.weight as f64 * unit)).collect(),
        }
    }

    /// The sum of squared distances of rows to the mean of their cluster.
    pub(super) fn within(&self) -> f64 {
        self.squares.iter().sum()
    }

    /// The same of the means to the mean of all rows, each as often as it has rows.
    pub(super) fn between(&self) -> f64 {
        let all: f64 = self.weights.iter().sum();
        let rows = || self.means.chunks_exact(self.dims).zip(&self.weights);
        let mut centre = vec![0.0; self.dims];
        rows().for_each(|(mean, w)| centre.iter_mut().zip(mean).for_each(|(c, m)| *c += w / all * m));
        rows().map(|(mean, w)| w * distance2(mean, &centre)).sum()
    }

    /// The variance between clusters beside that within them (Calinski & Harabasz 1974). `None` if it is not a number: one cluster, as
    /// many as rows, or no row off its mean.
    pub(super) fn calinski_harabasz(&self, rows: f64) -> Option<f64> {
        let (k, within) = (self.weights.len() as f64, self.within());
        let defined = k > 1.0 && rows > k && within > 0.0;
        defined.then(|| self.between() * (rows - k) / (within * (k - 1.0)))
    }

    /// How far the rows of a cluster and of its most similar one lie from their means, beside the distance of the means; the mean over
    /// the clusters (Davies & Bouldin 1979). Clusters with the same mean are not compared. `None` if no two means differ.
    pub(super) fn davies_bouldin(&self) -> Option<f64> {
        let of_cluster = |(i, mean): (usize, &[f64])| -> (f64, bool) {
            let mut worst = (0.0, false);
            for (j, other) in self.means.chunks_exact(self.dims).enumerate() {
                let apart = distance2(mean, other).sqrt();
                if apart > 0.0 {
                    worst = (f64::max(worst.0, (self.spreads[i] + self.spreads[j]) / apart), true);
                }
            }
            worst
        };
        let worst: Vec<(f64, bool)> = self.means.par_chunks_exact(self.dims).enumerate().map(of_cluster).collect();
        let differ = worst.iter().any(|(_, apart)| *apart);
        differ.then(|| worst.iter().map(|(ratio, _)| ratio).sum::<f64>() / worst.len() as f64)
    }
}

fn distance2(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scatter(means: &[f64], weights: &[f64], squares: &[f64], spreads: &[f64]) -> Scatter {
        let [means, weights, squares, spreads] = [means, weights, squares, spreads].map(<[f64]>::to_vec);
        Scatter { dims: 1, means, weights, squares, spreads }
    }

    #[test]
    fn two_pairs_of_points_are_worked_out_by_hand() {
        // Rows 0, 2 and 10, 14.
        let s = scatter(&[1.0, 12.0], &[2.0, 2.0], &[2.0, 8.0], &[1.0, 2.0]);
        assert_eq!((s.within(), s.between()), (10.0, 121.0));
        assert_eq!(s.calinski_harabasz(4.0), Some(121.0 * 2.0 / 10.0));
        assert_eq!(s.davies_bouldin(), Some(3.0 / 11.0));
    }

    #[test]
    fn what_has_no_value_is_none() {
        let one = scatter(&[1.0], &[4.0], &[3.0], &[0.5]);
        assert_eq!((one.calinski_harabasz(4.0), one.davies_bouldin()), (None, None));
        let as_many_as_rows = scatter(&[1.0, 5.0], &[1.0, 1.0], &[0.0, 0.0], &[0.0, 0.0]);
        assert_eq!((as_many_as_rows.calinski_harabasz(2.0), as_many_as_rows.davies_bouldin()), (None, Some(0.0)));
        let tight = scatter(&[1.0, 5.0], &[2.0, 2.0], &[0.0, 0.0], &[0.0, 0.0]);
        assert_eq!((tight.calinski_harabasz(4.0), tight.davies_bouldin()), (None, Some(0.0)));
        let one_mean = scatter(&[1.0, 1.0], &[2.0, 2.0], &[4.0, 2.0], &[1.0, 1.0]);
        assert_eq!((one_mean.calinski_harabasz(4.0), one_mean.davies_bouldin()), (Some(0.0), None));
    }
}
