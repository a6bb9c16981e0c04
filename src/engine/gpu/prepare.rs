//! Compiles the kernels that a fit will need while its points are still on their way to the device.
//!
//! Compiling takes a driver some milliseconds a kernel (the first time several hundred), about as long as the copies. What
//! was guessed wrong costs nothing but that; what was not guessed is compiled when it is first needed.

use super::batch::{Batch, Member, Source};
use super::plan::Kernels;
use super::shader::{Kernel, Variant};
use super::width::Width;
use super::{Opened, Options};
use crate::engine::Centroids;
use crate::matrix::Matrix;
use std::thread;

/// Begins to compile, on a thread of its own, what `tiles` tiles of the matrix need on this device for sets of these numbers
/// of clusters.
pub(super) fn begin(gpu: &Opened, matrix: &Matrix, tiles: usize, options: &Options, sets: &[usize]) {
    let Ok(shape) = gpu.shape(matrix, tiles, options) else { return }; // loading will say why
    let kernels = Kernels::new(shape, gpu.device.limits, gpu.abilities, gpu.choices.clone());
    let variants = variants(kernels, matrix, sets);
    let gpu = gpu.clone();
    let compile = move || {
        for variant in variants {
            if gpu.pipelines.compile(&gpu.device, variant, gpu.checked).is_err() {
                return; // the pass that needs it will meet the same error
            }
        }
    };
    // Without a thread the kernels are compiled when they are needed.
    let _ = thread::Builder::new().name("segma-compile".into()).spawn(compile);
}

/// The kernels of a first pass over all sets, and what moves their centroids.
fn variants(mut kernels: Kernels, matrix: &Matrix, sets: &[usize]) -> Vec<Variant> {
    let most = sets.iter().copied().max().unwrap_or(1);
    kernels.widen(Width::of(most));
    let centroids: Vec<Centroids> =
        sets.iter().map(|&k| Centroids::new(matrix.dims(), vec![0; k * matrix.dims()])).collect();
    let member = |centroids| Member { centroids, group: 0, before: 0, travel: 0, changed: None };
    let members: Vec<Member<'_>> = centroids.iter().map(member).collect();
    let (points, bits) = (matrix.count(), matrix.frame().bits());
    let batch = Batch::new(&Source { members: &members, kernels: &kernels, points, bits, stride: matrix.tiles() });
    batch.runs.iter().map(|run| run.variant).chain([kernels.variant(Kernel::Update, most)]).collect()
}
