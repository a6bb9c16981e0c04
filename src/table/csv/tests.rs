//! What the CSV reader accepts, and where and how it refuses.

use super::guard::LONGEST_RECORD;
use super::*;
use crate::table::{Levels, Selection, Table, TextFound, Values};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

mod dialect;
mod kinds;
mod skipping;

/// A reader that gives a few bytes at a time, and is interrupted before each.
pub(super) struct Drip<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) most: usize,
    pub(super) interrupted: bool,
}

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let most = self.most.min(buffer.len());
        self.bytes.read(&mut buffer[..most])
    }
}

/// A table of one file.
pub(super) fn read_from<R: Read + Send>(
    reader: R,
    source: &str,
    options: &ReadOptions,
    length: usize,
) -> Result<Table> {
    parse(reader, (None, 0), source, Asked::of(options), length)?.finish(options)
}

fn with(bytes: impl AsRef<[u8]>, options: &ReadOptions) -> Result<Table> {
    let whole = read_from(bytes.as_ref(), "a.csv", options, SEGMENT);
    // However the file is cut, the answer is the same.
    for (length, most) in [(1, 1), (7, 3), (1 << 12, 100), (1 << 12, usize::MAX)] {
        if most > 3 || bytes.as_ref().len() < 4096 {
            let drip = Drip { bytes: bytes.as_ref(), most, interrupted: false };
            let cut = read_from(drip, "a.csv", options, length);
            assert_eq!(format!("{cut:?}"), format!("{whole:?}"), "segments of {length} bytes, {most} at a time");
        }
    }
    whole
}

fn table(bytes: impl AsRef<[u8]>) -> Table {
    with(bytes, &ReadOptions::default()).unwrap()
}

fn refusal(bytes: impl AsRef<[u8]>) -> String {
    let error = with(bytes, &ReadOptions::default()).unwrap_err();
    assert_eq!(error.exit_code(), 3, "{error}");
    error.to_string()
}

/// Asserts that the refusal starts with a place and holds some words.
#[track_caller]
fn refused(bytes: impl AsRef<[u8]>, place: &str, words: &[&str]) {
    let message = refusal(bytes);
    assert!(message.starts_with(place), "{message}");
    for word in words {
        assert!(message.contains(word), "no {word:?} in: {message}");
    }
}

#[test]
fn a_mark_inside_the_file_is_part_of_its_value() {
    let t = with("n,x\n\u{feff}a,1\n\u{feff}b,2\n", &ids(&["n"])).unwrap();
    assert_eq!(texts(&t, "n"), ["\u{feff}a", "\u{feff}b"]);
}

fn numbers(table: &Table, name: &str) -> Vec<f64> {
    table.column(name).unwrap().numbers().unwrap().to_vec()
}

fn texts(table: &Table, name: &str) -> Vec<String> {
    table.text(name).unwrap().iter().map(String::from).collect()
}

fn found(table: &Table, name: &str) -> TextFound {
    match &table.column(name).unwrap().values {
        Values::Mixed(found) => found.clone(),
        other => panic!("{other:?}"),
    }
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

fn ids(names: &[&str]) -> ReadOptions {
    ReadOptions { keep: set(names), ..ReadOptions::default() }
}

fn only(names: &[&str]) -> Option<Selection> {
    Some(Selection::names(names.iter().copied()))
}

fn levels(table: &Table, name: &str) -> Levels {
    match &table.column(name).unwrap().values {
        Values::Levels(levels) => levels.clone(),
        other => panic!("{other:?}"),
    }
}

fn lines(table: &Table) -> Vec<u64> {
    (0..table.rows).map(|row| table.parts[0].lines.line(row).unwrap()).collect()
}

#[test]
fn columns_keep_their_order_names_and_values() {
    let t = table("b, a ,\"c\nd\"\n1,2.5,3\n-1,+2e1,.5\n");
    let names: Vec<_> = t.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!((names, t.rows), (vec!["b", " a ", "c\nd"], 2));
    assert_eq!(numbers(&t, "b"), [1.0, -1.0]);
    assert_eq!(numbers(&t, " a "), [2.5, 20.0]);
    assert_eq!(numbers(&t, "c\nd"), [3.0, 0.5]);
    assert_eq!(lines(&t), [3, 4]);
}

#[test]
fn text_columns_are_kept_byte_for_byte() {
    let t = with("id,x\n 00123 ,1\n\"a \"\"b\"\", ü\",2\nNA,3\n", &ids(&["id"])).unwrap();
    assert_eq!(texts(&t, "id"), [" 00123 ", "a \"b\", ü", "NA"]);
}

#[test]
fn missing_values_are_counted_and_nan() {
    let t = table("a,b\n1,\nNA,\n nan ,null\n4,\\N\n");
    assert_eq!((t.columns[0].missing, t.columns[0].first_missing), (2, Some(1)));
    assert!(numbers(&t, "a")[1].is_nan());
    assert_eq!(t.columns[1].missing, 4);
    assert!(numbers(&t, "b").iter().all(|v| v.is_nan()));
}

#[test]
fn given_nulls_are_missing() {
    let options = ReadOptions { nulls: vec!["?".into(), " -999 ".into()], ..ReadOptions::default() };
    let t = with("a\n?\n-999\n1\n", &options).unwrap();
    assert_eq!(t.columns[0].missing, 2);
}

#[test]
fn one_text_in_the_last_row_makes_a_text_column() {
    let mut csv = String::from("a,b\n");
    for row in 0..30_000 {
        csv += &format!("{row},{}\n", if row % 3 == 0 { "" } else { "1" });
    }
    csv += "x,y\n7,8\n";
    let t = table(csv);
    assert_eq!(found(&t, "a"), TextFound { numbers: 30_001, texts: 1, row: 30_000, value: "x".into() });
    assert_eq!(found(&t, "b"), TextFound { numbers: 20_001, texts: 1, row: 30_000, value: "y".into() });
    assert_eq!(t.column("b").unwrap().missing, 10_000);
}

#[test]
fn a_decimal_comma_is_text() {
    let options = ReadOptions { delimiter: Some(b';'), ..ReadOptions::default() };
    let t = with("a;b\n1,5;2\n2;3\n", &options).unwrap();
    assert_eq!(found(&t, "a"), TextFound { numbers: 1, texts: 1, row: 0, value: "1,5".into() });
    assert_eq!(numbers(&t, "b"), [2.0, 3.0]);
}

#[test]
fn only_reads_what_it_names() {
    let options = ReadOptions { wanted: only(&["c"]), ..ids(&["a"]) };
    let t = with("a,b,c\nx,inf,1\n", &options).unwrap();
    let names: Vec<_> = t.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!((names, texts(&t, "a")), (vec!["c"], vec!["x".to_owned()]));
}

#[test]
fn a_misspelt_column_gets_a_suggestion() {
    let options = ReadOptions { wanted: only(&["recencey"]), ..ReadOptions::default() };
    let message = with("\n\nspend,recency\n1,2\n", &options).unwrap_err().to_string();
    assert_eq!(message, "a.csv:3: no column 'recencey'; did you mean 'recency'?");
    let message = with("a,b\n1,2\n", &ids(&["zzz"])).unwrap_err().to_string();
    assert_eq!(message, "a.csv:1: no column 'zzz'\n  hint: the columns are 'a', 'b'");
}

#[test]
fn every_line_end_gives_the_same_table_and_lines() {
    for end in ["\n", "\r\n", "\r"] {
        let csv = "a,b|1,2||3,\"x|y\"|5,6".replace('|', end);
        let t = table(&csv);
        assert_eq!(numbers(&t, "a"), [1.0, 3.0, 5.0], "{end:?}");
        assert_eq!(lines(&t), [2, 4, 6], "{end:?}");
    }
    assert_eq!(lines(&table("a\r\n1\n2\r3\r\n\r\n4")), [2, 3, 4, 6]);
}

#[test]
fn the_last_line_needs_no_end() {
    assert_eq!(table("a\n1\n2").rows, 2);
    assert_eq!(table("a\n1\n2\n\n\n").rows, 2);
}

#[test]
fn a_carriage_return_inside_quotes_is_kept() {
    let t = with("a\n\"x\ry\r\nz\"\n", &ids(&["a"])).unwrap();
    assert_eq!(texts(&t, "a"), ["x\ry\r\nz"]);
}

#[test]
fn commas_alone_are_a_row_of_missing_values() {
    let t = table("a,b\n,\n1,2\n");
    assert_eq!((t.rows, t.columns[1].missing), (2, 1));
}

#[test]
fn one_byte_order_mark_is_stripped() {
    assert_eq!(table("\u{feff}a,b\n1,2\n").columns[0].name, "a");
    assert_eq!(table("\u{feff}\"a\",b\n1,2\n").columns[0].name, "a");
    assert_eq!(table("\u{feff}\u{feff}a,b\n1,2\n").columns[0].name, "\u{feff}a");
    assert_eq!(levels(&table("a\n\u{feff}1\n"), "a").names, ["\u{feff}1"]);
}

#[test]
fn quotes_inside_an_unquoted_value_are_part_of_it() {
    let t = with("a,b\nx\"y\"z,1\n", &ids(&["a"])).unwrap();
    assert_eq!(texts(&t, "a"), ["x\"y\"z"]);
}

#[test]
fn ten_thousand_columns_work() {
    let names: Vec<String> = (0..10_000).map(|i| format!("c{i}")).collect();
    let t = table(format!("{}\n{}1\n", names.join(","), "1,".repeat(9_999)));
    assert_eq!(t.columns.len(), 10_000);
}

#[test]
fn an_empty_file_says_so() {
    for bytes in ["", "\n", " \r\n \t\n", "\u{feff}", "\u{feff}\n", "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"] {
        refused(bytes, "a.csv: file is empty", &["hint: "]);
    }
}

#[test]
fn a_header_alone_has_no_data_rows() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("h.csv");
    for csv in ["a,b", "a,b\n", "a,b\r\n\r\n"] {
        std::fs::write(&path, csv).unwrap();
        let message = crate::table::read(&path, &ReadOptions::default()).unwrap_err().to_string();
        assert!(message.contains("no data rows"), "{message}");
    }
}

#[test]
fn a_ragged_row_names_its_line_and_counts() {
    refused("a,b\n1,2\n\n3\n", "a.csv:4: expected 2 fields, found 1", &["hint: "]);
    refused("a,b\n1,2\n1,2,3\n", "a.csv:3: expected 2 fields, found 3", &["double quotes"]);
    refused("a,b\r\n1,2,\r\n", "a.csv:2: expected 2 fields, found 3", &["ends with a separator"]);
    refused("a\n1,2\n", "a.csv:2: expected 1 field, found 2", &[]);
    refused("a,b\n\"1\n2\",3\n4\n", "a.csv:4: expected 2 fields, found 1", &[]);
    refused(format!("a,b\n{}x", "1,2\n".repeat(30_000)), "a.csv:30002: expected 2 fields, found 1", &[]);
}

#[test]
fn an_unterminated_quote_names_the_line_it_opened_at() {
    refused("a,b\n1,2\n3,\"4\n5,6\n7,8\n", "a.csv:3: column 'b'", &["opened at line 3 is never closed", "hint: "]);
    refused("a,b\n\"1\n2\",\"4\n5,6\n", "a.csv:2: column 'b'", &["opened at line 3 is never closed"]);
    refused("a,\"b\n1,2\n", "a.csv:1: field 2", &["opened at line 1"]);
    refused("a\n\"", "a.csv:2: column 'a'", &["opened at line 2"]);
}

#[test]
fn text_after_a_closing_quote_is_refused() {
    refused("a,b\n1,2\n1,\"p\"q\n", "a.csv:3: column 'b'", &["'q' after a closing quote", "hint: "]);
    refused("a,b\n\"p\" ,2\n", "a.csv:2: column 'a'", &["' ' after a closing quote"]);
    assert_eq!(texts(&with("a\n\"p\"\"q\"\n", &ids(&["a"])).unwrap(), "a"), ["p\"q"]);
}

#[test]
fn a_byte_that_is_not_utf8_has_a_line_a_column_and_an_offset() {
    let words = ["byte 0xE9 at offset 9 is not UTF-8", "iconv"];
    refused(b"a,b\n1,caf\xe9\n", "a.csv:2: column 'b'", &words);
    refused(b"a,b\n1,\"caf\xe9\"\n", "a.csv:2: column 'b'", &["offset 10"]);
    refused(b"n\xe9,b\n1,2\n", "a.csv:1: field 1", &["offset 1 "]);
    refused(b"a,b\n1,2\n\xff,2\n", "a.csv:3: column 'a'", &["0xFF at offset 8"]);
    refused(b"\xef\xbb\xbfa\n\xff\n", "a.csv:2: column 'a'", &["offset 5"]);
}

#[test]
fn an_unused_column_does_not_hide_a_wrong_byte() {
    let options = ReadOptions { wanted: only(&["a"]), ..ReadOptions::default() };
    let message = with(b"a,b\n1,\xe9\n", &options).unwrap_err().to_string();
    assert!(message.starts_with("a.csv:2: column 'b'"), "{message}");
}

#[test]
fn overlong_surrogate_and_cut_characters_are_refused() {
    for bad in [&b"\xc0\x80"[..], b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xf0\x9f\x98"] {
        refused([b"a,b\n1,", bad].concat(), "a.csv:2: column 'b'", &["at offset 6 is not UTF-8"]);
        refused([b"a,b\n1,", bad, b"\n"].concat(), "a.csv:2: column 'b'", &["at offset 6 is not UTF-8"]);
    }
}

#[test]
fn a_nul_byte_is_refused() {
    refused("a,b\n1,2\0\n", "a.csv:2: column 'b'", &["NUL byte at offset 7", "hint: "]);
    refused("a\0,b\n1,2\n", "a.csv:1: field 1", &["NUL byte at offset 1"]);
    refused("abc\n\0\n", "a.csv:2: column 'abc'", &["NUL"]);
}

#[test]
fn infinities_are_refused_in_a_number_column() {
    refused("a,b\n1,2\n3,-Infinity\ninf,4\n", "a.csv:3: column 'b'", &["'-Infinity' is infinite", "hint: "]);
    refused("a\n1\n 1e400 \n", "a.csv:3: column 'a'", &["' 1e400 ' is an overflow"]);
}

#[test]
fn an_infinity_in_a_text_column_is_text() {
    let expected = |row, value: &str| TextFound { numbers: 1, texts: 2, row, value: value.into() };
    assert_eq!(found(&table("a\n1\ninf\nAcme\n"), "a"), expected(1, "inf"));
    assert_eq!(found(&table("a\n1\nAcme\ninf\n"), "a"), expected(1, "Acme"));
}

#[test]
fn a_long_text_is_cut_in_the_message() {
    let value = found(&table(format!("a\n{}\n1\n", "x".repeat(9_999))), "a").value;
    assert_eq!(value.len(), 65);
}

#[test]
fn duplicate_names_are_listed() {
    refused("a,b,a,c,b,a\n1,2,3,4,5,6\n", "a.csv:1: duplicate", &["'a' (columns 1, 3, 6), 'b' (columns 2, 5)"]);
    assert_eq!(table("a,A, a\n1,2,3\n").columns.len(), 3);
}

#[test]
fn nameless_columns_are_listed() {
    refused(",a, ,\"\"\n1,2,3,4\n", "a.csv:1: no name for column 1, 3, 4 of 4", &["index=False"]);
    refused(format!("{}\n", ",".repeat(20)), "a.csv:1: ", &["7, 8 and 13 more of 21"]);
}

#[test]
fn a_header_of_numbers_looks_like_data() {
    refused("1,2.5,\n3,4,5\n", "a.csv:1: the first row looks like data", &["'1'", "add a header line"]);
    assert_eq!(table("id,2019,2020\n1,2,3\n").rows, 1);
}

#[test]
fn a_delimiter_that_cannot_be_one_is_a_usage_error() {
    for delimiter in [b'"', b'\n', b'\r', 0, 0xff] {
        let options = ReadOptions { delimiter: Some(delimiter), ..ReadOptions::default() };
        assert_eq!(with("a\n1\n", &options).unwrap_err().exit_code(), 2);
    }
}

#[test]
fn too_many_columns_are_refused() {
    refused(format!("a{}\n", ",a".repeat(1_000_000)), "a.csv:1: 1000001 columns; the limit is 65536", &["hint: "]);
}

#[test]
fn a_record_without_end_is_refused_at_the_limit() {
    let endless = |start: &'static str| start.as_bytes().chain(io::repeat(b'x'));
    let refusal = |start| read_from(endless(start), "a.csv", &ReadOptions::default(), SEGMENT).unwrap_err().to_string();
    let message = refusal("a,b\n1,2\n3,\"");
    assert!(message.starts_with("a.csv:3: column 'b': the record is over 16 MiB"), "{message}");
    assert!(message.contains("the quote opened at line 3 is likely never closed"), "{message}");
    let message = refusal("a,b\n1,");
    assert!(message.starts_with("a.csv:2: column 'b': the record is over 16 MiB"), "{message}");
}

#[test]
fn a_record_at_the_limit_is_read() {
    let value = "x".repeat(usize::try_from(LONGEST_RECORD).unwrap());
    assert_eq!(texts(&with(format!("a\n{value}\n1\n"), &ids(&["a"])).unwrap(), "a")[0].len(), value.len());
    refused(format!("a\n{value}x\n1\n"), "a.csv:2: column 'a': the record is over 16 MiB", &[]);
}

#[test]
fn every_buffer_gives_the_same() {
    let cases: [&[u8]; 16] = [
        b"a,b\n1,2\n3,4\n",
        "\u{feff}a,b\r\n1,\"x\r\ny\"\r\n\r\n3,zw\u{f6}lf \u{1f600}\r\n".as_bytes(),
        b"a\r1\r\r2\r\"3\"\r",
        b"a,b\n1,\"2\n3,4\n5,6\n",
        b"a,b\n1,\"2\"3,4\n5,6\n",
        b"a,b\n1,\"2\"\"\n3\",4\n5,6\n",
        b"a,b\n1,caf\xc3\n3,4\n",
        b"a,b\n1,\xe2\x82\n3,4\n",
        b"a,b\n1,\xf0\x9f\x98\x80,4\n",
        b"a,b\n1,2\n3,\xf0\x9f",
        b"a,b\n\xe9,2\n3,\0",
        b"a,b\n1,2\0\xff\n",
        b"a,b\n1,2,3\n\xff",
        b"caf\xe9,b\n1,2\n",
        b"a,b\n1,2\n\n\n\n1,inf\n",
        b"\n\n \n\n",
    ];
    for bytes in cases {
        let whole = format!("{:?}", with(bytes, &ids(&["b"])));
        for most in [1, 2, 3, 7, 64] {
            let drip = Drip { bytes, most, interrupted: false };
            let dripped = format!("{:?}", read_from(drip, "a.csv", &ids(&["b"]), 9));
            assert_eq!(dripped, whole, "{most} bytes at a time: {:?}", String::from_utf8_lossy(bytes));
        }
    }
}

#[test]
fn a_file_that_cannot_be_opened_gives_the_system_s_words() {
    let dir = tempfile::tempdir().unwrap();
    let refusal = |path: &Path| {
        let error = crate::table::read(path, &ReadOptions::default()).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        error.to_string()
    };
    let missing = refusal(&dir.path().join("no.csv"));
    assert!(missing.contains("no.csv: cannot read: No such file or directory"), "{missing}");
    assert!(refusal(dir.path()).contains("this is a directory"));
}

#[test]
#[cfg(unix)]
fn a_file_without_permission_gives_the_system_s_words() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("p.csv");
    std::fs::write(&path, "a\n1\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    match crate::table::read(&path, &ReadOptions::default()) {
        Err(error) => assert!(error.to_string().contains("cannot read: Permission denied"), "{error}"),
        Ok(table) => assert_eq!(table.rows, 1, "a superuser may read it"),
    }
}

#[test]
#[cfg(unix)]
fn a_device_that_gives_nothing_is_empty() {
    let message = crate::table::read(Path::new("/dev/null"), &ReadOptions::default()).unwrap_err().to_string();
    assert!(message.contains("/dev/null: file is empty"), "{message}");
}

#[test]
fn mutated_files_never_panic() {
    let seeds: [&[u8]; 5] = [
        b"id,spend,visits\nc1,12.5,3\nc2,NA,4\nc3,1e3,5\n",
        b"\xef\xbb\xbf\"id\",\"a\nb\"\r\n\"x\"\"y\",1\r\n\r\n\"z\",-0.5\r\n",
        b"a;b\n1,5;2\n",
        b"a\r1\r2\r3",
        "name,x\nJürgen \u{1f600},1\n\"Łódź, PL\",inf\n".as_bytes(),
    ];
    crate::table::mutation::each(&seeds, 6_000, |bytes| {
        let options = ids(&[]);
        let whole = format!("{:?}", with(bytes, &options));
        let drip = Drip { bytes, most: bytes.len() % 5 + 1, interrupted: false };
        assert_eq!(format!("{:?}", read_from(drip, "a.csv", &options, 5)), whole, "{bytes:?}");
        if let Ok(table) = with(bytes, &options) {
            let cells = |c: &crate::table::Column| c.numbers().map_or(table.rows, crate::table::Numbers::len);
            assert!(table.columns.iter().all(|c| cells(c) == table.rows), "{bytes:?}");
        }
    });
}
