//! Moves points whose label changed between the integer sums of their clusters.
//!
//! Reads: a tile, the lanes that changed, old and new labels. Writes: the sums of one thread. Integer addition has no
//! order, so these sums can be added up in any.
//!
//! Steps, for each point that moves: 1. gather its coordinates from the tile; 2. turn them into grid integers, once for both
//! clusters; 3. add them to the sums of its new cluster, which lie side by side; 4. take them from those of its old one.

use crate::engine::{Change, NO_LABEL};
use crate::matrix::{Matrix, TILE, grid};

/// Coordinates of a point that are gathered at once.
const BLOCK: usize = 64;

/// Sums of a cluster are padded to whole groups of so many, which the compiler turns into vectors.
const GROUP: usize = 8;

/// Adding this to an f64 integer below 2^51 leaves the integer in the low bits.
const MAGIC: f64 = 1.5 * (1u64 << 52) as f64;

/// What one thread has summed for one centroid set.
#[derive(Debug)]
pub(super) struct Sums {
    dims: usize,
    /// Cells of a cluster: the dims, padded.
    stride: usize,
    /// `[k x stride]`. 64 bits hold the sums of unweighted points by the choice of the grid's bits.
    plain: Vec<i64>,
    /// `[k x stride]` with weights, else empty.
    weighted: Vec<i128>,
    weights: Vec<i64>,
    counts: Vec<i64>,
    changed: u64,
    pub(super) ties: u64,
    pub(super) refereed: u64,
}

impl Sums {
    pub(super) fn new(matrix: &Matrix, k: usize) -> Self {
        let stride = matrix.dims().next_multiple_of(GROUP);
        let cells = k * stride;
        let (plain, weighted, weights) = if matrix.weights().is_some() { (0, cells, k) } else { (cells, 0, 0) };
        Self {
            dims: matrix.dims(),
            stride,
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
        let moves = Moves { left: changed, old, new };
        if matrix.weights().is_some() {
            moves.for_each(|m| self.move_weighted(matrix, t, m));
            return;
        }
        self.changed += u64::from(changed.count_ones());
        let (scale, norm) = (matrix.frame().scale(), matrix.norm(t));
        for (block, tile) in matrix.tile(t).chunks(BLOCK * TILE).enumerate() {
            let first = block * BLOCK;
            // Points that saturated at predict are too wide for the quick conversion.
            if norm < 1024.0 {
                self.move_block(tile, first, moves, |x| {
                    (f64::from(x * scale) + MAGIC).to_bits().cast_signed() - MAGIC.to_bits().cast_signed()
                });
            } else {
                self.move_block(tile, first, moves, |x| grid(x, scale));
            }
        }
        for m in moves {
            self.counts[m.to as usize] += 1;
            if m.from != NO_LABEL {
                self.counts[m.from as usize] -= 1;
            }
        }
    }

    /// Moves a block of coordinates, from `first` on.
    #[inline(always)]
    fn move_block(&mut self, tile: &[f32], first: usize, moves: Moves<'_>, to_grid: impl Fn(f32) -> i64) {
        let cells = (tile.len() / TILE).next_multiple_of(GROUP);
        let (mut point, mut q) = ([0.0; BLOCK], [0; BLOCK]);
        for m in moves {
            for (x, lanes) in point.iter_mut().zip(tile.chunks_exact(TILE)) {
                *x = lanes[m.lane as usize % TILE];
            }
            for (q, x) in q[..cells].chunks_exact_mut(GROUP).zip(point.chunks_exact(GROUP)) {
                for i in 0..GROUP {
                    q[i] = to_grid(x[i]);
                }
            }
            // At predict the points may be more, and lie farther out, than those the grid was made for: the sums may wrap;
            // then they are never read.
            self.cells(m.to, first, cells, &q, i64::wrapping_add);
            if m.from != NO_LABEL {
                self.cells(m.from, first, cells, &q, i64::wrapping_sub);
            }
        }
    }

    /// Joins `q` to the sums of a cluster from dim `first` on.
    #[inline(always)]
    fn cells(&mut self, cluster: u32, first: usize, cells: usize, q: &[i64; BLOCK], join: impl Fn(i64, i64) -> i64) {
        let sums = &mut self.plain[cluster as usize * self.stride + first..][..cells];
        for (sums, q) in sums.chunks_exact_mut(GROUP).zip(q.chunks_exact(GROUP)) {
            for i in 0..GROUP {
                sums[i] = join(sums[i], q[i]);
            }
        }
    }

    fn move_weighted(&mut self, matrix: &Matrix, t: usize, m: Move) {
        let weight = matrix.weight(t * TILE + m.lane as usize);
        self.changed += u64::from(weight > 0);
        self.add_weighted(matrix, t, m.lane, m.to, weight.cast_signed());
        self.counts[m.to as usize] += 1;
        if m.from != NO_LABEL {
            self.add_weighted(matrix, t, m.lane, m.from, -weight.cast_signed());
            self.counts[m.from as usize] -= 1;
        }
    }

    fn add_weighted(&mut self, matrix: &Matrix, t: usize, lane: u32, cluster: u32, weight: i64) {
        let sums = &mut self.weighted[cluster as usize * self.stride..];
        for (sum, q) in sums.iter_mut().zip(matrix.point(t * TILE + lane as usize)) {
            *sum += i128::from(weight) * i128::from(q);
        }
        self.weights[cluster as usize] += weight;
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
        let plain = self.plain.chunks_exact(self.stride).flat_map(|row| &row[..self.dims]).map(|&s| i128::from(s));
        let weighted = self.weighted.chunks_exact(self.stride).flat_map(|row| &row[..self.dims]).copied();
        let sums = plain.chain(weighted).collect(); // one of the two is empty
        let weights = if self.weights.is_empty() { self.counts.clone() } else { self.weights };
        Change { sums, weights, counts: self.counts, changed: self.changed, ties: self.ties, refereed: self.refereed }
    }
}

/// A point of a tile that moves.
#[derive(Clone, Copy)]
struct Move {
    lane: u32,
    to: u32,
    /// [`NO_LABEL`] in the first pass.
    from: u32,
}

/// The points of a tile that move, in order.
#[derive(Clone, Copy)]
struct Moves<'a> {
    /// Their lanes, as bits.
    left: u64,
    old: &'a [u32],
    new: &'a [u32; TILE],
}

impl Iterator for Moves<'_> {
    type Item = Move;

    #[inline(always)]
    fn next(&mut self) -> Option<Move> {
        if self.left == 0 {
            return None;
        }
        let lane = self.left.trailing_zeros();
        self.left &= self.left - 1;
        Some(Move { lane, to: self.new[lane as usize], from: self.old[lane as usize] })
    }
}
