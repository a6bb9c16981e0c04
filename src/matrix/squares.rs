//! The sum of all squared coordinates, exact: with it, inertia needs no second look at the rows.

use super::power::MAGIC;
use super::{Matrix, TILE, grid};
use ethnum::I256;
use multiversion::multiversion;
use rayon::prelude::*;

/// Splits a grid integer `q` as `hi * 2^20 + lo`: each half of at most 22 bits, so that f64 sums of products are exact.
const HALF: f64 = (1u64 << 20) as f64;

/// `sum w * q^2` over all points and columns.
pub(super) fn of(matrix: &Matrix) -> I256 {
    let tiles: Vec<usize> = (0..matrix.tiles()).collect();
    let parts: Vec<I256> = tiles
        .par_chunks(256)
        .map(|tiles| match matrix.weights() {
            None => tiles.iter().map(|&t| of_tile(matrix, t)).sum(),
            Some(_) => tiles.iter().map(|&t| point_by_point(matrix, t)).sum(),
        })
        .collect();
    parts.into_iter().sum()
}

fn of_tile(matrix: &Matrix, t: usize) -> I256 {
    let tile = matrix.tile(t);
    match split_sums(tile, f64::from(matrix.frame().scale())) {
        Some([hh, hl, ll]) => (I256::from(hh) << 40) + (I256::from(hl) << 21) + I256::from(ll),
        None => point_by_point(matrix, t), // saturated values of a predict: wider than the halves
    }
}

/// Sums of `hi * hi`, `hi * lo` and `lo * lo`; `None` if a value is wider than the halves. Exact in f64: a column adds 64
/// products of at most 2^42, far below 2^53.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
#[expect(clippy::cast_possible_truncation, reason = "whole numbers below 2^49")]
fn split_sums(tile: &[f32], scale: f64) -> Option<[i128; 3]> {
    let (mut sums, mut widest) = ([0i128; 3], [0.0f32; 16]);
    for lanes in tile.chunks_exact(TILE) {
        let (mut hh, mut hl, mut ll) = ([0.0f64; 16], [0.0f64; 16], [0.0f64; 16]);
        for group in lanes.chunks_exact(16) {
            for i in 0..16 {
                widest[i] = if group[i].abs() > widest[i] { group[i].abs() } else { widest[i] };
                let q = f64::from(group[i]) * scale;
                let hi = (q / HALF + MAGIC) - MAGIC;
                let lo = q - hi * HALF;
                hh[i] += hi * hi;
                hl[i] += hi * lo;
                ll[i] += lo * lo;
            }
        }
        for (sum, part) in sums.iter_mut().zip([hh, hl, ll]) {
            *sum += i128::from(part.iter().sum::<f64>() as i64);
        }
    }
    widest.iter().all(|w| *w <= 1.0).then_some(sums)
}

/// The squared norm of each point of a tile, in f64.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub(crate) fn of_points(tile: &[f32]) -> [f64; TILE] {
    let mut squares = [0.0; TILE];
    for lanes in tile.chunks_exact(TILE) {
        for (square, &x) in squares.iter_mut().zip(lanes) {
            *square += f64::from(x) * f64::from(x);
        }
    }
    squares
}

fn point_by_point(matrix: &Matrix, t: usize) -> I256 {
    let (scale, tile) = (matrix.frame().scale(), matrix.tile(t));
    let points = (t * TILE)..matrix.count().min((t + 1) * TILE);
    points
        .map(|i| {
            let squares: i128 =
                tile.iter().skip(i % TILE).step_by(TILE).map(|&x| i128::from(grid(x, scale)).pow(2)).sum();
            I256::from(squares) * I256::from(matrix.weight(i))
        })
        .sum()
}
