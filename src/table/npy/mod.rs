//! NumPy arrays (.npy): a matrix of numbers without names or lines.
//!
//! The header goes through `npyz`; the numbers are decoded here in blocks, because its element reader makes a call for
//! each; of an array that lies row by row by all threads (`rows`). A header is a claim and is held against the file first (see [`header`]), so that memory never exceeds a small
//! multiple of the file's length.

mod header;
mod labels;
mod rows;
#[cfg(test)]
mod tests;

pub use labels::npy_labels;

use super::columns::Columns;
use super::layout::{Asked, Parsed};
use super::rejects::Reject;
use super::source::Input;
use super::watched::Watched;
use super::{BLOCK, Extent, Lines, MAX_COLUMNS, Resolved, filling};
use crate::error::{Error, Place, Result, printable};
use crate::store::Store;
use header::{Element, Header};
use ndarray::{Array2, ShapeBuilder};
use rayon::prelude::*;
use rows::Turned;
use std::io::{BufReader, Read};
use std::path::Path;

/// Numbers decoded at once.
const CHUNK: usize = 8_192;

/// Reads a matrix `[rows x columns]` as a table with the columns f0, f1, ...
pub(super) fn read(input: &Input, asked: Asked<'_>) -> Result<Parsed> {
    let (file, length) = input.file()?;
    let file = Watched::new(file, length, asked.options.watch.as_ref());
    parse(BufReader::new(file), length, &input.name, asked)
}

/// Reads a matrix as it is: `[rows x columns]`, row-major, doubles rounded to the nearest float. NaN and infinities are
/// not looked for.
///
/// # Errors
/// [`Error::Data`] for anything but a 2-D array of 4-byte or 8-byte floats, and for a file that does not hold what its
/// header claims.
pub fn npy_matrix(path: &Path) -> Result<Array2<f32>> {
    let (file, length) = super::open(path)?;
    matrix_from(file, length, &path.display().to_string())
}

fn parse(mut reader: impl Read + Send, length: u64, source: &str, asked: Asked<'_>) -> Result<Parsed> {
    let mut header = Header::read(&mut reader, length, source)?;
    let extent = Some(Extent { rows: header.rows as u64, exact: true });
    if asked.options.beginning && !header.fortran {
        header.rows = header.rows.min(BLOCK);
    }
    let mut filling = Filling::new(&header, source, asked)?;
    if header.fortran {
        decode(&mut reader, &header, source, |value| filling.push(value))?;
    } else {
        let asked = filling.asked();
        let read = rows::each(&mut reader, &header, &asked, |rows| filling.rows(&asked, &rows));
        read.map_err(|e| super::unreadable(source, &e))??;
    }
    let typed = filling.columns.into_iter().enumerate().filter_map(|(j, column)| Some((j, column?))).collect();
    let (rejects, columns) = (filling.rejects, Columns { typed, kept: Vec::new(), rows: header.rows });
    Ok(Parsed { rejects, extent, ..Parsed::file(source, filling.names, filling.meant, columns, Lines::default()) })
}

fn matrix_from(mut reader: impl Read, length: u64, source: &str) -> Result<Array2<f32>> {
    let header = Header::read(&mut reader, length, source)?;
    let numbers = if header.element == Element::F4Little && cfg!(target_endian = "little") {
        let mut numbers = vec![0_f32; header.numbers()];
        reader.read_exact(bytemuck::cast_slice_mut(&mut numbers)).map_err(|e| super::unreadable(source, &e))?;
        numbers
    } else {
        floats(&mut reader, &header, source)?
    };
    let shape = (header.rows, header.columns);
    let matrix = if header.fortran {
        Array2::from_shape_vec(shape.f(), numbers).map(|m| m.as_standard_layout().into_owned())
    } else {
        Array2::from_shape_vec(shape, numbers)
    };
    matrix.map_err(|e| Error::data(Place::file(source), format!("shape {shape:?}: {e}"), ""))
}

fn floats(reader: &mut impl Read, header: &Header, source: &str) -> Result<Vec<f32>> {
    let mut numbers = Vec::with_capacity(header.numbers());
    decode(reader, header, source, |value| {
        #[expect(clippy::cast_possible_truncation, reason = "rounding to the nearest float is what is asked for")]
        numbers.push(value as f32);
        Ok(())
    })?;
    Ok(numbers)
}

/// Gives every number, in the order of the file.
fn decode(r: &mut impl Read, header: &Header, source: &str, take: impl FnMut(f64) -> Result<()>) -> Result<()> {
    let count = header.numbers();
    match header.element {
        Element::F4Little => numbers(r, count, source, |b| f64::from(f32::from_le_bytes(b)), take),
        Element::F4Big => numbers(r, count, source, |b| f64::from(f32::from_be_bytes(b)), take),
        Element::F8Little => numbers(r, count, source, f64::from_le_bytes, take),
        Element::F8Big => numbers(r, count, source, f64::from_be_bytes, take),
    }
}

fn numbers<const N: usize>(
    reader: &mut impl Read,
    count: usize,
    source: &str,
    value: impl Fn([u8; N]) -> f64,
    mut take: impl FnMut(f64) -> Result<()>,
) -> Result<()> {
    let mut buffer = vec![0; count.min(CHUNK) * N];
    let mut left = count;
    while left > 0 {
        let bytes = &mut buffer[..left.min(CHUNK) * N];
        reader.read_exact(bytes).map_err(|e| super::unreadable(source, &e))?;
        for number in bytes.as_chunks::<N>().0 {
            take(value(*number))?;
        }
        left -= bytes.len() / N;
    }
    Ok(())
}

/// A table's columns, filled by numbers in the order of the file.
struct Filling<'a> {
    source: &'a str,
    store: &'a Store,
    /// The columns; `None` for those not wanted.
    columns: Vec<Option<filling::Filling>>,
    /// Their names, and what is read of them.
    names: Vec<String>,
    meant: Resolved,
    /// Rows with an infinity, if they are to be left out, and whether each row is one. One more than `most` are kept.
    rejects: Vec<Reject>,
    rejected: Vec<bool>,
    most: Option<usize>,
    rows: usize,
    /// Where the next number goes.
    row: usize,
    column: usize,
}

impl<'a> Filling<'a> {
    fn new(header: &Header, source: &'a str, asked: Asked<'a>) -> Result<Self> {
        let refuse = |message: String, hint: &str| Err(Error::data(Place::file(source), message, hint));
        if header.columns > MAX_COLUMNS {
            let message = format!("{} columns; the limit is {MAX_COLUMNS}", header.columns);
            return refuse(message, "rows are customers: is the array transposed?");
        }
        let names: Vec<String> = (0..header.columns).map(|i| format!("f{i}")).collect();
        let meant = asked.resolve(&names, &Place::file(source))?;
        let text = |i: &usize| meant.kept[*i] || meant.as_text[*i].is_some();
        if let Some(name) = (0..names.len()).find(text).map(|i| &names[i]) {
            let message = format!("column '{}' cannot be text: an .npy file holds numbers only", printable(name));
            return refuse(message, "give a table that has ids as CSV");
        }
        let mut columns: Vec<_> = names.iter().map(|_| None).collect();
        Columns::new(&names, &meant, asked.options).typed.into_iter().for_each(|(j, column)| columns[j] = Some(column));
        let most = asked.options.rejects;
        Ok(Self {
            source,
            store: &asked.options.store,
            columns,
            names,
            meant,
            rejects: Vec::new(),
            rejected: vec![false; if most.is_some() { header.rows } else { 0 }],
            most,
            rows: header.rows,
            row: 0,
            column: 0,
        })
    }

    /// The columns that are read.
    fn asked(&self) -> Vec<usize> {
        (0..self.columns.len()).filter(|j| self.columns[*j].is_some()).collect()
    }

    /// Takes whole rows.
    fn rows(&mut self, asked: &[usize], parts: &[Turned]) -> Result<()> {
        for part in parts {
            for (row, k, value) in &part.infinite {
                self.reject(self.row + row, asked[*k], *value)?;
            }
            self.row += part.rows;
        }
        let columns: Vec<&mut filling::Filling> = self.columns.iter_mut().flatten().collect();
        columns.into_par_iter().enumerate().try_for_each(|(k, column)| {
            parts.iter().for_each(|part| column.numbers(part.column(k)));
            column.keep(self.store)
        })
    }

    /// Takes the next number of a column-major array.
    fn push(&mut self, value: f64) -> Result<()> {
        if let Some(column) = &mut self.columns[self.column] {
            if value.is_finite() {
                column.number(value)
            } else {
                column.miss()
            }
            if value.is_infinite() {
                self.reject(self.row, self.column, value)?;
            }
        }
        self.row += 1;
        if self.row.is_multiple_of(BLOCK) || self.row == self.rows {
            self.columns[self.column].iter_mut().try_for_each(|column| column.keep(self.store))?;
        }
        if self.row == self.rows {
            (self.row, self.column) = (0, self.column + 1);
        }
        Ok(())
    }

    /// Takes an infinity: an error, or a reason to leave its row out.
    fn reject(&mut self, row: usize, column: usize, value: f64) -> Result<()> {
        let place = Place::file(self.source).at_row(row as u64 + 1).in_column(&self.names[column]);
        let Some(most) = self.most else {
            let hint = "a cluster centre must be finite: save a number, or NaN if it is missing";
            return Err(Error::data(place, INFINITE, hint));
        };
        if !std::mem::replace(&mut self.rejected[row], true) && self.rejects.len() <= most {
            self.rejects.push(Reject::new(row, place, INFINITE.into(), &value.to_string()));
        }
        Ok(())
    }
}

const INFINITE: &str = "the value is infinite";
