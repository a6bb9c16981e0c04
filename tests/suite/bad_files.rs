//! Bad files, each with what must come of it: a table of a known shape, or exit 3 with words that name the place.
//!
//! Every case of the two groups CSV and PAR of the robustness catalogue is a row here, or names the test that holds it, or is
//! left out for a reason that is written down. `tests/data/bad` holds files on top, and one that nobody expects anything
//! of fails the suite. Whatever the file: no panic, no output unless it is read, bounded time.

use crate::program::{Place, Run, checked, npy};
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use segma::table::{ReadOptions, read};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
mod bombs;
mod mutated;
mod opened;
mod skipped;

/// What must come of a file.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    /// A table of so many rows and columns, of which one is text if its name is given.
    Table(usize, usize),
    /// Exit 3 and these words.
    Refused(&'static [&'static str]),
}

use Outcome::{Refused, Table};

struct Case {
    id: &'static str,
    file: &'static str,
    bytes: Vec<u8>,
    flags: &'static str,
    outcome: Outcome,
}

fn case(id: &'static str, bytes: impl AsRef<[u8]>, flags: &'static str, outcome: Outcome) -> Case {
    Case { id, file: "a.csv", bytes: bytes.as_ref().to_vec(), flags, outcome }
}

fn csv(id: &'static str, bytes: impl AsRef<[u8]>, outcome: Outcome) -> Case {
    case(id, bytes, "", outcome)
}

fn parquet(id: &'static str, bytes: Vec<u8>, outcome: Outcome) -> Case {
    Case { file: "a.parquet", ..csv(id, bytes, outcome) }
}

fn wide(text: &str, bytes: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

fn long(last: &str) -> String {
    format!("a,b\n{}{last}\n", "1,2\n".repeat(30_000))
}

/// Nothing in them, or not what they are named.
fn empty_and_foreign() -> Vec<Case> {
    let table = "a,b\n1,2\n3,4\n";
    let magic = |bytes: &[u8], words| csv("CSV-38", bytes, Refused(words));
    let utf32: Vec<u8> = table.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    vec![
        csv("CSV-01", "", Refused(&["a.csv: file is empty"])),
        csv("CSV-02", "  \n\n \r\n", Refused(&["a.csv: file is empty"])),
        csv("CSV-03", "a,b\n", Refused(&["a.csv: no data rows"])),
        csv("CSV-03", "a,b", Refused(&["a.csv: no data rows"])),
        csv("CSV-03", "a;b", Refused(&["a.csv: no data rows"])),
        csv("CSV-04", "a,b\n1,2\n", Table(1, 2)),
        csv("CSV-05", "\u{feff}a,b\n1,2\n3,4\n", Table(2, 2)),
        case("CSV-05", "\u{feff}\"a\",b\n1,2\n", "--columns a", Table(1, 1)),
        csv("CSV-05", "\u{feff}\u{feff}a,b\n1,2\n", Table(1, 2)),
        csv("CSV-06", wide(table, u16::to_le_bytes), Refused(&["a.csv: this is UTF-16 text", "iconv"])),
        csv("CSV-06", wide(table, u16::to_be_bytes), Refused(&["a.csv: this is UTF-16 text", "iconv"])),
        csv("CSV-06", wide("\u{feff}a,b\n1,2\n", u16::to_be_bytes), Refused(&["this is UTF-16 text"])),
        csv("CSV-06", utf32, Refused(&["a.csv: this is UTF-32 text", "iconv"])),
        magic(b"BZh91AY&SY", &["a.csv: this is a bzip2 file"]),
        magic(b"\xfd7zXZ\0\0\x04", &["a.csv: this is an xz file"]),
        magic(b"PK\x03\x04\x14\0\x06\0", &["a.csv: this is a zip file", "Excel"]),
        magic(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", &["a.csv: this is an old Excel file"]),
        magic(b"PAR1\x15\x04\x15\0", &["a.csv: this is a Parquet file", ".parquet"]),
        magic(b"SQLite format 3\0", &["SQLite"]),
        magic(b"{\"a\": 1, \"b\": 2}\n{\"a\": 3, \"b\": 4}\n", &["a.csv: this is a JSON file"]),
        magic(b"[\n {\"a\": 1}\n]\n", &["a.csv: this is a JSON file"]),
        magic(b"<!DOCTYPE html>\n<html><body>", &["a.csv: this is a web page"]),
        magic(b"<?xml version=\"1.0\"?>\n<a/>", &["a.csv: this is an XML file"]),
    ]
}

/// Bytes, line ends, quotes.
fn bytes_and_records() -> Vec<Case> {
    vec![
        csv("CSV-07", b"a,b\n1,caf\xe9\n", Refused(&["a.csv:2: column 'b'", "0xE9 at offset 9", "iconv"])),
        case("CSV-07", b"a,b\n1,\xe9\n", "--columns a", Refused(&["a.csv:2: column 'b'", "0xE9"])),
        csv("CSV-07", b"a,\xe9\n1,2\n", Refused(&["a.csv:1: field 2", "0xE9"])),
        csv("CSV-08", [long("3,").as_bytes(), b"\xff"].concat(), Refused(&["a.csv:30003: column 'a'", "0xFF"])),
        csv("CSV-08", b"a,b\n1,2\n3,4\xc3", Refused(&["a.csv:3: column 'b'", "0xC3 at offset 11"])),
        csv("CSV-09", b"a,b\n1,\xc0\x80\n", Refused(&["a.csv:2: column 'b'", "0xC0"])),
        csv("CSV-09", b"a,b\n1,\xed\xa0\x80\n", Refused(&["a.csv:2: column 'b'", "0xED"])),
        csv("CSV-09", b"a,b\n1,\xf0\x9f\x98", Refused(&["a.csv:2: column 'b'", "0xF0"])),
        csv("CSV-10", "a,b\r\n1,2\r\n3,4\r\n", Table(2, 2)),
        csv("CSV-10", "a,b\r1,2\r3,4\r", Table(2, 2)),
        csv("CSV-10", "a,b\n1,2\r\n3,4\r5,6", Table(3, 2)),
        csv("CSV-10", "a,b\n\r1,2\n\r3,4\n\r", Table(2, 2)),
        case("CSV-11", "a,b\r\n1,\"x\ry\r\nz\"\r\n", "--columns a", Table(1, 1)),
        csv("CSV-12", "a,b\n\"1\",\"2\n\"\n3,4\n5,6\n", Refused(&["a.csv:2: column 'b'", "is not a number"])),
        case("CSV-12", "a,b\n\"x\"\"y\",2\nx\"y\"z,4\n", "--categorical a", Table(2, 2)),
        csv("CSV-12", "a,b\n1,\"p\"q\n", Refused(&["a.csv:2: column 'b'", "'q' after a closing quote"])),
        csv("CSV-13", "a,b\n1,\"2\n3,4\n", Refused(&["a.csv:2: column 'b'", "opened at line 2 is never closed"])),
        csv("CSV-14", "a,b\n3\n1,2\n", Refused(&["a.csv:2: expected 2 fields, found 1"])),
        csv("CSV-14", long("1"), Refused(&["a.csv:30002: expected 2 fields, found 1"])),
        csv("CSV-15", "a,b\n1,2\n3,4,5\n", Refused(&["a.csv:3: expected 2 fields, found 3", "double quotes"])),
        csv("CSV-15", "a,b,\n1,2,\n", Refused(&["a.csv:1: no name for column 3 of 3"])),
        csv("CSV-15", "a,b,\n1,2\n", Refused(&["a.csv:1: no name for column 3 of 3"])),
        csv("CSV-15", "a,b\n1,2,\n", Refused(&["a.csv:2: expected 2 fields, found 3", "ends with a separator"])),
        csv("CSV-16", "a,b\n1,2\n\n\n3,4\n\n", Table(2, 2)),
        csv("CSV-16", "a,b\n1,2\n,\n", Table(2, 2)),
        csv("CSV-34", "a,b\n1,2\0\n", Refused(&["a.csv:2: column 'b'", "NUL byte at offset 7"])),
        csv("CSV-34", "a\0,b\n1,2\n", Refused(&["a.csv:1: field 1", "NUL byte at offset 1"])),
        csv("CSV-37", "# from SAP\na,b\n1,2\n", Refused(&["a.csv:2: expected 1 field, found 2", "before the header"])),
        csv("CSV-37", "Customers\n\na,b\n1,2\n", Refused(&["a.csv:3: expected 1 field, found 2"])),
        csv("CSV-37", "a,b\n1,2\n3,4\nTotal,6\n", Refused(&["a.csv:4: column 'a': 'Total' is not a number"])),
        csv("CSV-37", "a,b\n1,2\n2 rows\n", Refused(&["a.csv:3: expected 2 fields, found 1"])),
    ]
}

/// Headers and separators.
fn headers() -> Vec<Case> {
    let columns = |n: usize| (0..n).map(|i| format!("c{i}")).collect::<Vec<_>>().join(",");
    let odd = "\" a\",\"\u{202e}b\",__proto__,../x,<script>,=cmd,\"c\nd\",\u{1f600}\n1,2,3,4,5,6,7,8\n";
    vec![
        csv("CSV-17", "1,2\n3,4\n", Refused(&["a.csv:1: the first row looks like data", "header"])),
        csv("CSV-19", "a,b,a\n1,2,3\n", Refused(&["a.csv:1: duplicate column names: 'a' (columns 1, 3)"])),
        csv("CSV-19", "a,A, a,a \n1,2,3,4\n", Table(1, 4)),
        csv("CSV-19", "\u{e9},e\u{301}\n1,2\n", Table(1, 2)),
        csv("CSV-19", "a,,\"\"\n1,2,3\n", Refused(&["a.csv:1: no name for column 2, 3 of 3"])),
        csv("CSV-20", odd, Table(1, 8)),
        csv("CSV-20", format!("{},b\n1,2\n", "x".repeat(10_000)), Table(1, 2)),
        case("CSV-21", "Age,b\n1,2\n", "--columns age", Refused(&["a.csv:1: no column 'age'; did you mean 'Age'?"])),
        csv("CSV-23", "a;b\n1;2\n3;4\n", Table(2, 2)),
        csv("CSV-23", "a\tb\n1\t2\n", Table(1, 2)),
        csv("CSV-23", "a|b\n1|2\n", Table(1, 2)),
        case("CSV-23", "a\u{1}b\n1\u{1}2\n", "--delimiter \u{1}", Table(1, 2)),
        csv("CSV-23", "a,b\n1;2\n", Refused(&["a.csv:2: expected 2 fields, found 1"])),
        csv("CSV-23", "a;b\n1;2\n3\n", Refused(&["a.csv:1: ", "--delimiter ';'"])),
        csv("CSV-36", format!("{}\n{}1\n", columns(10_000), "1,".repeat(9_999)), Table(1, 10_000)),
        csv("CSV-36", columns(1_000_000), Refused(&["a.csv:1: 1000000 columns; the limit is 65536"])),
    ]
}

/// Values that are no plain numbers.
fn values() -> Vec<Case> {
    let comma = &["a.csv:2: column 'a': '1,5' looks like a number with a decimal comma", "--decimal ,"];
    let among = |id, value: &str, says| csv(id, format!("a;b\n1;2\n3;4\n{value};6\n"), Refused(says));
    vec![
        csv("CSV-24", "a;b\n1,5;2\n2,5;3\n", Refused(comma)),
        csv("CSV-24", "a,b\n\"1,5\",2\n\"2,5\",3\n", Refused(comma)),
        among("CSV-24", "2,5", &["a.csv:4: column 'a': '2,5' is not a number, though it looks like", "--decimal ,"]),
        case("CSV-24", "a;b\n1,5;2\n2,5;3\n", "--decimal ,", Table(2, 2)),
        case("CSV-24", "a;b\n1,5;2\n2;3\n1.5;1\n", "--decimal ,", Refused(&["a.csv:4: column 'a': '1.5' is not"])),
        among("CSV-25", "1,234", &["'1,234' is not a number, though it looks like a number with thousands sep"]),
        among("CSV-25", "1 234", &["looks like a number with thousands separators"]),
        among("CSV-25", "1'234", &["looks like a number with thousands separators"]),
        among("CSV-25", "1.234,5", &["thousands separators and a decimal comma"]),
        csv("CSV-25", "a;b\n1.234,5;2\n9.876,5;3\n", Refused(&["thousands separators and a decimal comma"])),
        among("CSV-26", "\u{20ac}5", &["looks like a number with a currency"]),
        among("CSV-26", "5%", &["looks like a number with a percent sign"]),
        among("CSV-26", "(5)", &["looks like a negative number in parentheses"]),
        csv("CSV-26", "a,b\n5 %,2\n7 %,3\n", Refused(&["a.csv:2: column 'a': '5 %' looks like", "--categorical"])),
        csv("CSV-27", long("x,2"), Refused(&["a.csv:30002: column 'a': 'x' is not a number", "30000 numbers"])),
        csv("CSV-28", "a\n1\n1.5\n1e3\n+1\n.5\n5.\n-0\n1e-400\n", Table(8, 1)),
        among("CSV-28", "0x10", &["a.csv:4: column 'a': '0x10' is not a number"]),
        among("CSV-28", "1_000", &["'1_000' is not a number"]),
        among("CSV-28", "1d5", &["'1d5' is not a number"]),
        among("CSV-28", "\u{ff11}\u{ff12}", &["looks like a number in full-width digits"]),
        among("CSV-28", "1e400", &["a.csv:4: column 'a': '1e400' is an overflow"]),
        among("CSV-28", "-Infinity", &["a.csv:4: column 'a': '-Infinity' is infinite"]),
        csv("CSV-29", "a\nNA\nN/A\nn/a\nnull\nNULL\nNone\nnan\nNaN\n\\N\n1\n2\n", Table(11, 1)),
        among("CSV-29", "?", &["a.csv:4: column 'a': '?' is not a number", "--null"]),
        among("CSV-29", "#REF!", &["'#REF!' is not a number", "--null"]),
        case("CSV-29", "a,b\n1,2\n-,4\n5,6\n", "--null -", Table(3, 2)),
        csv("CSV-30", "a,b\n\"\",2\n\"NA\",4\n5,6\n", Table(3, 2)),
        csv("CSV-31", "a,b\n 1 ,\t2\n3,4\n", Table(2, 2)),
        among("CSV-31", "5\u{a0}", &["looks like a number with the character U+00A0"]),
        among("CSV-31", "\u{200b}5", &["looks like a number with the character U+200B"]),
        csv(
            "CSV-33",
            "a\n9007199254740993\n12345678901234567890\n0.1234567890123456789012345678901234567890\n",
            Table(3, 1),
        ),
        case("CSV-44", "id,a\nx,1\nx,2\n,3\n", "--id id", Table(3, 2)),
        case("CSV-44", "id\nx\ny\n", "--id id", Refused(&["a.csv: no usable column: 'id' is the id"])),
        csv("CSV-45", "a,b\nx,1\nx,2\ny,3\n", Table(3, 2)),
    ]
}

/// A Parquet file with these columns.
fn written(columns: &[(&str, ArrayRef)]) -> Vec<u8> {
    let fields: Vec<_> =
        columns.iter().map(|(name, a)| arrow_schema::Field::new(*name, a.data_type().clone(), true)).collect();
    let schema = Arc::new(arrow_schema::Schema::new(fields));
    let batch = RecordBatch::try_new(schema.clone(), columns.iter().map(|(_, a)| a.clone()).collect()).unwrap();
    let properties = WriterProperties::builder().build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn floats(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn of_parquet() -> Vec<Case> {
    let sound = written(&[("a", floats(&[1.0, 2.0, 4.0])), ("b", floats(&[3.0, 5.0, 5.0]))]);
    let mut footer = sound.clone();
    let at = footer.len() - 8;
    footer[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let first = [b"X", &sound[1..]].concat();
    let inf = || floats(&[1.0, f64::INFINITY, 2.0]);
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["1", "2", "x"]));
    vec![
        parquet("PAR-01", Vec::new(), Refused(&["a.parquet: "])),
        parquet("PAR-01", b"PAR1".to_vec(), Refused(&["a.parquet: "])),
        parquet("PAR-01", sound[..sound.len() - 1].to_vec(), Refused(&["a.parquet: "])),
        parquet("PAR-01", sound[..sound.len() / 2].to_vec(), Refused(&["a.parquet: "])),
        parquet("PAR-01", first, Refused(&["a.parquet: "])),
        parquet("PAR-01", sound, Table(3, 2)),
        parquet("PAR-02", footer, Refused(&["a.parquet: "])),
        parquet("PAR-06", written(&[("a", floats(&[f64::NAN; 3]))]), Refused(&["no usable column: 'a': every value"])),
        parquet("PAR-09", written(&[("a", inf()), ("a", inf())]), Refused(&["duplicate column names: 'a'"])),
        parquet("PAR-09", written(&[("a.b", floats(&[1.0, 3.0])), ("b", floats(&[2.0, 1.0]))]), Table(2, 2)),
        parquet("PAR-09", written(&[("", inf())]), Refused(&["a.parquet: no name for column 1 of 1"])),
        parquet("PAR-19", written(&[("a", inf())]), Refused(&["a.parquet: row 2: column 'a': 'inf' is infinite"])),
        parquet("PAR-19", written(&[("a", texts)]), Refused(&["a.parquet: row 3: column 'a': 'x' is not a number"])),
    ]
}

fn all() -> Vec<Case> {
    [empty_and_foreign(), bytes_and_records(), headers(), values(), of_parquet()].into_iter().flatten().collect()
}

/// Cases of the catalogue that other tests hold: the file, and the test in it.
const ELSEWHERE: [(&str, &str, &str); 35] = [
    ("CSV-08", "src/table/csv/tests.rs", "every_buffer_gives_the_same"),
    ("CSV-11", "src/table/csv/tests.rs", "a_carriage_return_inside_quotes_is_kept"),
    ("CSV-13", "src/table/csv/tests.rs", "a_record_without_end_is_refused_at_the_limit"),
    ("CSV-22", "tests/suite/bad_input.rs", "predict_matches_columns_by_name"),
    ("CSV-35", "tests/suite/bad_files/bombs.rs", "a_field_of_a_gigabyte_is_refused_in_little_memory"),
    ("CSV-36", "src/table/csv/tests.rs", "too_many_columns_are_refused"),
    ("CSV-39", "tests/suite/inputs.rs", "a_packed_file_that_ends_early_is_never_a_shorter_table"),
    ("CSV-39", "tests/suite/inputs.rs", "a_packed_file_that_is_damaged_is_refused"),
    ("CSV-39", "tests/suite/inputs.rs", "bombs_end_where_a_plain_file_would"),
    ("CSV-39", "tests/suite/inputs.rs", "members_one_behind_the_other_are_one_file"),
    ("CSV-40", "tests/suite/inputs_program.rs", "a_file_that_grows_while_it_is_read_is_refused"),
    ("CSV-41", "tests/suite/bad_input.rs", "what_is_no_file_is_refused"),
    ("CSV-42", "tests/suite/cli.rs", "a_file_name_that_is_not_utf8_works"),
    ("CSV-43", "tests/suite/inputs.rs", "files_need_the_same_columns_of_those_that_are_read"),
    ("CSV-48", "src/table/csv/tests.rs", "every_buffer_gives_the_same"),
    ("CSV-90", "tests/suite/bad_files/skipped.rs", "rows_of_the_file_are_rows_labelled_and_rows_rejected"),
    ("CSV-91", "tests/suite/bad_files/skipped.rs", "more_rejects_than_allowed_are_exit_3_without_output"),
    ("PAR-01", "src/table/parquet/tests/hostile.rs", "a_file_cut_anywhere_is_refused"),
    ("PAR-02", "src/table/parquet/tests/hostile.rs", "a_footer_that_lies_about_its_length_is_refused"),
    ("PAR-04", "src/table/parquet/tests/hostile.rs", "every_flipped_byte_is_read_or_refused"),
    ("PAR-05", "src/table/parquet/tests/written.rs", "what_has_no_place_in_a_table_is_refused_when_asked_for"),
    ("PAR-06", "src/table/parquet/tests/written.rs", "nan_and_null_are_missing_and_zero_has_no_sign"),
    ("PAR-07", "src/table/parquet/tests/hostile.rs", "wrong_statistics_are_not_believed"),
    ("PAR-08", "src/table/parquet/tests/written.rs", "one_row_to_a_row_group_is_read_like_any_other"),
    ("PAR-10", "src/table/parquet/tests/hostile.rs", "pages_that_claim_too_much_are_refused"),
    ("PAR-11", "src/table/parquet/tests/hostile.rs", "counts_of_rows_that_disagree_are_refused"),
    ("PAR-12", "tests/suite/bad_files/bombs.rs", "many_rows_in_few_bytes_take_little_memory"),
    ("PAR-13", "src/table/parquet/tests/hostile.rs", "pages_that_claim_too_much_are_refused"),
    ("PAR-14", "src/table/parquet/tests/hostile.rs", "counts_of_rows_that_disagree_are_refused"),
    ("PAR-15", "src/table/parquet/tests/hostile.rs", "a_page_that_unpacks_to_more_than_it_claims_is_refused"),
    ("PAR-16", "src/table/parquet/tests/written.rs", "columns_that_are_not_asked_for_are_not_decoded"),
    ("PAR-17", "src/table/parquet/tests/hostile.rs", "schemas_that_no_table_has_are_refused"),
    ("PAR-18", "src/table/parquet/tests/written.rs", "every_codec_encoding_and_page_version_gives_the_same_table"),
    ("PAR-19", "src/table/parquet/tests/written.rs", "every_type_reads_as_its_text_does"),
    ("PAR-20", "tests/suite/bad_input.rs", "what_is_no_file_is_refused"),
];

/// Cases that are not held, and why.
const LEFT_OUT: [(&str, &str); 5] = [
    ("CSV-18", "there is no flag for tables without a header: one is refused by name (CSV-17)"),
    ("CSV-32", "digits with zeros in front are numbers; what is all different is left out as an id"),
    ("CSV-46", "Pollock's files are not part of the repository"),
    ("CSV-47", "the corpora of Arrow and DuckDB are not part of the repository; fuzz/ has its own"),
    ("PAR-03", "the corpus of parquet-testing is not part of the repository; fuzz/ has its own"),
];

#[test]
fn every_case_of_the_catalogue_is_here_or_accounted_for() {
    let csv = (1..=48).chain([90, 91]).map(|n| format!("CSV-{n:02}"));
    let wanted: BTreeSet<String> = csv.chain((1..=20).map(|n| format!("PAR-{n:02}"))).collect();
    let mut held: BTreeSet<String> = all().iter().map(|c| c.id.to_owned()).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (id, file, test) in ELSEWHERE {
        let text = fs::read_to_string(root.join(file)).unwrap();
        assert!(text.contains(&format!("#[test]\nfn {test}()")), "{id}: no test {test} in {file}");
        held.insert(id.to_owned());
    }
    for (id, _) in LEFT_OUT {
        assert!(held.insert(id.to_owned()), "{id} is left out and held");
    }
    assert_eq!(held, wanted);
}

/// A run that must not take long.
fn quick(place: &Place, words: &str) -> Run {
    let clock = Instant::now();
    let run = checked(place.command(words), words);
    // Under a second alone; tests run side by side on whatever machine there is.
    let most = Duration::from_secs(if cfg!(debug_assertions) { 60 } else { 5 });
    assert!(clock.elapsed() < most, "{words} took {:?}", clock.elapsed());
    run
}

#[test]
fn every_bad_file_has_its_outcome() {
    for c in all() {
        let place = Place::new();
        place.put(c.file, &c.bytes);
        let told = format!("{} {:?}", c.id, String::from_utf8_lossy(&c.bytes[..c.bytes.len().min(60)]));
        println!("{told}");
        match c.outcome {
            Refused(says) => {
                let run = quick(&place, &format!("fit {} -k 2 -o run {}", c.file, c.flags)).ended(3).says(says);
                assert!(run.stderr.contains("hint: ") || run.stderr.contains("did you mean"), "{told}: {}", run.stderr);
                assert_eq!((run.stdout.as_str(), place.names("")), ("", vec![c.file.to_owned()]), "{told}");
            }
            Table(rows, columns) => {
                let run = quick(&place, &format!("inspect {} --json {}", c.file, c.flags)).ended(0).json();
                let shape = (run["rows"].as_u64().unwrap(), run["columns"].as_array().unwrap().len());
                assert_eq!(shape, (rows as u64, columns), "{told}");
                assert_eq!(place.names(""), [c.file], "{told}");
            }
        }
    }
}

/// What must come of the files in `tests/data/bad`: their names, and the words of exit 3, or the rows that are read.
const FIXTURES: [(&str, Outcome); 9] = [
    ("accounting.csv", Refused(&["column 'spend': '(120.50)' is not a number, though", "parentheses"])),
    ("decimal_comma.csv", Refused(&["decimal_comma.csv:2: column 'umsatz'", "decimal comma", "--decimal ,"])),
    ("excel_semicolon.csv", Table(3, 3)),
    ("latin1.csv", Refused(&["latin1.csv:3: column 'city'", "not UTF-8"])),
    ("preamble.csv", Refused(&["expected 1 field, found 3", "before the header"])),
    ("torn_download.csv", Refused(&["torn_download.csv:4: expected 3 fields, found 2"])),
    ("truncated.parquet", Refused(&["truncated.parquet: "])),
    ("unescaped_quote.csv", Refused(&["unescaped_quote.csv:3: column 'name'", "after a closing quote"])),
    ("utf16.csv", Refused(&["utf16.csv: this is UTF-16 text"])),
];

#[test]
fn every_file_of_the_bad_folder_has_an_expectation() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/bad");
    let names: BTreeSet<String> =
        fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    let expected: BTreeSet<String> = FIXTURES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names, expected, "a file without an expectation, or an expectation without a file");
    for (name, outcome) in FIXTURES {
        let place = Place::new();
        place.put(name, fs::read(folder.join(name)).unwrap());
        match outcome {
            Refused(says) => drop(quick(&place, &format!("fit {name} -k 2 -o run")).ended(3).says(says)),
            Table(rows, columns) => {
                let table = read(&place.path(name), &ReadOptions::default()).unwrap();
                assert_eq!((table.rows, table.columns.len()), (rows, columns), "{name}");
                quick(&place, &format!("fit {name} -k 2 -o run")).ended(0);
            }
        }
        let run = matches!(outcome, Table(..)).then(|| "run".to_owned());
        let left: BTreeSet<String> = place.names("").into_iter().collect();
        assert_eq!(left, run.into_iter().chain([name.to_owned()]).collect(), "{name}");
    }
}

#[test]
fn an_array_with_an_infinity_is_refused_or_loses_its_row() {
    let place = Place::new();
    place.put("a.npy", npy(&[4, 2], &[1.0, 2.0, 3.0, f32::INFINITY, 5.0, 6.0, 9.0, 9.0]));
    quick(&place, "fit a.npy -k 2 -o run").ended(3).says(&["a.npy: row 2: column 'f1': the value is infinite"]);
    quick(&place, "fit a.npy -k 2 -o run --on-error skip").ended(0).says(&["1 row cannot be used", "row 2"]);
    assert_eq!(place.text("run/rejects.csv"), "file,line,column,reason,value\na.npy,2,f1,the value is infinite,inf\n");
    assert_eq!(place.text("run/segments.csv").lines().count(), 4);
}
