//! The two directions in which customers differ most: principal components (Pearson 1901; Hotelling 1933).
//!
//! They are those of the rows given, a sample, not of all rows: a picture needs no more, and the report says from how many rows
//! they are. Up to [`EXACT_DIMS`] columns all directions come from Jacobi's rotations; above, the two leading ones from power
//! iteration on the rows themselves, so no matrix of columns by columns is made. All sums run in a fixed order.

use super::MOST_POINTS;
use super::view::{Dot, Loading, Projection};
use crate::engine::Centroids;
use crate::linear::eigen;
use crate::matrix::Matrix;
use rayon::prelude::*;

/// Columns up to which all directions are found.
const EXACT_DIMS: usize = 100;

/// Values held at most, 64 MB of them: of more columns, fewer rows are looked at.
const MOST_VALUES: usize = 1 << 23;

/// Rounds of power iteration at most, and the change of a direction that ends them.
const ROUNDS: usize = 200;
const STILL: f64 = 1e-9;

/// Rows, column by column, each column from its mean.
struct Centred {
    rows: usize,
    columns: Vec<Vec<f64>>,
    means: Vec<f64>,
}

/// A direction, and the variance of the rows along it.
type Direction = (Vec<f64>, f64);

impl Projection {
    /// Lays some `rows` of a matrix (ascending), with the `labels` of all its points, on the plane of their two leading
    /// directions; `names` are those of its columns `[dims]`. At most [`MOST_POINTS`] of the rows become points, at even steps.
    ///
    /// Row weights are for the sample to follow; here each row counts once. A direction's largest part is positive.
    #[must_use]
    pub fn new(matrix: &Matrix, rows: &[usize], labels: &[u32], centroids: &Centroids, names: &[String]) -> Self {
        let dims = matrix.dims();
        let rows = thinned(rows, (MOST_VALUES / dims).max(1));
        let centred = Centred::new(matrix, &rows);
        let total: f64 = centred.columns.iter().map(|c| dot(c, c)).sum::<f64>() / centred.rows as f64;
        let [first, second] = if dims <= EXACT_DIMS { centred.all_directions() } else { centred.leading() };
        let directions = [&first.0, &second.0];
        let scale = f64::from(matrix.frame().scale());
        let place = |point: &mut dyn Iterator<Item = i64>| {
            let mut at = [0.0; 2];
            for (j, q) in point.enumerate() {
                let away = q as f64 / scale - centred.means[j];
                at = [at[0] + away * directions[0][j], at[1] + away * directions[1][j]];
            }
            at.map(|x| matrix.frame().length(x))
        };
        let dot_of = |&row: &usize| {
            let [x, y] = place(&mut matrix.point(row));
            Dot { x, y, segment: labels[row] as usize }
        };
        let share = |variance: f64| if total > 0.0 { (variance / total).clamp(0.0, 1.0) } else { 0.0 };
        let loading = |(j, name): (usize, &String)| Loading { feature: name.clone(), parts: directions.map(|d| d[j]) };
        Self {
            points: thinned(&rows, MOST_POINTS).iter().map(dot_of).collect(),
            centroids: centroids.values().chunks_exact(dims).map(|c| place(&mut c.iter().copied())).collect(),
            explained: [share(first.1), share(second.1)],
            loadings: names.iter().take(dims).enumerate().map(loading).collect(),
            rows: rows.len() as u64,
        }
    }
}

/// At most `most` of the rows, at even steps.
fn thinned(rows: &[usize], most: usize) -> Vec<usize> {
    let kept = rows.len().min(most);
    (0..kept).map(|i| rows[i * rows.len() / kept]).collect()
}

impl Centred {
    fn new(matrix: &Matrix, rows: &[usize]) -> Self {
        let scale = f64::from(matrix.frame().scale());
        let mut columns = vec![Vec::with_capacity(rows.len()); matrix.dims()];
        for &row in rows {
            columns.iter_mut().zip(matrix.point(row)).for_each(|(column, q)| column.push(q as f64 / scale));
        }
        let centre = |column: &mut Vec<f64>| {
            let mean = column.iter().sum::<f64>() / rows.len().max(1) as f64;
            column.iter_mut().for_each(|x| *x -= mean);
            mean
        };
        let means = columns.par_iter_mut().map(centre).collect();
        Self { rows: rows.len().max(1), columns, means }
    }

    /// The two leading directions of all, by the covariance.
    fn all_directions(&self) -> [Direction; 2] {
        let dims = self.columns.len();
        let products = (0..dims * dims).into_par_iter().map(|at| {
            let (i, j) = (at / dims, at % dims);
            dot(&self.columns[i.min(j)], &self.columns[i.max(j)]) / self.rows as f64
        });
        let (values, vectors) = eigen(products.collect(), dims);
        let mut order: Vec<usize> = (0..dims).collect();
        order.sort_by(|a, b| values[*b].total_cmp(&values[*a]).then(a.cmp(b)));
        [0, 1].map(|at| match order.get(at) {
            Some(&i) => (turned(vectors[i * dims..(i + 1) * dims].to_vec()), values[i]),
            None => (vec![0.0; dims], 0.0),
        })
    }

    /// The two leading directions, one after the other, by power iteration (von Mises 1929).
    fn leading(&self) -> [Direction; 2] {
        let first = self.strongest(None);
        let second = self.strongest(Some(&first.0));
        [first, second]
    }

    /// The direction of most variance among those at right angles to `other`.
    fn strongest(&self, other: Option<&[f64]>) -> Direction {
        let widest = |a: &usize, b: &usize| {
            let [a2, b2] =
                [*a, *b].map(|j| dot(&self.columns[j], &self.columns[j]) * (1.0 - other.map_or(0.0, |o| o[j] * o[j])));
            a2.total_cmp(&b2).then(b.cmp(a))
        };
        let start = (0..self.columns.len()).max_by(widest).unwrap_or(0);
        let mut direction = vec![0.0; self.columns.len()];
        direction[start] = 1.0;
        let mut variance = 0.0;
        for _ in 0..ROUNDS {
            let mut next = self.stretched(&direction);
            if let Some(other) = other {
                let along = dot(&next, other);
                next.iter_mut().zip(other).for_each(|(n, o)| *n -= along * o);
            }
            variance = dot(&next, &next).sqrt();
            if variance == 0.0 || !variance.is_finite() {
                return (vec![0.0; direction.len()], 0.0);
            }
            next.iter_mut().for_each(|n| *n /= variance);
            let moved = next.iter().zip(&direction).fold(0.0f64, |m, (a, b)| m.max((a - b).abs()));
            direction = next;
            if moved < STILL {
                break;
            }
        }
        (turned(direction), variance)
    }

    /// The covariance times a direction, by way of the rows.
    fn stretched(&self, direction: &[f64]) -> Vec<f64> {
        const BLOCK: usize = 256;
        let mut along = vec![0.0; self.rows];
        along.par_chunks_mut(BLOCK).enumerate().for_each(|(block, along)| {
            for (column, d) in self.columns.iter().zip(direction) {
                along.iter_mut().zip(&column[block * BLOCK..]).for_each(|(a, x)| *a += d * x);
            }
        });
        self.columns.par_iter().map(|column| dot(column, &along) / self.rows as f64).collect()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The direction with its largest part positive; of equals, the first decides.
fn turned(mut direction: Vec<f64>) -> Vec<f64> {
    let largest = direction.iter().fold(0.0f64, |m, d| if d.abs() > m.abs() { *d } else { m });
    if largest < 0.0 {
        direction.iter_mut().for_each(|d| *d = -*d);
    }
    direction
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    /// Points that spread by 3 along one direction, by 1 along another and by a tenth along the rest.
    fn points(count: usize, dims: usize) -> Array2<f64> {
        let drawn = |i: usize, j: usize| {
            ((i * 7 + j * 131 + i * i * 13 + i * j * 29) as f64 * 0.618_033_988_749_895).fract() - 0.5
        };
        Array2::from_shape_fn((count, dims), |(i, j)| match j {
            0 => 5.0 + 3.0 * drawn(i, 0) - drawn(i, 1),
            1 => 3.0 * drawn(i, 0) + drawn(i, 1),
            _ => 0.1 * drawn(i, j),
        })
    }

    fn projection(count: usize, dims: usize) -> (Matrix, Projection) {
        let matrix = Matrix::learn(&points(count, dims).view(), None).unwrap().0;
        let rows: Vec<usize> = (0..count).collect();
        let labels: Vec<u32> = (0..3).cycle().take(count).collect();
        let centroids = Centroids::new(dims, matrix.point(5).collect());
        let names: Vec<String> = (0..dims).map(|j| format!("f{j}")).collect();
        let projection = Projection::new(&matrix, &rows, &labels, &centroids, &names);
        (matrix, projection)
    }

    #[test]
    fn the_leading_directions_are_found_both_ways() {
        for dims in [2, 10, 150] {
            let (_, p) = projection(900, dims);
            let parts = |j: usize| p.loadings[j].parts;
            let half = 0.5f64.sqrt();
            assert!((parts(0)[0] - half).abs() < 0.05 && (parts(1)[0] - half).abs() < 0.05, "{dims}: {:?}", parts(0));
            assert!(
                (parts(0)[1].abs() - half).abs() < 0.05 && parts(0)[1] * parts(1)[1] < 0.0,
                "{dims}: {:?}",
                parts(1)
            );
            assert!(p.explained[0] > p.explained[1] && p.explained[0] + p.explained[1] <= 1.0 + 1e-12);
        }
    }

    #[test]
    fn power_iteration_agrees_with_jacobi() {
        let matrix = Matrix::learn(&points(500, 12).view(), None).unwrap().0;
        let centred = Centred::new(&matrix, &(0..500).collect::<Vec<_>>());
        for (exact, found) in centred.all_directions().iter().zip(&centred.leading()) {
            assert!((exact.1 / found.1 - 1.0).abs() < 1e-9);
            assert!(exact.0.iter().zip(&found.0).all(|(a, b)| (a - b).abs() < 1e-6));
        }
    }

    #[test]
    fn a_centroid_lies_where_its_point_does() {
        let (_, p) = projection(100, 4);
        assert_eq!(p.centroids[0], [p.points[5].x, p.points[5].y]);
        assert_eq!(p.points[5].segment, 2);
    }

    #[test]
    fn one_column_and_equal_rows_have_a_place_too() {
        let (_, one) = projection(50, 1);
        assert_eq!((one.explained, one.points[7].y), ([1.0, 0.0], 0.0));
        let equal = Matrix::learn(&Array2::from_elem((9, 3), 2.0).view(), None).unwrap().0;
        let centroids = Centroids::new(3, vec![0; 3]);
        let p = Projection::new(&equal, &[0, 4, 8], &[0; 9], &centroids, &["a".into(), "b".into(), "c".into()]);
        assert_eq!((p.explained, p.points.len()), ([0.0, 0.0], 3));
        assert!(p.points.iter().all(|d| d.x == 0.0 && d.y == 0.0));
    }

    #[test]
    fn no_more_points_than_can_be_drawn() {
        let (_, p) = projection(7_000, 2);
        assert_eq!((p.points.len(), p.rows), (MOST_POINTS, 7_000));
    }
}
