//! A linear regression that finds out by itself how much to shrink: scikit-learn's `BayesianRidge` (MacKay 1992, "Bayesian
//! Interpolation"), from sums of products alone.

use crate::linear::eigen;

/// scikit-learn's defaults: the parameters of both gamma priors, the rounds, and the change of all coefficients together
/// that ends them.
const PRIOR: f64 = 1e-6;
const ROUNDS: usize = 300;
const TOLERANCE: f64 = 1e-3;

/// What counts as no spread of a direction beside the columns that it is made of: their products are known to about 2^-50.
const NOTHING: f64 = 1.0 / (1u64 << 44) as f64;

/// Sums of products over `rows` rows, each number taken from its mean.
pub(super) struct Products {
    pub(super) rows: f64,
    /// Of the columns with each other `[dims x dims]`.
    pub(super) columns: Vec<f64>,
    /// Of the columns with what is looked for `[dims]`.
    pub(super) target: Vec<f64>,
    /// Of what is looked for with itself.
    pub(super) square: f64,
}

/// The regression in the directions in which the columns do not depend on each other.
struct Directions {
    vectors: Vec<f64>,
    /// The sum of squares along each, and the sum of products with what is looked for.
    squares: Vec<f64>,
    target: Vec<f64>,
}

impl Products {
    /// The coefficients `[dims]`; 0 where the numbers leave what an f64 can hold.
    pub(super) fn regress(self) -> Vec<f64> {
        let dims = self.target.len();
        let (rows, square) = (self.rows, self.square);
        let along = Directions::new(self);
        let mut precision = 1.0 / (square / rows + f64::EPSILON); // of the noise, `alpha_` in scikit-learn
        let mut shrink = 1.0; // `lambda_`
        let mut before: Option<Vec<f64>> = None;
        for _ in 0..ROUNDS {
            let steps = along.solve(shrink / precision);
            let coefficients = along.back(&steps);
            let known: f64 = along.squares.iter().map(|s| precision * s / (shrink + precision * s)).sum();
            let size: f64 = steps.iter().map(|w| w * w).sum();
            let error = (square - along.explained(&steps)).max(0.0);
            shrink = (known + 2.0 * PRIOR) / (size + 2.0 * PRIOR);
            precision = (rows - known + 2.0 * PRIOR) / (error + 2.0 * PRIOR);
            let change = |old: &Vec<f64>| old.iter().zip(&coefficients).map(|(a, b)| (a - b).abs()).sum::<f64>();
            if before.as_ref().is_some_and(|old| change(old) < TOLERANCE) {
                break;
            }
            before = Some(coefficients);
        }
        let found = along.back(&along.solve(shrink / precision));
        if found.iter().all(|c| c.is_finite()) { found } else { vec![0.0; dims] }
    }
}

impl Directions {
    /// A direction whose sum of squares is nothing but rounding is left out, as if it were constant.
    fn new(products: Products) -> Self {
        let dims = products.target.len();
        let sizes: Vec<f64> = (0..dims).map(|a| products.columns[a * dims + a].max(0.0).sqrt()).collect();
        let (mut squares, vectors) = eigen(products.columns, dims);
        let mut target = Vec::with_capacity(dims);
        for (square, vector) in squares.iter_mut().zip(vectors.chunks_exact(dims.max(1))) {
            let made_of: f64 = vector.iter().zip(&sizes).map(|(v, s)| v.abs() * s).sum();
            let there = *square > NOTHING * made_of * made_of;
            *square = if there { *square } else { 0.0 };
            let along: f64 = vector.iter().zip(&products.target).map(|(v, t)| v * t).sum();
            target.push(if there { along } else { 0.0 });
        }
        Self { vectors, squares, target }
    }

    /// The coefficient of each direction.
    fn solve(&self, ridge: f64) -> Vec<f64> {
        self.target.iter().zip(&self.squares).map(|(t, s)| if *t == 0.0 { 0.0 } else { t / (s + ridge) }).collect()
    }

    /// How much of the sum of squares they explain.
    fn explained(&self, steps: &[f64]) -> f64 {
        steps.iter().zip(&self.target).zip(&self.squares).map(|((w, t), s)| w * (2.0 * t - s * w)).sum()
    }

    /// The coefficient of each column.
    fn back(&self, steps: &[f64]) -> Vec<f64> {
        let mut coefficients = vec![0.0; steps.len()];
        for (w, vector) in steps.iter().zip(self.vectors.chunks_exact(steps.len().max(1))) {
            coefficients.iter_mut().zip(vector).for_each(|(c, v)| *c += w * v);
        }
        coefficients
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found() {
        // y = 2 a over a = -1, 0, 1 a hundred times
        let products = Products { rows: 300.0, columns: vec![200.0], target: vec![400.0], square: 800.0 };
        let found = products.regress();
        assert!((found[0] - 2.0).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn twins_share_what_one_would_get() {
        let products = Products { rows: 300.0, columns: vec![200.0; 4], target: vec![400.0; 2], square: 800.0 };
        let found = products.regress();
        assert!(found.iter().all(|c| (c - 1.0).abs() < 1e-6), "{found:?}");
    }

    #[test]
    fn what_no_number_holds_gets_no_coefficient() {
        let products = Products { rows: 3.0, columns: vec![f64::INFINITY], target: vec![f64::INFINITY], square: 1.0 };
        assert_eq!(products.regress(), [0.0]);
    }
}
