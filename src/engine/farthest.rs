//! The points farthest from their centroid, for filling empty clusters. Rare, so plain: exact distances, all threads.

use crate::engine::exact::distance2;
use crate::engine::{Centroids, Far};
use crate::matrix::Matrix;
use rayon::prelude::*;

/// The `most` farthest points with weight and a distance above 0: largest distance first, then lowest row.
pub(super) fn farthest(matrix: &Matrix, labels: &[u32], centroids: &Centroids, most: usize) -> Vec<Far> {
    const CHUNK: usize = 16_384;
    let parts: Vec<Vec<Far>> = labels[..matrix.count()]
        .par_chunks(CHUNK)
        .enumerate()
        .map(|(chunk, labels)| {
            let mut far: Vec<Far> = labels
                .iter()
                .enumerate()
                .map(|(i, &label)| (chunk * CHUNK + i, label))
                .filter(|&(row, _)| matrix.weight(row) > 0)
                .map(|(row, label)| Far {
                    row,
                    label,
                    distance2: distance2(matrix.point(row), centroids.row(label as usize)),
                })
                .filter(|far| far.distance2 > 0)
                .collect();
            Far::keep(&mut far, most);
            far
        })
        .collect();
    let mut all = parts.concat();
    Far::keep(&mut all, most);
    all
}
