//! The points in the order of their labels: a tile then holds points of one cluster, or two, and bounds say much about it.

use super::bounds::Bounds;
use crate::error::Result;
use crate::matrix::Matrix;

/// Passes made in input order: by then the clusters are roughly where they stay.
const SORT_AFTER: u32 = 5;

/// With fewer passes to come at most, sorting costs more than it saves.
const FEW_PASSES: u32 = 20;

/// Below so many points a pass takes no time.
const FEW_POINTS: usize = 16_384;

/// With fewer clusters nearly every tile lies between two.
const FEW_CLUSTERS: usize = 4;

/// The sorted points are a second copy: no larger one is made than this many values (1 GiB).
const MOST_VALUES: usize = 1 << 28;

/// Points in another order than the input's.
pub(super) struct Sorted {
    pub(super) matrix: Matrix,
    /// The squared norm of each point, rounded up, padded to whole tiles.
    pub(super) squares: Vec<f32>,
    /// The input row of each point.
    pub(super) order: Vec<u32>,
    /// Where each input row went.
    pub(super) places: Vec<u32>,
}

impl Sorted {
    /// Sorts by `labels` `[count]`, each below `k`; points of one label keep their order.
    pub(super) fn new(matrix: &Matrix, labels: &[u32], k: usize) -> Result<Self> {
        let mut firsts = vec![0u32; k + 1];
        labels.iter().for_each(|&l| firsts[l as usize + 1] += 1);
        for c in 0..k {
            firsts[c + 1] += firsts[c];
        }
        let (mut order, mut places) = (vec![0; labels.len()], Vec::with_capacity(labels.len()));
        for (row, &label) in (0u32..).zip(labels) {
            let place = &mut firsts[label as usize];
            order[*place as usize] = row;
            places.push(*place);
            *place += 1;
        }
        let (matrix, squares) = matrix.reordered(&order)?;
        Ok(Self { matrix, squares, order, places })
    }
}

/// Whether sorting pays for a set of `k` clusters after `passes` passes, of which the last changed `changed` labels, with at
/// most `ahead` to come.
pub(super) fn pays(matrix: &Matrix, k: usize, passes: u32, ahead: u32, changed: u64) -> bool {
    let (count, dims) = (matrix.count(), matrix.dims());
    passes >= SORT_AFTER
        && ahead >= FEW_PASSES
        && count >= FEW_POINTS
        && count * dims <= MOST_VALUES
        && k >= FEW_CLUSTERS
        && changed * 1000 > count as u64
        && bounds_pay(matrix, k)
}

/// Whether the bounds of `k` clusters take no more memory than the points, and the distances between the centroids no more
/// work than a part of a pass.
pub(super) fn bounds_pay(matrix: &Matrix, k: usize) -> bool {
    let tile_bytes = size_of_val(matrix.tile(0));
    Bounds::tile_bytes(k) <= tile_bytes && k * 4 <= matrix.count()
}
