//! Where a row stands: its file and line, also once other rows were left out.
//!
//! There are two ways to count rows: those of the table, and those of its files. They differ where rows were left out, so
//! each has a function of its own.

use super::Table;
use crate::error::Place;

impl Table {
    /// The row of the file (0-based) that a row is; of several files counted through.
    #[must_use]
    pub fn row_in_file(&self, row: usize) -> usize {
        // Before a row that is left out are as many that are there as its number less those left out before it.
        let (mut low, mut high) = (0, self.left_out.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.left_out[middle] - middle <= row { low = middle + 1 } else { high = middle }
        }
        row + low
    }

    /// The place of a row (0-based) in a column, for messages.
    #[must_use]
    pub fn place(&self, row: usize, column: &str) -> Place {
        self.place_in_file(self.row_in_file(row), column)
    }

    /// The place of a row of the file (0-based, of several files counted through) in a column, whether the table still has
    /// that row or not.
    #[must_use]
    pub fn place_in_file(&self, mut row: usize, column: &str) -> Place {
        let mut parts = self.parts.iter();
        let part = parts.find(|part| {
            let here = row < part.rows;
            row -= if here { 0 } else { part.rows };
            here
        });
        let place = Place::file(part.map_or(&self.source, |part| &part.source)).in_column(column);
        match part.and_then(|part| part.lines.line(row)) {
            Some(line) => place.at_line(line),
            None => place.at_row(row as u64 + 1),
        }
    }
}
