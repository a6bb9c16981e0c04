//! The groups that customers are drawn from: five known ones, then as many as are asked for.
//!
//! A further group lies on one of eight levels of each quantity, a few spreads apart. Of some drawn places it takes the
//! one farthest from all groups before it (best candidate; Mitchell, *Spectrally optimal sampling for distribution ray
//! tracing*, 1991). So the groups lie well apart, and fewer groups are the first of more.

use super::draws::{Around, Draws, Purpose, around};

/// A group of customers who behave alike.
#[derive(Debug, Clone, Copy)]
pub(super) struct Persona {
    /// Share of all customers, in parts of the sum over all groups.
    pub(super) share: u32,
    /// Days since the last order (skewed).
    pub(super) recency_days: Around,
    /// Orders in the last two years (skewed).
    pub(super) orders: Around,
    /// Money per order (skewed).
    pub(super) basket: Around,
    /// Months since joining (even).
    pub(super) tenure_months: Around,
    /// Visits that ended without an order (skewed).
    pub(super) idle_visits: Around,
    /// Years (even).
    pub(super) age: Around,
    /// Yearly income (skewed).
    pub(super) income: Around,
    /// Shares of the plans, in percent.
    pub(super) plans: [u32; 3],
}

/// The names of the known groups.
const NAMES: [&str; 5] = ["loyal", "new", "lapsed", "frequent", "family"];

/// The known groups.
const KNOWN: [Persona; 5] = [
    Persona {
        share: 12,
        recency_days: around(12.0, 0.70),
        orders: around(33.0, 0.25),
        basket: around(88.0, 0.25),
        tenure_months: around(80.0, 16.0),
        idle_visits: around(34.0, 0.35),
        age: around(55.0, 9.0),
        income: around(62_000.0, 0.28),
        plans: [10, 35, 55],
    },
    Persona {
        share: 22,
        recency_days: around(24.0, 0.70),
        orders: around(4.0, 0.50),
        basket: around(34.0, 0.40),
        tenure_months: around(9.0, 5.0),
        idle_visits: around(20.0, 0.45),
        age: around(26.0, 6.0),
        income: around(30_000.0, 0.28),
        plans: [70, 25, 5],
    },
    Persona {
        share: 29,
        recency_days: around(280.0, 0.32),
        orders: around(5.0, 0.50),
        basket: around(23.0, 0.45),
        tenure_months: around(45.0, 16.0),
        idle_visits: around(9.0, 0.50),
        age: around(46.0, 11.0),
        income: around(37_000.0, 0.28),
        plans: [85, 13, 2],
    },
    Persona {
        share: 21,
        recency_days: around(7.0, 0.70),
        orders: around(40.0, 0.26),
        basket: around(18.0, 0.36),
        tenure_months: around(38.0, 14.0),
        idle_visits: around(54.0, 0.30),
        age: around(34.0, 8.0),
        income: around(41_000.0, 0.28),
        plans: [30, 55, 15],
    },
    Persona {
        share: 16,
        recency_days: around(36.0, 0.60),
        orders: around(16.0, 0.32),
        basket: around(92.0, 0.27),
        tenure_months: around(54.0, 14.0),
        idle_visits: around(18.0, 0.45),
        age: around(43.0, 7.0),
        income: around(94_000.0, 0.25),
        plans: [5, 25, 70],
    },
];

/// The middles a further group can have, quantity by quantity; neighbours of a skewed one differ by about 1.6 times
/// (income: 1.4), which is four of its spreads.
const LEVELS: [[f64; 8]; 7] = [
    [4.0, 7.0, 12.0, 21.0, 37.0, 65.0, 115.0, 200.0],
    [3.0, 5.0, 8.0, 13.0, 20.0, 31.0, 48.0, 75.0],
    [9.0, 14.0, 22.0, 35.0, 55.0, 85.0, 130.0, 200.0],
    [10.0, 24.0, 38.0, 52.0, 66.0, 80.0, 94.0, 108.0],
    [6.0, 10.0, 16.0, 25.0, 40.0, 64.0, 100.0, 160.0],
    [21.0, 29.0, 37.0, 45.0, 53.0, 61.0, 69.0, 77.0],
    [14_000.0, 20_000.0, 28_000.0, 40_000.0, 56_000.0, 80_000.0, 112_000.0, 160_000.0],
];

/// The spread at every level, quantity by quantity.
const SPREADS: [f64; 7] = [0.12, 0.12, 0.12, 3.5, 0.12, 2.0, 0.08];

/// Places that a further group can choose from.
const CANDIDATES: usize = 32;

/// Words kept for the draws of one group.
pub(super) const GROUP_WORDS: u128 = 1 << 16;

/// One of the [`LEVELS`] of each quantity.
type Levels = [u32; 7];

/// The first `count` groups of a seed.
pub(super) fn personas(seed: u64, count: usize) -> Vec<Persona> {
    let mut personas: Vec<Persona> = KNOWN.into_iter().take(count).collect();
    let mut taken: Vec<Levels> = personas.iter().map(Persona::levels).collect();
    while personas.len() < count {
        let mut draws = Draws::new(seed, Purpose::Groups, personas.len() as u128 * GROUP_WORDS);
        let levels = farthest(&taken, &mut draws);
        taken.push(levels);
        personas.push(Persona::drawn(levels, &mut draws));
    }
    personas
}

/// What a group is called.
pub(super) fn name(group: usize) -> String {
    NAMES.get(group).map_or_else(|| format!("group_{}", group + 1), |name| (*name).to_owned())
}

/// Of some drawn places, the one whose nearest taken place is farthest; the first of equals.
fn farthest(taken: &[Levels], draws: &mut Draws) -> Levels {
    let mut best = (0, Levels::default());
    for _ in 0..CANDIDATES {
        let place = Levels::default().map(|_| draws.below(8));
        let nearest = taken.iter().map(|other| distance2(*other, place)).min().unwrap_or(0);
        if nearest > best.0 {
            best = (nearest, place);
        }
    }
    best.1
}

fn distance2(a: Levels, b: Levels) -> u32 {
    a.into_iter().zip(b).map(|(a, b)| a.abs_diff(b).pow(2)).sum()
}

impl Persona {
    /// A group on these levels.
    fn drawn(levels: Levels, draws: &mut Draws) -> Self {
        let at = |quantity: usize| around(LEVELS[quantity][levels[quantity] as usize], SPREADS[quantity]);
        let share = 6 + draws.below(25);
        let basic = 5 + draws.below(81);
        let premium = draws.below(101 - basic);
        Self {
            share,
            recency_days: at(0),
            orders: at(1),
            basket: at(2),
            tenure_months: at(3),
            idle_visits: at(4),
            age: at(5),
            income: at(6),
            plans: [basic, 100 - basic - premium, premium],
        }
    }

    /// The levels nearest to its middles.
    fn levels(&self) -> Levels {
        let all =
            [self.recency_days, self.orders, self.basket, self.tenure_months, self.idle_visits, self.age, self.income];
        std::array::from_fn(|quantity| {
            let off = |level: &u32| (LEVELS[quantity][*level as usize] - all[quantity].middle).abs();
            (0..8).min_by(|a, b| off(a).total_cmp(&off(b))).unwrap_or(0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_lie_apart_and_differ_in_size() {
        for seed in [1, 42] {
            let personas = personas(seed, 300);
            let levels: Vec<Levels> = personas.iter().map(Persona::levels).collect();
            for (i, a) in levels.iter().enumerate() {
                let nearest = levels[..i].iter().map(|b| distance2(*a, *b)).min();
                assert!(nearest.is_none_or(|d| d >= 9), "group {i} is {nearest:?} from another");
            }
            let mut shares: Vec<u32> = personas.iter().map(|p| p.share).collect();
            shares.sort_unstable();
            shares.dedup();
            assert!(shares.len() > 20, "{shares:?}");
        }
    }

    #[test]
    fn fewer_groups_are_the_first_of_more() {
        let (few, more) = (personas(3, 7), personas(3, 40));
        assert!(few.iter().zip(&more).all(|(a, b)| a.levels() == b.levels() && a.share == b.share));
        assert_ne!(personas(4, 40)[39].levels(), more[39].levels());
    }

    #[test]
    fn plans_are_percentages() {
        assert!(personas(42, 1000).iter().all(|p| p.plans.iter().sum::<u32>() == 100));
    }
}
