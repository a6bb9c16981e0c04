//! The first centroids, chosen on the host for every device.
//!
//! Everything is a function of the points, the seed and the start alone: draws come from a counter-based generator keyed
//! by (seed, start) at a position given by the global row or the draw, and floating-point sums run in a fixed order.

mod part;
#[cfg(test)]
mod plain;
mod plusplus;
mod sample;

use super::params::{Init, ValidParams};
use crate::engine::Centroids;
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use ndarray::Array2;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
pub(crate) use sample::{hashes_below, smallest_hashes};

/// Rows that k-means++ looks at, at least; beyond it the rows are sampled.
const SAMPLE: usize = 65_536;

/// What a generator is for: each purpose draws from a stream of its own.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    Sample,
    Draw,
    Random,
}

/// Is told how many centroids of a start are chosen, if that takes long; may end it.
type Told<'t> = &'t mut dyn FnMut(usize) -> Result<()>;

/// The first centroids of a start: at most k, fewer if k-means++ finds fewer distinct points.
pub(super) fn seed(matrix: &Matrix, params: &ValidParams, start: usize, told: Told<'_>) -> Result<Centroids> {
    match params.init() {
        Init::Given(values) => given(matrix, values),
        Init::Random => {
            let rng = generator(params.seed(), start, Purpose::Random);
            Ok(points(matrix, &smallest_hashes(matrix, &rng, params.k())))
        }
        Init::KMeansPlusPlus => plus_plus(matrix, params, start, told),
    }
}

fn given(matrix: &Matrix, values: &Array2<f64>) -> Result<Centroids> {
    if values.ncols() != matrix.dims() {
        let message = format!("initial centroids have {} columns, the data has {}", values.ncols(), matrix.dims());
        return Err(Error::Usage(message));
    }
    let grid = values.indexed_iter().map(|((_, j), &v)| matrix.frame().grid(j, v)).collect();
    Ok(Centroids::new(matrix.dims(), grid))
}

fn plus_plus(matrix: &Matrix, params: &ValidParams, start: usize, told: Told<'_>) -> Result<Centroids> {
    let size = SAMPLE.max(64 * params.k());
    let mut rng = generator(params.seed(), start, Purpose::Draw);
    if matrix.count() > size {
        let mut rows = smallest_hashes(matrix, &generator(params.seed(), start, Purpose::Sample), size);
        rows.sort_unstable();
        let chosen = plusplus::choose(matrix, &rows, params.k(), &mut rng, told)?;
        if chosen.len() == params.k() {
            return Ok(points(matrix, &chosen));
        }
        rng = generator(params.seed(), start, Purpose::Draw);
    }
    let all: Vec<usize> = (0..matrix.count()).collect();
    Ok(points(matrix, &plusplus::choose(matrix, &all, params.k(), &mut rng, told)?))
}

fn points(matrix: &Matrix, rows: &[usize]) -> Centroids {
    Centroids::new(matrix.dims(), rows.iter().flat_map(|&row| matrix.point(row)).collect())
}

/// The generator of one purpose of one start.
fn generator(seed: u64, start: usize, purpose: Purpose) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(4 * start as u64 + purpose as u64);
    rng
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::Rng;

    #[test]
    fn streams_are_fixed_for_ever() {
        let draw = |seed, start, purpose| generator(seed, start, purpose).next_u64();
        assert_eq!(draw(42, 0, Purpose::Draw), draw(42, 0, Purpose::Draw));
        assert_ne!(draw(42, 0, Purpose::Draw), draw(42, 1, Purpose::Draw));
        assert_ne!(draw(42, 0, Purpose::Draw), draw(42, 0, Purpose::Sample));
        assert_ne!(draw(0, 0, Purpose::Draw), draw(u64::MAX, 0, Purpose::Draw));
    }
}
