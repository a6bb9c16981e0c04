//! Columns being filled, one record at a time; and columns of later rows joined to them.
//!
//! A column that was not asked for as text is a number column until a text is met; then its values are let go at once,
//! and the counting goes on to the end of the file, so that the message about it can say how many rows are to blame. An
//! infinity is held back in the same way: it is an error in a number column, but only text in a column of names, and
//! which of the two a column is shows at the end.

use super::number::{self, Cell};
use crate::error::{Error, Result, printable};
use crate::table::{Column, ReadOptions, Table, TextFound, Values, append, push};
use rayon::prelude::*;

/// Characters of a text kept for a message: one more than [`printable`] shows, so that the cut is seen.
const KEPT: usize = 65;

/// The columns of a file that are read.
#[derive(Debug)]
pub(super) struct Columns {
    wanted: Vec<Filling>,
    nulls: Vec<Vec<u8>>,
    rows: usize,
}

/// One of them.
#[derive(Debug)]
struct Filling {
    /// Its index in the record.
    field: usize,
    name: String,
    missing: u64,
    first_missing: Option<usize>,
    infinite: Option<Infinite>,
    values: Values,
}

/// The infinities of a column that is a number column so far.
#[derive(Debug)]
struct Infinite {
    row: usize,
    value: String,
    count: u64,
}

impl Columns {
    /// The columns that the options ask for, in file order.
    pub(super) fn new(names: Vec<String>, options: &ReadOptions) -> Self {
        let wanted = names
            .into_iter()
            .enumerate()
            .filter(|(_, name)| options.wants(name))
            .map(|(field, name)| Filling::new(field, options.is_text(&name), name))
            .collect();
        let nulls = options.nulls.iter().map(|null| number::trim(null.as_bytes()).to_vec()).collect();
        Self { wanted, nulls, rows: 0 }
    }

    /// The same columns without rows.
    pub(super) fn empty(&self) -> Self {
        let wanted =
            self.wanted.iter().map(|c| Filling::new(c.field, matches!(c.values, Values::Texts(_)), c.name.clone()));
        Self { wanted: wanted.collect(), nulls: self.nulls.clone(), rows: 0 }
    }

    /// Rows added so far.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Adds a record as a row; it has a field for every column.
    pub(super) fn push(&mut self, record: &csv::ByteRecord) {
        for column in &mut self.wanted {
            column.push(&record[column.field], self.rows, &self.nulls);
        }
        self.rows += 1;
    }

    /// Adds the rows of others, in their order, as if they had been pushed.
    pub(super) fn append(&mut self, later: Vec<Self>) {
        let mut columns: Vec<Vec<(usize, usize, Filling)>> = self.wanted.iter().map(|_| Vec::new()).collect();
        for part in later {
            let (first, count) = (self.rows, part.rows);
            columns.iter_mut().zip(part.wanted).for_each(|(all, column)| all.push((first, count, column)));
            self.rows += count;
        }
        self.wanted.par_iter_mut().zip(columns).for_each(|(column, later)| {
            later.into_iter().for_each(|(first, count, part)| column.append(part, first, count));
        });
    }

    /// Adds the finished columns to their table.
    pub(super) fn finish(self, mut table: Table) -> Result<Table> {
        let infinite = self.wanted.iter().filter_map(|c| Some((c.infinite.as_ref()?, c))).min_by_key(|(i, _)| i.row);
        if let Some((infinite, column)) = infinite {
            return Err(infinite.error(&column.name, &table));
        }
        table.columns = self.wanted.into_iter().map(Filling::finish).collect();
        Ok(table)
    }
}

impl Filling {
    fn new(field: usize, text: bool, name: String) -> Self {
        let values = if text { Values::Texts(Vec::new()) } else { Values::Numbers(Vec::new()) };
        Self { field, name, missing: 0, first_missing: None, infinite: None, values }
    }

    #[inline]
    fn push(&mut self, field: &[u8], row: usize, nulls: &[Vec<u8>]) {
        if let Values::Texts(blocks) = &mut self.values {
            push(blocks, String::from_utf8_lossy(field).into_owned());
            if number::missing(field, nulls) {
                self.miss(row);
            }
            return;
        }
        match number::cell(field, nulls) {
            Cell::Number(value) => self.number(value),
            Cell::Missing => {
                self.miss(row);
                self.keep(f64::NAN);
            }
            Cell::Text => self.text(field, row),
            Cell::Infinite => self.infinity(field, row),
        }
    }

    #[inline]
    fn number(&mut self, value: f64) {
        match &mut self.values {
            Values::Numbers(blocks) => push(blocks, value),
            Values::Dropped(found) => found.numbers += 1,
            Values::Texts(_) => {}
        }
    }

    /// Keeps a value that is not counted as a number.
    fn keep(&mut self, value: f64) {
        if let Values::Numbers(blocks) = &mut self.values {
            push(blocks, value);
        }
    }

    fn miss(&mut self, row: usize) {
        self.missing += 1;
        self.first_missing.get_or_insert(row);
    }

    fn text(&mut self, field: &[u8], row: usize) {
        if let Values::Dropped(found) = &mut self.values {
            found.texts += 1;
            return;
        }
        let infinite = self.infinite.take().unwrap_or_else(|| Infinite { row, value: kept(field), count: 0 });
        let numbers = row as u64 - self.missing - infinite.count;
        let found = TextFound { numbers, texts: infinite.count + 1, row: infinite.row, value: infinite.value };
        self.values = Values::Dropped(found);
    }

    fn infinity(&mut self, field: &[u8], row: usize) {
        if matches!(self.values, Values::Dropped(_)) {
            return self.text(field, row);
        }
        self.infinite.get_or_insert_with(|| Infinite { row, value: kept(field), count: 0 }).count += 1;
        self.keep(f64::NAN);
    }

    /// Adds `count` later rows, the first of them row `first`.
    fn append(&mut self, later: Self, first: usize, count: usize) {
        let (numbers, later_numbers) = (self.numbers_in(first), later.numbers_in(count));
        self.missing += later.missing;
        self.first_missing = self.first_missing.or(later.first_missing.map(|row| first + row));
        let infinite = later.infinite.map(|i| Infinite { row: first + i.row, ..i });
        let texts = |infinite: &Option<Infinite>| infinite.as_ref().map_or(0, |i| i.count);
        match (&mut self.values, later.values) {
            (Values::Numbers(blocks), Values::Numbers(more)) => {
                append(blocks, more);
                self.infinite = join(self.infinite.take(), infinite);
            }
            (Values::Texts(blocks), Values::Texts(more)) => append(blocks, more),
            (Values::Dropped(found), Values::Dropped(more)) => {
                (found.numbers, found.texts) = (found.numbers + more.numbers, found.texts + more.texts);
            }
            (Values::Dropped(found), _) => {
                (found.numbers, found.texts) = (found.numbers + later_numbers, found.texts + texts(&infinite));
            }
            (_, Values::Dropped(more)) => {
                let own = self.infinite.take();
                let texts = more.texts + texts(&own);
                let (row, value) = own.map_or((first + more.row, more.value), |i| (i.row, i.value));
                self.values = Values::Dropped(TextFound { numbers: numbers + more.numbers, texts, row, value });
            }
            _ => {} // both halves of a column are text, or neither is
        }
    }

    /// The numbers among its first `rows` rows, which are all it has, if it is a number column so far.
    fn numbers_in(&self, rows: usize) -> u64 {
        (rows as u64).saturating_sub(self.missing + self.infinite.as_ref().map_or(0, |i| i.count))
    }

    fn finish(self) -> Column {
        let Self { name, missing, first_missing, values, .. } = self;
        Column { name, missing, first_missing, values }
    }
}

impl Infinite {
    fn error(&self, column: &str, table: &Table) -> Error {
        let value = printable(&self.value);
        let message = match self.value.trim_start_matches([' ', '\t', '+', '-']).as_bytes() {
            [b'i' | b'I', ..] => format!("'{value}' is infinite"),
            _ => format!("'{value}' is an overflow: it is infinite as a 64-bit number"),
        };
        let hint = "a cluster centre must be finite: write a number, leave the field empty if it is missing, or leave the column out (--columns)";
        Error::data(table.place(self.row, column), message, hint)
    }
}

/// Those of earlier and of later rows.
fn join(earlier: Option<Infinite>, later: Option<Infinite>) -> Option<Infinite> {
    match (earlier, later) {
        (Some(a), Some(b)) => Some(Infinite { count: a.count + b.count, ..a }),
        (a, b) => a.or(b),
    }
}

fn kept(field: &[u8]) -> String {
    String::from_utf8_lossy(field).chars().take(KEPT).collect()
}
