//! A model applied to a table: what `predict` and its kin share.

use super::args::{ApplyArgs, DeviceArgs};
use super::device::{Choice, Device};
use super::memory::{Memory, of_sets};
use super::progress::Teller;
use super::rejects;
use segma::engine::SetPass;
use segma::error::{Result, printable};
use segma::features::Prepared;
use segma::matrix::Matrix;
use segma::model::Model;
use segma::note::Note;
use segma::table::{self, ReadOptions, Table};
use std::path::PathBuf;

/// A table read for a model.
pub(super) struct Applied {
    /// The rows that the model can label.
    pub(super) table: Table,
    /// The column that identifies a row.
    pub(super) id: Option<String>,
    /// What is worth telling.
    pub(super) notes: Vec<Note>,
    pub(super) memory: Memory,
}

impl ApplyArgs {
    /// Reads the model's columns and the id: the one named, else the model's own if the table has it. `more` may ask for
    /// further columns.
    pub(super) fn read(
        &self,
        files: &[PathBuf],
        model: &Model,
        teller: &mut Teller,
        more: impl FnOnce(&mut ReadOptions),
    ) -> Result<Applied> {
        teller.step("reading");
        let memory = Memory::new(self.csv.memory);
        let mut options = self.csv.options(self.id.as_deref(), &memory);
        options.watch = Some(teller.watch());
        options.wanted = Some(model.pipeline.columns());
        (options.as_text, options.numbers) = (model.pipeline.texts(), model.pipeline.numbers());
        if self.id.is_none() {
            options.keep_if_there.extend(model.id.clone());
        }
        more(&mut options);
        let mut table = table::read_all(files, &options)?;
        teller.step("preparing");
        let id = self.id.as_ref().or(model.id.as_ref()).filter(|name| table.text(name).is_some()).cloned();
        let mut notes = self.unknown_id(model, id.as_ref());
        notes.extend(rejects::notes(&table));
        notes.extend(unread_note(&table));
        notes.extend(model.pipeline.drop_incomplete(&mut table)?);
        Ok(Applied { table, id, notes, memory })
    }

    /// The model's id column may not be in this table.
    fn unknown_id(&self, model: &Model, id: Option<&String>) -> Vec<Note> {
        let missing = model.id.as_ref().filter(|_| self.id.is_none() && id.is_none());
        let text = |name: &String| {
            format!("no column '{}', the id of the training table: rows are numbered from 1", printable(name))
        };
        missing.map(|name| Note::new("no_id", text(name))).into_iter().collect()
    }
}

/// Points and their segments.
pub(super) struct Labelled {
    pub(super) matrix: Matrix,
    pub(super) device: Device,
    /// The segment of each point.
    pub(super) labels: Vec<u32>,
}

/// Packs a prepared table on the model's frame and gives each row its segment.
pub(super) fn label(
    prepared: &Prepared<'_>,
    (model, memory): (&Model, &Memory),
    (choice, args): (Choice, &DeviceArgs),
    teller: &mut Teller,
) -> Result<Labelled> {
    let matrix = Matrix::on_frame_in(
        prepared,
        &model.frame,
        &memory.points(&of_sets(prepared, false, std::iter::once(model.k())))?,
    )?;
    teller.step("labelling");
    let mut device = choice.device(args, matrix.count() * matrix.dims())?;
    let labels = labels(&mut device, &matrix, model)?;
    Ok(Labelled { matrix, device, labels })
}

fn labels(device: &mut Device, matrix: &Matrix, model: &Model) -> Result<Vec<u32>> {
    let mut session = device.engine.load(matrix)?;
    session.open(1)?;
    session.pass(&[SetPass { set: 0, centroids: &model.centroids }])?;
    let labels = session.labels(0)?;
    device.notes.extend(session.notes());
    Ok(labels)
}

/// Columns that the model does not know.
fn unread_note(table: &Table) -> Option<Note> {
    const SHOWN: usize = 5;
    let names: Vec<String> = table.unread.iter().take(SHOWN).map(|name| printable(name)).collect();
    let more = if table.unread.len() > SHOWN { ", .." } else { "" };
    let text = format!("columns that the model does not use: {}{more}", names.join(", "));
    (!names.is_empty()).then(|| Note::new("columns_ignored", text))
}

/// What stands for missing values and unknown texts.
pub(super) fn imputed_and_unknown(prepared: &Prepared<'_>) -> Vec<Note> {
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
