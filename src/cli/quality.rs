//! How good segments are: what measuring them will cost, and what came of it, as words and as numbers.

use super::args::{MetricsArg, MetricsArgs};
use super::choose::BOOTSTRAPS;
use super::device::Device;
use super::progress::Teller;
use super::summary::grouped;
use segma::error::{Error, Result};
use segma::kmeans::ValidParams;
use segma::matrix::Matrix;
use segma::quality::{Clustered, Estimate, Options, Quality, STABLE, Sampled, Stability, band, sample_rows, stability};
use serde_json::{Value, json};

/// What was measured of a clustering.
pub(super) struct Measured {
    pub(super) quality: Quality,
    pub(super) stability: Option<Stability>,
}

/// Measures a clustering, if that is asked for; what it costs is said before. `params` are those it was made with.
pub(super) fn measure(
    args: &MetricsArgs,
    device: &Device,
    matrix: &Matrix,
    clustered: &Clustered<'_>,
    params: &ValidParams,
    teller: &mut Teller,
) -> Result<Option<Measured>> {
    let Some(exact_rows) = args.exact_rows() else { return Ok(None) };
    let (rows, k) = (matrix.count() as u64, clustered.centroids.k());
    let compared = rows.min(exact_rows as u64);
    teller.step(&format!(
        "measuring: {} distances to centroids, and {} between {} rows for the silhouette",
        grouped(rows * k as u64),
        grouped(compared * compared),
        grouped(compared),
    ));
    let quality = Quality::new(&*device.engine, matrix, clustered, Options { exact_rows, seed: params.seed() })?;
    let again = args.metrics == MetricsArg::Full && k > 1;
    let stability = again.then(|| bootstrapped(device, matrix, clustered, params, teller)).transpose()?;
    Ok(Some(Measured { quality, stability }))
}

/// Whether the segments come back from bootstrap samples.
fn bootstrapped(
    device: &Device,
    matrix: &Matrix,
    clustered: &Clustered<'_>,
    params: &ValidParams,
    teller: &mut Teller,
) -> Result<Stability> {
    let (labels, segments) = (clustered.labels, clustered.centroids.k());
    let sample = grouped(sample_rows(matrix, params.k()) as u64);
    teller.step(&format!("measuring: {BOOTSTRAPS} fits of bootstrap samples of {sample} rows"));
    let one = [(labels, params)];
    let mut all = stability(&*device.engine, matrix, &one, BOOTSTRAPS, params.seed(), teller)?;
    let mut found = all.pop().ok_or_else(|| Error::Usage("stability is of a clustering".into()))?;
    found.jaccard.resize(segments, f64::NAN); // the last segments may have no row in another table
    Ok(found)
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

/// How many segments come back, in a line.
pub(super) fn stable(stability: &Stability) -> String {
    let Stability { bootstraps, rows, jaccard, adjusted_rand } = stability;
    let smallest = stability.smallest().map_or_else(|| "none".into(), |j| format!("{j:.2}"));
    let back = stability.measured().filter(|j| *j >= STABLE).count();
    let measured = stability.measured().count();
    let words = format!(
        "{back} of {measured} segments come back from {bootstraps} bootstrap samples of {} rows (smallest Jaccard \
         {smallest}, adjusted Rand {adjusted_rand:.2})",
        grouped(*rows),
    );
    match jaccard.len() - measured {
        0 => words,
        few => format!("{words}; {few} with too few rows there to measure"),
    }
}

/// A figure of all rows.
pub(super) fn exact(value: f64) -> Estimate {
    Estimate { value, sampled: None }
}

/// The figures of all segments together; what has no meaning is null.
pub(super) fn document(Measured { quality, stability }: &Measured) -> Value {
    let split = quality.is_split();
    let all: u64 = quality.margins.iter().sum();
    json!({
        "silhouette": split.then_some(quality.silhouette.mean),
        "simplified_silhouette": split.then(|| exact(quality.simplified_silhouette)),
        "calinski_harabasz": quality.calinski_harabasz.map(exact),
        "davies_bouldin": quality.davies_bouldin.map(exact),
        "border_share": exact(quality.border_share()),
        "margin_shares": quality.margins.map(|m| m as f64 / all as f64),
        "stability": stability,
    })
}

/// Adds the figures of each segment to what is known of it.
pub(super) fn add_segments(segments: &mut [Value], measured: &Measured, labels: &[u32]) {
    let quality = &measured.quality;
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
    let jaccard = measured.stability.iter().flat_map(|s| &s.jaccard);
    for (segment, &jaccard) in segments.iter_mut().zip(jaccard) {
        segment["jaccard"] = json!(jaccard);
        segment["stability"] = json!(band(jaccard));
    }
}
