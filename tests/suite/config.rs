//! Settings that are not typed: which of them wins, and what is said of those that cannot be used.

use crate::program::{Place, Run, checked};

const FIT: &str = "fit customers.csv -o run --force -q";

/// A fit under variables; the user's file lies in `home/segma`.
fn fit(place: &Place, variables: &[(&str, &str)], more: &str) -> Run {
    let mut command = place.command(&format!("{FIT} {more}"));
    command.env("XDG_CONFIG_HOME", place.path("home")).envs(variables.iter().copied());
    checked(command, more)
}

fn with_files(project: &str, user: &str) -> Place {
    let place = Place::with_customers();
    std::fs::create_dir_all(place.path("home/segma")).unwrap();
    place.put("segma.toml", project);
    place.put("home/segma/config.toml", user);
    place
}

#[test]
fn what_is_typed_wins_then_the_environment_the_project_and_the_user() {
    let place = with_files("", "");
    let clusters = |place: &Place| place.json("run/metrics.json")["clusters"].clone();
    fit(&place, &[], "").ended(2).says(&["--clusters"]);
    place.put("home/segma/config.toml", "clusters = 2\n");
    fit(&place, &[], "").ended(0);
    assert_eq!(clusters(&place), 2);
    place.put("segma.toml", "clusters = 3\n");
    fit(&place, &[], "").ended(0);
    assert_eq!(clusters(&place), 3);
    place.put("segma.toml", "clusters = 3\n[fit]\nclusters = 4\n[sweep]\nclusters = \"2..12\"\n");
    fit(&place, &[], "").ended(0);
    assert_eq!(clusters(&place), 4);
    place.put("other.toml", "clusters = 6\n");
    fit(&place, &[], "--config other.toml").ended(0);
    assert_eq!(clusters(&place), 6);
    fit(&place, &[("SEGMA_CLUSTERS", "5")], "--config other.toml").ended(0);
    assert_eq!(clusters(&place), 5);
    fit(&place, &[("SEGMA_CLUSTERS", "5")], "-k 7").ended(0);
    assert_eq!(clusters(&place), 7);
    fit(&place, &[("SEGMA_CLUSTERS", "")], "").ended(0);
    assert_eq!(clusters(&place), 4, "a variable that is empty is none");
}

#[test]
fn a_run_tells_what_took_effect_and_the_command_that_does_the_same() {
    let settings = "scale = \"robust\"\nnull = [\"n.a.\", \"-\"]\nseed = 7\nmissing-indicators = true\nrequire-k = false\nrows = 9\n";
    let place = with_files(settings, "max-iter = 50\ndate-reference = 2024-12-31\n");
    let variables = [("SEGMA_CLUSTERS", "3"), ("SEGMA_TOL", "0.001"), ("SEGMA_NO_SUCH_FLAG", "x")];
    fit(&place, &variables, "--seed 8").ended(0);
    let run = place.json("run/run.json");
    let user = place.path("home/segma/config.toml");
    let expected = serde_json::json!({
        "scale": { "value": "robust", "from": "segma.toml" },
        "null": { "value": ["n.a.", "-"], "from": "segma.toml" },
        "missing-indicators": { "value": "true", "from": "segma.toml" },
        "require-k": { "value": "false", "from": "segma.toml" },
        "max-iter": { "value": "50", "from": user.to_str().unwrap() },
        "date-reference": { "value": "2024-12-31", "from": user.to_str().unwrap() },
        "clusters": { "value": "3", "from": "SEGMA_CLUSTERS" },
        "tol": { "value": "0.001", "from": "SEGMA_TOL" },
    });
    assert_eq!(run["settings"], expected);
    let model = place.bytes("run/model.json");
    // The report shows a command that needs none of the files.
    let report = place.text("run/report.html");
    let line = report.split("segma fit customers.csv").nth(1).unwrap().split(['<', '"']).next().unwrap();
    for word in ["--scale=robust", "--null=n.a.", "--missing-indicators", "--clusters=3", "--max-iter=50"] {
        assert!(line.contains(word), "no {word} in {line}");
    }
    std::fs::remove_file(place.path("segma.toml")).unwrap();
    std::fs::remove_file(&user).unwrap();
    let typed =
        "--scale robust --null n.a. --null - --missing-indicators --max-iter 50 --date-reference 2024-12-31 -k 3";
    fit(&place, &[], &format!("{typed} --tol 0.001 --seed 8")).ended(0);
    assert_eq!(place.bytes("run/model.json"), model);
    assert_eq!(place.json("run/run.json")["settings"], serde_json::json!({}));
}

#[test]
fn a_switch_that_is_off_is_in_nobodys_way() {
    let place = with_files("verbose = true\n", "");
    let run = |quiet: &str| place.run_under(("SEGMA_QUIET", quiet), "fit customers.csv -k 2 -o run --force").ended(0);
    run("0").says(&["reading\n"]);
    assert_eq!(run("1").stderr, "");
}

#[test]
fn a_setting_of_a_flag_that_is_not_there_waits_for_it() {
    let place = with_files("checkpoint-every = \"5s\"\ntime-limit = \"1h\"\nmax-rejects = 7\n", "");
    fit(&place, &[], "-k 2").ended(0);
    assert_eq!(place.json("run/run.json")["settings"], serde_json::json!({}));
    fit(&place, &[("SEGMA_ON_ERROR", "skip")], "-k 2 --checkpoint ck").ended(0);
    let settings = place.json("run/run.json")["settings"].clone();
    assert_eq!(settings.as_object().unwrap().len(), 4, "{settings}");
    // What is typed is meant.
    fit(&place, &[], "-k 2 --resume").ended(2).says(&["--checkpoint <FOLDER>"]);
}

#[test]
fn what_is_required_may_be_a_setting() {
    let place = with_files("[fit]\nclusters = 2\noutput = \"there\"\n[tune]\nmatrix = \"no.npy\"\nclusters = 3\n", "");
    let mut command = place.command("fit customers.csv");
    command.env("XDG_CONFIG_HOME", place.path("home"));
    checked(command, "fit").ended(0);
    assert_eq!(place.json("there/metrics.json")["clusters"], 2);
    place.run("tune --device gpu:99").ended(6).says(&["gpu:99"]);
}

#[test]
fn a_setting_never_conflicts_with_what_is_typed() {
    let place = with_files("quiet = true\nclusters = 2\n", "");
    let run = place.run("fit customers.csv -o run -v").ended(0).says(&["reading", "clusters = 2, from segma.toml:2"]);
    assert!(run.stdout.contains("Fitted 2 segments"), "{}", run.stdout);
    assert_eq!(place.run("fit customers.csv -o run --force").ended(0).stdout, "");
    // A nearer source wins as well; two of one source conflict as if typed.
    let loud = place.run_under(("SEGMA_VERBOSE", "yes"), "fit customers.csv -o run --force").ended(0);
    loud.says(&["reading"]);
    assert!(place.run_under(("SEGMA_QUIET", "off"), "inspect customers.csv").ended(0).stdout.contains("spend"));
    place.put("segma.toml", "quiet = true\nverbose = true\n");
    place.run("inspect customers.csv").ended(2).says(&["--quiet", "--verbose"]);
}

#[test]
fn a_key_that_means_nothing_is_refused_by_name_and_line() {
    for (text, parts) in [
        (
            "seed = 1\nclutsers = 6\n",
            &["segma.toml:2: 'clutsers' is not a flag of any verb", "did you mean 'clusters'?"][..],
        ),
        ("[fit]\nmax_iter = 6\n", &["segma.toml:2: 'max_iter' is not a flag of fit", "did you mean 'max-iter'?"]),
        ("[predict]\nclusters = 6\n", &["segma.toml:2: 'clusters' is not a flag of predict"]),
        ("[swep]\nclusters = 6\n", &["segma.toml:1: 'swep' is not a verb", "did you mean 'sweep'?"]),
        ("config = \"x\"\n", &["segma.toml:1: 'config'", "can only be typed"]),
        ("help = true\n", &["segma.toml:1: 'help'", "can only be typed"]),
        ("table = \"x.csv\"\n", &["segma.toml:1: 'table' is not a flag"]),
        ("seed = 1\nclusters = \n", &["segma.toml:2: this is no TOML"]),
        ("seed = 1\nseed = 2\n", &["segma.toml:2: this is no TOML"]),
        ("seed = 0x10\n", &["segma.toml:1: 'seed' takes decimal numbers"]),
        ("clusters = [2, 3]\n", &["segma.toml:1: 'clusters' takes one value, not a list"]),
        ("clusters = \"many\"\n", &["segma.toml:1: invalid value 'many' for '--clusters", "2..9"]),
        ("tol = -1\n", &["segma.toml:1: invalid value '-1' for '--tol", "at least 0"]),
        ("scale = \"zcore\"\n", &["segma.toml:1: invalid value 'zcore' for '--scale", "zscore"]),
        ("verbose = \"maybe\"\n", &["segma.toml:1: --verbose is either true or false"]),
    ] {
        let place = with_files(text, "");
        fit(&place, &[], "").ended(2).says(parts);
    }
    let place = with_files("seed = 1\n\nclutsers = 6\n", "");
    let document = place.run("fit customers.csv -k 3 -o run --json").ended(2).json();
    assert_eq!((&document["file"], &document["line"]), (&"segma.toml".into(), &3.into()));
    assert_eq!((&document["exit"], &document["ok"]), (&2.into(), &false.into()));
}

#[test]
fn a_variable_that_cannot_be_used_is_named() {
    let place = Place::with_customers();
    fit(&place, &[("SEGMA_CLUSTERS", "x")], "").ended(2).says(&["SEGMA_CLUSTERS: invalid value 'x'"]);
    fit(&place, &[("SEGMA_JSON", "x")], "-k 2").ended(2).says(&["SEGMA_JSON: --json is either true or false"]);
    fit(&place, &[("SEGMA_CLUSTERS", "x")], "-k 2").ended(0);
    assert_eq!(fit(&place, &[("SEGMA_JSON", "1")], "-k 2").ended(0).json()["clusters"], 2);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let place = Place::with_customers();
    for name in ["no.toml", "customers.csv", "home"] {
        std::fs::create_dir_all(place.path("home")).unwrap();
        fit(&place, &[], &format!("-k 2 --config {name}")).ended(2).says(&[name]);
    }
    place.put("bytes.toml", b"x = \"\xff\"\n");
    fit(&place, &[], "-k 2 --config bytes.toml").ended(2).says(&["not UTF-8"]);
    place.put("large.toml", "#".repeat(2 << 20));
    fit(&place, &[], "-k 2 --config large.toml").ended(2).says(&["more than 1048576 bytes"]);
    fit(&place, &[], "-k 2 --config /dev/null").ended(0);
}

#[test]
fn help_and_completions_care_for_no_settings() {
    let place = with_files("this is no TOML", "nor = = this");
    for words in ["--help", "fit --help", "--version", "completions bash", "man"] {
        place.run_under(("SEGMA_OUTPUT", "elsewhere"), words).ended(0);
    }
    assert!(!place.path("elsewhere").exists());
}
