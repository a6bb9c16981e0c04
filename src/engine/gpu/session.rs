//! Points on one or several devices, and passes over them.
//!
//! Between two passes a device would wait for the host: for the changes to come back, the centroids to be divided and the
//! next pass to be sent. So one device that holds all points makes some passes ahead of the one it is asked for, each with
//! the means of the one before. What comes of it waits here until it is asked for, centroid for centroid; if something else
//! is asked for, the labels are first brought back to the pass that was last. So the caller sees no difference, and nothing
//! rests on the device's division.

use super::part::{Asked, Made, Part};
use super::prepare::Compiling;
use super::stopwatch::Ledger;
use super::tuning::Tuning;
use super::{Opened, Options};
use crate::engine::farthest::farthest;
use crate::engine::{Centroids, Change, Far, NO_LABEL, Session, SetPass};
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use rayon::prelude::*;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Labels that a thread renumbers at a time.
const LABELS_AT_ONCE: usize = 1 << 14;

/// A session whose tiles are shared out over the devices, in order.
pub(super) struct GpuSession<'m> {
    matrix: &'m Matrix,
    parts: Vec<Part<'m>>,
    sets: Vec<Set>,
    /// Passes asked for since the sets were opened, and how many more may follow.
    asked: usize,
    left: usize,
    ledger: Arc<Ledger>,
}

/// A centroid set as the caller knows it.
#[derive(Debug, Default)]
struct Set {
    /// The centroids of the last pass that was asked for.
    last: Option<Centroids>,
    /// The sums of the labels after it, if they are known.
    totals: Option<Change>,
    /// The passes that were made since.
    ahead: VecDeque<(Centroids, Change)>,
    /// The number that each label on the devices has for the caller, if they differ: a fit renumbers at its end, and then
    /// reads the labels but makes no more passes, as a rule.
    numbers: Option<Vec<u32>>,
}

impl Set {
    /// Whether the next pass is made already.
    fn has(&self, centroids: &Centroids) -> bool {
        self.ahead.front().is_some_and(|(c, _)| c == centroids)
    }

    /// Gives the next pass out.
    fn take(&mut self) -> Option<Change> {
        let (centroids, change) = self.ahead.pop_front()?;
        match (&mut self.totals, &self.last) {
            (Some(totals), _) if totals.weights.len() == change.weights.len() => totals.add(&change),
            (totals, None) => *totals = Some(change.clone()),
            (totals, Some(_)) => *totals = None, // of another number of clusters
        }
        self.last = Some(centroids);
        Some(change)
    }
}

impl<'m> GpuSession<'m> {
    pub(super) fn new(
        devices: &[Opened],
        compiling: &Arc<Compiling>,
        matrix: &'m Matrix,
        options: &Options,
    ) -> Result<Self> {
        devices.iter().for_each(|d| d.pipelines.begin());
        let share = matrix.tiles().div_ceil(devices.len());
        let shares = (0..matrix.tiles()).step_by(share).map(|first| first..(first + share).min(matrix.tiles()));
        let work: Vec<_> = devices.iter().zip(shares).collect();
        let load = |(gpu, tiles): (&Opened, Range<usize>)| Part::load(gpu.clone(), compiling, matrix, tiles, options);
        let parts = work.into_par_iter().map(load);
        let parts = parts.collect::<Result<_>>().map_err(of_device)?;
        let ledger = devices.first().map(|d| d.ledger.clone()).unwrap_or_default();
        Ok(Self { matrix, parts, sets: Vec::new(), asked: 0, left: 0, ledger })
    }

    /// Scores all sets by this choice from now on, where it fits.
    pub(super) fn force(&mut self, tuning: Tuning) {
        self.parts.iter_mut().for_each(|part| part.force(tuning));
    }

    /// How many passes to make where one is asked for: no more than were asked for so far, so that a short fit wastes
    /// little, nor than may follow, nor than other sets of the batch have ready, so that all are in step again after them.
    fn most_passes(&self, batch: &[SetPass<'_>]) -> usize {
        let ready = batch.iter().map(|s| &self.sets[s.set]).zip(batch);
        let ready = ready.filter(|(set, s)| set.has(s.centroids)).map(|(set, _)| set.ahead.len()).min();
        let most = if self.parts.len() == 1 { self.asked.min(self.left + 1) } else { 1 };
        most.min(ready.unwrap_or(usize::MAX))
    }

    /// Makes passes over these sets, up to `most`, for which they wait to be asked.
    fn make(&mut self, batch: &[SetPass<'_>], most: usize) -> Result<()> {
        let asked = batch.iter().map(|&SetPass { set, centroids }| {
            let totals = self.sets[set].totals.as_ref().filter(|t| t.weights.len() == centroids.k());
            Asked { set, centroids, totals }
        });
        let asked: Vec<Asked<'_>> = asked.collect();
        let made = self.parts.par_iter_mut().map(|p| p.passes(&asked, most));
        let mut made = made.collect::<Result<Vec<Vec<Made>>>>().map_err(of_device)?.into_iter();
        let mut all = made.next().unwrap_or_default();
        for part in made {
            for (all, part) in all.iter_mut().zip(&part) {
                all.changes.iter_mut().zip(&part.changes).for_each(|(all, part)| all.add(part));
            }
        }
        self.ledger.ahead.fetch_add(all.len().saturating_sub(1) as u64, Ordering::Relaxed);
        for Made { centroids, changes } in all {
            let centroids = centroids.unwrap_or_else(|| batch.iter().map(|s| s.centroids.clone()).collect());
            for ((s, centroids), change) in batch.iter().zip(centroids).zip(changes) {
                self.sets[s.set].ahead.push_back((centroids, change));
            }
        }
        Ok(())
    }

    /// Brings the labels of these sets back to the last pass that was asked for.
    fn go_back(&mut self, sets: &[usize]) -> Result<()> {
        let mut back: Vec<(usize, Centroids)> = Vec::new();
        for &at in sets {
            let set = &mut self.sets[at];
            let ahead = std::mem::take(&mut set.ahead);
            let (Some(last), Some((now, _))) = (&set.last, ahead.back()) else { continue };
            if now != last {
                self.ledger.in_vain.fetch_add(ahead.len() as u64, Ordering::Relaxed);
                back.push((at, last.clone()));
            }
        }
        if !back.is_empty() {
            let batch: Vec<SetPass<'_>> =
                back.iter().map(|(set, centroids)| SetPass { set: *set, centroids }).collect();
            self.make(&batch, 1)?;
            back.iter().for_each(|(set, _)| self.sets[*set].ahead.clear()); // what changed is known already
        }
        Ok(())
    }

    /// Gives the labels of these sets on the devices the numbers that they have for the caller.
    fn settle_numbers(&mut self, sets: impl Iterator<Item = usize>) -> Result<()> {
        for set in sets {
            if self.sets[set].numbers.is_some() {
                let labels = self.labels(set)?;
                self.sets[set].numbers = None;
                let mut rest = labels.as_slice();
                for part in &mut self.parts {
                    rest = part.set_labels(set, rest).map_err(of_device)?;
                }
            }
        }
        Ok(())
    }

    /// Keeps the sums of a set in step with a label that is changed by hand.
    fn move_point(&mut self, set: usize, row: usize, label: u32) -> Result<()> {
        if self.sets[set].totals.is_none() {
            return Ok(());
        }
        let old = self.parts.iter_mut().filter(|p| p.holds(row)).map(|p| p.label(set, row)).collect::<Result<Vec<_>>>();
        let old = old.map_err(of_device)?;
        let point: Vec<i64> = self.matrix.point(row).collect();
        let weight = self.matrix.weight(row);
        if let Some(totals) = &mut self.sets[set].totals {
            totals.move_point(&point, weight, label as usize, 1);
            old.iter().for_each(|&old| totals.move_point(&point, weight, old as usize, -1));
        }
        Ok(())
    }
}

impl Session for GpuSession<'_> {
    fn open(&mut self, sets: usize) -> Result<()> {
        self.sets.clear();
        self.sets.resize_with(sets, Set::default);
        (self.asked, self.left) = (0, 0);
        self.parts.par_iter_mut().try_for_each(|part| part.open(sets)).map_err(of_device)
    }

    fn expect(&mut self, passes: u32) {
        self.left = passes as usize;
    }

    fn pass(&mut self, batch: &[SetPass<'_>]) -> Result<Vec<Change>> {
        self.settle_numbers(batch.iter().map(|s| s.set))?;
        let wanting: Vec<SetPass<'_>> = batch.iter().filter(|s| !self.sets[s.set].has(s.centroids)).copied().collect();
        if !wanting.is_empty() {
            let most = self.most_passes(batch);
            self.go_back(&wanting.iter().map(|s| s.set).collect::<Vec<_>>())?;
            self.make(&wanting, most.max(1))?;
        }
        (self.asked, self.left) = (self.asked + 1, self.left.saturating_sub(1));
        let changes = batch.iter().map(|s| self.sets[s.set].take());
        changes.collect::<Option<_>>().ok_or_else(|| Error::Device("a pass gave nothing".into()))
    }

    fn farthest(&mut self, set: usize, most: usize) -> Result<Vec<Far>> {
        let labels = self.labels(set)?;
        let centroids = self.sets[set].last.as_ref();
        Ok(centroids.map_or_else(Vec::new, |c| farthest(self.matrix, &labels, c, most)))
    }

    fn relabel(&mut self, set: usize, row: usize, label: u32) -> Result<()> {
        self.settle_numbers([set].into_iter())?;
        self.go_back(&[set])?;
        self.move_point(set, row, label)?;
        self.parts.iter_mut().filter(|p| p.holds(row)).try_for_each(|p| p.relabel(set, row, label)).map_err(of_device)
    }

    fn renumber(&mut self, set: usize, map: &[u32]) -> Result<()> {
        self.go_back(&[set])?;
        let set = &mut self.sets[set];
        set.totals = None;
        set.numbers = Some(match set.numbers.take() {
            Some(numbers) => numbers.into_iter().map(|n| map.get(n as usize).copied().unwrap_or(NO_LABEL)).collect(),
            None => map.to_vec(),
        });
        Ok(())
    }

    fn labels(&mut self, set: usize) -> Result<Vec<u32>> {
        self.go_back(&[set])?;
        let mut labels = Vec::with_capacity(self.matrix.count());
        self.parts.iter_mut().try_for_each(|p| p.labels(set, &mut labels)).map_err(of_device)?;
        if let Some(numbers) = &self.sets[set].numbers {
            labels.par_iter_mut().with_min_len(LABELS_AT_ONCE).for_each(|label| {
                *label = numbers.get(*label as usize).copied().unwrap_or(NO_LABEL);
            });
        }
        Ok(labels)
    }
}

/// A device that is full is a device that cannot do what was asked: the host's memory is another matter.
pub(super) fn of_device(error: Error) -> Error {
    match error {
        Error::Memory(what) => Error::Device(what),
        other => other,
    }
}
