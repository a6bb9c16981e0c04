//! Small dense linear algebra: eigenvalues of a symmetric matrix by Jacobi's rotations, in a fixed order.
//!
//! Not the fastest way, but the one that keeps the small eigenvalues of columns of unlike size as exact as the large ones
//! (Demmel and Veselic 1992), and it needs nothing but square roots, so it gives the same bits everywhere.

/// Sweeps over all pairs; about eight are enough for hundreds of columns.
const SWEEPS: usize = 40;

/// The eigenvalues of a symmetric positive semidefinite matrix `[dims x dims]`, and their vectors, one a row.
pub(crate) fn eigen(mut matrix: Vec<f64>, dims: usize) -> (Vec<f64>, Vec<f64>) {
    let mut vectors = vec![0.0; dims * dims];
    (0..dims).for_each(|i| vectors[i * dims + i] = 1.0);
    for _ in 0..SWEEPS {
        let mut turned = false;
        for p in 0..dims {
            for q in p + 1..dims {
                if let Some((cos, sin)) = rotation(&matrix, dims, p, q) {
                    turn(&mut matrix, dims, (p, q), (cos, sin));
                    mix(&mut vectors, dims, (p, q), (cos, sin));
                    turned = true;
                }
            }
        }
        if !turned {
            break;
        }
    }
    ((0..dims).map(|i| matrix[i * dims + i].max(0.0)).collect(), vectors)
}

/// Cosine and sine of the rotation that makes an element 0, if it is not as good as 0 beside its diagonal.
fn rotation(matrix: &[f64], dims: usize, p: usize, q: usize) -> Option<(f64, f64)> {
    let (pp, qq, pq) = (matrix[p * dims + p], matrix[q * dims + q], matrix[p * dims + q]);
    let size = pp.max(0.0).sqrt() * qq.max(0.0).sqrt();
    if !pq.is_finite() || size.is_nan() || pq.abs() <= f64::EPSILON * size {
        return None;
    }
    let slope = (qq - pp) / (2.0 * pq);
    let tan = 1.0f64.copysign(slope) / (slope.abs() + (slope * slope + 1.0).sqrt());
    let cos = 1.0 / (tan * tan + 1.0).sqrt();
    Some((cos, tan * cos))
}

/// Rotates rows and columns `p` and `q` of a symmetric matrix, whose element there becomes 0.
fn turn(matrix: &mut [f64], dims: usize, (p, q): (usize, usize), (cos, sin): (f64, f64)) {
    let (pp, qq, pq) = (matrix[p * dims + p], matrix[q * dims + q], matrix[p * dims + q]);
    let moved = sin / cos * pq;
    mix(matrix, dims, (p, q), (cos, sin));
    for k in 0..dims {
        matrix[k * dims + p] = matrix[p * dims + k];
        matrix[k * dims + q] = matrix[q * dims + k];
    }
    matrix[p * dims + p] = pp - moved;
    matrix[q * dims + q] = qq + moved;
    matrix[p * dims + q] = 0.0;
    matrix[q * dims + p] = 0.0;
}

/// Rotates rows `p` and `q`, `p` before `q`.
fn mix(rows: &mut [f64], dims: usize, (p, q): (usize, usize), (cos, sin): (f64, f64)) {
    let (upper, lower) = rows.split_at_mut(q * dims);
    for (a, b) in upper[p * dims..(p + 1) * dims].iter_mut().zip(&mut lower[..dims]) {
        (*a, *b) = (cos * *a - sin * *b, sin * *a + cos * *b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers from 0 to 1 that look random (the golden ratio's multiples, squared first).
    fn drawn(count: usize) -> impl Iterator<Item = f64> {
        (1..=count).map(|i| ((i * i) as f64 * 0.618_033_988_749_895).fract())
    }

    #[test]
    fn values_and_vectors_rebuild_the_matrix() {
        for dims in [1, 2, 3, 20] {
            let factor: Vec<f64> = drawn(dims * dims).map(|u| u - 0.5).collect();
            let product =
                |i: usize, j: usize| (0..dims).map(|k| factor[i * dims + k] * factor[j * dims + k]).sum::<f64>();
            let matrix: Vec<f64> = (0..dims * dims).map(|at| product(at / dims, at % dims)).collect();
            let (values, vectors) = eigen(matrix.clone(), dims);
            for (at, expected) in matrix.iter().enumerate() {
                let (i, j) = (at / dims, at % dims);
                let sum: f64 = (0..dims).map(|k| values[k] * vectors[k * dims + i] * vectors[k * dims + j]).sum();
                assert!((sum - expected).abs() < 1e-13, "{dims}: {i}, {j}");
            }
        }
    }

    #[test]
    fn small_eigenvalues_keep_their_digits() {
        let (values, _) = eigen(vec![1e20, 1e9, 1e9, 1.0], 2);
        assert!((values[1] / 0.99 - 1.0).abs() < 1e-14, "{values:?}");
    }

    #[test]
    fn what_is_not_finite_ends_too() {
        assert_eq!(eigen(vec![f64::INFINITY; 9], 3).0.len(), 3);
        assert_eq!(eigen(vec![f64::NAN; 9], 3).0.len(), 3);
    }
}
