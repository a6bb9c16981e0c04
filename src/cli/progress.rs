//! How it goes: a bar on a terminal, a plain line now and then elsewhere.

use super::args::Shared;
use super::say;
use indicatif::{ProgressBar, ProgressStyle};
use segma::kmeans::{Observer, Progress};
use segma::note::Note;
use std::io::{IsTerminal, stderr};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// Seconds between plain lines.
const PACE: Duration = Duration::from_secs(10);

/// Tells people on stderr how it goes.
pub(super) struct Teller {
    quiet: bool,
    verbose: bool,
    bar: Option<ProgressBar>,
    last: Instant,
}

impl Teller {
    pub(super) fn new(shared: &Shared) -> Self {
        let bar = (!shared.quiet && stderr().is_terminal()).then(|| {
            let style = ProgressStyle::with_template("{spinner} {msg} [{elapsed}]");
            ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        });
        Self { quiet: shared.quiet, verbose: shared.verbose, bar, last: Instant::now() }
    }

    /// A new step begins.
    pub(super) fn step(&mut self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(what.to_owned());
            bar.tick();
        } else if self.verbose {
            say(what);
        }
        self.last = Instant::now();
    }

    /// A line for people that stays, unless they want errors only.
    pub(super) fn tell(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say(line)),
            None if !self.quiet => say(line),
            None => {}
        }
    }

    /// How far the step is: now on a bar, now and then as a plain line.
    pub(super) fn line(&mut self, line: String) {
        if let Some(bar) = &self.bar {
            bar.set_message(line);
            bar.tick();
        } else if self.verbose || (!self.quiet && self.last.elapsed() >= PACE) {
            say(line);
            self.last = Instant::now();
        }
    }

    /// All is done; notes follow.
    pub(super) fn finish<'a>(&mut self, notes: impl IntoIterator<Item = &'a Note>) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if !self.quiet {
            notes.into_iter().for_each(|n| say(format_args!("note: {n}")));
        }
    }
}

impl Observer for Teller {
    fn progress(&mut self, progress: Progress) -> ControlFlow<()> {
        let line = match progress {
            Progress::Seeded { start, starts } => format!("start {} of {starts}: first centroids chosen", start + 1),
            Progress::Pass { pass, max_iter, active, changed } => {
                let starts = if active > 1 { format!(" in {active} starts") } else { String::new() };
                format!("iteration {pass} of at most {max_iter}: {changed} rows changed segment{starts}")
            }
            Progress::Step { what, step, steps } => format!("{what} {step} of {steps}"),
            _ => return ControlFlow::Continue(()),
        };
        self.line(line);
        ControlFlow::Continue(())
    }
}
