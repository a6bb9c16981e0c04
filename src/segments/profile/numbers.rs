//! Means, deviations and quantiles of a column of numbers, everyone's and each segment's, in three reads of it.
//!
//! 1. the range and the weight of each group of rows (a segment, or everyone);
//! 2. the sum of its values as integers, and how many lie in each of some thousand equal bins of its range;
//! 3. the sum of squares about the mean, and the few values in those bins in which a quantile lies: these are sorted.
//!
//! So a quantile is an exact selection without a sorted copy of the column, and where each bin holds one value only (ages,
//! counts) without a copy of anything. The sums are those of `features/sums.rs`: integers, which have no order. A group is measured
//! by its own range, so its figures are those it would have alone.

use super::grouping::{Grouping, Present};
use crate::features::quantile::between;
use crate::features::sums::{mean, steps, unit_exponent};
use crate::matrix::power::scale2;
use crate::table::Numbers;

/// Bins of a group's range, where there are few groups: a power of two, so that whole numbers begin bins.
const MOST_BINS: usize = 4_096;

/// Bins of all groups together: 2 MiB of counts for a column, which stay in a core's cache.
const ALL_BINS: usize = 1 << 18;

/// The smallest number above 0: a deviation is 0 only where nothing deviates.
const SMALLEST: f64 = f64::from_bits(1);

/// The quantiles that are told: `part / 10`.
const QUANTILES: [u64; 3] = [1, 5, 9];

/// Numbers of some rows, described; NaN where there are none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Numeric {
    /// The weight of the rows that have a value; how many they are, if rows have no weights.
    pub weight: f64,
    /// The mean.
    pub mean: f64,
    /// The standard deviation (of a population).
    pub sd: f64,
    /// The smallest value.
    pub low: f64,
    /// The value that a tenth of the rows lie below, linearly interpolated (Hyndman & Fan 1996, definition 7).
    pub p10: f64,
    /// The middle value.
    pub median: f64,
    /// The value that nine tenths of the rows lie below.
    pub p90: f64,
    /// The largest value.
    pub high: f64,
}

impl Numeric {
    /// The sum of the values, each by its weight.
    #[must_use]
    pub fn total(&self) -> f64 {
        if self.weight > 0.0 { self.mean * self.weight } else { 0.0 }
    }

    /// Whether all values are 0 or 1, and both are there: a yes or no in numbers. Then the variance is `m (1 - m)`, and only
    /// then.
    #[must_use]
    pub fn is_flag(&self) -> bool {
        let variance = self.mean * (1.0 - self.mean);
        (self.low, self.high) == (0.0, 1.0) && (self.sd * self.sd - variance).abs() < 1e-9 * variance
    }
}

/// How much is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Everything but quantiles, which are NaN.
    Means,
    /// Everything.
    Quantiles,
}

/// Describes a column: everyone's numbers and each segment's.
pub(super) fn numeric(numbers: &Numbers, grouping: &Grouping<'_>, depth: Depth) -> (Present, Numeric, Vec<Numeric>) {
    let everyone = grouping.k();
    let mut groups = vec![Group::default(); everyone + 1];
    let mut present = Present::none(everyone);
    each_segment(numbers, grouping, |segment, rows| {
        let missing = rows.missing();
        present.missing[segment] += missing;
        present.present[segment] += rows.places.len() as u64 - missing;
        groups[segment].widen(rows);
    });
    let (segments, all) = groups.split_at_mut(everyone);
    segments.iter().for_each(|s| all[0].join(s));
    let bins = if depth == Depth::Quantiles { (ALL_BINS / (everyone + 1)).clamp(1, MOST_BINS) } else { 0 };
    groups.iter_mut().for_each(|g| g.measure((bins + 1).next_power_of_two() / 2));
    each_segment(numbers, grouping, |segment, rows| [segment, everyone].iter().for_each(|g| groups[*g].add(rows)));
    groups.iter_mut().for_each(|g| g.choose(grouping.unit()));
    each_segment(numbers, grouping, |segment, rows| {
        [segment, everyone].iter().for_each(|g| groups[*g].add_squares(rows))
    });
    let mut described: Vec<Numeric> = groups.into_iter().map(|g| g.described(grouping)).collect();
    let all = described.remove(everyone);
    (present, all, described)
}

/// The rows of each segment, block by block.
fn each_segment(numbers: &Numbers, grouping: &Grouping<'_>, mut see: impl FnMut(usize, Rows<'_>)) {
    for (block, values) in numbers.blocks().enumerate() {
        let weights = grouping.weights(block);
        for (segment, places) in grouping.segments(block) {
            see(segment, Rows { values: &values, weights, places });
        }
    }
}

/// Some rows of a block.
#[derive(Clone, Copy)]
struct Rows<'a> {
    values: &'a [f64],
    weights: Option<&'a [u64]>,
    places: &'a [u16],
}

impl<'a> Rows<'a> {
    /// The values that are there, of rows that have weight, with that.
    #[inline]
    fn weighed(self) -> impl Iterator<Item = (f64, u64)> + use<'a> {
        let row = move |at: &u16| (self.values[usize::from(*at)], self.weights.map_or(1, |w| w[usize::from(*at)]));
        self.places.iter().map(row).filter(|(value, weight)| !value.is_nan() && *weight > 0)
    }

    fn missing(self) -> u64 {
        self.places.iter().filter(|at| self.values[usize::from(**at)].is_nan()).count() as u64
    }
}

/// Values of a group as places in its range, from 0 to 1.
#[derive(Debug, Clone, Copy, Default)]
struct Range {
    low: f64,
    high: f64,
    /// Places are `v * 2^exponent - start`.
    start: f64,
    exponent: i32,
    /// `2^exponent` in two factors, since it may lie beyond an f64, and `2^-exponent` likewise.
    up: [f64; 2],
    down: [f64; 2],
}

impl Range {
    fn new(low: f64, high: f64) -> Self {
        let exponent = if low <= high { unit_exponent(low, high) } else { 0 };
        let half = exponent / 2;
        let factors = |sign: i32| [scale2(1.0, sign * half), scale2(1.0, sign * (exponent - half))];
        let (up, down) = (factors(1), factors(-1));
        Self { low, high, start: low * up[0] * up[1], exponent, up, down }
    }

    #[inline]
    fn place(&self, value: f64) -> f64 {
        value * self.up[0] * self.up[1] - self.start
    }

    /// The value at a place.
    #[inline]
    fn value(&self, place: f64) -> f64 {
        (self.start + place) * self.down[0] * self.down[1]
    }
}

/// What is gathered of the rows of a segment, or of all.
#[derive(Debug, Clone, Default)]
struct Group {
    weight: u64,
    bounds: Option<(f64, f64)>,
    range: Range,
    /// Values in steps of 2^-60 of the range.
    sum: i128,
    /// The mean as a place.
    mean: f64,
    squares: i128,
    /// Bins of the range, and their width: a power of two.
    bins: f64,
    width: f64,
    /// The weight in each bin and of the largest value, then which of `found` its values go to, from 1; none without quantiles.
    counts: Vec<u64>,
    /// Whether every value lies exactly where its bin begins.
    even: bool,
    wanted: Vec<Wanted>,
    found: Vec<Vec<(f64, u64)>>,
}

/// One value in order, on the way to it.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    /// The bin that it lies in.
    bin: usize,
    /// The weight before it in its bin.
    before: u64,
}

impl Group {
    fn widen(&mut self, rows: Rows<'_>) {
        let (mut low, mut high, mut weight) = (f64::INFINITY, f64::NEG_INFINITY, 0);
        for (value, of) in rows.weighed() {
            (low, high, weight) = (low.min(value), high.max(value), weight + of);
        }
        if weight > 0 {
            self.join(&Self { bounds: Some((low, high)), weight, ..Self::default() });
        }
    }

    fn join(&mut self, other: &Self) {
        if let Some((low, high)) = other.bounds {
            let (mine, my_high) = self.bounds.unwrap_or((low, high));
            self.bounds = Some((mine.min(low), my_high.max(high)));
        }
        self.weight += other.weight;
    }

    /// Ends the first read: the next one counts in so many bins.
    fn measure(&mut self, bins: usize) {
        if let Some((low, high)) = self.bounds {
            self.range = Range::new(low, high);
            (self.bins, self.width) = (bins as f64, 1.0 / bins as f64);
            self.counts = vec![0; if bins > 0 { bins + 1 } else { 0 }];
            self.even = true;
        }
    }

    /// The bin of a place; the last is that of the largest value alone.
    #[inline]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "cut to a bin, which is small")]
    fn bin(bins: f64, counts: &[u64], place: f64) -> usize {
        ((place * bins) as usize).min(counts.len() - 1)
    }

    /// What is gathered stays in local variables while rows are walked: in memory, each row would wait for the one before.
    fn add(&mut self, rows: Rows<'_>) {
        let (range, bins, width) = (self.range, self.bins, self.width);
        let (mut sum, mut even, counts) = (self.sum, self.even, &mut self.counts[..]);
        for (value, weight) in rows.weighed() {
            let place = range.place(value);
            sum += i128::from(steps(place)) * i128::from(weight);
            if !counts.is_empty() {
                let bin = Self::bin(bins, counts, place);
                counts[bin] += weight;
                even = even && range.value(bin as f64 * width) == value;
            }
        }
        (self.sum, self.even) = (sum, even);
    }

    /// The value at which a bin begins.
    #[inline]
    fn begin(&self, bin: usize) -> f64 {
        self.range.value(bin as f64 * self.width)
    }

    /// Ends the second read: the mean is known, and so are the bins whose values are needed.
    fn choose(&mut self, unit: u64) {
        if self.weight == 0 {
            return;
        }
        self.mean = mean(self.sum, self.weight);
        if self.counts.is_empty() {
            return;
        }
        let rows = self.weight / unit;
        let ranks = QUANTILES.iter().flat_map(|&part| {
            let row = position(rows, part).0;
            [row, (row + 1).min(rows - 1)]
        });
        self.wanted = ranks.map(|row| self.wanted(row * unit)).collect();
        self.counts.fill(0);
        let mut lists = 0;
        for at in self.wanted.iter().filter(|_| !self.even) {
            if self.counts[at.bin] == 0 {
                lists += 1;
                self.counts[at.bin] = lists;
            }
        }
        self.found = (0..lists).map(|_| Vec::new()).collect();
    }

    /// Where the value lies that so much weight comes before.
    fn wanted(&self, weight: u64) -> Wanted {
        let mut passed = 0;
        for (bin, count) in self.counts.iter().enumerate() {
            if passed + count > weight {
                return Wanted { bin, before: weight - passed };
            }
            passed += count;
        }
        Wanted { bin: self.counts.len() - 1, before: 0 } // not reached: the counts add up to the weight
    }

    #[expect(clippy::cast_possible_truncation, reason = "a list of at most six")]
    fn add_squares(&mut self, rows: Rows<'_>) {
        let (range, bins, center) = (self.range, self.bins, self.mean);
        let (mut squares, counts, found) = (self.squares, &self.counts[..], &mut self.found[..]);
        for (value, weight) in rows.weighed() {
            let place = range.place(value);
            let far = place - center;
            squares += i128::from(steps(far * far)) * i128::from(weight);
            if !found.is_empty() {
                let list = counts[Self::bin(bins, counts, place)] as usize;
                if list > 0 {
                    found[list - 1].push((value, weight));
                }
            }
        }
        self.squares = squares;
    }

    /// Ends the third read.
    fn described(mut self, grouping: &Grouping<'_>) -> Numeric {
        let Some((low, high)) = self.bounds else { return Numeric::NONE };
        let rows = self.weight / grouping.unit();
        let (wanted, unit) = (std::mem::take(&mut self.wanted), grouping.is_even().then(|| grouping.unit()));
        let values: Vec<f64> = wanted.iter().map(|wanted| self.value(wanted, unit)).collect();
        let quantile = |q: usize| match values.get(2 * q..2 * q + 2) {
            Some(pair) => between(pair[0], pair[1], position(rows, QUANTILES[q]).1),
            None => f64::NAN,
        };
        let deviation = mean(self.squares, self.weight).sqrt();
        Numeric {
            weight: grouping.real(self.weight),
            mean: self.range.value(self.mean).clamp(low, high),
            sd: if deviation > 0.0 { scale2(deviation, -self.range.exponent).max(SMALLEST) } else { 0.0 },
            low: self.range.low,
            p10: quantile(0),
            median: quantile(1),
            p90: quantile(2),
            high: self.range.high,
        }
    }

    /// The value that was wanted, selected from its bin; `unit` is what every row weighs, if all weigh the same.
    #[expect(clippy::cast_possible_truncation, reason = "a list of at most six, and fewer rows than fit memory")]
    fn value(&mut self, wanted: &Wanted, unit: Option<u64>) -> f64 {
        if self.even {
            return self.begin(wanted.bin);
        }
        let list = &mut self.found[self.counts[wanted.bin] as usize - 1];
        let by_value = |a: &(f64, u64), b: &(f64, u64)| a.0.total_cmp(&b.0);
        if let Some(unit) = unit {
            return list.select_nth_unstable_by((wanted.before / unit) as usize, by_value).1.0;
        }
        list.sort_unstable_by(by_value); // at once, if it was sorted before
        let mut passed = 0;
        let reached = |(_, weight): &&(f64, u64)| {
            passed += weight;
            passed > wanted.before
        };
        list.iter().find(reached).map_or(f64::NAN, |(value, _)| *value)
    }
}

impl Numeric {
    const NONE: Self = Self {
        weight: 0.0,
        mean: f64::NAN,
        sd: f64::NAN,
        low: f64::NAN,
        p10: f64::NAN,
        median: f64::NAN,
        p90: f64::NAN,
        high: f64::NAN,
    };
}

/// The row at or below the quantile `part / 10` of so many rows, and how far it is from there to the next.
fn position(rows: u64, part: u64) -> (u64, f64) {
    let steps = u128::from(rows - 1) * u128::from(part);
    (u64::try_from(steps / 10).unwrap_or(rows - 1), (steps % 10) as f64 / 10.0)
}
