//! Bad files, one by one: each ends with its exit code and a message that says where and what, and writes nothing.

use crate::program::{Place, npy, npy_of};

/// Bytes of a file, the words after `segma fit FILE -o run`, and what stderr must say. Every case here is exit 3.
struct Case {
    name: &'static str,
    file: &'static str,
    bytes: Vec<u8>,
    flags: &'static str,
    says: &'static [&'static str],
}

fn case(name: &'static str, bytes: impl AsRef<[u8]>, flags: &'static str, says: &'static [&'static str]) -> Case {
    Case { name, file: "a.csv", bytes: bytes.as_ref().to_vec(), flags, says }
}

fn array(name: &'static str, bytes: Vec<u8>, says: &'static [&'static str]) -> Case {
    Case { name, file: "a.npy", bytes, flags: "", says }
}

/// `id,age,spend`, 20 rows.
fn people() -> String {
    let rows = (0..20).map(|i| format!("C{i:03},{},{}\n", 20 + i % 7 * 9, 5 * (i % 3) * i));
    "id,age,spend\n".to_owned() + &rows.collect::<String>()
}

fn broken_files() -> Vec<Case> {
    let wide: Vec<u8> = "a,b\n1,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let long = |last: &str| format!("a,b\n{}{last}\n", "1,2\n".repeat(30_000));
    vec![
        case("empty file", "", "", &["a.csv: file is empty"]),
        case("blank file", " \n\n  \n", "", &["a.csv: file is empty"]),
        case("header only", "a,b\n", "", &["a.csv: no data rows"]),
        case("header only, no line end", "a,b", "", &["a.csv: no data rows"]),
        case("short row", "a,b\n1,2\n3\n", "", &["a.csv:3: expected 2 fields, found 1"]),
        case("short row far down", long("1"), "", &["a.csv:30002: expected 2 fields, found 1"]),
        case("long row", "a,b\n1,2\n3,4,5\n", "", &["a.csv:3: expected 2 fields, found 3"]),
        case("unterminated quote", "a,b\n1,\"2\n3,4\n", "", &["a.csv:2: column 'b'", "opened at line 2"]),
        case("text after a quote", "a,b\n1,\"2\"3\n", "", &["a.csv:2: column 'b'", "'3' after a closing quote"]),
        case("not UTF-8", b"a,b\n1,caf\xe9\n", "", &["a.csv:2: column 'b'", "0xE9 at offset 9", "iconv"]),
        case("not UTF-8 in an unused column", b"a,b\n1,\xe9\n2,x\n", "--columns a", &["a.csv:2: column 'b'"]),
        case("NUL byte", "a,b\n1,2\0\n", "", &["a.csv:2: column 'b'", "NUL"]),
        case("text far down", long("1,x"), "", &["a.csv:30002: column 'b': 'x' is not a number", "30000 numbers"]),
        case("infinity", "a,b\n1,2\ninf,4\n", "", &["a.csv:3: column 'a': 'inf' is infinite"]),
        case("overflow", "a,b\n1,2\n3,1e400\n", "", &["a.csv:3: column 'b': '1e400' is an overflow"]),
        case(
            "decimal comma",
            "a,b\n\"1,5\",2\n\"2,5\",3\n",
            "--columns a",
            &["a.csv:2: column 'a': '1,5' looks like a number with a decimal comma"],
        ),
        case("duplicate names", "a,b,a\n1,2,3\n", "", &["a.csv:1: duplicate column names: 'a' (columns 1, 3)"]),
        case("nameless column", "a,\n1,2\n", "", &["a.csv:1: no name for column 2 of 2"]),
        case("no header", "1,2\n3,4\n", "", &["a.csv:1: the first row looks like data"]),
        case("UTF-16", [b"\xff\xfe", &wide[..]].concat(), "", &["a.csv: this is UTF-16 text", "iconv"]),
        case("UTF-16 without mark", wide, "", &["a.csv: this is UTF-16 text"]),
        case("gzip", b"\x1f\x8b\x08\0\0\0\0\0", "", &["a.csv:1: the gzip data end early"]),
        case("Parquet", b"PAR1\x15\x04\x15\0", "", &["a.csv: this is a Parquet file"]),
    ]
}

fn unusable_columns() -> Vec<Case> {
    let people = people();
    let with = |row: &str| people.clone() + row;
    vec![
        case(
            "misspelt column",
            &people,
            "--columns age,spedn",
            &["a.csv", "no column 'spedn'", "did you mean 'spend'"],
        ),
        case("misspelt id", &people, "--id idd", &["a.csv", "no column 'idd'; did you mean 'id'?"]),
        case("misspelt weight", &people, "--weight-column agee", &["a.csv", "no column 'agee'", "did you mean 'age'"]),
        case("letter case", &people, "--columns Age", &["a.csv", "no column 'Age'", "did you mean 'age'"]),
        case("nothing like it", &people, "--columns qqq", &["no column 'qqq'", "'id', 'age', 'spend'"]),
        case("a named text column", &people, "--columns id --encode none", &["a.csv: no usable column: 'id': text"]),
        case("all text", "a,b\nx,y\nz,w\n", "--encode none", &["a.csv: no usable column: 'a', 'b': text"]),
        case(
            "all text but the id",
            "a,b\n1,y\n2,w\n",
            "--id a --encode none",
            &["no usable column: 'a' is the id; 'b': text"],
        ),
        case("all missing", "a,b\n,x\n,x\n", "--id b", &["no usable column: 'b' is the id; 'a': every value missing"]),
        case("a named column without values", "a,b\n,1\n,2\n", "--columns a", &["column 'a': every value is missing"]),
        case("k above rows", &people, "-k 21", &["a.csv: n_samples=20 should be >= n_clusters=21"]),
        case("k far above rows", &people, "-k 2147483648", &["n_samples=20 should be >= n_clusters=2147483648"]),
        case("k above distinct rows", "a\n1\n2\n1\n", "-k 3 --require-k", &["a.csv: k=3 but the data has only 2"]),
        case("negative weight", with("X,1,-2\n"), "--weight-column spend", &["a.csv:22: column 'spend': -2 is not"]),
        case("missing weight", with("X,1,\n"), "--weight-column spend", &["a.csv:22: column 'spend': the weight is"]),
        case("NaN weight", with("X,1,NaN\n"), "--weight-column spend", &["a.csv:22: column 'spend': the weight is"]),
        case("text weight", with("X,1,x\n"), "--weight-column spend", &["a.csv:22: column 'spend': 'x' is not"]),
        case("no weight at all", "a,w\n1,0\n2,0\n", "--weight-column w", &["a.csv: column 'w': every weight is 0"]),
        case("weights too far apart", "a,w\n1,1e300\n2,1e-300\n", "--weight-column w", &["a.csv:3: column 'w'"]),
        case("k above rows with weight", "a,w\n1,1\n2,0\n3,0\n", "--weight-column w", &["n_samples=1 should be >="]),
        case("missing value", with("X,,1\n"), "--missing error", &["a.csv:22: column 'age': the value is missing"]),
        case("not a given null", with("X,?,1\n"), "--null -", &["a.csv:22: column 'age': '?' is not a number"]),
    ]
}

fn broken_arrays() -> Vec<Case> {
    let good = npy(&[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let nan = npy(&[2, 2], &[1.0, 2.0, 3.0, f32::INFINITY]);
    vec![
        array("integers", npy_of("<i8", &[2, 2], &[0; 32]), &["a.npy: ", "<i8", "astype('float32')"]),
        array("one dimension", npy(&[2], &[1.0, 2.0]), &["a.npy: ", "1-D", "reshape(-1, 1)"]),
        array("cut short", good[..good.len() - 1].to_vec(), &["a.npy: ", "takes 24 bytes", "holds 23"]),
        array("no header", good[..9].to_vec(), &["a.npy: "]),
        array("CSV inside", b"a,b\n1,2\n3,4\n".to_vec(), &["a.npy: ", "not an .npy file"]),
        array("empty", Vec::new(), &["a.npy: file is empty"]),
        array("no rows", npy(&[0, 2], &[]), &["a.npy: no data rows"]),
        array("infinity", nan, &["a.npy: row 2: column 'f1'", "infinite"]),
    ]
}

#[test]
fn a_bad_table_is_refused_with_its_place_and_writes_nothing() {
    for c in broken_files().into_iter().chain(unusable_columns()).chain(broken_arrays()) {
        println!("{}", c.name);
        let place = Place::new();
        place.put(c.file, c.bytes);
        let k = if c.flags.contains("-k") { "" } else { "-k 2" };
        let run = place.run(&format!("fit {} -o run {k} {}", c.file, c.flags)).ended(3).says(c.says);
        assert!(run.stderr.contains("hint: ") || run.stderr.contains("did you mean"), "no next step: {}", run.stderr);
        assert_eq!((run.stdout.as_str(), place.names("")), ("", vec![c.file.to_owned()]), "{}", c.name);
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let place = Place::new();
    std::fs::create_dir(place.path("folder.csv")).unwrap();
    for (words, says) in [
        ("fit no.csv -k 2 -o run", ["no.csv: cannot read", "No such file"]),
        ("fit folder.csv -k 2 -o run", ["folder.csv: this is a directory", "hint: "]),
        ("fit /dev/null -k 2 -o run", ["/dev/null: file is empty", "hint: "]),
        ("bench --matrix no.npy -k 2", ["no.npy: cannot read", "No such file"]),
        ("bench --matrix folder.csv -k 2", ["folder.csv: this is a directory", "hint: "]),
    ] {
        place.run(words).ended(3).says(&says);
        assert_eq!(place.names(""), ["folder.csv"], "{words}");
    }
}

#[test]
fn bench_names_the_file_and_the_row() {
    let place = Place::new();
    for (values, says) in [
        ([1.0, 2.0, 3.0, f32::NAN], ["x.npy: row 2: column 'f1'", "NaN is not a finite number"]),
        ([f32::INFINITY, 2.0, 3.0, 4.0], ["x.npy: row 1: column 'f0'", "inf is not a finite number"]),
        ([1.0, 2.0, 3.0, 4.0], ["x.npy: n_samples=2", "n_clusters=9"]),
    ] {
        place.put("x.npy", npy(&[2, 2], &values));
        place.run("bench --matrix x.npy -k 9").ended(3).says(&says);
    }
}

#[test]
fn bad_first_centroids_are_refused_by_file() {
    let place = Place::new();
    place.put("a.csv", people());
    place.put("x.npy", npy(&[4, 1], &[0.0, 1.0, 10.0, 11.0]));
    for (file, bytes, words, says) in [
        ("c.npy", npy(&[2, 3], &[0.0; 6]), "fit a.csv -o run", vec!["c.npy: 3 columns for 2 features"]),
        ("c.npy", npy(&[2, 2], &[0.0; 4]), "fit a.csv -o run -k 3", vec!["c.npy: ", "2 rows", "--clusters 3"]),
        ("c.npy", npy(&[2, 2], &[f32::NAN; 4]), "fit a.csv -o run", vec!["c.npy: row 1: column 'f0'"]),
        ("c.npy", npy(&[2, 2], &[0.0; 4]), "bench --matrix x.npy", vec!["c.npy: 2 columns for 1"]),
        ("c.csv", b"age\n1\n2\n".to_vec(), "fit a.csv -o run", vec!["c.csv:1: no column 'spend'"]),
        ("c.csv", b"age,spend\n1,x\n2,3\n".to_vec(), "fit a.csv -o run", vec!["c.csv:2: column 'spend': 'x' is not"]),
        ("c.csv", b"age,spend\n1,\n2,3\n".to_vec(), "fit a.csv -o run", vec!["c.csv:2: column 'spend'", "gap"]),
        ("c.csv", b"".to_vec(), "fit a.csv -o run", vec!["c.csv: file is empty"]),
    ] {
        place.put(file, bytes);
        place.run(&format!("{words} --init {file}")).ended(3).says(&says);
        std::fs::remove_file(place.path(file)).unwrap();
        assert_eq!(place.names(""), ["a.csv", "x.npy"], "{words}");
    }
    place.run("fit a.csv -o run --init no.csv").ended(3).says(&["no.csv: cannot read"]);
    place.put("c.json", "{}");
    place.run("fit a.csv -o run --init c.json").ended(4).says(&["c.json: not a segma model"]);
}

fn with_model() -> Place {
    let place = Place::new();
    place.put("a.csv", people());
    place.run("fit a.csv --id id -k 2 -o run").ended(0);
    place
}

#[test]
fn a_bad_model_is_exit_4_and_writes_nothing() {
    let place = with_model();
    std::fs::create_dir(place.path("folder.json")).unwrap();
    let good = place.text("run/model.json");
    let nested = "[".repeat(100_000);
    let cut = &good[..good.len() / 2];
    for (bytes, says) in [
        (b"".as_slice(), "not a segma model"),
        (b"{\"a\": ", "not a segma model"),
        (b"{}", "no field `schema`"),
        (cut.as_bytes(), "not a segma model"),
        (nested.as_bytes(), "not a segma model"),
        (good.replace("segma.model/3", "segma.model/9").as_bytes(), "'segma.model/9' is not 'segma.model/3'"),
        (good.replacen("\"frame\"", "\"frme\"", 1).as_bytes(), "unknown field `frme`"),
        (
            good.replacen("\"names\": [", "\"names\": [\"one more\",", 1).as_bytes(),
            "names: expected 2 entries, found 3",
        ),
        (good.replacen("\"id\"", "\"id\": null, \"id\"", 1).as_bytes(), "duplicate field `id`"),
        (b"\x80\x04\x95\x10\x00", "Python pickle, which is never loaded"),
        (b"\xff\xfe{\0", "not UTF-8"),
        (people().as_bytes(), "not a segma model"),
    ] {
        place.put("m.json", bytes);
        place.run("predict m.json a.csv -o labels.csv").ended(4).says(&["m.json: ", says]);
        assert_eq!(place.names(""), ["a.csv", "folder.json", "m.json", "run"], "{says}");
    }
    place.run("predict folder.json a.csv").ended(4).says(&["folder.json: not a regular file"]);
    place.run("predict no.json a.csv").ended(4).says(&["no.json: No such file"]);
}

#[test]
fn predict_matches_columns_by_name() {
    let place = with_model();
    let labels = place.text("run/segments.csv");
    let rows: Vec<Vec<String>> = people().lines().map(|l| l.split(',').map(String::from).collect()).collect();
    let rewritten = |row: fn(&[String]) -> String| rows.iter().map(|r| row(r) + "\n").collect::<String>();
    place.put("reordered.csv", rewritten(|r| format!("{},{},{}", r[2], r[0], r[1])));
    place.put("extra.csv", rewritten(|r| format!("x{},{},{},{},x{}", r[0], r[0], r[1], r[2], r[2])));
    for table in ["reordered.csv", "extra.csv"] {
        assert_eq!(place.run(&format!("predict run/model.json {table}")).ended(0).stdout, labels, "{table}");
    }
    // Without the id column rows are numbered from 1; the segments are the same.
    place.put("nameless.csv", rewritten(|r| format!("{},{}", r[1], r[2])));
    let numbered = place.run("predict run/model.json nameless.csv").ended(0).stdout;
    assert!(numbered.starts_with("row,segment,") && numbered.lines().nth(1).unwrap().starts_with("1,"));
    let segments = |text: &str| text.lines().map(|l| l.split(',').nth(1).unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(segments(&numbered), segments(&labels));
}

#[test]
fn a_table_that_does_not_fit_the_model_is_refused_with_its_place() {
    let place = with_model();
    for (bytes, flags, says) in [
        ("id,age\nC,1\n", "", "b.csv:1: no column 'spend'"),
        ("id,age,Spend\nC,1,2\n", "", "did you mean 'Spend'?"),
        ("id,age,spend\nC,1,2\nD,3,x\n", "", "b.csv:3: column 'spend': 'x' is not a number"),
        ("id,age,spend\nC,1,2\nD,3,inf\n", "", "b.csv:3: column 'spend': 'inf' is infinite"),
        ("id,age,spend\nC,1,2\nD,3\n", "", "b.csv:3: expected 3 fields, found 2"),
        ("id,age,spend\nC,1,2\n", "--id idd", "no column 'idd'; did you mean 'id'?"),
        ("id,age,spend\n", "", "b.csv: no data rows"),
        ("", "", "b.csv: file is empty"),
    ] {
        place.put("b.csv", bytes);
        place.run(&format!("predict run/model.json b.csv -o labels.csv {flags}")).ended(3).says(&[says]);
        assert_eq!(place.names(""), ["a.csv", "b.csv", "run"], "{says}");
    }
    place.run("predict run/model.json no.csv").ended(3).says(&["no.csv: cannot read"]);
    place.run("fit a.csv --id id -k 2 --missing error -o strict").ended(0);
    place.put("b.csv", "id,age,spend\nC,1,2\nD,,3\n");
    place.run("predict strict/model.json b.csv").ended(3).says(&["b.csv:3: column 'age': the value is missing"]);
    place.run("predict run/model.json b.csv").ended(0).says(&["filled 1 missing"]);
}
