//! Moves points whose label changed between the integer sums of their clusters.
//!
//! Reads: a tile, the lanes that changed, old and new labels. Writes: the sums of one thread. Integer addition has no
//! order, so these sums can be added up in any.
//!
//! Steps: 1. lay the coordinates of each point that moves side by side; then for each of them: 2. turn them into grid
//! integers, once for both clusters; 3. add them to the sums of its new cluster; 4. take them from those of its old one.

#![allow(unsafe_code, reason = "SIMD kernel: raw loads from slices whose lengths are checked")]

use super::lanes::{GROUP, Lanes};
use crate::engine::{Change, NO_LABEL};
use crate::matrix::{Matrix, TILE, grid};

/// Coordinates of a point that are laid side by side at a time.
const BLOCK: usize = 64;

/// From this many moving points on all points of a tile are laid side by side: a transposition costs less than so many walks
/// down the tile.
const MANY: u32 = 12;

/// The widest vector.
const LARGEST: usize = 16;

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
    /// Room for a block of coordinates of a tile's points `[64 x block]`.
    rows: Vec<f32>,
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
            rows: vec![0.0; TILE * stride.next_multiple_of(LARGEST).min(BLOCK)],
        }
    }

    /// Moves the points in the lanes `changed` of tile `t` from their old label to their new one.
    ///
    /// # Safety
    /// Must be inlined into a function that enables the instructions of `V`.
    #[inline(always)]
    pub(super) unsafe fn move_points<V: Lanes>(
        &mut self,
        matrix: &Matrix,
        t: usize,
        changed: u64,
        old: &[u32; TILE],
        new: &[u32; TILE],
    ) {
        let moves = Moves { left: changed, old, new };
        for m in moves {
            self.counts[m.to as usize] += 1;
            if m.from != NO_LABEL {
                self.counts[m.from as usize] -= 1;
            }
        }
        if matrix.weights().is_some() {
            moves.for_each(|m| self.move_weighted(matrix, t, m));
            return;
        }
        self.changed += u64::from(changed.count_ones());
        let scale = matrix.frame().scale();
        // Points that saturated at predict are too wide for the quick conversion.
        let wide = matrix.norm(t) >= 1024.0;
        for (block, tile) in matrix.tile(t).chunks(BLOCK * TILE).enumerate() {
            // SAFETY: inlined likewise.
            unsafe { self.lay_rows::<V>(tile, moves) };
            let (dims, first) = (tile.len() / TILE, block * BLOCK);
            if wide {
                self.move_rows(dims, first, moves, |x| x.map(|x| grid(x, scale)));
            } else {
                // SAFETY: inlined likewise.
                self.move_rows(dims, first, moves, |x| unsafe { V::grid(x, scale) });
            }
        }
    }

    /// Lays the coordinates of each moving point side by side: of all points, if many move.
    ///
    /// # Safety
    /// As [`Sums::move_points`].
    #[inline(always)]
    unsafe fn lay_rows<V: Lanes>(&mut self, tile: &[f32], moves: Moves<'_>) {
        let stride = self.rows.len() / TILE;
        let dims = tile.len() / TILE;
        if moves.left.count_ones() < MANY {
            for m in moves {
                let lane = m.lane as usize % TILE;
                let row = &mut self.rows[lane * stride..(lane + 1) * stride];
                row.iter_mut().zip(tile.chunks_exact(TILE)).for_each(|(x, lanes)| *x = lanes[lane]);
            }
            return;
        }
        for j in (0..dims).step_by(V::WIDTH) {
            let rows = V::WIDTH.min(dims - j);
            for lane in (0..TILE).step_by(V::WIDTH) {
                // SAFETY: rows `j..` of the tile hold 64 lanes each; a square at (`lane`, `j`) lies in `rows`, whose stride is a
                // whole number of vectors.
                unsafe {
                    let from = tile.as_ptr().add(j * TILE + lane);
                    V::transpose(from, rows, self.rows.as_mut_ptr().add(lane * stride + j), stride);
                }
            }
        }
    }

    /// Moves the points laid side by side: `dims` coordinates from `first` on.
    ///
    /// At predict the points may be more, and lie farther out, than those the grid was made for: the sums may wrap; then they
    /// are never read.
    #[inline(always)]
    fn move_rows(
        &mut self,
        dims: usize,
        first: usize,
        moves: Moves<'_>,
        to_grid: impl Fn(&[f32; GROUP]) -> [i64; GROUP],
    ) {
        let (stride, groups) = (self.rows.len() / TILE, dims.div_ceil(GROUP));
        let (sums, rows) = (self.plain.as_chunks_mut::<GROUP>().0, self.rows.as_chunks::<GROUP>().0);
        let cells = |cluster: u32| cluster as usize * (self.stride / GROUP) + first / GROUP;
        for m in moves {
            let row = &rows[m.lane as usize % TILE * (stride / GROUP)..][..groups];
            let to = cells(m.to);
            let from = (m.from != NO_LABEL).then(|| cells(m.from));
            for (i, x) in row.iter().enumerate() {
                let q = to_grid(x);
                join(&mut sums[to + i], q, i64::wrapping_add);
                if let Some(from) = from {
                    join(&mut sums[from + i], q, i64::wrapping_sub);
                }
            }
        }
    }

    fn move_weighted(&mut self, matrix: &Matrix, t: usize, m: Move) {
        let weight = matrix.weight(t * TILE + m.lane as usize);
        self.changed += u64::from(weight > 0);
        self.add_weighted(matrix, t, m.lane, m.to, weight.cast_signed());
        if m.from != NO_LABEL {
            self.add_weighted(matrix, t, m.lane, m.from, -weight.cast_signed());
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

#[inline(always)]
fn join(sums: &mut [i64; GROUP], q: [i64; GROUP], join: impl Fn(i64, i64) -> i64) {
    for (sum, q) in sums.iter_mut().zip(q) {
        *sum = join(*sum, q);
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
    old: &'a [u32; TILE],
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
