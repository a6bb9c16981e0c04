//! What the CSV parser does not mind, minded: a reader that checks the bytes on their way to it.
//!
//! The `csv` crate always finds some parse. It takes text after a closing quote, an open quote at the end of the file,
//! bytes that are no text, and records of any length. [`Guard`] sits between the file and that parser, walks the same
//! records (quotes and line ends only, which is cheap), and at the first byte that is wrong it ends the input there,
//! leaving a [`Fault`]. The parser then hands out the record cut at that byte as its last one, and the number of its
//! fields tells the column. Nothing here depends on how the bytes are cut into reads, so a fault is the same through
//! every buffer. The guard also knows the line at which every record starts, which the parser does not tell for CRLF,
//! CR alone, and blank lines.
//!
//! If rows may be rejected, the guard goes on behind a wrong byte: it puts a NUL in its place, which sound text never holds, so
//! that the parser's records show the field, and lists the fault. It goes on only where the end of the record is not in doubt:
//! a quote that is opened behind text that follows a closing quote must be closed on the same line.

use super::fault::{Fault, Problem};
use crate::table::Lines;
use std::io::{self, Read};

/// Longest record, in bytes. A longer one is nearly always a quote that was never closed; the limit is far above any
/// real row and bounds the memory of a hostile file.
pub(super) const LONGEST_RECORD: u64 = 16 << 20;

/// Where the walk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between records.
    Between,
    /// In a record, outside quotes.
    Plain,
    /// Inside quotes.
    Quoted,
    /// Just behind a quote inside quotes: the closing one, or the first of two.
    Closing,
}

/// The checking reader.
#[derive(Debug)]
pub(super) struct Guard<R> {
    inner: R,
    delimiter: u8,
    state: State,
    /// The byte before the next one.
    previous: u8,
    /// Bytes walked, which is the offset of the next one.
    offset: u64,
    /// The line of the next byte.
    line: u64,
    /// Records begun.
    records: usize,
    /// Offset and line at which the latest record began.
    start: (u64, u64),
    /// The line of the latest opening quote.
    quote: u64,
    /// The line of the header.
    header: u64,
    /// The line of every data row begun.
    lines: Lines,
    /// The start of a character that the latest read cut, held back until the rest of it is there.
    held: Vec<u8>,
    fault: Option<Fault>,
    /// Faults that may be gone over.
    most: usize,
    /// Faults that were gone over, the first of each record, as far as they were not taken; and how many in all.
    mended: Vec<Fault>,
    count: usize,
    /// Text followed a closing quote of this record, and was gone over.
    loose: bool,
}

impl<R: Read> Guard<R> {
    /// A guard that starts at offset 0, line 1; a byte-order mark counts as nothing but its bytes.
    pub(super) fn new(inner: R, delimiter: u8) -> Self {
        Self {
            inner,
            delimiter,
            state: State::Between,
            previous: 0,
            offset: 0,
            line: 1,
            records: 0,
            start: (0, 1),
            quote: 1,
            header: 1,
            lines: Lines::default(),
            held: Vec::new(),
            fault: None,
            most: 0,
            mended: Vec::new(),
            count: 0,
            loose: false,
        }
    }

    /// The same guard, which goes over so many faults.
    pub(super) fn mending(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// Takes the faults in records before this one that were gone over.
    pub(super) fn mended_before(&mut self, record: usize) -> Vec<Fault> {
        let later = self.mended.split_off(self.mended.partition_point(|fault| fault.record < record));
        std::mem::replace(&mut self.mended, later)
    }

    /// The fault that ended the input, if one did.
    pub(super) fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// The line of the header, once it has begun.
    pub(super) fn header(&self) -> u64 {
        self.header
    }

    /// The line of every data row begun so far.
    pub(super) fn lines(&self) -> &Lines {
        &self.lines
    }

    /// The line of every data row.
    pub(super) fn into_lines(self) -> Lines {
        self.lines
    }

    /// Records begun, the header included.
    pub(super) fn records(&self) -> usize {
        self.records
    }

    /// The offset at which the latest record began.
    pub(super) fn begun(&self) -> u64 {
        self.start.0
    }

    /// Whether the walk is between records.
    pub(super) fn between(&self) -> bool {
        self.state == State::Between
    }

    /// The line the walk has reached.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Walks a chunk and says how many of its bytes may pass.
    fn admit(&mut self, chunk: &mut [u8]) -> usize {
        let mut from = if self.offset == 0 && chunk.starts_with(BOM) { BOM.len() } else { 0 };
        let mut looked = 0;
        let mut text = Text::behind(0, chunk);
        let sound = loop {
            let (mut sound, mut wrong) = (text.sound(), text.wrong(chunk, self.offset));
            if let Err((at, problem)) = self.walk(chunk, from.min(sound), sound) {
                (sound, wrong) = (at, Some((problem, problem.bytes())));
            }
            let Some((problem, bytes)) = wrong else { break sound };
            if !self.mend(problem) {
                self.fail(problem);
                break sound;
            }
            chunk[sound..sound + bytes].fill(0);
            (from, looked) = (sound, looked.max(sound + bytes));
            text.go_on(looked, chunk);
        };
        self.held.clear();
        self.held.extend_from_slice(text.cut(chunk));
        self.previous = *chunk[..sound].last().unwrap_or(&self.previous);
        self.offset += sound as u64;
        sound
    }

    /// Goes over a wrong byte, if it may be gone over.
    fn mend(&mut self, problem: Problem) -> bool {
        let fault = self.fault_of(problem);
        if !problem.is_mendable() || fault.record == 0 {
            return false;
        }
        if self.mended.last().is_none_or(|last| last.record != fault.record) {
            if self.count == self.most {
                return false;
            }
            self.count += 1;
            self.mended.push(fault);
        }
        if self.state == State::Closing {
            (self.state, self.loose) = (State::Plain, true);
        }
        true
    }

    /// Walks `chunk[from..end]`; an error gives the index at which the input must end.
    fn walk(&mut self, chunk: &[u8], mut from: usize, end: usize) -> Result<(), (usize, Problem)> {
        while from < end {
            let byte = chunk[from];
            if self.state == State::Closing && !is_special(byte) {
                if byte != self.delimiter {
                    return Err((from, Problem::AfterQuote(first_char(&chunk[from..end]))));
                }
                self.state = State::Plain;
            }
            let at = from + plain_run(&chunk[from..end]);
            if at > from && self.state == State::Between {
                self.begin(from);
            }
            if at == end {
                break;
            }
            let before = if at == 0 { self.previous } else { chunk[at - 1] };
            self.special(chunk[at], before, at)?;
            from = at + 1;
        }
        self.bounded(end)
    }

    /// Takes a quote or a line end at an index of the chunk.
    fn special(&mut self, byte: u8, before: u8, at: usize) -> Result<(), (usize, Problem)> {
        if byte == b'"' {
            self.quote(before, at);
            return Ok(());
        }
        if self.loose && self.state == State::Quoted {
            return Err((at, Problem::Unterminated(self.quote)));
        }
        if byte == b'\r' || before != b'\r' {
            self.line += 1;
        }
        if matches!(self.state, State::Plain | State::Closing) {
            self.bounded(at)?;
            self.state = State::Between;
        }
        Ok(())
    }

    fn quote(&mut self, before: u8, at: usize) {
        let opens = self.state == State::Between || self.state == State::Plain && before == self.delimiter;
        if self.state == State::Between {
            self.begin(at);
        }
        self.state = match self.state {
            State::Quoted => State::Closing,
            State::Closing => State::Quoted,
            _ if opens => State::Quoted,
            _ => State::Plain,
        };
        if opens {
            self.quote = self.line;
        }
    }

    /// Begins a record at an index of the chunk.
    fn begin(&mut self, at: usize) {
        (self.state, self.loose) = (State::Plain, false);
        self.start = (self.offset + at as u64, self.line);
        match self.records.checked_sub(1) {
            Some(row) => self.lines.push(row, self.line),
            None => self.header = self.line,
        }
        self.records += 1;
    }

    /// Refuses a record that reaches index `end` of the chunk and is too long.
    fn bounded(&self, end: usize) -> Result<(), (usize, Problem)> {
        let limit = self.start.0 + LONGEST_RECORD;
        if self.state == State::Between || self.offset + end as u64 <= limit {
            return Ok(());
        }
        let open = (self.state == State::Quoted).then_some(self.quote);
        let at = usize::try_from(limit.saturating_sub(self.offset)).unwrap_or(end);
        Err((at, Problem::TooLong(open)))
    }

    /// Bytes that may be read at once: to the first one that would make the record too long, and not past it.
    fn room(&self) -> usize {
        match self.state {
            State::Between => usize::MAX,
            _ => usize::try_from(self.start.0 + LONGEST_RECORD + 1 - self.offset).unwrap_or(usize::MAX),
        }
    }

    /// Goes over a character that the end of the file cuts, if there is one and it may be gone over.
    fn mend_cut(&mut self, held: &mut [u8]) -> bool {
        let mended = held.first().is_some_and(|byte| self.mend(Problem::NotUtf8(*byte, self.offset)));
        if mended {
            held.fill(0);
        }
        mended
    }

    /// What is wrong with the end of the file, if something is.
    fn finish(&mut self) {
        if let Some(byte) = self.held.first() {
            self.fail(Problem::NotUtf8(*byte, self.offset));
        } else if self.state == State::Quoted {
            self.fail(Problem::Unterminated(self.quote));
        }
    }

    fn fail(&mut self, problem: Problem) {
        self.fault = Some(self.fault_of(problem));
    }

    /// A fault in the record that the walk has reached.
    fn fault_of(&self, problem: Problem) -> Fault {
        let (record, line) = match self.state {
            State::Between => (self.records, self.line),
            _ => (self.records - 1, self.start.1),
        };
        Fault { record, line, problem }
    }
}

/// What is known of a chunk as text, from some place on. It is found out once: a chunk can have as many wrong bytes as it has
/// bytes, and looking at all of it again behind each of them would take for ever.
struct Text {
    /// The text up to here is UTF-8, and the bytes here are not (so many), or cut by the end of the chunk if that is before it.
    end: usize,
    wrong: Option<usize>,
    /// The first NUL before that.
    nul: Option<usize>,
}

impl Text {
    /// What is known of the text behind a place.
    fn behind(at: usize, chunk: &[u8]) -> Self {
        let (end, wrong) = match std::str::from_utf8(&chunk[at..]) {
            Ok(_) => (chunk.len(), None),
            Err(error) => (at + error.valid_up_to(), error.error_len()),
        };
        Self { end, wrong, nul: nul_in(at, &chunk[..end]) }
    }

    /// Lets go what is before a place that was reached by going over wrong bytes.
    fn go_on(&mut self, at: usize, chunk: &[u8]) {
        if at > self.end {
            *self = Self::behind(at, chunk);
        } else if self.nul.is_some_and(|nul| nul < at) {
            self.nul = nul_in(at, &chunk[..self.end]);
        }
    }

    /// Where the sound text ends.
    fn sound(&self) -> usize {
        self.nul.unwrap_or(self.end)
    }

    /// What ends it, if not the chunk, and how many bytes that are; `offset` is that of the chunk.
    fn wrong(&self, chunk: &[u8], offset: u64) -> Option<(Problem, usize)> {
        match (self.nul, self.wrong) {
            (Some(nul), _) => {
                let run = chunk[nul..self.end].iter().take_while(|byte| **byte == 0).count();
                Some((Problem::Nul(offset + nul as u64), run))
            }
            (None, Some(bytes)) => Some((Problem::NotUtf8(chunk[self.end], offset + self.end as u64), bytes)),
            (None, None) => None,
        }
    }

    /// The start of a character that the end of the chunk cuts.
    fn cut<'c>(&self, chunk: &'c [u8]) -> &'c [u8] {
        if self.wrong.is_none() { &chunk[self.end..] } else { &[] }
    }
}

fn nul_in(at: usize, text: &[u8]) -> Option<usize> {
    memchr::memchr(0, &text[at..]).map(|far| at + far)
}

impl<R: Read> Read for Guard<R> {
    /// Reads sound bytes; the buffer has room for a character at least.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.fault.is_none() {
            let held = self.held.len();
            buffer[..held].copy_from_slice(&self.held);
            let end = self.room().clamp(held + 1, buffer.len());
            let read = match self.inner.read(&mut buffer[held..end]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if read == 0 && !self.mend_cut(&mut buffer[..held]) {
                self.finish();
                break;
            }
            self.held.clear();
            let sound = self.admit(&mut buffer[..held + read]);
            if sound > 0 {
                return Ok(sound);
            }
        }
        Ok(0)
    }
}

/// The UTF-8 byte-order mark, which the parser strips from the start of the file.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// Bytes in the longest character.
const LONGEST_CHAR: usize = 4;

fn is_special(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\n') | (byte == b'\r')
}

/// Bytes before the first quote or line end.
fn plain_run(bytes: &[u8]) -> usize {
    memchr::memchr3(b'"', b'\n', b'\r', bytes).unwrap_or(bytes.len())
}

/// The first character of a text.
fn first_char(text: &[u8]) -> char {
    String::from_utf8_lossy(&text[..text.len().min(LONGEST_CHAR)]).chars().next().unwrap_or_default()
}
