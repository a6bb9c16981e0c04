//! Files that other programs wrote, and what becomes of each type.

use super::*;
use arrow_array::{
    BooleanArray, Decimal128Array, DictionaryArray, Float32Array, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampNanosecondArray, types::Int32Type,
};
use std::fs;

/// The columns of that Parquet file, read from a CSV text and from the file.
fn twins(name: &str, csv: &str, options: &ReadOptions) {
    let names: Vec<String> = {
        let table = crate::table::read(&data(name), &ReadOptions::default()).unwrap();
        table.columns.into_iter().map(|c| c.name).collect()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("twin.csv");
    fs::write(&path, csv).unwrap();
    let wanted = Some(Selection::names(names.clone()));
    let options = ReadOptions { wanted, ..options.clone() };
    let (parquet, csv) =
        (crate::table::read(&data(name), &options).unwrap(), crate::table::read(&path, &options).unwrap());
    assert_eq!(parquet.rows, csv.rows);
    assert!(!names.is_empty());
    for (column, expected) in parquet.columns.iter().map(|c| (c, csv.column(&c.name).unwrap())) {
        assert_eq!(format!("{column:?}"), format!("{expected:?}"), "{name}");
    }
    for (text, expected) in parquet.kept.iter().zip(&csv.kept) {
        assert_eq!(format!("{text:?}"), format!("{expected:?}"), "{name}");
    }
}

#[test]
fn every_type_reads_as_its_text_does() {
    let csv = fs::read_to_string(data("parquet/types.csv")).unwrap();
    for name in ["types_pyarrow", "types_polars", "old_pyarrow"] {
        twins(&format!("parquet/{name}.parquet"), &csv, &ReadOptions::default());
    }
}

#[test]
fn every_type_as_text_is_spelt_as_in_its_csv() {
    let csv = fs::read_to_string(data("parquet/types.csv")).unwrap();
    let names =
        ["i8", "u64", "d128", "d256", "yes", "date32", "text", "category", "numbers", "mostly"].map(str::to_owned);
    let as_text = names.iter().map(|n| (n.clone(), Vec::new())).collect();
    let options = ReadOptions { as_text, keep: names.into(), ..ReadOptions::default() };
    twins("parquet/types_pyarrow.parquet", &csv, &options);
}

#[test]
fn given_spellings_of_missing_values_hold_for_every_type() {
    let csv = fs::read_to_string(data("parquet/types.csv")).unwrap();
    let nulls = ["7", "12.30", "0.1", "true", "2024-02-29", "a"].map(str::to_owned).into();
    twins("parquet/types_pyarrow.parquet", &csv, &ReadOptions { nulls, ..ReadOptions::default() });
}

#[test]
fn every_codec_encoding_and_page_version_gives_the_same_table() {
    let csv = fs::read_to_string(data("parquet/types.csv")).unwrap();
    let (header, body) = csv.split_at(csv.find('\n').unwrap() + 1);
    let csv = format!("{header}{}", body.repeat(4));
    let mut seen = 0;
    for entry in fs::read_dir(data("parquet")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.starts_with("codec_") {
            twins(&format!("parquet/{name}"), &csv, &ReadOptions::default());
            seen += 1;
        }
    }
    assert_eq!(seen, 6 * 2 * 2 + 2);
}

#[test]
fn a_table_of_customers_is_the_same_as_its_csv() {
    let csv = fs::read_to_string(data("telco_churn.csv")).unwrap();
    let csv: String = csv.split_inclusive('\n').take(1_501).collect();
    let options = ReadOptions { keep: ["customer_id".to_owned()].into(), ..ReadOptions::default() };
    for name in ["parquet/telco_pyarrow.parquet", "parquet/telco_polars.parquet"] {
        twins(name, &csv, &options);
    }
}

#[test]
fn what_has_no_place_in_a_table_is_left_out_and_named() {
    let expected = [
        ("a", "number"),
        ("list", "lists"),
        ("struct", "structs"),
        ("map", "maps"),
        ("clock", "times of day"),
        ("span", "durations"),
        ("bytes", "bytes that are not text"),
        ("fixed", "bytes that are not text"),
        ("words", "lists"),
        ("b", "text"),
    ];
    let kinds = |name| {
        let table = crate::table::read(&data(name), &ReadOptions::default()).unwrap();
        table.columns.iter().map(|c| (c.name.clone(), c.kind().to_owned())).collect::<Vec<_>>()
    };
    let expected = expected.map(|(name, kind)| (name.to_owned(), kind.to_owned()));
    assert_eq!(kinds("parquet/nested_pyarrow.parquet"), expected);
    let expected: Vec<_> =
        expected.into_iter().filter(|(name, _)| !matches!(name.as_str(), "map" | "fixed" | "words")).collect();
    assert_eq!(kinds("parquet/nested_polars.parquet"), expected);
}

#[test]
fn what_has_no_place_in_a_table_is_refused_when_asked_for() {
    let path = data("parquet/nested_pyarrow.parquet");
    for (column, kind) in [("list", "lists"), ("struct", "structs"), ("map", "maps"), ("span", "durations")] {
        let name = column.to_owned();
        let plain = ReadOptions::default;
        for options in [
            ReadOptions { wanted: only(&[column]), ..plain() },
            ReadOptions { keep: [name.clone()].into(), ..plain() },
            ReadOptions { categorical: Some(Selection::names([column])), ..plain() },
            ReadOptions { carry: Some(Selection::names([column])), ..plain() },
        ] {
            let message = crate::table::read(&path, &options).unwrap_err().to_string();
            assert!(message.contains(&format!("column '{column}': {kind} cannot be read")), "{message}");
        }
    }
    let options = ReadOptions { wanted: only(&["b", "a"]), ..ReadOptions::default() };
    let table = crate::table::read(&path, &options).unwrap();
    assert_eq!(table.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(table.selected, Some(vec!["b".to_owned(), "a".to_owned()]));
}

#[test]
fn every_ending_is_read() {
    let folder = tempfile::tempdir().unwrap();
    for ending in ["parquet", "pq", "PARQ"] {
        let path = folder.path().join(format!("a.{ending}"));
        fs::write(&path, written(&[("x", Arc::new(Int32Array::from(vec![1])))], 9)).unwrap();
        assert_eq!(numbers(&crate::table::read(&path, &ReadOptions::default()).unwrap(), "x"), [1.0]);
    }
    let path = folder.path().join("a.pq");
    fs::write(&path, written(&[("x", Arc::new(Int32Array::from(Vec::<i32>::new())))], 9)).unwrap();
    let message = crate::table::read(&path, &ReadOptions::default()).unwrap_err().to_string();
    assert!(message.contains("no data rows"), "{message}");
}

#[test]
fn row_groups_and_batches_cannot_be_seen() {
    let rows = 2 * BATCH + 77;
    let numbers: Int64Array = (0..rows as i64).map(|i| (i % 97 > 0).then_some(i * 7)).collect();
    let names: Vec<String> = (0..rows).map(|i| format!("n{}", i % 1_000)).collect();
    let columns: [(&str, ArrayRef); 2] =
        [("x", Arc::new(numbers)), ("n", Arc::new(names.iter().map(Some).collect::<StringArray>()))];
    let keep: ReadOptions =
        ReadOptions { keep: ["n".to_owned()].into(), wanted: only(&["x", "n"]), ..Default::default() };
    let whole = with(&written(&columns, rows), &keep).unwrap();
    assert_eq!(whole.columns[0].numbers().unwrap().get(rows - 1), ((rows - 1) * 7) as f64);
    assert_eq!(whole.columns[0].missing, rows.div_ceil(97) as u64);
    for group in [1_009, BATCH - 1, BATCH] {
        assert_eq!(held(&with(&written(&columns, group), &keep).unwrap()), held(&whole), "{group}");
    }
}

#[test]
fn row_groups_of_one_kind_each_cannot_be_seen() {
    let texts = ["x", "1", "2", "3", "inf", "yes", "2024-01-01", "NA"];
    for first in 0..texts.len() {
        let mut texts = texts;
        texts.rotate_left(first);
        let columns: [(&str, ArrayRef); 1] = [("t", Arc::new(StringArray::from(texts.to_vec())))];
        let whole = held(&table(&written(&columns, 100)));
        (1..8).for_each(|group| assert_eq!(held(&table(&written(&columns, group))), whole, "{texts:?} by {group}"));
    }
}

#[test]
fn one_row_to_a_row_group_is_read_like_any_other() {
    let bytes = written(&[("x", Arc::new((0..3_000).collect::<Int32Array>()))], 1);
    assert_eq!(numbers(&table(&bytes), "x"), (0..3_000).map(f64::from).collect::<Vec<_>>());
}

#[test]
fn an_infinity_names_its_row_and_column() {
    let x = Float32Array::from(vec![Some(1.0), None, Some(f32::NAN), Some(f32::NEG_INFINITY)]);
    let bytes = written(&[("a", Arc::new(Int32Array::from(vec![1; 4]))), ("x", Arc::new(x))], 3);
    refused(&bytes, &["a.parquet: row 4: column 'x': '-inf' is infinite"]);
    let options = ReadOptions { wanted: only(&["a"]), ..ReadOptions::default() };
    assert_eq!(with(&bytes, &options).unwrap().rows, 4);
}

#[test]
fn nan_and_null_are_missing_and_zero_has_no_sign() {
    let bytes = written(&[("x", Arc::new(Float64Array::from(vec![Some(-0.0), None, Some(f64::NAN)])))], 9);
    let t = table(&bytes);
    assert_eq!((t.columns[0].missing, t.columns[0].first_missing), (2, Some(1)));
    assert_eq!(t.columns[0].numbers().unwrap().get(0).to_bits(), 0);
    assert_eq!(t.place(2, "x").to_string(), "a.parquet: row 3: column 'x'");
}

#[test]
fn kept_columns_take_the_spelling() {
    let columns: [(&str, ArrayRef); 5] = [
        ("i", Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(7)]))),
        ("f", Arc::new(Float64Array::from(vec![Some(1001.0), Some(0.1), Some(1e300)]))),
        ("s", Arc::new(Float32Array::from(vec![Some(0.1), None, Some(-2.0)]))),
        ("b", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
        ("t", Arc::new(TimestampNanosecondArray::from(vec![Some(-1_500_000_000), Some(0), None]))),
    ];
    let keep = columns.iter().map(|(n, _)| (*n).to_owned()).collect();
    let t = with(&written(&columns, 2), &ReadOptions { keep, ..ReadOptions::default() }).unwrap();
    assert_eq!(texts(&t, "i"), ["-9223372036854775808", "", "7"]);
    assert_eq!(texts(&t, "f"), ["1001", "0.1", "1e300"]);
    assert_eq!(texts(&t, "s"), ["0.1", "", "-2"]);
    assert_eq!(texts(&t, "b"), ["true", "false", ""]);
    assert_eq!(texts(&t, "t"), ["1969-12-31 23:59:58.5", "1970-01-01", ""]);
    assert!(t.columns.is_empty());
}

#[test]
fn known_levels_hold_for_numbers_as_text() {
    let as_text = [("x".to_owned(), vec!["2".to_owned(), "1".to_owned()])].into();
    let bytes = written(&[("x", Arc::new(Int32Array::from(vec![Some(1), Some(3), None])))], 9);
    let t = with(&bytes, &ReadOptions { as_text, ..ReadOptions::default() }).unwrap();
    let Values::Levels(levels) = &t.columns[0].values else { panic!("{:?}", t.columns[0]) };
    assert_eq!(levels.codes[..], [1, crate::table::UNSEEN, crate::table::MISSING]);
}

#[test]
fn columns_that_are_not_asked_for_are_not_decoded() {
    let long: DictionaryArray<Int32Type> = std::iter::repeat_n("long ".repeat(1_000).as_str(), 50).collect();
    let mut bytes = written(&[("long", Arc::new(long)), ("x", Arc::new(Int32Array::from(vec![5; 50])))], 50);
    let at = bytes.windows(9).position(|w| w == b"long long").unwrap();
    bytes[at - 8..at + 100].fill(0xff);
    refused(&bytes, &["column 'long': row group 1 cannot be read"]);
    let options = ReadOptions { wanted: only(&["x"]), ..ReadOptions::default() };
    assert_eq!(numbers(&with(&bytes, &options).unwrap(), "x"), [5.0; 50]);
}

#[test]
fn blocks_of_numbers_are_packed_while_they_are_read() {
    let t = table(&written(&[("x", Arc::new((0..100_000).map(|i| i % 3).collect::<Int32Array>()))], 30_000));
    assert!(t.columns[0].numbers().is_some_and(|n: &Numbers| n.bytes() < 200_000));
}

#[test]
fn a_decimal_comma_is_how_texts_spell_numbers_and_no_others() {
    let large = Decimal128Array::from(vec![123_456_789_012_345_678_905, 25]).with_precision_and_scale(38, 1).unwrap();
    let columns: [(&str, ArrayRef); 3] = [
        ("f", Arc::new(Float64Array::from(vec![1.5, 2.0]))),
        ("d", Arc::new(large)),
        ("s", Arc::new(StringArray::from(vec!["1,5", "2"]))),
    ];
    for nulls in [vec![], vec!["none of them".to_owned()]] {
        let options = ReadOptions { decimal_comma: true, nulls, ..ReadOptions::default() };
        let t = with(&written(&columns, 9), &options).unwrap();
        assert_eq!((numbers(&t, "f"), numbers(&t, "s")), (vec![1.5, 2.0], vec![1.5, 2.0]));
        assert_eq!(numbers(&t, "d"), [12_345_678_901_234_567_890.5, 2.5]);
    }
}
