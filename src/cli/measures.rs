//! What a sweep shows of one clustering beside its inertia.

use super::args::Metrics;
use segma::engine::Engine;
use segma::error::Result;
use segma::kmeans::Fit;
use segma::matrix::Matrix;
use segma::quality::{Clustered, Estimate, Options, Quality};

/// Rows up to which the silhouette is taken of all of them, else of that many.
pub(super) const SILHOUETTE_ROWS: usize = 2_000;

/// Measures of one clustering; what was not asked for, or has no meaning, is not there.
#[derive(Debug, Clone, Default)]
pub(super) struct Measures {
    pub(super) simplified_silhouette: Option<f64>,
    pub(super) silhouette: Option<Estimate>,
    pub(super) calinski_harabasz: Option<f64>,
    pub(super) davies_bouldin: Option<f64>,
    /// All of it.
    pub(super) quality: Option<Quality>,
}

impl Measures {
    /// Measures a fit of the points of `matrix`.
    pub(super) fn of(engine: &dyn Engine, matrix: &Matrix, fit: &Fit, metrics: Metrics, seed: u64) -> Result<Self> {
        let exact_rows = if metrics.silhouette { SILHOUETTE_ROWS } else { 0 };
        let quality = Quality::new(engine, matrix, &Clustered::from(fit), Options { exact_rows, seed })?;
        let split = quality.is_split();
        Ok(Self {
            simplified_silhouette: (metrics.simplified && split).then_some(quality.simplified_silhouette),
            silhouette: (metrics.silhouette && split).then_some(quality.silhouette.mean),
            calinski_harabasz: quality.calinski_harabasz.filter(|_| metrics.ch),
            davies_bouldin: quality.davies_bouldin.filter(|_| metrics.db),
            quality: Some(quality),
        })
    }
}
