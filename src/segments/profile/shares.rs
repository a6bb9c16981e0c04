//! Shares of levels, everyone's and each segment's: of texts the most frequent ones, of yes and no that of yes.

use super::grouping::{Grouping, Present};
use super::{Figures, MOST_LEVELS, OTHER};
use crate::table::{BLOCK, Levels, MISSING, Numbers};

/// The weight of some levels in each segment, and of all rows with a value there.
struct Weighed<'a> {
    grouping: &'a Grouping<'a>,
    /// `[segments][levels]`.
    levels: Vec<Vec<u64>>,
    /// `[segments]`.
    totals: Vec<u64>,
    present: Present,
}

impl<'a> Weighed<'a> {
    fn new(grouping: &'a Grouping<'a>, levels: usize) -> Self {
        let k = grouping.k();
        Self { grouping, levels: vec![vec![0; levels]; k], totals: vec![0; k], present: Present::none(k) }
    }

    /// Counts row `i`: whether it has a value, and which level that is, if it is one of these.
    fn count(&mut self, i: usize, there: bool, level: Option<usize>) {
        let (segment, weight) = self.grouping.row(i);
        self.present.count(segment, there);
        if there {
            self.totals[segment] += weight;
            level.into_iter().for_each(|level| self.levels[segment][level] += weight);
        }
    }

    fn figures(self, names: Vec<String>) -> (Present, Figures) {
        let share = |part: &u64, of: u64| self.grouping.share(*part, of);
        let total = self.totals.iter().sum();
        let summed = |level: usize| self.levels.iter().map(|segment| segment[level]).sum::<u64>();
        let all = (0..names.len()).map(|level| share(&summed(level), total)).collect();
        let shares = |(levels, of): (&Vec<u64>, &u64)| levels.iter().map(|part| share(part, *of)).collect();
        let segments = self.levels.iter().zip(&self.totals).map(shares).collect();
        let weights = self.totals.iter().map(|w| self.grouping.real(*w)).collect();
        (self.present, Figures::Shares { levels: names, all, segments, weights })
    }
}

/// The share of yes.
pub(super) fn yes(said: &Numbers, grouping: &Grouping<'_>) -> (Present, Figures) {
    let mut weighed = Weighed::new(grouping, 1);
    for (block, values) in said.blocks().enumerate() {
        for (at, value) in values.iter().enumerate() {
            weighed.count(block * BLOCK + at, !value.is_nan(), (*value == 1.0).then_some(0));
        }
    }
    weighed.figures(vec!["yes".into()])
}

/// The shares of the most frequent levels (of equals the first in the alphabet), and of all others as one.
pub(super) fn levels(found: &Levels, grouping: &Grouping<'_>) -> (Present, Figures) {
    let mut counts = vec![0u64; found.names.len()];
    let mut unseen = 0;
    for (i, code) in found.codes.iter().enumerate().filter(|(_, code)| **code != MISSING) {
        *counts.get_mut(usize::from(*code)).unwrap_or(&mut unseen) += grouping.row(i).1;
    }
    let mut order: Vec<usize> = (0..counts.len()).filter(|&level| counts[level] > 0).collect();
    order.sort_by(|a, b| counts[*b].cmp(&counts[*a]).then_with(|| found.names[*a].cmp(&found.names[*b])));
    let mut names: Vec<String> = order.iter().take(MOST_LEVELS).map(|&level| found.names[level].clone()).collect();
    let mut place = vec![None; counts.len()];
    order.iter().take(MOST_LEVELS).enumerate().for_each(|(at, &level)| place[level] = Some(at));
    let other = (order.len() > MOST_LEVELS || unseen > 0).then_some(names.len());
    names.extend(other.map(|_| OTHER.to_owned()));
    let mut weighed = Weighed::new(grouping, names.len());
    for (i, code) in found.codes.iter().enumerate() {
        let level = place.get(usize::from(*code)).copied().flatten().or(other);
        weighed.count(i, *code != MISSING, level);
    }
    weighed.figures(names)
}
