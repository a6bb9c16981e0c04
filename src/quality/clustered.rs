//! One clustering, measured.

use super::indices::Scatter;
use super::scan::Scan;
use super::silhouette::{Silhouette, silhouette};
use super::{Estimate, Quality, Sampled, SegmentQuality};
use crate::engine::cpu::Cpu;
use crate::engine::{Centroids, Engine, update};
use crate::error::Result;
use crate::kmeans::Fit;
use crate::matrix::{Matrix, TILE, grid};
use rayon::prelude::*;

/// Rows up to which the silhouette is taken on the CPU whatever the engine: that is a fraction of a second, and so the
/// figures are the same bytes on every device. Beyond, a GPU's differ within the stated bound.
const FEW_ROWS: usize = 20_000;

/// Points in clusters.
#[derive(Debug, Clone, Copy)]
pub struct Clustered<'a> {
    /// Centroids on the grid `[k x dims]`.
    pub centroids: &'a Centroids,
    /// The means of the points of each cluster, rounded to the grid `[k x dims]` (see [`means`]).
    pub means: &'a Centroids,
    /// The cluster of each point `[points]`, each below `k`.
    pub labels: &'a [u32],
}

impl<'a> From<&'a Fit> for Clustered<'a> {
    fn from(fit: &'a Fit) -> Self {
        Self { centroids: &fit.centroids, means: &fit.means, labels: &fit.labels }
    }
}

/// How to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Rows up to which the silhouette is exact; of more rows it is estimated from a sample of so many.
    pub exact_rows: usize,
    /// What the sample is drawn from.
    pub seed: u64,
}

/// The mean of the points with each label, rounded to the grid `[k x dims]`; where there are none (with weight), the centroid.
#[must_use]
pub fn means(matrix: &Matrix, centroids: &Centroids, labels: &[u32]) -> Centroids {
    let (k, dims) = (centroids.k(), centroids.dims());
    let none = || (vec![0i128; k * dims], vec![0i64; k]);
    let join = |mut a: (Vec<i128>, Vec<i64>), b: (Vec<i128>, Vec<i64>)| {
        a.0.iter_mut().zip(b.0).for_each(|(a, b)| *a += b);
        a.1.iter_mut().zip(b.1).for_each(|(a, b)| *a += b);
        a
    };
    let add = |mut sums: (Vec<i128>, Vec<i64>), t: usize| {
        add_tile(matrix, t, &labels[t * TILE..labels.len().min((t + 1) * TILE)], &mut sums);
        sums
    };
    let tiles = (0..matrix.tiles()).into_par_iter().with_min_len(256);
    let (sums, weights) = tiles.fold(none, add).reduce(none, join); // integers: in any order the same
    update(centroids, &sums, &weights)
}

fn add_tile(matrix: &Matrix, t: usize, labels: &[u32], (sums, weights): &mut (Vec<i128>, Vec<i64>)) {
    let (scale, dims) = (matrix.frame().scale(), matrix.dims());
    for (j, lanes) in matrix.tile(t).chunks_exact(TILE).enumerate() {
        for (i, (&x, &label)) in lanes.iter().zip(labels).enumerate() {
            let weight = i128::from(matrix.weight(t * TILE + i));
            sums[label as usize * dims + j] += weight * i128::from(grid(x, scale));
        }
    }
    for (i, &label) in labels.iter().enumerate() {
        weights[label as usize] += matrix.weight(t * TILE + i).cast_signed();
    }
}

impl Quality {
    /// Measures a clustering of the points of `matrix`. A row of weight 3 counts as three rows; lengths are in the units of the
    /// matrix.
    ///
    /// Beside the silhouette (see [`silhouette`]) it takes `points x k x dims` steps.
    ///
    /// # Errors
    /// Whatever the engine fails with.
    ///
    /// # Panics
    /// If there is not a label below `k` for each point.
    pub fn new(engine: &dyn Engine, matrix: &Matrix, clustered: &Clustered<'_>, options: Options) -> Result<Self> {
        assert_eq!(clustered.labels.len(), matrix.count(), "a label for each point");
        let (k, labels) = (clustered.centroids.k(), clustered.labels);
        let scan = Scan::new(matrix, clustered);
        let rows = options.exact_rows.min(matrix.count());
        let measure = |engine: &dyn Engine| silhouette(engine, matrix, labels, k, options.exact_rows, options.seed);
        let silhouette = if rows <= FEW_ROWS { measure(&Cpu::new()?) } else { measure(engine) }?;
        let scatter = Scatter::new(matrix, clustered.means, &scan.clusters);
        let unit = matrix.weights().map_or(1.0, |w| w.real(1));
        let all = matrix.total_weight() as f64 * unit;
        let length = |x: f64| matrix.frame().length(x);
        let segment = |c: usize| {
            let (sums, weight) = (&scan.clusters[c], scan.clusters[c].weight as f64 * unit);
            let of_rows = |sum: f64| if weight > 0.0 { sum / weight } else { 0.0 };
            SegmentQuality {
                count: sums.rows,
                share: weight / all,
                inertia: length(length(sums.inertia)),
                radius: scan.radii[c].map(length),
                silhouette: silhouette.clusters[c],
                simplified_silhouette: if sums.single(unit) { 0.0 } else { of_rows(sums.simplified) },
                border_share: of_rows(sums.border as f64 * unit),
            }
        };
        let segments: Vec<SegmentQuality> = (0..k).map(segment).collect();
        let rows = segments.iter().zip(&scan.clusters);
        let simplified = rows.map(|(s, sums)| s.simplified_silhouette * (sums.weight as f64 * unit)).sum::<f64>() / all;
        Ok(Self {
            simplified_silhouette: simplified,
            silhouette,
            calinski_harabasz: scatter.calinski_harabasz(all),
            davies_bouldin: scatter.davies_bouldin(),
            total_inertia: length(length(scatter.within() + scatter.between())),
            margins: scan.margins,
            segments,
        })
    }

    /// The sum of squared distances to the centroids, in the units of the matrix.
    #[must_use]
    pub fn inertia(&self) -> f64 {
        self.segments.iter().map(|s| s.inertia).sum()
    }

    /// The share of the squared distances to the mean of all rows that the clusters explain: 1 if there are none.
    #[must_use]
    pub fn explained(&self) -> f64 {
        if self.total_inertia > 0.0 { 1.0 - self.inertia() / self.total_inertia } else { 1.0 }
    }

    /// The share of rows near a border: those with a margin below [`super::BORDER`].
    #[must_use]
    pub fn border_share(&self) -> f64 {
        self.segments.iter().map(|s| s.share * s.border_share).sum()
    }

    /// The mean silhouette of each segment `[k]`, with its interval if rows were sampled: as if the segment's were drawn at random.
    #[must_use]
    pub fn segment_silhouettes(&self, labels: &[u32]) -> Vec<Estimate> {
        let mut spreads = vec![(0u64, 0.0); self.segments.len()];
        let Silhouette { mean, clusters, rows, values } = &self.silhouette;
        for (&row, &value) in rows.iter().zip(values) {
            let label = labels[row] as usize;
            let (drawn, squares) = &mut spreads[label];
            *drawn += 1;
            *squares += (f64::from(value) - clusters[label]).powi(2);
        }
        let of = |((s, &value), &(rows, squares)): ((&SegmentQuality, &f64), &(u64, f64))| {
            let sampled = || Sampled { rows, ci95: interval(value, squares, rows, s.count) };
            Estimate { value, sampled: mean.sampled.map(|_| sampled()) }
        };
        self.segments.iter().zip(clusters).zip(&spreads).map(of).collect()
    }

    /// Whether rows lie in two segments or more: silhouettes compare a segment with the next one, and are 0 where there is none.
    #[must_use]
    pub fn is_split(&self) -> bool {
        self.segments.iter().filter(|s| s.share > 0.0).count() > 1
    }
}

/// The 95 % interval of a mean of `drawn` of `of` values, from their squared deviations; all that a silhouette can be if they are
/// too few to tell.
fn interval(mean: f64, squares: f64, drawn: u64, of: u64) -> [f64; 2] {
    if drawn >= of {
        return [mean, mean];
    }
    if drawn < 2 {
        return [-1.0, 1.0];
    }
    let (n, left_out) = (drawn as f64, 1.0 - drawn as f64 / of as f64);
    let reach = 1.96 * (squares / (n - 1.0) / n * left_out).sqrt();
    [(mean - reach).max(-1.0), (mean + reach).min(1.0)]
}
