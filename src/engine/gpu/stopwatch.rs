//! How long each kernel runs, by the device's own clock: two timestamps around every dispatch, read with the sums.

use super::device::Device;
use super::record::Words;
use crate::error::Result;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Timestamps that are kept on the device at a time: as many as a set of them may hold.
const QUERIES: u32 = wgpu::QUERY_SET_MAX_QUERIES;

/// What is counted over all sessions of a device.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    timed: AtomicBool,
    /// By stage.
    seconds: Mutex<BTreeMap<&'static str, f64>>,
    /// Passes that were made before they were asked for, and those of them that nobody asked for.
    pub(super) ahead: AtomicU64,
    pub(super) in_vain: AtomicU64,
    /// Tiles of a set that a pass did not read, because no label could have changed.
    skipped: AtomicU64,
}

impl Ledger {
    /// Times the kernels of sessions from now on and counts what they skip, from zero.
    pub(super) fn start(&self) {
        self.timed.store(true, Ordering::Relaxed);
        self.skipped.store(0, Ordering::Relaxed);
        self.seconds.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(super) fn skip(&self, tiles: u64) {
        self.skipped.fetch_add(tiles, Ordering::Relaxed);
    }

    /// Tiles skipped so far.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    pub(super) fn is_timed(&self) -> bool {
        self.timed.load(Ordering::Relaxed)
    }

    /// What was timed so far.
    pub(super) fn times(&self) -> BTreeMap<&'static str, f64> {
        self.seconds.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, stage: &'static str, seconds: f64) {
        *self.seconds.lock().unwrap_or_else(PoisonError::into_inner).entry(stage).or_default() += seconds;
    }
}

/// Timestamps of dispatches that were recorded and not read yet.
#[derive(Debug)]
pub(super) struct Stopwatch {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    /// Seconds a tick.
    tick: f64,
    /// The stage of each.
    running: Vec<&'static str>,
}

impl Stopwatch {
    /// A stopwatch, if the device has a clock.
    pub(super) fn new(device: &Device) -> Result<Option<Self>> {
        if !device.device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return Ok(None);
        }
        let descriptor =
            wgpu::QuerySetDescriptor { label: Some("segma.times"), ty: wgpu::QueryType::Timestamp, count: QUERIES };
        let queries = device.guarded(|| device.device.create_query_set(&descriptor))?;
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        let resolved = device.raw_buffer("segma.times", u64::from(QUERIES * wgpu::QUERY_SIZE), usage)?;
        let tick = 1e-9 * f64::from(device.queue.get_timestamp_period());
        Ok(Some(Self { queries, resolved, tick, running: Vec::new() }))
    }

    /// Whether what runs has to be read before more can be timed.
    pub(super) fn is_full(&self) -> bool {
        self.next() == QUERIES
    }

    /// The next free timestamp.
    #[expect(clippy::cast_possible_truncation, reason = "read before there are more than QUERIES")]
    fn next(&self) -> u32 {
        2 * self.running.len() as u32
    }

    /// Where a kernel that is about to be recorded writes its timestamps.
    pub(super) fn start(&mut self, stage: &'static str) -> wgpu::ComputePassTimestampWrites<'_> {
        let first = self.next();
        self.running.push(stage);
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        }
    }

    /// Forgets what runs.
    pub(super) fn forget(&mut self) {
        self.running.clear();
    }

    /// Records that the timestamps become words, if there are any.
    pub(super) fn resolve(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.resolve_query_set(&self.queries, 0..self.next(), &self.resolved, 0);
    }

    /// The words that the timestamps become: two each.
    pub(super) fn words(&self) -> Words<'_> {
        Words { buffer: &self.resolved, first: 0, count: 2 * u64::from(self.next()) }
    }

    /// Enters what these words say in the ledger.
    pub(super) fn enter(&mut self, words: &[u32], ledger: &Ledger) {
        let ticks = |at: usize| u64::from(words[at]) | u64::from(words[at + 1]) << 32;
        for (i, stage) in self.running.drain(..).enumerate() {
            ledger.add(stage, self.tick * ticks(4 * i + 2).saturating_sub(ticks(4 * i)) as f64);
        }
    }
}
