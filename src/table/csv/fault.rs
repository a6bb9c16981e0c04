//! What can be wrong with the bytes of a CSV file, in words.

use crate::error::printable;

/// A wrong byte, and the record it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Record (the header is 0) that the byte is in.
    pub(super) record: usize,
    /// The line at which that record starts.
    pub(super) line: u64,
    /// What is wrong.
    pub(super) problem: Problem,
}

/// What can be wrong with a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    /// No UTF-8: the byte and its offset in the file.
    NotUtf8(u8, u64),
    /// A NUL byte, at this offset.
    Nul(u64),
    /// Something other than a separator after a closing quote.
    AfterQuote(char),
    /// The file ends inside quotes that were opened at this line.
    Unterminated(u64),
    /// The record passes [`super::guard::LONGEST_RECORD`]; the line of the quote it is inside of, if any.
    TooLong(Option<u64>),
}

impl Problem {
    /// Whether the record can be left out and the next one read: it is known where it ends.
    pub(super) fn is_mendable(self) -> bool {
        matches!(self, Self::NotUtf8(..) | Self::Nul(_) | Self::AfterQuote(_))
    }

    /// How many bytes are wrong.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::AfterQuote(text) => text.len_utf8(),
            _ => 1,
        }
    }

    /// The message and the hint.
    pub(super) fn explain(self) -> (String, String) {
        let text = |m: &str, h: &str| (m.to_owned(), h.to_owned());
        match self {
            Self::NotUtf8(byte, offset) => (
                format!("byte 0x{byte:02X} at offset {offset} is not UTF-8"),
                "convert the file to UTF-8, for example: iconv -f WINDOWS-1252 -t UTF-8 OLD.csv > NEW.csv".to_owned(),
            ),
            Self::Nul(offset) => (
                format!("NUL byte at offset {offset}"),
                "a text file has none: the file is damaged or in a binary format; export it again as CSV".to_owned(),
            ),
            Self::AfterQuote(text) => (
                format!("'{}' after a closing quote", printable(&text.to_string())),
                "only a separator may follow a closing quote; write a quote inside a quoted field twice".to_owned(),
            ),
            Self::Unterminated(line) => (
                format!("the quote opened at line {line} is never closed"),
                "close it, or write a quote that is part of a value twice, inside quotes".to_owned(),
            ),
            Self::TooLong(Some(line)) => (
                format!("the record is over 16 MiB; the quote opened at line {line} is likely never closed"),
                "close that quote, or write a quote that is part of a value twice, inside quotes".to_owned(),
            ),
            Self::TooLong(None) => text("the record is over 16 MiB", "is this a CSV file with one record a line?"),
        }
    }
}
