//! What a report shows, as plain data: nothing here computes, and a part that is absent is left out of the page.
//!
//! Segments are in their order everywhere: the first entry of a list by segment is segment 0's.

use serde::Serialize;

/// What stands at the top.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Headline {
    /// The title, for example the table's name.
    pub title: String,
    /// Customers: rows that were clustered.
    pub rows: u64,
    /// Features that were clustered on.
    pub features: u64,
    /// The device, in words.
    pub device: String,
    /// The model's hash or name.
    pub model: Option<String>,
    /// Up to three numbers, each with what it says in plain words.
    pub figures: Vec<Figure>,
}

/// A number that stands out, and how to read it. Constructors for the usual ones are in `words.rs`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// What it is.
    pub label: String,
    /// The number, as people write it.
    pub value: String,
    /// What it says, in a sentence.
    pub reading: String,
}

/// A segment.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Segment {
    /// Its name; if empty, its number stands for it.
    pub name: String,
    /// Its customers.
    pub count: u64,
    /// Their share of all, from 0 to 1.
    pub share: f64,
    /// Its shares of sums worth knowing: a column and the segment's part of its total.
    pub kpis: Vec<(String, f64)>,
    /// What stands out, most first; those above and below average are told apart by [`Standing::effect`].
    pub standing: Vec<Standing>,
    /// The mean silhouette of its customers.
    pub silhouette: Option<f64>,
    /// The share of its customers near a border to another segment.
    pub border_share: Option<f64>,
    /// Who is typical, by id or in words; only what may be shown.
    pub typical: Vec<String>,
}

/// A feature of a segment beside everyone's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// The feature.
    pub feature: String,
    /// How its values are written.
    pub unit: Unit,
    /// The segment's mean or share.
    pub value: f64,
    /// Everyone's.
    pub everyone: f64,
    /// The difference in everyone's standard deviations.
    pub effect: f64,
}

/// How values are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// As a number.
    #[default]
    Number,
    /// As a share of one, in per cent: the levels of a category, yes or no.
    Share,
}

/// Segments by features.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Profile {
    /// In the order in which they are to be shown.
    pub features: Vec<ProfileFeature>,
}

/// A feature over all segments.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProfileFeature {
    /// The feature.
    pub name: String,
    /// How its values are written.
    pub unit: Unit,
    /// Everyone's mean.
    pub everyone: f64,
    /// By segment.
    pub cells: Vec<ProfileCell>,
}

/// A feature in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ProfileCell {
    /// The mean, in the feature's own unit.
    pub mean: f64,
    /// The mean where everyone's is 100, if that says something.
    pub index: Option<f64>,
    /// The difference from everyone's mean in everyone's standard deviations.
    pub effect: f64,
}

/// How the values of a feature are spread.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Distribution {
    /// A number: 10 % of customers lie below the first, half below the second, 90 % below the third.
    Range {
        /// The feature.
        feature: String,
        /// Of everyone.
        everyone: [f64; 3],
        /// By segment; `None` where there are no values.
        segments: Vec<Option<[f64; 3]>>,
    },
    /// A category: the share of each level.
    Levels {
        /// The feature.
        feature: String,
        /// The levels, at most seven; the rest belongs in one called `other`.
        levels: Vec<String>,
        /// Of everyone, level by level.
        everyone: Vec<f64>,
        /// By segment, level by level.
        segments: Vec<Vec<f64>>,
    },
}

/// Customers on the plane of the two directions in which they differ most. [`super::Projection::new`] makes one.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Projection {
    /// Where some of them lie, and their segment.
    #[serde(skip)]
    pub points: Vec<Dot>,
    /// Where the centroids lie, by segment.
    pub centroids: Vec<[f64; 2]>,
    /// The share of all differences that each direction explains.
    pub explained: [f64; 2],
    /// What each direction is made of, feature by feature.
    pub loadings: Vec<Loading>,
    /// Customers that the directions were found from.
    pub rows: u64,
}

/// A customer on the plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dot {
    /// Along the first direction, in prepared units.
    pub x: f64,
    /// Along the second.
    pub y: f64,
    /// The segment.
    pub segment: usize,
}

/// A feature's part in both directions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Loading {
    /// The feature.
    pub feature: String,
    /// Its part in each.
    pub parts: [f64; 2],
}

/// A figure, and the 95 % interval of one that was estimated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// The ends of the interval; `None` if all customers were measured.
    pub ci95: Option<[f64; 2]>,
}

/// Several numbers of segments beside each other.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Sweep {
    /// By number of segments, ascending.
    pub fits: Vec<SweepFit>,
    /// Where the elbow has its knee; `None` if it has none.
    pub knee: Option<u64>,
    /// The number recommended; `None` for "no clear k".
    pub recommended: Option<u64>,
    /// The reason, in a sentence or two.
    pub verdict: String,
    /// What each rule says.
    pub votes: Vec<Vote>,
}

/// One number of segments, measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SweepFit {
    /// Segments.
    pub k: u64,
    /// The sum of squared distances to the centroids.
    pub inertia: f64,
    /// The share of all differences that the segments account for.
    pub explained: Option<f64>,
    /// The silhouette.
    pub silhouette: Option<Estimate>,
    /// The simplified silhouette, of all customers.
    pub simplified_silhouette: Option<f64>,
    /// Larger is better (Calinski & Harabasz 1974).
    pub calinski_harabasz: Option<f64>,
    /// Smaller is better (Davies & Bouldin 1979).
    pub davies_bouldin: Option<f64>,
    /// The gap statistic and its standard error.
    pub gap: Option<[f64; 2]>,
    /// The mean Jaccard similarity of the least stable segment with what was found again.
    pub stability: Option<f64>,
    /// Customers of the smallest segment.
    pub smallest: Option<u64>,
}

/// What one rule says of the number of segments.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Vote {
    /// The rule.
    pub rule: String,
    /// Its answer; `None` if it has none.
    pub k: Option<u64>,
    /// Why.
    pub reason: String,
}

/// Silhouettes of the customers that were measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Silhouettes {
    /// Their mean.
    pub mean: Estimate,
    /// The values by segment, in any order.
    #[serde(skip)]
    pub values: Vec<Vec<f32>>,
    /// Customers that were measured.
    pub rows: u64,
}

/// How clearly customers belong to their segment.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Margins {
    /// Customers by margin, in even steps from 0 (on a border) to 1 (far from any).
    pub counts: Vec<u64>,
    /// The margin below which a customer counts as near a border.
    pub border: f64,
}

/// How alike the segments come back from samples of the customers.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Stability {
    /// Samples drawn.
    pub bootstraps: u32,
    /// Customers they were drawn from.
    pub rows: u64,
    /// The mean Jaccard similarity, by segment.
    pub jaccard: Vec<f64>,
    /// The mean adjusted Rand index.
    pub adjusted_rand: f64,
}

/// How a fit went.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Convergence {
    /// Iteration by iteration.
    pub iterations: Vec<Iteration>,
    /// Whether it ended by itself.
    pub converged: bool,
}

/// An iteration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Iteration {
    /// The inertia.
    pub inertia: f64,
    /// Customers whose segment changed.
    pub changed: u64,
}

/// A column of the table.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds: number, yes/no, date, category.
    pub kind: String,
    /// The share of customers without a value.
    pub missing: Option<f64>,
    /// Whether it was clustered on.
    pub used: bool,
    /// What was done with it, or why it was left out.
    pub done: String,
}

/// Where the report comes from.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Provenance {
    /// The command that makes the same again.
    pub command: String,
    /// What else should be known, each with its name: version, seed, hashes.
    pub facts: Vec<(String, String)>,
}
