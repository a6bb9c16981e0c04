//! Segments as CSV.

use super::super::push_text;
use super::{Assignments, Beside, CHUNK};
use crate::features::Prepared;
use crate::matrix::TILE;
use crate::table::{Table, Texts};
use rayon::prelude::*;
use std::fmt::Write as _;
use std::io::{self, Write};

impl Assignments<'_> {
    /// Writes a CSV in input order: the id (or `row`, from 1), `segment`, `segment_name`, `distance`, `distance_second`, `margin`, and the
    /// columns that are carried along.
    ///
    /// # Errors
    /// What `out` fails with.
    pub fn write_csv(&self, beside: Beside<'_>, out: &mut dyn Write) -> io::Result<()> {
        let mut header = String::new();
        push_text(&mut header, beside.id.unwrap_or("row"));
        header.push_str(",segment,segment_name,distance,distance_second,margin");
        for name in beside.keep {
            header.push(',');
            push_text(&mut header, name);
        }
        let marks = beside.prepared.filter(|p| p.marks_outliers());
        header.push_str(if marks.is_some() { ",outlier" } else { "" });
        writeln!(out, "{header}")?;
        let ids = beside.id.and_then(|name| beside.table.text(name));
        let keep: Vec<&Texts> = beside.keep.iter().filter_map(|name| beside.table.text(name)).collect();
        let names: Vec<String> = beside.names.iter().enumerate().map(|(s, name)| segment(s, name)).collect();
        let tiles = self.labels.len().div_ceil(TILE);
        for first in (0..tiles).step_by(CHUNK * 16) {
            let some = first..tiles.min(first + CHUNK * 16);
            let chunks: Vec<usize> = some.clone().step_by(CHUNK).collect();
            let write = |first: usize| {
                let tiles = first..some.end.min(first + CHUNK);
                self.lines(tiles, beside.table, (ids, &names), &keep, marks)
            };
            let texts: Vec<String> = chunks.into_par_iter().map(write).collect();
            texts.iter().try_for_each(|t| out.write_all(t.as_bytes()))?;
            self.tell(some.end * TILE);
        }
        Ok(())
    }

    fn lines(
        &self,
        tiles: std::ops::Range<usize>,
        table: &Table,
        (ids, names): (Option<&Texts>, &[String]),
        keep: &[&Texts],
        marks: Option<&Prepared<'_>>,
    ) -> String {
        let first = tiles.start * TILE;
        let distances = self.distances(tiles);
        let (mut text, mut number) = (String::with_capacity(48 * distances.own.len()), ryu::Buffer::new());
        for (at, i) in (first..first + distances.own.len()).enumerate() {
            match ids {
                Some(ids) => push_text(&mut text, ids.get(i)),
                None => push(&mut text, table.row_in_file(i) + 1),
            }
            text.push_str(&names[self.labels[i] as usize]);
            for value in [distances.own[at], distances.second[at], distances.margin(at)] {
                text.push(',');
                #[expect(clippy::cast_possible_truncation, reason = "printed to f32 precision")]
                let short = value as f32;
                if short.is_finite() && (short != 0.0 || value == 0.0) {
                    text.push_str(number.format_finite(short));
                } else if value.is_finite() {
                    text.push_str(number.format_finite(value)); // beyond the range of f32
                }
            }
            for column in keep {
                text.push(',');
                push_text(&mut text, column.get(i));
            }
            if let Some(prepared) = marks {
                text.push(',');
                push_text(&mut text, &prepared.outliers(i).collect::<Vec<_>>().join(" "));
            }
            text.push('\n');
        }
        text
    }
}

/// A segment's number and name as they stand in each of its rows.
fn segment(segment: usize, name: &str) -> String {
    let mut text = format!(",{segment},");
    push_text(&mut text, name);
    text
}

fn push(text: &mut String, value: impl std::fmt::Display) {
    let _ = write!(text, "{value}"); // a String takes everything
}
