//! How far a sampled silhouette can be off: its variance by linearisation (Demnati & Rao 2004), stratified by cluster.
//!
//! A sampled row counts twice. Its own silhouette is one of those averaged; and it stands for its cluster in the mean distances of
//! all other rows. A row far out does both in the same direction, so that the plain variance of the silhouettes gives intervals
//! far too short. What a row does by both is its influence, and the variance of an estimate is that of its influences:
//! `sum over clusters of (1 - m / n) s^2 / m`, for `m` of `n` rows drawn whose influences vary by `s^2`.

use crate::engine::silhouette::{Grouped, Means};
use crate::matrix::TILE;
use multiversion::multiversion;
use rayon::prelude::*;

/// What a row does to the distances of others is averaged over this many of them: enough for a variance.
const WITNESSES: usize = 2_048;

/// The normal quantile of a 95 % interval: the variances have hundreds of degrees of freedom.
const NORMAL: f64 = 1.959_964;

/// A cluster of a sample.
pub(super) struct Stratum {
    /// Its share of all weight, and its mean silhouette.
    pub(super) share: f64,
    pub(super) mean: f64,
    /// All its rows with weight.
    pub(super) rows: u64,
}

/// A row whose distances to others say what those do to its silhouette.
struct Witness {
    place: usize,
    cluster: usize,
    neighbour: usize,
    /// Its mean distances, and how much the estimate changes with each of them.
    means: [f64; 2],
    slopes: [f64; 2],
}

/// Half the width of the 95 % interval of the estimate `sum of share x mean` over the strata `[clusters of grouped]`.
pub(super) fn half_width(grouped: &Grouped, means: &[Means], strata: &[Stratum]) -> f64 {
    let witnesses = witnesses(grouped, means, strata);
    let influences: Vec<f64> = (0..grouped.matrix().tiles())
        .into_par_iter()
        .flat_map_iter(|t| influences(grouped, means, strata, &witnesses, t))
        .collect();
    let variance = grouped.clusters().iter().zip(strata).map(|(cluster, stratum)| {
        let first = cluster.tiles.start * TILE;
        let drawn = cluster.count as f64;
        (1.0 - drawn / stratum.rows as f64) * variance(&influences[first..first + cluster.count]) / drawn
    });
    NORMAL * variance.sum::<f64>().sqrt()
}

/// The variance of a sample; 0 of a single one, which says nothing.
fn variance(sample: &[f64]) -> f64 {
    let mean = sample.iter().sum::<f64>() / sample.len() as f64;
    sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (sample.len().max(2) - 1) as f64
}

/// Every so many places of each cluster, as witnesses for all of them.
fn witnesses(grouped: &Grouped, means: &[Means], strata: &[Stratum]) -> Vec<Witness> {
    let drawn: usize = grouped.clusters().iter().map(|c| c.count).sum();
    let step = drawn.div_ceil(WITNESSES);
    let weight = |place: usize| f64::from(grouped.weights(place / TILE..place / TILE + 1)[place % TILE]);
    let mut all = Vec::new();
    for ((c, cluster), stratum) in grouped.clusters().iter().enumerate().zip(strata) {
        let first = cluster.tiles.start * TILE;
        let places = || (first..first + cluster.count).step_by(step);
        let total: f64 = places().map(weight).sum();
        for place in places() {
            let m = means[place];
            let (slopes, part) = (slopes(m), stratum.share * weight(place) / total);
            let slopes = slopes.map(|slope| part * slope);
            all.push(Witness { place, cluster: c, neighbour: m.neighbour, means: [m.own, m.other], slopes });
        }
    }
    all.retain(|w| w.slopes != [0.0; 2]);
    all
}

/// How much the silhouette changes with the mean distance to the own cluster, and with that to the other.
fn slopes(Means { own, other, .. }: Means) -> [f64; 2] {
    if own.is_infinite() || other.is_infinite() || own.max(other) == 0.0 {
        [0.0; 2]
    } else if own < other {
        [-1.0 / other, own / (other * other)]
    } else {
        [-other / (own * own), 1.0 / own]
    }
}

/// The influences of the points of a tile.
fn influences(g: &Grouped, means: &[Means], strata: &[Stratum], witnesses: &[Witness], t: usize) -> [f64; TILE] {
    let (own, tile, scale) = (g.cluster_of(t), g.matrix().tile(t), f64::from(g.matrix().frame().scale()));
    let mut influences = [0.0; TILE];
    for (lane, influence) in influences.iter_mut().enumerate() {
        *influence = strata[own].share * (means[t * TILE + lane].silhouette() - strata[own].mean);
    }
    let mut point = vec![0.0; g.matrix().dims()];
    for w in witnesses {
        for ([mean, slope], cluster) in
            w.means.into_iter().zip(w.slopes).map(<[f64; 2]>::from).zip([w.cluster, w.neighbour])
        {
            if cluster == own {
                point.iter_mut().zip(g.matrix().point(w.place)).for_each(|(x, q)| *x = q as f64 / scale);
                add(tile, &point, mean, slope, &mut influences);
            }
        }
    }
    let (weights, cluster) = (g.weights(t..t + 1), &g.clusters()[own]);
    let mean = cluster.weight / cluster.count as f64;
    influences.iter_mut().zip(weights).for_each(|(influence, w)| *influence *= f64::from(*w) / mean);
    influences
}

/// Adds `slope` times what the distance from each point of a tile to `point` is more than `mean`.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn add(tile: &[f32], point: &[f64], mean: f64, slope: f64, influences: &mut [f64; TILE]) {
    let mut d2 = [0.0f64; TILE];
    for (lanes, &x) in tile.chunks_exact(TILE).zip(point) {
        for (d2, &y) in d2.iter_mut().zip(lanes) {
            *d2 += (f64::from(y) - x) * (f64::from(y) - x);
        }
    }
    for (influence, d2) in influences.iter_mut().zip(&d2) {
        *influence += slope * (d2.sqrt() - mean);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_the_silhouette() {
        for (own, other) in [(1.0, 3.0), (2.0, 0.5)] {
            let at = |own, other| Means { own, other, neighbour: 0 }.silhouette();
            let step = 1e-6;
            let [a, b] = slopes(Means { own, other, neighbour: 0 });
            assert!((a - (at(own + step, other) - at(own, other)) / step).abs() < 1e-5);
            assert!((b - (at(own, other + step) - at(own, other)) / step).abs() < 1e-5);
        }
        assert_eq!(slopes(Means::NONE), [0.0; 2]);
    }

    #[test]
    fn a_variance_is_that_of_a_sample() {
        assert_eq!((variance(&[1.0, 2.0, 3.0]), variance(&[5.0])), (1.0, 0.0));
    }
}
