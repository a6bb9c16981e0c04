//! Columns that say something of segments though segments are not made of them.

use super::Options;
use super::select::{self, LeftOut, left_out, list};
use crate::error::{Error, Place, Result};
use crate::note::Note;
use crate::table::{Column, Table, Values};
use std::collections::BTreeMap;

/// The columns of these names, in this order, each of a kind that can be profiled.
///
/// # Errors
/// [`Error::Data`] naming the place for a column that is not there, is mixed, or holds values that can be neither averaged
/// nor counted.
pub fn kpis<'t>(table: &'t Table, names: &[String]) -> Result<Vec<&'t Column>> {
    let kpi = |name: &String| {
        let column = select::find(table, name)?;
        match &column.values {
            Values::Mixed(text) => Err(select::mixed(table, column, text)),
            Values::TooMany | Values::Unsupported(_) => {
                let place = Place::file(&table.source).in_column(name);
                let what =
                    if matches!(column.values, Values::TooMany) { "too many different texts" } else { column.kind() };
                let message = format!("a KPI cannot be profiled from {what}");
                Err(Error::data(place, message, "name a column of numbers, yes and no, dates or categories with --kpi"))
            }
            _ => Ok(column),
        }
    };
    names.iter().map(kpi).collect()
}

/// The columns of a table that can tell segments apart, beside those in `known`, which are not judged; and notes on the others.
#[must_use]
pub fn telling<'t>(table: &'t Table, known: &[String]) -> (Vec<&'t Column>, Vec<Note>) {
    let (mut columns, mut out) = (Vec::new(), BTreeMap::<&str, Vec<&str>>::new());
    for column in &table.columns {
        match why_not(table, column).filter(|_| !known.contains(&column.name)) {
            Some(why) => out.entry(why).or_default().push(&column.name),
            None => columns.push(column),
        }
    }
    let note =
        |(why, names): (&str, Vec<&str>)| Note::new("not_profiled", format!("not profiled: {}: {why}", list(&names)));
    (columns, out.into_iter().map(note).collect())
}

/// Why a column tells nothing of segments, if it does not.
fn why_not(table: &Table, column: &Column) -> Option<&'static str> {
    match left_out(table, column, &Options::default()) {
        Err(_) => Some("numbers and texts are mixed"),
        Ok(Some(LeftOut::Id | LeftOut::Counter)) => Some("every row has its own value, like an id"),
        Ok(Some(LeftOut::FreeText | LeftOut::TooMany)) => Some("nearly every text is different"),
        Ok(Some(LeftOut::Unsupported)) => Some("neither numbers, dates, yes and no nor texts"),
        Ok(_) => None,
    }
}
