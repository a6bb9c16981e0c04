//! Compiles the kernels that a fit will need, and sees that they are right, while its points are still on their way to the
//! device.
//!
//! Compiling takes a driver some milliseconds a kernel (the first time several hundred), about as long as the copies. What
//! was guessed wrong costs nothing but that; what was not guessed is compiled when it is first needed.

use super::batch::narrow;
use super::plan::{Kernels, Together};
use super::shader::{Kernel, Variant};
use super::{Opened, Options};
use crate::engine::width::Width;
use crate::matrix::Matrix;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// The threads that compile, one a kernel. They end before this is dropped: at the end of a process a driver must be at rest.
#[derive(Debug, Default)]
pub(super) struct Compiling {
    stop: Arc<AtomicBool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Compiling {
    /// Begins with what `tiles` tiles of the matrix need on this device for sets of these numbers of clusters; also with
    /// what moves their centroids, if the device works `alone`.
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
        let mut kernels = gpu.kernels(shape);
        kernels.widen(Width::of(sets.iter().copied().max().unwrap_or(1)));
        let variants = variants(&kernels, sets);
        let work = kernels.label_work(narrow(tiles), sets.iter().sum());
        let ahead = alone && variants.len() == 1 && kernels.passes(2, work, 0) > 1;
        if ahead {
            let (gpu, update) = (gpu.clone(), kernels.variant(Kernel::Update, 1));
            self.spawn(move || drop(gpu.pipelines.compile(&gpu.device, update, gpu.checked)));
        }
        variants.into_iter().for_each(|variant| self.prove(gpu, variant, ahead, *options));
    }

    /// Begins to compile a kernel that labels, and to see that it is right, with what moves centroids if the device makes
    /// passes `ahead`.
    pub(super) fn prove(&self, gpu: &Opened, variant: Variant, ahead: bool, options: Options) {
        let (gpu, stop) = (gpu.clone(), self.stop.clone());
        self.spawn(move || {
            // The pass that needs it will meet the same error.
            if !stop.load(Ordering::Relaxed) && gpu.pipelines.compile(&gpu.device, variant, gpu.checked).is_ok() {
                let _ = gpu
                    .prove(variant, &options)
                    .and_then(|_| if ahead { gpu.prove_ahead(variant, &options) } else { Ok(false) });
            }
        });
    }

    /// Runs this on a thread of its own. Without a thread the kernels are compiled when they are needed.
    fn spawn(&self, work: impl FnOnce() + Send + 'static) {
        if let Ok(thread) = thread::Builder::new().name("segma-compile".into()).spawn(work) {
            let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
            threads.retain(|thread| !thread.is_finished());
            threads.push(thread);
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

/// The kernels that label in a first pass over all sets.
fn variants(kernels: &Kernels, sets: &[usize]) -> Vec<Variant> {
    let split = kernels.split(sets);
    let Together { k, bins } = split.together;
    let binned = (!split.binned.is_empty()).then(|| kernels.variant(Kernel::Binned(bins), k));
    let direct = split.direct.into_iter().map(|set| kernels.variant(Kernel::Direct, sets[set]));
    binned.into_iter().chain(direct.collect::<HashSet<_>>()).collect()
}
