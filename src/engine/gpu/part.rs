//! One device's share of the points: chunks that stay there, chunks that stream through, and the labels of every set.

mod labels;
mod pass;
mod travel;

pub(super) use pass::{Asked, Made};
pub(super) use travel::{MOST_DRIFT, STEP_BITS};

use super::batch::{ChunkInfo, narrow};
use super::device::{Device, Held};
use super::plan::Kernels;
use super::prepare::Compiling;
use super::record::Recorder;
use super::staging::Ring;
use super::tuned::Choices;
use super::tuning::Tuning;
use super::{Opened, Options};
use crate::error::{Error, Result};
use crate::matrix::{Matrix, TILE};
use labels::Labels;
use std::ops::Range;
use std::sync::Arc;
use travel::Travel;

/// Chunks that stream take turns in so many berths, so that one arrives while the other is worked on.
const BERTHS: usize = 2;

/// Rounds of the loop that shows whether a driver still runs loops to their end.
const ROUNDS: u32 = 3;

/// A share of the tiles on a device.
pub(super) struct Part<'m> {
    gpu: Opened,
    compiling: Arc<Compiling>,
    options: Options,
    matrix: &'m Matrix,
    kernels: Kernels,
    chunk_tiles: usize,
    chunks: Vec<Chunk>,
    /// Where streaming chunks are put, in turn; empty while every chunk stays.
    berths: Vec<Points>,
    labels: Labels,
    /// How far the centroids of each set have travelled.
    travels: Vec<Travel>,
    /// Points that changed in the last pass of each set.
    changed: Vec<Option<u64>>,
    ring: Ring,
    recorder: Recorder,
    /// Buffers of each run of a batch, and the totals: kept from pass to pass.
    tables: Vec<Vec<Held>>,
    /// The sets of each later pass of a submission.
    later: Vec<Held>,
    step_tiles: u32,
    totals: Option<Held>,
}

/// A run of tiles.
struct Chunk {
    first_tile: usize,
    tiles: usize,
    points: usize,
    /// Its tiles in the steps of the last pass.
    steps: Vec<Step>,
    /// Its points, if they stay on the device.
    points_here: Option<Points>,
}

/// Tiles of a chunk that the device is handed at a time: their description, and how many.
struct Step {
    info: Held,
    tiles: u32,
}

/// The points of a chunk on the device.
struct Points {
    /// The tiles, then their norms.
    tiles: Held,
    weights: Option<Held>,
}

impl<'m> Part<'m> {
    /// Takes these tiles of the matrix to the device, as many as fit.
    pub(super) fn load(
        gpu: Opened,
        compiling: &Arc<Compiling>,
        matrix: &'m Matrix,
        tiles: Range<usize>,
        options: &Options,
    ) -> Result<Self> {
        let device = &gpu.device;
        let shape = gpu.shape(matrix, tiles.len(), options)?;
        let chunk_tiles = shape.chunk_tiles as usize;
        let kernels = gpu.kernels(shape);
        let ring = Ring::new(device, size_of_val(matrix.tiles_in(tiles.start..tiles.start + chunk_tiles)))?;
        let chunks = tiles.clone().step_by(chunk_tiles);
        let chunks = chunks.map(|first| Chunk::new(matrix, first, chunk_tiles.min(tiles.end - first)));
        let mut part = Self {
            compiling: compiling.clone(),
            options: *options,
            kernels,
            chunk_tiles,
            chunks: chunks.collect(),
            berths: Vec::new(),
            labels: Labels::default(),
            travels: Vec::new(),
            changed: Vec::new(),
            ring,
            recorder: Recorder::new(&gpu)?,
            tables: Vec::new(),
            later: Vec::new(),
            step_tiles: 0,
            totals: None,
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

    /// Scores all sets by this choice from now on, where it fits.
    pub(super) fn force(&mut self, tuning: Tuning) {
        self.kernels.choose(Choices::forced(tuning));
    }

    /// Whether `row` of the matrix is here.
    pub(super) fn holds(&self, row: usize) -> bool {
        let (Some(first), Some(last)) = (self.chunks.first(), self.chunks.last()) else { return false };
        (first.first_tile..last.first_tile + last.tiles).contains(&(row / TILE))
    }
}

impl Chunk {
    fn new(matrix: &Matrix, first_tile: usize, tiles: usize) -> Self {
        let points = (tiles * TILE).min(matrix.count() - first_tile * TILE);
        Self { first_tile, tiles, points, steps: Vec::new(), points_here: None }
    }

    /// Its tiles in steps of so many.
    fn cut(&self, device: &Device, matrix: &Matrix, step: u32) -> Result<Vec<Step>> {
        let tiles = narrow(self.tiles);
        let firsts = (0..tiles).step_by(step as usize);
        firsts.map(|at| Step::new(device, matrix, self.points, at..tiles.min(at.saturating_add(step)))).collect()
    }
}

impl Step {
    /// These tiles of a chunk of so many points.
    fn new(device: &Device, matrix: &Matrix, points: usize, tiles: Range<u32>) -> Result<Self> {
        let info = ChunkInfo {
            points: narrow(points),
            first_tile: tiles.start,
            end_tile: tiles.end,
            norms: narrow(points.div_ceil(TILE) * TILE * matrix.dims()),
            dims: narrow(matrix.dims()),
            rounds: ROUNDS,
        };
        Ok(Self { info: device.uniform("segma.chunk", bytemuck::bytes_of(&info))?, tiles: tiles.end - tiles.start })
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
