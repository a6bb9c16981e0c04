//! Where the program takes its table from: pipes, several files and patterns give the bytes that one file gives.

use crate::inputs::{csv, gzip, parquet, zstd};
use crate::program::{CUSTOMERS, Place, Run, npy};
use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};

/// How the example is fitted, but for the table and the folder.
const FIT: &str = "--id customer_id -k 4 --seed 7 --quiet";

/// The program with bytes on its standard input.
#[track_caller]
fn fed(place: &Place, bytes: impl AsRef<[u8]>, words: &str) -> Run {
    let mut command = place.command(words);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let bytes = bytes.as_ref().to_vec();
    let feeder = std::thread::spawn(move || stdin.write_all(&bytes).is_ok());
    let output = child.wait_with_output().unwrap();
    let _ = feeder.join();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let code = output.status.code().unwrap();
    assert_ne!(code, 101);
    Run { code, stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A shell's line, in which `$segma` is the program.
#[track_caller]
fn shell(place: &Place, line: &str) -> Run {
    let mut command = Command::new("bash");
    command.args(["-c", line]).env("segma", env!("CARGO_BIN_EXE_segma")).env("NODEVICE_SELECT", "1");
    command.current_dir(place.path(""));
    crate::program::checked(command, line)
}

/// What a fit leaves that depends on the rows alone.
fn answer(place: &Place, folder: &str) -> (String, String, String) {
    let text = |name: &str| place.text(&format!("{folder}/{name}"));
    (text("model.json"), text("segments.csv"), text("profile.csv"))
}

fn customers() -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(CUSTOMERS).unwrap();
    text.lines().map(|line| line.split(',').map(String::from).collect()).collect()
}

/// A folder with the example as `customers.csv`, fitted, and in `parts/` cut in three.
fn fitted() -> Place {
    let place = Place::with_customers();
    place.run(&format!("fit customers.csv {FIT} -o whole")).ended(0);
    std::fs::create_dir(place.path("parts")).unwrap();
    let rows = customers();
    let part = |from: usize, to: usize| csv(&[&rows[..1], &rows[from..to]].concat());
    place.put("parts/1.csv", part(1, 100));
    place.put("parts/2.csv.gz", gzip(part(100, 101)));
    place.put("parts/3.csv", part(101, rows.len()));
    place
}

#[test]
fn files_and_patterns_give_the_bytes_of_one_file() {
    let place = fitted();
    for (i, words) in
        ["parts/1.csv parts/2.csv.gz parts/3.csv", "parts/*", "parts/[12].csv* parts/3.csv"].iter().enumerate()
    {
        place.run(&format!("fit {words} {FIT} -o run{i}")).ended(0);
        assert_eq!(answer(&place, &format!("run{i}")), answer(&place, "whole"), "{words}");
    }
    let files = &place.json("run1/run.json")["input"]["files"];
    assert_eq!((&files[1]["path"], &files[1]["rows"]), (&"parts/2.csv.gz".into(), &1.into()));
    place.run("fit no/*.csv -k 2 -o other").ended(3).says(&["no/*.csv: no file matches this pattern"]);
    place.run("fit parts -k 2 -o other").ended(3).says(&["parts: this is a directory", "'parts/*.csv'"]);
    place.run("fit parts/1.csv parts/* -k 2 -o other").ended(2).says(&["parts/1.csv is given twice"]);
    place.run("fit parts/1.csv nothing.csv -k 2 -o other").ended(3).says(&["nothing.csv: cannot read"]);
    assert!(!place.path("other").exists());
}

#[test]
fn every_verb_takes_several_files() {
    let place = fitted();
    let same = |verb: &str, flags: &str| {
        let one = place.run(&format!("{verb} customers.csv {flags}")).ended(0);
        let several = place.run(&format!("{verb} parts/* {flags}")).ended(0);
        assert_eq!(one.stdout, several.stdout, "{verb}");
    };
    same("predict whole/model.json", "");
    same("profile whole/model.json", "--json");
    same("sweep", "-k 2..4 --id customer_id --metrics none -o sweep --force --quiet");
    let one = place.run("evaluate whole/model.json customers.csv --json").ended(0).json();
    let several = place.run("evaluate whole/model.json parts/* --json").ended(0).json();
    assert_eq!(one["inertia"], several["inertia"]);
    let found = place.run("inspect parts/* --json").ended(0).json();
    assert_eq!((found["rows"].clone(), found["files"].as_array().unwrap().len()), (one["rows"].clone(), 3));
    place.run("predict whole/model.json parts/* -o parts/3.csv --force").ended(2).says(&["is an input too"]);
}

#[test]
fn standard_input_gives_the_bytes_of_a_file() {
    let place = fitted();
    let (text, rows) = (place.bytes("customers.csv"), customers());
    let inputs = [text.clone(), gzip(&text), zstd(&text), parquet(&rows)];
    for (i, bytes) in inputs.iter().enumerate() {
        let path = ["-", "/dev/stdin"][i % 2];
        fed(&place, bytes, &format!("fit {path} {FIT} -o run{i}")).ended(0);
        assert_eq!(answer(&place, &format!("run{i}")), answer(&place, "whole"), "input {i}");
    }
    assert_eq!(place.json("run0/run.json")["input"]["path"], "standard input");
    fed(&place, npy(&[4, 1], &[1.0, 2.0, 8.0, 9.0]), "fit - -k 2 -o array").ended(0);
    let tail = fed(&place, place.bytes("parts/3.csv"), &format!("fit parts/1.csv parts/2.csv.gz - {FIT} -o tail"));
    tail.ended(0);
    assert_eq!(answer(&place, "tail"), answer(&place, "whole"));
}

#[test]
fn a_column_that_turns_out_to_be_text_comes_through_a_pipe_too() {
    let place = Place::new();
    let text = "x,code\n".to_owned()
        + &(0..40).map(|i| format!("{i},{}\n", if i < 10 { "7" } else { "b" })).collect::<String>();
    place.put("a.csv", &text);
    place.run("fit a.csv -k 2 --quiet -o a").ended(0);
    fed(&place, &text, "fit - -k 2 --quiet -o b").ended(0);
    assert_eq!(answer(&place, "a"), answer(&place, "b"));
}

#[test]
fn pipes_and_redirections_give_the_bytes_of_a_file() {
    let place = fitted();
    let lines = [
        format!("$segma fit - {FIT} -o run0 < customers.csv"),
        format!("$segma fit <(cat customers.csv) {FIT} -o run1"),
        format!("mkfifo p && (gzip -c customers.csv > p &) && $segma fit p {FIT} -o run2"),
        format!("(read -r first; printf '%s\\n' \"$first\" > h; cat h - | $segma fit - {FIT} -o run3) < customers.csv"),
        format!("$segma fit <(cat parts/1.csv) <(cat parts/2.csv.gz) parts/3.csv {FIT} -o run4"),
    ];
    for (i, line) in lines.iter().enumerate() {
        shell(&place, line).ended(0);
        assert_eq!(answer(&place, &format!("run{i}")), answer(&place, "whole"), "{line}");
    }
}

#[test]
fn what_is_wrong_with_standard_input_is_told_by_its_name() {
    let place = Place::new();
    fed(&place, "", "fit - -k 2 -o run").ended(3).says(&["standard input: file is empty"]);
    fed(&place, "a\n1\n1,2\n", "fit - -k 2 -o run").ended(3).says(&["standard input:3: expected 1 field"]);
    let cut = &gzip("a\n1\n2\n3\n")[..20];
    fed(&place, cut, "fit - -k 2 -o run").ended(3).says(&["standard input:", "the gzip data end early"]);
    fed(&place, "a\n1\n", "fit - - -k 2 -o run").ended(2).says(&["standard input is given twice"]);
    fed(&place, b"PAR1\0", "fit - -k 2 -o run").ended(3).says(&["standard input: "]);
    place.run("fit /dev/null -k 2 -o run").ended(3).says(&["/dev/null: file is empty"]);
    place.run("fit /dev/zero -k 2 -o run").ended(3).says(&["/dev/zero:1: field 1: NUL byte at offset 0"]);
    std::os::unix::fs::symlink("nowhere.csv", place.path("link.csv")).unwrap();
    place.run("fit link.csv -k 2 -o run").ended(3).says(&["link.csv: cannot read: No such file"]);
    shell(&place, "yes ,,,, | tr -d '\\n' | $segma fit - -k 2 -o run").ended(3).says(&["the record is over 16 MiB"]);
}

#[test]
fn no_room_for_what_a_pipe_gives_is_an_output_error() {
    let place = Place::new();
    let rows = "a,b\n".to_owned() + &"1,2\n3,5\n".repeat(100_000);
    place.put("a.csv", rows);
    let full = shell(&place, "trap '' XFSZ; ulimit -f 64; cat a.csv | $segma fit - -k 2 -o run");
    full.ended(8).says(&["kept in a temporary file", "TMPDIR"]);
    shell(&place, "cat a.csv | TMPDIR=/no/such/folder $segma fit - -k 2 -o run").ended(8).says(&["/no/such/folder: "]);
    assert_eq!(place.names(""), ["a.csv"]);
}

#[test]
fn a_file_that_grows_while_it_is_read_is_refused() {
    let place = Place::new();
    place.put("a.csv", "x\n1\n2\n");
    assert!(Command::new("mkfifo").arg(place.path("pipe")).status().unwrap().success());
    let run = place.command("fit a.csv pipe -k 2 -o run").stderr(Stdio::piped()).spawn().unwrap();
    // The pipe opens when the program has looked at the first file, which it reads when the pipe gives something.
    let mut pipe = File::options().write(true).open(place.path("pipe")).unwrap();
    File::options().append(true).open(place.path("a.csv")).unwrap().write_all(b"3\n").unwrap();
    pipe.write_all(b"x\n4\n").unwrap();
    drop(pipe);
    let output = run.wait_with_output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(3) && message.contains("a.csv: changed while it was read"), "{message}");
}

#[test]
fn blank_lines_without_end_take_no_memory() {
    let place = Place::new();
    let blank = gzip(vec![b'\n'; 1 << 20]).repeat(512);
    place.put("a.csv.gz", [gzip("a\n1\n2\n"), blank, gzip("8\n9\n")].concat());
    place.run("fit a.csv.gz -k 2 -o run --quiet --threads 2").ended(0);
    let run = place.json("run/run.json");
    assert_eq!(run["input"]["rows"], 4);
    assert!(run["peak_memory_bytes"].as_u64().unwrap() < 256 << 20, "{run}");
}
