//! What a run takes in memory, worked out before it is taken. Pure: sizes in, bytes out, all in whole numbers that cannot wrap.
//!
//! Of a limit, labels and what threads work with come first: without them there is no answer. Then the table may take a part while
//! it is read, when nobody knows how long it is; the points get what is left if all of them fit there. What does not fit lies in a
//! temporary file ([`crate::store`]). A sorted copy of the points, which makes long fits faster, is only made of what is left over.

use crate::error::{Error, Result};
use crate::matrix::TILE;
use crate::store::Store;

/// What the program itself and its buffers take, and what a thread works with: a row group of Parquet, segments of CSV, text
/// on its way out (measured: 90 MiB on two threads).
const PROGRAM_BYTES: u64 = 64 << 20;
const THREAD_BYTES: u64 = 32 << 20;

/// The part of a limit that a table may take while it is read.
const TABLE_SHARE: u64 = 4;

/// What a table takes in memory where there is no limit. The points are made from it and take more; the table is looked at
/// again only for profiles and outputs, block by block, so it need not be in memory all the time.
const TABLE_BYTES: u64 = 256 << 20;

/// The limit of memory that a run keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Bytes.
    pub bytes: u64,
    /// Whether exceeding it is an error even where a temporary file cannot be written: it was asked for, not found.
    pub strict: bool,
}

/// The memory of a run.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// The limit, if there is one.
    pub limit: Option<Limit>,
    /// Threads that work at the same time.
    pub threads: usize,
}

/// How large a fit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// Points.
    pub rows: u64,
    /// Columns of the points.
    pub dims: u64,
    /// Centroid sets that are worked on together: all starts of all numbers of clusters.
    pub sets: u64,
    /// Bytes of the labels of a point in all of these.
    pub label_bytes: u64,
    /// Whether rows have weights.
    pub weighted: bool,
}

impl Work {
    /// Bytes of the points: 4 a value, in whole tiles.
    #[must_use]
    pub fn points_bytes(&self) -> u128 {
        let tiles = u128::from(self.rows.div_ceil(TILE as u64));
        (tiles * (TILE * size_of::<f32>()) as u128).saturating_mul(self.dims.into())
    }

    /// Bytes of the labels in all sets, and 4 a row of an answer; of where the rows of a segment are, while it is profiled; and of
    /// weights. Further answers lie with the points.
    #[must_use]
    pub fn labels_bytes(&self) -> u128 {
        let labels = u128::from(self.label_bytes) + size_of::<u32>() as u128;
        let weights = if self.weighted { size_of::<[u64; 2]>() as u128 } else { 0 };
        u128::from(self.rows).saturating_mul(labels + size_of::<u16>() as u128 + weights)
    }
}

impl Budget {
    /// Bytes that the columns of a table may take in memory while it is read.
    #[must_use]
    pub fn table_room(&self) -> u64 {
        self.limit.map_or(TABLE_BYTES, |limit| limit.bytes / TABLE_SHARE)
    }

    /// Where they go.
    #[must_use]
    pub fn table(&self) -> Store {
        Store::new(self.table_room(), self.limit.is_some_and(|limit| limit.strict))
    }

    /// Where the points go beside a table of which so many bytes are in memory.
    ///
    /// # Errors
    /// [`Error::Memory`] if a strict limit leaves no room for what must be in memory, with the sum.
    pub fn points(&self, work: &Work, table: u64) -> Result<Store> {
        let Some(limit) = self.limit else { return Ok(Store::default()) };
        let program = self.program_bytes(work);
        let needed = (program + u128::from(table)).saturating_add(work.labels_bytes());
        if limit.strict && needed > u128::from(limit.bytes) {
            return Err(no_room(limit, work, program, table));
        }
        let left = u128::from(limit.bytes).saturating_sub(needed);
        Ok(Store::new(u64::try_from(left).unwrap_or(u64::MAX), limit.strict))
    }

    /// No thread works with more than all of the points.
    fn program_bytes(&self, work: &Work) -> u128 {
        let thread = u128::from(THREAD_BYTES).min(work.points_bytes());
        u128::from(PROGRAM_BYTES) + thread * self.threads as u128
    }
}

fn no_room(limit: Limit, work: &Work, program: u128, table: u64) -> Error {
    let mib = |bytes: u128| bytes.div_ceil(1 << 20);
    let (labels, table, limit) = (mib(work.labels_bytes()), mib(u128::from(table)), mib(limit.bytes.into()));
    let sets = if work.sets == 1 { String::new() } else { format!(" in {} starts", work.sets) };
    Error::Memory(format!(
        "{limit} MiB of memory are not enough: the labels of {} rows{sets} take {labels} MiB, the table {table}, the program {}; allow more --memory, or ask for fewer starts or numbers of clusters",
        work.rows,
        mib(program)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(rows: u64, dims: u64) -> Work {
        Work { rows, dims, sets: 1, label_bytes: 1, weighted: false }
    }

    #[test]
    fn sizes_do_not_wrap_where_32_or_64_bits_end() {
        for values in [(1u64 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 32) + 1, 1 << 40] {
            assert_eq!(work(values, 1).points_bytes(), u128::from(values.next_multiple_of(64)) * 4);
            assert_eq!(work(values, 8192).points_bytes(), u128::from(values.next_multiple_of(64)) * 4 * 8192);
            assert_eq!(work(values, 1).labels_bytes(), u128::from(values) * 7);
        }
        let most = Work { sets: u64::MAX, label_bytes: u64::MAX, weighted: true, ..work(u64::MAX, u64::MAX) };
        assert!(most.points_bytes() > u128::from(u64::MAX) && most.labels_bytes() > u128::from(u64::MAX));
        let budget = Budget { limit: Some(Limit { bytes: u64::MAX, strict: true }), threads: usize::MAX };
        assert_eq!(budget.points(&most, u64::MAX).unwrap_err().exit_code(), 7);
    }

    #[test]
    fn labels_come_before_points_and_points_before_a_copy() {
        let gib = |strict| Budget { limit: Some(Limit { bytes: 1 << 30, strict }), threads: 2 };
        let large = work(50_000_000, 16); // 3 GiB of points: only what labels leave is room
        let store = gib(true).points(&large, 100 << 20).unwrap();
        let left = (1u64 << 30) - (128 << 20) - 350_000_000 - (100 << 20);
        assert!(store.take(left) && !store.take(1));
        let error = gib(true).points(&Work { sets: 44, label_bytes: 44, ..large }, 0).unwrap_err().to_string();
        assert!(error.contains("50000000 rows in 44 starts take 2385 MiB") && error.contains("1024 MiB"), "{error}");
    }

    #[test]
    fn many_threads_are_no_reason_to_refuse_little_work_and_a_limit_that_was_found_none_at_all() {
        let budget = |bytes, strict| Budget { limit: Some(Limit { bytes, strict }), threads: 512 };
        assert!(budget(100 << 20, true).points(&work(3, 2), 0).is_ok());
        assert!(budget(100 << 20, true).points(&work(1 << 30, 2), 0).is_err());
        assert!(!budget(100 << 20, false).points(&work(1 << 30, 2), 0).unwrap().take(1));
    }

    #[test]
    fn without_a_limit_points_are_in_memory_and_of_a_table_a_part() {
        let budget = Budget { limit: None, threads: 2 };
        assert!(budget.points(&work(1 << 40, 1 << 20), 0).unwrap().take(u64::MAX));
        assert!(!budget.table().take(TABLE_BYTES + 1));
    }
}
