//! Whatever a table holds: no cell of a CSV that segma writes starts a formula, and nothing that it says moves a terminal.

use crate::program::Place;

const TRIGGERS: [&str; 12] =
    ["=", "+", "-", "@", "\t", "\r", "\u{ff1d}", "\u{ff0b}", "\u{ff0d}", "\u{ff20}", " =", "\"="];

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// A table whose names, ids and levels start formulas, with some rows that cannot be used.
fn table() -> String {
    let names = ["=id", "@age", "+spend", "-plan", "\u{ff1d}carried"].map(quoted).join(",");
    let row = |i: usize| {
        let cell = |what: &str| quoted(&format!("{}{what}({i})", TRIGGERS[i % TRIGGERS.len()]));
        let spend = if i % 10 == 9 { cell("spend") } else { (i * i % 17).to_string() };
        let plan = quoted(&format!("{}plan", TRIGGERS[i % 3]));
        format!("{},-{},{spend},{plan},{}\n", cell("id"), i % 5, cell("text"))
    };
    names + "\n" + &(0..60).map(row).collect::<String>() + "\"=HYPERLINK(\"\"x\"\")\"\n"
}

#[test]
fn no_cell_of_any_csv_starts_a_formula() {
    let place = Place::new();
    place.put("=t.csv", table());
    let table = "=t.csv --id =id --on-error skip";
    place.run(&format!("fit {table} --keep \u{ff1d}carried -k 3 -o run")).ended(0);
    place.run(&format!("sweep {table} -k 2..3 -o sweep")).ended(0);
    place.run("predict run/model.json =t.csv --on-error skip -o labels.csv").ended(0);
    place.run("profile run/model.json =t.csv --on-error skip -o profile.csv").ended(0);
    let files = ["run/segments.csv", "run/profile.csv", "run/rejects.csv", "sweep/sweep.csv", "sweep/rejects.csv"];
    let (mut texts, mut numbers) = (0, 0);
    for file in files.into_iter().chain(["labels.csv", "labels.rejects.csv", "profile.csv"]) {
        let bytes = place.bytes(file);
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&bytes[..]);
        for cell in reader.records().flat_map(|r| r.unwrap().iter().map(String::from).collect::<Vec<_>>()) {
            let starts = TRIGGERS.iter().any(|t| cell.starts_with(t));
            assert!(!starts || cell.parse::<f64>().is_ok(), "{file}: {cell:?}");
            texts += usize::from(cell.starts_with('\''));
            numbers += usize::from(cell.starts_with('-'));
        }
    }
    assert!(texts > 200 && numbers > 3, "{texts} texts were defused, {numbers} numbers start with a sign");
}

#[test]
fn nothing_in_a_table_moves_the_terminal() {
    let place = Place::new();
    let evil = "\u{1b}[2J\u{1b}]52;c;x\u{7}\u{9b}1A\u{202e}\u{8}";
    let names = ["id", "a", "b", "c"].map(|name| quoted(&format!("{evil}{name}"))).join(",");
    let row = |i: usize| format!("{}{i},{},{},{}\n", evil, i % 4, i % 3, quoted(&format!("{evil}{}", i % 2)));
    let sound = names.clone() + "\n" + &(0..30).map(row).collect::<String>();
    let bad = sound.clone() + &format!("{evil},{evil},1,x\n{evil}\n");
    place.put("s.csv", &sound);
    place.put("b.csv", &bad);
    let words = [
        "fit s.csv -k 2 -o run",
        "fit b.csv -k 2 -o bad",
        "fit b.csv -k 2 -o skipped --on-error skip",
        "fit b.csv -k 2 -o none --on-error skip --max-rejects 0",
        "inspect s.csv",
        "inspect run/model.json",
        "profile run/model.json b.csv --on-error skip",
        "predict run/model.json b.csv -o l.csv",
        "sweep s.csv -k 2..3 -o sweep",
    ];
    let codes: Vec<i32> = words
        .into_iter()
        .map(|words| {
            let run = place.run(words);
            for text in [run.stdout, run.stderr] {
                let moves = |c: char| c != '\n' && c.is_control() || c == '\u{202e}';
                assert!(!text.contains(moves), "{words}: {text:?}");
            }
            run.code
        })
        .collect();
    assert_eq!(codes, [0, 3, 0, 3, 0, 0, 0, 3, 0]);
}
