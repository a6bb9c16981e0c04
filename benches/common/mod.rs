//! What both benches share: made-up points, the engines of this machine, and ids.

pub(crate) mod data;

pub(crate) use data::{blobs, packed};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use segma::engine::Engine;
use segma::engine::cpu::{Cpu, Level};
use segma::engine::gpu::{Adapter, Gpu, OpenOptions};
use std::time::Duration;

/// The CPU engine at every SIMD level of this machine, and its GPUs; software ones under `SEGMA_REQUIRE_GPU=1` only.
pub(crate) fn engines() -> Vec<Box<dyn Engine>> {
    let levels = Level::ALL.into_iter().filter(|l| l.available());
    let mut engines: Vec<Box<dyn Engine>> =
        levels.map(|l| Box::new(Cpu::with_level(l).unwrap()) as Box<dyn Engine>).collect();
    engines.extend(gpus().into_iter().map(|gpu| Box::new(gpu) as Box<dyn Engine>));
    engines
}

/// The GPUs among them.
pub(crate) fn gpus() -> Vec<Gpu> {
    let software = std::env::var("SEGMA_REQUIRE_GPU").as_deref() == Ok("1");
    let adapters = Adapter::all().into_iter().filter(|a| software || !a.is_software());
    adapters
        .map(|a| Gpu::open(&[a], OpenOptions { unproven: true, patient: true, ..OpenOptions::default() }).unwrap())
        .collect()
}

/// A bench id: what it runs on and how large it is.
pub(crate) fn id(engine: &str, n: usize, d: usize, k: usize) -> BenchmarkId {
    BenchmarkId::new(engine, format!("n={n} d={d} k={k}"))
}

/// A group of benches over `n` points each.
pub(crate) fn group<'c>(criterion: &'c mut Criterion, name: &str, n: usize) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    group.throughput(Throughput::Elements(n as u64));
    group
}
