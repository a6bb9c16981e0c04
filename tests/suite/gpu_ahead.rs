//! Passes that a GPU makes ahead of the fit loop, with centroids that it moved itself: whole fits against the judge, by
//! equality, and how many of those passes had to be taken back.

use crate::data::{KINDS, Kind, Random, table};
use crate::gpu::{ALL, adapters, gpus, open};
use segma::engine::cpu::Cpu;
use segma::engine::exact::Exact;
use segma::engine::gpu::plan::DeviceLimits;
use segma::engine::gpu::{Gpu, OpenOptions};
use segma::engine::{Centroids, Engine, SetPass};
use segma::kmeans::{Fit, Init, Observer, Params, Progress, ValidParams, sweep};
use segma::matrix::{Frame, Matrix, Weights};
use std::ops::ControlFlow;

/// What an observer was told of each pass; it may stop the fit after some.
#[derive(Default)]
struct Told(Vec<(u32, usize, u64)>, Option<usize>);

impl Observer for Told {
    fn progress(&mut self, progress: Progress) -> ControlFlow<()> {
        if let Progress::Pass { pass, active, changed, .. } = progress {
            self.0.push((pass, active, changed));
        }
        if self.1 == Some(self.0.len()) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Everything of the fits that is part of the result, and what the observer was told.
fn outcome(engine: &dyn Engine, matrix: &Matrix, params: &[ValidParams]) -> (Vec<String>, Vec<(u32, usize, u64)>) {
    let mut told = Told::default();
    let fits = sweep(engine, matrix, params, &mut told).unwrap();
    let text = |f: &Fit| {
        let (end, notes) = ((f.iterations, f.converged, f.start, f.passes), &f.notes);
        format!("{:?} {:?} {:?} {:?} {} {end:?} {notes:?}", f.centroids, f.labels, f.counts, f.weights, f.inertia)
    };
    (fits.iter().map(text).collect(), told.0)
}

fn assert_equal(judge: &dyn Engine, gpus: &[(String, Gpu)], matrix: &Matrix, params: &[ValidParams], what: &str) {
    let right = outcome(judge, matrix, params);
    for (name, gpu) in gpus {
        assert!(right == outcome(gpu, matrix, params), "{name}, {what}");
    }
}

/// Passes made ahead and in vain by `work`.
fn ahead_and_in_vain(gpu: &Gpu, work: impl FnOnce()) -> (u64, u64) {
    let before = gpu.passes_ahead();
    work();
    let after = gpu.passes_ahead();
    (after.0 - before.0, after.1 - before.1)
}

fn weighted(kind: Kind, n: usize, d: usize, largest: f64) -> Matrix {
    let mut random = Random(21);
    let weights: Vec<f64> = (0..n).map(|i| if i % 6 == 0 { 0.0 } else { largest * random.uniform() }).collect();
    Matrix::learn(&table(kind, n, d, 5).view(), Some(Weights::new(&weights).unwrap())).unwrap().0
}

#[test]
fn every_end_of_a_fit_equals_the_judge() {
    let gpus = gpus();
    let matrix = Matrix::learn(&table(Kind::Blobs, 900, 3, 12).view(), None).unwrap().0;
    for max_iter in [1, 2, 3, 7, 60] {
        for tol in [0.0, 1e-3, 0.2] {
            let params = Params::new(8).init(Init::Random).n_init(1).max_iter(max_iter).tol(tol).check().unwrap();
            assert_equal(&Exact, &gpus, &matrix, &[params], &format!("max_iter {max_iter}, tol {tol}"));
        }
    }
}

#[test]
fn batches_of_starts_on_awkward_tables_equal_the_judge() {
    let gpus = gpus();
    for kind in KINDS {
        for (n, d, k) in [(70, 1, 9), (500, 5, 12), (300, 70, 6)] {
            let matrix = Matrix::learn(&table(kind, n, d, 12).view(), None).unwrap().0;
            let params = Params::new(k).init(Init::Random).n_init(4).max_iter(30).check().unwrap();
            assert_equal(&Exact, &gpus, &matrix, &[params], &format!("{kind:?} {n} x {d}, k {k}"));
        }
        let matrix = weighted(kind, 400, 4, 3.0);
        let params = Params::new(7).init(Init::Random).n_init(4).max_iter(30).check().unwrap();
        assert_equal(&Exact, &gpus, &matrix, &[params], &format!("{kind:?}, weighted"));
    }
}

#[test]
fn a_sweep_whose_fits_end_at_different_passes_equals_the_judge() {
    let matrix = Matrix::learn(&table(Kind::Blobs, 700, 4, 9).view(), None).unwrap().0;
    let of = |k: usize| {
        let max_iter = if k.is_multiple_of(3) { 5 } else { 50 };
        Params::new(k).init(Init::Random).n_init(2).max_iter(max_iter).tol(1e-4 * k as f64).check().unwrap()
    };
    let params: Vec<_> = (2..9).map(of).collect();
    assert_equal(&Exact, &gpus(), &matrix, &params, "sweep");
}

#[test]
fn clusters_that_empty_in_the_middle_are_the_hosts() {
    // Far centroids that win nothing are filled one pass, and lose it all to a neighbour some passes later.
    let matrix = Matrix::learn(&table(Kind::Outlier, 600, 2, 3).view(), None).unwrap().0;
    let given = ndarray::Array2::from_shape_fn((9, 2), |(c, j)| if c < 3 { c as f64 } else { 1e6 * (c + j) as f64 });
    let params = Params::new(9).init(Init::Given(given)).max_iter(60).tol(0.0).check().unwrap();
    assert_equal(&Exact, &gpus(), &matrix, &[params], "empty clusters");
}

#[test]
fn sums_near_the_limits_equal_the_cpu() {
    // 2^21 rows at both ends of the grid fill 61 bits of a sum; weights near the largest total take 102.
    let x = ndarray::Array2::from_shape_fn(
        (1 << 21, 1),
        |(i, _)| if i % 3 == 0 { -1.0 } else { 1.0 - (i % 64) as f64 / 1e3 },
    );
    let matrix = Matrix::learn(&x.view(), None).unwrap().0;
    let params = Params::new(3).init(Init::Random).n_init(1).max_iter(12).tol(0.0).check().unwrap();
    let cpu = Cpu::new().unwrap();
    let unchecked: Vec<_> = gpus().into_iter().filter(|(name, _)| name.contains("checked false")).collect();
    assert_equal(&cpu, &unchecked, &matrix, std::slice::from_ref(&params), "many rows");
    assert_equal(&cpu, &gpus(), &weighted(Kind::Outlier, 500, 2, 1e300), &[params], "great weights");
}

#[test]
fn what_the_device_divides_is_what_the_host_divides() {
    // The host checks every centroid that the device went on with, so a wrong one would cost time and no byte: it must not
    // come to that. Sums of a few small integers are often halfway between two grid points, above and below zero.
    let step = 1.0 / (1u64 << 40) as f64;
    let mut random = Random(17);
    let x = ndarray::Array2::from_shape_fn((400, 20), |_| step * (random.below(41) as f64 - 20.0));
    let halves = Matrix::on_frame(&x.view(), &Frame::new(vec![0.0; 20], 0, 40).unwrap()).unwrap();
    let blobs = Matrix::learn(&table(Kind::Blobs, 3000, 5, 12).view(), None).unwrap().0;
    for (matrix, k) in [(halves, 40), (blobs, 6), (weighted(Kind::Blobs, 2000, 70, 1e9), 6)] {
        let params = Params::new(k).init(Init::Random).n_init(1).tol(0.0).check().unwrap();
        let right = outcome(&Exact, &matrix, std::slice::from_ref(&params));
        assert!(right.1.len() > 3 && right.0[0].contains("true"), "k {k}: passes {:?}", right.1);
        for (name, gpu) in gpus() {
            let (ahead, in_vain) = ahead_and_in_vain(&gpu, || {
                assert!(right == outcome(&gpu, &matrix, std::slice::from_ref(&params)), "{name}");
            });
            assert!(ahead > 0 && in_vain == 0, "{name}: {ahead} ahead, {in_vain} in vain of {}", right.1.len());
        }
    }
}

#[test]
fn several_passes_share_a_submission_where_that_is_allowed() {
    let matrix = Matrix::learn(&table(Kind::Blobs, 3000, 5, 12).view(), None).unwrap().0;
    let params = Params::new(9).init(Init::Random).n_init(1).tol(0.0).max_iter(40).check().unwrap();
    let cuts = [
        (DeviceLimits::LEAST, true),
        (DeviceLimits { slice_tiles: 4, ..DeviceLimits::LEAST }, true),
        (DeviceLimits { passes: 1, ..DeviceLimits::LEAST }, false),
        (DeviceLimits { step_work: 1 << 20, ..DeviceLimits::LEAST }, false),
        (DeviceLimits { binding_bytes: 1 << 14, ..DeviceLimits::LEAST }, true),
        (DeviceLimits { groups: 8, ..DeviceLimits::LEAST }, false),
    ];
    let right = outcome(&Exact, &matrix, std::slice::from_ref(&params));
    let passes = u64::from(right.1.last().unwrap().0);
    for adapter in adapters() {
        for (limits, several) in cuts {
            let gpu = open(&adapter, OpenOptions { limits: Some(limits), ..ALL });
            let (ahead, _) = ahead_and_in_vain(&gpu, || {
                assert!(right == outcome(&gpu, &matrix, std::slice::from_ref(&params)), "{limits:?}");
            });
            assert_eq!(ahead > passes / 2, several, "{limits:?}: {ahead} of {passes}");
            assert!(
                limits != DeviceLimits::LEAST || gpu.submissions() < passes,
                "{limits:?}: {} for {passes}",
                gpu.submissions()
            );
        }
        // Streaming chunks and several devices make a pass at a time.
        let streaming = open(&adapter, ALL).memory(60 << 10);
        let two = Gpu::open(&[adapter.clone(), adapter.clone()], ALL).unwrap();
        for gpu in [streaming, two, open(&adapter, ALL).chunk_bytes(9000)] {
            assert!(right == outcome(&gpu, &matrix, std::slice::from_ref(&params)));
        }
    }
}

#[test]
fn many_clusters_summed_in_slices_go_ahead_too() {
    let matrix = Matrix::learn(&table(Kind::Blobs, 4000, 9, 4).view(), None).unwrap().0;
    let params = Params::new(500).init(Init::Random).n_init(1).max_iter(9).tol(0.0).check().unwrap();
    assert_equal(&Exact, &gpus(), &matrix, &[params], "k 500");
}

#[test]
fn a_fit_that_is_stopped_in_the_middle_stops() {
    let matrix = Matrix::learn(&table(Kind::Blobs, 3000, 5, 12).view(), None).unwrap().0;
    let params = [Params::new(9).init(Init::Random).n_init(1).tol(0.0).max_iter(40).check().unwrap()];
    for (name, gpu) in gpus() {
        let mut told = Told(Vec::new(), Some(5));
        assert_eq!(sweep(&gpu, &matrix, &params, &mut told).unwrap_err().exit_code(), 130, "{name}");
        assert_eq!(told.0.len(), 5);
    }
}

#[test]
fn labels_asked_for_while_passes_wait_are_those_of_the_last_pass() {
    let matrix = Matrix::learn(&table(Kind::Blobs, 2000, 3, 4).view(), None).unwrap().0;
    let first = Centroids::new(3, (0..6).flat_map(|c| matrix.point(c * 300)).collect());
    let steps = |engine: &dyn Engine, touch: &dyn Fn(usize) -> bool| {
        let mut session = engine.load(&matrix).unwrap();
        session.open(1).unwrap();
        session.expect(12);
        let (mut centroids, mut totals, mut seen) = (first.clone(), None, Vec::new());
        for pass in 0..12 {
            let change = session.pass(&[SetPass { set: 0, centroids: &centroids }]).unwrap().remove(0);
            let totals: &mut (Vec<i128>, Vec<i64>) = totals.get_or_insert((vec![0; 18], vec![0; 6]));
            totals.0.iter_mut().zip(&change.sums).for_each(|(t, c)| *t += c);
            totals.1.iter_mut().zip(&change.weights).for_each(|(t, c)| *t += c);
            if touch(pass) {
                let label = session.labels(0).unwrap()[77];
                seen.push(format!("{:?} {:?}", session.farthest(0, 5).unwrap(), session.labels(0).unwrap()));
                // By hand to another cluster: the sums that the device goes on from have to follow.
                let to = (label + 1) % 6;
                session.relabel(0, 77, to).unwrap();
                for (cluster, sign) in [(label as usize, -1), (to as usize, 1)] {
                    let point = matrix.point(77).enumerate();
                    point.for_each(|(j, q)| totals.0[cluster * 3 + j] += i128::from(sign * q));
                    totals.1[cluster] += sign;
                }
            }
            let mean = |i: usize| segma::engine::exact::mean(totals.0[i], totals.1[i / 3]);
            centroids = Centroids::new(3, (0..18).map(mean).collect());
        }
        seen.push(format!("{centroids:?} {:?}", session.labels(0).unwrap()));
        seen
    };
    for touch in [&(|_| false) as &dyn Fn(usize) -> bool, &|pass| pass == 4, &|pass| pass == 5 || pass == 9, &|_| true]
    {
        let right = steps(&Exact, touch);
        for (name, gpu) in gpus() {
            assert!(right == steps(&gpu, touch), "{name}");
        }
    }
}
