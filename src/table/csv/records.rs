//! The records of a segment, and what is wrong with one.

use super::fault::Fault;
use super::plain::Plain;
use super::segments::Segment;
use crate::error::{Error, Place};
use crate::table::columns::Columns;
use crate::table::number;
use crate::table::{Lines, SHOWN};
use csv::ByteRecord;

/// The records of a segment, one after another.
pub(super) struct Records<'a> {
    /// Reads what is left from here on, once it is wanted.
    parser: Option<csv::Reader<&'a [u8]>>,
    at: usize,
    segment: &'a Segment,
    delimiter: u8,
    /// The record read last.
    record: ByteRecord,
    /// The record to be read next; the header is 0.
    next: usize,
}

/// The rows of a segment.
#[derive(Debug)]
pub(super) struct Rows {
    /// All of them; those that cannot be used are blank.
    pub(super) columns: Columns,
    /// Those that cannot be used.
    pub(super) rejected: Vec<Rejected>,
    /// What ended them.
    pub(super) broken: Option<Broken>,
}

/// A row that cannot be used.
#[derive(Debug)]
pub(super) struct Rejected {
    pub(super) row: usize,
    pub(super) why: Broken,
    /// The start of the field to blame, or of the record.
    pub(super) value: String,
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
        Self { parser: None, at: 0, segment, delimiter, record: ByteRecord::new(), next: segment.first }
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

    /// The data rows, added to columns. At most `most` that cannot be used are gone over, and one more.
    pub(super) fn rows(mut self, fields: usize, columns: Columns, most: usize) -> Rows {
        let mut rows = Rows { columns, rejected: Vec::new(), broken: None };
        // The header is a record as all others here, but no row.
        if self.next == 0
            && let Err(broken) = self.advance()
        {
            return Rows { broken: Some(broken), ..rows };
        }
        if self.plain(fields, &mut rows.columns) {
            return rows;
        }
        loop {
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return rows,
                Err(broken) => return Rows { broken: Some(broken), ..rows },
            }
            let row = self.next - 2;
            match self.unusable(row, fields) {
                None => rows.columns.push(|column| &self.record[column]),
                Some(broken) if rows.rejected.len() >= most => return Rows { broken: Some(broken), ..rows },
                Some(why) => {
                    rows.rejected.push(Rejected { row, value: self.shown(&why), why });
                    rows.columns.push_blank();
                }
            }
        }
    }

    /// Adds the rows before the first record that takes the parser, if the segment is sound; whether these were all.
    fn plain(&mut self, fields: usize, columns: &mut Columns) -> bool {
        if self.segment.fault.is_some() || !self.segment.mended.is_empty() {
            return false;
        }
        let read = self.parser.as_ref().map_or(0, |parser| parser.position().byte());
        let begin = usize::try_from(read).unwrap_or(usize::MAX);
        let mut plain = Plain::new(&self.segment.bytes, begin, self.delimiter, fields);
        while plain.advance() {
            columns.extend(plain.rows(), |column| plain.column(column));
            self.next += plain.rows();
        }
        if plain.at() > begin {
            // What is left begins with a line end: a byte-order mark behind it is not taken for the file's own.
            (self.parser, self.at) = (None, plain.at());
        }
        self.at == self.segment.bytes.len()
    }

    /// Why the record cannot be a row, if it cannot.
    fn unusable(&self, row: usize, fields: usize) -> Option<Broken> {
        if let Some(broken) = self.mended() {
            return Some(broken);
        }
        let found = self.record.len();
        (found != fields).then(|| {
            let ends_empty = self.record.iter().next_back() == Some(&[]);
            Broken::Ragged { row, found, ends_empty }
        })
    }

    /// What was gone over in the record.
    fn mended(&self) -> Option<Broken> {
        let at = self.segment.mended.binary_search_by_key(&(self.next - 1), |fault| fault.record).ok()?;
        let field = self.record.iter().position(|field| field.contains(&0)).unwrap_or(0);
        Some(Broken::Faulty(self.segment.mended[at].clone(), field))
    }

    /// The start of what is to blame.
    fn shown(&self, why: &Broken) -> String {
        let bytes = match why {
            Broken::Faulty(_, field) => self.record[*field].to_vec(),
            Broken::Ragged { .. } => self.record.iter().collect::<Vec<_>>().join(&b","[..]),
        };
        let start = &bytes[..bytes.len().min(4 * SHOWN)];
        String::from_utf8_lossy(start).replace('\0', "\u{fffd}")
    }

    /// Reads the next record, as long as its bytes are sound; `false` at the end of the segment.
    fn advance(&mut self) -> Result<bool, Broken> {
        let text = &self.segment.bytes[self.at..];
        let parser = self.parser.get_or_insert_with(|| {
            csv::ReaderBuilder::new().delimiter(self.delimiter).has_headers(false).flexible(true).from_reader(text)
        });
        // Bytes in memory can be read, and records of any length are let pass: there is no error.
        let more = parser.read_byte_record(&mut self.record).unwrap_or(false);
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
    /// Whether the record can be left out.
    pub(super) fn is_mendable(&self) -> bool {
        match self {
            Self::Faulty(fault, _) => fault.problem.is_mendable(),
            Self::Ragged { .. } => true,
        }
    }

    /// The error, in a file with these column names (none before the header is read) and lines.
    pub(super) fn error(&self, source: &str, names: &[String], lines: &Lines) -> Error {
        let (place, message, hint) = self.told(source, names, lines);
        Error::data(place, message, hint)
    }

    /// Where and what is wrong, and the next step.
    pub(super) fn told(&self, source: &str, names: &[String], lines: &Lines) -> (Place, String, String) {
        match self {
            Self::Faulty(fault, field) => faulty(source, names, fault, *field),
            Self::Ragged { row, found, ends_empty } => {
                let expected = names.len();
                let hint = match ends_empty {
                    _ if expected == 1 => {
                        "if lines stand before the header, remove them; put a value that holds the separator in double quotes"
                    }
                    _ if *found < expected => "every row needs a value for every column of the header; it may be empty",
                    true if *found == expected + 1 => "the row ends with a separator that the header does not have",
                    _ => "put a value that holds the separator in double quotes",
                };
                let plural = if expected == 1 { "" } else { "s" };
                let message = format!("expected {expected} field{plural}, found {found}");
                let line = lines.line(*row).unwrap_or_default();
                (Place::file(source).at_line(line), message, hint.to_owned())
            }
        }
    }
}

fn faulty(source: &str, names: &[String], fault: &Fault, field: usize) -> (Place, String, String) {
    let place = Place::file(source).at_line(fault.line);
    let (message, hint) = fault.problem.explain();
    match names.get(field) {
        Some(name) => (place.in_column(name), message, hint),
        None => (place, format!("field {}: {message}", field + 1), hint),
    }
}
