//! Learns the plan of every column.

use super::filled::Filled;
use super::levels::{self, Counted};
use super::moments::moments;
use super::options::{OutlierAction, Outliers, Reshape};
use super::outliers::{self, Method};
use super::plan::{From, Gaps, How, Limits, Number, Plan};
use super::stream::{Filling, Known, Stream};
use super::together::{Raw, Together, Way};
use super::transform::{self, Transform};
use super::{Encode, Missing, Options, Scale, impute, missing_value, prepared, select, sizes};
use crate::error::{Error, Place, Result, printable};
use crate::matrix::Weights;
use crate::note::Note;
use crate::table::{Column, Levels, Table, Values};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// A plan, and whether its number never changes.
pub(super) type Learnt = (Plan, bool);

/// What is learnt of columns before their plans are.
#[derive(Debug, Default)]
pub(super) struct Before {
    /// Beyond which values a number column has outliers.
    pub(super) limits: BTreeMap<String, Limits>,
    /// What stands for missing values that follow from other columns.
    pub(super) filled: BTreeMap<String, Filled>,
}

/// The columns to learn from, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Learner<'a> {
    pub(super) table: &'a Table,
    pub(super) weights: Option<&'a Weights>,
    pub(super) options: &'a Options,
}

impl Learner<'_> {
    /// Learns the plans of these columns.
    pub(super) fn plans(&self, columns: &[&Column], before: &Before, notes: &mut Vec<Note>) -> Result<Vec<Plan>> {
        let learnt: Vec<Result<Option<Learnt>>> = columns.par_iter().map(|c| self.plan(c, before)).collect();
        let learnt: Vec<Learnt> = learnt.into_iter().filter_map(Result::transpose).collect::<Result<_>>()?;
        let constant: Vec<String> = learnt.iter().filter(|(_, c)| *c).map(|(p, _)| printable(&p.name)).collect();
        if !constant.is_empty() {
            let text = format!("constant and so without influence: {}", constant.join(", "));
            notes.push(Note::new("constant_column", text));
        }
        Ok(learnt.into_iter().map(|(plan, _)| plan).collect())
    }

    /// Learns the plan of one column; `None` if it is left out.
    pub(super) fn plan(&self, column: &Column, before: &Before) -> Result<Option<Learnt>> {
        let name = &column.name;
        let missing = self.options.missing.of(name);
        if let (Missing::Error, Some(row)) = (missing, column.first_missing) {
            return Err(missing_value(self.table, row, name));
        }
        let (how, constant) = match &column.values {
            Values::Levels(found) => match self.text(column, found)? {
                Some(how) => how,
                None => return Ok(None),
            },
            Values::Mixed(text) => return Err(select::mixed(self.table, column, text)),
            Values::TooMany | Values::Unsupported(_) => return Ok(None),
            Values::Numbers(_) | Values::YesNo(_) | Values::Dates(_) => {
                let Some(from) = self.from(column) else { return Ok(None) };
                let limits = before.limits.get(name).copied();
                let Some(raw) = prepared::raw(column, &from, limits) else { return Ok(None) };
                self.number(column, from.clone(), limits, &raw, before.filled.get(name))?
            }
        };
        let gaps = match missing {
            Missing::Drop => Gaps::Drop,
            Missing::Error => Gaps::Error,
            _ => Gaps::Fill,
        };
        let weight = self.options.feature_weights.as_ref().map_or(1.0, |w| w.of(name));
        Ok(Some((Plan { name: name.clone(), weight, gaps, how }, constant)))
    }

    /// Where the numbers of a column come from; `None` if it holds texts.
    fn from(&self, column: &Column) -> Option<From> {
        match &column.values {
            Values::Numbers(_) => Some(From::Number),
            Values::YesNo(_) => Some(From::YesNo),
            Values::Dates(days) => {
                let latest =
                    || days.blocks().flat_map(|b| b.iter().copied().reduce(f64::max)).fold(f64::NEG_INFINITY, f64::max);
                Some(From::DaysBefore(self.options.date_reference.unwrap_or_else(latest)))
            }
            _ => None,
        }
    }

    /// A feature from numbers `[rows]`, and whether it is constant.
    fn number(
        &self,
        column: &Column,
        from: From,
        limits: Option<Limits>,
        raw: &Raw<'_>,
        filled: Option<&Filled>,
    ) -> Result<(How, bool)> {
        let raw = Known::new(raw);
        let impute = self.impute(column, &raw);
        let values = Known::new(Filling { raw: &raw, filled, impute });
        let transform = self.transform(column, &from, &values)?;
        // Yes and no are a category of two levels: it is a share already.
        let scale = if from == From::YesNo { Scale::None } else { self.options.scale };
        let (offset, divisor, constant) = match &transform {
            Transform::None => self.scale(scale, &values),
            transform => self.scale(scale, &values.risen(|v| transform.apply(v))),
        };
        let indicator = self.options.missing_indicators && impute.is_some() && column.missing > 0;
        Ok((How::Number(Number { from, limits, impute, indicator, transform, offset, divisor }), constant))
    }

    /// What stands for a missing value.
    fn impute(&self, column: &Column, values: &impl Stream) -> Option<f64> {
        // A column whose values all lack weight falls back on its plain median.
        let median = || impute::median(values, self.weights).or_else(|| impute::median(values, None));
        match self.options.missing.of(&column.name) {
            Missing::Error | Missing::Drop => None,
            Missing::Const(value) => Some(value),
            Missing::Median => Some(median().unwrap_or(0.0)),
            Missing::Mean | Missing::Knn | Missing::Iterative => {
                Some(impute::mean(values, self.weights).or_else(median).unwrap_or(0.0))
            }
        }
    }

    fn transform(&self, column: &Column, from: &From, values: &impl Stream) -> Result<Transform> {
        let weights = self.weights.map(Weights::values);
        let choice = if *from == From::YesNo { Reshape::None } else { self.options.transform.of(&column.name) };
        let learnt = match choice {
            Reshape::None => None,
            Reshape::YeoJohnson => transform::yeo_johnson(values, weights),
            Reshape::Quantile => transform::quantile(values, weights),
            Reshape::Auto => transform::auto(values, weights),
            Reshape::Log1p => Some(transform::log1p(values, weights).map_err(|below| {
                let place = Place::file(&self.table.source).in_column(&column.name);
                let message = format!("{} values of -1 or less have no log1p, such as {}", below.rows, below.smallest);
                let hint = format!(
                    "take another transform: --transform {}=yeo-johnson, or fill gaps with another value",
                    printable(&column.name)
                );
                Error::data(place, message, hint)
            })?),
        };
        Ok(learnt.unwrap_or(Transform::None))
    }

    /// What is taken away from a column, and what it is divided by; and whether it is constant.
    fn scale(&self, scale: Scale, values: &impl Stream) -> (f64, f64, bool) {
        let (weights, m) = (self.weights.map(Weights::values), moments(values, self.weights));
        let (offset, divisor) = match scale {
            Scale::Zscore => (m.mean, m.sd),
            Scale::Minmax => (m.low, m.high - m.low),
            Scale::Robust => sizes::robust(values, weights).unwrap_or((0.0, 1.0)),
            Scale::Maxabs => sizes::maxabs(values, weights).unwrap_or((0.0, 1.0)),
            Scale::None => (0.0, 1.0),
        };
        (offset, if divisor > 0.0 && divisor.is_finite() { divisor } else { 1.0 }, m.low == m.high)
    }

    /// The features of a text column, as it is encoded; none if it is left out.
    fn text(&self, column: &Column, found: &Levels) -> Result<Option<(How, bool)>> {
        let missing = self.options.missing.of(&column.name);
        let for_this_one = self.options.missing.columns.iter().any(|(name, _)| *name == column.name);
        if matches!(missing, Missing::Const(_)) && column.missing > 0 && for_this_one {
            let message = format!("--missing: '{}' is text, which a number cannot fill", printable(&column.name));
            return Err(Error::Usage(message + "; a missing text is a category of its own"));
        }
        let counted = Counted::new(found, self.weights);
        let numbered = |values: Vec<(String, f64)>| {
            let raw = levels::numbers(&column.name, found, &values);
            self.number(column, From::Level(values), None, &raw, None).map(Some)
        };
        match self.options.encode.of(&column.name) {
            Encode::None => Ok(None),
            Encode::Ordinal => numbered(counted.ordinal()),
            Encode::Frequency => numbered(counted.frequency()),
            Encode::Onehot => {
                let most = self.options.max_levels.unwrap_or(super::MAX_LEVELS);
                let gap = column.missing > 0 && !matches!(missing, Missing::Drop | Missing::Error);
                Ok(Some((How::Levels(counted.one_hot(most, gap)), false)))
            }
        }
    }

    /// Beyond which values number columns have outliers, if these are looked for.
    pub(super) fn limits(&self, columns: &[&Column]) -> BTreeMap<String, Limits> {
        let method = match self.options.outliers {
            Outliers::None => return BTreeMap::new(),
            Outliers::Iqr => Method::IQR,
            Outliers::Zscore => Method::ZSCORE,
            Outliers::Mad => Method::MAD,
        };
        let clip = self.options.outlier_action == OutlierAction::Clip;
        let limits = |column: &&Column| {
            let values = Known::new(column.numbers()?);
            if has_two_values(&values) {
                return None; // a yes or no in numbers: the rarer one is no outlier
            }
            let (low, high) = outliers::limits(&values, self.weights.map(Weights::values), method)?;
            Some((column.name.clone(), Limits { low, high, clip }))
        };
        columns.par_iter().filter_map(limits).collect()
    }

    /// Learns to fill gaps from the other columns, where that is asked for.
    pub(super) fn together(
        &self,
        columns: &[&Column],
        before: &mut Before,
        notes: &mut Vec<Note>,
    ) -> Result<Vec<Together>> {
        let mut learnt = Vec::new();
        for (way, missing) in [(Way::Neighbours, Missing::Knn), (Way::Iterative, Missing::Iterative)] {
            let froms: Vec<(&Column, From)> = columns.iter().filter_map(|c| Some((*c, self.from(c)?))).collect();
            let asked = |i: &usize| self.options.missing.of(&froms[*i].0.name) == missing;
            let fills: Vec<usize> = (0..froms.len()).filter(asked).collect();
            if fills.is_empty() {
                continue;
            }
            let limits = |column: &Column| before.limits.get(&column.name).copied();
            let raws: Vec<Raw<'_>> =
                froms.iter().filter_map(|(column, from)| prepared::raw(column, from, limits(column))).collect();
            let Some(together) = Together::learn(way, &raws, fills, self.weights, notes) else { continue };
            let filled = together.fill(&raws, &self.table.store)?;
            let names: Vec<String> = together.filled().map(String::from).collect();
            before.filled.extend(names.into_iter().zip(filled));
            learnt.push(together);
        }
        Ok(learnt)
    }
}

/// Whether there are at most two different values.
fn has_two_values(values: &impl Stream) -> bool {
    let mut seen: [Option<f64>; 2] = [None; 2];
    let mut known = |v: f64| match seen {
        [Some(a), _] if a == v => true,
        [_, Some(b)] => b == v,
        [None, _] => seen[0].replace(v).is_none(),
        _ => seen[1].replace(v).is_none(),
    };
    values.all(|values| values.iter().filter(|v| !v.is_nan()).all(|v| known(*v)))
}

/// What was put in the place of missing values.
pub(super) fn imputed_note(table: &Table, plans: &[Plan], options: &Options, notes: &mut Vec<Note>) {
    let missing = |p: &Plan| table.column(&p.name).map_or(0, |c| c.missing);
    let filled: Vec<String> = plans
        .iter()
        .filter_map(|p| match &p.how {
            How::Number(Number { impute: Some(value), from, .. }) if missing(p) > 0 => {
                let value = match (options.missing.of(&p.name), from) {
                    (_, From::Level(_)) => value.to_string(),
                    (Missing::Knn, _) => "the mean of similar rows".into(),
                    (Missing::Iterative, _) => "what the other columns say".into(),
                    (_, From::DaysBefore(day)) => crate::table::spelt(day - value),
                    _ => value.to_string(),
                };
                Some(format!("{} ({} with {value})", printable(&p.name), missing(p)))
            }
            _ => None,
        })
        .collect();
    if !filled.is_empty() {
        let cells: u64 = plans.iter().filter(|p| matches!(p.how, How::Number(_))).map(missing).sum();
        let share = 100.0 * cells as f64 / (table.rows * plans.len()) as f64;
        let text = format!("filled missing values ({share:.1} % of cells): {}", filled.join(", "));
        notes.push(Note::new("imputed", text));
    }
}

/// How tails were pulled in, where a column was asked to find out itself.
pub(super) fn transformed_note(plans: &[Plan], options: &Options, notes: &mut Vec<Note>) {
    let chosen: Vec<String> = plans
        .iter()
        .filter(|p| options.transform.of(&p.name) == Reshape::Auto)
        .filter_map(|p| match &p.how {
            How::Number(number) => Some(format!("{} {}", printable(&p.name), number.transform.name()?)),
            How::Levels(_) => None,
        })
        .collect();
    if !chosen.is_empty() {
        notes.push(Note::new("transformed", format!("pulled in long tails: {}", chosen.join(", "))));
    }
}
