//! Rows that cannot be used: left out and listed, if that was asked for, instead of ending the reading.
//!
//! A rejected row is blank in the columns while they are filled, so that row numbers stay those of the file however it is
//! cut; then it is taken out of all of them at once. Rows of the file = rows of the table + rows rejected.

use super::{ReadOptions, Table};
use crate::error::{Error, Place, Result};
use std::collections::HashMap;

/// A row that was left out, and the first reason for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Its row in the file (0-based, the header not counted).
    pub row: usize,
    /// File, line or row, and the column if one is to blame.
    pub place: Place,
    /// What is wrong.
    pub reason: String,
    /// The value, or the record where no column is to blame, cut at [`SHOWN`] characters.
    pub value: String,
}

/// Characters of a value that are kept.
pub const SHOWN: usize = 64;

impl Reject {
    pub(super) fn new(row: usize, place: Place, reason: String, value: &str) -> Self {
        Self { row, place, reason, value: value.chars().take(SHOWN).collect() }
    }
}

/// Takes rejected rows out of the table; one reason is kept for each, that of the first column.
pub(super) fn leave_out(mut table: Table, options: &ReadOptions) -> Result<Table> {
    if table.rejects.is_empty() {
        return Ok(table);
    }
    let order: HashMap<&str, usize> = (1..).zip(&table.columns).map(|(i, c)| (c.name.as_str(), i)).collect();
    let column = |r: &Reject| r.place.column.as_ref().and_then(|c| order.get(c.as_str())).copied();
    let mut rejects = std::mem::take(&mut table.rejects);
    rejects.sort_by_key(|r| (r.row, column(r)));
    rejects.dedup_by_key(|r| r.row);
    refuse_more(&rejects, options)?;
    if let (true, Some(first)) = (rejects.len() == table.rows, rejects.first()) {
        let message = format!("{}; no row of the file can be used", first.reason);
        return Err(Error::data(first.place.clone(), message, HINT));
    }
    let mut kept = vec![true; table.rows];
    rejects.iter().for_each(|r| kept[r.row] = false);
    table.retain(&kept)?;
    table.rejects = rejects;
    Ok(table)
}

/// Refuses more rejects than are allowed; they are in the order of their rows.
pub(super) fn refuse_more(rejects: &[Reject], options: &ReadOptions) -> Result<()> {
    let most = options.rejects.unwrap_or(0);
    match rejects.first() {
        Some(first) if rejects.len() > most => {
            let rows = if most == 1 { "row" } else { "rows" };
            let message = format!("{}; more than {most} {rows} cannot be used (this is the first)", first.reason);
            Err(Error::data(first.place.clone(), message, HINT))
        }
        _ => Ok(()),
    }
}

const HINT: &str = "check the separator and the columns; --max-rejects allows more";
