//! The fit loop.

use super::empty::{self, Filled};
use super::found::{Fit, Step};
use super::notes::{Ending, notes};
use super::order::{canonical, label_map, pick};
use super::params::ValidParams;
use super::progress::{Observer, Progress, tell, unless_broken};
use super::room::check_room;
use super::run::{Cost, Run, Since, State};
use super::seed;
use super::snapshot::Snapshot;
use super::totals::{Totals, shift2, total_inertia};
use crate::engine::{Change, Engine, Session, SetPass};
use crate::error::{Error, Place, Result};
use crate::matrix::Matrix;
use std::time::Instant;

/// Fits K-Means to the points of `matrix`.
///
/// Stops as scikit-learn does: when no label changes, or when the squared centroid shifts sum to at most `tol` times the
/// mean column variance; then labels are brought up to date once more, in canonical order.
///
/// # Errors
/// [`Error::Data`] if there are fewer points (with weight) than clusters, or fewer distinct ones under `require_k`;
/// [`Error::Usage`] if given centroids have another number of columns; [`Error::Interrupted`] if the observer says so;
/// [`Error::Memory`] if there is no room for all starts; whatever the engine fails with.
pub fn fit(engine: &dyn Engine, matrix: &Matrix, params: &ValidParams, observer: &mut dyn Observer) -> Result<Fit> {
    let fitted = sweep(engine, matrix, std::slice::from_ref(params), observer)?.into_iter().next();
    fitted.ok_or_else(|| Error::Usage("n-init must be at least 1".into()))
}

/// Makes several fits of the same points, as many as there are parameters: every pass reads the points once for all of
/// them. Each ends as [`fit`] alone does, to the same bytes; the times are those of its share of the work.
///
/// # Errors
/// As [`fit`].
pub fn sweep(
    engine: &dyn Engine,
    matrix: &Matrix,
    params: &[ValidParams],
    observer: &mut dyn Observer,
) -> Result<Vec<Fit>> {
    run(engine, matrix, params, None, observer)
}

/// Goes on with the fits of a [`sweep`], or the [`fit`] of these parameters, that was stopped: ends with the same bytes as if
/// it had not been. The engine may be another one; the times and what the referee decided are those of the way it took.
///
/// # Errors
/// [`Error::Data`] if the snapshot is one of other points or parameters; else as [`fit`].
pub fn resume(
    engine: &dyn Engine,
    matrix: &Matrix,
    params: &[ValidParams],
    snapshot: &Snapshot,
    observer: &mut dyn Observer,
) -> Result<Vec<Fit>> {
    snapshot.check(matrix, params)?;
    run(engine, matrix, params, Some(snapshot), observer)
}

fn run(
    engine: &dyn Engine,
    matrix: &Matrix,
    params: &[ValidParams],
    from: Option<&Snapshot>,
    observer: &mut dyn Observer,
) -> Result<Vec<Fit>> {
    params.iter().try_for_each(|p| check_points(matrix, p))?;
    check_room(matrix, params)?;
    let squares = matrix.squares();
    let clock = Instant::now();
    let sets: Vec<usize> = params.iter().flat_map(|p| std::iter::repeat_n(p.k(), p.starts())).collect();
    engine.prepare(matrix, &sets);
    let mut session = engine.load(matrix)?;
    let load_seconds = clock.elapsed().as_secs_f64();
    let costs = from.map_or_else(|| vec![Cost::default(); params.len()], Snapshot::costs);
    let passes = from.map_or(0, Snapshot::passes);
    let mut all = Loop { matrix, params, session: &mut *session, variance: None, costs, passes };
    all.session.open(params.iter().map(ValidParams::starts).sum())?; // room for all, before any work
    let mut runs = match from {
        None => all.seeded(observer)?,
        Some(snapshot) => snapshot.restore(all.session, matrix, params)?,
    };
    all.session.expect(all.max_iter().saturating_sub(passes));
    all.iterate(&mut runs, observer)?;
    let mut fits = Vec::with_capacity(params.len());
    for which in 0..params.len() {
        let of_these = runs.iter_mut().filter(|r| r.which == which);
        let best = of_these.min_by_key(|r| r.totals.inertia(&r.centroids, squares)); // the first of equals
        let Some(best) = best else { continue };
        all.settle(best)?;
        fits.push(Fit { load_seconds, ..all.finish(best)? });
    }
    let notes = all.session.notes();
    fits.iter_mut().for_each(|f| f.device_notes.clone_from(&notes));
    Ok(fits)
}

fn check_points(matrix: &Matrix, params: &ValidParams) -> Result<()> {
    let points = matrix.weights().map_or(matrix.count() as u64, |w| w.positive());
    if (params.k() as u64) > points {
        let message = format!("n_samples={points} should be >= n_clusters={}", params.k());
        return Err(Error::data(Place::default(), message, "ask for fewer clusters, or give more rows"));
    }
    Ok(())
}

/// What all starts share.
struct Loop<'a, 's> {
    matrix: &'a Matrix,
    params: &'a [ValidParams],
    session: &'a mut (dyn Session + 's),
    /// The mean column variance on the grid, once the first pass has given the sums.
    variance: Option<f64>,
    /// Of each fit.
    costs: Vec<Cost>,
    passes: u32,
}

impl Loop<'_, '_> {
    /// The first centroids of every start.
    fn seeded(&self, observer: &mut dyn Observer) -> Result<Vec<Run>> {
        let starts = self.params.iter().map(ValidParams::starts).sum();
        let of = self.params.iter().map(|params| (params.k() as u64).saturating_mul(params.starts() as u64));
        let of = of.fold(0, u64::saturating_add);
        let (mut runs, mut before) = (Vec::new(), 0);
        for (which, params) in self.params.iter().enumerate() {
            for start in 0..params.starts() {
                let set = runs.len();
                let mut most = 0;
                let mut told = |chosen: usize| {
                    most = most.max(chosen); // where a sample has too few points, all are chosen anew
                    let chosen = before + most as u64;
                    tell(observer, Progress::Seeding { start: set, starts, chosen, of })
                };
                let seeds = seed::seed(self.matrix, params, start, &mut told)?;
                told(params.k())?;
                runs.push(Run::new(set, which, start, seeds));
                before += params.k() as u64;
            }
        }
        Ok(runs)
    }

    fn max_iter(&self) -> u32 {
        self.params.iter().map(ValidParams::max_iter).max().unwrap_or(0)
    }

    /// Passes over all unfinished starts at once until every one is done.
    fn iterate(&mut self, runs: &mut [Run], observer: &mut dyn Observer) -> Result<()> {
        while runs.iter().any(|r| r.state != State::Done) {
            self.iteration(runs, observer)?;
            let last = runs.iter().all(|r| r.state == State::Done);
            if observer.wants_snapshot(last) {
                unless_broken(observer.snapshot(Snapshot::new(self.passes, &self.costs, runs)))?;
            }
        }
        Ok(())
    }

    /// A pass over all unfinished starts, and what comes of it.
    fn iteration(&mut self, runs: &mut [Run], observer: &mut dyn Observer) -> Result<()> {
        let mut active: Vec<&mut Run> = runs.iter_mut().filter(|r| r.state != State::Done).collect();
        let iterating_now: Vec<(usize, usize)> =
            active.iter().filter(|r| r.state == State::Iterating).map(|r| (r.which, r.centroids.k())).collect();
        let clock = Instant::now();
        let changes = self.pass(&active)?;
        let changed = changes.iter().map(|c| c.changed).sum();
        for (run, change) in active.iter_mut().zip(&changes) {
            self.advance(run, change)?;
        }
        self.passes += 1;
        if !iterating_now.is_empty() {
            self.charge(&iterating_now, clock.elapsed().as_secs_f64());
            let (pass, max_iter, points) = (self.passes, self.max_iter(), self.matrix.count() as u64);
            tell(observer, Progress::Pass { pass, max_iter, active: active.len(), points, changed })?;
        }
        Ok(())
    }

    /// Shares the time of a pass out over the fits that took part, by their clusters.
    fn charge(&mut self, runs: &[(usize, usize)], seconds: f64) {
        let all: usize = runs.iter().map(|(_, k)| k).sum();
        for (which, cost) in self.costs.iter_mut().enumerate() {
            let own: usize = runs.iter().filter(|(w, _)| *w == which).map(|(_, k)| k).sum();
            cost.passes += u32::from(own > 0);
            cost.seconds += seconds * own as f64 / all as f64;
        }
    }

    fn pass(&mut self, runs: &[&mut Run]) -> Result<Vec<Change>> {
        let batch: Vec<SetPass<'_>> = runs.iter().map(|r| SetPass { set: r.set, centroids: &r.centroids }).collect();
        let changes = self.session.pass(&batch)?;
        for (run, change) in runs.iter().zip(&changes) {
            let cost = &mut self.costs[run.which];
            cost.refereed += change.refereed;
            cost.scored += self.matrix.count() as u64;
        }
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
        if !settling {
            run.iterations += 1;
            run.history.push(self.step(run, change));
        }
        if !settling && change.changed == 0 {
            (run.state, run.converged) = (State::Done, true);
            return Ok(());
        }
        self.recentre(run)?;
        let at_limit = run.iterations == self.params[run.which].max_iter();
        // A cluster that lost its last point while settling is filled: the loop goes on, or labels once more at its limit.
        run.refilled = settling && at_limit;
        run.state = if run.converged || at_limit { State::Settling } else { State::Iterating };
        Ok(())
    }

    /// The iteration that a pass was, before the centroids move.
    fn step(&self, run: &Run, change: &Change) -> Step {
        let inertia = run.totals.inertia(&run.centroids, self.matrix.squares()).as_f64();
        let unit = self.matrix.weights().map_or(1.0, |w| w.real(1));
        Step { inertia: self.matrix.frame().length2(inertia) * unit, changed: change.changed }
    }

    /// Moves the centroids to the means of their points, and says in `converged` whether that was hardly a move.
    fn recentre(&mut self, run: &mut Run) -> Result<()> {
        let (filled, relocated) = empty::fill(self.session, self.matrix, run.set, &mut run.totals)?;
        run.previous = run.centroids.clone();
        run.since = Since { relocated, kept: None };
        if let Filled::Dropped(left) = &filled {
            self.reorder(run, left)?;
            run.since.kept = Some(left.clone());
        }
        let next = run.totals.centroids(&run.centroids);
        let shift2 = shift2(&run.centroids, &next);
        run.centroids = next;
        let tolerance2 = self.params[run.which].tol() * self.variance(&run.totals);
        run.converged = filled == Filled::None && shift2.as_f64() <= tolerance2;
        Ok(())
    }

    /// The mean column variance, on the grid; the same for every start and pass.
    fn variance(&mut self, totals: &Totals) -> f64 {
        *self.variance.get_or_insert_with(|| {
            let values = self.matrix.total_weight() as f64 * self.matrix.dims() as f64;
            total_inertia(totals, self.matrix) / values
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

    fn finish(&mut self, run: &mut Run) -> Result<Fit> {
        let k = run.centroids.k();
        let end = Ending { k, iterations: run.iterations, converged: run.converged, refilled: run.refilled };
        let notes = notes(end, &self.params[run.which])?;
        let labels = self.session.labels(run.set)?;
        // One answer has its room; those of a sweep take what is left.
        let labels = if self.params.len() == 1 { labels.into() } else { self.matrix.store().keep_values(labels)? };
        let unsigned = |v: &[i64]| v.iter().map(|w| w.cast_unsigned()).collect::<Vec<_>>();
        let cost = self.costs[run.which];
        Ok(Fit {
            labels,
            counts: unsigned(&run.totals.counts),
            weights: unsigned(&run.totals.weights),
            inertia: run.totals.inertia(&run.centroids, self.matrix.squares()),
            total_inertia: total_inertia(&run.totals, self.matrix),
            centroids: run.centroids.clone(),
            means: run.totals.centroids(&run.centroids),
            history: std::mem::take(&mut run.history),
            iterations: run.iterations,
            converged: run.converged,
            start: run.start,
            passes: cost.passes,
            pass_seconds: cost.seconds,
            load_seconds: 0.0,
            refereed: cost.refereed,
            scored: cost.scored,
            notes,
            device_notes: Vec::new(),
        })
    }
}
