//! The text of the shaders: WGSL files joined, with sizes as constants and sections for what a device can do.
//!
//! The template knows three line comments: `//#if FLAG` .. `//#else` .. `//#end`, and `//#each DIMS` .. `//#end`, which
//! repeats its lines with `{j}` counting up. Everything else is WGSL as it stands.

use std::fmt::{self, Write};

/// What a kernel does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Labels and sums in one go; sums of so many cells in workgroup memory.
    Binned(u32),
    /// Labels and sums in one go; sums straight in the totals.
    Direct,
    /// Labels only; says which points moved.
    Deferred,
    /// Sums of the points that moved, so many cells in workgroup memory at a time.
    Slices(u32),
    /// The centroids of the next pass.
    Update,
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
    /// Tiles a workgroup takes at once, a lane for each point.
    pub wide: u32,
    /// Tiles a workgroup takes in all.
    pub tiles: u32,
    /// Whether a lane takes two points at a time.
    pub pair: bool,
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
const UPDATE: &str = include_str!("../../../shaders/update.wgsl");

/// Up to so many columns a point is kept in registers: with 64 an H100 took more than twice as long as without.
const MOST_UNROLLED: u32 = 32;

/// Vectors of four f32 in workgroup memory for staged centroids: 16 KiB.
const STAGE: u32 = 1024;

impl Variant {
    /// The stage it is.
    #[must_use]
    pub fn stage(&self) -> &'static str {
        match self.kernel {
            Kernel::Binned(_) | Kernel::Direct | Kernel::Deferred => "assign",
            Kernel::Slices(_) => "slices",
            Kernel::Update => "update",
        }
    }

    /// Lanes of a workgroup.
    #[must_use]
    pub fn lanes(&self) -> u32 {
        64 * self.wide
    }

    /// Quads of centroids staged in workgroup memory at a time: where the sums do not need that memory.
    fn staged(&self) -> Option<u32> {
        let quads = STAGE / (self.dims + 2);
        let free = matches!(self.kernel, Kernel::Direct | Kernel::Deferred);
        (quads > 0 && free).then_some(quads)
    }

    fn bins(&self) -> Option<u32> {
        match self.kernel {
            Kernel::Binned(cells) | Kernel::Slices(cells) => Some(cells),
            Kernel::Direct | Kernel::Deferred | Kernel::Update => None,
        }
    }

    /// The buffers it is bound to: no more than eight for storage, which every device allows.
    #[must_use]
    pub fn bindings(&self) -> Vec<Binding> {
        let slices = matches!(self.kernel, Kernel::Slices(_));
        let update = self.kernel == Kernel::Update;
        let moves = if slices { Access::Read } else { Access::Write };
        let centroids = if update { Access::Write } else { Access::Read };
        let all = [
            ("chunk", Access::Uniform, !update),
            ("tiles", Access::Read, !update),
            ("labels", moves, !update),
            ("sets", Access::Read, true),
            ("scores", centroids, !slices),
            ("exact", centroids, !slices),
            ("totals", Access::Write, true),
            ("weights", Access::Read, self.weighted && !update),
            ("moved", moves, slices || self.kernel == Kernel::Deferred),
            ("next", Access::Write, update),
        ];
        let numbered = (0..).zip(all).filter(|(_, (_, _, used))| *used);
        numbered.map(|(number, (name, access, _))| Binding { number, name, access }).collect()
    }

    /// The WGSL text.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { dims, bits, wide, tiles, .. } = self;
        let mut text = format!("// segma {self}\n");
        let lanes = self.lanes();
        let _ = write!(text, "const DIMS: u32 = {dims}u;\nconst BITS: i32 = {bits};\nconst LANES: u32 = {lanes}u;\n");
        let _ = write!(text, "const WIDE: u32 = {wide}u;\nconst TILES: u32 = {tiles}u;\n");
        let _ = writeln!(text, "const STAGED: u32 = {}u; // quads of centroids", self.staged().unwrap_or(1 << 30));
        let _ = writeln!(text, "const POINTS: u32 = {}u; // of a lane", if self.has("PAIR") { 2 } else { 1 });
        if let Some(bins) = self.bins() {
            let _ = writeln!(text, "const BINS: u32 = {bins}u;");
        }
        let stages: &[&str] = match self.kernel {
            Kernel::Slices(_) => &[COMMON, ACCUMULATE],
            Kernel::Update => &[COMMON, UPDATE],
            _ => &[COMMON, ACCUMULATE, REFEREE, ASSIGN],
        };
        for part in stages {
            text.push('\n');
            fill(part, &|flag| self.has(flag), *dims, &mut text);
        }
        text
    }

    fn has(&self, flag: &str) -> bool {
        match flag {
            "BINS" => self.bins().is_some(),
            "INT64" => self.int64,
            "SLICES" => matches!(self.kernel, Kernel::Slices(_)),
            "DEFER" => self.kernel == Kernel::Deferred,
            "STAGE" => self.staged().is_some(),
            "UNROLL" => self.dims <= MOST_UNROLLED,
            "WEIGHTED" => self.weighted,
            "PAIR" => self.pair,
            "POINTS" => self.kernel != Kernel::Update,
            _ => false,
        }
    }
}

/// A name for people and files.
impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kernel {
            Kernel::Binned(cells) => write!(f, "assign-binned{cells}")?,
            Kernel::Direct => write!(f, "assign-direct")?,
            Kernel::Deferred => write!(f, "assign-deferred")?,
            Kernel::Slices(cells) => write!(f, "slices{cells}")?,
            Kernel::Update => write!(f, "update")?,
        }
        write!(f, "-d{}-bits{}-wide{}-tiles{}", self.dims, self.bits, self.wide, self.tiles)?;
        let traits = [(self.pair, "-pair"), (self.weighted, "-weighted"), (self.int64, "-int64")];
        traits.into_iter().filter(|(on, _)| *on).try_for_each(|(_, name)| f.write_str(name))
    }
}

/// An open section of a template: whether what is around it is kept, and where its text began.
struct Section {
    outer: bool,
    from: usize,
    repeated: bool,
}

/// Appends a template with its sections resolved.
fn fill(template: &str, has: &dyn Fn(&str) -> bool, dims: u32, text: &mut String) {
    let mut open: Vec<Section> = Vec::new();
    let mut keep = true;
    for line in template.lines() {
        let directive = line.trim().strip_prefix("//#").map(|d| d.split_once(' ').unwrap_or((d, "")));
        let from = text.len();
        match directive {
            Some(("end", _)) => {
                let Some(section) = open.pop() else { continue }; // a test pairs them all
                keep = section.outer;
                if section.repeated {
                    let body = text.split_off(section.from);
                    (0..dims).for_each(|j| text.push_str(&body.replace("{j}", &j.to_string())));
                }
            }
            Some(("else", _)) => keep = open.last().is_none_or(|section| section.outer) && !keep,
            Some(("if", flag)) => {
                open.push(Section { outer: keep, from, repeated: false });
                keep = keep && has(flag);
            }
            Some(_) => open.push(Section { outer: keep, from, repeated: true }),
            None if keep => {
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn sections_nest_and_repeat() {
        let template =
            "a\n//#if ON\nb\n//#if OFF\nc\n//#else\n//#each DIMS\nx[{j}]\n//#end\n//#end\n//#else\nd\n//#end\ne\n";
        let mut text = String::new();
        fill(template, &|flag| flag == "ON", 2, &mut text);
        assert_eq!(text, "a\nb\nx[0]\nx[1]\ne\n");
        text.clear();
        fill(template, &|_| false, 2, &mut text);
        assert_eq!(text, "a\nd\ne\n");
    }
}
