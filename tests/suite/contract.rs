//! One answer: every SIMD level, thread count and batch equals the judge, byte for byte.

use crate::data::{KINDS, Kind, Random, narrow, table};
use crate::judge::{answers, centroids, verdict};
use segma::engine::cpu::{Cpu, Level};
use segma::engine::exact::Exact;
use segma::engine::{Centroids, Engine};
use segma::kmeans::{Fit, Init, Params, Quiet, fit};
use segma::matrix::{Frame, Matrix, Weights};

const COUNTS: [usize; 5] = [1, 63, 64, 65, 4099];
const DIMS: [usize; 7] = [1, 2, 3, 7, 16, 33, 129];

/// The levels this machine has. `SEGMA_REQUIRE_SIMD=<level>` makes a missing one a failure.
pub(crate) fn levels() -> Vec<Cpu> {
    let required = std::env::var("SEGMA_REQUIRE_SIMD").unwrap_or_default();
    let (has, lacks): (Vec<_>, Vec<_>) = Level::ALL.into_iter().partition(|l| l.available());
    for level in lacks {
        assert_ne!(level.name(), required, "SEGMA_REQUIRE_SIMD={required}, but this CPU lacks it");
        println!("skipped: SIMD level {level} (not on this CPU)");
    }
    has.into_iter().map(|l| Cpu::with_level(l).unwrap()).collect()
}

fn threads(count: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(count).build().unwrap()
}

/// The ks of an awkward table: small ones, around a register block, beyond one, and one cluster a row.
fn ks(n: usize, d: usize) -> Vec<usize> {
    let mut ks: Vec<usize> = [1, 2, 3, 8, 65].into_iter().filter(|&k| k <= n).collect();
    if n < 100 && !ks.contains(&n) {
        ks.push(n);
    }
    if n > 1000 && d > 16 {
        ks.retain(|&k| k < 65); // the judge is slow on purpose
    }
    ks
}

fn check_passes(matrix: &Matrix, passes: &[Vec<Centroids>], what: &str) {
    let judge = answers(&Exact, matrix, passes);
    for cpu in levels() {
        for count in [1, 3] {
            let got = threads(count).install(|| answers(&cpu, matrix, passes));
            for (pass, (judge, got)) in judge.iter().zip(&got).enumerate() {
                for (set, (judge, got)) in judge.iter().zip(got).enumerate() {
                    let verdict = verdict(judge, got);
                    assert_eq!(verdict, Ok(()), "{what}, {}, {count} threads, pass {pass}, set {set}", cpu.name());
                }
            }
        }
    }
}

fn awkward(kind: Kind) {
    let mut seed = 1000;
    for n in COUNTS {
        for d in DIMS {
            seed += 1;
            let matrix = Matrix::learn(&table(kind, n, d, seed).view(), None).unwrap().0;
            let mut random = Random(seed);
            let ks = ks(n, d);
            let passes: Vec<Vec<Centroids>> =
                (0..2).map(|_| ks.iter().map(|&k| centroids(&matrix, k, &mut random)).collect()).collect();
            check_passes(&matrix, &passes, &format!("{kind:?} n={n} d={d} seed={seed}"));
        }
    }
}

#[test]
fn passes_equal_the_judge_on_blobs() {
    awkward(Kind::Blobs);
}

#[test]
fn passes_equal_the_judge_where_ties_are_everywhere() {
    awkward(Kind::Counts);
}

#[test]
fn passes_equal_the_judge_where_rows_repeat() {
    awkward(Kind::Constant);
    awkward(Kind::Duplicates);
}

#[test]
fn passes_equal_the_judge_beside_a_far_outlier() {
    awkward(Kind::Outlier);
}

#[test]
fn passes_equal_the_judge_at_large_offsets_and_magnitudes() {
    for (offset, factor) in [(1e6, 1.0), (0.0, 1e30), (0.0, 1e-25), (1e12, 1e-3)] {
        for kind in [Kind::Blobs, Kind::Counts] {
            let x = table(kind, 1000, 7, 77).mapv(|v| v * factor + offset);
            for matrix in [Matrix::learn(&x.view(), None), Matrix::learn(&narrow(&x).view(), None)] {
                let matrix = matrix.unwrap().0;
                let passes = vec![vec![centroids(&matrix, 8, &mut Random(5)), centroids(&matrix, 3, &mut Random(6))]];
                check_passes(&matrix, &passes, &format!("{kind:?} offset {offset} factor {factor}"));
            }
        }
    }
}

#[test]
fn passes_equal_the_judge_with_weights() {
    let mut random = Random(9);
    for kind in KINDS {
        let weights: Vec<f64> = (0..4099).map(|i| if i % 7 == 0 { 0.0 } else { random.uniform() * 10.0 }).collect();
        let weights = Weights::new(&weights).unwrap();
        let matrix = Matrix::learn(&table(kind, 4099, 5, 10).view(), Some(weights)).unwrap().0;
        let passes: Vec<_> = (0..3).map(|_| vec![centroids(&matrix, 6, &mut random)]).collect();
        check_passes(&matrix, &passes, &format!("{kind:?} weighted"));
    }
}

#[test]
fn passes_equal_the_judge_at_random() {
    let seed = std::env::var("SEGMA_TEST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(20_261_122);
    println!("seed {seed} (set SEGMA_TEST_SEED to repeat or vary)");
    let mut random = Random(seed);
    for round in 0..40 {
        let kind = KINDS[random.below(KINDS.len())];
        let (n, d, k) = (1 + random.below(700), 1 + random.below(40), 1 + random.below(40));
        let matrix = Matrix::learn(&table(kind, n, d, random.word()).view(), None).unwrap().0;
        let passes: Vec<_> = (0..2).map(|_| vec![centroids(&matrix, k, &mut random)]).collect();
        check_passes(&matrix, &passes, &format!("seed {seed} round {round}: {kind:?} n={n} d={d} k={k}"));
    }
}

#[test]
fn points_that_saturate_are_labelled_as_the_judge_does() {
    let frame = Matrix::learn(&table(Kind::Blobs, 500, 4, 3).view(), None).unwrap().0.frame().clone();
    let far = table(Kind::Blobs, 300, 4, 4).mapv(|v| (v - 2.0) * 1e9);
    let matrix = Matrix::on_frame(&far.view(), &frame).unwrap();
    let near = Matrix::on_frame(&table(Kind::Blobs, 500, 4, 3).view(), &frame).unwrap();
    let passes = vec![vec![centroids(&near, 9, &mut Random(1))]];
    let judge = &answers(&Exact, &matrix, &passes)[0][0];
    for cpu in levels() {
        assert_eq!(judge.labels, answers(&cpu, &matrix, &passes)[0][0].labels, "{}", cpu.name());
    }
}

fn same_fit(a: &Fit, b: &Fit, what: &str) {
    assert_eq!(a.labels, b.labels, "labels, {what}");
    assert_eq!(a.centroids, b.centroids, "centroids, {what}");
    assert_eq!((&a.counts, &a.weights, a.inertia), (&b.counts, &b.weights, b.inertia), "{what}");
    assert_eq!((a.iterations, a.converged, a.start), (b.iterations, b.converged, b.start), "{what}");
}

#[test]
fn whole_fits_equal_the_judge_on_every_level_and_thread_count() {
    for kind in KINDS {
        for (k, init) in [(1, Init::KMeansPlusPlus), (5, Init::KMeansPlusPlus), (9, Init::Random)] {
            let matrix = Matrix::learn(&table(kind, 3000, 6, 12).view(), None).unwrap().0;
            let params = Params::new(k).init(init.clone()).n_init(3).max_iter(40).check().unwrap();
            let judge = fit(&Exact, &matrix, &params, &mut Quiet).unwrap();
            for cpu in levels() {
                for count in [1, 2, 3, 7] {
                    let got = threads(count).install(|| fit(&cpu, &matrix, &params, &mut Quiet)).unwrap();
                    same_fit(&judge, &got, &format!("{kind:?} k={k} {init:?} {} {count} threads", cpu.name()));
                }
            }
        }
    }
}

#[test]
fn a_start_in_a_batch_is_what_it_is_alone() {
    let matrix = Matrix::learn(&table(Kind::Blobs, 5000, 4, 8).view(), None).unwrap().0;
    let mut random = Random(4);
    let sets: Vec<Centroids> = (0..5).map(|i| centroids(&matrix, 2 + i, &mut random)).collect();
    for cpu in levels() {
        let together = answers(&cpu, &matrix, std::slice::from_ref(&sets));
        for (s, set) in sets.iter().enumerate() {
            assert_eq!(answers(&cpu, &matrix, &[vec![set.clone()]])[0][0], together[0][s], "set {s}");
        }
    }
}

#[test]
fn predict_gives_the_training_labels_whatever_the_offset_or_magnitude() {
    for (offset, factor) in [(0.0, 1.0), (1e6, 1.0), (0.0, 1e30), (0.0, 1e-25)] {
        for kind in KINDS {
            let x = narrow(&table(kind, 3000, 3, 21).mapv(|v| v * factor + offset));
            let matrix = Matrix::learn(&x.view(), None).unwrap().0;
            let cpu = Cpu::new().unwrap();
            let found = fit(&cpu, &matrix, &Params::new(6).check().unwrap(), &mut Quiet).unwrap();
            let frame =
                Frame::new(matrix.frame().offset().to_vec(), matrix.frame().exponent(), matrix.frame().bits()).unwrap();
            let again = Matrix::on_frame(&x.view(), &frame).unwrap();
            let labels = &answers(&cpu, &again, &[vec![found.centroids.clone()]])[0][0].labels;
            assert_eq!(&found.labels, labels, "{kind:?} offset {offset} factor {factor}");
        }
    }
}
