//! Pruning on the CPU: sorted points and bounds must not be seen in any byte, whatever the centroids do.

use crate::contract::levels;
use crate::data::{KINDS, Kind, Random, table};
use crate::judge::{Answer, answers, centroids, verdict};
use segma::engine::cpu::{Cpu, Pruning};
use segma::engine::exact::Exact;
use segma::engine::{Centroids, Engine, SetPass};
use segma::kmeans::{Init, Params, Quiet, fit};
use segma::matrix::{Matrix, Weights};
use std::ops::Range;

fn pruned() -> impl Iterator<Item = Cpu> {
    levels().into_iter().map(|cpu| cpu.pruning(Pruning::Always))
}

/// The same as engines, for the tests that GPUs have to pass, too.
fn engines() -> Vec<Box<dyn Engine>> {
    pruned().map(|cpu| Box::new(cpu) as Box<dyn Engine>).collect()
}

/// A case whose seed is printed when it fails.
fn case(seed: u64) -> (Matrix, Vec<Vec<Centroids>>, String) {
    let mut random = Random(seed);
    let kind = KINDS[random.below(KINDS.len())];
    let (n, d, k) = (1 + random.below(900), 1 + random.below(20), 1 + random.below(40));
    let weights: Vec<f64> = (0..n).map(|_| (random.below(5) as f64) / 2.0 + f64::from(u8::from(n < 3))).collect();
    let weights = (random.below(3) == 0).then(|| Weights::new(&weights)).and_then(Result::ok);
    let matrix = Matrix::learn(&table(kind, n, d, seed).view(), weights).unwrap().0;
    let first = vec![centroids(&matrix, k, &mut random), centroids(&matrix, 1 + k / 3, &mut random)];
    let mut passes = vec![first];
    for _ in 0..12 {
        let next = passes[passes.len() - 1].iter().map(|c| moved(c, &matrix, &mut random)).collect();
        passes.push(next);
    }
    (matrix, passes, format!("seed={seed}: {kind:?} n={n} d={d} k={k}"))
}

/// Centroids after a pass: some stay, some creep by a step of the grid, some walk, and now and then one jumps to a point or
/// onto another.
fn moved(before: &Centroids, matrix: &Matrix, random: &mut Random) -> Centroids {
    let scale = u64::from(matrix.frame().bits().saturating_sub(1));
    let reach = random.below(usize::try_from(scale).unwrap()) as u32;
    let mut values = Vec::new();
    for row in before.rows() {
        match random.below(12) {
            0..=4 => values.extend(row),
            5 => values.extend(matrix.point(random.below(matrix.count()))),
            6 => values.extend(before.row(random.below(before.k()))),
            _ => values.extend(row.iter().map(|q| q + (random.word() % (2 << reach)).cast_signed() - (1 << reach))),
        }
    }
    Centroids::new(before.dims(), values)
}

fn check(judge: &[Vec<Answer>], got: &[Vec<Answer>], what: &str) {
    for (pass, (judge, got)) in judge.iter().zip(got).enumerate() {
        for (set, (judge, got)) in judge.iter().zip(got).enumerate() {
            assert_eq!(verdict(judge, got), Ok(()), "{what}, pass {pass}, set {set}");
        }
    }
}

pub(crate) fn random_walks(seeds: Range<u64>, engines: &[Box<dyn Engine>]) {
    for seed in seeds {
        let (matrix, passes, what) = case(seed);
        let judge = answers(&Exact, &matrix, &passes);
        for engine in engines {
            check(&judge, &answers(&**engine, &matrix, &passes), &format!("{what}, {}", engine.name()));
        }
    }
}

#[test]
fn random_walks_of_the_centroids_equal_the_judge() {
    random_walks(0..60, &engines());
}

pub(crate) fn changes_from_outside(seeds: Range<u64>, engines: &[Box<dyn Engine>]) {
    for seed in seeds {
        let (matrix, passes, what) = case(seed);
        let run = |engine: &dyn Engine| {
            let mut random = Random(seed);
            let mut session = engine.load(&matrix).unwrap();
            session.open(1).unwrap();
            let mut all = Vec::new();
            for sets in &passes {
                let change = session.pass(&[SetPass { set: 0, centroids: &sets[0] }]).unwrap().remove(0);
                let farthest = session.farthest(0, 3).unwrap();
                all.push((session.labels(0).unwrap(), change.sums, change.changed, farthest));
                let k = sets[0].k();
                for _ in 0..random.below(3) {
                    let (row, label) = (random.below(matrix.count()), random.below(k));
                    session.relabel(0, row, label as u32).unwrap();
                }
                if random.below(4) == 0 {
                    let map: Vec<u32> = (0..k as u32).rev().collect();
                    session.renumber(0, &map).unwrap();
                }
            }
            all
        };
        let judge = run(&Exact);
        for engine in engines {
            assert!(judge == run(&**engine), "{what}, {}", engine.name());
        }
    }
}

#[test]
fn labels_that_are_changed_from_outside_equal_the_judge() {
    changes_from_outside(100..130, &engines());
}

/// A set comes back with centroids that moved for several passes, to points that may have been sorted in between.
pub(crate) fn sets_that_come_and_go(seeds: Range<u64>, engines: &[Box<dyn Engine>]) {
    for seed in seeds {
        let (matrix, passes, what) = case(seed);
        let run = |engine: &dyn Engine| {
            let mut random = Random(seed);
            let mut session = engine.load(&matrix).unwrap();
            session.open(2).unwrap();
            let mut all = Vec::new();
            for (pass, sets) in passes.iter().enumerate() {
                let out = if pass == 0 { 2 } else { random.below(4) };
                let batch: Vec<SetPass<'_>> =
                    (0..2).filter(|set| *set != out).map(|set| SetPass { set, centroids: &sets[set] }).collect();
                let changes = session.pass(&batch).unwrap();
                let changes: Vec<_> = changes.into_iter().map(|c| (c.sums, c.weights, c.counts, c.changed)).collect();
                all.push((changes, session.labels(0).unwrap(), session.labels(1).unwrap()));
            }
            all
        };
        let judge = run(&Exact);
        for engine in engines {
            assert!(judge == run(&**engine), "{what}, {}", engine.name());
        }
    }
}

#[test]
fn a_set_that_leaves_the_batch_and_comes_back_equals_the_judge() {
    sets_that_come_and_go(200..230, &engines());
}

/// How many points the referee takes depends on which points share a tile, and on which tiles are scored: it is all that a
/// sort leaves to be seen, and so shows that one happened. Below 16,384 rows none does.
#[test]
fn a_fit_long_enough_to_sort_on_its_own_is_the_same() {
    for (rows, sorts) in [(16_000, false), (16_500, true)] {
        let matrix = Matrix::learn(&table(Kind::Outlier, rows, 6, 7).view(), None).unwrap().0;
        let params = Params::new(20).tol(0.0).check().unwrap();
        for cpu in levels() {
            let never = fit(&cpu.pruning(Pruning::Never), &matrix, &params, &mut Quiet).unwrap();
            let auto = fit(&cpu.pruning(Pruning::Auto), &matrix, &params, &mut Quiet).unwrap();
            assert!(never.iterations > 10, "{} iterations", never.iterations);
            let (name, refereed) = (cpu.name(), (auto.refereed, never.refereed));
            assert_eq!(refereed.0 != refereed.1, sorts, "{name}, {rows} rows: {refereed:?} refereed");
            assert!(auto.labels == never.labels, "{name}");
            assert_eq!(
                (auto.centroids, auto.counts, auto.inertia, auto.iterations),
                (never.centroids, never.counts, never.inertia, never.iterations),
                "{name}"
            );
        }
    }
}

#[test]
fn whole_fits_are_the_same_with_and_without() {
    for kind in KINDS {
        for (n, d, k) in [(3000, 6, 25), (2000, 2, 100), (700, 33, 4)] {
            let matrix = Matrix::learn(&table(kind, n, d, 12).view(), None).unwrap().0;
            let params = Params::new(k).init(Init::Random).n_init(3).tol(0.0).check().unwrap();
            let judge = fit(&Cpu::new().unwrap().pruning(Pruning::Never), &matrix, &params, &mut Quiet).unwrap();
            for cpu in pruned() {
                let got = fit(&cpu, &matrix, &params, &mut Quiet).unwrap();
                assert_eq!(judge.labels, got.labels, "{kind:?} {}", cpu.name());
                assert_eq!(
                    (&judge.centroids, &judge.counts, judge.inertia, judge.iterations),
                    (&got.centroids, &got.counts, got.inertia, got.iterations),
                    "{kind:?} {}",
                    cpu.name()
                );
            }
        }
    }
}

/// Points from two clusters whose centroids creep towards the border: what a slack that is a hair too large would miss.
pub(crate) fn border_points(engines: &[Box<dyn Engine>]) {
    let matrix = Matrix::learn(&table(Kind::Blobs, 2000, 3, 5).view(), None).unwrap().0;
    let mut random = Random(1);
    let mut set = centroids(&matrix, 18, &mut random);
    let mut passes = Vec::new();
    for pass in 0..60 {
        passes.push(vec![set.clone()]);
        let creep = |(i, q): (usize, &i64)| q + if i % 5 == pass % 5 { (i as i64 - 27) << 27 } else { 0 };
        set = Centroids::new(3, set.values().iter().enumerate().map(creep).collect());
    }
    let judge = answers(&Exact, &matrix, &passes);
    assert!(judge.iter().skip(5).filter(|sets| sets[0].changed > 0).count() > 40, "centroids that move points");
    for engine in engines {
        check(&judge, &answers(&**engine, &matrix, &passes), &engine.name());
    }
}

#[test]
fn points_at_the_border_are_seen_to_cross_it() {
    border_points(&engines());
}

/// A centroid that creeps away from its points loses them one day: the radius of their tile must grow with every step.
pub(crate) fn points_left_behind(engines: &[Box<dyn Engine>]) {
    let x = ndarray::Array2::from_shape_fn((400, 1), |(i, _)| [0.0, 10.0, 0.0, -14.0][i % 4]);
    let matrix = Matrix::learn(&x.view(), None).unwrap().0;
    let grid = |v: f64| matrix.frame().grid(0, v);
    let passes: Vec<Vec<Centroids>> = (0..200)
        .map(|step| vec![Centroids::new(1, vec![grid(-0.06 * f64::from(step)), grid(10.0), grid(-40.0)])])
        .collect();
    let judge = answers(&Exact, &matrix, &passes);
    assert_eq!((judge[150][0].labels[0], judge[199][0].labels[0]), (0, 1));
    for engine in engines {
        check(&judge, &answers(&**engine, &matrix, &passes), &engine.name());
    }
}

#[test]
fn points_whose_centroid_creeps_away_are_seen_to_leave_it() {
    points_left_behind(&engines());
}
