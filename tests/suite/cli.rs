//! The program as a user runs it: what it writes, what it prints, how it ends.

use crate::data::{Kind, narrow, table};
use crate::program::{Place, checked, npy, there};
use segma::engine::gpu::Adapter;
use std::process::Stdio;

const FILES: [&str; 6] = ["metrics.json", "model.json", "profile.csv", "report.html", "run.json", "segments.csv"];
/// Those that the same table, options and seed give byte for byte; `run.json` holds times.
const SAME: [&str; 4] = ["metrics.json", "model.json", "profile.csv", "segments.csv"];
const FIT: &str = "fit customers.csv --id customer_id -k 5 -o run";

fn contents(place: &Place, run: &str) -> Vec<Vec<u8>> {
    SAME.iter().map(|name| place.bytes(&format!("{run}/{name}"))).collect()
}

fn fitted() -> Place {
    let place = Place::with_customers();
    place.run(FIT).ended(0);
    place
}

#[test]
fn fit_writes_six_files_and_prints_a_summary() {
    let place = Place::with_customers();
    let run = place.run(FIT).ended(0);
    assert_eq!(place.names("run"), FILES);
    assert_eq!(place.names(""), ["customers.csv", "run"]);
    for part in
        ["Fitted 5 segments on 5,000 customers x 15 features", "z-score", "seed 42", "Wrote run", "segma predict"]
    {
        assert!(run.stdout.contains(part), "no {part:?} in: {}", run.stdout);
    }
    assert!(run.stdout.contains("one-hot on plan, region"), "{}", run.stdout);
    let model = place.json("run/model.json");
    assert_eq!(model["centroids"].as_array().unwrap().len(), 5);
    assert_eq!(model["centroids_grid"].as_array().unwrap().len(), 5);
    assert_eq!(place.text("run/segments.csv").lines().count(), 5001);
}

#[test]
fn an_output_that_exists_is_refused_before_any_work() {
    let place = fitted();
    let before = contents(&place, "run");
    place.run(FIT).ended(8).says(&["run/model.json", "exists already; use --force"]);
    // The table is not even looked at.
    place.run("fit no.csv -k 5 -o run").ended(8).says(&["exists already"]);
    place.put("labels.csv", "mine");
    place.run("predict run/model.json no.csv -o labels.csv").ended(8).says(&["labels.csv: exists already"]);
    assert_eq!((contents(&place, "run"), place.text("labels.csv")), (before, "mine".into()));
    assert_eq!(place.names("run"), FILES);
}

#[test]
fn force_overwrites_an_earlier_run_and_nothing_else() {
    let place = fitted();
    place.put("run/mine.txt", "mine");
    place.put("labels.csv", "old");
    place.run(&format!("{FIT} --force --seed 7")).ended(0);
    assert_eq!(place.json("run/metrics.json")["seed"], 7);
    assert_eq!(place.text("run/mine.txt"), "mine");
    assert_eq!(place.names("run").len(), 7);
    place.run("predict run/model.json customers.csv -o labels.csv --force").ended(0);
    assert_eq!(place.bytes("labels.csv"), place.bytes("run/segments.csv"));
}

#[test]
fn an_output_that_cannot_be_written_leaves_nothing_behind() {
    let place = fitted();
    place.put("file", "mine");
    let before = place.names("");
    for (words, what) in [
        ("fit customers.csv -k 2 -o file", "file: exists and is not a folder"),
        ("fit customers.csv -k 2 -o file/run", "cannot be written"),
        ("fit customers.csv -k 2 -o no/such/run", "no/such/run: cannot be written"),
        ("fit customers.csv -k 2 -o file --force", "not a folder"),
        ("predict run/model.json customers.csv -o run --force", "run: is a folder"),
        ("predict run/model.json customers.csv -o no/labels.csv", "no/labels.csv: cannot be written"),
        ("predict run/model.json customers.csv -o file/labels.csv", "cannot be written"),
    ] {
        place.run(words).ended(8).says(&[what]);
        assert_eq!(place.names(""), before, "{words}");
    }
    assert_eq!((place.text("file"), place.names("run")), ("mine".into(), FILES.map(String::from).to_vec()));
}

#[test]
fn an_output_never_overwrites_an_input() {
    let place = fitted();
    let (table, before) = (place.bytes("customers.csv"), contents(&place, "run"));
    for words in [
        "predict run/model.json customers.csv -o customers.csv --force",
        "predict run/model.json customers.csv -o ./run/../customers.csv --force",
        "predict run/model.json customers.csv -o run/model.json --force",
        "fit run/segments.csv -k 2 --id customer_id -o run --force",
        "fit customers.csv -k 5 --init run/model.json -o run --force",
    ] {
        place.run(words).ended(2).says(&["is an input too"]);
    }
    assert_eq!((place.bytes("customers.csv"), contents(&place, "run")), (table, before));
}

#[cfg(unix)]
#[test]
fn a_link_is_replaced_and_never_followed() {
    let place = fitted();
    place.put("precious.txt", "mine");
    for (link, target) in [("labels.csv", "precious.txt"), ("dangling.csv", "nothing")] {
        std::os::unix::fs::symlink(place.path(target), place.path(link)).unwrap();
        let words = format!("predict run/model.json customers.csv -o {link}");
        place.run(&words).ended(8).says(&["exists already"]);
        place.run(&format!("{words} --force")).ended(0);
        assert!(!place.path(link).is_symlink(), "{link}");
    }
    assert_eq!(place.text("precious.txt"), "mine");
    assert!(!there(&place.path("nothing")));
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_neither_replaced_nor_waited_for() {
    let place = fitted();
    let _socket = std::os::unix::net::UnixListener::bind(place.path("socket")).unwrap();
    let predict = "predict run/model.json customers.csv --force -o";
    place.run(&format!("{predict} socket")).ended(8).says(&["socket: is not a regular file"]);
    std::fs::create_dir_all(place.path("odd/metrics.json")).unwrap();
    place.run("fit customers.csv -k 2 -o odd --force").ended(8).says(&["odd/metrics.json: is a folder"]);
    assert_eq!(place.names("odd"), ["metrics.json"]);
    if std::process::Command::new("mkfifo").arg(place.path("pipe")).status().is_ok_and(|s| s.success()) {
        place.run("predict pipe customers.csv").ended(4).says(&["pipe: not a regular file"]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_name_that_is_not_utf8_works() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::with_customers();
    let name = |bytes: &[u8]| std::ffi::OsStr::from_bytes(bytes).to_owned();
    let (table, run, labels) = (name(b"caf\xe9 1.csv"), name(b"r\xe9n"), name(b"l\xe9.csv"));
    std::fs::rename(place.path("customers.csv"), place.path("").join(&table)).unwrap();
    let mut fit = place.command("fit --json -k 2 -q");
    fit.arg(&table).arg("--output").arg(&run);
    assert_eq!(checked(fit, "fit").ended(0).json()["clusters"], 2);
    let mut predict = place.command("predict --json");
    predict.arg("-o").arg(&labels).arg("--").arg(std::path::Path::new(&run).join("model.json")).arg(&table);
    assert_eq!(checked(predict, "predict").ended(0).json()["rows"], 5000);
    assert!(there(&place.path("").join(&labels)));
}

#[test]
fn predict_on_the_training_table_gives_its_segments_byte_for_byte() {
    let place = fitted();
    let segments = place.text("run/segments.csv");
    place.run("predict run/model.json customers.csv -o labels.csv").ended(0);
    assert_eq!(place.text("labels.csv"), segments);
    assert_eq!(place.run("predict run/model.json customers.csv").ended(0).stdout, segments);
}

#[test]
fn json_is_one_document_on_stdout() {
    let place = Place::with_customers();
    let fit = place.run(&format!("{FIT} --json")).ended(0).json();
    assert_eq!((&fit["schema"], &fit["clusters"], &fit["rows"]), (&"segma.fit/1".into(), &5.into(), &5000.into()));
    let predict = place.run("predict run/model.json customers.csv --json -o labels.csv").ended(0).json();
    assert_eq!((&predict["schema"], &predict["rows"]), (&"segma.predict/1".into(), &5000.into()));
    let counts: u64 = predict["counts"].as_array().unwrap().iter().map(|c| c.as_u64().unwrap()).sum();
    assert_eq!(counts, 5000);
    assert_eq!(place.run("predict run/model.json customers.csv --json").ended(0).json()["rows"], 5000);
    assert_eq!(place.run("devices --json").ended(0).json()["schema"], "segma.devices/1");
    for name in ["run/model.json", "run/metrics.json", "run/run.json"] {
        assert!(place.json(name)["schema"].is_string(), "{name}");
    }
}

#[test]
fn quiet_prints_errors_only() {
    let place = Place::with_customers();
    let run = place.run(&format!("{FIT} -q")).ended(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    place.run(&format!("{FIT} -q")).ended(8).says(&["exists already"]);
}

/// The SIMD levels of this machine, as the program itself names them.
fn levels(place: &Place) -> Vec<String> {
    let devices = place.run("devices --json").ended(0).json();
    let levels = devices["cpu"]["levels"].as_array().unwrap().clone();
    let has = levels.iter().filter(|l| l["available"] == true);
    has.map(|l| l["simd"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_same_command_gives_the_same_bytes_on_every_thread_count_and_level() {
    let place = fitted();
    let first = contents(&place, "run");
    place.run("fit customers.csv --id customer_id -k 5 -o again").ended(0);
    assert_eq!(contents(&place, "again"), first);
    for threads in [1, 2, 3] {
        let run = format!("threads{threads}");
        place.run(&format!("fit customers.csv --id customer_id -k 5 -o {run} --threads {threads}")).ended(0);
        assert_eq!(contents(&place, &run), first, "{threads} threads");
    }
    let levels = levels(&place);
    assert!(levels.contains(&"portable".to_owned()), "{levels:?}");
    for level in levels {
        let words = format!("fit customers.csv --id customer_id -k 5 -o {level}");
        place.run_under(("SEGMA_SIMD", &level), &words).ended(0);
        assert_eq!(contents(&place, &level), first, "{level}");
    }
}

#[test]
fn a_device_that_is_not_there_is_exit_6() {
    let software_only = Adapter::all().iter().all(Adapter::is_software);
    let absent = ["gpu:99", "tpu"].into_iter().chain(software_only.then_some("gpu")).collect::<Vec<_>>();
    let place = fitted();
    place.put("x.npy", npy(&[4, 1], &[0.0, 1.0, 10.0, 11.0]));
    for verb in ["fit customers.csv -k 2 -o other", "predict run/model.json customers.csv", "bench --matrix x.npy -k 2"]
    {
        place.run_under(("SEGMA_SIMD", "nonsense"), verb).ended(6).says(&["SEGMA_SIMD=nonsense"]);
        for device in &absent {
            place.run(&format!("{verb} --device {device}")).ended(6).says(&[&format!("--device {device}")]);
        }
    }
    place.run_under(("SEGMA_SIMD", "nonsense"), "devices").ended(6).says(&["portable"]);
    for device in ["", "+", "gpu:0+", "+gpu:0", "gpu:0+cpu", "AUTO+gpu:0"] {
        place
            .run(&format!("bench --matrix x.npy -k 2 --device={device}"))
            .ended(2)
            .says(&["--device '", "joined by +"]);
    }
    assert_eq!(place.names(""), ["customers.csv", "run", "x.npy"]);
}

#[test]
fn bench_prints_the_fields_that_other_programs_rely_on() {
    let place = Place::new();
    let x = narrow(&table(Kind::Blobs, 3000, 4, 5));
    place.put("x.npy", npy(&[3000, 4], x.as_slice().unwrap()));
    place.put("c.npy", npy(&[3, 4], &x.as_slice().unwrap()[..12]));
    let words = "bench --matrix x.npy --init c.npy --clusters 3 --max-iter 10 --tol 0 --device cpu --json";
    let mut hashes = Vec::new();
    for threads in [1, 2, 3] {
        let document = place.run(&format!("{words} --threads {threads}")).ended(0).json();
        assert_eq!(document["schema"], "segma.bench/1");
        assert_eq!((&document["n"], &document["d"], &document["k"]), (&3000.into(), &4.into(), &3.into()));
        let run = &document["runs"][0];
        for text in ["device", "adapter", "labels_sha256", "model_sha256"] {
            assert!(run[text].is_string(), "{text}: {run}");
        }
        for number in ["fit_seconds", "pass_seconds", "upload_seconds", "inertia"] {
            assert!(run[number].as_f64().unwrap() >= 0.0, "{number}: {run}");
        }
        assert!(run["iterations"].as_u64().unwrap() <= 10);
        hashes.push((run["labels_sha256"].clone(), run["model_sha256"].clone(), run["inertia"].clone()));
    }
    assert!(hashes.iter().all(|h| *h == hashes[0]), "{hashes:?}");
    assert_eq!(hashes[0].0.as_str().unwrap().len(), 64);
    let twice = place.run(&format!("{words} --device CPU")).ended(0).json();
    assert_eq!((&twice["same"], twice["ratio"].as_array().unwrap().len()), (&true.into(), 1));
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    let place = fitted();
    place.put("x.npy", npy(&[4, 1], &[0.0, 1.0, 10.0, 11.0]));
    for verb in ["fit customers.csv -o other", "bench --matrix x.npy"] {
        for k in ["0", "-1", "2.5", "x", "", "4294967296", "9223372036854775808", "18446744073709551616"] {
            place.run(&format!("{verb} --clusters={k}")).ended(2).says(&["--clusters"]);
        }
        for tol in ["-1", "NaN", "inf", "x"] {
            place.run(&format!("{verb} -k 2 --tol={tol}")).ended(2).says(&["--tol", "at least 0"]);
        }
        for flag in ["--max-iter 0", "--n-init 0", "--threads 0", "--seed=-1", "--no-such-flag", "--verbose --quiet"] {
            place.run(&format!("{verb} -k 2 {flag}")).ended(2);
        }
        place.run(verb).ended(2).says(&["--clusters"]);
        place.run(&format!("{verb} -k 2 --init nothing")).ended(2).says(&["--init nothing"]);
    }
    for words in ["", "fti customers.csv", "fit", "predict", "predict run/model.json", "fit customers.csv -k 2"] {
        let run = place.run(words).ended(2);
        assert_eq!(run.stdout, "", "{words}");
    }
    place.run("fit customers.csv --cluster 5 -o other").ended(2).says(&["--clusters"]);
    assert_eq!(place.names(""), ["customers.csv", "run", "x.npy"]);
}

#[test]
fn columns_in_two_roles_are_a_usage_error() {
    let place = Place::with_customers();
    for flags in [
        "--columns spend,orders --weight-column orders",
        "--columns spend,customer_id --id customer_id",
        "--id spend --weight-column spend",
    ] {
        place.run(&format!("fit customers.csv -k 2 -o run {flags}")).ended(2).says(&["column '"]);
    }
    assert_eq!(place.names(""), ["customers.csv"]);
}

#[test]
fn a_fit_that_must_converge_and_does_not_writes_nothing() {
    let place = Place::with_customers();
    place.run(&format!("{FIT} --max-iter 1 --require-convergence")).ended(5).says(&["not converged after 1"]);
    assert_eq!(place.names(""), ["customers.csv"]);
    let run = place.run(&format!("{FIT} --max-iter 1 --json")).ended(0).says(&["limit of 1 iterations"]);
    assert_eq!(run.json()["converged"], false);
}

#[test]
fn help_and_version_go_to_stdout() {
    let place = Place::new();
    for words in ["--help", "-h", "--version", "fit --help", "predict --help", "bench --help", "help fit"] {
        let run = place.run(words).ended(0);
        assert!(!run.stdout.is_empty() && run.stderr.is_empty(), "{words}: {}", run.stderr);
    }
    assert!(place.run("--version").stdout.contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let place = fitted();
    for words in [
        "predict run/model.json customers.csv",
        "predict run/model.json customers.csv --json",
        "fit customers.csv -k 2 -o other",
        "fit customers.csv -k 2 -o other --force --json",
        "devices",
        "--help",
    ] {
        let run = place.run_into(Stdio::piped(), words).ended(0);
        assert!(!run.stderr.contains("error"), "{words}: {}", run.stderr);
    }
    assert_eq!(place.names("other"), FILES);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_stdout_is_exit_8() {
    let place = fitted();
    for words in ["predict run/model.json customers.csv", "devices", "fit customers.csv -k 2 -o other"] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        place.run_into(full.into(), words).ended(8).says(&["standard output", "No space left"]);
    }
}

#[test]
fn predict_numbers_the_rows_of_a_table_without_the_models_id_and_says_so() {
    let place = fitted();
    let table = place.text("customers.csv");
    let without: String = table.lines().map(|line| line.split_once(',').unwrap().1.to_owned() + "\n").collect();
    place.put("anonymous.csv", without);
    let run = place.run("predict run/model.json anonymous.csv -o labels.csv").ended(0);
    run.says(&["no column 'customer_id'", "numbered from 1"]);
    let (labels, segments) = (place.text("labels.csv"), place.text("run/segments.csv"));
    assert!(labels.starts_with("row,segment,"));
    for (label, segment) in labels.lines().zip(segments.lines()).skip(1) {
        assert_eq!(label.split_once(',').unwrap().1, segment.split_once(',').unwrap().1);
    }
    place.run("predict run/model.json anonymous.csv --id customer_id -o other.csv").ended(3).says(&["no column"]);
}
