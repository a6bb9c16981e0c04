//! How it goes: a bar on a terminal, a plain line now and then elsewhere, objects for programs.
//!
//! What is told is kept, and a second thread shows it, so that a step of which nothing is heard for long is seen to go on.

mod phase;

use super::args::{ProgressArg, Shared};
use super::log::{self, Level, log};
use indicatif::{ProgressBar, ProgressStyle};
use phase::{Far, Phase, Unit};
use segma::kmeans::{Observer, Progress};
use segma::note::Note;
use segma::watch::Watch;
use std::io::{IsTerminal, Write, stderr};
use std::ops::ControlFlow;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Time between plain lines.
const PACE: Duration = Duration::from_secs(10);

/// Time between two events of a phase, for programs.
const EVENTS: Duration = Duration::from_millis(500);

/// Time between two looks at what is to be shown: what a bar needs to move.
const PULSE: Duration = Duration::from_millis(100);

/// Tells people and programs on stderr how it goes.
pub(super) struct Teller {
    shown: Arc<Mutex<Shown>>,
    /// Dropped with the teller, which ends the thread that shows.
    _pulse: Option<Sender<()>>,
}

/// In which form it is told.
#[derive(Debug, Clone)]
enum Form {
    Bar(ProgressBar),
    Plain,
    Json,
    None,
}

/// What is shown.
#[derive(Debug)]
struct Shown {
    form: Form,
    quiet: bool,
    verbose: bool,
    phase: Option<Phase>,
}

impl Teller {
    pub(super) fn new(shared: &Shared) -> Self {
        let form = Form::new(shared);
        let pulsed = !matches!(form, Form::None);
        let shown = Shown { form, quiet: shared.quiet, verbose: shared.verbose && !shared.quiet, phase: None };
        let shown = Arc::new(Mutex::new(shown));
        let pulse = pulsed.then(|| pulse(shown.clone()));
        Self { shown, _pulse: pulse }
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new step begins.
    pub(super) fn step(&mut self, what: &str) {
        self.shown().begin(what);
    }

    /// Iterations begin after so many that an earlier run made.
    pub(super) fn iterating_from(&mut self, passes: u32) {
        let mut shown = self.shown();
        shown.begin("iterating");
        if let Some(phase) = &mut shown.phase {
            phase.begins_at(passes.into());
        }
    }

    /// Is told how far the step is that goes on.
    pub(super) fn watch(&self) -> Watch {
        let shown = self.shown.clone();
        Watch::new(move |far| shown.lock().unwrap_or_else(PoisonError::into_inner).far(far.into()))
    }

    /// One of several pieces of work of a kind begins (0-based).
    pub(super) fn piece(&mut self, what: &'static str, at: usize, of: usize) {
        let far = Far { done: at as u64, of: of as u64, unit: Unit::Pieces(what) };
        self.shown().piece("measure", "measuring", far);
    }

    /// A line for people that stays, unless they want errors only.
    pub(super) fn tell(&self, line: &str) {
        let shown = self.shown();
        if !shown.quiet {
            shown.say(Level::Info, "plan", line);
        }
    }

    /// All is done; notes follow.
    pub(super) fn finish<'a>(&mut self, notes: impl IntoIterator<Item = &'a Note>) {
        let mut shown = self.shown();
        shown.end();
        if let Form::Bar(bar) = &shown.form {
            bar.finish_and_clear();
            shown.form = Form::None;
        }
        if !shown.quiet {
            notes.into_iter().for_each(|n| log(Level::Note, &n.code, n));
        }
    }
}

impl Drop for Teller {
    /// After an error nothing more is shown of the step that failed.
    fn drop(&mut self) {
        let mut shown = self.shown();
        shown.phase = None;
        if let Form::Bar(bar) = &shown.form {
            bar.finish_and_clear();
        }
    }
}

impl Observer for Teller {
    fn progress(&mut self, progress: Progress) -> ControlFlow<()> {
        self.shown().progress(progress);
        ControlFlow::Continue(())
    }
}

/// Shows what is to be shown until the sender is dropped.
fn pulse(shown: Arc<Mutex<Shown>>) -> Sender<()> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        while receiver.recv_timeout(PULSE) == Err(RecvTimeoutError::Timeout) {
            shown.lock().unwrap_or_else(PoisonError::into_inner).beat();
        }
    });
    sender
}

impl Form {
    fn new(shared: &Shared) -> Self {
        let terminal = stderr().is_terminal() && !log::is_json();
        match shared.progress {
            ProgressArg::Json => Self::Json,
            ProgressArg::None => Self::None,
            _ if shared.quiet => Self::None,
            ProgressArg::Auto | ProgressArg::Bar if terminal => Self::Bar(ProgressBar::new_spinner()),
            ProgressArg::Auto | ProgressArg::Bar | ProgressArg::Plain => Self::Plain,
        }
    }
}

impl Shown {
    fn begin(&mut self, what: &str) {
        self.end();
        let phase = Phase::new(what);
        match &self.form {
            Form::Bar(bar) => show(bar, &phase),
            Form::Plain if self.verbose => self.say(Level::Info, "step", &phase.words()),
            Form::Plain | Form::None => {}
            Form::Json => event(&phase, "begin"),
        }
        self.phase = Some(phase);
    }

    fn end(&mut self) {
        if let Some(phase) = self.phase.take()
            && matches!(self.form, Form::Json)
        {
            event(&phase, "end");
        }
    }

    /// How far the step is: kept, and told if nothing was for a while.
    fn far(&mut self, far: Far) {
        // Columns that turn out to be text are read again.
        if self.phase.as_ref().and_then(Phase::far).is_some_and(|before| before.done > far.done) {
            self.begin("reading again");
        }
        if let Some(phase) = &mut self.phase {
            phase.set(far);
        }
        if matches!(self.form, Form::Json) {
            self.beat();
        }
    }

    /// Tells how far the step is, if nothing was told for a while.
    fn beat(&mut self) {
        let pace = self.pace();
        let Some(phase) = self.phase.as_mut().filter(|phase| phase.said.elapsed() >= pace) else { return };
        phase.said = Instant::now();
        match &self.form {
            Form::Bar(bar) => show(bar, phase),
            Form::Plain => log(Level::Info, "progress", phase.words()),
            Form::Json => event(phase, "progress"),
            Form::None => {}
        }
    }

    /// Time between two lines or pictures. Where nothing is known but that it goes on, programs are told as seldom as people.
    fn pace(&self) -> Duration {
        let known = self.phase.as_ref().is_some_and(|phase| phase.far().is_some());
        match self.form {
            Form::Bar(_) => Duration::ZERO,
            Form::Json if known => EVENTS,
            _ => PACE,
        }
    }

    /// A step of a fit is done, or one of several pieces of work begins.
    fn progress(&mut self, progress: Progress) {
        match progress {
            Progress::Seeding { start, starts, chosen, of } => {
                self.reach("seed", "seeding", Far { done: chosen, of, unit: Unit::Centroids { start, starts } });
                if chosen == of {
                    self.begin("iterating");
                }
            }
            Progress::Pass { pass, max_iter, active, points, changed } => {
                let labelled = self.labelled() + active as u64 * points;
                let unit = Unit::Iterations { changed, starts: active, labelled };
                self.piece("iterate", "iterating", Far { done: pass.into(), of: max_iter.into(), unit });
            }
            Progress::Step { what, step, steps } => {
                let far = Far { done: u64::from(step) - 1, of: steps.into(), unit: Unit::Pieces(what) };
                self.piece("measure", "measuring", far);
            }
            _ => {}
        }
    }

    /// One of several pieces of work is reached, of which people may want to hear each.
    fn piece(&mut self, name: &str, what: &str, far: Far) {
        self.reach(name, what, far);
        if let (Form::Plain, true, Some(phase)) = (&self.form, self.verbose, &self.phase) {
            self.say(Level::Info, "progress", &phase.words());
        }
    }

    /// How far a phase of that name is, which begins here if another one was told of last.
    fn reach(&mut self, name: &str, what: &str, far: Far) {
        let kind = |far: &Far| std::mem::discriminant(&far.unit);
        let other = |before: &Far| kind(before) != kind(&far) || before.done > far.done;
        let here = |phase: &Phase| phase.is(name) && !phase.far().is_some_and(other);
        if !self.phase.as_ref().is_some_and(here) {
            self.begin(what);
        }
        self.far(far);
    }

    /// Rows that the iterations have labelled so far.
    fn labelled(&self) -> u64 {
        match self.phase.as_ref().and_then(Phase::far) {
            Some(Far { unit: Unit::Iterations { labelled, .. }, .. }) => *labelled,
            _ => 0,
        }
    }

    /// A line that stays.
    fn say(&self, level: Level, code: &str, line: &str) {
        match &self.form {
            Form::Bar(bar) => bar.suspend(|| log(level, code, line)),
            _ => log(level, code, line),
        }
    }
}

/// The bar as the phase stands.
fn show(bar: &ProgressBar, phase: &Phase) {
    let known = phase.far().filter(|far| far.of > 0);
    let template = if known.is_some() { "{spinner} {bar:16} {wide_msg}" } else { "{spinner} {wide_msg}" };
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner()));
    if let Some(far) = known {
        bar.set_length(far.of);
        bar.set_position(far.done);
    }
    bar.set_message(phase.words());
    bar.tick();
}

/// An object on a line of its own.
fn event(phase: &Phase, event: &'static str) {
    if let Ok(text) = serde_json::to_string(&phase.event(event)) {
        let _ = writeln!(stderr().lock(), "{text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(form: Form) -> Shown {
        let mut shown = Shown { form, quiet: true, verbose: false, phase: None };
        shown.begin("reading");
        shown
    }

    /// Makes it so long ago that something was said, and looks whether it is said again.
    fn says_after(shown: &mut Shown, since: Duration) -> bool {
        let before = Instant::now().checked_sub(since).unwrap();
        shown.phase.as_mut().unwrap().said = before;
        shown.beat();
        shown.phase.as_ref().unwrap().said != before
    }

    #[test]
    fn lines_come_every_ten_seconds_and_events_twice_a_second() {
        let (nine, ten, half) = (Duration::from_secs(9), Duration::from_secs(10), Duration::from_millis(500));
        let mut plain = shown(Form::Plain);
        assert!(!says_after(&mut plain, nine) && says_after(&mut plain, ten));
        let mut json = shown(Form::Json);
        assert!(!says_after(&mut json, nine) && says_after(&mut json, ten), "nothing is known yet");
        json.phase.as_mut().unwrap().set(Far { done: 1, of: 2, unit: Unit::Rows });
        assert!(!says_after(&mut json, half / 2) && says_after(&mut json, half));
    }

    #[test]
    fn a_phase_follows_from_what_is_told() {
        let mut shown = shown(Form::None);
        let phase = |shown: &Shown, name: &str| shown.phase.as_ref().is_some_and(|phase| phase.is(name));
        let pass = Progress::Pass { pass: 3, max_iter: 9, active: 2, points: 50, changed: 4 };
        shown.progress(Progress::Seeding { start: 0, starts: 2, chosen: 3, of: 16 });
        assert!(phase(&shown, "seed"));
        shown.progress(Progress::Seeding { start: 1, starts: 2, chosen: 16, of: 16 });
        assert!(phase(&shown, "iterate"), "all are seeded");
        shown.progress(pass);
        shown.progress(pass);
        assert_eq!(shown.labelled(), 200);
        for step in [1, 2] {
            shown.progress(Progress::Step { what: "reference", step, steps: 2 });
            assert!(phase(&shown, "measure"));
        }
        shown.progress(Progress::Step { what: "bootstrap sample", step: 1, steps: 2 });
        assert_eq!(shown.phase.unwrap().far().unwrap().unit, Unit::Pieces("bootstrap sample"));
    }
}
