//! Tables as teams have them: text, gaps, yes and no, dates, outliers; what is decided about them, and that it holds at predict.

use crate::data::root;
use crate::program::Place;
use segma::features::{Options, Pipeline};
use segma::matrix::Rows;
use segma::table::{ReadOptions, Selection, read};
use serde_json::Value;
use std::fmt::Write;

const TELCO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/telco_churn.csv");

fn record() -> Value {
    serde_json::from_str(include_str!("../fixtures/encoder_sklearn.json")).unwrap()
}

/// Every `step`-th row of some telco columns as they are prepared, and the names of the features.
fn prepared(columns: &[&str], most: usize, step: usize) -> (Vec<String>, Vec<Vec<i64>>) {
    let wanted = Some(Selection::names(columns.iter().copied()));
    let mut table = read(TELCO.as_ref(), &ReadOptions { wanted, ..ReadOptions::default() }).unwrap();
    let options = Options { columns: table.selected.clone(), max_levels: Some(most), ..Options::default() };
    let pipeline = Pipeline::learn(&mut table, &options).unwrap().pipeline;
    let prepared = pipeline.prepare(&table).unwrap();
    let names = pipeline.features().iter().map(|f| f.name.clone()).collect();
    let row = |i: usize| (0..prepared.dims()).map(|j| prepared.value(i, j) as i64).collect();
    (names, (0..table.rows).step_by(step).map(row).collect())
}

fn rows(record: &Value) -> Vec<Vec<i64>> {
    serde_json::from_value(record.clone()).unwrap()
}

#[test]
fn levels_become_the_columns_of_a_one_hot_encoder() {
    let record = record();
    let step = record["step"].as_u64().unwrap() as usize;
    let columns: Vec<String> = serde_json::from_value(record["columns"].clone()).unwrap();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let (names, values) = prepared(&columns, 20, step);
    let theirs: Vec<String> = serde_json::from_value(record["names"].clone()).unwrap();
    let sklearn: Vec<String> = names.iter().map(|n| n.replace('=', "_")).collect();
    assert_eq!((sklearn, values), (theirs, rows(&record["rows"])));
    // scikit-learn counts the column that rare levels share among its `max_categories`, segma does not: 3 there is 2 here.
    let (names, values) = prepared(&["payment_method"], 2, step);
    assert_eq!(names, ["Electronic check", "Mailed check", "(other)"].map(|l| format!("payment_method={l}")));
    assert_eq!(values, rows(&record["few_rows"]));
}

#[test]
fn the_telco_table_fits_with_one_command_and_predicts_itself() {
    let place = Place::new();
    let run = place.run(&format!("fit {TELCO} --id customer_id -k 4 -o run")).ended(0);
    run.clone().says(&["filled missing values", "total_charges (11 with 1397.3)"]);
    assert!(run.stdout.contains("one-hot on multiple_lines, internet_service"), "{}", run.stdout);
    place.run(&format!("predict run/model.json {TELCO} -o labels.csv")).ended(0);
    assert_eq!(place.bytes("labels.csv"), place.bytes("run/segments.csv"));
    let profile = place.text("run/profile.csv");
    let row = |feature: &str| profile.lines().any(|l| l.starts_with("0,") && l.contains(feature));
    assert!(row(",contract,Month-to-month,category,yes,no,") && row(",churn,yes,yes/no,yes,no,"), "{profile}");
}

#[test]
fn a_parquet_table_gives_the_bytes_of_its_csv() {
    let place = Place::new();
    let rows: String = place_lines(TELCO, 1_501);
    place.put("telco.csv", rows);
    let fit = |table: &str, out: &str| {
        let flags = "--id customer_id -k 4 --date-reference 2024-01-01 --missing knn --outliers iqr";
        place.run(&format!("fit {table} {flags} --format csv -o {out}")).ended(0);
    };
    fit("telco.csv", "csv");
    for writer in ["pyarrow", "polars"] {
        let table = root().join(format!("tests/data/parquet/telco_{writer}.parquet"));
        fit(table.to_str().unwrap(), writer);
        for file in ["model.json", "segments.csv", "profile.csv"] {
            let (ours, theirs) = (place.bytes(&format!("csv/{file}")), place.bytes(&format!("{writer}/{file}")));
            assert!(ours == theirs, "{file} of {writer}");
        }
    }
}

fn place_lines(path: &str, lines: usize) -> String {
    std::fs::read_to_string(path).unwrap().lines().take(lines).flat_map(|l| [l, "\n"]).collect()
}

/// Two clear groups with text, gaps, yes/no, dates and a long tail; `times` says how often each row is there.
fn awkward(times: impl Fn(usize) -> usize, weights: bool) -> String {
    let mut csv = String::from("w,spend,visits,age,plan,active,since\n");
    for i in 0..60 {
        let (low, spread) = (i % 2 == 0, i * 7 % 11);
        let usual = if low { 20 } else { 900 };
        let spend = if i == 41 { 90_000 } else { usual + spread };
        let visits = if i % 13 == 5 { String::new() } else { (if low { 1 } else { 40 } + spread % 5).to_string() };
        let age = if i % 9 == 4 { "NA".into() } else { (30 + spread).to_string() };
        let plan = ["basic", "plus", "", "pro"][if low { i / 2 % 3 } else { 3 }];
        let active = if low { "yes" } else { "No" };
        for _ in 0..if weights { 1 } else { times(i) } {
            let weight = if weights { times(i) } else { 1 };
            let _ = writeln!(csv, "{weight},{spend}.25,{visits},{age},{plan},{active},2024-0{}-1{}", 1 + i % 3, i % 7);
        }
    }
    csv
}

#[test]
fn a_weight_of_three_is_three_rows_however_columns_are_prepared() {
    let place = Place::new();
    let times = |i: usize| 1 + i % 3;
    place.put("weighted.csv", awkward(times, true));
    place.put("repeated.csv", awkward(times, false));
    for flags in [
        "",
        "--missing mean --scale robust --missing-indicators",
        "--missing knn --scale maxabs",
        "--missing iterative --transform auto",
        "--missing drop --encode frequency",
        "--outliers iqr --transform yeo-johnson --encode ordinal",
        "--outliers mad --outlier-action drop --scale minmax",
        "--transform quantile,spend=log1p --max-levels 1 --feature-weights spend=2,plan=0.5",
    ] {
        let fit = |table: &str, weights: &str| {
            let fixed = "--columns spend-since --date-reference 2024-12-31 -k 2 --n-init 5 --force -o";
            place.run(&format!("fit {table}.csv {weights} {fixed} {table} {flags}")).ended(0);
            place.json(&format!("{table}/model.json"))
        };
        let (weighted, repeated) = (fit("weighted", "--weight-column w"), fit("repeated", ""));
        for part in ["pipeline", "frame", "centroids_grid"] {
            assert_eq!(weighted[part], repeated[part], "{part} with {flags:?}");
        }
    }
}

#[test]
fn predict_prepares_new_rows_as_the_model_does() {
    let place = Place::new();
    place.put("a.csv", awkward(|_| 1, false));
    let flags = "--columns spend-since --date-reference 2024-12-31 --max-levels 2 --missing knn";
    place.run(&format!("fit a.csv -k 2 {flags} -o run")).ended(0);
    place.put(
        "new.csv",
        "since,plan,extra,spend,active,age,visits\n\
         2024-01-11,gold,x,21.25,YES,31,2\n\
         ,,y,905.25,,,\n\
         2024-03-12,pro,z,910,no,,44\n",
    );
    let run = place.run("predict run/model.json new.csv --keep extra").ended(0);
    assert!(run.stderr.contains("filled 5 missing values as the model does"), "{}", run.stderr);
    let lines: Vec<Vec<&str>> = run.stdout.lines().map(|l| l.split(',').collect()).collect();
    assert_eq!(lines[0], ["row", "segment", "segment_name", "distance", "distance_second", "margin", "extra"]);
    assert_eq!(lines[1..].iter().map(|l| *l.last().unwrap()).collect::<String>(), "xyz");
    let training = place.text("run/segments.csv");
    let segment = |row: usize| training.lines().nth(row + 1).unwrap().split(',').nth(1).unwrap().to_owned();
    assert_eq!([lines[1][1], lines[3][1]], [segment(0), segment(1)]);
    // The order of rows among others does not matter, and a column that changed its kind is refused.
    place.put("changed.csv", "since,plan,spend,active,age,visits\n2024-01-11,gold,21.25,maybe,31,2\n");
    place.run("predict run/model.json changed.csv").ended(3).says(&["changed.csv:2: column 'active'", "yes nor no"]);
    place.put("changed.csv", "since,plan,spend,active,age,visits\n7,gold,21.25,yes,31,2\n");
    place.run("predict run/model.json changed.csv").ended(3).says(&["column 'since'", "fitted on dates"]);
    place.put("changed.csv", "since,plan,spent,active,age,visits\n7,gold,21.25,yes,31,2\n");
    place.run("predict run/model.json changed.csv").ended(3).says(&["no column 'spend'; did you mean 'spent'?"]);
}

#[test]
fn what_is_left_out_is_named_with_the_flag_that_keeps_it() {
    let place = Place::new();
    let mut csv = String::from("number,name,joined,land,empty,spend,plan\n");
    for i in 0..40 {
        let _ = writeln!(
            csv,
            "{},customer {i},2024-01-{:02},NL,,{},{}",
            1000 + i,
            1 + i % 28,
            i * i % 17,
            ["a", "b"][i % 2]
        );
    }
    place.put("a.csv", &csv);
    let run = place.run("fit a.csv -k 2 -o run").ended(0).says(&[
        "left out 'empty': every value missing",
        "left out 'land': every value the same (--columns",
        "left out 'name': every row has its own value, like an id (--id",
        "left out 'number': whole numbers without a gap, one a row, like an id (--id",
        "left out 'joined': dates (--date-reference",
    ]);
    assert!(run.stdout.contains("3 features"), "{}", run.stdout);
    let inspected = place.run("inspect a.csv --id name --json").ended(0).json();
    let fates: Vec<&str> =
        inspected["columns"].as_array().unwrap().iter().map(|c| c["fate"].as_str().unwrap()).collect();
    assert_eq!(
        fates,
        ["id_left_out", "reserved", "date_left_out", "constant_left_out", "empty_left_out", "used", "used"],
        "{inspected}"
    );
    assert_eq!(inspected["features"], 3);
    let text = place.run("inspect a.csv").ended(0).stdout;
    assert!(text.contains("40 rows, 7 columns") && text.contains("1 or 0 for each of a, b"), "{text}");
    assert!(place.run("inspect run/model.json").ended(0).stdout.contains("plan    1 or 0 for each of a, b"));
    place.run("fit a.csv -k 2 --columns number,joined -o named").ended(0);
    // What inspect says is what fit does, whatever the flags.
    let refused = place.run("inspect a.csv --columns spend,empty").ended(0).stdout;
    assert!(refused.contains("A fit would refuse the table: a.csv: column 'empty': every value"), "{refused}");
    let gaps = "spend,visits\n1,\n2,40\n3,41\n4,\n9,7\n8,7\n";
    place.put("gaps.csv", gaps);
    for flags in ["--missing knn", "--missing drop", "--outliers iqr --outlier-action drop", "--transform auto"] {
        place.run(&format!("fit gaps.csv -k 2 {flags} -o gaps --force")).ended(0);
        let details = |what: &str| -> Vec<Value> {
            let columns = place.run(&format!("inspect {what} --json")).ended(0).json()["columns"].clone();
            columns.as_array().unwrap().iter().map(|c| c["detail"].clone()).collect()
        };
        assert_eq!(details(&format!("gaps.csv {flags}")), details("gaps/model.json"), "{flags}");
    }
    // Leaving a column out does not switch off the judgement of the others, and carrying one does not leave it out.
    let rest = place.run("fit a.csv -k 2 --columns !plan --keep spend,plan -o rest").ended(0);
    assert!(rest.stdout.contains("1 features"), "{}", rest.stdout);
    rest.says(&["left out 'name'", "left out 'joined'"]);
    let segments = place.text("rest/segments.csv");
    assert!(segments.lines().next().unwrap().ends_with(",distance,distance_second,margin,spend,plan"), "{segments}");
    place
        .run("predict rest/model.json a.csv -o labels.csv")
        .ended(0)
        .says(&["does not use: number, name, joined, land"]);
    place.run("fit a.csv -k 2 --categorical spend --encode spend=ordinal -o texts").ended(0);
    place.run("fit a.csv -k 2 --columns plan --categorical spend -o x").ended(2).says(&["'spend' is made categorical"]);
    place.run("fit a.csv -k 2 --missing lend=mean -o x").ended(2).says(&["--missing: 'lend' is none of the columns"]);
    place.run("fit a.csv -k 2 --transform spend=log -o x").ended(2).says(&["must be none, log1p"]);
}

#[test]
fn outliers_are_held_dropped_or_marked() {
    let place = Place::new();
    place.put("a.csv", awkward(|_| 1, false));
    let fit = |action: &str| {
        let flags = format!("--columns spend,visits,age --outliers iqr --outlier-action {action}");
        place.run(&format!("fit a.csv -k 2 {flags} -o {action}")).ended(0)
    };
    fit("clip").says(&["held outliers at the limits of their columns: spend (1)"]);
    assert_eq!(place.text("clip/segments.csv").lines().count(), 61);
    fit("drop").says(&["dropped rows with outliers: spend (1)"]);
    let rows: Vec<String> =
        place.text("drop/segments.csv").lines().map(|l| l.split(',').next().unwrap().into()).collect();
    assert!(rows.len() == 60 && !rows.contains(&"42".into()) && rows.contains(&"60".into()), "{rows:?}");
    fit("flag").says(&["marked outliers: spend (1)"]);
    let marked = place.text("flag/segments.csv");
    assert!(marked.starts_with("row,segment,segment_name,distance,distance_second,margin,outlier\n"));
    let flags: Vec<&str> = marked.lines().filter(|l| !l.ends_with(',')).collect();
    assert!(flags.len() == 2 && flags[1].starts_with("42,") && flags[1].ends_with(",spend"), "{flags:?}");
    // A yes or no in numbers has no outliers, however rare.
    let rows: String = (0..60).map(|i| format!("{},{}\n", u8::from(i == 7), i % 5)).collect();
    place.put("flags.csv", format!("vip,visits\n{rows}"));
    place.run("fit flags.csv -k 2 --outliers zscore --outlier-action drop -o vip").ended(0);
    assert_eq!(place.text("vip/segments.csv").lines().count(), 61);
    place.run("predict flag/model.json a.csv -o again.csv").ended(0);
    assert_eq!(place.text("again.csv"), marked);
}

#[test]
fn rows_with_gaps_can_be_dropped() {
    let place = Place::new();
    place.put("a.csv", awkward(|_| 1, false));
    let gaps = (0..60).filter(|i| i % 13 == 5).count();
    let run = place.run("fit a.csv -k 2 --missing visits=drop --columns spend,visits,age -o run").ended(0);
    run.says(&[&format!("dropped {gaps} of 60 rows, which have missing values")]);
    assert_eq!(place.text("run/segments.csv").lines().count(), 61 - gaps);
    place.run("predict run/model.json a.csv -o labels.csv").ended(0).says(&["dropped "]);
    assert_eq!(place.text("labels.csv"), place.text("run/segments.csv"));
    place.run("fit a.csv -k 2 --missing error -o x").ended(3).says(&["a.csv:7: column 'visits': the value is missing"]);
}

#[test]
fn large_values_beside_small_ones_keep_their_precision() {
    let place = Place::new();
    let rows: String = (0..40).map(|i| format!("{},{}\n", 1_700_000_000 + i % 2 * 3_600 + i % 5, i % 3)).collect();
    place.put("a.csv", format!("seen,visits\n{rows}"));
    place.run("fit a.csv -k 2 --columns seen -o run").ended(0);
    let centroids = place.json("run/model.json")["centroids"].clone();
    let mut found: Vec<f64> = centroids.as_array().unwrap().iter().map(|c| c[0].as_f64().unwrap()).collect();
    found.sort_by(f64::total_cmp);
    assert!((found[0] - 1_700_000_002.0).abs() < 1e-3 && (found[1] - 1_700_003_602.0).abs() < 1e-3, "{found:?}");
}
