//! The lower median of a column that is never whole in memory.
//!
//! Values are counted in equal bins of their range; then only the bin that holds the middle is looked at: if few values lie in it
//! they are sorted, else it is cut into bins in turn. Bins never fall as values rise, so it is an exact selection. A column that is
//! short enough to be in memory is selected from as it is, in half the time.

use super::stream::{Stream, range};

/// Bins of a range.
const BINS: usize = 4096;

/// Rows up to which a column is looked at as a whole (32 MiB).
const SHORT: usize = 1 << 22;

/// Values that are sorted at once (1 MiB).
const FEW: u64 = 1 << 16;

/// The smallest value up to which half of all weight lies, an element of the data; without weights each row has one. `None` if
/// nothing with weight is there.
pub(super) fn lower_median(values: &(impl Stream + ?Sized), weights: Option<&[u64]>) -> Option<f64> {
    if weights.is_some() || values.rows() > SHORT {
        return by_bins(values, weights);
    }
    let mut there = Vec::with_capacity(values.rows());
    values.each(|_, values| there.extend(values.iter().filter(|v| !v.is_nan()).map(|v| v + 0.0)));
    let middle = there.len().checked_sub(1)? / 2;
    Some(*there.select_nth_unstable_by(middle, f64::total_cmp).1)
}

fn by_bins(values: &(impl Stream + ?Sized), weights: Option<&[u64]>) -> Option<f64> {
    let (low, high) = range(values, weights);
    let mut narrowed = Range { low, high };
    let mut counts = narrowed.counts(values, weights);
    let total: u64 = counts.iter().map(|bin| bin.weight).sum();
    let wanted = total - total / 2;
    let mut before = 0;
    loop {
        let mut passed = before;
        let at = counts.iter().position(|bin| {
            passed += bin.weight;
            passed >= wanted && passed > 0
        })?;
        let bin = counts[at];
        before = passed - bin.weight;
        if bin.low == bin.high {
            return Some(bin.low);
        }
        if bin.rows <= FEW || !narrowed.can_be_cut() {
            return narrowed.sorted(values, weights, at).into_iter().find_map(|(value, weight)| {
                before += weight;
                (before >= wanted).then_some(value)
            });
        }
        narrowed = Range { low: bin.low, high: bin.high };
        counts = narrowed.counts(values, weights);
    }
}

/// What lies in a bin.
#[derive(Debug, Clone, Copy)]
struct Bin {
    rows: u64,
    weight: u64,
    low: f64,
    high: f64,
}

/// Values from the lowest to the highest.
#[derive(Debug, Clone, Copy)]
struct Range {
    low: f64,
    high: f64,
}

impl Range {
    /// Half the range, which may overflow as a whole.
    fn reach(self) -> f64 {
        self.high * 0.5 - self.low * 0.5
    }

    /// Whether the halves of its ends can still be told apart.
    fn can_be_cut(self) -> bool {
        self.reach() > 0.0
    }

    /// The bin of a value in the range.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to the number of bins")]
    fn bin(self, value: f64) -> usize {
        let share = (value * 0.5 - self.low * 0.5) / self.reach();
        if self.can_be_cut() { ((share * BINS as f64) as usize).min(BINS - 1) } else { 0 }
    }

    /// Shows the values with weight in the range.
    fn each(self, values: &(impl Stream + ?Sized), weights: Option<&[u64]>, mut see: impl FnMut(f64, u64)) {
        values.each(|first, values| {
            for (i, value) in values.iter().map(|v| v + 0.0).enumerate() {
                let weight = weights.map_or(1, |w| w[first + i]);
                if value >= self.low && value <= self.high && weight > 0 {
                    see(value, weight);
                }
            }
        });
    }

    fn counts(self, values: &(impl Stream + ?Sized), weights: Option<&[u64]>) -> Vec<Bin> {
        let mut bins = vec![Bin { rows: 0, weight: 0, low: f64::INFINITY, high: f64::NEG_INFINITY }; BINS];
        self.each(values, weights, |value, weight| {
            let bin = &mut bins[self.bin(value)];
            (bin.rows, bin.weight) = (bin.rows + 1, bin.weight + weight);
            (bin.low, bin.high) = (bin.low.min(value), bin.high.max(value));
        });
        bins
    }

    /// The values in a bin in order, with their weights.
    fn sorted(self, values: &(impl Stream + ?Sized), weights: Option<&[u64]>, bin: usize) -> Vec<(f64, u64)> {
        let mut found = Vec::new();
        self.each(values, weights, |value, weight| {
            if self.bin(value) == bin {
                found.push((value, weight));
            }
        });
        found.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::columns::{ABSURD, awkward, weighted_and_repeated};
    use super::*;

    /// The element in the middle of all values in order.
    fn plain(values: &[f64]) -> Option<f64> {
        let mut there: Vec<f64> = values.iter().filter(|v| !v.is_nan()).map(|v| v + 0.0).collect();
        there.sort_unstable_by(f64::total_cmp);
        there.get(there.len().saturating_sub(1) / 2).copied()
    }

    /// The median, found in both ways.
    fn median(values: &[f64]) -> Option<f64> {
        let found = lower_median(values, None);
        assert_eq!(by_bins(values, None), found, "{} values", values.len());
        found
    }

    #[test]
    fn it_is_the_element_in_the_middle() {
        assert_eq!(median(&[4.0, 1.0, f64::NAN, 3.0, 2.0]), Some(2.0));
        assert_eq!((median(&[]), median(&[f64::NAN])), (None, None));
        for column in awkward().iter().map(Vec::as_slice).chain(ABSURD.iter().copied()) {
            assert_eq!(median(column), plain(column), "{column:?}");
        }
    }

    #[test]
    fn values_that_crowd_in_one_bin_are_told_apart() {
        let crowd = |i: u32| 1.0 + f64::from(i * 7919 % 300_007) * 1e-9;
        let mut values: Vec<f64> = (0..300_007).map(crowd).collect();
        values.extend([1e300, -1e300, f64::MAX, f64::MIN]);
        assert_eq!(median(&values), plain(&values));
        let tiny: Vec<f64> = (0..200_000).map(|i| f64::from_bits(u64::from(i % 2 == 0) + 1)).collect();
        assert_eq!(median(&tiny), plain(&tiny));
    }

    #[test]
    fn a_weight_counts_as_so_many_rows_and_none_as_no_row() {
        for column in awkward() {
            let (values, weights, repeated) = weighted_and_repeated(&column);
            assert_eq!(lower_median(&values[..], Some(&weights)), plain(&repeated));
        }
        assert_eq!(lower_median(&[1.0, 2.0][..], Some(&[0, 0])), None);
        assert_eq!(lower_median(&[9.0, 4.0][..], Some(&[2, 1])), Some(9.0));
    }
}
