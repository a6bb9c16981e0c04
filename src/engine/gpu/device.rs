//! Adapters: which there are, which one to take, and opening it so that nothing it does can panic.

use super::plan::DeviceLimits;
use crate::error::{Error, Result};
use pollster::block_on;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The longest wait for one submission before the device counts as hung.
const PATIENCE: Duration = Duration::from_secs(120);

/// An adapter of this machine.
#[derive(Debug, Clone)]
pub struct Adapter {
    inner: wgpu::Adapter,
    info: wgpu::AdapterInfo,
}

impl Adapter {
    /// All adapters, best first: discrete, integrated, virtual, other, software.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
        descriptor.flags.remove(wgpu::InstanceFlags::VALIDATION_INDIRECT_CALL);
        let instance = wgpu::Instance::new(descriptor);
        let mut all: Vec<Self> = block_on(instance.enumerate_adapters(wgpu::Backends::all()))
            .into_iter()
            .map(|inner| Self { info: inner.get_info(), inner })
            .collect();
        all.sort_by_key(Self::rank);
        all
    }

    fn rank(&self) -> u8 {
        match self.info.device_type {
            wgpu::DeviceType::DiscreteGpu => 0,
            wgpu::DeviceType::IntegratedGpu => 1,
            wgpu::DeviceType::VirtualGpu => 2,
            wgpu::DeviceType::Other => 3,
            wgpu::DeviceType::Cpu => 4,
        }
    }

    /// Whether it is a driver that runs shaders on the CPU.
    #[must_use]
    pub fn is_software(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.info.name
    }

    /// What the driver says of it.
    #[must_use]
    pub fn info(&self) -> &wgpu::AdapterInfo {
        &self.info
    }

    /// Its limits.
    #[must_use]
    pub fn limits(&self) -> wgpu::Limits {
        self.inner.limits()
    }

    /// Whether a lower-case name means this adapter: a part of its name or driver, or its PCI bus id. Mesa's software driver
    /// is `llvmpipe` to itself and lavapipe to people.
    fn is_called(&self, name: &str) -> bool {
        let names = format!("{} {} {}", self.info.name, self.info.driver, self.info.driver_info).to_lowercase();
        let people = names.contains("llvmpipe") && name == "lavapipe";
        people || names.contains(name) || self.info.device_pci_bus_id.eq_ignore_ascii_case(name)
    }

    /// The adapter that `choice` names: `gpu` (the best real one), `gpu:N` (in the order of [`Adapter::all`]), a part of
    /// its name, or its PCI bus id. A software adapter is taken only by number or name.
    ///
    /// # Errors
    /// [`Error::Device`] listing what there is.
    pub fn choose(choice: &str) -> Result<Self> {
        let all = Self::all();
        let lower = choice.to_lowercase();
        let found = match lower.strip_prefix("gpu:").map(str::parse::<usize>) {
            Some(Ok(index)) => all.get(index),
            _ if lower == "gpu" => all.iter().find(|a| !a.is_software()),
            _ => all.iter().find(|a| a.is_called(&lower)),
        };
        found.cloned().ok_or_else(|| Error::Device(format!("--device {choice}: no such GPU; {}", listing(&all))))
    }
}

fn listing(all: &[Adapter]) -> String {
    if all.is_empty() {
        return "no adapter was found (no Vulkan, Metal or DirectX 12 driver)".into();
    }
    let names: Vec<String> = all.iter().enumerate().map(|(i, a)| format!("gpu:{i} is {}", a.name())).collect();
    names.join(", ")
}

/// An opened device. Every error it reports is kept and returned by the next check; none reaches a panicking handler.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) limits: DeviceLimits,
    pub(super) name: String,
    trouble: Arc<Mutex<Option<String>>>,
}

impl Device {
    pub(super) fn open(adapter: &Adapter) -> Result<Self> {
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("segma"),
            required_limits: adapter.limits(),
            ..wgpu::DeviceDescriptor::default()
        };
        let opened = block_on(adapter.inner.request_device(&descriptor));
        let (device, queue) = opened.map_err(|e| Error::Device(format!("{}: {e}", adapter.name())))?;
        let trouble = Arc::new(Mutex::new(None));
        let (lost, uncaptured) = (trouble.clone(), trouble.clone());
        device.set_device_lost_callback(move |reason, message| note(&lost, format!("lost ({reason:?}): {message}")));
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| note(&uncaptured, error.to_string())));
        let l = device.limits();
        let limits = DeviceLimits {
            binding_bytes: l.max_storage_buffer_binding_size,
            buffer_bytes: l.max_buffer_size,
            workgroup_bytes: l.max_compute_workgroup_storage_size,
            groups: l.max_compute_workgroups_per_dimension,
        };
        Ok(Self { device, queue, limits, name: adapter.name().to_owned(), trouble })
    }

    /// Loses the device, as a driver might.
    pub(super) fn lose(&self) {
        self.device.destroy();
        note(&self.trouble, "lost (planted)".into());
    }

    /// What has gone wrong so far, as an error.
    pub(super) fn check(&self) -> Result<()> {
        let trouble = self.trouble.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        trouble.as_ref().map_or(Ok(()), |t| Err(Error::Device(format!("{}: {t}", self.name))))
    }

    /// Runs calls into the driver's wrapper, which may panic when the device is lost; a panic becomes an error.
    pub(super) fn guarded<T>(&self, work: impl FnOnce() -> T) -> Result<T> {
        let done = catch_unwind(AssertUnwindSafe(work));
        self.check()?;
        done.map_err(|_| Error::Device(format!("{}: the driver failed", self.name)))
    }

    /// Waits until `done` is set by a callback, in short slices, and not for ever.
    pub(super) fn wait(&self, done: &AtomicBool) -> Result<()> {
        let clock = Instant::now();
        while !done.load(Ordering::Acquire) {
            let slice = wgpu::PollType::Wait { submission_index: None, timeout: Some(Duration::from_secs(1)) };
            let _ = self.guarded(|| self.device.poll(slice))?;
            if clock.elapsed() > PATIENCE {
                return Err(Error::Device(format!("{}: no answer for {} s", self.name, PATIENCE.as_secs())));
            }
        }
        self.check()
    }

    /// A storage buffer.
    pub(super) fn buffer(&self, label: &str, bytes: u64) -> Result<wgpu::Buffer> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        self.buffer_for(label, bytes, usage)
    }

    fn buffer_for(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let size = bytes.max(16).next_multiple_of(16);
        let descriptor = wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false };
        let buffer = self.guarded(|| self.device.create_buffer(&descriptor));
        let full = block_on(scope.pop());
        match full {
            Some(e) => Err(Error::Device(format!("{}: {bytes} bytes do not fit: {e}", self.name))),
            None => buffer,
        }
    }

    /// Writes bytes into a buffer by pieces, so that staging stays small.
    pub(super) fn upload(&self, buffer: &wgpu::Buffer, bytes: &[u8]) -> Result<()> {
        const PIECE: usize = 32 << 20;
        for (i, piece) in bytes.chunks(PIECE).enumerate() {
            self.guarded(|| {
                self.queue.write_buffer(buffer, (i * PIECE) as u64, piece);
                self.queue.submit([]);
            })?;
        }
        Ok(())
    }

    /// A storage buffer that holds `bytes`.
    pub(super) fn filled(&self, label: &str, bytes: &[u8]) -> Result<wgpu::Buffer> {
        let buffer = self.buffer(label, bytes.len() as u64)?;
        self.upload(&buffer, bytes)?;
        Ok(buffer)
    }

    /// Submits one dispatch of `pipeline` over `buffers`, which are its bindings in order.
    pub(super) fn dispatch(
        &self,
        pipeline: &wgpu::ComputePipeline,
        buffers: &[&wgpu::Buffer],
        grid: (u32, u32),
    ) -> Result<()> {
        let entries: Vec<wgpu::BindGroupEntry<'_>> = (0u32..)
            .zip(buffers)
            .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .collect();
        self.guarded(|| {
            let layout = pipeline.get_bind_group_layout(0);
            let descriptor =
                wgpu::BindGroupDescriptor { label: Some("segma.assign"), layout: &layout, entries: &entries };
            let group = self.device.create_bind_group(&descriptor);
            let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            {
                let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, &group, &[]);
                pass.dispatch_workgroups(grid.0, grid.1, 1);
            }
            self.queue.submit([encoder.finish()]);
        })
    }

    /// Reads a whole buffer back.
    pub(super) fn download(&self, buffer: &wgpu::Buffer, bytes: u64) -> Result<Vec<u32>> {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let readback = self.buffer_for("segma.readback", bytes, usage)?;
        let done = Arc::new(AtomicBool::new(false));
        let flag = done.clone();
        self.guarded(|| {
            let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            encoder.copy_buffer_to_buffer(buffer, 0, &readback, 0, Some(bytes));
            self.queue.submit([encoder.finish()]);
            readback.map_async(wgpu::MapMode::Read, .., move |_| flag.store(true, Ordering::Release));
        })?;
        self.wait(&done)?;
        let view = self.guarded(|| readback.get_mapped_range(..bytes))?;
        let view = view.map_err(|e| Error::Device(format!("{}: {e}", self.name)))?;
        Ok(bytemuck::pod_collect_to_vec(&view))
    }
}

fn note(trouble: &Mutex<Option<String>>, what: String) {
    trouble.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(what);
}
