//! Some points of a matrix, as a matrix of their own.

use super::aligned::{Aligned, Tiles};
use super::{Matrix, TILE, Weights, no_room, point_squares, round_up};
use crate::error::Result;
use crate::store::Store;
use std::sync::OnceLock;

impl Matrix {
    /// The points `rows`, in that order, on the same frame; a row may come more than once. The grid of the frame leaves room for
    /// sums over as much weight as the matrix has, so the picked points should not have more.
    ///
    /// # Errors
    /// [`crate::error::Error::Memory`] if there is no room for them.
    ///
    /// # Panics
    /// If a row is not one of the matrix, or `weights` are not as many as `rows`.
    pub fn pick(&self, rows: &[usize], weights: Option<Weights>) -> Result<Self> {
        assert!(weights.as_ref().is_none_or(|w| w.values().len() == rows.len()), "a weight for each row");
        let (count, dims, tiles) = (rows.len(), self.dims(), rows.len().div_ceil(TILE));
        let mut values = Aligned::zeros(tiles * dims * TILE).ok_or_else(|| no_room(count, dims))?;
        let mut norms = vec![0.0; tiles];
        let some = values.values_mut().chunks_mut(dims * TILE).zip(&mut norms).zip(rows.chunks(TILE));
        for ((tile, norm), rows) in some {
            for (lane, &row) in rows.iter().enumerate() {
                let from = self.tile(row / TILE);
                (0..dims).for_each(|j| tile[j * TILE + lane] = from[j * TILE + row % TILE]);
            }
            let longest = point_squares(tile).into_iter().fold(0.0, f64::max);
            *norm = round_up(f64::from(round_up(longest)).sqrt());
        }
        let (frame, values, store) = (self.frame.clone(), Tiles::InMemory(values), Store::default());
        Ok(Self { count, frame, values, norms, weights, squares: OnceLock::new(), store })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picked_points_are_the_same_points_on_the_same_frame() {
        let x = ndarray::Array2::from_shape_fn((200, 3), |(i, j)| (i * (j + 1)) as f64 - 70.0);
        let matrix = Matrix::learn(&x.view(), None).unwrap().0;
        let rows: Vec<usize> = (0..130).map(|i| (i * 37) % 200).chain([5, 5]).collect();
        let picked = matrix.pick(&rows, None).unwrap();
        assert_eq!((picked.count(), picked.frame()), (132, matrix.frame()));
        for (at, &row) in rows.iter().enumerate() {
            assert!(picked.point(at).eq(matrix.point(row)), "row {row}");
        }
        for t in 0..picked.tiles() {
            let longest = point_squares(picked.tile(t)).into_iter().fold(0.0, f64::max).sqrt();
            assert!(f64::from(picked.norm(t)) >= longest && f64::from(picked.norm(t)) <= longest * 1.001);
        }
    }
}
