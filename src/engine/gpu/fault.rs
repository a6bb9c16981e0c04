//! Faults: planted ones for tests, and the driver wrapper's panics, which become errors and must not be printed.

use std::cell::Cell;
use std::panic::{set_hook, take_hook};
use std::sync::Once;

/// What goes wrong with a device, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is lost after so many passes.
    Lose(u32),
    /// It stops answering after so many passes.
    Hang(u32),
}

impl Fault {
    /// Counts a pass: whether the fault happens now.
    pub(super) fn due(&mut self) -> bool {
        let (Self::Lose(left) | Self::Hang(left)) = self;
        let due = *left == 0;
        *left = left.saturating_sub(1);
        due
    }
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`, whose panics on this thread are not printed.
pub(super) fn quietly<T>(work: impl FnOnce() -> T) -> T {
    let before = QUIET.replace(true);
    let done = work();
    QUIET.set(before);
    done
}

/// Puts a hook before the process's panic hook that keeps what happens under [`quietly`] from it.
pub(super) fn keep_driver_panics_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = take_hook();
        set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                hook(panic);
            }
        }));
    });
}
