//! The values of a number column that are none: infinities, and texts where the column is read as numbers.

use crate::error::printable;

/// Characters of a text kept for a message: one more than [`printable`] shows, so that the cut is seen.
const KEPT: usize = 65;

/// What is to be done about one.
pub(super) const HINT: &str = "a cluster centre must be finite: write a number, leave the field empty if it is missing, or leave the column out (--columns)";

/// The values of a column that do not fit.
#[derive(Debug, Default)]
pub(super) struct Unfit {
    /// The first ones.
    found: Vec<Misfit>,
    count: u64,
}

/// A value that does not fit.
#[derive(Debug)]
pub(super) struct Misfit {
    pub(super) row: usize,
    pub(super) value: String,
    /// It is a number, but no finite one. Whether a spelling is a number depends on how cells are read, so it is kept.
    infinite: bool,
}

impl Unfit {
    /// Adds a value, and keeps it if it is among the first `most`.
    pub(super) fn add(&mut self, row: usize, field: &[u8], infinite: bool, most: usize) {
        self.count += 1;
        if self.found.len() < most {
            self.found.push(Misfit { row, value: kept(field), infinite });
        }
    }

    /// Adds those of later rows, whose first one is `row`, as long as these are among the first `most`.
    pub(super) fn append(&mut self, later: Self, row: usize, most: usize) {
        self.count += later.count;
        let later = later.found.into_iter().map(|misfit| Misfit { row: row + misfit.row, ..misfit });
        self.found.extend(later);
        self.found.truncate(most);
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The first ones.
    pub(super) fn found(&self) -> &[Misfit] {
        &self.found
    }
}

impl Misfit {
    /// Why it does not fit a number column.
    pub(super) fn reason(&self) -> String {
        let shown = printable(&self.value);
        match self.value.trim_start_matches([' ', '\t', '+', '-']).as_bytes() {
            _ if !self.infinite => format!("'{shown}' is not a number"),
            [b'i' | b'I', ..] => format!("'{shown}' is infinite"),
            _ => format!("'{shown}' is an overflow: it is infinite as a 64-bit number"),
        }
    }
}

/// The start of a field.
pub(super) fn kept(field: &[u8]) -> String {
    String::from_utf8_lossy(field).chars().take(KEPT).collect()
}
