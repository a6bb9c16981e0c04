//! Decides a point that the f32 scores cannot: exact integer distances to the few centroids that may be nearest.
//!
//! Reads: one lane of a tile, the start values and guards of the tile. Gives: the nearest centroid, and whether that was a tie.
//!
//! Steps: 1. upper scores of all centroids; 2. the best lower score; 3. candidates are those whose upper score reaches
//! it; 4. the smallest integer distance wins, ties to the lowest index.

use super::assign::{Prepared, Scratch};
use crate::engine::Centroids;
use crate::engine::exact::{Nearest, nearest};
use crate::matrix::{TILE, grid};

/// The nearest centroid of the point in `lane`.
#[inline(always)]
pub(super) fn decide(tile: &[f32], lane: usize, scale: f32, prepared: &Prepared<'_>, scratch: &mut Scratch) -> Nearest {
    let k = prepared.scoring.distinct();
    upper_scores(tile, lane, prepared, scratch);
    let among = Candidates { upper: &scratch.upper[..k], guard: &scratch.guard, labels: &prepared.scoring.index };
    among.nearest(tile, lane, scale, prepared.centroids, &mut scratch.point)
}

/// Centroids that were scored for a point: their upper scores and guards, and their labels, ascending.
pub(super) struct Candidates<'a> {
    pub(super) upper: &'a [f32],
    pub(super) guard: &'a [f32],
    pub(super) labels: &'a [u32],
}

impl Candidates<'_> {
    /// The one nearest to the point in `lane`; `point` is room for its coordinates.
    #[inline(always)]
    pub(super) fn nearest(
        &self,
        tile: &[f32],
        lane: usize,
        scale: f32,
        centroids: &Centroids,
        point: &mut [i64],
    ) -> Nearest {
        let best_lower = self.upper.iter().zip(self.guard).map(|(u, g)| u - g).fold(f32::NEG_INFINITY, f32::max);
        for (q, x) in point.iter_mut().zip(tile.iter().skip(lane).step_by(TILE)) {
            *q = grid(*x, scale);
        }
        let near = self.upper.iter().zip(self.labels).filter(|(u, _)| **u >= best_lower);
        nearest(point, centroids, near.map(|(_, &c)| c as usize))
    }
}

/// Scores one point against all centroids, 16 at a time.
#[inline(always)]
fn upper_scores(tile: &[f32], lane: usize, prepared: &Prepared<'_>, scratch: &mut Scratch) {
    for first in (0..prepared.padded).step_by(16) {
        let mut scores = [0.0f32; 16];
        scores.copy_from_slice(&scratch.start[first..first + 16]);
        let columns = prepared.transposed.chunks_exact(prepared.padded);
        for (x, column) in tile.iter().skip(lane).step_by(TILE).zip(columns) {
            for (score, c) in scores.iter_mut().zip(&column[first..first + 16]) {
                *score += x * c;
            }
        }
        scratch.upper[first..first + 16].copy_from_slice(&scores);
    }
}
