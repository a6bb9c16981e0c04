//! Missing values filled by regression on the other columns, in rounds: scikit-learn's
//! `IterativeImputer(estimator=BayesianRidge(), max_iter=10, tol=1e-3)` (after van Buuren and Groothuis-Oudshoorn 2011,
//! "mice").
//!
//! Gaps start as the mean. Then the columns, the one with the fewest gaps first, are each regressed on all others over the
//! rows that have a value, and their gaps are filled with what the regression says; that makes a round. Rounds end when one
//! changes little, or after ten. The regressions stay in the model, round by round, and a new row goes through them all.
//!
//! scikit-learn's regression works on the rows; this one on sums of their products (`gram.rs`), which have no order. So the
//! coefficients differ from scikit-learn's in the last digits, and a row of weight 3 counts exactly as three. Weights are
//! taken in units of the largest that divides them all, as in `quantile.rs`.

mod gram;
mod ridge;

use super::stream::Stream;
use super::sums::{spread, unit, unit_exponent};
use crate::matrix::power::scale2;
use gram::{Gram, Placed};
use rayon::prelude::*;
use ridge::Products;
use serde::{Deserialize, Serialize};

/// Rounds at most, and the change that ends them beside the largest value: scikit-learn's defaults.
const ROUNDS: usize = 10;
const TOLERANCE: f64 = 1e-3;

/// Learnt regressions of each column on the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Iterative {
    /// What a gap starts as, `[dims]`.
    means: Vec<f64>,
    /// The regressions in the order in which they are used, round by round.
    steps: Vec<Step>,
}

/// How one column follows from the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    column: usize,
    intercept: f64,
    /// Of the other columns, in their order.
    coefficients: Vec<f64>,
}

/// What was learnt, and how it ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Learnt {
    pub(crate) iterative: Iterative,
    /// The rounds taken.
    pub(crate) rounds: usize,
    /// Whether the last of them changed little.
    pub(crate) converged: bool,
}

impl Iterative {
    /// Learns from columns `[dims][points]` with weights (in total below 2^62); `None` if one of them has no values, or there
    /// is none.
    pub(crate) fn learn(columns: &[&[f64]], weights: Option<&[u64]>) -> Option<Learnt> {
        let mut table = Table::new(columns, weights)?;
        let means = table.places.iter().map(|p| p.mean).collect();
        let (mut steps, mut rounds, mut converged) = (Vec::new(), 0, columns.len() == 1);
        while rounds < ROUNDS && !converged {
            let before = table.rows.clone();
            for column in table.order.clone() {
                let step = table.regress(column);
                table.fill(&step);
                steps.push(step);
            }
            rounds += 1;
            converged = table.change(&before) < TOLERANCE * table.largest;
        }
        Some(Learnt { iterative: Self { means, steps }, rounds, converged })
    }

    /// Columns.
    pub(crate) fn dims(&self) -> usize {
        self.means.len()
    }

    /// Fills the missing values of a row `[dims]`.
    pub(crate) fn fill(&self, row: &mut [f64]) {
        let missing: Vec<bool> = row.iter().map(|v| v.is_nan()).collect();
        if !missing.contains(&true) {
            return;
        }
        row.iter_mut().zip(&self.means).filter(|(v, _)| v.is_nan()).for_each(|(v, mean)| *v = *mean);
        for step in self.steps.iter().filter(|step| missing[step.column]) {
            row[step.column] = step.value(row, self.means[step.column]);
        }
    }

    /// Checks what was read from a file.
    ///
    /// # Errors
    /// What does not fit together.
    pub(crate) fn validate(&self) -> Result<(), String> {
        let dims = self.means.len();
        let numbers = self.steps.iter().flat_map(|s| s.coefficients.iter().chain([&s.intercept]));
        if !self.means.iter().chain(numbers).all(|v| v.is_finite()) {
            return Err("means, intercepts and coefficients must be finite".into());
        }
        match self.steps.iter().position(|s| s.column >= dims || s.coefficients.len() + 1 != dims) {
            Some(at) => Err(format!("steps[{at}]: does not fit {dims} columns")),
            None => Ok(()),
        }
    }
}

impl Step {
    /// What the regression says of a row without gaps; the mean where that is no number.
    fn value(&self, row: &[f64], mean: f64) -> f64 {
        let others = row[..self.column].iter().chain(&row[self.column + 1..]);
        let value = others.zip(&self.coefficients).map(|(x, c)| x * c).sum::<f64>() + self.intercept;
        if value.is_finite() { value } else { mean }
    }
}

/// Where a column lies: `(v - mean) * 2^exponent` is below 1/8 for the values that are there.
struct Place {
    mean: f64,
    exponent: i32,
}

impl Place {
    fn of(&self, value: f64) -> f64 {
        scale2(value, self.exponent) - scale2(self.mean, self.exponent)
    }
}

/// The rows that are learnt from, filled so far.
struct Table {
    dims: usize,
    /// `[points x dims]`
    rows: Vec<f64>,
    /// The rows where each column has a gap.
    gaps: Vec<Vec<usize>>,
    /// The weight of the rows where each column has a value.
    present: Vec<u64>,
    /// The columns, fewest gaps first.
    order: Vec<usize>,
    /// The largest magnitude that was there.
    largest: f64,
    places: Vec<Place>,
    placed: Placed,
    gram: Gram,
}

impl Table {
    fn new(columns: &[&[f64]], weights: Option<&[u64]>) -> Option<Self> {
        let dims = columns.len();
        let one = unit(weights.unwrap_or_default());
        let kept: Vec<usize> = (0..columns.first()?.len()).filter(|&i| weights.is_none_or(|w| w[i] > 0)).collect();
        let weights: Vec<u64> = kept.iter().map(|&i| weights.map_or(1, |w| w[i] / one)).collect();
        let columns: Vec<Vec<f64>> = columns.iter().map(|c| kept.iter().map(|&i| c[i] + 0.0).collect()).collect();
        let spreads: Vec<_> = columns.iter().map(|c| spread(c, Some(&weights))).collect::<Option<_>>()?;
        let place = |s: &super::sums::Spread| Place { mean: s.mean, exponent: unit_exponent(s.low, s.high) - 3 };
        let places: Vec<Place> = spreads.iter().map(place).collect();
        let present: Vec<u64> = columns.iter().map(|c| c.extent(Some(&weights)).weight).collect();
        let mut order: Vec<usize> = (0..dims).collect();
        order.sort_by_key(|&j| std::cmp::Reverse(present[j]));
        let gaps = columns.iter().map(|c| (0..c.len()).filter(|&i| c[i].is_nan()).collect()).collect();
        let filled = |i: usize, j: usize| if columns[j][i].is_nan() { places[j].mean } else { columns[j][i] };
        let rows = (0..kept.len()).flat_map(|i| (0..dims).map(move |j| (i, j))).map(|(i, j)| filled(i, j));
        let rows: Vec<f64> = rows.collect();
        let ones = |row: &[f64]| places.iter().zip(row).map(|(p, &v)| p.of(v)).chain([1.0]).collect::<Vec<f64>>();
        let values = rows.chunks_exact(dims).flat_map(ones).collect();
        let placed = Placed { values, weights, width: dims + 1 };
        let gram = placed.gram(&(0..kept.len()).collect::<Vec<_>>());
        let largest = spreads.iter().fold(0.0f64, |most, s| most.max(s.low.abs()).max(s.high.abs()));
        Some(Self { dims, rows, gaps, present, order, largest, places, placed, gram })
    }

    /// The regression of a column on the others, over the rows that have a value.
    fn regress(&self, column: usize) -> Step {
        let gram = self.gram.without(&self.placed.gram(&self.gaps[column]));
        let weight = self.present[column];
        let others: Vec<usize> = (0..self.dims).filter(|&j| j != column).collect();
        let mean = |j: usize| gram.mean(j, self.dims, weight);
        let rows = weight as f64;
        let product = |a: usize, b: usize| {
            let spread = gram.mean(a, b, weight) - mean(a) * mean(b);
            scale2(scale2(spread * rows, -self.places[a].exponent), -self.places[b].exponent)
        };
        let products = Products {
            rows,
            columns: others
                .iter()
                .flat_map(|&a| others.iter().map(move |&b| (a, b)))
                .map(|(a, b)| product(a, b))
                .collect(),
            target: others.iter().map(|&a| product(a, column)).collect(),
            square: product(column, column),
        };
        let mean = |j: usize| self.places[j].mean + scale2(mean(j), -self.places[j].exponent);
        let coefficients = products.regress();
        let intercept = mean(column) - coefficients.iter().zip(&others).map(|(c, &j)| c * mean(j)).sum::<f64>();
        if intercept.is_finite() {
            Step { column, intercept, coefficients }
        } else {
            Step { column, intercept: self.places[column].mean, coefficients: vec![0.0; others.len()] }
        }
    }

    /// Puts what a regression says into the gaps of its column.
    fn fill(&mut self, step: &Step) {
        let (column, dims) = (step.column, self.dims);
        let place = &self.places[column];
        let value = |&row: &usize| step.value(&self.rows[row * dims..(row + 1) * dims], place.mean);
        let values: Vec<f64> = self.gaps[column].par_iter().map(value).collect();
        for (&row, value) in self.gaps[column].iter().zip(values) {
            self.rows[row * dims + column] = value;
            self.placed.change(&mut self.gram, row, column, place.of(value));
        }
    }

    /// The largest change of a row, over all columns together, as scikit-learn measures it.
    fn change(&self, before: &[f64]) -> f64 {
        let rows = self.rows.par_chunks_exact(self.dims).zip(before.par_chunks_exact(self.dims));
        rows.map(|(a, b)| a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>()).reduce(|| 0.0, f64::max)
    }
}

#[cfg(test)]
mod tests;
