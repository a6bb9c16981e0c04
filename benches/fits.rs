//! Whole fits: first centroids, passes and the last labelling, from packed points.
//!
//! Small fits are checked against the judge before they are timed, large ones against the portable level, which the tests
//! hold against the judge.

#![allow(clippy::unwrap_used, reason = "a bench that cannot run must fail")]

mod common;

use common::{blobs, engines, group, id, packed};
use criterion::Criterion;
use segma::engine::Engine;
use segma::engine::cpu::{Cpu, Level};
use segma::engine::exact::Exact;
use segma::kmeans::{Fit, Params, Quiet, ValidParams, fit};
use segma::matrix::Matrix;

/// Points, columns, clusters.
const FITS: [(usize, usize, usize); 4] = [(10_000, 4, 5), (20_000, 16, 8), (65_536, 16, 8), (32_768, 32, 64)];

/// The most coordinates times clusters that the judge is asked for: a second or so for a fit.
const JUDGED: usize = 4_000_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for (n, d, k) in FITS {
        let matrix = packed(&blobs(n, d));
        let params = Params::new(k).max_iter(20).check().unwrap();
        let judge = fitted(&*judge(n * d * k), &matrix, &params);
        for engine in engines() {
            let found = fitted(&*engine, &matrix, &params);
            assert!(same(&judge, &found), "{} n={n} d={d} k={k}", engine.name());
            group(&mut criterion, "fit", n)
                .bench_function(id(&engine.name(), n, d, k), |b| b.iter(|| fitted(&*engine, &matrix, &params)));
        }
    }
    criterion.final_summary();
}

fn judge(work: usize) -> Box<dyn Engine> {
    if work <= JUDGED { Box::new(Exact) } else { Box::new(Cpu::with_level(Level::Portable).unwrap()) }
}

fn fitted(engine: &dyn Engine, matrix: &Matrix, params: &ValidParams) -> Fit {
    fit(engine, matrix, params, &mut Quiet).unwrap()
}

fn same(a: &Fit, b: &Fit) -> bool {
    a.labels == b.labels
        && a.centroids == b.centroids
        && (&a.counts, a.inertia, a.iterations) == (&b.counts, b.inertia, b.iterations)
}
