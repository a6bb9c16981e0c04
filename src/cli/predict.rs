//! `segma predict`: the segment of each row, in input order.

use super::args::PredictArgs;
use super::device::{Choice, Device};
use super::output::{OneFile, spare_inputs};
use super::print;
use super::progress::Teller;
use super::run::saturated_note;
use segma::engine::SetPass;
use segma::error::{Error, Result, printable};
use segma::matrix::Matrix;
use segma::model::Model;
use segma::note::Note;
use segma::segments::Assignments;
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
    let (table, id) = read(args, &model)?;
    let mut notes = unknown_id(&model, args, id.as_ref());
    let prepared = model.pipeline.prepare(&table)?;
    let imputed = prepared.imputed();
    let matrix = Matrix::on_frame(&prepared, &model.frame)?;
    teller.step("labelling");
    let mut device = choice.device(&args.device, matrix.count() * matrix.dims())?;
    let labels = label(&mut device, &matrix, &model)?;
    let saturated = matrix.saturated();
    let assignments = Assignments::measure(&matrix, &model.centroids, labels);
    write(args, output, &assignments, &table, id.as_deref())?;
    notes.extend(far_and_missing(imputed, saturated));
    teller.finish(notes.iter().chain(&device.notes));
    report(args, &assignments, &model)
}

/// Reads the model's columns and the id: the one named, else the model's own if the table has it.
fn read(args: &PredictArgs, model: &Model) -> Result<(Table, Option<String>)> {
    let mut options = args.csv.options(args.id.as_deref());
    options.only = Some(model.pipeline.features.iter().map(|f| f.name.clone()).collect());
    if args.id.is_none() {
        options.text_if_there.extend(model.id.clone());
    }
    let table = table::read(&args.table, &options)?;
    let id =
        args.id.as_ref().or(model.id.as_ref()).filter(|name| table.column(name).is_some_and(|c| c.texts().is_some()));
    let id = id.cloned();
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

fn write(args: &PredictArgs, output: Option<OneFile>, a: &Assignments, table: &Table, id: Option<&str>) -> Result<()> {
    match output {
        Some(file) => file.write(|out| a.write_csv(table, id, out)),
        None if args.shared.json => Ok(()),
        None => {
            let mut out = io::BufWriter::new(io::stdout().lock());
            match a.write_csv(table, id, &mut out).and_then(|()| out.flush()) {
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
                done => done.map_err(|e| Error::output("standard output".as_ref(), e)),
            }
        }
    }
}

fn far_and_missing(imputed: u64, saturated: u64) -> Vec<Note> {
    let mut notes = Vec::new();
    if imputed > 0 {
        notes.push(Note::new("imputed", format!("filled {imputed} missing values with the training medians")));
    }
    notes.extend(saturated_note(saturated));
    notes
}

/// With `--json`, how many rows went where.
fn report(args: &PredictArgs, assignments: &Assignments, model: &Model) -> Result<()> {
    if !args.shared.json {
        return Ok(());
    }
    let mut counts = vec![0u64; model.k()];
    assignments.labels.iter().for_each(|l| counts[*l as usize] += 1);
    let document = json!({
        "schema": "segma.predict/1",
        "rows": assignments.labels.len(),
        "counts": counts,
        "output": args.output.as_deref().map(Path::to_string_lossy),
    });
    print(&format!("{document:#}\n"))
}
