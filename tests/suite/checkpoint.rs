//! A fit that is stopped and goes on ends as one that was left alone, to the same bytes; whatever stops it.

use crate::contract::levels;
use crate::data::{KINDS, Kind, table};
use crate::fitted::{column, matrix, repeated, weighted};
use crate::gpu::{adapters, open};
use ndarray::{Array2, array};
use segma::engine::Engine;
use segma::engine::cpu::{Cpu, Pruning};
use segma::engine::exact::Exact;
use segma::engine::gpu::OpenOptions;
use segma::error::Error;
use segma::kmeans::{Fit, Init, Observer, Params, Progress, Quiet, Snapshot, ValidParams, resume, sweep};
use segma::matrix::Matrix;
use serde_json::Value;
use std::ops::ControlFlow;

/// Stops a fit after a number of passes.
struct Stop {
    passes: u32,
    snapshot: Option<Snapshot>,
}

impl Observer for Stop {
    fn progress(&mut self, _: Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn wants_snapshot(&mut self, _last: bool) -> bool {
        self.passes -= 1;
        self.passes == 0
    }

    fn snapshot(&mut self, snapshot: Snapshot) -> ControlFlow<()> {
        self.snapshot = Some(snapshot);
        ControlFlow::Break(())
    }
}

/// The snapshot after so many passes, written down and read again; `None` if the fit has ended before.
pub(crate) fn stopped(
    engine: &dyn Engine,
    matrix: &Matrix,
    params: &[ValidParams],
    from: Option<&Snapshot>,
    passes: u32,
) -> Option<Snapshot> {
    let mut stop = Stop { passes, snapshot: None };
    let end = match from {
        None => sweep(engine, matrix, params, &mut stop),
        Some(from) => resume(engine, matrix, params, from, &mut stop),
    };
    let snapshot = stop.snapshot?;
    assert!(matches!(end, Err(Error::Interrupted)));
    Some(serde_json::from_str(&serde_json::to_string(&snapshot).unwrap()).unwrap())
}

#[track_caller]
fn same(expected: &[Fit], got: &[Fit], what: &str) {
    assert_eq!(expected.len(), got.len(), "{what}");
    for (a, b) in expected.iter().zip(got) {
        assert_eq!(a.labels, b.labels, "{what}");
        assert_eq!((&a.centroids, &a.means), (&b.centroids, &b.means), "{what}");
        assert_eq!((&a.counts, &a.weights, a.inertia), (&b.counts, &b.weights, b.inertia), "{what}");
        assert_eq!(a.total_inertia.to_bits(), b.total_inertia.to_bits(), "{what}");
        assert_eq!((a.iterations, &a.history, a.converged), (b.iterations, &b.history, b.converged), "{what}");
        assert_eq!((a.start, a.passes, a.scored, &a.notes), (b.start, b.passes, b.scored, &b.notes), "{what}");
    }
}

/// Stops a fit after every one of its passes, goes on on each of the engines, and compares. Returns the passes.
#[track_caller]
fn survives(matrix: &Matrix, params: &[ValidParams], engines: &[&dyn Engine], what: &str) -> u32 {
    let alone = sweep(engines[0], matrix, params, &mut Quiet).unwrap();
    for pass in 1.. {
        let Some(snapshot) = stopped(engines[0], matrix, params, None, pass) else { return pass - 1 };
        for engine in engines {
            let got = resume(*engine, matrix, params, &snapshot, &mut Quiet).unwrap();
            same(&alone, &got, &format!("{what}, stopped after pass {pass}, then on {}", engine.name()));
        }
    }
    unreachable!()
}

pub(crate) fn params(ks: &[usize], change: impl Fn(Params) -> Params) -> Vec<ValidParams> {
    ks.iter().map(|&k| change(Params::new(k)).check().unwrap()).collect()
}

#[test]
fn a_fit_goes_on_after_any_pass_to_the_same_bytes() {
    let cpu = Cpu::new().unwrap();
    let pruned = cpu.pruning(Pruning::Always);
    for kind in KINDS {
        for (n, d) in [(65, 2), (700, 5)] {
            let matrix = matrix(&table(kind, n, d, 11));
            for (init, starts) in [(Init::KMeansPlusPlus, 1), (Init::Random, 3)] {
                let params = params(&[7], |p| p.init(init.clone()).n_init(starts).tol(0.0));
                survives(&matrix, &params, &[&cpu, &pruned, &Exact], &format!("{kind:?} {n} x {d} {init:?}"));
            }
        }
    }
}

#[test]
fn a_sweep_with_weights_goes_on_after_any_pass() {
    let x = table(Kind::Counts, 900, 4, 5);
    let weights: Vec<f64> = (0..900).map(|i| f64::from(i % 4) / 2.0).collect();
    let matrix = weighted(&x, &weights);
    let params = params(&[1, 3, 8, 20], |p| p.init(Init::Random).n_init(2).max_iter(12));
    let cpu = Cpu::new().unwrap();
    assert!(survives(&matrix, &params, &[&cpu, &Exact], "weights") > 5);
}

#[test]
fn every_level_goes_on_where_another_stopped() {
    let matrix = matrix(&table(Kind::Blobs, 2000, 6, 2));
    let params = params(&[16], |p| p.tol(0.0));
    let levels = levels();
    let mut engines: Vec<&dyn Engine> = levels.iter().map(|l| l as &dyn Engine).collect();
    engines.push(&Exact);
    survives(&matrix, &params, &engines, "levels");
}

/// Fits in which clusters lose all points: first centroids far from every row, and fewer distinct rows than clusters.
fn emptied() -> Vec<(Matrix, Vec<ValidParams>)> {
    let far = |x: &Array2<f64>, at: Array2<f64>| {
        (matrix(x), vec![Params::new(at.nrows()).init(Init::Given(at)).tol(0.0).check().unwrap()])
    };
    let line: Vec<f64> = (0..60).map(|i| f64::from(i * i % 97)).collect();
    let few = repeated(&array![[0.0, 1.0], [5.0, 2.0], [9.0, 9.0]], &[20, 30, 1]);
    let weights: Vec<f64> = (0..51).map(|i| if i % 3 == 0 { 0.0 } else { 1.5 }).collect();
    vec![
        far(&column(&line), column(&[1.0, 2.0, 900.0, 950.0, 960.0])),
        far(&few, array![[0.0, 1.0], [5.0, 2.0], [80.0, 80.0], [81.0, 80.0], [0.0, 90.0]]),
        (matrix(&few), params(&[2, 3, 5, 7], |p| p.init(Init::Random).n_init(3))),
        (weighted(&few, &weights), params(&[3, 5], |p| p.init(Init::Random).n_init(2).seed(3))),
        (matrix(&table(Kind::Duplicates, 300, 3, 8)), params(&[6, 12, 40], |p| p.init(Init::Random).n_init(2))),
    ]
}

#[test]
fn filled_and_dropped_clusters_come_back_as_they_were() {
    let cpu = Cpu::new().unwrap();
    let (mut relocated, mut dropped) = (0, 0);
    for (case, (matrix, params)) in emptied().iter().enumerate() {
        survives(matrix, params, &[&cpu, &Exact], &format!("case {case}"));
        let first = stopped(&cpu, matrix, params, None, 1).unwrap();
        let starts = serde_json::to_value(&first).unwrap()["starts"].clone();
        for start in starts.as_array().unwrap() {
            relocated += start["since"]["relocated"].as_array().unwrap().len();
            dropped += usize::from(!start["since"]["kept"].is_null());
        }
    }
    assert!(relocated > 3 && dropped > 1, "{relocated} relocated, {dropped} dropped: the cases test nothing");
}

#[test]
fn a_fit_may_be_stopped_after_every_single_pass() {
    let cpu = Cpu::new().unwrap();
    let matrix = matrix(&table(Kind::Outlier, 1500, 4, 9));
    let params = params(&[4, 9], |p| p.init(Init::Random).n_init(2).tol(0.0));
    let alone = sweep(&Exact, &matrix, &params, &mut Quiet).unwrap();
    let mut snapshot = stopped(&cpu, &matrix, &params, None, 1).unwrap();
    let engines: [&dyn Engine; 2] = [&Exact, &cpu];
    let mut stops = 1;
    while let Some(next) = stopped(engines[stops % 2], &matrix, &params, Some(&snapshot), 1) {
        (snapshot, stops) = (next, stops + 1);
    }
    assert!(stops > 10, "{stops}");
    let got = resume(&cpu, &matrix, &params, &snapshot, &mut Quiet).unwrap();
    same(&alone, &got, "stopped all the time");
}

#[test]
fn a_gpu_goes_on_where_it_or_the_cpu_stopped() {
    let cpu = Cpu::new().unwrap();
    for adapter in adapters() {
        let (name, gpu) = (adapter.name(), open(&adapter, OpenOptions::default()));
        let matrix = matrix(&table(Kind::Blobs, 2500, 6, 4));
        let blobs = params(&[5, 9], |p| p.init(Init::Random).n_init(2).tol(0.0).max_iter(9));
        survives(&matrix, &blobs, &[&gpu, &cpu], name);
        for (matrix, params) in &emptied()[..3] {
            survives(matrix, params, &[&cpu, &gpu], name);
        }
    }
}

#[test]
fn a_snapshot_of_other_points_or_parameters_is_refused() {
    let cpu = Cpu::new().unwrap();
    let x = table(Kind::Blobs, 500, 3, 1);
    let (own, few) = (matrix(&x), params(&[4, 5], |p| p.n_init(2)));
    let snapshot = stopped(&cpu, &own, &few, None, 2).unwrap();
    let refused = |matrix: &Matrix, params: &[ValidParams], snapshot: &Snapshot, word: &str| {
        let error = resume(&cpu, matrix, params, snapshot, &mut Quiet).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains(word), "{error} does not say {word}");
    };
    let other = table(Kind::Blobs, 500, 3, 2);
    refused(&matrix(&other), &few, &snapshot, "not the means of these points");
    refused(&matrix(&table(Kind::Blobs, 500, 2, 1)), &few, &snapshot, "does not belong to this fit");
    refused(&own, &params(&[4], |p| p.n_init(2)), &snapshot, "fits");
    refused(&own, &params(&[4, 5], |p| p.n_init(1)), &snapshot, "starts");
    refused(&own, &params(&[2, 3], |p| p.n_init(2)), &snapshot, "more than");
    refused(&own, &params(&[4, 5], |p| p.n_init(2).max_iter(1)), &snapshot, "iterations");
    type Harm = fn(&mut serde_json::Value);
    let harms: [(&str, Harm); 9] = [
        ("whole rows are missing", |s| drop(s["starts"][0]["previous"].as_array_mut().unwrap().pop())),
        ("no centroids", |s| s["starts"][1]["centroids"] = serde_json::json!([])),
        ("far off the grid", |s| s["starts"][0]["previous"][0] = i64::MIN.into()),
        ("another centroid", |s| s["starts"][0]["centroids"][0] = 7.into()),
        ("a point from nowhere", |s| s["starts"][0]["since"]["relocated"] = serde_json::json!([[500, 0]])),
        ("a point to nowhere", |s| s["starts"][0]["since"]["relocated"] = serde_json::json!([[0, 4]])),
        ("a point twice", |s| s["starts"][0]["since"]["relocated"] = serde_json::json!([[1, 0], [1, 0]])),
        ("clusters kept twice", |s| s["starts"][0]["since"]["kept"] = serde_json::json!([0, 0, 1, 2])),
        ("endless counters", |s| s["costs"][0]["scored"] = u64::MAX.into()),
    ];
    for (what, harm) in harms {
        let mut value = serde_json::to_value(&snapshot).unwrap();
        harm(&mut value);
        let harmed: Snapshot = serde_json::from_value(value).unwrap();
        let error = resume(&cpu, &own, &few, &harmed, &mut Quiet).expect_err(what);
        assert_eq!(error.exit_code(), 3, "{what}: {error}");
    }
}

/// Every number and word of a document, as the path to it.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(all) => all.iter().enumerate().for_each(|(i, v)| leaves(v, &format!("{path}/{i}"), found)),
        Value::Object(all) => all.iter().for_each(|(key, v)| leaves(v, &format!("{path}/{key}"), found)),
        _ => found.push(path.to_owned()),
    }
}

#[test]
fn whatever_a_snapshot_holds_it_is_gone_on_with_or_refused() {
    let (matrix, params) = emptied().swap_remove(1);
    let snapshot = serde_json::to_value(stopped(&Exact, &matrix, &params, None, 1).unwrap()).unwrap();
    let mut paths = Vec::new();
    leaves(&snapshot, "", &mut paths);
    let (mut read, mut refused) = (0, 0);
    for path in &paths {
        let numbers = [0, 1, -1, 2, 51, i64::MAX, i64::MIN].map(Value::from);
        let words = ["iterating", "settling", "done"].map(Value::from);
        let others = [u64::MAX.into(), 1.5.into(), Value::Null, true.into(), false.into(), Value::Array(Vec::new())];
        for other in numbers.into_iter().chain(words).chain(others) {
            let mut changed = snapshot.clone();
            *changed.pointer_mut(path).unwrap() = other;
            let Ok(changed) = serde_json::from_value::<Snapshot>(changed) else { continue };
            read += 1;
            refused += usize::from(resume(&Exact, &matrix, &params, &changed, &mut Quiet).is_err());
        }
    }
    assert!(read > 150 && refused > 80, "{read} read, {refused} refused");
}
