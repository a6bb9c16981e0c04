//! Would the same clusters come back from other customers? The bootstrap of Hennig (2007, *Cluster-wise assessment of
//! cluster stability*).
//!
//! Rows are drawn with replacement, as many as there are, and fitted anew, as integer weights of the rows that were drawn.
//! Over those rows each cluster is compared with the new one that is most like it: the Jaccard similarity is the rows in
//! both by the rows in either. Its mean over the samples says how stable the cluster is ([`super::band`]). A sample that
//! drew no row of a cluster says nothing of it. With many rows the samples are drawn from some of them, and a cluster that
//! has hardly a row among those was not measured: its similarity is NaN, and no judgement.

use super::bounded::{Sample, again, reweighted};
use super::draws::{Purpose, below, generator};
use super::{Stability, agreement, best_jaccard};
use crate::engine::Engine;
use crate::error::Result;
use crate::kmeans::{Observer, Progress, Quiet, ValidParams, sweep, tell};
use crate::matrix::Matrix;

/// The stability of one or several clusterings of the points of `matrix`, each given by its labels `[points]` and the
/// parameters it was made with; all are fitted to each bootstrap sample in one batch. With many rows the samples are drawn
/// from some of them (see [`super::sample_rows`]).
///
/// # Errors
/// As [`sweep`].
pub fn stability(
    engine: &dyn Engine,
    matrix: &Matrix,
    clusterings: &[(&[u32], &ValidParams)],
    bootstraps: u32,
    seed: u64,
    observer: &mut dyn Observer,
) -> Result<Vec<Stability>> {
    let most = clusterings.iter().map(|(_, params)| params.k()).max().unwrap_or(1);
    let sample = Sample::new(matrix, most, seed)?;
    let mut tallies: Vec<Tally> = clusterings.iter().map(|(labels, _)| Tally::new(labels, &sample)).collect();
    for step in 1..=bootstraps {
        tell(observer, Progress::Step { what: "bootstrap sample", step, steps: bootstraps })?;
        let (rows, drawn) = draw(&sample, seed, step)?;
        for (tally, (_, params)) in tallies.iter_mut().zip(clusterings) {
            tally.params = Some(again(params, step)?);
        }
        // Fewer rows than clusters cannot be fitted; the sample then says nothing of that clustering.
        let some: Vec<&mut Tally> = tallies.iter_mut().filter(|t| t.k() <= rows.len()).collect();
        let params: Vec<ValidParams> = some.iter().filter_map(|t| t.params.clone()).collect();
        for (tally, fit) in some.into_iter().zip(sweep(engine, &drawn, &params, &mut Quiet)?) {
            tally.add(&rows, &fit.labels);
        }
    }
    Ok(tallies.into_iter().map(|t| t.stability(bootstraps)).collect())
}

/// The distinct rows of a bootstrap sample, ascending, and the sample itself.
fn draw(sample: &Sample<'_>, seed: u64, step: u32) -> Result<(Vec<usize>, Matrix)> {
    let matrix = sample.matrix();
    let mut rng = generator(seed, Purpose::Bootstrap, step);
    let mut times = vec![0u32; matrix.count()];
    (0..matrix.count()).for_each(|_| times[below(&mut rng, matrix.count())] += 1);
    let rows: Vec<usize> = (0..times.len()).filter(|&row| times[row] > 0).collect();
    let drawn = matrix.pick(&rows, reweighted(matrix, &rows, |at| f64::from(times[rows[at]]))?)?;
    Ok((rows, drawn))
}

/// What the samples say of one clustering so far.
struct Tally {
    labels: Vec<u32>,
    params: Option<ValidParams>,
    /// For each cluster, the sum of its similarities and the samples that hold it.
    similar: Vec<(f64, u32)>,
    /// For each cluster, whether there are rows enough to measure it.
    measured: Vec<bool>,
    rand: (f64, u32),
}

impl Tally {
    fn new(labels: &[u32], sample: &Sample<'_>) -> Self {
        let k = labels.iter().max().map_or(0, |l| *l as usize + 1);
        let labels = sample.labels(labels);
        let mut rows = vec![0usize; k];
        labels.iter().for_each(|l| rows[*l as usize] += 1);
        let measured = rows.into_iter().map(|rows| sample.measures(rows)).collect();
        Self { labels, params: None, similar: vec![(0.0, 0); k], measured, rand: (0.0, 0) }
    }

    /// Clusters that are fitted.
    fn k(&self) -> usize {
        self.params.as_ref().map_or(0, ValidParams::k)
    }

    /// Takes the labels of a sample's `rows`.
    fn add(&mut self, rows: &[usize], labels: &[u32]) {
        let before: Vec<u32> = rows.iter().map(|&row| self.labels[row]).collect();
        let similar = best_jaccard(&before, labels);
        for (sum, jaccard) in self.similar.iter_mut().zip(similar).filter(|(_, jaccard)| *jaccard > 0.0) {
            *sum = (sum.0 + jaccard, sum.1 + 1); // a cluster with rows there shares some with another one
        }
        self.rand = (self.rand.0 + agreement(&before, labels).adjusted_rand, self.rand.1 + 1);
    }

    fn stability(self, bootstraps: u32) -> Stability {
        let mean = |(sum, count): (f64, u32)| if count > 0 { sum / f64::from(count) } else { 0.0 };
        let of = |(similar, measured)| if measured { mean(similar) } else { f64::NAN };
        Stability {
            bootstraps,
            rows: self.labels.len() as u64,
            jaccard: self.similar.into_iter().zip(self.measured).map(of).collect(),
            adjusted_rand: mean(self.rand),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::cpu::Cpu;
    use crate::kmeans::{Params, fit};
    use ndarray::Array2;

    /// Three groups far apart.
    fn matrix() -> Matrix {
        let x = Array2::from_shape_fn((300, 2), |(i, j)| ((i % 3) * 50) as f64 + ((i * (7 + j)) % 11) as f64);
        Matrix::learn(&x.view(), None).unwrap().0
    }

    fn of(ks: &[usize]) -> Vec<Stability> {
        let (cpu, matrix) = (Cpu::new().unwrap(), matrix());
        let params: Vec<_> = ks.iter().map(|&k| Params::new(k).check().unwrap()).collect();
        let fits: Vec<_> = params.iter().map(|p| fit(&cpu, &matrix, p, &mut Quiet).unwrap()).collect();
        let all: Vec<_> = fits.iter().map(|f| &f.labels[..]).zip(&params).collect();
        stability(&cpu, &matrix, &all, 8, 1, &mut Quiet).unwrap()
    }

    #[test]
    fn groups_come_back_and_halves_of_groups_do_not() {
        let [three, four] = &of(&[3, 4])[..] else { panic!("two clusterings") };
        assert_eq!((&three.jaccard[..], three.adjusted_rand), (&[1.0; 3][..], 1.0));
        let least = four.jaccard.iter().copied().fold(1.0, f64::min);
        assert!(least < 0.75 && four.adjusted_rand < 1.0, "{four:?}");
        assert_eq!((four.rows, four.bootstraps), (300, 8));
    }

    /// Some rows in two groups, and 3 far from all.
    fn with_few_far(rows: usize) -> Stability {
        let at = |(i, j): (usize, usize)| if i < 3 { 9e3 } else { ((i % 2) * 50 + (i * (7 + j)) % 11) as f64 };
        let matrix = Matrix::learn(&Array2::from_shape_fn((rows, 2), at).view(), None).unwrap().0;
        let labels: Vec<u32> = (0..rows)
            .map(|i| match i {
                0..3 => 1,
                i if i % 2 == 0 => 0,
                _ => 2,
            })
            .collect();
        let params = Params::new(3).n_init(4).check().unwrap();
        let one = [(&labels[..], &params)];
        stability(&Cpu::new().unwrap(), &matrix, &one, 4, 1, &mut Quiet).unwrap().remove(0)
    }

    #[test]
    fn a_cluster_with_too_few_rows_in_the_sample_is_not_measured() {
        let part = with_few_far(20_000);
        assert_eq!((part.rows, part.jaccard[1].is_nan()), (5_000, true), "{part:?}");
        assert_eq!(part.smallest().map(f64::is_nan), Some(false));
        assert_eq!((part.measured().count(), crate::quality::band(part.jaccard[1])), (2, "not measured"));
        assert_eq!(serde_json::to_value(&part).unwrap()["jaccard"][1], serde_json::Value::Null);
        let whole = with_few_far(3_000);
        assert_eq!((whole.rows, &whole.jaccard[..]), (3_000, &[1.0; 3][..]));
    }

    #[test]
    fn a_clustering_alone_is_measured_as_in_company() {
        assert_eq!(of(&[4])[0], of(&[2, 3, 4])[2]);
    }
}
