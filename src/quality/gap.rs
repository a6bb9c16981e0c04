//! The gap statistic (Tibshirani, Walther & Hastie 2001): how much closer points lie to their centroids than points without
//! groups would.
//!
//! `Gap(k)` is the mean of `ln W` over some references (`reference.rs`) less the `ln W` of the data, `W` the inertia with
//! `k` clusters; its standard error is the deviation over the references times `sqrt(1 + 1/B)`. Their rule takes the
//! smallest `k` whose gap is at least the next one's less its error. `k = 1` takes part: that it wins means no structure.
//!
//! What it is worth: the rule stops at the first good number, so it can stop early where groups lie in groups. A box holds
//! far outliers too: with heavy tails it is mostly empty of data, its longest sides are those of the tails, and the rule
//! then says 1 or follows the tail. Columns of 0 and 1 lie on the corners of the box: they always have more structure than
//! it, as if the categories were the groups, and the gap then goes on growing with `k`. So the rule is one vote of several
//! (`verdict.rs`), and [`Gaps::stands_out`] is kept beside it: that a number explains more than in the references at all.

use super::bounded::{Sample, again, reweighted};
use super::draws::{Purpose, generator};
use super::reference::Surroundings;
use crate::engine::Engine;
use crate::error::Result;
use crate::kmeans::{Fit, Observer, Progress, Quiet, ValidParams, sweep, tell};
use crate::matrix::Matrix;

/// Errors that a number of clusters must be ahead of one cluster by, to stand out. On 40 even and Gaussian clouds of 500
/// points in 1 to 16 dims the most of 2 to 12 clusters was ahead by 2.1; as many points in groups that lie four deviations
/// apart were ahead by 14 and more.
const ERRORS: f64 = 4.0;

/// The gap statistic of several numbers of clusters.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaps {
    /// References drawn.
    pub references: u32,
    /// Rows of the data, and of each reference, that were fitted.
    pub rows: u64,
    /// One entry for 1 and for each number of clusters tried, ascending.
    pub entries: Vec<Gap>,
}

/// The gap statistic of one number of clusters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    /// Clusters.
    pub k: usize,
    /// How far `ln W` lies below its mean over the references.
    pub gap: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// How much larger it is than with one cluster.
    pub lead: f64,
    /// The standard error of that.
    pub lead_error: f64,
}

impl Gaps {
    /// The smallest number whose gap is at least the next one's less its standard error; `None` if it grows to the end.
    #[must_use]
    pub fn rule(&self) -> Option<usize> {
        let pairs = self.entries.windows(2);
        pairs.filter(|p| p[0].gap >= p[1].gap - p[1].standard_error).map(|p| p[0].k).next()
    }

    /// Whether the gap still grew to this number, by more than its standard error, and no larger one is known.
    #[must_use]
    pub fn ends_growing_at(&self, k: usize) -> bool {
        matches!(&self.entries[..], [.., before, last] if last.k == k && before.gap < last.gap - last.standard_error)
    }

    /// The entry of a number of clusters.
    #[must_use]
    pub fn of(&self, k: usize) -> Option<&Gap> {
        self.entries.iter().find(|e| e.k == k)
    }

    /// Whether this number of clusters explains clearly more of the data than of points without groups.
    #[must_use]
    pub fn stands_out(&self, k: usize) -> bool {
        self.of(k).is_some_and(|e| e.lead > ERRORS * e.lead_error)
    }
}

/// The gap statistic of fits, made with `params`, of the points of `matrix`; of a sample of them (see
/// [`super::sample_rows`]) if there are many. Numbers of clusters that leave no distance, and those that the data are too
/// few for, have no entry.
///
/// # Errors
/// As [`sweep`].
pub fn gap(
    engine: &dyn Engine,
    matrix: &Matrix,
    (fits, params): (&[&Fit], &[ValidParams]),
    references: u32,
    seed: u64,
    observer: &mut dyn Observer,
) -> Result<Gaps> {
    let most = params.iter().map(ValidParams::k).max().unwrap_or(1);
    let sample = Sample::new(matrix, most, seed)?;
    let rows: Vec<usize> = (0..sample.matrix().count()).collect();
    // The reference is drawn, and so measured, in the frame of the data.
    let framed = f64::from(matrix.frame().scale()).powi(-2);
    let logs = if sample.is_whole() {
        self::logs(matrix, fits, framed)
    } else {
        let fits = sweep(engine, sample.matrix(), &all_again(params, 0)?, &mut Quiet)?;
        self::logs(sample.matrix(), &fits.iter().collect::<Vec<_>>(), framed)
    };
    let surroundings = Surroundings::of(sample.matrix());
    let mut drawn = Vec::new();
    for step in 1..=references {
        tell(observer, Progress::Step { what: "reference", step, steps: references })?;
        let points = surroundings.draw(rows.len(), &mut generator(seed, Purpose::Reference, step));
        let weights = reweighted(sample.matrix(), &rows, |_| 1.0)?;
        let reference = Matrix::learn(&points.view(), weights)?.0;
        let fits = sweep(engine, &reference, &all_again(params, step)?, &mut Quiet)?;
        drawn.push(self::logs(&reference, &fits.iter().collect::<Vec<_>>(), reference.frame().length2(1.0)));
    }
    let ks: Vec<usize> = std::iter::once(1).chain(params.iter().map(ValidParams::k)).collect();
    let all = ks.iter().enumerate().map(|(at, &k)| entry(k, at, &logs, &drawn));
    let mut entries: Vec<Gap> = all.filter(|e| e.gap.is_finite() && e.lead.is_finite()).collect();
    entries.sort_by_key(|e| e.k);
    entries.dedup_by_key(|e| e.k);
    Ok(Gaps { references, rows: rows.len() as u64, entries })
}

fn all_again(params: &[ValidParams], which: u32) -> Result<Vec<ValidParams>> {
    params.iter().map(|p| again(p, which)).collect()
}

/// `ln W` with one cluster and then of each fit: `W` the mean squared distance, `unit` a squared step of the grid.
fn logs(matrix: &Matrix, fits: &[&Fit], unit: f64) -> Vec<f64> {
    let total = fits.first().map_or(0.0, |f| f.total_inertia);
    let log = |inertia: f64| libm::log(inertia * unit / matrix.total_weight() as f64);
    std::iter::once(log(total)).chain(fits.iter().map(|f| log(f.inertia.as_f64()))).collect()
}

fn entry(k: usize, at: usize, logs: &[f64], drawn: &[Vec<f64>]) -> Gap {
    let over = |of: &dyn Fn(&[f64]) -> f64| {
        let values: Vec<f64> = drawn.iter().map(|d| of(d)).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
        (mean - of(logs), variance.sqrt() * (1.0 + 1.0 / n).sqrt())
    };
    let (gap, standard_error) = over(&|logs| logs[at]);
    let (lead, lead_error) = over(&|logs| logs[0] - logs[at]);
    Gap { k, gap, standard_error, lead: -lead, lead_error }
}

#[cfg(test)]
mod tests {
    use super::super::draws::uniform;
    use super::*;
    use crate::engine::cpu::Cpu;
    use crate::kmeans::Params;
    use ndarray::Array2;

    fn gaps_of(x: &Array2<f64>) -> Gaps {
        let matrix = Matrix::learn(&x.view(), None).unwrap().0;
        let params: Vec<_> = (2..=6).map(|k| Params::new(k).n_init(4).check().unwrap()).collect();
        let cpu = Cpu::new().unwrap();
        let fits = sweep(&cpu, &matrix, &params, &mut Quiet).unwrap();
        gap(&cpu, &matrix, (&fits.iter().collect::<Vec<_>>(), &params), 10, 1, &mut Quiet).unwrap()
    }

    /// Points spread evenly around each of some centres, within a square with sides of 2.
    fn squares(centres: &[[f64; 2]], rows: usize) -> Array2<f64> {
        let mut rng = generator(9, Purpose::Rows, 0);
        Array2::from_shape_fn((rows, 2), |(i, j)| centres[i % centres.len()][j] + 2.0 * uniform(&mut rng) - 1.0)
    }

    #[test]
    fn groups_are_counted_and_an_even_spread_is_one() {
        let found = gaps_of(&squares(&[[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]], 600));
        assert_eq!((found.rule(), found.rows, found.references), (Some(3), 600, 10));
        assert!(found.stands_out(3));
        let mut even = squares(&[[0.0, 0.0]], 600);
        even.column_mut(1).mapv_inplace(|v| 3.0 * v); // a rectangle's components are its sides, a square's may be any
        let even = gaps_of(&even);
        assert_eq!(even.rule(), Some(1));
        assert!((2..=6).all(|k| !even.stands_out(k)), "{even:?}");
        assert!(even.of(1).unwrap().gap.abs() < 0.1, "the box fits: {even:?}");
    }

    #[test]
    fn a_long_cloud_is_one_group_however_it_lies() {
        let mut x = squares(&[[0.0, 0.0]], 600);
        x.rows_mut().into_iter().for_each(|mut row| row[1] += 10.0 * row[0]);
        let found = gaps_of(&x);
        assert_eq!(found.rule(), Some(1));
        assert!((2..=6).all(|k| !found.stands_out(k)), "{found:?}");
    }

    #[test]
    fn the_rule_takes_the_first_gap_that_the_next_one_does_not_beat() {
        let of = |gaps: &[(f64, f64)]| {
            let entry = |(at, &(gap, standard_error)): (usize, &(f64, f64))| Gap {
                k: at + 1,
                gap,
                standard_error,
                lead: 0.0,
                lead_error: 0.0,
            };
            Gaps { references: 2, rows: 9, entries: gaps.iter().enumerate().map(entry).collect() }.rule()
        };
        assert_eq!(of(&[(0.1, 0.0), (0.3, 0.1), (0.35, 0.1), (0.2, 0.1)]), Some(2));
        assert_eq!(of(&[(0.4, 0.0), (0.3, 0.1), (0.9, 0.1)]), Some(1));
        assert_eq!(of(&[(0.1, 0.0), (0.3, 0.1), (0.5, 0.1)]), None);
    }

    #[test]
    fn what_leaves_no_distance_has_no_gap() {
        let x = Array2::from_shape_fn((90, 2), |(i, _)| (i % 3) as f64);
        let found = gaps_of(&x);
        assert_eq!(found.entries.iter().map(|e| e.k).collect::<Vec<_>>(), [1, 2]);
    }
}
