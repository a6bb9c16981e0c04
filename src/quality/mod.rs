//! Are the clusters real? Measures of a clustering, exact where that is affordable, else with a stated interval.
//!
//! Floats, outside the contract of bytes: each measure is compared with its f64 reference under a stated bound. Lengths are
//! Euclidean in prepared units.

mod agreement;
mod bounded;
mod clustered;
mod distances;
mod draws;
mod gap;
mod indices;
mod interval;
mod knee;
mod reference;
mod sample;
mod scan;
mod silhouette;
mod stability;
mod verdict;

pub use agreement::{Agreement, agreement, best_jaccard};
pub use bounded::{SAMPLE_ROWS, sample_rows};
pub use clustered::{Clustered, Options, means};
pub use distances::{Distances, distances, in_frame};
pub use gap::{Gap, Gaps, gap};
pub use knee::{KNEE_POINTS, knee};
pub use sample::sample;
pub use silhouette::{Silhouette, silhouette};
pub use stability::stability;
pub use verdict::{Candidate, STABLE, Verdict, Vote, verdict};

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A figure of all rows, or one estimated from some of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// From how many rows and within which 95 % interval, if not from all.
    pub sampled: Option<Sampled>,
}

/// As `{"value", "exact": true}`, or as `{"value", "exact": false, "sample_rows", "ci95"}`.
impl Serialize for Estimate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("value", &self.value)?;
        map.serialize_entry("exact", &self.sampled.is_none())?;
        if let Some(Sampled { rows, ci95 }) = self.sampled {
            map.serialize_entry("sample_rows", &rows)?;
            map.serialize_entry("ci95", &ci95)?;
        }
        map.end()
    }
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
    /// (Vendramin, Campello & Hruschka 2010); 0 for a row that is alone in its segment, or with one segment.
    pub simplified_silhouette: f64,
    /// The silhouette (Rousseeuw 1987).
    pub silhouette: Silhouette,
    /// Calinski & Harabasz 1974: larger is better. `None` with one segment, with as many as rows, and if every row lies at the mean
    /// of its segment (where scikit-learn gives an error or 1).
    pub calinski_harabasz: Option<f64>,
    /// Davies & Bouldin 1979: smaller is better. `None` if no two segments have different means (where scikit-learn gives an
    /// error or 0).
    pub davies_bouldin: Option<f64>,
    /// What the inertia would be with one segment, in the units of the matrix.
    pub total_inertia: f64,
    /// Rows by their margin, in equal steps from 0 to 1; if rows have weights, their weight in the fixed point of the matrix.
    pub margins: [u64; STEPS],
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
    /// Distances to the centroid: the median, the 90th percentile, the largest; each that of a row, to the precision of an f32.
    pub radius: [f64; 3],
    /// The mean silhouette of its rows; 0 for a single row.
    pub silhouette: f64,
    /// The mean simplified silhouette of its rows.
    pub simplified_silhouette: f64,
    /// The share of its rows with a margin below [`BORDER`].
    pub border_share: f64,
}

/// Steps of a histogram of margins.
pub const STEPS: usize = 20;

/// Rows with a margin below this lie near the border to another segment: the next centroid is less than 10 % farther.
pub const BORDER: f64 = 0.1;

/// How alike the clusters come back from bootstrap samples (Hennig 2007).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stability {
    /// Samples drawn.
    pub bootstraps: u32,
    /// Rows they were drawn from.
    pub rows: u64,
    /// The mean over the samples of each cluster's largest Jaccard similarity to a cluster found there `[k]`; NaN where too
    /// few of its rows were among them to measure it.
    pub jaccard: Vec<f64>,
    /// The mean over the samples of the adjusted Rand index (Hubert & Arabie 1985).
    pub adjusted_rand: f64,
}

impl Stability {
    /// The similarities of the clusters that were measured.
    pub fn measured(&self) -> impl Iterator<Item = f64> + '_ {
        self.jaccard.iter().copied().filter(|j| !j.is_nan())
    }

    /// The least stable cluster's similarity; `None` if none was measured.
    #[must_use]
    pub fn smallest(&self) -> Option<f64> {
        self.measured().reduce(f64::min)
    }
}

/// What a mean Jaccard similarity says of a cluster (Hennig 2007; 2008).
#[must_use]
pub fn band(jaccard: f64) -> &'static str {
    match jaccard {
        j if j >= 0.85 => "highly stable",
        j if j >= 0.75 => "stable",
        j if j >= 0.6 => "a pattern, edges move",
        j if j.is_nan() => "not measured",
        _ => "not stable",
    }
}
