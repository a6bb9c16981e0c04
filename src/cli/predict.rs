//! `segma predict`: the segment of each row, in input order.

use super::args::PredictArgs;
use super::output::{OneFile, spare_inputs};
use super::print;
use super::progress::Teller;
use super::run::{engine, saturated_note};
use segma::engine::{Engine, SetPass};
use segma::error::{Error, Result};
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
    let engine = engine(&args.device)?;
    let mut teller = Teller::new(&args.shared);
    teller.step("reading");
    let (table, id) = read(args, &model)?;
    let prepared = model.pipeline.prepare(&table)?;
    let imputed = prepared.imputed();
    let matrix = Matrix::on_frame(&prepared, &model.frame)?;
    teller.step("labelling");
    let labels = label(&*engine, &matrix, &model)?;
    let saturated = matrix.saturated();
    let assignments = Assignments::measure(&matrix, &model.centroids, labels);
    write(args, output, &assignments, &table, id.as_deref())?;
    teller.finish(&notes(imputed, saturated));
    report(args, &assignments, &model)
}

/// Reads the model's columns and the id: the one named, else the model's own if the table has it.
fn read(args: &PredictArgs, model: &Model) -> Result<(Table, Option<String>)> {
    let id = args.id.clone().or_else(|| model.id.clone());
    let mut options = args.csv.options(id.as_deref());
    options.only = Some(model.pipeline.features.iter().map(|f| f.name.clone()).collect());
    match table::read(&args.table, &options) {
        Err(Error::Data { .. }) if args.id.is_none() && id.is_some() => {
            options.text.clear(); // perhaps it has no such column: then rows are numbered
            Ok((table::read(&args.table, &options)?, None))
        }
        read => Ok((read?, id)),
    }
}

fn label(engine: &dyn Engine, matrix: &Matrix, model: &Model) -> Result<Vec<u32>> {
    let mut session = engine.load(matrix)?;
    session.open(1)?;
    session.pass(&[SetPass { set: 0, centroids: &model.centroids }])?;
    session.labels(0)
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

fn notes(imputed: u64, saturated: u64) -> Vec<Note> {
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
