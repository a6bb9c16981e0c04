//! What a tile is known to be safe from: bounds that let a pass leave most centroids, or the whole tile, alone.
//!
//! For each tile and each centroid `c` a *slack* is kept: a lower bound, over the points of the tile, of how much better the
//! own centroid scores than `c` (scores as in [`crate::engine::bound`]: half the difference of the squared distances). While
//! it is positive no point of the tile can be nearer to `c`, exactly, so `c` need not be scored; and where all are, the
//! tile is not read. This is Elkan's lower bound (2003, *Using the triangle inequality to accelerate k-means*) for a tile
//! instead of a point: k values for 64 points.
//!
//! When centroids move, a slack shrinks. For a point `x` with own centroid `a`, `R >= |x - a|`, and moves `|da|`, `|dc|`:
//! the own score falls by at most `R |da| + |da|^2 / 2` and that of `c` rises by at most `(R + |a - c|) |dc|`. Every step is
//! rounded so that a slack is never too large.

#![allow(unsafe_code, reason = "SIMD kernel: raw loads from slices whose lengths are checked")]

use super::lanes::Lanes;
use crate::engine::{Centroids, NO_LABEL};
use crate::matrix::round_up;
use multiversion::multiversion;
use rayon::prelude::*;

/// Up to so many different labels a tile's bounds are kept; boundary tiles have two or three, small clusters share one.
pub(super) const OWN: usize = 16;

/// Added to what a slack loses, of it and of the slack itself: more than the roundings of a few f32 operations.
const ROUNDING: f32 = 1.0 / (1 << 20) as f32;

/// A slack so large that no drift uses it up: of a centroid that is every point's own.
pub(super) const SAFE: f32 = 1e30;

/// Bounds of all tiles for one centroid set.
#[derive(Debug)]
pub(super) struct Bounds {
    padded: usize,
    slack: Vec<f32>,
    states: Vec<State>,
}

/// What a tile's slacks refer to.
#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    /// No point of the tile is farther from its own centroid.
    pub(super) radius: f32,
    /// The labels of the tile, then [`NO_LABEL`]; if there is none, nothing is known.
    pub(super) own: [u32; OWN],
}

impl State {
    pub(super) const UNKNOWN: Self = Self { radius: 0.0, own: [NO_LABEL; OWN] };

    /// The labels of the tile, if its slacks are known.
    pub(super) fn labels(&self) -> impl Iterator<Item = usize> + '_ {
        self.own.iter().take_while(|&&l| l != NO_LABEL).map(|&l| l as usize)
    }

    pub(super) fn is_known(&self) -> bool {
        self.own[0] != NO_LABEL
    }
}

/// The bounds of a run of tiles.
pub(super) struct BoundsPart<'a> {
    pub(super) padded: usize,
    pub(super) slack: &'a mut [f32],
    pub(super) states: &'a mut [State],
}

impl Bounds {
    /// Bounds of nothing yet, for `k` clusters.
    pub(super) fn new(tiles: usize, k: usize) -> Self {
        let padded = k.next_multiple_of(16);
        Self { padded, slack: vec![0.0; tiles * padded], states: vec![State::UNKNOWN; tiles] }
    }

    /// Bytes that the bounds of `k` clusters take for each tile.
    pub(super) fn tile_bytes(k: usize) -> usize {
        size_of::<f32>() * k.next_multiple_of(16) + size_of::<State>()
    }

    /// Whether they are for `k` clusters.
    pub(super) fn fit(&self, k: usize) -> bool {
        self.padded == k.next_multiple_of(16)
    }

    /// Forgets what is known of all tiles.
    pub(super) fn forget(&mut self) {
        self.states.fill(State::UNKNOWN);
    }

    /// Forgets what is known of a tile.
    pub(super) fn forget_tile(&mut self, tile: usize) {
        self.states[tile] = State::UNKNOWN;
    }

    /// In runs of so many tiles.
    pub(super) fn parts(&mut self, tiles: usize) -> impl Iterator<Item = BoundsPart<'_>> {
        let padded = self.padded;
        let slack = self.slack.chunks_mut(tiles * padded);
        slack.zip(self.states.chunks_mut(tiles)).map(move |(slack, states)| BoundsPart { padded, slack, states })
    }
}

/// How far centroids moved since the pass before.
#[derive(Debug)]
pub(super) struct Drift {
    padded: usize,
    /// `|dc|` of each centroid `[padded]`.
    moved: Vec<f32>,
    /// `|a - c| |dc|` before the move `[k x padded]`.
    reach: Vec<f32>,
}

impl Drift {
    /// From the centroids of the pass before to those of this one.
    pub(super) fn new(before: &Centroids, after: &Centroids, bits: u32) -> Self {
        let (k, dims) = (before.k(), before.dims());
        let padded = k.next_multiple_of(16);
        let step = 1.0 / (1u64 << bits) as f64;
        let mut moved = vec![0.0; padded];
        for (moved, (a, b)) in moved.iter_mut().zip(before.rows().zip(after.rows())) {
            let square: f64 = a.iter().zip(b).map(|(a, b)| ((b - a) as f64).powi(2)).sum();
            *moved = round_up(square.sqrt() * step);
        }
        #[expect(clippy::cast_possible_truncation, reason = "the rounding is part of the bound")]
        let real = |q: &i64| (*q as f64 * step) as f32;
        let mut columns = vec![0.0; dims * padded];
        let mut norms = vec![0.0; padded];
        for (c, row) in before.rows().enumerate() {
            row.iter().enumerate().for_each(|(j, q)| columns[j * padded + c] = real(q));
            let square: f64 = row.iter().map(|&q| (q as f64 * step).powi(2)).sum();
            norms[c] = round_up(square.sqrt());
        }
        let mut reach = vec![0.0; k * padded];
        let rows = reach.par_chunks_mut(padded).with_min_len(16);
        rows.enumerate().for_each(|(a, row)| reach_of(a, &columns, &norms, &moved, row));
        Self { padded, moved, reach }
    }

    /// Takes the move from the slacks `[padded]` of a tile. False if every one of them stays positive.
    ///
    /// # Safety
    /// Must be inlined into a function that enables the instructions of `V`.
    #[inline(always)]
    pub(super) unsafe fn decay<V: Lanes>(&self, state: &mut State, slack: &mut [f32]) -> bool {
        assert!(slack.len() == self.padded);
        let radius = state.radius;
        let (mut own_moved, mut own_loss) = (0.0f32, 0.0f32);
        for a in state.labels() {
            let moved = self.moved[a];
            own_moved = own_moved.max(moved);
            own_loss = own_loss.max((radius * moved + moved * moved) * (1.0 + ROUNDING));
        }
        let rows = Rows { rows: &self.reach, padded: self.padded, state: *state };
        state.radius = (radius + own_moved) * (1.0 + ROUNDING);
        let mut least = V::splat(SAFE);
        for at in (0..self.padded).step_by(V::WIDTH) {
            // SAFETY: `moved` and `slack` hold `padded` values, a whole number of vectors.
            unsafe {
                let moved = V::load(self.moved.as_ptr().add(at));
                let reach = moved.mul_add(V::splat(radius), rows.most(at));
                let loss = reach.mul_add(V::splat(1.0 + ROUNDING), V::splat(own_loss));
                let left = V::load(slack.as_ptr().add(at)).mul_add(V::splat(1.0 - ROUNDING), V::splat(0.0).sub(loss));
                left.store(slack.as_mut_ptr().add(at));
                least = least.min(left);
            }
        }
        least.not_greater(V::splat(0.0)) != 0
    }
}

/// The rows of `reach` of a tile's labels.
struct Rows<'a> {
    rows: &'a [f32],
    padded: usize,
    state: State,
}

impl Rows<'_> {
    /// The largest of them from column `at` on: with several labels the worst of their losses counts.
    ///
    /// # Safety
    /// As [`Drift::decay`]; a vector from `at` on must lie in a row.
    #[inline(always)]
    unsafe fn most<V: Lanes>(&self, at: usize) -> V {
        let mut most = V::splat(0.0);
        for a in self.state.labels() {
            // SAFETY: every label has a row.
            most = most.max(unsafe { V::load(self.rows.as_ptr().add(a * self.padded + at)) });
        }
        most
    }
}

/// `|a - c| |dc|` for every `c`, rounded up: the error of each f32 difference is at most a rounding of both coordinates.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq", "x86_64+avx2+fma"))]
fn reach_of(a: usize, columns: &[f32], norms: &[f32], moved: &[f32], row: &mut [f32]) {
    let padded = norms.len();
    row.fill(0.0);
    for column in columns.chunks_exact(padded) {
        let own = column[a];
        for (sum, c) in row.iter_mut().zip(column) {
            *sum += (c - own) * (c - own);
        }
    }
    let dims = (columns.len() / padded) as f32;
    let relative = 1.0 + (dims + 8.0) * f32::EPSILON;
    for ((row, norm), moved) in row.iter_mut().zip(norms).zip(moved) {
        let distance = row.sqrt() * relative + (norms[a] + norm) * (4.0 * f32::EPSILON);
        *row = distance * moved * relative;
    }
}
