//! Moves points whose label changed between the integer sums of their clusters.
//!
//! Reads: a tile, the lanes that changed, old and new labels. Writes: the sums of one thread. Integer addition has no
//! order, so these sums can be added up in any.

use crate::engine::{Change, NO_LABEL};
use crate::matrix::{Matrix, TILE, grid};

/// What one thread has summed for one centroid set.
#[derive(Debug)]
pub(super) struct Sums {
    dims: usize,
    /// `[k x dims]`. 64 bits hold the sums of unweighted points by the choice of the grid's bits.
    plain: Vec<i64>,
    /// `[k x dims]` with weights, else empty.
    weighted: Vec<i128>,
    weights: Vec<i64>,
    counts: Vec<i64>,
    changed: u64,
    pub(super) refereed: u64,
}

impl Sums {
    pub(super) fn new(matrix: &Matrix, k: usize) -> Self {
        let dims = matrix.dims();
        let (plain, weighted) = if matrix.weights().is_some() { (0, k * dims) } else { (k * dims, 0) };
        Self {
            dims,
            plain: vec![0; plain],
            weighted: vec![0; weighted],
            weights: vec![0; if weighted > 0 { k } else { 0 }],
            counts: vec![0; k],
            changed: 0,
            refereed: 0,
        }
    }

    /// Moves the points in the lanes `changed` of tile `t` from their old label to their new one.
    #[inline(always)]
    pub(super) fn move_points(&mut self, matrix: &Matrix, t: usize, changed: u64, old: &[u32], new: &[u32; TILE]) {
        let mut left = changed;
        while left != 0 {
            let lane = left.trailing_zeros() as usize;
            left &= left - 1;
            if matrix.weights().is_some() {
                self.move_weighted(matrix, t, lane, old[lane], new[lane]);
            } else {
                self.move_plain(matrix, t, lane, old[lane], new[lane]);
            }
        }
    }

    #[inline(always)]
    fn move_plain(&mut self, matrix: &Matrix, t: usize, lane: usize, old: u32, new: u32) {
        let scale = matrix.frame().scale();
        let point = matrix.tile(t).iter().skip(lane).step_by(TILE).map(|&x| grid(x, scale));
        self.changed += 1;
        self.counts[new as usize] += 1;
        let to = new as usize * self.dims;
        if old == NO_LABEL {
            // Saturated points of a predict may wrap here; their sums are never read.
            self.plain[to..to + self.dims].iter_mut().zip(point).for_each(|(s, q)| *s = s.wrapping_add(q));
            return;
        }
        let from = old as usize * self.dims;
        self.counts[old as usize] -= 1;
        for (j, q) in point.enumerate() {
            self.plain[to + j] = self.plain[to + j].wrapping_add(q);
            self.plain[from + j] = self.plain[from + j].wrapping_sub(q);
        }
    }

    fn move_weighted(&mut self, matrix: &Matrix, t: usize, lane: usize, old: u32, new: u32) {
        let weight = matrix.weight(t * TILE + lane);
        self.changed += u64::from(weight > 0);
        self.add_weighted(matrix, t, lane, new as usize, weight, 1);
        if old != NO_LABEL {
            self.add_weighted(matrix, t, lane, old as usize, weight, -1);
        }
    }

    fn add_weighted(&mut self, matrix: &Matrix, t: usize, lane: usize, cluster: usize, weight: u64, sign: i64) {
        let sums = &mut self.weighted[cluster * self.dims..(cluster + 1) * self.dims];
        for (sum, q) in sums.iter_mut().zip(matrix.point(t * TILE + lane)) {
            *sum += i128::from(sign) * i128::from(weight) * i128::from(q);
        }
        self.weights[cluster] += sign * weight.cast_signed();
        self.counts[cluster] += sign;
    }

    /// Adds what another thread has summed.
    pub(super) fn merge(&mut self, other: &Self) {
        self.plain.iter_mut().zip(&other.plain).for_each(|(a, b)| *a = a.wrapping_add(*b));
        self.weighted.iter_mut().zip(&other.weighted).for_each(|(a, b)| *a += b);
        self.weights.iter_mut().zip(&other.weights).for_each(|(a, b)| *a += b);
        self.counts.iter_mut().zip(&other.counts).for_each(|(a, b)| *a += b);
        self.changed += other.changed;
        self.refereed += other.refereed;
    }

    pub(super) fn into_change(self) -> Change {
        let sums =
            if self.weighted.is_empty() { self.plain.into_iter().map(i128::from).collect() } else { self.weighted };
        let weights = if self.weights.is_empty() { self.counts.clone() } else { self.weights };
        Change { sums, weights, counts: self.counts, changed: self.changed, refereed: self.refereed }
    }
}
