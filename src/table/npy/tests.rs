//! What the .npy reader accepts, and how it refuses.

use super::*;
use crate::table::{ReadOptions, Selection, Table};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A file of that header text and those bytes, in format version 1.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(header.len()).unwrap();
    [b"\x93NUMPY\x01\x00", &length.to_le_bytes()[..], header.as_bytes(), data].concat()
}

fn plain(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let fortran = if fortran { "True" } else { "False" };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
    let pad = 63 - (10 + header.len()) % 64;
    writeln!(header, "{:pad$}", "").unwrap();
    file(&header, data)
}

fn f4(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn f8(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn length(bytes: &[u8]) -> u64 {
    bytes.len() as u64
}

fn with(bytes: &[u8], options: &ReadOptions) -> Result<Table> {
    parse(bytes, length(bytes), "a.npy", Asked::of(options))?.finish(options)
}

fn table(bytes: &[u8]) -> Table {
    with(bytes, &ReadOptions::default()).unwrap()
}

fn columns(table: &Table) -> Vec<(String, Vec<f64>)> {
    table.columns.iter().map(|c| (c.name.clone(), c.numbers().unwrap().to_vec())).collect()
}

#[track_caller]
fn refused(bytes: &[u8], words: &[&str]) {
    let options = ReadOptions::default();
    for message in [with(bytes, &options).unwrap_err(), matrix_from(bytes, length(bytes), "a.npy").unwrap_err()] {
        assert_eq!(message.exit_code(), 3);
        let message = message.to_string();
        assert!(message.starts_with("a.npy: "), "{message}");
        for word in words {
            assert!(message.contains(word), "no {word:?} in: {message}");
        }
    }
}

/// The matrix [[1, 2, 3], [4, 5, 6]] in every layout.
fn layouts() -> Vec<Vec<u8>> {
    let rows = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0];
    let columns = [1.0_f32, 4.0, 2.0, 5.0, 3.0, 6.0];
    let mut all = Vec::new();
    for (fortran, floats) in [(false, rows), (true, columns)] {
        let values = floats.map(f64::from);
        all.push(plain("<f4", fortran, "(2, 3)", &f4(&floats)));
        all.push(plain("<f8", fortran, "(2, 3)", &f8(&values)));
        all.push(plain(">f4", fortran, "(2, 3)", &floats.map(f32::to_be_bytes).concat()));
        all.push(plain(">f8", fortran, "(2, 3)", &values.map(f64::to_be_bytes).concat()));
    }
    all
}

#[test]
fn every_layout_gives_the_same_table() {
    for bytes in layouts() {
        let t = table(&bytes);
        let expected = [("f0", [1.0, 4.0]), ("f1", [2.0, 5.0]), ("f2", [3.0, 6.0])];
        assert_eq!(columns(&t), expected.map(|(name, values)| (name.to_owned(), values.to_vec())));
        assert_eq!((t.rows, t.parts[0].lines.line(0)), (2, None));
    }
}

#[test]
fn every_layout_gives_the_same_matrix() {
    for bytes in layouts() {
        let matrix = matrix_from(&bytes[..], length(&bytes), "a.npy").unwrap();
        assert!(matrix.is_standard_layout());
        assert_eq!(matrix, ndarray::array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    }
}

#[test]
fn a_matrix_keeps_nan_and_infinities() {
    let bytes = plain("<f8", false, "(1, 3)", &f8(&[f64::NAN, f64::INFINITY, 1e300]));
    let matrix = matrix_from(&bytes[..], length(&bytes), "a.npy").unwrap();
    assert!(matrix[[0, 0]].is_nan() && matrix[[0, 1]].is_infinite() && matrix[[0, 2]].is_infinite());
}

#[test]
fn blocks_and_chunks_do_not_matter() {
    let rows = super::super::BLOCK + 3;
    let values: Vec<f64> = (0..rows * 2).map(|v| v as f64).collect();
    let t = table(&plain("<f8", false, &format!("({rows}, 2)"), &f8(&values)));
    assert_eq!(t.columns[1].numbers().unwrap().to_vec(), (0..rows).map(|r| (2 * r + 1) as f64).collect::<Vec<_>>());
}

#[test]
fn rows_of_every_width_come_back() {
    // Fewer rows than a tile, some waves of a few rows, and columns that are not read between others.
    for (rows, width) in [(1, 1), (65, 3), (1000, 129), (200, 60_000)] {
        let value = |r: usize, j: usize| if (r + j).is_multiple_of(7) { f32::NAN } else { (r * 31 + j) as f32 };
        let values: Vec<f32> = (0..rows * width).map(|i| value(i / width, i % width)).collect();
        let asked: BTreeSet<usize> = [0, width / 2, width - 1].into();
        let names = Selection::names(asked.iter().map(|j| format!("f{j}")));
        let options = ReadOptions { wanted: Some(names), ..ReadOptions::default() };
        let t = with(&plain("<f4", false, &format!("({rows}, {width})"), &f4(&values)), &options).unwrap();
        for (column, j) in t.columns.iter().zip(asked) {
            let expected: crate::table::Numbers = (0..rows).map(|r| f64::from(value(r, j))).collect();
            assert_eq!(column.numbers().unwrap(), &expected, "{rows} rows, column {j} of {width}");
            let missing: Vec<usize> = (0..rows).filter(|r| (r + j).is_multiple_of(7)).collect();
            assert_eq!((column.missing, column.first_missing), (missing.len() as u64, missing.first().copied()));
        }
    }
}

#[test]
fn the_first_infinity_of_the_file_is_told() {
    let (rows, width) = (500_000, 12);
    let mut values = vec![1.0_f32; rows * width];
    for (row, column) in [(450_000, 2), (449_999, 11), (449_999, 7), (480_000, 0)] {
        values[row * width + column] = f32::INFINITY;
    }
    let bytes = plain("<f4", false, &format!("({rows}, {width})"), &f4(&values));
    let message = with(&bytes, &ReadOptions::default()).unwrap_err().to_string();
    assert!(message.starts_with("a.npy: row 450000: column 'f7'"), "{message}");
}

#[test]
fn nan_is_missing_and_zero_has_no_sign() {
    let t = table(&plain("<f4", false, "(3, 1)", &f4(&[-0.0, f32::NAN, f32::NAN])));
    assert_eq!((t.columns[0].missing, t.columns[0].first_missing), (2, Some(1)));
    assert_eq!(t.columns[0].numbers().unwrap().get(0).to_bits(), 0);
}

#[test]
fn an_infinity_names_its_row_and_column() {
    for (fortran, values) in [(false, [0.0, 1.0, 2.0, f32::NEG_INFINITY]), (true, [0.0, 2.0, 1.0, f32::INFINITY])] {
        let bytes = plain("<f4", fortran, "(2, 2)", &f4(&values));
        let message = with(&bytes, &ReadOptions::default()).unwrap_err().to_string();
        assert!(message.starts_with("a.npy: row 2: column 'f1': the value is infinite"), "{message}");
    }
}

#[test]
fn only_reads_what_it_names() {
    let options = |name: &str| ReadOptions { wanted: Some(Selection::names([name])), ..ReadOptions::default() };
    let bytes = plain("<f4", false, "(1, 3)", &f4(&[f32::INFINITY, 2.0, 3.0]));
    assert_eq!(columns(&with(&bytes, &options("f1")).unwrap()), [("f1".to_owned(), vec![2.0])]);
    let message = with(&bytes, &options("f9")).unwrap_err().to_string();
    assert!(message.starts_with("a.npy: no column 'f9'"), "{message}");
}

#[test]
fn an_array_has_no_text() {
    let options = ReadOptions { keep: ["f0".to_owned()].into(), ..ReadOptions::default() };
    let message = with(&plain("<f4", false, "(1, 1)", &f4(&[1.0])), &options).unwrap_err().to_string();
    assert!(message.contains("'f0' cannot be text"), "{message}");
}

#[test]
fn other_dimensions_are_refused() {
    refused(&plain("<f4", false, "(2,)", &f4(&[1.0, 2.0])), &["1-D", "reshape(-1, 1)"]);
    refused(&plain("<f4", false, "()", &f4(&[1.0])), &["0-D"]);
    refused(&plain("<f4", false, "(1, 1, 1)", &f4(&[1.0])), &["3-D"]);
    refused(&plain("<f4", false, "(5, 0)", &[]), &["no columns"]);
}

#[test]
fn other_types_are_refused_by_name() {
    for descr in ["<i8", "<f2", "|b1", "<c8", "|O", "<U5", "<M8[ns]"] {
        refused(&plain(descr, false, "(1, 2)", &[0; 16]), &[descr, "astype('float32')"]);
    }
    let record = "{'descr': [('a', '<f4'), ('b', '<f4')], 'fortran_order': False, 'shape': (1, 2), }";
    refused(&file(record, &[0; 16]), &["('a', '<f4')"]);
}

#[test]
fn a_shape_that_the_file_does_not_hold_is_refused() {
    refused(&plain("<f4", false, "(2, 2)", &[0; 15]), &["takes 16 bytes, but the file holds 15", "truncated"]);
    refused(&plain("<f4", false, "(2, 2)", &[0; 17]), &["takes 16 bytes, but the file holds 17"]);
    refused(&plain("<f8", false, "(1000000000, 1000000000)", &[0; 16]), &["takes 8000000000000000000 bytes"]);
    refused(&plain("<f8", false, "(4294967296, 4294967295)", &[0; 16]), &["takes 147573952555316674560 bytes"]);
    for shape in ["(4294967296, 4294967296)", "(0, 18446744073709551615, 9)", "(99999999999999999999, 1)", "(-1, 1)"] {
        refused(&plain("<f4", false, shape, &[0; 16]), &["header is damaged"]);
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let bytes = plain("<f8", true, "(2, 3)", &f8(&[1.0; 6]));
    for cut in 0..bytes.len() {
        refused(&bytes[..cut], &["hint: "]);
    }
}

#[test]
fn a_file_that_shrinks_is_an_error() {
    let bytes = plain("<f4", false, "(2, 2)", &[0; 16]);
    let cut = &bytes[..bytes.len() - 1];
    assert!(parse(cut, length(&bytes), "a.npy", Asked::of(&ReadOptions::default())).is_err());
    assert!(matrix_from(cut, length(&bytes), "a.npy").is_err());
}

#[test]
fn hostile_headers_are_refused() {
    let deep = "(".repeat(5_000);
    for header in ["", "{", "{}", "[1, 2]", "\u{e9}", &deep, "{'shape': (1, 1)}", "{1: 2}"] {
        refused(&file(header, &[0; 16]), &["header is damaged"]);
    }
    refused(&file("{'descr': '<f4', 'fortran_order': 0, 'shape': (1, 4), }", &[0; 16]), &["header is damaged"]);
    refused(&file("{'descr': '<f4', 'fortran_order': False, 'shape': (0x1, 4), }", &[0; 16]), &["header is damaged"]);
    refused(&[b"\x93NUMPY\x02\x00\xff\xff\xff\xff", &[b' '; 99][..]].concat(), &["over 10000 bytes"]);
    refused(&[b"\x93NUMPY\x09\x00\x02\x00\x00\x00", &[b' '; 99][..]].concat(), &["header is damaged", "version"]);
    refused(b"a,b\n1,2\n3,4\n", &["not an .npy file"]);
    refused(b"", &["file is empty"]);
}

#[test]
fn too_many_columns_are_refused() {
    let bytes = plain("<f4", false, "(1, 65537)", &vec![0; 4 * 65_537]);
    let message = with(&bytes, &ReadOptions::default()).unwrap_err().to_string();
    assert!(message.contains("65537 columns; the limit is 65536"), "{message}");
}

#[test]
fn no_rows_are_refused_by_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("A.NPY");
    std::fs::write(&path, plain("<f4", false, "(0, 3)", &[])).unwrap();
    let message = crate::table::read(&path, &ReadOptions::default()).unwrap_err().to_string();
    assert!(message.contains("no data rows"), "{message}");
    assert_eq!(npy_matrix(&path).unwrap().dim(), (0, 3));
}

#[test]
fn a_written_array_comes_back() {
    use npyz::WriterBuilder;
    let mut bytes = Vec::new();
    let options = npyz::WriteOptions::new().default_dtype().shape(&[2, 2]).writer(&mut bytes);
    let mut writer = options.begin_nd().unwrap();
    writer.extend([1.0_f32, 2.0, 3.0, 4.0]).unwrap();
    writer.finish().unwrap();
    assert_eq!(matrix_from(&bytes[..], length(&bytes), "a.npy").unwrap(), ndarray::array![[1.0, 2.0], [3.0, 4.0]]);
}

#[test]
fn mutated_files_never_panic() {
    let seeds = layouts();
    let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
    crate::table::mutation::each(&seeds, 6_000, |bytes| {
        drop(with(bytes, &ReadOptions::default()));
        drop(matrix_from(bytes, length(bytes), "a.npy"));
    });
}
