//! A table's columns as a pipeline prepares them: read on the fly, never copied.

use super::{Feature, missing_value, select};
use crate::error::{Error, Place, Result, printable};
use crate::matrix::Rows;
use crate::table::{BLOCK, Column, Table, Values};

/// Prepared columns of a table.
#[derive(Debug)]
pub struct Prepared<'t> {
    table: &'t Table,
    columns: Vec<(&'t Column, &'t [Vec<f64>], Feature)>,
}

impl<'t> Prepared<'t> {
    pub(super) fn new(table: &'t Table, features: &[Feature]) -> Result<Self> {
        let columns = features.iter().map(|f| bind(table, f)).collect::<Result<_>>()?;
        Ok(Self { table, columns })
    }

    /// Values that an imputed one stands for, over all columns.
    #[must_use]
    pub fn imputed(&self) -> u64 {
        self.columns.iter().map(|(c, _, _)| c.missing).sum()
    }
}

fn bind<'t>(table: &'t Table, feature: &Feature) -> Result<(&'t Column, &'t [Vec<f64>], Feature)> {
    let column = select::find(table, &feature.name)?;
    match (&column.values, column.first_missing) {
        (Values::Numbers(_), Some(row)) if feature.impute.is_none() => Err(missing_value(table, row, &column.name)),
        (Values::Numbers(blocks), _) => Ok((column, blocks, feature.clone())),
        (Values::Dropped(text), _) => {
            let message = format!("'{}' is not a number", printable(&text.value));
            Err(Error::data(table.place(text.row, &column.name), message, "the model was fitted on numbers here"))
        }
        (Values::Texts(_), _) => {
            let message = format!("column '{}' cannot be an id and a feature", printable(&column.name));
            Err(Error::Usage(message))
        }
    }
}

impl Feature {
    /// Finite for every value but NaN: far beyond what the model was fitted on, a division may overflow.
    #[inline(always)]
    fn prepare(&self, value: f64) -> f64 {
        let value = if value.is_nan() { self.impute.unwrap_or(value) } else { value };
        ((value - self.offset) / self.divisor).clamp(f64::MIN, f64::MAX)
    }
}

impl Rows for Prepared<'_> {
    fn count(&self) -> usize {
        self.table.rows
    }

    fn dims(&self) -> usize {
        self.columns.len()
    }

    fn value(&self, i: usize, j: usize) -> f64 {
        let (_, blocks, feature) = &self.columns[j];
        feature.prepare(blocks[i / BLOCK][i % BLOCK])
    }

    fn place(&self, i: usize, j: usize) -> Place {
        self.table.place(i, &self.columns[j].0.name)
    }

    fn column(&self, first: usize, j: usize, out: &mut [f64]) {
        let (_, blocks, feature) = &self.columns[j];
        let mut done = 0;
        while done < out.len() {
            let at = first + done;
            let block = &blocks[at / BLOCK][at % BLOCK..];
            let take = block.len().min(out.len() - done);
            for (o, &v) in out[done..done + take].iter_mut().zip(&block[..take]) {
                *o = feature.prepare(v);
            }
            done += take;
        }
    }
}
