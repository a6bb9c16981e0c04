//! What stands for the missing values of a column where each has its own, in a store.

use crate::error::Result;
use crate::store::{Bytes, Store};

/// Rows of a piece: as many as one thread fills at a time.
pub(super) const PIECE: usize = 1 << 13;

/// Bytes of a value and its row.
const PLACE: usize = size_of::<u16>();
const VALUE: usize = size_of::<f64>();

/// What stands for missing values, by row.
#[derive(Debug, Default)]
pub(super) struct Filled {
    /// For each [`PIECE`] rows, places in these, ascending; then the value at each.
    pieces: Vec<Bytes>,
}

impl Filled {
    /// Adds the next [`PIECE`] rows, of which those at these places have a value.
    pub(super) fn push(&mut self, values: &[(u16, f64)], store: &Store) -> Result<()> {
        let places = values.iter().flat_map(|(place, _)| place.to_le_bytes());
        let bytes: Vec<u8> = places.chain(values.iter().flat_map(|(_, value)| value.to_le_bytes())).collect();
        self.pieces.push(if bytes.is_empty() { Bytes::default() } else { store.keep(bytes.into())? });
        Ok(())
    }

    /// Puts its values into rows from `first` on.
    pub(super) fn put(&self, first: usize, out: &mut [f64]) {
        let end = first + out.len();
        for (at, piece) in self.pieces.iter().enumerate().skip(first / PIECE) {
            let begin = at * PIECE;
            if begin >= end {
                break;
            }
            let (places, values) = piece.split_at(piece.len() / (PLACE + VALUE) * PLACE);
            let (places, values) = (places.as_chunks().0, values.as_chunks().0);
            let row = |place: &[u8; PLACE]| begin + usize::from(u16::from_le_bytes(*place));
            let some = places.partition_point(|p| row(p) < first)..places.partition_point(|p| row(p) < end);
            for (place, value) in places[some.clone()].iter().zip(&values[some]) {
                out[row(place) - first] = f64::from_le_bytes(*value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_to_their_rows_wherever_reading_begins() {
        let rows = 3 * PIECE + 77;
        let value = |row: usize| (row % 5 == 2 && !(PIECE..2 * PIECE).contains(&row)).then_some(row as f64 + 0.5);
        for store in [Store::default(), Store::new(0, true)] {
            let mut filled = Filled::default();
            for first in (0..rows).step_by(PIECE) {
                let places = 0..PIECE.min(rows - first);
                let values = places.filter_map(|at| Some((u16::try_from(at).unwrap(), value(first + at)?)));
                filled.push(&values.collect::<Vec<_>>(), &store).unwrap();
            }
            for (first, length) in [(0, rows), (1, 1), (2, 1), (PIECE - 3, 2 * PIECE + 9), (rows - 5, 5), (rows, 0)] {
                let mut out = vec![-1.0; length];
                filled.put(first, &mut out);
                assert!(out.iter().enumerate().all(|(i, v)| *v == value(first + i).unwrap_or(-1.0)), "from {first}");
            }
        }
    }
}
