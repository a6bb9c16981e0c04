//! Numbers of a column on their way to a feature, read block by block as often as wanted: a column of a large table is never
//! whole in memory.
//!
//! Blocks are read by all threads. What learners take from them are exact sums, ranges and selections, which have no order.

use super::extent::Extent;
use super::filled::Filled;
use super::selection;
use super::together::Raw;
use crate::table::Numbers;
use rayon::prelude::*;
use std::sync::OnceLock;

/// Rows read at a time.
const BLOCK: usize = 1 << 16;

/// Rows up to which a column may be looked at as a whole: 16 MiB.
pub(super) const SHORT: usize = 1 << 21;

/// Numbers `[rows]`, NaN for a missing one.
pub(crate) trait Stream: Sync {
    /// How many there are.
    fn rows(&self) -> usize;

    /// Copies the rows from `first` on into `out`.
    fn read(&self, first: usize, out: &mut [f64]);

    /// All rows, if they lie in memory.
    fn whole(&self) -> Option<&[f64]> {
        None
    }

    /// Shows all rows, some at a time, each time with the first of them; what was gathered from them is joined in any order.
    fn fold<T: Send>(
        &self,
        start: impl Fn() -> T + Sync + Send,
        see: impl Fn(&mut T, usize, &[f64]) + Sync + Send,
        join: impl Fn(T, T) -> T + Sync + Send,
    ) -> T {
        let (rows, whole) = (self.rows(), self.whole());
        let block = |(mut values, mut gathered): (Vec<f64>, T), block: usize| {
            let (first, end) = (block * BLOCK, rows.min((block + 1) * BLOCK));
            match whole {
                Some(whole) => see(&mut gathered, first, &whole[first..end]),
                None => {
                    values.resize(end - first, 0.0);
                    self.read(first, &mut values);
                    see(&mut gathered, first, &values);
                }
            }
            (values, gathered)
        };
        let blocks = (0..rows.div_ceil(BLOCK)).into_par_iter();
        blocks.fold(|| (Vec::new(), start()), block).map(|(_, gathered)| gathered).reduce(&start, join)
    }

    /// From where to where the values reach, and how many there are.
    fn extent(&self, weights: Option<&[u64]>) -> Extent {
        Extent::of(self, weights)
    }

    /// The values in order that so much weight comes before, given ascending, each less than there is in all.
    fn at(&self, weights: Option<&[u64]>, places: &[u64]) -> Vec<f64> {
        selection::at(self, weights, places)
    }

    /// Whether something holds for all rows, asked of some at a time in order, and no more once it does not.
    fn all(&self, mut holds: impl FnMut(&[f64]) -> bool) -> bool {
        let mut values = Vec::new();
        (0..self.rows()).step_by(BLOCK).all(|first| {
            values.resize(BLOCK.min(self.rows() - first), 0.0);
            self.read(first, &mut values);
            holds(&values)
        })
    }

    /// The stream with something done to each value.
    fn map<F: Fn(f64) -> f64 + Sync>(self, map: F) -> Mapped<Self, F>
    where
        Self: Sized,
    {
        Mapped { inner: self, map }
    }

    /// The stream with something done to each value that keeps their order: what is found by order is then found before. Where
    /// rounding lets two neighbours change places, it is the one whose value was the smaller.
    fn risen<F: Fn(f64) -> f64 + Sync>(self, rising: F) -> Risen<Self, F>
    where
        Self: Sized,
    {
        Risen { inner: self, rising }
    }

    /// The stream with its values in memory if they are few: for values that take long to work out.
    fn held(self) -> Held<Self>
    where
        Self: Sized,
    {
        if self.rows() > SHORT {
            return Held::Stream(self);
        }
        let mut values = vec![0.0; self.rows()];
        values.par_chunks_mut(BLOCK).enumerate().for_each(|(block, out)| self.read(block * BLOCK, out));
        Held::Whole(values)
    }
}

impl Stream for [f64] {
    fn rows(&self) -> usize {
        self.len()
    }

    fn read(&self, first: usize, out: &mut [f64]) {
        out.copy_from_slice(&self[first..first + out.len()]);
    }

    fn whole(&self) -> Option<&[f64]> {
        Some(self)
    }
}

impl Stream for Vec<f64> {
    fn rows(&self) -> usize {
        self.len()
    }

    fn read(&self, first: usize, out: &mut [f64]) {
        self[..].read(first, out);
    }

    fn whole(&self) -> Option<&[f64]> {
        Some(self)
    }
}

impl<S: Stream + ?Sized> Stream for &S {
    fn rows(&self) -> usize {
        (**self).rows()
    }

    fn read(&self, first: usize, out: &mut [f64]) {
        (**self).read(first, out);
    }

    fn whole(&self) -> Option<&[f64]> {
        (**self).whole()
    }

    fn extent(&self, weights: Option<&[u64]>) -> Extent {
        (**self).extent(weights)
    }

    fn at(&self, weights: Option<&[u64]>, places: &[u64]) -> Vec<f64> {
        (**self).at(weights, places)
    }
}

impl Stream for Numbers {
    fn rows(&self) -> usize {
        self.len()
    }

    fn read(&self, first: usize, out: &mut [f64]) {
        self.read(first, out);
    }
}

impl Stream for Raw<'_> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn read(&self, first: usize, out: &mut [f64]) {
        (self.read)(first, out);
    }
}

/// A column with something done to each value.
pub(crate) struct Mapped<S, F> {
    inner: S,
    map: F,
}

impl<S: Stream, F: Fn(f64) -> f64 + Sync> Stream for Mapped<S, F> {
    fn rows(&self) -> usize {
        self.inner.rows()
    }

    fn read(&self, first: usize, out: &mut [f64]) {
        self.inner.read(first, out);
        out.iter_mut().for_each(|v| *v = (self.map)(*v));
    }
}

/// A column with something done to each value that keeps their order.
pub(crate) struct Risen<S, F> {
    inner: S,
    rising: F,
}

impl<S: Stream, F: Fn(f64) -> f64 + Sync> Stream for Risen<S, F> {
    fn rows(&self) -> usize {
        self.inner.rows()
    }

    fn read(&self, first: usize, out: &mut [f64]) {
        self.inner.read(first, out);
        out.iter_mut().for_each(|v| *v = (self.rising)(*v));
    }

    fn extent(&self, weights: Option<&[u64]>) -> Extent {
        let extent = self.inner.extent(weights);
        let risen = |value: f64| if extent.is_some() { (self.rising)(value) + 0.0 } else { value };
        Extent { low: risen(extent.low), high: risen(extent.high), ..extent }
    }

    fn at(&self, weights: Option<&[u64]>, places: &[u64]) -> Vec<f64> {
        self.inner.at(weights, places).into_iter().map(|value| (self.rising)(value) + 0.0).collect()
    }
}

/// A column that is in memory if it is short.
pub(crate) enum Held<S> {
    Whole(Vec<f64>),
    Stream(S),
}

impl<S: Stream> Stream for Held<S> {
    fn rows(&self) -> usize {
        match self {
            Self::Whole(values) => values.len(),
            Self::Stream(stream) => stream.rows(),
        }
    }

    fn read(&self, first: usize, out: &mut [f64]) {
        match self {
            Self::Whole(values) => values.read(first, out),
            Self::Stream(stream) => stream.read(first, out),
        }
    }

    fn whole(&self) -> Option<&[f64]> {
        match self {
            Self::Whole(values) => Some(values),
            Self::Stream(stream) => stream.whole(),
        }
    }
}

/// A column of which the extent is looked for once.
pub(super) struct Known<S> {
    inner: S,
    /// Without weights, and with them.
    extents: [OnceLock<Extent>; 2],
}

impl<S: Stream> Known<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, extents: [OnceLock::new(), OnceLock::new()] }
    }
}

impl<S: Stream> Stream for Known<S> {
    fn rows(&self) -> usize {
        self.inner.rows()
    }

    fn read(&self, first: usize, out: &mut [f64]) {
        self.inner.read(first, out);
    }

    /// The weights must always be the same.
    fn extent(&self, weights: Option<&[u64]>) -> Extent {
        *self.extents[usize::from(weights.is_some())].get_or_init(|| self.inner.extent(weights))
    }
}

/// A column without gaps.
pub(super) struct Filling<'a, S> {
    pub(super) raw: S,
    /// What stands for missing values that follow from other columns.
    pub(super) filled: Option<&'a Filled>,
    /// What stands for the others, if something does.
    pub(super) impute: Option<f64>,
}

impl<S: Stream> Stream for Filling<'_, S> {
    fn rows(&self) -> usize {
        self.raw.rows()
    }

    fn read(&self, first: usize, out: &mut [f64]) {
        self.raw.read(first, out);
        self.filled.into_iter().for_each(|filled| filled.put(first, out));
        if let Some(impute) = self.impute {
            out.iter_mut().filter(|v| v.is_nan()).for_each(|v| *v = impute);
        }
    }

    fn extent(&self, weights: Option<&[u64]>) -> Extent {
        let (raw, filled) = (self.raw.extent(weights), self.filled.is_some() || self.impute.is_some());
        if raw.gaps == 0 || !filled { raw } else { Extent::of(self, weights) }
    }
}
