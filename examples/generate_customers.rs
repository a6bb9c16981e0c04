//! Writes a believable customer table to standard output, with known groups to check a segmentation against.
//!
//! ```sh
//! cargo run --release --example generate_customers -- [rows] [seed] [--truth] > customers.csv
//! ```
//!
//! `rows` is 5000 and `seed` is 42 unless told; `--truth` adds the group each customer was drawn from. Row `i` depends on
//! the seed alone, so a longer table begins with the shorter one. Every draw is integer ChaCha output turned into `f64`
//! by basic arithmetic, with no `ln`, `exp` or `cos`: the same arguments give the same bytes on every platform.

use std::error::Error;
use std::io::{self, BufWriter, ErrorKind, Write};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const PLANS: [&str; 3] = ["basic", "plus", "premium"];
const REGIONS: [&str; 5] = ["north", "east", "south", "west", "online"];
const REGION_SHARES: [u32; 5] = [24, 18, 21, 16, 21];

/// Customers in a thousand who did not state their income.
const INCOME_GAPS: u32 = 40;

/// A quantity of a group: half its customers lie below `middle`, and `spread` is about one standard deviation, as a
/// share of `middle` for a skewed quantity and in its own unit for an even one.
#[derive(Clone, Copy)]
struct Around {
    middle: f64,
    spread: f64,
}

const fn around(middle: f64, spread: f64) -> Around {
    Around { middle, spread }
}

/// A group of customers who behave alike.
struct Persona {
    name: &'static str,
    /// Share of all customers, in percent.
    share: u32,
    /// Days since the last order (skewed).
    recency_days: Around,
    /// Orders in the last two years (skewed).
    orders: Around,
    /// Money per order (skewed).
    basket: Around,
    /// Months since joining (even).
    tenure_months: Around,
    /// Visits that ended without an order (skewed).
    idle_visits: Around,
    /// Years (even).
    age: Around,
    /// Yearly income (skewed).
    income: Around,
    /// Shares of [`PLANS`], in percent.
    plans: [u32; 3],
}

const PERSONAS: [Persona; 5] = [
    Persona {
        name: "loyal",
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
        name: "new",
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
        name: "lapsed",
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
        name: "frequent",
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
        name: "family",
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

/// The random numbers of one table.
struct Draws(ChaCha8Rng);

impl Draws {
    /// The seed's little-endian bytes, zero-padded, are the ChaCha key.
    fn new(seed: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// A whole number in `0..end`; the bias of the product method is below `end / 2^32`.
    fn below(&mut self, end: u32) -> u32 {
        let product = u64::from(self.0.next_u32()) * u64::from(end);
        u32::try_from(product >> 32).expect("a product's high half is 32 bits")
    }

    /// The index of a share, drawn in proportion.
    fn choose(&mut self, shares: impl Iterator<Item = u32> + Clone) -> usize {
        let mut ticket = self.below(shares.clone().sum());
        for (index, share) in shares.enumerate() {
            if ticket < share {
                return index;
            }
            ticket -= share;
        }
        unreachable!("a ticket is below the sum of the shares")
    }

    /// Nearly standard normal: twelve uniforms have variance one (Irwin-Hall). At most 6 in magnitude.
    fn noise(&mut self) -> f64 {
        let sum: f64 = (0..12).map(|_| f64::from(self.0.next_u32())).sum();
        sum / 4_294_967_296.0 - 6.0
    }

    /// Symmetric about the middle, at least `least`.
    fn even(&mut self, quantity: Around, least: f64) -> f64 {
        (quantity.middle + quantity.spread * self.noise()).max(least)
    }

    /// Positive, with a long right tail: `(1 + z/8)^8` stands in for `exp(z)`, which differs between platforms.
    fn skewed(&mut self, quantity: Around) -> f64 {
        let eighth = (1.0 + quantity.spread * self.noise() / 8.0).max(0.0);
        let fourth = eighth * eighth;
        let half = fourth * fourth;
        quantity.middle * (half * half)
    }
}

/// Writes one line; money has cents, all other quantities are whole.
fn write_customer(out: &mut impl Write, row: u64, draws: &mut Draws, truth: bool) -> io::Result<()> {
    let persona = &PERSONAS[draws.choose(PERSONAS.iter().map(|persona| persona.share))];
    let tenure = draws.even(persona.tenure_months, 1.0).round();
    // Nobody ordered before joining.
    let recency = draws.skewed(persona.recency_days).min(tenure * 30.0).floor();
    let orders = draws.skewed(persona.orders).round().max(1.0);
    let spend = orders * draws.skewed(persona.basket);
    let visits = orders + draws.skewed(persona.idle_visits).round();
    let age = draws.even(persona.age, 18.0).round();
    let income = draws.skewed(persona.income) / 100.0;
    let income = if draws.below(1000) < INCOME_GAPS { String::new() } else { format!("{:.0}", income.round() * 100.0) };
    let plan = PLANS[draws.choose(persona.plans.into_iter())];
    let region = REGIONS[draws.choose(REGION_SHARES.into_iter())];
    write!(
        out,
        "C{row:06},{recency:.0},{orders:.0},{spend:.2},{tenure:.0},{visits:.0},{age:.0},{income},{plan},{region}"
    )?;
    if truth { writeln!(out, ",{}", persona.name) } else { writeln!(out) }
}

/// Writes the header and `rows` customers.
fn write_table(out: &mut impl Write, rows: u64, seed: u64, truth: bool) -> io::Result<()> {
    write!(out, "customer_id,recency_days,orders,spend,tenure_months,visits,age,income,plan,region")?;
    writeln!(out, "{}", if truth { ",group" } else { "" })?;
    let mut draws = Draws::new(seed);
    (1..=rows).try_for_each(|row| write_customer(out, row, &mut draws, truth))?;
    out.flush()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut truth = false;
    let mut numbers = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--truth" => truth = true,
            text => numbers.push(text.parse::<u64>().map_err(|error| format!("{text}: {error}"))?),
        }
    }
    if numbers.len() > 2 {
        return Err("usage: generate_customers [rows] [seed] [--truth]".into());
    }
    let rows = numbers.first().copied().unwrap_or(5000);
    let seed = numbers.get(1).copied().unwrap_or(42);
    match write_table(&mut BufWriter::new(io::stdout().lock()), rows, seed, truth) {
        // A reader such as `head` has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => Ok(outcome?),
    }
}
