//! Clusters that lost all their weight: filled with the points farthest from their centroids, or dropped.
//!
//! As scikit-learn does, but with its gaps closed: the order of equal distances is fixed (lowest row), a donor is never
//! emptied in turn, and a relocation counts as not converged, so that no stale label is left.

use super::totals::Totals;
use crate::engine::{Far, Session};
use crate::error::Result;
use crate::matrix::Matrix;

/// What became of the empty clusters of a set.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// There were none.
    None,
    /// All were filled.
    Relocated,
    /// Some could not be filled; these clusters are left, in order.
    Dropped(Vec<usize>),
}

/// Fills the clusters of weight zero of `set` in index order, each by the point farthest from its centroid (ties to the
/// lowest row) that has weight and whose own cluster keeps some.
pub(super) fn fill(session: &mut dyn Session, matrix: &Matrix, set: usize, totals: &mut Totals) -> Result<Filled> {
    let empty: Vec<usize> = (0..totals.weights.len()).filter(|&c| totals.weights[c] == 0).collect();
    if empty.is_empty() {
        return Ok(Filled::None);
    }
    let donors = choose(session, matrix, set, totals, empty.len())?;
    for (&cluster, far) in empty.iter().zip(&donors) {
        relocate(matrix, totals, far, cluster);
        session.relabel(set, far.row, u32::try_from(cluster).unwrap_or(u32::MAX))?;
    }
    if donors.len() == empty.len() {
        return Ok(Filled::Relocated);
    }
    Ok(Filled::Dropped((0..totals.weights.len()).filter(|&c| totals.weights[c] > 0).collect()))
}

/// Up to `most` points to relocate, farthest first. Looks at ever more far points while some had to be passed over.
fn choose(session: &mut dyn Session, matrix: &Matrix, set: usize, totals: &Totals, most: usize) -> Result<Vec<Far>> {
    let mut ask = 2 * most + 8;
    loop {
        let far = session.farthest(set, ask)?;
        let mut left = totals.weights.clone();
        let mut chosen = Vec::new();
        for f in &far {
            let weight = matrix.weight(f.row).cast_signed();
            if chosen.len() < most && left[f.label as usize] > weight {
                left[f.label as usize] -= weight;
                chosen.push(*f);
            }
        }
        if chosen.len() == most || far.len() < ask {
            return Ok(chosen);
        }
        ask *= 4;
    }
}

fn relocate(matrix: &Matrix, totals: &mut Totals, far: &Far, cluster: usize) {
    let (dims, from) = (matrix.dims(), far.label as usize);
    let weight = matrix.weight(far.row).cast_signed();
    for (j, q) in matrix.point(far.row).enumerate() {
        totals.sums[cluster * dims + j] += i128::from(weight) * i128::from(q);
        totals.sums[from * dims + j] -= i128::from(weight) * i128::from(q);
    }
    totals.weights[cluster] += weight;
    totals.weights[from] -= weight;
    totals.counts[cluster] += 1;
    totals.counts[from] -= 1;
}
