//! What both benches share: made-up points, the engines of this machine, and ids.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use ndarray::Array2;
use segma::engine::Engine;
use segma::engine::cpu::{Cpu, Level};
use segma::engine::gpu::{Adapter, Gpu, OpenOptions};
use segma::matrix::Matrix;
use std::time::Duration;

/// A small deterministic generator (SplitMix64: Steele, Lea & Flood 2014).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `[0, 1)`.
    fn uniform(&mut self) -> f32 {
        (self.word() >> 40) as f32 / (1u32 << 24) as f32
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.word() % n as u64).unwrap()
    }
}

/// Overlapping groups `[n x d]`, half of the columns skewed like money.
pub(crate) fn blobs(n: usize, d: usize) -> Array2<f32> {
    const GROUPS: usize = 24;
    let mut r = Random(1);
    let centres = Array2::from_shape_fn((GROUPS, d), |_| 3.0 * r.uniform());
    let mut points = Array2::zeros((n, d));
    for mut row in points.rows_mut() {
        let group = r.below(GROUPS);
        for (j, x) in row.iter_mut().enumerate() {
            let value = centres[[group, j]] + r.uniform() + r.uniform() - 1.0;
            *x = if j % 2 == 0 { value } else { value * value * value };
        }
    }
    points
}

/// Points on their grid.
pub(crate) fn packed(points: &Array2<f32>) -> Matrix {
    Matrix::learn(&points.view(), None).unwrap().0
}

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
    adapters.map(|a| Gpu::open(&[a], OpenOptions::default()).unwrap()).collect()
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
