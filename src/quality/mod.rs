//! Are the clusters real? Measures of a clustering, exact where that is affordable, else with a stated interval.
//!
//! Floats, outside the contract of bytes: each measure is compared with its f64 reference under a stated bound. Lengths are
//! Euclidean in prepared units.

mod distances;
mod interval;
mod sample;
mod silhouette;

pub use distances::{Distances, distances, in_frame};
pub use sample::sample;
pub use silhouette::{Silhouette, silhouette};

use serde::Serialize;

/// A figure of all rows, or one estimated from some of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// From how many rows and within which 95 % interval, if not from all.
    pub sampled: Option<Sampled>,
}

/// How good an estimate is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Sampled {
    /// Rows it was taken from.
    pub rows: u64,
    /// The ends of its 95 % interval.
    pub ci95: [f64; 2],
}

/// One clustering, measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Quality {
    /// The mean over all rows of `(b - a) / max(a, b)`, `a` the distance to the own centroid and `b` to the next one
    /// (Vendramin, Campello & Hruschka 2010).
    pub simplified_silhouette: f64,
    /// The silhouette (Rousseeuw 1987).
    pub silhouette: Silhouette,
    /// Calinski & Harabasz 1974: larger is better.
    pub calinski_harabasz: f64,
    /// Davies & Bouldin 1979: smaller is better.
    pub davies_bouldin: f64,
    /// Rows by their margin, in 20 steps from 0 to 1.
    pub margins: [u64; 20],
    /// Segment by segment `[k]`.
    pub segments: Vec<SegmentQuality>,
}

/// One segment, measured.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentQuality {
    /// Its rows.
    pub count: u64,
    /// Their share of all rows, or of all weight if rows have weights.
    pub share: f64,
    /// Its part of the inertia.
    pub inertia: f64,
    /// Distances to the centroid: the median, the 90th percentile, the largest.
    pub radius: [f64; 3],
    /// The mean silhouette of its rows; 0 for a single row.
    pub silhouette: f64,
    /// The mean simplified silhouette of its rows.
    pub simplified_silhouette: f64,
    /// The share of its rows with a margin below [`BORDER`].
    pub border_share: f64,
}

/// Rows with a margin below this lie near the border to another segment: the next centroid is less than 10 % farther.
pub const BORDER: f64 = 0.1;

/// How alike the clusters come back from bootstrap samples (Hennig 2007).
#[derive(Debug, Clone, PartialEq)]
pub struct Stability {
    /// Samples drawn.
    pub bootstraps: u32,
    /// Rows they were drawn from.
    pub rows: u64,
    /// The mean over the samples of each cluster's largest Jaccard similarity to a cluster found there `[k]`.
    pub jaccard: Vec<f64>,
    /// The mean over the samples of the adjusted Rand index (Hubert & Arabie 1985).
    pub adjusted_rand: f64,
}

/// What a mean Jaccard similarity says of a cluster (Hennig 2007; 2008).
#[must_use]
pub fn band(jaccard: f64) -> &'static str {
    match jaccard {
        j if j >= 0.85 => "highly stable",
        j if j >= 0.75 => "stable",
        j if j >= 0.6 => "a pattern, but not which rows belong to it",
        _ => "not stable",
    }
}
