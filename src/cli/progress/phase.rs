//! How far a phase of the work is, in words and for programs.

use super::super::summary::grouped;
use segma::error::escaped;
use segma::watch;
use serde::Serialize;
use std::time::{Duration, Instant};

/// What is counted in a phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unit {
    Bytes,
    Rows,
    /// Of all starts.
    Centroids {
        /// The start (0-based) that is seeded.
        start: usize,
        starts: usize,
    },
    /// Of at most so many.
    Iterations {
        /// Rows that changed segment in the last one.
        changed: u64,
        /// Starts that still run.
        starts: usize,
        /// Rows labelled so far, of all starts.
        labelled: u64,
    },
    /// Pieces of work of this kind.
    Pieces(&'static str),
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Far {
    pub(super) done: u64,
    /// 0 if that is not known.
    pub(super) of: u64,
    pub(super) unit: Unit,
}

impl From<watch::Far> for Far {
    fn from(far: watch::Far) -> Self {
        let unit = match far.unit {
            watch::Unit::Bytes => Unit::Bytes,
            watch::Unit::Rows => Unit::Rows,
        };
        Self { done: far.done, of: far.of, unit }
    }
}

/// A phase of the work.
#[derive(Debug)]
pub(super) struct Phase {
    /// Its name for programs.
    name: &'static str,
    /// What is done, for people.
    what: String,
    began: Instant,
    /// How far an earlier run had come.
    first: u64,
    far: Option<Far>,
    /// When that was so, in seconds since it began.
    at: f64,
    /// When something was last said of it.
    pub(super) said: Instant,
}

/// An event, as programs get it.
#[derive(Debug, Serialize)]
pub(super) struct Event {
    phase: &'static str,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    i: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    starts: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_per_second: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows_per_second: Option<f64>,
    elapsed_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    eta_s: Option<f64>,
}

/// The phases by the first word of what people are told.
const NAMES: [(&str, &str); 13] = [
    ("reading", "read"),
    ("preparing", "prepare"),
    ("packing", "prepare"),
    ("seeding", "seed"),
    ("iterating", "iterate"),
    ("fitting", "seed"),
    ("measuring", "measure"),
    ("labelling", "label"),
    ("profiling", "profile"),
    ("writing", "write"),
    ("generating", "generate"),
    ("inspecting", "inspect"),
    ("tuning", "tune"),
];

impl Phase {
    pub(super) fn new(what: &str) -> Self {
        let first = what.split([' ', ':']).next().unwrap_or_default();
        let name = NAMES.iter().find(|(word, _)| *word == first).map_or("work", |(_, name)| name);
        Self { name, what: escaped(what), began: Instant::now(), first: 0, far: None, at: 0.0, said: Instant::now() }
    }

    /// So much was done before it began.
    pub(super) fn begins_at(&mut self, first: u64) {
        self.first = first;
    }

    /// How far it is now.
    pub(super) fn set(&mut self, far: Far) {
        (self.far, self.at) = (Some(far), self.elapsed());
    }

    pub(super) fn far(&self) -> Option<&Far> {
        self.far.as_ref()
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    fn elapsed(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Seconds that are left if it goes on as it went, for iterations at most so many; none if all is done.
    fn left(&self) -> Option<f64> {
        let far = self.far.as_ref().filter(|far| far.done > self.first && far.of > far.done)?;
        let then = (far.of - far.done) as f64 * self.at / (far.done - self.first) as f64;
        Some((then - (self.elapsed() - self.at)).max(0.0))
    }

    fn per_second(&self, done: u64) -> Option<f64> {
        let rate = done as f64 / self.at;
        (done > 0 && rate.is_finite()).then_some(rate)
    }

    /// In words, on one line.
    pub(super) fn words(&self) -> String {
        let Some(far) = &self.far else { return self.waiting() };
        let part = |done: String, of: String| match far.of {
            0 => format!("{}: {done}", self.what),
            all => {
                format!("{}: {done} of {of} ({:.0} %)", self.what, (100.0 * far.done as f64 / all as f64).min(100.0))
            }
        };
        let rate = |done, shown: &dyn Fn(f64) -> String| self.per_second(done).map(|r| format!("{}/s", shown(r)));
        let left = |most: &str| self.left().map(|seconds| format!("{most}{} left", time(seconds)));
        let rows = |rows: f64| format!("{} rows", whole(rows));
        let parts = match &far.unit {
            Unit::Bytes => [Some(part(size(far.done as f64), size(far.of as f64))), rate(far.done, &size), left("")],
            Unit::Rows => [Some(part(grouped(far.done), grouped(far.of) + " rows")), rate(far.done, &rows), left("")],
            Unit::Centroids { start, starts } => {
                let start = (*starts > 1).then(|| format!("start {} of {starts}", start + 1));
                [Some(part(grouped(far.done), grouped(far.of) + " centroids")), start, left("")]
            }
            Unit::Pieces(of) => {
                let at = (far.done + 1).min(far.of);
                [Some(format!("{}: {of} {at} of {}", self.what, far.of)), None, left("")]
            }
            Unit::Iterations { changed, starts, labelled } => {
                let starts = if *starts > 1 { format!(" in {starts} starts") } else { String::new() };
                let said =
                    format!("iteration {} of at most {}: {changed} rows changed segment{starts}", far.done, far.of);
                let so_far = format!("{} so far, ", time(self.elapsed()));
                [Some(said), rate(*labelled, &rows), left(&(so_far + "at most "))]
            }
        };
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// In words, where nothing is known but that it began.
    fn waiting(&self) -> String {
        let elapsed = self.began.elapsed();
        if elapsed < Duration::from_secs(1) {
            self.what.clone()
        } else {
            format!("{}, {} so far", self.what, time(elapsed.as_secs_f64()))
        }
    }

    /// For programs.
    pub(super) fn event(&self, event: &'static str) -> Event {
        let far = self.far.as_ref();
        let unit = far.map(|far| &far.unit);
        let per_second = |done| self.per_second(done).map(f64::round);
        let (changed, starts, labelled) = match unit {
            Some(Unit::Iterations { changed, starts, labelled }) => (Some(*changed), Some(*starts), Some(*labelled)),
            Some(Unit::Centroids { starts, .. }) => (None, Some(*starts), None),
            Some(Unit::Rows) => (None, None, far.map(|far| far.done)),
            _ => (None, None, None),
        };
        Event {
            phase: self.name,
            event,
            what: (event == "begin").then(|| self.what.clone()),
            i: far.map(|far| far.done),
            of: far.map(|far| far.of).filter(|of| *of > 0),
            unit: unit.map(|unit| match unit {
                Unit::Bytes => "bytes",
                Unit::Rows => "rows",
                Unit::Centroids { .. } => "centroids",
                Unit::Iterations { .. } => "iterations",
                Unit::Pieces(of) => of,
            }),
            changed,
            starts,
            bytes_per_second: far.filter(|far| far.unit == Unit::Bytes).and_then(|far| per_second(far.done)),
            rows_per_second: labelled.and_then(per_second),
            elapsed_s: millis(self.elapsed()),
            eta_s: if event == "end" { None } else { self.left().map(millis) },
        }
    }
}

/// Seconds to the millisecond.
fn millis(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}

fn whole(number: f64) -> String {
    segma::segments::grouped(&format!("{number:.0}"))
}

/// Bytes in few characters.
fn size(bytes: f64) -> String {
    let units = [("GiB", f64::from(1 << 30)), ("MiB", f64::from(1 << 20)), ("KiB", 1024.0)];
    match units.into_iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{:.1} {name}", bytes / unit),
        None => format!("{bytes:.0} bytes"),
    }
}

/// Seconds in few characters.
fn time(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds.ceil()).map_or(u64::MAX, |d| d.as_secs());
    match whole {
        s if s < 60 => format!("{s} s"),
        s if s < 3600 => format!("{} min {:02} s", s / 60, s % 60),
        s => format!("{} h {:02} min", s / 3600, s / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A phase that began so many seconds ago.
    fn phase(what: &str, seconds: u64, far: Option<Far>) -> Phase {
        let began = Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
        Phase { began, far, at: seconds as f64, ..Phase::new(what) }
    }

    #[test]
    fn words_tell_how_far_how_fast_and_how_long() {
        let reading = phase("reading", 10, Some(Far { done: 1 << 30, of: 4 << 30, unit: Unit::Bytes }));
        assert_eq!(reading.words(), "reading: 1.0 GiB of 4.0 GiB (25 %), 102.4 MiB/s, 30 s left");
        let writing = phase("writing", 4, Some(Far { done: 1000, of: 5000, unit: Unit::Rows }));
        assert_eq!(writing.words(), "writing: 1,000 of 5,000 rows (20 %), 250 rows/s, 16 s left");
        let pipe = phase("reading", 4, Some(Far { done: 4096, of: 0, unit: Unit::Bytes }));
        assert_eq!(pipe.words(), "reading: 4.0 KiB, 1.0 KiB/s");
        let pieces = phase("measuring", 9, Some(Far { done: 3, of: 20, unit: Unit::Pieces("reference") }));
        assert_eq!(pieces.words(), "measuring: reference 4 of 20, 51 s left");
        let unit = Unit::Centroids { start: 1, starts: 5 };
        let seeding = phase("seeding", 9, Some(Far { done: 1500, of: 5000, unit }));
        assert_eq!(seeding.words(), "seeding: 1,500 of 5,000 centroids (30 %), start 2 of 5, 21 s left");
        assert_eq!(phase("preparing", 70, None).words(), "preparing, 1 min 11 s so far");
    }

    #[test]
    fn what_is_left_of_the_iterations_is_an_upper_bound() {
        let unit = Unit::Iterations { changed: 7, starts: 2, labelled: 2000 };
        let iterating = phase("iterating", 10, Some(Far { done: 10, of: 300, unit }));
        let words = "iteration 10 of at most 300: 7 rows changed segment in 2 starts, 200 rows/s, 11 s so far, at most 4 min 50 s left";
        assert_eq!(iterating.words(), words);
        let event = serde_json::to_value(iterating.event("progress")).unwrap();
        assert_eq!((&event["phase"], &event["i"], &event["of"]), (&"iterate".into(), &10.into(), &300.into()));
        assert_eq!((&event["changed"], &event["rows_per_second"]), (&7.into(), &200.0.into()));
        assert!((event["eta_s"].as_f64().unwrap() - 290.0).abs() < 1.0, "{event}");
    }

    #[test]
    fn what_an_earlier_run_did_counts_for_nothing_in_what_is_left() {
        let unit = Unit::Iterations { changed: 7, starts: 1, labelled: 100 };
        let mut resumed = phase("iterating", 10, Some(Far { done: 210, of: 300, unit }));
        resumed.begins_at(200);
        assert!((resumed.left().unwrap() - 90.0).abs() < 1.0);
    }

    #[test]
    fn nothing_hidden_is_in_the_words() {
        let words = phase("reading \u{1b}]0;x\u{7}\u{202e}", 3, None).words();
        assert!(!words.chars().any(segma::error::is_hidden), "{words:?}");
    }
}
