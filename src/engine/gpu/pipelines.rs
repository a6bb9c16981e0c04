//! The compute pipeline of a kernel variant: compiled once, then kept.

use super::device::Device;
use super::shader::{BINDINGS, Variant};
use crate::error::{Error, Result};
use pollster::block_on;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The pipelines compiled so far.
#[derive(Debug, Default)]
pub(super) struct Pipelines(HashMap<Variant, wgpu::ComputePipeline>);

impl Pipelines {
    /// The pipeline of a variant.
    pub(super) fn get(&mut self, device: &Device, variant: Variant) -> Result<&wgpu::ComputePipeline> {
        Ok(match self.0.entry(variant) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(compile(device, &variant.text())?),
        })
    }
}

fn compile(device: &Device, text: &str) -> Result<wgpu::ComputePipeline> {
    let invalid = device.device.push_error_scope(wgpu::ErrorFilter::Validation);
    let internal = device.device.push_error_scope(wgpu::ErrorFilter::Internal);
    let pipeline = device.guarded(|| create(&device.device, text));
    let trouble = block_on(internal.pop()).or(block_on(invalid.pop()));
    match trouble {
        Some(e) => Err(Error::Device(format!("{}: assign.wgsl does not compile: {e}", device.name))),
        None => pipeline,
    }
}

fn create(device: &wgpu::Device, text: &str) -> wgpu::ComputePipeline {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some("segma.assign"),
        source: wgpu::ShaderSource::Wgsl(text.into()),
    });
    let entries: Vec<wgpu::BindGroupLayoutEntry> =
        (0u32..).zip(BINDINGS).map(|(binding, (_, ro))| entry(binding, ro)).collect();
    let layout = device
        .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some("segma.assign"), entries: &entries });
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some("segma.assign"),
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some("segma.assign"),
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

fn entry(binding: u32, read_only: bool) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Storage { read_only },
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    }
}
