//! Records whose fields are there byte for byte: without quotes around them, or with none between. Such are nearly all.
//!
//! What is found is what the `csv` crate finds. At the first record that is not of this kind, or has another number of fields,
//! it is that crate's turn ([`super::records`]).

use super::marks::Marks;
use crate::table::field::Field;

/// Fields found before they are read: so few that they and their text stay in the first-level cache.
const TOGETHER: usize = 4_096;

/// Records of a text, some at a time.
pub(super) struct Plain<'t> {
    text: &'t [u8],
    delimiter: u8,
    /// Fields of a record.
    fields: usize,
    /// Where the next record begins, or line ends before it; the end, if there is none.
    at: usize,
    marks: Marks<'t>,
    /// Where the fields begin and end that were found last, record by record.
    found: Vec<(u32, u32)>,
    /// The next record is not of this kind.
    ended: bool,
}

impl<'t> Plain<'t> {
    /// The records of a text from a place on.
    pub(super) fn new(text: &'t [u8], at: usize, delimiter: u8, fields: usize) -> Self {
        let marks = Marks::new(text, at, delimiter);
        let ended = u32::try_from(text.len()).is_err() || fields == 0;
        Self { text, delimiter, fields, at, marks, found: Vec::with_capacity(TOGETHER.max(fields)), ended }
    }

    /// Where the records end that were found.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Finds some more; whether there were any.
    pub(super) fn advance(&mut self) -> bool {
        self.found.clear();
        while !self.ended && self.found.len() + self.fields <= TOGETHER.max(self.fields) {
            let begun = self.found.len();
            match self.record() {
                Some(next) => self.at = next,
                None => {
                    self.found.truncate(begun);
                    self.ended = true;
                }
            }
        }
        !self.found.is_empty()
    }

    /// Records found last.
    pub(super) fn rows(&self) -> usize {
        self.found.len() / self.fields
    }

    /// A column of these.
    pub(super) fn column(&self, column: usize) -> impl Iterator<Item = Field<'t>> + use<'t, '_> {
        let places = self.found.iter().skip(column).step_by(self.fields);
        places.map(|(from, to)| Field::new(self.text, *from as usize, *to as usize))
    }

    /// Finds the fields of the next record; where it ends.
    #[inline]
    fn record(&mut self) -> Option<usize> {
        let mut at = self.at;
        while let Some(b'\n' | b'\r') = self.text.get(at) {
            self.marks.pass();
            at += 1;
        }
        if at == self.text.len() {
            self.at = at;
            return None;
        }
        for left in (0..self.fields).rev() {
            let end = self.field(at)?;
            match self.text.get(end) {
                Some(byte) if *byte == self.delimiter && left > 0 => {
                    self.marks.pass();
                    at = end + 1;
                }
                Some(b'\n' | b'\r') | None if left == 0 => at = end,
                _ => return None,
            }
        }
        Some(at)
    }

    /// Finds a field; where the delimiter or the line end is that should follow it.
    #[inline]
    fn field(&mut self, from: usize) -> Option<usize> {
        loop {
            let end = self.marks.peek();
            match self.text.get(end) {
                Some(b'"') if end == from => return self.quoted(from + 1),
                // Quotes and control characters inside a field are part of it.
                Some(byte) if *byte != self.delimiter && !matches!(byte, b'\n' | b'\r') => self.marks.pass(),
                _ => {
                    self.push(from, end);
                    return Some(end);
                }
            }
        }
    }

    /// Finds a field behind its opening quote, if it has no other but the closing one.
    fn quoted(&mut self, from: usize) -> Option<usize> {
        self.marks.pass();
        let mut end = self.marks.peek();
        while *self.text.get(end)? != b'"' {
            self.marks.pass();
            end = self.marks.peek();
        }
        self.marks.pass();
        self.push(from, end);
        (self.marks.peek() == end + 1).then_some(end + 1)
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the text is shorter than 4 GiB")]
    fn push(&mut self, from: usize, to: usize) {
        self.found.push((from as u32, to as u32));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::mutation::Random;

    /// Some records, as the `csv` crate reads them.
    fn parsed(text: &[u8]) -> Vec<Vec<Vec<u8>>> {
        let reader = csv::ReaderBuilder::new().delimiter(b';').has_headers(false).flexible(true).from_reader(text);
        let fields = |record: csv::ByteRecord| record.iter().map(<[u8]>::to_vec).collect();
        reader.into_byte_records().map(|record| fields(record.unwrap())).collect()
    }

    /// The records up to the first that is not plain; and where they end.
    fn plain(text: &[u8], fields: usize) -> (Vec<Vec<Vec<u8>>>, usize) {
        let (mut found, mut records) = (Plain::new(text, 0, b';', fields), Vec::new());
        while found.advance() {
            let columns: Vec<Vec<&[u8]>> = (0..fields).map(|j| found.column(j).map(Field::bytes).collect()).collect();
            records.extend((0..found.rows()).map(|i| columns.iter().map(|column| column[i].to_vec()).collect()));
        }
        (records, found.at())
    }

    #[test]
    fn what_is_found_is_what_the_parser_finds() {
        let mut random = Random(1);
        let pieces: [&[&str]; 3] = [
            &["1", "23.5", "", "-7", "a\tb", "\u{feff}", "\u{e4}"],
            &["1", "\"2\"", "\"a;b\"", "\"x\ny\"", "", "\"\"", "a\"b"],
            &["1", "\"a\"\"b\"", "\"2\"", "\"a\"b", "\"", "5"],
        ];
        let ends = ["\n", "\n", "\r\n", "\r", "\n\n", "\r\n\r\n"];
        let (mut all, mut early) = (0, 0);
        for round in 0..6_000 {
            let (pieces, fields) = (pieces[round % 3], 1 + random.below(4));
            let rows = if round % 100 == 0 { 3_000 } else { random.below(9) };
            let mut text = ["", "\n"][random.below(2)].to_owned();
            for row in 0..rows {
                let width = if random.below(400) == 0 { fields + 1 } else { fields };
                let row_of: Vec<&str> = (0..width).map(|_| pieces[random.below(pieces.len())]).collect();
                text += &row_of.join(";");
                text += if row + 1 == rows { ["", "\n"][random.below(2)] } else { ends[random.below(ends.len())] };
            }
            if text.starts_with('\u{feff}') {
                continue;
            }
            let (records, at) = plain(text.as_bytes(), fields);
            let expected = parsed(text.as_bytes());
            assert_eq!(records[..], expected[..records.len()], "{text:?}");
            assert_eq!(parsed(&text.as_bytes()[at..]), expected[records.len()..], "{text:?} from {at}");
            all += records.len();
            if let Some(next) = expected.get(records.len()) {
                let quoted = text[at..].trim_start_matches(['\r', '\n']).contains('"');
                assert!(next.len() != fields || quoted, "{next:?} is plain, in {text:?}");
                early += 1;
            }
        }
        assert!(all > 20_000 && early > 500, "{all} records, {early} ended early");
    }
}
