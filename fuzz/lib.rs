//! What the targets share. Bytes go through a file, as they do in the program, so that nothing is fuzzed that nobody runs.

use segma::error::Result;
use segma::table::{ReadOptions, Table, Values, read};
use std::fs;
use std::path::PathBuf;

/// Puts the bytes into a file with this ending, in memory where the system has such a place.
pub fn file(bytes: &[u8], ending: &str) -> PathBuf {
    let shared = PathBuf::from("/dev/shm");
    let folder = if shared.is_dir() { shared } else { std::env::temp_dir() };
    let path = folder.join(format!("segma-fuzz-{}.{ending}", std::process::id()));
    fs::write(&path, bytes).expect("the fuzzer needs a place for its file");
    path
}

/// Reads bytes as a table of this format, strictly and with rows left out, and holds the two against each other.
pub fn table(bytes: &[u8], ending: &str) {
    let path = file(bytes, ending);
    let strict = ReadOptions::default();
    let skipping = ReadOptions { rejects: Some(usize::MAX), ..ReadOptions::default() };
    accounts(&read(&path, &strict), &read(&path, &skipping));
    let comma = ReadOptions { decimal_comma: true, nulls: vec!["-".into()], ..strict };
    accounts(&read(&path, &comma), &read(&path, &ReadOptions { rejects: Some(usize::MAX), ..comma.clone() }));
}

fn accounts(strict: &Result<Table>, skipping: &Result<Table>) {
    for result in [strict, skipping] {
        match result {
            Ok(table) => whole(table),
            Err(error) => assert!([2, 3, 7].contains(&error.exit_code()), "{error}"),
        }
    }
    match (strict, skipping) {
        (Ok(strict), Ok(skipping)) => assert_eq!(strict.rows, skipping.rows + skipping.rejects.len()),
        (Err(_), Ok(skipping)) => assert!(!skipping.rejects.is_empty()),
        _ => {}
    }
}

/// Every column has a value or a gap for every row, and no number is infinite.
fn whole(table: &Table) {
    assert!(table.rows > 0);
    for column in &table.columns {
        if let Some(gaps) = column.gaps() {
            assert_eq!(gaps.len(), table.rows);
            assert_eq!(gaps.iter().filter(|gap| **gap).count() as u64, column.missing);
        }
        if let Values::Numbers(numbers) = &column.values {
            assert!(numbers.blocks().all(|block| block.iter().all(|v| !v.is_infinite())));
        }
    }
    for kept in &table.kept {
        assert_eq!(kept.texts.len(), table.rows);
    }
}
