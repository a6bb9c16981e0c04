//! A segment's figures against everyone's: how many times as much, how far away, and how well a column tells segments apart.

use super::{ColumnProfile, Figures, Kind, Numeric};

/// The part of the strongest effect from which on a level that a segment holds is told rather than one that it lacks.
const NEARLY: f64 = 0.6;

/// Shares that differ by less are the same.
const SAME: f64 = 1e-9;

/// One figure of a segment beside everyone's: a mean, or the share of a level.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'p> {
    /// The column.
    pub column: &'p ColumnProfile,
    /// The level whose share it is; `None` for a mean.
    pub level: Option<&'p str>,
    /// The mean or share in the segment; NaN if no row has a value.
    pub mean: f64,
    /// The mean or share of everyone.
    pub mean_all: f64,
    /// The first as a share of the second, 100 being average; `None` where a ratio says nothing: for dates, and numbers below
    /// zero.
    pub index: Option<f64>,
    /// How far the first is from the second: for means in everyone's standard deviations, for shares Cohen's h (Cohen 1988, chapter
    /// 6), which is as large. NaN where there is no mean.
    pub effect: f64,
}

impl<'p> Entry<'p> {
    /// The level, if it has to be told: `yes` of a yes or no goes without saying.
    #[must_use]
    pub fn told_level(&self) -> Option<&'p str> {
        self.level.filter(|_| self.column.kind == Kind::Category)
    }
}

impl ColumnProfile {
    /// A segment's figures: one for a column of numbers or dates, one for each level of a category.
    #[must_use]
    pub fn entries(&self, segment: usize) -> Vec<Entry<'_>> {
        match &self.figures {
            Figures::Numbers { all, segments } => {
                let (mean, mean_all) = (segments[segment].mean, all.mean);
                let positive = self.kind == Kind::Number && all.low >= 0.0;
                let (index, effect) = (index(mean, mean_all, positive), standardised(mean, mean_all, all.sd));
                vec![Entry { column: self, level: None, mean, mean_all, index, effect }]
            }
            Figures::Shares { levels, all, segments, .. } => {
                let shares = segments[segment].iter().zip(all).zip(levels);
                let entry = |((&mean, &mean_all), level)| Entry {
                    column: self,
                    level: Some(String::as_str(level)),
                    mean,
                    mean_all,
                    index: index(mean, mean_all, true),
                    effect: cohens_h(mean, mean_all),
                };
                shares.map(entry).collect()
            }
        }
    }

    /// The figure of a segment that tells most, if it has any: the strongest, but that a segment holds a level more often than
    /// everyone is clearer than that it lacks another, if nearly as strong.
    pub(super) fn telling(&self, segment: usize) -> Option<Entry<'_>> {
        let strongest = self.strongest(segment)?;
        let held = self.entries(segment).into_iter().filter(|e| e.effect > 0.0);
        let held = held.reduce(|best, next| if next.effect > best.effect { next } else { best });
        Some(held.filter(|e| e.effect >= NEARLY * strongest.effect.abs()).unwrap_or(strongest))
    }

    /// Whether it holds numbers that are a yes or no: all 0 or 1, and both there.
    #[must_use]
    pub fn is_flag(&self) -> bool {
        matches!(&self.figures, Figures::Numbers { all, .. } if self.kind == Kind::Number && all.is_flag())
    }

    /// The figure of a segment that differs most from everyone's, if it has any.
    #[must_use]
    pub fn strongest(&self, segment: usize) -> Option<Entry<'_>> {
        let entries = self.entries(segment).into_iter().filter(|e| e.effect.is_finite());
        entries.reduce(|best, next| if next.effect.abs() > best.effect.abs() { next } else { best })
    }
}

impl Entry<'_> {
    /// Whether both are shares, and the same in every segment.
    pub(super) fn repeats(&self, other: &Entry<'_>) -> bool {
        let (Some(own), Some(others)) = (self.shares(), other.shares()) else { return false };
        own.zip(others).all(|(a, b)| (a - b).abs() < SAME || a.is_nan() && b.is_nan())
    }

    /// The share of its level in each segment, if it has one `[segments]`.
    fn shares(&self) -> Option<impl Iterator<Item = f64>> {
        let Figures::Shares { levels, segments, .. } = &self.column.figures else { return None };
        let at = levels.iter().position(|level| Some(level.as_str()) == self.level)?;
        Some(segments.iter().map(move |shares| shares[at]))
    }
}

fn index(mean: f64, mean_all: f64, positive: bool) -> Option<f64> {
    (positive && mean_all > 0.0 && !mean.is_nan()).then(|| 100.0 * mean / mean_all)
}

fn standardised(mean: f64, mean_all: f64, sd_all: f64) -> f64 {
    if sd_all > 0.0 || mean.is_nan() { (mean - mean_all) / sd_all } else { 0.0 }
}

fn cohens_h(share: f64, share_all: f64) -> f64 {
    let angle = |share: f64| 2.0 * libm::asin(share.sqrt());
    angle(share) - angle(share_all)
}

/// The share of a column's variation that lies between the segments; 0 where nothing varies.
pub(super) fn separation(figures: &Figures) -> f64 {
    let explained: f64 = match figures {
        Figures::Numbers { all, segments } => {
            let part = |s: &Numeric| {
                let effect = standardised(s.mean, all.mean, all.sd);
                (s.weight / all.weight) * effect * effect
            };
            segments.iter().filter(|s| s.weight > 0.0).map(part).sum()
        }
        Figures::Shares { all, segments, weights, .. } => {
            let (total, varies) = (weights.iter().sum::<f64>(), gini(all));
            let within = |(shares, weight): (&Vec<f64>, &f64)| (weight / total) * gini(shares);
            let within: f64 = segments.iter().zip(weights).filter(|(_, w)| **w > 0.0).map(within).sum();
            if varies > 0.0 { 1.0 - within / varies } else { 0.0 }
        }
    };
    if explained.is_finite() { explained.clamp(0.0, 1.0) } else { 0.0 }
}

/// How likely two rows differ, of which these are the shares of levels; what they leave is one more level.
fn gini(shares: &[f64]) -> f64 {
    let rest = (1.0 - shares.iter().sum::<f64>()).max(0.0);
    1.0 - shares.iter().map(|share| share * share).sum::<f64>() - rest * rest
}
