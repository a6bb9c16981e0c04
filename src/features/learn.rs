//! Learns the plan of every column.

use super::levels::{self, Counted};
use super::moments::{Moments, moments};
use super::plan::{From, Gaps, How, Number, Plan};
use super::{Encode, Missing, Options, Scale, impute, missing_value, select};
use crate::error::{Error, Result, printable};
use crate::matrix::Weights;
use crate::note::Note;
use crate::table::{Column, Levels, Table, Values};
use rayon::prelude::*;

/// A plan, and whether its number never changes.
pub(super) type Learnt = (Plan, bool);

/// Learns the plans of these columns.
pub(super) fn plans(
    table: &Table,
    columns: &[&Column],
    weights: Option<&Weights>,
    options: &Options,
    notes: &mut Vec<Note>,
) -> Result<Vec<Plan>> {
    let learnt: Vec<Result<Option<Learnt>>> = columns.par_iter().map(|c| plan(table, c, weights, options)).collect();
    let learnt: Vec<Learnt> = learnt.into_iter().filter_map(Result::transpose).collect::<Result<_>>()?;
    let plans: Vec<&Plan> = learnt.iter().map(|(plan, _)| plan).collect();
    imputed_note(table, &plans, notes);
    let constant: Vec<String> = learnt.iter().filter(|(_, c)| *c).map(|(p, _)| printable(&p.name)).collect();
    if !constant.is_empty() {
        let text = format!("constant and so without influence: {}", constant.join(", "));
        notes.push(Note::new("constant_column", text));
    }
    Ok(learnt.into_iter().map(|(plan, _)| plan).collect())
}

/// Learns the plan of one column; `None` if it is left out.
pub(super) fn plan(
    table: &Table,
    column: &Column,
    weights: Option<&Weights>,
    options: &Options,
) -> Result<Option<Learnt>> {
    let name = &column.name;
    let missing = options.missing.of(name);
    if let (Missing::Error, Some(row)) = (missing, column.first_missing) {
        return Err(missing_value(table, row, name));
    }
    let learner = Learner { column, weights, options, missing };
    let (how, constant) = match &column.values {
        Values::Numbers(numbers) => learner.number(From::Number, numbers.to_vec()),
        Values::YesNo(numbers) => learner.number(From::YesNo, numbers.to_vec()),
        Values::Dates(numbers) => {
            let days = numbers.to_vec();
            let latest = || days.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let reference = options.date_reference.unwrap_or_else(latest);
            learner.number(From::DaysBefore(reference), days.into_iter().map(|d| reference - d).collect())
        }
        Values::Levels(found) => match learner.text(found)? {
            Some(how) => how,
            None => return Ok(None),
        },
        Values::Mixed(text) => return Err(select::mixed(table, column, text)),
        Values::TooMany => return Ok(None),
    };
    let gaps = match missing {
        Missing::Drop => Gaps::Drop,
        Missing::Error => Gaps::Error,
        _ => Gaps::Fill,
    };
    let plan =
        Plan { name: name.clone(), weight: options.feature_weights.as_ref().map_or(1.0, |w| w.of(name)), gaps, how };
    Ok(Some((plan, constant)))
}

/// What one column is learnt from.
struct Learner<'a> {
    column: &'a Column,
    weights: Option<&'a Weights>,
    options: &'a Options,
    missing: Missing,
}

impl Learner<'_> {
    /// A feature from numbers `[rows]`, and whether it is constant.
    fn number(&self, from: From, mut values: Vec<f64>) -> (How, bool) {
        let impute = self.impute(&values);
        values.iter_mut().filter(|v| v.is_nan()).for_each(|v| *v = impute.unwrap_or(0.0));
        let m = moments(&values, self.weights);
        // Yes and no are a category of two levels: it is a share already.
        let scale = if from == From::YesNo { Scale::None } else { self.options.scale };
        let (offset, divisor) = self.scale(scale, &m, &mut values);
        let divisor = if divisor > 0.0 && divisor.is_finite() { divisor } else { 1.0 };
        let indicator = self.options.missing_indicators && impute.is_some() && self.column.missing > 0;
        (How::Number(Number { from, impute, indicator, offset, divisor }), m.low == m.high)
    }

    /// What stands for a missing value.
    fn impute(&self, values: &[f64]) -> Option<f64> {
        // A column whose values all lack weight falls back on its plain median.
        let median = || impute::median(values, self.weights).or_else(|| impute::median(values, None));
        match self.missing {
            Missing::Error | Missing::Drop => None,
            Missing::Const(value) => Some(value),
            Missing::Median => Some(median().unwrap_or(0.0)),
            Missing::Mean => Some(impute::mean(values, self.weights).or_else(median).unwrap_or(0.0)),
        }
    }

    /// What is taken away from a column of these moments, and what it is divided by.
    fn scale(&self, scale: Scale, m: &Moments, values: &mut [f64]) -> (f64, f64) {
        match scale {
            Scale::Zscore => (m.mean, m.sd),
            Scale::Minmax => (m.low, m.high - m.low),
            Scale::Robust => unimplemented!("{}", values.len()),
            Scale::Maxabs => (0.0, m.low.abs().max(m.high.abs())),
            Scale::None => (0.0, 1.0),
        }
    }

    /// The features of a text column, as it is encoded; none if it is left out.
    fn text(&self, found: &Levels) -> Result<Option<(How, bool)>> {
        let counted = Counted::new(found, self.weights);
        let numbered = |values: Vec<(String, f64)>| {
            let numbers = levels::numbers(found, &values);
            self.number(From::Level(values), numbers)
        };
        if matches!(self.missing, Missing::Const(_)) && self.column.missing > 0 {
            let message = format!("--missing: '{}' is text, which a number cannot fill", printable(&self.column.name));
            return Err(Error::Usage(message));
        }
        Ok(match self.options.encode.of(&self.column.name) {
            Encode::None => None,
            Encode::Ordinal => Some(numbered(counted.ordinal())),
            Encode::Frequency => Some(numbered(counted.frequency())),
            Encode::Onehot => {
                let most = self.options.max_levels.unwrap_or(super::MAX_LEVELS);
                let gap = self.column.missing > 0 && !matches!(self.missing, Missing::Drop | Missing::Error);
                Some((How::Levels(counted.one_hot(most, gap)), false))
            }
        })
    }
}

fn imputed_note(table: &Table, plans: &[&Plan], notes: &mut Vec<Note>) {
    let missing = |p: &Plan| table.column(&p.name).map_or(0, |c| c.missing);
    let filled: Vec<String> = plans
        .iter()
        .filter_map(|p| match &p.how {
            How::Number(Number { impute: Some(value), from, .. }) if missing(p) > 0 => {
                let value = match from {
                    From::DaysBefore(day) => crate::table::spelt(day - value),
                    _ => value.to_string(),
                };
                Some(format!("{} ({} with {value})", printable(&p.name), missing(p)))
            }
            _ => None,
        })
        .collect();
    if !filled.is_empty() {
        let cells: u64 = plans.iter().filter(|p| matches!(p.how, How::Number(_))).map(|p| missing(p)).sum();
        let share = 100.0 * cells as f64 / (table.rows * plans.len()) as f64;
        let text = format!("filled missing values ({share:.1} % of cells): {}", filled.join(", "));
        notes.push(Note::new("imputed", text));
    }
}
