//! `segma bench silhouette`: the silhouette of labels on a matrix, timed.

use super::args::{BenchSilhouetteArgs, DeviceArgs};
use super::device::{Choice, Device};
use super::progress::Teller;
use super::{print, print_document};
use ndarray::Array2;
use segma::error::{Error, Place, Result};
use segma::kmeans::coarse_notes;
use segma::matrix::Matrix;
use segma::quality::{Silhouette, silhouette};
use segma::table::{npy_labels, npy_matrix};
use serde_json::{Value, json};
use std::time::Instant;

/// Runs the verb.
pub(super) fn bench(args: &BenchSilhouetteArgs) -> Result<()> {
    let asked =
        DeviceArgs { device: args.device.clone(), gpu_memory: args.gpu_memory, no_fallback: true, patient: true };
    let choice = Choice::new(&asked)?;
    let points = npy_matrix(&args.matrix)?;
    let (labels, k) = npy_labels(&args.labels)?;
    if labels.len() != points.nrows() {
        let message = format!("{} labels for {} rows", labels.len(), points.nrows());
        let place = Place::file(args.labels.display().to_string());
        return Err(Error::data(place, message, "give one label for each row of the matrix"));
    }
    let device = choice.device(&asked, points.len())?;
    let document = measure(args, device, &points, &labels, k)?;
    if args.shared.json { print_document(document) } else { print(&text(&document)) }
}

/// Everything after the row-major matrix is in memory is timed.
fn measure(
    args: &BenchSilhouetteArgs,
    device: Device,
    points: &Array2<f32>,
    labels: &[u32],
    k: usize,
) -> Result<Value> {
    let mut teller = Teller::new(&args.shared);
    teller.step(&format!("measuring on {}", device.engine.name()));
    let exact_rows = args.silhouette_exact_rows.unwrap_or(usize::MAX);
    let clock = Instant::now();
    let (matrix, coarse) =
        Matrix::learn(&points.view(), None).map_err(|e| e.in_file(&args.matrix.display().to_string()))?;
    let Silhouette { mean, .. } = silhouette(&*device.engine, &matrix, labels, k, exact_rows, args.seed)?;
    let seconds = clock.elapsed().as_secs_f64();
    let mut notes = coarse_notes(&coarse, |j| format!("f{j}"));
    notes.extend(device.notes);
    teller.finish(&notes);
    let mut document = json!({
        "schema": "segma.bench-silhouette/1",
        "silhouette": mean.value,
        "seconds": seconds,
        "n": points.nrows(),
        "d": points.ncols(),
        "k": k,
        "device": device.kind,
        "adapter": device.adapter,
        "threads": rayon::current_num_threads(),
        "exact": mean.sampled.is_none(),
    });
    if let Some(sampled) = mean.sampled {
        document["sample_rows"] = json!(sampled.rows);
        document["ci95"] = json!(sampled.ci95);
    }
    Ok(document)
}

fn text(document: &Value) -> String {
    let of = match document["sample_rows"].as_u64() {
        Some(rows) => format!("of a sample of {rows} rows, 95 % interval {}", document["ci95"]),
        None => "of all rows".into(),
    };
    format!(
        "{} points x {} dims, k {}\n{} ({}): silhouette {} {of}, {:.4} s\n",
        document["n"],
        document["d"],
        document["k"],
        document["device"].as_str().unwrap_or_default(),
        document["adapter"].as_str().unwrap_or_default(),
        document["silhouette"],
        document["seconds"].as_f64().unwrap_or(f64::NAN),
    )
}
