//! Adapters: which there are and which one to take.

use super::plan::Abilities;
use crate::error::{Error, Result, escaped};
use pollster::block_on;

/// An adapter of this machine.
#[derive(Debug, Clone)]
pub struct Adapter {
    pub(super) inner: wgpu::Adapter,
    info: wgpu::AdapterInfo,
}

impl Adapter {
    /// All adapters, best first: discrete, integrated, virtual, other, software.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
        descriptor.flags.remove(wgpu::InstanceFlags::VALIDATION_INDIRECT_CALL);
        // Beyond that drivers page instead of failing, and the points stream better than they page.
        descriptor.memory_budget_thresholds.for_resource_creation = Some(95);
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

    /// What it can do that kernels make use of.
    #[must_use]
    pub fn abilities(&self) -> Abilities {
        let features = self.inner.features();
        let int64 = wgpu::Features::SHADER_INT64 | wgpu::Features::SHADER_INT64_ATOMIC_ALL_OPS;
        Abilities { int64: features.contains(int64) }
    }

    /// Whether it can tell how long a kernel ran.
    #[must_use]
    pub fn has_clock(&self) -> bool {
        self.inner.features().contains(wgpu::Features::TIMESTAMP_QUERY)
    }

    /// Whether a lower-case name means this adapter: a part of its name or driver, or its PCI bus id. Mesa's software driver
    /// is `llvmpipe` to itself and lavapipe to people.
    fn is_called(&self, name: &str) -> bool {
        let names = format!("{} {} {}", self.info.name, self.info.driver, self.info.driver_info).to_lowercase();
        let people = names.contains("llvmpipe") && name == "lavapipe";
        people || names.contains(name) || self.info.device_pci_bus_id.eq_ignore_ascii_case(name)
    }

    /// The adapters that `choice` names, one or several joined by `+`. Each is `gpu` (the best real one), `gpu:N` (in the
    /// order of [`Adapter::all`]), a part of its name, or its PCI bus id. A software adapter is taken only by number or
    /// name.
    ///
    /// # Errors
    /// [`Error::Usage`] if a name is empty, or is not a GPU's; [`Error::Device`] listing what there is.
    pub fn choose(choice: &str) -> Result<Vec<Self>> {
        let lower = choice.to_lowercase();
        let names: Vec<&str> = lower.split('+').map(str::trim).collect();
        let why = match names.iter().find(|name| ["", "cpu", "auto"].contains(name)) {
            None => {
                let all = Self::all();
                return names.into_iter().map(|name| Self::named(name, &all)).collect();
            }
            Some(&"") => "a name is missing".to_owned(),
            Some(name) => format!("'{name}' shares no rows with a GPU"),
        };
        Err(Error::Usage(format!("--device '{}': {why}; give auto, cpu, a GPU, or GPUs joined by +", escaped(choice))))
    }

    /// The adapter of a lower-case name.
    fn named(name: &str, all: &[Self]) -> Result<Self> {
        let found = match name.strip_prefix("gpu:").map(str::parse::<usize>) {
            Some(Ok(index)) => all.get(index),
            _ if name == "gpu" => all.iter().find(|a| !a.is_software()),
            _ => all.iter().find(|a| a.is_called(name)),
        };
        found.cloned().ok_or_else(|| Error::Device(format!("--device {name}: no such GPU; {}", listing(all))))
    }
}

fn listing(all: &[Adapter]) -> String {
    if all.is_empty() {
        return "no adapter was found (no Vulkan, Metal or DirectX 12 driver)".into();
    }
    let names: Vec<String> = all.iter().enumerate().map(|(i, a)| format!("gpu:{i} is {}", a.name())).collect();
    names.join(", ")
}
