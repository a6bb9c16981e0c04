//! From a table to prepared columns: learnt once, stored in the model, applied again the same way.
//!
//! Steps: select (which columns), outliers (held, dropped or marked), impute (what stands for a missing value, by itself or
//! together with other columns), encode (texts as numbers), transform (long tails pulled in), scale (so that no column drowns
//! another). A learnt [`Pipeline`] is a few numbers per column; applying it needs nothing else, so `predict`
//! repeats exactly what `fit` did.

mod beside;
#[cfg(test)]
pub(crate) mod columns;
mod describe;
mod extent;
mod filled;
mod impute;
mod iterative;
mod learn;
mod levels;
mod moments;
mod neighbours;
mod options;
mod outliers;
mod plan;
mod prepared;
pub(crate) mod quantile;
mod select;
pub(crate) mod selection;
mod sizes;
pub(crate) mod span;
mod stream;
pub(crate) mod sums;
mod together;
mod transform;
mod words;

pub use beside::{kpis, telling};
pub use describe::{Description, Fate, Inspection, describe, fates};
pub use options::{
    Encode, MAX_LEVELS, Missing, Options, OutlierAction, Outliers, PerColumn, Reshape, Scale, feature_weights,
};
pub use plan::{Feature, From, Gaps, How, Limits, Number, OneHot, Part, Plan};
pub use prepared::Prepared;
pub use select::{LeftOut, weights};

use crate::error::{Error, Result, printable};
use crate::matrix::Weights;
use crate::note::Note;
use crate::table::{BLOCK, Column, Numbers, Selection, Table};
use learn::{Before, Learner};
use select::Chosen;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use together::Together;

/// A learnt preparation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "PipelineFile", into = "PipelineFile")]
pub struct Pipeline {
    /// How columns were brought to one size.
    scale: Scale,
    /// What is done with each column, in order.
    plans: Vec<Plan>,
    /// How gaps are filled that follow from other columns.
    together: Vec<Together>,
    /// The features of all columns.
    features: Vec<Feature>,
}

/// A pipeline as it lies in the model file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PipelineFile {
    scale: Scale,
    columns: Vec<Plan>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    together: Vec<Together>,
}

impl TryFrom<PipelineFile> for Pipeline {
    type Error = String;

    fn try_from(file: PipelineFile) -> std::result::Result<Self, String> {
        plan::validate(&file.columns)?;
        file.together.iter().try_for_each(|t| t.validate(&file.columns))?;
        Ok(Self { together: file.together, ..Self::new(file.scale, file.columns) })
    }
}

impl std::convert::From<Pipeline> for PipelineFile {
    fn from(pipeline: Pipeline) -> Self {
        Self { scale: pipeline.scale, columns: pipeline.plans, together: pipeline.together }
    }
}

/// A learnt preparation with what was decided on the way.
#[derive(Debug, Clone)]
pub struct Learnt {
    /// The preparation.
    pub pipeline: Pipeline,
    /// Row weights, if a weight column was named.
    pub weights: Option<Weights>,
    /// What was decided for the user.
    pub notes: Vec<Note>,
}

impl Pipeline {
    /// A pipeline of these plans.
    #[must_use]
    pub fn new(scale: Scale, plans: Vec<Plan>) -> Self {
        let features = plans.iter().enumerate().flat_map(|(i, plan)| plan.features(i)).collect();
        Self { scale, plans, together: Vec::new(), features }
    }

    /// Learns a preparation from a table. Rows that may not have the gaps they have leave the table, and so do columns that
    /// are not used, but for dates, texts and KPIs, which can still say who is in a segment.
    ///
    /// # Errors
    /// [`Error::Data`] naming the place for an unknown, repeated, mixed or empty column, a missing value that may not be
    /// imputed, a bad weight, and a table without a usable column or row; [`Error::Usage`] for options that name a column
    /// that is not used.
    pub fn learn(table: &mut Table, options: &Options) -> Result<Learnt> {
        let _span = tracing::info_span!("learn").entered();
        let mut notes = Vec::new();
        let Chosen { columns, beside } = select::select(table, options, &mut notes)?;
        let name = |c: &&Column| c.name.clone();
        let (names, beside): (Vec<String>, Vec<String>) =
            (columns.iter().map(name).collect(), beside.iter().map(name).collect());
        options.known(&names)?;
        let weight = options.weight_column.as_ref();
        table.columns.retain(|c| weight == Some(&c.name) || names.contains(&c.name) || beside.contains(&c.name));
        let drops = |name: &str| options.missing.of(name) == Missing::Drop && names.iter().any(|n| n == name);
        notes.extend(drop_incomplete(table, drops)?);
        let mut before = Before { limits: outlier_limits(table, &names, options, &mut notes)?, ..Before::default() };
        let weights = options.weights(table)?;
        let columns = names.iter().map(|name| select::find(table, name)).collect::<Result<Vec<_>>>()?;
        let learner = Learner { table, weights: weights.as_ref(), options };
        let together = learner.together(&columns, &mut before, &mut notes)?;
        let plans = learner.plans(&columns, &before, &mut notes)?;
        if plans.is_empty() {
            return Err(select::only_text(table, options, &columns));
        }
        learn::imputed_note(table, &plans, options, &mut notes);
        learn::transformed_note(&plans, options, &mut notes);
        Ok(Learnt { pipeline: Self { together, ..Self::new(options.scale, plans) }, weights, notes })
    }

    /// How columns were brought to one size.
    #[must_use]
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// What is done with each column, in order.
    #[must_use]
    pub fn plans(&self) -> &[Plan] {
        &self.plans
    }

    /// The features, in order.
    #[must_use]
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// A prepared value of feature `j` in the unit of its column.
    #[must_use]
    pub fn restore(&self, j: usize, prepared: f64) -> f64 {
        let Feature { plan, part, .. } = self.features[j];
        self.plans[plan].restore(part, prepared)
    }

    /// A value of feature `j` in the unit of its column, prepared.
    #[must_use]
    pub fn prepare_value(&self, j: usize, value: f64) -> f64 {
        let Feature { plan, part, .. } = self.features[j];
        self.plans[plan].prepare(part, value)
    }

    /// The columns that a table must have.
    #[must_use]
    pub fn columns(&self) -> Selection {
        Selection::names(self.plans.iter().map(|p| &p.name))
    }

    /// The columns that are read as text, with the levels that are known.
    #[must_use]
    pub fn texts(&self) -> BTreeMap<String, Vec<String>> {
        self.plans.iter().filter_map(|p| Some((p.name.clone(), p.levels()?))).collect()
    }

    /// The columns that are to be numbers.
    #[must_use]
    pub fn numbers(&self) -> BTreeSet<String> {
        let is_number = |p: &&Plan| matches!(&p.how, How::Number(Number { from: From::Number, .. }));
        self.plans.iter().filter(is_number).map(|p| p.name.clone()).collect()
    }

    /// Takes the rows out of a table that may not have the gaps they have, and notes how many.
    ///
    /// # Errors
    /// [`Error::Data`] if no row is left.
    pub fn drop_incomplete(&self, table: &mut Table) -> Result<Option<Note>> {
        drop_incomplete(table, |name| self.plans.iter().any(|p| p.name == name && p.gaps == Gaps::Drop))
    }

    /// The prepared columns of a table, by name; the table's other columns are ignored.
    ///
    /// # Errors
    /// [`Error::Data`] naming the place for a column that is missing or holds another kind of values, and for a missing
    /// value that may not be imputed.
    pub fn prepare<'t>(&'t self, table: &'t Table) -> Result<Prepared<'t>> {
        Prepared::new(table, &self.plans, self.features.clone(), &self.together)
    }
}

impl Options {
    fn weights(&self, table: &Table) -> Result<Option<Weights>> {
        self.weight_column.as_deref().map(|name| weights(table, name)).transpose()
    }

    /// Refuses a choice for a column that is not used.
    fn known(&self, names: &[String]) -> Result<()> {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.missing.known("--missing", &names)?;
        self.encode.known("--encode", &names)?;
        self.transform.known("--transform", &names)?;
        self.feature_weights.as_ref().map_or(Ok(()), |w| w.known("--feature-weights", &names))
    }
}

/// Beyond which values the columns have outliers. If these are to be dropped, their rows leave the table, and no limits are left.
fn outlier_limits(
    table: &mut Table,
    names: &[String],
    options: &Options,
    notes: &mut Vec<Note>,
) -> Result<BTreeMap<String, Limits>> {
    if options.outliers == Outliers::None {
        return Ok(BTreeMap::new());
    }
    let weights = options.weights(table)?;
    let columns = names.iter().map(|name| select::find(table, name)).collect::<Result<Vec<_>>>()?;
    let limits = Learner { table, weights: weights.as_ref(), options }.limits(&columns);
    let mut beyond = vec![false; table.rows];
    let mut counted = Vec::new();
    for (name, limits) in &limits {
        let values = select::find(table, name)?.numbers().into_iter().flat_map(Numbers::blocks);
        let mut outliers = 0;
        for (values, beyond) in values.zip(beyond.chunks_mut(BLOCK)) {
            values.iter().zip(&mut *beyond).for_each(|(v, b)| *b |= limits.beyond(*v));
            outliers += values.iter().filter(|v| limits.beyond(**v)).count();
        }
        if outliers > 0 {
            counted.push(format!("{} ({outliers})", printable(name)));
        }
    }
    let drops = options.outlier_action == OutlierAction::Drop;
    if counted.is_empty() {
        return Ok(if drops { BTreeMap::new() } else { limits });
    }
    let done = match options.outlier_action {
        OutlierAction::Clip => "held outliers at the limits of their columns",
        OutlierAction::Flag => "marked outliers",
        OutlierAction::Drop => "dropped rows with outliers",
    };
    notes.push(Note::new("outliers", format!("{done}: {}", counted.join(", "))));
    if !drops {
        return Ok(limits);
    }
    drop_rows(table, &beyond, "outliers")?;
    Ok(BTreeMap::new())
}

/// Takes the rows that `dropped` names out of a table.
fn drop_rows(table: &mut Table, dropped: &[bool], why: &str) -> Result<()> {
    table.retain(&dropped.iter().map(|d| !d).collect::<Vec<_>>())?;
    if table.rows > 0 {
        return Ok(());
    }
    let place = crate::error::Place::file(&table.source);
    Err(Error::data(place, format!("every row has {why}"), "keep some: choose other columns, or fill what is missing"))
}

/// Takes rows with gaps in the columns that `drops` names out of a table, and notes how many.
fn drop_incomplete(table: &mut Table, drops: impl Fn(&str) -> bool) -> Result<Option<Note>> {
    let mut dropped: Vec<bool> = Vec::new();
    let columns = table.columns.iter().filter(|c| c.missing > 0 && drops(&c.name));
    for gaps in columns.filter_map(Column::gaps) {
        dropped.resize(table.rows, false);
        dropped.iter_mut().zip(gaps).for_each(|(dropped, gap)| *dropped |= gap);
    }
    if dropped.is_empty() {
        return Ok(None);
    }
    let before = table.rows;
    drop_rows(table, &dropped, "a missing value")?;
    let text = format!("dropped {} of {before} rows, which have missing values", before - table.rows);
    Ok(Some(Note::new("rows_dropped", text)))
}

/// A missing value where none may be.
fn missing_value(table: &Table, row: usize, column: &str) -> Error {
    Error::data(table.place(row, column), "the value is missing", "fill it, or let --missing median do so")
}
