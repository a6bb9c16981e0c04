//! Missing values filled from the other columns: what stands for one depends on its row.
//!
//! Both ways work on columns of mean 0 and deviation 1, so that no column drowns another, and are learnt from a fixed
//! sample of the rows.

use super::filled::{Filled, PIECE};
use super::iterative::Iterative;
use super::moments::moments;
use super::neighbours::Neighbours;
use super::plan::Plan;
use crate::error::Result;
use crate::matrix::{Weights, effective_rows, sample_rows};
use crate::note::Note;
use crate::store::Store;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Rows that are learnt from, at most: neighbours stay in the model, and each row with a gap is held against all of them.
const DONORS: u64 = 2_048;
const REGRESSED: u64 = 65_536;

/// How gaps are filled from other columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Neighbours,
    Iterative,
}

/// A learnt way to fill the gaps of some columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Together {
    /// The columns that are looked at.
    columns: Vec<String>,
    /// Those of them whose gaps are filled, by index.
    fills: Vec<usize>,
    /// The mean and deviation of each.
    means: Vec<f64>,
    deviations: Vec<f64>,
    how: How,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum How {
    Knn(Neighbours),
    Iterative(Iterative),
}

/// Copies rows from a first one on.
type Read<'a> = Box<dyn Fn(usize, &mut [f64]) + Sync + 'a>;

/// A number column as it is before gaps are filled, NaN for a missing value.
pub(super) struct Raw<'a> {
    pub(super) name: &'a str,
    pub(super) rows: usize,
    /// Copies the rows from a first one on.
    pub(super) read: Read<'a>,
}

/// What stands for the missing values of some rows of a column: places in them, ascending, and values.
type Gaps = Vec<(u16, f64)>;

impl Together {
    /// Learns to fill the gaps of the columns `fills` from all of them.
    pub(super) fn learn(
        way: Way,
        columns: &[Raw<'_>],
        fills: Vec<usize>,
        weights: Option<&Weights>,
        notes: &mut Vec<Note>,
    ) -> Option<Self> {
        let rows = columns.first()?.rows;
        let (means, deviations): (Vec<f64>, Vec<f64>) = columns
            .par_iter()
            .map(|column| moments(column, weights))
            .map(|m| (if m.mean.is_finite() { m.mean } else { 0.0 }, if m.sd > 0.0 { m.sd.min(f64::MAX) } else { 1.0 }))
            .unzip();
        let most = if way == Way::Neighbours { DONORS } else { REGRESSED };
        let sample = sample_rows(rows, weights, effective_rows(rows, weights).min(most));
        let standards = |j: usize| {
            let value = |&row: &usize| standard(columns[j].value(row), means[j], deviations[j]);
            sample.iter().map(value).collect()
        };
        let sampled: Vec<Vec<f64>> = (0..columns.len()).into_par_iter().map(standards).collect();
        let sampled: Vec<&[f64]> = sampled.iter().map(Vec::as_slice).collect();
        let how = match way {
            Way::Neighbours => How::Knn(Neighbours::learn(&sampled, None, &vec![0.0; columns.len()])),
            Way::Iterative => {
                let learnt = Iterative::learn(&sampled, None)?;
                if !learnt.converged {
                    let text = format!("the model of missing values still changed after {} rounds", learnt.rounds);
                    notes.push(Note::new("imputer_not_converged", text));
                }
                How::Iterative(learnt.iterative)
            }
        };
        let columns = columns.iter().map(|c| c.name.to_owned()).collect();
        Some(Self { columns, fills, means, deviations, how })
    }

    /// What stands for a missing value, in words.
    pub(super) fn words(&self) -> &'static str {
        match &self.how {
            How::Knn(_) => "the mean of similar rows",
            How::Iterative(_) => "what the other columns say",
        }
    }

    /// The columns that are looked at.
    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The columns whose gaps are filled.
    pub(super) fn filled(&self) -> impl Iterator<Item = &str> {
        self.fills.iter().map(|&j| self.columns[j].as_str())
    }

    /// What stands for the missing values of the columns that are filled, in the order of [`Self::filled`], in a store.
    pub(super) fn fill(&self, columns: &[Raw<'_>], store: &Store) -> Result<Vec<Filled>> {
        let rows = columns.first().map_or(0, |c| c.rows);
        let mut filled: Vec<Filled> = self.fills.iter().map(|_| Filled::default()).collect();
        // Some pieces at a time, so that what waits for the store is little.
        let many = PIECE * 8 * rayon::current_num_threads();
        for first in (0..rows).step_by(many) {
            let pieces: Vec<usize> = (first..rows.min(first + many)).step_by(PIECE).collect();
            let pieces: Vec<Vec<Gaps>> = pieces.into_par_iter().map(|first| self.fill_piece(columns, first)).collect();
            for piece in pieces {
                filled.iter_mut().zip(piece).try_for_each(|(filled, gaps)| filled.push(&gaps, store))?;
            }
        }
        Ok(filled)
    }

    #[expect(clippy::cast_possible_truncation, reason = "a place in a piece, which has fewer than 65,536 rows")]
    fn fill_piece(&self, columns: &[Raw<'_>], first: usize) -> Vec<Gaps> {
        let rows = PIECE.min(columns[0].rows - first);
        let mut values = vec![vec![0.0; rows]; columns.len()];
        values.iter_mut().zip(columns).for_each(|(values, column)| (column.read)(first, values));
        let mut filled: Vec<Gaps> = vec![Vec::new(); self.fills.len()];
        let gap = |i: &usize| self.fills.iter().any(|&j| values[j][*i].is_nan());
        for i in (0..rows).filter(gap) {
            let at = |j: usize| standard(values[j][i], self.means[j], self.deviations[j]);
            let mut row: Vec<f64> = (0..columns.len()).map(at).collect();
            match &self.how {
                How::Knn(neighbours) => neighbours.fill(&mut row),
                How::Iterative(iterative) => iterative.fill(&mut row),
            }
            for (filled, &j) in filled.iter_mut().zip(&self.fills) {
                if values[j][i].is_nan() {
                    let value = (row[j] * self.deviations[j] + self.means[j]).clamp(f64::MIN, f64::MAX);
                    filled.push((i as u16, value));
                }
            }
        }
        filled
    }

    /// What is wrong with one that was read from a file, for these plans.
    pub(super) fn validate(&self, plans: &[Plan]) -> std::result::Result<(), String> {
        let dims = self.columns.len();
        if self.means.len() != dims || self.deviations.len() != dims || self.fills.iter().any(|&j| j >= dims) {
            return Err(format!("together: does not fit {dims} columns"));
        }
        if self.columns.iter().any(|name| !plans.iter().any(|p| p.name == *name && p.is_number())) {
            return Err("together: a column is not among those with numbers".into());
        }
        if self.means.iter().any(|v| !v.is_finite()) || self.deviations.iter().any(|v| !(v.is_finite() && *v > 0.0)) {
            return Err("together: means and deviations must be finite".into());
        }
        match &self.how {
            How::Knn(neighbours) if neighbours.dims() != dims => {
                Err(format!("together: knn does not fit {dims} columns"))
            }
            How::Knn(_) => Ok(()),
            How::Iterative(iterative) if iterative.dims() != dims => {
                Err(format!("together: iterative does not fit {dims} columns"))
            }
            How::Iterative(iterative) => iterative.validate(),
        }
    }
}

impl Raw<'_> {
    fn value(&self, row: usize) -> f64 {
        let mut value = [0.0];
        (self.read)(row, &mut value);
        value[0]
    }
}

/// A value of a column with this mean and deviation, brought to 0 and 1.
fn standard(value: f64, mean: f64, deviation: f64) -> f64 {
    ((value - mean) / deviation).clamp(f64::MIN, f64::MAX)
}
