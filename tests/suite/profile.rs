//! Who the segments are: profiles, names and KPIs as the program writes them.

use crate::program::Place;
use segma::columnar::{Column, Kind, Values, Writer};
use serde_json::{Value, json};
use std::fs::File;

const FIT: &str = "fit customers.csv --id customer_id -k 5 -o run";

fn fitted() -> Place {
    let place = Place::with_customers();
    place.run(FIT).ended(0);
    place
}

/// A table of four groups of ten, with a column of every kind; `end` is put after each row.
fn mixed(end: impl Fn(usize) -> String) -> String {
    let row = |i: usize| {
        let group = i / 10;
        let spend = if i == 3 { String::new() } else { format!("{}.5", group * 100 + i % 10) };
        let plan = ["basic", "plus", "=cmd|' /C calc'!A1", ""][group];
        let (vip, day) = (["yes", "no", "no", ""][group], 1 + i % 28);
        format!("c{i},{spend},{},{plan},{vip},2024-0{}-{day:02},{}{}\n", i % 7, group + 1, i * i, end(i))
    };
    (0..40).map(row).collect()
}

const HEADER: &str = "id,spend,visits,plan,is_vip,joined,revenue";

#[test]
fn the_profile_of_the_training_table_is_the_fits() {
    let place = fitted();
    place.run("profile run/model.json customers.csv -o p.csv -q").ended(0);
    assert_eq!(place.text("p.csv"), place.text("run/profile.csv"));
    let profile = place.text("run/profile.csv");
    let head = "segment,segment_name,feature,level,kind,clustered,kpi,present,missing,mean,sd,p10,median,p90,mean_all,index,effect\n";
    assert!(profile.starts_with(head), "{profile}");
    assert!(profile.contains("\n4,\"High spend, long-standing\",spend,,number,yes,no,615,0,"), "{profile}");
    assert!(profile.contains("\n3,\"High income, premium plan\",plan,premium,category,yes,no,815,0,"), "{profile}");
    // A missing value is missing, whatever stood for it: 207 incomes are.
    let missing = |line: &&str| line.contains(",income,,number,");
    let missing = profile.lines().filter(missing).map(|l| l.split(",no,").nth(1).unwrap().split(',').nth(1).unwrap());
    assert_eq!(missing.map(|m| m.parse::<u64>().unwrap()).sum::<u64>(), 207);
}

#[test]
fn names_are_in_the_model_and_beside_every_segment() {
    let place = fitted();
    let names = place.json("run/model.json")["names"].clone();
    let expected = [
        "Long inactive, few visits",
        "New, younger",
        "Frequent visits, recent",
        "High income, premium plan",
        "High spend, long-standing",
    ];
    assert_eq!(names, json!(expected));
    let segments = place.text("run/segments.csv");
    assert!(segments.starts_with("customer_id,segment,segment_name,distance,"));
    for (s, name) in expected.iter().enumerate() {
        assert!(segments.contains(&format!(",{s},\"{name}\",")), "{name}");
    }
    let summary = place.run(&format!("{FIT} --force")).ended(0).stdout;
    assert!(expected.iter().all(|name| summary.contains(name)), "{summary}");
}

#[test]
fn edited_names_are_what_predict_and_profile_say() {
    let place = fitted();
    let mut model = place.json("run/model.json");
    model["names"] = json!(["=SUM(A1)", "Gäste", "Kings, queens", "a\u{1b}[2Jb", "Kings, queens"]);
    place.put("run/model.json", format!("{model:#}"));
    let labels = place.run("predict run/model.json customers.csv").ended(0).stdout;
    let lines: Vec<&str> = labels.lines().collect();
    for (name, shown) in [("0", "'=SUM(A1)"), ("1", "Gäste"), ("2", "\"Kings, queens\""), ("4", "\"Kings, queens\"")] {
        assert!(lines.iter().any(|l| l.contains(&format!(",{name},{shown},"))), "{shown}");
    }
    let shown = place.run("profile run/model.json customers.csv").ended(0).stdout;
    assert!(shown.contains("0  =SUM(A1): 1,401 customers (28.0 %)") && shown.contains("a\\u{1b}[2Jb"), "{shown}");
    for names in [json!(["a"]), json!([1, 2, 3, 4, 5]), json!(["a", "b", "c", "d", ""]), json!(null)] {
        model["names"] = names;
        place.put("run/model.json", model.to_string());
        place.run("predict run/model.json customers.csv").ended(4).says(&["run/model.json: "]);
    }
    place.run("fit customers.csv --id customer_id --init run/model.json -o again").ended(4);
}

#[test]
fn a_fit_from_a_model_is_named_anew() {
    let place = fitted();
    place.run("fit customers.csv --id customer_id --init run/model.json -o again").ended(0);
    assert_eq!(place.json("again/model.json")["names"], place.json("run/model.json")["names"]);
}

#[test]
fn a_kpi_is_profiled_first_and_never_clustered() {
    let place = Place::new();
    place.put("a.csv", format!("{HEADER}\n{}", mixed(|_| String::new())));
    let run = place.run("fit a.csv --id id -k 4 --kpi revenue,is_vip -o run").ended(0);
    run.says(&["left out 'revenue', 'is_vip': a KPI is profiled, not clustered"]);
    let model = place.json("run/model.json");
    let columns: Vec<&Value> = model["pipeline"]["columns"].as_array().unwrap().iter().map(|c| &c["name"]).collect();
    assert_eq!(columns, ["spend", "visits", "plan"]);
    let profile = place.text("run/profile.csv");
    let features: Vec<&str> = profile.lines().filter(|l| l.starts_with("0,")).collect();
    assert!(features[0].contains(",revenue,,number,no,yes,"), "{}", features[0]);
    assert!(features[1].contains(",is_vip,yes,yes/no,no,yes,"), "{}", features[1]);
    assert!(
        profile.contains(",joined,,date,no,no,") && profile.contains(",2024-0"),
        "dates that were left out are profiled: {profile}"
    );
    // The same with the KPI named beside the columns; what is clustered cannot be a KPI.
    place.run("fit a.csv --id id -k 4 --columns spend,visits,plan --kpi revenue,is_vip -o named").ended(0);
    assert_eq!(place.json("named/model.json")["centroids"], model["centroids"]);
    let both = "fit a.csv --id id -k 4 --columns spend,revenue --kpi revenue -o x";
    place.run(both).ended(2).says(&["'revenue' cannot be an id, weight or KPI and a feature"]);
    place.run("fit a.csv --id id -k 4 --kpi revenu -o x").ended(3).says(&["did you mean 'revenue'?"]);
    place.put("b.csv", "a,b\n1,2\n2,x\n3,4\n4,5\n");
    place.run("fit b.csv -k 2 --kpi b -o x").ended(3).says(&["b.csv:3: column 'b': 'x' is not a number"]);
    assert!(!place.names("").contains(&"x".into()));
    let inspected = place.run("inspect a.csv --kpi revenue").ended(0).stdout;
    assert!(inspected.contains("take it as a KPI"), "{inspected}");
}

#[test]
fn every_column_is_profiled_but_what_tells_nothing() {
    let place = fitted();
    let table = place.text("customers.csv");
    let more = |(i, line): (usize, &str)| match i {
        0 => format!("{line},revenue,signup,town,comment,odd\n"),
        _ => format!("{line},{},2023-{:02}-01,t{},note {i},{}\n", i % 10, 1 + i % 12, i % 300, ["7", "x"][i % 4 / 3]),
    };
    place.put("wide.csv", table.lines().enumerate().map(more).collect::<String>());
    let words = "profile run/model.json wide.csv --kpi revenue,spend";
    let run = place.run(&format!("{words} -o p.csv")).ended(0);
    run.clone().says(&["not profiled: 'comment': every row has its own value, like an id", "'odd': numbers and texts"]);
    for part in [
        "5,000 customers in 5 segments by 12 columns, 3 of them not clustered",
        "0  Long inactive, few visits: 1,401 customers (28.0 %)",
        " 28.0 % of customers and ",
        " of spend (a total of ",
        "revenue (KPI)",
        "recency_days",
        "Wrote p.csv",
    ] {
        assert!(run.stdout.contains(part), "no {part:?} in: {}", run.stdout);
    }
    let profile = place.text("p.csv");
    assert_eq!(profile.lines().filter(|l| l.starts_with("2,") && l.contains(",town,")).count(), 21);
    assert!(profile.contains(",town,(other),category,no,no,"), "{profile}");
    assert!(profile.contains(",signup,,date,no,no,1401,0,2023-") && profile.contains(",spend,,number,yes,yes,"));

    let document = place.run(&format!("{words} --json")).ended(0).json();
    assert_eq!((&document["schema"], &document["rows"]), (&json!("segma.profile/1"), &json!(5000)));
    assert_eq!(document["segments"][1]["name"], "New, younger");
    let [revenue, spend] = [0, 1].map(|i| document["columns"][i].clone());
    assert_eq!(
        (&revenue["name"], &revenue["kpi"], &revenue["clustered"]),
        (&json!("revenue"), &json!(true), &json!(false))
    );
    assert_eq!((&spend["name"], &spend["clustered"]), (&json!("spend"), &json!(true)));
    let shares =
        |c: &Value| c["segments"].as_array().unwrap().iter().map(|s| s["total_share"].as_f64().unwrap()).sum::<f64>();
    assert!((shares(&revenue) - 1.0).abs() < 1e-9 && (shares(&spend) - 1.0).abs() < 1e-9);
    assert!(spend["segments"][4]["total_share"].as_f64().unwrap() > 0.4, "{spend:#}");
    // Only some of the others.
    place.run("profile run/model.json wide.csv --columns signup -o s.csv -q").ended(0);
    let some = place.text("s.csv");
    assert!(some.contains(",signup,") && some.contains(",spend,") && !some.contains(",town,"));
    place.run("profile run/model.json wide.csv --kpi odd").ended(3).says(&["wide.csv:4: column 'odd'"]);
    place.run("profile run/model.json wide.csv --kpi comment").ended(0);
    place.run("profile run/model.json wide.csv --columns nothing").ended(3).says(&["no column 'nothing'"]);
    place.run("profile run/model.json wide.csv -o p.csv").ended(8).says(&["p.csv: exists already"]);
    place.run("profile run/model.json wide.csv -o wide.csv --force").ended(2).says(&["is an input too"]);
    place.put("less.csv", "customer_id,spend\nA,1\n");
    place.run("profile run/model.json less.csv").ended(3).says(&["less.csv:1: no column '"]);
}

#[test]
fn ids_are_shown_only_when_asked_for() {
    let place = fitted();
    let hidden = place.run("profile run/model.json customers.csv").ended(0).stdout;
    let hidden_json = place.run("profile run/model.json customers.csv --json").ended(0).stdout;
    assert!(!hidden.contains("C00") && !hidden_json.contains("C00"));
    let shown = place.run("profile run/model.json customers.csv --show-ids").ended(0).stdout;
    let document = place.run("profile run/model.json customers.csv --show-ids --json").ended(0).json();
    let segments = place.text("run/segments.csv");
    for s in 0..5 {
        let mut rows: Vec<(f64, &str)> = segments
            .lines()
            .filter_map(|l| {
                let (id, rest) = l.split_once(&format!(",{s},\""))?;
                Some((rest.split("\",").nth(1)?.split(',').next()?.parse().ok()?, id))
            })
            .collect();
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        let ids: Vec<&str> = rows[..5].iter().map(|(_, id)| *id).collect();
        assert_eq!(document["segments"][s]["closest"], json!(ids), "segment {s}");
        assert!(shown.contains(&format!("closest to the centroid: {}", ids.join(", "))), "{shown}");
    }
}

#[test]
fn hostile_names_are_data_everywhere() {
    let place = Place::new();
    let evil = "\u{1b}[2J\u{202e}<script>";
    let header = HEADER.replace("spend", evil).replace("revenue", "=revenue");
    place.put("a.csv", format!("{header}\n{}", mixed(|_| String::new())));
    let fit = place.run("fit a.csv --id id -k 4 --kpi =revenue -o run").ended(0);
    let shown = place.run("profile run/model.json a.csv --kpi =revenue --show-ids").ended(0);
    for text in [fit.stdout, fit.stderr, shown.stdout, shown.stderr] {
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
    }
    let profile = place.text("run/profile.csv");
    assert!(profile.contains(",'=revenue,,number,no,yes,") && profile.contains(",plan,'=cmd|' /C calc'!A1,category,"));
    assert!(profile.contains(&format!(",{evil},,number,yes,no,")), "{profile}");
    let names = place.json("run/model.json")["names"].to_string();
    assert!(!names.contains("\\u001b"), "control characters make no name: {names}");
    for line in profile.lines().chain(place.text("run/segments.csv").lines()) {
        assert!(line.split(',').all(|cell| !cell.trim_start_matches('"').starts_with('=')), "{line}");
    }
}

#[test]
fn weights_count_as_repeated_rows_in_profiles() {
    let place = Place::new();
    let weight = |i: usize| i % 4;
    let plain = mixed(|_| String::new());
    let repeated = plain.lines().enumerate().flat_map(|(i, line)| vec![format!("{line}\n"); weight(i)]);
    place.put("repeated.csv", format!("{HEADER}\n{}", repeated.collect::<String>()));
    place.put("weighted.csv", format!("{HEADER},w\n{}", mixed(|i| format!(",{}", weight(i)))));
    place.run("fit weighted.csv --id id -k 4 --weight-column w -o run").ended(0);
    place.run("profile run/model.json weighted.csv --weight-column w -o weighted.csv.out -q").ended(0);
    assert_eq!(place.text("weighted.csv.out"), place.text("run/profile.csv"));
    place.run("profile run/model.json repeated.csv -o repeated.csv.out -q").ended(0);
    // All but `present` and `missing`, which count rows whatever their weight.
    let figures = |file: &str| -> Vec<String> {
        let text = place.text(file);
        let cut = |line: &str| {
            let cells: Vec<&str> = line.rsplitn(11, ',').collect();
            format!("{} {:?}", cells[10], &cells[..8])
        };
        text.lines().map(cut).collect()
    };
    assert_eq!(figures("weighted.csv.out"), figures("repeated.csv.out"));
}

#[test]
fn threads_and_formats_cannot_be_seen_in_profiles() {
    let place = Place::new();
    place.put(
        "a.csv",
        "spend,plan,churned\n".to_owned() + &rows().map(|(n, t, y)| format!("{n},{t},{y}\n")).collect::<String>(),
    );
    let kinds = [("spend", Kind::Real), ("plan", Kind::Text), ("churned", Kind::Text)];
    let columns = kinds.map(|(name, kind)| Column { name: name.into(), kind }).to_vec();
    let mut writer = Writer::new(File::create(place.path("a.parquet")).unwrap(), columns).unwrap();
    let numbers = Values::Real(rows().map(|(n, _, _)| Some(n)).collect());
    let texts = |pick: fn((f64, String, &'static str)) -> String| Values::Texts(rows().map(pick).collect());
    writer.write(&[vec![numbers, texts(|r| r.1), texts(|r| r.2.into())]]).unwrap();
    writer.finish().unwrap();
    let fit = |table: &str, threads: usize| {
        let out = format!("{table}{threads}");
        place
            .run(&format!("fit {table} -k 3 --kpi churned --threads {threads} --device cpu --format csv -o {out}"))
            .ended(0);
        ["model.json", "segments.csv", "profile.csv"].map(|name| place.bytes(&format!("{out}/{name}")))
    };
    let one = fit("a.csv", 1);
    for (table, threads) in [("a.csv", 2), ("a.csv", 3), ("a.parquet", 1), ("a.parquet", 3)] {
        assert!(fit(table, threads) == one, "{table} on {threads} threads");
    }
    place.run("profile a.csv1/model.json a.parquet --kpi churned -o p.csv -q --threads 2").ended(0);
    assert!(place.bytes("p.csv") == one[2]);
}

/// Made-up rows: spend, plan, churned.
fn rows() -> impl Iterator<Item = (f64, String, &'static str)> {
    (0..20_000u32).map(|i| {
        let spend = f64::from(i.wrapping_mul(2_654_435_761) >> 12) / 128.0;
        (spend, format!("p{}", i % 40), if i % 7 == 0 { "yes" } else { "no" })
    })
}
