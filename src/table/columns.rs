//! The columns of a file being filled; and columns of later rows joined to them.

use super::field::Field;
use super::filling::{As, Cells, Filling, Room};
use super::rejects::Reject;
use super::texts::Texts;
use super::{Kept, ReadOptions, Resolved, Table};
use crate::error::Result;
use crate::store::Store;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// The columns of a file that are read.
#[derive(Debug, Default)]
pub(super) struct Columns {
    /// Each with its index in the file.
    pub(super) typed: Vec<(usize, Filling)>,
    pub(super) kept: Vec<(usize, Kept)>,
    pub(super) rows: usize,
}

impl Columns {
    /// The columns that are read, in file order.
    pub(super) fn new(names: &[String], meant: &Resolved, options: &ReadOptions) -> Self {
        let cells = Cells::new(options);
        let columns = || names.iter().enumerate();
        let kind = |i: usize| match &meant.as_text[i] {
            Some(known) => As::Text(known.clone()),
            None if meant.as_numbers[i] => As::Numbers,
            None => As::Found,
        };
        let typed = columns()
            .filter(|(i, _)| meant.wanted[*i])
            .map(|(i, name)| (i, Filling::new(name.clone(), kind(i), cells.clone())));
        let kept = columns()
            .filter(|(i, _)| meant.kept[*i])
            .map(|(i, name)| (i, Kept { name: name.clone(), texts: Texts::default() }));
        Self { typed: typed.collect(), kept: kept.collect(), rows: 0 }
    }

    /// Some of the columns without rows, for those of the table from this one on.
    pub(super) fn at_row(&self, row: usize, wanted: impl Fn(usize) -> bool) -> Self {
        let typed = self.typed.iter().filter(|(i, _)| wanted(*i)).map(|(i, column)| (*i, column.at_row(row)));
        let kept = self.kept.iter().filter(|(i, _)| wanted(*i));
        let kept = kept.map(|(i, kept)| (*i, Kept { name: kept.name.clone(), texts: Texts::default() }));
        Self { typed: typed.collect(), kept: kept.collect(), rows: 0 }
    }

    /// Adds further columns of the same rows.
    pub(super) fn beside(&mut self, further: Self) {
        self.typed.extend(further.typed);
        self.kept.extend(further.kept);
    }

    /// Rows added so far.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Adds a row, given as the text in each column.
    pub(super) fn push<'f>(&mut self, text: impl Fn(usize) -> &'f [u8]) {
        self.typed.iter_mut().for_each(|(column, filling)| filling.field(text(*column)));
        for (column, kept) in &mut self.kept {
            kept.texts.push(&String::from_utf8_lossy(text(*column)));
        }
        self.rows += 1;
    }

    /// Adds rows, given as the fields of each column.
    pub(super) fn extend<'t, F: Iterator<Item = Field<'t>>>(&mut self, rows: usize, fields: impl Fn(usize) -> F) {
        let mut room = Room::default();
        self.typed.iter_mut().for_each(|(column, filling)| filling.fields(fields(*column), &mut room));
        for (column, kept) in &mut self.kept {
            fields(*column).for_each(|field| kept.texts.push(&String::from_utf8_lossy(field.bytes())));
        }
        self.rows += rows;
    }

    /// The same columns in the order of others of the same names; `None` if they have other names.
    pub(super) fn in_order_of(self, first: &Self) -> Option<Self> {
        let mut typed: BTreeMap<String, _> = self.typed.into_iter().map(|c| (c.1.name.clone(), c)).collect();
        let mut kept: BTreeMap<String, _> = self.kept.into_iter().map(|c| (c.1.name.clone(), c)).collect();
        let ordered = Self {
            typed: first.typed.iter().map(|(_, c)| typed.remove(&c.name)).collect::<Option<_>>()?,
            kept: first.kept.iter().map(|(_, c)| kept.remove(&c.name)).collect::<Option<_>>()?,
            rows: self.rows,
        };
        (typed.is_empty() && kept.is_empty()).then_some(ordered)
    }

    /// Adds a row that cannot be used: without values.
    pub(super) fn push_blank(&mut self) {
        self.typed.iter_mut().for_each(|(_, filling)| filling.miss());
        self.kept.iter_mut().for_each(|(_, kept)| kept.texts.push(""));
        self.rows += 1;
    }

    /// Adds the rows of others, in their order, as if they had been pushed, and moves what is full into a store.
    pub(super) fn append(&mut self, later: Vec<Self>, store: &Store) -> Result<()> {
        let mut typed: Vec<Vec<Filling>> = self.typed.iter().map(|_| Vec::new()).collect();
        let mut kept: Vec<Vec<Kept>> = self.kept.iter().map(|_| Vec::new()).collect();
        for part in later {
            self.rows += part.rows;
            typed.iter_mut().zip(part.typed).for_each(|(all, (_, column))| all.push(column));
            kept.iter_mut().zip(part.kept).for_each(|(all, (_, column))| all.push(column));
        }
        let join_typed = || {
            self.typed.par_iter_mut().zip(typed).try_for_each(|((_, column), later)| {
                later.into_iter().for_each(|part| column.append(part));
                column.keep(store)
            })
        };
        let join_kept = || {
            self.kept.par_iter_mut().zip(kept).try_for_each(|((_, column), later)| {
                later.into_iter().for_each(|mut part| column.texts.append(&mut part.texts));
                column.texts.keep(store)
            })
        };
        let (typed, kept) = rayon::join(join_typed, join_kept);
        typed.and(kept)
    }

    /// Moves what is full into a store.
    pub(super) fn keep(&mut self, store: &Store) -> Result<()> {
        self.typed.iter_mut().try_for_each(|(_, column)| column.keep(store))?;
        self.kept.iter_mut().try_for_each(|(_, kept)| kept.texts.keep(store))
    }

    /// Adds the finished columns to their table, and the rows with a value that none of its columns can hold to the rejects.
    pub(super) fn finish(self, mut table: Table, options: &ReadOptions) -> Result<Table> {
        if options.rejects.is_none() {
            let unfit = self.typed.iter().filter_map(|(_, c)| Some((c.unfit()?, &c.name)));
            if let Some(((row, error), name)) = unfit.min_by_key(|((row, _), _)| *row) {
                return Err(error(table.place(row, name)));
            }
        }
        let unfit = self.typed.iter().map(|(_, c)| c).flat_map(|c| c.all_unfit().map(move |found| (c, found)));
        let rejects: Vec<Reject> =
            unfit.map(|(c, (row, reason, value))| Reject::new(row, table.place(row, &c.name), reason, value)).collect();
        table.rejects.extend(rejects);
        let finished = self.typed.into_par_iter().map(|(_, column)| column.finish(&options.store));
        table.columns = finished.collect::<Result<_>>()?;
        table.kept = self.kept.into_iter().map(|(_, kept)| Kept { texts: kept.texts.finish(), ..kept }).collect();
        Ok(table)
    }
}
