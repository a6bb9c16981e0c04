//! A report from what a verb found: the figures of other rooms become the plain data of the page.

use super::chart::number::counted;
use super::view::{
    Column, Convergence, Distribution, Estimate, Figure, Headline, Iteration, Margins, Profile, ProfileCell,
    ProfileFeature, Projection, Provenance, Segment, Silhouettes, Stability, Standing, Sweep, Unit,
};
use super::{MOST_FEATURES, Report};
use crate::features::{Fate, Options, fates};
use crate::kmeans::Step;
use crate::matrix::Matrix;
use crate::model::Model;
use crate::quality::{self, BORDER, Quality};
use crate::segments::profile::{self, ColumnProfile, Entry, Figures, Kind, OTHER};
use crate::table::Table;

/// Levels of a category that a chart tells apart.
const MOST_LEVELS: usize = 7;

/// Figures that are told of a segment, at most.
const MOST_STANDING: usize = 12;

/// Figures that stand at the top, at most.
const MOST_FIGURES: usize = 3;

/// Effects below this many standard deviations do not stand out.
const LEAST_EFFECT: f64 = 0.1;

/// From what, and how.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The table, and the options that it was prepared with.
    pub table: &'a Table,
    /// How.
    pub options: &'a Options,
    /// The model; of several that were compared, any.
    pub model: &'a Model,
    /// What it ran on.
    pub device: &'a str,
    /// The command that makes the same again.
    pub command: &'a str,
}

/// What a fit found.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// From what.
    pub origin: Origin<'a>,
    /// The points.
    pub matrix: &'a Matrix,
    /// The segment of each `[points]`.
    pub labels: &'a [u32],
    /// Who the segments are.
    pub profile: &'a profile::Profile,
    /// How good they are, if that was measured.
    pub quality: Option<&'a Quality>,
    /// Whether they come back, if that was measured.
    pub stability: Option<&'a quality::Stability>,
    /// How the fit went, iteration by iteration.
    pub history: &'a [Step],
}

impl Report {
    /// The report of a fit; with a sweep, also of how its number of segments was chosen.
    #[must_use]
    pub fn of(found: &Found<'_>, sweep: Option<Sweep>) -> Self {
        let (model, quality) = (found.origin.model, found.quality.filter(|q| q.is_split()));
        let recommended = sweep.as_ref().map(|s| Figure::recommended(s.recommended));
        let figures = recommended.into_iter().chain(figures(found, quality)).take(MOST_FIGURES).collect();
        Self {
            headline: headline(
                &found.origin,
                format!("Segments of {}", file_name(&found.origin.table.source)),
                figures,
            ),
            notes: model.notes.iter().map(|note| note.text.clone()).collect(),
            segments: (0..model.k()).map(|s| segment(found, quality, s)).collect(),
            profile: Some(heat(found.profile)),
            distributions: found.profile.columns.iter().filter_map(distribution).take(MOST_FEATURES).collect(),
            projection: quality.filter(|_| found.matrix.dims() > 1).map(|quality| projection(found, quality)),
            sweep,
            silhouettes: quality.map(|quality| silhouettes(found, quality)),
            margins: quality.map(|quality| Margins { counts: quality.margins.to_vec(), border: BORDER }),
            stability: found.stability.map(Stability::from),
            convergence: Some(convergence(found)),
            columns: columns(&found.origin),
            provenance: provenance(&found.origin),
        }
    }

    /// The report of a sweep that recommends no number of segments.
    #[must_use]
    pub fn undecided(origin: &Origin<'_>, sweep: Sweep) -> Self {
        Self {
            headline: headline(
                origin,
                format!("How many segments? {}", file_name(&origin.table.source)),
                vec![Figure::recommended(None)],
            ),
            sweep: Some(sweep),
            columns: columns(origin),
            provenance: provenance(origin),
            ..Self::default()
        }
    }
}

impl From<quality::Estimate> for Estimate {
    fn from(of: quality::Estimate) -> Self {
        Self { value: of.value, ci95: of.sampled.map(|s| s.ci95) }
    }
}

impl From<&quality::Stability> for Stability {
    fn from(of: &quality::Stability) -> Self {
        let quality::Stability { bootstraps, rows, jaccard, adjusted_rand } = of.clone();
        Self { bootstraps, rows, jaccard, adjusted_rand }
    }
}

/// The name of a file without its folders.
fn file_name(source: &str) -> String {
    std::path::Path::new(source).file_name().map_or_else(|| source.into(), |n| n.to_string_lossy().into_owned())
}

fn figures(found: &Found<'_>, quality: Option<&Quality>) -> Vec<Figure> {
    let mut figures = vec![Figure::explained(found.origin.model.training.explained)];
    figures.extend(quality.map(|q| Figure::silhouette(q.silhouette.mean.into())));
    figures.extend(found.stability.map(|s| Figure::stable(&s.jaccard)));
    figures.extend(quality.map(|q| Figure::near_border(q.border_share())));
    figures
}

fn headline(origin: &Origin<'_>, title: String, figures: Vec<Figure>) -> Headline {
    Headline {
        title,
        rows: origin.model.training.rows,
        features: origin.model.pipeline.features().len() as u64,
        device: origin.device.into(),
        model: None,
        figures,
    }
}

fn segment(found: &Found<'_>, quality: Option<&Quality>, s: usize) -> Segment {
    let profile = found.profile;
    Segment {
        name: found.origin.model.names.get(s).cloned().unwrap_or_default(),
        count: profile.counts[s],
        share: profile.shares[s],
        kpis: profile.columns.iter().filter_map(|c| kpi(c, s)).collect(),
        standing: standing(profile, s),
        silhouette: quality.map(|q| q.segments[s].silhouette),
        border_share: quality.map(|q| q.segments[s].border_share),
        typical: Vec::new(),
    }
}

/// A segment's part of the total of a KPI, if it has a total that can be shared out.
fn kpi(column: &ColumnProfile, s: usize) -> Option<(String, f64)> {
    match &column.figures {
        Figures::Numbers { all, segments } if column.kpi && column.kind == Kind::Number => {
            let shared = all.low >= 0.0 && all.total() > 0.0;
            shared.then(|| (column.name.clone(), segments[s].total() / all.total()))
        }
        _ => None,
    }
}

fn standing(profile: &profile::Profile, s: usize) -> Vec<Standing> {
    let entries = profile.telling(s).into_iter().filter(|e| e.column.kind != Kind::Date);
    let far = entries.filter(|e| e.effect.abs() >= LEAST_EFFECT);
    let one = |e: Entry<'_>| Standing {
        feature: named(&e),
        unit: unit(e.column),
        value: e.mean,
        everyone: e.mean_all,
        effect: e.effect,
    };
    far.take(MOST_STANDING).map(one).collect()
}

/// What a figure is of, in words.
fn named(entry: &Entry<'_>) -> String {
    match entry.told_level() {
        Some(level) => format!("{} = {level}", entry.column.name),
        None => entry.column.name.clone(),
    }
}

/// Numbers that are all 0 or 1 are the share of those with a 1.
fn unit(column: &ColumnProfile) -> Unit {
    match column.kind {
        Kind::Number if column.is_flag() => Unit::Share,
        Kind::Number | Kind::Date => Unit::Number,
        Kind::YesNo | Kind::Category => Unit::Share,
    }
}

/// Segments by features, those that tell them apart most first.
fn heat(profile: &profile::Profile) -> Profile {
    let features = profile.columns.iter().filter(|c| c.kind != Kind::Date).flat_map(|column| {
        let by_segment: Vec<Vec<Entry<'_>>> = (0..profile.segments).map(|s| column.entries(s)).collect();
        let rows = by_segment.first().map_or(0, Vec::len);
        (0..rows).map(|at| feature(&by_segment, at)).collect::<Vec<_>>()
    });
    Profile { features: features.collect() }
}

fn feature(by_segment: &[Vec<Entry<'_>>], at: usize) -> ProfileFeature {
    let first = &by_segment[0][at];
    let cell = |e: &Entry<'_>| ProfileCell { mean: e.mean, index: e.index, effect: e.effect };
    ProfileFeature {
        name: named(first),
        unit: unit(first.column),
        everyone: first.mean_all,
        cells: by_segment.iter().map(|entries| cell(&entries[at])).collect(),
    }
}

fn distribution(column: &ColumnProfile) -> Option<Distribution> {
    match &column.figures {
        _ if column.kind == Kind::YesNo || column.is_flag() => None, // a single share: the heat map has it
        Figures::Numbers { .. } if column.kind == Kind::Date => None,
        Figures::Numbers { all, segments } => Some(Distribution::Range {
            feature: column.name.clone(),
            everyone: [all.p10, all.median, all.p90],
            segments: segments.iter().map(|n| (n.weight > 0.0).then_some([n.p10, n.median, n.p90])).collect(),
        }),
        Figures::Shares { levels, all, segments, .. } => Some(Distribution::Levels {
            feature: column.name.clone(),
            levels: fewer(levels, |_| OTHER.into()),
            everyone: fewer_shares(all),
            segments: segments.iter().map(|shares| fewer_shares(shares)).collect(),
        }),
    }
}

/// The first levels, and if there are too many one entry that stands for all others.
fn fewer<T: Clone>(all: &[T], others: impl Fn(&[T]) -> T) -> Vec<T> {
    if all.len() <= MOST_LEVELS {
        return all.to_vec();
    }
    let (first, rest) = all.split_at(MOST_LEVELS - 1);
    [first, &[others(rest)]].concat()
}

fn fewer_shares(shares: &[f64]) -> Vec<f64> {
    fewer(shares, |rest| rest.iter().sum())
}

fn projection(found: &Found<'_>, quality: &Quality) -> Projection {
    let names: Vec<String> = found.origin.model.pipeline.features().iter().map(|f| f.name.clone()).collect();
    Projection::new(found.matrix, &quality.silhouette.rows, found.labels, &found.origin.model.centroids, &names)
}

fn silhouettes(found: &Found<'_>, quality: &Quality) -> Silhouettes {
    let measured = &quality.silhouette;
    let mut values = vec![Vec::new(); found.origin.model.k()];
    for (&row, &value) in measured.rows.iter().zip(&measured.values) {
        values[found.labels[row] as usize].push(value);
    }
    Silhouettes { mean: measured.mean.into(), values, rows: measured.rows.len() as u64 }
}

fn convergence(found: &Found<'_>) -> Convergence {
    let iteration = |s: &Step| Iteration { inertia: s.inertia, changed: s.changed };
    Convergence {
        iterations: found.history.iter().map(iteration).collect(),
        converged: found.origin.model.training.converged,
    }
}

/// What was done with each column of the file.
fn columns(origin: &Origin<'_>) -> Vec<Column> {
    let rows = origin.table.rows.max(1) as f64;
    let fates = fates(origin.table, origin.options, &origin.model.pipeline);
    let read = origin.table.columns.iter().zip(fates).map(|(column, fate)| {
        let (used, done) = match fate {
            Fate::Used(how) => (true, how),
            Fate::LeftOut(why) => (false, why.reason().into()),
            Fate::Reserved(what) => (false, what.into()),
            Fate::Refused(why) => (false, why),
        };
        let missing = Some(column.missing as f64 / rows);
        Column { name: column.name.clone(), kind: column.kind().into(), missing, used, done }
    });
    let unread = origin.table.unread.iter().map(|name| Column {
        name: name.clone(),
        done: "not read".into(),
        ..Column::default()
    });
    read.chain(unread).collect()
}

fn provenance(origin: &Origin<'_>) -> Provenance {
    let training = &origin.model.training;
    let starts = counted(training.n_init, "start", "starts");
    let fact = |name: &str, value: String| (name.to_owned(), value);
    Provenance {
        command: origin.command.into(),
        facts: vec![
            fact("segma", env!("CARGO_PKG_VERSION").into()),
            fact("Table", origin.table.source.clone()),
            fact("Rows", training.rows.to_string()),
            fact("Seed", training.seed.to_string()),
            fact("First centroids", format!("{}, {starts}", training.init)),
            fact("Ran on", origin.device.into()),
        ],
    }
}
