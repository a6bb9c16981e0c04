//! Commands on their way to a device and words on their way back: recorded one after another and handed over in as few
//! submissions as their work allows.
//!
//! Between two submissions the device pauses and the host makes calls, so that a pass is one: clearing, kernels and the
//! copy that is read back. But a submission that runs for seconds cannot be told from a hang, and some systems reset the
//! device for it: what is recorded goes out before its work is more than a step may have.

use super::Opened;
use super::device::Device;
use super::staging::Readback;
use super::stopwatch::{Ledger, Stopwatch};
use crate::error::Result;
use std::sync::Arc;

/// Commands that are recorded but not handed over yet, and the buffer through which words come back.
#[derive(Debug)]
pub(super) struct Recorder {
    device: Arc<Device>,
    encoder: Option<wgpu::CommandEncoder>,
    /// Of what is recorded, in multiply-adds.
    work: u64,
    readback: Readback,
    stopwatch: Option<Stopwatch>,
    ledger: Arc<Ledger>,
}

/// A kernel with its buffers, how many workgroups of it, and how much work they are in multiply-adds.
pub(super) struct Dispatch {
    pub(super) stage: &'static str,
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) buffers: wgpu::BindGroup,
    pub(super) groups: (u32, u32),
    pub(super) work: u64,
}

/// Words of a buffer on the device.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'b> {
    pub(super) buffer: &'b wgpu::Buffer,
    pub(super) first: u64,
    pub(super) count: u64,
}

impl Recorder {
    /// For a device; with a stopwatch, if its kernels are to be timed and it has a clock.
    pub(super) fn new(gpu: &Opened) -> Result<Self> {
        let (device, ledger) = (gpu.device.clone(), gpu.ledger.clone());
        let stopwatch = if ledger.is_timed() { Stopwatch::new(&device)? } else { None };
        Ok(Self { device, encoder: None, work: 0, readback: Readback::default(), stopwatch, ledger })
    }

    /// Forgets what was recorded and not handed over: a pass that failed half way leaves nothing to the next.
    pub(super) fn forget(&mut self) {
        (self.encoder, self.work) = (None, 0);
        self.stopwatch.iter_mut().for_each(Stopwatch::forget);
    }

    /// Records commands that are next to no work.
    pub(super) fn record(&mut self, commands: impl FnOnce(&mut wgpu::CommandEncoder)) -> Result<()> {
        let (device, encoder) = (&self.device, &mut self.encoder);
        device.guarded(|| commands(encoder.get_or_insert_with(|| device.encoder())))
    }

    /// Records a kernel; what was recorded before it is handed over if both together are too much work.
    pub(super) fn dispatch(&mut self, dispatch: &Dispatch) -> Result<()> {
        if self.work > 0 && self.work.saturating_add(dispatch.work) > self.device.limits.step_work {
            self.submit()?;
        }
        if self.stopwatch.as_ref().is_some_and(Stopwatch::is_full) {
            self.read(&[], |_| {})?;
        }
        self.work = self.work.saturating_add(dispatch.work);
        let (device, encoder, stopwatch) = (&self.device, &mut self.encoder, &mut self.stopwatch);
        device.guarded(|| {
            let encoder = encoder.get_or_insert_with(|| device.encoder());
            let timestamp_writes = stopwatch.as_mut().map(|watch| watch.start(dispatch.stage));
            let descriptor = wgpu::ComputePassDescriptor { label: Some(dispatch.stage), timestamp_writes };
            let mut pass = encoder.begin_compute_pass(&descriptor);
            pass.set_pipeline(&dispatch.pipeline);
            pass.set_bind_group(0, &dispatch.buffers, &[]);
            pass.dispatch_workgroups(dispatch.groups.0, dispatch.groups.1, 1);
        })
    }

    /// Hands over what is recorded.
    pub(super) fn submit(&mut self) -> Result<()> {
        self.work = 0;
        self.encoder.take().map_or(Ok(()), |encoder| self.device.hand_over(encoder))
    }

    /// Hands over what is recorded and a copy of all `sources`, waits, and gives their words to `take` in order, a source
    /// whole or by pieces. What the kernels took until now comes back with them.
    pub(super) fn read(&mut self, sources: &[Words<'_>], mut take: impl FnMut(&[u32])) -> Result<()> {
        let (mut wanted, mut times) = (sources.iter().map(|words| words.count).sum::<u64>(), Vec::new());
        let mut share = |words: &[u32]| {
            let own = words.len().min(usize::try_from(wanted).unwrap_or(usize::MAX));
            wanted -= own as u64;
            take(&words[..own]);
            times.extend_from_slice(&words[own..]);
        };
        let stopwatch = self.stopwatch.take();
        let resolved = stopwatch.as_ref().map(Stopwatch::words).filter(|words| words.count > 0);
        if let (Some(watch), Some(_)) = (&stopwatch, resolved) {
            self.record(|encoder| watch.resolve(encoder))?;
        }
        let all: Vec<Words<'_>> = sources.iter().copied().chain(resolved).collect();
        for load in loads(&all, Readback::MOST_WORDS) {
            self.carry(&load, &mut share)?;
        }
        self.stopwatch = stopwatch;
        self.stopwatch.iter_mut().for_each(|watch| watch.enter(&times, &self.ledger));
        Ok(())
    }

    /// Hands over what is recorded and a copy of a load, waits, and gives its words to `take`.
    fn carry(&mut self, load: &[Words<'_>], take: &mut impl FnMut(&[u32])) -> Result<()> {
        let bytes = load.iter().map(|words| words.count * 4).sum();
        let target = self.readback.buffer(&self.device, bytes)?.clone();
        self.record(|encoder| {
            let mut at = 0;
            for Words { buffer, first, count } in load {
                encoder.copy_buffer_to_buffer(buffer, first * 4, &target, at, Some(count * 4));
                at += count * 4;
            }
        })?;
        self.submit()?;
        self.readback.take(&self.device, bytes, take)
    }
}

/// Cuts sources into loads of at most so many words, in order.
fn loads<'b>(sources: &[Words<'b>], most: u64) -> Vec<Vec<Words<'b>>> {
    let (mut loads, mut load, mut room) = (Vec::new(), Vec::new(), most);
    for &source in sources {
        let mut rest = source;
        while rest.count > 0 {
            if room == 0 {
                loads.push(std::mem::take(&mut load));
                room = most;
            }
            let count = rest.count.min(room);
            load.push(Words { count, ..rest });
            rest = Words { first: rest.first + count, count: rest.count - count, ..rest };
            room -= count;
        }
    }
    loads.extend((!load.is_empty()).then_some(load));
    loads
}
