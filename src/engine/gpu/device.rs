//! An opened device: buffers, dispatches and waits of which none can panic, hang for ever or take more memory than allowed.

use super::adapter::Adapter;
use super::plan::{Abilities, DeviceLimits};
use crate::error::{self, Error, Result};
use pollster::block_on;
use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The longest wait for one submission before the device counts as hung.
const PATIENCE: Duration = Duration::from_secs(120);

/// Most tiles a workgroup of a software driver: Mesa's ends a shader after 65,535 rounds of its loops, without a word.
const SOFTWARE_TILES: u32 = 16;

/// How long a wait asks again and again before it sleeps: to be woken takes about as long as a short pass.
const AWAKE: Duration = Duration::from_millis(2);

/// An opened device. Every error it reports is kept and returned by the next check; none reaches a panicking handler.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) limits: DeviceLimits,
    pub(super) name: String,
    memory: Arc<Memory>,
    trouble: Arc<Mutex<Option<String>>>,
    submitted: Mutex<Submitted>,
}

/// Submissions that are not known to have finished, oldest first and numbered.
#[derive(Debug, Default)]
struct Submitted {
    pending: VecDeque<(u64, wgpu::SubmissionIndex)>,
    next: u64,
}

/// The bytes that buffers on the device take, and how many they may.
#[derive(Debug)]
struct Memory {
    used: AtomicU64,
    most: AtomicU64,
}

impl Default for Memory {
    fn default() -> Self {
        Self { used: AtomicU64::new(0), most: AtomicU64::new(u64::MAX) }
    }
}

/// A buffer on the device; its bytes are given back when it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    buffer: wgpu::Buffer,
    bytes: u64,
    memory: Arc<Memory>,
}

impl Deref for Held {
    type Target = wgpu::Buffer;

    fn deref(&self) -> &wgpu::Buffer {
        &self.buffer
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.memory.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Device {
    /// Opens an adapter with no more than these abilities, as if it had no more than these limits.
    pub(super) fn open(adapter: &Adapter, abilities: Abilities, most: Option<DeviceLimits>) -> Result<Self> {
        error::keep_panics_quiet();
        let mut features = adapter.inner.features() & wgpu::Features::TIMESTAMP_QUERY;
        if abilities.int64 {
            features |= wgpu::Features::SHADER_INT64 | wgpu::Features::SHADER_INT64_ATOMIC_ALL_OPS;
        }
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("segma"),
            required_features: features,
            required_limits: adapter.limits(),
            ..wgpu::DeviceDescriptor::default()
        };
        let opened = block_on(adapter.inner.request_device(&descriptor));
        let (device, queue) = opened.map_err(|e| Error::Device(format!("{}: {e}", adapter.name())))?;
        let trouble = Arc::new(Mutex::new(None));
        let (lost, uncaptured) = (trouble.clone(), trouble.clone());
        device.set_device_lost_callback(move |reason, message| note(&lost, format!("lost ({reason:?}): {message}")));
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| note(&uncaptured, error.to_string())));
        let mut has = limits(&device.limits());
        if adapter.is_software() {
            has.group_tiles = SOFTWARE_TILES;
        }
        let limits = most.map_or(has, |most| has.within(most));
        let memory = Arc::new(Memory::default());
        let name = adapter.name().to_owned();
        Ok(Self { device, queue, limits, name, memory, trouble, submitted: Mutex::default() })
    }

    /// The same device with buffers and submissions that are counted by themselves, the buffers without a limit.
    pub(super) fn aside(&self) -> Self {
        let memory = Arc::new(Memory::default());
        Self {
            device: self.device.clone(),
            queue: self.queue.clone(),
            limits: self.limits,
            name: self.name.clone(),
            memory,
            trouble: self.trouble.clone(),
            submitted: Mutex::default(),
        }
    }

    /// The bytes its buffers may take, if that is limited.
    pub(super) fn memory(&self) -> Option<u64> {
        let most = self.memory.most.load(Ordering::Relaxed);
        (most < u64::MAX).then_some(most)
    }

    /// Lets its buffers take no more than so many bytes from now on.
    pub(super) fn limit_memory(&self, bytes: u64) {
        self.memory.most.store(bytes, Ordering::Relaxed);
    }

    /// Loses the device, as a driver might.
    pub(super) fn lose(&self) {
        self.device.destroy();
        note(&self.trouble, "lost (planted)".into());
    }

    /// What has gone wrong so far, as an error.
    pub(super) fn check(&self) -> Result<()> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.as_ref().map_or(Ok(()), |t| Err(self.error(t)))
    }

    /// An error of this device.
    pub(super) fn error(&self, what: impl std::fmt::Display) -> Error {
        Error::Device(format!("{}: {what}", self.name))
    }

    /// Runs calls into the driver's wrapper, which may panic when the device is lost; a panic becomes an error.
    pub(super) fn guarded<T>(&self, work: impl FnOnce() -> T) -> Result<T> {
        let done = error::caught(work);
        self.check()?;
        done.map_err(|_| self.error("the driver failed"))
    }

    /// Waits until `done` is set by a callback, and no longer; not for ever either.
    pub(super) fn wait(&self, done: &AtomicBool) -> Result<()> {
        self.wait_for(done, PATIENCE)
    }

    /// As [`Device::wait`], with another patience: for each submission anew, since one after another is progress.
    pub(super) fn wait_for(&self, done: &AtomicBool, patience: Duration) -> Result<()> {
        let mut clock = Instant::now();
        loop {
            let _ = self.guarded(|| self.device.poll(wgpu::PollType::Poll))?; // calls back what is done already
            if done.load(Ordering::Acquire) {
                return self.check();
            }
            if clock.elapsed() < AWAKE {
                std::thread::yield_now();
                continue;
            }
            let oldest = self.submitted().pending.front().cloned();
            let (number, submission_index) = oldest.unzip();
            let timeout = Some(patience.min(Duration::from_secs(1)));
            let waited = self.guarded(|| self.device.poll(wgpu::PollType::Wait { submission_index, timeout }))?;
            if let (Ok(_), Some(number)) = (waited, number) {
                self.submitted().pending.retain(|(n, _)| *n > number);
                clock = Instant::now();
            } else if clock.elapsed() > patience {
                return Err(self.hung(patience));
            }
        }
    }

    fn submitted(&self) -> MutexGuard<'_, Submitted> {
        self.submitted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives up on the device. Dropping a device or its queue waits for their work, which would hang in turn: both stay
    /// open until the process ends.
    fn hung(&self, patience: Duration) -> Error {
        std::mem::forget((self.device.clone(), self.queue.clone()));
        let what = format!("no answer for {} s", patience.as_secs_f64());
        note(&self.trouble, what.clone());
        self.error(what)
    }

    /// A storage buffer.
    ///
    /// # Errors
    /// [`Error::Memory`] if it does not fit, after which the device is as it was.
    pub(super) fn buffer(&self, label: &str, bytes: u64) -> Result<Held> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        self.held(label, bytes, usage)
    }

    /// A storage buffer in place of one that has become too small for `bytes`: with room to grow, if the device binds that
    /// much.
    ///
    /// # Errors
    /// As [`Device::buffer`]; [`Error::Device`] if the device cannot bind as much as `bytes`.
    pub(super) fn grown(&self, label: &str, bytes: u64) -> Result<Held> {
        let most = self.limits.binding_bytes.min(self.limits.buffer_bytes) / 16 * 16;
        if bytes > most {
            return Err(self.error(format_args!("{label} needs {bytes} bytes, the device binds {most}")));
        }
        self.buffer(label, bytes.next_power_of_two().min(most))
    }

    /// A uniform buffer that holds `bytes`.
    ///
    /// # Errors
    /// As [`Device::buffer`].
    pub(super) fn uniform(&self, label: &str, bytes: &[u8]) -> Result<Held> {
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let buffer = self.held(label, bytes.len() as u64, usage)?;
        self.write(&buffer, 0, bytes)?;
        Ok(buffer)
    }

    fn held(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> Result<Held> {
        let bytes = bytes.max(16).next_multiple_of(16);
        let used = self.memory.used.load(Ordering::Relaxed);
        if self.memory().is_some_and(|most| used.saturating_add(bytes) > most) {
            return Err(self.full(bytes, "more than --gpu-memory"));
        }
        let buffer = self.raw_buffer(label, bytes, usage)?;
        self.memory.used.fetch_add(bytes, Ordering::Relaxed);
        Ok(Held { buffer, bytes, memory: self.memory.clone() })
    }

    /// A buffer of any kind that is not counted, for what lives in the host's memory.
    pub(super) fn raw_buffer(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let descriptor = wgpu::BufferDescriptor { label: Some(label), size: bytes, usage, mapped_at_creation: false };
        let buffer = self.guarded(|| self.device.create_buffer(&descriptor));
        match block_on(scope.pop()) {
            Some(e) => Err(self.full(bytes, e)),
            None => buffer,
        }
    }

    fn full(&self, bytes: u64, why: impl std::fmt::Display) -> Error {
        Error::Memory(format!("{}: {bytes} bytes do not fit on the device: {why}", self.name))
    }

    /// Lets the driver take back buffers that were dropped.
    pub(super) fn reclaim(&self) -> Result<()> {
        let timeout = Some(Duration::from_secs(1));
        self.guarded(|| self.device.poll(wgpu::PollType::Wait { submission_index: None, timeout })).map(|_| ())
    }

    /// Writes a few bytes; many go through a staging ring.
    pub(super) fn write(&self, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) -> Result<()> {
        self.guarded(|| self.queue.write_buffer(buffer, offset, bytes))
    }

    /// Submits what `record` records, by itself.
    pub(super) fn submit(&self, record: impl FnOnce(&mut wgpu::CommandEncoder)) -> Result<()> {
        let encoder = self.guarded(|| {
            let mut encoder = self.encoder();
            record(&mut encoder);
            encoder
        })?;
        self.hand_over(encoder)
    }

    /// Takes commands.
    pub(super) fn encoder(&self) -> wgpu::CommandEncoder {
        self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }

    /// Submits commands.
    pub(super) fn hand_over(&self, encoder: wgpu::CommandEncoder) -> Result<()> {
        self.guarded(|| {
            let index = self.queue.submit([encoder.finish()]);
            let mut submitted = self.submitted();
            let number = submitted.next;
            submitted.next += 1;
            submitted.pending.push_back((number, index));
        })
    }

    /// Submissions so far.
    pub(super) fn submissions(&self) -> u64 {
        self.submitted().next
    }

    /// The binding of buffers, by number, to a pipeline.
    pub(super) fn bind(
        &self,
        pipeline: &wgpu::ComputePipeline,
        buffers: &[(u32, &wgpu::Buffer)],
    ) -> Result<wgpu::BindGroup> {
        let entries: Vec<wgpu::BindGroupEntry<'_>> = buffers
            .iter()
            .map(|&(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .collect();
        self.guarded(|| {
            let layout = pipeline.get_bind_group_layout(0);
            let descriptor = wgpu::BindGroupDescriptor { label: Some("segma"), layout: &layout, entries: &entries };
            self.device.create_bind_group(&descriptor)
        })
    }
}

fn limits(l: &wgpu::Limits) -> DeviceLimits {
    DeviceLimits {
        binding_bytes: l.max_storage_buffer_binding_size,
        buffer_bytes: l.max_buffer_size,
        workgroup_bytes: l.max_compute_workgroup_storage_size,
        groups: l.max_compute_workgroups_per_dimension,
        lanes: l.max_compute_invocations_per_workgroup.min(l.max_compute_workgroup_size_x),
        ..DeviceLimits::LEAST
    }
}

fn note(trouble: &Mutex<Option<String>>, what: String) {
    trouble.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what);
}
