//! The text of the shaders: WGSL files joined, with sizes as constants.

/// What a kernel's text depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Variant {
    /// Columns.
    pub dims: u32,
    /// Bits of the grid.
    pub bits: u32,
    /// Clusters whose sums are kept in workgroup memory; `None` adds straight to the totals.
    pub bins: Option<u32>,
    /// Tiles a workgroup takes.
    pub tiles: u32,
}

/// Bindings of the assign kernel, in order; whether each is read only. Twin of the declarations in `assign.wgsl`.
pub const BINDINGS: [(&str, bool); 8] = [
    ("params", true),
    ("tiles", true),
    ("norms", true),
    ("labels", false),
    ("scores", true),
    ("exact", true),
    ("index", true),
    ("totals", false),
];

const COMMON: &str = include_str!("../../../shaders/common.wgsl");
const ASSIGN: &str = include_str!("../../../shaders/assign.wgsl");
const REFEREE: &str = include_str!("../../../shaders/referee.wgsl");
const ACCUMULATE: &str = include_str!("../../../shaders/accumulate.wgsl");

/// Sums in workgroup memory: two i32 a coordinate, of the low 20 bits and the rest. A workgroup adds at most 1,024 points,
/// so neither leaves 31 bits.
const BINS: &str = "
fn add_coordinate(cluster: u32, j: u32, q: vec2<u32>) {
    let bin = 2u * (cluster * DIMS + j);
    atomicAdd(&bins[bin], i32(q.x & 0xfffffu));
    atomicAdd(&bins[bin + 1u], bitcast<i32>((q.x >> 20u) | (q.y << 12u)));
}

fn clear_bins(lane: u32) {
    for (var i = lane; i < BINS; i += 64u) {
        atomicStore(&bins[i], 0);
    }
    workgroupBarrier();
}

fn flush_bins(lane: u32) {
    workgroupBarrier();
    for (var cell = lane; cell < BINS / 2u; cell += 64u) {
        let low = bitcast<u32>(atomicLoad(&bins[2u * cell]));
        let high = atomicLoad(&bins[2u * cell + 1u]);
        if (low != 0u || high != 0) {
            let shifted = vec2<u32>(bitcast<u32>(high) << 20u, bitcast<u32>(high >> 12u));
            let extended = vec2<u32>(low, select(0u, 0xffffffffu, (low >> 31u) == 1u));
            add_to(sum_slot(0u, 0u) + 2u * cell, add64(shifted, extended));
        }
    }
}
";

/// No workgroup memory: every coordinate goes to the totals.
const NO_BINS: &str = "
fn add_coordinate(cluster: u32, j: u32, q: vec2<u32>) {
    add_to(sum_slot(cluster, j), q);
}

fn clear_bins(lane: u32) {}

fn flush_bins(lane: u32) {}
";

impl Variant {
    /// The WGSL text.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { dims, bits, tiles, .. } = self;
        let declaration = match self.bins {
            Some(k) => format!("const BINS: u32 = {}u;\nvar<workgroup> bins: array<atomic<i32>, BINS>;", 2 * k * dims),
            None => String::new(),
        };
        let accumulate = ACCUMULATE.replace("{{BINS}}", if self.bins.is_some() { BINS } else { NO_BINS });
        let assign = ASSIGN
            .replace("{{BINS_DECLARATION}}", &declaration)
            .replace("// {{INCLUDE_REFEREE}}", REFEREE)
            .replace("// {{INCLUDE_ACCUMULATE}}", &accumulate);
        format!(
            "const DIMS: u32 = {dims}u;\nconst BITS: i32 = {bits};\nconst TILES: u32 = {tiles}u;\n\n{COMMON}\n{assign}"
        )
    }
}
