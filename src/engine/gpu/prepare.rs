//! Compiles the kernels that a fit will need while its points are still on their way to the device.
//!
//! Compiling takes a driver some milliseconds a kernel (the first time several hundred), about as long as the copies. What
//! was guessed wrong costs nothing but that; what was not guessed is compiled when it is first needed.

use super::plan::{Kernels, Sums};
use super::shader::{Kernel, Variant};
use super::{Opened, Options};
use crate::engine::width::Width;
use crate::matrix::Matrix;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// The threads that compile. They end before this is dropped: at the end of a process a driver must be at rest.
#[derive(Debug, Default)]
pub(super) struct Compiling {
    stop: Arc<AtomicBool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Compiling {
    /// Begins to compile, on a thread of its own, what `tiles` tiles of the matrix need on this device for sets of these
    /// numbers of clusters; what moves their centroids too, if the device works `alone`.
    pub(super) fn begin(
        &self,
        gpu: &Opened,
        matrix: &Matrix,
        tiles: usize,
        options: &Options,
        sets: &[usize],
        alone: bool,
    ) {
        let Ok(shape) = gpu.shape(matrix, tiles, options) else { return }; // loading will say why
        let kernels = Kernels::new(shape, gpu.device.limits, gpu.abilities, gpu.choices.clone());
        let variants = variants(kernels, sets, alone);
        let (gpu, stop) = (gpu.clone(), self.stop.clone());
        let compile = move || {
            for variant in variants {
                // The pass that needs it will meet the same error.
                if stop.load(Ordering::Relaxed) || gpu.pipelines.compile(&gpu.device, variant, gpu.checked).is_err() {
                    return;
                }
            }
        };
        // Without a thread the kernels are compiled when they are needed.
        if let Ok(thread) = thread::Builder::new().name("segma-compile".into()).spawn(compile) {
            self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        }
    }
}

impl Drop for Compiling {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = thread.join();
        }
    }
}

/// The kernels of a first pass over all sets, and what moves their centroids.
fn variants(mut kernels: Kernels, sets: &[usize], alone: bool) -> Vec<Variant> {
    let most = sets.iter().copied().max().unwrap_or(1);
    kernels.widen(Width::of(most));
    let (binned, direct): (Vec<usize>, Vec<usize>) = sets.iter().partition(|&&k| kernels.sums(k) == Sums::Binned);
    let mut all = Vec::new();
    if let Some(&k) = binned.iter().max() {
        let cells: Vec<usize> = binned.iter().map(|&k| kernels.cells(k)).collect();
        all.push(kernels.variant(Kernel::Binned(kernels.rounds(&cells, k).1), k));
    }
    all.extend(direct.into_iter().collect::<BTreeSet<_>>().into_iter().map(|k| kernels.variant(Kernel::Direct, k)));
    all.extend(alone.then(|| kernels.variant(Kernel::Update, most)));
    all
}
