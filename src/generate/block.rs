//! Some customers in a row, column by column.

use super::Customers;
use super::draws::{Draws, NOISE_WORDS, Purpose, around};
use crate::columnar::Values;
use std::ops::Range;

pub(super) const PLANS: [&str; 3] = ["basic", "plus", "premium"];
pub(super) const REGIONS: [&str; 5] = ["north", "east", "south", "west", "online"];
pub(super) const REGION_SHARES: [u32; 5] = [24, 18, 21, 16, 21];

/// Customers in a thousand who did not state their income.
const INCOME_GAPS: u32 = 40;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Whole,
    /// Written with two decimals.
    Hundredths,
}

/// The number columns of a customer.
pub(super) const NUMBERS: [(&str, Unit); 7] = [
    ("recency_days", Unit::Whole),
    ("orders", Unit::Whole),
    ("spend", Unit::Hundredths),
    ("tenure_months", Unit::Whole),
    ("visits", Unit::Whole),
    ("age", Unit::Whole),
    ("income", Unit::Whole),
];

/// Words of one customer: the group, seven quantities, whether the income is known, the plan, the region.
const CUSTOMER_WORDS: u64 = 7 * NOISE_WORDS + 4;

/// Levels that a group can have of a measure: 100, 200 and so on.
pub(super) const MEASURE_LEVELS: u32 = 8;

/// The spread of a measure: a quarter of a level.
const MEASURE_SPREAD: f64 = 25.0;

/// The name of a number column.
pub(super) fn number_name(index: usize) -> String {
    NUMBERS.get(index).map_or_else(|| format!("measure_{}", index + 1), |(name, _)| (*name).to_owned())
}

/// What a number column counts; measures take turns.
pub(super) fn unit(index: usize) -> Unit {
    let measure = if index.is_multiple_of(2) { Unit::Whole } else { Unit::Hundredths };
    NUMBERS.get(index).map_or(measure, |(_, unit)| *unit)
}

/// Some customers in a row.
#[derive(Debug)]
pub(super) struct Block {
    /// The row (0-based) of the first.
    pub(super) first: u64,
    /// The number columns, in their units, none below 0; `None` is a gap.
    pub(super) numbers: Vec<Vec<Option<i64>>>,
    /// Indices into [`PLANS`].
    pub(super) plans: Vec<usize>,
    /// Indices into [`REGIONS`].
    pub(super) regions: Vec<usize>,
    /// The groups they were drawn from.
    pub(super) groups: Vec<usize>,
}

impl Block {
    /// Customers in it.
    pub(super) fn rows(&self) -> usize {
        self.groups.len()
    }

    /// Its columns as a Parquet file takes them.
    pub(super) fn columns(self, truth: bool) -> Vec<Values> {
        let ids = (1..=self.rows() as u64).map(|row| format!("C{:06}", self.first + row)).collect();
        let numbers = self.numbers.into_iter().enumerate().map(|(j, column)| match unit(j) {
            Unit::Whole => Values::Whole(column),
            Unit::Hundredths => Values::Real(column.into_iter().map(|v| v.map(|v| v as f64 / 100.0)).collect()),
        });
        let texts = [Values::Category(self.plans), Values::Category(self.regions)];
        let truth = truth.then_some(Values::Category(self.groups));
        [Values::Texts(ids)].into_iter().chain(numbers).chain(texts).chain(truth).collect()
    }
}

impl Customers {
    /// The customers of some rows (0-based).
    pub(super) fn block(&self, rows: Range<u64>) -> Block {
        let count = usize::try_from(rows.end - rows.start).unwrap_or(0);
        let column = || Vec::with_capacity(count);
        let numbers = (0..self.options.features).map(|_| Vec::with_capacity(count)).collect();
        let mut block = Block { first: rows.start, numbers, plans: column(), regions: column(), groups: column() };
        let words = u128::from(rows.start) * u128::from(CUSTOMER_WORDS);
        let mut draws = Draws::new(self.options.seed, Purpose::Customers, words);
        (0..count).for_each(|_| self.push_customer(&mut block, &mut draws));
        self.push_measures(&mut block);
        block
    }

    /// Draws a customer. All is drawn whatever comes of it, so that each takes as many words.
    fn push_customer(&self, block: &mut Block, draws: &mut Draws) {
        let group = draws.choose(&self.group_ends);
        let persona = &self.personas[group];
        let tenure = draws.even(persona.tenure_months, 1.0).round();
        // Nobody ordered before joining.
        let recency = draws.skewed(persona.recency_days).min(tenure * 30.0).floor();
        let orders = draws.skewed(persona.orders).round().max(1.0);
        let cents = (100.0 * (orders * draws.skewed(persona.basket))).round();
        let visits = orders + draws.skewed(persona.idle_visits).round();
        let age = draws.even(persona.age, 18.0).round();
        let income = (draws.skewed(persona.income) / 100.0).round() * 100.0;
        let income = (draws.below(1000) >= INCOME_GAPS).then_some(income);
        let numbers = [recency, orders, cents, tenure, visits, age].map(Some).into_iter().chain([income]);
        for (column, number) in block.numbers.iter_mut().zip(numbers) {
            column.push(number.map(integer));
        }
        block.plans.push(draws.choose(&self.plan_ends[group]));
        block.regions.push(draws.choose(&self.region_ends));
        block.groups.push(group);
    }

    /// Draws the measures of the block's customers.
    fn push_measures(&self, block: &mut Block) {
        let Some(measures) = block.numbers.get_mut(NUMBERS.len()..) else { return };
        let words = u128::from(block.first) * u128::from(NOISE_WORDS);
        // Measure by measure, so that a wider table begins with the columns of the narrower one.
        for (j, column) in measures.iter_mut().enumerate() {
            let scale = if unit(NUMBERS.len() + j) == Unit::Hundredths { 100.0 } else { 1.0 };
            let mut draws = Draws::new(self.options.seed, Purpose::Measures, ((j as u128) << 50) + words);
            column.extend(block.groups.iter().map(|group| {
                let middle = 100.0 * f64::from(self.measure_levels[*group][j] + 1);
                Some(integer((scale * draws.even(around(middle, MEASURE_SPREAD), 0.0)).round()))
            }));
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "whole, and far below 2^53")]
fn integer(value: f64) -> i64 {
    value as i64
}
