//! One read of all points beside their two nearest centroids: what every exact measure of one clustering rests on.
//!
//! Threads take blocks of rows whose size follows from the shape alone, and the blocks are added up in order: the same bytes on
//! any number of threads. Lengths are those of the frame until the end, where f32 holds each of them (a step of the grid is 2^-40
//! at the least, a saturated point 2^17 times the square root of the dims away).

use super::clustered::Clustered;
use super::distances::{in_frame, nearest_two};
use super::{BORDER, STEPS};
use crate::matrix::{Matrix, TILE};
use multiversion::multiversion;
use rayon::prelude::*;
use std::ops::Range;

/// Rows of a block, if there are not so many clusters that its sums would take more room than the rows.
const ROWS: usize = 16_384;

/// Quantiles of the distances to the centroid, as parts of 10.
const QUANTILES: [u128; 3] = [5, 9, 10];

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scan {
    /// Of each cluster `[k]`.
    pub(super) clusters: Vec<Sums>,
    /// The weight of rows by their margin.
    pub(super) margins: [u64; STEPS],
    /// The median, the 90th percentile and the largest distance to the centroid of each cluster `[k]`.
    pub(super) radii: Vec<[f64; 3]>,
}

/// Sums over the rows of a cluster, each as often as its weight says; lengths in the frame.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sums {
    /// Rows, and those with weight.
    pub(super) rows: u64,
    weighty: u64,
    /// Their weight in fixed point, and that of rows near a border.
    pub(super) weight: u64,
    pub(super) border: u64,
    /// Squared distances to the centroid.
    pub(super) inertia: f64,
    /// Squared distances to the mean, and distances to it.
    pub(super) scatter: f64,
    pub(super) spread: f64,
    /// Simplified silhouettes, as if no row were alone.
    pub(super) simplified: f64,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.weighty += other.weighty;
        self.weight += other.weight;
        self.border += other.border;
        self.inertia += other.inertia;
        self.scatter += other.scatter;
        self.spread += other.spread;
        self.simplified += other.simplified;
    }

    /// Whether the cluster is a single row that counts once, or less.
    pub(super) fn single(&self, unit: f64) -> bool {
        self.weighty == 1 && self.weight as f64 * unit <= 1.0
    }
}

/// What a block of rows gives.
struct Block {
    clusters: Vec<Sums>,
    margins: [u64; STEPS],
    /// The distances of rows with weight to their centroid as the bits of an f32 (which are in the same order), cluster by cluster,
    /// and where each cluster begins `[k + 1]`.
    radii: Vec<u32>,
    starts: Vec<usize>,
    /// The weights of those rows; empty if all are one.
    weights: Vec<u64>,
}

/// What a scan reads.
struct Reader<'a> {
    matrix: &'a Matrix,
    labels: &'a [u32],
    centroids: Vec<f64>,
    /// `None` if they are the centroids.
    means: Option<Vec<f64>>,
    /// What a weight of 1 in fixed point is.
    unit: f64,
}

impl Scan {
    /// Measures all points: `points x k x dims` steps.
    pub(super) fn new(matrix: &Matrix, clustered: &Clustered<'_>) -> Self {
        let k = clustered.centroids.k();
        let moved = clustered.means != clustered.centroids;
        let reader = Reader {
            matrix,
            labels: clustered.labels,
            centroids: in_frame(matrix, clustered.centroids),
            means: moved.then(|| in_frame(matrix, clustered.means)),
            unit: matrix.weights().map_or(1.0, |w| w.real(1)),
        };
        let tiles = ROWS.max(4 * k).div_ceil(TILE);
        let starts: Vec<usize> = (0..matrix.tiles()).step_by(tiles).collect();
        let read = |first: usize| reader.block(first..matrix.tiles().min(first + tiles));
        let blocks: Vec<Block> = starts.into_par_iter().map(read).collect();
        let radii = (0..k).into_par_iter().map(|c| radii(&blocks, c)).collect();
        let (mut clusters, mut margins) = (vec![Sums::default(); k], [0; STEPS]);
        for block in &blocks {
            clusters.iter_mut().zip(&block.clusters).for_each(|(a, b)| a.add(b));
            margins.iter_mut().zip(&block.margins).for_each(|(a, b)| *a += b);
        }
        Self { clusters, margins, radii }
    }
}

impl Reader<'_> {
    fn block(&self, tiles: Range<usize>) -> Block {
        let (mut clusters, mut margins) =
            (vec![Sums::default(); self.centroids.len() / self.matrix.dims()], [0; STEPS]);
        let first = tiles.start * TILE;
        let labels = &self.labels[first..self.labels.len().min(tiles.end * TILE)];
        let mut own = Vec::with_capacity(labels.len());
        for (t, labels) in tiles.zip(labels.chunks(TILE)) {
            let tile = self.matrix.tile(t);
            let (own2, other2) = nearest_two(tile, &self.centroids, labels);
            let seen = Seen::new(&own2, &other2);
            let mean2 = self.means.as_ref().map_or(own2, |means| to_means(tile, means, labels));
            for (i, &label) in labels.iter().enumerate() {
                let sums = &mut clusters[label as usize];
                sums.rows += 1;
                let weight = self.matrix.weight(t * TILE + i);
                if weight == 0 {
                    continue;
                }
                let real = weight as f64 * self.unit;
                sums.weighty += 1;
                sums.weight += weight;
                sums.border += if seen.margin[i] < BORDER { weight } else { 0 };
                sums.inertia += real * own2[i];
                sums.scatter += real * mean2[i];
                sums.spread += real * mean2[i].sqrt();
                sums.simplified += real * seen.simplified[i];
                margins[step(seen.margin[i])] += weight;
            }
            own.extend_from_slice(&seen.own[..labels.len()]);
        }
        let (radii, starts, weights) = self.sorted(first, labels, &own, &clusters);
        Block { clusters, margins, radii, starts, weights }
    }

    /// The distances of the rows with weight from row `first` on, cluster by cluster, where each begins, and their weights.
    fn sorted(&self, first: usize, labels: &[u32], own: &[u32], clusters: &[Sums]) -> (Vec<u32>, Vec<usize>, Vec<u64>) {
        let mut starts = Vec::with_capacity(clusters.len() + 1);
        let all = clusters.iter().fold(0, |start, c| {
            starts.push(start);
            start + usize::try_from(c.weighty).unwrap_or(usize::MAX)
        });
        starts.push(all);
        let (mut at, mut radii) = (starts.clone(), vec![0; all]);
        let mut weights = if self.matrix.weights().is_some() { vec![0; all] } else { Vec::new() };
        for (i, (&label, &own)) in labels.iter().zip(own).enumerate() {
            let (place, weight) = (&mut at[label as usize], self.matrix.weight(first + i));
            if weight > 0 {
                radii[*place] = own;
                if let Some(w) = weights.get_mut(*place) {
                    *w = weight;
                }
                *place += 1;
            }
        }
        (radii, starts, weights)
    }
}

/// Of the points of a tile.
struct Seen {
    /// The distance to the centroid, as the bits of an f32.
    own: [u32; TILE],
    margin: [f64; TILE],
    simplified: [f64; TILE],
}

impl Seen {
    fn new(own2: &[f64; TILE], other2: &[f64; TILE]) -> Self {
        let mut seen = Self { own: [0; TILE], margin: [0.0; TILE], simplified: [0.0; TILE] };
        see(own2, other2, &mut seen);
        seen
    }
}

/// The margin is that of [`super::Distances::margin`]. The simplified silhouette is `(b - a) / max(a, b)`; 0 where that says nothing:
/// both are 0, or there is no other centroid.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
#[expect(clippy::cast_possible_truncation, reason = "rounded to f32")]
fn see(own2: &[f64; TILE], other2: &[f64; TILE], seen: &mut Seen) {
    for i in 0..TILE {
        let (a, b) = (own2[i].sqrt(), other2[i].sqrt());
        let (ahead, most) = (b - a, if a > b { a } else { b });
        let alone = b == f64::INFINITY;
        let margin = if ahead > 0.0 { ahead / b } else { 0.0 };
        let simplified = if most > 0.0 { ahead / most } else { 0.0 };
        seen.own[i] = (a as f32).to_bits();
        seen.margin[i] = if alone { 1.0 } else { margin };
        seen.simplified[i] = if alone { 0.0 } else { simplified };
    }
}

/// The squared distance of each point to the mean of its label.
fn to_means(tile: &[f32], means: &[f64], labels: &[u32]) -> [f64; TILE] {
    let dims = tile.len() / TILE;
    let mut d2 = [0.0; TILE];
    for (j, lanes) in tile.chunks_exact(TILE).enumerate() {
        for ((d, &x), &label) in d2.iter_mut().zip(lanes).zip(labels) {
            let step = f64::from(x) - means[label as usize * dims + j];
            *d += step * step;
        }
    }
    d2
}

/// In which step from 0 to 1 a margin is.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a margin lies between 0 and 1")]
fn step(margin: f64) -> usize {
    ((margin * STEPS as f64) as usize).min(STEPS - 1)
}

/// The quantiles of a cluster's distances: of the sorted rows, each as often as its weight says, the first with which that part of
/// all is reached (Hyndman & Fan 1996, definition 1). 0 if it has no rows.
fn radii(blocks: &[Block], cluster: usize) -> [f64; 3] {
    let range = |b: &Block| b.starts[cluster]..b.starts[cluster + 1];
    let mut radii: Vec<u32> = blocks.iter().flat_map(|b| &b.radii[range(b)]).copied().collect();
    if radii.is_empty() {
        return [0.0; 3];
    }
    let weighted = blocks.iter().filter(|b| !b.weights.is_empty());
    let weights: Vec<u64> = weighted.flat_map(|b| &b.weights[range(b)]).copied().collect();
    let real = |bits: u32| f64::from(f32::from_bits(bits));
    if weights.is_empty() {
        let place = |part: u128| (radii.len() as u128 * part).div_ceil(10) - 1;
        let places = QUANTILES.map(|part| usize::try_from(place(part)).unwrap_or(usize::MAX));
        let mut from = 0; // what comes before a quantile is not above it
        return places.map(|place| {
            let radius = *radii[from..].select_nth_unstable(place - from).1;
            from = place;
            real(radius)
        });
    }
    let mut rows: Vec<(u32, u64)> = radii.into_iter().zip(weights).collect();
    rows.sort_unstable();
    let all: u128 = rows.iter().map(|(_, w)| u128::from(*w)).sum();
    QUANTILES.map(|part| {
        let mut passed = 0;
        let reached = rows.iter().find(|(_, w)| {
            passed += u128::from(*w);
            passed * 10 >= all * part
        });
        real(reached.map_or(0, |(radius, _)| *radius))
    })
}

#[cfg(test)]
mod tests {
    use super::super::distances;
    use super::*;
    use crate::engine::Centroids;
    use crate::matrix::Weights;
    use ndarray::Array2;

    const K: usize = 7;

    /// Points, and labels of which some are not those of the nearest centroid.
    fn points(n: usize, weights: Option<Weights>) -> (Matrix, Centroids, Vec<u32>) {
        let x = Array2::from_shape_fn((n, 3), |(i, j)| ((i * 7919 + j * 104_729) % 1009) as f64 / 100.0);
        let matrix = Matrix::learn(&x.view(), weights).unwrap().0;
        let centroids = Centroids::new(3, (0..K).flat_map(|c| matrix.point(c * 13).collect::<Vec<_>>()).collect());
        let labels = (0u32..).take(n).map(|i| i * i % 11 % 6).collect();
        (matrix, centroids, labels)
    }

    fn scan(matrix: &Matrix, centroids: &Centroids, labels: &[u32], moved: bool) -> Scan {
        let means = super::super::means(matrix, centroids, labels);
        let means = if moved { &means } else { centroids };
        Scan::new(matrix, &Clustered { centroids, means, labels })
    }

    #[test]
    fn threads_do_not_change_a_byte() {
        let n = 2 * ROWS + 777;
        let weights: Vec<f64> = (0..n).map(|i| (i % 5) as f64 * 0.3).collect();
        for weights in [None, Some(Weights::new(&weights).unwrap())] {
            let (matrix, centroids, labels) = points(n, weights);
            let on = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| format!("{:?}", scan(&matrix, &centroids, &labels, true)))
            };
            let one = on(1);
            assert!((2..=3).all(|threads| on(threads) == one));
        }
    }

    #[test]
    fn a_scan_is_what_row_after_row_gives() {
        let n = ROWS + 100;
        let weights: Vec<f64> = (0..n).map(|i| (i % 4) as f64).collect();
        for weights in [None, Some(Weights::new(&weights).unwrap())] {
            let (matrix, centroids, labels) = points(n, weights);
            let scan = scan(&matrix, &centroids, &labels, false);
            let seen = distances(&matrix, &in_frame(&matrix, &centroids), &labels, 0..matrix.tiles());
            let unit = matrix.weights().map_or(1.0, |w| w.real(1));
            let mut margins = [0; STEPS];
            (0..n).for_each(|i| margins[step(seen.margin(i))] += matrix.weight(i));
            assert_eq!(scan.margins, margins);
            for (c, sums) in scan.clusters.iter().enumerate() {
                let rows = || (0..n).filter(|i| labels[*i] as usize == c);
                let real = |i: usize| matrix.weight(i) as f64 * unit;
                let length = |x: f64| matrix.frame().length(x);
                let near = |a: f64, b: f64| assert!((a - b).abs() <= 1e-12 * b.abs(), "{a} {b}");
                assert_eq!((sums.rows, sums.weight), (rows().count() as u64, rows().map(|i| matrix.weight(i)).sum()));
                near(length(length(sums.inertia)), rows().map(|i| real(i) * seen.own[i].powi(2)).sum());
                near(length(sums.spread), rows().map(|i| real(i) * seen.own[i]).sum());
                assert_eq!(sums.scatter, sums.inertia);
                let ratio = |i: usize| (seen.second[i] - seen.own[i]) / seen.second[i].max(seen.own[i]);
                near(sums.simplified, rows().map(|i| real(i) * ratio(i)).sum());
                let near_border = rows().filter(|i| seen.margin(*i) < BORDER);
                assert_eq!(sums.border, near_border.map(|i| matrix.weight(i)).sum::<u64>());
                // Each row as often as its weight says.
                let times =
                    |i: usize| std::iter::repeat_n(seen.own[i], if matrix.weights().is_some() { i % 4 } else { 1 });
                let mut sorted: Vec<f64> = rows().flat_map(times).collect();
                sorted.sort_by(f64::total_cmp);
                for (part, radius) in [5, 9, 10].into_iter().zip(scan.radii[c]) {
                    let place = (sorted.len() * part).div_ceil(10).max(1) - 1;
                    let (exact, radius) = (sorted.get(place).copied().unwrap_or(0.0), length(radius));
                    assert!((radius - exact).abs() <= exact * f64::from(f32::EPSILON), "{c} {part}: {radius} {exact}");
                }
            }
        }
    }
}
