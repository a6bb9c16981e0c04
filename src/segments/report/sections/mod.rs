//! What the page says, section by section. A section without anything to say is left out.

mod choice;
mod origin;
mod people;
mod trust;

use super::Report;
use super::page::{Block, Chart, Section};

/// All sections, in the order of a reader's questions: how many are there, who are they, can I trust it, where is it from.
pub(super) fn all(report: &Report) -> Vec<Section> {
    let sections = [
        choice::choice(report),
        people::sizes(report),
        people::cards(report),
        people::profile(report),
        people::distributions(report),
        people::projection(report),
        trust::trust(report),
        trust::convergence(report),
        origin::columns(report),
        origin::provenance(report),
    ];
    sections.into_iter().flatten().collect()
}

fn section(id: &'static str, title: &'static str, lead: impl Into<String>, blocks: Vec<Block>) -> Section {
    Section { id, title, lead: lead.into(), blocks }
}

fn chart(title: impl Into<String>, svg: String, how: impl Into<String>) -> Chart {
    Chart { title: title.into(), svg, how: how.into(), tall: false }
}

/// The first items of a list that are shown, and a sentence on the others.
fn left_out(all: usize, shown: usize, what: &str, file: &str) -> String {
    if all <= shown {
        return String::new();
    }
    let others = match all - shown {
        1 => "the other one is".into(),
        n => format!("the other {n} are"),
    };
    format!(" The first {shown} of {all} {what} are shown; {others} in {file}.")
}
