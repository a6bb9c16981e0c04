//! Fills tiles: rows or columns of prepared values become columns of 64 grid values.

use super::frame::{Frame, Placer, PlacerF32};
use super::turn::{BLOCK, lanes_of};
use super::{Rows, TILE, round_up};
use multiversion::multiversion;

/// A frame's way of filling tiles.
pub(super) struct Packer {
    placers: Vec<Placer>,
    /// For f32 rows, where the frame allows it.
    f32s: Option<PlacerF32>,
}

impl Packer {
    pub(super) fn new(frame: &Frame) -> Self {
        Self { placers: (0..frame.dims()).map(|j| frame.placer(j)).collect(), f32s: frame.placer_f32() }
    }

    /// Fills tiles one after another, from tile `first` on, and gives the norm of each.
    pub(super) fn fill_tiles(&self, rows: &impl Rows, first: usize, tiles: &mut [f32], norms: &mut [f32]) {
        let length = tiles.len() / norms.len();
        for (t, (tile, norm)) in tiles.chunks_mut(length).zip(norms).enumerate() {
            let first = (first + t) * TILE;
            *norm = self.fill(rows, first, TILE.min(rows.count() - first), tile);
        }
    }

    /// Fills one tile `[dims x 64]` with the `points` rows from `first` on, and gives its largest point norm, rounded up.
    fn fill(&self, rows: &impl Rows, first: usize, points: usize, tile: &mut [f32]) -> f32 {
        let mut norm2 = [0.0f64; TILE];
        match (&self.f32s, rows.f32s(first, points)) {
            (Some(placer), Some(rows)) => {
                for (block, tile) in tile.chunks_mut(BLOCK * TILE).enumerate() {
                    lanes_of(rows, placer.dims(), block * BLOCK, tile);
                    place_columns(placer, block * BLOCK, tile, &mut norm2);
                }
            }
            _ => {
                let mut column = [0.0; TILE];
                for (j, (placer, lanes)) in self.placers.iter().zip(tile.chunks_exact_mut(TILE)).enumerate() {
                    rows.column(first, j, &mut column[..points]);
                    place_lanes(*placer, &column, lanes, &mut norm2);
                }
            }
        }
        // Lanes beyond the last point hold whatever was placed there: they must be zero.
        tile.chunks_exact_mut(TILE).for_each(|lanes| lanes[points..].fill(0.0));
        round_up(norm2[..points].iter().fold(0.0f64, |a, &b| a.max(b)).sqrt())
    }
}

/// Puts one column of a tile on the grid and adds its squares to the points' norms.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq", "x86_64+avx2"))]
fn place_lanes(placer: Placer, values: &[f64; TILE], lanes: &mut [f32], norm2: &mut [f64; TILE]) {
    for ((x, &v), n) in lanes.iter_mut().zip(values).zip(norm2) {
        *x = placer.place(v);
        *n += f64::from(*x) * f64::from(*x);
    }
}

/// Puts some columns of f32 values, from `first` on, on the grid, and adds their squares to the points' norms.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq", "x86_64+avx2"))]
fn place_columns(placer: &PlacerF32, first: usize, tile: &mut [f32], norm2: &mut [f64; TILE]) {
    for (j, lanes) in tile.chunks_exact_mut(TILE).enumerate() {
        let shift = placer.shift(first + j);
        for (x, n) in lanes.iter_mut().zip(&mut *norm2) {
            *x = placer.place(*x, shift);
            *n += f64::from(*x) * f64::from(*x);
        }
    }
}
