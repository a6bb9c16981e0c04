//! Which separator a file uses, how it spells numbers, and files that are no CSV.

use super::*;

#[test]
fn the_separator_that_all_first_records_agree_on_is_found_and_told() {
    for (bytes, separator) in [
        ("a;b\n1,5;2\n3;4\n", Some(';')),
        ("\u{feff}a\tb\r\n1\t2\r\n", Some('\t')),
        ("a|b\n1|2", Some('|')),
        ("\"a,b\";c\n1;2\n", Some(';')),
        ("a,b;c;d\n1;2;3\n4;5,6;7\n", Some(';')),
        ("a,b\n1,2\n", None),
        ("a;x,b\n1;2,3\n", None),
    ] {
        let t = table(bytes);
        assert_eq!(t.separator, separator, "{bytes:?}");
        assert!(t.columns.len() > 1, "{bytes:?}");
    }
    let many = "a;b\n".to_owned() + &"1;2\n".repeat(20_000) + "3\n";
    refused(many, "a.csv:20002: expected 2 fields, found 1", &[]);
}

#[test]
fn a_separator_in_doubt_is_an_error() {
    refused("a;b|c\n1;2|3\n", "a.csv:1: ", &["holds ';'", "--delimiter ';'"]);
    refused("a;b\n1;2\n3\n", "a.csv:1: ", &["--delimiter ';'"]);
    refused("a,b\n1;2\n", "a.csv:2: expected 2 fields, found 1", &[]);
    refused("a;b\n1,2\n", "a.csv:1: ", &["--delimiter ';'"]);
    let options = ReadOptions { delimiter: Some(b','), ..ReadOptions::default() };
    assert_eq!(with("a;b\n1\n", &options).unwrap().columns[0].name, "a;b");
}

#[test]
fn decimal_commas_are_read_where_they_are_asked_for() {
    let options = ReadOptions { decimal_comma: true, nulls: vec!["-,-".into()], ..ReadOptions::default() };
    let t = with("a;b;c\n1,5;2;1.5\n-0,25e1;;x\n+,5;-,-;3,5\n", &options).unwrap();
    assert_eq!((numbers(&t, "a"), numbers(&t, "b")[0]), (vec![1.5, -2.5, 0.5], 2.0));
    assert_eq!((t.columns[1].missing, found(&t, "c").texts), (2, 2));
    let long = format!("a;b\n1,{}5;2\n", "0".repeat(60));
    assert_eq!(numbers(&with(long, &options).unwrap(), "a"), [1.0]);
}

#[test]
fn markup_is_named() {
    let cases = [
        ("{\"a\": 1}\n", "JSON"),
        ("[\n  {\"a\": 1}]", "JSON"),
        ("[[1,2]]", "JSON"),
        ("<!DOCTYPE html>\n", "HTML"),
        ("\n<html>", "HTML"),
        ("\u{feff}<?xml version='1.0'?>", "XML"),
    ];
    for (bytes, name) in cases {
        refused(bytes, "a.csv: this is ", &[name, "hint: "]);
    }
    assert_eq!(table("[a],<b>\n1,2\n").columns.len(), 2);
}

#[test]
fn other_formats_are_named() {
    let cases: [(&[u8], &str); 9] = [
        (b"\x1f\x8b\x08\0\0", "gzip"),
        (b"PK\x03\x04\x14\0", "xlsx"),
        (b"PAR1\x15\0", "Parquet"),
        (b"\x28\xb5\x2f\xfd\0", "zstd"),
        (b"\xff\xfea\0,\0b\0", "UTF-16"),
        (b"\0a\0,\0b\0\n", "UTF-16"),
        (b"a\0,\0b\0\n\0", "UTF-16"),
        (b"\xff\xfe\0\0a\0\0\0", "UTF-32"),
        (b"a\0\0\0,\0\0\0", "UTF-32"),
    ];
    for (bytes, name) in cases {
        refused(bytes, "a.csv: this is ", &[name, "hint: "]);
    }
}

#[test]
fn a_record_that_the_sample_cuts_does_not_count() {
    const HEAD: usize = 64 << 10;
    for records in [99, 100, 101] {
        // The last record of the sample is cut behind its first field.
        let short = "x;y\n".repeat(records - 2);
        let long = "a".repeat(HEAD - short.len() - 5);
        let bytes = format!("{long};b\n{short}xx;y\n1;2\n");
        assert_eq!(&bytes[..HEAD][HEAD - 3..], "\nxx");
        assert_eq!(with(&bytes, &ReadOptions::default()).unwrap().separator, Some(';'), "{records} records");
    }
}
