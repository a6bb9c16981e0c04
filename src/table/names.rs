//! Column names, and the reasons to refuse them.

use super::MAX_COLUMNS;
use crate::error::{Error, Place, Result, printable};
use std::collections::HashMap;

/// Most names listed in one message.
const LISTED: usize = 8;

/// Refuses more columns than a table may have.
pub(super) fn refuse_too_many(columns: usize, place: &Place) -> Result<()> {
    if columns <= MAX_COLUMNS {
        return Ok(());
    }
    let message = format!("{columns} columns; the limit is {MAX_COLUMNS}");
    Err(Error::data(place.clone(), message, "is this a table with one customer a row?"))
}

/// Refuses a column without a name.
pub(super) fn refuse_nameless(names: &[String], place: &Place) -> Result<()> {
    let nameless: Vec<String> =
        (1..).zip(names).filter(|(_, n)| n.trim().is_empty()).map(|(i, _)| i.to_string()).collect();
    if nameless.is_empty() {
        return Ok(());
    }
    let message = format!("no name for column {} of {}", listed(&nameless), names.len());
    let hint = "name every column; pandas writes a nameless index column unless told index=False";
    Err(Error::data(place.clone(), message, hint))
}

/// Refuses two columns of one name.
pub(super) fn refuse_duplicates(names: &[String], place: &Place) -> Result<()> {
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
