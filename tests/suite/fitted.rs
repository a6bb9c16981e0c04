//! Whole fits for tests: the judge and the CPU engine must agree on every one of them.

use crate::judge::answers;
use ethnum::U256;
use ndarray::Array2;
use segma::engine::cpu::Cpu;
use segma::engine::exact::{Exact, nearest};
use segma::kmeans::{Fit, Init, Params, Quiet, fit};
use segma::matrix::{Matrix, Weights};

/// A matrix without weights.
pub(crate) fn matrix(x: &Array2<f64>) -> Matrix {
    Matrix::learn(&x.view(), None).unwrap().0
}

/// A matrix with weights.
pub(crate) fn weighted(x: &Array2<f64>, weights: &[f64]) -> Matrix {
    Matrix::learn(&x.view(), Some(Weights::new(weights).unwrap())).unwrap().0
}

/// One column of numbers.
pub(crate) fn column(values: &[f64]) -> Array2<f64> {
    Array2::from_shape_vec((values.len(), 1), values.to_vec()).unwrap()
}

/// Rows as many times as said.
pub(crate) fn repeated(x: &Array2<f64>, times: &[usize]) -> Array2<f64> {
    let rows: Vec<usize> = times.iter().enumerate().flat_map(|(i, &n)| vec![i; n]).collect();
    rows_of(x, &rows)
}

/// The rows of these numbers, in this order.
pub(crate) fn rows_of(x: &Array2<f64>, rows: &[usize]) -> Array2<f64> {
    x.select(ndarray::Axis(0), rows)
}

/// Parameters that start at these rows of a table.
pub(crate) fn from_rows(x: &Array2<f64>, rows: &[usize]) -> Params {
    Params::new(rows.len()).init(Init::Given(rows_of(x, rows)))
}

/// A fit by the CPU engine that the judge confirms byte for byte.
#[track_caller]
pub(crate) fn fitted(matrix: &Matrix, params: Params) -> Fit {
    let params = params.check().unwrap();
    let fast = fit(&Cpu::new().unwrap(), matrix, &params, &mut Quiet).unwrap();
    let judge = fit(&Exact, matrix, &params, &mut Quiet).unwrap();
    assert_eq!(fast.labels, judge.labels);
    assert_eq!((&fast.centroids, &fast.counts, fast.inertia), (&judge.centroids, &judge.counts, judge.inertia));
    assert_eq!((fast.iterations, fast.converged), (judge.iterations, judge.converged));
    consistent(matrix, &fast);
    fast
}

/// Labels, counts, weights and inertia belong to the same centroids: those of the result.
fn consistent(matrix: &Matrix, fit: &Fit) {
    let k = fit.centroids.k();
    let (mut counts, mut weights, mut inertia) = (vec![0; k], vec![0; k], U256::ZERO);
    for (row, &label) in fit.labels.iter().enumerate() {
        let point: Vec<i64> = matrix.point(row).collect();
        let best = nearest(&point, &fit.centroids, 0..k);
        assert_eq!(best.index, label as usize, "row {row} is not where predict would put it");
        counts[best.index] += 1;
        weights[best.index] += matrix.weight(row);
        inertia += U256::from(best.distance2) * U256::from(matrix.weight(row));
    }
    assert_eq!((&counts, &weights, inertia), (&fit.counts, &fit.weights, fit.inertia));
    assert!(weights.iter().all(|w| *w > 0), "an empty cluster was kept");
}

/// What predict gives for rows on the frame of a fit.
pub(crate) fn predicted(x: &Array2<f64>, matrix: &Matrix, fit: &Fit) -> Vec<u32> {
    let rows = Matrix::on_frame(&x.view(), matrix.frame()).unwrap();
    answers(&Cpu::new().unwrap(), &rows, &[vec![fit.centroids.clone()]])[0][0].labels.clone()
}

/// The inertia in the units of the matrix.
pub(crate) fn inertia(fit: &Fit, matrix: &Matrix) -> f64 {
    matrix.frame().length2(fit.inertia.as_f64())
}

/// The cluster of `b` that each cluster of `a` is, given that both label the same rows the same way.
#[track_caller]
pub(crate) fn same_partition(a: &[u32], b: &[u32], what: &str) -> Vec<usize> {
    assert_eq!(a.len(), b.len(), "{what}");
    let k = 1 + *a.iter().max().unwrap() as usize;
    let mut map = vec![usize::MAX; k];
    for (row, (&a, &b)) in a.iter().zip(b).enumerate() {
        let to = &mut map[a as usize];
        if *to == usize::MAX {
            *to = b as usize;
        }
        assert_eq!(*to, b as usize, "row {row} moved: {what}");
    }
    let mut used = map.clone();
    used.sort_unstable();
    used.dedup();
    assert_eq!(used.len(), k, "clusters merged: {what}");
    map
}
