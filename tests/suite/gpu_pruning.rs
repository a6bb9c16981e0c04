//! Tiles that a GPU leaves out of a pass because no label of theirs can have changed: that must not be seen in any byte.

use crate::data::Random;
use crate::gpu::{ALL, adapters, open};
use crate::gpu_ahead::{ahead_and_in_vain, outcome};
use crate::pruning;
use ndarray::Array2;
use segma::engine::cpu::Cpu;
use segma::engine::exact::Exact;
use segma::engine::fallback::Fallback;
use segma::engine::gpu::plan::{Abilities, DeviceLimits};
use segma::engine::gpu::{Adapter, Fault, Gpu, OpenOptions};
use segma::engine::{Engine, SetPass};
use segma::kmeans::{Init, Params, ValidParams};
use segma::matrix::{Matrix, Weights};

/// As if labels hardly changed any more, in every pass but the first.
const CALM: DeviceLimits = DeviceLimits { calm: 0, ..DeviceLimits::LEAST };

/// Each adapter with and without 64-bit integers, without and with the shaders' run-time checks.
fn gpus_on(adapters: &[Adapter], limits: DeviceLimits) -> Vec<Gpu> {
    let both = |adapter| {
        [(true, false), (false, true)].map(|(int64, checked)| {
            let abilities = Some(Abilities { int64 });
            open(adapter, OpenOptions { abilities, checked, limits: Some(limits), ..ALL })
        })
    };
    adapters.iter().flat_map(both).collect()
}

/// Runs a test of the CPU's on GPUs and sees that tiles were left out.
fn on_gpus(test: impl Fn(&[Box<dyn Engine>])) {
    let gpus = gpus_on(&adapters(), CALM);
    let engines: Vec<Box<dyn Engine>> = gpus.iter().map(|gpu| Box::new(gpu.clone()) as Box<dyn Engine>).collect();
    test(&engines);
    assert!(gpus.iter().all(|gpu| gpu.tiles_skipped() > 0), "no tile was left out");
}

#[test]
fn random_walks_and_labels_that_are_changed_from_outside_equal_the_judge() {
    on_gpus(|gpus| {
        pruning::random_walks(300..306, gpus);
        pruning::changes_from_outside(400..406, gpus);
    });
}

#[test]
fn a_set_that_leaves_the_batch_and_comes_back_equals_the_judge() {
    on_gpus(|gpus| pruning::sets_that_come_and_go(500..506, gpus));
}

#[test]
fn points_at_the_border_are_seen_to_cross_it() {
    on_gpus(pruning::border_points);
}

#[test]
fn points_whose_centroid_creeps_away_are_seen_to_leave_it() {
    on_gpus(pruning::points_left_behind);
}

/// Overlapping groups, one after the other, as in a table that is sorted by something that matters: tiles hold points of one
/// group, some of them far from all others.
pub(crate) fn in_order(n: usize, d: usize, weighted: bool) -> Matrix {
    let mut random = Random(23);
    let x = Array2::from_shape_fn((n, d), |(i, j)| {
        let along = i as f64 / n as f64;
        let noise = random.uniform() + random.uniform() - 1.0;
        if j == 0 { 12.0 * along + noise / 8.0 } else { noise / d as f64 }
    });
    let weights: Vec<f64> = (0..n).map(|i| (i % 4) as f64 / 2.0).collect();
    let weights = weighted.then(|| Weights::new(&weights).unwrap());
    Matrix::learn(&x.view(), weights).unwrap().0
}

fn params(k: usize, starts: usize, max_iter: u32) -> ValidParams {
    Params::new(k).init(Init::Random).n_init(starts).max_iter(max_iter).tol(0.0).check().unwrap()
}

#[test]
fn long_fits_whose_tiles_settle_equal_the_judge() {
    for (matrix, params) in [
        (in_order(4000, 3, false), vec![params(7, 1, 60)]),
        (in_order(3001, 2, true), vec![params(9, 1, 60)]),
        (in_order(2500, 2, false), vec![params(3, 2, 40), params(8, 2, 40)]),
        (in_order(2500, 70, false), vec![params(80, 1, 15)]),
    ] {
        let right = outcome(&Exact, &matrix, &params);
        let passes = right.1.len() as u64;
        for gpu in gpus_on(&adapters(), CALM) {
            let (ahead, _) = ahead_and_in_vain(&gpu, || {
                assert!(right == outcome(&gpu, &matrix, &params), "{}, {:?}", gpu.name(), gpu.ran());
            });
            let skipped = gpu.tiles_skipped();
            assert!(ahead > 0 && skipped > 0, "{passes} passes, {ahead} ahead, {skipped} left out: {:?}", gpu.ran());
        }
    }
}

#[test]
fn settled_tiles_are_left_out_in_every_cut_and_the_host_counts_the_same_moves() {
    let (matrix, params) = (in_order(4000, 3, false), [params(7, 1, 60)]);
    let right = outcome(&Exact, &matrix, &params);
    for adapter in adapters() {
        let with = |limits| open(&adapter, OpenOptions { limits: Some(limits), ..ALL });
        let two = OpenOptions { limits: Some(CALM), ..ALL };
        let cuts = [
            ("a pass at a time", with(DeviceLimits { passes: 1, ..CALM })),
            ("chunks of some tiles", with(CALM).chunk_bytes(9000)),
            ("streaming", with(CALM).memory(48 << 10)),
            ("long workgroups", with(DeviceLimits { busy_groups: 1, ..CALM })),
            ("one tile wide", with(DeviceLimits { lanes: 64, ..CALM })),
            ("short steps, few workgroups a dimension", with(DeviceLimits { step_work: 1, groups: 2, ..CALM })),
            ("two devices", Gpu::open(&[adapter.clone(), adapter.clone()], two).unwrap()),
        ];
        for (cut, gpu) in cuts {
            assert!(right == outcome(&gpu, &matrix, &params), "{cut}");
            assert!(gpu.tiles_skipped() > 0, "{cut}");
        }
        let mortal = Box::new(with(CALM).fault(Fault::Lose(6)));
        assert!(right == outcome(&Fallback::new(mortal, Box::new(Exact)), &matrix, &params), "a device that is lost");
    }
}

#[test]
fn by_plan_tiles_are_left_out_where_few_labels_change() {
    let (matrix, params) = (in_order(50_000, 2, false), [params(6, 1, 80)]);
    let right = outcome(&Cpu::new().unwrap(), &matrix, &params);
    for gpu in gpus_on(&adapters(), DeviceLimits::LEAST) {
        assert!(right == outcome(&gpu, &matrix, &params), "{}", gpu.name());
        assert!(gpu.tiles_skipped() > 0 && gpu.ran().iter().any(|name| name.ends_with("-slack")), "{:?}", gpu.ran());
        assert!(
            gpu.ran().iter().any(|name| name.starts_with("assign") && !name.ends_with("-slack")),
            "{:?}",
            gpu.ran()
        );
    }
}

#[test]
fn a_pass_that_moves_nothing_reads_nothing_but_ties() {
    // Three tiles: one far from the border, one with a point halfway between two centroids, one of both clusters.
    let value = |i: usize| match i {
        0..64 => 0.0,
        100 => 5.0,
        64..128 => 1.0,
        _ => (i % 2) as f64 * 10.0,
    };
    let matrix = Matrix::learn(&Array2::from_shape_fn((192, 1), |(i, _)| value(i)).view(), None).unwrap().0;
    let at = |v: f64| matrix.frame().grid(0, v);
    let centroids = segma::engine::Centroids::new(1, vec![at(0.0), at(10.0)]);
    for gpu in gpus_on(&adapters(), CALM) {
        let mut session = gpu.load(&matrix).unwrap();
        session.open(1).unwrap();
        for pass in 0..5 {
            let before = gpu.tiles_skipped();
            let change = session.pass(&[SetPass { set: 0, centroids: &centroids }]).unwrap().remove(0);
            assert_eq!(change.ties, 1, "a tile with a tie is looked at in each pass");
            // The first pass labels, the second finds out what is settled.
            assert_eq!(gpu.tiles_skipped() - before, if pass < 2 { 0 } else { 2 }, "pass {pass}");
        }
    }
}
