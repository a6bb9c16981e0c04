//! `segma predict`: the segment of each row, in input order.

use super::apply::{Applied, Labelled, imputed_and_unknown, label};
use super::args::{FormatArg, PredictArgs};
use super::device::Choice;
use super::output::{OneFile, spare_inputs};
use super::progress::Teller;
use super::run::{carried, saturated_note, write_segments};
use super::terminal::Visible;
use super::{print_document, rejects};
use segma::error::{Error, Result};
use segma::model::Model;
use segma::note::Note;
use segma::segments::{Assignments, Beside};
use segma::table::{self, ReadOptions};
use serde_json::json;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Runs the verb.
pub(super) fn predict(args: &PredictArgs) -> Result<()> {
    let files = table::expand(&args.apply.tables)?;
    let list = list(args)?;
    spare_inputs(&files, Some(&args.apply.model), &rejects::files(args.output.as_ref(), list.as_ref())?)?;
    let model = Model::read(&args.apply.model)?;
    let output = args.output.as_deref().map(|path| OneFile::create(path, args.force)).transpose()?;
    let list = rejects::create(list.as_ref(), args.force)?;
    let choice = Choice::new(&args.device)?;
    let mut teller = Teller::new(&args.shared);
    let carry = |options: &mut ReadOptions| options.carry.clone_from(&args.keep);
    let Applied { table, id, mut notes, memory } = args.apply.read(&files, &model, &mut teller, carry)?;
    let prepared = model.pipeline.prepare(&table)?;
    notes.extend(imputed_and_unknown(&prepared));
    let Labelled { matrix, device, labels } = label(&prepared, (&model, &memory), (choice, &args.device), &mut teller)?;
    teller.step("writing");
    let assignments = Assignments::new(&matrix, &model.centroids, &labels).watched(teller.watch());
    let (id, keep) = (id.as_deref(), carried(&table, id.as_deref())?);
    let beside = Beside { table: &table, names: &model.names, id, keep: &keep, prepared: Some(&prepared) };
    rejects::write(list, &table)?; // before the rows: the program ends where their reader goes away
    write(args, output, &assignments, beside)?;
    notes.extend(saturated_note(matrix.saturated()));
    teller.finish(notes.iter().chain(&device.notes));
    report(args, (&labels, table.rejects.len()), &model, (&notes, &device.notes))
}

impl PredictArgs {
    fn format(&self) -> FormatArg {
        let by_ending = || self.output.as_deref().and_then(FormatArg::by_ending).unwrap_or(FormatArg::Csv);
        self.format.unwrap_or_else(by_ending)
    }
}

fn write(args: &PredictArgs, output: Option<OneFile>, a: &Assignments<'_>, beside: Beside<'_>) -> Result<()> {
    match output {
        Some(file) => file.write(|out| write_segments(a, beside, args.format(), out)),
        None if args.shared.json => Ok(()),
        None => {
            let is_terminal = io::stdout().is_terminal();
            let mut out = Visible::new(io::BufWriter::new(io::stdout().lock()), is_terminal);
            match a.write_csv(beside, &mut out).and_then(|()| out.flush()) {
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
                done => done.map_err(|e| Error::output("standard output".as_ref(), e)),
            }
        }
    }
}

/// Where the rows go that cannot be used. With `--json` alone nothing is said of single rows.
fn list(args: &PredictArgs) -> Result<Option<PathBuf>> {
    match (&args.output, args.shared.json) {
        (None, true) => Ok(rejects::asked(&args.apply.csv, args.rejects.as_ref())),
        (output, _) => rejects::beside(&args.apply.csv, args.rejects.as_ref(), output.as_deref()),
    }
}

/// With `--json`, how many rows went where.
fn report(
    args: &PredictArgs,
    (labels, rejected): (&[u32], usize),
    model: &Model,
    notes: (&[Note], &[Note]),
) -> Result<()> {
    if !args.shared.json {
        return Ok(());
    }
    let mut counts = vec![0u64; model.k()];
    labels.iter().for_each(|l| counts[*l as usize] += 1);
    let document = json!({
        "schema": "segma.predict/1",
        "rows": labels.len(),
        "rejected": rejected,
        "counts": counts,
        "output": args.output.as_deref().map(Path::to_string_lossy),
        "notes": notes.0,
        "device_notes": notes.1,
    });
    print_document(document)
}
