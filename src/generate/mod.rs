//! Believable customer tables of any size, with known groups to check a segmentation against.
//!
//! Each customer is a function of the seed and of its row alone, drawn at a fixed position of a counter-based generator.
//! So all threads make blocks of rows, which are written in order while the next are made: the bytes depend on no
//! thread, memory does not grow with the rows, and a longer table begins with the shorter one.

mod block;
mod csv;
mod draws;
mod personas;

use crate::columnar::{self, Kind, Writer};
use crate::error::{Error, Result};
use block::{Block, PLANS, REGION_SHARES, REGIONS, Unit};
use draws::{Draws, Purpose, ends};
use personas::{GROUP_WORDS, Persona, personas};
use rayon::prelude::*;
use std::io::{self, Write};

/// Most rows of a table.
pub const MOST_ROWS: u64 = 1_000_000_000_000;
/// Most groups.
pub const MOST_GROUPS: usize = 1000;
/// Most number columns.
pub const MOST_FEATURES: usize = 1000;

/// Cells in a block, about: enough to keep a thread busy for some milliseconds, few enough to stay in its cache.
const CELLS: usize = 1 << 17;

/// What table to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Customers.
    pub rows: u64,
    /// Groups they are drawn from.
    pub groups: usize,
    /// Number columns: the seven of a customer, or the first of them, and then made-up measures.
    pub features: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Whether the last column names the group that each customer was drawn from.
    pub truth: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { rows: 5000, groups: 5, features: block::NUMBERS.len(), seed: 42, truth: false }
    }
}

/// A table of customers, made as it is written.
#[derive(Debug)]
pub struct Customers {
    options: Options,
    personas: Vec<Persona>,
    group_ends: Vec<u32>,
    plan_ends: Vec<Vec<u32>>,
    region_ends: Vec<u32>,
    /// For each group, its level of every measure.
    measure_levels: Vec<Vec<u32>>,
}

impl Customers {
    /// Draws the groups.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the option that is out of its range.
    pub fn new(options: Options) -> Result<Self> {
        within("rows", options.rows, MOST_ROWS)?;
        within("groups", options.groups as u64, MOST_GROUPS as u64)?;
        within("features", options.features as u64, MOST_FEATURES as u64)?;
        let personas = personas(options.seed, options.groups);
        let measures = options.features.saturating_sub(block::NUMBERS.len());
        let levels = |group: usize| {
            let mut draws = Draws::new(options.seed, Purpose::Levels, group as u128 * GROUP_WORDS);
            (0..measures).map(|_| draws.below(block::MEASURE_LEVELS)).collect()
        };
        Ok(Self {
            group_ends: ends(personas.iter().map(|p| p.share)),
            plan_ends: personas.iter().map(|p| ends(p.plans)).collect(),
            region_ends: ends(REGION_SHARES),
            measure_levels: (0..personas.len()).map(levels).collect(),
            personas,
            options,
        })
    }

    /// The names of the columns.
    #[must_use]
    pub fn columns(&self) -> Vec<String> {
        let numbers = (0..self.options.features).map(block::number_name);
        let mut names: Vec<String> = ["customer_id".to_owned()].into_iter().chain(numbers).collect();
        names.extend(["plan".to_owned(), "region".to_owned()]);
        names.extend(self.options.truth.then(|| "true_group".to_owned()));
        names
    }

    /// Writes the table as CSV; `told` hears now and then how many rows are written.
    ///
    /// # Errors
    /// What `out` fails with.
    pub fn write_csv(&self, mut out: impl Write + Send, told: impl FnMut(u64)) -> io::Result<()> {
        writeln!(out, "{}", self.columns().join(","))?;
        let groups = self.group_names();
        let write = |texts: Vec<Vec<u8>>| texts.iter().try_for_each(|text| out.write_all(text));
        self.stream(|block| csv::text(&block, self.options.truth.then_some(&groups)), write, told)?;
        out.flush()
    }

    /// Writes the table as Parquet; `told` hears now and then how many rows are written.
    ///
    /// # Errors
    /// What `out` fails with.
    pub fn write_parquet(&self, out: impl Write + Send, told: impl FnMut(u64)) -> io::Result<()> {
        let mut writer = Writer::new(out, self.kinds())?;
        self.stream(|block| block.columns(self.options.truth), |blocks| writer.write(&blocks), told)?;
        writer.finish()
    }

    /// The columns of a Parquet file.
    fn kinds(&self) -> Vec<columnar::Column> {
        let numbers = (0..self.options.features).map(|j| match block::unit(j) {
            Unit::Whole => Kind::Whole,
            Unit::Hundredths => Kind::Real,
        });
        let known = |names: &[&str]| Kind::Category(names.iter().map(|name| (*name).to_owned()).collect());
        let texts = [known(&PLANS), known(&REGIONS)];
        let truth = self.options.truth.then(|| Kind::Category(self.group_names()));
        let kinds = [Kind::Text].into_iter().chain(numbers).chain(texts).chain(truth);
        self.columns().into_iter().zip(kinds).map(|(name, kind)| columnar::Column { name, kind }).collect()
    }

    fn group_names(&self) -> Vec<String> {
        (0..self.options.groups).map(personas::name).collect()
    }

    /// Turns every block into what is written of it, all threads at once, and writes that in order while the blocks after
    /// it are made.
    fn stream<T: Send>(
        &self,
        turn: impl Fn(Block) -> T + Sync,
        mut write: impl FnMut(Vec<T>) -> io::Result<()> + Send,
        mut told: impl FnMut(u64),
    ) -> io::Result<()> {
        let size = (CELLS / self.columns().len()).next_power_of_two();
        let batch = 2 * rayon::current_num_threads() * size;
        let make = |first: u64| -> Vec<T> {
            let end = self.options.rows.min(first + batch as u64);
            let starts: Vec<u64> = (first..end).step_by(size).collect();
            starts.into_par_iter().map(|start| turn(self.block(start..end.min(start + size as u64)))).collect()
        };
        let mut made = make(0);
        for first in (0..self.options.rows).step_by(batch) {
            let next = first + batch as u64;
            let (written, after) = rayon::join(|| write(made), || make(next));
            written?;
            made = after;
            told(self.options.rows.min(next));
        }
        Ok(())
    }
}

fn within(what: &str, value: u64, most: u64) -> Result<()> {
    if (1..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::Usage(format!("{what} must be from 1 to {most}, not {value}")))
}

#[cfg(test)]
mod tests;
