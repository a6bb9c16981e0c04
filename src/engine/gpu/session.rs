//! Points on one or several devices, and passes over them.

use super::part::Part;
use super::{Opened, Options};
use crate::engine::farthest::farthest;
use crate::engine::{Centroids, Change, Far, Session, SetPass};
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use rayon::prelude::*;

/// A session whose tiles are shared out over the devices, in order.
pub(super) struct GpuSession<'m> {
    matrix: &'m Matrix,
    parts: Vec<Part<'m>>,
    /// The centroids of each set's last pass.
    centroids: Vec<Option<Centroids>>,
}

impl<'m> GpuSession<'m> {
    pub(super) fn new(devices: &[Opened], matrix: &'m Matrix, options: &Options) -> Result<Self> {
        let share = matrix.tiles().div_ceil(devices.len());
        let shares = (0..matrix.tiles()).step_by(share).map(|first| first..(first + share).min(matrix.tiles()));
        let work: Vec<_> = devices.iter().zip(shares).collect();
        let parts = work.into_par_iter().map(|(gpu, tiles)| Part::load(gpu.clone(), matrix, tiles, options));
        let parts = parts.collect::<Result<_>>().map_err(of_device)?;
        Ok(Self { matrix, parts, centroids: Vec::new() })
    }
}

impl Session for GpuSession<'_> {
    fn open(&mut self, sets: usize) -> Result<()> {
        self.centroids = vec![None; sets];
        self.parts.par_iter_mut().try_for_each(|part| part.open(sets)).map_err(of_device)
    }

    fn pass(&mut self, batch: &[SetPass<'_>]) -> Result<Vec<Change>> {
        let sets: Vec<(usize, &Centroids)> = batch.iter().map(|s| (s.set, s.centroids)).collect();
        let changes = self.parts.par_iter_mut().map(|p| p.pass(&sets));
        let changes: Vec<Vec<Change>> = changes.collect::<Result<_>>().map_err(of_device)?;
        for s in batch {
            self.centroids[s.set] = Some(s.centroids.clone());
        }
        let mut changes = changes.into_iter();
        let mut total = changes.next().unwrap_or_default();
        for part in changes {
            total.iter_mut().zip(&part).for_each(|(total, part)| total.add(part));
        }
        Ok(total)
    }

    fn farthest(&mut self, set: usize, most: usize) -> Result<Vec<Far>> {
        let labels = self.labels(set)?;
        let centroids = self.centroids[set].as_ref();
        Ok(centroids.map_or_else(Vec::new, |c| farthest(self.matrix, &labels, c, most)))
    }

    fn relabel(&mut self, set: usize, row: usize, label: u32) -> Result<()> {
        self.parts.iter_mut().filter(|p| p.holds(row)).try_for_each(|p| p.relabel(set, row, label)).map_err(of_device)
    }

    fn renumber(&mut self, set: usize, map: &[u32]) -> Result<()> {
        let labels: Vec<u32> = self.labels(set)?.into_iter().map(|l| map[l as usize]).collect();
        let mut rest = labels.as_slice();
        for part in &mut self.parts {
            rest = part.set_labels(set, rest).map_err(of_device)?;
        }
        Ok(())
    }

    fn labels(&mut self, set: usize) -> Result<Vec<u32>> {
        let mut labels = Vec::with_capacity(self.matrix.count());
        self.parts.iter_mut().try_for_each(|p| p.labels(set, &mut labels)).map_err(of_device)?;
        Ok(labels)
    }
}

/// A device that is full is a device that cannot do what was asked: the host's memory is another matter.
fn of_device(error: Error) -> Error {
    match error {
        Error::Memory(what) => Error::Device(what),
        other => other,
    }
}
