//! Names for segments: the two things that set a segment apart most, in a marketer's words.
//!
//! Only clustered columns name a segment, so a name says what it was made from, and does not change with what is profiled beside.
//! A level names a segment only if most of its rows hold it: three times the usual share of a rare plan is still a rare plan.

use super::words::{About, level, much_or_little, said};
use super::{ColumnProfile, Entry, Figures, Kind, OTHER};
use std::collections::{HashMap, HashSet};

/// An effect from here on names a segment: a medium one (Cohen 1988), half a standard deviation.
const LEAST_EFFECT: f64 = 0.5;

/// Phrases in a name, unless more are needed to tell it from another.
const PHRASES: usize = 2;

/// The most that are taken for that.
const MOST_PHRASES: usize = 4;

/// The name of a segment that nothing sets apart.
const AVERAGE: &str = "average customers";

/// Something that can be said of a segment.
struct Phrase {
    about: Option<About>,
    effect: f64,
    text: String,
}

impl Phrase {
    /// Whether another one adds nothing: it is about the same thing, or says the same and more (`No internet service` of one
    /// column, `No internet service streaming` of the next).
    fn covers(&self, other: &Self) -> bool {
        let [one, two] = [self, other].map(|phrase| phrase.text.to_lowercase());
        let alike = self.about.zip(other.about).is_some_and(|(a, b)| a.is_like(b));
        alike || one.contains(&two) || two.contains(&one)
    }
}

/// A name for each segment, no two alike.
pub(super) fn suggested(columns: &[ColumnProfile], segments: usize) -> Vec<String> {
    let phrases: Vec<Vec<Phrase>> = (0..segments).map(|segment| phrases(columns, segment)).collect();
    let strong = |all: &Vec<Phrase>| all.iter().take(PHRASES).filter(|p| p.effect >= LEAST_EFFECT).count();
    let mut taken: Vec<usize> = phrases.iter().map(strong).collect();
    for _ in 0..MOST_PHRASES {
        let names = spelt(&phrases, &taken);
        let mut times = HashMap::<&str, usize>::new();
        names.iter().for_each(|name| *times.entry(name).or_default() += 1);
        for ((taken, phrases), name) in taken.iter_mut().zip(&phrases).zip(&names) {
            let more = *taken < phrases.len().min(MOST_PHRASES) && times[name.as_str()] > 1;
            *taken += usize::from(more);
        }
    }
    numbered(spelt(&phrases, &taken))
}

fn spelt(phrases: &[Vec<Phrase>], taken: &[usize]) -> Vec<String> {
    let name = |(phrases, taken): (&Vec<Phrase>, &usize)| {
        let strong = phrases.iter().take(*taken).any(|p| p.effect >= LEAST_EFFECT);
        let average = (!strong).then_some(AVERAGE);
        let said = average.into_iter().chain(phrases.iter().take(*taken).map(|p| p.text.as_str()));
        capitalised(&said.collect::<Vec<_>>().join(", "))
    };
    phrases.iter().zip(taken).map(name).collect()
}

/// Puts a number after each name that was there before.
fn numbered(names: Vec<String>) -> Vec<String> {
    let (mut taken, mut used) = (HashSet::new(), HashMap::<String, usize>::new());
    let own = |name: String| loop {
        let times = used.entry(name.clone()).and_modify(|times| *times += 1).or_insert(1);
        let own = if *times == 1 { name.clone() } else { format!("{name} ({times})") };
        if taken.insert(own.clone()) {
            break own;
        }
    };
    names.into_iter().map(own).collect()
}

fn capitalised(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

/// What can be said of a segment, the strongest first, of two that say the same only the stronger.
fn phrases(columns: &[ColumnProfile], segment: usize) -> Vec<Phrase> {
    let clustered = columns.iter().filter(|column| column.clustered);
    let mut all: Vec<Phrase> = clustered.filter_map(|column| phrase(column, segment)).collect();
    all.sort_by(|a, b| b.effect.total_cmp(&a.effect));
    let mut phrases: Vec<Phrase> = Vec::new();
    for phrase in all {
        if !phrases.iter().any(|said| said.covers(&phrase)) {
            phrases.push(phrase);
        }
    }
    phrases
}

fn phrase(column: &ColumnProfile, segment: usize) -> Option<Phrase> {
    let about = About::column(&column.name, column.kind);
    let entries = column.entries(segment);
    let strongest = entries.iter().filter(|e| holds(e)).reduce(|a, b| if b.effect > a.effect { b } else { a });
    let (effect, text) = match column.kind {
        Kind::Category => (strongest?.effect, level(strongest?.level?, &column.name)),
        _ => {
            let entry = entries.first().filter(|e| e.effect.is_finite() && e.effect != 0.0)?;
            (entry.effect.abs(), numbers_phrase(column, entry, about)?)
        }
    };
    Some(Phrase { about, effect, text })
}

/// Whether a level is held by most of a segment, and more often than elsewhere.
fn holds(entry: &Entry<'_>) -> bool {
    entry.mean >= 0.5 && entry.effect > 0.0 && entry.level != Some(OTHER)
}

/// A mean in words; that of a yes or no only if most say what it says.
fn numbers_phrase(column: &ColumnProfile, entry: &Entry<'_>, about: Option<About>) -> Option<String> {
    let much = entry.effect > 0.0;
    let flag = match &column.figures {
        Figures::Numbers { all, .. } => all.is_flag(),
        Figures::Shares { .. } => true,
    };
    if !flag || about.is_some() {
        return Some(much_or_little(&column.name, column.kind, much));
    }
    let name = said(&column.name);
    ((entry.mean >= 0.5) == much).then(|| if much { name } else { format!("no {name}") })
}
