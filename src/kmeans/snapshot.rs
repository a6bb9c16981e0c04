//! A fit between two passes, small enough to be written down: what a stopped fit goes on from, to the same bytes.
//!
//! Labels are an exact function of the centroids they were made with, so they are not kept. A fit that goes on makes one
//! pass with the *previous* centroids of every start, does to the labels what was done to them since, and then stands where
//! the other one stood: the same labels and the same sums. The *current* centroids follow from these sums. They are
//! kept all the same, and must come out again: a snapshot of other points is found out before it can do harm.

use super::empty::relocate;
use super::found::Step;
use super::order::{label_map, pick};
use super::params::ValidParams;
use super::run::{Cost, Run, Since, State};
use crate::engine::{Centroids, Session, SetPass};
use crate::error::{Error, Place, Result};
use crate::matrix::{Matrix, SATURATION};
use serde::{Deserialize, Serialize};

/// A fit, or the fits of a sweep, between two passes: see [`crate::kmeans::resume`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    passes: u32,
    costs: Vec<Cost>,
    starts: Vec<Start>,
}

/// One start. Centroids are grid integers, row by row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    state: State,
    previous: Vec<i64>,
    since: Since,
    centroids: Vec<i64>,
    iterations: u32,
    /// The inertia of each iteration as the bits of its f64, which need not be finite, and the labels that changed.
    history: Vec<(u64, u64)>,
    refilled: bool,
    converged: bool,
}

impl Snapshot {
    pub(super) fn new(passes: u32, costs: &[Cost], runs: &[Run]) -> Self {
        Self { passes, costs: costs.to_vec(), starts: runs.iter().map(Start::new).collect() }
    }

    /// Passes made so far.
    #[must_use]
    pub fn passes(&self) -> u32 {
        self.passes
    }

    pub(super) fn costs(&self) -> Vec<Cost> {
        self.costs.clone()
    }

    /// Checks that this can be a snapshot of such fits, so that nothing in it can harm.
    ///
    /// # Errors
    /// [`Error::Data`] with what does not fit.
    pub fn check(&self, matrix: &Matrix, params: &[ValidParams]) -> Result<()> {
        let starts: usize = params.iter().map(ValidParams::starts).sum();
        if (self.costs.len(), self.starts.len()) != (params.len(), starts) {
            let (fits, found) = (self.costs.len(), self.starts.len());
            return Err(unfit(format!("{fits} fits of {found} starts for {} of {starts}", params.len())));
        }
        // Far beyond any fit, and far below where a sum would run over.
        let sound = |c: &Cost| c.passes < 1 << 31 && c.scored.max(c.refereed) < 1 << 62 && c.seconds.is_finite();
        if self.passes >= 1 << 31 || !self.costs.iter().all(sound) {
            return Err(unfit("its counters are out of range".into()));
        }
        let each = params.iter().flat_map(|p| std::iter::repeat_n(p, p.starts()));
        each.zip(&self.starts).enumerate().try_for_each(|(set, (params, start))| {
            start.check(matrix, params).map_err(|e| unfit(format!("start {set}: {e}")))
        })
    }

    /// The starts as they stood, their labels in the session.
    ///
    /// # Errors
    /// [`Error::Data`] if this is a snapshot of other points; whatever the session fails with.
    pub(super) fn restore(
        &self,
        session: &mut dyn Session,
        matrix: &Matrix,
        params: &[ValidParams],
    ) -> Result<Vec<Run>> {
        let dims = matrix.dims();
        let numbers = params.iter().enumerate().flat_map(|(which, p)| (0..p.starts()).map(move |start| (which, start)));
        let begun = numbers.zip(&self.starts).enumerate().map(|(set, ((which, start), kept))| {
            Run::new(set, which, start, Centroids::new(dims, kept.previous.clone()))
        });
        let mut runs: Vec<Run> = begun.collect();
        let batch: Vec<SetPass<'_>> = runs.iter().map(|r| SetPass { set: r.set, centroids: &r.previous }).collect();
        let changes = session.pass(&batch)?;
        for ((run, change), start) in runs.iter_mut().zip(&changes).zip(&self.starts) {
            run.take(change);
            start.restore(run, session, matrix)?;
        }
        Ok(runs)
    }
}

impl Start {
    fn new(run: &Run) -> Self {
        // Of a start that is done, the labels fit the centroids as they are.
        let done = run.state == State::Done;
        let (previous, since) =
            if done { (&run.centroids, Since::default()) } else { (&run.previous, run.since.clone()) };
        Self {
            state: run.state,
            previous: previous.values().to_vec(),
            since,
            centroids: run.centroids.values().to_vec(),
            iterations: run.iterations,
            history: run.history.iter().map(|s| (s.inertia.to_bits(), s.changed)).collect(),
            refilled: run.refilled,
            converged: run.converged,
        }
    }

    fn check(&self, matrix: &Matrix, params: &ValidParams) -> std::result::Result<(), String> {
        let dims = matrix.dims();
        let k = rows("previous", &self.previous, matrix)?;
        if k > params.k() {
            return Err(format!("{k} clusters, more than {}", params.k()));
        }
        let left = self.since.check(k, matrix.count())?;
        if rows("centroids", &self.centroids, matrix)? != left {
            return Err(format!("{} centroids, not {left}", self.centroids.len() / dims));
        }
        let over = self.iterations > params.max_iter();
        if over || (self.state == State::Iterating && self.iterations == params.max_iter()) {
            return Err(format!("{} iterations of at most {}", self.iterations, params.max_iter()));
        }
        if self.history.len() != self.iterations as usize {
            return Err(format!("a history of {} for {} iterations", self.history.len(), self.iterations));
        }
        Ok(())
    }

    /// Brings a start that was passed over with the previous centroids to where it stood.
    fn restore(&self, run: &mut Run, session: &mut dyn Session, matrix: &Matrix) -> Result<()> {
        self.since.repeat(run, session, matrix)?;
        let dims = matrix.dims();
        let centroids = Centroids::new(dims, self.centroids.clone());
        let standing = match &self.since.kept {
            Some(kept) => pick(&run.previous, kept),
            None => run.previous.clone(),
        };
        let whole = run.totals.weights.iter().chain(&run.totals.counts).all(|n| *n >= 0);
        let expected = match self.state {
            State::Done => Some(standing),
            _ => whole.then(|| run.totals.centroids(&standing)),
        };
        if !whole || expected.as_ref() != Some(&centroids) {
            return Err(unfit(format!("start {}: its centroids are not the means of these points", run.set)));
        }
        let step = |&(inertia, changed): &(u64, u64)| Step { inertia: f64::from_bits(inertia), changed };
        run.centroids = centroids;
        run.since = self.since.clone();
        (run.state, run.refilled, run.converged) = (self.state, self.refilled, self.converged);
        (run.iterations, run.history) = (self.iterations, self.history.iter().map(step).collect());
        Ok(())
    }
}

impl Since {
    /// How many of `k` clusters it leaves, if it makes sense.
    fn check(&self, k: usize, points: usize) -> std::result::Result<usize, String> {
        let mut rows: Vec<usize> = self.relocated.iter().map(|(row, _)| *row).collect();
        rows.sort_unstable();
        rows.dedup();
        let inside = self.relocated.iter().all(|&(row, to)| row < points && (to as usize) < k);
        if !inside || rows.len() != self.relocated.len() {
            return Err("a point was taken to nowhere, or twice".into());
        }
        let Some(kept) = &self.kept else { return Ok(k) };
        if kept.is_empty() || !kept.is_sorted_by(|a, b| a < b) || kept.iter().any(|&c| c >= k) {
            return Err("the clusters that were kept are not some of them".into());
        }
        Ok(kept.len())
    }

    /// Does it again.
    fn repeat(&self, run: &mut Run, session: &mut dyn Session, matrix: &Matrix) -> Result<()> {
        if !self.relocated.is_empty() {
            let labels = session.labels(run.set)?;
            for &(row, to) in &self.relocated {
                relocate(matrix, &mut run.totals, (row, labels[row]), to);
                session.relabel(run.set, row, to)?;
            }
        }
        if let Some(kept) = &self.kept {
            session.renumber(run.set, &label_map(kept, run.previous.k()))?;
            run.totals.pick(kept, matrix.dims());
        }
        Ok(())
    }
}

/// How many rows these are, if they are whole rows of numbers that the grid of saturated points holds.
fn rows(what: &str, values: &[i64], matrix: &Matrix) -> std::result::Result<usize, String> {
    if values.is_empty() || !values.len().is_multiple_of(matrix.dims()) {
        return Err(format!("{what}: {} numbers for {} columns", values.len(), matrix.dims()));
    }
    let most = SATURATION * f64::from(matrix.frame().scale());
    match values.iter().find(|v| v.unsigned_abs() as f64 > most) {
        Some(value) => Err(format!("{what}: {value} lies outside the grid")),
        None => Ok(values.len() / matrix.dims()),
    }
}

fn unfit(what: String) -> Error {
    let message = format!("the snapshot does not belong to this fit: {what}");
    Error::data(Place::default(), message, "give the same table and options, or start from the beginning")
}
