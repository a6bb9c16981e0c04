//! What a signal or the end of the time does to a run.
//!
//! Without a checkpoint it ends at once, and what is half written is removed. With one it ends with exit 75, to be resumed: in
//! the passes of a fit at the end of the pass, so that no work is lost; anywhere else at once, as nothing there would be saved.

use super::failure::Failure;
use super::output::{remove, staged};
use segma::error::{Error, escaped};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a stop means now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The run is lost.
    Lost,
    /// The run can be gone on with from what is saved, or from its beginning.
    AtOnce,
    /// A pass will end, and its end will be saved.
    AfterPass,
    /// Nothing can be lost any more: the outputs are in place, and what is left takes a moment.
    Done,
}

struct State {
    mode: Mode,
    /// Whether a stop was asked for that has not been granted yet.
    asked: bool,
    interrupts: u32,
    /// The checkpoint, if there is one.
    saved: Option<String>,
    /// Whether a document is to say how the run ended.
    json: bool,
}

impl State {
    const fn new() -> Self {
        Self { mode: Mode::Lost, asked: false, interrupts: 0, saved: None, json: false }
    }
}

static STATE: Mutex<State> = Mutex::new(State::new());

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on a stop means that the run can be gone on with; after `limit` it is stopped without a signal.
pub(super) fn arm(limit: Option<Duration>) {
    state().mode = Mode::AtOnce;
    if let Some(limit) = limit {
        std::thread::spawn(move || {
            std::thread::sleep(limit);
            stop(None);
        });
    }
}

/// The outputs are in place: the run is complete. To be said while [`staged`] is held, so that no stop comes in between.
pub(super) fn done() {
    state().mode = Mode::Done;
}

/// Passes begin: a stop waits for the end of one.
pub(super) fn passes_begin() {
    let mut state = state();
    if state.mode == Mode::AtOnce {
        state.mode = Mode::AfterPass;
    }
}

/// The passes are over. Says whether a stop was asked for meanwhile.
pub(super) fn passes_end() -> bool {
    let mut state = state();
    if state.mode == Mode::AfterPass {
        state.mode = Mode::AtOnce;
    }
    state.asked
}

/// Whether a stop was asked for that waits for the end of a pass.
pub(super) fn stop_asked() -> bool {
    state().asked
}

/// A checkpoint is there.
pub(super) fn saved(path: &Path) {
    state().saved = Some(escaped(&path.to_string_lossy()));
}

/// What a run that is stopped says.
pub(super) fn farewell() -> String {
    farewell_of(&state())
}

fn farewell_of(state: &State) -> String {
    match &state.saved {
        Some(path) => format!("stopped: saved checkpoint {path}; run again with --resume"),
        None => "stopped before the first checkpoint; run again with --resume".into(),
    }
}

/// A signal came (`None`: the time is up).
fn stop(signal: Option<i32>) {
    let staged = staged(); // first: while files are put in place, it waits
    let mut now = state();
    let Some(end) = end(&mut now, signal) else { return };
    staged.iter().for_each(|path| remove(path));
    end.tell(now.json);
    leave(end.exit().into()); // with both locks held: nothing new is begun
}

/// How the run ends now; `None` if it goes on.
fn end(now: &mut State, signal: Option<i32>) -> Option<Failure> {
    now.interrupts += u32::from(signal == Some(INTERRUPT));
    match (now.mode, signal) {
        (Mode::AfterPass, _) if now.interrupts < 2 => {
            now.asked = true;
            None
        }
        (Mode::Lost | Mode::Done, None) => None,
        // Only somebody who insists does not wait for the last words, which may be stuck in a pipe.
        (Mode::Done, Some(_)) if !std::mem::replace(&mut now.asked, true) => None,
        (Mode::AtOnce, _) => Some(Failure::from(&Error::Stopped(farewell_of(now)))),
        _ => Some(Failure::interrupted(signal.unwrap_or(INTERRUPT))),
    }
}

/// SIGINT.
const INTERRUPT: i32 = 2;

/// At once: exit handlers of a GPU driver would pull the ground from under the threads that are still in it.
#[cfg(unix)]
fn leave(code: i32) {
    signal_hook::low_level::exit(code);
}

#[cfg(not(unix))]
fn leave(code: i32) {
    std::process::exit(code);
}

/// Listens for signals, wherever the work stands. With `json` a document says how a run ended that is stopped.
#[cfg(unix)]
pub(super) fn listen(json: bool) {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGXFSZ};
    // A file that may grow no further (ulimit -f) is an error of the write.
    let _ = signal_hook::flag::register(SIGXFSZ, std::sync::Arc::default());
    state().json = json;
    let hangup = (!is_ignored(SIGHUP)).then_some(SIGHUP);
    let wanted = [SIGINT, SIGTERM, SIGUSR1].into_iter().chain(hangup);
    let Ok(mut signals) = signal_hook::iterator::Signals::new(wanted) else { return };
    std::thread::spawn(move || {
        for signal in signals.forever() {
            // A terminal that went away ends the work as a termination does.
            stop(Some(if signal == SIGHUP { SIGTERM } else { signal }));
        }
    });
}

/// Whether a signal was ignored when the program began, as `nohup` has it, where the system says.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let mask = super::run::process_status("SigIgn:");
    let mask = mask.and_then(|mask| u64::from_str_radix(&mask, 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Elsewhere the system's own handling has to do.
#[cfg(not(unix))]
pub(super) fn listen(json: bool) {
    state().json = json; // the end of the time stops a run here too
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exit codes of these stops, one after the other; `None` where the run goes on.
    fn ends(mode: Mode, signals: &[Option<i32>]) -> Vec<Option<u8>> {
        let mut now = State { mode, ..State::new() };
        signals.iter().map(|signal| end(&mut now, *signal).map(|end| end.exit())).collect()
    }

    #[test]
    fn a_stop_does_what_the_moment_allows() {
        let (time, term, int) = (None, Some(15), Some(INTERRUPT));
        assert_eq!(ends(Mode::Lost, &[time, term, int]), [None, Some(143), Some(130)]);
        assert_eq!(ends(Mode::AtOnce, &[time, term, int]), [Some(75); 3]);
        assert_eq!(ends(Mode::AfterPass, &[time, term, int, int]), [None, None, None, Some(130)]);
    }

    #[test]
    fn a_run_that_is_complete_is_not_interrupted_unless_one_insists() {
        assert_eq!(ends(Mode::Done, &[None, Some(15), None, Some(15)]), [None, None, None, Some(143)]);
    }
}
