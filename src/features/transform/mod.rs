//! Transforms that pull in a long tail, one column at a time: learnt once, applied to any value, and back.
//!
//! Every transform rises with the value, takes a finite value to a finite one and leaves a missing one missing. Logarithms
//! and exponentials are `libm`'s, so they give the same bits on every platform.

mod normal;
mod power;
mod ranks;

use super::stream::Stream;
use super::sums::spread;
use power::YeoJohnson;
use ranks::Ranks;
use serde::{Deserialize, Serialize};

/// The skewness that [`auto`] leaves alone. Bulmer (1979, "Principles of Statistics", chapter 4) calls a distribution
/// beyond it highly skewed.
const SKEWED: f64 = 1.0;

/// A learnt transform of one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Transform {
    /// The value itself.
    None,
    /// `ln(1 + v)`.
    Log1p,
    /// The power transform of Yeo and Johnson.
    YeoJohnson(YeoJohnson),
    /// Where the value stands among those learnt from, as a normal deviate.
    Quantile(Ranks),
}

/// Values that have no logarithm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Below {
    /// How many rows with weight hold -1 or less.
    pub(crate) rows: u64,
    /// The smallest of them.
    pub(crate) smallest: f64,
}

/// `ln(1 + v)` for a column, if each value of weight lies above -1.
pub(super) fn log1p(values: &(impl Stream + ?Sized), weights: Option<&[u64]>) -> Result<Transform, Below> {
    let none = || Below { rows: 0, smallest: f64::INFINITY };
    let see = |found: &mut Below, first: usize, values: &[f64]| {
        let there = |i: usize| weights.is_none_or(|w| w[first + i] > 0);
        for (_, v) in values.iter().enumerate().filter(|(i, v)| **v <= -1.0 && there(*i)) {
            *found = Below { rows: found.rows + 1, smallest: found.smallest.min(*v) };
        }
    };
    let join = |a: Below, b: Below| Below { rows: a.rows + b.rows, smallest: a.smallest.min(b.smallest) };
    let below = values.fold(none, see, join);
    if below.rows == 0 { Ok(Transform::Log1p) } else { Err(below) }
}

/// The Yeo-Johnson transform that makes a column most like a normal one; `None` if it has no values.
pub(super) fn yeo_johnson(values: &(impl Stream + ?Sized), weights: Option<&[u64]>) -> Option<Transform> {
    YeoJohnson::learn(values, weights).map(Transform::YeoJohnson)
}

/// The transform to normal deviates by rank; `None` if the column has no values.
pub(super) fn quantile(values: &(impl Stream + ?Sized), weights: Option<&[u64]>) -> Option<Transform> {
    Ranks::learn(values, weights).map(Transform::Quantile)
}

/// The gentlest transform that a column needs; `None` if it has no values.
///
/// The first of none, `log1p` (for a column without negative values and with its tail to the right) and Yeo-Johnson that
/// leaves a skewness within -1 and 1; or, if none does, the one that leaves the least. `log1p` comes before the better
/// fitting Yeo-Johnson because people can read it: a step of 0.7 is twice the amount.
pub(super) fn auto(values: &(impl Stream + ?Sized), weights: Option<&[u64]>) -> Option<Transform> {
    let untouched = spread(values, weights)?;
    let mut best = (untouched.skewness.abs(), Transform::None);
    if best.0 <= SKEWED {
        return Some(best.1);
    }
    let amounts = untouched.low >= 0.0 && untouched.skewness > 0.0;
    let log = || amounts.then_some(Transform::Log1p);
    for candidate in [&log as &dyn Fn() -> _, &|| yeo_johnson(values, weights)] {
        let Some(transform) = candidate() else { continue };
        let after = values.risen(|v| transform.apply(v));
        let skewness = spread(&after, weights)?.skewness.abs();
        if skewness < best.0 {
            best = (skewness, transform);
        }
        if best.0 <= SKEWED {
            break;
        }
    }
    Some(best.1)
}

impl Transform {
    /// Its name; none for no transform.
    pub(crate) fn name(&self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Log1p => Some("log1p"),
            Self::YeoJohnson(_) => Some("yeo-johnson"),
            Self::Quantile(_) => Some("quantile"),
        }
    }

    /// The transformed value; finite unless it is missing.
    pub(crate) fn apply(&self, value: f64) -> f64 {
        match self {
            Self::None => value,
            // At predict a value may lie at -1 or below: it counts as the nearest one above.
            Self::Log1p => libm::log1p(value.clamp(-1.0 + f64::EPSILON / 2.0, f64::MAX)),
            Self::YeoJohnson(power) => power.apply(value),
            Self::Quantile(ranks) => ranks.apply(value),
        }
    }

    /// The value that a transformed one stands for, within the range that was learnt from where a tail was cut short.
    pub(crate) fn restore(&self, transformed: f64) -> f64 {
        match self {
            Self::None => transformed,
            Self::Log1p => libm::expm1(transformed).clamp(f64::MIN, f64::MAX),
            Self::YeoJohnson(power) => power.restore(transformed),
            Self::Quantile(ranks) => ranks.restore(transformed),
        }
    }
}

#[cfg(test)]
mod tests;
