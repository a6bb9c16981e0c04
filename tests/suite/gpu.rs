//! The GPU engine against the judge, on every adapter of this machine, by equality.

use crate::data::{KINDS, Kind, Random, table};
use crate::judge::{answers, centroids, verdict};
use crate::program::Place;
use segma::engine::cpu::Cpu;
use segma::engine::exact::Exact;
use segma::engine::fallback::Fallback;
use segma::engine::gpu::{Adapter, Gpu};
use segma::engine::probe::probe;
use segma::engine::{Centroids, Engine};
use segma::kmeans::{Params, Quiet, fit};
use segma::matrix::{Matrix, Weights};

/// The GPUs of this machine, software ones too. None is a skip, and a failure under `SEGMA_REQUIRE_GPU=1`.
fn gpus() -> Vec<Gpu> {
    let adapters = Adapter::all();
    if adapters.is_empty() {
        assert_ne!(
            std::env::var("SEGMA_REQUIRE_GPU").as_deref(),
            Ok("1"),
            "SEGMA_REQUIRE_GPU=1, but there is no adapter"
        );
        println!("skipped: no GPU adapter on this machine");
    }
    adapters.iter().map(|a| Gpu::open(a).unwrap()).collect()
}

fn check(gpu: &dyn Engine, matrix: &Matrix, passes: &[Vec<Centroids>], what: &str) {
    let judge = answers(&Exact, matrix, passes);
    for (pass, (judge, got)) in judge.iter().zip(answers(gpu, matrix, passes)).enumerate() {
        for (set, (judge, got)) in judge.iter().zip(&got).enumerate() {
            assert_eq!(verdict(judge, got), Ok(()), "{}, {what}, pass {pass}, set {set}", gpu.name());
        }
    }
}

#[test]
fn passes_equal_the_judge_on_awkward_shapes() {
    for gpu in gpus() {
        for kind in KINDS {
            for (n, d, k) in
                [(1, 1, 1), (63, 2, 3), (64, 3, 8), (65, 7, 65), (4099, 16, 8), (300, 33, 20), (200, 129, 5)]
            {
                let matrix = Matrix::learn(&table(kind, n, d, 31).view(), None).unwrap().0;
                let mut random = Random(n as u64);
                let passes: Vec<_> = (0..2)
                    .map(|_| vec![centroids(&matrix, k, &mut random), centroids(&matrix, 1, &mut random)])
                    .collect();
                check(&gpu, &matrix, &passes, &format!("{kind:?} n={n} d={d} k={k}"));
            }
        }
    }
}

#[test]
fn tiny_chunks_change_nothing() {
    let matrix = Matrix::learn(&table(Kind::Counts, 3000, 5, 4).view(), None).unwrap().0;
    let mut random = Random(3);
    let passes: Vec<_> = (0..3).map(|_| vec![centroids(&matrix, 7, &mut random)]).collect();
    for gpu in gpus() {
        for bytes in [1, 4000, 20_000] {
            check(&gpu.clone().chunk_bytes(bytes), &matrix, &passes, &format!("chunks of {bytes} bytes"));
        }
    }
}

#[test]
fn many_centroids_equal_the_judge() {
    let matrix = Matrix::learn(&table(Kind::Blobs, 2000, 9, 4).view(), None).unwrap().0;
    for gpu in gpus() {
        for k in [255, 1000] {
            check(&gpu, &matrix, &[vec![centroids(&matrix, k, &mut Random(5))]], &format!("k={k}"));
        }
    }
}

#[test]
fn weighted_passes_equal_the_judge() {
    let mut random = Random(6);
    let weights: Vec<f64> = (0..999).map(|i| if i % 5 == 0 { 0.0 } else { random.uniform() }).collect();
    let matrix = Matrix::learn(&table(Kind::Blobs, 999, 4, 4).view(), Some(Weights::new(&weights).unwrap())).unwrap().0;
    let passes: Vec<_> = (0..2).map(|_| vec![centroids(&matrix, 6, &mut random)]).collect();
    for gpu in gpus() {
        check(&gpu, &matrix, &passes, "weighted");
    }
}

#[test]
fn whole_fits_equal_the_judge() {
    for gpu in gpus() {
        for kind in KINDS {
            let matrix = Matrix::learn(&table(kind, 2000, 6, 12).view(), None).unwrap().0;
            let params = Params::new(9).init(segma::kmeans::Init::Random).n_init(3).max_iter(40).check().unwrap();
            let judge = fit(&Exact, &matrix, &params, &mut Quiet).unwrap();
            let got = fit(&gpu, &matrix, &params, &mut Quiet).unwrap();
            assert_eq!(judge.labels, got.labels, "{kind:?}");
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
    for gpu in gpus() {
        probe(&gpu).unwrap();
    }
}

#[test]
fn a_device_lost_in_the_middle_of_a_fit_costs_a_note_and_no_byte() {
    for gpu in gpus() {
        let matrix = Matrix::learn(&table(Kind::Blobs, 3000, 4, 12).view(), None).unwrap().0;
        let params = Params::new(9).init(segma::kmeans::Init::Random).n_init(2).max_iter(40).check().unwrap();
        let whole = fit(&Cpu::new().unwrap(), &matrix, &params, &mut Quiet).unwrap();
        for passes in [0, 1, 5, 7] {
            // A lost device stays lost: open it anew each time.
            let adapter = Adapter::all().into_iter().find(|a| gpu.name().contains(a.name())).unwrap();
            let mortal = Gpu::open(&adapter).unwrap().lose_after(passes);
            let error = fit(&mortal, &matrix, &params, &mut Quiet).unwrap_err();
            assert_eq!(error.exit_code(), 6, "{error}");
            let mortal = Gpu::open(&adapter).unwrap().lose_after(passes);
            let both = Fallback::new(Box::new(mortal), Box::new(Cpu::new().unwrap()));
            let got = fit(&both, &matrix, &params, &mut Quiet).unwrap();
            assert_eq!(whole.labels, got.labels, "lost after {passes} passes");
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
        assert_eq!(place.bytes("cpu/segments.csv"), place.bytes(&format!("labels{i}.csv")), "{}", adapter.name());
    }
    place.run("selftest").ended(0);
}
