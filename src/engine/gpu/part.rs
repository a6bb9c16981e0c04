//! One device's share of the points: chunks that stay there, chunks that stream through, and the labels of every set.

use super::batch::{Batch, ChunkInfo, Member, Source, TABLES, narrow};
use super::device::{Device, Held};
use super::fault::Fault;
use super::plan::{Kernels, chunk_tiles, sets_a_binding};
use super::record::{Dispatch, Recorder, Words};
use super::shader::Kernel;
use super::staging::Ring;
use super::{Opened, Options};
use crate::engine::{Centroids, Change, NO_LABEL};
use crate::error::{Error, Result};
use crate::matrix::{Matrix, TILE};
use std::ops::Range;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Chunks that stream take turns in so many berths, so that one arrives while the other is worked on.
const BERTHS: usize = 2;

/// Larger tables go through the staging ring: a plain write takes fresh memory for each.
const MOST_WRITTEN: usize = 64 << 10;

/// A share of the tiles on a device.
pub(super) struct Part<'m> {
    gpu: Opened,
    matrix: &'m Matrix,
    kernels: Kernels,
    chunk_tiles: usize,
    chunks: Vec<Chunk>,
    /// Where streaming chunks are put, in turn; empty while every chunk stays.
    berths: Vec<Points>,
    labels: Labels,
    /// Points that changed in the last pass of each set.
    changed: Vec<Option<u64>>,
    ring: Ring,
    recorder: Recorder,
    /// Buffers of each run of a batch, and the totals: kept from pass to pass.
    tables: Vec<Vec<Held>>,
    step_tiles: u32,
    totals: Option<Held>,
    moved: Option<Held>,
    fault: Option<Fault>,
}

/// A run of tiles.
struct Chunk {
    first_tile: usize,
    tiles: usize,
    points: usize,
    /// Its tiles in one go, and in the steps of the last pass.
    whole: Step,
    steps: Vec<Step>,
    /// Its points, if they stay on the device.
    points_here: Option<Points>,
}

/// Tiles of a chunk that the device is handed at a time: its description, and workgroups of a kernel that labels.
struct Step {
    info: Held,
    tiles: u32,
    groups: (u32, u32),
}

/// The points of a chunk on the device.
struct Points {
    /// The tiles, then their norms.
    tiles: Held,
    weights: Option<Held>,
}

/// What the kernels of a run read beside their step.
struct Inputs<'a> {
    points: &'a Points,
    labels: &'a Held,
    tables: &'a [Held],
}

/// The labels of every set: a buffer for each group of sets and chunk.
#[derive(Default)]
struct Labels {
    sets_a_group: usize,
    groups: Vec<Vec<Held>>,
}

impl<'m> Part<'m> {
    /// Takes these tiles of the matrix to the device, as many as fit.
    pub(super) fn load(gpu: Opened, matrix: &'m Matrix, tiles: Range<usize>, options: &Options) -> Result<Self> {
        let device = &gpu.device;
        let (limits, memory) = (&device.limits, device.memory());
        let chunk_tiles = chunk_tiles(tiles.len(), matrix.dims(), limits, memory, options.chunk_bytes)?;
        let (dims, bits) = (narrow(matrix.dims()), matrix.frame().bits());
        let weighted = matrix.weights().is_some();
        let kernels = Kernels::new(dims, bits, weighted, narrow(chunk_tiles), device.limits, gpu.abilities);
        let ring = Ring::new(device, size_of_val(matrix.tiles_in(tiles.start..tiles.start + chunk_tiles)))?;
        let chunks = tiles.clone().step_by(chunk_tiles);
        let chunks =
            chunks.map(|first| Chunk::new(device, matrix, &kernels, first, chunk_tiles.min(tiles.end - first)));
        let mut part = Self {
            kernels,
            chunk_tiles,
            chunks: chunks.collect::<Result<_>>()?,
            berths: Vec::new(),
            labels: Labels::default(),
            changed: Vec::new(),
            ring,
            recorder: Recorder::new(gpu.device.clone()),
            tables: Vec::new(),
            step_tiles: 0,
            totals: None,
            moved: None,
            fault: options.fault,
            gpu,
            matrix,
        };
        part.fill()?;
        Ok(part)
    }

    /// Takes chunks to the device until all are there or no more fit; then the rest will stream.
    fn fill(&mut self) -> Result<()> {
        for at in 0..self.chunks.len() {
            match Points::new(&self.gpu.device, self.matrix, self.chunks[at].tiles) {
                Ok(points) => {
                    self.send(at, &points)?;
                    self.chunks[at].points_here = Some(points);
                }
                Err(Error::Memory(_)) => return self.make_berths(),
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Makes the berths through which chunks stream; chunks that are in the way leave the device.
    fn make_berths(&mut self) -> Result<()> {
        while self.berths.len() < BERTHS {
            match Points::new(&self.gpu.device, self.matrix, self.chunk_tiles) {
                Ok(points) => self.berths.push(points),
                Err(Error::Memory(_)) if self.evict()? => {}
                // One berth is enough to go on.
                Err(Error::Memory(_)) if !self.berths.is_empty() => return Ok(()),
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Gives the memory of one chunk back; false if none is left to give.
    fn evict(&mut self) -> Result<bool> {
        let Some(chunk) = self.chunks.iter_mut().rev().find(|c| c.points_here.is_some()) else { return Ok(false) };
        chunk.points_here = None;
        self.gpu.device.reclaim()?;
        Ok(true)
    }

    /// Runs `make` again with less and less on the device for as long as it does not fit.
    fn with_room<T>(&mut self, mut make: impl FnMut(&mut Self) -> Result<T>) -> Result<T> {
        loop {
            match make(self) {
                Err(Error::Memory(_)) if self.evict()? => {}
                done => return done,
            }
            self.make_berths()?;
        }
    }

    /// Copies the points of a chunk into `points`.
    fn send(&mut self, chunk: usize, points: &Points) -> Result<()> {
        let Chunk { first_tile, tiles, points: count, .. } = self.chunks[chunk];
        let range = first_tile..first_tile + tiles;
        let device = &self.gpu.device;
        let (values, norms) = (self.matrix.tiles_in(range.clone()), self.matrix.norms_in(range));
        self.ring.write(device, &points.tiles, bytemuck::cast_slice(values))?;
        self.ring.write_at(device, &points.tiles, size_of_val(values) as u64, bytemuck::cast_slice(norms))?;
        if let (Some(buffer), Some(weights)) = (&points.weights, self.matrix.weights()) {
            let first = first_tile * TILE;
            self.ring.write(device, buffer, bytemuck::cast_slice(&weights.values()[first..first + count]))?;
        }
        Ok(())
    }

    /// Forgets all labels and makes room for `sets` sets.
    pub(super) fn open(&mut self, sets: usize) -> Result<()> {
        self.labels = Labels::default();
        self.changed = vec![None; sets];
        self.labels = self.with_room(|part| part.new_labels(sets))?;
        for group in &self.labels.groups {
            for labels in group {
                self.ring.fill(&self.gpu.device, labels, u8::MAX)?;
            }
        }
        Ok(())
    }

    fn new_labels(&self, sets: usize) -> Result<Labels> {
        let sets_a_group = sets_a_binding(self.chunk_tiles, &self.gpu.device.limits).min(sets.max(1));
        let bytes = (sets_a_group * self.chunk_tiles * TILE * size_of::<u32>()) as u64;
        let group = || self.chunks.iter().map(|_| self.gpu.device.buffer("segma.labels", bytes)).collect();
        let groups = (0..sets.div_ceil(sets_a_group)).map(|_| group()).collect::<Result<_>>()?;
        Ok(Labels { sets_a_group, groups })
    }

    /// A pass over the sets, each with its centroids.
    pub(super) fn pass(&mut self, sets: &[(usize, &Centroids)]) -> Result<Vec<Change>> {
        self.plant()?;
        let members: Vec<Member<'_>> = sets.iter().map(|&(set, centroids)| self.member(set, centroids)).collect();
        let batch = Batch::new(&Source {
            members: &members,
            kernels: &self.kernels,
            points: self.chunks.iter().map(|c| c.points).sum(),
            bits: self.matrix.frame().bits(),
            stride: self.chunk_tiles,
        });
        self.with_room(|part| part.prepare(&batch))?;
        self.recorder.forget();
        if let Some(totals) = &self.totals {
            self.recorder.record(|encoder| encoder.clear_buffer(totals, 0, None))?;
        }
        let mut turn = 0;
        for chunk in 0..self.chunks.len() {
            self.chunk_pass(chunk, &batch, &mut turn)?;
        }
        let changes = self.finish(&batch)?;
        for ((set, _), change) in sets.iter().zip(&changes) {
            self.changed[*set] = Some(change.changed);
        }
        Ok(changes)
    }

    fn member<'a>(&self, set: usize, centroids: &'a Centroids) -> Member<'a> {
        let (group, before) = (set / self.labels.sets_a_group, set % self.labels.sets_a_group);
        Member { centroids, group, before, changed: self.changed[set] }
    }

    /// Cuts the chunks into steps, uploads the tables of a batch and makes room for its totals.
    fn prepare(&mut self, batch: &Batch) -> Result<()> {
        let device = &self.gpu.device;
        let step = self.kernels.step_tiles(batch.centroids());
        if step != self.step_tiles {
            for chunk in &mut self.chunks {
                chunk.steps = chunk.cut(device, self.matrix, &self.kernels, step)?;
            }
            self.step_tiles = step;
        }
        self.tables.resize_with(self.tables.len().max(batch.runs.len()), Vec::new);
        for (run, buffers) in batch.runs.iter().zip(&mut self.tables) {
            for (i, bytes) in run.tables().iter().enumerate() {
                if buffers.get(i).is_none_or(|b| b.size() < bytes.len() as u64) {
                    let buffer = device.grown("segma.table", bytes.len() as u64)?;
                    buffers.truncate(i);
                    buffers.push(buffer);
                }
                if bytes.len() > MOST_WRITTEN {
                    self.ring.write(device, &buffers[i], bytes)?;
                } else {
                    device.write(&buffers[i], 0, bytes)?;
                }
            }
        }
        let bytes = self.total_words(batch) * 4;
        if self.totals.as_ref().is_none_or(|t| t.size() < bytes) {
            self.totals = Some(device.grown("segma.totals", bytes)?);
        }
        if self.moved.is_none() && batch.runs.iter().any(|r| r.slice.is_some()) {
            let points = self.chunk_tiles * TILE;
            self.moved = Some(device.buffer("segma.moved", (points * size_of::<u32>()) as u64)?);
        }
        Ok(())
    }

    fn total_words(&self, batch: &Batch) -> u64 {
        let limbs = if self.matrix.weights().is_some() { 4 } else { 2 };
        (batch.cells * limbs) as u64
    }

    /// Runs a batch over one chunk, which streams in if it is not on the device.
    fn chunk_pass(&mut self, chunk: usize, batch: &Batch, turn: &mut usize) -> Result<()> {
        if let Some(points) = self.chunks[chunk].points_here.take() {
            let done = self.dispatch(chunk, &points, batch);
            self.chunks[chunk].points_here = Some(points);
            return done;
        }
        let berth = *turn % self.berths.len().max(1);
        *turn += 1;
        let berths = std::mem::take(&mut self.berths);
        let done = match berths.get(berth) {
            Some(points) => self.send(chunk, points).and_then(|()| self.dispatch(chunk, points, batch)),
            None => Err(self.gpu.device.error("no berth for a chunk")),
        };
        self.berths = berths;
        done?;
        self.recorder.submit() // before the berth is written again, and so that it is worked on meanwhile
    }

    fn dispatch(&mut self, chunk: usize, points: &Points, batch: &Batch) -> Result<()> {
        let here = &self.chunks[chunk];
        for (run, tables) in batch.runs.iter().zip(&self.tables) {
            let inputs = Inputs { points, labels: &self.labels.groups[run.group][chunk], tables };
            for step in &here.steps {
                let work = self.kernels.label_work(step.tiles, run.centroids());
                let (pipeline, buffers) = self.bound(run.kernel, &inputs, &step.info)?;
                self.recorder.dispatch(&Dispatch { pipeline, buffers, groups: step.groups, work })?;
            }
            if let Some(slice) = run.slice {
                let groups = self.kernels.slice_groups(narrow(here.tiles), slice);
                let work = self.kernels.slice_work(narrow(here.tiles));
                let (pipeline, buffers) = self.bound(self.kernels.slices(), &inputs, &here.whole.info)?;
                self.recorder.dispatch(&Dispatch { pipeline, buffers, groups, work })?;
            }
        }
        Ok(())
    }

    /// A kernel with its buffers.
    fn bound(
        &self,
        kernel: Kernel,
        inputs: &Inputs<'_>,
        info: &Held,
    ) -> Result<(wgpu::ComputePipeline, wgpu::BindGroup)> {
        let variant = self.kernels.variant(kernel);
        let pipeline = self.gpu.pipelines.get(&self.gpu.device, variant, self.gpu.checked)?;
        let of = |name: &str| -> Option<&Held> {
            match name {
                "chunk" => Some(info),
                "tiles" => Some(&inputs.points.tiles),
                "weights" => inputs.points.weights.as_ref(),
                "labels" => Some(inputs.labels),
                "totals" => self.totals.as_ref(),
                "moved" => self.moved.as_ref(),
                _ => TABLES.iter().position(|n| *n == name).map(|i| &inputs.tables[i]),
            }
        };
        let bindings = variant.bindings();
        let buffers: Vec<(u32, &wgpu::Buffer)> =
            bindings.iter().filter_map(|b| of(b.name).map(|held| (b.number, &**held))).collect();
        let group = self.gpu.device.bind(&pipeline, &buffers)?;
        Ok((pipeline, group))
    }

    /// Reads the totals back.
    fn finish(&mut self, batch: &Batch) -> Result<Vec<Change>> {
        let words = self.total_words(batch);
        let Some(totals) = &self.totals else { return Ok(Vec::new()) };
        let mut limbs = Vec::new();
        let source = Words { buffer: totals, first: 0, count: words };
        self.recorder.read(&[source], |w| limbs.extend_from_slice(w))?;
        Ok(batch.changes(&limbs, self.matrix.dims(), self.matrix.weights().is_some()))
    }

    /// Does what a planted fault asks for.
    fn plant(&mut self) -> Result<()> {
        if !self.fault.as_mut().is_some_and(Fault::due) {
            return Ok(());
        }
        match self.fault {
            Some(Fault::Hang(_)) => self.gpu.device.wait_for(&AtomicBool::new(false), Duration::from_millis(20)),
            _ => {
                self.gpu.device.lose();
                Ok(())
            }
        }
    }

    /// Whether `row` of the matrix is here.
    pub(super) fn holds(&self, row: usize) -> bool {
        let (Some(first), Some(last)) = (self.chunks.first(), self.chunks.last()) else { return false };
        (first.first_tile..last.first_tile + last.tiles).contains(&(row / TILE))
    }

    /// Gives one point another label.
    pub(super) fn relabel(&mut self, set: usize, row: usize, label: u32) -> Result<()> {
        let at = self.chunks.partition_point(|c| c.first_tile * TILE <= row) - 1;
        let inside = row - self.chunks[at].first_tile * TILE;
        let word = self.first_word(set) + inside as u64;
        let labels = &self.labels.groups[set / self.labels.sets_a_group][at];
        self.gpu.device.write(labels, word * 4, &label.to_ne_bytes())
    }

    /// The first word of a set in its buffer of labels.
    fn first_word(&self, set: usize) -> u64 {
        (set % self.labels.sets_a_group * self.chunk_tiles * TILE) as u64
    }

    /// Appends the labels of a set.
    pub(super) fn labels(&mut self, set: usize, all: &mut Vec<u32>) -> Result<()> {
        let (first, group) = (self.first_word(set), &self.labels.groups[set / self.labels.sets_a_group]);
        for (chunk, buffer) in self.chunks.iter().zip(group) {
            let source = Words { buffer, first, count: chunk.points as u64 };
            self.recorder.read(&[source], |words| all.extend_from_slice(words))?;
        }
        Ok(())
    }

    /// Gives the points of a set these labels, of which the first belongs to the first point here; gives the rest back.
    pub(super) fn set_labels<'l>(&mut self, set: usize, labels: &'l [u32]) -> Result<&'l [u32]> {
        let (first, group) = (self.first_word(set), &self.labels.groups[set / self.labels.sets_a_group]);
        let mut rest = labels;
        for (chunk, buffer) in self.chunks.iter().zip(group) {
            let (part, after) = rest.split_at(chunk.points);
            self.ring.write_at(&self.gpu.device, buffer, first * 4, bytemuck::cast_slice(part))?;
            rest = after;
        }
        Ok(rest)
    }
}

impl Chunk {
    fn new(device: &Device, matrix: &Matrix, kernels: &Kernels, first_tile: usize, tiles: usize) -> Result<Self> {
        let points = (tiles * TILE).min(matrix.count() - first_tile * TILE);
        let whole = Step::new(device, matrix, kernels, points, 0..narrow(tiles))?;
        Ok(Self { first_tile, tiles, points, whole, steps: Vec::new(), points_here: None })
    }

    /// Its tiles in steps of so many.
    fn cut(&self, device: &Device, matrix: &Matrix, kernels: &Kernels, step: u32) -> Result<Vec<Step>> {
        let tiles = narrow(self.tiles);
        let firsts = (0..tiles).step_by(step as usize);
        firsts
            .map(|at| Step::new(device, matrix, kernels, self.points, at..tiles.min(at.saturating_add(step))))
            .collect()
    }
}

impl Step {
    /// These tiles of a chunk of so many points.
    fn new(device: &Device, matrix: &Matrix, kernels: &Kernels, points: usize, tiles: Range<u32>) -> Result<Self> {
        let groups = kernels.groups(tiles.end - tiles.start);
        let info = ChunkInfo {
            points: narrow(points),
            first_tile: tiles.start,
            end_tile: tiles.end,
            groups_x: groups.0,
            norms: narrow(points.div_ceil(TILE) * TILE * matrix.dims()),
        };
        let tiles = tiles.end - tiles.start;
        Ok(Self { info: device.uniform("segma.chunk", bytemuck::bytes_of(&info))?, tiles, groups })
    }
}

impl Points {
    /// Room for so many tiles.
    fn new(device: &Device, matrix: &Matrix, tiles: usize) -> Result<Self> {
        let points = (tiles * TILE) as u64;
        let word = size_of::<f32>() as u64;
        Ok(Self {
            tiles: device.buffer("segma.tiles", (points * matrix.dims() as u64 + tiles as u64) * word)?,
            weights: match matrix.weights() {
                Some(_) => Some(device.buffer("segma.weights", points * 2 * word)?),
                None => None,
            },
        })
    }
}

const _: () = assert!(NO_LABEL == u32::MAX, "labels are cleared byte by byte");
