//! The frame and the grid: where a prepared value lies as an exact integer.
//!
//! A value `v` of column `j` becomes `x = (v - offset[j]) * 2^exponent`, is rounded to f32 and then to a multiple of
//! `2^-bits`. The result is an f32 *and* the exact integer `q = x * 2^bits`, so every later sum and distance can be
//! taken in integers. Fit and predict use the same frame; that is why `predict` on the training table returns the
//! training labels bit for bit.

use super::power::{ceil_exponent, ceil_log2, pow2, scale2};
use super::rows::not_finite;
use super::sample::{effective_rows, lower_quantile, sample_rows};
use super::{Rows, Weights};
use crate::error::{Error, Result};
use rayon::prelude::*;

/// Largest magnitude a framed value can take: at fit it is 1, at predict (and for a row without weight) a far outlier
/// saturates here.
pub const SATURATION: f64 = 65_536.0;

/// Rows of the fixed sample that the offsets are the medians of.
const SAMPLE: u64 = 8_192;

/// Beyond this many (weighted) rows the grid grows no coarser for weights: weights in currency units would eat it up.
const MOST_ROWS: u64 = 1 << 30;

/// Where the grid lies. All numbers are exact and read back exactly from a model file.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    offset: Vec<f64>,
    exponent: i32,
    bits: u32,
    /// `offset * 2^exponent`, and the exponent as two factors, since one may not fit an f64.
    shift: Vec<f64>,
    factors: (f64, f64),
}

impl Frame {
    /// A frame from its three exact parts: `offset` `[dims]`, the exponent, and the grid's bits.
    ///
    /// # Errors
    /// [`Error::Usage`] if a part is out of range (non-finite offset, |exponent| over 1200, bits over 40).
    pub fn new(offset: Vec<f64>, exponent: i32, bits: u32) -> Result<Self> {
        if offset.is_empty() || offset.iter().any(|o| !o.is_finite()) {
            return Err(Error::Usage("a frame needs finite offsets, one for each column".into()));
        }
        if exponent.abs() > 1200 || !(1..=40).contains(&bits) {
            return Err(Error::Usage(format!("a frame with exponent {exponent} and {bits} bits is out of range")));
        }
        let half = exponent / 2;
        let factors = (pow2(half), pow2(exponent - half));
        let shift: Vec<f64> = offset.iter().map(|&o| scale2(o, exponent)).collect();
        if shift.iter().any(|o| !o.is_finite()) {
            return Err(Error::Usage("a frame's offset times 2^exponent must be finite".into()));
        }
        Ok(Self { offset, exponent, bits, shift, factors })
    }

    /// Learns the frame of `rows`: medians of a fixed sample as offsets, the exponent that brings the largest magnitude
    /// to at most 1, and as many bits as keep the sums of all rows in 64 bits.
    ///
    /// # Errors
    /// [`Error::Data`] naming row and column if a value is not finite.
    pub fn learn(rows: &impl Rows, weights: Option<&Weights>) -> Result<(Self, Vec<CoarseGrid>)> {
        let extremes = extremes(rows, weights)?;
        let count = effective_rows(rows.count(), weights).min(MOST_ROWS);
        let sample = sample_rows(rows.count(), weights, count.min(SAMPLE));
        let columns = Sampled::columns(rows, &sample);
        let offset: Vec<f64> = columns.iter().map(|c| c.median).collect();
        let exponent = offset.iter().zip(&extremes).filter_map(|(&o, &(low, high))| exponent_of(o, low, high)).min();
        // A far constant column must not leave f64 when it is scaled with the others.
        let farthest = offset.iter().fold(0.0f64, |a, o| a.max(o.abs()));
        let most = if farthest > 0.0 { 1000 - ceil_exponent(farthest) } else { 1200 };
        let exponent = exponent.map(|e| e.min(most));
        let bits = 40.min(61 - ceil_log2(count));
        let frame = Self::new(offset, exponent.unwrap_or(0), bits)?;
        let coarse = columns.iter().enumerate().filter_map(|(j, c)| frame.coarse(j, c.iqr)).collect();
        Ok((frame, coarse))
    }

    fn coarse(&self, column: usize, iqr: f64) -> Option<CoarseGrid> {
        let step = self.length(pow2(-(self.bits as i32)));
        (iqr > 0.0 && step > iqr * pow2(-20)).then_some(CoarseGrid { column, step, iqr })
    }

    /// Columns.
    #[must_use]
    pub fn dims(&self) -> usize {
        self.offset.len()
    }

    /// The offset of each column, in prepared units.
    #[must_use]
    pub fn offset(&self) -> &[f64] {
        &self.offset
    }

    /// The exponent shared by all columns.
    #[must_use]
    pub fn exponent(&self) -> i32 {
        self.exponent
    }

    /// The grid's bits: its step is `2^-bits` in the frame.
    #[must_use]
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// `2^bits`, exact in both float formats.
    #[must_use]
    pub fn scale(&self) -> f32 {
        (1u64 << self.bits) as f32
    }

    /// The value on the grid (a multiple of `2^-bits`, at most [`SATURATION`] in magnitude) nearest to `value` of column `j`.
    #[must_use]
    #[inline]
    pub fn place(&self, j: usize, value: f64) -> f32 {
        self.placer(j).place(value)
    }

    /// [`Frame::place`] with everything about column `j` looked up once.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "a power of two is exact in f32")]
    pub(super) fn placer(&self, j: usize) -> Placer {
        let bits = self.bits as i32;
        Placer {
            factors: self.factors,
            shift: self.shift[j],
            magic: 1.5 * pow2(52 - bits),
            on_grid: pow2(24 - bits) as f32,
        }
    }

    /// [`Frame::place`] for f32 values, if f32 arithmetic gives the same bits.
    #[expect(clippy::cast_possible_truncation, reason = "what does not fit f32 exactly is refused")]
    pub(super) fn placer_f32(&self) -> Option<PlacerF32> {
        let exact = |x: f64| (f64::from(x as f32) == x).then_some(x as f32);
        let normal = (-126..=127).contains(&self.exponent);
        let shift = self.shift.iter().map(|&s| exact(s)).collect::<Option<Vec<f32>>>()?;
        let factor = exact(pow2(self.exponent)).filter(|_| normal)?;
        Some(PlacerF32 { shift, factor, scale: self.scale(), step: pow2(-(self.bits as i32)) as f32 })
    }

    /// The grid integer of a centroid coordinate given in prepared units, not rounded through f32.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "clamped to the grid, at most 2^56")]
    pub fn grid(&self, j: usize, value: f64) -> i64 {
        let x = scale2(value, self.exponent) - self.shift[j];
        (x.clamp(-SATURATION, SATURATION) * f64::from(self.scale())).round_ties_even() as i64
    }

    /// The prepared value of a grid integer of column `j`.
    #[must_use]
    pub fn value(&self, j: usize, grid: i64) -> f64 {
        self.length(grid as f64 / f64::from(self.scale())) + self.offset[j]
    }

    /// A length in the frame as a length in prepared units.
    #[must_use]
    pub fn length(&self, x: f64) -> f64 {
        scale2(x, -self.exponent)
    }

    /// A squared length on the grid as one in prepared units.
    #[must_use]
    pub fn length2(&self, grid2: f64) -> f64 {
        let step = pow2(-(self.bits as i32));
        self.length(self.length(grid2 * step * step))
    }
}

/// A column whose interquartile range spans fewer than 2^20 grid steps: one absurd outlier sets the exponent.
#[derive(Debug, Clone, PartialEq)]
pub struct CoarseGrid {
    /// The column.
    pub column: usize,
    /// The grid's step in prepared units.
    pub step: f64,
    /// The interquartile range of the sample, in prepared units.
    pub iqr: f64,
}

/// One column's way onto the grid.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placer {
    factors: (f64, f64),
    shift: f64,
    magic: f64,
    on_grid: f32,
}

impl Placer {
    /// Rounds to f32, then to the grid. An f32 of at least `2^(24 - bits)` is a multiple of the step already; below
    /// that, adding and taking away `1.5 * 2^(52 - bits)` rounds to it, ties to even, without a libm call.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is what the frame is defined by")]
    pub(super) fn place(self, value: f64) -> f32 {
        let x = value * self.factors.0 * self.factors.1 - self.shift;
        let x = x.clamp(-SATURATION, SATURATION) as f32;
        let rounded = ((f64::from(x) + self.magic) - self.magic) as f32;
        if x.abs() < self.on_grid { rounded } else { x }
    }
}

/// All columns' way onto the grid in f32.
///
/// It gives the bits of [`Placer`]: the factor is a power of two, so a product is exact unless it leaves the normal range;
/// an f64 difference of two f32 numbers, rounded to f32, is the f32 difference (Figueroa 1995, *When is double rounding
/// innocuous?*); and a product below 2^-126 changes no shift that does not itself round to the grid point 0, while one
/// above 2^127 saturates either way.
#[derive(Debug, Clone)]
pub(super) struct PlacerF32 {
    shift: Vec<f32>,
    factor: f32,
    scale: f32,
    step: f32,
}

impl PlacerF32 {
    pub(super) fn dims(&self) -> usize {
        self.shift.len()
    }

    pub(super) fn shift(&self, j: usize) -> f32 {
        self.shift[j]
    }

    /// The value on the grid nearest to `value` of a column with this shift; adding 0 makes a zero positive.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "a power of two")]
    pub(super) fn place(&self, value: f32, shift: f32) -> f32 {
        const MOST: f32 = SATURATION as f32;
        let x = (value * self.factor - shift).clamp(-MOST, MOST);
        (x * self.scale).round_ties_even() * self.step + 0.0
    }
}

struct Sampled {
    median: f64,
    iqr: f64,
}

impl Sampled {
    /// Quantiles of every column over the sampled rows.
    fn columns(rows: &impl Rows, sample: &[usize]) -> Vec<Self> {
        // Some rows at a time, column by column: a row's cache line is fetched once, whichever way the source lies.
        let parts: Vec<Vec<f64>> = sample
            .par_chunks(512)
            .map(|part| (0..rows.dims()).flat_map(|j| part.iter().map(move |&i| rows.value(i, j) + 0.0)).collect())
            .collect();
        let column = |j: usize| -> Vec<f64> {
            let lengths = sample.chunks(512).map(<[usize]>::len);
            parts.iter().zip(lengths).flat_map(|(part, n)| &part[j * n..(j + 1) * n]).copied().collect()
        };
        (0..rows.dims()).into_par_iter().map(|j| Self::of(column(j))).collect()
    }

    fn of(mut values: Vec<f64>) -> Self {
        let mut quantile = |part| lower_quantile(&mut values, part, 4);
        let (low, median, high) = (quantile(1), quantile(2), quantile(3));
        Self { median, iqr: high - low }
    }
}

/// Smallest and largest value of each column, over the rows with weight; all rows must be finite.
pub(super) fn extremes(rows: &impl Rows, weights: Option<&Weights>) -> Result<Vec<(f64, f64)>> {
    const CHUNK: usize = 16_384;
    let empty = || vec![(f64::INFINITY, f64::NEG_INFINITY); rows.dims()];
    let chunks: Vec<usize> = (0..rows.count()).step_by(CHUNK).collect();
    let parts: Vec<_> = chunks
        .into_par_iter()
        .map(|first| {
            let mut part = empty();
            let count = CHUNK.min(rows.count() - first);
            let finite = match weights {
                None => rows.extremes(first, count, &mut part),
                Some(weights) => weighted_extremes(rows, first, &weights.values()[first..first + count], &mut part),
            };
            if finite { Ok(part) } else { Err(first) }
        })
        .collect();
    let mut all = empty();
    for part in parts {
        let part = part.map_err(|first| not_finite(rows, first))?;
        for (a, p) in all.iter_mut().zip(&part) {
            *a = (a.0.min(p.0), a.1.max(p.1));
        }
    }
    Ok(all)
}

/// Widens `ranges` by the rows from `first` on that have weight: one without counts as removed, however far it lies.
/// Says whether all values are finite.
fn weighted_extremes(rows: &impl Rows, first: usize, weights: &[u64], ranges: &mut [(f64, f64)]) -> bool {
    let (mut values, mut finite) = (vec![0.0; weights.len()], true);
    for (j, range) in ranges.iter_mut().enumerate() {
        rows.column(first, j, &mut values);
        finite &= values.iter().all(|v| v.is_finite());
        for (&v, _) in values.iter().zip(weights).filter(|(_, w)| **w > 0) {
            *range = (range.0.min(v), range.1.max(v));
        }
    }
    finite
}

/// The largest exponent that brings both ends of a column to at most 1; `None` for a constant column.
fn exponent_of(offset: f64, low: f64, high: f64) -> Option<i32> {
    let reach = (high - offset).max(offset - low);
    if reach.is_infinite() {
        // The difference itself overflows: take it at half the size.
        let half = (high * 0.5 - offset * 0.5).max(offset * 0.5 - low * 0.5);
        return Some(-ceil_exponent(half) - 1);
    }
    (reach > 0.0).then(|| -ceil_exponent(reach))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn a_framed_value_is_an_f32_and_an_exact_integer() {
        let x = Array2::from_shape_fn((1000, 2), |(i, j)| (i as f64 * 0.7391 + j as f64).sin() * 3.0 + 1e6 * j as f64);
        let (frame, _) = Frame::learn(&x.view(), None).unwrap();
        for ((_, j), &v) in x.indexed_iter() {
            let q = f64::from(frame.place(j, v)) * f64::from(frame.scale());
            assert_eq!(q, q.round());
            assert!(q.abs() <= f64::from(frame.scale()));
        }
    }

    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "a power of two")]
    fn f32_values_are_placed_as_f64_ones_to_the_bit() {
        let mut state = 11u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u32::try_from(state >> 32).unwrap()
        };
        let (mut placed, mut zeros) = (0, 0);
        for _ in 0..2_000 {
            // Any finite offset and value: subnormal, far apart, close together, saturating.
            let (offset, exponent, bits) = (f32::from_bits(random()), (random() % 254) as i32 - 126, 1 + random() % 40);
            let Ok(frame) = Frame::new(vec![f64::from(offset)], exponent, bits) else { continue };
            let Some(narrow) = frame.placer_f32() else { continue };
            for _ in 0..50 {
                let near = f32::from_bits(offset.to_bits() ^ (random() >> (random() % 32)));
                let unit = (random() as f32 / u32::MAX as f32 - 0.5) * pow2(-exponent) as f32;
                for value in [near, f32::from_bits(random()), offset + unit, unit].into_iter().filter(|v| v.is_finite())
                {
                    let (wide, got) = (frame.place(0, f64::from(value)), narrow.place(value, narrow.shift(0)));
                    assert_eq!(
                        wide.to_bits(),
                        got.to_bits(),
                        "{value:e} in a frame of offset {offset:e}, exponent {exponent}, {bits} bits"
                    );
                    (placed, zeros) = (placed + 1, zeros + u32::from(got == 0.0));
                }
            }
        }
        assert!(placed > 50_000 && zeros < placed / 2, "{placed} placed, {zeros} at zero");
    }

    #[test]
    fn the_exponent_brings_the_largest_magnitude_to_one() {
        for (value, exponent) in [(1.0, 0), (1.5, -1), (2.0, -1), (0.5, 1), (1e-310, 1029), (5e-324, 1074)] {
            assert_eq!(exponent_of(0.0, 0.0, value), Some(exponent), "{value}");
        }
        assert_eq!(exponent_of(0.0, -f64::MAX, f64::MAX), Some(-1024));
        assert_eq!(exponent_of(f64::MAX, -f64::MAX, f64::MAX), Some(-1025));
    }

    #[test]
    fn saturation_is_far_outside_the_data() {
        let frame = Frame::learn(&array![[0.0f64], [1.0], [2.0]].view(), None).unwrap().0;
        assert_eq!(frame.place(0, 1e300), 65_536.0);
        assert_eq!(frame.place(0, -1e300), -65_536.0);
    }

    #[test]
    fn one_absurd_outlier_makes_the_grid_coarse_and_is_reported() {
        let mut x = Array2::from_shape_fn((100, 2), |(i, _)| i as f64);
        assert!(Frame::learn(&x.view(), None).unwrap().1.is_empty());
        x[[7, 1]] = 1e20;
        let coarse = Frame::learn(&x.view(), None).unwrap().1;
        assert_eq!(coarse.iter().map(|c| c.column).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn a_value_that_is_not_finite_is_named_by_row_and_column() {
        let error = Frame::learn(&array![[1.0f64, 2.0], [3.0, f64::NAN]].view(), None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "data: row 2: column 'f1': NaN is not a finite number\n  hint: remove the row, or fill the gap before clustering"
        );
    }

    #[test]
    fn grid_and_value_are_inverse() {
        let frame = Frame::new(vec![1e6], 3, 30).unwrap();
        assert_eq!(frame.grid(0, frame.value(0, 123_456_789)), 123_456_789);
    }
}
