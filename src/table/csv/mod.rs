//! CSV files, read strictly and by all threads.
//!
//! Fields are what the `csv` crate says they are. It reads the records that need a parser; those whose fields are there byte for
//! byte, nearly all, are found faster ([`plain`]). What that crate lets pass (see [`guard`]) and what it cannot know (headers,
//! numbers, counts) is checked here. Strict means that every row has a value or a visible gap for every column of the
//! header and that nothing is repaired: a table that was read is the table in the file.
//!
//! One thread walks the file and cuts it where records begin, while all of them turn the pieces before into columns; then
//! these are joined in file order. The first error in the file is the one that is told.
//!
//! - `sniff`: other formats, told by their first bytes; the separator
//! - `guard`: quotes, encoding and record length, on the way to the parser
//! - `segments`: the file in pieces of whole records
//! - `fault`: what the guard finds, in words
//! - `marks`: separators, quotes and line ends, found by vectors
//! - `plain`: the fields of records that the parser is not needed for
//! - `records`: the records of a piece, and what is wrong with one
//! - `header`: column names

mod fault;
mod guard;
mod header;
mod marks;
mod plain;
mod records;
mod segments;
mod sniff;
#[cfg(test)]
mod tests;

use super::columns::Columns;
use super::layout::{Asked, Parsed};
use super::rejects::{Reject, refuse_more};
use super::source::{self, Input, Text};
use super::{ReadOptions, Resolved};
use crate::error::{Error, Place, Result};
use csv::ByteRecord;
use guard::Guard;
use rayon::prelude::*;
use records::{Broken, Records, Rejected, Rows};
use segments::{Segment, Segments};
use sniff::Head;
use std::io::Read;

/// Bytes of a segment: enough rows that joining them costs nothing.
const SEGMENT: usize = 1 << 20;

/// Segments read at a time for each thread, and at most: as many are read ahead as are parsed.
const AHEAD: usize = 4;
const MOST: usize = 64;

/// Reads a CSV file.
pub(super) fn read(input: &Input, asked: Asked<'_>) -> Result<Parsed> {
    let Text { reader, packed } = input.text(asked.options.watch.as_ref())?;
    let of = if packed.is_some() { 0 } else { input.length() };
    parse(reader, (packed, of), &input.name, asked, SEGMENT)
}

/// Reads CSV from any reader, in segments of about `length` bytes; `source` names it in messages, `packed` says what it
/// was unpacked from, and `of` how many bytes there are, 0 if that is not known.
fn parse<R: Read + Send>(
    mut reader: R,
    (packed, of): (Option<&str>, u64),
    source: &str,
    asked: Asked<'_>,
    length: usize,
) -> Result<Parsed> {
    let options = asked.options;
    let head = Head::read(&mut reader);
    let delimiter = separator(options.delimiter, &head)?;
    sniff::refuse_other_formats(&head.bytes, source, packed)?;
    let guard = Guard::new(head.before(reader), delimiter).mending(options.rejects.unwrap_or(0));
    let mut file = Reading {
        segments: Segments::new(guard, length),
        source,
        delimiter,
        options,
        names: Vec::new(),
        meant: Resolved::default(),
        rejects: Vec::new(),
    };
    let first = file.header(asked)?;
    let columns = file.rows(first)?;
    let extent = file.segments.extent(columns.rows() as u64, of);
    debug_assert!(
        options.beginning || file.segments.guard().records() == columns.rows() + 1,
        "the guard and the parser saw other records"
    );
    let (rejects, lines) = (file.rejects, file.segments.into_guard().into_lines());
    let separator = (options.delimiter.is_none() && delimiter != b',').then(|| delimiter.into());
    Ok(Parsed { rejects, separator, extent, ..Parsed::file(source, file.names, file.meant, columns, lines) })
}

fn separator(asked: Option<u8>, head: &Head) -> Result<u8> {
    match asked.unwrap_or_else(|| head.separator()) {
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
    options: &'a ReadOptions,
    /// The column names, once the header is read.
    names: Vec<String>,
    /// What is read of them.
    meant: Resolved,
    /// The records that cannot be rows.
    rejects: Vec<Reject>,
}

impl<R: Read + Send> Reading<'_, R> {
    /// Up to `most` further segments.
    fn some(&mut self, most: usize) -> Result<Vec<Segment>> {
        self.segments
            .some(most)
            .map_err(|error| source::stopped(error, Place::file(self.source).at_line(self.segments.guard().line())))
    }

    /// Reads the header, and gives the segment that it is in.
    fn header(&mut self, asked: Asked<'_>) -> Result<Vec<Segment>> {
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
        self.names = header::names(&header, &place, asked.options.delimiter)?;
        self.meant = asked.resolve(&self.names, &place)?;
        Ok(first)
    }

    /// Reads all rows, from the first segment on.
    fn rows(&mut self, first: Vec<Segment>) -> Result<Columns> {
        let (mut columns, mut segments) = (Columns::new(&self.names, &self.meant, self.options), first);
        let (fields, delimiter, rejects) = (self.names.len(), self.delimiter, self.options.rejects.unwrap_or(0));
        while !segments.is_empty() {
            let parse = || {
                let rows = |s: &Segment| {
                    let columns = columns.at_row(s.first.saturating_sub(1), |_| true);
                    Records::new(s, delimiter).rows(fields, columns, rejects)
                };
                segments.par_iter().map(rows).collect()
            };
            let most = if self.options.beginning { 0 } else { (AHEAD * rayon::current_num_threads()).min(MOST) };
            let (next, parsed): (_, Vec<_>) = rayon::join(|| self.some(most), parse);
            let usable = parsed.into_iter().map(|rows| self.usable(rows)).collect::<Result<_>>()?;
            columns.append(usable, &self.options.store)?;
            segments = next?;
        }
        Ok(columns)
    }

    /// The rows of a segment, once it is said which of them cannot be used.
    fn usable(&mut self, rows: Rows) -> Result<Columns> {
        let lines = self.segments.guard().lines();
        let reject = |rejected: Rejected| {
            let (place, reason, _) = rejected.why.told(self.source, &self.names, lines);
            Reject::new(rejected.row, place, reason, &rejected.value)
        };
        self.rejects.extend(rows.rejected.into_iter().map(reject));
        match rows.broken {
            // One more than may be left out is told by the first.
            Some(broken) if self.options.rejects.is_some() && broken.is_mendable() => {
                let (place, reason, _) = broken.told(self.source, &self.names, lines);
                self.rejects.push(Reject::new(usize::MAX, place, reason, ""));
                refuse_more(&self.rejects, self.options)?;
            }
            Some(broken) => {
                refuse_more(&self.rejects, self.options)?;
                return Err(self.error(&broken));
            }
            None => refuse_more(&self.rejects, self.options)?,
        }
        Ok(rows.columns)
    }

    /// The error of a record that is broken.
    fn error(&self, broken: &Broken) -> Error {
        broken.error(self.source, &self.names, self.segments.guard().lines())
    }
}
