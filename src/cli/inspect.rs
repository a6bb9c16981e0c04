//! `segma inspect`: what a table holds and what a fit would do with it, or how a model prepares one.

use super::args::{InputArgs, InspectArgs};
use super::memory::Memory;
use super::progress::Teller;
use super::run::listed;
use super::summary::grouped;
use super::{print, print_document, rejects};
use comfy_table::{CellAlignment, Table as Grid, presets};
use segma::error::{Result, escaped, printable};
use segma::features::{Description, Fate, Inspection, describe};
use segma::model::Model;
use segma::table::{self, Table};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

/// Runs the verb.
pub(super) fn inspect(args: &InspectArgs) -> Result<()> {
    if let [path] = &args.input.tables[..]
        && path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"))
    {
        return model(args, path, &Model::read(path)?);
    }
    let files = table::expand(&args.input.tables)?;
    // The id is looked at like any other column.
    let (mut teller, memory) = (Teller::new(&args.shared), Memory::new(args.input.csv.memory));
    teller.step("reading");
    let table = InputArgs { id: None, ..args.input.clone() }.read(&files, &memory, &teller)?;
    teller.step("inspecting");
    let inspection = describe(&table, &args.input.options(&table));
    teller.finish(&rejects::notes(&table).collect::<Vec<_>>());
    if args.shared.json {
        return print_document(document(&table, &inspection));
    }
    print(&text(&table, &inspection))
}

/// Bytes that the points of a fit would take.
fn points_bytes(table: &Table, features: usize) -> u64 {
    (table.rows.next_multiple_of(64) * features * size_of::<f32>()) as u64
}

fn text(table: &Table, inspection: &Inspection) -> String {
    let Inspection { columns, features, refused } = inspection;
    let mut grid = Grid::new();
    grid.load_style(presets::NOTHING);
    grid.set_header(["column", "holds", "missing", "different", "values", "fit would"]);
    for c in columns {
        let missing = if c.missing == 0 { String::new() } else { share(c.missing, table.rows) };
        let distinct = c.distinct.map_or_else(|| "many".into(), grouped);
        grid.add_row([printable(&c.name), printable(&c.kind), missing, distinct, c.range.clone(), fate(&c.fate)]);
    }
    for right in [2, 3] {
        if let Some(column) = grid.column_mut(right) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text =
        format!("{}: {} rows, {} columns\n\n", escaped(&table.source), grouped(table.rows as u64), columns.len());
    let _ = writeln!(text, "{}", grid.trim_fmt());
    let mib = |bytes: u64| (bytes as f64 / f64::from(1 << 20)).ceil();
    let _ = match refused {
        Some(why) => writeln!(text, "\nA fit would refuse the table: {why}"),
        None => writeln!(
            text,
            "\nA fit would use {features} features: {} MiB of points, beside {} MiB for the table.",
            mib(points_bytes(table, *features)),
            mib(table.bytes() as u64),
        ),
    };
    text
}

fn share(part: u64, of: usize) -> String {
    let percent = 100.0 * part as f64 / of as f64;
    if percent < 0.1 { "<0.1 %".into() } else { format!("{percent:.1} %") }
}

fn fate(fate: &Fate) -> String {
    match fate {
        Fate::Used(how) => format!("use it: {how}"),
        Fate::LeftOut(why) => format!("leave it out: {}", why.reason()),
        Fate::Reserved(what) => format!("take it as {what}"),
        Fate::Refused(message) => format!("refuse the table: {message}"),
    }
}

fn document(table: &Table, inspection: &Inspection) -> Value {
    let column = |c: &Description| {
        let (fate, detail) = match &c.fate {
            Fate::Used(how) => ("used", how.clone()),
            Fate::LeftOut(why) => (why.code(), why.reason().to_owned()),
            Fate::Reserved(what) => ("reserved", (*what).to_owned()),
            Fate::Refused(message) => ("refused", message.clone()),
        };
        json!({
            "name": c.name, "holds": c.kind, "missing": c.missing, "distinct": c.distinct, "values": c.range,
            "fate": fate, "detail": detail,
        })
    };
    json!({
        "schema": "segma.inspect/1",
        "table": table.source,
        "files": listed(table),
        "rows": table.rows,
        "columns": inspection.columns.iter().map(column).collect::<Vec<_>>(),
        "features": inspection.features,
        "refused": inspection.refused,
        "points_bytes": points_bytes(table, inspection.features),
        "table_bytes": table.bytes(),
    })
}

/// How a model prepares a table, column by column.
fn model(args: &InspectArgs, path: &Path, model: &Model) -> Result<()> {
    let plans = model.pipeline.plans();
    if args.shared.json {
        let columns: Vec<Value> =
            plans.iter().map(|p| json!({ "name": p.name, "detail": model.pipeline.explain(p) })).collect();
        let document = json!({
            "schema": "segma.inspect/1",
            "model": path.to_string_lossy(),
            "segments": model.k(),
            "features": model.pipeline.features().len(),
            "columns": columns,
        });
        return print_document(document);
    }
    let mut grid = Grid::new();
    grid.load_style(presets::NOTHING);
    grid.set_header(["column", "prepared as"]);
    for plan in plans {
        grid.add_row([printable(&plan.name), model.pipeline.explain(plan)]);
    }
    print(&format!(
        "{}: {} segments of {} customers\n\n{}\n",
        escaped(&path.to_string_lossy()),
        model.k(),
        grouped(model.training.rows),
        grid.trim_fmt()
    ))
}
