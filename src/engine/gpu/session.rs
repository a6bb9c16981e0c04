//! Points on a device, and passes over them.

use super::device::Device;
use super::pipelines::Pipelines;
use super::plan::{Plan, grid, plan, variant};
use crate::engine::bound::{DIRECTED, Scoring};
use crate::engine::farthest::farthest;
use crate::engine::{Centroids, Change, Far, NO_LABEL, Session, SetPass};
use crate::error::Result;
use crate::matrix::{Matrix, TILE};
use bytemuck::{Pod, Zeroable};
use std::mem::offset_of;
use std::sync::Arc;

/// Twin of `Params` in `assign.wgsl`.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Params {
    points: u32,
    tiles: u32,
    distinct: u32,
    quads: u32,
    k: u32,
    bound: f32,
    guard: f32,
    groups_x: u32,
}

/// Each field of the parameters and its offset in bytes, for the test that compares them with the shader's.
pub const PARAMS_LAYOUT: [(&str, u32); 8] = [
    ("points", offset(offset_of!(Params, points))),
    ("tiles", offset(offset_of!(Params, tiles))),
    ("distinct", offset(offset_of!(Params, distinct))),
    ("quads", offset(offset_of!(Params, quads))),
    ("k", offset(offset_of!(Params, k))),
    ("bound", offset(offset_of!(Params, bound))),
    ("guard", offset(offset_of!(Params, guard))),
    ("groups_x", offset(offset_of!(Params, groups_x))),
];

#[expect(clippy::cast_possible_truncation, reason = "a struct of 32 bytes")]
const fn offset(bytes: usize) -> u32 {
    bytes as u32
}

/// A run of tiles on the device.
struct Chunk {
    first_tile: usize,
    tiles: usize,
    points: usize,
    values: wgpu::Buffer,
    norms: wgpu::Buffer,
}

/// A centroid set: the labels of each chunk on the device, and the centroids of the last pass.
struct Set {
    labels: Vec<wgpu::Buffer>,
    centroids: Option<Centroids>,
}

pub(super) struct GpuSession<'m> {
    device: Arc<Device>,
    matrix: &'m Matrix,
    chunks: Vec<Chunk>,
    sets: Vec<Set>,
    pipelines: Pipelines,
    /// Passes left before a planted loss of the device.
    passes_left: Option<u32>,
}

impl<'m> GpuSession<'m> {
    pub(super) fn new(
        device: Arc<Device>,
        matrix: &'m Matrix,
        chunk_bytes: Option<u64>,
        passes_left: Option<u32>,
    ) -> Result<Self> {
        let plan = plan(matrix.tiles(), matrix.dims(), &device.limits, chunk_bytes)?;
        let chunks = (0..plan.chunks).map(|c| Chunk::upload(&device, matrix, plan, c)).collect::<Result<_>>()?;
        Ok(Self { device, matrix, chunks, sets: Vec::new(), pipelines: Pipelines::default(), passes_left })
    }
}

impl Chunk {
    fn upload(device: &Device, matrix: &Matrix, plan: Plan, chunk: usize) -> Result<Self> {
        let first_tile = chunk * plan.chunk_tiles;
        let tiles = plan.chunk_tiles.min(matrix.tiles() - first_tile);
        let points = (tiles * TILE).min(matrix.count() - first_tile * TILE);
        let range = first_tile..first_tile + tiles;
        let (values, norms) = (matrix.tiles_in(range.clone()), matrix.norms_in(range));
        let buffers = (
            device.buffer("segma.tiles", size_of_val(values) as u64)?,
            device.buffer("segma.norms", size_of_val(norms) as u64)?,
        );
        device.upload(&buffers.0, bytemuck::cast_slice(values))?;
        device.upload(&buffers.1, bytemuck::cast_slice(norms))?;
        Ok(Self { first_tile, tiles, points, values: buffers.0, norms: buffers.1 })
    }
}

impl Session for GpuSession<'_> {
    fn open(&mut self, sets: usize) -> Result<()> {
        self.sets = (0..sets).map(|_| self.new_set()).collect::<Result<_>>()?;
        Ok(())
    }

    fn pass(&mut self, batch: &[SetPass<'_>]) -> Result<Vec<Change>> {
        batch.iter().map(|s| self.pass_set(s.set, s.centroids)).collect()
    }

    fn farthest(&mut self, set: usize, most: usize) -> Result<Vec<Far>> {
        let labels = self.labels(set)?;
        let centroids = self.sets[set].centroids.as_ref();
        Ok(centroids.map_or_else(Vec::new, |c| farthest(self.matrix, &labels, c, most)))
    }

    fn relabel(&mut self, set: usize, row: usize, label: u32) -> Result<()> {
        let at = self.chunks.partition_point(|c| c.first_tile * TILE <= row) - 1;
        let offset = ((row - self.chunks[at].first_tile * TILE) * size_of::<u32>()) as u64;
        let buffer = &self.sets[set].labels[at];
        self.device.guarded(|| self.device.queue.write_buffer(buffer, offset, &label.to_ne_bytes()))
    }

    fn renumber(&mut self, set: usize, map: &[u32]) -> Result<()> {
        let labels: Vec<u32> = self.labels(set)?.into_iter().map(|l| map[l as usize]).collect();
        let mut rest = labels.as_slice();
        for (chunk, buffer) in self.chunks.iter().zip(&self.sets[set].labels) {
            let (part, after) = rest.split_at(chunk.points);
            self.device.upload(buffer, bytemuck::cast_slice(part))?;
            rest = after;
        }
        Ok(())
    }

    fn labels(&mut self, set: usize) -> Result<Vec<u32>> {
        let mut labels = Vec::with_capacity(self.matrix.count());
        for (chunk, buffer) in self.chunks.iter().zip(&self.sets[set].labels) {
            labels.extend(self.device.download(buffer, (chunk.points * size_of::<u32>()) as u64)?);
        }
        Ok(labels)
    }
}

impl GpuSession<'_> {
    fn new_set(&self) -> Result<Set> {
        let mut labels = Vec::new();
        for chunk in &self.chunks {
            let none = vec![NO_LABEL; chunk.tiles * TILE];
            let buffer = self.device.buffer("segma.labels", size_of_val(none.as_slice()) as u64)?;
            self.device.upload(&buffer, bytemuck::cast_slice(&none))?;
            labels.push(buffer);
        }
        Ok(Set { labels, centroids: None })
    }

    fn pass_set(&mut self, set: usize, centroids: &Centroids) -> Result<Change> {
        // Weighted sums take 128 bits: labels are made on the device, sums on the host from what changed.
        let before = if self.matrix.weights().is_some() { Some(self.labels(set)?) } else { None };
        let totals = self.run(set, centroids)?;
        self.sets[set].centroids = Some(centroids.clone());
        let change = unpack(&totals, centroids);
        let Some(before) = before else { return Ok(change) };
        let after = self.labels(set)?;
        Ok(self.weighted(&before, &after, change, centroids))
    }

    fn count_down(&mut self) {
        if let Some(left) = &mut self.passes_left {
            if *left == 0 {
                self.device.lose();
            }
            *left = left.saturating_sub(1);
        }
    }

    /// Dispatches a pass over all chunks and reads the totals back.
    fn run(&mut self, set: usize, centroids: &Centroids) -> Result<Vec<u32>> {
        self.count_down();
        let scoring = Scoring::new(centroids, self.matrix.frame().bits(), DIRECTED);
        let words = 4 + centroids.k() + 2 * centroids.values().len();
        let bytes = (words * size_of::<u32>()) as u64;
        let device = self.device.clone();
        let totals = device.buffer("segma.totals", bytes)?; // new buffers are zero
        let inputs = [
            device.filled("segma.scores", bytemuck::cast_slice(&packed(&scoring, centroids.dims())))?,
            device.filled("segma.exact", bytemuck::cast_slice(&exact(&scoring, centroids)))?,
            device.filled("segma.index", bytemuck::cast_slice(&scoring.index))?,
        ];
        let kernel =
            variant(narrow(self.matrix.dims()), self.matrix.frame().bits(), narrow(centroids.k()), &device.limits);
        let pipeline = self.pipelines.get(&device, kernel)?;
        for (chunk, labels) in self.chunks.iter().zip(&self.sets[set].labels) {
            let (x, y) = grid(narrow(chunk.tiles).div_ceil(kernel.tiles), device.limits.groups);
            let params = Params {
                points: narrow(chunk.points),
                tiles: narrow(chunk.tiles),
                distinct: narrow(scoring.distinct()),
                quads: narrow(scoring.distinct().div_ceil(4)),
                k: narrow(centroids.k()),
                bound: scoring.bound,
                guard: scoring.guard,
                groups_x: x,
            };
            let params = device.filled("segma.params", bytemuck::bytes_of(&params))?;
            let [scores, exact, index] = &inputs;
            let buffers = [&params, &chunk.values, &chunk.norms, labels, scores, exact, index, &totals];
            device.dispatch(pipeline, &buffers, (x, y))?;
        }
        device.download(&totals, bytes)
    }

    /// The change of a pass with weights, from the labels before and after it.
    fn weighted(&self, before: &[u32], after: &[u32], counted: Change, centroids: &Centroids) -> Change {
        let mut change =
            Change { ties: counted.ties, refereed: counted.refereed, ..Change::none(centroids.k(), centroids.dims()) };
        for (row, (&old, &new)) in before.iter().zip(after).enumerate().filter(|(_, (old, new))| old != new) {
            let (point, weight) = (self.matrix.point(row).collect::<Vec<i64>>(), self.matrix.weight(row));
            change.changed += u64::from(weight > 0);
            change.move_point(&point, weight, new as usize, 1);
            if old != NO_LABEL {
                change.move_point(&point, weight, old as usize, -1);
            }
        }
        change
    }
}

/// Sizes on a device fit u32 by the plan.
#[expect(clippy::cast_possible_truncation, reason = "a chunk is below 2^31 bytes and k below 2^32")]
fn narrow(size: usize) -> u32 {
    size as u32
}

/// Per four centroids: half squares, norms, and each coordinate, as four lanes. Twin of `scores` in `assign.wgsl`.
fn packed(scoring: &Scoring, dims: usize) -> Vec<[f32; 4]> {
    let lanes = |first: usize, value: &dyn Fn(usize) -> f32| {
        std::array::from_fn(|i| if first + i < scoring.distinct() { value(first + i) } else { 0.0 })
    };
    let mut packed = Vec::new();
    for first in (0..scoring.distinct()).step_by(4) {
        packed.push(lanes(first, &|c| scoring.half2[c]));
        packed.push(lanes(first, &|c| scoring.norm[c]));
        packed.extend((0..dims).map(|j| lanes(first, &|c| scoring.centroids[c * dims + j])));
    }
    packed
}

/// Distinct centroids on the grid, each coordinate as two limbs.
fn exact(scoring: &Scoring, centroids: &Centroids) -> Vec<i64> {
    // A little-endian i64 is its low limb followed by its high one.
    scoring.index.iter().flat_map(|&c| centroids.row(c as usize)).map(|q| i64::from_ne_bytes(q.to_le_bytes())).collect()
}

fn unpack(totals: &[u32], centroids: &Centroids) -> Change {
    let (counters, rest) = totals.split_at(4);
    let (counts, sums) = rest.split_at(centroids.k());
    let counts: Vec<i64> = counts.iter().map(|&c| i64::from(c.cast_signed())).collect();
    let sum = |limbs: &[u32]| i128::from((u64::from(limbs[0]) | u64::from(limbs[1]) << 32).cast_signed());
    Change {
        sums: sums.chunks_exact(2).map(sum).collect(),
        weights: counts.clone(),
        counts,
        changed: counters[0].into(),
        ties: counters[1].into(),
        refereed: counters[2].into(),
    }
}
