//! What is left out where rows may be rejected, and where reading ends all the same.

use super::*;
use crate::table::reading::texts_again;
use crate::table::rejects::leave_out;
use std::time::{Duration, Instant};

fn skipping(most: usize) -> ReadOptions {
    ReadOptions { rejects: Some(most), ..ReadOptions::default() }
}

/// Reads as [`crate::table::read`] does, in segments of every length.
fn read(bytes: impl AsRef<[u8]>, options: &ReadOptions) -> Result<Table> {
    leave_out(texts_again(options, |options| with(bytes.as_ref(), options))?, options)
}

/// Line, column and reason of each row that was left out.
fn rejects(table: &Table) -> Vec<(u64, &str, &str)> {
    let told = |r: &'_ crate::table::Reject| r.place.line.unwrap();
    table.rejects.iter().map(|r| (told(r), r.place.column.as_deref().unwrap_or_default(), r.reason.as_str())).collect()
}

#[test]
fn a_record_that_cannot_be_a_row_is_left_out_and_listed() {
    let bytes = b"a,b\n1,2\n3\n4,5,6\n7,caf\xe9\n8,\"9\"x\n10,1\0\n11,12\n13,\xe2\x82";
    let t = read(bytes, &skipping(9)).unwrap();
    assert_eq!((numbers(&t, "a"), numbers(&t, "b")), (vec![1.0, 11.0], vec![2.0, 12.0]));
    let expected = [
        (3, "", "expected 2 fields, found 1"),
        (4, "", "expected 2 fields, found 3"),
        (5, "b", "byte 0xE9 at offset 21 is not UTF-8"),
        (6, "b", "'x' after a closing quote"),
        (7, "b", "NUL byte at offset 34"),
        (9, "b", "byte 0xE2 at offset 45 is not UTF-8"),
    ];
    assert_eq!(rejects(&t), expected);
    let values: Vec<&str> = t.rejects.iter().map(|r| r.value.as_str()).collect();
    assert_eq!(values, ["3", "4,5,6", "caf\u{fffd}", "9\u{fffd}", "1\u{fffd}", "\u{fffd}\u{fffd}"]);
    assert_eq!(t.place(1, "a").line, Some(8));
}

#[test]
fn a_value_that_no_number_column_can_hold_rejects_its_row() {
    let t = read("id,a,b\nx,1,1\ny,many,2\nz,3,inf\nw,1e999,none\nv,5,2024-01-01\nu,6,7\n", &skipping(9)).unwrap();
    assert_eq!((numbers(&t, "a"), numbers(&t, "b")), (vec![1.0, 6.0], vec![1.0, 7.0]));
    assert_eq!(levels(&t, "id").codes.len(), 2);
    let expected = [
        (3, "a", "'many' is not a number"),
        (4, "b", "'inf' is infinite"),
        (5, "a", "'1e999' is an overflow: it is infinite as a 64-bit number"),
        (6, "b", "'2024-01-01' is not a number"),
    ];
    assert_eq!(rejects(&t), expected);
}

#[test]
fn the_reason_goes_by_how_cells_are_read() {
    let options = ReadOptions { decimal_comma: true, nulls: vec!["1e999".into()], ..skipping(9) };
    let t = read("a;b\n1,5;1\n2.5;2\n2,5e999;3\n1e999;4\n4;5\n5;-Inf\n6;7\n", &options).unwrap();
    assert_eq!(format!("{:?}", numbers(&t, "a")), "[1.5, NaN, 4.0, 6.0]");
    let expected = [
        (3, "a", "'2.5' is not a number"),
        (4, "a", "'2,5e999' is an overflow: it is infinite as a 64-bit number"),
        (7, "b", "'-Inf' is infinite"),
    ];
    assert_eq!(rejects(&t), expected);
}

#[test]
fn a_hole_in_a_file_is_gone_over_at_once() {
    const RECORD: usize = 15 << 20;
    for (hole, rows) in [("\0", 1), ("\0a", 1), ("\u{e9}\0", 1), ("\"a\"x,0\n", RECORD / 7)] {
        let bytes = format!("a,b\n1,2\n{}\n3,4\n", hole.repeat(RECORD / hole.len()));
        let clock = Instant::now();
        let table = read_from(bytes.as_bytes(), "a.csv", &skipping(RECORD), SEGMENT).unwrap();
        assert!(clock.elapsed() < Duration::from_secs(30), "{hole:?} took {:?}", clock.elapsed());
        assert_eq!((table.rejects.len(), table.rows), (rows, rows + 2), "{hole:?}");
    }
}

#[test]
fn a_character_of_several_bytes_behind_a_quote_is_one_wrong_character() {
    let t = read("a,b\n1,2\n3,\"4\"\u{20ac}5\n6,7\n", &skipping(9)).unwrap();
    assert_eq!(rejects(&t), [(3, "b", "'\u{20ac}' after a closing quote")]);
    assert_eq!(t.rejects[0].value, "4\u{fffd}\u{fffd}\u{fffd}5");
}

#[test]
fn a_text_before_any_number_rejects_its_row_too() {
    let t = read("a\nx\n1\n2\n", &skipping(1)).unwrap();
    assert_eq!((numbers(&t, "a"), rejects(&t)), (vec![1.0, 2.0], vec![(2, "a", "'x' is not a number")]));
}

#[test]
fn a_column_of_mostly_texts_stays_one_of_texts() {
    let t = read("a,b\nx,1\n1,2\ninf,3\n", &skipping(9)).unwrap();
    assert_eq!((levels(&t, "a").names, t.rejects.len()), (vec!["x".into(), "1".into(), "inf".into()], 0));
    let numbers_wanted = ReadOptions { numbers: set(&["a"]), ..skipping(9) };
    assert_eq!(numbers(&read("a,b\nx,1\n1,2\ny,3\n", &numbers_wanted).unwrap(), "a"), [1.0]);
}

#[test]
fn a_row_counts_once_however_much_is_wrong_with_it() {
    let t = read(b"a,b,c\n1,2,3\nx,y,\xff\nx,inf,z\n4,5,6\n7,8,9\n", &skipping(2)).unwrap();
    assert_eq!(t.rejects.len(), 2);
    assert_eq!((rejects(&t)[1].0, rejects(&t)[1].1), (4, "a"));
}

#[test]
fn more_than_may_be_left_out_is_an_error_at_the_first() {
    for bytes in [&b"a,b\n1,2\n3\n4\n5,6\n"[..], b"a,b\n1,2\n3,\xff\n4\n5,6\n", b"a,b\n1,2\n3,x\n4,inf\n5,6\n6,7\n"] {
        assert_eq!(read(bytes, &skipping(2)).unwrap().rejects.len(), 2);
        let message = read(bytes, &skipping(1)).unwrap_err().to_string();
        assert!(message.starts_with("a.csv:3: ") && message.contains("more than 1 row cannot be used"), "{message}");
        assert!(message.contains("--max-rejects"), "{message}");
        let message = read(bytes, &skipping(0)).unwrap_err().to_string();
        assert!(message.contains("more than 0 rows"), "{message}");
    }
}

#[test]
fn no_row_that_can_be_used_is_an_error() {
    let message = read("a,b\n1\n2\n", &skipping(9)).unwrap_err().to_string();
    assert!(message.starts_with("a.csv:2: expected 2 fields, found 1; no row of the file can be used"), "{message}");
}

#[test]
fn where_the_end_of_a_record_is_in_doubt_reading_ends() {
    for (bytes, place, words) in [
        ("a,b\n1,2\n3,\"4\n5,6\n", "a.csv:3: column 'b'", "opened at line 3 is never closed"),
        ("a,b\n\"p\"q,\"4\n5\",6\n", "a.csv:2: column 'b'", "opened at line 2 is never closed"),
        ("a,\"b\"x\n1,2\n", "a.csv:1: field 2", "after a closing quote"),
        ("a,b\0\n1,2\n", "a.csv:1: field 2", "NUL"),
    ] {
        let message = read(bytes, &skipping(9)).unwrap_err().to_string();
        assert!(message.starts_with(place) && message.contains(words), "{message}");
    }
}

#[test]
fn quotes_behind_a_broken_field_are_taken_as_the_parser_takes_them() {
    let t = read("a,b\n\"p\"q,\"x,\"\"y\"\n1,2\n\"p\"q\"r,3\n4,5\n", &skipping(9)).unwrap();
    assert_eq!((numbers(&t, "a"), numbers(&t, "b")), (vec![1.0, 4.0], vec![2.0, 5.0]));
    assert_eq!(rejects(&t).iter().map(|r| r.0).collect::<Vec<_>>(), [2, 4]);
}

#[test]
fn what_is_left_is_the_table_of_the_sound_lines() {
    let sound = "id,a,t\r\nx,1,u\r\n\r\ny,2,v\r\nz,,u\r\n";
    let torn = "id,a,t\r\nbad\r\nx,1,u\r\n\r\ny,2,v\r\nq,inf,w\r\nz,,u\r\nr,3,\"w\"w\r\n";
    let (sound, torn) = (read(sound, &skipping(9)).unwrap(), read(torn, &skipping(9)).unwrap());
    assert_eq!(format!("{:?}", numbers(&torn, "a")), format!("{:?}", numbers(&sound, "a")));
    assert_eq!(levels(&torn, "t").codes, levels(&sound, "t").codes);
    assert_eq!((torn.columns[1].missing, torn.columns[1].first_missing), (1, Some(2)));
    assert_eq!((torn.rejects.len(), torn.rows), (3, 3));
}

#[test]
fn mutated_files_keep_their_accounts() {
    let seeds: [&[u8]; 4] = [
        b"id,spend,visits\nc1,12.5,3\nc2,NA,4\nc3,1e3,5\nc4,inf,6\n",
        b"\xef\xbb\xbf\"id\",\"a\nb\"\r\n\"x\"\"y\",1\r\n\r\n\"z\",-0.5\r\n",
        b"a,b\r1,2\r\"2\"x,\"3\"\r3,4,\r",
        "name,x\nJ\u{fc}rgen \u{1f600},1\n\"\u{141}\u{f3}d\u{17a}, PL\",inf\n".as_bytes(),
    ];
    let mut rejected = 0;
    crate::table::mutation::each(&seeds, 6_000, |bytes| {
        let options = skipping(3);
        let Ok(raw) = texts_again(&options, |options| with(bytes, options)) else { return };
        let Ok(table) = leave_out(raw.clone(), &options) else { return };
        assert_eq!(raw.rows, table.rows + table.rejects.len(), "{bytes:?}");
        assert_eq!(raw.rows, with(bytes, &ReadOptions { rejects: Some(99), ..ids(&[]) }).unwrap().rows);
        assert!(table.columns.iter().all(|c| c.gaps().is_none_or(|gaps| gaps.len() == table.rows)), "{bytes:?}");
        rejected += table.rejects.len();
    });
    assert!(rejected > 500, "{rejected}");
}
