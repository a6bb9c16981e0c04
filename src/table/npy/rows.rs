//! Rows of an array made columns, by all threads.
//!
//! While some rows are made columns the next ones are read, and what is held beside the table is bounded. A thread takes a tile of
//! rows column by column, so that the bytes of the tile stay in its first-level cache.

use super::header::{Element, Header};
use crate::error::Result;
use rayon::prelude::*;
use std::io::{self, Read};

/// Bytes read at a time.
const WAVE: usize = 16 << 20;

/// Rows of a tile.
const TILE: usize = 64;

/// Parts of a wave for each thread, so that no thread waits long for another.
const PARTS: usize = 4;

/// Some rows, column by column.
pub(super) struct Turned {
    pub(super) rows: usize,
    /// The columns that were asked for `[columns x rows]`.
    values: Vec<f64>,
    /// Row, column (among those asked for) and value of each infinity, row by row; missing among the values.
    pub(super) infinite: Vec<(usize, usize, f64)>,
}

impl Turned {
    /// A column, counted among those that were asked for.
    pub(super) fn column(&self, k: usize) -> &[f64] {
        &self.values[k * self.rows..(k + 1) * self.rows]
    }

    /// The columns of these numbers of which `asked` holds the indices, of rows of `width` numbers.
    fn new<const N: usize>(numbers: &[[u8; N]], width: usize, asked: &[usize], value: impl Fn([u8; N]) -> f64) -> Self {
        let rows = numbers.len() / width;
        let mut values = vec![0.0; rows * asked.len()];
        let mut infinite = Vec::new();
        for (t, tile) in numbers.chunks(TILE * width).enumerate() {
            for (k, j) in asked.iter().enumerate() {
                let column = &mut values[k * rows + t * TILE..(k + 1) * rows];
                for (i, (to, number)) in column.iter_mut().zip(tile[*j..].iter().step_by(width)).enumerate() {
                    *to = value(*number);
                    if to.is_infinite() {
                        infinite.push((t * TILE + i, k, std::mem::replace(to, f64::NAN)));
                    }
                }
            }
        }
        infinite.sort_unstable_by_key(|(row, k, _)| (*row, *k));
        Self { rows, values, infinite }
    }
}

/// Gives all rows, in the order of the file; the outer error is one of the reader.
pub(super) fn each(
    reader: &mut (impl Read + Send),
    header: &Header,
    asked: &[usize],
    take: impl FnMut(Vec<Turned>) -> Result<()> + Send,
) -> io::Result<Result<()>> {
    match header.element {
        Element::F4Little => waves(reader, header, asked, |b| f64::from(f32::from_le_bytes(b)), take),
        Element::F4Big => waves(reader, header, asked, |b| f64::from(f32::from_be_bytes(b)), take),
        Element::F8Little => waves(reader, header, asked, f64::from_le_bytes, take),
        Element::F8Big => waves(reader, header, asked, f64::from_be_bytes, take),
    }
}

fn waves<const N: usize>(
    reader: &mut (impl Read + Send),
    header: &Header,
    asked: &[usize],
    value: impl Fn([u8; N]) -> f64 + Sync,
    mut take: impl FnMut(Vec<Turned>) -> Result<()> + Send,
) -> io::Result<Result<()>> {
    let width = header.columns * N;
    let mut left = header.rows;
    let mut next = || {
        let rows = left.min((WAVE / width).max(1));
        left -= rows;
        let mut bytes = vec![0; rows * width];
        reader.read_exact(&mut bytes).map(|()| bytes)
    };
    let mut bytes = next()?;
    while !bytes.is_empty() {
        let turn = || {
            let share = (bytes.len() / width).div_ceil(PARTS * rayon::current_num_threads()) * width;
            let parts = bytes.par_chunks(share);
            take(parts.map(|part| Turned::new(part.as_chunks::<N>().0, header.columns, asked, &value)).collect())
        };
        let (read, taken) = rayon::join(&mut next, turn);
        if taken.is_err() {
            return Ok(taken);
        }
        bytes = read?;
    }
    Ok(Ok(()))
}
