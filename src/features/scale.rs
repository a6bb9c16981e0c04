//! Brings columns to one size, so that none drowns another.

use super::moments::{Moments, moments};
use super::{Feature, Missing, Options, impute, missing_value};
use crate::error::{Result, printable};
use crate::matrix::Weights;
use crate::note::Note;
use crate::table::{Column, Table};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How columns are brought to one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Mean 0 and (population) standard deviation 1.
    #[default]
    Zscore,
    /// From 0 to 1.
    Minmax,
    /// As they are.
    None,
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zscore => "z-score",
            Self::Minmax => "min-max",
            Self::None => "no scaling",
        })
    }
}

/// Learns imputation and scaling of every column.
pub(super) fn learn(
    table: &Table,
    columns: &[&Column],
    weights: Option<&Weights>,
    options: &Options,
    notes: &mut Vec<Note>,
) -> Result<Vec<Feature>> {
    let learnt: Vec<Result<(Feature, Moments)>> =
        columns.par_iter().map(|c| learn_one(table, c, weights, options)).collect();
    let learnt = learnt.into_iter().collect::<Result<Vec<_>>>()?;
    imputed_note(table, columns, &learnt, notes);
    let constant: Vec<String> =
        learnt.iter().filter(|(_, m)| m.low == m.high).map(|(f, _)| printable(&f.name)).collect();
    if !constant.is_empty() {
        let text = format!("constant and so without influence: {}", constant.join(", "));
        notes.push(Note::new("constant_column", text));
    }
    Ok(learnt.into_iter().map(|(feature, _)| feature).collect())
}

fn learn_one(
    table: &Table,
    column: &Column,
    weights: Option<&Weights>,
    options: &Options,
) -> Result<(Feature, Moments)> {
    let impute = match (options.missing, column.first_missing) {
        (Missing::Error, Some(row)) => return Err(missing_value(table, row, &column.name)),
        (Missing::Error, None) => None,
        // A column whose values all lack weight falls back on its plain median.
        (Missing::Median, _) => impute::median(column, weights).or_else(|| impute::median(column, None)),
    };
    let moments = moments(column.numbers().unwrap_or_default(), impute.unwrap_or(0.0), weights);
    let (offset, divisor) = match options.scale {
        Scale::Zscore => (moments.mean, moments.sd),
        Scale::Minmax => (moments.low, moments.high - moments.low),
        Scale::None => (0.0, 1.0),
    };
    let divisor = if divisor > 0.0 && divisor.is_finite() { divisor } else { 1.0 };
    Ok((Feature { name: column.name.clone(), impute, offset, divisor }, moments))
}

fn imputed_note(table: &Table, columns: &[&Column], learnt: &[(Feature, Moments)], notes: &mut Vec<Note>) {
    let filled: Vec<String> = columns
        .iter()
        .zip(learnt)
        .filter(|(c, _)| c.missing > 0)
        .map(|(c, (f, _))| format!("{} ({} with {})", printable(&c.name), c.missing, f.impute.unwrap_or(f64::NAN)))
        .collect();
    if !filled.is_empty() {
        let cells: u64 = columns.iter().map(|c| c.missing).sum();
        let share = 100.0 * cells as f64 / (table.rows * columns.len()) as f64;
        let text = format!("filled missing values with the median ({share:.1} % of cells): {}", filled.join(", "));
        notes.push(Note::new("imputed", text));
    }
}
