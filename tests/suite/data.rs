//! Tables for tests, made from a seed that every failure prints.

use ndarray::Array2;

/// A small deterministic generator (SplitMix64: Steele, Lea & Flood 2014).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `[0, 1)`.
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.word() % n as u64).unwrap()
    }
}

/// What a table is full of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Overlapping groups.
    Blobs,
    /// Small whole numbers: exact ties everywhere.
    Counts,
    /// Every row the same.
    Constant,
    /// Few distinct rows.
    Duplicates,
    /// Skewed, with one far outlier.
    Outlier,
}

pub(crate) const KINDS: [Kind; 5] = [Kind::Blobs, Kind::Counts, Kind::Constant, Kind::Duplicates, Kind::Outlier];

/// An `n x d` table.
pub(crate) fn table(kind: Kind, n: usize, d: usize, seed: u64) -> Array2<f64> {
    let mut r = Random(seed);
    let centres: Vec<f64> = (0..7 * d).map(|_| r.uniform() * 4.0).collect();
    let mut x = Array2::zeros((n, d));
    for i in 0..n {
        let group = r.below(7);
        for j in 0..d {
            let noise = r.uniform() + r.uniform() + r.uniform() - 1.5;
            x[[i, j]] = match kind {
                Kind::Blobs => centres[group * d + j] + noise,
                Kind::Counts => (r.below(4)) as f64,
                Kind::Constant => 3.25,
                Kind::Duplicates => ((group % 5) * (j + 1)) as f64,
                Kind::Outlier => (centres[group * d + j] + noise).powi(4),
            };
        }
    }
    if kind == Kind::Outlier {
        x[[n / 2, 0]] = 1e7;
    }
    x
}

/// Values as f32 holds them.
pub(crate) fn narrow(x: &Array2<f64>) -> Array2<f32> {
    x.mapv(|v| v as f32)
}

/// The repository.
pub(crate) fn root() -> std::path::PathBuf {
    std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
