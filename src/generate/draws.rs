//! Random numbers by position: a draw is a function of the seed, its purpose and its word, never of the draws before it.
//!
//! A draw is integer ChaCha output turned into `f64` by basic arithmetic, with no `ln`, `exp` or `cos`: the same seed
//! gives the same bytes on every platform.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What numbers are drawn for: each purpose draws from a stream of its own.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// The customers, [`NOISE_WORDS`] and single words in turn.
    Customers,
    /// The groups beyond the known ones.
    Groups,
    /// Where each group lies in the measures.
    Levels,
    /// The customers' measures.
    Measures,
}

/// Words that one draw of noise takes.
pub(super) const NOISE_WORDS: u64 = 12;

/// A quantity of a group: half its customers lie below `middle`, and `spread` is about one standard deviation, as a
/// share of `middle` for a skewed quantity and in its own unit for an even one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around {
    pub(super) middle: f64,
    pub(super) spread: f64,
}

pub(super) const fn around(middle: f64, spread: f64) -> Around {
    Around { middle, spread }
}

/// The random numbers of one purpose, from some word on.
#[derive(Debug)]
pub(super) struct Draws(ChaCha8Rng);

impl Draws {
    /// The seed's little-endian bytes, zero-padded, are the ChaCha key; the purpose is its stream.
    pub(super) fn new(seed: u64, purpose: Purpose, word: u128) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(purpose as u64);
        rng.set_word_pos(word);
        Self(rng)
    }

    /// A whole number in `0..end`, of one word; the bias of the product method is below `end / 2^32`.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(end)) >> 32) as u32
    }

    /// The index of a share, drawn in proportion, of one word; `ends` are the running sums of the shares.
    pub(super) fn choose(&mut self, ends: &[u32]) -> usize {
        let ticket = self.below(ends.last().copied().unwrap_or(0));
        ends.partition_point(|end| *end <= ticket)
    }

    /// Nearly standard normal: twelve uniforms have variance one (Irwin-Hall). At most 6 in magnitude.
    fn noise(&mut self) -> f64 {
        let sum: u64 = (0..NOISE_WORDS).map(|_| u64::from(self.0.next_u32())).sum();
        sum as f64 / 4_294_967_296.0 - 6.0
    }

    /// Symmetric about the middle, at least `least`.
    pub(super) fn even(&mut self, quantity: Around, least: f64) -> f64 {
        (quantity.middle + quantity.spread * self.noise()).max(least)
    }

    /// Positive, with a long right tail: `(1 + z/8)^8` stands in for `exp(z)`, which differs between platforms.
    pub(super) fn skewed(&mut self, quantity: Around) -> f64 {
        let eighth = (1.0 + quantity.spread * self.noise() / 8.0).max(0.0);
        let fourth = eighth * eighth;
        let half = fourth * fourth;
        quantity.middle * (half * half)
    }
}

/// Running sums of shares.
pub(super) fn ends(shares: impl IntoIterator<Item = u32>) -> Vec<u32> {
    let sum = |end: &mut u32, share| {
        *end += share;
        Some(*end)
    };
    shares.into_iter().scan(0, sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_depends_on_its_word_alone() {
        let mut from_start = Draws::new(7, Purpose::Customers, 0);
        (0..1000).for_each(|_| _ = from_start.below(10));
        let mut later = Draws::new(7, Purpose::Customers, 1000);
        assert!((0..100).all(|_| from_start.below(1 << 30) == later.below(1 << 30)));
    }

    #[test]
    fn shares_are_drawn_in_proportion() {
        let (ends, mut draws) = (ends([1, 0, 3]), Draws::new(1, Purpose::Groups, 0));
        assert_eq!(ends, [1, 1, 4]);
        let mut counts = [0u32; 3];
        (0..40_000).for_each(|_| counts[draws.choose(&ends)] += 1);
        assert!(counts[0].abs_diff(10_000) < 400 && counts[1] == 0, "{counts:?}");
    }

    #[test]
    fn noise_has_mean_zero_and_variance_one() {
        let mut draws = Draws::new(1, Purpose::Measures, 0);
        let noise: Vec<f64> = (0..100_000).map(|_| draws.noise()).collect();
        let mean = noise.iter().sum::<f64>() / 1e5;
        let variance = noise.iter().map(|z| z * z).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
    }
}
