//! Files that are not what they are named, told by their first bytes; and the separator of those that are.
//!
//! A spreadsheet or a compressed file given as CSV would otherwise fail with whatever happens first, mostly a byte that
//! is not UTF-8. It is not read anyway: the format is named and the next step with it. A separator is found only where the
//! first records leave no doubt, and it is told.

use crate::error::{Error, Place, Result};
use std::io::{self, Cursor, Read};

/// Bytes looked at for the separator, and the most records; marks below take 16 bytes, markup some more, and a tar archive
/// has a name before its own.
const HEAD: usize = 64 << 10;
const SAMPLE: usize = 100;
const TAR: &[u8] = b"ustar";
const TAR_AT: usize = 257;

/// What may separate columns unless something is asked for; where a comma can, it does.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

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

/// What text that is no table starts with, in lower case.
const MARKUP: [(&str, &str, &str); 7] = [
    ("<!doctype", "a web page (HTML)", EXPORT),
    ("<html", "a web page (HTML)", EXPORT),
    ("<table", "a web page (HTML)", EXPORT),
    ("<?xml", "an XML file", EXPORT),
    ("{\"", "a JSON file", "write its records as a table with one customer a row"),
    ("[{", "a JSON file", "write its records as a table with one customer a row"),
    ("[[", "a JSON file", "write its records as a table with one customer a row"),
];

/// The first bytes of a reader.
pub(super) struct Head {
    pub(super) bytes: Vec<u8>,
    /// Whether these are all.
    whole: bool,
    /// What came instead of more.
    failed: Option<io::Error>,
}

impl Head {
    pub(super) fn read(reader: &mut impl Read) -> Self {
        let mut bytes = Vec::new();
        let failed = reader.take(HEAD as u64).read_to_end(&mut bytes).err();
        Self { whole: bytes.len() < HEAD && failed.is_none(), bytes, failed }
    }

    /// The whole of the reader again, from the first byte on; what failed then fails where it did.
    pub(super) fn before<R: Read>(self, rest: R) -> impl Read + use<R> {
        Cursor::new(self.bytes).chain(Failed(self.failed)).chain(rest)
    }

    /// The separator that every one of the first records agrees on, if there is just one or it is a comma; a comma else.
    pub(super) fn separator(&self) -> u8 {
        let agreed: Vec<u8> = SEPARATORS.into_iter().filter(|separator| self.agrees(*separator)).collect();
        match agreed[..] {
            [separator] => separator,
            _ => b',',
        }
    }

    /// Whether all records of the sample have as many fields as the first one, and that more than one.
    fn agrees(&self, separator: u8) -> bool {
        let mut records = csv::ReaderBuilder::new();
        let records = records.delimiter(separator).has_headers(false).flexible(true).from_reader(&self.bytes[..]);
        let fields = records.into_byte_records().take(SAMPLE + 1).map_while(|record| record.ok().map(|r| r.len()));
        let mut fields: Vec<usize> = fields.collect();
        if !self.whole && fields.len() > 1 && fields.len() <= SAMPLE {
            fields.pop(); // cut by the end of the head
        }
        fields.truncate(SAMPLE);
        fields.first().is_some_and(|first| *first > 1 && fields.iter().all(|found| found == first))
    }
}

/// An error that is still to be told, then nothing.
struct Failed(Option<io::Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
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
        _ => markup(head),
    }
}

fn markup(head: &[u8]) -> Option<(&'static str, &'static str)> {
    const LONGEST: usize = 64;
    let text = String::from_utf8_lossy(&head[..head.len().min(LONGEST)]);
    let start: String = text.trim_start_matches('\u{feff}').split_whitespace().collect::<String>().to_lowercase();
    MARKUP.iter().find(|(mark, ..)| start.starts_with(mark)).map(|(_, name, hint)| (*name, *hint))
}

/// The separator that a header of one column holds, if it holds one: the file most likely uses it.
pub(super) fn separator_in(name: &str) -> Option<char> {
    [';', '\t', '|'].into_iter().find(|c| name.contains(*c))
}
