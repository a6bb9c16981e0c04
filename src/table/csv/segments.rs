//! A file cut into runs of whole records, so that threads can parse them at the same time.
//!
//! The guard walks the file in order and knows where records begin; a run is cut at the beginning of one. How the file is cut
//! cannot be seen in the table or in an error.

use super::fault::Fault;
use super::guard::{BOM, Guard};
use crate::table::Extent;
use std::io::{self, Read};

/// Bytes taken from the guard at once: they stay in the second-level cache until they are copied.
const BUFFER: usize = 128 << 10;

/// Some whole records.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) bytes: Vec<u8>,
    /// The record it starts with; the header is 0.
    pub(super) first: usize,
    /// What ended the file here, if its last record is cut at a wrong byte.
    pub(super) fault: Option<Fault>,
    /// Faults that were gone over.
    pub(super) mended: Vec<Fault>,
}

/// The segments of a file.
pub(super) struct Segments<R> {
    guard: Guard<R>,
    /// Bytes that a segment has at least, but for the last one.
    length: usize,
    /// Bytes read and not handed out, their offset in the file, and the record that they start with.
    held: Vec<u8>,
    offset: u64,
    first: usize,
    ended: bool,
    failed: Option<io::Error>,
}

impl<R: Read> Segments<R> {
    pub(super) fn new(guard: Guard<R>, length: usize) -> Self {
        Self { guard, length, held: Vec::new(), offset: 0, first: 0, ended: false, failed: None }
    }

    /// What is known of the part of the file that was read.
    pub(super) fn guard(&self) -> &Guard<R> {
        &self.guard
    }

    pub(super) fn into_guard(self) -> Guard<R> {
        self.guard
    }

    /// The rows of a file of `of` bytes (0 if that is not known), of which the segments handed out hold so many.
    pub(super) fn extent(&self, rows: u64, of: u64) -> Option<Extent> {
        if self.ended && self.held.is_empty() {
            return Some(Extent { rows, exact: true });
        }
        let rows = u128::from(rows) * u128::from(of) / u128::from(self.offset.max(1));
        u64::try_from(rows).ok().filter(|_| of > 0).map(|rows| Extent { rows, exact: false })
    }

    /// Up to `most` further segments; none at the end. What could not be read is told after everything before it was handed
    /// out.
    pub(super) fn some(&mut self, most: usize) -> io::Result<Vec<Segment>> {
        let mut segments = Vec::new();
        while segments.len() < most
            && let Some(segment) = self.next()
        {
            segments.push(segment);
        }
        match self.failed.take() {
            Some(error) if segments.is_empty() => Err(error),
            failed => {
                self.failed = failed;
                Ok(segments)
            }
        }
    }

    fn next(&mut self) -> Option<Segment> {
        while !self.ended {
            if self.held.len() >= self.length {
                if let Some(at) = self.cut() {
                    return Some(self.hand_out(at));
                }
                if let Some(segment) = self.before_blank_lines() {
                    return Some(segment);
                }
            }
            let before = self.held.len();
            self.held.reserve((self.length + 2 * BUFFER).saturating_sub(before));
            self.held.resize(before + BUFFER, 0);
            let read = self.guard.read(&mut self.held[before..]);
            self.held.truncate(before + read.as_ref().copied().unwrap_or(0));
            match read {
                Ok(0) => {
                    self.ended = true;
                    let (bytes, fault) = (std::mem::take(&mut self.held), self.guard.fault().cloned());
                    let mended = self.guard.mended_before(usize::MAX);
                    return Some(Segment { bytes, first: self.first, fault, mended });
                }
                Ok(_) => self.shield_mark(before),
                Err(error) => {
                    (self.ended, self.failed) = (true, Some(error));
                    return self.whole().map(|at| self.hand_out(at));
                }
            }
        }
        None
    }

    /// Where the latest record begins, if a whole one is before it.
    fn cut(&self) -> Option<usize> {
        let at = usize::try_from(self.guard.begun().checked_sub(self.offset)?).ok()?;
        (self.guard.records() > self.first + 1).then_some(at)
    }

    /// Where the last whole record ends.
    fn whole(&self) -> Option<usize> {
        if self.guard.between() { Some(self.held.len()).filter(|held| *held > 0) } else { self.cut() }
    }

    fn hand_out(&mut self, at: usize) -> Segment {
        let rest = self.held.split_off(at);
        let bytes = std::mem::replace(&mut self.held, rest);
        let first = std::mem::replace(&mut self.first, self.guard.records() - 1);
        self.offset += at as u64;
        let mended = self.guard.mended_before(if self.held.is_empty() { usize::MAX } else { self.first });
        self.shield_mark(0);
        Segment { bytes, first, fault: None, mended }
    }

    /// Nothing but line ends since the latest record: they are let go, however many there are, and what is before them is
    /// handed out.
    fn before_blank_lines(&mut self) -> Option<Segment> {
        if !self.guard.between() {
            return None;
        }
        self.offset += self.held.len() as u64;
        let bytes = std::mem::take(&mut self.held);
        let first = std::mem::replace(&mut self.first, self.guard.records());
        let mended = self.guard.mended_before(usize::MAX);
        (first < self.first).then_some(Segment { bytes, first, fault: None, mended })
    }

    /// A mark at the start of what is held, when the file's own is past: the parser would strip it from the start of its
    /// input, and here it is part of a value. Blank lines are skipped.
    fn shield_mark(&mut self, before: usize) {
        if before == 0 && self.offset > 0 && self.held.starts_with(BOM) {
            self.held.insert(0, b'\n');
            self.offset -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Drip, read_from};
    use super::super::{ReadOptions, SEGMENT};
    use super::*;

    #[test]
    fn no_segment_is_much_longer_than_asked_whatever_its_records_start_with() {
        for start in ["a", "\u{ff94}", "\u{feff}", "\"\u{feff}\n\""] {
            let file = "name,value\n".to_owned() + &format!("{start},1\n").repeat(200_000);
            let mut segments = Segments::new(Guard::new(file.as_bytes(), b','), 10_000);
            let all = segments.some(usize::MAX).unwrap();
            assert!(all.iter().all(|s| s.bytes.len() < 10_000 + 2 * BUFFER), "{start:?}");
            assert!(all.iter().map(|s| s.bytes.len()).sum::<usize>() >= file.len());
        }
    }

    /// A reader that fails.
    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("cable pulled"))
        }
    }

    #[test]
    fn what_is_wrong_before_a_failure_is_told_first() {
        let rows = "c0\ninf\n1\n\u{feff}1\n\u{ff76}\n";
        for (wrong, place) in
            [("1,2\n", "a.csv:6:"), ("1,2\n3\n4", "a.csv:6:"), ("1\n2\n", "a.csv:8:"), ("", "a.csv:6:")]
        {
            let bytes = format!("{rows}{wrong}");
            for (length, most) in [(1, 1), (9, 2), (30, 5), (SEGMENT, 1 << 10)] {
                let drip = Drip { bytes: bytes.as_bytes(), most, interrupted: false };
                let error =
                    read_from(drip.chain(Broken), "a.csv", &ReadOptions::default(), length).unwrap_err().to_string();
                assert!(error.contains(place), "{wrong:?}, segments of {length}: {error}");
                assert_eq!(error.contains("cable"), !wrong.contains(','), "{wrong:?}, segments of {length}: {error}");
            }
        }
    }

    #[test]
    fn a_reader_that_fails_names_the_line() {
        let reader = &b"a,b,c,d,e,f,g,h,i\n1,2,3,4,5,6,7,8,9\n"[..];
        let message =
            read_from(reader.chain(Broken), "a.csv", &ReadOptions::default(), SEGMENT).unwrap_err().to_string();
        assert!(message.starts_with("a.csv:3: cannot read on: cable pulled"), "{message}");
    }
}
