//! What a table holds, column by column, and what a fit would do with it.

use super::extent::Extent;
use super::learn::{Before, Learner};
use super::select::{self, LeftOut};
use super::stream::{Known, Stream};
use super::{Options, Pipeline, selection};
use crate::error::{Result, printable};
use crate::table::{Column, Levels, Numbers, Table, Values, spelt};
use rayon::prelude::*;

/// Levels shown of a text column.
const SHOWN: usize = 3;

/// A column, described.
#[derive(Debug, Clone)]
pub struct Description {
    /// Its name.
    pub name: String,
    /// What it holds: number, yes/no, date, text or mixed.
    pub kind: String,
    /// Rows without a value.
    pub missing: u64,
    /// Different values; `None` if they were too many to keep.
    pub distinct: Option<u64>,
    /// Smallest and largest value, or the most frequent texts with their rows.
    pub range: String,
    /// What a fit would do with it.
    pub fate: Fate,
}

/// What a fit would do with a column.
#[derive(Debug, Clone)]
pub enum Fate {
    /// It would be used, and so.
    Used(String),
    /// It would not be used.
    LeftOut(LeftOut),
    /// It is not looked at: the id, or the weights.
    Reserved(&'static str),
    /// The table would be refused, with this message.
    Refused(String),
}

/// A table, described.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// Its columns, in order.
    pub columns: Vec<Description>,
    /// Features that a fit would make of them.
    pub features: usize,
    /// Why a fit would refuse the table, if it would.
    pub refused: Option<String>,
}

/// Describes the columns of a table, as a fit with these options sees them: the preparation is learnt, from a copy.
#[must_use]
pub fn describe(table: &Table, options: &Options) -> Inspection {
    let learnt = Pipeline::learn(&mut table.clone(), options).map(|learnt| learnt.pipeline);
    let weights = options.weight_column.as_deref().and_then(|name| select::weights(table, name).ok());
    let learner = Learner { table, weights: weights.as_ref(), options };
    let columns = table.columns.par_iter().map(|column| describe_one(&learner, column, learnt.as_ref().ok()));
    Inspection {
        columns: columns.collect(),
        features: learnt.as_ref().map_or(0, |pipeline| pipeline.features().len()),
        refused: learnt.err().map(|e| e.to_string()),
    }
}

fn describe_one(learner: &Learner<'_>, column: &Column, learnt: Option<&Pipeline>) -> Description {
    let (distinct, range) = match &column.values {
        Values::Numbers(n) => numbers(n, |v| v.to_string()),
        Values::Dates(n) => numbers(n, spelt),
        Values::YesNo(n) => yes_no(n),
        Values::Levels(levels) => texts(levels),
        Values::TooMany => (None, String::new()),
        Values::Unsupported(kind) => (None, printable(kind)),
        Values::Mixed(text) => (None, format!("{} numbers, and '{}'", text.numbers, printable(&text.value))),
    };
    let fate = fate(learner, column, learnt).unwrap_or_else(|e| Fate::Refused(e.to_string()));
    let (name, kind, missing) = (column.name.clone(), column.kind().to_owned(), column.missing);
    Description { name, kind, missing, distinct, range, fate }
}

/// What became of each column `[columns]` of a table that a pipeline was learnt from with these options.
#[must_use]
pub fn fates(table: &Table, options: &Options, learnt: &Pipeline) -> Vec<Fate> {
    let fate = |column| settled(table, column, options, Some(learnt)).ok().flatten();
    table.columns.par_iter().map(|c| fate(c).unwrap_or(Fate::Reserved("not used"))).collect()
}

fn fate(learner: &Learner<'_>, column: &Column, learnt: Option<&Pipeline>) -> Result<Fate> {
    if let Some(fate) = settled(learner.table, column, learner.options, learnt)? {
        return Ok(fate);
    }
    // A fit would refuse the table for another column: this one would have been used.
    Ok(match learner.plan(column, &Before::default())? {
        Some((plan, _)) => Fate::Used(plan.to_string()),
        None => Fate::LeftOut(LeftOut::Text),
    })
}

/// What becomes of a column, if that is known without a plan for it alone.
fn settled(table: &Table, column: &Column, options: &Options, learnt: Option<&Pipeline>) -> Result<Option<Fate>> {
    if options.id.as_ref() == Some(&column.name) {
        return Ok(Some(Fate::Reserved("the id")));
    }
    if options.weight_column.as_ref() == Some(&column.name) {
        return Ok(Some(Fate::Reserved("the weight of a row")));
    }
    if options.kpis.contains(&column.name) {
        return Ok(Some(Fate::Reserved("a KPI")));
    }
    let plan = learnt.and_then(|pipeline| Some((pipeline, pipeline.plans().iter().find(|p| p.name == column.name)?)));
    if let Some((pipeline, plan)) = plan {
        return Ok(Some(Fate::Used(pipeline.explain(plan))));
    }
    Ok(select::left_out(table, column, options)?.map(Fate::LeftOut))
}

fn numbers(values: &Numbers, show: impl Fn(f64) -> String) -> (Option<u64>, String) {
    let values = Known::new(values);
    let Extent { low, high, .. } = values.extent(None);
    let range = if low < high {
        format!("{} to {}", show(low), show(high))
    } else if low == high {
        show(low)
    } else {
        String::new()
    };
    (Some(selection::distinct(&values)), range)
}

fn yes_no(values: &Numbers) -> (Option<u64>, String) {
    let count = |said: f64| values.blocks().map(|b| b.iter().filter(|v| **v == said).count() as u64).sum::<u64>();
    let (yes, no) = (count(1.0), count(0.0));
    (Some(u64::from(yes > 0) + u64::from(no > 0)), format!("yes ({yes}), no ({no})"))
}

fn texts(levels: &Levels) -> (Option<u64>, String) {
    let mut counts = vec![0u64; levels.names.len()];
    levels.codes.iter().for_each(|code| counts.get_mut(usize::from(*code)).into_iter().for_each(|c| *c += 1));
    let mut order: Vec<usize> = (0..counts.len()).filter(|i| counts[*i] > 0).collect();
    order.sort_by(|a, b| counts[*b].cmp(&counts[*a]).then_with(|| levels.names[*a].cmp(&levels.names[*b])));
    let shown: Vec<String> =
        order.iter().take(SHOWN).map(|&i| format!("{} ({})", printable(&levels.names[i]), counts[i])).collect();
    let more = if order.len() > SHOWN { ", .." } else { "" };
    (Some(order.len() as u64), shown.join(", ") + more)
}
