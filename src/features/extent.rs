//! From where to where the values of a column reach, and how many there are.

use super::stream::Stream;

/// Values that are compared at once.
const LANES: usize = 8;

/// What one read tells of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Extent {
    /// The lowest and the highest value with weight, -0 as 0; the first above the second if there is none.
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// The weight of the values that are there; without weights, how many they are.
    pub(crate) weight: u64,
    /// Rows without a value.
    pub(crate) gaps: u64,
}

/// The same on the way, in lanes, so that a vector is compared at once.
#[derive(Debug, Clone, Copy)]
struct Seen {
    lows: [f64; LANES],
    highs: [f64; LANES],
    there: [u64; LANES],
    weight: u64,
}

impl Seen {
    const NOTHING: Self =
        Self { lows: [f64::INFINITY; LANES], highs: [f64::NEG_INFINITY; LANES], there: [0; LANES], weight: 0 };

    #[inline]
    fn see(&mut self, lane: usize, value: f64) {
        // NaN is neither below nor above.
        self.lows[lane] = if value < self.lows[lane] { value } else { self.lows[lane] };
        self.highs[lane] = if value > self.highs[lane] { value } else { self.highs[lane] };
    }

    fn see_all(&mut self, values: &[f64]) {
        let mut seen = *self;
        let (lanes, rest) = values.as_chunks::<LANES>();
        for values in lanes {
            for (lane, value) in values.iter().enumerate() {
                seen.see(lane, *value);
                seen.there[lane] += u64::from(!value.is_nan());
            }
        }
        for value in rest {
            seen.see(0, *value);
            seen.there[0] += u64::from(!value.is_nan());
        }
        *self = seen;
    }

    fn see_weighed(&mut self, values: &[f64], weights: &[u64]) {
        for (value, weight) in values.iter().zip(weights).filter(|(value, _)| !value.is_nan()) {
            self.there[0] += 1;
            self.weight += weight;
            if *weight > 0 {
                self.see(0, *value);
            }
        }
    }

    fn join(mut self, other: Self) -> Self {
        self.lows.iter_mut().zip(other.lows).for_each(|(low, other)| *low = low.min(other));
        self.highs.iter_mut().zip(other.highs).for_each(|(high, other)| *high = high.max(other));
        self.there.iter_mut().zip(other.there).for_each(|(there, other)| *there += other);
        Self { weight: self.weight + other.weight, ..self }
    }
}

impl Extent {
    /// That of a column, in one read of it.
    pub(super) fn of(values: &(impl Stream + ?Sized), weights: Option<&[u64]>) -> Self {
        let see = |seen: &mut Seen, first: usize, values: &[f64]| match weights {
            None => seen.see_all(values),
            Some(weights) => seen.see_weighed(values, &weights[first..]),
        };
        let seen = values.fold(|| Seen::NOTHING, see, Seen::join);
        let there: u64 = seen.there.iter().sum();
        Self {
            low: seen.lows.into_iter().fold(f64::INFINITY, f64::min) + 0.0,
            high: seen.highs.into_iter().fold(f64::NEG_INFINITY, f64::max) + 0.0,
            weight: if weights.is_some() { seen.weight } else { there },
            gaps: values.rows() as u64 - there,
        }
    }

    /// Whether there is a value with weight.
    pub(super) fn is_some(&self) -> bool {
        self.low <= self.high
    }
}

#[cfg(test)]
mod tests {
    use super::super::columns::{ABSURD, awkward, weighted_and_repeated};
    use super::*;

    #[test]
    fn it_is_what_a_look_at_all_values_tells() {
        for column in awkward().iter().map(Vec::as_slice).chain(ABSURD.iter().copied()) {
            let there: Vec<f64> = column.iter().copied().filter(|v| !v.is_nan()).collect();
            let extent = Extent::of(column, None);
            assert_eq!(extent.low, there.iter().copied().fold(f64::INFINITY, f64::min));
            assert_eq!(extent.high, there.iter().copied().fold(f64::NEG_INFINITY, f64::max));
            assert_eq!((extent.weight, extent.gaps), (there.len() as u64, (column.len() - there.len()) as u64));
        }
        assert!(!Extent::of(&[f64::NAN][..], None).is_some() && !Extent::of(&[1.0][..], Some(&[0])).is_some());
        assert!(Extent::of(&[-0.0][..], None).low.is_sign_positive());
    }

    #[test]
    fn a_weight_counts_as_so_many_rows() {
        for column in awkward() {
            let (values, weights, repeated) = weighted_and_repeated(&column);
            let (weighted, plain) = (Extent::of(&values, Some(&weights)), Extent::of(&repeated, None));
            assert_eq!((weighted.low, weighted.high, weighted.weight), (plain.low, plain.high, plain.weight));
        }
    }
}
