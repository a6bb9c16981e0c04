//! The rule of greedy k-means++ with nothing left out: every distance to every candidate. It judges `plusplus.rs`.

use super::plusplus::ln_floor;
use crate::matrix::{Matrix, TILE};
use multiversion::multiversion;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use rayon::prelude::*;

/// Tiles one thread works on at a time.
const CHUNK: usize = 32;

/// Chooses up to `k` of `rows` (ascending); fewer if they hold fewer distinct points with weight.
pub(super) fn choose(matrix: &Matrix, rows: &[usize], k: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut sample = Sample::gather(matrix, rows);
    let trials = 2 + ln_floor(k);
    let mut chosen = Vec::with_capacity(k);
    while chosen.len() < k {
        let draws = if chosen.is_empty() { 1 } else { trials };
        let candidates: Vec<usize> = (0..draws).filter_map(|_| sample.draw(rng)).collect();
        let Some(best) = sample.best_of(&candidates) else { break };
        sample.take(best);
        chosen.push(rows[best]);
    }
    chosen
}

/// The rows looked at, in tiles, with each point's squared distance to the nearest chosen one.
pub(super) struct Sample {
    dims: usize,
    count: usize,
    /// `[tiles x dims x 64]`.
    tiles: Vec<f32>,
    /// `[tiles x 64]`; 0 in padded lanes.
    weights: Vec<f64>,
    /// `[tiles x 64]`; infinite before the first choice.
    pub(super) nearest2: Vec<f32>,
    /// Weighted potential of each tile.
    pub(super) potential: Vec<f64>,
}

impl Sample {
    pub(super) fn gather(matrix: &Matrix, rows: &[usize]) -> Self {
        let (dims, tiles) = (matrix.dims(), rows.len().div_ceil(TILE));
        let mut values = vec![0.0; tiles * dims * TILE];
        let mut weights = vec![0.0; tiles * TILE];
        values.par_chunks_mut(dims * TILE).zip(weights.par_chunks_mut(TILE)).zip(rows.par_chunks(TILE)).for_each(
            |((tile, weights), rows)| {
                for (lane, &row) in rows.iter().enumerate() {
                    weights[lane] = matrix.weight(row) as f64;
                    let point = matrix.tile(row / TILE).iter().skip(row % TILE).step_by(TILE);
                    tile.iter_mut().skip(lane).step_by(TILE).zip(point).for_each(|(to, from)| *to = *from);
                }
            },
        );
        // Before the first choice every point is as likely as its weight says.
        let potential = weights.chunks(TILE).map(|w| w.iter().sum()).collect();
        let nearest2 = vec![f32::INFINITY; tiles * TILE];
        Self { dims, count: rows.len(), tiles: values, weights, nearest2, potential }
    }

    /// The weight a point is drawn with: weight times squared distance, or weight alone before the first choice.
    fn share(&self, i: usize) -> f64 {
        let d2 = self.nearest2[i];
        self.weights[i] * if d2 == f32::INFINITY { 1.0 } else { f64::from(d2) }
    }

    /// Draws a point by its share; `None` if no share is left. First the tile, then the point inside it.
    fn draw(&self, rng: &mut ChaCha8Rng) -> Option<usize> {
        let total: f64 = self.potential.iter().sum();
        let uniform = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let mut left = uniform * total;
        let mut last = None;
        for (t, &potential) in self.potential.iter().enumerate().filter(|(_, p)| **p > 0.0) {
            if left >= potential {
                (left, last) = (left - potential, Some(t));
                continue;
            }
            return self.draw_in_tile(t, left);
        }
        // Rounding can leave a crumb beyond the last tile.
        self.draw_in_tile(last?, f64::INFINITY)
    }

    fn draw_in_tile(&self, t: usize, mut left: f64) -> Option<usize> {
        let mut last = None;
        for i in (t * TILE..self.count.min((t + 1) * TILE)).filter(|&i| self.share(i) > 0.0) {
            last = Some(i);
            left -= self.share(i);
            if left < 0.0 {
                break;
            }
        }
        last
    }

    /// The candidate that leaves the least potential; the first of equals.
    pub(super) fn best_of(&self, candidates: &[usize]) -> Option<usize> {
        if candidates.len() < 2 {
            return candidates.first().copied();
        }
        let points: Vec<Vec<f32>> = candidates.iter().map(|&c| self.point(c)).collect();
        let chunk = CHUNK * TILE;
        let parts: Vec<Vec<Vec<f64>>> =
            (self.tiles.par_chunks(chunk * self.dims), self.weights.par_chunks(chunk), self.nearest2.par_chunks(chunk))
                .into_par_iter()
                .map(|(tiles, weights, nearest2)| {
                    points.iter().map(|p| potentials(tiles, weights, nearest2, p)).collect()
                })
                .collect();
        let total = |c: usize| parts.iter().flat_map(|part| &part[c]).sum::<f64>();
        let totals: Vec<f64> = (0..candidates.len()).map(total).collect();
        let best = (0..totals.len()).min_by(|&a, &b| totals[a].total_cmp(&totals[b]))?;
        Some(candidates[best])
    }

    /// Makes point `i` one of the chosen.
    pub(super) fn take(&mut self, i: usize) {
        let (point, chunk) = (self.point(i), CHUNK * TILE);
        self.nearest2.par_chunks_mut(chunk).zip(self.tiles.par_chunks(chunk * self.dims)).for_each(
            |(nearest2, tiles)| {
                come_closer(tiles, nearest2, &point);
            },
        );
        self.potential =
            self.weights.chunks(TILE).zip(self.nearest2.chunks(TILE)).map(|(w, n)| weighted_sum(w, n)).collect();
    }

    fn point(&self, i: usize) -> Vec<f32> {
        let tile = &self.tiles[i / TILE * TILE * self.dims..][..TILE * self.dims];
        tile.iter().skip(i % TILE).step_by(TILE).copied().collect()
    }
}

/// The potential each tile would have with `point` chosen too.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn potentials(tiles: &[f32], weights: &[f64], nearest2: &[f32], point: &[f32]) -> Vec<f64> {
    let tiles = tiles.chunks_exact(TILE * point.len());
    let parts = tiles.zip(weights.chunks_exact(TILE)).zip(nearest2.chunks_exact(TILE));
    parts
        .map(|((tile, weights), nearest2)| {
            let mut d2 = distances2(tile, point);
            d2.iter_mut().zip(nearest2).for_each(|(d, n)| *d = if *n < *d { *n } else { *d });
            weighted_sum(weights, &d2)
        })
        .collect()
}

/// Lowers each point's squared distance to that of `point` where it is nearer.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn come_closer(tiles: &[f32], nearest2: &mut [f32], point: &[f32]) {
    for (tile, nearest2) in tiles.chunks_exact(TILE * point.len()).zip(nearest2.chunks_exact_mut(TILE)) {
        let d2 = distances2(tile, point);
        nearest2.iter_mut().zip(&d2).for_each(|(n, d)| *n = if *d < *n { *d } else { *n });
    }
}

/// Squared distances of a tile's points to `point`.
#[inline(always)]
fn distances2(tile: &[f32], point: &[f32]) -> [f32; TILE] {
    let mut d2 = [0.0; TILE];
    for (lanes, &c) in tile.chunks_exact(TILE).zip(point) {
        for (d, &x) in d2.iter_mut().zip(lanes) {
            *d += (x - c) * (x - c);
        }
    }
    d2
}

/// `sum w * v` over a tile: eight partial sums, folded in order.
#[inline(always)]
fn weighted_sum(weights: &[f64], values: &[f32]) -> f64 {
    let mut sums = [0.0; 8];
    for (w, v) in weights.chunks_exact(8).zip(values.chunks_exact(8)) {
        for i in 0..8 {
            // A padded or weightless point is at an infinite distance before the first choice: 0 * inf must not be NaN.
            sums[i] += if w[i] > 0.0 { w[i] * f64::from(v[i]) } else { 0.0 };
        }
    }
    sums.iter().sum()
}
