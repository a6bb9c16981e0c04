//! Who is in a segment: each column's values there beside everyone's, in the column's own unit and before preparation.
//!
//! A missing value is missing here, whatever stood for it in the fit, and columns that were not clustered are profiled like
//! the others. Rows count by their weight, also in quantiles: a weight of 3 is three rows. Columns are taken in parallel and
//! each is walked in row order with sums in integers, so neither threads nor the format of the table can be seen.

mod against;
mod csv;
mod cut;
mod grouping;
mod names;
mod numbers;
mod shares;
mod words;

pub use against::Entry;
pub use numbers::Numeric;

use crate::features::Pipeline;
use crate::matrix::Weights;
use crate::table::{Column, Table, Values};
use grouping::{Grouping, Present};
use numbers::Depth;
use rayon::prelude::*;

/// The profile of all segments.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Segments.
    pub segments: usize,
    /// Rows in each `[segments]`.
    pub counts: Vec<u64>,
    /// Their share of all rows, or of all weight if rows have weights `[segments]`.
    pub shares: Vec<f64>,
    /// The columns: KPIs as they were named, then those that set the segments apart most.
    pub columns: Vec<ColumnProfile>,
}

/// A column, profiled.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnProfile {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Whether the segments were made from it.
    pub clustered: bool,
    /// Whether it is one that segments are judged by.
    pub kpi: bool,
    /// Rows with a value in each segment, whatever their weight `[segments]`.
    pub present: Vec<u64>,
    /// Rows without one `[segments]`.
    pub missing: Vec<u64>,
    /// The share of its variation that lies between segments, 0 to 1: of numbers and dates eta squared, of shares the same
    /// with Gini's variation (Light & Margolin 1971), which for yes and no is eta squared.
    pub separation: f64,
    /// Its values.
    pub figures: Figures,
}

/// What a profiled column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Numbers.
    Number,
    /// Yes or no.
    YesNo,
    /// Dates, in days since 1970-01-01.
    Date,
    /// Texts of few spellings.
    Category,
}

impl Kind {
    /// The kind in a word, as in `profile.csv`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::YesNo => "yes/no",
            Self::Date => "date",
            Self::Category => "category",
        }
    }
}

/// The values of a column, everyone's and segment by segment.
#[derive(Debug, Clone, PartialEq)]
pub enum Figures {
    /// Numbers, or dates as days.
    Numbers {
        /// Everyone's.
        all: Numeric,
        /// Each segment's `[segments]`.
        segments: Vec<Numeric>,
    },
    /// The shares of levels among the rows that have a value: of yes and no that of `yes` alone.
    Shares {
        /// The levels, the most frequent first; the last is [`OTHER`] if there were more than [`MOST_LEVELS`].
        levels: Vec<String>,
        /// Everyone's `[levels]`; NaN if no row has a value.
        all: Vec<f64>,
        /// Each segment's `[segments][levels]`.
        segments: Vec<Vec<f64>>,
        /// The weight of the rows with a value in each segment `[segments]`.
        weights: Vec<f64>,
    },
}

/// Levels of a column that are told apart; the rest is one.
pub const MOST_LEVELS: usize = 20;

/// What the levels are called that are not told apart.
pub const OTHER: &str = "(other)";

/// Which columns are what.
#[derive(Debug, Clone, Copy)]
pub struct Roles<'a> {
    /// What the segments were made from.
    pub pipeline: &'a Pipeline,
    /// The columns that segments are judged by.
    pub kpis: &'a [String],
    /// Columns that are not profiled: row weights, and what tells nothing.
    pub without: &'a [String],
}

impl Roles<'_> {
    fn clustered(&self, name: &str) -> bool {
        self.pipeline.plans().iter().any(|plan| plan.name == name)
    }

    fn kpi(&self, name: &str) -> Option<usize> {
        self.kpis.iter().position(|kpi| kpi == name)
    }

    fn wanted(&self, column: &Column) -> bool {
        self.kpi(&column.name).is_some() || !self.without.contains(&column.name)
    }
}

impl Profile {
    /// Profiles `k` segments of the rows of a table by its columns, `labels` `[rows]` being each row's segment. Columns of which
    /// nothing was kept (mixed, of too many texts) are left out.
    #[must_use]
    pub fn new(table: &Table, labels: &[u32], k: usize, weights: Option<&Weights>, roles: &Roles<'_>) -> Self {
        let grouping = Grouping::new(labels, k, weights);
        let wanted: Vec<&Column> = table.columns.iter().filter(|column| roles.wanted(column)).collect();
        let mut columns = profiled(&wanted, &grouping, Depth::Quantiles, roles);
        let place = |c: &ColumnProfile| roles.kpi(&c.name).unwrap_or(roles.kpis.len());
        columns.sort_by(|a, b| place(a).cmp(&place(b)).then_with(|| b.separation.total_cmp(&a.separation)));
        Self { segments: k, counts: grouping.counts(), shares: grouping.shares(), columns }
    }

    /// What sets a segment apart: of each column the figure that tells most, the greatest difference from everyone's first. What
    /// repeats a figure before it is left out: where no internet is told, no internet security is the same rows.
    #[must_use]
    pub fn telling(&self, segment: usize) -> Vec<Entry<'_>> {
        let mut entries: Vec<Entry<'_>> = self.columns.iter().filter_map(|c| c.telling(segment)).collect();
        entries.sort_by(|a, b| b.effect.abs().total_cmp(&a.effect.abs()));
        let mut told: Vec<Entry<'_>> = Vec::with_capacity(entries.len());
        for entry in entries {
            if !told.iter().any(|before| entry.repeats(before)) {
                told.push(entry);
            }
        }
        told
    }

    /// A name for each segment `[segments]`, from what sets it apart among the clustered columns: no two alike.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        names::suggested(&self.columns, self.segments)
    }
}

/// The names that [`Profile::names`] would suggest, without the cost of a whole profile.
#[must_use]
pub fn suggested_names(
    table: &Table,
    labels: &[u32],
    k: usize,
    weights: Option<&Weights>,
    pipeline: &Pipeline,
) -> Vec<String> {
    let roles = Roles { pipeline, kpis: &[], without: &[] };
    let clustered: Vec<&Column> = table.columns.iter().filter(|c| roles.clustered(&c.name)).collect();
    let columns = profiled(&clustered, &Grouping::new(labels, k, weights), Depth::Means, &roles);
    names::suggested(&columns, k)
}

fn profiled(columns: &[&Column], grouping: &Grouping<'_>, depth: Depth, roles: &Roles<'_>) -> Vec<ColumnProfile> {
    let one = |column: &&Column| {
        let (kind, present, figures) = figures(column, grouping, depth)?;
        let Present { present, missing } = present;
        let (clustered, kpi) = (roles.clustered(&column.name), roles.kpi(&column.name).is_some());
        let separation = against::separation(&figures);
        Some(ColumnProfile { name: column.name.clone(), kind, clustered, kpi, present, missing, separation, figures })
    };
    columns.par_iter().filter_map(one).collect()
}

fn figures(column: &Column, grouping: &Grouping<'_>, depth: Depth) -> Option<(Kind, Present, Figures)> {
    Some(match &column.values {
        Values::Numbers(n) | Values::Dates(n) => {
            let kind = if matches!(column.values, Values::Dates(_)) { Kind::Date } else { Kind::Number };
            let (present, all, segments) = numbers::numeric(n, grouping, depth);
            (kind, present, Figures::Numbers { all, segments })
        }
        Values::YesNo(n) => {
            let (present, figures) = shares::yes(n, grouping);
            (Kind::YesNo, present, figures)
        }
        Values::Levels(levels) => {
            let (present, figures) = shares::levels(levels, grouping);
            (Kind::Category, present, figures)
        }
        Values::TooMany | Values::Mixed(_) | Values::Unsupported(_) => return None,
    })
}

#[cfg(test)]
mod tests;
