//! Parquet files, of which only the columns asked for are read.
//!
//! A table written as Parquet and as CSV is the same table. What the types of Parquet become:
//!
//! | type | becomes |
//! |---|---|
//! | integers of every width, with and without sign | the nearest f64 |
//! | floats of 16, 32 and 64 bits | as they are; NaN is missing, an infinity is an error as in CSV |
//! | decimals | the f64 nearest to the decimal number, as the CSV reader makes it of its text |
//! | booleans | yes and no |
//! | dates; timestamps in any unit, with and without a time zone | days since 1970-01-01 (a zone is UTC already) |
//! | text, also of a dictionary | what the CSV reader makes of it: numbers, dates, yes and no, missing values, text |
//! | nothing but nulls | missing |
//! | lists, structs, maps, times of day, durations, intervals, bytes | left out; refused by name when asked for |
//!
//! The old 96-bit timestamps are read to the microsecond. A column that is text because the user said so, or whose text is
//! kept, takes the spelling: integers and decimals in decimal, floats in the shortest form that reads back, `true` and
//! `false`, dates as ISO 8601. Spellings of missing values that the user gives hold for every type.
//!
//! Columns of row groups are decoded by all threads, a batch at a time, and joined in order. A file is not trusted: what it
//! claims is held against what is there before it is decoded, and a panic of the decoder becomes an error.
//!
//! - `source`: the file, read by several threads
//! - `thrift`, `footer`, `pages`, `delta`: a look at claims before they are believed
//! - `convert`: values into columns

mod convert;
mod delta;
mod footer;
mod pages;
mod source;
#[cfg(test)]
mod tests;
mod thrift;

use super::columns::Columns;
use super::layout::{Asked, Parsed};
use super::source::Input;
use super::{Extent, Lines, ReadOptions, Resolved, names};
use crate::error::{self, Error, Place, Result, printable};
use crate::store::Store;
use crate::watch::{Far, Unit};
use arrow_schema::{FieldRef, Fields};
use convert::Sink;
use pages::Group;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels, parquet_to_arrow_schema};
use parquet::basic::Type;
use parquet::file::metadata::ParquetMetaData;
use rayon::prelude::*;
use source::Source;
use std::sync::Arc;

/// Rows decoded at once, of a column alone; of several columns so many values together.
const BATCH: usize = 8_192;

/// Parts that the columns of a row group are cut into, at most: a column is a part, unless there are more.
const MOST_PARTS: usize = 1_024;

/// Parts decoded before they are joined, for each thread.
const AHEAD: usize = 4;

/// Reads a Parquet file.
pub(super) fn read(input: &Input, asked: Asked<'_>) -> Result<Parsed> {
    let (file, length) = input.file()?;
    parse(Source::file(file, length), &input.name, asked)
}

fn parse(source: Source, name: &str, asked: Asked<'_>) -> Result<Parsed> {
    let reading = Reading::new(source, name, asked)?;
    let columns = reading.rows(asked.options)?;
    let unsupported = reading.unsupported();
    let extent =
        u64::try_from(reading.metadata.file_metadata().num_rows()).ok().map(|rows| Extent { rows, exact: true });
    let parsed = Parsed::file(name, reading.names, reading.meant, columns, Lines::default());
    Ok(Parsed { unsupported, extent, ..parsed })
}

/// A file being read.
struct Reading<'a> {
    source: Arc<Source>,
    name: &'a str,
    metadata: Arc<ParquetMetaData>,
    names: Vec<String>,
    /// What each column is called that cannot be read.
    kinds: Vec<std::result::Result<(), String>>,
    /// As what each column is decoded.
    fields: Fields,
    /// The leaf of the schema that each column begins with.
    leaves: Vec<usize>,
    meant: Resolved,
}

impl<'a> Reading<'a> {
    /// Reads the footer, and finds out what is to be read.
    fn new(source: Source, name: &'a str, asked: Asked<'_>) -> Result<Self> {
        let place = Place::file(name);
        let refuse = |message: String, hint: &str| Error::data(place.clone(), message, hint);
        let metadata = footer::read(&source).map_err(|(message, hint)| refuse(message, hint))?;
        let schema = metadata.file_metadata().schema_descr();
        let columns = schema.root_schema().get_fields();
        let names: Vec<String> = columns.iter().map(|c| c.name().to_owned()).collect();
        names::refuse_too_many(names.len(), &place)?;
        names::refuse_nameless(&names, &place)?;
        names::refuse_duplicates(&names, &place)?;
        let meant = asked.resolve(&names, &place)?;
        let keys = metadata.file_metadata().key_value_metadata();
        let arrow = error::caught(|| parquet_to_arrow_schema(schema, keys)).and_then(|s| s.map_err(|e| e.to_string()));
        let arrow = arrow.map_err(|e| refuse(format!("the Parquet schema is damaged: {e}"), "write the file again"))?;
        let mut leaves = vec![usize::MAX; names.len()];
        (0..schema.num_columns()).rev().for_each(|leaf| leaves[schema.get_column_root_idx(leaf)] = leaf);
        let int96 = |i: usize| columns[i].is_primitive() && columns[i].get_physical_type() == Type::INT96;
        let decoded = arrow.fields().iter().enumerate().map(|(i, field)| decoded(field, int96(i)));
        let (fields, kinds): (Vec<_>, _) = decoded.unzip();
        let fields = Fields::from(fields);
        let (source, metadata) = (Arc::new(source), Arc::new(metadata));
        let reading = Self { source, name, metadata, names, kinds, fields, leaves, meant };
        reading.refuse_unsupported()?;
        Ok(reading)
    }

    /// Refuses a column that cannot be read and was asked for.
    fn refuse_unsupported(&self) -> Result<()> {
        let Resolved { wanted, as_text, kept, selected, further, .. } = &self.meant;
        for (i, kind) in self.kinds.iter().enumerate() {
            let named = selected.is_some() && wanted[i] || further.contains(&self.names[i]);
            let asked = kept[i] || as_text[i].is_some() || named;
            if let (Err(kind), true) = (kind, asked) {
                let place = Place::file(self.name).in_column(&self.names[i]);
                let hint = "leave the column out, or write numbers, dates or text in its place";
                return Err(Error::data(place, format!("{kind} cannot be read"), hint));
            }
        }
        Ok(())
    }

    /// The columns that are left out, with what they hold.
    fn unsupported(&self) -> Vec<(usize, String)> {
        let kinds = self.kinds.iter().enumerate().filter(|(i, _)| self.meant.wanted[*i]);
        kinds.filter_map(|(i, kind)| Some((i, kind.as_ref().err()?.clone()))).collect()
    }

    /// Decodes all rows.
    fn rows(&self, options: &ReadOptions) -> Result<Columns> {
        let mut columns = Columns::new(&self.names, &self.meant, options);
        columns.typed.retain(|(i, _)| self.kinds[*i].is_ok());
        let read: Vec<usize> = (0..self.names.len())
            .filter(|i| self.kinds[*i].is_ok() && (self.meant.wanted[*i] || self.meant.kept[*i]))
            .collect();
        let parts: Vec<&[usize]> = read.chunks(read.len().div_ceil(MOST_PARTS).max(1)).collect();
        let wave = (AHEAD * rayon::current_num_threads()).div_ceil(parts.len().max(1));
        let mut groups = self.groups();
        groups.truncate(if options.beginning { 1 } else { usize::MAX });
        for groups in groups.chunks(wave) {
            let tasks: Vec<((usize, usize), &[usize])> =
                groups.iter().flat_map(|g| parts.iter().map(|part| (*g, *part))).collect();
            let spelt = !options.nulls.is_empty();
            let decoded: Vec<Result<Columns>> = tasks
                .par_iter()
                .map(|((group, first), part)| {
                    let columns = columns.at_row(*first, |i| part.contains(&i));
                    self.decode(*group, columns, part, (spelt, &options.store))
                })
                .collect();
            let mut decoded = decoded.into_iter();
            let mut later = Vec::with_capacity(groups.len());
            for (group, _) in groups {
                let mut whole = Columns::default();
                for _ in &parts {
                    decoded.next().transpose()?.into_iter().for_each(|part| whole.beside(part));
                }
                whole.rows = self.rows_of(*group);
                later.push(whole);
            }
            columns.append(later, &options.store)?;
            self.tell(columns.rows(), options);
        }
        Ok(columns)
    }

    /// Says how many rows are read.
    fn tell(&self, rows: usize, options: &ReadOptions) {
        let of = u64::try_from(self.metadata.file_metadata().num_rows()).unwrap_or(0);
        if let Some(watch) = &options.watch {
            watch.tell(Far { done: rows as u64, of, unit: Unit::Rows });
        }
    }

    /// Rows of a row group.
    fn rows_of(&self, group: usize) -> usize {
        usize::try_from(self.metadata.row_group(group).num_rows()).unwrap_or(0)
    }

    /// The row groups that have rows, each with the row of the table that it begins with.
    fn groups(&self) -> Vec<(usize, usize)> {
        let mut next = 0_usize;
        let groups = (0..self.metadata.num_row_groups()).map(|group| {
            let first = next;
            next = next.saturating_add(self.rows_of(group));
            (group, first)
        });
        groups.filter(|(group, _)| self.rows_of(*group) > 0).collect()
    }

    /// Decodes some columns of a row group.
    fn decode(
        &self,
        group: usize,
        mut columns: Columns,
        part: &[usize],
        (spelt, store): (bool, &Store),
    ) -> Result<Columns> {
        let rows = self.rows_of(group);
        for i in part {
            let chunk = self.metadata.row_group(group).column(self.leaves[*i]);
            let checked = if u64::try_from(chunk.num_values()) == Ok(rows as u64) {
                pages::check(&self.source, chunk, rows as u64)
            } else {
                Err(format!("it claims {} values for {rows} rows", chunk.num_values()))
            };
            checked.map_err(|what| self.damaged(group, &[*i], &what))?;
        }
        let mut kept = Ok(());
        let keep = |columns: &mut Columns| {
            kept = columns.keep(store);
            kept.is_ok()
        };
        match error::caught(|| self.batches(group, &mut columns, (part, spelt), keep)) {
            Ok(Ok(())) => kept.map(|()| columns),
            Ok(Err(what)) | Err(what) => Err(self.damaged(group, part, &what)),
        }
    }

    /// Decodes some columns of a row group, batch by batch, and gives them to `keep` after each, which says whether to go on.
    fn batches(
        &self,
        group: usize,
        columns: &mut Columns,
        (part, spelt): (&[usize], bool),
        mut keep: impl FnMut(&mut Columns) -> bool,
    ) -> Outcome {
        let schema = self.metadata.file_metadata().schema_descr();
        let mask = ProjectionMask::leaves(schema, part.iter().map(|i| self.leaves[*i]));
        let levels = parquet_to_arrow_field_levels(schema, mask, Some(&self.fields)).map_err(words)?;
        let rows = self.rows_of(group);
        let group = Group { source: self.source.clone(), metadata: self.metadata.clone(), index: group };
        let batch = (4 * BATCH / part.len()).clamp(1, BATCH);
        let reader = ParquetRecordBatchReader::try_new_with_row_groups(&levels, &group, batch, None).map_err(words)?;
        for batch in reader {
            let batch = batch.map_err(words)?;
            columns.rows += batch.num_rows();
            if columns.rows > rows {
                break;
            }
            for (i, array) in part.iter().zip(batch.columns()) {
                let typed = columns.typed.iter_mut().find(|(c, _)| c == i).map(|(_, filling)| filling);
                let kept = columns.kept.iter_mut().find(|(c, _)| c == i).map(|(_, kept)| &mut kept.texts);
                let mut sink = Sink { typed, spelt: spelt || self.meant.as_text[*i].is_some(), kept };
                if !sink.add(array) {
                    return Err(format!("decoded as {}", array.data_type()));
                }
            }
            if !keep(columns) {
                return Ok(());
            }
        }
        if columns.rows == rows { Ok(()) } else { Err(format!("{} of {rows} rows are there", columns.rows)) }
    }

    fn damaged(&self, group: usize, part: &[usize], what: &str) -> Error {
        let place = Place::file(self.name);
        let place = if let [i] = part { place.in_column(&self.names[*i]) } else { place };
        let message = format!("row group {} cannot be read: {}", group + 1, printable_words(what));
        Error::data(place, message, "the file is damaged, or written by a program with a mistake: write it again")
    }
}

type Outcome = std::result::Result<(), String>;

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Words of the decoder, on one line and not too long.
fn printable_words(what: &str) -> String {
    const LONGEST: usize = 200;
    let words: Vec<String> = what.split_whitespace().map(printable).collect();
    words.join(" ").chars().take(LONGEST).collect()
}

/// As what a column is decoded, or what it is called if it cannot be.
fn decoded(field: &FieldRef, int96: bool) -> (FieldRef, std::result::Result<(), String>) {
    match convert::decoded(field.data_type(), int96) {
        Some(kind) => (Arc::new(field.as_ref().clone().with_data_type(kind)), Ok(())),
        None => (field.clone(), Err(convert::called(field.data_type()))),
    }
}
