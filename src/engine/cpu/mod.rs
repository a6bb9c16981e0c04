//! The CPU engine: tiles over threads, everything about a tile done while it is in cache.
//!
//! A pass hands out blocks of tiles to the threads of the current rayon pool. For each tile and each centroid set of the
//! batch the kernel scores all centroids (`assign`), proves or referees the labels (`referee`), and moves the points
//! whose label changed between integer sums (`accumulate`). Sums are integers, so neither the number of threads nor
//! the order in which they take blocks can be seen in the result.

mod accumulate;
mod assign;
mod lanes;
mod level;
mod referee;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

pub use level::Level;

use super::farthest::farthest;
use super::{Centroids, Change, Engine, Far, NO_LABEL, Session, SetPass};
use crate::error::{Error, Result};
use crate::matrix::{Matrix, TILE};
use accumulate::Sums;
use assign::{Prepared, Scratch};
use std::sync::Mutex;

/// Tiles a thread takes at a time: 2,048 points, long enough to hide the queue and short enough to share evenly.
const BLOCK_TILES: usize = 32;

/// The CPU engine at one SIMD level, on the threads of the current rayon pool.
#[derive(Debug, Clone, Copy)]
pub struct Cpu {
    level: Level,
}

impl Cpu {
    /// The engine at the best level of this CPU, or the one that `SEGMA_SIMD` forces.
    ///
    /// # Errors
    /// [`crate::error::Error::Device`] if `SEGMA_SIMD` names a level that this CPU lacks.
    pub fn new() -> Result<Self> {
        Self::with_level(Level::chosen()?)
    }

    /// The engine at a given level.
    ///
    /// # Errors
    /// [`crate::error::Error::Device`] if this CPU lacks it.
    pub fn with_level(level: Level) -> Result<Self> {
        level.check()?;
        Ok(Self { level })
    }

    /// Its SIMD level.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }
}

impl Engine for Cpu {
    fn name(&self) -> String {
        format!("cpu ({})", self.level)
    }

    fn load<'m>(&self, matrix: &'m Matrix) -> Result<Box<dyn Session + 'm>> {
        Ok(Box::new(CpuSession { matrix, level: self.level, sets: Vec::new() }))
    }
}

struct CpuSession<'m> {
    matrix: &'m Matrix,
    level: Level,
    sets: Vec<Set>,
}

/// A centroid set: its labels, padded to whole tiles, and the centroids of the last pass.
struct Set {
    labels: Vec<u32>,
    centroids: Option<Centroids>,
}

impl Set {
    fn new(padded: usize) -> Result<Self> {
        let mut labels = Vec::new();
        let full = |_| Error::Memory(format!("no room for the labels of {padded} points; ask for fewer starts"));
        labels.try_reserve_exact(padded).map_err(full)?;
        labels.resize(padded, NO_LABEL);
        Ok(Self { labels, centroids: None })
    }
}

/// A run of tiles with the labels of every set of the batch for them.
struct Block<'a> {
    first_tile: usize,
    labels: Vec<&'a mut [u32]>,
}

impl Session for CpuSession<'_> {
    fn open(&mut self, sets: usize) -> Result<()> {
        let padded = self.matrix.tiles() * TILE;
        self.sets = (0..sets).map(|_| Set::new(padded)).collect::<Result<_>>()?;
        Ok(())
    }

    fn pass(&mut self, batch: &[SetPass<'_>]) -> Result<Vec<Change>> {
        let prepared: Vec<Prepared<'_>> =
            batch.iter().map(|s| Prepared::new(self.matrix, s.centroids, self.level)).collect();
        let blocks = blocks(&mut self.sets, batch, self.matrix.tiles());
        let totals = run(self.matrix, self.level, &prepared, blocks);
        for s in batch {
            self.sets[s.set].centroids = Some(s.centroids.clone());
        }
        Ok(totals.into_iter().map(Sums::into_change).collect())
    }

    fn farthest(&mut self, set: usize, most: usize) -> Result<Vec<Far>> {
        let set = &self.sets[set];
        Ok(set.centroids.as_ref().map_or_else(Vec::new, |c| farthest(self.matrix, &set.labels, c, most)))
    }

    fn relabel(&mut self, set: usize, row: usize, label: u32) -> Result<()> {
        self.sets[set].labels[row] = label;
        Ok(())
    }

    fn renumber(&mut self, set: usize, map: &[u32]) -> Result<()> {
        self.sets[set].labels[..self.matrix.count()].iter_mut().for_each(|l| *l = map[*l as usize]);
        Ok(())
    }

    fn labels(&mut self, set: usize) -> Result<Vec<u32>> {
        Ok(self.sets[set].labels[..self.matrix.count()].to_vec())
    }
}

/// Cuts the labels of the batch's sets into blocks of tiles, in batch order.
fn blocks<'a>(sets: &'a mut [Set], batch: &[SetPass<'_>], tiles: usize) -> Vec<Block<'a>> {
    let count = tiles.div_ceil(BLOCK_TILES);
    let mut blocks: Vec<Block<'a>> =
        (0..count).map(|b| Block { first_tile: b * BLOCK_TILES, labels: Vec::with_capacity(batch.len()) }).collect();
    let mut free: Vec<Option<&mut Set>> = sets.iter_mut().map(Some).collect();
    for s in batch {
        let set = free[s.set].take();
        assert!(set.is_some(), "set {} is twice in a batch", s.set);
        let labels = set.map_or(&mut [][..], |set| &mut set.labels);
        for (block, labels) in blocks.iter_mut().zip(labels.chunks_mut(BLOCK_TILES * TILE)) {
            block.labels.push(labels);
        }
    }
    blocks
}

/// Runs all blocks and adds up what each thread summed.
fn run(matrix: &Matrix, level: Level, prepared: &[Prepared<'_>], blocks: Vec<Block<'_>>) -> Vec<Sums> {
    let worker = |queue: &Mutex<std::vec::IntoIter<Block<'_>>>| {
        let mut sums: Vec<Sums> = prepared.iter().map(|p| Sums::new(matrix, p.centroids.k())).collect();
        let mut scratch = Scratch::new(matrix.dims(), prepared);
        while let Some(block) = next(queue) {
            level.pass(matrix, prepared, block, &mut sums, &mut scratch);
        }
        sums
    };
    let alone = blocks.len() <= 1 || rayon::current_num_threads() == 1;
    let queue = Mutex::new(blocks.into_iter());
    let parts = if alone { vec![worker(&queue)] } else { rayon::broadcast(|_| worker(&queue)) };
    let mut parts = parts.into_iter();
    let mut totals = parts.next().unwrap_or_default();
    for part in parts {
        totals.iter_mut().zip(&part).for_each(|(total, p)| total.merge(p));
    }
    totals
}

fn next<'a>(queue: &Mutex<std::vec::IntoIter<Block<'a>>>) -> Option<Block<'a>> {
    queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next()
}
