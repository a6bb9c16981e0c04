//! Rows as they came: one reader per format, all of them giving a [`Table`].
//!
//! A table holds whole columns in blocks of [`BLOCK`] rows, so that a reader can fill blocks in any order, a statistic
//! can be folded block by block, and a column that is not needed can be dropped at once. Types are found over the
//! whole file, never from a sample: a column is a number column only when every value that is not missing is a number.
//! Nothing here knows about features or clusters.

mod columns;
mod csv;
mod date;
mod disguise;
mod field;
mod filling;
mod layout;
mod levels;
mod lines;
#[cfg(test)]
mod mutation;
mod names;
mod npy;
mod number;
mod numbers;
mod packing;
mod parquet;
mod places;
mod reading;
mod rejects;
mod selection;
mod source;
mod texts;
mod unfit;
mod watched;

pub use date::{date, spelt};
pub use disguise::{Disguise, disguise};
pub use levels::{Codes, Levels, MISSING, MOST_LEVELS, UNSEEN};
pub use lines::Lines;
pub use npy::{npy_labels, npy_matrix};
pub use numbers::Numbers;
pub use reading::{read, read_all};
pub use rejects::{Reject, SHOWN};
pub use selection::Selection;
pub use source::expand;
pub use texts::Texts;

use crate::error::{Error, Place, Result, printable, suggestion};
use crate::store::Store;
use crate::watch::Watch;
use rayon::prelude::*;
use source::{open, unreadable};
use std::collections::{BTreeMap, BTreeSet};

/// Rows in a block; the last block of a column may be shorter.
pub const BLOCK: usize = 65_536;

/// Most columns in a table; more are a damaged or hostile file, or a matrix lying on its side.
pub const MAX_COLUMNS: usize = 65_536;

/// What to read, and how.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// Columns whose text is kept, byte for byte (ids, and what is passed through).
    pub keep: BTreeSet<String>,
    /// More such columns, which the file need not have.
    pub keep_if_there: BTreeSet<String>,
    /// Columns whose text is kept, too, as a user names them.
    pub carry: Option<Selection>,
    /// The columns that are read for what they hold; `None` is all of them.
    pub wanted: Option<Selection>,
    /// Columns that are read for what they hold in any case.
    pub also: BTreeSet<String>,
    /// More such columns, as a user names them.
    pub further: Option<Selection>,
    /// Columns that are texts whatever they hold, as a user names them.
    pub categorical: Option<Selection>,
    /// More such columns, with their levels if these are known already: then any other text is [`UNSEEN`].
    pub as_text: BTreeMap<String, Vec<String>>,
    /// Columns that are to be numbers: one that is not stays [`Values::Mixed`], however many texts it holds.
    pub numbers: BTreeSet<String>,
    /// Columns that are read as numbers whatever they hold: what is none is a reason to reject its row.
    pub as_numbers: BTreeSet<String>,
    /// The field separator of a CSV file; `None` is the one that its first records agree on.
    pub delimiter: Option<u8>,
    /// Numbers are spelt with a decimal comma.
    pub decimal_comma: bool,
    /// Spellings of a missing value beside the built-in ones (see [`is_missing`]).
    pub nulls: Vec<String>,
    /// Only the beginning of each file is read: a row group, or a megabyte of text.
    pub beginning: bool,
    /// Where the columns lie.
    pub store: Store,
    /// Is told how far reading is.
    pub watch: Option<Watch>,
    /// Rows that cannot be used are left out and listed, up to so many; `None` refuses the first one.
    pub rejects: Option<usize>,
}

/// What the options mean for a file with these columns.
#[derive(Debug, Default)]
struct Resolved {
    /// For each column whether it is read for what it holds, and as what text if it is one whatever it holds.
    wanted: Vec<bool>,
    as_text: Vec<Option<Vec<String>>>,
    /// For each column whether it is read as numbers whatever it holds.
    as_numbers: Vec<bool>,
    /// For each column whether its text is kept.
    kept: Vec<bool>,
    /// The columns that are not read.
    unread: Vec<String>,
    /// The columns that were selected, in the order of the selection, if it did more than leave some out.
    selected: Option<Vec<String>>,
    /// The columns that are read in any case, as a user named them.
    further: Vec<String>,
}

impl Resolved {
    /// The same for another file, of which each column means what the one of that name does.
    fn at(&self, names: &[String], other: &[String]) -> Self {
        let own: BTreeMap<&String, usize> = names.iter().enumerate().map(|(i, name)| (name, i)).collect();
        let at = |name: &String| own.get(name).copied();
        let wanted: Vec<bool> = other.iter().map(|name| at(name).is_some_and(|i| self.wanted[i])).collect();
        let kept: Vec<bool> = other.iter().map(|name| at(name).is_some_and(|i| self.kept[i])).collect();
        let unread = (0..other.len()).filter(|i| !wanted[*i] && !kept[*i]).map(|i| other[i].clone()).collect();
        let as_text = other.iter().map(|name| at(name).and_then(|i| self.as_text[i].clone())).collect();
        let as_numbers = other.iter().map(|name| at(name).is_some_and(|i| self.as_numbers[i])).collect();
        let (selected, further) = (self.selected.clone(), self.further.clone());
        Self { wanted, as_text, as_numbers, kept, unread, selected, further }
    }
}

impl ReadOptions {
    /// What is meant in a file with columns of these names; `header` is the place of the names.
    fn resolve(&self, names: &[String], header: &Place) -> Result<Resolved> {
        let asked = self.keep.iter().chain(self.as_text.keys()).chain(&self.also);
        if let Some(name) = asked.into_iter().find(|name| !names.contains(name)) {
            return Err(unknown_column(name, names, header));
        }
        let meant = |selection: Option<&Selection>| selection.map(|s| s.resolve(names, header)).transpose();
        let all_but = self.wanted.as_ref().is_some_and(Selection::only_leaves_out);
        let selected = meant(self.wanted.as_ref())?;
        let (carried, texts) = (meant(self.carry.as_ref())?, meant(self.categorical.as_ref())?.unwrap_or_default());
        let further = meant(self.further.as_ref())?.unwrap_or_default();
        let in_any_case = |name: &String| self.also.contains(name) || further.contains(name);
        if let (Some(selected), Some(name)) = (&selected, texts.iter().find(|t| !in_any_case(t)))
            && !selected.contains(name)
        {
            let message = format!("'{}' is made categorical, but is not among the columns to use", printable(name));
            return Err(Error::Usage(message));
        }
        let is_id = |name: &String| self.keep.contains(name) || self.keep_if_there.contains(name);
        let kept = |name: &String| carried.as_ref().is_some_and(|c| c.contains(name)) || is_id(name);
        // An id is not read for what it holds, unless it is asked for.
        let wanted = |name: &String| match &selected {
            _ if in_any_case(name) || texts.contains(name) => true,
            Some(selected) => selected.contains(name) && !(all_but && is_id(name)),
            None => !is_id(name),
        };
        let as_text = |name: &String| self.as_text.get(name).cloned().or(texts.contains(name).then(Vec::new));
        Ok(Resolved {
            wanted: names.iter().map(wanted).collect(),
            as_text: names.iter().map(as_text).collect(),
            as_numbers: names.iter().map(|name| self.as_numbers.contains(name)).collect(),
            kept: names.iter().map(kept).collect(),
            unread: names.iter().filter(|name| !wanted(name) && !kept(name)).cloned().collect(),
            selected: selected.filter(|_| !all_but),
            further,
        })
    }
}

fn unknown_column(name: &str, names: &[String], header: &Place) -> Error {
    const LISTED: usize = 8;
    let message = format!("no column '{}'", printable(name));
    if let Some(near) = suggestion(name, names.iter().map(String::as_str)) {
        return Error::data(header.clone(), format!("{message}; did you mean '{}'?", printable(near)), "");
    }
    let first: Vec<String> = names.iter().take(LISTED).map(|n| format!("'{}'", printable(n))).collect();
    let rest = if names.len() > LISTED { format!(" and {} more", names.len() - LISTED) } else { String::new() };
    Error::data(header.clone(), message, format!("the columns are {}{rest}", first.join(", ")))
}

/// A table in memory.
#[derive(Debug, Clone)]
pub struct Table {
    /// The file as the user named it, for messages; of several files the first one, and how many more.
    pub source: String,
    /// Rows, headers not counted.
    pub rows: usize,
    /// The files, in the order of their rows.
    pub parts: Vec<Part>,
    /// The columns, in file order; names are unique.
    pub columns: Vec<Column>,
    /// The columns whose text was kept.
    pub kept: Vec<Kept>,
    /// The columns that were selected, in the order of the selection, if it did more than leave some out.
    pub selected: Option<Vec<String>>,
    /// The columns that were to be read in any case ([`ReadOptions::further`]), in the order in which they were named.
    pub further: Vec<String>,
    /// The columns of the file that were not read.
    pub unread: Vec<String>,
    /// The rows of the files (0-based, counted through, ascending) that are not there.
    pub left_out: Vec<usize>,
    /// Where its columns lie.
    pub store: Store,
    /// The rows that were left out, in the order of the file.
    pub rejects: Vec<Reject>,
    /// The rows of the files where only their beginning was read ([`ReadOptions::beginning`]), if that can be told.
    pub extent: Option<Extent>,
    /// What separates the columns, if it was found and is no comma.
    pub separator: Option<char>,
}

/// How many rows there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The rows.
    pub rows: u64,
    /// Whether they were counted, or estimated from the length of the file.
    pub exact: bool,
}

/// A file of a table.
#[derive(Debug, Clone)]
pub struct Part {
    /// The file as the user named it.
    pub source: String,
    /// The rows that it holds.
    pub rows: usize,
    /// The line of each of them.
    pub lines: Lines,
}

/// A column whose text was kept byte for byte.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Its name, exactly as in the file.
    pub name: String,
    /// Its texts `[rows]`.
    pub texts: Texts,
}

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name, exactly as in the file.
    pub name: String,
    /// Rows without a value.
    pub missing: u64,
    /// The first row (0-based) without a value.
    pub first_missing: Option<usize>,
    /// What it holds.
    pub values: Values,
}

/// The values of a column, found over the whole file.
#[derive(Debug, Clone)]
pub enum Values {
    /// Finite numbers.
    Numbers(Numbers),
    /// Yes as 1, no as 0.
    YesNo(Numbers),
    /// Dates and times, in days since 1970-01-01.
    Dates(Numbers),
    /// Text of at most [`MOST_LEVELS`] different spellings.
    Levels(Levels),
    /// Not kept: text of more spellings.
    TooMany,
    /// Not kept: values of more than one kind, most of them numbers.
    Mixed(TextFound),
    /// Not read: values of a type that has no place in a table of customers, such as lists; its name.
    Unsupported(String),
}

/// Why a column with numbers is not a number column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextFound {
    /// Rows that hold a number.
    pub numbers: u64,
    /// Rows that hold text (or a date, or yes or no).
    pub texts: u64,
    /// The first row of the file (0-based, of several files counted through) that holds text; it may have been left out.
    /// [`Table::place_in_file`] names it.
    pub row: usize,
    /// The text found there.
    pub value: String,
}

impl Table {
    /// The column of that name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// Bytes that the columns take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let typed: usize = self.columns.iter().map(Column::bytes).sum();
        typed + self.kept.iter().map(|k| k.texts.bytes()).sum::<usize>()
    }

    /// The text of a column that was kept.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&Texts> {
        self.kept.iter().find(|k| k.name == name).map(|k| &k.texts)
    }

    /// Keeps only the rows for which `kept` is true.
    ///
    /// # Errors
    /// [`Error::Memory`] if what does not fit in memory cannot be written to a temporary file.
    pub fn retain(&mut self, kept: &[bool]) -> Result<()> {
        let store = &self.store;
        self.columns.par_iter_mut().try_for_each(|column| column.retain(kept, store))?;
        self.kept.par_iter_mut().try_for_each(|column| {
            column.texts = column.texts.retain(kept, store)?;
            Ok(())
        })?;
        let dropped = kept.iter().enumerate().filter(|(_, kept)| !**kept);
        let dropped: Vec<usize> = dropped.map(|(row, _)| self.row_in_file(row)).collect();
        self.rows -= dropped.len();
        self.left_out.extend(dropped);
        self.left_out.sort_unstable();
        Ok(())
    }
}

impl Column {
    /// The numbers, if this is a number column.
    #[must_use]
    pub fn numbers(&self) -> Option<&Numbers> {
        match &self.values {
            Values::Numbers(numbers) => Some(numbers),
            _ => None,
        }
    }

    /// Whether the value is missing in each row; `None` if nothing was kept to tell it from.
    #[must_use]
    pub fn gaps(&self) -> Option<Vec<bool>> {
        match &self.values {
            Values::Numbers(n) | Values::YesNo(n) | Values::Dates(n) => {
                Some(n.blocks().flat_map(|block| block.iter().map(|v| v.is_nan()).collect::<Vec<_>>()).collect())
            }
            Values::Levels(levels) => Some(levels.codes.iter().map(|code| *code == MISSING).collect()),
            Values::TooMany | Values::Mixed(_) | Values::Unsupported(_) => None,
        }
    }

    fn bytes(&self) -> usize {
        match &self.values {
            Values::Numbers(n) | Values::YesNo(n) | Values::Dates(n) => n.bytes(),
            Values::Levels(levels) => size_of_val(&*levels.codes),
            Values::TooMany | Values::Mixed(_) | Values::Unsupported(_) => 0,
        }
    }

    fn retain(&mut self, kept: &[bool], store: &Store) -> Result<()> {
        match &mut self.values {
            Values::Numbers(n) | Values::YesNo(n) | Values::Dates(n) => *n = n.retain(kept, store)?,
            Values::Levels(levels) => *levels = levels.retain(kept, store)?,
            Values::TooMany | Values::Mixed(_) | Values::Unsupported(_) => {}
        }
        let gaps = self.gaps().unwrap_or_default();
        self.missing = gaps.iter().filter(|gap| **gap).count() as u64;
        self.first_missing = gaps.iter().position(|gap| *gap);
        Ok(())
    }

    /// What the column holds, in a word.
    #[must_use]
    pub fn kind(&self) -> &str {
        match &self.values {
            Values::Numbers(_) => "number",
            Values::YesNo(_) => "yes/no",
            Values::Dates(_) => "date",
            Values::Levels(_) | Values::TooMany => "text",
            Values::Mixed(_) => "mixed",
            Values::Unsupported(kind) => kind,
        }
    }
}

/// Whether a field spells a missing value: empty, NA, N/A, NaN, null, None or \N in any letter case.
#[must_use]
pub fn is_missing(field: &str) -> bool {
    field.is_empty() || ["na", "n/a", "nan", "null", "none", "\\n"].iter().any(|s| field.eq_ignore_ascii_case(s))
}
