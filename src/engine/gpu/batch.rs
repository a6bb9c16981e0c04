//! What a pass hands to the kernels: the tables of its centroid sets, and which kernels read them; and the way back, from
//! cells of limbs to the change of each set.

use super::part::{MOST_DRIFT, STEP_BITS};
use super::plan::{COUNTERS, Kernels, Together};
use super::shader::{Kernel, Variant};
use crate::engine::bound::{DIRECTED, Scoring};
use crate::engine::{Centroids, Change};
use crate::matrix::TILE;
use bytemuck::{Pod, Zeroable};
use std::mem::offset_of;
use std::ops::Range;
use std::slice::from_ref;

/// Twin of `Chunk` in `common.wgsl`.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct ChunkInfo {
    pub(super) points: u32,
    pub(super) first_tile: u32,
    pub(super) end_tile: u32,
    pub(super) norms: u32,
    pub(super) dims: u32,
    pub(super) rounds: u32,
}

/// Twin of `Set`.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct SetInfo {
    k: u32,
    distinct: u32,
    quads: u32,
    first_quad: u32,
    first_centroid: u32,
    first_label: u32,
    cell: u32,
    bin: u32,
    bound: f32,
    guard: f32,
    round_end: u32,
    round_cells: u32,
    count: u32,
    region: u32,
    first_slack: u32,
    travel: u32,
}

macro_rules! fields {
    ($type:ty: $($field:ident),*) => { &[$((stringify!($field), narrow(offset_of!($type, $field)))),*] };
}

/// A struct's name in the shaders, its bytes, and each field with its offset.
pub type Layout = (&'static str, u32, &'static [(&'static str, u32)]);

/// The structs that host and shaders share, for the test that compares them.
pub const LAYOUTS: [Layout; 2] = [
    ("Chunk", narrow(size_of::<ChunkInfo>()), fields!(ChunkInfo: points, first_tile, end_tile, norms, dims, rounds)),
    (
        "Set",
        narrow(size_of::<SetInfo>()),
        fields!(
            SetInfo: k, distinct, quads, first_quad, first_centroid, first_label, cell, bin, bound, guard, round_end,
            round_cells, count, region, first_slack, travel
        ),
    ),
];

/// The constants that host and shaders share, for the test that compares them.
pub const CONSTANTS: [(&str, u32); 8] = [
    ("CHANGED", narrow(CHANGED)),
    ("TIES", narrow(TIES)),
    ("REFEREED", narrow(REFEREED)),
    ("SKIPPED", narrow(SKIPPED)),
    ("DRIFT", narrow(DRIFT)),
    ("CUT", narrow(CUT)),
    ("STEP_BITS", STEP_BITS),
    ("MOST_DRIFT", MOST_DRIFT),
];

const CHANGED: usize = 0;
const TIES: usize = 1;
const REFEREED: usize = 2;
pub(super) const SKIPPED: usize = 3;
pub(super) const DRIFT: usize = 4;
pub(super) const CUT: usize = 5;

/// A size that the plan keeps below 2^32.
#[expect(clippy::cast_possible_truncation, reason = "a chunk is below 2^31 bytes and k below 2^32")]
pub(super) const fn narrow(size: usize) -> u32 {
    size as u32
}

/// The bindings that hold the tables of a run.
pub(super) const TABLES: [&str; 3] = ["sets", "scores", "exact"];

/// A set of the batch on one device.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member<'a> {
    pub(super) centroids: &'a Centroids,
    /// Which group of labels it is in, and how many sets are before it there.
    pub(super) group: usize,
    pub(super) before: usize,
    /// How far its centroids have travelled on this device.
    pub(super) travel: u32,
    /// Points that changed in its last pass.
    pub(super) changed: Option<u64>,
}

/// Sets that one dispatch takes, over each chunk.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) group: usize,
    /// The kernel that labels.
    pub(super) variant: Variant,
    sets: Vec<SetInfo>,
    scores: Vec<[f32; 4]>,
    exact: Vec<i64>,
}

/// A pass as the device makes it.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) runs: Vec<Run>,
    /// First cell and clusters of each set.
    spans: Vec<(usize, usize)>,
    /// Cells of one pass.
    pub(super) cells: usize,
    /// Passes in one submission. For more than one, the totals have a region for the sums before the first pass and one for
    /// the change of each.
    pub(super) passes: usize,
}

/// What a batch is made from.
pub(super) struct Source<'a> {
    pub(super) members: &'a [Member<'a>],
    pub(super) kernels: &'a Kernels,
    pub(super) points: usize,
    /// Bits of the grid.
    pub(super) bits: u32,
    /// Tiles from the labels of a set to those of the next.
    pub(super) stride: usize,
}

impl Source<'_> {
    fn leaves_out(&self, set: usize) -> bool {
        self.kernels.leaves_out(self.points, self.members[set].changed)
    }

    fn cells(&self, set: usize) -> usize {
        self.kernels.cells(self.k(set))
    }

    fn k(&self, set: usize) -> usize {
        self.members[set].centroids.k()
    }
}

impl Batch {
    /// The tables of the source's sets. Those summed in workgroup memory run together, the others alone.
    pub(super) fn new(source: &Source<'_>) -> Self {
        let members = source.members;
        let mut batch = Self { runs: Vec::new(), spans: vec![(0, 0); members.len()], cells: 0, passes: 1 };
        let mut groups: Vec<usize> = (0..members.len()).collect();
        groups.sort_by_key(|&i| members[i].group);
        let mut direct = Vec::new();
        for group in groups.chunk_by(|&a, &b| members[a].group == members[b].group) {
            let split = source.kernels.split(&group.iter().map(|&i| source.k(i)).collect::<Vec<_>>());
            if !split.binned.is_empty() {
                let Together { k, bins } = split.together;
                let sets: Vec<usize> = split.binned.iter().map(|&at| group[at]).collect();
                batch.run(source, (Kernel::Binned(bins), k), &sets, &split.rounds);
            }
            direct.extend(split.direct.into_iter().map(|at| group[at]));
        }
        let alone = 0..1;
        direct.into_iter().for_each(|set| {
            batch.run(source, (Kernel::Direct, source.k(set)), &[set], from_ref(&alone));
        });
        batch
    }

    /// Adds a run of these sets, in these rounds, by a kernel for sets of up to so many centroids.
    fn run(&mut self, source: &Source<'_>, (kernel, k): (Kernel, usize), sets: &[usize], rounds: &[Range<usize>]) {
        let slack = sets.iter().all(|&set| source.leaves_out(set));
        let variant = Variant { slack, ..source.kernels.variant(kernel, k) };
        let mut run = Run::new(source.members[sets[0]].group, variant);
        for round in rounds {
            let first_cell = self.cells;
            for &set in &sets[round.clone()] {
                self.spans[set] = (self.cells, source.members[set].centroids.k());
                run.add(source, &source.members[set], self.cells, self.cells - first_cell);
                self.cells += source.cells(set);
            }
            let round_cells = narrow(self.cells - first_cell);
            for info in &mut run.sets[round.clone()] {
                (info.round_end, info.round_cells, info.count) = (narrow(round.end), round_cells, narrow(sets.len()));
            }
        }
        self.runs.push(run);
    }

    /// Centroids of the run that has most, all its sets together.
    pub(super) fn centroids(&self) -> usize {
        self.runs.iter().map(Run::centroids).max().unwrap_or(1)
    }

    /// Lets the batch, of one run if they are several, be so many passes.
    pub(super) fn go_on(&mut self, passes: usize) {
        self.passes = passes;
        if passes > 1 {
            for set in self.runs.iter_mut().flat_map(|run| &mut run.sets) {
                set.region = narrow(self.cells);
                set.cell += set.region;
            }
        }
    }

    /// Cells of the totals in all.
    pub(super) fn all_cells(&self) -> usize {
        self.cells * if self.passes > 1 { 1 + self.passes } else { 1 }
    }

    /// The change of each set, from the limbs of all cells.
    pub(super) fn changes(&self, limbs: &[u32], dims: usize, weighted: bool) -> Vec<Change> {
        let width = if weighted { 4 } else { 2 };
        self.spans.iter().map(|&(cell, k)| unpack(&limbs[cell * width..], width, k, dims)).collect()
    }

    /// A counter of each set, from the limbs of all cells.
    pub(super) fn counters(&self, limbs: &[u32], dims: usize, weighted: bool, which: usize) -> Vec<u64> {
        let width = if weighted { 4 } else { 2 };
        let of = |&(cell, k): &(usize, usize)| {
            let at = (cell + (dims + width / 2) * k + which) * width;
            u64::from(limbs[at]) | u64::from(limbs[at + 1]) << 32
        };
        self.spans.iter().map(of).collect()
    }

    /// The limbs of all cells, from the sums of each set.
    pub(super) fn limbs(&self, sums: &[Change], dims: usize, weighted: bool) -> Vec<u32> {
        let width = if weighted { 4 } else { 2 };
        let mut limbs = vec![0; self.cells * width];
        for (&(cell, _), sums) in self.spans.iter().zip(sums) {
            pack_sums(sums, width, dims, &mut limbs[cell * width..]);
        }
        limbs
    }
}

impl Run {
    fn new(group: usize, variant: Variant) -> Self {
        Self { group, variant, sets: Vec::new(), scores: Vec::new(), exact: Vec::new() }
    }

    fn add(&mut self, source: &Source<'_>, member: &Member<'_>, cell: usize, bin: usize) {
        let (centroids, dims) = (member.centroids, member.centroids.dims());
        let scoring = Scoring::new(centroids, source.bits, DIRECTED);
        let width = source.kernels.width();
        let first_word = member.before * width.set_words(source.stride);
        self.sets.push(SetInfo {
            k: narrow(centroids.k()),
            distinct: narrow(scoring.distinct()),
            quads: narrow(scoring.distinct().div_ceil(4)),
            first_quad: narrow(self.scores.len() / (dims + 2)),
            first_centroid: narrow(self.exact.len() / (dims + 1)),
            first_label: narrow(first_word * width.to_a_word()),
            first_slack: narrow(first_word + width.words(source.stride * TILE)),
            travel: member.travel,
            cell: narrow(cell),
            bin: narrow(bin),
            bound: scoring.bound,
            guard: scoring.guard,
            ..SetInfo::zeroed()
        });
        pack(&scoring, dims, centroids.k(), &mut self.scores);
        for &c in &scoring.index {
            // A little-endian i64 is its low limb followed by its high one.
            let row = [&[i64::from(c)], centroids.row(c as usize)].concat();
            self.exact.extend(row.into_iter().map(|q| i64::from_ne_bytes(q.to_le_bytes())));
        }
        // In a later pass identical centroids may have come apart.
        self.exact.resize(self.exact.len() + (centroids.k() - scoring.distinct()) * (dims + 1), 0);
    }

    /// Its sets as pass `pass` (0-based) of several meets them, where the device made their centroids.
    pub(super) fn later_sets(&self, pass: usize) -> Vec<u8> {
        let (pass, rows) = (narrow(pass), narrow(self.centroids()));
        let later = self.sets.iter().map(|&set| SetInfo {
            distinct: set.k,
            quads: set.k.div_ceil(4),
            first_centroid: set.first_centroid + pass * rows,
            cell: set.cell + pass * set.region,
            ..set
        });
        bytemuck::cast_slice(&later.collect::<Vec<_>>()).to_vec()
    }

    /// Clusters of its largest set, and its sets.
    pub(super) fn shape(&self) -> (usize, usize) {
        (self.sets.iter().map(|s| s.k as usize).max().unwrap_or(1), self.sets.len())
    }

    /// Words of the exact centroids of a pass.
    pub(super) fn exact_words(&self) -> usize {
        2 * self.exact.len()
    }

    /// The centroids of its sets, from the words of those of a pass.
    pub(super) fn centroids_in(&self, words: &[u32], dims: usize) -> Vec<Centroids> {
        let value = |limbs: &[u32]| (u64::from(limbs[1]) << 32 | u64::from(limbs[0])).cast_signed();
        let rows: Vec<&[u32]> = words.chunks_exact(2 * (dims + 1)).collect();
        let of = |set: &SetInfo| {
            let own = &rows[set.first_centroid as usize..][..set.k as usize];
            Centroids::new(dims, own.iter().flat_map(|row| row[2..].chunks_exact(2).map(value)).collect())
        };
        self.sets.iter().map(of).collect()
    }

    /// Centroids of all its sets together.
    pub(super) fn centroids(&self) -> usize {
        self.sets.iter().map(|s| s.k as usize).sum()
    }

    /// Its tables, as [`TABLES`] names them.
    pub(super) fn tables(&self) -> [&[u8]; 3] {
        [bytemuck::cast_slice(&self.sets), bytemuck::cast_slice(&self.scores), bytemuck::cast_slice(&self.exact)]
    }
}

/// The half square of a centroid that is none: no point scores it higher than a real one.
const PADDING: f32 = 1e38;

/// Per four centroids: half squares, norms, and each coordinate, as four lanes. Twin of `scores` in `assign.wgsl`.
fn pack(scoring: &Scoring, dims: usize, k: usize, packed: &mut Vec<[f32; 4]>) {
    let lanes = |first: usize, padding: f32, value: &dyn Fn(usize) -> f32| {
        std::array::from_fn(|i| if first + i < scoring.distinct() { value(first + i) } else { padding })
    };
    for first in (0..k).step_by(4) {
        packed.push(lanes(first, PADDING, &|c| scoring.half2[c]));
        packed.push(lanes(first, 0.0, &|c| scoring.norm[c]));
        packed.extend((0..dims).map(|j| lanes(first, 0.0, &|c| scoring.centroids[c * dims + j])));
    }
}

/// The change of a set of `k` clusters, whose cells `[k][coordinates]` and counters begin at the start of `limbs`.
fn unpack(limbs: &[u32], width: usize, k: usize, dims: usize) -> Change {
    let coordinates = dims + width / 2;
    let cell = |slot: usize| -> i128 {
        let limbs = &limbs[slot * width..(slot + 1) * width];
        let bits = limbs.iter().rev().fold(0u128, |bits, &limb| bits << 32 | u128::from(limb));
        let unused = 128 - 32 * width;
        (bits << unused).cast_signed() >> unused
    };
    #[expect(clippy::cast_possible_truncation, reason = "counts and weights are below 2^63")]
    let row = |j: usize| -> Vec<i64> { (0..k).map(|c| cell(c * coordinates + j) as i64).collect() };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counters of points")]
    let counter = |which: usize| cell(coordinates * k + which) as u64;
    const { assert!(CUT < COUNTERS) };
    Change {
        sums: (0..k).flat_map(|c| (0..dims).map(move |j| c * coordinates + j)).map(cell).collect(),
        weights: row(coordinates - 1),
        counts: row(dims),
        changed: counter(CHANGED),
        ties: counter(TIES),
        refereed: counter(REFEREED),
    }
}

/// The reverse of [`unpack`], without the counters.
fn pack_sums(sums: &Change, width: usize, dims: usize, limbs: &mut [u32]) {
    let coordinates = dims + width / 2;
    let mut put = |slot: usize, value: i128| {
        for (i, limb) in limbs[slot * width..(slot + 1) * width].iter_mut().enumerate() {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a limb of 32 bits")]
            let low = (value >> (32 * i)) as u32;
            *limb = low;
        }
    };
    for c in 0..sums.weights.len() {
        (0..dims).for_each(|j| put(c * coordinates + j, sums.sums[c * dims + j]));
        put(c * coordinates + dims, sums.counts[c].into());
        put((c + 1) * coordinates - 1, sums.weights[c].into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_signed_and_as_wide_as_they_are() {
        // One cluster, one column, no weights: sum -3, count 2, then the counters.
        let limbs = [0xffff_fffd, 0xffff_ffff, 2, 0, 7, 1, 5, 0, 6, 0, 0, 0, 0, 0, 0, 0];
        let change = unpack(&limbs, 2, 1, 1);
        assert_eq!((&change.sums, &change.counts, &change.weights), (&vec![-3], &vec![2], &vec![2]));
        let mut back = [0; 16];
        pack_sums(&change, 2, 1, &mut back);
        assert_eq!(back[..4], limbs[..4]);
        assert_eq!((change.changed, change.ties, change.refereed), ((1 << 32) + 7, 5, 6));
        // With weights cells are 128 bits, and the weight has a row of its own.
        let mut limbs = vec![0, 0, 0, 0x8000_0000, 2, 0, 0, 0, 9, 1, 0, 0];
        limbs.extend([0; 24]);
        let change = unpack(&limbs, 4, 1, 1);
        let mut back = [0; 36];
        pack_sums(&change, 4, 1, &mut back);
        assert_eq!(back[..12], limbs[..12]);
        assert_eq!((change.sums, change.counts, change.weights), (vec![i128::MIN], vec![2], vec![(1 << 32) + 9]));
    }
}
