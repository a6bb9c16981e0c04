//! Figures in plain words, for readers who do not know the measures.

use super::chart::number::{fixed, percent, short, whole_percent};
use super::view::{Estimate, Figure, Standing, Unit};
use crate::error::printable;
use crate::quality::{STABLE, band};

/// A ratio from which on "times" says more than "per cent above".
const TIMES: f64 = 1.95;

impl Figure {
    /// The share of all differences between customers that the segments account for.
    #[must_use]
    pub fn explained(share: f64) -> Self {
        Self {
            label: "Explained by the segments".into(),
            value: whole_percent(share),
            reading: format!(
                "Knowing a customer’s segment accounts for {} of what tells customers apart.",
                whole_percent(share)
            ),
        }
    }

    /// The mean silhouette, read as Kaufman and Rousseeuw do (1990, "Finding Groups in Data", table 4).
    #[must_use]
    pub fn silhouette(estimate: Estimate) -> Self {
        let reading = match estimate.value {
            s if s > 0.7 => "The segments lie clearly apart.",
            s if s > 0.5 => "The segments are distinct, with some customers in between.",
            s if s > 0.25 => {
                "The segments overlap: good for broad approaches, weak for a verdict on a single customer."
            }
            _ => "The segments shade into one another: where one ends and the next begins is a matter of choice.",
        };
        let reading = match estimate.ci95 {
            Some([low, high]) => {
                format!("{reading} Estimated from a sample: between {} and {}.", fixed(low, 3), fixed(high, 3))
            }
            None => reading.into(),
        };
        Self { label: "Silhouette (−1 to 1)".into(), value: fixed(estimate.value, 2), reading }
    }

    /// The share of customers near a border.
    #[must_use]
    pub fn near_border(share: f64) -> Self {
        let reading = match share {
            s if s < 0.1 => "Few customers could as well be in the next segment.",
            s if s < 0.25 => {
                "These customers could as well be in the next segment: do not build on a single one of them."
            }
            _ => "Many customers could as well be in the next segment: treat the segments as a gradual scale.",
        };
        Self { label: "Customers near a border".into(), value: whole_percent(share), reading: reading.into() }
    }

    /// How many of the segments come back when the customers are drawn anew.
    #[must_use]
    pub fn stable(jaccard: &[f64]) -> Self {
        let measured = jaccard.iter().filter(|j| !j.is_nan()).count(); // others have too few rows
        let stable = jaccard.iter().filter(|j| **j >= STABLE).count();
        let reading = match measured - stable {
            0 => "All segments come back when the customers are drawn anew.".into(),
            1 => "One segment changes when the customers are drawn anew: do not plan on it alone.".into(),
            n => format!("{n} segments change when the customers are drawn anew: do not plan on them alone."),
        };
        Self { label: "Stable segments".into(), value: format!("{stable} of {measured}"), reading }
    }

    /// The number of segments recommended by a sweep.
    #[must_use]
    pub fn recommended(k: Option<u64>) -> Self {
        let (value, reading) = match k {
            Some(k) => (k.to_string(), "The number of segments that the measures below support best."),
            None => (
                "no clear k".into(),
                "The measures disagree or see no groups: choose the number by what you can act on.",
            ),
        };
        Self { label: "Recommended number of segments".into(), value, reading: reading.into() }
    }
}

/// A mean Jaccard similarity, and what it says.
pub(super) fn stability(jaccard: f64) -> String {
    if jaccard.is_nan() { "not measured".into() } else { format!("{}, {}", fixed(jaccard, 2), band(jaccard)) }
}

/// A value in its unit.
pub(super) fn value(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Number => short(value),
        Unit::Share => percent(value),
    }
}

/// A feature that stands out: its name, the value, and how that is beside everyone's.
pub(super) fn standing(s: &Standing) -> (String, String, String) {
    let everyone = value(s.unit, s.everyone);
    let beside = match (s.unit, s.value / s.everyone) {
        (Unit::Number, r) if s.everyone > 0.0 && s.value > 0.0 && r >= TIMES => {
            format!("{} times everyone’s", short(round_tenth(r)))
        }
        (Unit::Number, r) if s.everyone > 0.0 && r >= 1.0 => format!("{} above everyone’s", whole_percent(r - 1.0)),
        (Unit::Number, r) if s.everyone > 0.0 && s.value >= 0.0 => {
            format!("{} below everyone’s", whole_percent(1.0 - r))
        }
        (Unit::Share, _) => format!("against {everyone} of everyone"),
        _ => format!("everyone’s is {everyone}"),
    };
    (printable(&s.feature), value(s.unit, s.value), beside)
}

fn round_tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beside(unit: Unit, value: f64, everyone: f64) -> String {
        let (_, value, beside) = standing(&Standing { feature: "f".into(), unit, value, everyone, effect: 0.0 });
        format!("{value}, {beside}").replace('\u{a0}', " ")
    }

    #[test]
    fn a_feature_is_told_beside_everyone() {
        assert_eq!(beside(Unit::Number, 3104.0, 887.0), "3,104, 3.5 times everyone’s");
        assert_eq!(beside(Unit::Number, 142.0, 100.0), "142, 42 % above everyone’s");
        assert_eq!(beside(Unit::Number, 38.0, 100.0), "38, 62 % below everyone’s");
        assert_eq!(beside(Unit::Number, -3.0, 4.0), "−3, everyone’s is 4");
        assert_eq!(beside(Unit::Share, 0.62, 0.31), "62 %, against 31 % of everyone");
        assert_eq!(beside(Unit::Number, 5.0, 0.0), "5, everyone’s is 0");
    }

    #[test]
    fn readings_follow_the_figures() {
        let plain = |value, ci95| Figure::silhouette(Estimate { value, ci95 }).reading;
        assert!(plain(0.8, None).contains("clearly apart") && plain(0.1, None).contains("shade"));
        assert!(plain(0.3, Some([0.29, 0.31])).contains("between 0.290 and 0.310"));
        assert_eq!(Figure::stable(&[0.9, 0.7, 0.8]).value, "2 of 3");
        assert_eq!(Figure::recommended(None).value, "no clear k");
        assert_eq!([0.8, 0.7].map(stability), ["0.80, stable", "0.70, a pattern, edges move"]);
        assert_eq!(stability(f64::NAN), "not measured");
    }
}
