//! The GPU engine against the judge, on every adapter of this machine, by equality.

use crate::data::root;
use crate::data::{KINDS, Kind, Random, table};
use crate::judge::{answers, centroids, verdict};
use segma::engine::cpu::Cpu;
use segma::engine::exact::Exact;
use segma::engine::fallback::Fallback;
use segma::engine::gpu::plan::{Abilities, DeviceLimits};
use segma::engine::gpu::{Adapter, Fault, Gpu, OpenOptions};
use segma::engine::probe::probe;
use segma::engine::{Centroids, Engine, SetPass};
use segma::features::{self, Pipeline};
use segma::kmeans::{Params, Quiet, fit};
use segma::matrix::{Frame, Matrix, Weights};
use segma::table::{ReadOptions, read};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

/// All that a device can do. Its kernels need not prove right: every test holds their answers against the judge's.
pub(crate) const ALL: OpenOptions =
    OpenOptions { abilities: None, checked: false, limits: None, unproven: true, patient: true };

/// GPU tests that found no adapter.
static SKIPPED: AtomicUsize = AtomicUsize::new(0);

/// The adapters of this machine, software ones too. None is a skip, and a failure under `SEGMA_REQUIRE_GPU=1`.
pub(crate) fn adapters() -> Vec<Adapter> {
    let adapters = Adapter::all();
    if adapters.is_empty() {
        assert_ne!(
            std::env::var("SEGMA_REQUIRE_GPU").as_deref(),
            Ok("1"),
            "SEGMA_REQUIRE_GPU=1, but there is no adapter"
        );
        // Not by println, which a test that passes keeps to itself.
        let skipped = 1 + SKIPPED.fetch_add(1, Ordering::Relaxed);
        let _ = writeln!(std::io::stderr(), "skipped: no GPU adapter on this machine ({skipped} GPU tests so far)");
    }
    adapters
}

pub(crate) fn open(adapter: &Adapter, options: OpenOptions) -> Gpu {
    Gpu::open(std::slice::from_ref(adapter), options).unwrap()
}

/// Every adapter with all it can do, with the shaders' run-time checks, and without 64-bit integers and subgroups.
pub(crate) fn gpus() -> Vec<(String, Gpu)> {
    let mut gpus = Vec::new();
    for adapter in adapters() {
        for (int64, checked) in [(true, false), (false, false), (true, true), (false, true)] {
            let options = OpenOptions { abilities: Some(Abilities { int64 }), checked, ..ALL };
            let name = format!("{}, int64 {int64}, checked {checked}", adapter.name());
            gpus.push((name, open(&adapter, options)));
        }
    }
    gpus
}

fn check(name: &str, gpu: &dyn Engine, matrix: &Matrix, passes: &[Vec<Centroids>], what: &str) {
    let judge = answers(&Exact, matrix, passes);
    for (pass, (judge, got)) in judge.iter().zip(answers(gpu, matrix, passes)).enumerate() {
        for (set, (judge, got)) in judge.iter().zip(&got).enumerate() {
            assert_eq!(verdict(judge, got), Ok(()), "{name}, {what}, pass {pass}, set {set}");
        }
    }
}

#[test]
fn passes_equal_the_judge_on_awkward_shapes() {
    for (name, gpu) in gpus() {
        for kind in KINDS {
            for (n, d, k) in
                [(1, 1, 1), (63, 2, 3), (64, 3, 8), (65, 7, 65), (4099, 16, 8), (300, 33, 20), (200, 129, 5)]
            {
                let matrix = Matrix::learn(&table(kind, n, d, 31).view(), None).unwrap().0;
                let mut random = Random(n as u64);
                let passes: Vec<_> = (0..2)
                    .map(|_| vec![centroids(&matrix, k, &mut random), centroids(&matrix, 1, &mut random)])
                    .collect();
                check(&name, &gpu, &matrix, &passes, &format!("{kind:?} n={n} d={d} k={k}"));
            }
        }
    }
}

#[test]
fn tiny_chunks_change_nothing() {
    let matrix = Matrix::learn(&table(Kind::Counts, 3000, 5, 4).view(), None).unwrap().0;
    let mut random = Random(3);
    let passes: Vec<_> = (0..3).map(|_| vec![centroids(&matrix, 7, &mut random)]).collect();
    for (name, gpu) in gpus() {
        for bytes in [1, 4000, 20_000] {
            check(&name, &gpu.clone().chunk_bytes(bytes), &matrix, &passes, &format!("chunks of {bytes} bytes"));
        }
    }
}

#[test]
fn many_centroids_equal_the_judge() {
    let matrix = Matrix::learn(&table(Kind::Blobs, 2000, 9, 4).view(), None).unwrap().0;
    for (name, gpu) in gpus() {
        for k in [255, 1000] {
            check(&name, &gpu, &matrix, &[vec![centroids(&matrix, k, &mut Random(5))]], &format!("k={k}"));
        }
    }
}

#[test]
fn weighted_passes_equal_the_judge() {
    let mut random = Random(6);
    let weights: Vec<f64> = (0..999).map(|i| if i % 5 == 0 { 0.0 } else { random.uniform() }).collect();
    let matrix = Matrix::learn(&table(Kind::Blobs, 999, 4, 4).view(), Some(Weights::new(&weights).unwrap())).unwrap().0;
    let passes: Vec<_> = (0..2).map(|_| vec![centroids(&matrix, 6, &mut random)]).collect();
    for (name, gpu) in gpus() {
        check(&name, &gpu, &matrix, &passes, "weighted");
    }
}

#[test]
fn whole_fits_equal_the_judge() {
    for (name, gpu) in gpus() {
        for kind in KINDS {
            let matrix = Matrix::learn(&table(kind, 2000, 6, 12).view(), None).unwrap().0;
            let params = Params::new(9).init(segma::kmeans::Init::Random).n_init(3).max_iter(40).check().unwrap();
            let judge = fit(&Exact, &matrix, &params, &mut Quiet).unwrap();
            let got = fit(&gpu, &matrix, &params, &mut Quiet).unwrap();
            assert_eq!(judge.labels, got.labels, "{name}, {kind:?}");
            assert_eq!(
                (judge.centroids, judge.counts, judge.inertia),
                (got.centroids, got.counts, got.inertia),
                "{kind:?}"
            );
            assert_eq!((judge.iterations, judge.start), (got.iterations, got.start), "{kind:?}");
        }
    }
}

#[test]
fn the_probe_passes_on_every_adapter() {
    for (name, gpu) in gpus() {
        probe(&gpu).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

#[test]
fn every_way_to_sum_equals_the_judge() {
    // Sums of few clusters fit in workgroup memory; those of many go straight to the totals.
    for (n, d, k) in [(3000, 9, 700), (6000, 1, 5000), (700, 70, 80)] {
        let matrix = Matrix::learn(&table(Kind::Blobs, n, d, 4).view(), None).unwrap().0;
        let mut random = Random(8);
        let (a, b) = (centroids(&matrix, k, &mut random), centroids(&matrix, k, &mut random));
        let passes: Vec<_> = [&a, &b, &b, &a].into_iter().map(|c| vec![c.clone()]).collect();
        for (name, gpu) in gpus() {
            check(&name, &gpu, &matrix, &passes, &format!("n={n} d={d} k={k}"));
        }
    }
}

#[test]
fn a_batch_of_many_sets_gives_each_what_it_gets_alone() {
    // 60 sets take several rounds of workgroup memory, and the two with 400 clusters dispatches of their own.
    let matrix = Matrix::learn(&table(Kind::Counts, 1500, 20, 4).view(), None).unwrap().0;
    let mut random = Random(9);
    let ks = (0..60).map(|i| 2 + i % 12).chain([400, 400]);
    let sets: Vec<Centroids> = ks.map(|k| centroids(&matrix, k, &mut random)).collect();
    for (name, gpu) in gpus() {
        check(&name, &gpu, &matrix, &[sets.clone(), sets.clone()], "62 sets");
    }
}

#[test]
fn points_that_do_not_fit_stream_through_the_device() {
    let mut random = Random(6);
    let weights: Vec<f64> = (0..20_000).map(|_| random.uniform()).collect();
    let table = table(Kind::Blobs, 20_000, 10, 4);
    for weights in [None, Some(Weights::new(&weights).unwrap())] {
        let matrix = Matrix::learn(&table.view(), weights).unwrap().0;
        let sets: Vec<Centroids> = (0..3).map(|_| centroids(&matrix, 6, &mut random)).collect();
        for adapter in adapters() {
            // 800 KB of points, and 60 KB of labels for three sets, which always stay.
            for memory in [220 << 10, 420 << 10, 800 << 10] {
                let gpu = open(&adapter, ALL).memory(memory);
                check(adapter.name(), &gpu, &matrix, &[sets.clone(), sets.clone()], &format!("{memory} bytes"));
            }
        }
    }
}

#[test]
fn a_device_without_room_even_for_the_labels_leaves_the_work_to_the_cpu() {
    let matrix = Matrix::learn(&table(Kind::Blobs, 20_000, 4, 4).view(), None).unwrap().0;
    let params = Params::new(3).max_iter(5).check().unwrap();
    let whole = fit(&Cpu::new().unwrap(), &matrix, &params, &mut Quiet).unwrap();
    for adapter in adapters() {
        let small = || Box::new(open(&adapter, ALL).memory(16_000));
        assert_eq!(fit(&*small(), &matrix, &params, &mut Quiet).unwrap_err().exit_code(), 6, "a device that is full");
        let got = fit(&Fallback::new(small(), Box::new(Cpu::new().unwrap())), &matrix, &params, &mut Quiet).unwrap();
        assert_eq!((&whole.labels, &whole.centroids), (&got.labels, &got.centroids));
        assert!(got.device_notes.iter().any(|n| n.text.contains("do not fit")), "{:?}", got.device_notes);
    }
}

#[test]
fn several_devices_share_the_points() {
    let mut random = Random(6);
    for n in [1, 64, 129, 5000] {
        let matrix = Matrix::learn(&table(Kind::Counts, n, 5, 4).view(), None).unwrap().0;
        let sets: Vec<Centroids> = (0..2).map(|_| centroids(&matrix, 6, &mut random)).collect();
        for adapter in adapters() {
            let three = Gpu::open(&[adapter.clone(), adapter.clone(), adapter.clone()], ALL).unwrap();
            check(&three.name(), &three, &matrix, &[sets.clone(), sets.clone()], &format!("n={n}"));
        }
    }
    let matrix = Matrix::learn(&table(Kind::Blobs, 4000, 5, 4).view(), None).unwrap().0;
    let params = Params::new(7).init(segma::kmeans::Init::Random).n_init(2).check().unwrap();
    let judge = fit(&Exact, &matrix, &params, &mut Quiet).unwrap();
    for adapter in adapters() {
        let two = Gpu::open(&[adapter.clone(), adapter.clone()], ALL).unwrap().chunk_bytes(9000);
        let got = fit(&two, &matrix, &params, &mut Quiet).unwrap();
        assert_eq!((judge.labels.clone(), &judge.centroids), (got.labels, &got.centroids));
    }
}

#[test]
fn a_device_that_fails_in_the_middle_of_a_fit_costs_a_note_and_no_byte() {
    let matrix = Matrix::learn(&table(Kind::Blobs, 3000, 4, 12).view(), None).unwrap().0;
    let params = Params::new(9).init(segma::kmeans::Init::Random).n_init(2).max_iter(40).check().unwrap();
    let whole = fit(&Cpu::new().unwrap(), &matrix, &params, &mut Quiet).unwrap();
    for adapter in adapters() {
        for fault in [Fault::Lose(0), Fault::Lose(1), Fault::Lose(7), Fault::Hang(0), Fault::Hang(3)] {
            // A lost device stays lost: open it anew each time.
            let error = fit(&open(&adapter, ALL).fault(fault), &matrix, &params, &mut Quiet).unwrap_err();
            assert_eq!(error.exit_code(), 6, "{error}");
            let mortal = Box::new(open(&adapter, ALL).fault(fault));
            let both = Fallback::new(mortal, Box::new(Cpu::new().unwrap()));
            let got = fit(&both, &matrix, &params, &mut Quiet).unwrap();
            assert_eq!(whole.labels, got.labels, "{fault:?}");
            assert_eq!(
                (&whole.centroids, whole.inertia, whole.iterations),
                (&got.centroids, got.inertia, got.iterations)
            );
            let code = if matches!(fault, Fault::Lose(0) | Fault::Hang(0)) { "gpu_unavailable" } else { "device_lost" };
            assert!(got.device_notes.iter().any(|n| n.code == code), "{:?}", got.device_notes);
        }
    }
}

#[test]
fn every_cut_of_the_work_equals_the_judge() {
    const MOST: DeviceLimits = DeviceLimits::LEAST;
    let cuts = [
        ("two workgroups a dimension", DeviceLimits { groups: 2, ..MOST }),
        ("workgroups of many tiles", DeviceLimits { busy_groups: 1, ..MOST }),
        ("submissions of little work", DeviceLimits { step_work: 1, ..MOST }),
        ("small bindings", DeviceLimits { binding_bytes: 1 << 16, ..MOST }),
        ("one tile wide", DeviceLimits { lanes: 64, ..MOST }),
        ("an odd width", DeviceLimits { lanes: 192, ..MOST }),
    ];
    let mut random = Random(11);
    // Twelve sets take several rounds of workgroup memory and, with small bindings, several groups of labels.
    let few = Matrix::learn(&table(Kind::Blobs, 5000, 5, 4).view(), None).unwrap().0;
    let sets = |random: &mut Random| -> Vec<_> { (0..12).map(|i| centroids(&few, 20 + i, random)).collect() };
    let few_passes = [sets(&mut random), sets(&mut random)];
    let many = Matrix::learn(&table(Kind::Blobs, 5000, 9, 4).view(), None).unwrap().0;
    let many_passes: Vec<_> = (0..2).map(|_| vec![centroids(&many, 600, &mut random)]).collect();
    for adapter in adapters() {
        for (cut, limits) in cuts {
            let gpu = open(&adapter, OpenOptions { limits: Some(limits), ..ALL });
            check(adapter.name(), &gpu, &few, &few_passes, cut);
            check(adapter.name(), &gpu, &many, &many_passes, cut);
        }
    }
}

#[test]
fn a_driver_that_ends_loops_early_costs_time_and_no_byte() {
    // Half of the centroids are points of small whole numbers, so most points are in doubt, in each of 40 sets.
    let matrix = Matrix::learn(&table(Kind::Counts, 5000, 5, 4).view(), None).unwrap().0;
    let mut random = Random(11);
    let passes = [(0..40).map(|i| centroids(&matrix, 20 + i % 12, &mut random)).collect::<Vec<_>>()];
    let judge = answers(&Exact, &matrix, &passes);
    let limits = DeviceLimits { busy_groups: 1, ..DeviceLimits::LEAST };
    for adapter in adapters() {
        let gpu = open(&adapter, OpenOptions { limits: Some(limits), ..ALL });
        let alone = gpu.load(&matrix).and_then(|mut session| {
            session.open(passes[0].len())?;
            let batch: Vec<_> = (0..).zip(&passes[0]).map(|(set, centroids)| SetPass { set, centroids }).collect();
            session.pass(&batch)
        });
        // Mesa's software driver does; others have no such limit.
        let ended = alone.is_err_and(|e| e.to_string().contains("ended a kernel before its end"));
        assert_eq!(ended, adapter.name().contains("llvmpipe"), "{}", adapter.name());
        let both = Fallback::new(Box::new(gpu), Box::new(Cpu::new().unwrap()));
        let got = answers(&both, &matrix, &passes);
        assert!((0..40).all(|set| verdict(&judge[0][set], &got[0][set]).is_ok()), "{}", adapter.name());
    }
}

/// Submissions of each of three passes that change labels.
fn submissions(gpu: &Gpu, matrix: &Matrix, k: usize) -> Vec<u64> {
    let mut session = gpu.load(matrix).unwrap();
    session.open(1).unwrap();
    let mut random = Random(15);
    let pass = |_| {
        let before = gpu.submissions();
        session.pass(&[SetPass { set: 0, centroids: &centroids(matrix, k, &mut random) }]).unwrap();
        gpu.submissions() - before
    };
    (0..3).map(pass).collect()
}

#[test]
fn a_pass_is_one_submission_unless_its_work_is_too_much() {
    let matrix = Matrix::learn(&table(Kind::Blobs, 5000, 9, 4).view(), None).unwrap().0;
    let little = DeviceLimits { step_work: 1, ..DeviceLimits::LEAST };
    for adapter in adapters() {
        let gpu = open(&adapter, ALL);
        assert_eq!(submissions(&gpu, &matrix, 20), [1, 1, 1], "summed in workgroup memory");
        assert_eq!(submissions(&gpu, &matrix, 600), [2, 1, 1], "summed in the totals; the first needs wider labels");
        assert_eq!(submissions(&gpu.chunk_bytes(40_000), &matrix, 20), [1, 1, 1], "several chunks");
        let steps = submissions(&open(&adapter, OpenOptions { limits: Some(little), ..ALL }), &matrix, 20);
        assert_eq!(steps, [2, 2, 2], "79 tiles, 64 at a time");
    }
}

#[test]
fn far_points_are_not_proven_by_the_bound_of_near_ones() {
    // Points near (1, .., 1) and centroids near the origin, many of them a hair apart: what a score can be off by is set by
    // the norms of the points.
    let mut random = Random(13);
    let x = ndarray::Array2::from_shape_fn((2000, 16), |_| 1.0 - random.uniform() / 1024.0);
    let matrix = Matrix::on_frame(&x.view(), &Frame::new(vec![0.0; 16], 0, 40).unwrap()).unwrap();
    let base: Vec<i64> = (0..16).map(|_| (random.word() % (1 << 30)).cast_signed()).collect();
    let values = (0..40).flat_map(|_| base.iter().map(|q| q + (random.word() % 64).cast_signed()).collect::<Vec<_>>());
    let passes = [vec![Centroids::new(16, values.collect())]];
    for (name, gpu) in gpus() {
        check(&name, &gpu, &matrix, &passes, "near ties far out");
    }
}

#[test]
fn labels_that_were_changed_by_hand_survive_a_lost_device() {
    let matrix = Matrix::learn(&table(Kind::Blobs, 1000, 3, 4).view(), None).unwrap().0;
    let mut random = Random(14);
    let (before, after) = (centroids(&matrix, 4, &mut random), centroids(&matrix, 4, &mut random));
    let run = |engine: &dyn Engine| {
        let mut session = engine.load(&matrix).unwrap();
        session.open(1).unwrap();
        session.pass(&[SetPass { set: 0, centroids: &before }]).unwrap();
        session.relabel(0, 77, 3).unwrap();
        session.renumber(0, &[2, 0, 1, 3]).unwrap();
        session.relabel(0, 500, 0).unwrap();
        let changes = session.pass(&[SetPass { set: 0, centroids: &after }]).unwrap();
        (changes[0].sums.clone(), changes[0].counts.clone(), changes[0].changed, session.labels(0).unwrap())
    };
    let judge = run(&Exact);
    for adapter in adapters() {
        assert_eq!(judge, run(&open(&adapter, ALL)), "{}", adapter.name());
        let mortal = Box::new(open(&adapter, ALL).fault(Fault::Lose(1)));
        assert_eq!(judge, run(&Fallback::new(mortal, Box::new(Exact))), "{}", adapter.name());
    }
}

#[test]
fn a_table_of_real_customers_survives_a_device_lost_after_three_passes() {
    let mut table = read(&root().join("tests/data/cdnow_customers.csv"), &ReadOptions::default()).unwrap();
    let options = features::Options { id: Some("customer_id".into()), ..features::Options::default() };
    let pipeline = Pipeline::learn(&mut table, &options).unwrap().pipeline;
    let matrix = Matrix::learn(&pipeline.prepare(&table).unwrap(), None).unwrap().0;
    let params = Params::new(8).check().unwrap();
    let whole = fit(&Cpu::new().unwrap(), &matrix, &params, &mut Quiet).unwrap();
    assert!(whole.iterations > 4, "it is in the middle that the device is lost");
    for adapter in adapters() {
        let mortal = Box::new(open(&adapter, ALL).fault(Fault::Lose(3)));
        let mortal = Fallback::new(mortal, Box::new(Cpu::new().unwrap()));
        // The points stream, and no CPU stands by.
        let streaming = open(&adapter, ALL).memory(400 << 10);
        for engine in [&mortal as &dyn Engine, &streaming] {
            let got = fit(engine, &matrix, &params, &mut Quiet).unwrap();
            assert_eq!(
                (&whole.labels, &whole.centroids, whole.inertia, whole.iterations),
                (&got.labels, &got.centroids, got.inertia, got.iterations),
                "{:?}",
                got.device_notes
            );
            assert_eq!(got.device_notes.len(), usize::from(std::ptr::addr_eq(engine, &mortal)), "only one is lost");
        }
    }
}
