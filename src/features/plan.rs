//! A learnt preparation: a few numbers for each column, kept in the model.

use super::transform::Transform;
use crate::error::printable;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How one column of a table becomes features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The table's column.
    pub name: String,
    /// How much it counts beside the others: a weight of 2 as much as the column given twice.
    pub weight: f64,
    /// What a missing value means.
    pub gaps: Gaps,
    /// What is done with it.
    pub how: How,
}

/// What a missing value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gaps {
    /// Something stands for it.
    Fill,
    /// The row takes no part.
    Drop,
    /// The table is refused.
    Error,
}

/// What is done with a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// One feature, and perhaps another that says where values are missing.
    Number(Number),
    /// A feature for each level.
    Levels(OneHot),
}

/// One number a row: held within limits, filled where missing, transformed, then `(v - offset) / divisor`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// Where the number comes from.
    pub from: From,
    /// Beyond which values it is an outlier, if they are looked for.
    pub limits: Option<Limits>,
    /// What stands for a missing value, if something does (and nothing better follows from the other columns).
    pub impute: Option<f64>,
    /// Whether another feature says where values are missing.
    pub indicator: bool,
    /// How its tail is pulled in.
    pub(crate) transform: Transform,
    /// Taken away before dividing.
    pub offset: f64,
    /// Divided by; above 0.
    pub divisor: f64,
}

/// Limits of a column, and what is done with values beyond.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The lowest value that is no outlier.
    pub low: f64,
    /// The highest one.
    pub high: f64,
    /// Whether values beyond are held there; else they are marked in the output.
    pub clip: bool,
}

impl Limits {
    /// The value, held within the limits if it is to be; NaN stays.
    pub(super) fn hold(limits: Option<Self>, value: f64) -> f64 {
        match limits {
            Some(Self { low, high, clip: true }) => value.clamp(low, high),
            _ => value,
        }
    }

    /// Whether a value lies beyond.
    pub(super) fn beyond(self, value: f64) -> bool {
        value < self.low || value > self.high
    }
}

/// Where a number comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// A number column, as it is.
    Number,
    /// Yes as 1, no as 0; not scaled.
    YesNo,
    /// Days from a date to this day (itself in days since 1970-01-01).
    DaysBefore(f64),
    /// A number for each level.
    Level(Vec<(String, f64)>),
}

/// A feature for each level: 1 where the column holds it, else 0; not scaled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneHot {
    /// The levels with a feature of their own, in alphabetical order.
    pub levels: Vec<String>,
    /// Whether there is a feature for all other texts, too; without it these are 0 everywhere.
    pub other: bool,
    /// Whether there is a feature for missing values, too; without it a missing value is like any other text.
    pub missing: bool,
}

/// One prepared column of the matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// Its name: the column's, with the level after an equals sign if it stands for one.
    pub name: String,
    /// The plan that it is of, by index.
    pub plan: usize,
    /// What it says.
    pub part: Part,
}

/// What a feature says of its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The number.
    Number,
    /// 1 where the value is missing.
    Missing,
    /// 1 where the column holds this level, by index.
    Level(usize),
    /// 1 where it holds another text.
    Other,
}

impl Plan {
    /// The features of this column, which is that of index `plan`.
    pub(super) fn features(&self, plan: usize) -> Vec<Feature> {
        let feature = |name: String, part| Feature { name, plan, part };
        let level = |level: &str| format!("{}={level}", self.name);
        let missing = |there: bool| there.then(|| feature(level("(missing)"), Part::Missing));
        match &self.how {
            How::Number(n) => {
                [feature(self.name.clone(), Part::Number)].into_iter().chain(missing(n.indicator)).collect()
            }
            How::Levels(l) => {
                let own = l.levels.iter().enumerate().map(|(i, name)| feature(level(name), Part::Level(i)));
                let other = l.other.then(|| feature(level("(other)"), Part::Other));
                own.chain(other).chain(missing(l.missing)).collect()
            }
        }
    }

    /// What the prepared values are multiplied by: squared distances then grow by the weight.
    pub(super) fn factor(&self) -> f64 {
        self.weight.sqrt()
    }

    /// A prepared value in the unit of the column.
    pub(super) fn restore(&self, part: Part, prepared: f64) -> f64 {
        let value = prepared / self.factor();
        match (&self.how, part) {
            (How::Number(n), Part::Number) => n.restore(value),
            _ => value,
        }
    }

    /// A value in the unit of the column, prepared.
    pub(super) fn prepare(&self, part: Part, value: f64) -> f64 {
        let prepared = match (&self.how, part) {
            (How::Number(n), Part::Number) => n.prepare(value),
            _ => value,
        };
        (prepared * self.factor()).clamp(f64::MIN, f64::MAX)
    }

    /// Prepares values in the unit of the column, in their place.
    pub(super) fn prepare_all(&self, part: Part, values: &mut [f64]) {
        if let (How::Number(n), Part::Number) = (&self.how, part) {
            n.prepare_all(values);
        }
        if self.weight != 1.0 {
            let factor = self.factor();
            values.iter_mut().for_each(|v| *v = (*v * factor).clamp(f64::MIN, f64::MAX));
        }
    }

    /// Whether its values can be regressed on, and held against others.
    pub(super) fn is_number(&self) -> bool {
        matches!(&self.how, How::Number(n) if !matches!(n.from, From::Level(_)))
    }

    /// The levels that are known beforehand when a table is read, if the column is to be read as text.
    pub(super) fn levels(&self) -> Option<Vec<String>> {
        match &self.how {
            How::Levels(l) => Some(l.levels.clone()),
            How::Number(Number { from: From::Level(levels), .. }) => {
                Some(levels.iter().map(|(n, _)| n.clone()).collect())
            }
            How::Number(_) => None,
        }
    }

    /// What is wrong with a plan that was read from a file.
    fn validate(&self) -> Result<(), String> {
        if !(self.weight.is_finite() && self.weight > 0.0) {
            return Err(format!("weight: {} is not above 0", self.weight));
        }
        match &self.how {
            How::Levels(l) => unique(l.levels.iter()),
            How::Number(n) => {
                if n.impute.is_some_and(|v| !v.is_finite()) || !n.offset.is_finite() {
                    return Err("impute and offset must be finite".into());
                }
                if !(n.divisor.is_finite() && n.divisor > 0.0) {
                    return Err(format!("divisor: {} is not above 0", n.divisor));
                }
                if n.limits.is_some_and(|l| !(l.low.is_finite() && l.high.is_finite() && l.low <= l.high)) {
                    return Err("limits: the lower one must not be above the higher one".into());
                }
                if (self.gaps == Gaps::Fill) != n.impute.is_some() {
                    return Err("impute and gaps do not go together".into());
                }
                match &n.from {
                    From::DaysBefore(day) if !day.is_finite() => Err("days_before must be finite".into()),
                    From::Level(levels) if levels.iter().any(|(_, v)| !v.is_finite()) => {
                        Err("level must be finite".into())
                    }
                    From::Level(levels) => unique(levels.iter().map(|(n, _)| n)),
                    _ => Ok(()),
                }
            }
        }
    }
}

impl Number {
    /// A number column of which nothing is asked but these.
    #[cfg(test)]
    pub(crate) fn plain(impute: Option<f64>, offset: f64, divisor: f64) -> Self {
        let (from, transform) = (From::Number, Transform::None);
        Self { from, limits: None, impute, indicator: false, transform, offset, divisor }
    }

    /// Finite for every value but NaN: far beyond what the model was fitted on, a division may overflow.
    #[inline(always)]
    fn scale(&self, value: f64) -> f64 {
        ((value - self.offset) / self.divisor).clamp(f64::MIN, f64::MAX)
    }

    #[inline(always)]
    fn fill(&self, value: f64) -> f64 {
        if value.is_nan() { self.impute.unwrap_or(value) } else { value }
    }

    pub(super) fn prepare(&self, value: f64) -> f64 {
        self.scale(self.transform.apply(self.fill(Limits::hold(self.limits, value))))
    }

    fn restore(&self, prepared: f64) -> f64 {
        self.transform.restore((prepared * self.divisor + self.offset).clamp(f64::MIN, f64::MAX))
    }

    /// Prepares values in their place.
    pub(super) fn prepare_all(&self, values: &mut [f64]) {
        match (self.limits, &self.transform) {
            (None, Transform::None) => values.iter_mut().for_each(|v| *v = self.scale(self.fill(*v))),
            _ => values.iter_mut().for_each(|v| *v = self.prepare(*v)),
        }
    }
}

fn unique<'n>(mut names: impl Iterator<Item = &'n String>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    names.find(|n| !seen.insert(*n)).map_or(Ok(()), |n| Err(format!("levels: '{}' appears twice", printable(n))))
}

/// What is wrong with plans that were read from a file, after the path to it.
pub(super) fn validate(plans: &[Plan]) -> Result<(), String> {
    let mut names = BTreeSet::new();
    for (i, plan) in plans.iter().enumerate() {
        if !names.insert(&plan.name) {
            return Err(format!("columns[{i}].name: '{}' appears twice", printable(&plan.name)));
        }
        plan.validate().map_err(|e| format!("columns[{i}].{e}"))?;
    }
    if plans.iter().all(|p| p.features(0).is_empty()) { Err("columns: there are none".into()) } else { Ok(()) }
}
