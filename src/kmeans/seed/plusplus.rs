//! Greedy k-means++ (Arthur & Vassilvitskii 2007; the greedy variant with `2 + floor(ln k)` trials is scikit-learn's).
//!
//! Squared distances are f32, each point's taken dimension by dimension without fusing, so that a lane gives the same
//! bits at every SIMD width; potentials are f64 sums per tile of 64, folded in tile order. That rule alone, in
//! `plain.rs`, judges this file: most distances are never taken here, because they can be seen to change nothing
//! (`part.rs`), and the choice is the same, bit for bit.

use super::Told;
use super::part::{Gain, PART, Part, Trial};
use crate::error::Result;
use crate::matrix::{Matrix, TILE};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use rayon::prelude::*;
use std::time::{Duration, Instant};

/// Points are put in the order of their nearest chosen one when there are so many, and each time there are four times as
/// many: it takes the time of some ten choices, and is given up where fewer than that are left.
const SORT: usize = 16;

/// Time between two looks at who is to be told.
const PAUSE: Duration = Duration::from_millis(100);

/// Chooses up to `k` of `rows` (ascending); fewer if they hold fewer distinct points with weight.
pub(super) fn choose(
    matrix: &Matrix,
    rows: &[usize],
    k: usize,
    rng: &mut ChaCha8Rng,
    told: Told<'_>,
) -> Result<Vec<usize>> {
    let mut chosen = Vec::with_capacity(k);
    // For a while each time on a thread of the pool, where the many small rounds need not wake it up.
    let mut choice = rayon::scope(|_| Choice { sample: Sample::new(matrix, rows), k, sort: SORT });
    while rayon::scope(|_| choice.go_on(&mut chosen, rng, PAUSE)) {
        told(chosen.len())?;
    }
    Ok(chosen)
}

/// A choice that goes on.
struct Choice<'m> {
    sample: Sample<'m>,
    k: usize,
    /// Points are sorted when so many are chosen.
    sort: usize,
}

impl Choice<'_> {
    /// Chooses more for some time, but one at least; whether there are more to choose.
    fn go_on(&mut self, chosen: &mut Vec<usize>, rng: &mut ChaCha8Rng, time: Duration) -> bool {
        let (began, trials) = (Instant::now(), 2 + ln_floor(self.k));
        while chosen.len() < self.k {
            let draws = if chosen.is_empty() { 1 } else { trials };
            let candidates = self.sample.draw(draws, rng);
            let Some(best) = self.sample.take_best(&candidates) else { return false };
            chosen.push(self.sample.rows[best]);
            if chosen.len() == self.sort {
                self.sort *= 4;
                if self.k - chosen.len() > SORT {
                    self.sample.sort();
                }
            }
            if began.elapsed() >= time {
                return chosen.len() < self.k;
            }
        }
        false
    }
}

/// `floor(ln k)` by comparison with powers of e, free of any math library.
pub(super) fn ln_floor(k: usize) -> usize {
    let powers = std::iter::successors(Some(std::f64::consts::E), |p| Some(p * std::f64::consts::E));
    powers.take_while(|p| *p <= k as f64).count()
}

/// The rows looked at, with what each is away from the nearest chosen one.
struct Sample<'m> {
    matrix: &'m Matrix,
    rows: &'m [usize],
    standing: Standing,
    /// The same points, in any order.
    parts: Vec<Part<'m>>,
}

/// How far the points are from the chosen ones, in the order of the rows.
#[derive(Clone)]
struct Standing {
    /// `[tiles x 64]`; 0 in padded lanes.
    weights: Vec<f64>,
    /// Squared distances `[tiles x 64]`; infinite before the first choice, 0 without weight.
    nearest2: Vec<f32>,
    /// Which choice that is.
    nearest: Vec<u32>,
    choices: u32,
    /// Weighted potential of each tile.
    potential: Vec<f64>,
}

impl<'m> Sample<'m> {
    fn new(matrix: &'m Matrix, rows: &'m [usize]) -> Self {
        let standing = Standing::new(matrix, rows);
        let order: Vec<usize> = (0..rows.len()).collect();
        let mut sample = Self { matrix, rows, standing, parts: Vec::new() };
        sample.gather(&order);
        sample
    }

    /// Puts points of one nearest chosen one together, the nearer first: such tiles can be passed over as one.
    fn sort(&mut self) {
        let standing = &self.standing;
        let key = |i: usize| u64::from(standing.nearest[i]) << 32 | u64::from(standing.nearest2[i].to_bits());
        let mut keys: Vec<(u64, usize)> = (0..self.rows.len()).map(|i| (key(i), i)).collect();
        keys.par_sort_unstable();
        let order: Vec<usize> = keys.into_iter().map(|(_, i)| i).collect();
        self.gather(&order);
    }

    fn gather(&mut self, order: &[usize]) {
        let part = |places| Part::gather(self.matrix, self.rows, places, &self.standing.nearest2);
        self.parts = order.par_chunks(PART).map(part).collect();
    }

    /// Draws points by their share of the potential, each once; none if no share is left.
    fn draw(&self, draws: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
        let total: f64 = self.standing.potential.iter().sum();
        let mut drawn = Vec::with_capacity(draws);
        for _ in 0..draws {
            let uniform = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            drawn.extend(self.standing.at(uniform * total).filter(|i| !drawn.contains(i)));
        }
        drawn
    }

    /// Makes the candidate that leaves the least potential one of the chosen; the first of equals.
    fn take_best(&mut self, candidates: &[usize]) -> Option<usize> {
        let trials: Vec<Trial> = candidates.iter().map(|&i| Trial::new(self.matrix, self.rows[i])).collect();
        let best = match self.contenders(&trials)[..] {
            [] => return None,
            [only] => only,
            ref contenders => self.least(&trials, contenders)?,
        };
        self.look(&trials, best);
        self.standing.take(&self.parts);
        self.parts.par_iter_mut().for_each(|part| part.take(best));
        Some(candidates[best])
    }

    /// The trials that may leave the least potential: those whose gain is at most its error below the surest one.
    fn contenders(&mut self, trials: &[Trial]) -> Vec<usize> {
        self.parts.par_iter_mut().for_each(|part| part.estimate(trials));
        if trials.len() < 2 {
            return (0..trials.len()).collect();
        }
        let gain = |c: usize| self.parts.iter().map(|part| part.gain(c)).fold(Gain::default(), Gain::add);
        let gains: Vec<Gain> = (0..trials.len()).map(gain).collect();
        // Potentials are folded, so they can be off by a rounding a tile.
        let rounding = (self.standing.potential.len() + TILE) as f64 * f64::EPSILON * self.standing.total();
        let surest = gains.iter().map(|g| g.most - g.error).fold(f64::NEG_INFINITY, f64::max) - rounding;
        (0..trials.len()).filter(|&c| gains[c].most >= surest).collect()
    }

    /// The one of some trials that leaves the least potential.
    fn least(&mut self, trials: &[Trial], contenders: &[usize]) -> Option<usize> {
        let mut left = |c: usize| {
            self.look(trials, c);
            let mut standing = self.standing.clone();
            standing.take(&self.parts);
            standing.total()
        };
        let totals: Vec<(f64, usize)> = contenders.iter().map(|&c| (left(c), c)).collect();
        totals.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, c)| c)
    }

    fn look(&mut self, trials: &[Trial], c: usize) {
        self.parts.par_iter_mut().for_each(|part| part.look(&trials[c], c));
    }
}

impl Standing {
    fn new(matrix: &Matrix, rows: &[usize]) -> Self {
        let lanes = rows.len().next_multiple_of(TILE);
        let mut weights = vec![0.0; lanes];
        weights.iter_mut().zip(rows).for_each(|(w, &row)| *w = matrix.weight(row) as f64);
        // A point without weight has no potential, at whatever distance.
        let nearest2 = weights.iter().map(|w| if *w > 0.0 { f32::INFINITY } else { 0.0 }).collect();
        // Before the first choice every point is as likely as its weight says.
        let potential = weights.chunks_exact(TILE).map(|w| w.iter().sum()).collect();
        Self { weights, nearest2, nearest: vec![0; lanes], choices: 0, potential }
    }

    fn total(&self) -> f64 {
        self.potential.iter().sum()
    }

    /// The weight a point is drawn with: weight times squared distance, or weight alone before the first choice.
    fn share(&self, i: usize) -> f64 {
        let d2 = self.nearest2[i];
        self.weights[i] * if d2 == f32::INFINITY { 1.0 } else { f64::from(d2) }
    }

    /// The point at a position of the total share: first the tile, then the point inside it.
    fn at(&self, mut left: f64) -> Option<usize> {
        let mut last = None;
        for (t, &potential) in self.potential.iter().enumerate().filter(|(_, p)| **p > 0.0) {
            if left >= potential {
                (left, last) = (left - potential, Some(t));
                continue;
            }
            return self.in_tile(t, left);
        }
        // Rounding can leave a crumb beyond the last tile.
        self.in_tile(last?, f64::INFINITY)
    }

    fn in_tile(&self, t: usize, mut left: f64) -> Option<usize> {
        let mut last = None;
        for i in (t * TILE..(t + 1) * TILE).filter(|&i| self.share(i) > 0.0) {
            last = Some(i);
            left -= self.share(i);
            if left < 0.0 {
                break;
            }
        }
        last
    }

    /// Takes in a choice: the points found to be nearer to it.
    fn take(&mut self, parts: &[Part<'_>]) {
        let mut touched = vec![false; self.potential.len()];
        for (i, d2) in parts.iter().flat_map(Part::closer) {
            (self.nearest2[i], self.nearest[i]) = (d2, self.choices);
            touched[i / TILE] = true;
        }
        self.choices += 1;
        for t in (0..touched.len()).filter(|&t| touched[t]) {
            let lanes = t * TILE..(t + 1) * TILE;
            self.potential[t] = weighted_sum(&self.weights[lanes.clone()], &self.nearest2[lanes]);
        }
    }
}

/// `sum w * v` over a tile: eight partial sums, folded in order.
fn weighted_sum(weights: &[f64], values: &[f32]) -> f64 {
    let mut sums = [0.0; 8];
    for (w, v) in weights.chunks_exact(8).zip(values.chunks_exact(8)) {
        for i in 0..8 {
            sums[i] += w[i] * f64::from(v[i]);
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::super::{Purpose, generator, plain};
    use super::*;
    use crate::matrix::Weights;
    use ndarray::Array2;

    /// A table and, for some kinds, its weights.
    fn table(kind: &str, n: usize, d: usize) -> (Array2<f64>, Option<Vec<f64>>) {
        let mut rng = generator(n as u64, d, Purpose::Sample);
        let mut uniform = || (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let centres = Array2::from_shape_simple_fn((9, d), || 10.0 * uniform());
        let mut x = Array2::from_shape_simple_fn((n, d), &mut uniform);
        let own = |i: usize, j: usize| centres[[i * 7 % 9, j]];
        match kind {
            "clustered" | "weighted" => x.indexed_iter_mut().for_each(|((i, j), x)| *x += own(i, j)),
            "tight" => x.indexed_iter_mut().for_each(|((i, j), x)| *x = 1e-5 * *x + own(i, j)),
            "duplicated" => x.indexed_iter_mut().for_each(|((i, j), x)| *x = own(i, j)),
            "whole numbers" => x.mapv_inplace(|x| (3.0 * x).floor()),
            "far outliers" => x.indexed_iter_mut().for_each(|((i, _), x)| *x *= if i % 400 == 3 { 1e4 } else { 1.0 }),
            _ => {}
        }
        let weights = (kind == "weighted").then(|| (0..n).map(|i| [0.0, 1.0, 2.5, 40.0][i % 4]).collect());
        (x, weights)
    }

    /// What is chosen, whether in one go or with a pause after each.
    fn choose_all(matrix: &Matrix, rows: &[usize], k: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
        let (mut again, mut paused) = (rng.clone(), Vec::new());
        let chosen = choose(matrix, rows, k, rng, &mut |_| Ok(())).unwrap();
        let mut choice = Choice { sample: Sample::new(matrix, rows), k, sort: SORT };
        while choice.go_on(&mut paused, &mut again, Duration::ZERO) {}
        assert_eq!(chosen, paused);
        chosen
    }

    fn chosen_by_both(matrix: &Matrix, rows: &[usize], k: usize) -> [Vec<usize>; 2] {
        let rng = || generator(k as u64, 0, Purpose::Draw);
        [choose_all(matrix, rows, k, &mut rng()), plain::choose(matrix, rows, k, &mut rng())]
    }

    #[test]
    fn nothing_left_out_would_have_changed_the_choice() {
        for kind in ["random", "clustered", "weighted", "tight", "duplicated", "whole numbers", "far outliers"] {
            for (n, d) in [(1, 1), (65, 3), (4099, 2), (4160, 16), (9000, 7), (5000, 19)] {
                let (x, weights) = table(kind, n, d);
                let weights = weights.filter(|_| n > 1).map(|w| Weights::new(&w).unwrap());
                let matrix = Matrix::learn(&x.view(), weights).unwrap().0;
                let all: Vec<usize> = (0..n).collect();
                let some: Vec<usize> = all.iter().copied().filter(|i| i % 3 > 0).collect();
                for k in [1, 2, 8, 40, 300] {
                    let [fast, plain] = chosen_by_both(&matrix, &all, k);
                    assert_eq!(fast, plain, "{kind}, n {n}, d {d}, k {k}");
                    let [fast, plain] = chosen_by_both(&matrix, &some, k);
                    assert_eq!(fast, plain, "{kind}, some of n {n}, d {d}, k {k}");
                }
            }
        }
    }

    #[test]
    fn distances_and_potentials_are_the_plain_ones_throughout() {
        for kind in ["clustered", "weighted", "far outliers"] {
            let (x, weights) = table(kind, 4500, 5);
            let matrix = Matrix::learn(&x.view(), weights.map(|w| Weights::new(&w).unwrap())).unwrap().0;
            let rows: Vec<usize> = (0..4500).collect();
            let (mut fast, mut plain) = (Sample::new(&matrix, &rows), plain::Sample::gather(&matrix, &rows));
            for round in 0..60 {
                let candidates: Vec<usize> = (0..5).map(|c| 1 + 4 * ((round * 577 + c * 311) % 1120)).collect();
                let best = fast.take_best(&candidates).unwrap();
                assert_eq!(plain.best_of(&candidates), Some(best), "{kind}, round {round}");
                plain.take(best);
                assert_eq!(fast.standing.potential, plain.potential, "{kind}, round {round}");
                let weighted = (0..4500).filter(|&i| matrix.weight(i) > 0);
                assert!(weighted.into_iter().all(|i| fast.standing.nearest2[i] == plain.nearest2[i]));
                if [20, 40].contains(&round) {
                    fast.sort();
                }
            }
        }
    }

    #[test]
    fn trials_follow_the_logarithm() {
        assert_eq!([1, 2, 3, 8, 20, 21, 1000].map(ln_floor), [0, 0, 1, 2, 2, 3, 6]);
    }

    #[test]
    fn no_point_is_chosen_twice_while_distinct_ones_remain() {
        for offset in [0.0, 1e3, 1e5, 1e6] {
            let x = Array2::from_shape_fn((50, 2), |(i, j)| offset + ((i % 10) * (j + 1)) as f64);
            let m = Matrix::learn(&x.view(), None).unwrap().0;
            let rows: Vec<usize> = (0..50).collect();
            for seed in 0..50 {
                let chosen = choose_all(&m, &rows, 12, &mut generator(seed, 0, Purpose::Draw));
                let mut distinct: Vec<usize> = chosen.iter().map(|r| r % 10).collect();
                distinct.sort_unstable();
                assert_eq!(distinct, (0..10).collect::<Vec<_>>(), "seed {seed}, offset {offset}");
            }
        }
    }

    #[test]
    fn points_without_weight_are_never_chosen() {
        let x = Array2::from_shape_fn((100, 1), |(i, _)| i as f64);
        let weights: Vec<f64> = (0..100).map(|i| f64::from(i % 2)).collect();
        let m = Matrix::learn(&x.view(), Some(Weights::new(&weights).unwrap())).unwrap().0;
        let rows: Vec<usize> = (0..100).collect();
        let chosen = choose_all(&m, &rows, 50, &mut generator(3, 0, Purpose::Draw));
        assert!(chosen.len() == 50 && chosen.iter().all(|r| r % 2 == 1));
    }
}
