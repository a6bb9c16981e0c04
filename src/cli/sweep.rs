//! `segma sweep`: fits for several numbers of clusters, made together.

use super::args::SweepArgs;
use super::device::{Choice, Device};
use super::fit::write_json;
use super::init;
use super::output::{Folder, spare_inputs};
use super::print;
use super::progress::Teller;
use super::run::{Phases, pack, peak_memory_bytes};
use comfy_table::{CellAlignment, Table as Grid, presets};
use segma::error::{Error, Result, escaped};
use segma::features::{Learnt, Pipeline};
use segma::kmeans::{self, Fit, ValidParams};
use segma::matrix::Matrix;
use segma::model::Model;
use segma::note::Note;
use segma::segments::suggested_names;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::PathBuf;

/// A fitted model and what it cost.
struct Row {
    clusters: usize,
    model: Model,
    seconds: f64,
}

/// Runs the verb.
pub(super) fn sweep(args: &SweepArgs) -> Result<()> {
    let models: Vec<PathBuf> = args.clusters.0.iter().map(|k| model_name(*k as usize)).collect();
    let files = [models, vec!["sweep.csv".into(), "run.json".into()]].concat();
    let outputs: Vec<PathBuf> = files.iter().map(|name| args.folder.output.join(name)).collect();
    spare_inputs(&[&args.input.table], &outputs)?;
    let folder = Folder::create(&args.folder.output, &files, args.folder.force)?;
    let params = init::sweep_params(&args.clusters.0, &args.run)?;
    let choice = Choice::new(&args.device)?;
    let (mut teller, mut phases) = (Teller::new(&args.shared), Phases::default());
    teller.step("reading");
    let mut table = phases.time("read", || args.input.read())?;
    teller.step("preparing");
    let options = args.input.options(&table);
    let learnt = phases.time("learn", || Pipeline::learn(&mut table, &options))?;
    let Learnt { pipeline, weights, mut notes } = learnt;
    let prepared = phases.time("prepare", || pipeline.prepare(&table))?;
    let matrix = phases.time("pack", || pack(&prepared, weights, &mut notes))?;
    let mut device = choice.device(&args.device, matrix.count() * matrix.dims())?;
    let fitted = phases.time("fit", || kmeans::sweep(&*device.engine, &matrix, &params, &mut teller));
    let mut fits = fitted.map_err(|e| e.in_file(&table.source))?;
    if let Some(fit) = fits.iter().find(|f| args.run.require_convergence && !f.converged) {
        return Err(Error::NotConverged { iterations: fit.iterations });
    }
    device.notes.extend(fits.first_mut().map(|f| std::mem::take(&mut f.device_notes)).unwrap_or_default());
    let mut rows = rows(args, &pipeline, &matrix, &fits, &params, &notes);
    for (row, fit) in rows.iter_mut().zip(&fits) {
        row.model.names = suggested_names(&table, &fit.labels, row.model.k(), matrix.weights(), &pipeline);
        let text = row.model.to_json().map_err(|e| e.in_file(&table.source))?;
        folder.write(&model_name(row.clusters).to_string_lossy(), |out| out.write_all(text.as_bytes()))?;
    }
    folder.write("sweep.csv", |out| write_csv(&rows, out))?;
    notes.extend(fit_notes(&fits, &params));
    write_json(&folder, "run.json", &run_json(args, &device, &phases, &notes))?;
    folder.commit()?;
    teller.finish(notes.iter().chain(&device.notes));
    report(args, &rows, &notes, &phases, &device)
}

/// Where the model of `k` clusters goes.
fn model_name(k: usize) -> PathBuf {
    format!("models/k={k:02}.json").into()
}

fn rows(
    args: &SweepArgs,
    pipeline: &Pipeline,
    matrix: &Matrix,
    fits: &[Fit],
    params: &[ValidParams],
    notes: &[Note],
) -> Vec<Row> {
    let row = |(fit, params): (&Fit, &ValidParams)| {
        let notes = [notes, &fit.notes].concat();
        let model = Model::new(args.input.id.clone(), pipeline.clone(), matrix, fit, params, notes);
        Row { clusters: params.k(), model, seconds: fit.pass_seconds }
    };
    fits.iter().zip(params).map(row).collect()
}

/// The notes of each fit, with its number of clusters.
fn fit_notes<'f>(fits: &'f [Fit], params: &'f [ValidParams]) -> impl Iterator<Item = Note> + 'f {
    let of = |(fit, params): (&'f Fit, &'f ValidParams)| {
        fit.notes.iter().map(|n| Note { code: n.code.clone(), text: format!("k={}: {}", params.k(), n.text) })
    };
    fits.iter().zip(params).flat_map(of)
}

fn write_csv(rows: &[Row], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "k,clusters,inertia,explained,smallest,iterations,converged,pass_seconds")?;
    for r in rows {
        let t = &r.model.training;
        let smallest = r.model.counts.iter().min().copied().unwrap_or(0);
        writeln!(
            out,
            "{},{},{},{},{smallest},{},{},{}",
            r.clusters,
            r.model.k(),
            t.inertia,
            t.explained,
            t.iterations,
            t.converged,
            r.seconds
        )?;
    }
    Ok(())
}

fn run_json(args: &SweepArgs, device: &Device, phases: &Phases, notes: &[Note]) -> Value {
    json!({
        "schema": "segma.run/1",
        "command": std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect::<Vec<_>>(),
        "segma": env!("CARGO_PKG_VERSION"),
        "input": { "path": args.input.table.to_string_lossy() },
        "device": device.ran_on(),
        "threads": rayon::current_num_threads(),
        "seed": args.run.seed,
        "phases_seconds": phases.seconds(),
        "peak_memory_bytes": peak_memory_bytes(),
        "notes": notes,
        "device_notes": device.notes,
    })
}

fn report(args: &SweepArgs, rows: &[Row], notes: &[Note], phases: &Phases, device: &Device) -> Result<()> {
    if args.shared.json {
        let fits: Vec<Value> = rows.iter().map(row_json).collect();
        let output = args.folder.output.to_string_lossy();
        let document = json!({ "schema": "segma.sweep/1", "output": output, "fits": fits, "notes": notes, "device_notes": device.notes });
        return print(&format!("{document:#}\n"));
    }
    if args.shared.quiet {
        return Ok(());
    }
    let output = escaped(&args.folder.output.to_string_lossy());
    print(&format!(
        "Fitted {} numbers of segments in {:.2} s ({})\n\n{}\n\nWrote {output} (sweep.csv, models/, run.json)\n",
        rows.len(),
        phases.total(),
        device.ran_on(),
        grid(rows).trim_fmt()
    ))
}

fn row_json(row: &Row) -> Value {
    let t = &row.model.training;
    json!({
        "k": row.clusters,
        "clusters": row.model.k(),
        "inertia": t.inertia,
        "explained": t.explained,
        "counts": row.model.counts,
        "iterations": t.iterations,
        "converged": t.converged,
        "pass_seconds": row.seconds,
    })
}

fn grid(rows: &[Row]) -> Grid {
    let mut grid = Grid::new();
    grid.load_style(presets::NOTHING);
    grid.set_header(["k", "inertia", "explained", "smallest", "iterations", "seconds"]);
    for r in rows {
        let t = &r.model.training;
        grid.add_row([
            r.clusters.to_string(),
            format!("{:.6e}", t.inertia),
            format!("{:.1} %", 100.0 * t.explained),
            r.model.counts.iter().min().copied().unwrap_or(0).to_string(),
            t.iterations.to_string(),
            format!("{:.2}", r.seconds),
        ]);
    }
    grid.column_iter_mut().for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    grid
}
