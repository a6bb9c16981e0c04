//! Files that are not what they are named, told by their first bytes.
//!
//! A spreadsheet or a compressed file given as CSV would otherwise fail with whatever happens first, mostly a byte that
//! is not UTF-8. Nothing is guessed and read anyway: the format is named and the next step with it.

use crate::error::{Error, Place, Result};
use std::io::{self, Cursor, Read};

/// Bytes looked at: up to the mark of a tar archive, which has a name before it.
const HEAD: usize = TAR_AT + TAR.len();
const TAR: &[u8] = b"ustar";
const TAR_AT: usize = 257;

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

/// A reader whose first bytes were looked at; it gives them all the same.
#[derive(Debug)]
pub(super) struct Looked<R> {
    head: Cursor<Vec<u8>>,
    /// What stopped the look, to be told behind the bytes before it.
    failed: Option<io::Error>,
    rest: R,
}

impl<R: Read> Looked<R> {
    pub(super) fn new(mut rest: R) -> Self {
        let mut head = Vec::with_capacity(HEAD);
        let failed = rest.by_ref().take(HEAD as u64).read_to_end(&mut head).err();
        Self { head: Cursor::new(head), failed, rest }
    }

    /// The first bytes, fewer than [`HEAD`] only when there are fewer.
    pub(super) fn head(&self) -> &[u8] {
        self.head.get_ref()
    }
}

impl<R: Read> Read for Looked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match (self.head.read(buffer)?, self.failed.take()) {
            (0, Some(error)) => Err(error),
            (0, None) => self.rest.read(buffer),
            (read, failed) => {
                self.failed = failed;
                Ok(read)
            }
        }
    }
}

/// Refuses bytes that start a file of another format; `packed` says what they were unpacked from.
pub(super) fn refuse_other_formats(head: &[u8], source: &str, packed: Option<&str>) -> Result<()> {
    let Some((name, hint)) = format(head) else { return Ok(()) };
    let (message, hint) = match packed {
        Some(packed) => (format!("this {packed} file holds {name}, not CSV"), UNPACK),
        None => (format!("this is {name}, not CSV"), hint),
    };
    Err(Error::data(Place::file(source), message, hint))
}

fn format(head: &[u8]) -> Option<(&'static str, &'static str)> {
    if let Some((_, name, hint)) = MARKS.iter().find(|(mark, ..)| head.starts_with(mark)) {
        return Some((name, hint));
    }
    if head.get(TAR_AT..).is_some_and(|mark| mark.starts_with(TAR)) && head.contains(&0) {
        return Some(("a tar archive", UNPACK));
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
