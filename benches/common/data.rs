//! Made-up points.

use ndarray::Array2;
use segma::matrix::Matrix;

/// A small deterministic generator (SplitMix64: Steele, Lea & Flood 2014).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `[0, 1)`.
    fn uniform(&mut self) -> f32 {
        (self.word() >> 40) as f32 / (1u32 << 24) as f32
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.word() % n as u64).unwrap()
    }
}

/// Overlapping groups `[n x d]`, half of the columns skewed like money.
pub(crate) fn blobs(n: usize, d: usize) -> Array2<f32> {
    const GROUPS: usize = 24;
    let mut r = Random(1);
    let centres = Array2::from_shape_fn((GROUPS, d), |_| 3.0 * r.uniform());
    let mut points = Array2::zeros((n, d));
    for mut row in points.rows_mut() {
        let group = r.below(GROUPS);
        for (j, x) in row.iter_mut().enumerate() {
            let value = centres[[group, j]] + r.uniform() + r.uniform() - 1.0;
            *x = if j % 2 == 0 { value } else { value * value * value };
        }
    }
    points
}

/// Points on their grid.
pub(crate) fn packed(points: &Array2<f32>) -> Matrix {
    Matrix::learn(&points.view(), None).unwrap().0
}
