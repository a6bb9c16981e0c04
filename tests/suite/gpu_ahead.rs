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
pub(crate) fn outcome(
    engine: &dyn Engine,
    matrix: &Matrix,
    params: &[ValidParams],
) -> (Vec<String>, Vec<(u32, usize, u64)>) {
    let mut told = Told::default();
    let fits = sweep(engine, matrix, params, &mut told).unwrap();
    let text = |f: &Fit| {
        let (end, notes) = ((f.iterations, f.converged, f.start, f.passes), &f.notes);
        let way = (&f.history, &f.means);
        format!(
            "{:?} {:?} {:?} {:?} {} {end:?} {way:?} {notes:?}",
            f.centroids, f.labels, f.counts, f.weights, f.inertia
        )
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
pub(crate) fn ahead_and_in_vain(gpu: &Gpu, work: impl FnOnce()) -> (u64, u64) {
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
        (DeviceLimits { passes: 1, ..DeviceLimits::LEAST }, false),
        (DeviceLimits { step_work: 1 << 17, ..DeviceLimits::LEAST }, false),
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
fn many_clusters_summed_in_the_totals_go_ahead_too() {
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

/// What each of twelve passes changed, each with the means of the one before (a cluster without weight stays where it is), and
/// the passes after which there was such a cluster. After those that `touch` names, labels and far points are looked at, and
/// a point is given to another cluster by hand.
fn means_of_means(
    engine: &dyn Engine,
    matrix: &Matrix,
    first: &Centroids,
    touch: &dyn Fn(usize) -> bool,
) -> (Vec<String>, Vec<usize>) {
    let (k, dims, row) = (first.k(), first.dims(), 7);
    let mut session = engine.load(matrix).unwrap();
    session.open(1).unwrap();
    session.expect(12);
    let (mut centroids, mut seen, mut empty) = (first.clone(), Vec::new(), Vec::new());
    let (mut sums, mut weights) = (vec![0; k * dims], vec![0; k]);
    for pass in 0..12 {
        let change = session.pass(&[SetPass { set: 0, centroids: &centroids }]).unwrap().remove(0);
        sums.iter_mut().zip(&change.sums).for_each(|(t, c)| *t += c);
        weights.iter_mut().zip(&change.weights).for_each(|(t, c)| *t += c);
        seen.push(format!("{:?} {:?} {} {}", change.sums, change.counts, change.changed, change.ties));
        if touch(pass) {
            let labels = session.labels(0).unwrap();
            seen.push(format!("{:?} {labels:?}", session.farthest(0, 5).unwrap()));
            let (from, to) = (labels[row] as usize, (labels[row] as usize + 1) % k);
            session.relabel(0, row, u32::try_from(to).unwrap()).unwrap();
            for (cluster, sign) in [(from, -1), (to, 1)] {
                let point = matrix.point(row).enumerate();
                point.for_each(|(j, q)| sums[cluster * dims + j] += i128::from(sign * q));
                weights[cluster] += sign;
            }
        }
        empty.extend(weights.contains(&0).then_some(pass));
        let mean = |i: usize| match weights[i / dims] {
            0 => centroids.values()[i],
            weight => segma::engine::exact::mean(sums[i], weight),
        };
        centroids = Centroids::new(dims, (0..k * dims).map(mean).collect());
    }
    seen.push(format!("{centroids:?} {:?}", session.labels(0).unwrap()));
    (seen, empty)
}

#[test]
fn labels_asked_for_while_passes_wait_are_those_of_the_last_pass() {
    let matrix = Matrix::learn(&table(Kind::Blobs, 2000, 3, 4).view(), None).unwrap().0;
    let first = Centroids::new(3, (0..6).flat_map(|c| matrix.point(c * 300)).collect());
    let gpus = gpus();
    for touch in [&(|_| false) as &dyn Fn(usize) -> bool, &|pass| pass == 4, &|pass| pass == 5 || pass == 9, &|_| true]
    {
        let right = means_of_means(&Exact, &matrix, &first, touch);
        for (name, gpu) in &gpus {
            assert!(right == means_of_means(gpu, &matrix, &first, touch), "{name}");
        }
    }
}

/// Points on a line and first centroids: two outer clusters a side share its points ever more evenly, until the inner of
/// them takes the two points of the cluster in the middle. How far out they go says when.
fn emptied_late(top: u32) -> (Matrix, ndarray::Array2<f64>) {
    let side: Vec<f64> = std::iter::once(10).chain(13..=top).map(f64::from).collect();
    let x: Vec<f64> = side.iter().flat_map(|&y| [y, -y]).collect();
    let x = ndarray::Array2::from_shape_vec((x.len(), 1), x).unwrap();
    let matrix = Matrix::on_frame(&x.view(), &Frame::new(vec![0.0], -6, 40).unwrap()).unwrap();
    let top = f64::from(top);
    (matrix, ndarray::arr2(&[[0.0], [top - 1.0], [top], [1.0 - top], [-top]]))
}

#[test]
fn a_cluster_that_empties_on_the_device_is_the_hosts_to_fill() {
    let gpus = gpus();
    for (top, pass) in [(28, 2), (33, 3), (35, 4), (37, 5), (39, 6)] {
        let (matrix, given) = emptied_late(top);
        let first = Centroids::new(1, given.iter().map(|&v| matrix.frame().grid(0, v)).collect());
        let right = means_of_means(&Exact, &matrix, &first, &|_| false);
        assert_eq!(right.1.first(), Some(&pass), "passes that leave a cluster empty: {:?}", right.1);
        for (name, gpu) in &gpus {
            assert!(right == means_of_means(gpu, &matrix, &first, &|_| false), "{name}, empty after pass {pass}");
        }
        let params = Params::new(5).init(Init::Given(given)).tol(0.0).check().unwrap();
        assert_equal(&Exact, &gpus, &matrix, &[params], &format!("empty after pass {pass}"));
    }
}
