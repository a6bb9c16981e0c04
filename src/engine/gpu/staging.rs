//! Large transfers: a ring of mapped buffers up, one buffer down.
//!
//! `queue.write_buffer` takes fresh staging memory every call and loses the device when there is none; the ring's few
//! buffers are made once, and while one is filled on the host, those before it are on their way.

use super::device::Device;
use crate::error::Result;
use rayon::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use wgpu::WriteOnly;

/// Buffers of the ring: one being filled, one being handed over, one on its way, one coming back.
const SLOTS: usize = 4;

/// No slot is larger: by then a transfer's start no longer counts, and the wrapper zeroes every slot once (5 GB/s).
const MOST_SLOT_BYTES: usize = 6 << 20;

/// What a thread copies at a time: one thread does not fill a fast bus.
const COPY_BYTES: usize = 1 << 18;

/// Buffers that carry bytes to the device.
#[derive(Debug)]
pub(super) struct Ring {
    slots: Vec<Slot>,
    next: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Slot {
    buffer: wgpu::Buffer,
    mapped: Arc<AtomicBool>,
}

impl Ring {
    /// A ring for writes of up to `largest` bytes, or by pieces if that is much.
    pub(super) fn new(device: &Device, largest: usize) -> Result<Self> {
        let bytes = largest.clamp(1 << 12, MOST_SLOT_BYTES).next_multiple_of(16);
        let slots = (0..SLOTS).map(|_| Slot::new(device, bytes)).collect::<Result<_>>()?;
        Ok(Self { slots, next: 0, bytes })
    }

    /// Writes `bytes`, a multiple of 4, into `target` from its start.
    pub(super) fn write(&mut self, device: &Device, target: &wgpu::Buffer, bytes: &[u8]) -> Result<()> {
        self.write_at(device, target, 0, bytes)
    }

    /// Writes `bytes`, a multiple of 4, into `target` from `offset`, a multiple of 4, on.
    pub(super) fn write_at(&mut self, device: &Device, target: &wgpu::Buffer, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut filled: Option<(&Slot, u64, usize)> = None;
        let send = |filled: Option<(&Slot, u64, usize)>| {
            filled.map_or(Ok(()), |(slot, at, length)| slot.send(device, target, at, length as u64))
        };
        for (i, piece) in bytes.chunks(self.bytes).enumerate() {
            let slot = &self.slots[self.next];
            device.wait(&slot.mapped)?;
            // Handing over takes its time too: so the slot before goes meanwhile.
            let (fill, sent) = rayon::join(|| slot.fill(device, piece), || send(filled));
            fill.and(sent)?;
            filled = Some((slot, offset + (i * self.bytes) as u64, piece.len()));
            self.next = (self.next + 1) % SLOTS;
        }
        send(filled)
    }

    /// Writes `byte` all over `target`.
    pub(super) fn fill(&mut self, device: &Device, target: &wgpu::Buffer, byte: u8) -> Result<()> {
        let piece = vec![byte; self.bytes];
        let mut at = 0;
        while at < target.size() {
            let left = usize::try_from(target.size() - at).unwrap_or(usize::MAX);
            self.write_at(device, target, at, &piece[..left.min(piece.len())])?;
            at += piece.len() as u64;
        }
        Ok(())
    }
}

impl Slot {
    fn new(device: &Device, bytes: usize) -> Result<Self> {
        let usage = wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC;
        let buffer = device.raw_buffer("segma.staging", bytes as u64, usage)?;
        let slot = Self { buffer, mapped: Arc::new(AtomicBool::new(false)) };
        slot.map(device)?;
        Ok(slot)
    }

    /// Asks for the buffer to be mapped once what it carries has arrived.
    fn map(&self, device: &Device) -> Result<()> {
        self.mapped.store(false, Ordering::Release);
        let flag = self.mapped.clone();
        device.guarded(|| {
            self.buffer.map_async(wgpu::MapMode::Write, .., move |_| flag.store(true, Ordering::Release));
        })
    }

    /// Hands over what it was filled with, to `target` from `at` on, and asks to be mapped again.
    fn send(&self, device: &Device, target: &wgpu::Buffer, at: u64, length: u64) -> Result<()> {
        device.guarded(|| self.buffer.unmap())?;
        device.submit(|encoder| encoder.copy_buffer_to_buffer(&self.buffer, 0, target, at, Some(length)))?;
        self.map(device)
    }

    fn fill(&self, device: &Device, bytes: &[u8]) -> Result<()> {
        let view = device.guarded(|| self.buffer.get_mapped_range_mut(..bytes.len() as u64))?;
        let mut view = view.map_err(|e| device.error(e))?;
        let (whole, rest) = bytes.split_at(bytes.len() - bytes.len() % COPY_BYTES);
        let (places, mut last) = view.slice(..).into_chunks::<COPY_BYTES>();
        let work: Vec<_> = places.into_iter().zip(whole.chunks_exact(COPY_BYTES)).collect();
        work.into_par_iter().for_each(|(place, piece)| WriteOnly::<[u8]>::from(place).copy_from_slice(piece));
        last.copy_from_slice(rest);
        Ok(())
    }
}

/// A buffer that carries words back to the host, made when it is first needed and kept.
#[derive(Debug, Default)]
pub(super) struct Readback(Option<wgpu::Buffer>);

impl Readback {
    /// Words it carries at a time.
    pub(super) const MOST_WORDS: u64 = 8 << 20;

    /// The buffer, with room for so many bytes.
    pub(super) fn buffer(&mut self, device: &Device, bytes: u64) -> Result<&wgpu::Buffer> {
        if self.0.as_ref().is_none_or(|b| b.size() < bytes) {
            let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
            let size = bytes.next_power_of_two().max(1 << 12);
            self.0 = Some(device.raw_buffer("segma.readback", size, usage)?);
        }
        self.0.as_ref().ok_or_else(|| device.error("no buffer to read back"))
    }

    /// Waits for what was submitted and hands the words that were copied to the buffer to `take`.
    pub(super) fn take(&mut self, device: &Device, bytes: u64, take: &mut impl FnMut(&[u32])) -> Result<()> {
        let buffer = self.buffer(device, bytes)?;
        let done = Arc::new(AtomicBool::new(false));
        let flag = done.clone();
        device.guarded(|| {
            buffer.map_async(wgpu::MapMode::Read, ..bytes, move |_| flag.store(true, Ordering::Release));
        })?;
        device.wait(&done)?;
        let view = device.guarded(|| buffer.get_mapped_range(..bytes))?.map_err(|e| device.error(e))?;
        match bytemuck::try_cast_slice(&view) {
            Ok(words) => take(words),
            Err(_) => take(&bytemuck::pod_collect_to_vec(&view)),
        }
        drop(view);
        device.guarded(|| buffer.unmap())
    }
}
