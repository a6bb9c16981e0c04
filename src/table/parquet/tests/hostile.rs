//! Files that are cut, changed or lie: each is refused, with little memory and in little time.

use super::forged::{Claims, Struct, dictionary, file, lengths, page, run, schema};
use super::*;
use arrow_array::{Float64Array, Int32Array, Int64Array, StringArray};
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{EnabledStatistics, WriterVersion};
use std::io::Write;

/// Small files of several encodings.
fn seeds() -> Vec<Vec<u8>> {
    let columns: [(&str, ArrayRef); 3] = [
        ("i", Arc::new(Int64Array::from(vec![Some(1), None, Some(3), Some(400), Some(5)]))),
        ("f", Arc::new(Float64Array::from(vec![Some(0.5), Some(1.5), None, Some(2.5), Some(0.5)]))),
        ("t", Arc::new(StringArray::from(vec![Some("a"), Some("bc"), Some("a"), None, Some("longer than twelve")]))),
    ];
    let plain = || {
        WriterProperties::builder().set_statistics_enabled(EnabledStatistics::None).set_max_row_group_row_count(Some(3))
    };
    let properties = [
        plain().build(),
        plain().set_dictionary_enabled(false).set_writer_version(WriterVersion::PARQUET_2_0).build(),
        plain().set_compression(Compression::SNAPPY).build(),
        plain().set_compression(Compression::ZSTD(Default::default())).build(),
        plain().set_compression(Compression::GZIP(Default::default())).set_dictionary_enabled(false).build(),
        plain().set_compression(Compression::LZ4_RAW).build(),
        plain().set_compression(Compression::BROTLI(Default::default())).build(),
        plain().set_dictionary_enabled(false).set_column_encoding("t".into(), Encoding::DELTA_BYTE_ARRAY).build(),
        plain()
            .set_dictionary_enabled(false)
            .set_column_encoding("t".into(), Encoding::DELTA_LENGTH_BYTE_ARRAY)
            .build(),
    ];
    properties.into_iter().map(|p| with_properties(&columns, p)).collect()
}

#[test]
fn mutated_files_never_panic() {
    let seeds = seeds();
    let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
    seeds.iter().for_each(|seed| assert_eq!(table(seed).rows, 5));
    let options = ReadOptions { keep: ["t".to_owned()].into(), ..ReadOptions::default() };
    crate::table::mutation::each(&seeds, 6_000, |bytes| {
        if let Ok(table) = with(bytes, &options) {
            assert!(table.columns.iter().all(|c| c.numbers().is_none_or(|n| n.len() == table.rows)), "{bytes:?}");
            assert!(table.kept.iter().all(|k| k.texts.len() == table.rows), "{bytes:?}");
        }
    });
}

#[test]
fn every_flipped_byte_is_read_or_refused() {
    for seed in seeds() {
        for at in 0..seed.len() {
            for flip in [1, 0x80, 0xff] {
                let mut bytes = seed.clone();
                bytes[at] ^= flip;
                if let Err(error) = with(&bytes, &ReadOptions::default()) {
                    assert_eq!(error.exit_code(), 3, "byte {at} ^ {flip}: {error}");
                }
            }
        }
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let bytes = &seeds()[0];
    for cut in 0..bytes.len() {
        refused(&bytes[..cut], &["hint: "]);
    }
    refused(b"", &["the file is empty"]);
    refused(b"PAR1", &["cut off"]);
    refused(b"a,b\n1,2\n3,4\n", &["not a Parquet file", "hint: is it a CSV file?"]);
}

#[test]
fn a_footer_that_lies_about_its_length_is_refused() {
    let sound = &seeds()[0];
    let at = sound.len() - 8;
    for (claim, words) in [(0, "damaged"), (u32::MAX, "4294967295 bytes long"), (1 << 31, "damaged"), (9, "a.parquet")]
    {
        let mut bytes = sound.clone();
        bytes[at..at + 4].copy_from_slice(&u32::to_le_bytes(claim));
        refused(&bytes, &[words]);
    }
}

#[test]
fn an_encrypted_footer_is_named() {
    let mut bytes = seeds()[0].clone();
    let at = bytes.len() - 4;
    bytes[at..].copy_from_slice(b"PARE");
    refused(&bytes, &["the file is encrypted", "decrypt it first"]);
}

fn leaf(name: &str) -> Struct {
    Struct::default().i32(1, 2).i32(3, 0).text(4, name)
}

fn group(name: &str, children: i64) -> Struct {
    Struct::default().i32(3, 0).text(4, name).i32(5, children)
}

#[test]
fn schemas_that_no_table_has_are_refused() {
    let deep = |levels: usize| {
        let inner = (0..levels).map(|_| group("g", 1));
        schema(std::iter::once(group("root", 1)).chain(inner).chain([leaf("x")]).collect())
    };
    refused(&deep(10_000), &["over 100 groups deep"]);
    assert_eq!(table(&deep(50)).columns[0].kind(), "structs");
    let wide = |columns: i64| {
        schema(std::iter::once(group("root", columns)).chain((0..columns).map(|i| leaf(&format!("c{i}")))).collect())
    };
    refused(&wide(65_537), &["65537 columns; the limit is 65536"]);
    assert_eq!(table(&wide(5_000)).columns.len(), 5_000);
    refused(&schema(vec![group("root", 0)]), &["no columns"]);
    refused(&schema(Vec::new()), &["no columns"]);
    for children in [2, i64::from(i32::MAX), 1 << 40, -1] {
        refused(&schema(vec![group("root", children), leaf("x")]), &["damaged"]);
    }
    refused(
        &schema(vec![group("root", 2), leaf("a.b"), leaf("a.b")]),
        &["duplicate column names: 'a.b' (columns 1, 2)"],
    );
    refused(&schema(vec![group("root", 2), leaf("a"), leaf("")]), &["no name for column 2 of 2"]);
    assert_eq!(table(&schema(vec![group("root", 1), leaf("a.b")])).columns[0].name, "a.b");
}

#[test]
fn a_list_longer_than_the_footer_is_refused() {
    // Two billion row groups, in a list that ends at once.
    let mut bytes = schema(vec![group("root", 1), leaf("x")]);
    let at = bytes.len() - 8 - 3;
    assert_eq!(bytes[at..at + 2], [0xfc, 0]);
    bytes.splice(at + 1..at + 2, [0xff, 0xff, 0xff, 0xff, 7]);
    let at = bytes.len() - 8;
    let length = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) + 4;
    bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
    refused(&bytes, &["damaged"]);
}

/// Ten INT64 as they lie in a page.
fn ten() -> Vec<u8> {
    (0..10i64).flat_map(i64::to_le_bytes).collect()
}

#[test]
fn a_forged_file_without_lies_is_read() {
    let t = table(&Claims::of(10).file(&[page(10, 0, 80, 80, &ten())]));
    assert_eq!(numbers(&t, "x"), (0..10).map(f64::from).collect::<Vec<_>>());
    let claims = Claims { dictionary: true, ..Claims::of(20_000_000) };
    let pages = [dictionary(1, &7i64.to_le_bytes()), page(20_000_000, 8, 6, 6, &run(20_000_000))];
    let t = table(&claims.file(&pages));
    let x = t.columns[0].numbers().unwrap();
    assert_eq!((t.rows, x.get(0), x.get(t.rows - 1)), (20_000_000, 7.0, 7.0));
    assert!(x.bytes() < 4 << 20, "equal numbers take a bit each");
}

#[test]
fn a_long_text_that_comes_often_is_in_memory_once() {
    // Two thousand times a megabyte, in a file of one.
    let text = "x".repeat(1 << 20);
    let entry = [&(1u32 << 20).to_le_bytes()[..], text.as_bytes()].concat();
    let claims = Claims { kind: 6, dictionary: true, ..Claims::of(2_000) };
    let run = run(2_000);
    let length = run.len() as i64;
    let t = table(&claims.file(&[dictionary(1, &entry), page(2_000, 8, length, length, &run)]));
    let Values::Levels(levels) = &t.columns[0].values else { panic!() };
    assert_eq!((levels.names.len(), levels.codes.len()), (1, 2_000));
}

#[test]
fn counts_of_rows_that_disagree_are_refused() {
    let pages = |values| [page(values, 0, 80, 80, &ten())];
    for (claims, values, words) in [
        (Claims { group_rows: 100, file_rows: 100, ..Claims::of(10) }, 10, "claims 10 values for 100 rows"),
        (Claims::of(100), 91, "its pages hold 91 values for 100 rows"),
        (Claims::of(100), 100, "row group 1 cannot be read"),
        (Claims { file_rows: 11, ..Claims::of(10) }, 10, "11 rows in all, 10 in its row groups"),
        (Claims { group_rows: -1, ..Claims::of(10) }, 10, "damaged"),
        (Claims::of(1_000_000_000), 1_000_000_000, "row group 1 cannot be read"),
        (Claims::of(1_000_000_000_000), 10, "1000000000000 rows; the limit is 4294967295"),
        (Claims { size: Some(i64::MAX), ..Claims::of(10) }, 10, "are not in the file"),
        (Claims { size: Some(-1), ..Claims::of(10) }, 10, "are not in the file"),
        (Claims { size: Some(3), ..Claims::of(10) }, 10, "page header"),
    ] {
        refused(&claims.file(&pages(values)), &[words]);
    }
}

#[test]
fn pages_that_claim_too_much_are_refused() {
    let most = i64::from(i32::MAX);
    for codec in [1, 2, 4, 5, 6, 7] {
        let claims = Claims { codec, ..Claims::of(10) };
        refused(&claims.file(&[page(10, 0, most, 80, &ten())]), &["column 'x': row group 1", "unpacked from 80"]);
        refused(&claims.file(&[page(10, 0, -1, 80, &ten())]), &["page header"]);
    }
    refused(&Claims::of(10).file(&[page(10, 0, 80, most, &ten())]), &["is 2147483647 bytes long"]);
    refused(&Claims { codec: 3, ..Claims::of(10) }.file(&[page(10, 0, 80, 80, &ten())]), &["LZO"]);
    let claims = Claims { dictionary: true, ..Claims::of(10) };
    let pages = [dictionary(most, &7i64.to_le_bytes()), page(10, 8, 3, 3, &run(10))];
    refused(&claims.file(&pages), &["claims 2147483647 entries in 8 bytes"]);
}

#[test]
fn a_page_that_unpacks_to_more_than_it_claims_is_refused() {
    // 1.1 GB of zeros, in about a megabyte of gzip.
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    (0..1_100).for_each(|_| packed.write_all(&vec![0; 1 << 20]).unwrap());
    let packed = packed.finish().unwrap();
    let length = packed.len() as i64;
    let bytes = Claims { codec: 2, ..Claims::of(10) }.file(&[page(10, 0, 80, length, &packed)]);
    refused(&bytes, &["is over 1073741824 bytes, unpacked"]);
}

#[test]
fn texts_that_claim_too_much_are_refused() {
    let claims = Claims { kind: 6, ..Claims::of(300) };
    let texts =
        |encoding, bytes: &[u8]| claims.file(&[page(300, encoding, bytes.len() as i64, bytes.len() as i64, bytes)]);
    refused(&texts(6, &lengths(1 << 40, 1)), &["more values than it holds"]);
    refused(&texts(7, &[lengths(300, 0), lengths(1 << 40, 1)].concat()), &["more values than it holds"]);
    // Three hundred texts that each begin with 100 MB of the one before.
    refused(&texts(7, &[lengths(300, 100 << 20), lengths(300, 1)].concat()), &["more values than it holds"]);
    let sound = [lengths(300, 2), b"ab".repeat(300)].concat();
    assert_eq!(table(&texts(6, &sound)).rows, 300);
    let sound = [lengths(300, 0), lengths(300, 2), b"ab".repeat(300)].concat();
    assert_eq!(table(&texts(7, &sound)).rows, 300);
}

#[test]
fn a_file_without_row_groups_has_no_rows() {
    assert_eq!(table(&schema(vec![group("root", 1), leaf("x")])).rows, 0);
    let footer = Struct::default().i32(1, 1);
    refused(&file(&[], footer), &["no columns"]);
}

#[test]
fn text_that_is_not_utf_8_is_refused() {
    let bytes = written(&[("t", Arc::new(StringArray::from(vec!["abcdefgh"; 3])))], 9);
    let at = bytes.windows(8).position(|w| w == b"abcdefgh").unwrap();
    let mut bytes = bytes;
    bytes[at] = 0xff;
    refused(&bytes, &["column 't': row group 1 cannot be read"]);
}

#[test]
fn wrong_statistics_are_not_believed() {
    let sound = written(&[("x", Arc::new(Int32Array::from(vec![0x0102_0304; 9])))], 9);
    let value = 0x0102_0304i32.to_le_bytes();
    let mut bytes = sound.clone();
    // The dictionary comes first; all copies after it are statistics.
    let places: Vec<usize> = (0..sound.len() - 4).filter(|at| sound[*at..at + 4] == value).collect();
    assert!(places.len() > 1);
    places[1..].iter().for_each(|at| bytes[*at..at + 4].fill(0xee));
    assert_eq!(held(&table(&bytes)), held(&table(&sound)));
}
