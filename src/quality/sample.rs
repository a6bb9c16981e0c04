//! A stratified sample: rows of every cluster, so that small segments are seen.
//!
//! Row `i` hashes to word `i` of a generator keyed by the seed, and the smallest hashes of each cluster win. So the sample depends
//! on neither threads nor chunks, and a smaller one is part of a larger one where the clusters' shares allow.

use crate::kmeans::hashes_below;
use crate::matrix::Matrix;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Rows that are drawn from each cluster at least, if it has them and the sample has room: a mean of 64 silhouettes is known to
/// about an eighth of their deviation.
const LEAST: u64 = 64;

/// The stream of the generator, which no seeding draws from.
const STREAM: u64 = u64::MAX;

/// About `size` rows with weight, ascending, drawn from the clusters given by `labels` `[points]`, each below `k`: up to 64 from each,
/// and the others in proportion to its rows. At least two of a cluster that has two are drawn, whatever `size` is; all rows with
/// weight if there are no more.
#[must_use]
pub fn sample(matrix: &Matrix, labels: &[u32], k: usize, size: usize, seed: u64) -> Vec<usize> {
    let mut counts = vec![0u64; k];
    let weighted = labels.iter().enumerate().filter(|(row, _)| matrix.weight(*row) > 0);
    weighted.for_each(|(_, label)| counts[*label as usize] += 1);
    let wanted = shares(&counts, size as u64);
    let (rng, mut slack) = (generator(seed), 1.2);
    loop {
        let limits: Vec<u64> = counts.iter().zip(&wanted).map(|(n, m)| limit(*n, *m, slack)).collect();
        let mut found = vec![Vec::new(); k];
        let below = hashes_below(matrix, &rng, |row| limits[labels[row] as usize]);
        below.into_iter().for_each(|(hash, row)| found[labels[row] as usize].push((hash, row)));
        if found.iter().zip(&wanted).all(|(found, m)| found.len() as u64 >= *m) {
            let drawn = found.into_iter().zip(wanted).flat_map(|(found, m)| smallest(found, m));
            let mut rows: Vec<usize> = drawn.collect();
            rows.sort_unstable();
            return rows;
        }
        slack *= 2.0;
    }
}

/// How many rows to draw from clusters of so many.
fn shares(counts: &[u64], size: u64) -> Vec<u64> {
    let filled = counts.iter().filter(|n| **n > 0).count().max(1) as u64;
    let least = (size / filled).clamp(2, LEAST);
    let first: Vec<u64> = counts.iter().map(|n| (*n).min(least)).collect();
    let (mut left, total) = (counts.iter().zip(&first).map(|(n, f)| n - f).sum::<u64>(), first.iter().sum::<u64>());
    let mut room = size.saturating_sub(total).min(left);
    let share = |(n, first): (&u64, &u64)| {
        // The share of what is left, so that all shares together are what there is room for.
        let own = u128::from(n - first) * u128::from(room) / u128::from(left.max(1));
        let own = u64::try_from(own).unwrap_or(room);
        (left, room) = (left - (n - first), room - own);
        first + own
    };
    counts.iter().zip(&first).map(share).collect()
}

/// The hash below which about `slack` times `wanted` of `count` rows lie, and some more.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates: every hash is then below")]
fn limit(count: u64, wanted: u64, slack: f64) -> u64 {
    if wanted == 0 {
        return 0;
    }
    (slack * (wanted as f64 + 50.0) / count as f64 * 2f64.powi(64)) as u64
}

/// Where the hashes of rows come from.
fn generator(seed: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(STREAM);
    rng
}

fn smallest(mut found: Vec<(u64, usize)>, most: u64) -> impl Iterator<Item = usize> {
    found.sort_unstable();
    found.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    found.into_iter().map(|(_, row)| row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Weights;
    use ndarray::Array2;

    fn matrix(count: usize, weights: Option<Weights>) -> Matrix {
        Matrix::learn(&Array2::from_shape_fn((count, 1), |(i, _)| i as f32).view(), weights).unwrap().0
    }

    #[test]
    fn every_cluster_gets_its_least_and_the_rest_goes_by_size() {
        assert_eq!(shares(&[10_000, 100, 0, 30], 1_000), [64 + 838, 64 + 4, 0, 30]);
        assert_eq!(shares(&[10, 20, 0], 1_000), [10, 20, 0]);
        assert_eq!(shares(&[1, 500, 500], 0), [1, 2, 2]);
        assert_eq!(shares(&[7_001, 2_999, 1], 500).iter().sum::<u64>(), 500);
        assert!(shares(&[u64::MAX / 2, 1 << 40], 1 << 30).iter().all(|m| *m >= 64));
    }

    #[test]
    fn a_sample_has_each_row_once_and_the_size_asked_for() {
        let matrix = matrix(150_000, None);
        let labels: Vec<u32> = (0..150_000).map(|i| if i % 1000 == 0 { 2 } else { i % 2 }).collect();
        for size in [10, 500, 149_999, 150_000, 200_000] {
            let rows = sample(&matrix, &labels, 4, size, 7);
            assert_eq!(rows.len(), size.clamp(6, 150_000));
            assert!(rows.is_sorted_by(|a, b| a < b), "{size}");
        }
        let rows = sample(&matrix, &labels, 4, 500, 7);
        let small = rows.iter().filter(|row| labels[**row] == 2).count();
        assert!((64..=65).contains(&small), "{small} of 150");
        assert_ne!(rows, sample(&matrix, &labels, 4, 500, 8));
        let threads = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
        assert_eq!(threads(1).install(|| sample(&matrix, &labels, 4, 500, 7)), rows);
    }

    #[test]
    fn rows_without_weight_are_not_drawn() {
        let weights: Vec<f64> = (0..1000).map(|i| f64::from(i % 3)).collect();
        let matrix = matrix(1000, Some(Weights::new(&weights).unwrap()));
        let rows = sample(&matrix, &vec![0; 1000], 1, 400, 1);
        assert!(rows.len() == 400 && rows.iter().all(|row| row % 3 > 0));
    }
}
