//! Points on the CPU and passes over them.

use super::accumulate::Sums;
use super::assign::{Prepared, Scratch};
use super::bounds::{Bounds, BoundsPart, Drift};
use super::labels::{Labels, Part};
use super::prune;
use super::rules::{bounds_bytes, bounds_pay, bounds_room, next_sort, sorting_pays};
use super::{Level, Pruning};
use crate::engine::farthest::farthest;
use crate::engine::{Centroids, Change, Far, Session, SetPass};
use crate::error::{Error, Result};
use crate::matrix::{Matrix, Reordered, TILE};
use std::sync::Mutex;

/// Tiles a thread takes at a time: 2,048 points, long enough to hide the queue and short enough to share evenly.
const BLOCK_TILES: usize = 32;

pub(super) struct CpuSession<'m> {
    matrix: &'m Matrix,
    /// The points as the passes see them, once they are sorted.
    sorted: Option<Reordered>,
    level: Level,
    pruning: Pruning,
    sets: Vec<Set>,
    /// Passes made, and how many may follow.
    passes: u32,
    ahead: u32,
    /// The passes after which the points are sorted (again).
    next_sort: u32,
}

/// A centroid set: its labels in the order of the points, padded to whole tiles, and the centroids of the last pass.
struct Set {
    labels: Labels,
    centroids: Option<Centroids>,
    /// Labels that changed in the last pass.
    changed: u64,
    bounds: Option<Bounds>,
}

impl Set {
    fn new(padded: usize) -> Result<Self> {
        Ok(Self { labels: Labels::none(padded)?, centroids: None, changed: 0, bounds: None })
    }
}

/// A run of tiles with what every set of the batch has for them.
pub(super) struct Block<'a> {
    pub(super) first_tile: usize,
    pub(super) sets: Vec<Share<'a>>,
}

/// What a set has for a block.
pub(super) struct Share<'a> {
    pub(super) labels: Part<'a>,
    pub(super) bounds: Option<ShareBounds<'a>>,
}

/// The bounds of a set for a block.
pub(super) struct ShareBounds<'a> {
    part: BoundsPart<'a>,
    drift: Option<&'a Drift>,
    squares: &'a [f32],
}

impl ShareBounds<'_> {
    /// Those of the block's tile `t`.
    #[inline(always)]
    pub(super) fn tile(&mut self, t: usize) -> prune::Tile<'_> {
        let padded = self.part.padded;
        prune::Tile {
            state: &mut self.part.states[t],
            slack: &mut self.part.slack[t * padded..(t + 1) * padded],
            drift: self.drift,
            squares: &self.squares[t * TILE..(t + 1) * TILE],
        }
    }
}

impl<'m> CpuSession<'m> {
    pub(super) fn new(matrix: &'m Matrix, level: Level, pruning: Pruning) -> Self {
        Self { matrix, sorted: None, level, pruning, sets: Vec::new(), passes: 0, ahead: 0, next_sort: 1 }
    }

    /// Sorts the points by the labels of the batch's set of most clusters, if it is time to.
    fn sort(&mut self, batch: &[SetPass<'_>]) -> Result<()> {
        let Some(most) = batch.iter().rev().max_by_key(|s| s.centroids.k()) else { return Ok(()) };
        let (set, k) = (&self.sets[most.set], most.centroids.k());
        let labelled = set.centroids.as_ref().is_some_and(|c| c.k() == k);
        let wanted = match self.pruning {
            Pruning::Never => false,
            Pruning::Always => true,
            Pruning::Auto => sorting_pays(self.matrix, k, self.passes, self.ahead, set.changed),
        };
        if !(wanted && labelled && self.passes >= self.next_sort) || u32::try_from(self.matrix.count()).is_err() {
            return Ok(());
        }
        self.next_sort = next_sort(self.passes);
        if let Some(sorted) = &self.sorted {
            self.sets.iter_mut().try_for_each(|set| set.labels.displace(&sorted.places))?;
        }
        let mut sorted = match self.sorted.take().map_or_else(|| Reordered::like(self.matrix), Ok) {
            Err(Error::Memory(_)) => {
                self.pruning = Pruning::Never; // no room for a copy: go on without one
                return Ok(());
            }
            room => room?,
        };
        sorted.sort(self.matrix, &self.labels(most.set)?, k);
        for set in &mut self.sets {
            set.labels.place(&sorted.places)?;
            set.bounds = None;
        }
        self.sorted = Some(sorted);
        Ok(())
    }

    /// Makes or drops the bounds of the batch's sets, and says how far their centroids moved.
    fn prepare_bounds(&mut self, batch: &[SetPass<'_>], prepared: &[Prepared<'_>]) -> Vec<Option<Drift>> {
        let Some(sorted) = &self.sorted else { return batch.iter().map(|_| None).collect() };
        let bits = self.matrix.frame().bits();
        let mut drifts = Vec::with_capacity(batch.len());
        // Later sets of a batch that find no room go without.
        let mut room = if self.pruning == Pruning::Always { usize::MAX } else { bounds_room(self.matrix) };
        let out = (0..self.sets.len()).filter(|set| batch.iter().all(|s| s.set != *set)).collect::<Vec<_>>();
        out.into_iter().for_each(|set| self.sets[set].bounds = None);
        for (s, prepared) in batch.iter().zip(prepared) {
            let (set, k) = (&mut self.sets[s.set], s.centroids.k());
            let bytes = bounds_bytes(self.matrix, k);
            let fits = bytes <= room && (self.pruning == Pruning::Always || bounds_pay(self.matrix, k));
            room -= if fits { bytes } else { 0 };
            if !prepared.identity || !fits {
                set.bounds = None;
            } else if set.bounds.as_ref().is_none_or(|b| !b.fit(k)) {
                set.bounds = Some(Bounds::new(sorted.matrix.tiles(), k));
            }
            let before = set.centroids.as_ref().filter(|c| c.k() == k && set.bounds.is_some());
            drifts.push(before.map(|before| Drift::new(before, s.centroids, bits)));
        }
        drifts
    }
}

impl Session for CpuSession<'_> {
    fn open(&mut self, sets: usize) -> Result<()> {
        let padded = self.matrix.tiles() * TILE;
        (self.sorted, self.passes, self.next_sort) = (None, 0, 1);
        self.sets = (0..sets).map(|_| Set::new(padded)).collect::<Result<_>>()?;
        Ok(())
    }

    fn expect(&mut self, passes: u32) {
        self.ahead = passes;
    }

    fn pass(&mut self, batch: &[SetPass<'_>]) -> Result<Vec<Change>> {
        self.sort(batch)?;
        batch.iter().try_for_each(|s| self.sets[s.set].labels.widen(s.centroids.k()))?;
        let prepared: Vec<Prepared<'_>> =
            batch.iter().map(|s| Prepared::new(self.matrix, s.centroids, self.level)).collect();
        let drifts = self.prepare_bounds(batch, &prepared);
        let (matrix, squares) =
            self.sorted.as_ref().map_or((self.matrix, &[][..]), |s| (&s.matrix, s.squares.as_slice()));
        let blocks = blocks(&mut self.sets, batch, &drifts, squares, matrix.tiles());
        let totals = run(matrix, self.level, &prepared, blocks);
        let changes: Vec<Change> = totals.into_iter().map(Sums::into_change).collect();
        for (s, change) in batch.iter().zip(&changes) {
            let set = &mut self.sets[s.set];
            (set.centroids, set.changed) = (Some(s.centroids.clone()), change.changed);
        }
        self.passes += 1;
        self.ahead = self.ahead.saturating_sub(1);
        Ok(changes)
    }

    fn farthest(&mut self, set: usize, most: usize) -> Result<Vec<Far>> {
        let labels = self.labels(set)?;
        let centroids = self.sets[set].centroids.as_ref();
        Ok(centroids.map_or_else(Vec::new, |c| farthest(self.matrix, &labels, c, most)))
    }

    fn relabel(&mut self, set: usize, row: usize, label: u32) -> Result<()> {
        let at = self.sorted.as_ref().map_or(row, |s| s.places[row] as usize);
        let set = &mut self.sets[set];
        set.labels.set(at, label);
        if let Some(bounds) = &mut set.bounds {
            bounds.forget_tile(at / TILE);
        }
        Ok(())
    }

    fn renumber(&mut self, set: usize, map: &[u32]) -> Result<()> {
        let set = &mut self.sets[set];
        set.labels.renumber(self.matrix.count(), map);
        if let Some(bounds) = &mut set.bounds {
            bounds.forget();
        }
        Ok(())
    }

    fn labels(&mut self, set: usize) -> Result<Vec<u32>> {
        let places = self.sorted.as_ref().map(|sorted| &sorted.places[..]);
        Ok(self.sets[set].labels.wide(self.matrix.count(), places))
    }
}

/// Cuts what the batch's sets have into blocks of tiles, in batch order.
fn blocks<'a>(
    sets: &'a mut [Set],
    batch: &[SetPass<'_>],
    drifts: &'a [Option<Drift>],
    squares: &'a [f32],
    tiles: usize,
) -> Vec<Block<'a>> {
    let count = tiles.div_ceil(BLOCK_TILES);
    let mut blocks: Vec<Block<'a>> =
        (0..count).map(|b| Block { first_tile: b * BLOCK_TILES, sets: Vec::with_capacity(batch.len()) }).collect();
    let mut free: Vec<Option<&mut Set>> = sets.iter_mut().map(Some).collect();
    for (s, drift) in batch.iter().zip(drifts) {
        let set = free[s.set].take();
        assert!(set.is_some(), "set {} is twice in a batch", s.set);
        let Some(set) = set else { continue };
        let mut parts = set.bounds.as_mut().map(|b| b.parts(BLOCK_TILES));
        let mut squares = squares.chunks(BLOCK_TILES * TILE);
        for (block, labels) in blocks.iter_mut().zip(set.labels.parts(BLOCK_TILES * TILE)) {
            let part = parts.as_mut().and_then(Iterator::next).zip(squares.next());
            let bounds = part.map(|(part, squares)| ShareBounds { part, drift: drift.as_ref(), squares });
            block.sets.push(Share { labels, bounds });
        }
    }
    blocks
}

/// Runs all blocks and adds up what each thread summed.
fn run(matrix: &Matrix, level: Level, prepared: &[Prepared<'_>], blocks: Vec<Block<'_>>) -> Vec<Sums> {
    let bounded = blocks.iter().any(|b| b.sets.iter().any(|s| s.bounds.is_some()));
    let worker = |queue: &Mutex<std::vec::IntoIter<Block<'_>>>| {
        let mut sums: Vec<Sums> = prepared.iter().map(|p| Sums::new(matrix, p.centroids.k())).collect();
        let mut scratch = Scratch::new(matrix.dims(), prepared, bounded);
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
