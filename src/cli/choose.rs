//! Fits for several numbers of clusters, measured, and the answer which of them to use.

use super::args::{Clusters, ClustersArgs, Metrics};
use super::checkpoint::Keeper;
use super::comparison::Comparison;
use super::init::{self, Space};
use super::measures::{Measures, SILHOUETTE_ROWS};
use super::progress::Teller;
use super::run::Phases;
use super::summary::grouped;
use segma::engine::Engine;
use segma::error::{Error, Place, Result};
use segma::features::Pipeline;
use segma::kmeans::{Fit, ValidParams};
use segma::matrix::Matrix;
use segma::quality::{Candidate, Gaps, Stability, Verdict, gap, sample_rows, stability, verdict};
use segma::segments::report;
use serde_json::{Value, json};

/// References of the gap statistic, and bootstrap samples: enough for standard errors to be known to a sixth or so.
const REFERENCES: u32 = 20;
pub(super) const BOOTSTRAPS: u32 = 20;

/// Numbers of clusters that `auto` tries.
const AUTO: std::ops::RangeInclusive<u32> = 2..=12;

/// Fits, what was measured of each, and what comes of it.
pub(super) struct Compared {
    pub(super) params: Vec<ValidParams>,
    pub(super) fits: Vec<Fit>,
    pub(super) measures: Vec<Measures>,
    pub(super) stability: Vec<Option<Stability>>,
    pub(super) gaps: Option<Gaps>,
    pub(super) verdict: Verdict,
    measured: bool,
}

impl Compared {
    /// Whether anything but the fits was asked for.
    pub(super) fn is_measured(&self) -> bool {
        self.measured
    }
}

/// What to compare the fits by.
#[derive(Clone, Copy)]
pub(super) struct By {
    pub(super) metrics: Metrics,
    pub(super) seed: u64,
}

/// Fits all of `params` and measures them.
pub(super) fn compare(
    engine: &dyn Engine,
    matrix: &Matrix,
    params: Vec<ValidParams>,
    by: By,
    (teller, phases, keeper): (&mut Teller, &mut Phases, &mut Keeper),
) -> Result<Compared> {
    teller.tell(&cost(matrix, &params, by.metrics));
    teller.step("seeding");
    let fits = phases.time("fit", || keeper.sweep(engine, matrix, &params, teller))?;
    let measures = phases.time("measure", || measures(engine, matrix, &fits, by, teller))?;
    let full = Full::of(&fits, &params);
    let gaps = || gap(engine, matrix, (&full.fits, &full.params), REFERENCES, by.seed, teller);
    let gaps = if by.metrics.gap { Some(phases.time("gap", gaps)?) } else { None };
    let labelled: Vec<(&[u32], &ValidParams)> = full.fits.iter().map(|f| &f.labels[..]).zip(&full.params).collect();
    let again = || stability(engine, matrix, &labelled, BOOTSTRAPS, by.seed, teller);
    let stable = if by.metrics.stability { phases.time("stability", again)? } else { Vec::new() };
    let stability: Vec<Option<Stability>> = (0..fits.len()).map(|i| stable.get(full.at(i)?).cloned()).collect();
    let candidate = |&i: &usize| Candidate {
        k: params[i].k(),
        inertia: fits[i].inertia.as_f64(),
        silhouette: measures[i].silhouette,
        stability: stability[i].clone(),
    };
    let mut verdict = verdict(&full.places.iter().map(candidate).collect::<Vec<_>>(), gaps.as_ref());
    if !by.metrics.any() {
        verdict.reason = "nothing was measured that could tell one number from another".into();
    }
    Ok(Compared { params, fits, measures, stability, gaps, verdict, measured: by.metrics.any() })
}

/// The fits that have as many clusters as were asked for. One with fewer is no candidate: the smaller number is one already.
struct Full<'f> {
    places: Vec<usize>,
    fits: Vec<&'f Fit>,
    params: Vec<ValidParams>,
}

impl<'f> Full<'f> {
    fn of(fits: &'f [Fit], params: &[ValidParams]) -> Self {
        let places: Vec<usize> = (0..fits.len()).filter(|&i| fits[i].centroids.k() == params[i].k()).collect();
        let (some, same) = places.iter().map(|&i| (&fits[i], params[i].clone())).unzip();
        Self { places, fits: some, params: same }
    }

    /// Which of these the fit number `i` is.
    fn at(&self, i: usize) -> Option<usize> {
        self.places.iter().position(|place| *place == i)
    }
}

fn measures(engine: &dyn Engine, matrix: &Matrix, fits: &[Fit], by: By, teller: &mut Teller) -> Result<Vec<Measures>> {
    let one = |(i, fit): (usize, &Fit)| {
        teller.piece("clustering", i, fits.len());
        if by.metrics.of_rows() {
            Measures::of(engine, matrix, fit, by.metrics, by.seed)
        } else {
            Ok(Measures::default())
        }
    };
    fits.iter().enumerate().map(one).collect()
}

/// What the work will be, in a line, said before it is done.
fn cost(matrix: &Matrix, params: &[ValidParams], metrics: Metrics) -> String {
    let starts = params.first().map_or(1, ValidParams::starts);
    let rows = |rows: usize| format!("{} rows", grouped(rows as u64));
    let mut parts = vec![format!("{} numbers of segments x {starts} starts on {}", params.len(), rows(matrix.count()))];
    if metrics.silhouette {
        parts.push(format!("silhouettes of {}", rows(matrix.count().min(SILHOUETTE_ROWS))));
    }
    let most = params.iter().map(ValidParams::k).max().unwrap_or(1);
    let sample = rows(sample_rows(matrix, most));
    if metrics.gap {
        parts.push(format!("the same fits on {REFERENCES} references of {sample} (gap)"));
    }
    if metrics.stability {
        parts.push(format!("and on {BOOTSTRAPS} bootstrap samples of {sample} (stability)"));
    }
    format!("to do: {}", parts.join("; "))
}

/// A fit, and how its number of clusters was found if it was not given.
pub(super) struct Chosen {
    pub(super) fit: Fit,
    pub(super) params: ValidParams,
    pub(super) choice: Option<Choice>,
}

/// How a number of clusters was found.
pub(super) struct Choice {
    /// For programs.
    pub(super) document: Value,
    /// Why this one.
    pub(super) reason: String,
    /// For the report.
    pub(super) view: report::Sweep,
    pub(super) stability: Option<Stability>,
}

/// Fits the number of clusters that is asked for, or of those to choose from the one that is recommended; `params` are
/// [`params`] of the same `args`.
///
/// # Errors
/// [`Error::Gate`] if none is; else as [`segma::kmeans::fit`].
pub(super) fn fit(
    args: &ClustersArgs,
    mut params: Vec<ValidParams>,
    (engine, matrix): (&dyn Engine, &Matrix),
    (teller, phases, keeper): (&mut Teller, &mut Phases, &mut Keeper),
) -> Result<Chosen> {
    match &args.clusters {
        Some(Clusters::Exactly(_)) | None => {}
        Some(Clusters::Among(_)) => return best(params, args.run.seed, (engine, matrix), (teller, phases, keeper)),
        Some(Clusters::Auto) => {
            let params = with_rows(params, matrix)?;
            return best(params, args.run.seed, (engine, matrix), (teller, phases, keeper));
        }
    }
    teller.step("seeding");
    let mut fits = phases.time("fit", || keeper.sweep(engine, matrix, &params, teller))?;
    Ok(Chosen { fit: fits.swap_remove(0), params: params.swap_remove(0), choice: None })
}

/// The checked parameters of each fit that `args` ask for; those of `auto` are not held against the number of rows yet.
pub(super) fn params(args: &ClustersArgs, pipeline: &Pipeline) -> Result<Vec<ValidParams>> {
    match &args.clusters {
        Some(Clusters::Among(several)) => init::sweep_params(&several.0, &args.run, true),
        Some(Clusters::Auto) => init::sweep_params(&AUTO.collect::<Vec<_>>(), &args.run, true),
        Some(Clusters::Exactly(k)) => Ok(vec![init::params(Some(*k), &args.run, Space::Prepared(pipeline))?]),
        None => Ok(vec![init::params(None, &args.run, Space::Prepared(pipeline))?]),
    }
}

/// The parameters of `auto` that there are rows enough for.
fn with_rows(mut params: Vec<ValidParams>, matrix: &Matrix) -> Result<Vec<ValidParams>> {
    let points = matrix.weights().map_or(matrix.count() as u64, |w| w.positive());
    params.retain(|p| (p.k() as u64) < points);
    if params.is_empty() {
        let message = format!("{points} rows are too few to choose a number of segments");
        return Err(Error::data(Place::default(), message, "give more rows, or say --clusters 1"));
    }
    Ok(params)
}

fn best(
    params: Vec<ValidParams>,
    seed: u64,
    (engine, matrix): (&dyn Engine, &Matrix),
    told: (&mut Teller, &mut Phases, &mut Keeper),
) -> Result<Chosen> {
    let tried: Vec<usize> = params.iter().map(ValidParams::k).collect();
    let by = By { metrics: Metrics::FULL, seed };
    let mut compared = compare(engine, matrix, params, by, told)?;
    let verdict = &compared.verdict;
    let Some(at) = compared.params.iter().position(|p| Some(p.k()) == verdict.recommended_k) else {
        return Err(no_clear_k(verdict));
    };
    let choice = Choice {
        document: json!({ "tried": tried, "reason": verdict.reason, "votes": verdict.votes }),
        reason: verdict.reason.clone(),
        view: Comparison { compared: &compared, matrix }.view(),
        stability: compared.stability[at].clone(),
    };
    let fit = compared.fits.swap_remove(at);
    Ok(Chosen { fit, params: compared.params.swap_remove(at), choice: Some(choice) })
}

fn no_clear_k(verdict: &Verdict) -> Error {
    let votes: String = verdict.votes.iter().map(|v| format!("\n  {}: {}", v.rule, v.words)).collect();
    let hint = "say how many with --clusters N, or look at them side by side with segma sweep";
    Error::Gate(format!("no clear k: {}{votes}\n  hint: {hint}", verdict.reason))
}
