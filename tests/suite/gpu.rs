//! The GPU engine against the judge, on every adapter of this machine, by equality.

use crate::data::{KINDS, Kind, Random, table};
use crate::judge::{answers, centroids, verdict};
use crate::program::Place;
use segma::engine::cpu::Cpu;
use segma::engine::exact::Exact;
use segma::engine::fallback::Fallback;
use segma::engine::gpu::plan::Abilities;
use segma::engine::gpu::{Adapter, Fault, Gpu, OpenOptions};
use segma::engine::probe::probe;
use segma::engine::{Centroids, Engine};
use segma::kmeans::{Params, Quiet, fit};
use segma::matrix::{Matrix, Weights};

const ALL: OpenOptions = OpenOptions { abilities: None, checked: false, limits: None };

/// The adapters of this machine, software ones too. None is a skip, and a failure under `SEGMA_REQUIRE_GPU=1`.
fn adapters() -> Vec<Adapter> {
    let adapters = Adapter::all();
    if adapters.is_empty() {
        assert_ne!(
            std::env::var("SEGMA_REQUIRE_GPU").as_deref(),
            Ok("1"),
            "SEGMA_REQUIRE_GPU=1, but there is no adapter"
        );
        println!("skipped: no GPU adapter on this machine");
    }
    adapters
}

fn open(adapter: &Adapter, options: OpenOptions) -> Gpu {
    Gpu::open(std::slice::from_ref(adapter), options).unwrap()
}

/// Every adapter with all it can do, with the shaders' run-time checks, and without 64-bit integers and subgroups.
fn gpus() -> Vec<(String, Gpu)> {
    let mut gpus = Vec::new();
    for adapter in adapters() {
        for (int64, together, checked) in [(true, 8, false), (false, 0, false), (true, 0, true), (false, 8, true)] {
            let options = OpenOptions { abilities: Some(Abilities { int64, together }), checked, ..ALL };
            let name = format!("{}, int64 {int64}, together {together}, checked {checked}", adapter.name());
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
    // Sums of few clusters fit in workgroup memory; those of 700 go by slices while many points move, and straight to the
    // totals when few do; 5,000 clusters do not fit even one coordinate.
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
            // 800 KB of points, and 240 KB of labels for three sets, which always stay.
            for memory in [400 << 10, 600 << 10, 900 << 10] {
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
        let small = || Box::new(open(&adapter, ALL).memory(60_000));
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
            assert!(got.device_notes.iter().any(|n| n.code == "device_lost"));
        }
    }
}

#[test]
fn the_program_writes_the_same_files_from_every_adapter() {
    let place = Place::with_customers();
    let fit = "fit customers.csv --id customer_id -k 5";
    place.run(&format!("{fit} --device cpu -o cpu")).ended(0);
    for (i, adapter) in Adapter::all().iter().enumerate() {
        place.run(&format!("{fit} --device gpu:{i} -o gpu{i}")).ended(0);
        for file in ["model.json", "segments.csv", "profile.csv", "metrics.json"] {
            assert_eq!(
                place.bytes(&format!("cpu/{file}")),
                place.bytes(&format!("gpu{i}/{file}")),
                "{}",
                adapter.name()
            );
        }
        let predict = format!("predict cpu/model.json customers.csv --device gpu:{i} -o labels{i}.csv");
        place.run(&predict).ended(0);
        place.run(&format!("{fit} --device gpu:{i}+gpu:{i} --gpu-memory 100KiB -o both{i}")).ended(0);
        assert_eq!(place.bytes("cpu/model.json"), place.bytes(&format!("both{i}/model.json")), "{}", adapter.name());
        assert_eq!(place.bytes("cpu/segments.csv"), place.bytes(&format!("labels{i}.csv")), "{}", adapter.name());
    }
    place.run("selftest").ended(0);
    place.run_under(("SEGMA_GPU_CHUNK", "1MB"), "selftest").ended(2).says(&["SEGMA_GPU_CHUNK is '1MB'"]);
}

#[test]
fn a_run_says_what_it_really_ran_on() {
    let place = Place::with_customers();
    for (i, adapter) in adapters().iter().enumerate() {
        let fit = format!("fit customers.csv --id customer_id -k 5 --device gpu:{i}");
        let run = place.run(&format!("{fit} -o gpu{i}")).ended(0);
        assert!(run.stdout.contains(adapter.name()), "{}", run.stdout);
        // No room for anything: the probe passes all the same, and the CPU does the work.
        let run = place.run(&format!("{fit} --gpu-memory 1KiB -o cpu{i}")).ended(0);
        run.clone().says(&["do not fit", "running on the CPU"]);
        assert!(!run.stdout.contains(adapter.name()) && run.stdout.contains("cpu ("), "{}", run.stdout);
        assert!(place.json(&format!("cpu{i}/run.json"))["device"].as_str().unwrap().starts_with("cpu ("));
        place.run(&format!("{fit} --gpu-memory 1KiB --no-fallback -o none")).ended(6).says(&["do not fit"]);
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_in_a_pass_ends_the_program_at_once() {
    use std::os::unix::process::ExitStatusExt;
    let Some(adapter) = adapters().iter().position(|_| true) else { return };
    let place = Place::with_customers();
    let words = format!("fit customers.csv --id customer_id -k 900 --tol 0 --device gpu:{adapter} -o run");
    let mut child = place.command(&words).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let interrupt = format!("kill -INT {}", child.id());
    assert!(std::process::Command::new("sh").args(["-c", &interrupt]).status().unwrap().success());
    let clock = std::time::Instant::now();
    let status = child.wait().unwrap();
    // It may have been quicker than the signal.
    assert!(status.success() || status.signal() == Some(2) || status.code() == Some(130), "{status:?}");
    assert!(clock.elapsed().as_secs() < 5, "{:?}", clock.elapsed());
    assert_eq!(place.names(".").iter().filter(|n| n.starts_with('.') || n.contains("tmp")).count(), 0);
}
