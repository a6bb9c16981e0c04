//! What a fit found: centroids, labels and sums that belong to the same moment.

use crate::engine::Centroids;
use crate::matrix::{Frame, Matrix};
use crate::note::Note;
use crate::store::Values;
use ethnum::U256;
use ndarray::Array2;

/// What a fit found.
#[derive(Debug, Clone)]
pub struct Fit {
    /// Centroids on the grid `[k x dims]`, in canonical order: largest cluster first.
    pub centroids: Centroids,
    /// The means of the points of each label `[k x dims]`, rounded to the grid: where one more iteration would move the centroids.
    pub means: Centroids,
    /// The nearest centroid of each point `[points]`: exactly what predict gives.
    pub labels: Values<u32>,
    /// Points in each cluster `[k]`.
    pub counts: Vec<u64>,
    /// Weight of each cluster in the fixed point of the matrix's weights `[k]` (the counts without weights).
    pub weights: Vec<u64>,
    /// The weighted sum of squared distances to the centroids, on the grid.
    pub inertia: U256,
    /// What the inertia would be with one cluster, on the grid.
    pub total_inertia: f64,
    /// Passes made before the stop.
    pub iterations: u32,
    /// How the winning start went, iteration by iteration `[iterations]`.
    pub history: Vec<Step>,
    /// Whether the stop was convergence, not the iteration limit.
    pub converged: bool,
    /// The start that won (0-based).
    pub start: usize,
    /// Passes made for all starts together, without the final labelling.
    pub passes: u32,
    /// Their wall time.
    pub pass_seconds: f64,
    /// Wall time of taking the points to where the passes run, for all fits of a sweep together.
    pub load_seconds: f64,
    /// Points the referee decided, in all passes.
    pub refereed: u64,
    /// Points labelled, in all passes.
    pub scored: u64,
    /// What else should be known of the result.
    pub notes: Vec<Note>,
    /// What happened to the device on the way: not part of the result, which is the same on every device.
    pub device_notes: Vec<Note>,
}

/// One iteration: a pass that labels the points, before the centroids move.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The weighted sum of squared distances to the centroids that the points were labelled with, in the units of the matrix.
    pub inertia: f64,
    /// Points with weight whose label changed.
    pub changed: u64,
}

impl Fit {
    /// The weighted sum of squared distances to the centroids, in the units of the matrix.
    #[must_use]
    pub fn inertia_in(&self, matrix: &Matrix) -> f64 {
        let unit = matrix.weights().map_or(1.0, |w| w.real(1));
        matrix.frame().length2(self.inertia.as_f64()) * unit
    }

    /// The share of the total squared distance that the clusters explain.
    #[must_use]
    pub fn explained(&self) -> f64 {
        if self.total_inertia > 0.0 { 1.0 - self.inertia.as_f64() / self.total_inertia } else { 1.0 }
    }

    /// The centroids `[k x dims]` in the units of the matrix.
    #[must_use]
    pub fn values(&self, frame: &Frame) -> Array2<f64> {
        let shape = (self.centroids.k(), self.centroids.dims());
        Array2::from_shape_fn(shape, |(c, j)| frame.value(j, self.centroids.row(c)[j]))
    }
}
