//! One group per stage: pack, upload, first pass, steady pass, referee, seed, measure, silhouette.
//!
//! A pass is assign and accumulate together, since a tile goes through both while it is in cache. The first pass moves
//! every point into a cluster; a steady one changes no label. Every answer is checked before it is timed, that of a pass
//! against the judge.

#![allow(clippy::unwrap_used, reason = "a bench that cannot run must fail")]

mod common;

use common::data::Random;
use common::{blobs, engines, gpus, group, id, packed};
use criterion::Criterion;
use ndarray::Array2;
use segma::engine::cpu::Cpu;
use segma::engine::exact::{Exact, distance2};
use segma::engine::{Centroids, Change, Engine, Session, SetPass};
use segma::error::{Error, Result};
use segma::kmeans::{Fit, Observer, Params, Progress, Quiet, ValidParams, fit};
use segma::matrix::{Matrix, TILE};
use segma::quality::silhouette;
use segma::segments::Assignments;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// Points, columns, clusters of a pass: few clusters, more than a register block, many.
const PASSES: [(usize, usize, usize); 3] = [(65_536, 16, 8), (65_536, 32, 64), (16_384, 16, 512)];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    pack(&mut criterion);
    upload(&mut criterion);
    passes(&mut criterion);
    referee(&mut criterion);
    seed(&mut criterion);
    measure(&mut criterion);
    silhouettes(&mut criterion);
    criterion.final_summary();
}

fn pack(criterion: &mut Criterion) {
    let (n, d) = (262_144, 16);
    let points = blobs(n, d);
    let matrix = packed(&points);
    for ((i, j), &x) in points.indexed_iter().step_by(997) {
        assert_eq!(matrix.tile(i / TILE)[j * TILE + i % TILE], matrix.frame().place(j, f64::from(x)), "point {i}");
    }
    group(criterion, "pack", n).bench_function(id("host", n, d, 0), |b| b.iter(|| packed(black_box(&points))));
}

/// To a GPU; a CPU reads the points where they are.
fn upload(criterion: &mut Criterion) {
    let (n, d) = (262_144, 16);
    let matrix = packed(&blobs(n, d));
    for gpu in gpus() {
        group(criterion, "upload", n).bench_function(id(&gpu.name(), n, d, 0), |b| {
            b.iter(|| gpu.load(black_box(&matrix)).unwrap().open(1).unwrap());
        });
    }
}

fn passes(criterion: &mut Criterion) {
    for (n, d, k) in PASSES {
        let matrix = packed(&blobs(n, d));
        let centroids = drawn(&matrix, k);
        let judge = first_pass(&Exact, &matrix, &centroids);
        for engine in engines() {
            assert!(same(&judge, &first_pass(&*engine, &matrix, &centroids)), "{} n={n} d={d} k={k}", engine.name());
            time_first(criterion, "first pass", &*engine, &matrix, &centroids);
            time_steady(criterion, &*engine, &matrix, &centroids);
        }
    }
}

/// Small whole numbers, where many points are as near to one centroid as to another.
fn referee(criterion: &mut Criterion) {
    let (n, d, k) = (65_536, 20, 16);
    let mut random = Random(3);
    let matrix = packed(&Array2::from_shape_fn((n, d), |(_, j)| random.below(if j < d / 2 { 6 } else { 2 }) as f32));
    let centroids = drawn(&matrix, k);
    let judge = first_pass(&Exact, &matrix, &centroids);
    for engine in engines() {
        let answer = first_pass(&*engine, &matrix, &centroids);
        assert!(same(&judge, &answer), "{}", engine.name());
        assert!(answer.1.refereed > n as u64 / 100, "only {} points tie", answer.1.refereed);
        time_first(criterion, "referee", &*engine, &matrix, &centroids);
    }
}

fn seed(criterion: &mut Criterion) {
    for (n, d, k) in [(65_536, 16, 8), (65_536, 16, 64), (65_536, 16, 500)] {
        let matrix = packed(&blobs(n, d));
        let cpu = Cpu::new().unwrap();
        let params = Params::new(k).max_iter(1).check().unwrap();
        let once = |threads: usize| -> Fit {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| fit(&cpu, &matrix, &params, &mut Quiet)).unwrap()
        };
        assert_eq!(once(1).labels, once(2).labels, "n={n} d={d} k={k}");
        group(criterion, "seed", n)
            .bench_function(id("host", n, d, k), |b| b.iter(|| only_seeded(&cpu, &matrix, &params)));
    }
}

fn measure(criterion: &mut Criterion) {
    let (n, d, k) = (65_536, 16, 8);
    let matrix = packed(&blobs(n, d));
    let centroids = drawn(&matrix, k);
    let (labels, _) = first_pass(&Cpu::new().unwrap(), &matrix, &centroids);
    let assignments = Assignments::new(&matrix, &centroids, &labels);
    let measured = assignments.distances(0..matrix.tiles());
    for i in (0..n).step_by(101) {
        let exact2 = distance2(matrix.point(i), centroids.row(labels[i] as usize));
        let exact = matrix.frame().length2(exact2 as f64).sqrt();
        assert!((measured.own[i] - exact).abs() <= 1e-9 * exact, "point {i}");
    }
    group(criterion, "measure", n).bench_function(id("host", n, d, k), |b| {
        b.iter(|| assignments.distances(0..black_box(&matrix).tiles()));
    });
}

/// Every pair of rows.
fn silhouettes(criterion: &mut Criterion) {
    let (n, d, k) = (8_192, 16, 8);
    let matrix = packed(&blobs(n, d));
    let (labels, _) = first_pass(&Cpu::new().unwrap(), &matrix, &drawn(&matrix, k));
    let mean = |engine: &dyn Engine| silhouette(engine, &matrix, &labels, k, n, 0).unwrap().mean.value;
    let judge = mean(&Exact);
    for engine in engines() {
        assert!((mean(&*engine) - judge).abs() <= 1e-7, "{}", engine.name());
        group(criterion, "silhouette", n).bench_function(id(&engine.name(), n, d, k), |b| b.iter(|| mean(&*engine)));
    }
}

/// `k` points of the matrix, far apart in row order.
fn drawn(matrix: &Matrix, k: usize) -> Centroids {
    let rows = (0..k).map(|c| c * (matrix.count() / k));
    Centroids::new(matrix.dims(), rows.flat_map(|row| matrix.point(row)).collect())
}

fn first_pass(engine: &dyn Engine, matrix: &Matrix, centroids: &Centroids) -> (Vec<u32>, Change) {
    let mut session = engine.load(matrix).unwrap();
    session.open(1).unwrap();
    let change = pass(&mut *session, centroids);
    (session.labels(0).unwrap(), change)
}

fn pass(session: &mut dyn Session, centroids: &Centroids) -> Change {
    session.pass(&[SetPass { set: 0, centroids }]).unwrap().remove(0)
}

/// Whether two passes give the same answer; how many points the referee took is no part of it.
fn same((a_labels, a): &(Vec<u32>, Change), (b_labels, b): &(Vec<u32>, Change)) -> bool {
    a_labels == b_labels && a.sums == b.sums && a.weights == b.weights && a.counts == b.counts && a.changed == b.changed
}

/// A pass in which every point is new; forgetting the labels again is not timed.
fn time_first(criterion: &mut Criterion, stage: &str, engine: &dyn Engine, matrix: &Matrix, centroids: &Centroids) {
    let (n, d, k) = (matrix.count(), matrix.dims(), centroids.k());
    let mut session = engine.load(matrix).unwrap();
    group(criterion, stage, n).bench_function(id(&engine.name(), n, d, k), |b| {
        b.iter_custom(|times| {
            let mut total = Duration::ZERO;
            for _ in 0..times {
                session.open(1).unwrap();
                let clock = Instant::now();
                black_box(pass(&mut *session, centroids));
                total += clock.elapsed();
            }
            total
        });
    });
}

/// A pass in which no label changes.
fn time_steady(criterion: &mut Criterion, engine: &dyn Engine, matrix: &Matrix, centroids: &Centroids) {
    let (n, d, k) = (matrix.count(), matrix.dims(), centroids.k());
    let mut session = engine.load(matrix).unwrap();
    session.open(1).unwrap();
    pass(&mut *session, centroids);
    assert_eq!(pass(&mut *session, centroids).changed, 0);
    group(criterion, "steady pass", n)
        .bench_function(id(&engine.name(), n, d, k), |b| b.iter(|| pass(&mut *session, centroids)));
}

/// Ends a fit once its first centroids are chosen.
struct UntilSeeded;

impl Observer for UntilSeeded {
    fn progress(&mut self, progress: Progress) -> ControlFlow<()> {
        match progress {
            Progress::Seeding { chosen, of, .. } if chosen < of => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    }
}

fn only_seeded(engine: &dyn Engine, matrix: &Matrix, params: &ValidParams) -> Result<Fit> {
    let ended = fit(engine, matrix, params, &mut UntilSeeded);
    assert!(matches!(ended, Err(Error::Interrupted)), "the seed is the first thing told");
    ended
}
