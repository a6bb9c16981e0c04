//! What a signal or the end of the time does to a run.
//!
//! Without a checkpoint it ends at once, and what is half written is removed. With one it ends with exit 75, to be resumed: in
//! the passes of a fit at the end of the pass, so that no work is lost; anywhere else at once, as nothing there would be saved.

use super::output::{remove, staged};
use super::say;
use segma::error::escaped;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Stopped, and to be gone on with (EX_TEMPFAIL of sysexits.h: the job may be queued again).
const STOPPED: i32 = 75;

/// What a stop means now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The run is lost.
    Lost,
    /// The run can be gone on with from what is saved, or from its beginning.
    AtOnce,
    /// A pass will end, and its end will be saved.
    AfterPass,
}

struct State {
    mode: Mode,
    /// Whether a stop was asked for that has not been granted yet.
    asked: bool,
    interrupts: u32,
    /// The checkpoint, if there is one.
    saved: Option<String>,
}

static STATE: Mutex<State> = Mutex::new(State { mode: Mode::Lost, asked: false, interrupts: 0, saved: None });

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

/// The run is complete: there is nothing to go on with.
pub(super) fn disarm() {
    state().mode = Mode::Lost;
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
    now.interrupts += u32::from(signal == Some(INTERRUPT));
    let (words, code) = match (now.mode, signal) {
        (Mode::AfterPass, _) if now.interrupts < 2 => {
            now.asked = true;
            return;
        }
        (Mode::Lost, None) => return,
        (Mode::Lost | Mode::AfterPass, _) => ("interrupted".into(), 128 + signal.unwrap_or(INTERRUPT)),
        (Mode::AtOnce, _) => (farewell_of(&now), STOPPED),
    };
    staged.iter().for_each(|path| remove(path));
    say(words);
    leave(code); // with both locks held: nothing new is begun
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

/// Listens for signals, wherever the work stands.
#[cfg(unix)]
pub(super) fn listen() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGXFSZ};
    // A file that may grow no further (ulimit -f) is an error of the write.
    let _ = signal_hook::flag::register(SIGXFSZ, std::sync::Arc::default());
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP, SIGUSR1]) else { return };
    std::thread::spawn(move || {
        for signal in signals.forever() {
            // A terminal that went away ends the work as a termination does.
            stop(Some(if signal == SIGHUP { SIGTERM } else { signal }));
        }
    });
}

/// Elsewhere the system's own handling has to do.
#[cfg(not(unix))]
pub(super) fn listen() {}
