//! `segma evaluate`: how good the segments of a model are on a table.

use super::apply::{Applied, Labelled, imputed_and_unknown, label};
use super::args::{ApplyArgs, EvaluateArgs};
use super::device::Choice;
use super::output::{OneFile, spare_inputs};
use super::progress::Teller;
use super::quality::{Measured, add_segments, document, exact, measure, silhouettes, stable};
use super::run::{Phases, saturated_note};
use super::summary::grouped;
use super::{print, print_document, rejects, succeeded};
use comfy_table::{CellAlignment, Table as Grid, presets};
use segma::error::{Error, Place, Result, printable};
use segma::model::Model;
use segma::note::Note;
use segma::quality::{Agreement, BORDER, Clustered, Quality, Stability, agreement, band, means};
use segma::table::{self, Table, is_missing};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

/// What was found.
struct Evaluation<'a> {
    model: &'a Model,
    labels: Vec<u32>,
    measured: Option<Measured>,
    truth: Option<Truth>,
    notes: Vec<Note>,
    device_notes: Vec<Note>,
    engine: String,
    seconds: f64,
}

/// The segments beside the groups that rows truly belong to.
struct Truth {
    column: String,
    /// Rows with a group, and without one.
    rows: usize,
    without: usize,
    groups: usize,
    agreement: Agreement,
}

/// Runs the verb.
pub(super) fn evaluate(args: &EvaluateArgs) -> Result<()> {
    let files = table::expand(&args.tables)?;
    let list = rejects::asked(&args.csv, args.rejects.as_ref());
    spare_inputs(&files, Some(&args.model), &rejects::files(args.output.as_ref(), list.as_ref())?)?;
    let model = Model::read(&args.model)?;
    let output = args.output.as_deref().map(|path| OneFile::create(path, args.force)).transpose()?;
    let list = rejects::create(list.as_ref(), args.force)?;
    let choice = Choice::new(&args.device)?;
    let (mut teller, mut phases) = (Teller::new(&args.shared), Phases::default());
    let applied = phases.time("read", || read(args, &files, &model, &mut teller))?;
    let Applied { table, mut notes, memory, .. } = applied;
    let prepared = model.pipeline.prepare(&table)?;
    notes.extend(imputed_and_unknown(&prepared));
    let labelled = phases.time("label", || label(&prepared, (&model, &memory), (choice, &args.device), &mut teller))?;
    let Labelled { matrix, device, labels } = labelled;
    let truth = args.truth.as_deref().map(|column| Truth::new(args, &table, column, &labels)).transpose()?;
    let measured = phases.time("measure", || -> Result<_> {
        let means = means(&matrix, &model.centroids, &labels);
        let clustered = Clustered { centroids: &model.centroids, means: &means, labels: &labels };
        measure(&args.metrics, &device, &matrix, &clustered, &model.params()?, &mut teller)
    })?;
    notes.extend(saturated_note(matrix.saturated()));
    rejects::write(list, &table)?;
    let (engine, device_notes, seconds) = (device.ran_on(), device.notes, phases.total());
    teller.finish(notes.iter().chain(&device_notes));
    let model = &model;
    let found = Evaluation { model, labels, measured, truth, notes, device_notes, engine, seconds };
    if let Some(file) = output {
        file.write(|out| out.write_all(succeeded(found.document()).as_bytes()))?;
    }
    match (args.shared.json, args.shared.quiet) {
        (true, _) => print_document(found.document()),
        (false, true) => Ok(()),
        (false, false) => print(&found.text()),
    }
}

/// The table with what the model reads, and the text of the truth.
fn read(args: &EvaluateArgs, files: &[PathBuf], model: &Model, teller: &mut Teller) -> Result<Applied> {
    let apply = ApplyArgs { model: args.model.clone(), tables: args.tables.clone(), id: None, csv: args.csv.clone() };
    let mut applied = apply.read(files, model, teller, |options| options.keep.extend(args.truth.clone()))?;
    applied.notes.retain(|note| note.code != "no_id"); // nothing is said of single rows
    if model.weights.is_some() {
        applied
            .notes
            .push(Note::new("no_weights", "the model was fitted with row weights; here every row counts once"));
    }
    Ok(applied)
}

impl Truth {
    /// Compares labels with a column of texts or numbers; rows without a value are left out.
    fn new(args: &EvaluateArgs, table: &Table, column: &str, labels: &[u32]) -> Result<Self> {
        let fail = |message: &str, hint: &str| {
            let place = Place::file(&table.source).in_column(column);
            Err(Error::data(place, message, hint))
        };
        let Some(texts) = table.text(column) else {
            return fail("cannot be read as the truth", "give a column of texts or whole numbers");
        };
        let (mut codes, mut truth, mut found) = (HashMap::new(), Vec::new(), Vec::new());
        for (text, &label) in texts.iter().zip(labels) {
            if !is_missing(text) && !args.csv.nulls.iter().any(|null| null == text) {
                let next = u32::try_from(codes.len()).unwrap_or(u32::MAX); // a table has fewer rows
                truth.push(*codes.entry(text).or_insert(next));
                found.push(label);
            }
        }
        if truth.is_empty() {
            return fail("no row has a value", "name another column with --truth");
        }
        let (rows, groups) = (truth.len(), codes.len());
        let agreement = agreement(&truth, &found);
        Ok(Self { column: column.to_owned(), rows, without: labels.len() - rows, groups, agreement })
    }

    fn text(&self) -> String {
        let a = &self.agreement;
        let mut text = format!(
            "adjusted Rand {:.3} · NMI {:.3} · V-measure {:.3} (homogeneity {:.3}, completeness {:.3}) with the {} groups of '{}'",
            a.adjusted_rand,
            a.normalized_mutual_information,
            a.v_measure,
            a.homogeneity,
            a.completeness,
            grouped(self.groups as u64),
            printable(&self.column),
        );
        if self.without > 0 {
            let _ = write!(text, "; {} customers without one left out", grouped(self.without as u64));
        }
        text
    }

    fn document(&self) -> Value {
        let a = &self.agreement;
        json!({
            "column": self.column,
            "rows": self.rows,
            "rows_without": self.without,
            "groups": self.groups,
            "adjusted_rand": exact(a.adjusted_rand),
            "normalized_mutual_information": exact(a.normalized_mutual_information),
            "homogeneity": exact(a.homogeneity),
            "completeness": exact(a.completeness),
            "v_measure": exact(a.v_measure),
        })
    }
}

impl Evaluation<'_> {
    fn counts(&self) -> Vec<u64> {
        let mut counts = vec![0; self.model.k()];
        self.labels.iter().for_each(|l| counts[*l as usize] += 1);
        counts
    }

    fn document(&self) -> Value {
        let rows = self.labels.len();
        let segment = |(s, count): (usize, u64)| json!({ "segment": s, "name": self.model.names[s], "customers": count, "share": count as f64 / rows as f64 });
        let mut segments: Vec<Value> = self.counts().into_iter().enumerate().map(segment).collect();
        if let Some(measured) = &self.measured {
            add_segments(&mut segments, measured, &self.labels);
        }
        json!({
            "schema": "segma.evaluate/1",
            "rows": rows,
            "features": self.model.pipeline.features().len(),
            "clusters": self.model.k(),
            "inertia": self.measured.as_ref().map(|m| exact(m.quality.inertia())),
            "explained": self.measured.as_ref().map(|m| exact(m.quality.explained())),
            "quality": self.measured.as_ref().map(document),
            "segments": segments,
            "truth": self.truth.as_ref().map(Truth::document),
            "notes": self.notes,
            "device_notes": self.device_notes,
        })
    }

    fn text(&self) -> String {
        let mut text = format!(
            "Evaluated {} segments on {} customers x {} features in {:.2} s ({})\n",
            self.model.k(),
            grouped(self.labels.len() as u64),
            self.model.pipeline.features().len(),
            self.seconds,
            self.engine,
        );
        if let Some(measured) = &self.measured {
            text.push_str(&in_words(measured));
        }
        if let Some(truth) = &self.truth {
            let _ = writeln!(text, "  truth      {}", truth.text());
        }
        let _ = writeln!(text, "\n{}", self.grid().trim_fmt());
        if self.measured.is_some() {
            text.push_str(
                "\nHalf within, 90 % within and farthest are distances to the segment's centroid, in prepared units.\n",
            );
        }
        text
    }

    fn stability(&self) -> Option<&Stability> {
        self.measured.as_ref()?.stability.as_ref()
    }

    fn grid(&self) -> Grid {
        let mut grid = Grid::new();
        grid.load_style(presets::NOTHING);
        let mut header = vec!["segment", "customers", "share"];
        if self.measured.is_some() {
            header.extend(["inertia", "half within", "90 % within", "farthest", "silhouette", "near a border"]);
        }
        if self.stability().is_some() {
            header.push("comes back");
        }
        grid.set_header(header);
        for (s, count) in self.counts().into_iter().enumerate() {
            let share = 100.0 * count as f64 / self.labels.len() as f64;
            let mut row = vec![s.to_string(), grouped(count), format!("{share:.1} %")];
            row.extend(self.measured.iter().flat_map(|m| figures(&m.quality, s)));
            row.extend(self.stability().map(|of| comes_back(of.jaccard[s])));
            grid.add_row(row);
        }
        grid.column_iter_mut().for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        grid
    }
}

fn comes_back(jaccard: f64) -> String {
    if jaccard.is_nan() { band(jaccard).into() } else { format!("{jaccard:.2} ({})", band(jaccard)) }
}

/// The figures of all segments together, in words.
fn in_words(Measured { quality, stability }: &Measured) -> String {
    let index = |value: Option<f64>| value.map_or_else(|| "none".into(), |v| format!("{v:.3}"));
    let mut text = format!(
        "  explained  {:.1} % of the variance; inertia {:.6e}\n  \
         silhouette {}\n  \
         indices    Calinski-Harabasz {} (larger is better) · Davies-Bouldin {} (smaller is better)\n  \
         border     {:.1} % of customers are near one: their margin to the next segment is below {BORDER}\n",
        100.0 * quality.explained(),
        quality.inertia(),
        silhouettes(quality),
        index(quality.calinski_harabasz),
        index(quality.davies_bouldin),
        100.0 * quality.border_share(),
    );
    if let Some(stability) = stability {
        let _ = writeln!(text, "  stability  {}", stable(stability));
    }
    text
}

/// The figures of a segment; a silhouette that has no meaning is left out.
fn figures(quality: &Quality, segment: usize) -> [String; 6] {
    let s = &quality.segments[segment];
    let [half, most, all] = s.radius.map(|r| format!("{r:.3}"));
    let silhouette = if quality.is_split() { format!("{:.3}", s.silhouette) } else { String::new() };
    [format!("{:.4e}", s.inertia), half, most, all, silhouette, format!("{:.1} %", 100.0 * s.border_share)]
}
