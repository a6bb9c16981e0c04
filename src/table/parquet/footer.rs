//! The footer: what the file claims to hold, held against the file.
//!
//! A footer is walked once ([`super::thrift`]) before the `parquet` crate decodes it: a schema as deep as a well would
//! overflow the stack there, and a count of children or list elements is taken for a size.

use super::source::Source;
use super::thrift::{Compact, Visitor};
use crate::error;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};

/// Groups inside one another in a schema.
const MOST_NESTED: usize = 100;

/// Most rows of a small file, and for each byte of a larger one: a few bytes can claim, and even hold, any number. A column of one
/// value takes a thousandth of a byte a row.
const MOST_ROWS: u64 = u32::MAX as u64;
const ROWS_A_BYTE: u64 = 1_000;

/// The bytes after the footer: its length and the mark.
const TAIL: u64 = 8;

/// What is wrong, and what to do about it.
pub(super) type Problem = (String, &'static str);

/// Reads the footer and refuses one that cannot be true.
pub(super) fn read(source: &Source) -> Result<ParquetMetaData, Problem> {
    let footer = bytes(source)?;
    walk(&footer)?;
    let decoded = error::caught(|| ParquetMetaDataReader::decode_metadata(&footer));
    let metadata = decoded.map_err(damaged)?.map_err(damaged)?;
    check(&metadata, source.length())?;
    Ok(metadata)
}

fn damaged(what: impl std::fmt::Display) -> Problem {
    (format!("the Parquet footer is damaged: {what}"), "write the file again")
}

/// The bytes of the footer.
fn bytes(source: &Source) -> Result<Vec<u8>, Problem> {
    const ENCRYPTED: &str = "decrypt it first: segma has no keys";
    const NOT: &str = "is it a CSV file? then name it with the ending .csv";
    let length = source.length();
    let cannot = |e: std::io::Error| (format!("cannot read: {e}"), "");
    if length == 0 {
        return Err(("the file is empty".into(), "give a Parquet file"));
    }
    let start = source.bytes(0, length.min(4)).map_err(cannot)?;
    if !matches!(&start[..], b"PAR1" | b"PARE") {
        return Err(("this is not a Parquet file: it does not start with PAR1".into(), NOT));
    }
    let cut = || ("the file is cut off: it does not end with PAR1".to_owned(), "copy or write it again");
    if length < 4 + TAIL {
        return Err(cut());
    }
    let tail = source.bytes(length - TAIL, TAIL).map_err(cannot)?;
    let (claim, mark) = tail.split_at(4);
    match mark {
        b"PAR1" => {}
        b"PARE" => return Err(("the file is encrypted (its footer is)".into(), ENCRYPTED)),
        _ => return Err(cut()),
    }
    let claim = u64::from(claim.first_chunk().map_or(0, |c| u32::from_le_bytes(*c)));
    if claim > length - TAIL - 4 {
        return Err(damaged(format_args!("{claim} bytes long in a file of {length}")));
    }
    source.bytes(length - TAIL - claim, claim).map_err(cannot)
}

/// Walks the whole footer.
fn walk(footer: &[u8]) -> Result<(), Problem> {
    let mut schema = Shape::default();
    let walked = Compact::new(footer, footer.len() as u64).structure(&mut Vec::new(), &mut schema);
    if schema.encrypted {
        return Err(("columns of the file are encrypted".into(), "decrypt it first: segma has no keys"));
    }
    if schema.too_deep {
        let message = format!("the schema is over {MOST_NESTED} groups deep");
        return Err((message, "flatten it when writing the file"));
    }
    if walked.is_none() {
        return Err(damaged("its structure ends too early or is wrong"));
    }
    let root = schema.children.first().copied().unwrap_or(0);
    let all: i64 = schema.children.iter().sum();
    if root < 1 {
        return Err(("the file has no columns".into(), ""));
    }
    if all != schema.children.len() as i64 - 1 {
        return Err(damaged("its schema is not a tree"));
    }
    Ok(())
}

/// The schema, element by element: each is followed by its children.
#[derive(Default)]
struct Shape {
    /// How many children each element has.
    children: Vec<i64>,
    /// For each open group how many children are still to come.
    open: Vec<i64>,
    too_deep: bool,
    encrypted: bool,
}

impl Visitor for Shape {
    fn begin(&mut self, path: &[i16]) -> Option<()> {
        match path {
            [2, -1] => {
                while self.open.pop_if(|left| *left == 0).is_some() {}
                self.open.last_mut().into_iter().for_each(|left| *left -= 1);
                self.children.push(0);
            }
            [8] => self.encrypted = true,
            _ => {}
        }
        Some(())
    }

    fn number(&mut self, path: &[i16], value: i64) -> Option<()> {
        if let [2, -1, 5] = path
            && value != 0
        {
            (value > 0 && value <= i64::from(i32::MAX)).then_some(())?;
            *self.children.last_mut()? += value;
            self.open.push(value);
            self.too_deep |= self.open.len() > MOST_NESTED;
            (!self.too_deep).then_some(())?;
        }
        Some(())
    }
}

/// Holds what the footer says against itself.
fn check(metadata: &ParquetMetaData, length: u64) -> Result<(), Problem> {
    let leaves = metadata.file_metadata().schema_descr().num_columns();
    let mut rows = 0u64;
    for (i, group) in metadata.row_groups().iter().enumerate() {
        let claim = u64::try_from(group.num_rows()).map_err(|_| damaged(in_group(i, group, "rows")))?;
        rows = rows.checked_add(claim).ok_or_else(|| damaged(in_group(i, group, "rows")))?;
        if group.num_columns() != leaves {
            return Err(damaged(in_group(i, group, "columns")));
        }
    }
    if u64::try_from(metadata.file_metadata().num_rows()) != Ok(rows) {
        let all = metadata.file_metadata().num_rows();
        return Err(damaged(format_args!("{all} rows in all, {rows} in its row groups")));
    }
    let most = MOST_ROWS.max(length.saturating_mul(ROWS_A_BYTE));
    if rows > most {
        return Err((format!("{rows} rows; the limit is {most}"), "is the file damaged? it is too short to hold them"));
    }
    Ok(())
}

fn in_group(i: usize, group: &RowGroupMetaData, what: &str) -> String {
    format!("row group {} claims {} rows and {} columns: wrong {what}", i + 1, group.num_rows(), group.num_columns())
}
