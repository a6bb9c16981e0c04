//! The silhouette (Rousseeuw 1987): how much closer a row is to its own cluster than to the next one.
//!
//! Exact up to a number of rows; beyond it every pair of a stratified sample (see [`sample`]), in which the drawn rows of
//! a cluster stand for all of it. A row of weight 3 counts as three rows, and one of weight 0 is not measured.

use super::interval::{Stratum, half_width};
use super::{Estimate, Sampled, sample};
use crate::engine::Engine;
use crate::engine::silhouette::{Cluster, Grouped, Means};
use crate::error::Result;
use crate::matrix::{Matrix, TILE};

/// The silhouettes of some rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Silhouette {
    /// Their mean; over all rows, or an estimate of it.
    pub mean: Estimate,
    /// The mean of each cluster `[k]`; 0 for a single row.
    pub clusters: Vec<f64>,
    /// The rows that were measured, ascending.
    pub rows: Vec<usize>,
    /// The silhouette of each of them.
    pub values: Vec<f32>,
}

/// The silhouette of `k` clusters given by `labels` `[points]`: exact for up to `exact_rows` rows with weight, else of a
/// stratified sample of that many, drawn by `seed`, with each cluster's mean weighted by its size.
///
/// Within 1e-6 of the silhouette in f64 (measured; see [`crate::engine::silhouette`]), and on the CPU the same bytes at every
/// SIMD level and on any number of threads.
///
/// # Errors
/// [`crate::error::Error::Memory`] if there is no room for a copy of the measured rows, and whatever the engine fails with.
///
/// # Panics
/// If there is no label for each row, or one is not below `k`.
pub fn silhouette(
    engine: &dyn Engine,
    matrix: &Matrix,
    labels: &[u32],
    k: usize,
    exact_rows: usize,
    seed: u64,
) -> Result<Silhouette> {
    assert_eq!(labels.len(), matrix.count(), "a label for each row");
    let whole = Whole::new(matrix, labels, k);
    let all = whole.rows.iter().sum::<u64>() <= exact_rows as u64;
    let rows: Vec<usize> = if all {
        (0..matrix.count()).filter(|&row| matrix.weight(row) > 0).collect()
    } else {
        sample(matrix, labels, k, exact_rows, seed)
    };
    let grouped = Grouped::new(matrix, labels, &rows, &whole.weights)?;
    let means = engine.silhouette(&grouped)?;
    let strata = strata(&grouped, &means, &whole, matrix.total_weight());
    let value = strata.iter().map(|s| s.share * s.mean).sum();
    let sampled = (!all).then(|| {
        let half = half_width(&grouped, &means, &strata);
        Sampled { rows: rows.len() as u64, ci95: [value - half, value + half] }
    });
    let mut clusters = vec![0.0; k];
    grouped.clusters().iter().zip(&strata).for_each(|(c, s)| clusters[c.label as usize] = s.mean);
    let mut values = vec![0.0; rows.len()];
    for (row, means) in grouped.rows().iter().zip(&means).filter_map(|(row, m)| row.map(|row| (row, m))) {
        #[expect(clippy::cast_possible_truncation, reason = "kept to f32 precision")]
        (values[row] = means.silhouette() as f32);
    }
    Ok(Silhouette { mean: Estimate { value, sampled }, clusters, rows, values })
}

/// All rows of each cluster that have weight, and their weight in fixed point.
struct Whole {
    rows: Vec<u64>,
    weights: Vec<u64>,
}

impl Whole {
    fn new(matrix: &Matrix, labels: &[u32], k: usize) -> Self {
        let (mut rows, mut weights) = (vec![0; k], vec![0; k]);
        for (row, &label) in labels.iter().enumerate() {
            let weight = matrix.weight(row);
            rows[label as usize] += u64::from(weight > 0);
            weights[label as usize] += weight;
        }
        Self { rows, weights }
    }
}

/// What the measured clusters are among all rows, and the mean silhouette of each.
fn strata(grouped: &Grouped, means: &[Means], whole: &Whole, total: u64) -> Vec<Stratum> {
    let stratum = |cluster: &Cluster| {
        let weights = grouped.weights(cluster.tiles.clone());
        let first = cluster.tiles.start * TILE;
        let silhouettes = means[first..first + cluster.count].iter().zip(weights);
        let sum: f64 = silhouettes.map(|(means, weight)| f64::from(*weight) * means.silhouette()).sum();
        let label = cluster.label as usize;
        let share = whole.weights[label] as f64 / total as f64;
        Stratum { share, mean: sum / cluster.weight, rows: whole.rows[label] }
    };
    grouped.clusters().iter().map(stratum).collect()
}
