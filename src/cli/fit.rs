//! `segma fit`: a table in, segments out.

use super::args::{FitArgs, FormatArg};
use super::checkpoint::Keeper;
use super::choose::{self, Chosen};
use super::device::Choice;
use super::memory::{Memory, work};
use super::output::{Folder, spare_inputs};
use super::progress::Teller;
use super::quality::{Measured, measure};
use super::run::{Phases, Ran, carried, command, pack, write_segments};
use super::{plan, print, print_document, rejects, summary};
use segma::error::{Error, Result};
use segma::features::{Learnt, Options, Pipeline, Prepared};
use segma::kmeans::{Fit, Step};
use segma::matrix::Matrix;
use segma::model::Model;
use segma::note::Note;
use segma::quality::Clustered;
use segma::segments::report::{Found, Origin, Report};
use segma::segments::{Assignments, Beside, Profile, Roles};
use segma::table::{self, Table};
use serde_json::{Value, json};
use std::path::PathBuf;

/// What a run folder holds, with the segments in a format.
pub(super) fn files(segments: FormatArg) -> [&'static str; 6] {
    ["model.json", segments_file(segments), "profile.csv", "metrics.json", "report.html", "run.json"]
}

fn segments_file(format: FormatArg) -> &'static str {
    match format {
        FormatArg::Csv => "segments.csv",
        FormatArg::Parquet => "segments.parquet",
    }
}

impl FitArgs {
    /// The format of the segments: what is asked for, else that of the table.
    pub(super) fn segments(&self) -> FormatArg {
        let parquet = |file: &PathBuf| FormatArg::by_ending(file) == Some(FormatArg::Parquet);
        let as_the_table = if self.input.tables.iter().all(parquet) { FormatArg::Parquet } else { FormatArg::Csv };
        self.format.unwrap_or(as_the_table)
    }
}

/// Everything a fit leaves to be written.
pub(super) struct Outcome<'a> {
    pub(super) args: &'a FitArgs,
    pub(super) table: &'a Table,
    pub(super) model: &'a Model,
    pub(super) profile: &'a Profile,
    pub(super) labels: &'a [u32],
    pub(super) history: &'a [Step],
    pub(super) measured: Option<&'a Measured>,
    /// How the number of clusters was found, if it was not given.
    pub(super) choice: Option<&'a choose::Choice>,
    pub(super) engine: String,
    /// What lies where, for programs.
    pub(super) memory: Value,
    pub(super) device_notes: &'a [Note],
    pub(super) seconds: f64,
}

/// What there is before the work, all of it known to be in order.
struct Begun {
    files: Vec<PathBuf>,
    teller: Teller,
    keeper: Keeper,
    folder: Folder,
    choice: Choice,
}

fn begin(args: &FitArgs) -> Result<Begun> {
    let names: Vec<&str> = files(args.segments()).into_iter().chain(args.input.csv.rejects_in_folder()).collect();
    let outputs: Vec<_> = names.iter().map(|name| args.folder.output.join(name)).collect();
    let files = table::expand(&args.input.tables)?;
    spare_inputs(&files, Some(args.kmeans.run.init.as_ref()), &outputs)?;
    let teller = Teller::new(&args.shared);
    let keeper = Keeper::new(&args.checkpoint, &args.folder, &teller)?;
    let folder = Folder::create(&args.folder.output, &names, args.folder.force || keeper.may_overwrite())?;
    Ok(Begun { files, teller, keeper, folder, choice: Choice::new(&args.device)? })
}

/// Runs the verb.
pub(super) fn fit(args: &FitArgs) -> Result<()> {
    if args.plan {
        return plan::Run::fit(args).tell();
    }
    let Begun { files, mut teller, mut keeper, folder, choice } = begin(args)?;
    let mut phases = Phases::default();
    teller.step("reading");
    let memory = Memory::new(args.input.csv.memory);
    let mut table = phases.time("read", || args.input.read(&files, &memory, &teller))?;
    teller.step("preparing");
    let options = args.input.options(&table);
    let Learnt { pipeline, weights, mut notes } = phases.time("learn", || Pipeline::learn(&mut table, &options))?;
    notes.extend(rejects::notes(&table));
    let prepared = phases.time("prepare", || pipeline.prepare(&table))?;
    let params = choose::params(&args.kmeans, &pipeline)?;
    let points = memory.points(&work(&prepared, weights.is_some(), &params))?;
    let matrix = phases.time("pack", || pack(&prepared, weights, &points, &mut notes))?;
    let mut device = choice.device(&args.device, matrix.count() * matrix.dims())?;
    let told = (&mut teller, &mut phases, &mut keeper);
    let chosen = choose::fit(&args.kmeans, params, (&*device.engine, &matrix), told);
    let Chosen { mut fit, params, choice: how } = chosen.map_err(|e| e.in_file(&table.source))?;
    if args.kmeans.run.require_convergence && !fit.converged {
        return Err(Error::NotConverged { iterations: fit.iterations });
    }
    device.notes.append(&mut fit.device_notes);
    notes.append(&mut fit.notes);
    hint_at_id(args, &mut notes);
    let mut model = Model::new(args.input.id.clone(), pipeline.clone(), &matrix, &fit, &params, notes);
    let clustered = Clustered::from(&fit);
    let measured =
        phases.time("measure", || measure(&args.metrics, &device, &matrix, &clustered, &params, &mut teller))?;
    teller.step("writing");
    let labels = std::mem::take(&mut fit.labels);
    let roles = Roles { pipeline: &pipeline, kpis: &table.further, without: args.input.weight_column.as_slice() };
    let profile = phases.time("profile", || Profile::new(&table, &labels, model.k(), matrix.weights(), &roles));
    model.names = profile.names();
    let assignments = Assignments::new(&matrix, &model.centroids, &labels).watched(teller.watch());
    phases.time("write", || write(&folder, args, (&table, &prepared), &model, &assignments, &profile))?;
    let outcome = Outcome {
        args,
        choice: how.as_ref(),
        table: &table,
        model: &model,
        profile: &profile,
        labels: &labels,
        history: &fit.history,
        measured: measured.as_ref(),
        engine: device.ran_on(),
        memory: memory.json(&points),
        device_notes: &device.notes,
        seconds: phases.total(),
    };
    let html = phases.time("report", || report_of(&outcome, &options, &matrix).html())?;
    folder.write("report.html", |out| out.write_all(html.as_bytes()))?;
    write_json(&folder, "metrics.json", &summary::metrics(&outcome))?;
    write_json(&folder, "run.json", &run_json(&outcome, &phases, &fit))?;
    folder.commit()?;
    keeper.finish();
    teller.finish(model.notes.iter().chain(&device.notes));
    report(&outcome)
}

fn hint_at_id(args: &FitArgs, notes: &mut Vec<Note>) {
    if args.input.id.is_none() {
        notes.push(Note::new("no_id", "no --id column: the segments number the rows from 1"));
    }
}

fn write(
    folder: &Folder,
    args: &FitArgs,
    (table, prepared): (&Table, &Prepared<'_>),
    model: &Model,
    assignments: &Assignments<'_>,
    profile: &Profile,
) -> Result<()> {
    let text = model.to_json().map_err(|e| e.in_file(&table.source))?;
    folder.write("model.json", |out| out.write_all(text.as_bytes()))?;
    let id = args.input.id.as_deref();
    let beside = Beside { table, names: &model.names, id, keep: &carried(table, id)?, prepared: Some(prepared) };
    let format = args.segments();
    folder.write(segments_file(format), |out| write_segments(assignments, beside, format, out))?;
    folder.write("profile.csv", |out| profile.write_csv(&model.names, out))?;
    rejects::write_into(folder, &args.input.csv, table)
}

pub(super) fn write_json(folder: &Folder, name: &str, value: &Value) -> Result<()> {
    folder.write(name, |out| {
        serde_json::to_writer_pretty(&mut *out, value)?;
        out.write_all(b"\n")
    })
}

/// What the report shows.
fn report_of(o: &Outcome<'_>, options: &Options, matrix: &Matrix) -> Report {
    let chosen = o.choice.and_then(|c| c.stability.as_ref());
    let found = Found {
        origin: Origin { table: o.table, options, model: o.model, device: &o.engine, command: &command() },
        matrix,
        labels: o.labels,
        profile: o.profile,
        quality: o.measured.map(|m| &m.quality),
        stability: o.measured.and_then(|m| m.stability.as_ref()).or(chosen),
        history: o.history,
    };
    Report::of(&found, o.choice.map(|c| c.view.clone()))
}

fn run_json(outcome: &Outcome<'_>, phases: &Phases, fit: &Fit) -> Value {
    let ran = Ran {
        table: outcome.table,
        device: outcome.engine.clone(),
        device_notes: outcome.device_notes,
        seed: outcome.model.training.seed,
        phases,
        memory: &outcome.memory,
        notes: &outcome.model.notes,
    };
    let mut document = ran.json();
    document["pass_seconds"] = json!(fit.pass_seconds);
    document["scored_rows"] = json!(fit.scored);
    document["refereed_rows"] = json!(fit.refereed);
    document
}

fn report(outcome: &Outcome<'_>) -> Result<()> {
    if outcome.args.shared.json {
        let mut document = summary::metrics(outcome);
        document["schema"] = json!("segma.fit/1");
        document["output"] = json!(outcome.args.folder.output.to_string_lossy());
        document["notes"] = json!(outcome.model.notes);
        document["device_notes"] = json!(outcome.device_notes);
        return print_document(document);
    }
    if outcome.args.shared.quiet {
        return Ok(());
    }
    print(&summary::text(outcome))
}
