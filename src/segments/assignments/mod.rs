//! Each row's segment, how far it is from its centroid, and how far from the next.

mod csv;
mod parquet;

use crate::engine::Centroids;
use crate::features::Prepared;
use crate::matrix::{Matrix, TILE};
use crate::quality::{Distances, distances, in_frame};
use crate::table::Table;
use crate::watch::{Far, Unit, Watch};
use rayon::prelude::*;

/// Tiles formatted by one thread at a time.
const CHUNK: usize = 256;

/// Labelled points, measured against the centroids they were labelled with as they are written.
///
/// Distances are f64 sums in a fixed order over exact differences, so they are the same bytes everywhere.
#[derive(Debug)]
pub struct Assignments<'m> {
    matrix: &'m Matrix,
    /// Centroids in the frame `[k x dims]`.
    centroids: Vec<f64>,
    labels: &'m [u32],
    watch: Option<Watch>,
}

/// A row, and how far it is from the centroid of its segment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Closest {
    /// The row.
    pub row: usize,
    /// The distance, in the units of the prepared columns.
    pub distance: f64,
}

/// Puts a row among the `most` closest ones, behind those that are as close: they come before it.
fn put(closest: &mut Vec<Closest>, new: Closest, most: usize) {
    if closest.len() < most || closest.last().is_some_and(|last| new.distance < last.distance) {
        closest.insert(closest.partition_point(|c| c.distance <= new.distance), new);
        closest.truncate(most);
    }
}

/// What is written beside a row's segment.
#[derive(Debug, Clone, Copy)]
pub struct Beside<'a> {
    /// The table that the rows are from.
    pub table: &'a Table,
    /// What the segments are called `[k]`.
    pub names: &'a [String],
    /// The column that identifies a row, if one does.
    pub id: Option<&'a str>,
    /// Columns that are carried along.
    pub keep: &'a [String],
    /// The rows as they were prepared: if outliers are marked, a last column names the columns in which a row is one.
    pub prepared: Option<&'a Prepared<'a>>,
}

impl<'m> Assignments<'m> {
    /// Points and their labels `[points]`.
    #[must_use]
    pub fn new(matrix: &'m Matrix, centroids: &Centroids, labels: &'m [u32]) -> Self {
        Self { matrix, centroids: in_frame(matrix, centroids), labels, watch: None }
    }

    /// The same, and `watch` is told how many rows are written.
    #[must_use]
    pub fn watched(mut self, watch: Watch) -> Self {
        self.watch = Some(watch);
        self
    }

    /// Tells the watch that so many rows are written.
    fn tell(&self, rows: usize) {
        if let Some(watch) = &self.watch {
            let of = self.labels.len();
            watch.tell(Far { done: rows.min(of) as u64, of: of as u64, unit: Unit::Rows });
        }
    }

    /// The distances of the points of some tiles.
    #[must_use]
    pub fn distances(&self, tiles: std::ops::Range<usize>) -> Distances {
        distances(self.matrix, &self.centroids, self.labels, tiles)
    }

    /// The rows closest to the centroid of their segment, up to `most` of each `[k]`: the smallest distance first, of equals
    /// the lowest row.
    #[must_use]
    pub fn closest(&self, most: usize) -> Vec<Vec<Closest>> {
        let (k, tiles) = (self.centroids.len() / self.matrix.dims(), self.matrix.tiles());
        let none = || vec![Vec::new(); k];
        let of_chunk = |first: usize| {
            let own = self.distances(first..tiles.min(first + CHUNK)).own;
            let mut closest = none();
            for (row, distance) in (first * TILE..).zip(own) {
                put(&mut closest[self.labels[row] as usize], Closest { row, distance }, most);
            }
            closest
        };
        let joined = |mut all: Vec<Vec<Closest>>, later: Vec<Vec<Closest>>| {
            all.iter_mut().zip(later).for_each(|(all, later)| later.into_iter().for_each(|c| put(all, c, most)));
            all
        };
        (0..tiles.div_ceil(CHUNK)).into_par_iter().map(|chunk| of_chunk(chunk * CHUNK)).reduce(none, joined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Kept;

    fn one_column() -> (Matrix, Centroids) {
        let x = ndarray::arr2(&[[0.0], [1.0], [2.0], [8.0], [9.0]]);
        let matrix = Matrix::learn(&x.view(), None).unwrap().0;
        let centroids = Centroids::new(1, vec![matrix.frame().grid(0, 1.0), matrix.frame().grid(0, 9.0)]);
        (matrix, centroids)
    }

    #[test]
    fn distances_are_in_the_units_of_the_columns() {
        let (matrix, centroids) = one_column();
        let a = Assignments::new(&matrix, &centroids, &[0, 0, 0, 1, 1]).distances(0..1);
        assert_eq!(a.own, [1.0, 0.0, 1.0, 1.0, 0.0]);
        assert_eq!(a.second, [9.0, 8.0, 7.0, 7.0, 8.0]);
        assert_eq!((a.margin(1), a.margin(0)), (1.0, 8.0 / 9.0));
    }

    #[test]
    fn with_one_segment_there_is_no_second_distance() {
        let (matrix, _) = one_column();
        let a = Assignments::new(&matrix, &Centroids::new(1, vec![0]), &[0; 5]).distances(0..1);
        assert!(a.second.iter().all(|s| *s == f64::INFINITY) && a.margin(0) == 1.0);
    }

    #[test]
    fn ids_are_written_byte_for_byte_but_defused() {
        let (matrix, centroids) = one_column();
        let ids = ["00123", "a,b", "=1+1", "9007199254740993", "say \"hi\""];
        let kept = |name: &str, texts: [&str; 5]| Kept { name: name.into(), texts: texts.into_iter().collect() };
        let table = Table {
            source: "t".into(),
            rows: 5,
            parts: Vec::new(),
            columns: Vec::new(),
            kept: vec![kept("id", ids), kept("mail", ["a@b", "@c", "", "d", "e"])],
            selected: None,
            further: Vec::new(),
            unread: Vec::new(),
            left_out: Vec::new(),
            store: crate::store::Store::default(),
            rejects: Vec::new(),
            separator: None,
            extent: None,
        };
        let mut out = Vec::new();
        let names = ["Recent, new".into(), "=x".into()];
        let beside = Beside { table: &table, names: &names, id: Some("id"), keep: &["mail".into()], prepared: None };
        Assignments::new(&matrix, &centroids, &[0, 0, 0, 1, 1]).write_csv(beside, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let unnamed = text.replace("\"Recent, new\"", "Recent");
        let ids: Vec<&str> = unnamed.lines().skip(1).map(|l| l.rsplitn(7, ',').last().unwrap()).collect();
        assert_eq!(ids, ["00123", "\"a,b\"", "'=1+1", "9007199254740993", "\"say \"\"hi\"\"\""]);
        let head = "id,segment,segment_name,distance,distance_second,margin,mail\n";
        assert!(text.starts_with(&format!("{head}00123,0,\"Recent, new\",1.0,9.0,0.8888889,a@b\n")), "{text}");
        assert!(text.ends_with("\"say \"\"hi\"\"\",1,'=x,0.0,8.0,1.0,e\n"), "{text}");
    }

    #[test]
    fn the_closest_come_first_and_of_equals_the_lowest_row() {
        let x = ndarray::Array2::from_shape_fn((70_000, 1), |(i, _)| ((i * 7919) % 1000) as f64);
        let matrix = Matrix::learn(&x.view(), None).unwrap().0;
        let centroids = Centroids::new(1, vec![matrix.frame().grid(0, 250.0), matrix.frame().grid(0, 750.0)]);
        let labels: Vec<u32> = x.iter().map(|v| u32::from(*v >= 500.0)).collect();
        let closest = Assignments::new(&matrix, &centroids, &labels).closest(141);
        for (s, at) in [(0, 250.0), (1, 750.0)] {
            let mut rows: Vec<usize> = (0..70_000).filter(|&i| labels[i] == s).collect();
            rows.sort_by(|&i, &j| (x[[i, 0]] - at).abs().total_cmp(&(x[[j, 0]] - at).abs()).then(i.cmp(&j)));
            let found: Vec<usize> = closest[s as usize].iter().map(|c| c.row).collect();
            assert_eq!(found, rows[..141]);
            assert_eq!((closest[s as usize][69].distance, closest[s as usize][70].distance), (0.0, 1.0));
        }
    }
}
