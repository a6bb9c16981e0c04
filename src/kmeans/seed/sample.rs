//! A uniform sample of rows, by hash: row `i` hashes to the generator's 64-bit word `i`, and the smallest hashes win. So
//! the sample depends on neither threads nor chunks, and no table of hashes is ever held.

use crate::matrix::Matrix;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use rayon::prelude::*;

/// The `size` rows (with weight) of the smallest hashes, smallest hash first; all rows if there are no more.
pub(crate) fn smallest_hashes(matrix: &Matrix, rng: &ChaCha8Rng, size: usize) -> Vec<usize> {
    let points = matrix.weights().map_or(matrix.count() as u64, |w| w.positive());
    let mut share = (1.2 * size as f64 + 100.0) / points as f64;
    loop {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates: every hash is then below"
        )]
        let limit = (share * 2f64.powi(64)) as u64;
        let mut found = hashes_below(matrix, rng, |_| limit);
        if found.len() >= size || limit == u64::MAX {
            found.sort_unstable();
            return found.into_iter().take(size).map(|(_, row)| row).collect();
        }
        share *= 2.0;
    }
}

/// Rows with weight whose hash is at most their `limit`, ascending, with their hashes.
pub(crate) fn hashes_below(
    matrix: &Matrix,
    rng: &ChaCha8Rng,
    limit: impl Fn(usize) -> u64 + Sync,
) -> Vec<(u64, usize)> {
    const CHUNK: usize = 65_536;
    let chunks: Vec<usize> = (0..matrix.count()).step_by(CHUNK).collect();
    let parts: Vec<Vec<(u64, usize)>> = chunks
        .into_par_iter()
        .map(|first| {
            let mut rng = rng.clone();
            rng.set_word_pos(2 * first as u128);
            let rows = first..matrix.count().min(first + CHUNK);
            rows.map(|row| (rng.next_u64(), row))
                .filter(|&(h, row)| h <= limit(row) && matrix.weight(row) > 0)
                .collect()
        })
        .collect();
    parts.concat()
}

#[cfg(test)]
mod tests {
    use super::super::{Purpose, generator};
    use super::*;
    use ndarray::Array2;

    #[test]
    fn a_sample_has_the_size_asked_for_and_no_row_twice() {
        let x = Array2::from_shape_fn((70_000, 1), |(i, _)| i as f32);
        let m = Matrix::learn(&x.view(), None).unwrap().0;
        for size in [1, 10, 69_999, 70_000] {
            let mut rows = smallest_hashes(&m, &generator(1, 0, Purpose::Sample), size);
            rows.sort_unstable();
            rows.dedup();
            assert_eq!(rows.len(), size);
        }
    }

    #[test]
    fn a_smaller_sample_is_the_head_of_a_larger_one() {
        let x = Array2::from_shape_fn((70_000, 1), |(i, _)| i as f32);
        let m = Matrix::learn(&x.view(), None).unwrap().0;
        let rng = generator(1, 0, Purpose::Sample);
        assert_eq!(smallest_hashes(&m, &rng, 1000)[..10], smallest_hashes(&m, &rng, 10));
    }
}
