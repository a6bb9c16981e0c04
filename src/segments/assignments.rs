//! Each row's segment, how far it is from its centroid, and how far from the next.

use super::push_text;
use crate::engine::Centroids;
use crate::matrix::{Matrix, TILE};
use crate::table::{BLOCK, Table};
use multiversion::multiversion;
use rayon::prelude::*;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Rows formatted by one thread at a time.
const CHUNK: usize = 16_384;

/// Segments and distances `[rows]`, in the units of the prepared columns.
///
/// Distances are f64 sums in a fixed order over exact differences, so they are the same bytes everywhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignments {
    /// The segment of each row.
    pub labels: Vec<u32>,
    /// The distance to its centroid.
    pub distance: Vec<f64>,
    /// The distance to the second nearest centroid; infinite if there is only one.
    pub second: Vec<f64>,
}

impl Assignments {
    /// Measures labelled points against the centroids they were labelled with.
    #[must_use]
    pub fn measure(matrix: &Matrix, centroids: &Centroids, labels: Vec<u32>) -> Self {
        let scale = f64::from(matrix.frame().scale());
        let exact: Vec<f64> = centroids.values().iter().map(|&q| q as f64 / scale).collect();
        let mut distance = vec![0.0; labels.len()];
        let mut second = vec![0.0; labels.len()];
        (distance.par_chunks_mut(TILE), second.par_chunks_mut(TILE), labels.par_chunks(TILE))
            .into_par_iter()
            .enumerate()
            .for_each(|(t, (distance, second, labels))| {
                let (own, other) = nearest_two(matrix.tile(t), &exact, labels);
                for (i, (d, s)) in distance.iter_mut().zip(second).enumerate() {
                    *d = matrix.frame().length(own[i].sqrt());
                    *s = matrix.frame().length(other[i].sqrt());
                }
            });
        Self { labels, distance, second }
    }

    /// How clearly row `i` belongs to its segment: 0 on the border to the next, 1 far from it (or with one segment).
    #[must_use]
    pub fn margin(&self, i: usize) -> f64 {
        let (own, other) = (self.distance[i], self.second[i]);
        if other == f64::INFINITY {
            1.0
        } else if other > 0.0 {
            ((other - own) / other).max(0.0)
        } else {
            0.0
        }
    }

    /// Writes a CSV in input order: the id (or `row`, from 1), `segment`, `distance`, `distance_second`, `margin`.
    ///
    /// # Errors
    /// What `out` fails with.
    pub fn write_csv(&self, table: &Table, id: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
        let ids = id.and_then(|name| table.column(name)).and_then(|c| c.texts());
        let mut header = String::new();
        push_text(&mut header, id.unwrap_or("row"));
        writeln!(out, "{header},segment,distance,distance_second,margin")?;
        for first in (0..self.labels.len()).step_by(CHUNK * 64) {
            let rows = first..self.labels.len().min(first + CHUNK * 64);
            let chunks: Vec<usize> = rows.clone().step_by(CHUNK).collect();
            let texts: Vec<String> =
                chunks.into_par_iter().map(|c| self.lines(c..rows.end.min(c + CHUNK), ids)).collect();
            texts.iter().try_for_each(|t| out.write_all(t.as_bytes()))?;
        }
        Ok(())
    }

    fn lines(&self, rows: std::ops::Range<usize>, ids: Option<&[Vec<String>]>) -> String {
        let (mut text, mut number) = (String::with_capacity(48 * rows.len()), ryu::Buffer::new());
        for i in rows {
            match ids {
                Some(ids) => push_text(&mut text, &ids[i / BLOCK][i % BLOCK]),
                None => push(&mut text, i + 1),
            }
            text.push(',');
            push(&mut text, self.labels[i]);
            for value in [self.distance[i], self.second[i], self.margin(i)] {
                text.push(',');
                #[expect(clippy::cast_possible_truncation, reason = "printed to f32 precision")]
                let short = value as f32;
                if short.is_finite() && (short != 0.0 || value == 0.0) {
                    text.push_str(number.format_finite(short));
                } else if value.is_finite() {
                    text.push_str(number.format_finite(value)); // beyond the range of f32
                }
            }
            text.push('\n');
        }
        text
    }
}

fn push(text: &mut String, value: impl std::fmt::Display) {
    let _ = write!(text, "{value}"); // a String takes everything
}

/// The squared distance of each point to the centroid of its label, and the least one to any other.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn nearest_two(tile: &[f32], centroids: &[f64], labels: &[u32]) -> ([f64; TILE], [f64; TILE]) {
    let dims = tile.len() / TILE;
    let mut padded = [0; TILE];
    padded[..labels.len()].copy_from_slice(labels);
    let (mut own, mut other) = ([0.0; TILE], [f64::INFINITY; TILE]);
    for (c, centroid) in (0u32..).zip(centroids.chunks_exact(dims)) {
        let mut d2 = [0.0f64; TILE];
        for (lanes, &c) in tile.chunks_exact(TILE).zip(centroid) {
            for (d, &x) in d2.iter_mut().zip(lanes) {
                *d += (f64::from(x) - c) * (f64::from(x) - c);
            }
        }
        for i in 0..TILE {
            let mine = padded[i] == c;
            own[i] = if mine { d2[i] } else { own[i] };
            other[i] = if !mine && d2[i] < other[i] { d2[i] } else { other[i] };
        }
    }
    (own, other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Column, Lines, Values};

    fn one_column() -> (Matrix, Centroids) {
        let x = ndarray::arr2(&[[0.0], [1.0], [2.0], [8.0], [9.0]]);
        let matrix = Matrix::learn(&x.view(), None).unwrap().0;
        let centroids = Centroids::new(1, vec![matrix.frame().grid(0, 1.0), matrix.frame().grid(0, 9.0)]);
        (matrix, centroids)
    }

    #[test]
    fn distances_are_in_the_units_of_the_columns() {
        let (matrix, centroids) = one_column();
        let a = Assignments::measure(&matrix, &centroids, vec![0, 0, 0, 1, 1]);
        assert_eq!(a.distance, [1.0, 0.0, 1.0, 1.0, 0.0]);
        assert_eq!(a.second, [9.0, 8.0, 7.0, 7.0, 8.0]);
        assert_eq!((a.margin(1), a.margin(0)), (1.0, 8.0 / 9.0));
    }

    #[test]
    fn with_one_segment_there_is_no_second_distance() {
        let (matrix, _) = one_column();
        let a = Assignments::measure(&matrix, &Centroids::new(1, vec![0]), vec![0; 5]);
        assert!(a.second.iter().all(|s| *s == f64::INFINITY) && a.margin(0) == 1.0);
    }

    #[test]
    fn ids_are_written_byte_for_byte_but_defused() {
        let (matrix, centroids) = one_column();
        let ids = ["00123", "a,b", "=1+1", "9007199254740993", "say \"hi\""].map(String::from).to_vec();
        let column = Column { name: "id".into(), missing: 0, first_missing: None, values: Values::Texts(vec![ids]) };
        let table = Table { source: "t".into(), rows: 5, columns: vec![column], lines: Lines::default() };
        let a = Assignments::measure(&matrix, &centroids, vec![0, 0, 0, 1, 1]);
        let mut out = Vec::new();
        a.write_csv(&table, Some("id"), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let ids: Vec<&str> = text.lines().skip(1).map(|l| l.rsplitn(5, ',').last().unwrap()).collect();
        assert_eq!(ids, ["00123", "\"a,b\"", "'=1+1", "9007199254740993", "\"say \"\"hi\"\"\""]);
        assert!(text.starts_with("id,segment,distance,distance_second,margin\n00123,0,1.0,9.0,0.8888889\n"));
    }
}
