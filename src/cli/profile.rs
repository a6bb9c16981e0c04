//! `segma profile`: who is in the segments of a model, by every column of a table.

use super::apply::{Applied, Labelled, imputed_and_unknown, label};
use super::args::ProfileArgs;
use super::device::Choice;
use super::output::{OneFile, spare_inputs};
use super::progress::Teller;
use super::summary::{self, LEAST_EFFECT, grouped, shown};
use super::{print, print_document, rejects};
use comfy_table::{CellAlignment, Table as Grid, presets};
use segma::error::{Result, escaped, printable};
use segma::features::{kpis, telling, weights};
use segma::matrix::Weights;
use segma::model::Model;
use segma::note::Note;
use segma::segments::{Assignments, ColumnProfile, Entry, Figures, Kind, Numeric, Profile, Roles};
use segma::table::{self, ReadOptions, Table};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

/// Figures shown of a segment beside the KPIs.
const SHOWN: usize = 6;

/// Customers shown of a segment.
const CLOSEST: usize = 5;

/// What is said.
struct Outcome<'a> {
    args: &'a ProfileArgs,
    names: &'a [String],
    profile: &'a Profile,
    /// The ids (or rows, from 1) of the customers closest to each centroid, if they are to be shown.
    closest: Option<Vec<Vec<String>>>,
    notes: Vec<Note>,
}

/// Runs the verb.
pub(super) fn profile(args: &ProfileArgs) -> Result<()> {
    let files = table::expand(&args.apply.tables)?;
    let list = rejects::asked(&args.apply.csv, args.rejects.as_ref());
    spare_inputs(&files, Some(&args.apply.model), &rejects::files(args.output.as_ref(), list.as_ref())?)?;
    let model = Model::read(&args.apply.model)?;
    let output = args.output.as_deref().map(|path| OneFile::create(path, args.force)).transpose()?;
    let list = rejects::create(list.as_ref(), args.force)?;
    let choice = Choice::new(&args.device)?;
    let mut teller = Teller::new(&args.shared);
    let ask = |options: &mut ReadOptions| ask(options, args, &model);
    let Applied { table, id, mut notes, memory } = args.apply.read(&files, &model, &mut teller, ask)?;
    let prepared = model.pipeline.prepare(&table)?;
    notes.extend(imputed_and_unknown(&prepared));
    let weights = args.weight_column.as_deref().map(|name| weights(&table, name)).transpose()?;
    let Labelled { matrix, mut device, labels } =
        label(&prepared, (&model, &memory), (choice, &args.device), &mut teller)?;
    teller.step("profiling");
    let profile = profiled(args, &table, &labels, &model, weights.as_ref(), &mut notes)?;
    if let Some(file) = output {
        file.write(|out| profile.write_csv(&model.names, out))?;
    }
    rejects::write(list, &table)?;
    let closest = args.show_ids.then(|| {
        let closest = Assignments::new(&matrix, &model.centroids, &labels).closest(CLOSEST);
        closest.iter().map(|rows| rows.iter().map(|c| customer(&table, id.as_deref(), c.row)).collect()).collect()
    });
    notes.append(&mut device.notes);
    teller.finish(&notes);
    report(&Outcome { args, names: &model.names, profile: &profile, closest, notes })
}

/// What is read: the model's columns with all their texts, known to it or not, the KPIs, and what is to be profiled.
fn ask(options: &mut ReadOptions, args: &ProfileArgs, model: &Model) {
    options.also.extend(model.pipeline.plans().iter().map(|plan| plan.name.clone()));
    options.also.extend(args.weight_column.clone());
    options.as_text.values_mut().for_each(Vec::clear);
    options.wanted.clone_from(&args.columns);
    options.further.clone_from(&args.kpi);
}

fn profiled(
    args: &ProfileArgs,
    table: &Table,
    labels: &[u32],
    model: &Model,
    weights: Option<&Weights>,
    notes: &mut Vec<Note>,
) -> Result<Profile> {
    kpis(table, &table.further)?;
    let clustered = model.pipeline.plans().iter().map(|plan| &plan.name);
    let known: Vec<String> = clustered.chain(&table.further).chain(&args.weight_column).cloned().collect();
    let (telling, more) = telling(table, &known);
    notes.extend(more);
    let told = |name: &String| telling.iter().any(|column| column.name == *name);
    let others = table.columns.iter().map(|column| &column.name).filter(|name| !told(name));
    let without: Vec<String> = others.chain(&args.weight_column).cloned().collect();
    let roles = Roles { pipeline: &model.pipeline, kpis: &table.further, without: &without };
    Ok(Profile::new(table, labels, model.k(), weights, &roles))
}

/// The id of a row, or its number from 1.
fn customer(table: &Table, id: Option<&str>, row: usize) -> String {
    let text = id.and_then(|name| table.text(name)).map(|ids| ids.get(row).to_owned());
    text.unwrap_or_else(|| (table.row_in_file(row) + 1).to_string())
}

fn report(outcome: &Outcome<'_>) -> Result<()> {
    if outcome.args.shared.json {
        return print_document(document(outcome));
    }
    if outcome.args.shared.quiet { Ok(()) } else { print(&text(outcome)) }
}

fn text(o: &Outcome<'_>) -> String {
    let columns = &o.profile.columns;
    let beside = columns.iter().filter(|c| !c.clustered).count();
    let mut text = format!(
        "{} customers in {} segments by {} columns, {beside} of them not clustered\n",
        grouped(o.profile.counts.iter().sum()),
        o.profile.segments,
        columns.len(),
    );
    for (segment, name) in o.names.iter().enumerate() {
        let (count, share) = (grouped(o.profile.counts[segment]), 100.0 * o.profile.shares[segment]);
        let _ = writeln!(text, "\n{segment}  {}: {count} customers ({share:.1} %)", printable(name));
        for column in columns.iter().filter(|c| c.kpi) {
            text.extend(total_line(column, segment, share));
        }
        if o.profile.counts[segment] > 0 {
            let _ = writeln!(text, "{}", grid(o.profile, segment).trim_fmt());
        }
        if let Some(closest) = o.closest.as_ref().map(|all| &all[segment]).filter(|c| !c.is_empty()) {
            let ids: Vec<String> = closest.iter().map(|id| printable(id)).collect();
            let _ = writeln!(text, " closest to the centroid: {}", ids.join(", "));
        }
    }
    if let Some(output) = &o.args.output {
        let _ = writeln!(text, "\nWrote {}", escaped(&output.to_string_lossy()));
    }
    text
}

/// A segment's part of the total of a KPI.
fn total_line(column: &ColumnProfile, segment: usize, share: f64) -> Option<String> {
    let (total, part) = total(column, segment)?;
    let (name, total) = (printable(&column.name), summary::short(total));
    Some(match part {
        Some(part) => format!(" {share:.1} % of customers and {:.1} % of {name} (a total of {total})\n", 100.0 * part),
        None => format!(" {name}: a total of {total}\n"),
    })
}

/// The sum of a KPI over a segment, and its share of everyone's, if values below zero do not make that mean nothing.
fn total(column: &ColumnProfile, segment: usize) -> Option<(f64, Option<f64>)> {
    let Figures::Numbers { all, segments } = &column.figures else { return None };
    let (total, of) = (segments[segment].total(), all.total());
    (column.kind == Kind::Number).then(|| (total, (all.low >= 0.0 && of > 0.0).then(|| total / of)))
}

/// The KPIs of a segment, and what sets it apart.
fn grid(profile: &Profile, segment: usize) -> Grid {
    let kpis = profile.columns.iter().filter(|c| c.kpi).filter_map(|c| c.strongest(segment));
    let telling = profile.telling(segment).into_iter();
    let others = telling.filter(|e| !e.column.kpi && e.effect.abs() >= LEAST_EFFECT).take(SHOWN);
    let mut grid = Grid::new();
    grid.load_style(presets::NOTHING);
    grid.set_header(["", "average or share", "everyone", "index", "effect", "10 % to 90 %"]);
    for entry in kpis.chain(others) {
        grid.add_row(row(&entry, segment));
    }
    for right in [1, 2, 3, 4] {
        if let Some(column) = grid.column_mut(right) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    grid
}

fn row(entry: &Entry<'_>, segment: usize) -> [String; 6] {
    let column = entry.column;
    let role = match (column.kpi, column.clustered) {
        (true, _) => " (KPI)",
        (false, false) => " (not clustered)",
        (false, true) => "",
    };
    let reach = match &column.figures {
        Figures::Numbers { segments, .. } => {
            let Numeric { p10, p90, .. } = segments[segment];
            format!("{} to {}", shown(column.kind, p10), shown(column.kind, p90))
        }
        Figures::Shares { .. } => String::new(),
    };
    [
        summary::label(entry) + role,
        shown(column.kind, entry.mean),
        shown(column.kind, entry.mean_all),
        entry.index.map_or_else(String::new, |index| format!("{index:.0}")),
        format!("{:+.2}", entry.effect),
        reach,
    ]
}

fn document(o: &Outcome<'_>) -> Value {
    let segment = |(s, name): (usize, &String)| {
        let mut segment = json!({
            "segment": s, "name": name, "customers": o.profile.counts[s], "share": o.profile.shares[s],
        });
        if let Some(closest) = &o.closest {
            segment["closest"] = json!(closest[s]);
        }
        segment
    };
    json!({
        "schema": "segma.profile/1",
        "rows": o.profile.counts.iter().sum::<u64>(),
        "segments": o.names.iter().enumerate().map(segment).collect::<Vec<_>>(),
        "columns": o.profile.columns.iter().map(column).collect::<Vec<_>>(),
        "notes": o.notes,
        "output": o.args.output.as_deref().map(Path::to_string_lossy),
    })
}

/// A column with its figures, segment by segment; what is not a number there is null.
fn column(c: &ColumnProfile) -> Value {
    let in_segment = |s: usize| {
        let entries = c.entries(s);
        let mut figures = match &c.figures {
            Figures::Numbers { segments, .. } => numeric(c.kind, &segments[s]),
            Figures::Shares { segments, .. } => json!({ "shares": segments[s] }),
        };
        let (indices, effects): (Vec<_>, Vec<_>) = entries.iter().map(|e| (e.index, e.effect)).unzip();
        let single = matches!(c.figures, Figures::Numbers { .. });
        figures["index"] = if single { json!(indices.first()) } else { json!(indices) };
        figures["effect"] = if single { json!(effects.first()) } else { json!(effects) };
        (figures["present"], figures["missing"]) = (json!(c.present[s]), json!(c.missing[s]));
        if let Some((total, part)) = total(c, s).filter(|_| c.kpi) {
            (figures["total"], figures["total_share"]) = (json!(total), json!(part));
        }
        figures
    };
    let (levels, all) = match &c.figures {
        Figures::Numbers { all, .. } => (None, numeric(c.kind, all)),
        Figures::Shares { levels, all, .. } => (Some(levels), json!({ "shares": all })),
    };
    json!({
        "name": c.name, "kind": c.kind.word(), "clustered": c.clustered, "kpi": c.kpi, "separation": c.separation,
        "levels": levels, "all": all, "segments": (0..c.present.len()).map(in_segment).collect::<Vec<_>>(),
    })
}

fn numeric(kind: Kind, n: &Numeric) -> Value {
    let value = |v: f64| match kind {
        Kind::Date if v.is_finite() => json!(segma::table::spelt(v.floor())),
        _ => json!(v),
    };
    json!({
        "mean": value(n.mean), "sd": n.sd, "low": value(n.low), "p10": value(n.p10), "median": value(n.median),
        "p90": value(n.p90), "high": value(n.high),
    })
}
