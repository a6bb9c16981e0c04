//! Files that are not what they are named, told by their first bytes.
//!
//! A spreadsheet or a compressed file given as CSV would otherwise fail with whatever happens first, mostly a byte that
//! is not UTF-8. Nothing is guessed and read anyway: the format is named and the next step with it.

use crate::error::{Error, Place, Result};
use std::io::{self, Read};

/// Bytes looked at; the longest mark below has 16.
const HEAD: usize = 16;

const UNPACK: &str = "unpack it first and give the CSV file inside";
const EXPORT: &str = "save or export it as CSV (UTF-8)";
const RECODE: &str = "convert it to UTF-8, for example: iconv -f UTF-16 -t UTF-8 OLD.csv > NEW.csv";
const RECODE_32: &str = "convert it to UTF-8, for example: iconv -f UTF-32 -t UTF-8 OLD.csv > NEW.csv";

/// Marks at the start of a file, longer ones before their own beginnings.
const MARKS: &[(&[u8], &str, &str)] = &[
    (b"\x1f\x8b", "a gzip file", UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd file", UNPACK),
    (b"BZh", "a bzip2 file", UNPACK),
    (b"\xfd7zXZ\0", "an xz file", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip file", UNPACK),
    (b"PK\x03\x04", "a zip file (an Excel .xlsx is one)", EXPORT),
    (b"PK\x05\x06", "an empty zip file", EXPORT),
    (b"\xd0\xcf\x11\xe0", "an old Excel file (.xls)", EXPORT),
    (b"PAR1", "a Parquet file", "name it with the ending .parquet"),
    (b"ARROW1", "an Arrow file", EXPORT),
    (b"SQLite format 3\0", "an SQLite database", EXPORT),
    (b"%PDF-", "a PDF", EXPORT),
    (b"\x93NUMPY", "a NumPy array", "name it with the ending .npy"),
    (b"\xff\xfe\0\0", "UTF-32 text", RECODE_32),
    (b"\0\0\xfe\xff", "UTF-32 text", RECODE_32),
    (b"\xff\xfe", "UTF-16 text", RECODE),
    (b"\xfe\xff", "UTF-16 text", RECODE),
];

/// The first bytes of a reader, fewer than [`HEAD`] only when it has fewer.
pub(super) fn head(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD);
    reader.take(HEAD as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Refuses bytes that start a file of another format.
pub(super) fn refuse_other_formats(head: &[u8], source: &str) -> Result<()> {
    match format(head) {
        Some((name, hint)) => Err(Error::data(Place::file(source), format!("this is {name}, not CSV"), hint)),
        None => Ok(()),
    }
}

fn format(head: &[u8]) -> Option<(&'static str, &'static str)> {
    if let Some((_, name, hint)) = MARKS.iter().find(|(mark, ..)| head.starts_with(mark)) {
        return Some((name, hint));
    }
    match head.first_chunk::<4>()?.map(|byte| byte == 0) {
        [false, true, true, true] | [true, true, true, false] => Some(("UTF-32 text", RECODE_32)),
        [false, true, false, true] | [true, false, true, false] => Some(("UTF-16 text", RECODE)),
        _ => None,
    }
}

/// The separator that a header of one column holds, if it holds one: the file most likely uses it.
pub(super) fn separator_in(name: &str) -> Option<char> {
    [';', '\t', '|'].into_iter().find(|c| name.contains(*c))
}
