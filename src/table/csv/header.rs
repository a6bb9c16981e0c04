//! The header record: its names, and every reason to refuse it.
//!
//! A row of customers taken for a header would be lost silently, and two columns of one name would make a column list
//! ambiguous, so that both are errors. Names are kept exactly; nothing is trimmed or renamed.

use super::sniff;
use crate::error::{Error, Place, Result, printable};
use crate::table::MAX_COLUMNS;
use crate::table::number::{self, Cell};
use std::collections::HashMap;

/// Most names listed in one message.
const LISTED: usize = 8;

/// The column names of a header record whose text is known to be UTF-8.
///
/// `delimiter` is the one asked for, if one was.
pub(super) fn names(record: &csv::ByteRecord, place: &Place, delimiter: Option<u8>) -> Result<Vec<String>> {
    if record.len() > MAX_COLUMNS {
        let message = format!("{} columns; the limit is {MAX_COLUMNS}", record.len());
        return Err(Error::data(place.clone(), message, "is this the header of a table with one customer a row?"));
    }
    let names: Vec<String> = record.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
    if let ([name], None) = (&names[..], delimiter) {
        refuse_separator(name, place)?;
    }
    refuse_data(record, place)?;
    refuse_nameless(&names, place)?;
    refuse_duplicates(&names, place)?;
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

fn refuse_nameless(names: &[String], place: &Place) -> Result<()> {
    let nameless: Vec<String> =
        (1..).zip(names).filter(|(_, n)| n.trim().is_empty()).map(|(i, _)| i.to_string()).collect();
    if nameless.is_empty() {
        return Ok(());
    }
    let message = format!("no name for column {} of {}", listed(&nameless), names.len());
    let hint = "name every column in the header line; pandas writes a nameless index column unless told index=False";
    Err(Error::data(place.clone(), message, hint))
}

fn refuse_duplicates(names: &[String], place: &Place) -> Result<()> {
    let mut columns: HashMap<&str, Vec<usize>> = HashMap::with_capacity(names.len());
    for (number, name) in (1..).zip(names) {
        columns.entry(name).or_default().push(number);
    }
    let mut twice: Vec<(&str, Vec<usize>)> = columns.into_iter().filter(|(_, all)| all.len() > 1).collect();
    if twice.is_empty() {
        return Ok(());
    }
    twice.sort_by_key(|(_, all)| all[0]);
    let spelt: Vec<String> = twice.iter().map(|(name, all)| duplicate(name, all)).collect();
    let message = format!("duplicate column names: {}", listed(&spelt));
    Err(Error::data(place.clone(), message, "give every column its own name"))
}

fn duplicate(name: &str, columns: &[usize]) -> String {
    let numbers: Vec<String> = columns.iter().map(ToString::to_string).collect();
    format!("'{}' (columns {})", printable(name), listed(&numbers))
}

/// The first few of a list, and how many more there are.
fn listed(all: &[String]) -> String {
    let first = all[..all.len().min(LISTED)].join(", ");
    match all.len().saturating_sub(LISTED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
