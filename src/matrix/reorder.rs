//! The points of a matrix in another order, so that tiles hold points that belong together.

use super::aligned::{Aligned, Tiles};
use super::turn::{rows_of, tile_of};
use super::{Matrix, TILE, no_room, point_squares, round_up};
use crate::error::Result;
use crate::store::Store;
use rayon::prelude::*;
use std::sync::OnceLock;

/// Tiles that are read at a time.
const PART: usize = 256;

/// A matrix of the same points in another order.
#[derive(Debug)]
pub struct Reordered {
    /// The points.
    pub matrix: Matrix,
    /// The squared norm of each point, rounded up, padded to whole tiles.
    pub squares: Vec<f32>,
    /// Where each point went.
    pub places: Vec<u32>,
}

impl Reordered {
    /// Room for the points of `matrix`.
    ///
    /// # Errors
    /// [`crate::error::Error::Memory`] if there is no room for a second copy.
    pub fn like(matrix: &Matrix) -> Result<Self> {
        let (count, dims, tiles) = (matrix.count(), matrix.dims(), matrix.tiles());
        let values = Aligned::zeros(tiles * dims * TILE).ok_or_else(|| no_room(count, dims))?;
        let (frame, weights) = (matrix.frame.clone(), matrix.weights.clone());
        let (values, squares, store) = (Tiles::InMemory(values), OnceLock::from(matrix.squares()), Store::default());
        let to = Matrix { count, frame, values, norms: vec![0.0; tiles], weights, squares, store };
        Ok(Self { matrix: to, squares: vec![0.0; tiles * TILE], places: vec![0; count] })
    }

    /// Puts the points of `from` in the order of their `labels` `[points]`, each below `k`; those of one label keep their
    /// order.
    ///
    /// Tiles are turned to rows, whole rows go where they belong, and then the new tiles are turned back: so both reading and
    /// writing go by the cache line. The points of one label in one part of the input end up side by side, so the parts share
    /// the work without sharing memory.
    ///
    /// # Panics
    /// If there are 2^32 points or more.
    pub fn sort(&mut self, from: &Matrix, labels: &[u32], k: usize) {
        assert!(u32::try_from(from.count()).is_ok(), "places are 32 bits");
        let (dims, length) = (from.dims(), from.dims() * TILE);
        let labels: Vec<&[u32]> = labels.chunks(PART * TILE).collect();
        let counts: Vec<Vec<usize>> = labels.par_iter().map(|labels| count(labels, k)).collect();
        let values = self.matrix.values.values_mut();
        let (rows, empty) = values.split_at_mut(from.count() * dims);
        empty.fill(0.0);
        let mut runs = runs(rows, dims, &counts, k);
        let parts = runs.par_iter_mut().zip(self.places.par_chunks_mut(PART * TILE)).zip(&labels);
        parts.enumerate().for_each(|(part, ((runs, places), labels))| scatter(from, part * PART, labels, runs, places));
        let tiles = values.par_chunks_mut(length).zip(self.squares.par_chunks_mut(TILE)).zip(&mut self.matrix.norms);
        tiles.for_each_init(
            || vec![0.0; length],
            |rows, ((tile, squares), norm)| {
                rows.copy_from_slice(tile);
                tile_of(rows, tile);
                squares.iter_mut().zip(point_squares(tile)).for_each(|(square, exact)| *square = round_up(exact));
                *norm = round_up(f64::from(squares.iter().fold(0.0f32, |a, &b| a.max(b))).sqrt());
            },
        );
        if let (Some(to), Some(from)) = (&mut self.matrix.weights, &from.weights) {
            to.place(from, &self.places);
        }
    }
}

/// How many points have each label.
fn count(labels: &[u32], k: usize) -> Vec<usize> {
    let mut counts = vec![0; k];
    labels.iter().for_each(|&l| counts[l as usize] += 1);
    counts
}

/// Room for the points of one label from one part.
struct Run<'a> {
    place: u32,
    rows: &'a mut [f32],
}

/// The room of each part for each label `[parts][k]`; label by label in memory, and part by part within a label.
fn runs<'a>(mut rows: &'a mut [f32], dims: usize, counts: &[Vec<usize>], k: usize) -> Vec<Vec<Run<'a>>> {
    let mut runs: Vec<Vec<Run<'a>>> = counts.iter().map(|_| Vec::with_capacity(k)).collect();
    let mut place = 0;
    for label in 0..k {
        for (runs, counts) in runs.iter_mut().zip(counts) {
            let (own, rest) = rows.split_at_mut(counts[label] * dims);
            runs.push(Run { place, rows: own });
            #[expect(clippy::cast_possible_truncation, reason = "places are 32 bits")]
            (place += counts[label] as u32);
            rows = rest;
        }
    }
    runs
}

/// Writes the points of a part, from `tile` on, to the runs of their labels, and notes their places.
fn scatter(from: &Matrix, tile: usize, labels: &[u32], runs: &mut [Run<'_>], places: &mut [u32]) {
    let dims = from.dims();
    let mut points = vec![0.0; dims * TILE];
    for (t, (labels, places)) in labels.chunks(TILE).zip(places.chunks_mut(TILE)).enumerate() {
        rows_of(from.tile(tile + t), &mut points);
        for ((point, &label), place) in points.chunks_exact(dims).zip(labels).zip(places) {
            let run = &mut runs[label as usize];
            let (row, rest) = std::mem::take(&mut run.rows).split_at_mut(dims);
            row.copy_from_slice(point);
            (*place, run.rows) = (run.place, rest);
            run.place += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Weights;
    use ndarray::Array2;

    #[test]
    fn points_go_to_their_labels_and_keep_their_order() {
        for (count, k) in [(1, 1), (64, 3), (65, 2), (40_000, 7)] {
            let x = Array2::from_shape_fn((count, 3), |(i, j)| ((i * 31 + j * 17) % 101) as f32 / 7.0);
            let weights = Weights::new(&(0..count).map(|i| 1.0 + (i % 50) as f64).collect::<Vec<_>>()).unwrap();
            let from = Matrix::learn(&x.view(), Some(weights)).unwrap().0;
            let labels: Vec<u32> = (0..count).map(|i| u32::try_from(i * 7 / 3 % k).unwrap()).collect();
            let mut order: Vec<usize> = (0..count).collect();
            order.sort_by_key(|&i| labels[i]);
            let mut to = Reordered::like(&from).unwrap();
            to.sort(&from, &labels, k);
            for (place, &i) in order.iter().enumerate() {
                assert_eq!(to.places[i] as usize, place);
                assert!(from.point(i).eq(to.matrix.point(place)));
                assert_eq!(from.weight(i), to.matrix.weight(place));
                let square: f64 = from.point(i).map(|q| (q as f64 / f64::from(from.frame().scale())).powi(2)).sum();
                assert!(
                    f64::from(to.squares[place]) >= square && to.matrix.norm(place / TILE) >= to.squares[place].sqrt()
                );
            }
            assert_eq!(to.matrix.squares(), from.squares());
        }
    }
}
