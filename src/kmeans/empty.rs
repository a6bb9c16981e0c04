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
/// lowest row) that has weight and whose own cluster keeps some. Also says which points went to which cluster.
pub(super) fn fill(
    session: &mut dyn Session,
    matrix: &Matrix,
    set: usize,
    totals: &mut Totals,
) -> Result<(Filled, Vec<(usize, u32)>)> {
    let empty: Vec<u32> = (0u32..).zip(&totals.weights).filter(|(_, w)| **w == 0).map(|(c, _)| c).collect();
    if empty.is_empty() {
        return Ok((Filled::None, Vec::new()));
    }
    let donors = choose(session, matrix, set, totals, empty.len())?;
    let mut relocated = Vec::with_capacity(donors.len());
    for (&cluster, far) in empty.iter().zip(&donors) {
        relocate(matrix, totals, (far.row, far.label), cluster);
        session.relabel(set, far.row, cluster)?;
        relocated.push((far.row, cluster));
    }
    if donors.len() == empty.len() {
        return Ok((Filled::Relocated, relocated));
    }
    Ok((Filled::Dropped((0..totals.weights.len()).filter(|&c| totals.weights[c] > 0).collect()), relocated))
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

/// Moves a point of this label to another cluster in the sums.
pub(super) fn relocate(matrix: &Matrix, totals: &mut Totals, (row, label): (usize, u32), cluster: u32) {
    let (dims, from, cluster) = (matrix.dims(), label as usize, cluster as usize);
    let weight = matrix.weight(row).cast_signed();
    for (j, q) in matrix.point(row).enumerate() {
        totals.sums[cluster * dims + j] += i128::from(weight) * i128::from(q);
        totals.sums[from * dims + j] -= i128::from(weight) * i128::from(q);
    }
    totals.weights[cluster] += weight;
    totals.weights[from] -= weight;
    totals.counts[cluster] += 1;
    totals.counts[from] -= 1;
}
