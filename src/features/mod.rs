//! From a table to prepared columns: learnt once, stored in the model, applied again the same way.
//!
//! Steps: select (which columns), impute (what stands for a missing value), scale (so that no column drowns another).
//! A learnt [`Pipeline`] is a list of numbers per column; applying it needs nothing else, so `predict` repeats exactly
//! what `fit` did.

mod impute;
mod moments;
mod prepared;
mod scale;
mod select;

pub use prepared::Prepared;
pub use scale::Scale;

use crate::error::{Error, Result};
use crate::matrix::Weights;
use crate::note::Note;
use crate::table::Table;
use serde::{Deserialize, Serialize};

/// What stands for a missing value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// The column's (lower, weighted) median.
    #[default]
    Median,
    /// Nothing: a missing value is an error.
    Error,
}

/// How a table becomes features.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The column that identifies a row; never a feature.
    pub id: Option<String>,
    /// The columns to use, in this order; `None` uses every number column.
    pub columns: Option<Vec<String>>,
    /// The column that holds row weights; never a feature.
    pub weight_column: Option<String>,
    /// What stands for a missing value.
    pub missing: Missing,
    /// How columns are brought to one size.
    pub scale: Scale,
}

/// One prepared column: `(value or impute - offset) / divisor`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// The table's column.
    pub name: String,
    /// What stands for a missing value; `None` makes one an error.
    pub impute: Option<f64>,
    /// Taken away before dividing.
    pub offset: f64,
    /// Divided by; above 0.
    pub divisor: f64,
}

impl Feature {
    /// A prepared value back in the column's own unit.
    #[must_use]
    pub fn restore(&self, prepared: f64) -> f64 {
        prepared * self.divisor + self.offset
    }
}

/// A learnt preparation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// How columns were brought to one size.
    pub scale: Scale,
    /// The prepared columns, in order.
    pub features: Vec<Feature>,
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
    /// Learns a preparation from a table.
    ///
    /// # Errors
    /// [`Error::Data`] naming the place for an unknown, repeated, text or empty column, a missing value that may not be
    /// imputed, a bad weight, and a table without a usable column.
    pub fn learn(table: &Table, options: &Options) -> Result<Learnt> {
        let _span = tracing::info_span!("learn").entered();
        let mut notes = Vec::new();
        let weights = options.weight_column.as_deref().map(|name| select::weights(table, name)).transpose()?;
        let columns = select::select(table, options, &mut notes)?;
        let features = scale::learn(table, &columns, weights.as_ref(), options, &mut notes)?;
        Ok(Learnt { pipeline: Self { scale: options.scale, features }, weights, notes })
    }

    /// The prepared columns of a table, by name; the table's other columns are ignored.
    ///
    /// # Errors
    /// [`Error::Data`] naming the place for a column that is missing or holds text, and for a missing value that may not
    /// be imputed.
    pub fn prepare<'t>(&self, table: &'t Table) -> Result<Prepared<'t>> {
        Prepared::new(table, &self.features)
    }

    /// Checks a preparation that was read from a file.
    ///
    /// # Errors
    /// The path inside the pipeline and what is wrong there.
    pub fn validate(&self) -> std::result::Result<(), String> {
        let mut names = std::collections::BTreeSet::new();
        for (j, f) in self.features.iter().enumerate() {
            if !names.insert(&f.name) {
                return Err(format!("features[{j}].name: '{}' appears twice", f.name));
            }
            if f.impute.is_some_and(|v| !v.is_finite()) || !f.offset.is_finite() {
                return Err(format!("features[{j}]: impute and offset must be finite"));
            }
            if !(f.divisor.is_finite() && f.divisor > 0.0) {
                return Err(format!("features[{j}].divisor: {} is not above 0", f.divisor));
            }
        }
        if self.features.is_empty() { Err("features: there are none".into()) } else { Ok(()) }
    }
}

/// A missing value where none may be.
fn missing_value(table: &Table, row: usize, column: &str) -> Error {
    Error::data(table.place(row, column), "the value is missing", "fill it, or let --missing median do so")
}
