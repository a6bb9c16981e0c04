//! Where to run: what `--device` names, opened.

use super::args::DeviceArgs;
use segma::engine::Engine;
use segma::engine::cpu::Cpu;
use segma::engine::fallback::Fallback;
use segma::engine::gpu::cache::Cache;
use segma::engine::gpu::{Adapter, Gpu, OpenOptions};
use segma::error::{Error, Result};
use segma::note::Note;
use std::path::Path;

/// Fewer values than this are clustered on the CPU before a GPU would have started.
const LEAST_FOR_GPU: usize = 1 << 22;

/// What `--device` asks for. A device named is opened at once, so that a missing one is known before the work starts.
pub(super) enum Choice {
    /// The best real GPU if there is one and enough to do, else the CPU.
    Auto,
    /// This one.
    Named(Device),
}

/// An engine and what to say of it.
pub(super) struct Device {
    pub(super) engine: Box<dyn Engine>,
    /// `cpu` or `gpu`.
    pub(super) kind: &'static str,
    /// The adapter's name, or the SIMD level.
    pub(super) adapter: String,
    /// The engine that takes over when this one fails, if any.
    spare: Option<String>,
    /// What happened to it: a code `gpu_unavailable` says that it did nothing, `device_lost` that it did not do all.
    pub(super) notes: Vec<Note>,
    /// The GPU behind the engine, if it is one.
    pub(super) gpu: Option<Gpu>,
}

impl Choice {
    /// Reads `--device`: `auto`, `cpu`, or a GPU (see [`Adapter::choose`]).
    ///
    /// # Errors
    /// [`Error::Usage`] if it makes no sense; [`Error::Device`] if the device is missing, or refuses.
    pub(super) fn new(args: &DeviceArgs) -> Result<Self> {
        match args.device.trim().to_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Named(cpu(Vec::new())?)),
            name => Ok(Self::Named(gpu(&Adapter::choose(name)?, args, true)?)),
        }
    }

    /// The device for so many values (points x columns).
    pub(super) fn device(self, args: &DeviceArgs, values: usize) -> Result<Device> {
        match self {
            Self::Named(device) => Ok(device),
            Self::Auto if values < LEAST_FOR_GPU => cpu(Vec::new()),
            Self::Auto => match Adapter::all().into_iter().find(|a| !a.is_software()) {
                None => cpu(vec![Note::new("gpu_unavailable", format!("{}; running on the CPU", no_gpu()))]),
                Some(adapter) => gpu(&[adapter], args, false).or_else(|e| match e {
                    Error::Usage(_) => Err(e),
                    e => {
                        let text = format!("{e}; running on the CPU, with the same result");
                        cpu(vec![Note::new("gpu_unavailable", text)])
                    }
                }),
            },
        }
    }
}

impl Device {
    /// What the work really ran on, for people.
    pub(super) fn ran_on(&self) -> String {
        let first = self.engine.name();
        let noted = |code: &str| self.notes.iter().any(|n| n.code == code);
        match &self.spare {
            Some(spare) if noted("gpu_unavailable") => spare.clone(),
            Some(spare) if noted("device_lost") => format!("{first}, then {spare}"),
            _ => first,
        }
    }
}

fn cpu(notes: Vec<Note>) -> Result<Device> {
    let cpu = Cpu::new()?;
    let adapter = cpu.level().name().into();
    Ok(Device { kind: "cpu", adapter, engine: Box::new(cpu), spare: None, notes, gpu: None })
}

/// Opens adapters that were `named`, or that nobody asked for.
fn gpu(adapters: &[Adapter], args: &DeviceArgs, named: bool) -> Result<Device> {
    let options = OpenOptions { patient: args.patient, ..OpenOptions::default() };
    let mut gpu = Gpu::open(adapters, options)?;
    let notes = Cache::standard().map_or_else(Vec::new, |cache| gpu.tuned(&cache));
    if let Some(bytes) = args.gpu_memory {
        gpu = gpu.memory(bytes);
    }
    let cpu = if args.no_fallback { None } else { Some(Cpu::new()?) };
    let spare = cpu.as_ref().map(Engine::name);
    let engine: Box<dyn Engine> = match cpu {
        None => Box::new(gpu.clone()),
        Some(cpu) => {
            let both = Fallback::new(Box::new(gpu.clone()), Box::new(cpu));
            Box::new(if named { both } else { both.forgiving() })
        }
    };
    let adapter = adapters.iter().map(Adapter::name).collect::<Vec<_>>().join(" + ");
    Ok(Device { kind: "gpu", adapter, engine, spare, notes, gpu: Some(gpu) })
}

/// Why no GPU was found. A container often has an NVIDIA card but not its Vulkan driver: nobody should pay for a GPU and
/// run on the CPU unknowing.
pub(super) fn no_gpu() -> &'static str {
    let here = |paths: &[&str]| paths.iter().any(|p| Path::new(p).exists());
    if here(&["/dev/nvidiactl", "/proc/driver/nvidia/version"]) {
        "an NVIDIA card is here but not its Vulkan driver; start the container with \
         NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics and have libvulkan1 in it"
    } else if here(&["/dev/dxg"]) {
        "Windows shares a GPU (/dev/dxg) but no Vulkan driver for it is here; run segma under Windows, or install \
         Mesa's dzn driver"
    } else {
        "no GPU found"
    }
}
