//! Values of a column by their place in order, though it is never whole in memory.
//!
//! Of a column that is short enough the values are copied and put in order as far as it takes. Those of a longer one are counted
//! in equal bins of its range. Of the bins in which something is wanted, those with few values are copied, as many in one read as
//! there is room for, and one with many is cut into bins in turn. Bins never fall as values rise, so it is an exact selection.

use super::span::Span;
use super::stream::{SHORT, Stream};
use rayon::prelude::*;
use std::ops::Range;

/// Bins of a range.
const BINS: usize = 4096;

/// Places up to which they are selected one by one; for more of them all values are sorted.
const FEW: usize = 8;

/// The smallest value up to which half of all weight lies, an element of the data; without weights each row has one. `None` if
/// nothing with weight is there.
pub(super) fn lower_median(values: &(impl Stream + ?Sized), weights: Option<&[u64]>) -> Option<f64> {
    let middle = values.extent(weights).weight.checked_sub(1)? / 2;
    values.at(weights, &[middle]).first().copied()
}

/// The values in order that so much weight comes before, given ascending, each less than there is in all.
pub(super) fn at(values: &(impl Stream + ?Sized), weights: Option<&[u64]>, places: &[u64]) -> Vec<f64> {
    match weights {
        None => places_in::<f64>(&Column { values, weights, most: SHORT }, places),
        Some(_) => places_in::<(f64, u64)>(&Column { values, weights, most: SHORT / 2 }, places),
    }
}

fn places_in<T: Item>(column: &Column<'_, impl Stream + ?Sized>, places: &[u64]) -> Vec<f64> {
    let within = |weight: &Range<u64>| {
        let before = |weight| places.partition_point(|place| *place < weight);
        &places[before(weight.start)..before(weight.end)]
    };
    let mut found = Vec::with_capacity(places.len());
    column.walk(&|weight: &Range<u64>| !within(weight).is_empty(), &mut |weight: Range<u64>, run: Run<'_, T>| {
        let places = within(&weight).iter().map(|place| place - weight.start);
        match run {
            Run::Same(value) => found.extend(places.map(|_| value)),
            Run::Some(items) => T::find(items, &places.collect::<Vec<_>>(), &mut found),
        }
    });
    found
}

/// How many different values there are.
pub(super) fn distinct(values: &(impl Stream + ?Sized)) -> u64 {
    let mut count = 0;
    let column = Column { values, weights: None, most: SHORT };
    column.walk(&|_| true, &mut |_, run: Run<'_, f64>| match run {
        Run::Same(_) => count += 1,
        Run::Some(items) => {
            items.par_sort_unstable_by(f64::total_cmp);
            count += items.chunk_by(|a, b| a == b).count() as u64;
        }
    });
    count
}

/// A value on its way to its place.
trait Item: Copy + Send {
    fn new(value: f64, weight: u64) -> Self;

    fn weight(&self) -> u64;

    /// Finds the values that so much weight comes before, given ascending.
    fn find(items: &mut [Self], places: &[u64], found: &mut Vec<f64>);
}

/// A row of its own.
impl Item for f64 {
    fn new(value: f64, _: u64) -> Self {
        value
    }

    fn weight(&self) -> u64 {
        1
    }

    #[expect(clippy::cast_possible_truncation, reason = "places in a slice")]
    fn find(items: &mut [Self], places: &[u64], found: &mut Vec<f64>) {
        if places.len() > FEW {
            items.par_sort_unstable_by(Self::total_cmp);
            return found.extend(places.iter().map(|place| items[*place as usize]));
        }
        let mut passed = 0;
        for &place in places {
            // What comes before the one that was found last is passed; that one may be wanted again.
            let rest = &mut items[passed..];
            found.push(*rest.select_nth_unstable_by(place as usize - passed, Self::total_cmp).1);
            passed = place as usize;
        }
    }
}

/// A value and its weight.
impl Item for (f64, u64) {
    fn new(value: f64, weight: u64) -> Self {
        (value, weight)
    }

    fn weight(&self) -> u64 {
        self.1
    }

    fn find(items: &mut [Self], places: &[u64], found: &mut Vec<f64>) {
        found.extend(find_weighed(items, places));
    }
}

/// Of values with weights, those that so much weight comes before, given ascending.
pub(crate) fn find_weighed(items: &mut [(f64, u64)], places: &[u64]) -> Vec<f64> {
    items.par_sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut passed, mut places, mut found) = (0, places.iter().peekable(), Vec::with_capacity(places.len()));
    for (value, weight) in items {
        passed += *weight;
        while places.next_if(|place| **place < passed).is_some() {
            found.push(*value);
        }
    }
    found
}

/// Some values of a column: all in a part of its range.
enum Run<'r, T> {
    Same(f64),
    Some(&'r mut [T]),
}

/// A column to be walked in order.
struct Column<'a, S: ?Sized> {
    values: &'a S,
    weights: Option<&'a [u64]>,
    /// Values that are copied at a time.
    most: usize,
}

impl<S: Stream + ?Sized> Column<'_, S> {
    /// Shows the values in ascending order, those of a run together, each run with where it begins and ends in weight; but for
    /// runs that are not wanted.
    fn walk<T: Item>(&self, wanted: &dyn Fn(&Range<u64>) -> bool, see: &mut dyn FnMut(Range<u64>, Run<'_, T>)) {
        if self.values.rows() <= self.most {
            let mut items = self.whole();
            let weight = items.iter().map(T::weight).sum();
            return see(0..weight, Run::Some(&mut items));
        }
        let extent = self.values.extent(self.weights);
        if extent.is_some() {
            self.walk_part(Span::new(extent.low, extent.high), 0, wanted, see);
        }
    }

    fn walk_part<T: Item>(
        &self,
        part: Span,
        mut passed: u64,
        wanted: &dyn Fn(&Range<u64>) -> bool,
        see: &mut dyn FnMut(Range<u64>, Run<'_, T>),
    ) {
        let (mut together, mut rows) = (Together::default(), 0);
        for (at, bin) in self.counts(part).into_iter().enumerate().filter(|(_, bin)| bin.rows > 0) {
            let weight = passed..passed + bin.weight;
            let before = rows;
            (passed, rows) = (weight.end, rows + bin.rows);
            if !wanted(&weight) {
                continue;
            }
            let fits = rows - together.rows.start <= self.most;
            if !together.rows.is_empty() && !fits {
                self.show(part, std::mem::take(&mut together), see);
            }
            if bin.rows <= self.most {
                together.add(at, before..rows, weight);
                continue;
            }
            let inner = self.extent_in(part, at);
            if inner.low < inner.high {
                self.walk_part(inner, weight.start, wanted, see);
            } else {
                see(weight, Run::Same(inner.low));
            }
        }
        self.show(part, together, see);
    }

    /// Shows the values of some bins of a part.
    fn show<T: Item>(&self, part: Span, together: Together, see: &mut dyn FnMut(Range<u64>, Run<'_, T>)) {
        if !together.rows.is_empty() {
            let (first, many) = (together.bins.start, together.bins.len());
            // One comparison that hardly ever holds: whether a value lies before or behind the bins cannot be foreseen.
            let there = |value: f64| contains(part, value) & (bin(part, value).wrapping_sub(first) < many);
            see(together.weight, Run::Some(&mut self.copied(there)));
        }
    }

    /// Copies all values with weight.
    fn whole<T: Item>(&self) -> Vec<T> {
        let (mut items, mut first) = (Vec::with_capacity(self.values.rows()), 0);
        self.values.all(|values| {
            self.each(first, values, |value, weight| items.push(T::new(value, weight)));
            first += values.len();
            true
        });
        items
    }

    /// Copies the values with weight for which something holds.
    fn copied<T: Item>(&self, there: impl Fn(f64) -> bool + Sync + Send) -> Vec<T> {
        let see = |items: &mut Vec<T>, first: usize, values: &[f64]| {
            self.each(first, values, |value, weight| {
                if there(value) {
                    items.push(T::new(value, weight));
                }
            });
        };
        let join = |mut a: Vec<T>, mut b: Vec<T>| {
            a.append(&mut b);
            a
        };
        self.values.fold(Vec::new, see, join)
    }

    /// From where to where the values in a bin of a part reach.
    fn extent_in(&self, part: Span, at: usize) -> Span {
        let see = |(low, high): &mut (f64, f64), first: usize, values: &[f64]| {
            self.each(first, values, |value, _| {
                if contains(part, value) && bin(part, value) == at {
                    (*low, *high) = (low.min(value), high.max(value));
                }
            });
        };
        let join = |a: (f64, f64), b: (f64, f64)| (a.0.min(b.0), a.1.max(b.1));
        let (low, high) = self.values.fold(|| (f64::INFINITY, f64::NEG_INFINITY), see, join);
        Span::new(low, high)
    }

    /// What lies in each bin of a part.
    fn counts(&self, part: Span) -> Vec<Bin> {
        let see = |bins: &mut Vec<Bin>, first: usize, values: &[f64]| {
            let bins = &mut bins[..BINS];
            self.each(first, values, |value, weight| {
                if contains(part, value) {
                    let bin = &mut bins[bin(part, value)];
                    (bin.rows, bin.weight) = (bin.rows + 1, bin.weight + weight);
                }
            });
        };
        let join = |mut a: Vec<Bin>, b: Vec<Bin>| {
            a.iter_mut().zip(b).for_each(|(a, b)| (a.rows, a.weight) = (a.rows + b.rows, a.weight + b.weight));
            a
        };
        self.values.fold(|| vec![Bin::default(); BINS], see, join)
    }

    /// Shows the values with weight that are there.
    fn each(&self, first: usize, values: &[f64], mut see: impl FnMut(f64, u64)) {
        for (i, value) in values.iter().map(|v| v + 0.0).enumerate() {
            let weight = self.weights.map_or(1, |w| w[first + i]);
            if !value.is_nan() && weight > 0 {
                see(value, weight);
            }
        }
    }
}

/// Bins that are copied together, with what lies between them, and where they begin and end in rows and in weight.
#[derive(Default)]
struct Together {
    bins: Range<usize>,
    rows: Range<usize>,
    weight: Range<u64>,
}

impl Together {
    /// Adds a later bin, or the first.
    fn add(&mut self, bin: usize, rows: Range<usize>, weight: Range<u64>) {
        if self.rows.is_empty() {
            *self = Self { bins: bin..bin + 1, rows, weight };
        } else {
            (self.bins.end, self.rows.end, self.weight.end) = (bin + 1, rows.end, weight.end);
        }
    }
}

/// What lies in a bin.
#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    rows: usize,
    weight: u64,
}

fn contains(part: Span, value: f64) -> bool {
    (value >= part.low) & (value <= part.high)
}

/// The bin of a value in a part.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to the number of bins")]
fn bin(part: Span, value: f64) -> usize {
    ((part.place(value) * BINS as f64) as usize).min(BINS - 1)
}

#[cfg(test)]
mod tests {
    use super::super::columns::{ABSURD, awkward, drawn, weighted_and_repeated};
    use super::*;

    fn in_order(values: &[f64]) -> Vec<f64> {
        let mut there: Vec<f64> = values.iter().filter(|v| !v.is_nan()).map(|v| v + 0.0).collect();
        there.sort_unstable_by(f64::total_cmp);
        there
    }

    /// The values at some places, copied so many at a time.
    fn found(values: &[f64], most: usize, places: &[u64]) -> Vec<f64> {
        places_in::<f64>(&Column { values, weights: None, most }, places)
    }

    #[test]
    fn values_are_found_at_every_place_however_few_are_copied() {
        for column in awkward().iter().map(Vec::as_slice).chain(ABSURD.iter().copied()) {
            let sorted = in_order(column);
            let rows = sorted.len() as u64;
            for most in [1, 2, 7, 50, 1_000] {
                let all: Vec<u64> = (0..rows).collect();
                assert_eq!(found(column, most, &all), sorted, "{most} at a time: {column:?}");
                for places in [vec![], vec![0], vec![rows / 2], vec![rows / 3, rows / 3, rows - 1]] {
                    let expected: Vec<f64> =
                        places.iter().map(|place| sorted[usize::try_from(*place).unwrap()]).collect();
                    assert_eq!(found(column, most, &places), expected, "{places:?}, {most} at a time: {column:?}");
                }
            }
            assert_eq!(lower_median(column, None), sorted.get(sorted.len().saturating_sub(1) / 2).copied());
        }
        assert_eq!((lower_median(&[][..], None), lower_median(&[f64::NAN][..], None)), (None, None));
    }

    #[test]
    fn values_that_crowd_in_one_bin_are_told_apart() {
        let crowd = |i: u32| 1.0 + f64::from(i * 7919 % 300_007) * 1e-9;
        let mut values: Vec<f64> = (0..300_007).map(crowd).collect();
        values.extend([1e300, -1e300, f64::MAX, f64::MIN]);
        let tiny: Vec<f64> = (0..200_000).map(|i| f64::from_bits(u64::from(i % 2 == 0) + 1)).collect();
        let small: Vec<f64> = (0..200_000).map(|i| f64::from(i % 70_001) * 1e-312).collect();
        for values in [values, tiny, small] {
            let sorted = in_order(&values);
            for most in [100, 5_000, SHORT] {
                assert_eq!(found(&values, most, &[0, 77_777, 150_000]), [sorted[0], sorted[77_777], sorted[150_000]]);
            }
        }
    }

    #[test]
    fn many_places_take_few_reads() {
        struct Counted(Vec<f64>, std::sync::atomic::AtomicUsize);
        impl Stream for Counted {
            fn rows(&self) -> usize {
                self.0.len()
            }
            fn read(&self, first: usize, out: &mut [f64]) {
                self.1.fetch_add(usize::from(first == 0), std::sync::atomic::Ordering::Relaxed);
                self.0.read(first, out);
            }
        }
        let values: Vec<f64> = drawn(30_000).map(|u| libm::exp(8.0 * u)).collect();
        let places: Vec<u64> = (0..1_000).map(|place| place * 30).collect();
        let column = Counted(values.clone(), 0.into());
        let found_now = places_in::<f64>(&Column { values: &column, weights: None, most: 5_000 }, &places);
        let sorted = in_order(&values);
        assert!(found_now.iter().zip(sorted.iter().step_by(30)).all(|(a, b)| a == b));
        let reads = column.1.into_inner();
        assert!(reads <= 12, "{reads} reads");
    }

    #[test]
    fn a_weight_counts_as_so_many_rows_and_none_as_no_row() {
        for column in awkward() {
            let (values, weights, repeated) = weighted_and_repeated(&column);
            let sorted = in_order(&repeated);
            let all: Vec<u64> = (0..sorted.len() as u64).collect();
            for most in [1, 9, 1_000] {
                let column = Column { values: &values, weights: Some(&weights), most };
                assert_eq!(places_in::<(f64, u64)>(&column, &all), sorted);
            }
            assert_eq!(at(&values, Some(&weights), &all), sorted);
        }
        assert_eq!(lower_median(&[1.0, 2.0][..], Some(&[0, 0])), None);
        assert_eq!(lower_median(&[9.0, 4.0][..], Some(&[2, 1])), Some(9.0));
    }

    #[test]
    fn different_values_are_counted_however_many_there_are() {
        let plain = |values: &[f64]| in_order(values).chunk_by(|a, b| a == b).count() as u64;
        for column in awkward().iter().map(Vec::as_slice).chain(ABSURD.iter().copied()) {
            assert_eq!(distinct(column), plain(column), "{column:?}");
        }
        let rows = SHORT + 5_001;
        let long: Vec<f64> = (0..rows).map(|i| if i % 3 == 0 { 0.5 } else { (i % 2_000_003) as f64 }).collect();
        assert_eq!(distinct(&long), plain(&long));
    }
}
