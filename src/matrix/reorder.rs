//! The points of a matrix in another order, so that tiles hold points that belong together.

use super::aligned::Aligned;
use super::{Matrix, TILE, no_room, round_up};
use crate::error::Result;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::OnceLock;

/// No more threads share the work: each of them reads all points.
const MOST_PARTS: usize = 8;

/// A matrix of the same points in another order.
#[derive(Debug)]
pub struct Reordered {
    /// The points.
    pub matrix: Matrix,
    /// The squared norm of each point, rounded up, padded to whole tiles.
    pub squares: Vec<f32>,
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
        let squares = OnceLock::from(matrix.squares());
        let to = Matrix { count, frame, values, norms: vec![0.0; tiles], weights, squares };
        Ok(Self { matrix: to, squares: vec![0.0; tiles * TILE] })
    }

    /// Puts each row `i` of `from` at `places[i]`; every place below the count is named once.
    ///
    /// Rows are read in their order and written where they belong: the few tiles that are being filled at a time stay in
    /// cache, one for each run of neighbouring places.
    pub fn fill(&mut self, from: &Matrix, places: &[u32]) {
        let tiles = self.matrix.tiles();
        let length = self.matrix.dims() * TILE;
        let part = tiles.div_ceil(rayon::current_num_threads().min(MOST_PARTS)).max(1);
        let values = self.matrix.values.values_mut().par_chunks_mut(part * length);
        let parts = values.zip(self.squares.par_chunks_mut(part * TILE)).zip(self.matrix.norms.par_chunks_mut(part));
        parts.enumerate().for_each(|(i, ((values, squares), norms))| {
            let here = i * part * TILE..(i * part + norms.len()) * TILE;
            scatter(from, places, &here, values, squares);
            for (norm, squares) in norms.iter_mut().zip(squares.chunks_exact(TILE)) {
                *norm = round_up(f64::from(squares.iter().fold(0.0f32, |a, &b| a.max(b))).sqrt());
            }
        });
        if let (Some(to), Some(from)) = (&mut self.matrix.weights, &from.weights) {
            to.place(from, places);
        }
    }
}

/// Writes the rows whose place is in `here` to their tiles, and their squared norms.
fn scatter(from: &Matrix, places: &[u32], here: &Range<usize>, values: &mut [f32], squares: &mut [f32]) {
    let length = from.dims() * TILE;
    for (t, places) in places.chunks(TILE).enumerate() {
        let tile = from.tile(t);
        for (lane, &place) in places.iter().enumerate().filter(|(_, place)| here.contains(&(**place as usize))) {
            let at = place as usize - here.start;
            let to = &mut values[at / TILE * length..][..length];
            let mut square = 0.0f64;
            for (to, from) in to.chunks_exact_mut(TILE).zip(tile.chunks_exact(TILE)) {
                to[at % TILE] = from[lane];
                square += f64::from(from[lane]) * f64::from(from[lane]);
            }
            squares[at] = round_up(square);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Weights;
    use ndarray::Array2;

    #[test]
    fn rows_go_where_they_are_sent() {
        for count in [1, 64, 65, 1000] {
            let x = Array2::from_shape_fn((count, 3), |(i, j)| ((i * 31 + j * 17) % 101) as f32 / 7.0);
            let weights = Weights::new(&(0..count).map(|i| 1.0 + i as f64).collect::<Vec<_>>()).unwrap();
            let from = Matrix::learn(&x.view(), Some(weights)).unwrap().0;
            let places: Vec<u32> = (0..count).map(|i| u32::try_from((i * 7 + 3) % count).unwrap()).collect();
            let mut to = Reordered::like(&from).unwrap();
            to.fill(&from, &places);
            for (i, &place) in places.iter().enumerate() {
                let place = place as usize;
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
