//! `segma devices`: what segma can run on.

use super::args::DevicesArgs;
use super::device::no_gpu;
use super::run::default_threads;
use super::{print, print_document};
use segma::engine::cpu::Level;
use segma::engine::gpu::Adapter;
use segma::error::{Result, printable};
use serde_json::{Value, json};
use std::fmt::Write;

/// Runs the verb.
pub(super) fn devices(args: &DevicesArgs) -> Result<()> {
    let chosen = Level::chosen()?;
    let threads = default_threads();
    let adapters = Adapter::all();
    if args.json {
        let levels: Vec<Value> = Level::ALL
            .into_iter()
            .map(|l| json!({ "simd": l.name(), "available": l.available(), "chosen": l == chosen }))
            .collect();
        let gpus: Vec<Value> = adapters.iter().enumerate().map(|(i, a)| gpu_json(i, a)).collect();
        let cpu = json!({ "threads": threads, "levels": levels });
        let document = json!({ "schema": "segma.devices/1", "cpu": cpu, "gpus": gpus });
        return print_document(document);
    }
    print(&(cpu_text(chosen, threads) + &gpus_text(&adapters)))
}

fn cpu_text(chosen: Level, threads: usize) -> String {
    let mut text = format!("cpu: {threads} threads, SIMD level {chosen} (SEGMA_SIMD forces another)\n");
    for level in Level::ALL {
        let state = match (level == chosen, level.available()) {
            (true, _) => "in use",
            (false, true) => "available",
            (false, false) => "not on this CPU",
        };
        let _ = writeln!(text, "  {:<9} {state}", level.name());
    }
    text
}

fn gpus_text(adapters: &[Adapter]) -> String {
    let mut text = String::new();
    for (i, a) in adapters.iter().enumerate() {
        let (info, limits) = (a.info(), a.limits());
        let pci = match info.device_pci_bus_id.as_str() {
            "" => String::new(),
            id => format!(", PCI {}", printable(id)),
        };
        let software = if a.is_software() { ", software: used only when named" } else { "" };
        let _ = writeln!(
            text,
            "gpu:{i}: {} ({:?}{software}{pci})\n  driver {} {}, {}\n  bindings up to {} MiB, buffers up to {} MiB, workgroup memory {} KiB\n  64-bit integers {}",
            printable(a.name()),
            info.device_type,
            printable(&info.driver),
            printable(&info.driver_info),
            info.backend,
            limits.max_storage_buffer_binding_size >> 20,
            limits.max_buffer_size >> 20,
            limits.max_compute_workgroup_storage_size >> 10,
            if a.abilities().int64 { "yes" } else { "no" },
        );
    }
    if adapters.iter().all(Adapter::is_software) {
        let _ = writeln!(text, "{}", no_gpu());
    }
    text
}

fn gpu_json(index: usize, adapter: &Adapter) -> Value {
    let (info, limits) = (adapter.info(), adapter.limits());
    json!({
        "device": format!("gpu:{index}"),
        "name": adapter.name(),
        "type": format!("{:?}", info.device_type),
        "software": adapter.is_software(),
        "backend": info.backend.to_string(),
        "driver": info.driver,
        "driver_info": info.driver_info,
        "pci_bus_id": info.device_pci_bus_id,
        "max_binding_bytes": limits.max_storage_buffer_binding_size,
        "max_buffer_bytes": limits.max_buffer_size,
        "workgroup_memory_bytes": limits.max_compute_workgroup_storage_size,
        "int64": adapter.abilities().int64,
    })
}
