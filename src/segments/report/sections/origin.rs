//! Where the figures come from.

use super::section;
use crate::error::printable;
use crate::segments::report::Report;
use crate::segments::report::chart::number::{counted, percent};
use crate::segments::report::page::{Block, Section, Table};
use crate::segments::report::view::Column;

pub(super) fn columns(report: &Report) -> Option<Section> {
    let used = report.columns.iter().filter(|c| c.used).count();
    let were = |n: usize, one: &str, many: &str| counted(n as u64, one, many);
    let clustered = were(used, "column was clustered on", "columns were clustered on");
    let lead = match report.columns.len() - used {
        0 => format!("{clustered}."),
        n => format!("{clustered}, {}.", were(n, "was left out", "were left out")),
    };
    let row = |c: &Column| {
        let missing = c.missing.map_or("–".into(), percent);
        let done = if c.used { c.done.clone() } else { format!("left out: {}", c.done) };
        vec![printable(&c.name), c.kind.clone(), missing, done]
    };
    let table = Table {
        head: vec![
            ("Column".into(), false),
            ("Holds".into(), false),
            ("Missing".into(), true),
            ("What was done".into(), false),
        ],
        rows: report.columns.iter().map(row).collect(),
        ..Table::default()
    };
    (!report.columns.is_empty())
        .then(|| section("columns", "How each column was prepared", lead, vec![Block::Table(table)]))
}

pub(super) fn provenance(report: &Report) -> Option<Section> {
    let from = &report.provenance;
    let mut blocks = Vec::new();
    if !from.command.is_empty() {
        blocks.push(Block::Code { text: from.command.clone() });
    }
    if !from.facts.is_empty() {
        let rows = from.facts.iter().map(|(name, value)| vec![name.clone(), value.clone()]).collect();
        let head = vec![("Fact".into(), false), ("Value".into(), false)];
        blocks.push(Block::Table(Table { head, rows, ..Table::default() }));
    }
    let lead =
        "The same table, options and seed give the same segments, on every machine. This command makes them again.";
    (!blocks.is_empty()).then(|| section("origin", "Where this comes from", lead, blocks))
}
