//! The compute pipeline of a kernel variant: compiled once for a device, then kept.

#![allow(unsafe_code, reason = "shaders without run-time checks, in one function")]

use super::device::Device;
use super::known::{Known, lock};
use super::shader::{Access, Binding, Variant};
use crate::error::Result;
use pollster::block_on;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The pipelines compiled so far, and those that were run: whether since points were last loaded.
#[derive(Debug, Default)]
pub(super) struct Pipelines {
    compiled: Arc<Compiled>,
    ran: Mutex<HashMap<Variant, bool>>,
}

/// What was compiled.
#[derive(Debug, Default)]
struct Compiled {
    pipelines: Known<wgpu::ComputePipeline>,
    /// How many, and how long they took, one after another.
    spent: Mutex<(u64, Duration)>,
}

impl Pipelines {
    /// The pipeline of a variant; `checked` keeps the wrapper's bounds and loop checks in the shader.
    pub(super) fn get(&self, device: &Device, variant: Variant, checked: bool) -> Result<wgpu::ComputePipeline> {
        let pipeline = self.compile(device, variant, checked)?;
        lock(&self.ran).insert(variant, true);
        Ok(pipeline)
    }

    /// The same, without saying that it is run.
    pub(super) fn compile(&self, device: &Device, variant: Variant, checked: bool) -> Result<wgpu::ComputePipeline> {
        self.compiled.pipelines.get(variant, || {
            let clock = Instant::now();
            let pipeline = compile(device, variant, checked)?;
            let mut spent = lock(&self.compiled.spent);
            *spent = (spent.0 + 1, spent.1 + clock.elapsed());
            Ok(pipeline)
        })
    }

    /// The same pipelines for a session whose runs do not count.
    pub(super) fn aside(&self) -> Self {
        Self { compiled: self.compiled.clone(), ran: Mutex::default() }
    }

    /// How many were compiled so far, and how long that took if one after another.
    pub(super) fn spent(&self) -> (u64, Duration) {
        *lock(&self.compiled.spent)
    }

    /// The variants that were run so far.
    pub(super) fn variants(&self) -> Vec<Variant> {
        lock(&self.ran).keys().copied().collect()
    }

    /// Says that points are loaded.
    pub(super) fn begin(&self) {
        lock(&self.ran).values_mut().for_each(|now| *now = false);
    }

    /// What was run since.
    pub(super) fn ran(&self) -> Vec<Variant> {
        lock(&self.ran).iter().filter(|(_, now)| **now).map(|(variant, _)| *variant).collect()
    }
}

fn compile(device: &Device, variant: Variant, checked: bool) -> Result<wgpu::ComputePipeline> {
    let invalid = device.device.push_error_scope(wgpu::ErrorFilter::Validation);
    let internal = device.device.push_error_scope(wgpu::ErrorFilter::Internal);
    let pipeline = device.guarded(|| create(&device.device, variant, checked));
    let trouble = block_on(internal.pop()).or(block_on(invalid.pop()));
    match trouble {
        Some(e) => Err(device.error(format_args!("{variant} does not compile: {e}"))),
        None => pipeline,
    }
}

fn create(device: &wgpu::Device, variant: Variant, checked: bool) -> wgpu::ComputePipeline {
    let module = module(device, &variant.text(), checked);
    let entries: Vec<wgpu::BindGroupLayoutEntry> = variant.bindings().into_iter().map(entry).collect();
    let layout =
        device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some("segma"), entries: &entries });
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some("segma"),
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let name = variant.to_string();
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(&name),
        layout: Some(&layout),
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions {
            zero_initialize_workgroup_memory: false,
            ..wgpu::PipelineCompilationOptions::default()
        },
        cache: None,
    })
}

fn module(device: &wgpu::Device, text: &str, checked: bool) -> wgpu::ShaderModule {
    let descriptor =
        wgpu::ShaderModuleDescriptor { label: Some("segma"), source: wgpu::ShaderSource::Wgsl(text.into()) };
    if checked {
        return device.create_shader_module(descriptor);
    }
    // SAFETY: indices come from the host's own tables and are below the lengths it binds (rows below `points`, labels
    // below k, tiles clamped; `update` writes rows that the host counted, and no index but a label, which is below k);
    // every loop counts to a bound that is fixed before it starts, in steps that are not 0. The tests run every variant
    // with the checks too.
    unsafe { device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) }
}

fn entry(binding: Binding) -> wgpu::BindGroupLayoutEntry {
    let kind = match binding.access {
        Access::Uniform => wgpu::BufferBindingType::Uniform,
        Access::Read => wgpu::BufferBindingType::Storage { read_only: true },
        Access::Write => wgpu::BufferBindingType::Storage { read_only: false },
    };
    wgpu::BindGroupLayoutEntry {
        binding: binding.number,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty: kind, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    }
}
