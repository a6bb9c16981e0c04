//! Running sums, and what is computed from them: all integers, all exact.

use crate::engine::{Centroids, Change, update};
use crate::matrix::Matrix;
use ethnum::{I256, U256};

/// Running sums of one centroid set: what all its changes add up to.
#[derive(Debug, Clone)]
pub(super) struct Totals {
    /// Weighted coordinate sums `[k x dims]`.
    pub(super) sums: Vec<i128>,
    /// Weight of each cluster in fixed point `[k]`.
    pub(super) weights: Vec<i64>,
    /// Points in each cluster `[k]`.
    pub(super) counts: Vec<i64>,
}

impl Totals {
    pub(super) fn new(k: usize, dims: usize) -> Self {
        Self { sums: vec![0; k * dims], weights: vec![0; k], counts: vec![0; k] }
    }

    pub(super) fn add(&mut self, change: &Change) {
        self.sums.iter_mut().zip(&change.sums).for_each(|(a, b)| *a += b);
        self.weights.iter_mut().zip(&change.weights).for_each(|(a, b)| *a += b);
        self.counts.iter_mut().zip(&change.counts).for_each(|(a, b)| *a += b);
    }

    /// The mean of each cluster; one without weight stays where it was.
    pub(super) fn centroids(&self, old: &Centroids) -> Centroids {
        update(old, &self.sums, &self.weights)
    }

    /// Rearranges the clusters: new cluster `i` is old cluster `order[i]`. What is not named is dropped; it has no weight,
    /// and its points of no weight go to cluster 0, as in [`super::order::label_map`].
    pub(super) fn pick(&mut self, order: &[usize], dims: usize) {
        let points: i64 = self.counts.iter().sum();
        self.sums = order.iter().flat_map(|&c| self.sums[c * dims..(c + 1) * dims].to_vec()).collect();
        self.weights = order.iter().map(|&c| self.weights[c]).collect();
        self.counts = order.iter().map(|&c| self.counts[c]).collect();
        self.counts[0] += points - self.counts.iter().sum::<i64>();
    }

    /// `sum w * D(point, centroid of its label)` over all points, for `centroids` that the labels were made with or any
    /// others: `Q - 2 sum C.S + sum W |C|^2`.
    pub(super) fn inertia(&self, centroids: &Centroids, squares: I256) -> U256 {
        let mut inertia = squares;
        let rows = centroids.rows().zip(self.sums.chunks_exact(centroids.dims())).zip(&self.weights);
        for ((c, s), &w) in rows {
            inertia += c.iter().zip(s).map(|(&c, &s)| term(c, s, w)).sum::<I256>();
        }
        inertia.as_u256()
    }
}

/// `w c^2 - 2 c s`. Without weights `w c - 2 s` fits 64 bits (see [`crate::matrix::Frame`]), and this runs in every iteration.
fn term(c: i64, s: i128, w: i64) -> I256 {
    let narrow = i64::try_from(s).ok().and_then(|s| w.checked_mul(c)?.checked_sub(s)?.checked_sub(s));
    match narrow {
        Some(rest) => I256::from(i128::from(c) * i128::from(rest)),
        None => I256::from(c) * (I256::from(w) * I256::from(c) - 2 * I256::from(s)),
    }
}

/// The sum of squared shifts of all centroids.
pub(super) fn shift2(old: &Centroids, new: &Centroids) -> U256 {
    old.values().iter().zip(new.values()).map(|(a, b)| U256::from(u128::from(a.abs_diff(*b)).pow(2))).sum()
}

/// The inertia about one centroid at the mean, on the grid: `Q - sum_j S_j^2 / W`, from the totals of all clusters.
pub(super) fn total_inertia(totals: &Totals, matrix: &Matrix) -> f64 {
    let weight = I256::from(matrix.total_weight());
    let mut scaled = weight * matrix.squares();
    for j in 0..matrix.dims() {
        let sum: i128 = totals.sums.iter().skip(j).step_by(matrix.dims()).sum();
        scaled -= I256::from(sum) * I256::from(sum);
    }
    scaled.as_f64() / weight.as_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_the_same_in_few_bits_and_in_many() {
        let wide = |c: i64, s: i128, w: i64| I256::from(c) * (I256::from(w) * I256::from(c) - 2 * I256::from(s));
        let far = i128::from(i64::MAX);
        for c in [0, 1, -7, 1 << 40, -(1 << 40)] {
            for s in [0, 5, -9, 1 << 61, -(1 << 61), far, far + 1, -far - 2, 1 << 100] {
                for w in [0, 3, 1 << 21, 1 << 61] {
                    assert_eq!(term(c, s, w), wide(c, s, w), "{c} {s} {w}");
                }
            }
        }
    }
}
