//! What a spreadsheet, a terminal or another program makes of our outputs: nothing but the data.

use crate::program::Place;

/// Ids that a spreadsheet would run, one a row, and how they must come out.
const FORMULAS: [(&str, &str); 12] = [
    ("=1+1", "'=1+1"),
    ("+cmd|'/c calc'!A1", "'+cmd|'/c calc'!A1"),
    ("-x", "'-x"),
    ("@SUM(1+1)", "'@SUM(1+1)"),
    ("\"=HYPERLINK(\"\"http://x\"\")\"", "\"'=HYPERLINK(\"\"http://x\"\")\""),
    ("\"\t=1\"", "\"'\t=1\""),
    ("\"\r=1\"", "\"'\r=1\""),
    ("\"\n=1\"", "\"'\n=1\""),
    ("＝1+1", "'＝1+1"),
    (" =1+1", "' =1+1"),
    ("\"\"\"=1\"", "\"'\"\"=1\""),
    ("C1;=1+1", "\"C1;=1+1\""),
];

/// Ids that are data and stay as they are.
const PLAIN: [&str; 7] = ["00123", "9007199254740993", "-5", "+3", "-1e-5", "a=b", "\"a,b\""];

fn table(header: &str, ids: &[&str]) -> String {
    let rows = ids.iter().enumerate().map(|(i, id)| format!("{id},{},{}\n", i % 4, i));
    format!("{header}\n") + &rows.collect::<String>()
}

/// The segments file, cut into its records: a line end inside quotes is no end.
fn records(text: &str) -> Vec<String> {
    let (mut records, mut quotes) = (vec![String::new()], 0);
    for c in text.chars() {
        quotes += usize::from(c == '"');
        if c == '\n' && quotes % 2 == 0 {
            records.push(String::new());
        } else {
            records.last_mut().unwrap().push(c);
        }
    }
    records
}

#[test]
fn ids_that_start_a_formula_are_defused_and_all_others_kept() {
    let place = Place::new();
    let ids: Vec<&str> = FORMULAS.iter().map(|f| f.0).chain(PLAIN).collect();
    place.put("a.csv", table("=id,age,spend", &ids));
    place.run("fit a.csv --id =id -k 2 -o run").ended(0);
    let expected: Vec<&str> = FORMULAS.iter().map(|f| f.1).chain(PLAIN).collect();
    let lines = records(&place.text("run/segments.csv"));
    assert!(lines[0].starts_with("'=id,segment,segment_name,"), "{}", lines[0]);
    for (line, id) in lines[1..].iter().zip(expected) {
        assert!(line.starts_with(&format!("{id},")), "{id:?}: {line:?}");
    }
}

#[test]
fn column_names_that_start_a_formula_are_defused_in_the_profile_only() {
    let place = Place::new();
    place.put("a.csv", table("id,=1+1,@x;=2", &["a", "b", "c", "d", "e", "f"]));
    place.run("fit a.csv --id id -k 2 -o run").ended(0);
    let profile = place.text("run/profile.csv");
    assert!(profile.contains(",'=1+1,,number,") && profile.contains(",\"'@x;=2\",,number,"), "{profile}");
    let model = place.json("run/model.json");
    assert_eq!(model["pipeline"]["columns"][0]["name"], "=1+1");
}

#[test]
fn negative_numbers_are_written_as_they_are() {
    let place = Place::new();
    place.put("a.csv", "a\n-5\n-5\n-0.25\n-0.25\n");
    place.run("fit a.csv -k 2 -o run").ended(0);
    let profile = place.text("run/profile.csv");
    assert!(profile.contains(",-5,") && profile.contains(",-0.25,"), "{profile}");
}

#[test]
fn control_characters_of_names_and_values_never_reach_the_terminal() {
    let place = Place::new();
    let evil = "\u{1b}[2J\u{202e}x";
    place.put("a.csv", format!("{evil}id,{evil},{evil}c,{evil}t\n1,2,3,x\n4,,3,y\n9,1,3,z\n8,8,3,x\n"));
    place.put("b.csv", format!("a,{evil}\n1,2\n2,3\n3,{evil}\n"));
    place.put("c.csv", "other\n1\n");
    place.put("d.csv", format!("id,{evil}\n1,2\n2,3\n3,1e13\n4,2\n5,9\n"));
    let runs = [
        place.run("fit a.csv -k 2 -o run").ended(0),
        place.run("predict run/model.json c.csv").ended(3),
        place.run("fit a.csv -k 2 -o again --init c.csv").ended(3),
        place.run("fit a.csv -k 2 -o again --missing error").ended(3),
        place.run(&format!("fit a.csv -k 2 -o again --columns {evil}q")).ended(3),
        place.run(&format!("fit a.csv -k 2 -o {evil}out")).ended(0),
        place.run("fit b.csv -k 2 -o again").ended(3),
        place.run("fit d.csv --scale none --id id -k 2 -o d -v").ended(0).says(&["coarse"]),
    ];
    for run in runs {
        for text in [run.stdout, run.stderr] {
            assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text:?}");
        }
    }
    // The files keep the names exactly.
    let model = place.json("run/model.json");
    assert_eq!(model["pipeline"]["columns"][1]["name"], evil);
}

#[test]
fn outputs_hold_no_ids_but_the_segments_file() {
    let place = Place::new();
    let ids: Vec<String> = (0..20).map(|i| format!("canary{i}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    place.put("a.csv", table("id,age,spend", &ids));
    place.run("fit a.csv --id id -k 2 -o run").ended(0);
    for name in ["model.json", "profile.csv", "metrics.json", "run.json"] {
        assert!(!place.text(&format!("run/{name}")).contains("canary"), "{name}");
    }
    let segments = place.text("run/segments.csv");
    let written: Vec<&str> = segments.lines().skip(1).map(|l| l.split(',').next().unwrap()).collect();
    assert_eq!(written, ids);
}

#[test]
fn only_the_named_columns_can_spoil_a_fit() {
    let place = Place::new();
    place.put("a.csv", "a,b,w\n1,inf,1\n2,3,2\n8,4,1\n9,5,1\n");
    place.run("fit a.csv -k 2 -o run").ended(3).says(&["a.csv:2: column 'b': 'inf' is infinite", "--columns"]);
    place.run("fit a.csv -k 2 -o run --columns a --weight-column w").ended(0);
    place.run("predict run/model.json a.csv").ended(0);
    place.run("fit a.csv -k 2 -o other --columns a,c").ended(3).says(&["a.csv", "no column 'c'"]);
}

/// Two groups, at a size near the ends of what a 64-bit float holds.
fn sized(size: f64) -> String {
    let rows = [0.1, 0.11, 0.12, -1.5, -1.6].map(|v: f64| format!("{:e}\n", v * size));
    "a\n".to_owned() + &rows.concat()
}

#[test]
fn huge_and_tiny_numbers_give_a_model_that_reads_back() {
    let place = Place::new();
    for (size, scale) in [(1e100, "none"), (1e308, "zscore"), (1e308, "minmax"), (1e-310, "none"), (1e-310, "zscore")] {
        place.put("a.csv", sized(size));
        place.run(&format!("fit a.csv -k 2 -o run --force --scale {scale}")).ended(0);
        let segments = place.text("run/segments.csv");
        let labels: Vec<&str> = segments.lines().skip(1).map(|l| l.split(',').nth(1).unwrap()).collect();
        assert_eq!(labels, ["0", "0", "0", "1", "1"], "{size:e} {scale}");
        assert!(segments.lines().all(|l| l.split(',').all(|cell| !cell.is_empty())), "{size:e} {scale}: {segments}");
        assert_eq!(place.run("predict run/model.json a.csv").ended(0).stdout, segments, "{size:e} {scale}");
    }
}

#[test]
fn distances_that_no_float_holds_are_refused_not_written() {
    let place = Place::new();
    place.put("a.csv", sized(1e200));
    place.run("fit a.csv -k 2 -o run --scale none").ended(3).says(&["a.csv: ", "beyond the range", "--scale zscore"]);
    assert_eq!(place.names(""), ["a.csv"]);
    place.run("fit a.csv -k 2 -o run").ended(0);
}

#[test]
fn values_far_outside_the_model_are_held_there_with_a_note() {
    let place = Place::new();
    place.put("a.csv", "a,w\n0,1\n1e-6,1\n1e-5,1\n1.1e-5,1\n");
    place.run("fit a.csv -k 2 -o run --columns a").ended(0);
    place.put("far.csv", "a\n1e308\n-1.7e308\n0\n1e30\n");
    let run = place.run("predict run/model.json far.csv").ended(0).says(&["3 values lie over 65,536 times as far out"]);
    let labels: Vec<&str> = run.stdout.lines().skip(1).map(|l| l.split(',').nth(1).unwrap()).collect();
    assert_eq!(labels, ["1", "0", "0", "1"]);
    // A row without weight is labelled in the same way by the fit itself.
    place.put("weighted.csv", "a,w\n0,1\n1e-6,1\n1e-5,1\n1.1e-5,1\n1e308,0\n");
    place.run("fit weighted.csv -k 2 -o weighted --weight-column w").ended(0).says(&["1 values lie over 65,536"]);
    for name in ["pipeline", "frame", "centroids_grid"] {
        assert_eq!(place.json("weighted/model.json")[name], place.json("run/model.json")[name], "{name}");
    }
    let predicted = place.run("predict weighted/model.json weighted.csv").ended(0).stdout;
    assert_eq!(predicted, place.text("weighted/segments.csv"));
}
