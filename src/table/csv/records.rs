//! The records of a segment, and what is wrong with one.

use super::fault::Fault;
use super::segments::Segment;
use crate::error::{Error, Place};
use crate::table::Lines;
use crate::table::columns::Columns;
use crate::table::number;
use csv::ByteRecord;

/// The records of a segment, one after another.
pub(super) struct Records<'a> {
    parser: csv::Reader<&'a [u8]>,
    segment: &'a Segment,
    /// The record read last.
    record: ByteRecord,
    /// The record to be read next; the header is 0.
    next: usize,
}

/// A record that cannot be a row.
#[derive(Debug)]
pub(super) enum Broken {
    /// It was cut at a wrong byte in this field.
    Faulty(Fault, usize),
    /// It has another number of fields than the header.
    Ragged { row: usize, found: usize, ends_empty: bool },
}

impl<'a> Records<'a> {
    pub(super) fn new(segment: &'a Segment, delimiter: u8) -> Self {
        let parser = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(segment.bytes.as_slice());
        Self { parser, segment, record: ByteRecord::new(), next: segment.first }
    }

    /// The header, from the first segment of a file, and whether nothing but spaces follows; `None` if there is no record.
    pub(super) fn header(mut self) -> Result<Option<(ByteRecord, bool)>, Broken> {
        if !self.advance()? {
            return Ok(None);
        }
        let header = self.record.clone();
        let blank = self.is_blank() && self.blank()?;
        Ok(Some((header, blank)))
    }

    /// Whether all further records are lines of spaces.
    pub(super) fn blank(&mut self) -> Result<bool, Broken> {
        while self.advance()? {
            if !self.is_blank() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn is_blank(&self) -> bool {
        self.record.len() == 1 && number::trim(&self.record[0]).is_empty()
    }

    /// The data rows, added to columns.
    pub(super) fn rows(mut self, fields: usize, mut columns: Columns) -> Result<Columns, Broken> {
        while self.advance()? {
            let Some(row) = (self.next - 1).checked_sub(1) else { continue }; // the header
            if self.record.len() != fields {
                let ends_empty = self.record.iter().next_back() == Some(&[]);
                return Err(Broken::Ragged { row, found: self.record.len(), ends_empty });
            }
            columns.push(|column| &self.record[column]);
        }
        Ok(columns)
    }

    /// Reads the next record, as long as its bytes are sound; `false` at the end of the segment.
    fn advance(&mut self) -> Result<bool, Broken> {
        // Bytes in memory can be read, and records of any length are let pass: there is no error.
        let more = self.parser.read_byte_record(&mut self.record).unwrap_or(false);
        match &self.segment.fault {
            Some(fault) if !more || fault.record == self.next => {
                let field = if more { self.record.len() - 1 } else { 0 };
                return Err(Broken::Faulty(fault.clone(), field));
            }
            _ => self.next += usize::from(more),
        }
        Ok(more)
    }
}

impl Broken {
    /// The error, in a file with these column names (none before the header is read) and lines.
    pub(super) fn error(&self, source: &str, names: &[String], lines: &Lines) -> Error {
        match self {
            Self::Faulty(fault, field) => faulty(source, names, fault, *field),
            Self::Ragged { row, found, ends_empty } => {
                let expected = names.len();
                let hint = match ends_empty {
                    _ if *found < expected => "every row needs a value for every column of the header; it may be empty",
                    true if *found == expected + 1 => "the row ends with a separator that the header does not have",
                    _ => "put a value that holds the separator in double quotes",
                };
                let plural = if expected == 1 { "" } else { "s" };
                let message = format!("expected {expected} field{plural}, found {found}");
                let line = lines.line(*row).unwrap_or_default();
                Error::data(Place::file(source).at_line(line), message, hint)
            }
        }
    }
}

fn faulty(source: &str, names: &[String], fault: &Fault, field: usize) -> Error {
    let place = Place::file(source).at_line(fault.line);
    let (message, hint) = fault.problem.explain();
    match names.get(field) {
        Some(name) => Error::data(place.in_column(name), message, hint),
        None => Error::data(place, format!("field {}: {message}", field + 1), hint),
    }
}
