//! Files into a table: which reader, and how often.

use super::layout::{Asked, Parsed};
use super::source::{Format, Input};
use super::{Column, ReadOptions, Selection, Table, Values, csv, npy, parquet, rejects};
use crate::error::{Error, Place, Result};
use crate::watch::{Far, Unit, Watch};
use std::path::{Path, PathBuf};

/// Reads a table; the format follows the file's ending (`.npy`; `.parquet`, `.pq` or `.parq`; otherwise CSV, which may be
/// packed with gzip or zstd). The path `-` is standard input; what it or a pipe gives is told by its first bytes, and kept
/// in an unnamed temporary file while it is read.
///
/// # Errors
/// [`Error::Data`] with file, line or row, and column for anything that cannot be read as a table, and
/// [`Error::Output`] if the temporary file cannot be written.
pub fn read(path: &Path, options: &ReadOptions) -> Result<Table> {
    read_all(&[path.to_owned()], options)
}

/// Reads files as one table, the rows of the first one first. Columns are matched by name; the first file gives their
/// order, and what they hold is found over all files.
///
/// # Errors
/// Those of [`read`], and [`Error::Data`] for a file that lacks a column that is read, or has one more.
pub fn read_all(paths: &[PathBuf], options: &ReadOptions) -> Result<Table> {
    let inputs: Vec<Input> = paths.iter().map(|path| Input::new(path)).collect::<Result<_>>()?;
    let table = texts_again(options, |options| joined(&inputs, options))?;
    inputs.iter().try_for_each(Input::unchanged)?;
    let table = rejects::leave_out(table, options)?;
    if table.rows == 0 {
        let hint = if inputs.len() == 1 { "the file holds a header only" } else { "the files hold headers only" };
        return Err(Error::data(Place::file(&table.source), "no data rows", hint));
    }
    Ok(table)
}

/// The table of some files.
fn joined(inputs: &[Input], options: &ReadOptions) -> Result<Table> {
    let mut all: Option<Parsed> = None;
    for (i, input) in inputs.iter().enumerate() {
        let _span = tracing::info_span!("read", path = input.name).entered();
        let options = &ReadOptions { watch: watch_of(inputs, i, options), ..options.clone() };
        let asked = Asked { options, before: all.as_ref() };
        let file = match input.format()? {
            Format::Npy => npy::read(input, asked),
            Format::Parquet => parquet::read(input, asked),
            Format::Csv => csv::read(input, asked),
        };
        // A file that somebody writes to is broken in many ways; that is why.
        let file = file.or_else(|error| input.unchanged().and(Err(error)))?;
        match &mut all {
            Some(all) => all.append(file, &options.store)?,
            None => all = Some(file),
        }
    }
    all.ok_or_else(|| Error::Usage("no file to read".into()))?.finish(options)
}

/// The watch of one of several files: it is told of bytes of all of them.
fn watch_of(inputs: &[Input], file: usize, options: &ReadOptions) -> Option<Watch> {
    let watch = options.watch.clone()?;
    if inputs.len() == 1 {
        return Some(watch);
    }
    let lengths = |files: &[Input]| files.iter().map(Input::length).sum::<u64>();
    let (before, own, of) = (lengths(&inputs[..file]), inputs[file].length(), lengths(inputs));
    Some(Watch::new(move |far| {
        let here = match far.unit {
            Unit::Bytes => u128::from(far.done),
            Unit::Rows => u128::from(own) * u128::from(far.done) / u128::from(far.of.max(1)),
        };
        watch.tell(Far { done: before.saturating_add(u64::try_from(here).unwrap_or(own)), of, unit: Unit::Bytes });
    }))
}

/// Reads a table; columns of which at most half are numbers once more, as text, and, where rows may be rejected, the other
/// mixed ones, as numbers.
pub(super) fn texts_again(options: &ReadOptions, read: impl Fn(&ReadOptions) -> Result<Table>) -> Result<Table> {
    let mut table = read(options)?;
    let text = |c: &Column| mostly_text(&c.values) && !options.numbers.contains(&c.name);
    let mixed = table.columns.iter().filter(|c| matches!(c.values, Values::Mixed(_)));
    let (texts, numbers): (Vec<&Column>, Vec<&Column>) = mixed.partition(|c| text(c));
    let numbers = if options.rejects.is_some() { numbers } else { Vec::new() };
    let names = |columns: &[&Column]| columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    let (texts, numbers) = (names(&texts), names(&numbers));
    if texts.is_empty() && numbers.is_empty() {
        return Ok(table);
    }
    let again = ReadOptions {
        wanted: Some(Selection::names([&texts[..], &numbers].concat())),
        as_text: texts.into_iter().map(|name| (name, Vec::new())).collect(),
        as_numbers: numbers.into_iter().collect(),
        delimiter: options.delimiter,
        decimal_comma: options.decimal_comma,
        nulls: options.nulls.clone(),
        beginning: options.beginning,
        store: options.store.clone(),
        watch: options.watch.clone(),
        rejects: options.rejects,
        ..ReadOptions::default()
    };
    let again = read(&again)?;
    for column in again.columns {
        table.columns.iter_mut().filter(|c| c.name == column.name).for_each(|c| *c = column.clone());
    }
    table.rejects.extend(again.rejects);
    Ok(table)
}

fn mostly_text(values: &Values) -> bool {
    matches!(values, Values::Mixed(found) if found.numbers <= found.texts)
}
