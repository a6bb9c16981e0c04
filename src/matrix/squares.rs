//! The sum of all squared coordinates, exact: with it, inertia needs no second look at the rows.

use super::{Matrix, TILE, grid};
use ethnum::I256;
use rayon::prelude::*;

/// Splits a grid integer `q` as `hi * 2^20 + lo`: each half of at most 22 bits, so that f64 sums of products are exact.
const HALF: f64 = (1u64 << 20) as f64;
/// Adding and taking this away rounds an f64 below 2^51 to a whole number.
const MAGIC: f64 = 1.5 * (1u64 << 52) as f64;

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

/// Exact in f64: a column adds 64 products of at most 2^42, far below 2^53.
#[expect(clippy::cast_possible_truncation, reason = "whole numbers below 2^49")]
fn of_tile(matrix: &Matrix, t: usize) -> I256 {
    let (tile, scale) = (matrix.tile(t), matrix.frame().scale());
    if tile.iter().any(|x| x.abs() > 1.0) {
        return point_by_point(matrix, t); // saturated values of a predict: wider than the halves below
    }
    let (mut hh, mut hl, mut ll) = (0i128, 0i128, 0i128);
    for lanes in tile.chunks_exact(TILE) {
        let (mut h2, mut hl2, mut l2) = ([0.0f64; 8], [0.0f64; 8], [0.0f64; 8]);
        for group in lanes.chunks_exact(8) {
            for (i, &x) in group.iter().enumerate() {
                let q = f64::from(x) * f64::from(scale);
                let hi = (q / HALF + MAGIC) - MAGIC;
                let lo = q - hi * HALF;
                h2[i] += hi * hi;
                hl2[i] += hi * lo;
                l2[i] += lo * lo;
            }
        }
        hh += h2.iter().sum::<f64>() as i128;
        hl += hl2.iter().sum::<f64>() as i128;
        ll += l2.iter().sum::<f64>() as i128;
    }
    (I256::from(hh) << 40) + (I256::from(hl) << 21) + I256::from(ll)
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
