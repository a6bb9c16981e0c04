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
        let moves = Moves::new(changed, old, new);
        moves.to().iter().for_each(|m| self.counts[m.cluster as usize] += 1);
        moves.from().iter().for_each(|m| self.counts[m.cluster as usize] -= 1);
        if matrix.weights().is_some() {
            self.move_weighted(matrix, t, &moves);
            return;
        }
        self.changed += u64::from(changed.count_ones());
        let scale = matrix.frame().scale();
        // Points that saturated at predict are too wide for the quick conversion.
        if changed.count_ones() >= MANY && matrix.norm(t) < 1024.0 {
            self.move_many(matrix.tile(t), scale, &moves);
        } else {
            self.move_few(matrix.tile(t), scale, &moves);
        }
    }

    #[inline(always)]
    fn move_many(&mut self, tile: &[f32], scale: f32, moves: &Moves) {
        let scale = f64::from(scale);
        let mut q = [0i64; TILE];
        for (lanes, sums) in tile.chunks_exact(TILE).zip(self.plain.chunks_exact_mut(self.k)) {
            for (q, &x) in q.iter_mut().zip(lanes) {
                let shifted = f64::from(x) * scale + MAGIC;
                *q = shifted.to_bits().cast_signed() - MAGIC.to_bits().cast_signed();
            }
            // At predict the points may be more, and lie farther out, than those the grid was made for: see move_few.
            for m in moves.to() {
                let sum = &mut sums[m.cluster as usize];
                *sum = sum.wrapping_add(q[m.lane as usize % TILE]);
            }
            for m in moves.from() {
                let sum = &mut sums[m.cluster as usize];
                *sum = sum.wrapping_sub(q[m.lane as usize % TILE]);
            }
        }
    }

    #[inline(always)]
    fn move_few(&mut self, tile: &[f32], scale: f32, moves: &Moves) {
        for (lanes, sums) in tile.chunks_exact(TILE).zip(self.plain.chunks_exact_mut(self.k)) {
            // The sums of points outside the frame may wrap; they are never read.
            for m in moves.to() {
                let sum = &mut sums[m.cluster as usize];
                *sum = sum.wrapping_add(grid(lanes[m.lane as usize % TILE], scale));
            }
            for m in moves.from() {
                let sum = &mut sums[m.cluster as usize];
                *sum = sum.wrapping_sub(grid(lanes[m.lane as usize % TILE], scale));
            }
        }
    }

    fn move_weighted(&mut self, matrix: &Matrix, t: usize, moves: &Moves) {
        for m in moves.to() {
            let weight = matrix.weight(t * TILE + m.lane as usize);
            self.changed += u64::from(weight > 0);
            self.add_weighted(matrix, t, m, weight.cast_signed());
        }
        for m in moves.from() {
            let weight = matrix.weight(t * TILE + m.lane as usize);
            self.add_weighted(matrix, t, m, -weight.cast_signed());
        }
    }

    fn add_weighted(&mut self, matrix: &Matrix, t: usize, m: &Move, weight: i64) {
        let cluster = m.cluster as usize;
        for (sums, q) in self.weighted.chunks_exact_mut(self.k).zip(matrix.point(t * TILE + m.lane as usize)) {
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

/// A point of a tile, and a cluster that it comes to or leaves.
#[derive(Debug, Clone, Copy)]
struct Move {
    lane: u32,
    cluster: u32,
}

/// The points of a tile that move: where to, and where from unless they had no label.
struct Moves {
    to: [Move; TILE],
    from: [Move; TILE],
    arrivals: usize,
    departures: usize,
}

impl Moves {
    #[inline(always)]
    fn new(changed: u64, old: &[u32], new: &[u32; TILE]) -> Self {
        let none = [Move { lane: 0, cluster: 0 }; TILE];
        let mut moves = Self { to: none, from: none, arrivals: 0, departures: 0 };
        let mut left = changed;
        while left != 0 {
            let lane = left.trailing_zeros();
            left &= left - 1;
            let from = old[lane as usize];
            moves.to[moves.arrivals] = Move { lane, cluster: new[lane as usize] };
            moves.arrivals += 1;
            moves.from[moves.departures] = Move { lane, cluster: from }; // overwritten by the next one if there is none
            moves.departures += usize::from(from != NO_LABEL);
        }
        moves
    }

    #[inline(always)]
    fn to(&self) -> &[Move] {
        &self.to[..self.arrivals]
    }

    #[inline(always)]
    fn from(&self) -> &[Move] {
        &self.from[..self.departures]
    }
}
