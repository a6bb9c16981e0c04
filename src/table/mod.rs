//! Rows as they came: one reader per format, all of them giving a [`Table`].
//!
//! A table holds whole columns in blocks of [`BLOCK`] rows, so that a reader can fill blocks in any order, a statistic
//! can be folded block by block, and a column that is not needed can be dropped at once. Types are found over the
//! whole file, never from a sample: a column is a number column only when every value that is not missing is a number.
//! Nothing here knows about features or clusters.

mod csv;
mod lines;
#[cfg(test)]
mod mutation;
mod npy;

pub use lines::Lines;
pub use npy::npy_matrix;

use crate::error::{Error, Place, Result, printable, suggestion};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Rows in a block; the last block of a column may be shorter.
pub const BLOCK: usize = 65_536;

/// Most columns in a table; more are a damaged or hostile file, or a matrix lying on its side.
pub const MAX_COLUMNS: usize = 65_536;

/// What to read, and how.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// Columns to keep as text, byte for byte, whatever they hold (ids).
    pub text: BTreeSet<String>,
    /// More such columns, which a CSV file need not have.
    pub text_if_there: BTreeSet<String>,
    /// The only columns to read beside `text`; `None` reads all.
    pub only: Option<BTreeSet<String>>,
    /// The field separator of a CSV file; `None` is a comma, and a file that clearly uses another is refused by name.
    pub delimiter: Option<u8>,
    /// Spellings of a missing value beside the built-in ones (see [`is_missing`]).
    pub nulls: Vec<String>,
}

impl ReadOptions {
    /// Whether a column of that name is read.
    fn wants(&self, name: &str) -> bool {
        self.is_text(name) || self.only.as_ref().is_none_or(|only| only.contains(name))
    }

    /// Whether a column of that name is kept as text.
    fn is_text(&self, name: &str) -> bool {
        self.text.contains(name) || self.text_if_there.contains(name)
    }

    /// Refuses a column asked for that is not among the names; `header` is the place of the names.
    fn known(&self, names: &[String], header: &Place) -> Result<()> {
        let have: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let asked = self.text.iter().chain(self.only.iter().flatten());
        match asked.into_iter().find(|name| !have.contains(name.as_str())) {
            Some(name) => Err(unknown_column(name, names, header)),
            None => Ok(()),
        }
    }
}

fn unknown_column(name: &str, names: &[String], header: &Place) -> Error {
    const LISTED: usize = 8;
    let message = format!("no column '{}'", printable(name));
    if let Some(near) = suggestion(name, names.iter().map(String::as_str)) {
        return Error::data(header.clone(), format!("{message}; did you mean '{}'?", printable(near)), "");
    }
    let first: Vec<String> = names.iter().take(LISTED).map(|n| format!("'{}'", printable(n))).collect();
    let rest = if names.len() > LISTED { format!(" and {} more", names.len() - LISTED) } else { String::new() };
    Error::data(header.clone(), message, format!("the columns are {}{rest}", first.join(", ")))
}

/// A table in memory.
#[derive(Debug, Clone)]
pub struct Table {
    /// The file as the user named it, for messages.
    pub source: String,
    /// Rows, the header not counted.
    pub rows: usize,
    /// The columns, in file order; names are unique.
    pub columns: Vec<Column>,
    /// The line of every row.
    pub lines: Lines,
}

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name, exactly as in the file.
    pub name: String,
    /// Rows without a value.
    pub missing: u64,
    /// The first row (0-based) without a value.
    pub first_missing: Option<usize>,
    /// What it holds.
    pub values: Values,
}

/// The values of a column.
#[derive(Debug, Clone)]
pub enum Values {
    /// Finite numbers, in blocks of [`BLOCK`] rows; NaN stands for a missing value.
    Numbers(Vec<Vec<f64>>),
    /// Text kept byte for byte, in blocks of [`BLOCK`] rows.
    Texts(Vec<Vec<String>>),
    /// Not kept: the column holds text and was not asked for as text.
    Dropped(TextFound),
}

/// Why a column is not a number column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextFound {
    /// Rows that hold a number.
    pub numbers: u64,
    /// Rows that hold text.
    pub texts: u64,
    /// The first row (0-based) that holds text.
    pub row: usize,
    /// The text found there.
    pub value: String,
}

impl Table {
    /// The column of that name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// The place of a row (0-based) in a column, for messages.
    #[must_use]
    pub fn place(&self, row: usize, column: &str) -> Place {
        let place = Place::file(&self.source).in_column(column);
        match self.lines.line(row) {
            Some(line) => place.at_line(line),
            None => place.at_row(row as u64 + 1),
        }
    }
}

impl Column {
    /// The numbers in blocks, if this is a number column.
    #[must_use]
    pub fn numbers(&self) -> Option<&[Vec<f64>]> {
        match &self.values {
            Values::Numbers(blocks) => Some(blocks),
            _ => None,
        }
    }

    /// The texts in blocks, if this column was kept as text.
    #[must_use]
    pub fn texts(&self) -> Option<&[Vec<String>]> {
        match &self.values {
            Values::Texts(blocks) => Some(blocks),
            _ => None,
        }
    }
}

/// Reads a table; the format follows the file's ending (`.npy`, otherwise CSV).
///
/// # Errors
/// [`Error::Data`] with file, line and column for anything that cannot be read as a table.
pub fn read(path: &Path, options: &ReadOptions) -> Result<Table> {
    let _span = tracing::info_span!("read", path = %path.display()).entered();
    let table = match path.extension().and_then(|e| e.to_str()) {
        Some(e) if e.eq_ignore_ascii_case("npy") => npy::read(path, options)?,
        _ => csv::read(path, options)?,
    };
    if table.rows == 0 {
        return Err(Error::data(Place::file(&table.source), "no data rows", "the file holds a header only"));
    }
    Ok(table)
}

/// Opens a regular file and says how long it is.
fn open(path: &Path) -> Result<(File, u64)> {
    let source = path.display().to_string();
    let about = fs::metadata(path).map_err(|e| unreadable(&source, &e))?;
    if about.is_dir() {
        return Err(Error::data(Place::file(source), "this is a directory", "give a file inside it"));
    }
    if !about.is_file() {
        let hint = "save what it gives to a file, and give that";
        return Err(Error::data(Place::file(source), "this is not a regular file", hint));
    }
    let file = File::open(path).map_err(|e| unreadable(&source, &e))?;
    Ok((file, about.len()))
}

/// A file that the operating system does not let us read, in its own words.
fn unreadable(source: &str, error: &io::Error) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => "check the path and the working directory",
        io::ErrorKind::PermissionDenied => "check that you may read the file and enter its directories",
        _ => "",
    };
    Error::data(Place::file(source), format!("cannot read: {error}"), hint)
}

/// Adds a value to the last block, or to a new one when that is full.
#[inline]
fn push<T>(blocks: &mut Vec<Vec<T>>, value: T) {
    match blocks.last_mut() {
        Some(block) if block.len() < BLOCK => block.push(value),
        _ => start(blocks, value),
    }
}

#[cold]
fn start<T>(blocks: &mut Vec<Vec<T>>, value: T) {
    add_block(blocks, vec![value]);
}

/// Adds the values of later blocks, so that all but the last are full.
fn append<T>(blocks: &mut Vec<Vec<T>>, later: Vec<Vec<T>>) {
    for mut block in later {
        if let Some(last) = blocks.last_mut() {
            let room = (BLOCK - last.len()).min(block.len());
            last.extend(block.drain(..room));
        }
        if !block.is_empty() {
            add_block(blocks, block);
        }
    }
}

/// Adds a block that is not full yet. The first one grows, since most tables are small; the later ones are made whole.
fn add_block<T>(blocks: &mut Vec<Vec<T>>, mut block: Vec<T>) {
    if !blocks.is_empty() {
        block.reserve_exact(BLOCK - block.len());
    }
    blocks.push(block);
}

/// Whether a field spells a missing value: empty, NA, N/A, NaN, null, None or \N in any letter case.
#[must_use]
pub fn is_missing(field: &str) -> bool {
    field.is_empty() || ["na", "n/a", "nan", "null", "none", "\\n"].iter().any(|s| field.eq_ignore_ascii_case(s))
}
