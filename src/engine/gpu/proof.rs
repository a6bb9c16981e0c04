//! Kernels work on a user's points only after they gave the right answers on known ones (see `engine/probe.rs`).
//!
//! A driver is asked about the very kernels that a fit is about to run, sizes, choices and all, once each: they must be
//! compiled anyway, and what it makes of others says little. Compiling a kernel takes a driver that has not seen it some
//! tenths of a second, many times what the known points take.

use super::fault::Fault;
use super::plan::COUNTERS;
use super::shader::{Kernel, Variant};
use super::tuning::Shape;
use super::{Gpu, Opened, Options};
use crate::engine::probe::Known;
use crate::error::{Error, Result};
use crate::matrix::TILE;
use rayon::ThreadPoolBuilder;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most centroids of known answers: several fills of what is staged of them.
const MOST_CENTROIDS: usize = 160;

/// Most multiply-adds of a pass over known points, but for the fewest points that there are.
const MOST_WORK: usize = 1 << 23;

/// The fewest known points: some tiles, of which the last is not full.
const LEAST_POINTS: usize = 3 * TILE - 17;

/// What kernels answered, and which were begun with beside the passes.
#[derive(Debug, Default)]
pub(super) struct Proofs {
    verdicts: Mutex<HashMap<Variant, Slot>>,
    begun: Mutex<HashSet<Variant>>,
}

type Slot = Arc<Mutex<Option<Verdict>>>;

/// Right, or what was wrong.
type Verdict = std::result::Result<(), String>;

impl Proofs {
    /// Whether the verdict on a kernel is known.
    pub(super) fn is_known(&self, variant: Variant) -> bool {
        self.slot(variant).try_lock().is_ok_and(|verdict| verdict.is_some())
    }

    /// Whether nobody has begun with a kernel: whoever asks does now.
    pub(super) fn begin(&self, variant: Variant) -> bool {
        lock(&self.begun).insert(variant)
    }

    fn slot(&self, variant: Variant) -> Slot {
        lock(&self.verdicts).entry(variant).or_default().clone()
    }

    /// The verdict on a kernel; `ask` gives the stage in which it is wrong, and is called only if that is not known yet.
    fn verdict(&self, variant: Variant, ask: impl FnOnce() -> Result<Option<&'static str>>) -> Result<Verdict> {
        let slot = self.slot(variant);
        let mut slot = lock(&slot);
        if let Some(verdict) = &*slot {
            return Ok(verdict.clone());
        }
        let verdict = match ask()? {
            None => Ok(()),
            Some(stage) => Err(format!("wrong answer in stage '{stage}' ({variant})")),
        };
        Ok(slot.insert(verdict).clone())
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Opened {
    /// Sees that a kernel that labels gives the right answers, and if the device is to make passes ahead the one that moves
    /// centroids, too.
    ///
    /// # Errors
    /// [`Error::Wrong`] if it does not; [`Error::Device`] or [`Error::Memory`] if that cannot be found out.
    pub(super) fn prove(&self, variant: Variant, ahead: bool, options: &Options) -> Result<()> {
        if !self.proves {
            return Ok(());
        }
        self.ask(variant, variant, |known, gpu| known.wrong_stage(gpu), options)?;
        if ahead {
            let Variant { dims, bits, weighted, int64, .. } = variant;
            let update = Variant::update(dims, bits, weighted, int64);
            self.ask(update, variant, |known, gpu| known.wrong_stage_on(gpu), options)?;
        }
        Ok(())
    }

    /// Asks for the verdict on a kernel, with another one to label.
    fn ask(
        &self,
        asked: Variant,
        labels: Variant,
        answer: impl FnOnce(&Known, &Gpu) -> Result<Option<&'static str>> + Send,
        options: &Options,
    ) -> Result<()> {
        let ask = || {
            if options.fault == Some(Fault::Lie) {
                return Ok(Some("assign"));
            }
            // A thread of the pool may wait for this verdict: it must not be found by that pool.
            let pool = ThreadPoolBuilder::new().num_threads(1).build().map_err(|e| self.device.error(e))?;
            pool.install(|| answer(&known(&labels)?, &self.aside(labels)))
        };
        self.proofs.verdict(asked, ask)?.map_err(|what| Error::Wrong(format!("{}: {what}", self.device.name)))
    }

    /// The device as an engine for known points, on which nothing but `variant` labels; what it does is not counted.
    fn aside(&self, variant: Variant) -> Gpu {
        let device = Self {
            device: Arc::new(self.device.aside()),
            pipelines: Arc::new(self.pipelines.aside()),
            ledger: Arc::default(),
            proofs: Arc::default(),
            proves: false,
            only: Some(variant),
            ..self.clone()
        };
        Gpu { devices: vec![device], compiling: Arc::default(), options: Options::default() }
    }
}

/// Points and centroids for a kernel: enough for two of its workgroups, if that is not too much work.
fn known(variant: &Variant) -> Result<Known> {
    let Variant { dims, bits, weighted, tuning, .. } = *variant;
    let coordinates = Shape { dims, bits, weighted, chunk_tiles: 1 }.coordinates() as usize;
    let most = match variant.kernel {
        Kernel::Binned(bins) => (bins as usize).saturating_sub(COUNTERS) / coordinates,
        _ => MOST_CENTROIDS,
    };
    let (dims, k) = (dims as usize, most.clamp(1, MOST_CENTROIDS));
    let points = (MOST_WORK / (k * dims)).min(2 * tuning.tiles as usize * TILE);
    Known::new(points.max(LEAST_POINTS) - 17, dims, bits, weighted, k)
}
