//! Points without groups: what a clustering of the data is compared with.
//!
//! Tibshirani, Walther & Hastie (2001, section 3) draw the points of a reference evenly from a box that just holds the
//! data: (a) with its sides along the columns, or (b) along the principal components. It is (b) here. With (a) every
//! correlation looks like groups: on one correlated Gaussian cloud in 6 dimensions (a) found 8 of them, (b) one; where the
//! columns are independent they agree. Beyond [`MOST_AXES`] columns components would take longer than the fits, and the
//! sides lie along the columns.
//!
//! All is measured in the frame of the matrix, in a fixed order of operations.

use super::draws::uniform;
use crate::linear::eigen;
use crate::matrix::Matrix;
use ndarray::Array2;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Columns up to which the box lies along the principal components: work grows with their cube.
const MOST_AXES: usize = 256;

/// A box that just holds some points.
#[derive(Debug)]
pub(super) struct Surroundings {
    dims: usize,
    mean: Vec<f64>,
    /// The directions of the sides `[dims x dims]`, one a row; empty if they are those of the columns.
    axes: Vec<f64>,
    /// Where the sides begin and how long they are, from the mean.
    sides: Vec<(f64, f64)>,
}

impl Surroundings {
    /// The box around the points of a matrix.
    pub(super) fn of(matrix: &Matrix) -> Self {
        let dims = matrix.dims();
        let mut columns = columns(matrix);
        let weights: Vec<f64> = (0..matrix.count()).map(|i| matrix.weight(i) as f64).collect();
        let total: f64 = weights.iter().sum();
        let mean_of = |c: &Vec<f64>| c.iter().zip(&weights).map(|(x, w)| x * w).sum::<f64>() / total;
        let mean: Vec<f64> = columns.iter().map(mean_of).collect();
        columns.iter_mut().zip(&mean).for_each(|(c, m)| c.iter_mut().for_each(|x| *x -= m));
        let axes = if dims <= MOST_AXES { eigen(covariance(&columns, &weights), dims).1 } else { Vec::new() };
        let sides = (0..dims).into_par_iter().map(|j| side(&columns, &axes, j)).collect();
        Self { dims, mean, axes, sides }
    }

    /// `rows` points drawn evenly from the box `[rows x dims]`.
    pub(super) fn draw(&self, rows: usize, rng: &mut ChaCha8Rng) -> Array2<f64> {
        let mut points = Array2::zeros((rows, self.dims));
        let mut drawn = vec![0.0; self.dims];
        for mut point in points.rows_mut() {
            drawn.iter_mut().zip(&self.sides).for_each(|(y, (low, length))| *y = low + length * uniform(rng));
            point.iter_mut().zip(&self.mean).for_each(|(x, m)| *x = *m);
            if self.axes.is_empty() {
                point.iter_mut().zip(&drawn).for_each(|(x, y)| *x += y);
            }
            for (axis, y) in self.axes.chunks_exact(self.dims).zip(&drawn) {
                point.iter_mut().zip(axis).for_each(|(x, a)| *x += a * y);
            }
        }
        points
    }
}

/// The points column by column, in the frame.
fn columns(matrix: &Matrix) -> Vec<Vec<f64>> {
    let scale = f64::from(matrix.frame().scale());
    let mut columns = vec![Vec::with_capacity(matrix.count()); matrix.dims()];
    for i in 0..matrix.count() {
        columns.iter_mut().zip(matrix.point(i)).for_each(|(c, q)| c.push(q as f64 / scale));
    }
    columns
}

/// Sums of products of centred columns `[dims x dims]`; their size does not matter to the directions.
fn covariance(columns: &[Vec<f64>], weights: &[f64]) -> Vec<f64> {
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).zip(weights).map(|((x, y), w)| x * y * w).sum::<f64>();
    let row = |i: usize| columns.iter().map(move |c| product(&columns[i], c)).collect::<Vec<f64>>();
    (0..columns.len()).into_par_iter().flat_map_iter(row).collect()
}

/// Where the points begin along an axis, and how far they reach from there.
fn side(columns: &[Vec<f64>], axes: &[f64], j: usize) -> (f64, f64) {
    let along = if axes.is_empty() {
        columns[j].clone()
    } else {
        let mut along = vec![0.0; columns[0].len()];
        for (column, a) in columns.iter().zip(&axes[j * columns.len()..]) {
            along.iter_mut().zip(column).for_each(|(y, x)| *y += a * x);
        }
        along
    };
    let (low, high) = along.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &y| (l.min(y), h.max(y)));
    (low, high - low)
}

#[cfg(test)]
mod tests {
    use super::super::draws::{Purpose, generator};
    use super::*;

    fn matrix(dims: usize) -> Matrix {
        let mut rng = generator(5, Purpose::Rows, 0);
        let mut x = Array2::from_shape_simple_fn((500, dims), || uniform(&mut rng));
        for mut row in x.rows_mut() {
            row[1] = 10.0 * row[0] + 0.1 * row[1];
        }
        Matrix::learn(&x.view(), None).unwrap().0
    }

    #[test]
    fn a_reference_keeps_to_a_box_along_the_components() {
        let matrix = matrix(3);
        let points = Surroundings::of(&matrix).draw(2_000, &mut generator(1, Purpose::Reference, 1));
        let scale = matrix.frame().length(1.0);
        let off = |row: ndarray::ArrayView1<f64>| {
            let at = |j: usize| row[j] * scale + matrix.frame().offset()[j];
            (at(1) - 10.0 * at(0) - 0.05).abs()
        };
        assert!(points.rows().into_iter().all(|row| off(row) < 0.2), "the narrow direction stays narrow");
        let far = points.column(1).iter().fold(0.0f64, |a, b| a.max(b.abs())) * scale;
        assert!((4.8..5.5).contains(&far), "the long one is filled: {far}");
    }

    #[test]
    fn with_very_many_columns_the_box_lies_along_them() {
        let matrix = matrix(MOST_AXES + 1);
        let box_ = Surroundings::of(&matrix);
        assert!(box_.axes.is_empty());
        let points = box_.draw(300, &mut generator(1, Purpose::Reference, 1));
        let inside = |x: f64, j: usize| {
            x >= box_.mean[j] + box_.sides[j].0 && x <= box_.mean[j] + box_.sides[j].0 + box_.sides[j].1
        };
        assert!(points.indexed_iter().all(|((_, j), x)| inside(*x, j)));
    }
}
