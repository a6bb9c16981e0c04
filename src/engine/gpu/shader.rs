//! The text of the shaders: WGSL files joined, with sizes as constants and sections for what a device can do and what was
//! chosen for it (see `template.rs`).

use super::template::{Source, fill};
use super::tuning::{Hold, Tuning, slice};
use crate::engine::width::Width;
use sha2::{Digest, Sha256};
use std::fmt::{self, Write};

/// What a kernel does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Labels and sums in one go; sums of so many cells in workgroup memory.
    Binned(u32),
    /// Labels and sums in one go; sums straight in the totals.
    Direct,
    /// The centroids of the next pass.
    Update,
    /// Distances to clusters, added up.
    Silhouette,
}

/// What a kernel's text depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Variant {
    /// What it does.
    pub kernel: Kernel,
    /// Columns.
    pub dims: u32,
    /// Bits of the grid.
    pub bits: u32,
    /// Whether points have weights.
    pub weighted: bool,
    /// Whether a kernel that labels leaves settled tiles out.
    pub slack: bool,
    /// How wide labels are; of no matter to [`Kernel::Update`].
    pub labels: Width,
    /// What a lane holds in registers, how wide and long a workgroup is.
    pub tuning: Tuning,
    /// Whether there are 64-bit integers and atomics.
    pub int64: bool,
}

/// A buffer of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// Its number.
    pub number: u32,
    /// Its name in the shader.
    pub name: &'static str,
    /// What the kernel does with it.
    pub access: Access,
}

/// What a kernel does with a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Reads a few values that are the same for all lanes.
    Uniform,
    /// Reads.
    Read,
    /// Reads and writes.
    Write,
}

const COMMON: &str = include_str!("../../../shaders/common.wgsl");
const ASSIGN: &str = include_str!("../../../shaders/assign.wgsl");
const REFEREE: &str = include_str!("../../../shaders/referee.wgsl");
const ACCUMULATE: &str = include_str!("../../../shaders/accumulate.wgsl");
const PRUNE: &str = include_str!("../../../shaders/prune.wgsl");
const UPDATE: &str = include_str!("../../../shaders/update.wgsl");
const SILHOUETTE: &str = include_str!("../../../shaders/silhouette.wgsl");

/// The SHA-256 of the shader files of a pass, as 64 hexadecimal digits: what was measured on other shaders says nothing of these.
#[must_use]
pub fn digest() -> String {
    let mut hash = Sha256::new();
    for part in [COMMON, ACCUMULATE, REFEREE, PRUNE, ASSIGN, UPDATE] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Coordinates that the referee looks at in one round of a loop: their loads overlap.
const AHEAD: u32 = 8;

impl Variant {
    /// The kernel of the silhouette for so many columns: it has no choices.
    #[must_use]
    pub fn silhouette(dims: u32) -> Self {
        Self::without_choices(dims, 4)
    }

    fn without_choices(dims: u32, wide: u32) -> Self {
        let tuning = Tuning { hold: Hold::Nothing, stage: false, wide, tiles: 1, bin_bytes: 0 };
        Self {
            kernel: Kernel::Silhouette,
            dims,
            bits: 0,
            weighted: false,
            slack: false,
            labels: Width::default(),
            tuning,
            int64: false,
        }
    }

    /// The kernel that moves centroids: it has no choices either.
    #[must_use]
    pub fn update(dims: u32, bits: u32, weighted: bool, int64: bool) -> Self {
        Self { kernel: Kernel::Update, bits, weighted, int64, ..Self::without_choices(dims, 1) }
    }

    /// The stage it is.
    #[must_use]
    pub fn stage(&self) -> &'static str {
        match self.kernel {
            Kernel::Binned(_) | Kernel::Direct => "assign",
            Kernel::Update => "update",
            Kernel::Silhouette => "silhouette",
        }
    }

    /// Lanes of a workgroup.
    #[must_use]
    pub fn lanes(&self) -> u32 {
        64 * self.tuning.wide
    }

    /// Vectors of four words in workgroup memory for what is scored.
    fn staged(&self) -> Option<u32> {
        let free = !matches!(self.kernel, Kernel::Binned(_));
        match self.kernel {
            Kernel::Update | Kernel::Silhouette => None,
            _ => self.tuning.staged(self.dims, free),
        }
    }

    fn bins(&self) -> Option<u32> {
        match self.kernel {
            Kernel::Binned(cells) => Some(cells),
            Kernel::Direct | Kernel::Update | Kernel::Silhouette => None,
        }
    }

    /// The buffers it is bound to: no more than eight for storage, which every device allows.
    #[must_use]
    pub fn bindings(&self) -> Vec<Binding> {
        if self.kernel == Kernel::Silhouette {
            let names = ["step", "measured", "tiles", "weights", "runs", "sums"];
            let access = |number| match number {
                0 => Access::Uniform,
                5 => Access::Write,
                _ => Access::Read,
            };
            return (0..).zip(names).map(|(number, name)| Binding { number, name, access: access(number) }).collect();
        }
        let update = self.kernel == Kernel::Update;
        let centroids = if update { Access::Write } else { Access::Read };
        let all = [
            ("chunk", Access::Uniform, !update),
            ("tiles", Access::Read, !update),
            ("labels", Access::Write, !update),
            ("sets", Access::Read, true),
            ("scores", centroids, true),
            ("exact", centroids, true),
            ("totals", Access::Write, true),
            ("weights", Access::Read, self.weighted && !update),
            ("next", Access::Write, update),
        ];
        let numbered = (0..).zip(all).filter(|(_, (_, _, used))| *used);
        numbered.map(|(number, (name, access, _))| Binding { number, name, access }).collect()
    }

    /// The WGSL text.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { dims, bits, tuning: Tuning { tiles, .. }, .. } = self;
        let mut text = format!("// segma {self}\n");
        if self.kernel == Kernel::Silhouette {
            let _ = write!(text, "const DIMS: u32 = {dims}u;\n\n{SILHOUETTE}");
            return text;
        }
        let lanes = self.lanes();
        let _ = write!(text, "const DIMS: u32 = {dims}u;\nconst BITS: i32 = {bits};\nconst LANES: u32 = {lanes}u;\n");
        let _ = writeln!(text, "const TILES: u32 = {tiles}u;");
        let (label, none) = (self.labels.bits(), self.labels.none());
        let _ = write!(text, "const LABEL_BITS: u32 = {label}u;\nconst NO_LABEL: u32 = {none}u;\n");
        self.scoring(&mut text);
        if let Some(bins) = self.bins() {
            let _ = writeln!(text, "const BINS: u32 = {bins}u;");
        }
        let stages: &[&str] = match self.kernel {
            Kernel::Update => &[COMMON, UPDATE],
            _ if self.slack => &[COMMON, ACCUMULATE, REFEREE, PRUNE, ASSIGN],
            _ => &[COMMON, ACCUMULATE, REFEREE, ASSIGN],
        };
        for part in stages {
            text.push('\n');
            fill(part, self, &mut text);
        }
        text
    }

    /// The constants of how points are scored.
    fn scoring(&self, text: &mut String) {
        let _ = writeln!(text, "const STEP: u32 = {}u; // tiles at a time", self.tuning.step());
        for name in ["VECTORS", "QUADS", "AHEAD"] {
            let _ = writeln!(text, "const {name}: u32 = {}u;", self.count(name));
        }
        let staged = self.staged();
        if let Hold::Scores { .. } = self.tuning.hold {
            let _ = writeln!(text, "const SLICE: u32 = {}u;", self.count("SLICE"));
            let _ = writeln!(text, "const STAGED: u32 = {}u; // vectors", staged.unwrap_or(0));
        } else {
            let quads = staged.map_or(1 << 30, |vectors| vectors / (self.dims + 2));
            let _ = writeln!(text, "const STAGED: u32 = {quads}u; // quads of centroids");
        }
    }
}

impl Source for Variant {
    fn has(&self, flag: &str) -> bool {
        match flag {
            "BINS" => self.bins().is_some(),
            "INT64" => self.int64,
            "STAGE" => self.staged().is_some(),
            "SLACK" => self.slack,
            "LABELS8" => self.labels == Width::Byte,
            "LABELS16" => self.labels == Width::Half,
            "HOLD" => matches!(self.tuning.hold, Hold::Points(_)),
            "TILED" => matches!(self.tuning.hold, Hold::Scores { .. }),
            "WEIGHTED" => self.weighted,
            "CHUNK" => self.kernel != Kernel::Update,
            _ => false,
        }
    }

    fn count(&self, name: &str) -> u32 {
        match (name, self.tuning.hold) {
            ("DIMS", _) => self.dims,
            ("VECTORS", Hold::Points(points) | Hold::Scores { points, .. }) => points / 4,
            ("QUADS", Hold::Scores { centroids, .. }) => centroids / 4,
            ("QUADS", Hold::Nothing) => 2,
            ("SLICE", _) => slice(self.dims),
            ("AHEAD", _) => AHEAD.min(self.dims),
            _ => 1,
        }
    }
}

/// A name for people and files.
impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kernel {
            Kernel::Binned(cells) => write!(f, "assign-binned{cells}")?,
            Kernel::Direct => write!(f, "assign-direct")?,
            Kernel::Update => write!(f, "update")?,
            Kernel::Silhouette => return write!(f, "silhouette-d{}", self.dims),
        }
        write!(f, "-d{}-bits{}", self.dims, self.bits)?;
        if self.kernel != Kernel::Update {
            write!(f, "-{}-labels{}", self.tuning, self.labels.bits())?;
        }
        let traits = [(self.weighted, "-weighted"), (self.int64, "-int64"), (self.slack, "-slack")];
        traits.into_iter().filter(|(on, _)| *on).try_for_each(|(_, name)| f.write_str(name))
    }
}
