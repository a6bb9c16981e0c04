//! Kernels work on a user's points only after they gave the right answers on known ones (see `engine/probe.rs`).
//!
//! A driver is asked about the very kernels that a fit is about to run, sizes, choices and all, once each: they must be
//! compiled anyway, and what it makes of others says little. Compiling a kernel takes a driver that has not seen it some
//! tenths of a second, many times what the known points take.

use super::fault::Fault;
use super::known::{Known, lock};
use super::plan::COUNTERS;
use super::shader::{Kernel, Variant};
use super::tuning::Shape;
use super::{Gpu, Opened, Options};
use crate::engine::Engine;
use crate::engine::probe::{KnownPoints, few_of};
use crate::error::{Error, Result};
use crate::matrix::TILE;
use rayon::ThreadPoolBuilder;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::thread;

/// Most centroids of known answers: several fills of what is staged of them.
const MOST_CENTROIDS: usize = 160;

/// Most multiply-adds of a pass over known points, but for the fewest points that there are.
const MOST_WORK: usize = 1 << 23;

/// The fewest known points, and how many the last tile of any number of them lacks.
const LEAST_POINTS: usize = 3 * TILE;
const LACKING: usize = 17;

/// What kernels answered, and which were begun with beside the passes.
#[derive(Debug, Default)]
pub(super) struct Proofs {
    verdicts: Known<Verdict>,
    /// Each once: where a device has no room even for known points, it will not have it later.
    begun: Mutex<HashSet<Variant>>,
}

#[derive(Debug, Clone)]
enum Verdict {
    Right,
    Wrong(String),
    /// The known points gave it nothing to do.
    Untried,
}

impl Proofs {
    /// Whether a kernel is known to be right.
    pub(super) fn is_right(&self, variant: Variant) -> bool {
        matches!(self.verdicts.peek(variant), Some(Verdict::Right))
    }

    /// Whether nobody has begun with a kernel: whoever asks does now.
    pub(super) fn begin(&self, variant: Variant) -> bool {
        lock(&self.begun).insert(variant)
    }
}

impl Opened {
    /// Sees that a kernel that labels gives the right answers; false if it left no tile out though it should.
    ///
    /// # Errors
    /// [`Error::Wrong`] if it does not; [`Error::Device`] or [`Error::Memory`] if that cannot be found out.
    pub(super) fn prove(&self, variant: Variant, options: &Options) -> Result<bool> {
        let ran = |gpu: &Gpu| gpu.devices.iter().any(|d| d.pipelines.variants().contains(&variant));
        let tried = |gpu: &Gpu| ran(gpu) && (!variant.slack || gpu.tiles_skipped() > 0);
        let ask = || self.ask(variant, options, KnownPoints::wrong_stage, tried);
        Ok(!self.proves || self.is_right(self.proofs.verdicts.get(variant, ask)?)?)
    }

    /// Sees that centroids which the device moves after this kernel are right, too; false if it made no pass with them.
    ///
    /// # Errors
    /// As [`Opened::prove`].
    pub(super) fn prove_ahead(&self, variant: Variant, options: &Options) -> Result<bool> {
        let Variant { dims, bits, weighted, int64, .. } = variant;
        let update = Variant::update(dims, bits, weighted, int64);
        let ask = || self.ask(variant, options, KnownPoints::wrong_stage_on, |gpu| gpu.passes_ahead().0 > 0);
        Ok(!self.proves || self.is_right(self.proofs.verdicts.get(update, ask)?)?)
    }

    fn is_right(&self, verdict: Verdict) -> Result<bool> {
        match verdict {
            Verdict::Right => Ok(true),
            Verdict::Untried => Ok(false),
            Verdict::Wrong(what) => Err(Error::Wrong(format!("{}: {what}", self.device.name))),
        }
    }

    /// The verdict on what a kernel that labels answers to known points, if `tried` says that it was tried.
    fn ask(
        &self,
        variant: Variant,
        options: &Options,
        answer: impl FnOnce(&KnownPoints, &dyn Engine) -> Result<Option<&'static str>> + Send,
        tried: impl FnOnce(&Gpu) -> bool + Send,
    ) -> Result<Verdict> {
        let work = || {
            let gpu = self.aside(variant, options);
            Ok(match answer(&known(&variant)?, &gpu)? {
                Some(stage) => Verdict::Wrong(format!("wrong answer in stage '{stage}' ({variant})")),
                None if tried(&gpu) => Verdict::Right,
                None => Verdict::Untried,
            })
        };
        // Threads of a pool may wait for this verdict: it must not rest on that pool, nor may one that finds it do other work
        // of the pool meanwhile, which could wait for it, too.
        let pool = ThreadPoolBuilder::new().num_threads(1).build().map_err(|e| self.device.error(e))?;
        let done = thread::scope(|scope| {
            let thread = thread::Builder::new().spawn_scoped(scope, || pool.install(work));
            thread
                .map_err(|e| self.device.error(e))?
                .join()
                .unwrap_or_else(|_| Err(self.device.error("the driver failed")))
        });
        // What goes wrong while nothing is wrong with the device is as a rule a lack of room.
        match done {
            Err(Error::Device(what)) if self.device.check().is_ok() => Err(Error::Memory(what)),
            done => done,
        }
    }

    /// The device as an engine for known points, on which nothing but `variant` labels; what it does is not counted.
    fn aside(&self, variant: Variant, options: &Options) -> Gpu {
        let device = Self {
            device: Arc::new(self.device.aside()),
            pipelines: Arc::new(self.pipelines.aside()),
            ledger: Arc::default(),
            proofs: Arc::default(),
            proves: false,
            only: Some(variant),
            ..self.clone()
        };
        let fault = options.fault.filter(|fault| *fault == Fault::Lie);
        Gpu {
            devices: vec![device],
            compiling: Arc::default(),
            options: Options { patient: true, fault, ..Options::default() },
        }
    }
}

/// Points and centroids for a kernel: points for two of its workgroups, if that is not too much work; of one that sums in
/// workgroup memory as many centroids as there is room for beside the smaller set, so that both are there together, or else two.
fn known(variant: &Variant) -> Result<KnownPoints> {
    let Variant { dims, bits, weighted, tuning, .. } = *variant;
    let coordinates = Shape { dims, bits, weighted, chunk_tiles: 1 }.coordinates() as usize;
    let most = match variant.kernel {
        Kernel::Binned(bins) => {
            let fit = |sets: usize| (bins as usize).saturating_sub(sets * COUNTERS) / coordinates;
            fit(2).saturating_sub(few_of(fit(2))).max(fit(2) * 2 / 3).max(fit(1).min(2))
        }
        _ => MOST_CENTROIDS,
    };
    let dims = dims as usize;
    let k = most.min(MOST_WORK / (LEAST_POINTS * dims)).clamp(most.clamp(1, 2), MOST_CENTROIDS);
    let points = (MOST_WORK / (k * dims)).min(2 * tuning.tiles as usize * TILE).max(LEAST_POINTS);
    KnownPoints::new(points / TILE * TILE - LACKING, dims, bits, weighted, k)
}
