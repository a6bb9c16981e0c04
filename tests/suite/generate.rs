//! `segma generate`: the example table, its groups, and the same bytes on any number of threads.

use crate::program::{CUSTOMERS, Place, Run};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;

#[test]
fn the_example_table_and_its_truth_come_out_again() {
    let place = Place::new();
    place.run("generate demo.csv").ended(0);
    assert_eq!(place.text("demo.csv"), fs::read_to_string(CUSTOMERS).unwrap());
    let told = place.run("generate - --truth").ended(0).stdout;
    let ends = |line: &str| format!("{},{}\n", line.split(',').next().unwrap(), line.rsplit(',').next().unwrap());
    let truth = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/customers_truth.csv");
    assert_eq!(told.lines().map(ends).collect::<String>(), fs::read_to_string(truth).unwrap());
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let place = Place::new();
    for (ending, rows) in [("csv", 40_000), ("parquet", 40_000)] {
        let words = |name: &str| format!("generate {name}.{ending} --rows {rows} --groups 12 --features 9 --truth");
        place.run(&format!("{} --threads 1", words("one"))).ended(0);
        for threads in [2, 3, 7] {
            place.run(&format!("{} --threads {threads} --force", words("more"))).ended(0);
            let same = place.bytes(&format!("one.{ending}")) == place.bytes(&format!("more.{ending}"));
            assert!(same, "{ending} on {threads} threads");
        }
        place.run(&format!("{} --seed 43", words("other"))).ended(0);
        assert_ne!(place.bytes(&format!("one.{ending}")), place.bytes(&format!("other.{ending}")));
    }
}

/// A Parquet file's batches.
fn batches(place: &Place, name: &str) -> Vec<RecordBatch> {
    let file = File::open(place.path(name)).unwrap();
    ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().map(Result::unwrap).collect()
}

/// A value as CSV has it.
fn cell(column: &ArrayRef, row: usize) -> String {
    if column.is_null(row) {
        return String::new();
    }
    match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => format!("{:.2}", column.as_primitive::<Float64Type>().value(row)),
        DataType::Dictionary(_, _) => {
            let column = column.as_dictionary::<Int32Type>();
            column.values().as_string::<i32>().value(column.key(row).unwrap()).into()
        }
        other => panic!("{other}"),
    }
}

#[test]
fn parquet_holds_what_csv_holds() {
    let place = Place::new();
    for flags in ["--truth --groups 300 --features 16", "--rows 20000 --features 3", "--rows 1 --groups 1 --truth"] {
        place.run(&format!("generate a.csv --force {flags}")).ended(0);
        place.run(&format!("generate a.pq --force {flags}")).ended(0);
        let batches = batches(&place, "a.pq");
        let names: Vec<String> = batches[0].schema().fields().iter().map(|f| f.name().clone()).collect();
        let mut text = names.join(",") + "\n";
        for batch in &batches {
            for row in 0..batch.num_rows() {
                let cells: Vec<String> = batch.columns().iter().map(|column| cell(column, row)).collect();
                text += &(cells.join(",") + "\n");
            }
        }
        assert!(text == place.text("a.csv"), "{flags}");
        for line in text.lines().skip(1) {
            let spend = line.split(',').nth(3).unwrap();
            assert_eq!(spend.len() - spend.find('.').unwrap(), 3, "{line}");
        }
    }
}

#[test]
fn long_tables_have_several_row_groups() {
    let place = Place::new();
    place.run("generate a.pq --rows 1100000 --features 1").ended(0);
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(place.path("a.pq")).unwrap()).unwrap();
    let rows: Vec<i64> = builder.metadata().row_groups().iter().map(|g| g.num_rows()).collect();
    assert_eq!(rows, [1 << 20, 1_100_000 - (1 << 20)]);
    let last = builder.with_offset(1_099_999).build().unwrap().map(Result::unwrap).next().unwrap();
    assert_eq!(cell(last.column(0), 0), "C1100000");
}

/// The true group of every row of a table with `--truth`.
fn truth(table: &str) -> Vec<&str> {
    table.lines().skip(1).map(|line| line.rsplit(',').next().unwrap()).collect()
}

#[test]
fn every_group_is_there_and_they_differ_in_size() {
    let place = Place::new();
    for groups in [1, 2, 5, 12, 300] {
        let words = format!("generate - --rows 60000 --truth --groups {groups}");
        let table = place.run(&words).ended(0).stdout;
        let mut counts = BTreeMap::new();
        truth(&table).into_iter().for_each(|group| *counts.entry(group).or_insert(0) += 1);
        assert_eq!(counts.len(), groups);
        let (least, most) = (counts.values().min().unwrap(), counts.values().max().unwrap());
        assert!(groups == 1 || *most as f64 > 1.5 * f64::from(*least), "{counts:?}");
        assert!(groups < 6 || counts.contains_key("group_6"), "{counts:?}");
    }
}

/// The adjusted Rand index (Hubert & Arabie, *Comparing partitions*, 1985) of two labellings.
fn adjusted_rand(a: &[&str], b: &[&str]) -> f64 {
    fn pairs<K: Ord>(keys: impl Iterator<Item = K>) -> f64 {
        let mut counts = BTreeMap::new();
        keys.for_each(|key| *counts.entry(key).or_insert(0.0) += 1.0);
        counts.values().map(|n: &f64| n * (n - 1.0) / 2.0).sum()
    }
    let (both, in_a, in_b) = (pairs(a.iter().zip(b)), pairs(a.iter()), pairs(b.iter()));
    let expected = in_a * in_b / pairs(a.iter().map(|_| ()));
    (both - expected) / ((in_a + in_b) / 2.0 - expected)
}

#[test]
fn a_fit_finds_the_groups() {
    let place = Place::new();
    for (flags, k, least) in [("", 5, 0.8), ("--groups 12 --features 16", 12, 0.9), ("--seed 7 --features 16", 5, 0.95)]
    {
        place.run(&format!("generate a.csv --rows 20000 --truth --force {flags}")).ended(0);
        let fit = format!(
            "fit a.csv --id customer_id --columns !customer_id,!true_group,!plan,!region -k {k} --n-init 4 -o run --force --device cpu"
        );
        place.run(&fit).ended(0);
        let (table, segments) = (place.text("a.csv"), place.text("run/segments.csv"));
        let found: Vec<&str> = segments.lines().skip(1).map(|line| line.split(',').nth(1).unwrap()).collect();
        let index = adjusted_rand(&truth(&table), &found);
        assert!(index > least, "{flags}: {index}");
    }
}

#[test]
fn the_rand_index_of_unrelated_labels_is_near_zero() {
    let (a, b): (Vec<&str>, Vec<&str>) = (0..10_000).map(|i| (["x", "y"][i % 2], ["p", "q", "r"][i % 3])).unzip();
    assert!(adjusted_rand(&a, &b).abs() < 0.01 && adjusted_rand(&a, &a) == 1.0);
}

#[test]
fn what_makes_no_sense_is_refused_and_leaves_nothing() {
    let place = Place::new();
    for (words, says) in [
        ("generate a.csv --rows 0", "rows must be from 1"),
        ("generate a.csv --rows=-5", "--rows"),
        ("generate a.csv --groups 0", "groups must be from 1 to 1000"),
        ("generate a.csv --groups 1001", "groups must be"),
        ("generate a.csv --features 0", "features must be"),
        ("generate a.txt", "a.txt: the ending must be .csv, .parquet or .pq, or give --format"),
        ("generate a.parqet", "did you mean .parquet?"),
        ("generate a", "--format"),
        ("generate", "<FILE>"),
        ("generate - --json", "--json"),
        ("generate a.csv --format xlsx", "--format"),
    ] {
        place.run(words).ended(2).says(&[says]);
    }
    place.run("generate no/a.csv").ended(8).says(&["no/a.csv: cannot be written"]);
    assert_eq!(place.names(""), [""; 0]);
}

#[test]
fn a_file_that_exists_is_kept_without_force() {
    let place = Place::new();
    for name in ["a.csv", "a.PARQUET"] {
        place.put(name, "mine");
        place.run(&format!("generate {name}")).ended(8).says(&[name, "exists already; use --force"]);
        assert_eq!(place.text(name), "mine");
        place.run(&format!("generate {name} --force")).ended(0);
        assert_ne!(place.bytes(name), b"mine");
    }
    assert_eq!(place.names(""), ["a.PARQUET", "a.csv"]);
}

#[test]
fn the_format_can_be_told() {
    let place = Place::new();
    place.run("generate a.dat --format parquet --rows 10").ended(0);
    assert_eq!(batches(&place, "a.dat")[0].num_rows(), 10);
    place.run("generate a.parquet --format csv --rows 10").ended(0);
    assert_eq!(place.text("a.parquet"), place.run("generate - --rows 10").ended(0).stdout);
}

#[test]
fn it_says_what_it_wrote() {
    let place = Place::new();
    let run = place.run("generate a.csv --rows 1234 --groups 7 --truth").ended(0);
    assert_eq!(run.stdout, "Wrote a.csv: 1,234 customers x 11 columns, 7 groups, seed 42\n");
    let json = place.run("generate a.pq --rows 1234 --json").ended(0).json();
    assert_eq!((&json["schema"], &json["rows"]), (&"segma.generate/1".into(), &1234.into()));
    assert_eq!((&json["format"], &json["columns"][9]), (&"parquet".into(), &"region".into()));
    let Run { stdout, stderr, .. } = place.run("generate b.csv --quiet").ended(0);
    assert_eq!(stdout + &stderr, "");
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    for words in ["generate -", "generate - --rows 1000000000000", "generate - --format parquet", "generate a.csv"] {
        let place = Place::new();
        let run = place.run_into(Stdio::piped(), words).ended(0);
        assert_eq!(run.stderr, "", "{words}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_exit_8() {
    let place = Place::new();
    for format in ["csv", "parquet"] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let words = format!("generate - --rows 200000 --format {format}");
        place.run_into(full.into(), &words).ended(8).says(&["standard output", "No space left"]);
    }
    place.run("generate /dev/full --format csv").ended(8).says(&["not a regular file"]);
}
