//! What a run says while it goes on and when it fails, to people and to programs.

use crate::program::{Place, Run, checked};
use segma::error::is_hidden;
use serde_json::Value;
use std::process::Command;

const FIT: &str = "fit customers.csv -k 5 -o run";

/// The lines of stderr, each an object.
#[track_caller]
fn objects(run: &Run) -> Vec<Value> {
    let object = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e} in {line:?}"));
    run.stderr.lines().map(object).collect()
}

#[test]
fn every_phase_tells_programs_its_beginning_and_its_end() {
    let place = Place::with_customers();
    let events = objects(&place.run(&format!("{FIT} --progress json -q")).ended(0));
    let of = |event: &str| -> Vec<&Value> { events.iter().filter(|e| e["event"] == event).collect() };
    let names = |all: &[&Value]| -> Vec<String> { all.iter().map(|e| e["phase"].as_str().unwrap().into()).collect() };
    let (begun, ended) = (of("begin"), of("end"));
    assert_eq!(names(&begun), ["read", "prepare", "seed", "iterate", "measure", "write"]);
    assert_eq!(names(&ended), names(&begun));
    assert!(ended.iter().all(|e| e["elapsed_s"].as_f64().unwrap() >= 0.0), "{ended:?}");
    let bytes = place.bytes("customers.csv").len();
    assert_eq!((&ended[0]["i"], &ended[0]["of"]), (&bytes.into(), &bytes.into()));
    assert_eq!((&ended[2]["i"], &ended[2]["of"], &ended[2]["unit"]), (&5.into(), &5.into(), &"centroids".into()));
    let iterations = place.json("run/metrics.json")["iterations"].clone();
    assert_eq!((&ended[3]["i"], &ended[3]["of"], &ended[3]["changed"].is_u64()), (&iterations, &300.into(), &true));
    assert!(ended[3]["rows_per_second"].as_f64().unwrap() > 0.0);
    assert_eq!((&ended[5]["i"], &ended[5]["of"], &ended[5]["unit"]), (&5000.into(), &5000.into(), &"rows".into()));
}

#[test]
fn with_progress_json_notes_and_errors_are_objects_too() {
    let place = Place::with_customers();
    let lines = objects(&place.run(&format!("{FIT} -v --progress json")).ended(0));
    assert!(lines.iter().any(|l| l["code"] == "no_id" && l["level"] == "note"), "{lines:?}");
    for words in ["fit no.csv -k 2 -o x --progress json", "fit --no-such-flag --progress=json"] {
        let run = place.run(words);
        assert!(objects(&run).iter().any(|line| line["level"] == "error"), "{words}: {}", run.stderr);
    }
}

#[test]
fn parquet_and_npy_tell_how_far_reading_is() {
    let place = Place::new();
    place.run("generate a.parquet --rows 3000 -q").ended(0);
    place.put("x.npy", crate::program::npy(&[50, 2], &[1.5; 100].map(|v: f32| v)));
    for (words, of) in [("inspect a.parquet", 3000), ("inspect x.npy", place.bytes("x.npy").len())] {
        let events = objects(&place.run(&format!("{words} --progress json")).ended(0));
        let end = events.iter().find(|e| e["event"] == "end" && e["phase"] == "read").unwrap();
        assert_eq!((&end["i"], &end["of"]), (&of.into(), &of.into()), "{words}");
    }
}

#[test]
fn a_sweep_tells_of_its_references_and_samples() {
    let place = Place::with_customers();
    let run = place.run("sweep customers.csv -k 2..3 -o sweep --progress json -q").ended(0);
    let events = objects(&run);
    let ended = |unit: &str| events.iter().find(|e| e["event"] == "end" && e["unit"] == unit).cloned();
    for (unit, of) in
        [("centroids", 20), ("iterations", 300), ("clustering", 2), ("reference", 20), ("bootstrap sample", 20)]
    {
        assert_eq!(ended(unit).unwrap_or_default()["of"], of, "{unit}: {}", run.stderr);
    }
}

#[test]
fn off_a_terminal_there_are_plain_lines_and_no_bar() {
    let place = Place::with_customers();
    let run = place.run(&format!("{FIT} --progress bar --id customer_id")).ended(0);
    assert!(!run.stderr.contains(['\r', '\u{1b}']), "{:?}", run.stderr);
    let verbose = place.run(&format!("{FIT} --force -v")).ended(0);
    verbose.clone().says(&[
        "reading\n",
        "iteration 1 of at most 300: 5000 rows changed segment",
        " rows/s",
        "at most ",
    ]);
    let none = place.run(&format!("{FIT} --force --progress none")).ended(0);
    assert!(none.stderr.lines().all(|line| line.starts_with("note: ")), "{}", none.stderr);
}

#[test]
fn with_log_format_json_every_line_is_an_object() {
    let place = Place::with_customers();
    for words in [format!("{FIT} -v --log-format json"), format!("--log-format json {FIT} -v --force")] {
        let lines = objects(&place.run(&words).ended(0));
        let levels = ["error", "note", "info"];
        assert!(lines.iter().all(|l| levels.iter().any(|level| l["level"] == *level)), "{lines:?}");
        assert!(lines.iter().all(|l| l["code"].is_string() && l["message"].is_string()), "{lines:?}");
        assert!(lines.iter().any(|l| l["code"] == "no_id" && l["level"] == "note"), "{lines:?}");
        assert!(lines.iter().any(|l| l["code"] == "step" && l["message"] == "reading"), "{lines:?}");
    }
    for (words, code, exit) in
        [("fit no.csv -k 2 -o x", "data", 3), ("fit --no-such-flag", "usage", 2), ("", "usage", 2)]
    {
        let lines = objects(&place.run_under(("SEGMA_LOG_FORMAT", "json"), words).ended(exit));
        assert_eq!((lines.len(), &lines[0]["level"], &lines[0]["code"]), (1, &"error".into(), &code.into()), "{words}");
    }
}

#[test]
fn an_error_is_a_document_too() {
    let place = Place::with_customers();
    place.put("bad.csv", "id,x\n1,2\n3\n");
    place.put("model.json", "{}");
    place.put("taken", "mine");
    for (words, exit, code, file, line) in [
        ("fit bad.csv -k 2 -o x", 3, "data", Some("bad.csv"), Some(3)),
        ("fit customers.csv -k 2 -o taken", 8, "output", Some("taken"), None),
        ("predict model.json customers.csv", 4, "model", Some("model.json"), None),
        ("fit customers.csv -k 2 -o x --device gpu:99", 6, "device", None, None),
        ("fit customers.csv -o x", 2, "usage", None, None),
        ("fit customers.csv -k 2 -o x --max-iter none", 2, "usage", None, None),
        ("fit customers.csv -k 0 -o x", 2, "usage", None, None),
        ("nonsense", 2, "usage", None, None),
        ("", 2, "usage", None, None),
        ("fit customers.csv -k 2 -o x --max-iter 1 --require-convergence", 5, "not_converged", None, None),
    ] {
        let run = place.run(&format!("{words} --json")).ended(exit);
        let document = run.json();
        assert_eq!((&document["schema"], &document["ok"]), (&"segma.error/1".into(), &false.into()), "{words}");
        assert_eq!((&document["exit"], &document["code"]), (&exit.into(), &code.into()), "{words}: {document}");
        assert!(document["message"].as_str().is_some_and(|m| !m.is_empty() && !m.contains("error:")), "{document}");
        assert_eq!((document["file"].as_str(), document["line"].as_u64()), (file, line), "{document}");
        assert!(!document.as_object().unwrap().values().any(Value::is_null), "{document}");
        assert!(!run.stderr.is_empty(), "{words}");
    }
    let near = place.run("fit customers.csv -k 2 -o x --columns incme --json").ended(3).json();
    assert!(near["message"].as_str().unwrap().contains("did you mean 'income'?"), "{near}");
    let typo = place.run("fit customers.csv --cluster 2 --json").ended(2).json();
    assert!(typo["hint"].as_str().unwrap().contains("--clusters"), "{typo}");
}

#[test]
fn a_document_says_whether_it_went_well_and_predict_has_its_notes() {
    let place = Place::with_customers();
    for words in [
        "fit customers.csv -k 3 -o run",
        "sweep customers.csv -k 2..3 --metrics none -o sweep",
        "inspect customers.csv",
        "inspect run/model.json",
        "profile run/model.json customers.csv",
        "evaluate run/model.json customers.csv -o quality.json",
        "generate made.csv --rows 10",
        "devices",
    ] {
        assert_eq!(place.run(&format!("{words} --json")).ended(0).json()["ok"], true, "{words}");
    }
    assert_eq!(place.json("quality.json")["ok"], true);
    let document = place.run("predict run/model.json customers.csv --json").ended(0).json();
    assert_eq!(document["ok"], true);
    let codes: Vec<&str> = document["notes"].as_array().unwrap().iter().map(|n| n["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"imputed"), "{document}");
    assert!(document["device_notes"].is_array(), "{document}");
}

/// What would set a terminal's title, clear it, and turn text round.
const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}\u{200b}";

/// A table whose names and texts are hostile, in a file of such a name.
fn hostile() -> (Place, String) {
    let place = Place::new();
    let mut table = format!("id{HOSTILE},spend{HOSTILE},plan{HOSTILE},visits\n");
    for i in 0..60 {
        table +=
            &format!("{HOSTILE}{i},{},{}{HOSTILE},{}\n", i * 7 % 50, ["basic", "gold"][i % 2], (i % 3) * 40 + i % 5);
    }
    let name = format!("a{HOSTILE}.csv");
    place.put(&name, table);
    (place, name)
}

#[track_caller]
fn shows_nothing_hidden(run: &Run, words: &str) {
    for (name, text) in [("stdout", &run.stdout), ("stderr", &run.stderr)] {
        let found = text.chars().find(|c| is_hidden(*c) && *c != '\n');
        assert_eq!(found, None, "{words}: {name}: {text:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn control_characters_of_data_never_reach_the_terminal() {
    let (place, file) = hostile();
    let id = format!("id{HOSTILE}");
    let run = |words: &[&str]| {
        let mut command = place.command("");
        command.args(words);
        let run = checked(command, &words.join(" "));
        shows_nothing_hidden(&run, &words.join(" "));
        run
    };
    let out = format!("run{HOSTILE}");
    let model = format!("{out}/model.json");
    for form in [&["-v"][..], &["--json"], &["--log-format", "json", "-v"], &["--progress", "json"]] {
        let with = |words: &[&str]| run(&[words, form].concat());
        with(&["inspect", &file]).ended(0);
        with(&["fit", &file, "-k", "3", "--id", &id, "-o", &out, "--force"]).ended(0);
        with(&["sweep", &file, "-k", "2..3", "-o", "sweep", "--force"]).ended(0);
        with(&["predict", &model, &file, "-o", "labels.csv", "--force"]).ended(0);
        with(&["profile", &model, &file, "--show-ids"]).ended(0);
        with(&["evaluate", &model, &file]).ended(0);
        with(&["inspect", &model]).ended(0);
        // Errors: a file that is not there, a column, a value, a flag, a word.
        with(&["fit", HOSTILE, "-k", "2", "-o", "x"]).ended(3);
        with(&["fit", &file, "-k", "2", "-o", "x", "--columns", HOSTILE]).ended(3);
        with(&["fit", &file, "-k", "2", "-o", "x", "--weight-column", &format!("plan{HOSTILE}")]).ended(3);
        with(&["fit", &file, "-k", HOSTILE, "-o", "x"]).ended(2);
        with(&["fit", &file, "-k", "2", "-o", "x", &format!("--{HOSTILE}")]).ended(2);
        with(&["fit", &file, "-k", "2", "-o", "x", "--config", &file]).ended(2);
        with(&["fit", &file, "-k", "2", "-o", "x", "--init", HOSTILE]).ended(2);
        with(&[HOSTILE]).ended(2);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_there_is_a_bar_and_nothing_hidden_in_it() {
    let (place, file) = hostile();
    place.run("generate big.csv --rows 150000 -q").ended(0);
    std::fs::rename(place.path(&file), place.path("a\u{1b}]0;owned\u{7}.csv")).unwrap();
    let segma = env!("CARGO_BIN_EXE_segma");
    for (words, shown) in [
        ("fit big.csv -k 8 -o run", "reading"),
        ("fit a*.csv -k 3 -o other", "prepared"),
        ("predict other/model.json a*.csv --keep /^id/", "u{1b}]0;owned"),
    ] {
        let mut command = Command::new("script");
        command.args(["-qec", &format!("{segma} {words}"), "/dev/null"]).current_dir(place.path(""));
        command.env("NODEVICE_SELECT", "1").env("TERM", "xterm");
        let Ok(output) = command.output() else {
            println!("skipped: there is no program `script`");
            return;
        };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains(shown), "{text:?}");
        // The bar's own sequences move the cursor and clear the line; none sets a title or turns text round.
        assert!(!text.contains("\u{1b}]") && !text.contains('\u{7}') && !text.contains('\u{202e}'), "{text:?}");
        assert!(!text.contains('\u{9b}'), "{text:?}");
    }
}

#[test]
fn a_shell_takes_the_completions() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.run(&format!("completions {shell}")).ended(0).stdout;
        for verb in ["fit", "predict", "completions"] {
            assert!(script.contains(verb), "{shell} does not know {verb}");
        }
        place.put(shell, script);
    }
    if let Ok(status) = Command::new("bash").arg("-n").arg(place.path("bash")).status() {
        assert!(status.success());
    } else {
        println!("skipped: there is no bash");
    }
    place.run("completions tcsh").ended(2).says(&["bash"]);
}

#[test]
fn man_pages_tell_every_verb() {
    let place = Place::new();
    let page = place.run("man").ended(0).stdout;
    assert!(page.starts_with(".ie") || page.contains(".TH SEGMA 1"), "{page}");
    place.run("man --output pages").ended(0);
    let help = place.run("help").ended(0).stdout;
    let verbs = help.lines().skip_while(|l| *l != "Commands:").skip(1).take_while(|l| !l.is_empty());
    let verbs: Vec<&str> = verbs
        .filter(|l| l.starts_with("  ") && !l.starts_with("   "))
        .map(|l| l.split_whitespace().next().unwrap())
        .collect();
    assert!(verbs.len() > 10, "{verbs:?}");
    for verb in verbs.iter().filter(|verb| **verb != "help") {
        assert!(page.contains(&format!("segma\\-{verb}(1)")), "no {verb} in {page}");
        assert!(place.text(&format!("pages/segma-{verb}.1")).contains(".SH OPTIONS"), "{verb}");
    }
    assert_eq!(place.text("pages/segma.1"), page);
    place.run("man --output pages").ended(8).says(&["exists already"]);
    place.run("man --output pages --force").ended(0);
}
