//! Sums of products of columns in whole steps, kept while imputed values change.
//!
//! A column lies around 0, in units that leave its values below 1/8; a last column of ones gives plain sums. So a product
//! of two values has its steps, sums have no order, and those over some rows are those over all rows less the rest.

use crate::features::sums::{mean, steps};
use rayon::prelude::*;

/// Rows that a thread takes at a time.
const BLOCK: usize = 1 << 12;

/// Rows `[points x width]`, the last column ones, with their weights.
pub(super) struct Placed {
    pub(super) values: Vec<f64>,
    pub(super) weights: Vec<u64>,
    pub(super) width: usize,
}

/// Sums of products `[width x width]`, of which only the upper triangle is used.
#[derive(Clone)]
pub(super) struct Gram {
    sums: Vec<i128>,
    width: usize,
}

impl Placed {
    /// The sums over some rows.
    pub(super) fn gram(&self, rows: &[usize]) -> Gram {
        let empty = || Gram { sums: vec![0; self.width * self.width], width: self.width };
        let block = |rows: &[usize]| {
            let mut gram = empty();
            rows.iter().for_each(|&row| gram.add(self.row(row), self.weights[row]));
            gram
        };
        rows.par_chunks(BLOCK).map(block).reduce(empty, |mut a, b| {
            a.sums.iter_mut().zip(b.sums).for_each(|(a, b)| *a += b);
            a
        })
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.width..(row + 1) * self.width]
    }

    /// Puts another value into a row, and its products into the sums over all rows.
    pub(super) fn change(&mut self, gram: &mut Gram, row: usize, column: usize, value: f64) {
        gram.exchange(self.row(row), self.weights[row], column, value);
        self.values[row * self.width + column] = value;
    }
}

impl Gram {
    fn add(&mut self, row: &[f64], weight: u64) {
        for (a, &x) in row.iter().enumerate() {
            let sums = &mut self.sums[a * self.width + a..(a + 1) * self.width];
            for (sum, &y) in sums.iter_mut().zip(&row[a..]) {
                *sum += i128::from(steps(x * y)) * i128::from(weight);
            }
        }
    }

    fn exchange(&mut self, row: &[f64], weight: u64, column: usize, value: f64) {
        for (other, &y) in row.iter().enumerate() {
            let (old, new) = (row[column] * y, value * if other == column { value } else { y });
            let gain = i128::from(steps(new)) - i128::from(steps(old));
            self.sums[column.min(other) * self.width + column.max(other)] += gain * i128::from(weight);
        }
    }

    /// These sums without those of some of the rows.
    pub(super) fn without(&self, part: &Self) -> Self {
        let sums = self.sums.iter().zip(&part.sums).map(|(all, part)| all - part).collect();
        Self { sums, width: self.width }
    }

    /// The mean product of two columns over rows of that weight.
    pub(super) fn mean(&self, a: usize, b: usize, weight: u64) -> f64 {
        mean(self.sums[a.min(b) * self.width + a.max(b)], weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_follow_a_change_and_leave_rows_out_exactly() {
        let values = vec![0.1, -0.07, 1.0, 0.02, 0.12, 1.0, -0.11, 0.03, 1.0];
        let mut placed = Placed { values, weights: vec![1, 3, 2], width: 3 };
        let mut all = placed.gram(&[0, 1, 2]);
        placed.change(&mut all, 1, 1, -0.04);
        placed.change(&mut all, 0, 0, 0.09);
        assert_eq!(all.sums, placed.gram(&[2, 1, 0]).sums);
        assert_eq!(all.without(&placed.gram(&[1])).sums, placed.gram(&[0, 2]).sums);
    }
}
