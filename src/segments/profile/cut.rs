//! Values of some rows by their place in order, in a few reads of them: an exact selection without a sorted copy.
//!
//! The first read counts the rows in each of some thousand equal bins of their range. Where each bin holds one value only (ages,
//! counts) that is all. Else the next read gathers the rows of those bins in which something wanted lies; a bin with many rows
//! (amounts, and a single one a thousand times as large) is cut into bins in turn, which that read counts.

use crate::features::selection::find_weighed;
use crate::features::span::Span;

/// Rows that wait until a cut of a cut reads them together: what is gathered then stays in registers.
const WAITING: usize = 512;

/// Bins at least, so that every cut tells some rows apart.
const LEAST_BINS: usize = 16;

/// How rows are selected from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Bins of a range: a power of two, so that whole numbers begin bins.
    pub(super) bins: usize,
    /// Rows of a bin that are gathered.
    pub(super) few: u64,
    /// What one row weighs, at least.
    pub(super) unit: u64,
    /// Whether all rows weigh that.
    pub(super) even: bool,
}

/// Rows on the way to the values that are wanted of them.
#[derive(Debug, Clone)]
pub(super) struct Cut {
    range: Span,
    limits: Limits,
    /// The lowest and the highest value seen: those of a cut's cut may lie anywhere in their range.
    seen: (f64, f64),
    /// The weight before each value that is wanted, ascending.
    wanted: Vec<u64>,
    stage: Stage,
    bins: f64,
    /// The width of a bin.
    width: f64,
    /// The weight in each bin, and of the largest value; once that is read, which of the lists its rows go to, from 1.
    counts: Vec<u64>,
    /// Whether every value lies exactly where its bin begins.
    exact: bool,
    /// In ascending order.
    lists: Vec<List>,
    /// Rows to be read.
    waiting: Vec<(f64, u64)>,
}

/// What the next read does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Counts,
    Gathers,
    /// Nothing, but for cuts of cuts.
    Done,
}

/// Rows of a bin in which something wanted lies.
#[derive(Debug, Clone)]
struct List {
    /// The weight before each value that is wanted, from where the bin begins.
    wanted: Vec<u64>,
    rows: Rows,
}

#[derive(Debug, Clone)]
enum Rows {
    Same(f64),
    Few(Vec<(f64, u64)>),
    Cut(Box<Cut>),
}

impl Cut {
    /// Of rows in a range, the lowest and the highest at its ends, those wanted that so much weight comes before, given ascending.
    pub(super) fn new(range: Span, wanted: Vec<u64>, limits: Limits) -> Self {
        let bins = limits.bins.max(LEAST_BINS);
        Self {
            range,
            limits,
            seen: (range.low, range.high),
            wanted,
            stage: Stage::Counts,
            bins: bins as f64,
            width: 1.0 / bins as f64,
            counts: vec![0; bins + 1],
            exact: true,
            lists: Vec::new(),
            waiting: Vec::new(),
        }
    }

    /// The bin of a place; the last is that of the largest value alone.
    #[inline]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "cut to a bin, which is small")]
    fn bin(bins: f64, counts: &[u64], place: f64) -> usize {
        ((place * bins) as usize).min(counts.len() - 1)
    }

    /// Counts values with their weights, and tells the place of each. What changes stays in local variables: in memory, each row
    /// would wait for the one before.
    #[inline]
    pub(super) fn count(&mut self, rows: impl Iterator<Item = (f64, u64)>, mut also: impl FnMut(f64, u64)) {
        let (range, bins, width) = (self.range, self.bins, self.width);
        let (mut exact, counts) = (self.exact, &mut self.counts[..]);
        for (value, weight) in rows {
            let place = range.place(value);
            also(place, weight);
            let bin = Self::bin(bins, counts, place);
            counts[bin] += weight;
            exact = exact && range.value(bin as f64 * width) == value;
        }
        self.exact = exact;
    }

    /// Gathers values with their weights, and tells the place of each.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "one of a few lists")]
    pub(super) fn gather(&mut self, rows: impl Iterator<Item = (f64, u64)>, mut also: impl FnMut(f64, u64)) {
        let (range, bins, again) = (self.range, self.bins, self.stage == Stage::Done);
        let (counts, lists) = (&self.counts[..], &mut self.lists[..]);
        for (value, weight) in rows {
            let place = range.place(value);
            also(place, weight);
            let list = counts[Self::bin(bins, counts, place)] as usize;
            if list > 0 {
                match &mut lists[list - 1].rows {
                    Rows::Cut(cut) => cut.put(value, weight),
                    Rows::Few(rows) if !again => rows.push((value, weight)),
                    Rows::Few(_) | Rows::Same(_) => {}
                }
            }
        }
    }

    /// A further read of the same values.
    pub(super) fn read(&mut self, rows: impl Iterator<Item = (f64, u64)>) {
        match self.stage {
            Stage::Counts => {
                let (mut low, mut high) = self.seen;
                let see = |row: &(f64, u64)| (low, high) = (low.min(row.0), high.max(row.0));
                self.count(rows.inspect(see), |_, _| ());
                self.seen = (low, high);
            }
            Stage::Gathers => self.gather(rows, |_, _| ()),
            Stage::Done if self.is_open() => self.gather(rows, |_, _| ()),
            Stage::Done => {}
        }
    }

    fn put(&mut self, value: f64, weight: u64) {
        self.waiting.push((value, weight));
        if self.waiting.len() >= WAITING {
            self.read_waiting();
        }
    }

    fn read_waiting(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        self.read(waiting.drain(..));
        self.waiting = waiting; // its room
    }

    /// Whether another read is needed.
    pub(super) fn is_open(&self) -> bool {
        self.stage != Stage::Done || self.lists.iter().any(|list| matches!(&list.rows, Rows::Cut(cut) if cut.is_open()))
    }

    /// Ends a read.
    pub(super) fn next(&mut self) {
        self.read_waiting();
        match self.stage {
            Stage::Counts => self.choose(),
            Stage::Gathers | Stage::Done => {
                self.stage = Stage::Done;
                self.lists.iter_mut().for_each(|list| {
                    if let Rows::Cut(cut) = &mut list.rows {
                        cut.next();
                    }
                });
            }
        }
    }

    /// The bins in which something wanted lies become lists.
    fn choose(&mut self) {
        let (mut passed, mut wanted) = (0, self.wanted.iter().peekable());
        let (low, high) = self.seen;
        let known = self.exact || low == high;
        let all: u64 = self.counts.iter().sum();
        for (bin, count) in self.counts.iter_mut().enumerate() {
            let weight = std::mem::take(count);
            let here: Vec<u64> =
                std::iter::from_fn(|| wanted.next_if(|w| **w < passed + weight)).map(|w| w - passed).collect();
            passed += weight;
            if here.is_empty() {
                continue;
            }
            let begin = |bin: usize| self.range.value(bin as f64 * self.width);
            let rows = if known {
                Rows::Same(if low == high { low } else { begin(bin) })
            } else if weight / self.limits.unit <= self.limits.few {
                Rows::Few(Vec::new())
            } else {
                // Places round, so a bin may begin and end a little off. The first and the last one with rows reach as far as
                // these do: so at the latest the next cut's range is that of its rows, and its bins tell some of them apart.
                let from = if passed == weight { low } else { begin(bin).clamp(low, high) };
                let to = if passed == all { high } else { begin(bin + 1).clamp(low, high) };
                let range = Span::new(from, to);
                let seen = (f64::INFINITY, f64::NEG_INFINITY);
                Rows::Cut(Box::new(Self { seen, ..Self::new(range, here.clone(), self.limits) }))
            };
            self.lists.push(List { wanted: here, rows });
            *count = self.lists.len() as u64;
        }
        self.stage = if known { Stage::Done } else { Stage::Gathers };
    }

    /// The values that were wanted.
    pub(super) fn values(self) -> Vec<f64> {
        let limits = self.limits;
        self.lists.into_iter().flat_map(|list| list.values(limits)).collect()
    }
}

impl List {
    #[expect(clippy::cast_possible_truncation, reason = "fewer rows than fit memory")]
    fn values(self, limits: Limits) -> Vec<f64> {
        let by_value = |a: &(f64, u64), b: &(f64, u64)| a.0.total_cmp(&b.0);
        match self.rows {
            Rows::Same(value) => vec![value; self.wanted.len()],
            Rows::Cut(cut) => cut.values(),
            Rows::Few(mut rows) if limits.even => {
                let mut at = |before: &u64| rows.select_nth_unstable_by((before / limits.unit) as usize, by_value).1.0;
                self.wanted.iter().map(&mut at).collect()
            }
            Rows::Few(mut rows) => find_weighed(&mut rows, &self.wanted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::columns::{ABSURD, awkward, drawn};

    /// The values at some places, and how many reads that took.
    fn selected(values: &[f64], wanted: &[u64], bins: usize, few: u64) -> (Vec<f64>, usize) {
        let there = || values.iter().filter(|v| !v.is_nan()).map(|v| (v + 0.0, 1));
        let bounds = there().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), (v, _)| (a.min(v), b.max(v)));
        let limits = Limits { bins, few, unit: 1, even: true };
        let mut cut = Cut::new(Span::new(bounds.0, bounds.1), wanted.to_vec(), limits);
        let mut reads = 0;
        while cut.is_open() {
            cut.read(there());
            cut.next();
            reads += 1;
        }
        (cut.values(), reads)
    }

    fn in_order(values: &[f64]) -> Vec<f64> {
        let mut there: Vec<f64> = values.iter().filter(|v| !v.is_nan()).map(|v| v + 0.0).collect();
        there.sort_unstable_by(f64::total_cmp);
        there
    }

    #[test]
    fn every_place_is_found_however_few_rows_are_gathered() {
        for column in awkward().iter().map(Vec::as_slice).chain(ABSURD.iter().copied()) {
            let sorted = in_order(column);
            let all: Vec<u64> = (0..sorted.len() as u64).collect();
            for few in [0, 1, 5, 1_000] {
                assert!(selected(column, &all, 16, few).0 == sorted, "{few} rows gathered of {:?}..", &column[..1]);
            }
        }
    }

    /// Values around 0 are below what their bin begins with, or above what it ends with, where places round.
    #[test]
    fn rows_at_the_border_of_a_bin_are_told_apart() {
        let noise: Vec<f64> = drawn(3_000).map(|u| (u - 0.5) * 2e-17).chain([-1.0, 1.0]).collect();
        let steps = (0..3_000).map(|i| -1.4e-17 * [0.25, 0.5, 1.0, 2.0][i % 4]);
        let steps: Vec<f64> = steps.chain([-100.0, 100.0]).collect();
        let mirrored: Vec<f64> = steps.iter().map(|v| -v).collect();
        for column in [noise, steps, mirrored] {
            let sorted = in_order(&column);
            let wanted = [1, 300, 1_500, 2_700];
            let (values, reads) = selected(&column, &wanted, 4_096, 50);
            assert!(wanted.iter().zip(values).all(|(at, v)| sorted[usize::try_from(*at).unwrap()] == v));
            assert!(reads <= 12, "{reads} reads");
        }
    }

    #[test]
    fn rows_that_crowd_are_told_apart_in_a_few_reads() {
        let crowd: Vec<f64> = drawn(50_000).map(|u| u * u).chain([1e9, -1e30]).collect();
        let sorted = in_order(&crowd);
        let (values, reads) = selected(&crowd, &[0, 5_000, 25_000, 50_001], 4_096, 100);
        assert_eq!(values, [sorted[0], sorted[5_000], sorted[25_000], sorted[50_001]]);
        assert!(reads <= 8, "{reads} reads");
        let zeros: Vec<f64> = drawn(50_000).map(|u| if u < 0.7 { 0.0 } else { u }).collect();
        assert_eq!(selected(&zeros, &[100, 30_000], 4_096, 100), (vec![0.0, 0.0], 2));
    }
}
