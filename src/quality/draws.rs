//! Random numbers for samples of rows, references and bootstraps: each is a function of the seed, its purpose and its number
//! alone, never of threads or of what was drawn before it.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What numbers are drawn for: each purpose draws from a key of its own.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// The rows that are looked at, where all would be too many.
    Rows = 1,
    /// The points of a reference of the gap statistic.
    Reference = 2,
    /// The rows of a bootstrap sample.
    Bootstrap = 3,
}

/// The generator number `which` of a purpose.
pub(super) fn generator(seed: u64, purpose: Purpose, which: u32) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8] = purpose as u8;
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(which.into());
    rng
}

/// Uniform in `[0, 1)`, a multiple of 2^-53.
pub(super) fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// A whole number in `0..end`; the bias of the product method is below `end / 2^64`.
pub(super) fn below(rng: &mut ChaCha8Rng, end: usize) -> usize {
    let product = u128::from(rng.next_u64()) * end as u128;
    usize::try_from(product >> 64).unwrap_or_default()
}
