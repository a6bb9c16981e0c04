//! Engines: they hold the points and answer passes over them. Numbers only: no tables, files or printing.
//!
//! Every engine keeps the contract of [`exact`]: labels are the exact nearest centroid on the integer grid (ties to the
//! lowest index) and sums are integers, so all engines give the same bytes and are compared by equality.

pub mod bound;
pub mod cpu;
pub mod exact;
pub mod fallback;
mod farthest;
pub mod gpu;
pub mod probe;
pub mod silhouette;
pub mod width;

pub use cpu::update;

use crate::error::Result;
use crate::matrix::Matrix;
use crate::note::Note;
use silhouette::{Grouped, Means};

/// The label of a point that has not been labelled yet.
pub const NO_LABEL: u32 = u32::MAX;

/// Something that can hold points and run passes over them.
pub trait Engine: Sync {
    /// What it runs on, for people: `cpu (avx512)`.
    fn name(&self) -> String;

    /// Loads the points; they live in the session for as many passes as wanted.
    ///
    /// # Errors
    /// [`crate::error::Error::Device`] if the device cannot take them, [`crate::error::Error::Memory`] if the host cannot.
    fn load<'m>(&self, matrix: &'m Matrix) -> Result<Box<dyn Session + 'm>>;

    /// Says that centroid sets of these numbers of clusters are about to be worked on together: an engine may begin with what
    /// it needs for that while the points are on their way.
    fn prepare(&self, _matrix: &Matrix, _sets: &[usize]) {}

    /// How far each grouped point lies from its own cluster and from the nearest other one `[places]`, within the bound that
    /// [`silhouette`] states; on the CPU unless the engine knows better.
    ///
    /// # Errors
    /// [`crate::error::Error::Device`] if the device is lost or full.
    fn silhouette(&self, grouped: &Grouped) -> Result<Vec<Means>> {
        cpu::Cpu::new()?.silhouette(grouped)
    }
}

/// Loaded points and, for each of several centroid sets, the labels of the last pass.
pub trait Session {
    /// Forgets all labels and makes room for `sets` centroid sets.
    ///
    /// # Errors
    /// [`crate::error::Error::Device`] if the device is lost or has no room, [`crate::error::Error::Memory`] if the host
    /// has none.
    fn open(&mut self, sets: usize) -> Result<()>;

    /// Says how many more passes may follow at most: an engine may spend time on what makes many passes cheaper.
    fn expect(&mut self, _passes: u32) {}

    /// Brings the labels of every set in `batch` up to date in one read of the points, and says per set what changed.
    /// A set may be in a batch once.
    ///
    /// # Errors
    /// [`crate::error::Error::Device`] if the device is lost or full.
    fn pass(&mut self, batch: &[SetPass<'_>]) -> Result<Vec<Change>>;

    /// The `most` points of `set` farthest from the centroid they were labelled with in the last pass: largest
    /// squared distance first, then lowest row. Points without weight or at distance 0 are left out.
    ///
    /// # Errors
    /// [`crate::error::Error::Device`] if the device is lost or full.
    fn farthest(&mut self, set: usize, most: usize) -> Result<Vec<Far>>;

    /// Gives the point `row` of `set` another label.
    ///
    /// # Errors
    /// [`crate::error::Error::Device`] if the device is lost or full.
    fn relabel(&mut self, set: usize, row: usize, label: u32) -> Result<()>;

    /// Gives every point of `set` with label `l` the label `map[l]`.
    ///
    /// # Errors
    /// [`crate::error::Error::Device`] if the device is lost or full.
    fn renumber(&mut self, set: usize, map: &[u32]) -> Result<()>;

    /// The labels `[points]` of `set`.
    ///
    /// # Errors
    /// [`crate::error::Error::Device`] if the device is lost or full.
    fn labels(&mut self, set: usize) -> Result<Vec<u32>>;

    /// What happened on the way that people should know; each note is given once.
    fn notes(&mut self) -> Vec<Note> {
        Vec::new()
    }
}

/// One set of a batch.
#[derive(Debug, Clone, Copy)]
pub struct SetPass<'a> {
    /// Which set, below the number given to [`Session::open`].
    pub set: usize,
    /// Its centroids.
    pub centroids: &'a Centroids,
}

/// Centroids on the grid `[k x dims]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Centroids {
    dims: usize,
    values: Vec<i64>,
}

impl Centroids {
    /// Centroids from grid integers, row by row.
    ///
    /// # Panics
    /// If `values` is empty or not a whole number of rows.
    #[must_use]
    pub fn new(dims: usize, values: Vec<i64>) -> Self {
        assert!(dims > 0 && !values.is_empty() && values.len().is_multiple_of(dims), "centroids come in whole rows");
        Self { dims, values }
    }

    /// Clusters.
    #[must_use]
    pub fn k(&self) -> usize {
        self.values.len() / self.dims
    }

    /// Columns.
    #[must_use]
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// The grid integers, row by row.
    #[must_use]
    pub fn values(&self) -> &[i64] {
        &self.values
    }

    /// Centroid `c`.
    #[must_use]
    pub fn row(&self, c: usize) -> &[i64] {
        &self.values[c * self.dims..(c + 1) * self.dims]
    }

    /// All centroids in order.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, i64> {
        self.values.chunks_exact(self.dims)
    }
}

/// What a pass changed in one set; cluster by cluster, exact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// Change of the weighted coordinate sums `[k x dims]`.
    pub sums: Vec<i128>,
    /// Change of the weight of each cluster `[k]`, in fixed point.
    pub weights: Vec<i64>,
    /// Change of the number of points in each cluster `[k]`.
    pub counts: Vec<i64>,
    /// Points with weight whose label changed.
    pub changed: u64,
    /// Points that lie exactly between two distinct nearest centroids, so that the order of the clusters decides.
    pub ties: u64,
    /// Points the referee decided; a figure of the engine, not part of the contract.
    pub refereed: u64,
}

impl Change {
    /// No change at all.
    #[must_use]
    pub fn none(k: usize, dims: usize) -> Self {
        Self { sums: vec![0; k * dims], weights: vec![0; k], counts: vec![0; k], changed: 0, ties: 0, refereed: 0 }
    }

    /// Adds the change of other points of the same set.
    pub(crate) fn add(&mut self, other: &Self) {
        self.sums.iter_mut().zip(&other.sums).for_each(|(a, b)| *a += b);
        self.weights.iter_mut().zip(&other.weights).for_each(|(a, b)| *a += b);
        self.counts.iter_mut().zip(&other.counts).for_each(|(a, b)| *a += b);
        self.changed += other.changed;
        self.ties += other.ties;
        self.refereed += other.refereed;
    }
}

/// A point far from its centroid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Far {
    /// The point.
    pub row: usize,
    /// Its label.
    pub label: u32,
    /// Its squared distance on the grid.
    pub distance2: u128,
}

impl Far {
    /// Sorts farthest first, ties by row, and keeps `most`.
    pub(crate) fn keep(all: &mut Vec<Far>, most: usize) {
        all.sort_unstable_by(|a, b| b.distance2.cmp(&a.distance2).then(a.row.cmp(&b.row)));
        all.truncate(most);
    }
}
