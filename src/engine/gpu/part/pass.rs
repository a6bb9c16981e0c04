//! Passes over one device's share: tables up, kernels over every chunk, changes back; several passes in one submission
//! where the device can move the centroids itself.
//!
//! Then it stops by itself when no label changed, or when a cluster is empty, which is the host's to fill. Whatever else
//! ends a fit is for the host, which gets the change and the centroids of each pass.

use super::super::batch::{Batch, CUT, DRIFT, Member, SKIPPED, Source, TABLES, narrow};
use super::super::device::{Device, Held};
use super::super::fault::Fault;
use super::super::record::{Dispatch, Words};
use super::super::shader::{Kernel, Variant};
use super::super::staging::Ring;
use super::{MOST_DRIFT, Part, Points, TILE};
use crate::engine::{Centroids, Change};
use crate::error::Result;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Larger tables go through the staging ring: a plain write takes fresh memory for each.
const MOST_WRITTEN: usize = 64 << 10;

/// A set that a pass is asked for.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine::gpu) struct Asked<'a> {
    pub(in crate::engine::gpu) set: usize,
    pub(in crate::engine::gpu) centroids: &'a Centroids,
    /// The sums of its labels before the pass, if they are known.
    pub(in crate::engine::gpu) totals: Option<&'a Change>,
}

/// What a pass gave each set.
#[derive(Debug)]
pub(in crate::engine::gpu) struct Made {
    /// The centroids that the device went on with; `None` for the first pass, which has those asked for.
    pub(in crate::engine::gpu) centroids: Option<Vec<Centroids>>,
    pub(in crate::engine::gpu) changes: Vec<Change>,
}

/// The buffers of a dispatch.
#[derive(Clone, Copy)]
struct Inputs<'a> {
    tables: &'a [Held],
    /// The sets of this pass, and of the next.
    sets: &'a Held,
    next: Option<&'a Held>,
    /// The points of a chunk, their labels, and the tiles to take.
    chunk: Option<(&'a Points, &'a Held, &'a Held)>,
}

impl Part<'_> {
    /// A pass over the sets, and up to `most` in all if the device can go on by itself and nothing stops it.
    pub(in crate::engine::gpu) fn passes(&mut self, sets: &[Asked<'_>], most: usize) -> Result<Vec<Made>> {
        self.plant()?;
        self.widen(sets.iter().map(|s| s.centroids.k()).max().unwrap_or(1))?;
        sets.iter().try_for_each(|s| self.go(s))?;
        self.kernels.keep(&sets.iter().map(|s| s.centroids.k()).collect::<Vec<_>>());
        let members: Vec<Member<'_>> = sets.iter().map(|s| self.member(s.set, s.centroids)).collect();
        let mut batch = Batch::new(&Source {
            members: &members,
            kernels: &self.kernels,
            points: self.points(),
            bits: self.matrix.frame().bits(),
            stride: self.chunk_tiles,
        });
        let totals: Option<Vec<Change>> = sets.iter().map(|s| s.totals.cloned()).collect();
        let passes = if totals.is_some() { self.most_passes(&batch, most) } else { 1 };
        let goes_ahead = self.prove(&mut batch, passes > 1)?;
        batch.go_on(if goes_ahead { passes } else { 1 });
        let totals = totals.unwrap_or_default();
        self.with_room(|part| part.prepare(&batch, &totals))?;
        self.record(&batch)?;
        let made = self.finish(&batch, totals, sets)?;
        if let Some(last) = made.last() {
            sets.iter().zip(&last.changes).for_each(|(s, change)| self.changed[s.set] = Some(change.changed));
        }
        Ok(made)
    }

    /// Sees that the kernels of a batch are right, and whether it may make passes `ahead`. A kernel that leaves tiles out only
    /// saves time: until it has proven right, which goes on beside the passes, all tiles are read, and if it is wrong they
    /// always are.
    fn prove(&mut self, batch: &mut Batch, ahead: bool) -> Result<bool> {
        let (options, proves) = (self.options, self.gpu.proves);
        for run in batch.runs.iter_mut().filter(|run| run.variant.slack && proves) {
            let variant = run.variant;
            run.variant.slack = if options.patient {
                self.with_room(|part| part.gpu.prove(variant, &options))?
            } else {
                self.gpu.proofs.is_right(variant)
            };
            if !run.variant.slack && !options.patient && self.gpu.proofs.begin(variant) {
                self.compiling.prove(&self.gpu, variant, false, options);
            }
        }
        self.with_room(|part| {
            let mut goes_ahead = ahead;
            for run in &batch.runs {
                if !part.gpu.prove(run.variant, &options)? {
                    return Err(part.gpu.device.error(format_args!("{} was not tried", run.variant)));
                }
                goes_ahead = goes_ahead && part.gpu.prove_ahead(run.variant, &options)?;
            }
            Ok(goes_ahead)
        })
    }

    pub(super) fn points(&self) -> usize {
        self.chunks.iter().map(|c| c.points).sum()
    }

    fn member<'a>(&self, set: usize, centroids: &'a Centroids) -> Member<'a> {
        let (group, before) = (set / self.labels.sets_a_group, set % self.labels.sets_a_group);
        Member { centroids, group, before, travel: self.travels[set].steps, changed: self.changed[set] }
    }

    /// Takes the travel of a set on to the centroids asked for; where that says nothing any more, no tile has slack.
    fn go(&mut self, asked: &Asked<'_>) -> Result<()> {
        let bits = self.matrix.frame().bits();
        if !self.travels[asked.set].go(asked.centroids, bits) || self.travels[asked.set].steps >= MOST_DRIFT {
            self.forget_slack(asked.set)?;
            self.travels[asked.set].go(asked.centroids, bits);
        }
        Ok(())
    }

    /// Passes that are worth one submission.
    fn most_passes(&self, batch: &Batch, most: usize) -> usize {
        let [run] = batch.runs.as_slice() else { return 1 };
        let (k, sets) = run.shape();
        if !self.berths.is_empty() || self.kernels.update_groups(k, sets).is_none() {
            return 1;
        }
        let tiles = narrow(self.points().div_ceil(TILE));
        let bytes = 4 * (batch.cells * self.width() + run.exact_words()) as u64;
        self.kernels.passes(most, self.kernels.label_work(tiles, run.centroids()), bytes)
    }

    /// Limbs of a cell.
    fn width(&self) -> usize {
        if self.matrix.weights().is_some() { 4 } else { 2 }
    }

    /// Cuts the chunks into steps, uploads the tables of a batch and makes room for its totals.
    fn prepare(&mut self, batch: &Batch, totals: &[Change]) -> Result<()> {
        let step = self.kernels.step_tiles(batch.centroids());
        if step != self.step_tiles {
            for chunk in &mut self.chunks {
                chunk.steps = chunk.cut(&self.gpu.device, self.matrix, step)?;
            }
            self.step_tiles = step;
        }
        self.upload_tables(batch)?;
        let bytes = (batch.all_cells() * self.width() * 4) as u64;
        if self.totals.as_ref().is_none_or(|t| t.size() < bytes) {
            self.totals = Some(self.gpu.device.grown("segma.totals", bytes)?);
        }
        if batch.passes > 1 {
            self.upload_ahead(batch, totals)?;
        }
        Ok(())
    }

    fn upload_tables(&mut self, batch: &Batch) -> Result<()> {
        let device = &self.gpu.device;
        self.tables.resize_with(self.tables.len().max(batch.runs.len()), Vec::new);
        for (run, buffers) in batch.runs.iter().zip(&mut self.tables) {
            for (i, bytes) in run.tables().iter().enumerate() {
                let passes = if TABLES[i] == "exact" { batch.passes } else { 1 };
                if buffers.get(i).is_none_or(|b| b.size() < (bytes.len() * passes) as u64) {
                    let buffer = device.grown("segma.table", (bytes.len() * passes) as u64)?;
                    buffers.truncate(i);
                    buffers.push(buffer);
                }
                write(&mut self.ring, device, &buffers[i], bytes)?;
            }
        }
        Ok(())
    }

    /// Uploads what several passes in one submission need: the sets of the later ones, and the sums before the first.
    fn upload_ahead(&mut self, batch: &Batch, totals: &[Change]) -> Result<()> {
        let device = &self.gpu.device;
        for pass in 1..batch.passes {
            let bytes = batch.runs[0].later_sets(pass);
            if self.later.get(pass - 1).is_none_or(|b| b.size() < bytes.len() as u64) {
                self.later.truncate(pass - 1);
                self.later.push(device.grown("segma.sets", bytes.len() as u64)?);
            }
            write(&mut self.ring, device, &self.later[pass - 1], &bytes)?;
        }
        let limbs = batch.limbs(totals, self.matrix.dims(), self.matrix.weights().is_some());
        let bytes = bytemuck::cast_slice(&limbs);
        self.totals.iter().try_for_each(|totals| write(&mut self.ring, device, totals, bytes))
    }

    /// Records the passes of a batch.
    fn record(&mut self, batch: &Batch) -> Result<()> {
        self.recorder.forget();
        if let Some(totals) = &self.totals {
            let first = if batch.passes > 1 { (batch.cells * self.width() * 4) as u64 } else { 0 };
            self.recorder.record(|encoder| encoder.clear_buffer(totals, first, None))?;
        }
        let mut turn = 0;
        for pass in 0..batch.passes {
            for chunk in 0..self.chunks.len() {
                self.chunk_pass(chunk, batch, pass, &mut turn)?;
            }
            if pass + 1 < batch.passes {
                self.update(batch, pass)?;
            }
        }
        Ok(())
    }

    /// Runs a batch over one chunk, which streams in if it is not on the device.
    fn chunk_pass(&mut self, chunk: usize, batch: &Batch, pass: usize, turn: &mut usize) -> Result<()> {
        if let Some(points) = self.chunks[chunk].points_here.take() {
            let done = self.assign(chunk, &points, batch, pass);
            self.chunks[chunk].points_here = Some(points);
            return done;
        }
        let berth = *turn % self.berths.len().max(1);
        *turn += 1;
        let berths = std::mem::take(&mut self.berths);
        let done = match berths.get(berth) {
            Some(points) => self.send(chunk, points).and_then(|()| self.assign(chunk, points, batch, pass)),
            None => Err(self.gpu.device.error("no berth for a chunk")),
        };
        self.berths = berths;
        done?;
        self.recorder.submit() // before the berth is written again, and so that it is worked on meanwhile
    }

    /// Records the kernels that label and sum a chunk.
    fn assign(&mut self, chunk: usize, points: &Points, batch: &Batch, pass: usize) -> Result<()> {
        let here = &self.chunks[chunk];
        for (run, tables) in batch.runs.iter().zip(&self.tables) {
            let labels = &self.labels.groups[run.group][chunk];
            let sets = sets_of(tables, &self.later, pass);
            let inputs = |info| Inputs { tables, sets, next: None, chunk: Some((points, labels, info)) };
            for step in &here.steps {
                let work = self.kernels.label_work(step.tiles, run.centroids());
                let groups = self.kernels.groups(&run.variant, step.tiles);
                let dispatch = self.dispatch_of(run.variant, inputs(&step.info), groups, work)?;
                self.recorder.dispatch(&dispatch)?;
            }
        }
        Ok(())
    }

    /// Records the kernel that makes the centroids of the next pass.
    fn update(&mut self, batch: &Batch, pass: usize) -> Result<()> {
        let (k, count) = batch.runs[0].shape();
        let Some(groups) = self.kernels.update_groups(k, count) else { return Ok(()) };
        let tables = &self.tables[0];
        let sets = sets_of(tables, &self.later, pass);
        let inputs = Inputs { tables, sets, next: self.later.get(pass), chunk: None };
        let dispatch = self.dispatch_of(self.kernels.variant(Kernel::Update, k), inputs, groups, 0)?;
        self.recorder.dispatch(&dispatch)
    }

    /// A kernel with its buffers.
    fn dispatch_of(&self, variant: Variant, inputs: Inputs<'_>, groups: (u32, u32), work: u64) -> Result<Dispatch> {
        let pipeline = self.gpu.pipelines.get(&self.gpu.device, variant, self.gpu.checked)?;
        let of = |name: &str| -> Option<&Held> {
            match name {
                "chunk" => inputs.chunk.map(|(_, _, info)| info),
                "tiles" => inputs.chunk.map(|(points, _, _)| &points.tiles),
                "weights" => inputs.chunk.and_then(|(points, _, _)| points.weights.as_ref()),
                "labels" => inputs.chunk.map(|(_, labels, _)| labels),
                "totals" => self.totals.as_ref(),
                "sets" => Some(inputs.sets),
                "next" => inputs.next,
                _ => TABLES.iter().position(|n| *n == name).map(|i| &inputs.tables[i]),
            }
        };
        let bindings = variant.bindings();
        let buffers: Vec<(u32, &wgpu::Buffer)> =
            bindings.iter().filter_map(|b| of(b.name).map(|held| (b.number, &**held))).collect();
        let buffers = self.gpu.device.bind(&pipeline, &buffers)?;
        Ok(Dispatch { stage: variant.stage(), pipeline, buffers, groups, work })
    }

    /// Reads back what the passes changed and the centroids they had, up to the one that the device stopped at.
    fn finish(&mut self, batch: &Batch, mut totals: Vec<Change>, sets: &[Asked<'_>]) -> Result<Vec<Made>> {
        let Some(buffer) = &self.totals else { return Ok(Vec::new()) };
        let (dims, weighted) = (self.matrix.dims(), self.matrix.weights().is_some());
        let (region, ahead) = (batch.cells * self.width(), batch.passes - 1);
        let first = if ahead > 0 { region as u64 } else { 0 };
        let mut sources = vec![Words { buffer, first, count: (batch.passes * region) as u64 }];
        let row = batch.runs[0].exact_words();
        if ahead > 0 {
            sources.push(Words { buffer: &self.tables[0][2], first: row as u64, count: (ahead * row) as u64 });
        }
        let mut words = Vec::new();
        self.recorder.read(&sources, |w| words.extend_from_slice(w))?;
        if self.options.fault == Some(Fault::Lie) {
            words[0] ^= 1;
        }
        let (sums, exact) = words.split_at(batch.passes * region);
        let mut made = Vec::new();
        for pass in 0..batch.passes {
            let centroids = (pass > 0).then(|| batch.runs[0].centroids_in(&exact[(pass - 1) * row..pass * row], dims));
            for (i, (set, centroids)) in sets.iter().zip(centroids.iter().flatten()).enumerate() {
                let drift = batch.counters(&sums[(pass - 1) * region..], dims, weighted, DRIFT)[i];
                self.travels[set.set].follow(centroids, drift);
            }
            let limbs = &sums[pass * region..];
            if batch.counters(limbs, dims, weighted, CUT).iter().any(|&lanes| lanes > 0) {
                return Err(self
                    .gpu
                    .device
                    .error("the driver ended a kernel before its end: too many rounds of its loops"));
            }
            self.gpu.ledger.skip(batch.counters(limbs, dims, weighted, SKIPPED).iter().sum());
            let changes = batch.changes(limbs, dims, weighted);
            totals.iter_mut().zip(&changes).for_each(|(total, change)| total.add(change));
            let goes_on = goes_on(&totals, &changes);
            made.push(Made { centroids, changes });
            if !goes_on {
                break;
            }
        }
        Ok(made)
    }

    /// Does what a planted fault asks for.
    fn plant(&mut self) -> Result<()> {
        if !self.options.fault.as_mut().is_some_and(Fault::due) {
            return Ok(());
        }
        match self.options.fault {
            Some(Fault::Hang(_)) => self.gpu.device.wait_for(&AtomicBool::new(false), Duration::from_millis(20)),
            _ => {
                self.gpu.device.lose();
                Ok(())
            }
        }
    }
}

fn write(ring: &mut Ring, device: &Device, buffer: &Held, bytes: &[u8]) -> Result<()> {
    if bytes.len() > MOST_WRITTEN { ring.write(device, buffer, bytes) } else { device.write(buffer, 0, bytes) }
}

/// The sets of a run as a pass meets them.
fn sets_of<'a>(tables: &'a [Held], later: &'a [Held], pass: usize) -> &'a Held {
    pass.checked_sub(1).map_or(&tables[0], |before| &later[before])
}

/// Whether the device went on after a pass. Twin of `decide` in `update.wgsl`.
fn goes_on(totals: &[Change], changes: &[Change]) -> bool {
    changes.iter().any(|c| c.changed > 0) && totals.iter().all(|t| t.weights.iter().all(|w| *w > 0))
}
