//! The stage of the silhouette on the devices: all points against all of them, in steps.
//!
//! The measured tiles are shared out over the devices and go up a block at a time; all the points, cluster by cluster, stay on
//! each device or stream through it in chunks. A step is a block against some runs of tiles, no more work than a submission may
//! be; its sums come back and are added up here in f64, in the order of the runs.

use super::batch::narrow;
use super::device::Held;
use super::plan::{DeviceLimits, chunk_tiles};
use super::record::{Dispatch, Recorder, Words};
use super::session::of_device;
use super::shader::Variant;
use super::staging::Ring;
use super::{Opened, Options};
use crate::engine::silhouette::{Grouped, Means};
use crate::error::{Error, Result};
use crate::matrix::TILE;
use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;
use std::ops::Range;

/// Tiles of a run at most: 4,096 distances are added up in f32, by parts of 4, 8 tiles, 8 times 8 tiles and 16 lanes.
const RUN_TILES: usize = 64;

/// Measured tiles of a block at most: with a run for each they keep the largest devices busy.
const BLOCK_TILES: usize = 1_024;

/// Sums on the host for one block at most, in f64.
const BLOCK_SUMS: usize = 1 << 24;

/// Bytes of sums that come back from a step at most.
const STEP_BYTES: usize = 32 << 20;

/// What a root costs, in multiply-adds.
const ROOT: usize = 8;

/// Where the device's memory is limited, a block and the sums of a step take this part of it each.
const BLOCKS_IN_MEMORY: u64 = 16;

/// What a step is told. Twin of `Step` in `silhouette.wgsl`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
struct Step {
    first_run: u32,
    tiles: u32,
    unused: [u32; 2],
}

/// The struct of the shader as the host lays it out: name, bytes, fields and their places.
pub const LAYOUT: (&str, u32, [(&str, u32); 4]) =
    ("Step", 16, [("first_run", 0), ("tiles", 4), ("unused0", 8), ("unused1", 12)]);

/// The mean distances of all places, shared out over the devices.
pub(super) fn means(devices: &[Opened], grouped: &Grouped, options: &Options) -> Result<Vec<Means>> {
    let tiles = grouped.matrix().tiles();
    let mut means = vec![Means::NONE; tiles * TILE];
    let share = tiles.div_ceil(devices.len());
    let shares = means.par_chunks_mut(share * TILE).zip(devices).enumerate();
    let measured = shares.map(|(at, (means, gpu))| Measure::new(gpu, grouped, options)?.measure(at * share, means));
    measured.collect::<Result<()>>().map_err(of_device)?;
    Ok(means)
}

/// How a matrix is cut for a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cut {
    /// Tiles of a chunk of points, measured tiles of a block, runs of a step.
    chunk: usize,
    block: usize,
    runs: usize,
}

impl Cut {
    fn new(grouped: &Grouped, limits: &DeviceLimits, memory: Option<u64>, options: &Options) -> Result<Self> {
        let (tiles, dims) = (grouped.matrix().tiles(), grouped.matrix().dims());
        let chunk = chunk_tiles(tiles, dims, limits, memory, options.chunk_bytes)?;
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let bytes =
            size(limits.binding_bytes.min(limits.buffer_bytes).min(memory.map_or(u64::MAX, |m| m / BLOCKS_IN_MEMORY)));
        let tile_bytes = TILE * dims * size_of::<f32>();
        // Work of a tile against a run.
        let work = (TILE * TILE * RUN_TILES * (dims + ROOT)) as u64;
        let most = [
            BLOCK_TILES,
            tiles,
            limits.groups as usize,
            bytes / tile_bytes,
            BLOCK_SUMS / (TILE * grouped.clusters().len()),
            size(limits.step_work / work),
        ];
        let block = most.into_iter().min().unwrap_or(1).max(1);
        let sums_bytes = block * TILE * size_of::<f32>();
        let runs = size(limits.step_work / (work * block as u64)).min(bytes.min(STEP_BYTES) / sums_bytes);
        Ok(Self { chunk, block, runs: runs.clamp(1, limits.groups as usize) })
    }
}

/// Some tiles in runs, each of one cluster.
struct Chunk {
    tiles: Range<usize>,
    runs: Vec<Run>,
}

struct Run {
    cluster: usize,
    /// Its tiles, counted from the chunk's first.
    ends: [u32; 2],
}

impl Chunk {
    fn new(grouped: &Grouped, tiles: Range<usize>) -> Self {
        let mut runs = Vec::new();
        for (c, cluster) in grouped.clusters().iter().enumerate() {
            let (first, end) = (cluster.tiles.start.max(tiles.start), cluster.tiles.end.min(tiles.end));
            for at in (first..end).step_by(RUN_TILES) {
                let ends = [at, end.min(at + RUN_TILES)].map(|tile| narrow(tile - tiles.start));
                runs.push(Run { cluster: c, ends });
            }
        }
        Self { tiles, runs }
    }
}

/// The points of a chunk on the device.
struct Points {
    tiles: Held,
    weights: Held,
    runs: Held,
}

/// One device at work.
struct Measure<'g> {
    gpu: &'g Opened,
    grouped: &'g Grouped,
    cut: Cut,
    chunks: Vec<Chunk>,
    /// The first chunks, which stay.
    here: Vec<Points>,
    /// Where the others stream through.
    berth: Option<Points>,
    measured: Held,
    step: Held,
    sums: Held,
    pipeline: wgpu::ComputePipeline,
    ring: Ring,
    recorder: Recorder,
}

impl<'g> Measure<'g> {
    fn new(gpu: &'g Opened, grouped: &'g Grouped, options: &Options) -> Result<Self> {
        let (device, matrix) = (&gpu.device, grouped.matrix());
        let cut = Cut::new(grouped, &device.limits, device.memory(), options)?;
        let tile_bytes = TILE * matrix.dims() * size_of::<f32>();
        let chunks = (0..matrix.tiles()).step_by(cut.chunk);
        let chunks = chunks.map(|first| Chunk::new(grouped, first..matrix.tiles().min(first + cut.chunk)));
        let sums_bytes = cut.runs * cut.block * TILE * size_of::<f32>();
        let mut measure = Self {
            gpu,
            grouped,
            cut,
            chunks: chunks.collect(),
            here: Vec::new(),
            berth: None,
            measured: device.buffer("segma.silhouette.measured", (cut.block * tile_bytes) as u64)?,
            step: device.uniform("segma.silhouette.step", bytemuck::bytes_of(&Step::zeroed()))?,
            sums: device.buffer("segma.silhouette.sums", sums_bytes as u64)?,
            pipeline: gpu.pipelines.get(device, Variant::silhouette(narrow(matrix.dims())), gpu.checked)?,
            ring: Ring::new(device, cut.chunk.max(cut.block) * tile_bytes)?,
            recorder: Recorder::new(gpu)?,
        };
        measure.fill()?;
        Ok(measure)
    }

    /// Takes chunks to the device until all are there or no more fit; then the rest will stream.
    fn fill(&mut self) -> Result<()> {
        for at in 0..self.chunks.len() {
            match self.room(at) {
                Ok(points) => {
                    self.send(at, &points)?;
                    self.here.push(points);
                }
                Err(Error::Memory(_)) => {
                    self.berth = Some(self.make_berth()?);
                    return Ok(());
                }
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Room for the largest chunk; chunks that are in the way leave the device.
    fn make_berth(&mut self) -> Result<Points> {
        loop {
            match self.room(0) {
                Err(Error::Memory(_)) if self.here.pop().is_some() => self.gpu.device.reclaim()?,
                made => return made,
            }
        }
    }

    /// Room for the points of a chunk, and for as many runs as any has.
    fn room(&self, chunk: usize) -> Result<Points> {
        let (device, tiles) = (&self.gpu.device, self.chunks[chunk].tiles.len() * TILE);
        let runs = self.chunks.iter().map(|c| c.runs.len()).max().unwrap_or(1);
        Ok(Points {
            tiles: device.buffer("segma.tiles", (tiles * self.grouped.matrix().dims() * size_of::<f32>()) as u64)?,
            weights: device.buffer("segma.silhouette.weights", (tiles * size_of::<f32>()) as u64)?,
            runs: device.buffer("segma.silhouette.runs", (runs * size_of::<[u32; 2]>()) as u64)?,
        })
    }

    fn send(&mut self, chunk: usize, points: &Points) -> Result<()> {
        let (device, Chunk { tiles, runs }) = (&self.gpu.device, &self.chunks[chunk]);
        let runs: Vec<[u32; 2]> = runs.iter().map(|run| run.ends).collect();
        let values = self.grouped.matrix().tiles_in(tiles.clone());
        self.ring.write(device, &points.tiles, bytemuck::cast_slice(values))?;
        self.ring.write(device, &points.weights, bytemuck::cast_slice(self.grouped.weights(tiles.clone())))?;
        self.ring.write(device, &points.runs, bytemuck::cast_slice(&runs))
    }

    /// Measures the points of as many tiles as there are `means` for, from `first` on.
    fn measure(&mut self, first: usize, means: &mut [Means]) -> Result<()> {
        let clusters = self.grouped.clusters().len();
        for (at, means) in means.chunks_mut(self.cut.block * TILE).enumerate() {
            let first = first + at * self.cut.block;
            let tiles = means.len() / TILE;
            let values = self.grouped.matrix().tiles_in(first..first + tiles);
            self.ring.write(&self.gpu.device, &self.measured, bytemuck::cast_slice(values))?;
            let mut sums = vec![0.0; clusters * means.len()];
            (0..self.chunks.len()).try_for_each(|chunk| self.add_chunk(chunk, tiles, &mut sums))?;
            let places = means.len();
            means.par_chunks_mut(TILE).enumerate().for_each(|(t, means)| {
                for (lane, means) in means.iter_mut().enumerate().take(self.grouped.points_in(first + t)) {
                    *means = self.grouped.means(first + t, lane, |c| sums[c * places + t * TILE + lane]);
                }
            });
        }
        Ok(())
    }

    /// Adds the distances of the measured tiles to the points of a chunk `[clusters x places]`.
    fn add_chunk(&mut self, chunk: usize, tiles: usize, sums: &mut [f64]) -> Result<()> {
        let berth = self.berth.take();
        if let Some(points) = berth.as_ref().filter(|_| chunk >= self.here.len()) {
            self.send(chunk, points)?;
        }
        self.berth = berth;
        let Some(points) = self.here.get(chunk).or(self.berth.as_ref()) else { return Ok(()) };
        let (device, places) = (&self.gpu.device, tiles * TILE);
        let bound = [&self.step, &self.measured, &points.tiles, &points.weights, &points.runs, &self.sums];
        let bound: Vec<(u32, &wgpu::Buffer)> = (0..).zip(bound).map(|(number, held)| (number, &**held)).collect();
        let buffers = device.bind(&self.pipeline, &bound)?;
        for (at, runs) in self.chunks[chunk].runs.chunks(self.cut.runs).enumerate() {
            let step = Step { first_run: narrow(at * self.cut.runs), tiles: narrow(tiles), unused: [0; 2] };
            device.write(&self.step, 0, bytemuck::bytes_of(&step))?;
            let others: u64 = runs.iter().map(|run| u64::from(run.ends[1] - run.ends[0])).sum();
            self.recorder.dispatch(&Dispatch {
                stage: "silhouette",
                pipeline: self.pipeline.clone(),
                buffers: buffers.clone(),
                groups: (narrow(tiles), narrow(runs.len())),
                work: others * (places * TILE * (self.grouped.matrix().dims() + ROOT)) as u64,
            })?;
            let mut place = 0;
            let source = Words { buffer: &self.sums, first: 0, count: (runs.len() * places) as u64 };
            self.recorder.read(&[source], |words| {
                for &word in words {
                    sums[runs[place / places].cluster * places + place % places] += f64::from(f32::from_bits(word));
                    place += 1;
                }
            })?;
        }
        Ok(())
    }
}
