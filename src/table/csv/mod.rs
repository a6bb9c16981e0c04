//! CSV files, read strictly.
//!
//! The fields come from the `csv` crate; what that crate lets pass (see [`guard`]) and what it cannot know (headers,
//! numbers, counts) is checked here. Strict means that every row has a value or a visible gap for every column of the
//! header and that nothing is repaired: a table that was read is the table in the file.
//!
//! - `sniff`: other formats, told by their first bytes
//! - `guard`: quotes, encoding and record length, on the way to the parser
//! - `fault`: what the guard finds, in words
//! - `header`: column names
//! - `number`: one field as a number
//! - `columns`: the values, kept in blocks

mod columns;
mod fault;
mod guard;
mod header;
mod number;
mod sniff;
#[cfg(test)]
mod tests;

use super::{ReadOptions, Table};
use crate::error::{Error, Place, Result};
use columns::Columns;
use csv::ByteRecord;
use fault::Fault;
use guard::Guard;
use std::io::{self, Cursor, Read};
use std::path::Path;

/// Bytes handed to the parser at once: they and the record stay in the second-level cache.
const BUFFER: usize = 128 << 10;

/// Reads a CSV file.
pub(super) fn read(path: &Path, options: &ReadOptions) -> Result<Table> {
    let (file, _) = super::open(path)?;
    read_from(file, &path.display().to_string(), options)
}

/// Reads CSV from any reader; `source` names it in messages.
fn read_from<R: Read>(mut reader: R, source: &str, options: &ReadOptions) -> Result<Table> {
    let delimiter = separator(options.delimiter)?;
    let head = sniff::head(&mut reader).map_err(|e| super::unreadable(source, &e))?;
    sniff::refuse_other_formats(&head, source)?;
    let mut records = Records::new(Cursor::new(head).chain(reader), source, delimiter);
    let names = records.names(options.delimiter)?;
    options.known(&names, &records.header)?;
    let mut columns = Columns::new(names, options);
    while records.next()? {
        columns.push(&records.record, records.read - 2);
    }
    let table = records.into_table();
    columns.finish(table)
}

fn separator(asked: Option<u8>) -> Result<u8> {
    match asked.unwrap_or(b',') {
        byte @ (b'"' | b'\r' | b'\n' | 0 | 128..) => {
            let shown = char::from(byte).escape_default();
            Err(Error::Usage(format!("'{shown}' cannot separate columns; use one ASCII character such as ';'")))
        }
        byte => Ok(byte),
    }
}

/// The records of a file, the header first.
struct Records<'a, R> {
    parser: csv::Reader<Guard<R>>,
    source: &'a str,
    /// The record read last.
    record: ByteRecord,
    /// Records read.
    read: usize,
    /// Where the header is.
    header: Place,
    /// The column names, once the header is read.
    names: Vec<String>,
}

impl<'a, R: Read> Records<'a, R> {
    fn new(reader: R, source: &'a str, delimiter: u8) -> Self {
        let parser = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(BUFFER)
            .from_reader(Guard::new(reader, delimiter));
        Self { parser, source, record: ByteRecord::new(), read: 0, header: Place::file(source), names: Vec::new() }
    }

    /// Reads the header.
    fn names(&mut self, delimiter: Option<u8>) -> Result<Vec<String>> {
        if !self.advance()? || self.blank()? {
            return Err(Error::data(Place::file(self.source), "file is empty", "give a CSV file with a header line"));
        }
        self.header = Place::file(self.source).at_line(self.parser.get_ref().header());
        self.names = header::names(&self.record, &self.header, delimiter)?;
        Ok(self.names.clone())
    }

    /// Whether the header is a line of spaces, with nothing behind it.
    fn blank(&mut self) -> Result<bool> {
        let header = self.record.clone();
        while self.record.len() == 1 && number::trim(&self.record[0]).is_empty() {
            if !self.advance()? {
                return Ok(true);
            }
        }
        (self.record, self.read) = (header, 1);
        Ok(false)
    }

    /// Reads the next data row; `false` at the end of the file.
    fn next(&mut self) -> Result<bool> {
        let more = self.advance()?;
        if more && self.record.len() != self.names.len() {
            return Err(self.ragged());
        }
        Ok(more)
    }

    /// Reads the next record, as long as its bytes are sound.
    fn advance(&mut self) -> Result<bool> {
        let more = self.parser.read_byte_record(&mut self.record).map_err(|e| self.unreadable(e))?;
        match self.parser.get_ref().fault() {
            Some(fault) if !more || fault.record == self.read => return Err(self.faulty(fault, more)),
            _ => self.read += usize::from(more),
        }
        Ok(more)
    }

    /// The error of a fault in the record just read, which was cut at the fault.
    fn faulty(&self, fault: &Fault, cut: bool) -> Error {
        let field = if cut { self.record.len() - 1 } else { 0 };
        let place = Place::file(self.source).at_line(fault.line);
        let (message, hint) = fault.problem.explain();
        match self.names.get(field) {
            Some(name) => Error::data(place.in_column(name), message, hint),
            None => Error::data(place, format!("field {}: {message}", field + 1), hint),
        }
    }

    fn ragged(&self) -> Error {
        let (expected, found) = (self.names.len(), self.record.len());
        let hint = match self.record.iter().next_back() {
            _ if found < expected => "every row needs a value for every column of the header; it may be empty",
            Some([]) if found == expected + 1 => "the row ends with a separator that the header does not have",
            _ => "put a value that holds the separator in double quotes",
        };
        let message = format!("expected {expected} field{}, found {found}", if expected == 1 { "" } else { "s" });
        let line = self.parser.get_ref().lines().line(self.read - 2).unwrap_or_default();
        Error::data(Place::file(self.source).at_line(line), message, hint)
    }

    fn unreadable(&self, error: csv::Error) -> Error {
        let error = io::Error::from(error);
        let place = Place::file(self.source).at_line(self.parser.get_ref().line());
        Error::data(place, format!("cannot read on: {error}"), "check the disk or the connection, and read it again")
    }

    /// The table without its columns.
    fn into_table(self) -> Table {
        debug_assert_eq!(self.parser.get_ref().records(), self.read, "the guard and the parser saw other records");
        let source = self.source.to_owned();
        Table { source, rows: self.read - 1, columns: Vec::new(), lines: self.parser.into_inner().into_lines() }
    }
}
