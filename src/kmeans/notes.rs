//! What should be known of a fit beside its numbers.

use super::params::ValidParams;
use crate::error::{Error, Place, Result, printable};
use crate::matrix::CoarseGrid;
use crate::note::Note;

/// How a fit ended, as far as notes are concerned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending {
    /// Clusters left.
    pub(super) k: usize,
    pub(super) iterations: u32,
    pub(super) converged: bool,
    /// Whether clusters emptied after the iteration limit and were filled once more.
    pub(super) refilled: bool,
}

/// Notes on fewer clusters than asked for and on the iteration limit.
///
/// # Errors
/// [`Error::Data`] for fewer clusters under `require_k`.
pub(super) fn notes(end: Ending, params: &ValidParams) -> Result<Vec<Note>> {
    let (mut notes, k) = (Vec::new(), end.k);
    let found = format!("{k} {} instead of {}", if k == 1 { "cluster" } else { "clusters" }, params.k());
    // A cluster is dropped only when no point is left to fill it: each is at its centroid, or alone in its cluster.
    let why = format!("the data has only {k} distinct {}", if k == 1 { "row" } else { "rows" });
    let why = if end.refilled { "the others lost their last row at the iteration limit".into() } else { why };
    if k < params.k() && params.require_k() {
        let message = if end.refilled { format!("{found}: {why}") } else { format!("k={} but {why}", params.k()) };
        return Err(Error::data(Place::default(), message, "ask for fewer clusters, or drop --require-k"));
    }
    if k < params.k() {
        let apart = if end.refilled { "" } else { " to tell apart" };
        notes.push(Note::new("fewer_clusters", format!("{found}: {why}{apart}")));
    }
    if !end.converged {
        let text = format!(
            "stopped at the limit of {} iterations before converging; raise --max-iter or --tol",
            end.iterations
        );
        notes.push(Note::new("iteration_limit", text));
    }
    Ok(notes)
}

/// A note for each column that one far value leaves few grid steps for; `name` gives a column's name.
#[must_use]
pub fn coarse_notes(coarse: &[CoarseGrid], name: impl Fn(usize) -> String) -> Vec<Note> {
    let text = |c: &CoarseGrid| {
        format!(
            "column '{}': the grid's step of {:.3e} is coarse beside its interquartile range of {:.3e}; a far outlier sets the scale, consider removing or clipping it",
            printable(&name(c.column)),
            c.step,
            c.iqr
        )
    };
    coarse.iter().map(|c| Note::new("coarse_grid", text(c))).collect()
}
