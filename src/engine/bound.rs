//! How far a float score can be off: the bound that lets a fast path prove its labels.
//!
//! The score of centroid `c` for point `x` is `t = x.c - |c|^2 / 2`; the nearest centroid has the highest one. Computed
//! in f32, with `c` the nearest f32 to the grid centroid, `t` is off by at most `B = gamma(d + 4) (|c|^2 / 2 + X |c|)`,
//! `gamma(n) = n u / (1 - n u)`, `X` a bound on `|x|`, in any order of operations, fused or not (Higham 2002, *Accuracy
//! and Stability of Numerical Algorithms*, section 3.1: every term passes at most `d + 4` roundings, those of `c`, of
//! `|c|^2 / 2` and of the start value included). Products cannot underflow: the least is `2^-80`.
//!
//! A kernel starts each accumulator at `B - |c|^2 / 2` and so gets an *upper* score `U >= t`. The best centroid `b`
//! stands if `U_b - 2 B_b` is above the second best `U`. Every centroid has its own bound: one far centroid's bound used
//! for all would send most points to the referee.

use super::Centroids;
use crate::matrix::round_up;

/// Unit roundoff of f32 rounding to nearest.
pub const NEAREST: f64 = 1.0 / (1u64 << 24) as f64;

/// Unit roundoff of f32 rounding in a direction that is not known, as in shaders.
pub const DIRECTED: f64 = 1.0 / (1u64 << 23) as f64;

/// Centroids as a scoring kernel needs them: the distinct ones in f32, and what bounds their scores.
#[derive(Debug, Clone)]
pub struct Scoring {
    /// The lowest index of each distinct centroid, ascending: identical centroids are scored once.
    pub index: Vec<u32>,
    /// Distinct centroids `[distinct x dims]`, each the f32 nearest to the grid centroid.
    pub centroids: Vec<f32>,
    /// `|c|^2 / 2` `[distinct]`, rounded to nearest.
    pub half2: Vec<f32>,
    /// `|c|` `[distinct]`, rounded up.
    pub norm: Vec<f32>,
    /// `B = bound * (|c|^2 / 2 + X |c|)`, rounded up.
    pub bound: f32,
    /// The guard of a centroid is `guard * (|c|^2 / 2 + X |c|)`: twice `B`, and the rounding of the comparison itself.
    pub guard: f32,
}

impl Scoring {
    /// Prepares centroids on the grid of `bits` (see [`crate::matrix::Frame::bits`]) for arithmetic of unit roundoff `u`.
    #[must_use]
    pub fn new(centroids: &Centroids, bits: u32, u: f64) -> Self {
        let index = distinct(centroids);
        let step = 1.0 / (1u64 << bits) as f64;
        let mut scoring = Self { index, centroids: vec![], half2: vec![], norm: vec![], bound: 0.0, guard: 0.0 };
        for &c in &scoring.index {
            let exact = centroids.row(c as usize).iter().map(|&q| q as f64 * step);
            let norm2: f64 = exact.clone().map(|x| x * x).sum();
            #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is part of the bound")]
            scoring.centroids.extend(exact.map(|x| x as f32));
            #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is part of the bound")]
            scoring.half2.push((norm2 / 2.0) as f32);
            scoring.norm.push(round_up(norm2.sqrt()));
        }
        let roundings = (centroids.dims() + 4) as f64 * u;
        let gamma = roundings / (1.0 - roundings);
        // The start value holds B itself, so B is rounded along with the rest: divide by 1 - gamma. The last factor
        // covers the few f32 operations of `start`.
        let bound = gamma / (1.0 - gamma) * (1.0 + 16.0 * u);
        scoring.bound = round_up(bound);
        scoring.guard = round_up((2.0 * bound + 4.0 * u) * (1.0 + 16.0 * u));
        scoring
    }

    /// Distinct centroids.
    #[must_use]
    pub fn distinct(&self) -> usize {
        self.index.len()
    }

    /// For points of norm at most `norm`: the start value and the guard of one distinct centroid.
    #[must_use]
    #[inline(always)]
    pub fn start_of(&self, c: usize, norm: f32) -> (f32, f32) {
        let size = self.half2[c] + norm * self.norm[c];
        (self.bound * size - self.half2[c], self.guard * size)
    }

    /// For points of norm at most `norm`: the start value of each accumulator and the guard that the best upper score
    /// must keep above the second `[distinct each]`. Gives the largest guard.
    #[inline(always)]
    pub fn start(&self, norm: f32, start: &mut [f32], guard: &mut [f32]) -> f32 {
        let mut widest = 0.0;
        for (((start, guard), &half2), &c) in start.iter_mut().zip(guard).zip(&self.half2).zip(&self.norm) {
            let size = half2 + norm * c;
            *start = self.bound * size - half2;
            *guard = self.guard * size;
            widest = if *guard > widest { *guard } else { widest };
        }
        widest
    }
}

/// The lowest index of each distinct centroid, ascending.
fn distinct(centroids: &Centroids) -> Vec<u32> {
    let mut order: Vec<usize> = (0..centroids.k()).collect();
    order.sort_by(|&a, &b| centroids.row(a).cmp(centroids.row(b)).then(a.cmp(&b)));
    order.dedup_by(|b, a| centroids.row(*b) == centroids.row(*a));
    order.sort_unstable();
    order.into_iter().filter_map(|c| u32::try_from(c).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identical_centroids_are_scored_once_under_the_lowest_index() {
        let centroids = Centroids::new(1, vec![5, 3, 5, 3, 9]);
        assert_eq!(Scoring::new(&centroids, 20, NEAREST).index, [0, 1, 4]);
    }

    #[test]
    fn a_far_centroid_does_not_widen_the_guard_of_the_others() {
        let centroids = Centroids::new(1, vec![1 << 10, 1 << 40]);
        let scoring = Scoring::new(&centroids, 40, NEAREST);
        let (mut start, mut guard) = ([0.0; 2], [0.0; 2]);
        scoring.start(1.0, &mut start, &mut guard);
        assert!(guard[0] < 1e-8 * guard[1]);
    }

    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is what is tested")]
    fn the_bound_covers_the_error_of_a_plain_f32_score() {
        let mut state = 7u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 24).cast_signed() - (1 << 39)
        };
        for dims in [1, 2, 16, 129] {
            let c: Vec<i64> = (0..dims).map(|_| random()).collect();
            let x: Vec<i64> = (0..dims).map(|_| random() & !0xffff).collect();
            let step = 1.0 / (1u64 << 40) as f64;
            let scoring = Scoring::new(&Centroids::new(dims, c.clone()), 40, NEAREST);
            let norm = x.iter().map(|&q| (q as f64 * step).powi(2)).sum::<f64>().sqrt();
            let (mut start, mut guard) = ([0.0], [0.0]);
            scoring.start(round_up(norm), &mut start, &mut guard);
            let upper = x.iter().zip(&scoring.centroids).fold(start[0], |t, (&q, &c)| t + (q as f64 * step) as f32 * c);
            let exact: f64 = x
                .iter()
                .zip(&c)
                .map(|(&q, &c)| (q as f64 * step) * (c as f64 * step) - (c as f64 * step).powi(2) / 2.0)
                .sum();
            assert!(f64::from(upper) >= exact && f64::from(upper - guard[0]) <= exact, "{dims}");
        }
    }
}
