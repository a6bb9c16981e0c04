//! `segma predict`: the segment of each row, in input order.

use super::args::PredictArgs;
use super::device::{Choice, Device};
use super::output::{OneFile, spare_inputs};
use super::print;
use super::progress::Teller;
use super::run::{carried, saturated_note};
use segma::engine::SetPass;
use segma::error::{Error, Result, printable};
use segma::features::Prepared;
use segma::matrix::Matrix;
use segma::model::Model;
use segma::note::Note;
use segma::segments::{Assignments, Beside};
use segma::table::{self, Table};
use serde_json::json;
use std::io::{self, Write};
use std::path::Path;

/// Runs the verb.
pub(super) fn predict(args: &PredictArgs) -> Result<()> {
    spare_inputs(&[&args.model, &args.table], args.output.as_slice())?;
    let model = Model::read(&args.model)?;
    let output = args.output.as_deref().map(|path| OneFile::create(path, args.force)).transpose()?;
    let choice = Choice::new(&args.device)?;
    let mut teller = Teller::new(&args.shared);
    teller.step("reading");
    let (mut table, id) = read(args, &model)?;
    let mut notes = unknown_id(&model, args, id.as_ref());
    notes.extend(unread_note(&table));
    notes.extend(model.pipeline.drop_incomplete(&mut table)?);
    let prepared = model.pipeline.prepare(&table)?;
    notes.extend(imputed_and_unknown(&prepared));
    let matrix = Matrix::on_frame(&prepared, &model.frame)?;
    teller.step("labelling");
    let mut device = choice.device(&args.device, matrix.count() * matrix.dims())?;
    let labels = label(&mut device, &matrix, &model)?;
    let assignments = Assignments::new(&matrix, &model.centroids, &labels);
    let beside =
        Beside { table: &table, id: id.as_deref(), keep: &carried(&table, id.as_deref()), prepared: Some(&prepared) };
    write(args, output, &assignments, beside)?;
    notes.extend(saturated_note(matrix.saturated()));
    teller.finish(notes.iter().chain(&device.notes));
    report(args, &labels, &model)
}

/// Reads the model's columns and the id: the one named, else the model's own if the table has it.
fn read(args: &PredictArgs, model: &Model) -> Result<(Table, Option<String>)> {
    let mut options = args.csv.options(args.id.as_deref());
    options.wanted = Some(model.pipeline.columns());
    (options.as_text, options.numbers) = (model.pipeline.texts(), model.pipeline.numbers());
    options.carry.clone_from(&args.keep);
    if args.id.is_none() {
        options.keep_if_there.extend(model.id.clone());
    }
    let table = table::read(&args.table, &options)?;
    let id = args.id.as_ref().or(model.id.as_ref()).filter(|name| table.text(name).is_some()).cloned();
    Ok((table, id))
}

/// The model's id column may not be in this table.
fn unknown_id(model: &Model, args: &PredictArgs, id: Option<&String>) -> Vec<Note> {
    let missing = model.id.as_ref().filter(|_| args.id.is_none() && id.is_none());
    let text = |name: &String| {
        format!("no column '{}', the id of the training table: rows are numbered from 1", printable(name))
    };
    missing.map(|name| Note::new("no_id", text(name))).into_iter().collect()
}

fn label(device: &mut Device, matrix: &Matrix, model: &Model) -> Result<Vec<u32>> {
    let mut session = device.engine.load(matrix)?;
    session.open(1)?;
    session.pass(&[SetPass { set: 0, centroids: &model.centroids }])?;
    let labels = session.labels(0)?;
    device.notes.extend(session.notes());
    Ok(labels)
}

fn write(args: &PredictArgs, output: Option<OneFile>, a: &Assignments<'_>, beside: Beside<'_>) -> Result<()> {
    match output {
        Some(file) => file.write(|out| a.write_csv(beside, out)),
        None if args.shared.json => Ok(()),
        None => {
            let mut out = io::BufWriter::new(io::stdout().lock());
            match a.write_csv(beside, &mut out).and_then(|()| out.flush()) {
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
                done => done.map_err(|e| Error::output("standard output".as_ref(), e)),
            }
        }
    }
}

/// Columns that the model does not know.
fn unread_note(table: &Table) -> Option<Note> {
    const SHOWN: usize = 5;
    let names: Vec<String> = table.unread.iter().take(SHOWN).map(|name| printable(name)).collect();
    let more = if table.unread.len() > SHOWN { ", .." } else { "" };
    let text = format!("columns that the model does not use: {}{more}", names.join(", "));
    (!names.is_empty()).then(|| Note::new("columns_ignored", text))
}

fn imputed_and_unknown(prepared: &Prepared<'_>) -> Vec<Note> {
    let mut notes = Vec::new();
    let imputed = prepared.imputed();
    if imputed > 0 {
        notes.push(Note::new("imputed", format!("filled {imputed} missing values as the model does")));
    }
    let unknown: Vec<String> =
        prepared.unknown().iter().map(|(name, rows)| format!("{} ({rows} rows)", printable(name))).collect();
    if !unknown.is_empty() {
        let text = format!("texts (or none) that the training table did not have: {}", unknown.join(", "));
        notes.push(Note::new("unknown_levels", text));
    }
    notes
}

/// With `--json`, how many rows went where.
fn report(args: &PredictArgs, labels: &[u32], model: &Model) -> Result<()> {
    if !args.shared.json {
        return Ok(());
    }
    let mut counts = vec![0u64; model.k()];
    labels.iter().for_each(|l| counts[*l as usize] += 1);
    let document = json!({
        "schema": "segma.predict/1",
        "rows": labels.len(),
        "counts": counts,
        "output": args.output.as_deref().map(Path::to_string_lossy),
    });
    print(&format!("{document:#}\n"))
}
