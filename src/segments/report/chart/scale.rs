//! Where a value lies in a drawing, and which values an axis names.

use super::number::{exponent, fixed, short};

/// Values from `low` to `high` on a line from `start` to `end`, with the values that are named on it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scale {
    low: f64,
    high: f64,
    start: f64,
    end: f64,
    /// The values named, ascending, with their names.
    pub(crate) ticks: Vec<(f64, String)>,
}

/// No axis reaches farther, so that differences stay finite.
const FAR: f64 = 1e300;

impl Scale {
    /// A scale over round numbers that holds `low` and `high`, with about `wanted` ticks.
    pub(crate) fn round(values: impl IntoIterator<Item = f64>, wanted: usize) -> Self {
        let (low, high) = range(values);
        let step = step(low, high, wanted);
        let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
        let last = last.max(first + 1.0).min(first + 100.0);
        let steps = (0..).map(|i| first + f64::from(i)).take_while(|at| *at <= last);
        let ticks = steps.map(|at| (at * step, named(at * step, step))).collect();
        Self { low: first * step, high: last * step, start: 0.0, end: 1.0, ticks }
    }

    /// A scale from the first to the last of some whole numbers, ascending, with room for about `wanted` names.
    pub(crate) fn whole(numbers: &[u64], wanted: usize) -> Self {
        let (first, last) = (numbers.first().copied().unwrap_or(0), numbers.last().copied().unwrap_or(1));
        let every = match step(first as f64, last as f64, wanted.max(1)) {
            _ if numbers.len() <= wanted => 1.0,
            s => s.max(1.0),
        };
        let named = numbers.iter().filter(|n| (**n as f64) % every == 0.0);
        let ticks = named.map(|n| (*n as f64, n.to_string())).collect();
        let (low, high) = (first as f64, last as f64);
        let (low, high) = if low == high { (low - 0.5, high + 0.5) } else { (low, high) };
        Self { low, high, start: 0.0, end: 1.0, ticks }
    }

    /// The same scale on a line from `start` to `end`.
    #[must_use]
    pub(crate) fn on(mut self, start: f64, end: f64) -> Self {
        (self.start, self.end) = (start, end);
        self
    }

    /// Where a value lies; what is beyond the ends lies at them.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let part = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        self.start + if part.is_nan() { 0.0 } else { part } * (self.end - self.start)
    }
}

/// The smallest and the largest finite value, a little apart.
pub(crate) fn range(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let finite = values.into_iter().filter(|v| v.is_finite()).map(|v| v.clamp(-FAR, FAR));
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return (0.0, 1.0);
    }
    let least = (low.abs().max(high.abs()) * 1e-9).max(1e-300);
    if high - low > least {
        (low, high)
    } else if low == 0.0 {
        (0.0, 1.0)
    } else {
        (low - low.abs() / 2.0, high + high.abs() / 2.0)
    }
}

/// 1, 2 or 5 times a power of ten, so that the range takes about `wanted` of them.
fn step(low: f64, high: f64, wanted: usize) -> f64 {
    let rough = ((high - low) / wanted.max(1) as f64).max(1e-300);
    let ten = format!("1e{}", exponent(rough)).parse().unwrap_or(1.0);
    match rough / ten {
        r if r < 1.5 => ten,
        r if r < 3.0 => 2.0 * ten,
        r if r < 7.0 => 5.0 * ten,
        _ => 10.0 * ten,
    }
}

/// A tick's value, with as many places as its step has.
fn named(value: f64, step: f64) -> String {
    if step >= 1000.0 || value.abs() >= 1e6 || step < 1e-5 {
        return if value.abs() < step / 2.0 { "0".into() } else { short(value) };
    }
    let places = usize::try_from(-exponent(step)).unwrap_or(0);
    if places == 0 { short(value) } else { fixed(value, places) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(values: &[f64], wanted: usize) -> Vec<String> {
        Scale::round(values.iter().copied(), wanted).ticks.into_iter().map(|(_, name)| name).collect()
    }

    #[test]
    fn ticks_are_round_numbers_around_the_values() {
        assert_eq!(names(&[0.0, 97.0], 5), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(names(&[0.28, 0.41], 4), ["0.25", "0.30", "0.35", "0.40", "0.45"]);
        assert_eq!(names(&[-3.0, 4.0], 4), ["−4", "−2", "0", "2", "4"]);
        assert_eq!(
            names(&[0.0, 41e6], 4),
            ["0", "10 M", "20 M", "30 M", "40 M", "50 M"].map(|n| n.replace(' ', "\u{a0}"))
        );
    }

    #[test]
    fn values_without_a_range_still_have_an_axis() {
        for values in [&[][..], &[5.0], &[0.0], &[-1e308, 1e308], &[f64::NAN], &[1e-310, 2e-310], &[7.0, 7.0 + 1e-12]] {
            let scale = Scale::round(values.iter().copied(), 4).on(0.0, 100.0);
            assert!((2..=101).contains(&scale.ticks.len()), "{values:?}: {:?}", scale.ticks);
            assert!(values.iter().all(|v| (0.0..=100.0).contains(&scale.place(*v))), "{values:?}");
        }
    }

    #[test]
    fn whole_numbers_are_named_as_far_as_there_is_room() {
        let numbers: Vec<u64> = (2..=12).collect();
        assert_eq!(Scale::whole(&numbers, 12).ticks.len(), 11);
        let many: Vec<u64> = (1..=300).collect();
        let scale = Scale::whole(&many, 6);
        assert_eq!(scale.ticks.iter().map(|t| t.0).collect::<Vec<_>>(), [50.0, 100.0, 150.0, 200.0, 250.0, 300.0]);
        assert_eq!((Scale::whole(&[3], 4).on(0.0, 10.0).place(3.0), scale.on(0.0, 299.0).place(2.0)), (5.0, 1.0));
    }
}
