//! The page: sections of blocks, and the template that lays them out.

use super::chart::number::counted;
use super::view::Figure;
use super::{Report, machine, sections};
use crate::error::{Error, Result, escaped};
use minijinja::value::Serde;
use minijinja::{Environment, HtmlEscape, Output, State, UndefinedBehavior, Value, context, escape_formatter};
use serde::Serialize;

const TEMPLATE: &str = include_str!("report.html");

/// A part of the page with a title of its own.
#[derive(Debug, Serialize)]
pub(super) struct Section {
    /// Its anchor.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// A sentence or two under the title.
    pub(super) lead: String,
    pub(super) blocks: Vec<Block>,
}

/// What a section is made of.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Block {
    /// Charts side by side, as many as there is room for.
    Charts { charts: Vec<Chart>, columns: u8 },
    /// A card a segment.
    Cards { cards: Vec<Card> },
    /// A table.
    Table(Table),
    /// A verdict, and whether there is an answer.
    Verdict { answer: String, text: String, clear: bool },
    /// Text as it would be typed.
    Code { text: String },
}

/// A drawing, its title and how it is read.
#[derive(Debug, Serialize)]
pub(super) struct Chart {
    pub(super) title: String,
    /// Made by `chart`, which escapes all text in it.
    pub(super) svg: String,
    /// How to read it, in a sentence; may be empty.
    pub(super) how: String,
    /// Whether it stands beside two others.
    pub(super) tall: bool,
}

/// A segment in a few lines.
#[derive(Debug, Serialize)]
pub(super) struct Card {
    /// The segment's key, as a drawing.
    pub(super) svg: String,
    pub(super) name: String,
    pub(super) size: String,
    /// Feature, value, and how it is beside everyone's.
    pub(super) above: Vec<(String, String, String)>,
    pub(super) below: Vec<(String, String, String)>,
    pub(super) facts: Vec<String>,
    pub(super) typical: Vec<String>,
}

/// A table.
#[derive(Debug, Default, Serialize)]
pub(super) struct Table {
    pub(super) title: String,
    /// Each column's title, and whether it holds numbers.
    pub(super) head: Vec<(String, bool)>,
    pub(super) rows: Vec<Vec<String>>,
    /// The row that stands out.
    pub(super) strong: Option<usize>,
    pub(super) how: String,
}

#[derive(Serialize)]
struct Page<'a> {
    title: &'a str,
    facts: Vec<String>,
    figures: &'a [Figure],
    notes: Vec<String>,
    sections: Vec<Section>,
    data: String,
}

/// The report as HTML.
pub(super) fn html(report: &Report) -> Result<String> {
    let head = &report.headline;
    let page = Page {
        title: &head.title,
        facts: facts(report),
        figures: &head.figures,
        notes: notes(report),
        sections: sections::all(report),
        data: machine::json(report)?,
    };
    rendered(&page).map_err(|e| Error::Broken(format!("the report cannot be written: {e:#}")))
}

fn rendered(page: &Page<'_>) -> std::result::Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_formatter(visibly);
    environment.add_template("report.html", TEMPLATE)?; // the ending turns escaping on
    environment.get_template("report.html")?.render(context! { page => Value::from(Serde(page)) })
}

/// Writes a value into the page: text escaped, and hidden characters in it made visible.
fn visibly(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> std::result::Result<(), minijinja::Error> {
    match value.as_str() {
        Some(text) if !value.is_safe() => Ok(write!(out, "{}", HtmlEscape(&escaped(text)))?),
        _ => escape_formatter(out, state, value),
    }
}

fn facts(report: &Report) -> Vec<String> {
    let head = &report.headline;
    let mut facts = vec![counted(head.rows, "customer", "customers"), counted(head.features, "feature", "features")];
    if !report.segments.is_empty() {
        facts.push(counted(report.segments.len() as u64, "segment", "segments"));
    }
    if !head.device.is_empty() {
        facts.push(head.device.clone());
    }
    facts.extend(head.model.iter().map(|m| format!("model {m}")));
    facts
}

/// The notes, and what the drawings leave out.
fn notes(report: &Report) -> Vec<String> {
    let mut notes = report.notes.clone();
    let segments = report.segments.len();
    if report.drawn() < segments {
        let rest: f64 = report.segments[report.drawn()..].iter().map(|s| s.share).sum();
        notes.push(format!(
            "The {} largest of {segments} segments are shown here; the others hold {} of the customers and are in profile.csv.",
            report.drawn(),
            super::chart::number::percent(rest)
        ));
    }
    notes
}
