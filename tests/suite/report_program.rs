//! `report.html` as `fit` and `sweep` write it: what it says is what the other files say.

use super::program::Place;
use super::report::{MOST_BYTES, chromium, console, measuring, opened, parsed};
use serde_json::Value;

/// The data for programs in a report.
fn data(html: &str) -> Value {
    let start = html.find("id=\"segma-report\">").expect("data") + "id=\"segma-report\">".len();
    let end = start + html[start..].find("</script>").unwrap();
    serde_json::from_str(&html[start..end]).unwrap()
}

#[test]
fn a_fits_report_says_what_its_files_say() {
    let place = Place::with_customers();
    let fit = "fit customers.csv --id customer_id -k 5 --kpi income --metrics full";
    place.run(&format!("{fit} -o run --threads 1")).ended(0);
    let html = place.text("run/report.html");
    parsed(&html);
    let (report, model, metrics) = (data(&html), place.json("run/model.json"), place.json("run/metrics.json"));
    let segments = report["segments"].as_array().unwrap();
    let of = |key: &str| segments.iter().map(|s| s[key].clone()).collect::<Vec<_>>();
    assert_eq!((Value::from(of("name")), Value::from(of("count"))), (model["names"].clone(), model["counts"].clone()));
    let found: Vec<Value> = metrics["segments"].as_array().unwrap().iter().map(|s| s["jaccard"].clone()).collect();
    assert_eq!(report["stability"]["jaccard"], Value::from(found));
    assert_eq!(report["silhouettes"]["mean"]["value"], metrics["quality"]["silhouette"]["value"]);
    let shares: f64 = segments.iter().map(|s| s["kpis"][0][1].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-9, "the parts of the KPI are {shares} of it");
    let kpi = report["columns"].as_array().unwrap().iter().find(|c| c["name"] == "income").unwrap();
    assert_eq!((&kpi["used"], &kpi["done"]), (&false.into(), &"a KPI".into()));
    // Nothing but the command tells the threads.
    place.run(&format!("{fit} -o run --threads 3 --force")).ended(0);
    assert_eq!(place.text("run/report.html").replace("--threads 3", "--threads 1"), html);
}

#[test]
fn a_sweeps_report_has_the_verdict_and_the_recommended_segments() {
    let place = Place::with_customers();
    place.run("sweep customers.csv --id customer_id -k 3..7 -o out --device cpu").ended(0);
    let (report, sweep) = (data(&place.text("out/report.html")), place.json("out/sweep.json"));
    assert_eq!((&report["sweep"]["recommended"], &sweep["recommended_k"]), (&5.into(), &5.into()));
    assert_eq!(report["segments"].as_array().unwrap().len(), 5);
    assert_eq!(report["sweep"]["fits"].as_array().unwrap().len(), 5);
    // Without metrics there is no verdict, and no segments to show.
    place.run("sweep customers.csv --id customer_id -k 3..7 -o plain --metrics none --device cpu").ended(0);
    let report = data(&place.text("plain/report.html"));
    assert_eq!((&report["sweep"]["recommended"], &report["segments"]), (&Value::Null, &Value::Array(Vec::new())));
}

#[test]
fn hostile_names_from_a_table_stay_text() {
    let place = Place::new();
    let mut csv = String::from("<script>alert(1)</script>,\"=cmd|' /C calc'!A0\",kind\n");
    for i in 0..200 {
        let kind = if i % 2 == 0 { "\"\"\"><img onerror=alert(1)>\"" } else { "plain" };
        csv += &format!("{},{},{kind}\n", i % 2 * 50 + i % 7, i % 11);
    }
    place.put("bad.csv", csv);
    place.run("fit bad.csv -k 2 -o run").ended(0);
    let (text, elements) = parsed(&place.text("run/report.html"));
    let count = |name: &str| elements.iter().filter(|(e, _)| e == name).count();
    assert_eq!((count("script"), count("img")), (1, 0));
    assert!(text.contains("<script>alert(1)</script>") && text.contains("<img onerror"));
}

#[test]
fn a_large_report_is_small_enough_and_fits_everywhere() {
    let place = Place::new();
    place.run("generate wide.csv --rows 4000 --groups 12 --features 38").ended(0);
    place.run("fit wide.csv --id customer_id -k 12 --metrics full -o run").ended(0);
    let html = place.text("run/report.html");
    assert!(html.len() < MOST_BYTES, "{} bytes", html.len());
    let Some(chromium) = chromium() else { return };
    place.put("measure.html", measuring(&html, &[1280, 390]));
    let (dom, log) = opened(&chromium, &place, "measure.html");
    assert_eq!(console(&log), [""; 0]);
    let measured: Vec<&str> = dom.split("<p class=\"measured\">").skip(1).collect();
    for (frame, width) in measured.iter().zip([1280, 390]) {
        let parts: Vec<&str> = frame.split("</p>").next().unwrap().split('|').collect();
        assert_eq!(parts[..3], ["true", &width.to_string(), &width.to_string()], "at {width}: {parts:?}");
        assert_eq!(parts[4], "", "at {width}: these reach beyond the page");
    }
    assert_eq!(measured.len(), 2, "{log}");
}
