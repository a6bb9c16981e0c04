//! The silhouette against the judge in f64 and against scikit-learn, on every SIMD level and GPU; and the sampled one against the
//! exact one.

use crate::data::{KINDS, Kind, Random, narrow, root, table};
use crate::gpu::{ALL, adapters, gpus};
use crate::program::{Place, npy, npy_of};
use crate::sklearn::{CASES, labels, numbers, record, with_rows};
use ndarray::{Array2, Axis};
use segma::engine::Engine;
use segma::engine::cpu::{Cpu, Level};
use segma::engine::exact::Exact;
use segma::engine::gpu::Gpu;
use segma::matrix::{Matrix, Weights};
use segma::quality::{Silhouette, silhouette};
use serde_json::Value;

/// How far a mean may be from the judge's, and the silhouette of a row.
const MEAN: f64 = 1e-7;
const ROW: f64 = 1e-6;

fn exact(engine: &dyn Engine, matrix: &Matrix, labels: &[u32], k: usize) -> Silhouette {
    silhouette(engine, matrix, labels, k, usize::MAX, 0).unwrap()
}

fn levels() -> impl Iterator<Item = Level> {
    Level::ALL.into_iter().filter(|l| l.available())
}

fn drawn(n: usize, k: usize, random: &mut Random) -> Vec<u32> {
    (0..n).map(|_| random.below(k) as u32).collect()
}

/// Awkward points with labels below `k`: of every kind, with small clusters, an empty one, and numbers far off or far apart.
fn awkward() -> Vec<(String, Array2<f64>, Vec<u32>, usize)> {
    let mut all = Vec::new();
    let mut random = Random(11);
    for (n, d, k) in
        [(1, 1, 1), (2, 3, 2), (63, 2, 3), (64, 3, 64), (65, 7, 1), (700, 16, 5), (300, 33, 2), (200, 129, 9)]
    {
        for kind in KINDS {
            let labels = drawn(n, k, &mut random);
            all.push((format!("{kind:?} n={n} d={d} k={k}"), table(kind, n, d, 5), labels, k));
        }
    }
    let blobs = table(Kind::Blobs, 400, 4, 8);
    let labels = drawn(400, 6, &mut random);
    for (name, x) in [
        ("offset of 1e6", blobs.mapv(|v| v + 1e6)),
        ("magnitude of 1e30", blobs.mapv(|v| v * 1e30)),
        ("magnitude of 1e-25", blobs.mapv(|v| v * 1e-25)),
    ] {
        all.push((name.into(), x, labels.clone(), 6));
    }
    let hole = labels.iter().map(|l| if *l == 2 { 3 } else { *l }).collect();
    all.push(("an empty label".into(), blobs.clone(), hole, 7));
    let alone = (0..400).map(|i| if i == 200 { 1 } else { 0 }).collect();
    all.push(("a row alone".into(), blobs, alone, 2));
    all
}

fn close(name: &str, judge: &Silhouette, got: &Silhouette) -> f64 {
    assert_eq!(judge.rows, got.rows, "{name}");
    let off = |a: f64, b: f64, most: f64, what: &str| {
        assert!((a - b).abs() <= most, "{name}: {what} {a}, the judge says {b}");
        (a - b).abs()
    };
    for (row, (a, b)) in got.values.iter().zip(&judge.values).enumerate() {
        off(f64::from(*a), f64::from(*b), ROW, &format!("row {row}:"));
    }
    for (a, b) in got.clusters.iter().zip(&judge.clusters) {
        off(*a, *b, ROW, "cluster");
    }
    off(got.mean.value, judge.mean.value, if got.rows.len() < 64 { ROW } else { MEAN }, "mean")
}

#[test]
fn every_level_and_gpu_is_close_to_the_judge_on_awkward_points() {
    let gpus = gpus();
    for (name, x, labels, k) in awkward() {
        let matrix = Matrix::learn(&x.view(), None).unwrap().0;
        let judge = exact(&Exact, &matrix, &labels, k);
        for level in levels() {
            let got = exact(&Cpu::with_level(level).unwrap(), &matrix, &labels, k);
            close(&format!("{name}, {level}"), &judge, &got);
        }
        for (gpu, engine) in &gpus {
            close(&format!("{name}, {gpu}"), &judge, &exact(engine, &matrix, &labels, k));
            let chunked = exact(&engine.clone().chunk_bytes(3000), &matrix, &labels, k);
            close(&format!("{name}, {gpu}, small chunks"), &judge, &chunked);
        }
    }
}

#[test]
fn streaming_and_sharing_the_points_change_no_byte_on_a_gpu() {
    let matrix = Matrix::learn(&table(Kind::Blobs, 6000, 8, 3).view(), None).unwrap().0;
    let labels = drawn(6000, 5, &mut Random(4));
    let cpu = exact(&Cpu::new().unwrap(), &matrix, &labels, 5);
    for adapter in adapters() {
        let open = |shares: usize| Gpu::open(&vec![adapter.clone(); shares], ALL).unwrap().chunk_bytes(30_000);
        let all = exact(&open(1), &matrix, &labels, 5);
        close(adapter.name(), &cpu, &all);
        assert_eq!(exact(&open(1).memory(120_000), &matrix, &labels, 5), all, "{}, streaming", adapter.name());
        assert_eq!(exact(&open(3), &matrix, &labels, 5), all, "{}, shared", adapter.name());
    }
}

#[test]
fn bytes_depend_on_neither_level_nor_threads() {
    for (n, d, k) in [(1000, 5, 4), (700, 16, 9), (130, 33, 2)] {
        let matrix = Matrix::learn(&table(Kind::Outlier, n, d, 2).view(), None).unwrap().0;
        let labels = drawn(n, k, &mut Random(1));
        let of = |level, threads| {
            let pool = rayon_pool(threads);
            pool.install(|| silhouette(&Cpu::with_level(level).unwrap(), &matrix, &labels, k, usize::MAX, 0).unwrap())
        };
        let first = of(Level::Portable, 1);
        for level in levels() {
            (1..=3).for_each(|threads| assert_eq!(of(level, threads), first, "{level} on {threads} threads"));
        }
    }
}

fn rayon_pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

#[test]
fn whole_weights_count_as_repeated_rows() {
    let x = table(Kind::Blobs, 300, 4, 6);
    let labels: Vec<u32> = drawn(300, 4, &mut Random(7));
    let weights: Vec<f64> = (0..300).map(|i| [1.0, 3.0, 0.0, 2.0, 1.0][i % 5]).collect();
    let repeated: Vec<usize> = (0..300).flat_map(|i| vec![i; weights[i] as usize]).collect();
    let rows = Matrix::learn(&x.select(Axis(0), &repeated).view(), None).unwrap().0;
    let weighted = Matrix::learn(&x.view(), Some(Weights::new(&weights).unwrap())).unwrap().0;
    let cpu = Cpu::new().unwrap();
    let a = exact(&cpu, &weighted, &labels, 4);
    let b = exact(&cpu, &rows, &repeated.iter().map(|i| labels[*i]).collect::<Vec<_>>(), 4);
    assert!((a.mean.value - b.mean.value).abs() < 1e-7, "{} and {}", a.mean.value, b.mean.value);
    a.clusters.iter().zip(&b.clusters).for_each(|(a, b)| assert!((a - b).abs() < 1e-7));
    for (row, value) in a.rows.iter().zip(&a.values) {
        assert!(weights[*row] > 0.0, "row {row} has no weight");
        let copy = repeated.iter().position(|r| r == row).unwrap();
        assert!((value - b.values[copy]).abs() < 1e-6, "row {row}");
    }
    assert_eq!(a.rows.len(), 240);
    for (_, gpu) in gpus().into_iter().take(1) {
        close("weighted", &a, &exact(&gpu, &weighted, &labels, 4));
    }
}

#[test]
fn a_cluster_that_weighs_one_or_less_has_no_silhouette() {
    let x = table(Kind::Blobs, 6, 2, 1);
    let weights = Weights::new(&[0.25, 0.5, 1.0, 2.0, 1.0, 1.0]).unwrap();
    let matrix = Matrix::learn(&x.view(), Some(weights)).unwrap().0;
    let got = exact(&Cpu::new().unwrap(), &matrix, &[0, 0, 1, 2, 3, 3], 4);
    assert_eq!(got.values[..3], [0.0; 3]);
    assert_eq!(got.values[3], 1.0, "two copies at one place");
}

#[test]
fn scikit_learn_measures_the_same() {
    let path = root().join("tests/fixtures/silhouette_sklearn.json");
    let theirs: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let step = theirs["step"].as_u64().unwrap() as usize;
    for case in CASES {
        let record = record(case);
        let labels: Vec<u32> = labels(&record["labels"]).into_iter().map(|l| l as u32).collect();
        let k = *labels.iter().max().unwrap() as usize + 1;
        with_rows(&record, |matrix| {
            let ours = exact(&Cpu::new().unwrap(), &matrix(None), &labels, k);
            let mean = theirs[case]["mean"].as_f64().unwrap();
            assert!((ours.mean.value - mean).abs() < 1e-6, "{case}: {}, scikit-learn says {mean}", ours.mean.value);
            let samples = numbers(&theirs[case]["samples"]);
            for (own, other) in ours.values.iter().step_by(step).zip(&samples) {
                assert!((f64::from(*own) - other).abs() < 2e-6, "{case}: {own}, scikit-learn says {other}");
            }
        });
    }
}

/// Of 100 intervals of 95 %, 95 hold the exact value; fewer than 88 would be chance once in a thousand times.
#[test]
fn intervals_of_samples_hold_the_exact_silhouette() {
    let n = 6000;
    let x = table(Kind::Blobs, n, 3, 12);
    let labels: Vec<u32> = x.rows().into_iter().map(|r| u32::from(r[0] > 2.0) + u32::from(r[1] > 2.0) * 2).collect();
    let weights: Vec<f64> = (0..n).map(|i| 1.0 + (i % 3) as f64).collect();
    let cpu = Cpu::new().unwrap();
    for weights in [None, Some(Weights::new(&weights).unwrap())] {
        let weighted = weights.is_some();
        let matrix = Matrix::learn(&x.view(), weights).unwrap().0;
        let right = exact(&cpu, &matrix, &labels, 4).mean.value;
        let samples: Vec<_> = (0..100).map(|seed| silhouette(&cpu, &matrix, &labels, 4, 500, seed).unwrap()).collect();
        let intervals: Vec<[f64; 2]> = samples.iter().map(|s| s.mean.sampled.unwrap().ci95).collect();
        let held = intervals.iter().filter(|i| (i[0]..=i[1]).contains(&right)).count();
        let width = intervals.iter().map(|i| i[1] - i[0]).sum::<f64>() / 100.0;
        assert!(held >= 88, "{held} of 100 hold {right} (weighted: {weighted}), of width {width}");
        assert!(width < 0.1, "{width} says nothing");
        let mean = samples.iter().map(|s| s.mean.value).sum::<f64>() / 100.0;
        assert!((mean - right).abs() < width / 4.0, "{mean} on average, {right} exactly");
    }
}

#[test]
fn a_sample_of_all_rows_but_a_few_is_nearly_exact() {
    let matrix = Matrix::learn(&table(Kind::Blobs, 2000, 3, 12).view(), None).unwrap().0;
    let labels = drawn(2000, 3, &mut Random(5));
    let cpu = Cpu::new().unwrap();
    let (all, most) = (exact(&cpu, &matrix, &labels, 3), silhouette(&cpu, &matrix, &labels, 3, 1990, 1).unwrap());
    let sampled = most.mean.sampled.unwrap();
    assert_eq!((all.mean.sampled, sampled.rows, most.rows.len()), (None, 1990, 1990));
    assert!(sampled.ci95[1] - sampled.ci95[0] < 0.002, "{sampled:?}");
    assert!((all.mean.value - most.mean.value).abs() < 0.001);
}

#[test]
fn bench_times_the_silhouette_of_labels() {
    let place = Place::new();
    let x = narrow(&table(Kind::Blobs, 900, 4, 5));
    let labels = drawn(900, 3, &mut Random(2));
    let bytes: Vec<u8> = labels.iter().flat_map(|l| (i64::from(*l) - 1).to_le_bytes()).collect();
    place.put("x.npy", npy(&[900, 4], x.as_slice().unwrap()));
    place.put("l.npy", npy_of("<i8", &[900], &bytes));
    place.put("short.npy", npy_of("<i8", &[2], &bytes[..16]));
    let matrix = Matrix::learn(&x.view(), None).unwrap().0;
    let right = exact(&Cpu::new().unwrap(), &matrix, &labels, 3).mean.value;
    let words = "bench silhouette --matrix x.npy --labels l.npy";
    let document = place.run(&format!("{words} --device cpu --threads 2 --json")).ended(0).json();
    assert_eq!(document["schema"], "segma.bench-silhouette/1");
    assert_eq!((&document["n"], &document["d"], &document["k"]), (&900.into(), &4.into(), &3.into()));
    assert_eq!((&document["silhouette"], &document["exact"]), (&right.into(), &true.into()));
    assert!(document["seconds"].as_f64().unwrap() > 0.0 && document["device"] == "cpu");
    let sampled = place.run(&format!("{words} --silhouette-exact-rows 500 --seed 3 --json")).ended(0).json();
    assert_eq!((&sampled["exact"], &sampled["sample_rows"]), (&false.into(), &500.into()));
    assert!(sampled["ci95"][0].as_f64() < sampled["ci95"][1].as_f64());
    assert!(place.run(words).ended(0).stdout.contains("of all rows"));
    place
        .run("bench silhouette --matrix x.npy --labels short.npy")
        .ended(3)
        .says(&["short.npy: 2 labels for 900 rows"]);
    place.run("bench silhouette --matrix x.npy").ended(2).says(&["--labels"]);
    place.run("bench --labels l.npy").ended(2);
}
