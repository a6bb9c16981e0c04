//! Numbers of a column on their way to a feature, read block by block as often as wanted: a column of a large table is never
//! whole in memory.
//!
//! Blocks are read by all threads. What learners take from them are exact sums, ranges and selections, which have no order.

use super::filled::Filled;
use super::selection;
use super::together::Raw;
use crate::table::Numbers;
use rayon::prelude::*;

/// Rows read at a time.
const BLOCK: usize = 1 << 16;

/// Values that are compared at once.
const LANES: usize = 8;

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

    /// The lowest and the highest value with weight, -0 as 0; the first above the second if there is none.
    fn range(&self, weights: Option<&[u64]>) -> (f64, f64) {
        let none = || [[f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]];
        let wider = |[lows, highs]: &mut [[f64; LANES]; 2], lane: usize, value: f64| {
            // NaN is neither; said so that a vector of lanes is compared at once.
            lows[lane] = if value < lows[lane] { value } else { lows[lane] };
            highs[lane] = if value > highs[lane] { value } else { highs[lane] };
        };
        let see = |ends: &mut [[f64; LANES]; 2], first: usize, values: &[f64]| match weights {
            None => {
                let mut all = *ends;
                let (lanes, rest) = values.as_chunks::<LANES>();
                lanes.iter().for_each(|values| (0..LANES).for_each(|lane| wider(&mut all, lane, values[lane])));
                rest.iter().for_each(|value| wider(&mut all, 0, *value));
                *ends = all;
            }
            Some(weights) => {
                let rows = values.iter().zip(&weights[first..]).filter(|(_, weight)| **weight > 0);
                rows.for_each(|(value, _)| wider(ends, 0, *value));
            }
        };
        let join = |[mut lows, mut highs]: [[f64; LANES]; 2], [others_low, others_high]: [[f64; LANES]; 2]| {
            lows.iter_mut().zip(others_low).for_each(|(low, other)| *low = low.min(other));
            highs.iter_mut().zip(others_high).for_each(|(high, other)| *high = high.max(other));
            [lows, highs]
        };
        let [lows, highs] = self.fold(none, see, join);
        (
            lows.into_iter().fold(f64::INFINITY, f64::min) + 0.0,
            highs.into_iter().fold(f64::NEG_INFINITY, f64::max) + 0.0,
        )
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

    /// The stream with something done to each value that keeps their order: what is found by order is then found before.
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

    fn range(&self, weights: Option<&[u64]>) -> (f64, f64) {
        (**self).range(weights)
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

    fn range(&self, weights: Option<&[u64]>) -> (f64, f64) {
        let (low, high) = self.inner.range(weights);
        if low <= high { ((self.rising)(low) + 0.0, (self.rising)(high) + 0.0) } else { (low, high) }
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
}
