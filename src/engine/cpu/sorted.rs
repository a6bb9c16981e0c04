//! The points in the order of their labels: a tile then holds points of one cluster, or two, and bounds say much about it.

use super::bounds::Bounds;
use crate::error::Result;
use crate::matrix::{Matrix, Reordered};

/// Passes made in input order: by then the clusters are roughly where they stay. Points are sorted again after three times
/// as many passes, and so on, since labels go on changing.
pub(super) const SORT_AFTER: u32 = 5;

/// With fewer passes to come at most, sorting costs more than it saves.
const FEW_PASSES: u32 = 20;

/// Below so many points a pass takes no time.
const FEW_POINTS: usize = 16_384;

/// With fewer clusters nearly every tile lies between some, and keeping bounds costs what it saves.
const FEW_CLUSTERS: usize = 16;

/// The sorted points are a second copy: no larger one is made than this many values (1 GiB).
const MOST_VALUES: usize = 1 << 28;

/// Points in another order than the input's.
pub(super) struct Sorted {
    pub(super) points: Reordered,
    /// Where each input row went.
    pub(super) places: Vec<u32>,
}

impl Sorted {
    /// Room for the points of `matrix`.
    pub(super) fn like(matrix: &Matrix) -> Result<Self> {
        Ok(Self { points: Reordered::like(matrix)?, places: Vec::new() })
    }

    /// Sorts by `labels` `[count]` in input order, each below `k`; points of one label keep their order.
    pub(super) fn sort(&mut self, matrix: &Matrix, labels: &[u32], k: usize) {
        let mut firsts = vec![0u32; k + 1];
        labels.iter().for_each(|&l| firsts[l as usize + 1] += 1);
        for c in 0..k {
            firsts[c + 1] += firsts[c];
        }
        self.places.clear();
        self.places.extend(labels.iter().map(|&label| {
            let place = firsts[label as usize];
            firsts[label as usize] += 1;
            place
        }));
        self.points.fill(matrix, &self.places);
    }
}

/// Whether sorting pays for a set of `k` clusters whose last pass changed `changed` labels, with at most `ahead` to come.
pub(super) fn pays(matrix: &Matrix, k: usize, ahead: u32, changed: u64) -> bool {
    let (count, dims) = (matrix.count(), matrix.dims());
    ahead >= FEW_PASSES
        && count >= FEW_POINTS
        && count * dims <= MOST_VALUES
        && changed * 1000 > count as u64
        && bounds_pay(matrix, k)
}

/// Whether bounds pay for a set of `k` clusters: they take no more memory than the points, and the distances between the
/// centroids no more work than a part of a pass.
pub(super) fn bounds_pay(matrix: &Matrix, k: usize) -> bool {
    k >= FEW_CLUSTERS && bounds_bytes(matrix, k) <= points_bytes(matrix) && k * 4 <= matrix.count()
}

/// Bytes of the bounds of `k` clusters, and of what centroids moved.
pub(super) fn bounds_bytes(matrix: &Matrix, k: usize) -> usize {
    matrix.tiles() * Bounds::tile_bytes(k) + size_of::<f32>() * k * k.next_multiple_of(16)
}

/// Bytes of the points.
pub(super) fn points_bytes(matrix: &Matrix) -> usize {
    matrix.tiles() * size_of_val(matrix.tile(0))
}
