//! Adds up the distances of every point to every cluster.
//!
//! Reads: the tile of the points that are measured `[dims x 64]`, the tiles of a cluster and the weights of its places. Writes:
//! for each measured point a sum of distances to each cluster, of which only the two means are kept.
//!
//! Points lie in lanes, as in `assign`. `Q` measured points by `P` vectors are kept in registers; each step of a dimension loads
//! `P` vectors and broadcasts `Q` values for `P x Q` differences and fused multiply-adds. A distance costs a difference and a
//! fused multiply-add a dimension, which go to different units, and a root; half of the pairs could be left out by symmetry, but
//! then sums would have to be shared by threads.
//!
//! Steps: 1. squared distances to a tile; 2. roots, weighted and added up over the tile; 3. sums of tiles in f64; 4. means.
//!
//! Whatever the width of a vector, a point has 16 sums, one for each place in a tile modulo 16, and each is added to in the order
//! of the places; so every level gives the same bytes.

#![allow(unsafe_code, reason = "SIMD kernel: raw loads from slices whose lengths are checked on entry")]

use super::lanes::Lanes;
use super::level::Level;
use crate::engine::silhouette::{Grouped, Means};
use crate::matrix::TILE;
use rayon::prelude::*;

/// Sums that a point has for a cluster.
const SUMS: usize = 16;

/// The sums of distances of each point of a tile `[64 x 16]`.
#[repr(align(64))]
pub(super) struct Lengths([[f64; SUMS]; TILE]);

/// Points to measure, and those they are measured against.
pub(super) struct Near<'a> {
    /// A tile `[dims x 64]`, of which the first `count` points are measured.
    pub(super) points: &'a [f32],
    pub(super) count: usize,
    /// The tiles of a cluster `[tiles x dims x 64]` and the weights of their places `[tiles x 64]`.
    pub(super) cluster: &'a [f32],
    pub(super) weights: &'a [f32],
}

/// The mean distances of all places, tile by tile on all threads.
pub(super) fn means(grouped: &Grouped, level: Level) -> Vec<Means> {
    let mut means = vec![Means::NONE; grouped.rows().len()];
    let room = || (Box::new(Lengths([[0.0; SUMS]; TILE])), vec![[0.0; TILE]; grouped.clusters().len()]);
    means.par_chunks_mut(TILE).enumerate().for_each_init(room, |(lengths, sums), (t, means)| {
        let count = grouped.points_in(t);
        for (sums, cluster) in sums.iter_mut().zip(grouped.clusters()) {
            let near = Near {
                points: grouped.matrix().tile(t),
                count,
                cluster: grouped.matrix().tiles_in(cluster.tiles.clone()),
                weights: grouped.weights(cluster.tiles.clone()),
            };
            lengths.0.fill([0.0; SUMS]);
            level.silhouette(&near, lengths);
            sums.iter_mut().zip(&lengths.0).for_each(|(sum, lengths)| *sum = lengths.iter().sum());
        }
        for (lane, means) in means.iter_mut().enumerate().take(count) {
            *means = grouped.means(t, lane, |c| sums[c][lane]);
        }
    });
    means
}

/// Adds the distances of the measured points to those of the cluster.
///
/// # Safety
/// Must be inlined into a function that enables the instructions of `V`, on a CPU that has them.
#[inline(always)]
pub(super) unsafe fn add_lengths<V: Lanes, const P: usize, const Q: usize>(near: &Near<'_>, lengths: &mut Lengths) {
    let length = near.points.len();
    let whole = TILE.is_multiple_of(P * V::WIDTH) && (P * V::WIDTH).is_multiple_of(SUMS) && TILE.is_multiple_of(Q);
    assert!(whole && length.is_multiple_of(TILE) && near.count <= TILE);
    assert!(near.cluster.len().is_multiple_of(length) && near.cluster.len() / length * TILE == near.weights.len());
    for (tile, weights) in near.cluster.chunks_exact(length).zip(near.weights.chunks_exact(TILE)) {
        for first in (0..near.count).step_by(Q) {
            // SAFETY: inlined likewise; both tiles are `[dims x 64]`, there are 64 weights, and `first + Q` is at most 64.
            let parts = unsafe { tile_lengths::<V, P, Q>(near.points, first, tile, weights) };
            for (sums, part) in lengths.0[first..first + Q].iter_mut().zip(&parts) {
                sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += f64::from(*part));
            }
        }
    }
}

/// The 16 sums over one tile of `Q` points from `first` on.
///
/// # Safety
/// As [`add_lengths`]; both tiles must be `[dims x 64]`, `weights` 64 values, and `first + Q` at most 64.
#[inline(always)]
unsafe fn tile_lengths<V: Lanes, const P: usize, const Q: usize>(
    points: &[f32],
    first: usize,
    tile: &[f32],
    weights: &[f32],
) -> [[f32; SUMS]; Q] {
    let mut sums = [[V::splat(0.0); P]; Q]; // the first `SUMS / WIDTH` of each `P`
    for group in (0..TILE).step_by(P * V::WIDTH) {
        // SAFETY: inlined likewise; a group lies in the tile.
        let squares = unsafe { squares::<V, P, Q>(points.as_ptr().add(first), tile.as_ptr().add(group), tile.len()) };
        for p in 0..P {
            // SAFETY: a vector of the group lies in the 64 weights.
            let weight = unsafe { V::load(weights.as_ptr().add(group + p * V::WIDTH)) };
            let at = p % (SUMS / V::WIDTH);
            for (sums, squares) in sums.iter_mut().zip(&squares) {
                sums[at] = squares[p].sqrt().fused(weight, sums[at]);
            }
        }
    }
    let mut parts = [[0.0; SUMS]; Q];
    for (part, sums) in parts.iter_mut().zip(&sums) {
        for (at, sum) in sums.iter().enumerate().take(SUMS / V::WIDTH) {
            // SAFETY: `SUMS / WIDTH` vectors fill the part.
            unsafe { sum.store(part.as_mut_ptr().add(at * V::WIDTH)) };
        }
    }
    parts
}

/// The squared distances of `Q` points to `P` vectors of points.
///
/// # Safety
/// `x` must be valid for `Q` values and `y` for `P` vectors, every 64 of `length` values.
#[inline(always)]
unsafe fn squares<V: Lanes, const P: usize, const Q: usize>(
    x: *const f32,
    y: *const f32,
    length: usize,
) -> [[V; P]; Q] {
    let mut squares = [[V::splat(0.0); P]; Q];
    for j in (0..length).step_by(TILE) {
        let mut others = [V::splat(0.0); P];
        for (p, other) in others.iter_mut().enumerate() {
            // SAFETY: `P` vectors, as the caller vouches.
            *other = unsafe { V::load(y.add(j + p * V::WIDTH)) };
        }
        for (q, row) in squares.iter_mut().enumerate() {
            // SAFETY: `Q` values, as the caller vouches.
            let own = V::splat(unsafe { *x.add(j + q) });
            for (square, other) in row.iter_mut().zip(&others) {
                let gap = other.sub(own);
                *square = gap.fused(gap, *square);
            }
        }
    }
    squares
}
