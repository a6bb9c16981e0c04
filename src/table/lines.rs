//! The line of every row, kept in a few numbers.
//!
//! Messages name lines, but a file without quoted newlines or blank lines has its rows on consecutive lines, so a
//! number per row would be wasted. Only the rows at which `line - row` changes are kept, and looked up by bisection.

/// Maps a row (0-based) to the line (1-based) at which its record starts; empty for formats without lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    /// `(row, line - row)` at each row where the difference changes, rows ascending.
    breaks: Vec<(usize, u64)>,
}

impl Lines {
    /// The line of a row, if the format has lines.
    #[must_use]
    pub fn line(&self, row: usize) -> Option<u64> {
        let after = self.breaks.partition_point(|(first, _)| *first <= row);
        let (_, lead) = self.breaks.get(after.checked_sub(1)?)?;
        Some(row as u64 + lead)
    }

    /// Records the line of a row; rows come in ascending order and every row is on a later line than the one before.
    pub(super) fn push(&mut self, row: usize, line: u64) {
        let lead = line - row as u64;
        if self.breaks.last().is_none_or(|(_, last)| *last != lead) {
            self.breaks.push((row, lead));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(all: &[u64]) -> Lines {
        let mut lines = Lines::default();
        for (row, line) in all.iter().enumerate() {
            lines.push(row, *line);
        }
        lines
    }

    #[test]
    fn every_row_gets_its_line_back() {
        let all = [2, 3, 4, 7, 8, 20, 21, 22, 24];
        let lines = lines(&all);
        let back: Vec<u64> = (0..all.len()).map(|row| lines.line(row).unwrap()).collect();
        assert_eq!(back, all);
    }

    #[test]
    fn consecutive_lines_take_one_break() {
        assert_eq!(lines(&(2..10_000).collect::<Vec<_>>()).breaks.len(), 1);
    }

    #[test]
    fn a_format_without_lines_has_none() {
        assert_eq!(Lines::default().line(0), None);
    }
}
