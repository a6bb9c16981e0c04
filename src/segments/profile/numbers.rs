//! Means, deviations and quantiles of a column of numbers, everyone's and each segment's, in three reads of it.
//!
//! 1. the range and the weight of each group of rows (a segment, or everyone);
//! 2. the sum of its values as integers, and how many lie in each bin of its range (`cut.rs`);
//! 3. the sum of squares about the mean, and the few values in those bins in which a quantile lies; where they are many, some
//!    reads follow.
//!
//! The sums are those of `features/sums.rs`: integers, which have no order. A group is measured by its own range, so its figures
//! are those it would have alone.

use super::cut::{Cut, Limits};
use super::grouping::{Grouping, Present};
use crate::features::quantile::{interpolated, ranks};
use crate::features::span::Span;
use crate::features::sums::{mean, steps};
use crate::matrix::power::scale2;
use crate::table::Numbers;

/// Bins of a group's range, where there are few groups: a power of two, so that whole numbers begin bins.
const MOST_BINS: usize = 4_096;

/// Bins of all groups together: 2 MiB of counts for a column, which stay in a core's cache.
const ALL_BINS: usize = 1 << 18;

/// Rows that are gathered for all quantiles of all groups together (32 MiB), and at least for each rank that is wanted.
const ALL_FEW: usize = 1 << 21;
const LEAST_FEW: usize = 1 << 8;

/// The smallest number above 0: a deviation is 0 only where nothing deviates.
const SMALLEST: f64 = f64::from_bits(1);

/// The quantiles that are told, in tenths.
const QUANTILES: [u64; 3] = [1, 5, 9];
const TENTHS: u64 = 10;

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
    groups.iter_mut().for_each(Group::measure);
    if depth == Depth::Quantiles {
        let bins = (ALL_BINS / (everyone + 1)).clamp(1, MOST_BINS);
        let few = (ALL_FEW / (2 * QUANTILES.len() * (everyone + 1))).max(LEAST_FEW) as u64;
        let bins = (bins + 1).next_power_of_two() / 2;
        let limits = Limits { bins, few, unit: grouping.unit(), even: grouping.is_even() };
        groups.iter_mut().for_each(|g| g.cut(limits));
    }
    each_segment(numbers, grouping, |segment, rows| [segment, everyone].iter().for_each(|g| groups[*g].add(rows)));
    groups.iter_mut().for_each(Group::center);
    each_segment(numbers, grouping, |segment, rows| {
        [segment, everyone].iter().for_each(|g| groups[*g].add_squares(rows))
    });
    groups.iter_mut().for_each(Group::next);
    while groups.iter().any(Group::is_open) {
        each_segment(numbers, grouping, |segment, rows| [segment, everyone].iter().for_each(|g| groups[*g].read(rows)));
        groups.iter_mut().for_each(Group::next);
    }
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

/// What is gathered of the rows of a segment, or of all.
#[derive(Debug, Clone, Default)]
struct Group {
    weight: u64,
    bounds: Option<(f64, f64)>,
    range: Span,
    /// Values in steps of 2^-60 of the range.
    sum: i128,
    /// The mean as a place.
    mean: f64,
    squares: i128,
    /// On the way to quantiles, if they are wanted.
    cut: Option<Cut>,
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

    /// Ends the first read: the range is known.
    fn measure(&mut self) {
        if let Some((low, high)) = self.bounds {
            self.range = Span::new(low, high);
        }
    }

    /// Prepares for quantiles.
    fn cut(&mut self, limits: Limits) {
        if self.weight > 0 {
            let ranks = ranks(self.weight / limits.unit, &QUANTILES, TENTHS);
            let wanted = ranks.iter().map(|rank| rank * limits.unit).collect();
            self.cut = Some(Cut::new(self.range, wanted, limits));
        }
    }

    fn add(&mut self, rows: Rows<'_>) {
        let (range, mut sum) = (self.range, self.sum);
        let mut add = |place: f64, weight: u64| sum += i128::from(steps(place)) * i128::from(weight);
        match &mut self.cut {
            Some(cut) => cut.count(rows.weighed(), add),
            None => rows.weighed().for_each(|(value, weight)| add(range.place(value), weight)),
        }
        self.sum = sum;
    }

    /// Ends the second read: the mean is known.
    fn center(&mut self) {
        if self.weight > 0 {
            self.mean = mean(self.sum, self.weight);
        }
        self.next();
    }

    fn add_squares(&mut self, rows: Rows<'_>) {
        let (range, center, mut squares) = (self.range, self.mean, self.squares);
        let mut add = |place: f64, weight: u64| {
            let far = place - center;
            squares += i128::from(steps(far * far)) * i128::from(weight);
        };
        match &mut self.cut {
            Some(cut) if cut.is_open() => cut.gather(rows.weighed(), add),
            _ => rows.weighed().for_each(|(value, weight)| add(range.place(value), weight)),
        }
        self.squares = squares;
    }

    /// A further read.
    fn read(&mut self, rows: Rows<'_>) {
        if let Some(cut) = self.cut.as_mut().filter(|cut| cut.is_open()) {
            cut.read(rows.weighed());
        }
    }

    fn is_open(&self) -> bool {
        self.cut.as_ref().is_some_and(Cut::is_open)
    }

    /// Ends a read.
    fn next(&mut self) {
        self.cut.iter_mut().for_each(Cut::next);
    }

    /// Ends the last read.
    fn described(self, grouping: &Grouping<'_>) -> Numeric {
        let Some((low, high)) = self.bounds else { return Numeric::NONE };
        let rows = self.weight / grouping.unit();
        let quantiles = self.cut.map(|cut| interpolated(rows, &QUANTILES, TENTHS, &cut.values())).unwrap_or_default();
        let quantile = |q: usize| quantiles.get(q).copied().unwrap_or(f64::NAN);
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
