//! A column of numbers in little memory.
//!
//! Customer tables hold whole numbers and short decimals: as a count of hundredths from the smallest one on, a value takes a
//! dozen bits instead of 64. Every full block of [`BLOCK`] rows is kept in the smallest of three forms that gives back the
//! same f64 to the bit: whole multiples of a power of ten in as few bits as their range needs, f32, or f64.

use super::BLOCK;
use super::packing::Packing;
use crate::error::Result;
use crate::store::{Bytes, Store};
use rayon::prelude::*;
use std::borrow::Cow;
use std::fmt;

/// Numbers `[rows]`, NaN for a missing one; a zero is never negative. Rows are found where all blocks begin where those of a table
/// do: numbers that are to be joined to others are only made, and joined.
#[derive(Clone, Default)]
pub struct Numbers {
    /// All but the last hold [`BLOCK`] rows, and the first holds less by `before`.
    blocks: Vec<Block>,
    /// Rows of the first block that others hold, to which these will be joined: so no number is packed twice.
    before: usize,
    /// Blocks, from the first on, that need not be looked at when what is full goes into a store.
    looked: usize,
}

#[derive(Debug, Clone)]
enum Block {
    /// Still being filled.
    Open(Vec<f64>),
    Closed(Closed),
}

/// Numbers in their smallest form.
#[derive(Debug, Clone)]
struct Closed {
    rows: usize,
    form: Form,
    bytes: Bytes,
    /// It lies where its store wants it.
    kept: bool,
}

/// What bytes stand for, the lowest first.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// f64.
    Wide,
    /// f32.
    Narrow,
    Packed(Packing),
}

impl Numbers {
    /// No numbers yet, of a table's rows from this one on, to be joined to those before.
    pub(super) fn at_row(row: usize) -> Self {
        Self { before: row % BLOCK, ..Self::default() }
    }

    /// Rows.
    #[must_use]
    pub fn len(&self) -> usize {
        let full = |more: usize| more * BLOCK - if more > 0 { self.before } else { 0 };
        self.blocks.last().map_or(0, |last| full(self.blocks.len() - 1) + last.len())
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The number in row `i`.
    #[must_use]
    pub fn get(&self, i: usize) -> f64 {
        let mut value = [0.0];
        self.blocks[i / BLOCK].read(i % BLOCK, &mut value);
        value[0]
    }

    /// Copies the rows from `first` on into `out`.
    pub fn read(&self, first: usize, out: &mut [f64]) {
        let mut done = 0;
        while done < out.len() {
            let (block, at) = (&self.blocks[(first + done) / BLOCK], (first + done) % BLOCK);
            let take = (block.len() - at).min(out.len() - done);
            block.read(at, &mut out[done..done + take]);
            done += take;
        }
    }

    /// The numbers, [`BLOCK`] rows at a time.
    pub fn blocks(&self) -> impl Iterator<Item = Cow<'_, [f64]>> {
        self.blocks.iter().map(Block::values)
    }

    /// All numbers, one after another.
    #[must_use]
    pub fn to_vec(&self) -> Vec<f64> {
        let mut all = vec![0.0; self.len()];
        all.par_chunks_mut(BLOCK).zip(&self.blocks).for_each(|(out, block)| block.read(0, out));
        all
    }

    /// Bytes that the numbers take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.blocks.iter().map(Block::bytes).sum()
    }

    /// Adds a number, or NaN for a missing one.
    #[inline]
    pub fn push(&mut self, value: f64) {
        match self.blocks.last_mut() {
            // Neither the first nor a later block is full with it.
            Some(Block::Open(block)) if block.len() + 1 < BLOCK - self.before => block.push(value + 0.0),
            _ => self.extend(&[value]),
        }
    }

    /// Adds numbers; NaN stands for a missing one.
    pub fn extend(&mut self, mut values: &[f64]) {
        while !values.is_empty() {
            if self.room() == 0 {
                // The first block grows, since most tables are small; the later ones are made whole.
                let capacity = if self.blocks.is_empty() { values.len().min(BLOCK) } else { BLOCK };
                self.blocks.push(Block::Open(Vec::with_capacity(capacity)));
            }
            let (now, rest) = values.split_at(values.len().min(self.room()));
            if let Some(last) = self.blocks.last_mut() {
                last.open().extend(now.iter().map(|v| v + 0.0)); // -0.0 + 0.0 is 0.0
            }
            self.close();
            values = rest;
        }
    }

    /// Adds so many missing ones.
    pub(super) fn extend_missing(&mut self, rows: usize) {
        const GAPS: [f64; 1_024] = [f64::NAN; 1_024];
        for first in (0..rows).step_by(GAPS.len()) {
            self.extend(&GAPS[..GAPS.len().min(rows - first)]);
        }
    }

    /// Rows that the last block still takes.
    fn room(&self) -> usize {
        let most = if self.blocks.len() == 1 { BLOCK - self.before } else { BLOCK };
        self.blocks.last().map_or(0, |last| most - last.len())
    }

    /// Brings the last block into its smallest form, if that is what it will stay.
    fn close(&mut self) {
        if let Some(last) = self.blocks.last_mut().filter(|last| last.len() == BLOCK) {
            last.close();
        }
    }

    /// Moves later numbers to the end of these: block by block as they are where they begin at a block.
    pub fn append(&mut self, later: &mut Self) {
        let fits = (self.before + self.len()) % BLOCK == later.before;
        let copied = if !fits { later.blocks.len() } else { usize::from(later.before > 0).min(later.blocks.len()) };
        later.blocks.drain(..copied).for_each(|block| self.extend(&block.values()));
        self.blocks.append(&mut later.blocks);
    }

    /// Brings the last block into its smallest form, too: nothing more will be added.
    #[must_use]
    pub fn finish(mut self) -> Self {
        if let Some(last) = self.blocks.last_mut() {
            last.close();
        }
        self.blocks.shrink_to_fit();
        self
    }

    /// Moves all finished blocks into a store.
    pub(super) fn keep(&mut self, store: &Store) -> Result<()> {
        let last = self.blocks.len().saturating_sub(1);
        for (i, block) in self.blocks.iter_mut().enumerate().skip(self.looked) {
            match block {
                Block::Closed(closed) if !closed.kept => {
                    closed.bytes = store.keep(std::mem::take(&mut closed.bytes))?;
                    closed.kept = true;
                }
                Block::Open(_) if i == last => break, // it will change
                _ => {}
            }
            self.looked = i + 1;
        }
        Ok(())
    }

    /// The rows for which `kept` is true, in a store.
    pub(super) fn retain(&self, kept: &[bool], store: &Store) -> Result<Self> {
        let mut all = Self::default();
        for (values, kept) in self.blocks().zip(kept.chunks(BLOCK)) {
            let values: Vec<f64> = values.iter().zip(kept).filter(|(_, kept)| **kept).map(|(v, _)| *v).collect();
            all.extend(&values);
            all.keep(store)?;
        }
        Ok(all.finish())
    }
}

impl FromIterator<f64> for Numbers {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut numbers = Self::default();
        values.into_iter().for_each(|v| numbers.push(v));
        numbers.finish()
    }
}

impl PartialEq for Numbers {
    fn eq(&self, other: &Self) -> bool {
        let equal =
            |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan());
        self.len() == other.len() && self.blocks().zip(other.blocks()).all(|(a, b)| equal(&a, &b))
    }
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.blocks().flat_map(Cow::into_owned)).finish()
    }
}

impl Block {
    fn len(&self) -> usize {
        match self {
            Self::Open(values) => values.len(),
            Self::Closed(closed) => closed.rows,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Open(values) => values.capacity() * size_of::<f64>(),
            Self::Closed(closed) => closed.bytes.len(),
        }
    }

    fn values(&self) -> Cow<'_, [f64]> {
        if let Self::Open(values) = self {
            return Cow::Borrowed(values);
        }
        let mut values = vec![0.0; self.len()];
        self.read(0, &mut values);
        Cow::Owned(values)
    }

    fn read(&self, first: usize, out: &mut [f64]) {
        match self {
            Self::Open(values) => out.copy_from_slice(&values[first..first + out.len()]),
            Self::Closed(closed) => closed.read(first, out),
        }
    }

    /// The values, ready for more of them.
    fn open(&mut self) -> &mut Vec<f64> {
        if matches!(self, Self::Closed(_)) {
            *self = Self::Open(self.values().into_owned());
        }
        match self {
            Self::Open(values) => values,
            Self::Closed(_) => unreachable!("it was just opened"),
        }
    }

    /// Takes the smallest form that gives the same values back.
    fn close(&mut self) {
        if let Self::Open(values) = self {
            *self = Self::Closed(Closed::new(values));
        }
    }
}

impl Closed {
    fn new(values: &[f64]) -> Self {
        let (rows, narrow) = (values.len(), || values.iter().all(|v| f64::from(narrowed(*v)) == *v || v.is_nan()));
        let (singles, doubles) = (rows * size_of::<f32>(), rows * size_of::<f64>());
        let (form, bytes) = match Packing::of(values) {
            Some(p) if p.bytes(rows) < singles || p.bytes(rows) < doubles && !narrow() => {
                (Form::Packed(p), p.pack(values))
            }
            _ if narrow() => (Form::Narrow, values.iter().flat_map(|v| narrowed(*v).to_le_bytes()).collect()),
            _ => (Form::Wide, values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        };
        Self { rows: values.len(), form, bytes: bytes.into(), kept: false }
    }

    fn read(&self, first: usize, out: &mut [f64]) {
        match self.form {
            Form::Wide => {
                let values = self.bytes.as_chunks().0[first..].iter();
                out.iter_mut().zip(values).for_each(|(o, v)| *o = f64::from_le_bytes(*v));
            }
            Form::Narrow => {
                let values = self.bytes.as_chunks().0[first..].iter();
                out.iter_mut().zip(values).for_each(|(o, v)| *o = f64::from(f32::from_le_bytes(*v)));
            }
            Form::Packed(packing) => packing.unpack(&self.bytes, first, out),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the caller looks whether anything was lost")]
fn narrowed(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(values: &[f64]) -> Numbers {
        let numbers: Numbers = values.iter().copied().collect();
        let read = numbers.to_vec();
        assert_eq!(read.len(), values.len());
        for (i, (a, b)) in values.iter().zip(&read).enumerate() {
            assert!((a + 0.0).to_bits() == b.to_bits() || a.is_nan() && b.is_nan(), "row {i}: {a:?} became {b:?}");
            assert!(numbers.get(i).to_bits() == b.to_bits() || b.is_nan());
        }
        numbers
    }

    #[test]
    fn every_value_comes_back_to_the_bit() {
        let cents: Vec<f64> = (0..70_000i32).map(|i| f64::from(i * 37 % 90_001) / 100.0 - 50.0).collect();
        back(&cents);
        back(&[]);
        back(&[f64::NAN; 5]);
        back(&[-0.0, 0.0, 1.0]);
        back(&[0.1, 0.2, f64::NAN, 1e9, -7.25]);
        back(&[1e300, 5e-324, f64::MAX, -f64::MAX]);
        back(&[9_007_199_254_740_993.0, 1.0, 2_251_799_813_685_248.0, 2_251_799_813_685_247.0]);
        back(&[0.5f32, 0.1, 3.3e38].map(f64::from));
        back(&[0.1 + 0.2, 1.0 / 3.0]);
        back(&[1e15, 0.001, 999_999_999_999_999.0]);
        let mut state = 1u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state
        };
        for _ in 0..3_000 {
            let (size, power) = (random() >> 40 & 63, (random() >> 40 & 15) as i32);
            let values: Vec<f64> =
                (0..9).map(|_| (random() >> size).cast_signed() as f64 / 10f64.powi(power)).collect();
            back(&values);
            back(
                &values
                    .iter()
                    .map(|v| f64::from_bits(v.to_bits() ^ random() >> 62))
                    .filter(|v| v.is_finite())
                    .collect::<Vec<_>>(),
            );
        }
    }

    #[test]
    fn short_decimals_take_few_bits() {
        let cents: Vec<f64> = (0..BLOCK * 2).map(|i| (i % 10_000) as f64 / 100.0).collect();
        assert!(back(&cents).bytes() < 2 * (BLOCK * 14 / 8 + 16));
        let flags: Vec<f64> = (0..BLOCK).map(|i| (i % 2) as f64).collect();
        assert!(back(&flags).bytes() <= BLOCK / 4 + 16);
        let floats: Vec<f64> = (0..BLOCK).map(|i| f64::from((i as f32).sqrt())).collect();
        assert_eq!(back(&floats).bytes(), BLOCK * 4);
        let doubles: Vec<f64> = (0..BLOCK).map(|i| (i as f64).sqrt()).collect();
        assert_eq!(back(&doubles).bytes(), BLOCK * 8);
    }

    #[test]
    fn parts_of_a_table_are_packed_once_wherever_they_begin() {
        let value = |i: usize| if i % 89 == 5 { f64::NAN } else { (i % 1013) as f64 };
        let values: Vec<f64> = (0..4 * BLOCK + 99).map(value).collect();
        for size in [900, BLOCK / 3, BLOCK, 2 * BLOCK + 1] {
            let mut joined = Numbers::default();
            for values in values.chunks(size) {
                let (first, end) = (joined.len(), joined.len() + values.len());
                let mut later = Numbers::at_row(first);
                values.chunks(7_001).for_each(|some| later.extend(some));
                assert_eq!(later.len(), values.len());
                let full = later.blocks.iter().filter(|b| matches!(b, Block::Closed(_))).count();
                assert_eq!(full, (end / BLOCK).saturating_sub(first.div_ceil(BLOCK)), "rows from {first} to {end}");
                later.keep(&Store::default()).unwrap();
                joined.append(&mut later);
                joined.keep(&Store::default()).unwrap();
            }
            let kept = |block: &Block| matches!(block, Block::Closed(closed) if closed.kept);
            assert!(joined.blocks[..4].iter().all(kept) && joined.looked == 4);
            assert_eq!(joined.finish(), back(&values), "parts of {size}");
        }
    }

    #[test]
    fn missing_ones_before_and_between_keep_their_rows() {
        let (first, gaps) = (BLOCK - 3, 5_000);
        let mut all = back(&vec![1.5; first]);
        let mut later = Numbers::at_row(first);
        later.extend_missing(gaps);
        let mut last = Numbers::at_row(first + gaps);
        last.extend(&vec![2.5; 2 * BLOCK]);
        later.append(&mut last);
        all.append(&mut later);
        assert_eq!(all, back(&[vec![1.5; first], vec![f64::NAN; gaps], vec![2.5; 2 * BLOCK]].concat()));
    }

    #[test]
    fn few_numbers_take_no_more_than_they_would_as_they_are() {
        for values in [&[0.0, 2e15][..], &[1.0; 9], &[0.1, 7.25, 1e9], &[0.5]] {
            assert!(back(values).bytes() <= 8 * values.len(), "{values:?}");
        }
    }

    #[test]
    fn parts_join_as_if_pushed_one_by_one() {
        let values: Vec<f64> =
            (0..3 * BLOCK + 17).map(|i| if i % 101 == 0 { f64::NAN } else { (i % 977) as f64 / 8.0 }).collect();
        for size in [1_000, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK] {
            let mut joined = Numbers::default();
            for part in values.chunks(size) {
                joined.append(&mut part.iter().copied().collect());
            }
            assert_eq!(joined.finish(), back(&values), "parts of {size}");
        }
        let kept: Vec<bool> = (0..values.len()).map(|i| i % 3 > 0).collect();
        let expected: Numbers = values.iter().zip(&kept).filter(|(_, k)| **k).map(|(v, _)| *v).collect();
        assert_eq!(back(&values).retain(&kept, &Store::default()).unwrap(), expected);
        let mut some = [0.0; 100];
        back(&values).read(BLOCK + 50, &mut some);
        assert_eq!(some[..40], values[BLOCK + 50..BLOCK + 90]);
    }
}
