//! Little memory: what does not fit lies in a temporary file, and no byte of a result tells.

use crate::program::Place;
use ndarray::Array2;
use segma::engine::cpu::Cpu;
use segma::generate::{Customers, Options};
use segma::kmeans::{Params, Quiet, fit};
use segma::matrix::Matrix;
use segma::store::Store;
use segma::table::{self, ReadOptions, Table, Values};
use std::path::Path;

/// Rows in more than two blocks of a column.
const ROWS: u64 = 150_000;

fn customers(path: &Path) {
    let options = Options { rows: ROWS, truth: true, ..Options::default() };
    let file = std::fs::File::create(path).unwrap();
    let customers = Customers::new(options).unwrap();
    let csv = path.extension().is_some_and(|e| e == "csv");
    if csv { customers.write_csv(file, |_| ()) } else { customers.write_parquet(file, |_| ()) }.unwrap();
}

fn read(path: &Path, store: &Store) -> Table {
    let keep = ["customer_id".to_owned()].into();
    table::read(path, &ReadOptions { keep, store: store.clone(), ..ReadOptions::default() }).unwrap()
}

#[track_caller]
fn assert_same(a: &Table, b: &Table) {
    assert_eq!((a.rows, a.columns.len(), a.kept.len()), (b.rows, b.columns.len(), b.kept.len()));
    for (a, b) in a.columns.iter().zip(&b.columns) {
        assert_eq!((&a.name, a.missing, a.first_missing), (&b.name, b.missing, b.first_missing));
        match (&a.values, &b.values) {
            (Values::Numbers(a), Values::Numbers(b)) | (Values::YesNo(a), Values::YesNo(b)) => assert!(a == b),
            (Values::Levels(a), Values::Levels(b)) => assert!(a == b),
            (a, b) => panic!("{a:?} and {b:?}"),
        }
    }
    assert!(a.kept.iter().zip(&b.kept).all(|(a, b)| a.name == b.name && a.texts == b.texts));
}

#[test]
fn a_table_in_a_file_is_the_same_table() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.csv", "a.parquet"] {
        let path = folder.path().join(name);
        customers(&path);
        let whole = read(&path, &Store::default());
        for room in [0, 300_000, 2_000_000] {
            let store = Store::new(room, true);
            assert_same(&read(&path, &store), &whole);
            assert!(store.in_memory() <= room && store.in_file() > 0, "{name}, {room} bytes");
        }
    }
}

#[test]
fn rows_taken_out_of_a_table_in_a_file_leave_the_same_table_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    customers(&path);
    let (mut whole, store) = (read(&path, &Store::default()), Store::new(300_000, true));
    let mut filed = read(&path, &store);
    for step in [3, 1_000] {
        let kept: Vec<bool> = (0..whole.rows).map(|row| row % step != 1).collect();
        whole.retain(&kept).unwrap();
        filed.retain(&kept).unwrap();
        assert_same(&filed, &whole);
    }
    assert!(store.in_memory() <= 300_000);
    // Rows 1, 4, 7, .. went first; then every thousandth of the others.
    let left: Vec<usize> = (0..150_000).filter(|row| row % 3 != 1).collect();
    let left: Vec<usize> = (0..left.len()).filter(|at| at % 1_000 != 1).map(|at| left[at]).collect();
    assert_eq!(whole.rows, left.len());
    assert!(left.iter().enumerate().all(|(row, in_file)| whole.row_in_file(row) == *in_file));
    assert_eq!(whole.place(0, "x").line, Some(2));
}

#[test]
fn points_in_a_file_are_the_same_points_and_give_the_same_fit() {
    let x = Array2::from_shape_fn((40_001, 5), |(i, j)| ((i * 7919 + j * 104_729) % 10_007) as f32 / 7.0);
    let whole = Matrix::learn(&x.view(), None).unwrap().0;
    let store = Store::new(0, true);
    let filed = Matrix::learn_in(&x.view(), None, &store).unwrap().0;
    assert_eq!(store.in_file(), (whole.tiles() as u64 * 64 * 5 * 4).next_multiple_of(4096));
    assert!((0..whole.tiles()).all(|t| whole.tile(t) == filed.tile(t) && whole.norm(t) == filed.norm(t)));
    assert_eq!(whole.squares(), filed.squares());
    for k in [3, 24] {
        let params = Params::new(k).tol(0.0).check().unwrap();
        let fits = [&whole, &filed].map(|matrix| fit(&Cpu::new().unwrap(), matrix, &params, &mut Quiet).unwrap());
        assert!(fits[0].labels == fits[1].labels && fits[0].centroids == fits[1].centroids);
        assert_eq!((fits[0].inertia, fits[0].iterations), (fits[1].inertia, fits[1].iterations));
    }
}

#[test]
fn a_run_in_little_memory_gives_the_same_bytes() {
    let place = Place::new();
    place.run("generate a.parquet --rows 150000 --features 16").ended(0);
    let fit = "fit a.parquet --id customer_id -k 5 --threads 1 --format csv";
    place.run(&format!("{fit} -o plenty")).ended(0);
    place.run(&format!("{fit} --memory 90MiB -o little")).ended(0);
    for file in ["model.json", "segments.csv", "profile.csv", "metrics.json"] {
        assert_eq!(place.text(&format!("plenty/{file}")), place.text(&format!("little/{file}")), "{file}");
    }
    let run: serde_json::Value = serde_json::from_str(&place.text("little/run.json")).unwrap();
    assert_eq!(run["memory"]["limit_bytes"], 90 << 20);
    assert!(run["memory"]["points_bytes_in_file"].as_u64().unwrap() > 10_000_000, "{run}");
    let predict = "predict plenty/model.json a.parquet --threads 1";
    let plenty = place.run(predict).ended(0).stdout;
    assert_eq!(place.run(&format!("{predict} --memory 90MiB")).ended(0).stdout, plenty);
    assert_eq!(plenty, place.text("plenty/segments.csv"));
}

#[test]
fn too_little_memory_is_said_with_the_sum_and_nothing_is_left() {
    let place = Place::new();
    place.run("generate a.csv --rows 30000").ended(0);
    let small = place.run("fit a.csv --id customer_id -k 3 --threads 1 --memory 65MiB -o run").ended(7);
    small.says(&["65 MiB of memory are not enough", "the labels of 30000 rows", "--memory"]);
    assert!(!place.path("run").exists());
}

#[test]
#[cfg(unix)]
fn a_temporary_folder_that_cannot_be_written_is_named() {
    let place = Place::new();
    place.run("generate a.csv --rows 100000").ended(0);
    let fit = "fit a.csv --id customer_id -k 3 --threads 1 --memory 77MiB -o run";
    place.run_under(("TMPDIR", "/nowhere/at/all"), fit).ended(7).says(&["/nowhere/at/all", "TMPDIR"]);
    assert!(!place.path("run").exists());
}

#[test]
fn segments_as_parquet_hold_what_the_csv_holds() {
    let place = Place::new();
    place.run("generate a.parquet --rows 70000").ended(0);
    place.run("generate a.csv --rows 70000").ended(0);
    place.run("fit a.parquet --id customer_id -k 5 --keep region -o run").ended(0);
    place.run("fit a.csv --id customer_id -k 5 --keep region -o as_csv").ended(0);
    assert!(place.path("run/segments.parquet").exists() && !place.path("run/segments.csv").exists());
    let options = |name: &str| ReadOptions {
        keep: ["customer_id".to_owned(), "region".to_owned()].into(),
        categorical: Some(segma::table::Selection::parse("segment_name").unwrap()),
        wanted: Some(segma::table::Selection::parse("segment,segment_name,distance,margin").unwrap()),
        delimiter: name.ends_with("csv").then_some(b','),
        ..ReadOptions::default()
    };
    let [parquet, csv] = ["run/segments.parquet", "as_csv/segments.csv"]
        .map(|name| table::read(&place.path(name), &options(name)).unwrap());
    for (a, b) in parquet.columns.iter().zip(&csv.columns) {
        match (&a.values, &b.values) {
            (Values::Levels(a), Values::Levels(b)) => assert!(a == b),
            (Values::Numbers(a), Values::Numbers(b)) => {
                // A float of 32 bits, in the one as such, in the other in decimal.
                assert!((0..a.len()).all(|i| a.get(i) as f32 == b.get(i) as f32), "{}", csv.source);
            }
            (a, b) => panic!("{a:?} and {b:?}"),
        }
    }
    assert!(parquet.kept.iter().zip(&csv.kept).all(|(a, b)| a.name == b.name && a.texts == b.texts));
    place.run("predict run/model.json a.csv --keep region -o labels.parquet").ended(0);
    assert_eq!(place.bytes("labels.parquet"), place.bytes("run/segments.parquet"));
    place.run("fit a.csv --id customer_id -k 5 --keep region --format parquet -o other").ended(0);
    assert_eq!(place.bytes("other/segments.parquet"), place.bytes("run/segments.parquet"));
}

#[test]
fn a_column_called_as_one_of_ours_is_refused_before_the_work() {
    let place = Place::new();
    place.put("a.csv", "id,segment,x\na,u,1\nb,v,2\nc,u,3\n");
    place.run("fit a.csv --id id --keep segment -k 2 -o run").ended(2).says(&["column 'segment' would be twice"]);
    assert!(!place.path("run").exists());
}

#[test]
fn a_plan_says_what_a_run_takes_and_writes_nothing() {
    let place = Place::new();
    for (file, exact) in [("a.parquet", true), ("a.csv", false)] {
        place.run(&format!("generate {file} --rows 150000 --features 16")).ended(0);
        let fit = format!("fit {file} --id customer_id -k 5 --threads 1 --device cpu -o run");
        let plan = place.run(&format!("{fit} --memory 90MiB --plan --json")).ended(0).json();
        let rows = plan["rows"].as_u64().unwrap();
        assert!(if exact { rows == 150_000 } else { rows.abs_diff(150_000) < 7_500 }, "{plan}");
        assert_eq!((&plan["rows_exact"], &plan["points_in_file"]), (&exact.into(), &true.into()), "{plan}");
        assert!(plan["pass_seconds"].as_f64().unwrap() > 0.0 && plan["will_fit"] == true, "{plan}");
        assert!(!place.path("run").exists());
        let said = place.run(&format!("{fit} --plan")).ended(0).stdout;
        assert!(said.contains("150,0") || !exact, "{said}");
        assert!(said.contains("in memory") && said.contains("a pass"), "{said}");
    }
    place.run("fit a.csv --id customer_id -k 5 -o run").ended(0);
    let features = place.json("run/metrics.json")["features"].clone();
    let plan = place.run("sweep a.csv --id customer_id -k 2..4 -o s --plan --json").ended(0).json();
    assert_eq!(plan["features"], features);
    place.run("fit - --id customer_id -k 5 -o other --plan").ended(2).says(&["beginning of a file"]);
}
