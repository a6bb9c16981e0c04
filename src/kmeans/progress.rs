//! How a fit goes: told to an observer, which may stop it.

use super::snapshot::Snapshot;
use crate::error::{Error, Result};
use std::ops::ControlFlow;

/// Where a fit stands.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Progress {
    /// Some more of the first centroids were chosen.
    Seeding {
        /// The start (0-based) that these belong to.
        start: usize,
        /// Starts to be made.
        starts: usize,
        /// Centroids chosen so far, of all starts; a start that is done counts as having all of its own.
        chosen: u64,
        /// Centroids that all starts need: when so many are chosen, the passes begin.
        of: u64,
    },
    /// A pass over the points is done.
    Pass {
        /// Passes so far.
        pass: u32,
        /// The most there can be.
        max_iter: u32,
        /// Starts that still run.
        active: usize,
        /// Points that each of them labelled.
        points: u64,
        /// Points that changed label, in all running starts.
        changed: u64,
    },
    /// One of several pieces of work of a kind begins: a reference of the gap statistic, a bootstrap sample.
    Step {
        /// Of what kind.
        what: &'static str,
        /// Which one (1-based).
        step: u32,
        /// How many there are.
        steps: u32,
    },
}

/// Is told how a fit goes, and may stop it.
pub trait Observer {
    /// Called after each step; [`ControlFlow::Break`] ends the fit with [`Error::Interrupted`].
    fn progress(&mut self, progress: Progress) -> ControlFlow<()>;

    /// Whether a [`Snapshot`] is wanted now: asked after each pass, the `last` time when all starts are done.
    fn wants_snapshot(&mut self, _last: bool) -> bool {
        false
    }

    /// Takes the snapshot that was wanted; [`ControlFlow::Break`] ends the fit with [`Error::Interrupted`].
    fn snapshot(&mut self, _snapshot: Snapshot) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// An observer that does nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Observer for Quiet {
    fn progress(&mut self, _: Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Tells the observer.
pub(crate) fn tell(observer: &mut dyn Observer, progress: Progress) -> Result<()> {
    unless_broken(observer.progress(progress))
}

/// Goes on, or ends the fit.
pub(super) fn unless_broken(flow: ControlFlow<()>) -> Result<()> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Interrupted),
    }
}
