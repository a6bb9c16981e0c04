//! `segma bench`: K-Means on a matrix, timed, with hashes of the answer.

use super::args::{BenchFitArgs, DeviceArgs};
use super::device::Choice;
use super::init::{self, Space};
use super::progress::Teller;
use super::{print, print_document};
use ndarray::ArrayView2;
use segma::engine::gpu::Gpu;
use segma::error::{Error, Result};
use segma::kmeans::{self, Fit, ValidParams, coarse_notes};
use segma::matrix::Matrix;
use segma::table::npy_matrix;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

/// Runs the verb.
pub(super) fn bench(args: &BenchFitArgs) -> Result<()> {
    let points = npy_matrix(&args.matrix)?;
    let params = init::params(args.kmeans.clusters, &args.kmeans.run, Space::Plain(points.ncols()))?;
    let mut teller = Teller::new(&args.shared);
    let runs = args.device.iter().map(|d| run(d, points.view(), &params, args, &mut teller));
    let runs = runs.collect::<Result<Vec<_>>>().map_err(|e| e.in_file(&args.matrix.display().to_string()))?;
    let (n, d) = points.dim();
    let mut document = json!({ "schema": "segma.bench/1", "n": n, "d": d, "k": params.k() });
    compare(&mut document, &runs);
    document["runs"] = json!(runs);
    let differ = document["same"] == false;
    document["ok"] = json!(!differ);
    if args.shared.json { print_document(document) } else { print(&text(&document)) }?;
    if differ {
        return Err(Error::Broken("the runs gave different answers; please report it with the lines above".into()));
    }
    Ok(())
}

/// Sets the runs against the first one: how many times as fast, and whether the answers are the same bytes.
fn compare(document: &mut Value, runs: &[Value]) {
    let [first, others @ ..] = runs else { return };
    if others.is_empty() {
        return;
    }
    let seconds = |run: &Value| run["fit_seconds"].as_f64().unwrap_or(f64::NAN);
    let ratios: Vec<f64> = others.iter().map(|run| seconds(first) / seconds(run)).collect();
    document["ratio"] = json!(ratios);
    document["same"] =
        json!(others.iter().all(|run| ["labels_sha256", "model_sha256"].iter().all(|key| run[key] == first[key])));
}

/// One fit; its time is everything after the row-major matrix is in memory.
fn run(
    device: &str,
    points: ArrayView2<'_, f32>,
    params: &ValidParams,
    args: &BenchFitArgs,
    teller: &mut Teller,
) -> Result<Value> {
    let asked = DeviceArgs { device: device.into(), gpu_memory: args.gpu_memory, no_fallback: true, patient: true };
    let device = Choice::new(&asked)?.device(&asked, points.len())?;
    teller.step(&format!("fitting on {}", device.engine.name()));
    device.gpu.iter().for_each(Gpu::time_stages);
    let clock = Instant::now();
    let (matrix, coarse) = Matrix::learn(&points, None)?;
    let pack_seconds = clock.elapsed().as_secs_f64();
    let fit = kmeans::fit(&*device.engine, &matrix, params, teller)?;
    let fit_seconds = clock.elapsed().as_secs_f64();
    if args.kmeans.run.require_convergence && !fit.converged {
        return Err(Error::NotConverged { iterations: fit.iterations });
    }
    if let (Some(folder), Some(gpu)) = (&args.dump_wgsl, &device.gpu) {
        dump(folder, gpu)?;
    }
    let mut notes = coarse_notes(&coarse, |j| format!("f{j}"));
    notes.extend(fit.notes.iter().cloned());
    notes.extend(device.notes);
    teller.finish(&notes);
    let mut run = json!({
        "device": device.kind,
        "adapter": device.adapter,
        "threads": rayon::current_num_threads(),
        "fit_seconds": fit_seconds,
        "pass_seconds": fit.pass_seconds,
        "pack_seconds": pack_seconds,
        "upload_seconds": fit.load_seconds,
        "iterations": fit.iterations,
        "passes": fit.passes,
        "inertia": matrix.frame().length2(fit.inertia.as_f64()),
        "refereed_share": fit.refereed as f64 / fit.scored as f64,
        "labels_sha256": labels_sha256(&fit),
        "model_sha256": model_sha256(&fit),
    });
    if let Some(gpu) = &device.gpu {
        run["variant"] = json!(gpu.ran().join(" + "));
        run["label_bits"] = json!(gpu.label_bits());
        run["tiles_skipped"] = json!(gpu.tiles_skipped());
        let (kernels, time) = gpu.compiled();
        (run["kernels_compiled"], run["compile_seconds"]) = (json!(kernels), json!(time.as_secs_f64()));
        add_times(&mut run, &gpu.times());
    }
    Ok(run)
}

/// What the device's own clock says, if it has one, of all passes and the final labelling: in all and stage by stage.
fn add_times(run: &mut Value, stages: &BTreeMap<&str, f64>) {
    if !stages.is_empty() {
        run["device_seconds"] = json!(stages.values().sum::<f64>());
        run["stages"] = json!(stages);
    }
}

/// Writes the text of each kernel that ran.
fn dump(folder: &Path, gpu: &Gpu) -> Result<()> {
    let failed = |e: std::io::Error| Error::output(folder, e);
    std::fs::create_dir_all(folder).map_err(failed)?;
    gpu.kernels()
        .iter()
        .try_for_each(|(name, text)| std::fs::write(folder.join(format!("{name}.wgsl")), text).map_err(failed))
}

/// Over the labels as little-endian u32 in row order.
fn labels_sha256(fit: &Fit) -> String {
    let bytes: Vec<u8> = fit.labels.iter().flat_map(|l| l.to_le_bytes()).collect();
    hex(&Sha256::digest(bytes))
}

/// Over the grid centroids (little-endian i64), the counts (u64) and the inertia (256 bits).
fn model_sha256(fit: &Fit) -> String {
    let mut hash = Sha256::new();
    fit.centroids.values().iter().for_each(|q| hash.update(q.to_le_bytes()));
    fit.counts.iter().for_each(|c| hash.update(c.to_le_bytes()));
    hash.update(fit.inertia.to_le_bytes());
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}

fn text(document: &Value) -> String {
    let mut text = format!("{} points x {} dims, k {}\n", document["n"], document["d"], document["k"]);
    for r in document["runs"].as_array().into_iter().flatten() {
        let seconds = |key: &str| r[key].as_f64().unwrap_or(f64::NAN);
        let _ = writeln!(
            text,
            "{} ({}): fit {:.4} s, upload {:.4} s, {} iterations of {:.3} ms, inertia {:e}, labels {}, model {}",
            r["device"].as_str().unwrap_or_default(),
            r["adapter"].as_str().unwrap_or_default(),
            seconds("fit_seconds"),
            seconds("upload_seconds"),
            r["iterations"],
            1e3 * seconds("pass_seconds") / seconds("passes"),
            seconds("inertia"),
            &r["labels_sha256"].as_str().unwrap_or_default()[..12],
            &r["model_sha256"].as_str().unwrap_or_default()[..12],
        );
    }
    for (i, ratio) in (2..).zip(document["ratio"].as_array().into_iter().flatten()) {
        let _ = writeln!(text, "run 1 / run {i}: {:.2}", ratio.as_f64().unwrap_or(f64::NAN));
    }
    match document["same"].as_bool() {
        Some(true) => text + "the same bytes\n",
        Some(false) => text + "DIFFERENT ANSWERS\n",
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_added_up() {
        let mut run = json!({});
        add_times(&mut run, &BTreeMap::new());
        assert_eq!(run, json!({}), "a device without a clock");
        add_times(&mut run, &BTreeMap::from([("assign", 0.75), ("update", 1.0)]));
        assert_eq!(run, json!({ "device_seconds": 1.75, "stages": { "assign": 0.75, "update": 1.0 } }));
    }

    #[test]
    fn one_answer_that_differs_is_seen() {
        let run =
            |seconds: f64, model: &str| json!({ "fit_seconds": seconds, "labels_sha256": "a", "model_sha256": model });
        let mut document = json!({});
        compare(&mut document, &[run(3.0, "b")]);
        assert_eq!(document, json!({}), "nothing to compare");
        compare(&mut document, &[run(3.0, "b"), run(1.5, "b")]);
        assert_eq!(document, json!({ "ratio": [2.0], "same": true }));
        compare(&mut document, &[run(3.0, "b"), run(1.5, "b"), run(6.0, "c")]);
        assert_eq!(document, json!({ "ratio": [2.0, 0.5], "same": false }));
    }
}
