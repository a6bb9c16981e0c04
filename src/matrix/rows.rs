//! Where a matrix comes from: prepared values, row by row or column by column.

use super::TILE;
use crate::error::{Error, Place};
use multiversion::multiversion;
use ndarray::{ArrayView1, ArrayView2, s};

/// Prepared values, before they lie on a grid: what a [`super::Matrix`] is made from.
pub trait Rows: Sync {
    /// Points.
    fn count(&self) -> usize;
    /// Columns.
    fn dims(&self) -> usize;
    /// The value of point `i` in column `j`.
    fn value(&self, i: usize, j: usize) -> f64;
    /// Copies column `j` of the points from `first` on into `out`.
    fn column(&self, first: usize, j: usize, out: &mut [f64]);
    /// `count` points from `first` on, if they lie row after row in f32.
    fn f32s(&self, _first: usize, _count: usize) -> Option<&[f32]> {
        None
    }
    /// Where the value of point `i` in column `j` came from, for messages.
    fn place(&self, i: usize, j: usize) -> Place {
        Place::default().at_row(i as u64 + 1).in_column(format!("f{j}"))
    }
    /// Widens `ranges` `[dims]` (smallest, largest) by `count` points from `first` on, and says whether all are finite.
    fn extremes(&self, first: usize, count: usize, ranges: &mut [(f64, f64)]) -> bool {
        let mut finite = true;
        let mut buffer = [0.0; 16 * TILE];
        for start in (first..first + count).step_by(buffer.len()) {
            let part = buffer.len().min(first + count - start);
            for (j, range) in ranges.iter_mut().enumerate() {
                self.column(start, j, &mut buffer[..part]);
                finite &= widen(&buffer[..part], range);
            }
        }
        finite
    }
}

impl Rows for ArrayView2<'_, f32> {
    fn count(&self) -> usize {
        self.nrows()
    }

    fn dims(&self) -> usize {
        self.ncols()
    }

    fn value(&self, i: usize, j: usize) -> f64 {
        f64::from(self[[i, j]])
    }

    fn column(&self, first: usize, j: usize, out: &mut [f64]) {
        copy_column(self.slice(s![first..first + out.len(), j]), out, f64::from);
    }

    fn f32s(&self, first: usize, count: usize) -> Option<&[f32]> {
        self.as_slice().map(|values| &values[first * self.ncols()..(first + count) * self.ncols()])
    }

    fn extremes(&self, first: usize, count: usize, ranges: &mut [(f64, f64)]) -> bool {
        let rows = self.slice(s![first..first + count, ..]);
        let rows = rows.as_standard_layout();
        let dims = ranges.len();
        let (mut low, mut high) = (vec![f32::INFINITY; dims], vec![f32::NEG_INFINITY; dims]);
        let mut zero = vec![0.0; dims];
        widen_rows(rows.as_slice().unwrap_or_default(), &mut low, &mut high, &mut zero);
        for (range, (&low, &high)) in ranges.iter_mut().zip(low.iter().zip(&high)) {
            *range = (range.0.min(f64::from(low)), range.1.max(f64::from(high)));
        }
        zero.iter().all(|z| *z == 0.0)
    }
}

impl Rows for ArrayView2<'_, f64> {
    fn count(&self) -> usize {
        self.nrows()
    }

    fn dims(&self) -> usize {
        self.ncols()
    }

    fn value(&self, i: usize, j: usize) -> f64 {
        self[[i, j]]
    }

    fn column(&self, first: usize, j: usize, out: &mut [f64]) {
        copy_column(self.slice(s![first..first + out.len(), j]), out, |v| v);
    }
}

fn copy_column<T: Copy>(column: ArrayView1<'_, T>, out: &mut [f64], to_f64: impl Fn(T) -> f64) {
    for (o, &v) in out.iter_mut().zip(column) {
        *o = to_f64(v);
    }
}

/// Widens the range of each column by rows laid one after another. A value that is not finite leaves its column's `zero`
/// (a sum of values times 0) a NaN.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn widen_rows(rows: &[f32], low: &mut [f32], high: &mut [f32], zero: &mut [f32]) {
    let dims = low.len();
    let (low, high, zero) = (&mut low[..dims], &mut high[..dims], &mut zero[..dims]);
    for row in rows.chunks_exact(dims) {
        for j in 0..dims {
            let v = row[j];
            low[j] = if v < low[j] { v } else { low[j] };
            high[j] = if v > high[j] { v } else { high[j] };
            zero[j] += v * 0.0;
        }
    }
}

/// Widens the range of one column; says whether all values are finite.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn widen(values: &[f64], range: &mut (f64, f64)) -> bool {
    let (mut low, mut high, mut zero) = ([f64::INFINITY; 8], [f64::NEG_INFINITY; 8], [0.0; 8]);
    for group in values.chunks(8) {
        for (i, &v) in group.iter().enumerate() {
            low[i] = if v < low[i] { v } else { low[i] };
            high[i] = if v > high[i] { v } else { high[i] };
            zero[i] += v * 0.0;
        }
    }
    *range = (low.iter().fold(range.0, |a, &b| a.min(b)), high.iter().fold(range.1, |a, &b| a.max(b)));
    zero.iter().all(|z| *z == 0.0)
}

/// The first value that is not finite in the rows from `first` on, as an error. There must be one.
pub(super) fn not_finite(rows: &impl Rows, first: usize) -> Error {
    let mut places = (first..rows.count()).flat_map(|i| (0..rows.dims()).map(move |j| (i, j)));
    let (i, j) = places.find(|&(i, j)| !rows.value(i, j).is_finite()).unwrap_or((first, 0));
    let message = format!("{} is not a finite number", rows.value(i, j));
    Error::data(rows.place(i, j), message, "remove the row, or fill the gap before clustering")
}
