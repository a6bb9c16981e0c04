//! Numbers of a column on their way to a feature, read block by block as often as wanted: a column of a large table is never
//! whole in memory.

use super::sums;
use super::together::Raw;
use super::transform::Transform;

/// Rows read at a time.
const BLOCK: usize = 1 << 16;

/// Numbers `[rows]`, NaN for a missing one.
pub(super) trait Stream {
    /// How many there are.
    fn rows(&self) -> usize;

    /// Shows all rows in order, some at a time, each time with the first of them.
    fn each(&self, see: impl FnMut(usize, &[f64]));

    /// All rows.
    fn whole(&self) -> Vec<f64> {
        let mut all = Vec::new();
        self.each(|_, values| all.extend_from_slice(values));
        all
    }
}

impl Stream for [f64] {
    fn rows(&self) -> usize {
        self.len()
    }

    fn each(&self, mut see: impl FnMut(usize, &[f64])) {
        see(0, self);
    }
}

impl Stream for Raw<'_> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn each(&self, mut see: impl FnMut(usize, &[f64])) {
        let mut values = vec![0.0; BLOCK.min(self.rows)];
        for first in (0..self.rows).step_by(BLOCK) {
            let values = &mut values[..BLOCK.min(self.rows - first)];
            (self.read)(first, values);
            see(first, values);
        }
    }
}

/// A column without gaps, and with its tail pulled in.
pub(super) struct Filling<'a> {
    pub(super) raw: &'a Raw<'a>,
    /// What stands for some missing values: rows, ascending, and values.
    pub(super) filled: &'a [(usize, f64)],
    /// What stands for the others, if something does.
    pub(super) impute: Option<f64>,
    pub(super) transform: Transform,
}

impl Stream for Filling<'_> {
    fn rows(&self) -> usize {
        self.raw.rows
    }

    fn each(&self, mut see: impl FnMut(usize, &[f64])) {
        let mut filled = self.filled.iter().peekable();
        let mut values = Vec::with_capacity(BLOCK);
        self.raw.each(|first, block| {
            values.clear();
            values.extend_from_slice(block);
            while let Some((row, value)) = filled.next_if(|(row, _)| *row < first + block.len()) {
                values[row - first] = *value;
            }
            if let Some(impute) = self.impute {
                values.iter_mut().filter(|v| v.is_nan()).for_each(|v| *v = impute);
            }
            if self.transform != Transform::None {
                values.iter_mut().for_each(|v| *v = self.transform.apply(*v));
            }
            see(first, &values);
        });
    }
}

/// The smallest and the largest value of weight, -0 as 0; the first above the second if there is none.
pub(super) fn range(values: &(impl Stream + ?Sized), weights: Option<&[u64]>) -> (f64, f64) {
    let mut all = (f64::INFINITY, f64::NEG_INFINITY);
    values.each(|first, block| {
        let (low, high) = sums::range(block, weights.map(|weights| &weights[first..]));
        all = (all.0.min(low), all.1.max(high));
    });
    all
}
