//! How far points are from the centroid they were labelled with, and from the next one.
//!
//! Distances are f64 sums in a fixed order over exact differences, so they are the same bytes everywhere.

use crate::engine::Centroids;
use crate::matrix::{Matrix, TILE};
use multiversion::multiversion;

/// Distances of some points, in the units of the prepared columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Distances {
    /// To the centroid of the own segment.
    pub own: Vec<f64>,
    /// To the nearest of the others; infinite if there is none.
    pub second: Vec<f64>,
}

impl Distances {
    /// How clearly point `i` belongs to its segment: 0 on the border to the next, 1 far from it (or with one segment).
    #[must_use]
    pub fn margin(&self, i: usize) -> f64 {
        let (own, other) = (self.own[i], self.second[i]);
        if other == f64::INFINITY {
            1.0
        } else if other > 0.0 {
            ((other - own) / other).max(0.0)
        } else {
            0.0
        }
    }
}

/// Centroids as real numbers in the frame of `matrix` `[k x dims]`.
#[must_use]
pub fn in_frame(matrix: &Matrix, centroids: &Centroids) -> Vec<f64> {
    let scale = f64::from(matrix.frame().scale());
    centroids.values().iter().map(|&q| q as f64 / scale).collect()
}

/// The distances of the points of some tiles to `centroids` (see [`in_frame`]), with their `labels` `[points]`.
#[must_use]
pub fn distances(matrix: &Matrix, centroids: &[f64], labels: &[u32], tiles: std::ops::Range<usize>) -> Distances {
    let mut distances = Distances::default();
    let length = |d2: &f64| matrix.frame().length(d2.sqrt());
    for t in tiles {
        let labels = &labels[t * TILE..labels.len().min((t + 1) * TILE)];
        let (own, other) = nearest_two(matrix.tile(t), centroids, labels);
        distances.own.extend(own[..labels.len()].iter().map(length));
        distances.second.extend(other[..labels.len()].iter().map(length));
    }
    distances
}

/// The squared distance of each point to the centroid of its label, and the least one to any other. The coordinates become f64 once,
/// not for each centroid: that is 1.4 times as fast with 12 centroids and AVX-512.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub(super) fn nearest_two(tile: &[f32], centroids: &[f64], labels: &[u32]) -> ([f64; TILE], [f64; TILE]) {
    let dims = tile.len() / TILE;
    let wide: Vec<f64> = tile.iter().map(|&x| f64::from(x)).collect();
    let mut padded = [0; TILE];
    padded[..labels.len()].copy_from_slice(labels);
    let (mut own, mut other) = ([0.0; TILE], [f64::INFINITY; TILE]);
    for (c, centroid) in (0u32..).zip(centroids.chunks_exact(dims)) {
        let mut d2 = [0.0f64; TILE];
        for (lanes, &c) in wide.chunks_exact(TILE).zip(centroid) {
            for (d, &x) in d2.iter_mut().zip(lanes) {
                *d += (x - c) * (x - c);
            }
        }
        for i in 0..TILE {
            let mine = padded[i] == c;
            own[i] = if mine { d2[i] } else { own[i] };
            other[i] = if !mine && d2[i] < other[i] { d2[i] } else { other[i] };
        }
    }
    (own, other)
}
