//! Choosing the number of segments: what `segma sweep` recommends and `segma fit -k auto` keeps.

use crate::data::Random;
use crate::program::{Place, npy_of};
use ndarray::Array2;
use serde_json::Value;

/// Nearly standard normal.
fn noise(r: &mut Random) -> f64 {
    (0..12).map(|_| r.uniform()).sum::<f64>() - 6.0
}

/// Rounded Gaussian groups, their centres at least `apart` deviations from each other.
fn blobs(groups: usize, rows: usize, dims: usize, apart: f64, seed: u64) -> Array2<f64> {
    let mut r = Random(seed);
    let mut centres: Vec<Vec<f64>> = Vec::new();
    let mut side = apart;
    while centres.len() < groups {
        let centre: Vec<f64> = (0..dims).map(|_| side * r.uniform()).collect();
        let far = |c: &Vec<f64>| c.iter().zip(&centre).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt() >= apart;
        if centres.iter().all(far) {
            centres.push(centre);
        } else {
            side *= 1.01;
        }
    }
    let mut x = Array2::zeros((rows, dims));
    for mut row in x.rows_mut() {
        let centre = &centres[r.below(groups)];
        row.iter_mut().zip(centre).for_each(|(x, c)| *x = c + noise(&mut r));
    }
    x
}

fn uniform(rows: usize, dims: usize, seed: u64) -> Array2<f64> {
    let mut r = Random(seed);
    Array2::from_shape_simple_fn((rows, dims), || r.uniform())
}

fn put(place: &Place, name: &str, x: &Array2<f64>) {
    let data: Vec<u8> = x.iter().flat_map(|v| v.to_le_bytes()).collect();
    place.put(name, npy_of("<f8", x.shape(), &data));
}

#[track_caller]
fn recommended(place: &Place, table: &str, more: &str) -> Value {
    let run = place.run(&format!("sweep {table} -k 2..12 --device cpu -o out --force --json -q {more}"));
    let document = run.ended(0).json();
    println!("{table}: {} because {}", document["recommended_k"], document["reason"]);
    document
}

#[test]
fn known_groups_are_counted() {
    let place = Place::new();
    for seed in [42, 1, 2] {
        place.run(&format!("generate demo.csv --rows 2000 --seed {seed} --force -q")).ended(0);
        assert_eq!(recommended(&place, "demo.csv", "--id customer_id")["recommended_k"], 5, "seed {seed}");
    }
    for (groups, dims) in [(2, 3), (3, 2), (5, 4), (8, 2), (8, 16)] {
        put(&place, "x.npy", &blobs(groups, 1200, dims, 6.0, groups as u64));
        assert_eq!(recommended(&place, "x.npy", "")["recommended_k"], groups, "{groups} groups in {dims} dims");
    }
}

#[test]
fn where_there_are_no_groups_there_is_no_clear_k() {
    let place = Place::new();
    for (name, x) in [
        ("square", uniform(1500, 2, 1)),
        ("small square", uniform(300, 2, 2)),
        ("box", uniform(600, 5, 3)),
        ("high box", uniform(300, 16, 4)),
        ("cloud", blobs(1, 1500, 2, 0.0, 5)),
        ("high cloud", blobs(1, 600, 8, 0.0, 6)),
        ("long tail", blobs(1, 1000, 3, 0.0, 7).mapv(|v| (1.0 + v / 8.0).powi(8))),
    ] {
        put(&place, "x.npy", &x);
        let document = recommended(&place, "x.npy", "");
        assert_eq!(document["recommended_k"], Value::Null, "{name}: {document:#}");
        assert!(!document["reason"].as_str().unwrap().is_empty());
    }
}

/// A document without what time it took.
fn timeless(mut document: Value) -> Value {
    for fit in document["fits"].as_array_mut().unwrap() {
        fit.as_object_mut().unwrap().remove("seconds");
    }
    document.as_object_mut().unwrap().remove("device_notes");
    document
}

#[test]
fn a_sweep_is_the_same_on_any_number_of_threads() {
    let place = Place::new();
    // More rows than a sample holds.
    put(&place, "x.npy", &blobs(3, 6000, 3, 5.0, 8));
    let of = |threads: usize| {
        place
            .run(&format!("sweep x.npy -k 2..4 --n-init 1 --device cpu -o out --force -q --threads {threads}"))
            .ended(0);
        timeless(place.json("out/sweep.json"))
    };
    let one = of(1);
    assert_eq!(one["fits"][1]["stability"]["rows"], 5000);
    assert_eq!((of(2), of(3)), (one.clone(), one));
}

#[test]
fn a_sweep_on_a_gpu_says_the_same() {
    if crate::gpu::adapters().is_empty() {
        return;
    }
    let place = Place::new();
    put(&place, "x.npy", &blobs(3, 700, 3, 5.0, 9));
    let of = |device: &str| {
        let words = "sweep x.npy -k 2..5 --n-init 2 --metrics simplified,ch,db,gap,stability -o out --force -q";
        place.run(&format!("{words} --device {device}")).ended(0);
        timeless(place.json("out/sweep.json"))
    };
    assert_eq!(of("gpu:0"), of("cpu"));
}

#[test]
fn only_what_is_asked_for_is_measured() {
    let place = Place::new();
    put(&place, "x.npy", &blobs(3, 300, 2, 8.0, 3));
    let fits = |metrics: &str| {
        let words = format!("sweep x.npy -k 1..4 --metrics {metrics} -o out --force");
        let run = place.run(&words).ended(0);
        let lines: Vec<String> = place.text("out/sweep.csv").lines().map(str::to_owned).collect();
        let names: Vec<&str> = lines[0].split(',').collect();
        let cells: Vec<&str> = lines[3].split(',').collect();
        let there =
            ["silhouette", "simplified_silhouette", "calinski_harabasz", "davies_bouldin", "gap", "jaccard_mean"];
        let filled = there.map(|n| !cells[names.iter().position(|m| *m == n).unwrap()].is_empty());
        (run, filled)
    };
    assert_eq!(fits("none").1, [false; 6]);
    assert_eq!(fits("fast").1, [true, true, true, true, false, false]);
    assert_eq!(fits("inertia,gap").1, [false, false, false, false, true, false]);
    let (run, filled) = fits("full");
    assert_eq!(filled, [true; 6]);
    // The cost is told first, the answer last.
    assert!(run.stderr.starts_with("to do: 4 numbers of segments x 4 starts on 300 rows; "), "{}", run.stderr);
    assert!(run.stdout.contains("Recommended: 3 segments: "), "{}", run.stdout);
    assert!(run.stdout.lines().any(|l| l.trim_start().starts_with("->  3 ")), "{}", run.stdout);
    place.run("sweep x.npy -k 2..4 --metrics fastest -o out --force").ended(2).says(&["full, fast, none"]);
}

#[test]
fn what_was_not_looked_for_is_not_denied() {
    let place = Place::new();
    put(&place, "x.npy", &blobs(3, 300, 2, 8.0, 3));
    let knees = |ks: &str| -> Vec<Value> {
        place.run(&format!("sweep x.npy -k {ks} --metrics none -o out --force")).ended(0);
        let document = place.json("out/sweep.json");
        assert!(document["reason"].as_str().unwrap().starts_with("nothing was measured"), "{document:#}");
        let csv = place.text("out/sweep.csv");
        let cells = csv.lines().skip(1).map(|l| l.split(',').nth(4).unwrap());
        let knees: Vec<Value> = document["fits"].as_array().unwrap().iter().map(|f| f["knee"].clone()).collect();
        for (cell, knee) in cells.zip(&knees) {
            assert_eq!(cell, knee.as_bool().map_or_else(String::new, |k| k.to_string()));
        }
        knees
    };
    assert_eq!(knees("2..4"), vec![Value::Null; 3]);
    let looked_for = knees("1..6");
    assert_eq!(looked_for.iter().filter(|k| **k == true).count(), 1, "{looked_for:?}");
    put(&place, "alike.npy", &Array2::ones((50, 2)));
    for ks in ["1..4", "2..4"] {
        let document = place.run(&format!("sweep alike.npy -k {ks} -o out --force --json")).ended(0).json();
        assert_eq!(document["recommended_k"], Value::Null);
        assert!(document["reason"].as_str().unwrap().starts_with("all rows are alike"), "{document:#}");
    }
}

#[test]
fn fit_keeps_the_number_that_is_recommended() {
    let place = Place::with_customers();
    let run = place.run("fit customers.csv --id customer_id -k auto -o auto --device cpu").ended(0);
    assert!(run.stdout.contains("Fitted 5 segments") && run.stdout.contains("agree on 5"), "{}", run.stdout);
    let choice = &place.json("auto/metrics.json")["choice"];
    assert_eq!((choice["tried"].as_array().unwrap().len(), choice["votes"].as_array().unwrap().len()), (11, 4));
    // The starts of a comparison, said aloud.
    place.run("fit customers.csv --id customer_id -k 5 --n-init 4 -o five --device cpu").ended(0);
    for file in ["model.json", "segments.csv", "profile.csv"] {
        assert_eq!(place.bytes(&format!("auto/{file}")), place.bytes(&format!("five/{file}")), "{file}");
    }
    assert_eq!(place.json("five/metrics.json").get("choice"), None);
    place.run("fit customers.csv --id customer_id -k 4..6 --n-init 2 -o range --device cpu").ended(0);
    place.run("fit customers.csv --id customer_id -k 5 --n-init 2 -o five --force --device cpu").ended(0);
    assert_eq!(place.bytes("range/model.json"), place.bytes("five/model.json"));
}

#[test]
fn fit_writes_nothing_where_no_number_is_clear() {
    let place = Place::new();
    put(&place, "x.npy", &uniform(300, 2, 5));
    let run = place.run("fit x.npy -k auto -o out --device cpu").ended(10);
    run.says(&["no clear k: ", "elbow: ", "silhouette: ", "gap: ", "stability: ", "--clusters N", "segma sweep"]);
    assert_eq!(place.names("."), ["x.npy"]);
    put(&place, "few.npy", &uniform(2, 2, 5));
    place.run("fit few.npy -k auto -o out").ended(3).says(&["2 rows are too few"]);
    put(&place, "four.npy", &uniform(4, 2, 5));
    place.run("fit four.npy -k auto -o out").ended(10).says(&["no clear k"]);
    for k in ["0", "x", "2..", "auto,3", "4294967295"] {
        place.run(&format!("fit x.npy --clusters={k} -o out")).ended(2).says(&["--clusters"]);
    }
    place.run("fit x.npy -k auto --init x.npy -o out").ended(2).says(&["--init x.npy"]);
}
