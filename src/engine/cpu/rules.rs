//! When points are sorted and bounds are kept: rules by counts, never by the clock.
//!
//! Sorted by label, a tile holds points of one cluster, or two, and bounds say much about it. A sort costs about as much as
//! scoring every point against a hundred centroids; it pays where many passes or many clusters follow.

use super::bounds::Bounds;
use crate::matrix::Matrix;

/// Passes made in input order before the points are sorted: by then the clusters are roughly where they stay. With many
/// clusters an early sort that is a little off costs less than another full pass.
const SORT_AFTER: u32 = 3;
const SORT_AFTER_MANY: u32 = 2;
const MANY_CLUSTERS: usize = 256;

/// With fewer passes to come, or fewer clusters scored in all of them together, sorting costs more than it saves.
const FEW_PASSES: u32 = 4;
const FEW_SCORED: usize = 2_048;

/// Below so many points a pass takes no time.
const FEW_POINTS: usize = 16_384;

/// With fewer clusters nearly every tile lies between some, and keeping bounds costs what it saves.
const FEW_CLUSTERS: usize = 16;

/// The sorted points are a second copy: no larger one is made than this many values (1 GiB).
const MOST_VALUES: usize = 1 << 28;

/// Whether sorting pays for a set of `k` clusters after `passes` passes, of which the last changed `changed` labels, with at
/// most `ahead` to come.
pub(super) fn sorting_pays(matrix: &Matrix, k: usize, passes: u32, ahead: u32, changed: u64) -> bool {
    let (count, dims) = (matrix.count(), matrix.dims());
    let after = if k < MANY_CLUSTERS { SORT_AFTER } else { SORT_AFTER_MANY };
    passes >= after
        && ahead >= FEW_PASSES
        && ahead as usize * k >= FEW_SCORED
        && count >= FEW_POINTS
        && count * dims <= MOST_VALUES
        && copy_bytes(matrix) <= matrix.spare()
        && changed * 1000 > count as u64
        && bounds_pay(matrix, k)
}

/// After how many passes points that were sorted after `passes` are sorted again: labels go on changing, ever less.
pub(super) fn next_sort(passes: u32) -> u32 {
    passes.max(1).saturating_mul(3)
}

/// Whether bounds pay for a set of `k` clusters: there is room for them, and the distances between the centroids take no more
/// work than a part of a pass.
pub(super) fn bounds_pay(matrix: &Matrix, k: usize) -> bool {
    k >= FEW_CLUSTERS && bounds_bytes(matrix, k) <= bounds_room(matrix) && k * 4 <= matrix.count()
}

/// Bytes of the bounds of `k` clusters, and of what centroids moved.
pub(super) fn bounds_bytes(matrix: &Matrix, k: usize) -> usize {
    matrix.tiles() * Bounds::tile_bytes(k) + size_of::<f32>() * k * k.next_multiple_of(16)
}

/// Bytes that all bounds may take together: as many as the points, or a little memory; but no more than is left beside the
/// sorted points.
pub(super) fn bounds_room(matrix: &Matrix) -> usize {
    const LITTLE: usize = 1 << 28;
    let left = usize::try_from(matrix.spare().saturating_sub(copy_bytes(matrix))).unwrap_or(usize::MAX);
    LITTLE.max(matrix.tiles() * size_of_val(matrix.tile(0))).min(left)
}

/// Bytes of the sorted points, and of where each of them went.
fn copy_bytes(matrix: &Matrix) -> u64 {
    let of_point = matrix.dims() * size_of::<f32>() + size_of::<u32>() + size_of::<f32>();
    matrix.count() as u64 * of_point as u64
}
