//! What may be chosen freely for a kernel: every choice that the tuner has gives the judge's bytes.

use crate::data::{Kind, Random, table};
use crate::gpu::{ALL, adapters};
use crate::gpu_ahead::{ahead_and_in_vain, outcome};
use crate::judge::{Answer, answers, centroids, verdict};
use segma::engine::exact::Exact;
use segma::engine::gpu::cache::{Cache, Entry};
use segma::engine::gpu::plan::Abilities;
use segma::engine::gpu::tune::tune;
use segma::engine::gpu::tuning::{Tuning, candidates};
use segma::engine::gpu::{Gpu, OpenOptions};
use segma::engine::{Centroids, Engine};
use segma::kmeans::{Init, Params};
use segma::matrix::{Matrix, Weights};

/// Passes over two sets of centroids, and the judge's answers.
struct Case {
    matrix: Matrix,
    passes: Vec<Vec<Centroids>>,
    right: Vec<Vec<Answer>>,
}

impl Case {
    fn new(kind: Kind, n: usize, dims: usize, k: usize, weights: Option<Weights>) -> Self {
        let matrix = Matrix::learn(&table(kind, n, dims, 4).view(), weights).unwrap().0;
        let mut random = Random(n as u64);
        let passes: Vec<_> = (0..2).map(|_| vec![centroids(&matrix, k, &mut random)]).collect();
        let right = answers(&Exact, &matrix, &passes);
        Self { matrix, passes, right }
    }

    fn check(&self, engine: &dyn Engine, what: &str) {
        let got = answers(engine, &self.matrix, &self.passes);
        for (pass, (right, got)) in self.right.iter().zip(&got).enumerate() {
            for (set, (right, got)) in right.iter().zip(got).enumerate() {
                assert_eq!(verdict(right, got), Ok(()), "{what}, pass {pass}, set {set}");
            }
        }
    }
}

/// Runs a case with every choice that the tuner has for it, each forced, and hands the engine to `more`.
fn every_choice(case: &Case, more: &dyn Fn(&Gpu, &str)) {
    let k = case.passes[0][0].k();
    for adapter in adapters() {
        let gpus = [(true, false), (false, true)].map(|(int64, checked)| {
            let options = OpenOptions { abilities: Some(Abilities { int64 }), checked, ..ALL };
            Gpu::open(std::slice::from_ref(&adapter), options).unwrap()
        });
        let choices = candidates(&gpus[0].shape(&case.matrix).unwrap(), k, &gpus[0].limits());
        assert!(choices.len() > 8, "{choices:?}");
        for (i, tuning) in choices.into_iter().enumerate() {
            let (gpu, what) = (gpus[i % 2].clone().forced(tuning), format!("{}, k {k}, {tuning}", adapter.name()));
            case.check(&gpu, &what);
            let ran = gpu.ran();
            assert!(ran.iter().any(|name| name.contains(&tuning.to_string())), "{tuning} was not run: {ran:?}");
            more(&gpu, &what);
        }
    }
}

#[test]
fn every_choice_for_few_clusters_equals_the_judge_with_centroids_the_device_moved_too() {
    let weights: Vec<f64> = (0..330).map(|i| f64::from(i % 5) / 2.0).collect();
    let case = Case::new(Kind::Counts, 330, 5, 9, Some(Weights::new(&weights).unwrap()));
    let params = [Params::new(9).init(Init::Random).n_init(1).max_iter(6).tol(0.0).check().unwrap()];
    let right = outcome(&Exact, &case.matrix, &params);
    every_choice(&case, &|gpu, what| {
        let (ahead, _) =
            ahead_and_in_vain(gpu, || assert!(right == outcome(gpu, &case.matrix, &params), "{what}, a whole fit"));
        assert!(ahead > 0, "{what}");
    });
}

#[test]
fn every_choice_for_many_clusters_equals_the_judge() {
    // Sums in the totals; a ragged last tile; blocks of centroids and slices of coordinates that are not full.
    every_choice(&Case::new(Kind::Blobs, 1100, 17, 300, None), &|_, _| ());
}

#[test]
fn what_is_kept_in_a_cache_is_what_runs_and_changes_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    let case = Case::new(Kind::Counts, 600, 4, 20, None);
    for adapter in adapters() {
        let mut gpu = Gpu::open(std::slice::from_ref(&adapter), OpenOptions::default()).unwrap();
        let (class, all) = tune(&gpu, &case.matrix, 20, 1, &mut |_| ()).unwrap();
        assert!(all.len() > 8 && all.iter().all(|timed| timed.pass_seconds.is_ok()), "{all:?}");
        // Not the fastest, which is a matter of chance, but one that would not be planned.
        let tuning = all[all.len() - 1].tuning;
        let entry = Entry { identity: gpu.identity().clone(), class, tuning, pass_seconds: 1.0 };
        cache.keep(&entry).unwrap();
        assert_eq!(gpu.tuned(&cache), []);
        case.check(&gpu, "tuned");
        assert!(gpu.ran().iter().all(|name| name.contains(&tuning.to_string())), "{:?}", gpu.ran());
        // What does not fit the device is as good as not there.
        let wide = Tuning { wide: 64, ..tuning };
        cache.keep(&Entry { tuning: wide, ..entry }).unwrap();
        assert_eq!(gpu.tuned(&cache), []);
        case.check(&gpu, "tuned to what there is not");
        assert!(gpu.ran().iter().all(|name| name.contains(&all[0].tuning.to_string())), "{:?}", gpu.ran());
    }
}

#[test]
fn more_clusters_than_points_cannot_be_timed() {
    let case = Case::new(Kind::Counts, 6, 2, 3, None);
    for adapter in adapters() {
        let gpu = Gpu::open(std::slice::from_ref(&adapter), OpenOptions::default()).unwrap();
        assert_eq!(tune(&gpu, &case.matrix, 7, 1, &mut |_| ()).unwrap_err().exit_code(), 2);
    }
}
