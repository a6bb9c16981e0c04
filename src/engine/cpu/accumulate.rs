//! Moves points whose label changed between the integer sums of their clusters.
//!
//! Reads: a tile, the lanes that changed, old and new labels. Writes: the sums of one thread. Integer addition has no
//! order, so these sums can be added up in any.
//!
//! Sums lie dimension by dimension (`sums[j][cluster]`), as the tile does. Where many points of a tile changed (the first
//! passes) a dimension's 64 values become integers at once and are then added one by one; where few did, each point is
//! moved alone.

use crate::engine::{Change, NO_LABEL};
use crate::matrix::{Matrix, TILE, grid};

/// From this many changed points on a tile's values are converted together.
const MANY: u32 = 6;

/// Adding this to an f64 integer below 2^51 leaves the integer in the low bits.
const MAGIC: f64 = 1.5 * (1u64 << 52) as f64;

/// What one thread has summed for one centroid set.
#[derive(Debug)]
pub(super) struct Sums {
    k: usize,
    /// `[dims x k]`. 64 bits hold the sums of unweighted points by the choice of the grid's bits.
    plain: Vec<i64>,
    /// `[dims x k]` with weights, else empty.
    weighted: Vec<i128>,
    weights: Vec<i64>,
    counts: Vec<i64>,
    changed: u64,
    pub(super) ties: u64,
    pub(super) refereed: u64,
}

impl Sums {
    pub(super) fn new(matrix: &Matrix, k: usize) -> Self {
        let cells = k * matrix.dims();
        let (plain, weighted, weights) = if matrix.weights().is_some() { (0, cells, k) } else { (cells, 0, 0) };
        Self {
            k,
            plain: vec![0; plain],
            weighted: vec![0; weighted],
            weights: vec![0; weights],
            counts: vec![0; k],
            changed: 0,
            ties: 0,
            refereed: 0,
        }
    }

    /// Moves the points in the lanes `changed` of tile `t` from their old label to their new one.
    #[inline(always)]
    pub(super) fn move_points(&mut self, matrix: &Matrix, t: usize, changed: u64, old: &[u32], new: &[u32; TILE]) {
        let mut moves = Moves::new();
        let mut left = changed;
        while left != 0 {
            let lane = left.trailing_zeros() as usize;
            left &= left - 1;
            moves.push(lane, old[lane], new[lane]);
        }
        for &(_, from, to) in moves.as_slice() {
            self.counts[to as usize] += 1;
            if from != NO_LABEL {
                self.counts[from as usize] -= 1;
            }
        }
        if matrix.weights().is_some() {
            moves.as_slice().iter().for_each(|&(lane, from, to)| self.move_weighted(matrix, t, lane, from, to));
            return;
        }
        self.changed += u64::from(changed.count_ones());
        let scale = matrix.frame().scale();
        // Points that saturated at predict are too wide for the quick conversion.
        if changed.count_ones() >= MANY && matrix.norm(t) < 1024.0 {
            self.move_many(matrix.tile(t), scale, moves.as_slice());
        } else {
            moves.as_slice().iter().for_each(|&(lane, from, to)| self.move_one(matrix.tile(t), scale, lane, from, to));
        }
    }

    #[inline(always)]
    fn move_many(&mut self, tile: &[f32], scale: f32, moves: &[(usize, u32, u32)]) {
        let scale = f64::from(scale);
        let mut q = [0i64; TILE];
        for (lanes, sums) in tile.chunks_exact(TILE).zip(self.plain.chunks_exact_mut(self.k)) {
            for (q, &x) in q.iter_mut().zip(lanes) {
                let shifted = f64::from(x) * scale + MAGIC;
                *q = shifted.to_bits().cast_signed() - MAGIC.to_bits().cast_signed();
            }
            for &(lane, from, to) in moves {
                let (q, to) = (q[lane % TILE], to as usize);
                // At predict the points may be more, and lie farther out, than those the grid was made for: see move_one.
                sums[to] = sums[to].wrapping_add(q);
                if from != NO_LABEL {
                    sums[from as usize] = sums[from as usize].wrapping_sub(q);
                }
            }
        }
    }

    #[inline(always)]
    fn move_one(&mut self, tile: &[f32], scale: f32, lane: usize, from: u32, to: u32) {
        for (lanes, sums) in tile.chunks_exact(TILE).zip(self.plain.chunks_exact_mut(self.k)) {
            // The sums of points outside the frame may wrap; they are never read.
            let q = grid(lanes[lane], scale);
            sums[to as usize] = sums[to as usize].wrapping_add(q);
            if from != NO_LABEL {
                sums[from as usize] = sums[from as usize].wrapping_sub(q);
            }
        }
    }

    fn move_weighted(&mut self, matrix: &Matrix, t: usize, lane: usize, from: u32, to: u32) {
        let weight = matrix.weight(t * TILE + lane);
        self.changed += u64::from(weight > 0);
        self.add_weighted(matrix, t, lane, to as usize, weight.cast_signed());
        if from != NO_LABEL {
            self.add_weighted(matrix, t, lane, from as usize, -weight.cast_signed());
        }
    }

    fn add_weighted(&mut self, matrix: &Matrix, t: usize, lane: usize, cluster: usize, weight: i64) {
        for (sums, q) in self.weighted.chunks_exact_mut(self.k).zip(matrix.point(t * TILE + lane)) {
            sums[cluster] += i128::from(weight) * i128::from(q);
        }
        self.weights[cluster] += weight;
    }

    /// Adds what another thread has summed.
    pub(super) fn merge(&mut self, other: &Self) {
        self.plain.iter_mut().zip(&other.plain).for_each(|(a, b)| *a = a.wrapping_add(*b));
        self.weighted.iter_mut().zip(&other.weighted).for_each(|(a, b)| *a += b);
        self.weights.iter_mut().zip(&other.weights).for_each(|(a, b)| *a += b);
        self.counts.iter_mut().zip(&other.counts).for_each(|(a, b)| *a += b);
        self.changed += other.changed;
        self.ties += other.ties;
        self.refereed += other.refereed;
    }

    pub(super) fn into_change(self) -> Change {
        let cell = |at: usize| if self.weighted.is_empty() { i128::from(self.plain[at]) } else { self.weighted[at] };
        let k = self.k;
        let dims = self.plain.len().max(self.weighted.len()) / k;
        let sums = (0..k).flat_map(|c| (0..dims).map(move |j| j * k + c)).map(cell).collect();
        let weights = if self.weights.is_empty() { self.counts.clone() } else { self.weights };
        Change { sums, weights, counts: self.counts, changed: self.changed, ties: self.ties, refereed: self.refereed }
    }
}

/// The points of a tile that move: lane, old label, new label.
struct Moves {
    list: [(usize, u32, u32); TILE],
    count: usize,
}

impl Moves {
    #[inline(always)]
    fn new() -> Self {
        Self { list: [(0, 0, 0); TILE], count: 0 }
    }

    #[inline(always)]
    fn push(&mut self, lane: usize, from: u32, to: u32) {
        self.list[self.count] = (lane, from, to);
        self.count += 1;
    }

    #[inline(always)]
    fn as_slice(&self) -> &[(usize, u32, u32)] {
        &self.list[..self.count]
    }
}
