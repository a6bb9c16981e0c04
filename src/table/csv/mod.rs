//! CSV files, read strictly and by all threads.
//!
//! The fields come from the `csv` crate; what that crate lets pass (see [`guard`]) and what it cannot know (headers,
//! numbers, counts) is checked here. Strict means that every row has a value or a visible gap for every column of the
//! header and that nothing is repaired: a table that was read is the table in the file.
//!
//! One thread walks the file and cuts it where records begin, while all of them turn the pieces before into columns; then
//! these are joined in file order. The first error in the file is the one that is told.
//!
//! - `sniff`: other formats, told by their first bytes
//! - `guard`: quotes, encoding and record length, on the way to the parser
//! - `segments`: the file in pieces of whole records
//! - `fault`: what the guard finds, in words
//! - `records`: the records of a piece, and what is wrong with one
//! - `header`: column names

mod fault;
mod guard;
mod header;
mod records;
mod segments;
mod sniff;
#[cfg(test)]
mod tests;

use super::columns::Columns;
use super::{ReadOptions, Resolved, Table};
use crate::error::{Error, Place, Result};
use csv::ByteRecord;
use guard::Guard;
use rayon::prelude::*;
use records::{Broken, Records};
use segments::{Segment, Segments};
use std::io::{Cursor, Read};
use std::path::Path;

/// Bytes of a segment: enough rows that joining them costs nothing.
const SEGMENT: usize = 1 << 20;

/// Segments read at a time for each thread, and at most: as many are read ahead as are parsed.
const AHEAD: usize = 4;
const MOST: usize = 64;

/// Reads a CSV file.
pub(super) fn read(path: &Path, options: &ReadOptions) -> Result<Table> {
    read_from(super::open(path)?.0, &path.display().to_string(), options, SEGMENT)
}

/// Reads CSV from any reader, in segments of about `length` bytes; `source` names it in messages.
fn read_from<R: Read + Send>(mut reader: R, source: &str, options: &ReadOptions, length: usize) -> Result<Table> {
    let delimiter = separator(options.delimiter)?;
    let head = sniff::head(&mut reader).map_err(|e| super::unreadable(source, &e))?;
    sniff::refuse_other_formats(&head, source)?;
    let mut file = Reading {
        segments: Segments::new(Guard::new(Cursor::new(head).chain(reader), delimiter), length),
        source,
        delimiter,
        names: Vec::new(),
        meant: Resolved::default(),
    };
    let first = file.header(options)?;
    let columns = file.rows(first, options)?;
    debug_assert_eq!(file.segments.guard().records(), columns.rows() + 1, "the guard and the parser saw other records");
    let table = Table {
        source: source.to_owned(),
        rows: columns.rows(),
        columns: Vec::new(),
        kept: Vec::new(),
        selected: file.meant.selected,
        further: file.meant.further,
        unread: file.meant.unread,
        places: None,
        lines: file.segments.into_guard().into_lines(),
    };
    columns.finish(table, &options.store)
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

/// A file being read.
struct Reading<'a, R> {
    segments: Segments<R>,
    source: &'a str,
    delimiter: u8,
    /// The column names, once the header is read.
    names: Vec<String>,
    /// What is read of them.
    meant: Resolved,
}

impl<R: Read + Send> Reading<'_, R> {
    /// Up to `most` further segments.
    fn some(&mut self, most: usize) -> Result<Vec<Segment>> {
        self.segments.some(most).map_err(|error| {
            let place = Place::file(self.source).at_line(self.segments.guard().line());
            Error::data(
                place,
                format!("cannot read on: {error}"),
                "check the disk or the connection, and read it again",
            )
        })
    }

    /// Reads the header, and gives the segment that it is in.
    fn header(&mut self, options: &ReadOptions) -> Result<Vec<Segment>> {
        let first = self.some(1)?;
        let header = first.first().map_or(Ok(None), |segment| Records::new(segment, self.delimiter).header());
        let (header, mut blank) = header.map_err(|b| self.error(&b))?.unwrap_or((ByteRecord::new(), true));
        let place = Place::file(self.source).at_line(self.segments.guard().header());
        // A line of spaces is no header; whether the file is empty, or has one without names, shows behind it.
        while blank {
            let more = self.some(1)?;
            let Some(segment) = more.first() else {
                let hint = "give a CSV file with a header line";
                return Err(Error::data(Place::file(self.source), "file is empty", hint));
            };
            blank = Records::new(segment, self.delimiter).blank().map_err(|b| self.error(&b))?;
        }
        self.names = header::names(&header, &place, options.delimiter)?;
        self.meant = options.resolve(&self.names, &place)?;
        Ok(first)
    }

    /// Reads all rows, from the first segment on.
    fn rows(&mut self, first: Vec<Segment>, options: &ReadOptions) -> Result<Columns> {
        let (mut columns, mut segments) = (Columns::new(&self.names, &self.meant, &options.nulls), first);
        while !segments.is_empty() {
            let (fields, delimiter) = (self.names.len(), self.delimiter);
            let parse =
                || segments.par_iter().map(|s| Records::new(s, delimiter).rows(fields, columns.empty())).collect();
            let most = (AHEAD * rayon::current_num_threads()).min(MOST);
            let (next, parsed): (_, Vec<_>) = rayon::join(|| self.some(most), parse);
            let parsed =
                parsed.into_iter().collect::<std::result::Result<_, _>>().map_err(|b: Broken| self.error(&b))?;
            columns.append(parsed, &options.store)?;
            segments = next?;
        }
        Ok(columns)
    }

    /// The error of a record that is broken.
    fn error(&self, broken: &Broken) -> Error {
        broken.error(self.source, &self.names, self.segments.guard().lines())
    }
}
