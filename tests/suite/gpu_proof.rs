//! Kernels prove right on known points before they work on a user's: the very ones that a fit runs, and no others.

use crate::data::{Kind, table};
use crate::gpu::{adapters, open};
use crate::gpu_ahead::outcome;
use crate::gpu_pruning::in_order;
use segma::engine::Engine;
use segma::engine::cpu::Cpu;
use segma::engine::exact::Exact;
use segma::engine::fallback::Fallback;
use segma::engine::gpu::plan::{Abilities, DeviceLimits};
use segma::engine::gpu::{Fault, Gpu, OpenOptions};
use segma::kmeans::{Init, Params, Quiet, ValidParams, fit, sweep};
use segma::matrix::{Matrix, Weights};

/// Kernels that leave tiles out are never worth it.
const NEVER_CALM: DeviceLimits = DeviceLimits { calm: u64::MAX, ..DeviceLimits::LEAST };

fn params(k: usize, starts: usize) -> ValidParams {
    Params::new(k).init(Init::Random).n_init(starts).max_iter(12).check().unwrap()
}

fn matrix(n: usize, d: usize, weighted: bool) -> Matrix {
    let weights: Vec<f64> = (0..n).map(|i| (i % 5) as f64 / 2.0).collect();
    Matrix::learn(&table(Kind::Counts, n, d, 9).view(), weighted.then(|| Weights::new(&weights).unwrap())).unwrap().0
}

/// Each adapter with and without 64-bit integers, its kernels to be proven.
fn gpus(limits: DeviceLimits) -> Vec<Gpu> {
    let both = [true, false].map(|int64| OpenOptions {
        abilities: Some(Abilities { int64 }),
        limits: Some(limits),
        ..OpenOptions::default()
    });
    adapters().iter().flat_map(|adapter| both.map(|options| open(adapter, options))).collect()
}

#[test]
fn kernels_of_every_kind_prove_right_and_no_others_are_compiled() {
    for (n, d, k, weighted) in
        [(900, 3, 5, false), (900, 4, 6, true), (400, 33, 70, true), (300, 16, 200, false), (700, 9, 600, false)]
    {
        let (matrix, params) = (matrix(n, d, weighted), [params(k, 1)]);
        let right = outcome(&Exact, &matrix, &params);
        for gpu in gpus(NEVER_CALM) {
            assert!(right == outcome(&gpu, &matrix, &params), "{}: {n} x {d}, k {k}", gpu.name());
            // What moves the centroids may have been compiled for nothing, in a fit that ends too soon.
            assert!(gpu.compiled().0 <= 2 && !gpu.ran().is_empty(), "{:?} and {:?}", gpu.compiled(), gpu.ran());
        }
    }
}

#[test]
fn a_sweep_whose_fits_end_one_by_one_has_one_kernel_that_labels() {
    let matrix = matrix(900, 3, false);
    let all: Vec<ValidParams> = (2..=9).map(|k| params(k, 2)).collect();
    let right = outcome(&Exact, &matrix, &all);
    assert!(right.1.first().unwrap().1 > right.1.last().unwrap().1, "they end one by one");
    for gpu in gpus(NEVER_CALM) {
        assert!(right == outcome(&gpu, &matrix, &all));
        assert_eq!(gpu.ran().iter().filter(|name| name.starts_with("assign")).count(), 1, "{:?}", gpu.ran());
    }
}

#[test]
fn a_kernel_that_answers_wrongly_does_not_see_the_points() {
    let (matrix, params) = (matrix(900, 3, false), params(5, 1));
    let right = fit(&Cpu::new().unwrap(), &matrix, &params, &mut Quiet).unwrap();
    for adapter in adapters() {
        let liar = || Box::new(open(&adapter, OpenOptions::default()).fault(Fault::Lie));
        let with_cpu = || Fallback::new(liar(), Box::new(Cpu::new().unwrap()));
        let named: [Box<dyn Engine>; 2] = [liar(), Box::new(with_cpu())];
        for engine in named {
            let error = fit(&*engine, &matrix, &params, &mut Quiet).unwrap_err();
            assert_eq!((error.exit_code(), error.code()), (6, "device"));
            let text = error.to_string();
            assert!(
                text.contains(adapter.name()) && text.contains("wrong answer in stage 'accumulate' (assign-"),
                "{text}"
            );
        }
        let got = fit(&with_cpu().forgiving(), &matrix, &params, &mut Quiet).unwrap();
        assert_eq!((got.centroids, got.labels), (right.centroids.clone(), right.labels.clone()));
        assert_eq!(got.device_notes.iter().map(|n| &*n.code).collect::<Vec<_>>(), ["gpu_unavailable"]);
    }
}

#[test]
fn a_kernel_that_only_saves_time_is_waited_for_by_no_pass() {
    let (matrix, params) = (in_order(4000, 3, false), [params(7, 1)]);
    let right = outcome(&Exact, &matrix, &params);
    for gpu in gpus(DeviceLimits { calm: 0, ..DeviceLimits::LEAST }) {
        let fits = (0..200).take_while(|_| {
            let equal = right == outcome(&gpu, &matrix, &params);
            assert!(equal, "{:?}", gpu.ran());
            gpu.tiles_skipped() == 0
        });
        assert!(fits.count() < 200, "no tile was left out: {:?}", gpu.ran());
    }
}

#[test]
fn a_kernel_that_only_saves_time_is_waited_for_where_it_is_timed() {
    let (matrix, params) = (in_order(4000, 3, false), [params(7, 1)]);
    let right = outcome(&Exact, &matrix, &params);
    for adapter in adapters() {
        let limits = Some(DeviceLimits { calm: 0, ..DeviceLimits::LEAST });
        let gpu = open(&adapter, OpenOptions { limits, patient: true, ..OpenOptions::default() });
        assert!(right == outcome(&gpu, &matrix, &params), "{:?}", gpu.ran());
        assert!(gpu.tiles_skipped() > 0 && gpu.passes_ahead().0 > 0, "{:?}", gpu.ran());
        assert_eq!(gpu.compiled().0, gpu.ran().len() as u64, "{:?}", gpu.ran());
    }
}

#[test]
fn points_that_stream_leave_room_for_what_is_known() {
    let (matrix, params) = (matrix(4000, 3, false), [params(7, 2)]);
    let right = sweep(&Exact, &matrix, &params, &mut Quiet).unwrap();
    for gpu in gpus(NEVER_CALM) {
        let got = sweep(&gpu.memory(48 << 10), &matrix, &params, &mut Quiet).unwrap();
        assert_eq!((&got[0].centroids, &got[0].labels), (&right[0].centroids, &right[0].labels));
    }
}

#[test]
fn tiles_of_known_points_settle_whatever_the_columns() {
    for (d, k) in [(1, 2), (2, 9), (8, 3), (17, 2), (33, 8), (64, 20), (120, 5), (300, 3)] {
        let (matrix, params) = (matrix(400, d, false), [params(k, 1)]);
        let right = outcome(&Exact, &matrix, &params);
        for adapter in adapters() {
            let limits = Some(DeviceLimits { calm: 0, ..DeviceLimits::LEAST });
            let gpu = open(&adapter, OpenOptions { limits, patient: true, ..OpenOptions::default() });
            assert!(right == outcome(&gpu, &matrix, &params), "{:?}", gpu.ran());
            assert!(gpu.ran().iter().any(|name| name.ends_with("-slack")), "{d} columns, k {k}: {:?}", gpu.ran());
        }
    }
}
