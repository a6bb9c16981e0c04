//! The power transform of Yeo and Johnson (2000, "A new family of power transformations to improve normality or symmetry").
//!
//! With `l = ln(1 + |v|)` and `grow(u) = (e^u - 1) / u`, a value of 0 or more becomes `l * grow(lambda * l)`, a negative one
//! `-l * grow((2 - lambda) * l)`. Lambda is where the likelihood of a normal distribution is largest. Its negative
//! logarithm is convex in lambda (Marchand et al. 2022, "SecureFedYJ"), so there is one place where its slope
//!
//! ```text
//! cov(y, dy/dlambda) / var(y) - mean(sign(v) * l)
//! ```
//!
//! is 0. scikit-learn looks for the smallest value instead (by Brent's method); the place where a slope changes its sign is
//! known to more digits. If all values have one sign, `l` is taken from its mean: that multiplies `y` by a constant, which
//! the slope does not see, takes the last term away, and loses nothing however far the values are from 0.

use crate::features::extent::Extent;
use crate::features::stream::Stream;
use crate::features::sums::{Sums, spread};
use crate::matrix::power::{ceil_exponent, pow2, scale2};
use serde::{Deserialize, Serialize};

/// What lambda (or 2 - lambda) times `ln(1 + |v|)` may reach for a value 20 times the largest one: the transformed values
/// and their squares stay clear of overflow and underflow. The bounds are scipy's.
const REACH: (f64, f64) = (-336.18, 336.87);

/// How much of lambda is left open, beside the larger of 1 and lambda.
const OPEN: f64 = 1e-12;

/// A learnt power transform.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct YeoJohnson {
    /// 1 changes nothing, less pulls in the right tail, more the left one.
    lambda: f64,
    /// The range that was learnt from.
    low: f64,
    high: f64,
}

impl YeoJohnson {
    pub(super) fn learn(values: &(impl Stream + ?Sized), weights: Option<&[u64]>) -> Option<Self> {
        let Extent { low, high, .. } = values.extent(weights);
        (low <= high).then(|| Self { lambda: likeliest(values, weights, low, high), low, high })
    }

    pub(super) fn apply(&self, value: f64) -> f64 {
        let l = libm::log1p(value.abs());
        let transformed = if value < 0.0 { -power(2.0 - self.lambda, l) } else { power(self.lambda, l) };
        // A power of 1 is the value itself, to the last bit.
        if self.lambda == 1.0 { value } else { transformed.clamp(f64::MIN, f64::MAX) }
    }

    /// Far out a strong power maps many values to one; which of them was meant is not known, so the range that was learnt
    /// from bounds the answer.
    pub(super) fn restore(&self, transformed: f64) -> f64 {
        let t = transformed;
        let value = match t < 0.0 {
            _ if self.lambda == 1.0 => t,
            true => -unpower(2.0 - self.lambda, -t),
            false => unpower(self.lambda, t),
        };
        value.clamp(self.low, self.high)
    }
}

/// `(e^(lambda * l) - 1) / lambda`.
fn power(lambda: f64, l: f64) -> f64 {
    if lambda.abs() < f64::EPSILON { l } else { libm::expm1(lambda * l) / lambda }
}

/// The value of 0 or more whose power that is; infinite beyond what any value reaches.
fn unpower(lambda: f64, t: f64) -> f64 {
    let l = match lambda * t {
        _ if lambda.abs() < f64::EPSILON => t,
        u if u > -1.0 => libm::log1p(u) / lambda,
        _ => f64::INFINITY,
    };
    libm::expm1(l)
}

/// Lambda by maximum likelihood; 1 for a constant column, for one whose values are too large for any other, and for one so
/// far from 0 beside its range that any power is almost a straight line and would only cost digits.
fn likeliest(values: &(impl Stream + ?Sized), weights: Option<&[u64]>, low: f64, high: f64) -> f64 {
    let largest = libm::log1p(high.max(-low)) + libm::log(20.0);
    let (least, most) = (REACH.0 / largest, REACH.1 / largest);
    if low == high {
        1.0
    } else if low >= 0.0 {
        distinct(one_sign(values, weights).root(least, most), low, high)
    } else if high <= 0.0 {
        2.0 - distinct(one_sign(values, weights).root(least, most), -high, -low)
    } else {
        let (least, most) = (least.max(2.0 - most), most.min(2.0 - least));
        if least < most { both_signs(values, weights).root(least, most) } else { 1.0 }
    }
}

/// A lambda, if it keeps half of the digits between the smallest and the largest magnitude of a column; 1 otherwise.
fn distinct(lambda: f64, smallest: f64, largest: f64) -> f64 {
    let (low, high) = (power(lambda, libm::log1p(smallest)), power(lambda, libm::log1p(largest)));
    if high - low > high * pow2(-26) { lambda } else { 1.0 }
}

/// The slope of the negative log-likelihood in lambda, for one column.
struct Slope<'w, L> {
    /// `ln(1 + |v|)` with the sign of `v`, or from its mean.
    logs: L,
    weights: Option<&'w [u64]>,
    /// The smallest, the mean and the largest of them.
    ends: [f64; 3],
    /// Whether negative ones follow 2 - lambda.
    both: bool,
}

fn both_signs<'w>(values: &(impl Stream + ?Sized), weights: Option<&'w [u64]>) -> Slope<'w, impl Stream> {
    let logs = values.map(|v| libm::log1p(v.abs()).copysign(v)).held();
    let ends = ends(&logs, weights);
    Slope { logs, weights, ends, both: true }
}

fn one_sign<'w>(values: &(impl Stream + ?Sized), weights: Option<&'w [u64]>) -> Slope<'w, impl Stream> {
    let logs = values.map(|v| libm::log1p(v.abs())).held();
    let [low, mean, high] = ends(&logs, weights);
    Slope { logs: logs.map(move |l| l - mean), weights, ends: [low - mean, 0.0, high - mean], both: false }
}

impl<L: Stream> Slope<'_, L> {
    /// The transformed value of a signed logarithm, and what it gains with lambda.
    fn value(&self, lambda: f64, l: f64) -> (f64, f64) {
        let u = if self.both && l < 0.0 { (lambda - 2.0) * l } else { lambda * l };
        let (grow, gain) = grow(u);
        (l * grow, l * l * gain)
    }

    fn at(&self, lambda: f64) -> f64 {
        let [low, middle, high] = self.ends.map(|l| self.value(lambda, l));
        // The value rises with `l`, its gain is least at 0: the ends bound both.
        let y = unit((low.0 - middle.0).abs().max((high.0 - middle.0).abs()));
        let g = unit(low.1.max(high.1));
        let terms = |log: f64| {
            let (value, gain) = self.value(lambda, log);
            let (value, gain) = (scale2(value - middle.0, y), scale2(gain - middle.1, g));
            [value, gain, value * value, value * gain]
        };
        let [value, gain, square, product] = Sums::of(&self.logs, self.weights, terms).means();
        let mean = if self.both { self.ends[1] } else { 0.0 };
        scale2((product - value * gain) / (square - value * value), y - g) - mean
    }

    /// Where the slope is 0 between two bounds, or the bound nearest to that. The search starts between -2 and 2, the range
    /// of most columns, and doubles it where that is too narrow.
    fn root(&self, least: f64, most: f64) -> f64 {
        let (mut a, mut b) = ((-2.0f64).clamp(least, most), 2.0f64.clamp(least, most));
        let (mut below, mut above) = (self.at(a), self.at(b));
        while below > 0.0 && a > least {
            (b, above) = (a, below);
            a = (2.0 * a.min(-1.0)).max(least);
            below = self.at(a);
        }
        while above < 0.0 && b < most {
            (a, below) = (b, above);
            b = (2.0 * b.max(1.0)).min(most);
            above = self.at(b);
        }
        if below >= 0.0 {
            a
        } else if above > 0.0 {
            crossing(|lambda| self.at(lambda), (a, below), (b, above))
        } else {
            b
        }
    }
}

/// The smallest, the mean and the largest of numbers that are there.
fn ends(logs: &impl Stream, weights: Option<&[u64]>) -> [f64; 3] {
    spread(logs, weights).map_or([0.0; 3], |s| [s.low, s.mean, s.high])
}

/// The power of two that brings a size to at most 1.
fn unit(size: f64) -> i32 {
    if size > 0.0 { -ceil_exponent(size) } else { 0 }
}

/// `(e^u - 1) / u` and its derivative.
fn grow(u: f64) -> (f64, f64) {
    let less = libm::expm1(u);
    let grow = if u == 0.0 { 1.0 } else { less / u };
    if u.abs() > 0.25 {
        return (grow, ((u - 1.0) * less + u) / (u * u));
    }
    // The terms above cancel near 0; those of the series are (m + 1) / (m + 2)! u^m, and twelve of them reach the last bit.
    const SERIES: [f64; 12] = [
        1.0 / 2.0,
        1.0 / 3.0,
        1.0 / 8.0,
        1.0 / 30.0,
        1.0 / 144.0,
        1.0 / 840.0,
        1.0 / 5_760.0,
        1.0 / 45_360.0,
        1.0 / 403_200.0,
        1.0 / 3_991_680.0,
        1.0 / 43_545_600.0,
        1.0 / 518_918_400.0,
    ];
    (grow, SERIES.iter().rev().fold(0.0, |sum, c| sum * u + c))
}

/// Where a function is 0 between `a`, where it is below, and `b`, where it is above: by interpolating and truncating,
/// never slower than halving (Oliveira and Takahashi 2020, "An Enhancement of the Bisection Method").
fn crossing(f: impl Fn(f64) -> f64, (mut a, mut below): (f64, f64), (mut b, mut above): (f64, f64)) -> f64 {
    let open = OPEN * a.abs().max(b.abs()).max(1.0);
    let truncate = 0.2 / (b - a);
    let mut slack = open; // what halving would have left by now, and one step more
    while slack < b - a {
        slack *= 2.0;
    }
    while b - a > 2.0 * open {
        let middle = a + (b - a) / 2.0;
        let straight = (above * a - below * b) / (above - below);
        let side = if straight < middle { 1.0 } else { -1.0 };
        let step = truncate * (b - a) * (b - a);
        let truncated = if step <= (middle - straight).abs() { straight + side * step } else { middle };
        let room = (slack - (b - a) / 2.0).max(0.0);
        let next = if (truncated - middle).abs() <= room { truncated } else { middle - side * room };
        let found = f(next);
        if found > 0.0 {
            (b, above) = (next, found);
        } else if found < 0.0 {
            (a, below) = (next, found);
        } else {
            return next;
        }
        slack /= 2.0;
    }
    a + (b - a) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crossing_is_found_in_few_steps() {
        let steps = std::cell::Cell::new(0);
        let f = |x: f64| {
            steps.set(steps.get() + 1);
            x * x * x - 2.0
        };
        let found = crossing(f, (-2.0, -10.0), (2.0, 6.0));
        assert!((found - libm::cbrt(2.0)).abs() < 1e-11, "{found}");
        assert!(steps.get() < 20, "{} steps", steps.get());
    }

    #[test]
    fn the_derivative_of_growth_has_no_seam() {
        for at in [0.25, -0.25] {
            let (inside, outside) = (grow(at).1, grow(at * (1.0 + 1e-15)).1);
            assert!((inside / outside - 1.0).abs() < 2e-14, "{inside} {outside}");
        }
        assert_eq!(grow(0.0), (1.0, 0.5));
    }

    #[test]
    fn a_column_far_from_zero_stays_as_it_is() {
        let far = [1e9, 1e9 + 1.0, 1e9 + 2.0, 1e9 + 7.0];
        assert_eq!(YeoJohnson::learn(&far[..], None).unwrap().lambda, 1.0);
        assert_eq!(YeoJohnson::learn(&far.map(|v| -v)[..], None).unwrap().lambda, 1.0);
    }

    #[test]
    fn the_slope_is_that_of_the_likelihood() {
        let values = [-3.0, -0.5, 0.0, 0.1, 1.0, 2.0, 8.0];
        let minus_log = |lambda: f64| {
            let power = YeoJohnson { lambda, low: f64::MIN, high: f64::MAX };
            let y: Vec<f64> = values.iter().map(|&v| power.apply(v)).collect();
            let logs = values.iter().map(|v| libm::log1p(v.abs()).copysign(*v)).sum::<f64>() / values.len() as f64;
            libm::log(spread(&y, None).unwrap().sd) - (lambda - 1.0) * logs
        };
        for lambda in [-1.0, 0.0, 0.4, 2.0] {
            let by_difference = (minus_log(lambda + 1e-5) - minus_log(lambda - 1e-5)) / 2e-5;
            let slope = both_signs(&values[..], None).at(lambda);
            assert!((slope - by_difference).abs() < 1e-8, "{lambda}: {slope} {by_difference}");
        }
    }
}
