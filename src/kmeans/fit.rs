//! The fit loop.

use super::empty::{self, Filled};
use super::notes::{Ending, notes};
use super::order::{canonical, label_map, pick};
use super::params::ValidParams;
use super::progress::{Observer, Progress, tell};
use super::seed;
use super::update::{Totals, shift2, total_inertia};
use crate::engine::{Centroids, Change, Engine, Session, SetPass};
use crate::error::{Error, Place, Result};
use crate::matrix::{Frame, Matrix};
use crate::note::Note;
use ethnum::U256;
use ndarray::Array2;
use std::time::Instant;

/// What a fit found.
#[derive(Debug, Clone)]
pub struct Fit {
    /// Centroids on the grid `[k x dims]`, in canonical order: largest cluster first.
    pub centroids: Centroids,
    /// The nearest centroid of each point `[points]`: exactly what predict gives.
    pub labels: Vec<u32>,
    /// Points in each cluster `[k]`.
    pub counts: Vec<u64>,
    /// Weight of each cluster in the fixed point of the matrix's weights `[k]` (the counts without weights).
    pub weights: Vec<u64>,
    /// The weighted sum of squared distances to the centroids, on the grid.
    pub inertia: U256,
    /// What the inertia would be with one cluster, on the grid.
    pub total_inertia: f64,
    /// Passes made before the stop.
    pub iterations: u32,
    /// Whether the stop was convergence, not the iteration limit.
    pub converged: bool,
    /// The start that won (0-based).
    pub start: usize,
    /// Passes made for all starts together, without the final labelling.
    pub passes: u32,
    /// Their wall time.
    pub pass_seconds: f64,
    /// Points the referee decided, in all passes.
    pub refereed: u64,
    /// Points labelled, in all passes.
    pub scored: u64,
    /// What else should be known of the result.
    pub notes: Vec<Note>,
    /// What happened to the device on the way: not part of the result, which is the same on every device.
    pub device_notes: Vec<Note>,
}

impl Fit {
    /// The centroids `[k x dims]` in the units of the matrix.
    #[must_use]
    pub fn values(&self, frame: &Frame) -> Array2<f64> {
        let shape = (self.centroids.k(), self.centroids.dims());
        Array2::from_shape_fn(shape, |(c, j)| frame.value(j, self.centroids.row(c)[j]))
    }
}

/// Fits K-Means to the points of `matrix`.
///
/// Stops as scikit-learn does: when no label changes, or when the squared centroid shifts sum to at most `tol` times the
/// mean column variance; then labels are brought up to date once more, in canonical order.
///
/// # Errors
/// [`Error::Data`] if there are fewer points (with weight) than clusters, or fewer distinct ones under `require_k`;
/// [`Error::Usage`] if given centroids have another number of columns; [`Error::Interrupted`] if the observer says so;
/// whatever the engine fails with.
pub fn fit(engine: &dyn Engine, matrix: &Matrix, params: &ValidParams, observer: &mut dyn Observer) -> Result<Fit> {
    check_points(matrix, params)?;
    let squares = matrix.squares();
    let mut session = engine.load(matrix)?;
    let mut all = Loop {
        matrix,
        params,
        session: &mut *session,
        tolerance2: None,
        passes: 0,
        seconds: 0.0,
        refereed: 0,
        scored: 0,
    };
    let mut runs = Vec::with_capacity(params.starts());
    for start in 0..params.starts() {
        runs.push(Run::new(start, seed::seed(matrix, params, start)?));
        tell(observer, Progress::Seeded { start, starts: params.starts() })?;
    }
    all.session.open(runs.len())?;
    all.session.expect(params.max_iter());
    all.iterate(&mut runs, observer)?;
    let best = runs.into_iter().min_by_key(|r| r.totals.inertia(&r.centroids, squares)); // the first of equals
    let Some(mut best) = best else { return Err(Error::Usage("n-init must be at least 1".into())) };
    all.settle(&mut best)?;
    all.finish(best)
}

fn check_points(matrix: &Matrix, params: &ValidParams) -> Result<()> {
    let points = matrix.weights().map_or(matrix.count() as u64, |w| w.positive());
    if (params.k() as u64) > points {
        let message = format!("n_samples={points} should be >= n_clusters={}", params.k());
        return Err(Error::data(Place::default(), message, "ask for fewer clusters, or give more rows"));
    }
    Ok(())
}

/// One start.
struct Run {
    set: usize,
    centroids: Centroids,
    totals: Totals,
    iterations: u32,
    /// Points the last pass found exactly between two centroids.
    ties: u64,
    /// Whether a cluster that emptied after the last iteration was filled already.
    refilled: bool,
    state: State,
    converged: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Labels, sums, centroids, and again.
    Iterating,
    /// The centroids are final; labels are brought up to date.
    Settling,
    /// Labels and sums fit the centroids.
    Done,
}

impl Run {
    fn new(set: usize, centroids: Centroids) -> Self {
        let totals = Totals::new(centroids.k(), centroids.dims());
        Self {
            set,
            centroids,
            totals,
            iterations: 0,
            ties: 0,
            refilled: false,
            state: State::Iterating,
            converged: false,
        }
    }

    fn take(&mut self, change: &Change) {
        self.totals.add(change);
        self.ties = change.ties;
    }
}

/// What all starts share.
struct Loop<'a, 's> {
    matrix: &'a Matrix,
    params: &'a ValidParams,
    session: &'a mut (dyn Session + 's),
    /// The squared shift to stop at, once the first pass has given the sums.
    tolerance2: Option<f64>,
    passes: u32,
    seconds: f64,
    refereed: u64,
    scored: u64,
}

impl Loop<'_, '_> {
    /// Passes over all unfinished starts at once until every one is done.
    fn iterate(&mut self, runs: &mut [Run], observer: &mut dyn Observer) -> Result<()> {
        loop {
            let mut active: Vec<&mut Run> = runs.iter_mut().filter(|r| r.state != State::Done).collect();
            if active.is_empty() {
                return Ok(());
            }
            let iterating = active.iter().any(|r| r.state == State::Iterating);
            let clock = Instant::now();
            let changes = self.pass(&active)?;
            let changed = changes.iter().map(|c| c.changed).sum();
            for (run, change) in active.iter_mut().zip(&changes) {
                self.advance(run, change)?;
            }
            if iterating {
                self.seconds += clock.elapsed().as_secs_f64();
                self.passes += 1;
                let (pass, max_iter) = (self.passes, self.params.max_iter());
                tell(observer, Progress::Pass { pass, max_iter, active: active.len(), changed })?;
            }
        }
    }

    fn pass(&mut self, runs: &[&mut Run]) -> Result<Vec<Change>> {
        let batch: Vec<SetPass<'_>> = runs.iter().map(|r| SetPass { set: r.set, centroids: &r.centroids }).collect();
        let changes = self.session.pass(&batch)?;
        self.refereed += changes.iter().map(|c| c.refereed).sum::<u64>();
        self.scored += (self.matrix.count() * runs.len()) as u64;
        Ok(changes)
    }

    /// Takes in one pass of a start: new centroids, or the end.
    fn advance(&mut self, run: &mut Run, change: &Change) -> Result<()> {
        run.take(change);
        let settling = run.state == State::Settling;
        if settling && (run.refilled || run.totals.weights.iter().all(|w| *w > 0)) {
            run.state = State::Done;
            return Ok(());
        }
        run.iterations += u32::from(!settling);
        if !settling && change.changed == 0 {
            (run.state, run.converged) = (State::Done, true);
            return Ok(());
        }
        self.recentre(run)?;
        let at_limit = run.iterations == self.params.max_iter();
        // A cluster that lost its last point while settling is filled: the loop goes on, or labels once more at its limit.
        run.refilled = settling && at_limit;
        run.state = if run.converged || at_limit { State::Settling } else { State::Iterating };
        Ok(())
    }

    /// Moves the centroids to the means of their points, and says in `converged` whether that was hardly a move.
    fn recentre(&mut self, run: &mut Run) -> Result<()> {
        let filled = empty::fill(self.session, self.matrix, run.set, &mut run.totals)?;
        if let Filled::Dropped(left) = &filled {
            self.reorder(run, left)?;
        }
        let next = run.totals.centroids(self.matrix.dims());
        let shift2 = shift2(&run.centroids, &next);
        run.centroids = next;
        run.converged = filled == Filled::None && shift2.as_f64() <= self.tolerance2(&run.totals);
        Ok(())
    }

    /// `tol` times the mean column variance, on the grid; the same for every start and pass.
    fn tolerance2(&mut self, totals: &Totals) -> f64 {
        *self.tolerance2.get_or_insert_with(|| {
            let values = self.matrix.total_weight() as f64 * self.matrix.dims() as f64;
            self.params.tol() * (total_inertia(totals, self.matrix) / values)
        })
    }

    /// Makes cluster `order[i]` cluster `i`, in the session too; what is not named is dropped.
    fn reorder(&mut self, run: &mut Run, order: &[usize]) -> Result<()> {
        self.session.renumber(run.set, &label_map(order, run.centroids.k()))?;
        run.totals.pick(order, self.matrix.dims());
        run.centroids = pick(&run.centroids, order);
        Ok(())
    }

    /// Puts the clusters in canonical order and drops those left without weight. Ties go to the lowest index, so where
    /// there are any, or where a dropped cluster had points of no weight, the points are labelled once more in that order;
    /// and since that can change sizes, the order is looked at again, some times.
    fn settle(&mut self, run: &mut Run) -> Result<()> {
        const ROUNDS: usize = 8;
        for round in 0.. {
            let mut order = canonical(&run.totals, &run.centroids);
            if round >= ROUNDS {
                order.sort_unstable();
            }
            order.retain(|&c| run.totals.weights[c] > 0);
            if order.iter().copied().eq(0..run.centroids.k()) {
                break;
            }
            let points: i64 = order.iter().map(|&c| run.totals.counts[c]).sum();
            let same = run.ties == 0 && points.cast_unsigned() == self.matrix.count() as u64;
            self.reorder(run, &order)?;
            if same {
                break;
            }
            let changes = self.pass(&[run])?;
            changes.iter().for_each(|c| run.take(c));
        }
        Ok(())
    }

    fn finish(self, run: Run) -> Result<Fit> {
        let k = run.centroids.k();
        let end = Ending { k, iterations: run.iterations, converged: run.converged, refilled: run.refilled };
        let notes = notes(end, self.params)?;
        let labels = self.session.labels(run.set)?;
        let unsigned = |v: &[i64]| v.iter().map(|w| w.cast_unsigned()).collect::<Vec<_>>();
        Ok(Fit {
            labels,
            counts: unsigned(&run.totals.counts),
            weights: unsigned(&run.totals.weights),
            inertia: run.totals.inertia(&run.centroids, self.matrix.squares()),
            total_inertia: total_inertia(&run.totals, self.matrix),
            centroids: run.centroids,
            iterations: run.iterations,
            converged: run.converged,
            start: run.set,
            passes: self.passes,
            pass_seconds: self.seconds,
            refereed: self.refereed,
            scored: self.scored,
            notes,
            device_notes: self.session.notes(),
        })
    }
}
