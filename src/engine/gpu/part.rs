//! One device's share of the points: chunks that stay there, chunks that stream through, and the labels of every set.

use super::batch::{Batch, ChunkInfo, Member, TABLES, narrow};
use super::device::{Device, Held};
use super::fault::Fault;
use super::plan::{Kernels, Plan, plan, sets_a_binding};
use super::shader::Kernel;
use super::staging::{Readback, Ring};
use super::{Opened, Options};
use crate::engine::{Centroids, Change, NO_LABEL};
use crate::error::{Error, Result};
use crate::matrix::{Matrix, TILE};
use std::ops::Range;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Chunks that stream take turns in so many places, so that one arrives while the other is worked on.
const PLACES: usize = 2;

/// A share of the tiles on a device.
pub(super) struct Part<'m> {
    gpu: Opened,
    matrix: &'m Matrix,
    kernels: Kernels,
    chunk_tiles: usize,
    chunks: Vec<Chunk>,
    /// Where streaming chunks are put, in turn; empty while every chunk stays.
    places: Vec<Points>,
    labels: Labels,
    /// Points that changed in the last pass of each set.
    changed: Vec<Option<u64>>,
    ring: Ring,
    readback: Readback,
    /// Buffers of each run of a batch, and the totals: kept from pass to pass.
    tables: Vec<Vec<Held>>,
    totals: Option<Held>,
    moved: Option<Held>,
    fault: Option<Fault>,
}

/// A run of tiles.
struct Chunk {
    first_tile: usize,
    tiles: usize,
    points: usize,
    info: Held,
    /// Its points, if they stay on the device.
    points_here: Option<Points>,
}

/// The points of a chunk on the device.
struct Points {
    /// The tiles, then their norms.
    tiles: Held,
    weights: Option<Held>,
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
        let Plan { chunk_tiles, .. } =
            plan(tiles.len(), matrix.dims(), &device.limits, device.memory(), options.chunk_bytes)?;
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
            places: Vec::new(),
            labels: Labels::default(),
            changed: Vec::new(),
            ring,
            readback: Readback::default(),
            tables: Vec::new(),
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
                Err(Error::Memory(_)) => return self.make_places(),
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Makes the places through which chunks stream; chunks that are in the way leave the device.
    fn make_places(&mut self) -> Result<()> {
        while self.places.len() < PLACES {
            match Points::new(&self.gpu.device, self.matrix, self.chunk_tiles) {
                Ok(points) => self.places.push(points),
                Err(Error::Memory(_)) if self.evict()? => {}
                // One place is enough to go on.
                Err(Error::Memory(_)) if !self.places.is_empty() => return Ok(()),
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
            self.make_places()?;
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
                let device = &self.gpu.device;
                let none = vec![u8::MAX; usize::try_from(labels.size()).unwrap_or(usize::MAX)];
                self.ring.write(device, labels, &none)?;
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
        let points = self.chunks.iter().map(|c| c.points).sum();
        let bits = self.matrix.frame().bits();
        let batch = Batch::new(&members, &self.kernels, points, bits, self.chunk_tiles);
        self.with_room(|part| part.prepare(&batch))?;
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
        let (group, place) = (set / self.labels.sets_a_group, set % self.labels.sets_a_group);
        Member { centroids, group, place, changed: self.changed[set] }
    }

    /// Uploads the tables of a batch and clears the totals.
    fn prepare(&mut self, batch: &Batch) -> Result<()> {
        let device = &self.gpu.device;
        self.tables.resize_with(self.tables.len().max(batch.runs.len()), Vec::new);
        for (run, buffers) in batch.runs.iter().zip(&mut self.tables) {
            for (i, bytes) in run.tables().iter().enumerate() {
                if buffers.get(i).is_none_or(|b| b.size() < bytes.len() as u64) {
                    let buffer = device.buffer("segma.table", bytes.len().next_power_of_two() as u64)?;
                    buffers.truncate(i);
                    buffers.push(buffer);
                }
                device.write(&buffers[i], 0, bytes)?;
            }
        }
        let bytes = self.total_words(batch) * 4;
        if self.totals.as_ref().is_none_or(|t| t.size() < bytes) {
            self.totals = Some(device.buffer("segma.totals", bytes.next_power_of_two())?);
        }
        if self.moved.is_none() && batch.runs.iter().any(|r| r.slice.is_some()) {
            let points = self.chunk_tiles * TILE;
            self.moved = Some(device.buffer("segma.moved", (points * size_of::<u32>()) as u64)?);
        }
        let totals = &self.totals;
        device.submit(|encoder| {
            totals.iter().for_each(|totals| encoder.clear_buffer(totals, 0, None));
        })
    }

    fn total_words(&self, batch: &Batch) -> u64 {
        let limbs = if self.matrix.weights().is_some() { 4 } else { 2 };
        (batch.cells * limbs) as u64
    }

    /// Runs a batch over one chunk, which streams in if it is not on the device.
    fn chunk_pass(&mut self, chunk: usize, batch: &Batch, turn: &mut usize) -> Result<()> {
        if self.chunks[chunk].points_here.is_some() {
            return self.dispatch(chunk, self.chunks[chunk].points_here.as_ref(), batch);
        }
        let place = *turn % self.places.len().max(1);
        *turn += 1;
        let places = std::mem::take(&mut self.places);
        let done = match places.get(place) {
            Some(points) => self.send(chunk, points).and_then(|()| self.dispatch(chunk, Some(points), batch)),
            None => Err(self.gpu.device.error("no place for a chunk")),
        };
        self.places = places;
        done
    }

    fn dispatch(&self, chunk: usize, points: Option<&Points>, batch: &Batch) -> Result<()> {
        let device = &self.gpu.device;
        let here = &self.chunks[chunk];
        let tiles = narrow(here.tiles);
        let mut work = Vec::new();
        for (run, tables) in batch.runs.iter().zip(&self.tables) {
            let Some(kernel) = run.kernel else { continue };
            let labels = &self.labels.groups[run.group][chunk];
            work.push((self.bound(kernel, here, points, labels, tables)?, self.kernels.groups(tiles)));
            if let Some(slice) = run.slice {
                let slices = self.kernels.slices();
                work.push((self.bound(slices, here, points, labels, tables)?, self.kernels.slice_groups(tiles, slice)));
            }
        }
        device.submit(|encoder| {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for ((pipeline, group), (x, y)) in &work {
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, group, &[]);
                pass.dispatch_workgroups(*x, *y, 1);
            }
        })
    }

    /// A kernel with its buffers.
    fn bound(
        &self,
        kernel: Kernel,
        chunk: &Chunk,
        points: Option<&Points>,
        labels: &Held,
        tables: &[Held],
    ) -> Result<(wgpu::ComputePipeline, wgpu::BindGroup)> {
        let variant = self.kernels.variant(kernel);
        let pipeline = self.gpu.pipelines.get(&self.gpu.device, variant, self.gpu.checked)?;
        let of = |name: &str| -> Option<&Held> {
            match name {
                "chunk" => Some(&chunk.info),
                "tiles" => points.map(|p| &p.tiles),
                "weights" => points.and_then(|p| p.weights.as_ref()),
                "labels" => Some(labels),
                "totals" => self.totals.as_ref(),
                "moved" => self.moved.as_ref(),
                _ => TABLES.iter().position(|n| *n == name).map(|i| &tables[i]),
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
        self.readback.read(&self.gpu.device, totals, 0, words, |w| limbs.extend_from_slice(w))?;
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
        let word = self.place(set) + inside as u64;
        let labels = &self.labels.groups[set / self.labels.sets_a_group][at];
        self.gpu.device.write(labels, word * 4, &label.to_ne_bytes())
    }

    /// The first word of a set in its buffer of labels.
    fn place(&self, set: usize) -> u64 {
        (set % self.labels.sets_a_group * self.chunk_tiles * TILE) as u64
    }

    /// Appends the labels of a set.
    pub(super) fn labels(&mut self, set: usize, all: &mut Vec<u32>) -> Result<()> {
        let (place, group) = (self.place(set), &self.labels.groups[set / self.labels.sets_a_group]);
        for (chunk, buffer) in self.chunks.iter().zip(group) {
            let take = |words: &[u32]| all.extend_from_slice(words);
            self.readback.read(&self.gpu.device, buffer, place, chunk.points as u64, take)?;
        }
        Ok(())
    }

    /// Gives the points of a set these labels, of which the first belongs to the first point here; gives the rest back.
    pub(super) fn set_labels<'l>(&mut self, set: usize, labels: &'l [u32]) -> Result<&'l [u32]> {
        let (place, group) = (self.place(set), &self.labels.groups[set / self.labels.sets_a_group]);
        let mut rest = labels;
        for (chunk, buffer) in self.chunks.iter().zip(group) {
            let (part, after) = rest.split_at(chunk.points);
            self.ring.write_at(&self.gpu.device, buffer, place * 4, bytemuck::cast_slice(part))?;
            rest = after;
        }
        Ok(rest)
    }
}

impl Chunk {
    fn new(device: &Device, matrix: &Matrix, kernels: &Kernels, first_tile: usize, tiles: usize) -> Result<Self> {
        let points = (tiles * TILE).min(matrix.count() - first_tile * TILE);
        let (groups_x, _) = kernels.groups(narrow(tiles));
        let info = ChunkInfo {
            points: narrow(points),
            tiles: narrow(tiles),
            groups_x,
            norms: narrow(tiles * TILE * matrix.dims()),
        };
        let buffer = device.uniform("segma.chunk")?;
        device.write(&buffer, 0, bytemuck::bytes_of(&info))?;
        Ok(Self { first_tile, tiles, points, info: buffer, points_here: None })
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
