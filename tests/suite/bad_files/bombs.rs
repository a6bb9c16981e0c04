//! Files that would take far more memory than they have bytes, or have bytes without end: refused or read within a limit of
//! the system on the address space, in bounded time.

use super::written;
use crate::program::{Place, Run, checked};
use arrow_array::{ArrayRef, Float64Array, StringArray};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Address space of a run: room for the program, two threads and the 64 MiB of a file that are read ahead.
const MOST_KIB: u32 = 600 << 10;

/// Runs the program within the limit.
fn limited(place: &Place, words: &str) -> Run {
    let inner = place.command(words);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -v {MOST_KIB} && exec \"$0\" \"$@\"")]).arg(inner.get_program());
    command.args(inner.get_args()).args(["--threads", "2"]).current_dir(place.path(""));
    for (name, value) in inner.get_envs() {
        value.map(|value| command.env(name, value));
    }
    let clock = Instant::now();
    let run = checked(command, words);
    assert!(clock.elapsed() < Duration::from_secs(60), "{words} took {:?}", clock.elapsed());
    run
}

#[test]
fn the_limit_is_one() {
    let place = Place::new();
    place.run("generate big.csv --rows 400000 --features 40 --groups 2").ended(0);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v 65536 && exec \"$0\" inspect big.csv"]).arg(env!("CARGO_BIN_EXE_segma"));
    let ended = command.current_dir(place.path("")).output().unwrap().status;
    assert!(!ended.success(), "64 MiB are enough for a table of 120 MiB");
}

#[test]
fn a_field_of_a_gigabyte_is_refused_in_little_memory() {
    let place = Place::new();
    for (start, says) in
        [("a,b\n1,", "the record is over 16 MiB"), ("a,b\n1,\"", "the quote opened at line 2 is likely")]
    {
        place.put("a.csv", start.to_owned() + &"x".repeat(20 << 20));
        // The rest is a hole: it takes no room, and nobody gets there.
        std::fs::OpenOptions::new().write(true).open(place.path("a.csv")).unwrap().set_len(1 << 30).unwrap();
        for skip in ["", "--on-error skip"] {
            let run = limited(&place, &format!("fit a.csv -k 2 -o run --device cpu {skip}")).ended(3);
            run.says(&["a.csv:2: column 'b': ", says]);
        }
    }
}

#[test]
fn a_million_columns_are_refused_in_little_memory() {
    let place = Place::new();
    place.put("a.csv", "c,".repeat(1_000_000));
    limited(&place, "fit a.csv -k 2 -o run --device cpu").ended(3).says(&["1000001 columns; the limit is 65536"]);
}

#[test]
fn a_file_of_nothing_but_bad_rows_is_refused_in_little_memory() {
    let place = Place::new();
    for row in ["\n1", "\n\u{e9}\0,", "\n\"a\"b,1", "\ninf,1"] {
        place.put("a.csv", "a,b\n1,2\n2,3\n3,4".to_owned() + &row.repeat((16 << 20) / row.len()));
        let run = limited(&place, "fit a.csv -k 2 -o run --device cpu --on-error skip").ended(3);
        run.says(&["a.csv:5: ", "more than 10000 rows cannot be used"]);
    }
}

#[test]
fn many_rows_in_few_bytes_take_little_memory() {
    let place = Place::new();
    let numbers: ArrayRef = Arc::new(Float64Array::from(vec![7.0; 4_000_000]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["gold"; 4_000_000]));
    let bytes = written(&[("a", numbers), ("b", texts)]);
    assert!(bytes.len() < 1 << 20, "{} bytes", bytes.len());
    place.put("a.parquet", bytes);
    assert_eq!(limited(&place, "inspect a.parquet --json").ended(0).json()["rows"], 4_000_000);
}

#[test]
fn a_model_file_without_end_is_refused_in_little_memory() {
    let place = Place::new();
    place.put("a.csv", "a,b\n1,2\n");
    place.put("m.json", "{\"schema\": \"segma.model/3\", \"centroids\": [");
    std::fs::OpenOptions::new().write(true).open(place.path("m.json")).unwrap().set_len(10 << 30).unwrap();
    limited(&place, "predict m.json a.csv --device cpu").ended(4).says(&["m.json: "]);
    place.put("m.json", format!("{{{}\"schema\": 1}}", "\"a\": 1, ".repeat(1_000_000)));
    limited(&place, "predict m.json a.csv --device cpu").ended(4).says(&["m.json: "]);
    place.put("m.json", format!("{{\"schema\": \"{}\"}}", "x".repeat(64 << 20)));
    limited(&place, "predict m.json a.csv --device cpu").ended(4).says(&["m.json: "]);
}
