//! Rows that cannot be used, left out and listed: none is lost, none is counted twice.

use super::{Case, all, case, floats, quick, written};
use crate::bad_files::Outcome::Refused;
use crate::program::Place;
use arrow_array::{ArrayRef, StringArray};
use std::sync::Arc;

/// Records of a CSV text behind its header.
fn records(bytes: &[u8]) -> usize {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    reader.byte_records().filter(Result::is_ok).count()
}

/// Rows of a table in which something is wrong with some.
const TORN: &str = "id,age,spend,plan\nC1,20,5,a\nC2,30,x,b\nC3,40\nC4,,7,a\nC5,50,inf,c\n\nC6,21,6,b\nC7,33,8,\"a\"b\n\
                    C8,1,2,3,4\n=C9,44,9,d\nC10,=2,9,d\n";
const SOUND: &str = "id,age,spend,plan\nC1,20,5,a\nC4,,7,a\n\nC6,21,6,b\n=C9,44,9,d\n";

const LISTED: &str = "file,line,column,reason,value\n\
    t.csv,3,spend,'x' is not a number,x\n\
    t.csv,4,,\"expected 4 fields, found 2\",\"C3,40\"\n\
    t.csv,6,spend,'inf' is infinite,inf\n\
    t.csv,9,plan,'b' after a closing quote,a\u{fffd}\n\
    t.csv,10,,\"expected 4 fields, found 5\",\"C8,1,2,3,4\"\n\
    t.csv,12,age,'=2' is not a number,'=2\n";

fn torn() -> Place {
    let place = Place::new();
    place.put("t.csv", TORN);
    place.put("s.csv", SOUND);
    place
}

#[test]
fn rows_of_the_file_are_rows_labelled_and_rows_rejected() {
    let (mut read, mut rejected) = (0, 0);
    let cases: Vec<Case> = all().into_iter().filter(|c| c.file == "a.csv" && c.id != "CSV-36").collect();
    for c in cases.into_iter().chain([case("CSV-91", TORN, "--id id", Refused(&[]))]) {
        let place = Place::new();
        place.put("a.csv", &c.bytes);
        let told = format!("{} {:?}", c.id, String::from_utf8_lossy(&c.bytes[..c.bytes.len().min(60)]));
        let run = quick(&place, &format!("fit a.csv -k 1 -o run --on-error skip --device cpu {}", c.flags));
        assert!([0, 3].contains(&run.code), "{told}: {}", run.stderr);
        if run.code == 3 {
            assert_eq!(place.names(""), ["a.csv"], "{told}");
            continue;
        }
        let labelled = records(&place.bytes("run/segments.csv"));
        let listed = records(&place.bytes("run/rejects.csv"));
        assert_eq!(records(&c.bytes), labelled + listed, "{told}");
        let input = &place.json("run/run.json")["input"];
        assert_eq!((&input["rows"], &input["rejected"]), (&labelled.into(), &listed.into()), "{told}");
        let predict = "predict run/model.json a.csv -o l.csv --on-error skip --device cpu --json";
        let flags = c.flags.replace("--categorical a", "").replace("--columns a", "");
        let document = quick(&place, &format!("{predict} {flags}")).ended(0).json();
        assert_eq!((&document["rows"], &document["rejected"]), (&labelled.into(), &listed.into()), "{told}");
        assert_eq!(place.bytes("l.csv"), place.bytes("run/segments.csv"), "{told}");
        (read, rejected) = (read + 1, rejected + listed);
    }
    assert!(read > 50 && rejected > 30, "{read} files were read, {rejected} rows rejected");
}

#[test]
fn what_is_left_gives_the_bytes_of_the_sound_rows_on_any_number_of_threads() {
    let place = torn();
    place.run("fit s.csv --id id -k 2 -o sound").ended(0);
    for threads in [1, 2, 3] {
        let words = format!("fit t.csv --id id -k 2 -o t{threads} --on-error skip --threads {threads}");
        place.run(&words).ended(0).says(&["6 rows cannot be used and were left out: lines 3, 4, 6, 9, 10, .."]);
        assert_eq!(place.text(&format!("t{threads}/rejects.csv")), LISTED);
        assert_eq!(place.bytes(&format!("t{threads}/segments.csv")), place.bytes("sound/segments.csv"));
        let centroids = |run: &str| place.json(&format!("{run}/model.json"))["centroids_grid"].clone();
        assert_eq!(centroids(&format!("t{threads}")), centroids("sound"));
    }
    // The model tells lines, and nothing of what they hold.
    assert!(!place.text("t1/model.json").contains("C3,40"));
}

#[test]
fn rows_that_are_dropped_for_a_gap_are_no_rejects() {
    let place = torn();
    place.run("fit t.csv --id id -k 2 -o run --on-error skip --missing drop").ended(0).says(&["dropped 1 of 4 rows"]);
    assert_eq!(records(&place.bytes("run/segments.csv")) + 1 + 6, records(TORN.as_bytes()));
    assert_eq!(place.text("run/rejects.csv"), LISTED);
}

#[test]
fn more_rejects_than_allowed_are_exit_3_without_output() {
    let place = torn();
    let fit = "fit t.csv --id id -k 2 --on-error skip";
    place.run(&format!("{fit} --max-rejects 6 -o run")).ended(0);
    for most in 0..6 {
        let run = place.run(&format!("{fit} --max-rejects {most} -o other")).ended(3);
        run.says(&["t.csv:", &format!("more than {most} row"), "--max-rejects allows more"]);
        place.run(&format!("predict run/model.json t.csv -o l.csv --on-error skip --max-rejects {most}")).ended(3);
        assert_eq!(place.names(""), ["run", "s.csv", "t.csv"]);
    }
    place.run(&format!("{fit} --max-rejects -1 -o other")).ended(2);
    place.run("fit t.csv -k 2 -o other --max-rejects 3").ended(2).says(&["--on-error"]);
    place.run("fit t.csv --id id -k 2 -o other").ended(3).says(&["t.csv:4: expected 4 fields, found 2"]);
}

#[test]
fn predict_lists_rejects_beside_its_output_or_where_it_is_told() {
    let place = torn();
    place.run("fit s.csv --id id -k 2 -o run").ended(0);
    let predict = "predict run/model.json t.csv --on-error skip";
    place.run(&format!("{predict} -o labels.csv")).ended(0).says(&["6 rows cannot be used"]);
    assert_eq!(place.text("labels.rejects.csv"), LISTED);
    assert_eq!(place.bytes("labels.csv"), place.bytes("run/segments.csv"));
    place.put("other.rejects.csv", "mine");
    place.run(&format!("{predict} -o other.csv")).ended(8).says(&["other.rejects.csv: exists already"]);
    for same in ["same.csv", "./same.csv", "run/../same.csv"] {
        place.run(&format!("{predict} -o same.csv --rejects {same}")).ended(2).says(&["--rejects and --output"]);
    }
    place.run(&format!("{predict} -o t.csv --rejects x.csv --force")).ended(2).says(&["is an input too"]);
    place.run(&format!("{predict} -o x.csv --rejects t.csv --force")).ended(2).says(&["is an input too"]);
    let run = place.run(&format!("{predict} --rejects elsewhere.csv")).ended(0);
    assert_eq!((run.stdout, place.text("elsewhere.csv")), (place.text("labels.csv"), LISTED.to_owned()));
    place.run(predict).ended(2).says(&["--rejects", "--output"]);
    assert_eq!(place.run(&format!("{predict} --json")).ended(0).json()["rejected"], 6);
    let names = ["elsewhere.csv", "labels.csv", "labels.rejects.csv", "other.rejects.csv", "run", "s.csv", "t.csv"];
    assert_eq!(place.names(""), names);
    // A sound table gives a list of none, so that an old one never stands beside new labels.
    place.run("predict run/model.json s.csv --on-error skip -o labels.csv --force").ended(0);
    assert_eq!(place.text("labels.rejects.csv").lines().count(), 1);
}

#[test]
fn every_verb_that_reads_a_table_can_skip() {
    let place = torn();
    place.run("sweep t.csv --id id -k 2..3 -o sweep --on-error skip").ended(0).says(&["6 rows cannot be used"]);
    assert_eq!(place.text("sweep/rejects.csv"), LISTED);
    place.run("fit s.csv --id id -k 2 -o run").ended(0);
    for verb in ["profile", "evaluate"] {
        let words = format!("{verb} run/model.json t.csv --on-error skip");
        place.run(&words).ended(0).says(&["6 rows cannot be used"]);
        place.run(&format!("{words} -o {verb}.out --rejects {verb}.csv")).ended(0);
        assert_eq!(place.text(&format!("{verb}.csv")), LISTED);
        place.run(&format!("{words} -o x.out --rejects x.out")).ended(2).says(&["--rejects and --output"]);
        place.run(&format!("{words} --rejects t.csv --force")).ended(2).says(&["is an input too"]);
    }
    assert_eq!(place.run("inspect t.csv --json --on-error skip").ended(0).json()["rows"], 4);
}

#[test]
fn a_row_of_a_parquet_file_is_rejected_by_its_number() {
    let place = Place::new();
    let numbers = floats(&[1.0, f64::INFINITY, 2.0, 9.0, f64::NEG_INFINITY]);
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["1", "2", "x", "1e999", "3"]));
    place.put("a.parquet", written(&[("a", numbers), ("b", texts)]));
    quick(&place, "fit a.parquet -k 1 -o run --on-error skip --format csv").ended(0).says(&["rows 2, 3, 4, 5"]);
    let listed = "file,line,column,reason,value\n\
        a.parquet,2,a,'inf' is infinite,inf\n\
        a.parquet,3,b,'x' is not a number,x\n\
        a.parquet,4,b,'1e999' is an overflow: it is infinite as a 64-bit number,1e999\n\
        a.parquet,5,a,'-inf' is infinite,-inf\n";
    assert_eq!(place.text("run/rejects.csv"), listed);
    assert_eq!(records(&place.bytes("run/segments.csv")), 1);
}

#[test]
fn a_text_behind_rows_that_were_dropped_is_blamed_at_its_own_line() {
    let place = Place::new();
    place.put("train.csv", "a,b\n1,2\n,3\n4,5\n6,9\n");
    place.run("fit train.csv -k 2 -o run --missing drop").ended(0);
    place.put("new.csv", "a,b\n,5\n0,0\n1,7\n2,6\n,4\n7,abc\n");
    let told = place.run("predict run/model.json new.csv -o l.csv").ended(3);
    told.says(&["new.csv:7: column 'b': 'abc' is not a number"]);
}

#[test]
fn numbers_in_disguise_are_looked_for_in_the_rows_that_stay() {
    let place = Place::new();
    place.put("a.csv", "a,p\n1,1 %\n2,2 %\nmany,north\n3,2 %\n");
    place.put("b.csv", "a,p\nmany,\"1,5\"\n1,5 %\n2,7 %\n3,5 %\n");
    for (file, says) in
        [("a.csv", "a.csv:2: column 'p': '1 %' looks like"), ("b.csv", "b.csv:3: column 'p': '5 %' looks like")]
    {
        place.run(&format!("fit {file} -k 2 -o run --on-error skip")).ended(3).says(&[says]);
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_costs_the_list_nothing() {
    let place = Place::with_customers();
    place.run("fit customers.csv --id customer_id -k 2 -o run").ended(0);
    let piped = "\"$0\" predict run/model.json customers.csv --on-error skip --rejects list.csv --device cpu | true";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", piped, env!("CARGO_BIN_EXE_segma")]).current_dir(place.path(""));
    assert!(command.status().unwrap().success());
    assert_eq!(place.names(""), ["customers.csv", "list.csv", "run"]);
}
