//! Segments as Parquet: the columns of the CSV, with types instead of text, and texts as they are: no spreadsheet opens them.

use super::{Assignments, Beside};
use crate::columnar::{Column, Kind, Values, Writer};
use crate::matrix::TILE;
use crate::table::Texts;
use rayon::prelude::*;
use std::io::{self, Write};
use std::ops::Range;

/// Tiles that become a block of rows (65,536), and blocks made at a time.
const BLOCK: usize = 1024;
const AHEAD: usize = 8;

impl Assignments<'_> {
    /// Writes a Parquet file in input order, with the columns of [`Assignments::write_csv`]: `segment` and `row` as integers of 64 bits,
    /// distances as floats of 32, everything else as text.
    ///
    /// # Errors
    /// What `out` fails with.
    pub fn write_parquet(&self, beside: Beside<'_>, out: impl Write + Send) -> io::Result<()> {
        let mut writer = Writer::new(out, columns(&beside))?;
        let tiles = self.labels.len().div_ceil(TILE);
        let blocks: Vec<Range<usize>> =
            (0..tiles).step_by(BLOCK).map(|first| first..tiles.min(first + BLOCK)).collect();
        for blocks in blocks.chunks(AHEAD) {
            let values: Vec<Vec<Values>> = blocks.par_iter().map(|tiles| self.values(tiles.clone(), &beside)).collect();
            writer.write(&values)?;
            self.tell(blocks.last().map_or(0, |tiles| tiles.end * TILE));
        }
        writer.finish()
    }

    /// The rows of some tiles.
    fn values(&self, tiles: Range<usize>, beside: &Beside<'_>) -> Vec<Values> {
        let first = tiles.start * TILE;
        let distances = self.distances(tiles);
        let rows = first..first + distances.own.len();
        let labels = &self.labels[rows.clone()];
        let text = |texts: &Texts| Values::Texts(rows.clone().map(|i| texts.get(i).to_owned()).collect());
        let numbers = || Values::Whole(rows.clone().map(|i| Some(beside.table.row_in_file(i) as i64 + 1)).collect());
        let margins: Vec<f64> = (0..labels.len()).map(|at| distances.margin(at)).collect();
        let mut values = vec![
            beside.id.and_then(|name| beside.table.text(name)).map_or_else(numbers, text),
            Values::Whole(labels.iter().map(|l| Some(i64::from(*l))).collect()),
            Values::Category(labels.iter().map(|l| *l as usize).collect()),
            short(&distances.own),
            short(&distances.second),
            short(&margins),
        ];
        values.extend(beside.keep.iter().filter_map(|name| beside.table.text(name)).map(text));
        if let Some(prepared) = beside.prepared.filter(|p| p.marks_outliers()) {
            let marks = rows.map(|i| prepared.outliers(i).collect::<Vec<_>>().join(" "));
            values.push(Values::Texts(marks.collect()));
        }
        values
    }
}

fn columns(beside: &Beside<'_>) -> Vec<Column> {
    let column = |name: &str, kind| Column { name: name.to_owned(), kind };
    let id = beside.id.filter(|name| beside.table.text(name).is_some());
    let mut columns = vec![
        id.map_or_else(|| column("row", Kind::Whole), |name| column(name, Kind::Text)),
        column("segment", Kind::Whole),
        column("segment_name", Kind::Category(beside.names.to_vec())),
        column("distance", Kind::Short),
        column("distance_second", Kind::Short),
        column("margin", Kind::Short),
    ];
    let kept = beside.keep.iter().filter(|name| beside.table.text(name).is_some());
    columns.extend(kept.map(|name| column(name, Kind::Text)));
    columns.extend(beside.prepared.filter(|p| p.marks_outliers()).map(|_| column("outlier", Kind::Text)));
    columns
}

/// Numbers as floats of 32 bits, what is infinite as a gap.
#[expect(clippy::cast_possible_truncation, reason = "what the CSV shows, too")]
fn short(values: &[f64]) -> Values {
    Values::Short(values.iter().map(|v| Some(*v as f32).filter(|v| v.is_finite())).collect())
}
