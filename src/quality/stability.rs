//! Would the same clusters come back from other customers? The bootstrap of Hennig (2007, *Cluster-wise assessment of
//! cluster stability*).
//!
//! Rows are drawn with replacement, as many as there are, and fitted anew, as integer weights of the rows that were drawn.
//! Over those rows each cluster is compared with the new one that is most like it: the Jaccard similarity is the rows in
//! both by the rows in either. Its mean over the samples says how stable the cluster is ([`super::band`]). A sample that
//! drew no row of a cluster says nothing of it; a cluster that no sample holds a row of has 0.

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
    rand: (f64, u32),
}

impl Tally {
    fn new(labels: &[u32], sample: &Sample<'_>) -> Self {
        let k = labels.iter().max().map_or(0, |l| *l as usize + 1);
        Self { labels: sample.labels(labels), params: None, similar: vec![(0.0, 0); k], rand: (0.0, 0) }
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
        Stability {
            bootstraps,
            rows: self.labels.len() as u64,
            jaccard: self.similar.into_iter().map(mean).collect(),
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

    #[test]
    fn a_clustering_alone_is_measured_as_in_company() {
        assert_eq!(of(&[4])[0], of(&[2, 3, 4])[2]);
    }
}
