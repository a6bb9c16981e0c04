//! Which columns become features: every number column, or those named.

use super::Options;
use crate::error::{Error, Place, Result, printable, suggestion};
use crate::matrix::Weights;
use crate::note::Note;
use crate::table::{Column, Table, TextFound, Values};

/// The feature columns in order; notes say what was left out.
pub(super) fn select<'t>(table: &'t Table, options: &Options, notes: &mut Vec<Note>) -> Result<Vec<&'t Column>> {
    match &options.columns {
        Some(names) => named(table, options, names),
        None => every_number_column(table, options, notes),
    }
}

fn named<'t>(table: &'t Table, options: &Options, names: &[String]) -> Result<Vec<&'t Column>> {
    let mut columns: Vec<&Column> = Vec::new();
    for name in names {
        let column = find(table, name)?;
        if columns.iter().any(|c| c.name == column.name) {
            return Err(Error::Usage(format!("column '{}' is named twice", printable(name))));
        }
        if [&options.id, &options.weight_column].into_iter().flatten().any(|n| n == name) {
            return Err(Error::Usage(format!("column '{}' cannot be an id or weight and a feature", printable(name))));
        }
        match &column.values {
            Values::Dropped(text) => return Err(text_error(table, column, text)),
            _ if column.missing == table.rows as u64 => {
                let place = Place::file(&table.source).in_column(name);
                return Err(Error::data(place, "every value is missing", "leave the column out of --columns"));
            }
            _ => columns.push(column),
        }
    }
    if columns.is_empty() { Err(Error::Usage("no column was named".into())) } else { Ok(columns) }
}

fn every_number_column<'t>(table: &'t Table, options: &Options, notes: &mut Vec<Note>) -> Result<Vec<&'t Column>> {
    let (mut columns, mut texts, mut empty) = (Vec::new(), Vec::new(), Vec::new());
    for column in &table.columns {
        let reserved = [&options.id, &options.weight_column].into_iter().flatten().any(|n| *n == column.name);
        match &column.values {
            _ if reserved => {}
            Values::Texts(_) => texts.push(column.name.as_str()),
            Values::Dropped(text) if text.numbers > text.texts => return Err(text_error(table, column, text)),
            Values::Dropped(text) if is_decimal_comma(&text.value) => return Err(decimal_comma(table, column, text)),
            Values::Dropped(_) => texts.push(&column.name),
            Values::Numbers(_) if column.missing == table.rows as u64 => empty.push(column.name.as_str()),
            Values::Numbers(_) => columns.push(column),
        }
    }
    if columns.is_empty() {
        return Err(nothing_usable(table, options, &texts, &empty));
    }
    note(notes, "text_left_out", &texts, "text, which cannot be clustered yet");
    note(notes, "empty_left_out", &empty, "every value missing");
    Ok(columns)
}

fn note(notes: &mut Vec<Note>, code: &'static str, names: &[&str], why: &str) {
    if !names.is_empty() {
        notes.push(Note::new(code, format!("left out {}: {why}", list(names))));
    }
}

fn nothing_usable(table: &Table, options: &Options, texts: &[&str], empty: &[&str]) -> Error {
    let mut why = Vec::new();
    why.extend(options.id.iter().map(|n| format!("{} is the id", list(&[n]))));
    why.extend(options.weight_column.iter().map(|n| format!("{} is the weight", list(&[n]))));
    why.extend((!texts.is_empty()).then(|| format!("{} text", holds(texts))));
    why.extend((!empty.is_empty()).then(|| format!("{} no value", holds(empty))));
    let message = format!("no usable column: {}", why.join("; "));
    Error::data(Place::file(&table.source), message, "at least one column must hold numbers")
}

fn holds(names: &[&str]) -> String {
    format!("{} {}", list(names), if names.len() == 1 { "holds" } else { "hold" })
}

/// Names in quotes; the first ten of many.
fn list(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(10).map(|n| format!("'{}'", printable(n))).collect();
    let more = names.len().saturating_sub(10);
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

/// `2,5`: a number to much of the world, text to this reader.
fn is_decimal_comma(value: &str) -> bool {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    value.trim_start_matches(['-', '+']).split_once(',').is_some_and(|(whole, part)| digits(whole) && digits(part))
}

fn decimal_comma(table: &Table, column: &Column, text: &TextFound) -> Error {
    let message = format!("'{}' looks like a number with a decimal comma", printable(&text.value));
    let hint = "write numbers with a point, or name the columns to use with --columns";
    Error::data(table.place(text.row, &column.name), message, hint)
}

fn text_error(table: &Table, column: &Column, text: &TextFound) -> Error {
    let rows = |n: u64, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let message = format!(
        "'{}' is not a number (the column holds {} and {})",
        printable(&text.value),
        rows(text.numbers, "number"),
        rows(text.texts, "text"),
    );
    Error::data(
        table.place(text.row, &column.name),
        message,
        "correct the value, or leave the column out with --columns",
    )
}

/// The column of that name, or an error with a suggestion.
pub(super) fn find<'t>(table: &'t Table, name: &str) -> Result<&'t Column> {
    table.column(name).ok_or_else(|| {
        let names = table.columns.iter().map(|c| c.name.as_str());
        let hint = match suggestion(name, names.clone()) {
            Some(near) => format!("did you mean '{}'?", printable(near)),
            None => format!("the columns are {}", list(&names.collect::<Vec<_>>())),
        };
        Error::data(Place::file(&table.source), format!("no column '{}'", printable(name)), hint)
    })
}

/// The row weights in a column.
pub(super) fn weights(table: &Table, name: &str) -> Result<Weights> {
    let column = find(table, name)?;
    if let Some(row) = column.first_missing {
        return Err(Error::data(table.place(row, name), "the weight is missing", "give every row a weight"));
    }
    match &column.values {
        Values::Numbers(blocks) => Weights::new(&blocks.concat()).map_err(|e| at_table(table, name, e)),
        Values::Dropped(text) => Err(text_error(table, column, text)),
        Values::Texts(_) => Err(Error::Usage(format!("column '{}' cannot be an id and a weight", printable(name)))),
    }
}

/// Puts an error that knows a row only where the table has it.
fn at_table(table: &Table, column: &str, error: Error) -> Error {
    match error {
        Error::Data { place, message, hint } => {
            let place = match place.row.and_then(|r| usize::try_from(r - 1).ok()) {
                Some(row) => table.place(row, column),
                None => Place::file(&table.source).in_column(column),
            };
            Error::data(place, message, hint)
        }
        other => other,
    }
}
