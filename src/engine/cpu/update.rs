//! Moves the centroids to the means of their points: twin of `update.wgsl`.
//!
//! Reads: the sums and the weight of each cluster, all passes so far together. Writes: the centroids of the next pass on the grid.
//!
//! Steps, for each cluster: 1. its weight and sums; 2. the mean, rounded to the grid with ties to even. The other steps of the
//! shader make what its next pass reads beside them (f32 coordinates, half squares and norms, the drift); the CPU makes that when a
//! pass begins (`assign.rs`, `bounds.rs`). A cluster without weight stays where it is: the shader leaves such a set to the host,
//! and the fit loop fills the cluster before it moves.

use crate::engine::Centroids;
use crate::engine::exact::mean;

/// The means of clusters `[k x dims]`, from their weighted coordinate sums `[k x dims]` and weights `[k]`; one without weight
/// stays where it is in `old`.
#[must_use]
pub fn update(old: &Centroids, sums: &[i128], weights: &[i64]) -> Centroids {
    let rows = old.rows().zip(sums.chunks_exact(old.dims())).zip(weights);
    let moved = rows.flat_map(|((old, sums), &weight)| {
        old.iter().zip(sums).map(move |(&old, &sum)| if weight == 0 { old } else { mean(sum, weight) })
    });
    Centroids::new(old.dims(), moved.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn centroids_go_to_their_means_and_stay_without_weight() {
        let old = Centroids::new(2, vec![1, 2, 3, 4]);
        assert_eq!(update(&old, &[7, -5, 0, 0], &[2, 0]), Centroids::new(2, vec![4, -2, 3, 4]));
    }
}
