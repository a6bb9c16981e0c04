//! `segma evaluate`, and what `fit` says of quality.

use crate::data::root;
use crate::program::Place;
use segma::quality::agreement;
use serde_json::{Value, json};
use std::fs;

/// The example table with the group each customer was drawn from; some groups are not known.
fn with_truth(place: &Place, unknown: impl Fn(usize) -> bool) {
    let (table, truth) =
        (place.text("customers.csv"), fs::read_to_string(root().join("tests/data/customers_truth.csv")));
    let truth = truth.unwrap();
    let lines = table.lines().zip(truth.lines()).enumerate().map(|(i, (line, truth))| {
        let group = truth.split_once(',').unwrap().1;
        format!("{line},{}\n", if i > 0 && unknown(i - 1) { "" } else { group })
    });
    place.put("truth.csv", lines.collect::<String>());
}

fn fitted() -> Place {
    let place = Place::with_customers();
    place.run("fit customers.csv --id customer_id -k 5 -o run --quiet").ended(0);
    place
}

/// The labels in a file that `predict` or `fit` wrote.
fn segments(place: &Place, name: &str) -> Vec<u32> {
    place.text(name).lines().skip(1).map(|l| l.split(',').nth(1).unwrap().parse().unwrap()).collect()
}

#[test]
fn on_the_training_table_it_is_what_the_fit_measured() {
    let place = fitted();
    let metrics = place.json("run/metrics.json");
    let found = place.run("evaluate run/model.json customers.csv --json").ended(0).json();
    assert_eq!(found["schema"], "segma.evaluate/1");
    assert_eq!(found["quality"], metrics["quality"]);
    for (ours, fit) in found["segments"].as_array().unwrap().iter().zip(metrics["segments"].as_array().unwrap()) {
        for key in ["customers", "share", "inertia", "radius", "silhouette", "simplified_silhouette", "border_share"] {
            assert_eq!((ours[key].is_null(), &ours[key]), (false, &fit[key]), "{key}");
        }
    }
    let near = |a: &Value, b: &Value| (a.as_f64().unwrap() / b.as_f64().unwrap() - 1.0).abs() < 1e-9;
    assert!(
        near(&found["inertia"]["value"], &metrics["inertia"])
            && near(&found["explained"]["value"], &metrics["explained"])
    );
    assert_eq!(found["quality"]["calinski_harabasz"]["exact"], true);
    for threads in 1..=3 {
        let again = place.run(&format!("evaluate run/model.json customers.csv --json --threads {threads}"));
        assert_eq!(again.ended(0).json(), found);
    }
}

#[test]
fn segments_come_back_in_evaluate_as_in_the_fit() {
    let place = Place::with_customers();
    // One segment more than there are groups: from its own centroids it would come back every time.
    for (at, more) in ["-k 6", "-k 6 --init random --n-init 2 --seed 3"].into_iter().enumerate() {
        place.run(&format!("fit customers.csv --id customer_id {more} --metrics full -o run{at} --quiet")).ended(0);
        let words = format!("evaluate run{at}/model.json customers.csv --metrics full --json");
        let found = place.run(&words).ended(0).json();
        let metrics = place.json(&format!("run{at}/metrics.json"));
        assert_eq!(found["quality"]["stability"]["jaccard"].as_array().map(Vec::len), Some(6));
        assert_eq!(found["quality"]["stability"], metrics["quality"]["stability"], "{more}");
    }
}

#[test]
fn a_segment_that_the_table_has_no_row_of_is_not_measured() {
    let place = Place::new();
    place.put(
        "all.csv",
        (0..30).map(|i| format!("{}\n", i % 3 * 100 + i / 3)).fold("x\n".into(), |a: String, b| a + &b),
    );
    place.run("fit all.csv -k 3 -o run --quiet").ended(0);
    for least in [0, 100, 200] {
        place.put("one.csv", (0..10).map(|i| format!("{}\n", least + i)).fold("x\n".into(), |a: String, b| a + &b));
        let run = place.run("evaluate run/model.json one.csv --metrics full -o q.json --force").ended(0);
        assert_eq!(run.stdout.matches("not measured").count(), 2, "{}", run.stdout);
        assert!(run.stdout.contains("2 with too few rows there to measure"), "{}", run.stdout);
        let found = place.json("q.json");
        let nulls = found["segments"].as_array().unwrap().iter().filter(|s| s["jaccard"].is_null()).count();
        assert_eq!(nulls, 2, "{found:#}");
    }
}

#[test]
fn the_table_has_a_line_for_each_segment() {
    let place = fitted();
    let text = place.run("evaluate run/model.json customers.csv").ended(0).stdout;
    for part in [
        "Evaluated 5 segments on 5,000 customers x 15 features in ",
        "silhouette 0.",
        "(simplified, all rows) · 0.",
        "Calinski-Harabasz ",
        "Davies-Bouldin ",
        "near a border",
        "half within",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    let first = text.lines().find(|l| l.trim_start().starts_with("0 ")).unwrap();
    assert_eq!(first.split_whitespace().take(4).collect::<Vec<_>>(), ["0", "1,401", "28.0", "%"]);
    assert_eq!(place.run("evaluate run/model.json customers.csv --quiet").ended(0).stdout, "");
}

#[test]
fn segments_are_compared_with_the_truth_where_it_is_known() {
    let place = fitted();
    let unknown = |i: usize| i % 10 == 3;
    with_truth(&place, unknown);
    let found = place.run("evaluate run/model.json truth.csv --truth true_group --metrics none --json").ended(0).json();
    assert_eq!(found["quality"], Value::Null);
    let truth = fs::read_to_string(root().join("tests/data/customers_truth.csv")).unwrap();
    let names: Vec<&str> = truth.lines().skip(1).map(|l| l.split_once(',').unwrap().1).collect();
    let code = |name: &&str| names.iter().position(|n| n == name).unwrap() as u32;
    let known = |i: &usize| !unknown(*i);
    let groups: Vec<u32> = (0..5000).filter(known).map(|i| code(&names[i])).collect();
    let all = segments(&place, "run/segments.csv");
    let ours: Vec<u32> = (0..5000).filter(known).map(|i| all[i]).collect();
    let right = agreement(&groups, &ours);
    let t = &found["truth"];
    assert_eq!((&t["rows"], &t["rows_without"], &t["groups"]), (&json!(4500), &json!(500), &json!(5)));
    assert_eq!(t["adjusted_rand"], json!({ "value": right.adjusted_rand, "exact": true }));
    // The groups have other numbers here, and sums of logarithms another order.
    let near = |name: &str, right: f64| assert!((t[name]["value"].as_f64().unwrap() - right).abs() < 1e-12, "{name}");
    near("normalized_mutual_information", right.normalized_mutual_information);
    near("v_measure", right.v_measure);
    assert!(right.adjusted_rand > 0.5, "{right:?}");
    let said = place.run("evaluate run/model.json truth.csv --truth true_group").ended(0);
    assert!(
        said.stdout.contains("with the 5 groups of 'true_group'; 500 customers without one left out"),
        "{}",
        said.stdout
    );
    assert!(!said.stderr.contains("true_group"), "the truth is used: {}", said.stderr);
}

#[test]
fn numbers_are_a_truth_too() {
    let place = fitted();
    let labels = segments(&place, "run/segments.csv");
    let table = place.text("customers.csv");
    let group = |i: usize| if i == 0 { "group".into() } else { (7 * labels[i - 1]).to_string() };
    place.put("n.csv", table.lines().enumerate().map(|(i, line)| format!("{line},{}\n", group(i))).collect::<String>());
    let found = place.run("evaluate run/model.json n.csv --truth group --metrics none --json").ended(0).json();
    assert_eq!((&found["truth"]["adjusted_rand"]["value"], &found["truth"]["groups"]), (&json!(1.0), &json!(5)));
}

#[test]
fn a_truth_that_is_not_there_is_named() {
    let place = fitted();
    with_truth(&place, |_| true);
    let run = |words: &str| place.run(&format!("evaluate run/model.json {words}"));
    run("truth.csv --truth true_grup").ended(3).says(&["no column 'true_grup'; did you mean 'true_group'?"]);
    run("truth.csv --truth true_group").ended(3).says(&["column 'true_group': no row has a value"]);
    run("customers.csv --silhouette-exact-rows 1").ended(2).says(&["--silhouette-exact-rows"]);
}

#[test]
fn the_output_is_what_json_prints() {
    let place = fitted();
    let run = |words: &str| place.run(&format!("evaluate run/model.json customers.csv {words}"));
    let printed = run("--json -o e.json").ended(0);
    assert_eq!(place.text("e.json"), printed.stdout);
    run("-o e.json").ended(8).says(&["e.json", "--force"]);
    run("-o e.json --force").ended(0);
    run("-o customers.csv --force").ended(2).says(&["is an input too"]);
}

#[test]
fn one_segment_has_no_silhouette() {
    let place = Place::with_customers();
    let said = place.run("fit customers.csv --id customer_id -k 1 -o one").ended(0).stdout;
    assert!(said.contains("  silhouette has no meaning with one segment\n"), "{said}");
    let quality = &place.json("one/metrics.json")["quality"];
    for key in ["silhouette", "simplified_silhouette", "calinski_harabasz", "davies_bouldin"] {
        assert_eq!(quality[key], Value::Null, "{key}");
    }
    let found = place.run("evaluate one/model.json customers.csv --json").ended(0).json();
    assert_eq!((&found["quality"], &found["segments"][0]["silhouette"]), (quality, &Value::Null));
}

#[test]
fn segments_that_a_table_has_no_rows_of_are_shown_empty() {
    let place = fitted();
    let lines: Vec<String> = place.text("customers.csv").lines().take(3).map(str::to_owned).collect();
    place.put("few.csv", lines.join("\n") + "\n");
    let found = place.run("evaluate run/model.json few.csv --json").ended(0).json();
    let counts: Vec<u64> =
        found["segments"].as_array().unwrap().iter().map(|s| s["customers"].as_u64().unwrap()).collect();
    assert_eq!((counts.len(), counts.iter().sum::<u64>()), (5, 2));
    let empty = &found["segments"][counts.iter().position(|c| *c == 0).unwrap()];
    assert_eq!((&empty["inertia"]["value"], &empty["radius"]["max"]["value"]), (&json!(0.0), &json!(0.0)));
    place.run("evaluate run/model.json few.csv").ended(0);
}

#[test]
fn a_fit_measures_as_much_as_it_is_asked_to() {
    let place = Place::with_customers();
    let fit =
        |words: &str| place.run(&format!("fit customers.csv --id customer_id -k 3 -o out --force {words}")).ended(0);
    assert!(fit("").stdout.contains("\n  silhouette 0."));
    let metrics = place.json("out/metrics.json");
    let history = &metrics["history"];
    let changed = history["changed"].as_array().unwrap();
    assert_eq!((changed[0].as_u64(), changed.len() as u64), (Some(5000), metrics["iterations"].as_u64().unwrap()));
    let inertia: Vec<f64> = history["inertia"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    assert!(inertia.len() == changed.len() && inertia.windows(2).all(|w| w[1] <= w[0]));
    let shares = metrics["quality"]["margin_shares"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap());
    assert!((shares.sum::<f64>() - 1.0).abs() < 1e-12);
    assert!(!fit("--metrics none").stdout.contains("silhouette"));
    assert_eq!(place.json("out/metrics.json")["quality"], Value::Null);
    let told = fit("--metrics full --verbose");
    assert!(
        told.stderr.contains("measuring: 15,000 distances to centroids, and 25,000,000 between 5,000 rows"),
        "{}",
        told.stderr
    );
}

#[test]
fn a_model_of_weighted_rows_is_measured_by_weight_in_the_fit_only() {
    let place = Place::with_customers();
    place.run("fit customers.csv --id customer_id --weight-column visits -k 3 -o out").ended(0);
    let shares =
        |v: &Value| -> Vec<Value> { v["segments"].as_array().unwrap().iter().map(|s| s["share"].clone()).collect() };
    let found = place.run("evaluate out/model.json customers.csv --json").ended(0);
    let found = found.says(&["here every row counts once"]).json();
    assert_ne!(shares(&found), shares(&place.json("out/metrics.json")));
}
