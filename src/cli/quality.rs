//! How good segments are: what measuring them will cost, and what came of it, as words and as numbers.

use super::args::MetricsArgs;
use super::device::Device;
use super::progress::Teller;
use super::summary::grouped;
use segma::error::Result;
use segma::matrix::Matrix;
use segma::quality::{Clustered, Estimate, Options, Quality, Sampled};
use serde_json::{Value, json};

/// Measures a clustering, if that is asked for; what it costs is said before.
pub(super) fn measure(
    args: &MetricsArgs,
    device: &Device,
    matrix: &Matrix,
    clustered: &Clustered<'_>,
    seed: u64,
    teller: &mut Teller,
) -> Result<Option<Quality>> {
    let Some(exact_rows) = args.exact_rows() else { return Ok(None) };
    let (rows, k) = (matrix.count() as u64, clustered.centroids.k() as u64);
    let compared = rows.min(exact_rows as u64);
    teller.step(&format!(
        "measuring: {} distances to centroids, and {} between {} rows for the silhouette",
        grouped(rows * k),
        grouped(compared * compared),
        grouped(compared),
    ));
    Quality::new(&*device.engine, matrix, clustered, Options { exact_rows, seed }).map(Some)
}

/// Both silhouettes in a line.
pub(super) fn silhouettes(quality: &Quality) -> String {
    if !quality.is_split() {
        return "has no meaning with one segment".into();
    }
    let Estimate { value, sampled } = quality.silhouette.mean;
    let exact = match sampled {
        None => format!("{value:.3} (exact)"),
        Some(Sampled { rows, ci95: [low, high] }) => {
            format!("{value:.3} ± {:.3} ({} sampled rows)", (high - low) / 2.0, grouped(rows))
        }
    };
    format!("{:.3} (simplified, all rows) · {exact}", quality.simplified_silhouette)
}

/// A figure of all rows.
pub(super) fn exact(value: f64) -> Estimate {
    Estimate { value, sampled: None }
}

/// The figures of all segments together; what has no meaning is null.
pub(super) fn document(quality: &Quality) -> Value {
    let split = quality.is_split();
    let all: u64 = quality.margins.iter().sum();
    json!({
        "silhouette": split.then_some(quality.silhouette.mean),
        "simplified_silhouette": split.then(|| exact(quality.simplified_silhouette)),
        "calinski_harabasz": quality.calinski_harabasz.map(exact),
        "davies_bouldin": quality.davies_bouldin.map(exact),
        "border_share": exact(quality.border_share()),
        "margin_shares": quality.margins.map(|m| m as f64 / all as f64),
    })
}

/// Adds the figures of each segment to what is known of it.
pub(super) fn add_segments(segments: &mut [Value], quality: &Quality, labels: &[u32]) {
    let split = quality.is_split();
    let silhouettes = quality.segment_silhouettes(labels);
    for ((segment, s), silhouette) in segments.iter_mut().zip(&quality.segments).zip(silhouettes) {
        let [median, p90, max] = s.radius.map(exact);
        segment["inertia"] = json!(exact(s.inertia));
        segment["radius"] = json!({ "median": median, "p90": p90, "max": max });
        segment["silhouette"] = json!(split.then_some(silhouette));
        segment["simplified_silhouette"] = json!(split.then(|| exact(s.simplified_silhouette)));
        segment["border_share"] = json!(exact(s.border_share));
    }
}
