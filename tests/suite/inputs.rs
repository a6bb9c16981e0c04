//! Tables in several files and packed ones, through the library: the table is that of the rows, however they come.

use crate::data::Random;
use crate::program::{CUSTOMERS, Place, npy};
use arrow_array::{ArrayRef, BooleanArray, Date32Array, RecordBatch, StringArray};
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use segma::error::Result;
use segma::table::{ReadOptions, Selection, Table, read, read_all};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

/// One frame, with a check sum.
pub(crate) fn zstd(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

/// Lines of comma-separated texts without quotes.
type Rows = Vec<Vec<String>>;

fn rows(csv: &str) -> Rows {
    csv.lines().map(|line| line.split(',').map(String::from).collect()).collect()
}

fn customers() -> Rows {
    rows(&std::fs::read_to_string(CUSTOMERS).unwrap())
}

pub(crate) fn csv(rows: &[Vec<String>]) -> String {
    rows.iter().map(|row| row.join(",") + "\n").collect()
}

/// A file whose columns are all text, which is read by the rules of CSV.
pub(crate) fn parquet(rows: &[Vec<String>]) -> Vec<u8> {
    let column =
        |j: usize| Arc::new(rows[1..].iter().map(|r| Some(r[j].as_str())).collect::<StringArray>()) as ArrayRef;
    let columns = rows[0].iter().enumerate().map(|(j, name)| (name.as_str(), column(j)));
    packed(&RecordBatch::try_from_iter(columns).unwrap())
}

/// A Parquet file of one column.
fn written(name: &str, column: ArrayRef) -> Vec<u8> {
    packed(&RecordBatch::try_from_iter([(name, column)]).unwrap())
}

fn packed(batch: &RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

/// A file of these rows in some format.
fn put(place: &Place, name: &str, format: usize, rows: &[Vec<String>]) -> PathBuf {
    let name = format!("{name}.{}", ["csv", "csv.gz", "csv.zst", "parquet"][format]);
    let text = csv(rows);
    match format {
        0 => place.put(&name, text),
        1 => place.put(&name, gzip(text)),
        2 => place.put(&name, zstd(text)),
        _ => place.put(&name, parquet(rows)),
    }
    place.path(&name)
}

/// The same columns in another order.
fn turned(rows: &[Vec<String>], by: usize) -> Rows {
    let turn = |row: &Vec<String>| row.iter().cycle().skip(by).take(row.len()).cloned().collect();
    rows.iter().map(turn).collect()
}

/// Rows in so many files, cut anywhere, each file's columns in another order.
fn cut(rows: &Rows, parts: usize, random: &mut Random) -> Vec<Rows> {
    let mut cuts: Vec<usize> = (1..parts).map(|_| 1 + random.below(rows.len())).chain([1, rows.len()]).collect();
    cuts.sort_unstable();
    let part = |(i, cut): (usize, &[usize])| turned(&[&rows[..1], &rows[cut[0]..cut[1]]].concat(), i % rows[0].len());
    cuts.windows(2).enumerate().map(part).collect()
}

/// All that a table holds.
fn held(table: &Table) -> String {
    format!("{} {:?} {:?} {:?}", table.rows, table.columns, table.kept, table.unread)
}

fn with_id(id: &str) -> ReadOptions {
    ReadOptions { keep: [id.to_owned()].into(), ..ReadOptions::default() }
}

#[test]
fn rows_make_the_same_table_in_any_number_of_files_of_any_format() {
    let (place, rows) = (Place::new(), customers());
    let options = with_id("customer_id");
    let whole = held(&read(CUSTOMERS.as_ref(), &options).unwrap());
    let mut random = Random(8);
    for (run, parts) in [1, 1, 1, 1, 2, 3, 3, 10, 10].into_iter().enumerate() {
        let files: Vec<PathBuf> = cut(&rows, parts, &mut random)
            .iter()
            .enumerate()
            .map(|(i, part)| put(&place, &format!("{run}-{i}"), (run + i) % 4, part))
            .collect();
        let table = read_all(&files, &options).unwrap();
        assert_eq!(held(&table), whole, "{files:?}");
        assert_eq!(table.parts.iter().map(|p| p.rows).sum::<usize>(), table.rows);
    }
}

/// A table of files `0.csv`, `1.csv` and so on.
fn several(texts: &[&str], options: &ReadOptions) -> Result<Table> {
    let place = Place::new();
    let files = texts.iter().enumerate().map(|(i, text)| {
        place.put(&format!("{i}.csv"), text);
        place.path(&format!("{i}.csv"))
    });
    read_all(&files.collect::<Vec<_>>(), options)
}

/// What holds for files is what holds for their rows in one file.
#[track_caller]
fn as_one(texts: &[&str]) {
    let bodies = texts.iter().map(|text| text.split_once('\n').unwrap().1);
    let header = texts[0].split_once('\n').unwrap().0.to_owned() + "\n";
    let whole = header + &bodies.collect::<String>();
    let options = ReadOptions::default();
    let told = |table: Result<Table>| table.map(|t| held(&t)).map_err(|e| e.exit_code());
    assert_eq!(told(several(texts, &options)), told(several(&[&whole], &options)), "{texts:?}");
}

#[test]
fn what_a_column_holds_is_found_over_all_files() {
    as_one(&["a\n1\n", "a\n2.5\n"]);
    as_one(&["a\nx\n", "a\ny\nx\n", "a\nz\n"]);
    as_one(&["a\n\n,\n", "a\nyes\n"]);
    as_one(&["a,b\n,1\n", "a,b\n2024-01-31,\n", "a,b\nNA,3\n"]);
    as_one(&["a\n1\n2\n3\n", "a\nx\n"]);
    as_one(&["a\n1\n", "a\nx\ny\n"]);
    as_one(&["a\n1\ninf\n", "a\nx\ny\n"]);
    as_one(&["a\n1\n2\n", "a\ninf\n"]);
    as_one(&["a\n", "a\n1\n", "a\n"]);
    as_one(&["a\n", "a\n"]);
}

#[test]
fn messages_name_the_file_and_its_line() {
    let refused = |texts: &[&str], says: &[&str]| {
        let error = several(texts, &ReadOptions::default()).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        says.iter().for_each(|part| assert!(error.to_string().contains(part), "no {part:?} in: {error}"));
    };
    refused(&["a,b\n1,2\n", "b,a\n3,4\n-inf,6\n"], &["1.csv:3: column 'b': '-inf' is infinite"]);
    refused(&["a\n1\n", "a\n1\n1,2\n", "a\n1\n"], &["1.csv:3: expected 1 field, found 2"]);
    refused(&["a\n1\n", ""], &["1.csv: file is empty"]);
    refused(&["a\n", "a\n"], &["0.csv and another file: no data rows", "hold headers only"]);
    let table = several(&["a\n1\n2\n", "a\n", "a\n\n3\n\n4\n"], &ReadOptions::default()).unwrap();
    let places: Vec<String> = (0..4).map(|row| table.place(row, "a").to_string()).collect();
    let told: Vec<&str> = places.iter().map(|p| &p[p.len() - "0.csv:2: column 'a'".len()..]).collect();
    assert_eq!(told, ["0.csv:2: column 'a'", "0.csv:3: column 'a'", "2.csv:3: column 'a'", "2.csv:5: column 'a'"]);
}

#[test]
fn rows_that_were_left_out_do_not_shift_the_places_of_others() {
    let mut table = several(&["a\n1\n2\n", "a\n3\n4\n"], &ReadOptions::default()).unwrap();
    table.retain(&[true, false, false, true]).unwrap();
    assert!(table.place(1, "a").to_string().ends_with("1.csv:3: column 'a'"));
    assert_eq!(table.row_in_file(1), 3);
}

#[test]
fn files_need_the_same_columns_of_those_that_are_read() {
    let refused = |options: &ReadOptions, texts: &[&str], says: &[&str]| {
        let error = several(texts, options).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        says.iter().for_each(|part| assert!(error.to_string().contains(part), "no {part:?} in: {error}"));
    };
    let all = ReadOptions::default();
    refused(
        &all,
        &["age,b\n1,2\n", "agee,b\n1,2\n"],
        &["1.csv:1: no column 'age', which ", "0.csv has; did you mean 'agee'?"],
    );
    refused(&all, &["a,b\n1,2\n", "a,b,c\n1,2,3\n"], &["1.csv:1: column 'c' is not in ", "0.csv", "--columns"]);
    refused(&with_id("a"), &["a,b\n1,2\n", "b\n2\n"], &["1.csv:1: no column 'a', which "]);
    let all_but_b = ReadOptions { wanted: Some(Selection::parse("!b").unwrap()), ..ReadOptions::default() };
    refused(&all_but_b, &["a,b\n1,2\n", "a,c\n1,3\n"], &["1.csv:1: column 'c' is not in "]);
    let only_a = ReadOptions { wanted: Some(Selection::names(["a"])), ..ReadOptions::default() };
    let table = several(&["a,b\n1,2\n", "c,a\nx,3\n"], &only_a).unwrap();
    assert_eq!(table.columns[0].numbers().unwrap().to_vec(), [1.0, 3.0]);
    assert_eq!(table.unread, ["b", "c"]);
}

#[test]
fn a_range_of_columns_means_what_it_does_in_the_first_file() {
    let range = ReadOptions { wanted: Some(Selection::parse("a-c").unwrap()), ..ReadOptions::default() };
    let table = several(&["a,b,c,d\n1,2,3,4\n", "d,c,b,a\n8,7,6,5\n"], &range).unwrap();
    let columns: Vec<_> = table.columns.iter().map(|c| (c.name.as_str(), c.numbers().unwrap().to_vec())).collect();
    assert_eq!(columns, [("a", vec![1.0, 5.0]), ("b", vec![2.0, 6.0]), ("c", vec![3.0, 7.0])]);
}

#[test]
fn a_column_that_cannot_be_read_in_one_file_only_is_refused() {
    let times = Arc::new(arrow_array::Time32SecondArray::from(vec![1, 2])) as ArrayRef;
    let numbers = Arc::new(arrow_array::Int64Array::from(vec![3, 4])) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("t", times), ("n", numbers)]).unwrap();
    let place = Place::new();
    let file = std::fs::File::create(place.path("a.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    place.put("b.csv", "n,t\n5,6\n");
    let (odd, plain) = (place.path("a.parquet"), place.path("b.csv"));
    for (files, says) in [([&odd, &plain], "b.csv: column 't'"), ([&plain, &odd], "a.parquet: column 't'")] {
        let error = read_all(&files.map(PathBuf::clone), &ReadOptions::default()).unwrap_err().to_string();
        assert!(error.contains(&format!("{says}: of another type than in ")), "{error}");
    }
    let only_n = ReadOptions { wanted: Some(Selection::names(["n"])), ..ReadOptions::default() };
    assert_eq!(read_all(&[odd, plain], &only_n).unwrap().columns[0].numbers().unwrap().to_vec(), [3.0, 4.0, 5.0]);
}

#[test]
fn arrays_are_joined_too() {
    let place = Place::new();
    place.put("a.npy", npy(&[2, 2], &[1.0, 2.0, 3.0, f32::NAN]));
    place.put("b.npy", npy(&[1, 2], &[5.0, 6.0]));
    place.put("c.csv", "f1,f0\n8,7\n");
    let files = ["a.npy", "b.npy", "c.csv"].map(|name| place.path(name));
    let table = read_all(&files, &ReadOptions::default()).unwrap();
    assert_eq!(table.columns[0].numbers().unwrap().to_vec(), [1.0, 3.0, 5.0, 7.0]);
    assert_eq!((table.columns[1].missing, table.columns[1].first_missing), (1, Some(1)));
}

/// The rows that stay of a table of several files, and the reasons for the others, both in order.
fn skipping(files: &[PathBuf]) -> (Vec<f64>, Vec<String>) {
    let table = read_all(files, &ReadOptions { rejects: Some(9), ..ReadOptions::default() }).unwrap();
    let mut values = table.columns[0].numbers().unwrap().to_vec();
    values.sort_unstable_by(f64::total_cmp);
    let mut reasons: Vec<String> = table.rejects.iter().map(|reject| reject.reason.clone()).collect();
    reasons.sort_unstable();
    (values, reasons)
}

#[test]
fn rows_are_rejected_in_whatever_order_files_of_several_formats_come() {
    let place = Place::new();
    place.put("a.npy", npy(&[2, 1], &[1.0, 2.0]));
    place.put("b.csv", "f0\nx\n3\n");
    place.put("c.csv", "f0\ny\n4\ninf\n5\n");
    let expected: Vec<String> =
        ["'inf' is infinite", "'x' is not a number", "'y' is not a number"].map(From::from).into();
    for order in ["abc", "acb", "bac", "bca", "cab", "cba"] {
        let files =
            order.chars().map(|name| place.path(&format!("{name}.{}", if name == 'a' { "npy" } else { "csv" })));
        assert_eq!(skipping(&files.collect::<Vec<_>>()), (vec![1.0, 2.0, 3.0, 4.0, 5.0], expected.clone()), "{order}");
    }
}

#[test]
fn yes_and_dates_in_a_column_of_numbers_reject_their_rows() {
    let place = Place::new();
    place.put("n.csv", "a\n1\n2\n3\n4\n");
    place.put("b.parquet", written("a", Arc::new(BooleanArray::from(vec![true]))));
    place.put("d.parquet", written("a", Arc::new(Date32Array::from(vec![19_723]))));
    let expected: Vec<String> = ["'2024-01-01' is not a number", "'true' is not a number"].map(From::from).into();
    for order in [["n.csv", "b.parquet", "d.parquet"], ["d.parquet", "b.parquet", "n.csv"]] {
        let files = order.map(|name| place.path(name));
        assert_eq!(skipping(&files), (vec![1.0, 2.0, 3.0, 4.0], expected.clone()), "{order:?}");
    }
}

/// The message about a packed file, or its rows.
fn unpacked(bytes: impl AsRef<[u8]>) -> std::result::Result<usize, String> {
    let place = Place::new();
    place.put("a.csv", bytes);
    let table = read(&place.path("a.csv"), &ReadOptions::default());
    table.map(|t| t.rows).map_err(|e| {
        assert_eq!(e.exit_code(), 3, "{e}");
        e.to_string().split_once("a.csv").unwrap().1.to_owned()
    })
}

fn many_rows() -> String {
    "a,b\n".to_owned() + &(0..50_000).map(|i| format!("{i},{}\n", i % 97)).collect::<String>()
}

#[test]
fn members_one_behind_the_other_are_one_file() {
    let text = many_rows();
    let (head, tail) = text.split_at(text.len() / 2);
    assert_eq!(unpacked([gzip(head), gzip(""), gzip(tail)].concat()), Ok(50_000));
    assert_eq!(unpacked([zstd(head), zstd(""), zstd(tail)].concat()), Ok(50_000));
    let skipped = b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec();
    assert_eq!(unpacked([skipped, zstd(&text)].concat()), Ok(50_000));
}

#[test]
fn a_packed_file_that_ends_early_is_never_a_shorter_table() {
    for (packed, name) in [(gzip(many_rows()), "gzip"), (zstd(many_rows()), "zstd")] {
        let ends: Vec<usize> = (4..40).chain([packed.len() / 3, packed.len() - 9, packed.len() - 1]).collect();
        for end in ends {
            let message = unpacked(&packed[..end]).unwrap_err();
            assert!(message.contains(&format!("the {name} data end early")), "{end}: {message}");
            assert!(message.starts_with(':'), "no line in: {message}");
        }
    }
}

#[test]
fn a_packed_file_that_is_damaged_is_refused() {
    for (packed, name) in [(gzip(many_rows()), "gzip"), (zstd(many_rows()), "zstd")] {
        let says = format!("the {name} data cannot be unpacked");
        for sum in [packed.len() - 1, packed.len() - 3] {
            let mut wrong = packed.clone();
            wrong[sum] ^= 1;
            let message = unpacked(wrong).unwrap_err();
            // Of gzip the last four bytes are the length, of zstd a check sum.
            assert!(message.contains(&says), "{message}");
        }
        for garbage in [&b"garbage, and more of it"[..], &[0; 512]] {
            let message = unpacked([&packed[..], garbage].concat()).unwrap_err();
            assert!(message.contains(&says) && message.contains("-t` tests it"), "{message}");
        }
    }
}

#[test]
fn a_byte_changed_in_a_packed_file_never_makes_another_table() {
    let text = many_rows();
    let short = &text[..2_000];
    let sound = unpacked(short).unwrap();
    let mut random = Random(3);
    for packed in [gzip(short), zstd(short)] {
        for _ in 0..300 {
            let mut wrong = packed.clone();
            let at = 4 + random.below(packed.len() - 4);
            wrong[at] ^= 1 << random.below(8);
            // A header holds a time and a name, too: those may be anything.
            assert!(unpacked(wrong).map_or(true, |rows| rows == sound), "byte {at}");
        }
    }
}

#[test]
fn what_a_packed_file_holds_is_named() {
    let mut tar = vec![0; 1024];
    tar[..9].copy_from_slice(b"table.csv");
    tar[257..263].copy_from_slice(b"ustar\0");
    let holds: [(&[u8], &str); 5] = [
        (&tar, "a tar archive"),
        (b"PAR1\x15\0", "a Parquet file"),
        (b"PK\x03\x04\x14\0", "a zip file"),
        (&gzip("a\n1\n"), "a gzip file"),
        (&zstd("a\n1\n"), "a zstd file"),
    ];
    for (inside, name) in holds {
        for (packed, packing) in [(gzip(inside), "gzip"), (zstd(inside), "zstd")] {
            let message = unpacked(packed).unwrap_err();
            assert!(message.contains(&format!(": this {packing} file holds {name}")), "{message}");
        }
    }
    assert!(unpacked(&tar).unwrap_err().contains("this is a tar archive, not CSV"));
    assert!(unpacked(gzip("")).unwrap_err().contains(": file is empty"));
}

#[test]
fn a_window_without_bound_is_refused() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(28).unwrap();
    encoder.write_all(many_rows().as_bytes()).unwrap();
    let message = unpacked(encoder.finish().unwrap()).unwrap_err();
    assert!(message.contains("a window of more than 128 MiB"), "{message}");
}

/// So much of one byte, packed small: a member of a mebibyte again and again.
fn bomb(byte: u8, mebibytes: usize) -> Vec<u8> {
    gzip(vec![byte; 1 << 20]).repeat(mebibytes)
}

#[test]
fn bombs_end_where_a_plain_file_would() {
    let message = |bomb: Vec<u8>| unpacked(bomb).unwrap_err();
    assert!(message(bomb(0, 1024)).contains(":1: field 1: NUL byte at offset 0"));
    assert!(message(bomb(b',', 1024)).contains("the record is over 16 MiB"));
    assert!(message(bomb(b'"', 1024)).contains("16 MiB"));
    assert!(message([gzip("a\n"), bomb(b'1', 1024)].concat()).contains(":2: column 'a': the record is over 16 MiB"));
    assert!(message(bomb(b'\n', 64)).contains("file is empty"));
    assert_eq!(unpacked([gzip("a\n1\n"), bomb(b'\n', 64), gzip("2\n")].concat()), Ok(2));
}
