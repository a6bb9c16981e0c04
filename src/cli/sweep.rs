//! `segma sweep`: fits for several numbers of clusters, made together and compared.

use super::args::SweepArgs;
use super::checkpoint::Keeper;
use super::choose::{self, By, Compared};
use super::comparison::Comparison;
use super::device::{Choice, Device};
use super::fit::write_json;
use super::init;
use super::memory::{Memory, work};
use super::output::{Folder, spare_inputs};
use super::progress::Teller;
use super::run::{Phases, Ran, command, pack};
use super::{plan, print, print_document, rejects};
use segma::error::{Error, Result, escaped};
use segma::features::{Learnt, Pipeline};
use segma::kmeans::{Fit, ValidParams};
use segma::matrix::Matrix;
use segma::model::Model;
use segma::note::Note;
use segma::segments::report::{Found, Origin, Report};
use segma::segments::{Profile, Roles, suggested_names};
use segma::table;
use serde_json::json;
use std::path::PathBuf;

/// What the folder holds beside the models.
const WRITTEN: [&str; 4] = ["sweep.csv", "sweep.json", "report.html", "run.json"];

/// Runs the verb.
pub(super) fn sweep(args: &SweepArgs) -> Result<()> {
    if args.plan {
        return plan::Run::sweep(args).tell();
    }
    let files = table::expand(&args.input.tables)?;
    let names: Vec<PathBuf> = args.clusters.0.iter().map(|k| model_name(*k as usize)).collect();
    let rejected = args.input.csv.rejects_in_folder().map(PathBuf::from);
    let written: Vec<PathBuf> = names.into_iter().chain(WRITTEN.map(PathBuf::from)).chain(rejected).collect();
    let outputs: Vec<PathBuf> = written.iter().map(|name| args.folder.output.join(name)).collect();
    spare_inputs(&files, None, &outputs)?;
    let (mut teller, mut phases) = (Teller::new(&args.shared), Phases::default());
    let mut keeper = Keeper::new(&args.checkpoint, &args.folder, &teller)?;
    let folder = Folder::create(&args.folder.output, &written, args.folder.force || keeper.may_overwrite())?;
    let params = init::sweep_params(&args.clusters.0, &args.run, args.metrics.any())?;
    let choice = Choice::new(&args.device)?;
    let memory = Memory::new(args.input.csv.memory);
    teller.step("reading");
    let mut table = phases.time("read", || args.input.read(&files, &memory, &teller))?;
    teller.step("preparing");
    let options = args.input.options(&table);
    let learnt = phases.time("learn", || Pipeline::learn(&mut table, &options))?;
    let Learnt { pipeline, weights, mut notes } = learnt;
    notes.extend(rejects::notes(&table));
    let prepared = phases.time("prepare", || pipeline.prepare(&table))?;
    let points = memory.points(&work(&prepared, weights.is_some(), &params))?;
    let matrix = phases.time("pack", || pack(&prepared, weights, &points, &mut notes))?;
    let mut device = choice.device(&args.device, matrix.count() * matrix.dims())?;
    let by = By { metrics: args.metrics, seed: args.run.seed };
    let told = (&mut teller, &mut phases, &mut keeper);
    let compared = choose::compare(&*device.engine, &matrix, params, by, told);
    let mut compared = compared.map_err(|e| e.in_file(&table.source))?;
    if let Some(fit) = compared.fits.iter().find(|f| args.run.require_convergence && !f.converged) {
        return Err(Error::NotConverged { iterations: fit.iterations });
    }
    device.notes.extend(compared.fits.first_mut().map(|f| std::mem::take(&mut f.device_notes)).unwrap_or_default());
    let mut models = models(args, &pipeline, &matrix, &compared, &notes);
    for ((model, params), fit) in models.iter_mut().zip(&compared.params).zip(&compared.fits) {
        model.names = suggested_names(&table, &fit.labels, model.k(), matrix.weights(), &pipeline);
        let text = model.to_json().map_err(|e| e.in_file(&table.source))?;
        folder.write(&model_name(params.k()).to_string_lossy(), |out| out.write_all(text.as_bytes()))?;
    }
    notes.extend(fit_notes(&compared.fits, &compared.params));
    let comparison = Comparison { compared: &compared, matrix: &matrix };
    folder.write("sweep.csv", |out| comparison.write_csv(out))?;
    write_json(&folder, "sweep.json", &comparison.json(&notes))?;
    let (ran_on, command) = (device.ran_on(), command());
    let origin = Origin { table: &table, options: &options, model: &models[0], device: &ran_on, command: &command };
    let html = phases.time("report", || report_of(&comparison, &models, origin).html())?;
    folder.write("report.html", |out| out.write_all(html.as_bytes()))?;
    let (memory, seed) = (&memory.json(&points), args.run.seed);
    let device_notes = &device.notes;
    let ran = Ran { table: &table, device: ran_on, device_notes, seed, phases: &phases, memory, notes: &notes };
    write_json(&folder, "run.json", &ran.json())?;
    rejects::write_into(&folder, &args.input.csv, &table)?;
    folder.commit()?;
    keeper.finish();
    teller.finish(notes.iter().chain(&device.notes));
    report(args, &comparison, &notes, &phases, &device)
}

/// Where the model of `k` clusters goes.
fn model_name(k: usize) -> PathBuf {
    format!("models/k={k:02}.json").into()
}

fn models(args: &SweepArgs, pipeline: &Pipeline, matrix: &Matrix, compared: &Compared, notes: &[Note]) -> Vec<Model> {
    let model = |(fit, params): (&Fit, &ValidParams)| {
        let notes = [notes, &fit.notes].concat();
        Model::new(args.input.id.clone(), pipeline.clone(), matrix, fit, params, notes)
    };
    compared.fits.iter().zip(&compared.params).map(model).collect()
}

/// What the report shows: all numbers of segments beside each other, and the recommended one in full.
fn report_of(comparison: &Comparison<'_>, models: &[Model], origin: Origin<'_>) -> Report {
    let Compared { params, fits, measures, stability, verdict, .. } = comparison.compared;
    let Some(at) = params.iter().position(|p| Some(p.k()) == verdict.recommended_k) else {
        return Report::undecided(&origin, comparison.view());
    };
    let (fit, model, matrix) = (&fits[at], &models[at], comparison.matrix);
    let Origin { table, options, .. } = origin;
    let roles = Roles { pipeline: &model.pipeline, kpis: &table.further, without: options.weight_column.as_slice() };
    let found = Found {
        origin: Origin { model, ..origin },
        matrix,
        labels: &fit.labels,
        profile: &Profile::new(table, &fit.labels, model.k(), matrix.weights(), &roles),
        quality: measures[at].quality.as_ref(),
        stability: stability[at].as_ref(),
        history: &fit.history,
    };
    Report::of(&found, Some(comparison.view()))
}

/// The notes of each fit, with its number of clusters.
fn fit_notes<'f>(fits: &'f [Fit], params: &'f [ValidParams]) -> impl Iterator<Item = Note> + 'f {
    let of = |(fit, params): (&'f Fit, &'f ValidParams)| {
        fit.notes.iter().map(|n| Note { code: n.code.clone(), text: format!("k={}: {}", params.k(), n.text) })
    };
    fits.iter().zip(params).flat_map(of)
}

fn report(
    args: &SweepArgs,
    comparison: &Comparison<'_>,
    notes: &[Note],
    phases: &Phases,
    device: &Device,
) -> Result<()> {
    if args.shared.json {
        let mut document = comparison.json(notes);
        document["output"] = json!(args.folder.output.to_string_lossy());
        document["device_notes"] = json!(device.notes);
        return print_document(document);
    }
    if args.shared.quiet {
        return Ok(());
    }
    let output = escaped(&args.folder.output.to_string_lossy());
    print(&format!(
        "Fitted {} numbers of segments in {:.2} s ({})\n\n{}\n\nWrote {output} ({}, models/)\n",
        comparison.compared.fits.len(),
        phases.total(),
        device.ran_on(),
        comparison.text(),
        WRITTEN.join(", "),
    ))
}
