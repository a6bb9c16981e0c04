//! The compact protocol of Apache Thrift, as far as a look at a structure needs it before it is trusted.
//!
//! Footers and page headers are written in it. The `parquet` crate decodes them; but it makes room for what they claim,
//! and follows them however deep they go, so that a few bytes could take all memory. Here nothing is kept: every list is
//! walked to its end, so a structure that was walked holds as many elements as it claims.

use std::io::Read;

/// Structures inside one another; Parquet has nine at most.
const MOST_DEEP: usize = 64;

const STOP: u8 = 0;
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;

/// What a walk meets: the path of field numbers to an element, and the value of a whole number there.
pub(super) trait Visitor {
    /// A whole number at a path of field numbers.
    fn number(&mut self, path: &[i16], value: i64) -> Option<()>;
    /// A structure at a path begins.
    fn begin(&mut self, path: &[i16]) -> Option<()>;
}

/// A reader of the protocol; every answer is `None` where the bytes are not of it, or end.
pub(super) struct Compact<R> {
    input: R,
    /// Bytes read so far, and at most.
    pub(super) read: u64,
    most: u64,
}

impl<R: Read> Compact<R> {
    pub(super) fn new(input: R, most: u64) -> Self {
        Self { input, read: 0, most }
    }

    /// Walks a structure.
    pub(super) fn structure(&mut self, path: &mut Vec<i16>, visitor: &mut impl Visitor) -> Option<()> {
        if path.len() >= MOST_DEEP {
            return None;
        }
        visitor.begin(path)?;
        let mut field = 0;
        loop {
            let head = self.byte()?;
            let (kind, delta) = (head & 15, i16::from(head >> 4));
            if kind == STOP {
                return Some(());
            }
            field = if delta == 0 { i16::try_from(self.signed()?).ok()? } else { field + delta };
            path.push(field);
            // The value of a yes or no is in its kind.
            if !matches!(kind, TRUE | FALSE) {
                self.value(kind, path, visitor)?;
            }
            path.pop();
        }
    }

    fn value(&mut self, kind: u8, path: &mut Vec<i16>, visitor: &mut impl Visitor) -> Option<()> {
        match kind {
            TRUE | FALSE | BYTE => self.skip(1),
            4..=6 => {
                let value = self.signed()?;
                visitor.number(path, value)
            }
            DOUBLE => self.skip(8),
            BINARY => {
                let length = self.varint()?;
                self.skip(length)
            }
            LIST | SET => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
                self.elements(count, &[head & 15], path, visitor)
            }
            MAP => {
                let count = self.varint()?;
                let kinds = if count == 0 { 0 } else { self.byte()? };
                self.elements(count, &[kinds >> 4, kinds & 15], path, visitor)
            }
            STRUCT => self.structure(path, visitor),
            _ => None,
        }
    }

    fn elements(&mut self, count: u64, kinds: &[u8], path: &mut Vec<i16>, visitor: &mut impl Visitor) -> Option<()> {
        if path.len() >= MOST_DEEP {
            return None;
        }
        path.push(-1);
        for _ in 0..count {
            kinds.iter().try_for_each(|kind| self.value(*kind, path, visitor))?;
        }
        path.pop();
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        let mut byte = [0];
        (self.read < self.most).then(|| self.input.read_exact(&mut byte).ok())??;
        self.read += 1;
        Some(byte[0])
    }

    fn skip(&mut self, count: u64) -> Option<()> {
        (count <= self.most - self.read).then_some(())?;
        let skipped = std::io::copy(&mut self.input.by_ref().take(count), &mut std::io::sink()).ok()?;
        self.read += skipped;
        (skipped == count).then_some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Some(value);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        self.varint().map(|v| (v >> 1).cast_signed() ^ -(v & 1).cast_signed())
    }
}
