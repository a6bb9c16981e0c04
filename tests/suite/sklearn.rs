//! scikit-learn on float64, same scaled data, same initial centroids: same labels, but for exact ties.
//!
//! The records and the script that made them are in `tests/fixtures`. Each holds two runs: on the scaled values, and on
//! the same values snapped to segma's grid, where only the summation of floats is left to differ.

use crate::data::root;
use ndarray::Array2;
use segma::engine::cpu::Cpu;
use segma::features::{How, Options, Pipeline};
use segma::kmeans::{Fit, Init, Params, Quiet, fit};
use segma::matrix::{Frame, Matrix, Rows};
use segma::table::{ReadOptions, Table, read};
use serde_json::Value;

/// Cases in which no pass has an exact tie.
pub(crate) const CASES: [&str; 10] =
    ["aniso", "blobs", "cdnow", "cdnow_k12", "customers", "digits_untied", "iris", "moons", "telco", "varied"];

pub(crate) fn record(case: &str) -> Value {
    let path = root().join(format!("tests/fixtures/sklearn_{case}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

pub(crate) fn rows(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(numbers).collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

pub(crate) fn labels(value: &Value) -> Vec<usize> {
    numbers(value).into_iter().map(|v| v as usize).collect()
}

pub(crate) fn relative(a: f64, b: f64) -> f64 {
    (a - b).abs() / b.abs().max(f64::MIN_POSITIVE)
}

fn params(record: &Value) -> segma::kmeans::ValidParams {
    let init = rows(&record["init"]);
    Params::new(init.nrows()).init(Init::Given(init)).check().unwrap()
}

/// The record's cluster of each of ours; fails if the two partitions differ.
fn same_partition(case: &str, theirs: &[usize], ours: &Fit) -> Vec<usize> {
    let k = ours.centroids.k();
    let mut map = vec![usize::MAX; k];
    for (i, (&own, &other)) in ours.labels.iter().zip(theirs).enumerate() {
        let seen = &mut map[own as usize];
        if *seen == usize::MAX {
            *seen = other;
        }
        assert_eq!(*seen, other, "{case}: row {i}");
    }
    let mut distinct = map.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), k, "{case}: clusters merged");
    map
}

/// The record's table and the preparation segma learns from it; `None` if the record holds its data itself.
fn table(record: &Value) -> Option<(Table, Pipeline)> {
    let source = record["source"].as_str().filter(|s| *s != "inline")?;
    let mut table = read(&root().join(source), &ReadOptions::default()).unwrap();
    let names: Vec<String> = record["columns"].as_array().unwrap().iter().map(|c| c.as_str().unwrap().into()).collect();
    let options = Options { columns: Some(names), ..Options::default() };
    let pipeline = Pipeline::learn(&mut table, &options).unwrap().pipeline;
    Some((table, pipeline))
}

/// Runs `check` on the record's prepared rows.
pub(crate) fn with_rows(record: &Value, check: impl Fn(&dyn Fn(Option<&Frame>) -> Matrix)) {
    fn matrix(rows: &impl Rows, frame: Option<&Frame>) -> Matrix {
        match frame {
            Some(frame) => Matrix::on_frame(rows, frame).unwrap(),
            None => Matrix::learn(rows, None).unwrap().0,
        }
    }
    match table(record) {
        Some((table, pipeline)) => check(&|frame| matrix(&pipeline.prepare(&table).unwrap(), frame)),
        None => check(&|frame| matrix(&rows(&record["data"]).view(), frame)),
    }
}

#[test]
fn means_and_deviations_are_those_of_a_standard_scaler() {
    for case in CASES {
        let record = record(case);
        let Some((_, pipeline)) = table(&record) else { continue };
        for (j, plan) in pipeline.plans().iter().enumerate() {
            let How::Number(number) = &plan.how else { panic!("{case} {}: not a number", plan.name) };
            assert!(relative(number.offset, numbers(&record["mean"])[j]) < 1e-14, "{case} {}", plan.name);
            assert!(relative(number.divisor, numbers(&record["sd"])[j]) < 1e-14, "{case} {}", plan.name);
        }
    }
}

#[test]
fn scikit_learn_finds_the_same_clusters() {
    for case in CASES {
        let record = record(case);
        with_rows(&record, |matrix| {
            let matrix = matrix(None);
            let ours = fit(&Cpu::new().unwrap(), &matrix, &params(&record), &mut Quiet).unwrap();
            let map = same_partition(case, &labels(&record["labels"]), &ours);
            assert_eq!(u64::from(ours.iterations), record["iterations"].as_u64().unwrap(), "{case}");
            let inertia = matrix.frame().length2(ours.inertia.as_f64());
            assert!(relative(inertia, record["inertia"].as_f64().unwrap()) < 1e-7, "{case}: inertia {inertia}");
            let (values, theirs) = (ours.values(matrix.frame()), rows(&record["centroids"]));
            for ((c, j), v) in values.indexed_iter() {
                assert!((v - theirs[[map[c], j]]).abs() < 2e-6, "{case}: centroid {c}, column {j}");
            }
        });
    }
}

#[test]
fn on_the_values_the_grid_holds_inertia_agrees_to_twelve_digits() {
    for case in CASES {
        let record = record(case);
        let grid = &record["grid"];
        let bits = u32::try_from(grid["s"].as_u64().unwrap()).unwrap();
        let exponent = i32::try_from(grid["e"].as_i64().unwrap()).unwrap();
        let frame = Frame::new(numbers(&grid["offset"]), exponent, bits).unwrap();
        with_rows(&record, |matrix| {
            let matrix = matrix(Some(&frame));
            let ours = fit(&Cpu::new().unwrap(), &matrix, &params(&record), &mut Quiet).unwrap();
            let map = same_partition(case, &labels(&grid["labels"]), &ours);
            assert_eq!(u64::from(ours.iterations), grid["iterations"].as_u64().unwrap(), "{case}");
            let step = 1.0 / f64::from(frame.scale());
            let inertia = ours.inertia.as_f64() * step * step;
            assert!(relative(inertia, grid["inertia"].as_f64().unwrap()) < 1e-12, "{case}: inertia {inertia}");
            let theirs = rows(&grid["centroids"]);
            for (c, row) in ours.centroids.rows().enumerate() {
                for (j, &q) in row.iter().enumerate() {
                    assert!((q as f64 * step - theirs[[map[c], j]]).abs() < 1e-12, "{case}: centroid {c}, column {j}");
                }
            }
            let counts = labels(&grid["counts"]);
            assert!(ours.counts.iter().enumerate().all(|(c, &n)| n == counts[map[c]] as u64), "{case}: counts");
        });
    }
}

#[test]
fn exact_ties_between_first_centroids_go_to_the_lowest_index() {
    // Three rows of `digits` lie exactly between two initial centroids. scikit-learn breaks the ties by rounding; an
    // independent exact-integer Lloyd with ties to the lowest index takes 16 iterations.
    let record = record("digits");
    assert_eq!(labels(&record["ambiguous_at_start"]), [33, 132, 238]);
    with_rows(&record, |matrix| {
        let ours = fit(&Cpu::new().unwrap(), &matrix(None), &params(&record), &mut Quiet).unwrap();
        assert_eq!((ours.iterations, ours.converged), (16, true));
    });
}
