//! The GPU engine: the CPU's pass in WGSL, to the same bytes.
//!
//! The points live on the device in chunks of tiles below every limit, or stream through it where they do not fit. A pass
//! scores each tile for all centroid sets of a batch, proves or referees its labels there, and sends back only the integer
//! change of sums and counts. Floats may propose, but only integers decide; so the driver's rounding, order and fusing
//! cannot be seen in the result, nor how the points are shared out over several devices.

mod adapter;
mod batch;
pub mod cache;
mod device;
mod fault;
mod known;
mod part;
mod pipelines;
pub mod plan;
mod prepare;
mod proof;
mod record;
mod session;
pub mod shader;
mod silhouette;
mod staging;
mod stopwatch;
pub mod template;
pub mod tune;
pub mod tuned;
pub mod tuning;

pub use adapter::Adapter;
pub use batch::{CONSTANTS, LAYOUTS, Layout};
pub use fault::Fault;
pub use silhouette::LAYOUT as SILHOUETTE_LAYOUT;

use super::silhouette::{Grouped, Means};
use super::{Engine, Session};
use crate::engine::width::Width;
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use crate::note::Note;
use batch::narrow;
use cache::{Cache, Identity};
use device::Device;
use pipelines::Pipelines;
use plan::{Abilities, DeviceLimits, Kernels, chunk_tiles};
use prepare::Compiling;
use proof::Proofs;
use session::GpuSession;
use shader::Variant;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use stopwatch::Ledger;
use tuned::Choices;
use tuning::{Shape, Tuning};

/// One GPU or several as an engine.
#[derive(Debug, Clone)]
pub struct Gpu {
    devices: Vec<Opened>,
    compiling: Arc<Compiling>,
    options: Options,
}

/// An opened device with what was compiled for it.
#[derive(Debug, Clone)]
struct Opened {
    device: Arc<Device>,
    pipelines: Arc<Pipelines>,
    ledger: Arc<Ledger>,
    proofs: Arc<Proofs>,
    proves: bool,
    /// The kernel that labels, whatever the sets.
    only: Option<Variant>,
    abilities: Abilities,
    checked: bool,
    identity: Identity,
    choices: Choices,
    name: String,
}

/// How points are taken to the devices.
#[derive(Debug, Clone, Copy, Default)]
struct Options {
    chunk_bytes: Option<u64>,
    fault: Option<Fault>,
    /// Whether a pass waits for a kernel that would only save time.
    patient: bool,
}

/// How to open adapters.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenOptions {
    /// Kernels make use of no more than these; of all the adapter has if `None`.
    pub abilities: Option<Abilities>,
    /// Whether shaders are compiled with the wrapper's bounds and loop checks.
    pub checked: bool,
    /// Whether kernels work on points without proving right on known ones: where every answer is held against another.
    pub unproven: bool,
    /// Whether a pass waits for a kernel that would only save time: where it is timed, or counted what it saves.
    pub patient: bool,
    /// The points are cut and the kernels chosen as if the device had no more than these; for tests.
    pub limits: Option<DeviceLimits>,
}

impl Gpu {
    /// Opens an adapter, or several that share the points; one may be named twice.
    ///
    /// The driver's wrapper panics when a device is lost. Such panics become errors; so that they are not printed, the
    /// process gets a panic hook, which hands all others to the hook that was there.
    ///
    /// # Errors
    /// [`Error::Device`] if a driver refuses, or no adapter is given; [`Error::Usage`] if `SEGMA_GPU_CHUNK` is no size.
    pub fn open(adapters: &[Adapter], options: OpenOptions) -> Result<Self> {
        if adapters.is_empty() {
            return Err(Error::Device("no GPU is named".into()));
        }
        let devices = adapters.iter().map(|a| Opened::new(a, options)).collect::<Result<_>>()?;
        let chunk_bytes = std::env::var("SEGMA_GPU_CHUNK").ok().map(|text| chunk_bytes(&text)).transpose()?;
        let options = Options { chunk_bytes, patient: options.patient, ..Options::default() };
        Ok(Self { devices, compiling: Arc::default(), options })
    }

    /// Takes no more than so many bytes for buffers on each device, but for the few known points that kernels prove right on; the
    /// points that do not fit stream through it.
    #[must_use]
    pub fn memory(self, bytes: u64) -> Self {
        self.devices.iter().for_each(|d| d.device.limit_memory(bytes));
        self
    }

    /// Cuts the points into chunks of at most so many bytes.
    #[must_use]
    pub fn chunk_bytes(mut self, bytes: u64) -> Self {
        self.options.chunk_bytes = Some(bytes);
        self
    }

    /// Plants a fault in each session, for tests.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.options.fault = Some(fault);
        self
    }

    /// Times the kernels of all sessions loaded from now on, where the device has a clock.
    pub fn time_stages(&self) {
        self.devices.iter().for_each(|d| d.ledger.start());
    }

    /// Seconds that the kernels of each stage took on the devices since [`Gpu::time_stages`]; empty where nothing was timed.
    #[must_use]
    pub fn times(&self) -> BTreeMap<&'static str, f64> {
        let mut all = BTreeMap::new();
        for (stage, seconds) in self.devices.iter().flat_map(|d| d.ledger.times()) {
            *all.entry(stage).or_default() += seconds;
        }
        all
    }

    /// Passes made before they were asked for, and those of them that were not asked for and had to be taken back.
    #[must_use]
    pub fn passes_ahead(&self) -> (u64, u64) {
        let sum = |of: fn(&Ledger) -> &AtomicU64| {
            self.devices.iter().map(|d| of(&d.ledger).load(Ordering::Relaxed)).sum::<u64>()
        };
        (sum(|ledger| &ledger.ahead), sum(|ledger| &ledger.in_vain))
    }

    /// Tiles that passes did not read, because no label of theirs could have changed, each once for a set and pass; since
    /// [`Gpu::time_stages`], if that was called.
    #[must_use]
    pub fn tiles_skipped(&self) -> u64 {
        self.devices.iter().map(|d| d.ledger.skipped()).sum()
    }

    /// How many kernels were compiled so far, and how long that would have taken one after another.
    #[must_use]
    pub fn compiled(&self) -> (u64, Duration) {
        let spent = self.devices.iter().map(|d| d.pipelines.spent());
        spent.fold((0, Duration::ZERO), |all, one| (all.0 + one.0, all.1 + one.1))
    }

    /// Submissions made to its devices so far.
    #[must_use]
    pub fn submissions(&self) -> u64 {
        self.devices.iter().map(|d| d.device.submissions()).sum()
    }

    /// The shape of a matrix on the first device: what its kernels are chosen by.
    ///
    /// # Errors
    /// [`Error::Device`] if not even one tile fits.
    pub fn shape(&self, matrix: &Matrix) -> Result<Shape> {
        self.devices[0].shape(matrix, matrix.tiles().div_ceil(self.devices.len()), &self.options)
    }

    /// What the times of the first device depend on.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.devices[0].identity
    }

    /// The limits of the first device.
    #[must_use]
    pub fn limits(&self) -> DeviceLimits {
        self.devices[0].device.limits
    }

    /// Scores sets by what was found fastest, where a cache has it; gives what is wrong with the cache, if anything.
    pub fn tuned(&mut self, cache: &Cache) -> Vec<Note> {
        let mut all = Vec::new();
        for device in &mut self.devices {
            let (choices, notes) = cache.choices(&device.identity);
            device.choices = choices;
            all.extend(notes);
        }
        all.dedup();
        all
    }

    /// The names of the kernels that were run since points were last loaded.
    #[must_use]
    pub fn ran(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.devices.iter().flat_map(|d| d.pipelines.ran()).map(|v| v.to_string()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Bits of a label, where kernels that label were run since points were last loaded: of the widest, if there were several.
    #[must_use]
    pub fn label_bits(&self) -> Option<u32> {
        let ran = self.devices.iter().flat_map(|d| d.pipelines.ran());
        ran.filter(|v| v.stage() == "assign").map(|v| v.labels).max().map(Width::bits)
    }

    /// Scores all sets by this choice where it fits the shape and the device, whatever was tuned.
    #[must_use]
    pub fn forced(mut self, tuning: Tuning) -> Self {
        self.devices.iter_mut().for_each(|d| d.choices = Choices::forced(tuning));
        self
    }

    /// Takes the points of a matrix to the devices.
    fn session<'m>(&self, matrix: &'m Matrix) -> Result<GpuSession<'m>> {
        GpuSession::new(&self.devices, &self.compiling, matrix, &self.options)
    }

    /// Name and WGSL text of each kernel that was run so far.
    #[must_use]
    pub fn kernels(&self) -> Vec<(String, String)> {
        let variants = self.devices.iter().flat_map(|d| d.pipelines.variants());
        let mut kernels: Vec<_> = variants.map(|v| (v.to_string(), v.text())).collect();
        kernels.sort();
        kernels.dedup();
        kernels
    }
}

impl Opened {
    fn new(adapter: &Adapter, options: OpenOptions) -> Result<Self> {
        let has = adapter.abilities();
        let wanted = options.abilities.unwrap_or(has);
        let abilities = Abilities { int64: has.int64 && wanted.int64 };
        let kind = if adapter.is_software() { "software gpu" } else { "gpu" };
        Ok(Self {
            device: Arc::new(Device::open(adapter, abilities, options.limits)?),
            pipelines: Arc::default(),
            ledger: Arc::default(),
            proofs: Arc::default(),
            proves: !options.unproven,
            only: None,
            abilities,
            checked: options.checked,
            identity: Identity::new(adapter.info(), abilities.int64),
            choices: Choices::default(),
            name: format!("{kind} ({})", adapter.name()),
        })
    }

    /// The choice of kernels for points of a shape.
    fn kernels(&self, shape: Shape) -> Kernels {
        let kernels = Kernels::new(shape, self.device.limits, self.abilities, self.choices.clone());
        match self.only {
            Some(variant) => kernels.only(variant),
            None => kernels,
        }
    }

    /// The shape of so many tiles of a matrix, cut into chunks.
    fn shape(&self, matrix: &Matrix, tiles: usize, options: &Options) -> Result<Shape> {
        let device = &self.device;
        let chunk = chunk_tiles(tiles, matrix.dims(), &device.limits, device.memory(), options.chunk_bytes)?;
        Ok(Shape {
            dims: narrow(matrix.dims()),
            bits: matrix.frame().bits(),
            weighted: matrix.weights().is_some(),
            chunk_tiles: narrow(chunk),
        })
    }
}

impl Engine for Gpu {
    fn name(&self) -> String {
        let names: Vec<&str> = self.devices.iter().map(|d| d.name.as_str()).collect();
        names.join(" + ")
    }

    fn load<'m>(&self, matrix: &'m Matrix) -> Result<Box<dyn Session + 'm>> {
        Ok(Box::new(self.session(matrix)?))
    }

    fn prepare(&self, matrix: &Matrix, sets: &[usize]) {
        let tiles = matrix.tiles().div_ceil(self.devices.len());
        let (busy, alone) = (matrix.tiles().div_ceil(tiles.max(1)), self.devices.len() == 1);
        for device in self.devices.iter().take(busy) {
            self.compiling.begin(device, matrix, tiles, &self.options, sets, alone);
        }
    }

    fn silhouette(&self, grouped: &Grouped) -> Result<Vec<Means>> {
        silhouette::means(&self.devices, grouped, &self.options)
    }
}

fn chunk_bytes(text: &str) -> Result<u64> {
    bytes(text).ok_or_else(|| Error::Usage(format!("SEGMA_GPU_CHUNK is '{text}'; give bytes, or 64MiB")))
}

/// `1MiB`, `512KiB` or a plain number of bytes, above 0.
#[must_use]
pub fn bytes(text: &str) -> Option<u64> {
    let units = [("GiB", 1u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let unit = units.iter().find_map(|(name, size)| text.strip_suffix(name).map(|number| (number, *size)));
    let (number, size) = unit.unwrap_or((text, 1));
    number.trim().parse::<u64>().ok()?.checked_mul(size).filter(|b| *b > 0)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_are_read_with_their_unit() {
        assert_eq!((bytes("1MiB"), bytes("2 KiB"), bytes("7")), (Some(1 << 20), Some(2048), Some(7)));
        assert_eq!((bytes("x"), bytes("0"), bytes("99999999999GiB")), (None, None, None));
    }
}
