//! What the Parquet reader makes of sound files, and how it refuses others.

mod forged;
mod hostile;
mod written;

use super::*;
use crate::table::{Numbers, Selection, Table, Values};
use arrow_array::{ArrayRef, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use std::path::PathBuf;

fn with(bytes: &[u8], options: &ReadOptions) -> Result<Table> {
    parse(Source::memory(bytes), "a.parquet", Asked::of(options))?.finish(options)
}

fn table(bytes: &[u8]) -> Table {
    with(bytes, &ReadOptions::default()).unwrap()
}

#[track_caller]
fn refused(bytes: &[u8], words: &[&str]) {
    let error = with(bytes, &ReadOptions::default()).unwrap_err();
    assert_eq!(error.exit_code(), 3, "{error}");
    let message = error.to_string();
    assert!(message.starts_with("a.parquet: "), "{message}");
    for word in words {
        assert!(message.contains(word), "no {word:?} in: {message}");
    }
}

/// A file of these columns, in row groups of so many rows.
fn written(columns: &[(&str, ArrayRef)], group: usize) -> Vec<u8> {
    with_properties(columns, WriterProperties::builder().set_max_row_group_row_count(Some(group)).build())
}

fn with_properties(columns: &[(&str, ArrayRef)], properties: WriterProperties) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.iter().map(|(n, a)| (*n, a.clone(), true))).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn numbers(table: &Table, name: &str) -> Vec<f64> {
    table.column(name).unwrap().numbers().unwrap().to_vec()
}

fn texts(table: &Table, name: &str) -> Vec<String> {
    table.text(name).unwrap().iter().map(String::from).collect()
}

fn only(names: &[&str]) -> Option<Selection> {
    Some(Selection::names(names.iter().copied()))
}

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// What a table holds, to be compared with that of another file.
fn held(table: &Table) -> Vec<String> {
    let columns = table.columns.iter().map(|c| format!("{c:?}"));
    columns.chain(table.kept.iter().map(|k| format!("{k:?}"))).collect()
}
