//! The header record: its names, and every reason to refuse it.
//!
//! A row of customers taken for a header would be lost silently, and two columns of one name would make a column list
//! ambiguous, so that both are errors. Names are kept exactly; nothing is trimmed or renamed.

use super::sniff;
use crate::error::{Error, Place, Result, printable};
use crate::table::names;
use crate::table::number::{self, Cell};

/// The column names of a header record whose text is known to be UTF-8.
///
/// `delimiter` is the one asked for, if one was.
pub(super) fn names(record: &csv::ByteRecord, place: &Place, delimiter: Option<u8>) -> Result<Vec<String>> {
    names::refuse_too_many(record.len(), place)?;
    let names: Vec<String> = record.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
    if let ([name], None) = (&names[..], delimiter) {
        refuse_separator(name, place)?;
    }
    refuse_data(record, place)?;
    names::refuse_nameless(&names, place)?;
    names::refuse_duplicates(&names, place)?;
    Ok(names)
}

fn refuse_separator(name: &str, place: &Place) -> Result<()> {
    let Some(separator) = sniff::separator_in(name) else { return Ok(()) };
    let spelt = if separator == '\t' { "\\t".to_owned() } else { separator.to_string() };
    let message = format!("the header is one column, '{}', and holds '{spelt}'", printable(name));
    Err(Error::data(place.clone(), message, format!("if that separates the columns, use --delimiter '{spelt}'")))
}

fn refuse_data(record: &csv::ByteRecord, place: &Place) -> Result<()> {
    let cells: Vec<Cell> = record.iter().map(|field| number::cell(field, &[])).collect();
    if cells.contains(&Cell::Text) || !cells.iter().any(|c| matches!(c, Cell::Number(_))) {
        return Ok(());
    }
    let first = record.iter().find(|field| !field.is_empty()).unwrap_or_default();
    let message = format!(
        "the first row looks like data, not like a header: every name is a number, such as '{}'",
        printable(&String::from_utf8_lossy(first))
    );
    Err(Error::data(place.clone(), message, "add a header line with the column names"))
}
