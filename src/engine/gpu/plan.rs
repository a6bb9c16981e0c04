//! How a matrix is cut for a device and which kernels make a pass: pure arithmetic on shapes and limits.

use super::batch::narrow;
use super::shader::{Kernel, Variant};
use super::tuned::Choices;
use super::tuning::{MOST_TILES, Shape, Tuning};
use crate::engine::width::Width;
use crate::error::{Error, Result};
use crate::matrix::TILE;
use std::ops::Range;

/// The limits of a device that matter here, and how much work to hand it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceLimits {
    /// Largest storage binding in bytes.
    pub binding_bytes: u64,
    /// Largest buffer in bytes.
    pub buffer_bytes: u64,
    /// Workgroup memory in bytes.
    pub workgroup_bytes: u32,
    /// Most workgroups a dimension.
    pub groups: u32,
    /// Most lanes a workgroup.
    pub lanes: u32,
    /// Workgroups that keep it busy: with more, each takes more tiles.
    pub busy_groups: u32,
    /// Most tiles a workgroup.
    pub group_tiles: u32,
    /// Most multiply-adds a submission.
    pub step_work: u64,
    /// Most passes a submission.
    pub passes: usize,
    /// Settled tiles are left out of a pass where at most one point in so many changed in the one before.
    pub calm: u64,
}

impl DeviceLimits {
    /// What every device of WebGPU's default limits has. 4096 workgroups keep the largest GPUs busy; where one point in 1024
    /// changes, one tile in sixteen has such a point; and 2^36 multiply-adds take a small GPU well below the two seconds after
    /// which some systems reset it, a large one a few milliseconds.
    pub const LEAST: Self = Self {
        binding_bytes: 1 << 27,
        buffer_bytes: 1 << 28,
        workgroup_bytes: 16_384,
        groups: 65_535,
        lanes: 256,
        busy_groups: 4096,
        group_tiles: MOST_TILES,
        step_work: 1 << 36,
        passes: 8,
        calm: 1024,
    };

    /// The lower of both, limit by limit.
    #[must_use]
    pub fn within(&self, other: Self) -> Self {
        Self {
            binding_bytes: self.binding_bytes.min(other.binding_bytes),
            buffer_bytes: self.buffer_bytes.min(other.buffer_bytes),
            workgroup_bytes: self.workgroup_bytes.min(other.workgroup_bytes),
            groups: self.groups.min(other.groups),
            lanes: self.lanes.min(other.lanes),
            busy_groups: self.busy_groups.min(other.busy_groups),
            group_tiles: self.group_tiles.min(other.group_tiles),
            step_work: self.step_work.min(other.step_work),
            passes: self.passes.min(other.passes),
            calm: self.calm.min(other.calm),
        }
    }
}

/// What a device can do that kernels make use of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// 64-bit integers and atomics.
    pub int64: bool,
}

/// No chunk is larger, so that few points have to stream where not all fit.
const MOST_CHUNK_BYTES: u64 = 1 << 30;

/// Where the device's memory is limited, a chunk is this part of it: two stream, others stay.
const CHUNKS_IN_MEMORY: u64 = 8;

/// Sums and centroids of the passes of one submission take no more.
const MOST_AHEAD_BYTES: u64 = 32 << 20;

/// Counters of a set beside its sums: changed, ties and so on. Twin of `CHANGED` and so on in `common.wgsl`.
pub(super) const COUNTERS: usize = 6;

/// Tiles a chunk, where `tiles` tiles of `dims` columns are cut into chunks below every limit, below an eighth of the
/// device's `memory` if that is limited, and below `chunk_bytes` if that is given. An index inside a chunk fits u32, since
/// a binding is below 2^31 bytes.
///
/// # Errors
/// [`Error::Device`] if not even one tile fits.
pub fn chunk_tiles(
    tiles: usize,
    dims: usize,
    limits: &DeviceLimits,
    memory: Option<u64>,
    chunk_bytes: Option<u64>,
) -> Result<usize> {
    // A tile and its norm. Weights take two words a point: with fewer columns than that, they are the largest binding.
    let tile_bytes = (size_of::<f32>() * (TILE * dims.max(2) + 1)) as u64;
    let most = limits.binding_bytes.min(limits.buffer_bytes).min(1 << 31).min(MOST_CHUNK_BYTES);
    if tile_bytes > most {
        let message = format!("a tile of {dims} columns needs {tile_bytes} bytes, the device binds {most}");
        return Err(Error::Device(message));
    }
    let wanted = chunk_bytes.or(memory.map(|m| m / CHUNKS_IN_MEMORY)).unwrap_or(most).clamp(tile_bytes, most);
    Ok(usize::try_from(wanted / tile_bytes).unwrap_or(usize::MAX).min(tiles.max(1)))
}

/// How many sets can have their labels, of this width, in one binding for chunks of so many tiles.
#[must_use]
pub fn sets_a_binding(chunk_tiles: usize, width: Width, limits: &DeviceLimits) -> usize {
    let set_bytes = (width.set_words(chunk_tiles) * size_of::<u32>()) as u64;
    usize::try_from(limits.binding_bytes.min(limits.buffer_bytes) / set_bytes).unwrap_or(usize::MAX).max(1)
}

/// Workgroups as a grid within the limit of a dimension.
#[must_use]
pub fn grid(groups: u32, limit: u32) -> (u32, u32) {
    let y = groups.div_ceil(limit).max(1);
    (groups.div_ceil(y), y)
}

/// The choice of kernels for a matrix on a device.
#[derive(Debug, Clone)]
pub struct Kernels {
    shape: Shape,
    limits: DeviceLimits,
    abilities: Abilities,
    choices: Choices,
    width: Width,
    /// The kernel that labels, whatever the sets.
    only: Option<Variant>,
    together: Together,
}

/// What a kernel that sums in workgroup memory is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Together {
    /// Centroids of the largest of its sets.
    pub k: usize,
    /// Bins.
    pub bins: u32,
}

/// How sets are summed: which of them in workgroup memory, in which rounds and by what kernel, and which in the totals.
#[derive(Debug, Default)]
pub struct Split {
    /// Those in workgroup memory.
    pub binned: Vec<usize>,
    /// Which of those, by their place in the list, are in workgroup memory together.
    pub rounds: Vec<Range<usize>>,
    /// Their kernel.
    pub together: Together,
    /// Those in the totals.
    pub direct: Vec<usize>,
}

impl Kernels {
    /// For points of a shape on a device; `choices` go before the plan's own where they fit.
    #[must_use]
    pub fn new(shape: Shape, limits: DeviceLimits, abilities: Abilities, choices: Choices) -> Self {
        let (only, together) = (None, Together::default());
        Self { shape, limits, abilities, choices, width: Width::default(), only, together }
    }

    /// Lets this kernel label whatever sets there are.
    #[must_use]
    pub fn only(self, variant: Variant) -> Self {
        Self { width: variant.labels, choices: Choices::forced(variant.tuning), only: Some(variant), ..self }
    }

    /// Sums in workgroup memory by no smaller kernel from now on than these sets take: those that leave the batch are no reason
    /// to compile another, which takes a driver as long as hundreds of passes.
    pub fn keep(&mut self, sets: &[usize]) {
        let Together { k, bins } = self.split(sets).together;
        self.together = Together { k: k.max(self.together.k), bins: bins.max(self.together.bins) };
    }

    /// Forgets what was kept.
    pub fn forget(&mut self) {
        self.together = Together::default();
    }

    /// Lets labels be of this width from now on.
    pub fn widen(&mut self, width: Width) {
        self.width = self.only.map_or(width, |only| width.max(only.labels));
    }

    /// Lets these choices go before the plan's own from now on.
    pub fn choose(&mut self, choices: Choices) {
        self.choices = choices;
    }

    /// The width of labels.
    #[must_use]
    pub fn width(&self) -> Width {
        self.width
    }

    /// How sets of up to `k` centroids are scored.
    #[must_use]
    pub fn tuning(&self, k: usize) -> Tuning {
        let chosen = self.choices.of(&self.shape, k).filter(|t| t.fits(&self.shape, &self.limits));
        chosen.unwrap_or_else(|| Tuning::plan(&self.shape, k, &self.limits))
    }

    /// The kernel's text and sizes, for sets of up to `k` centroids.
    #[must_use]
    pub fn variant(&self, kernel: Kernel, k: usize) -> Variant {
        let (Shape { dims, bits, weighted, .. }, int64) = (self.shape, self.abilities.int64);
        match (kernel, self.only) {
            (Kernel::Silhouette, _) => Variant::silhouette(dims),
            (Kernel::Update, _) => Variant::update(dims, bits, weighted, int64),
            (_, Some(only)) => only,
            (_, None) => {
                let (labels, tuning) = (self.width, self.tuning(k));
                Variant { kernel, dims, bits, weighted, slack: false, labels, tuning, int64 }
            }
        }
    }

    /// Cells of a set of `k` clusters in the totals.
    #[must_use]
    pub fn cells(&self, k: usize) -> usize {
        self.shape.cells(k)
    }

    /// Cells that fit in `bytes` of workgroup memory.
    fn bins(&self, bytes: u32) -> usize {
        bytes as usize / self.shape.cell_bytes()
    }

    /// Cells that fit in workgroup memory while sets of up to `k` centroids are scored.
    fn bins_beside(&self, k: usize) -> usize {
        match self.only.map(|only| only.kernel) {
            Some(Kernel::Binned(bins)) => return bins as usize,
            Some(_) => return 0,
            None => {}
        }
        self.bins(self.tuning(k).bin_bytes(self.shape.dims, &self.limits))
    }

    /// Whether a set of `k` clusters is summed in workgroup memory, by itself, and not straight in the totals.
    #[must_use]
    pub fn is_binned(&self, k: usize) -> bool {
        self.cells(k) <= self.bins_beside(k)
    }

    /// Whether settled tiles are left out of a pass over a set, of whose points `changed` changed in the last one: while many
    /// change, few tiles are settled, and finding out costs time.
    #[must_use]
    pub fn leaves_out(&self, points: usize, changed: Option<u64>) -> bool {
        match &self.only {
            Some(only) => only.slack,
            None => changed.is_some_and(|c| c.saturating_mul(self.limits.calm) <= points as u64),
        }
    }

    /// How sets of these numbers of clusters are summed. Those whose bins fit in workgroup memory are cut into rounds whose
    /// bins are there together; the kernel's bins are a power of two, so that most fits of a shape have the same.
    #[must_use]
    pub fn split(&self, sets: &[usize]) -> Split {
        let fits = |set: &usize| self.is_binned(sets[*set]);
        let k = (0..sets.len()).filter(fits).map(|set| sets[set]).fold(self.together.k, usize::max);
        let most = self.bins_beside(k);
        let (binned, direct): (Vec<usize>, Vec<usize>) =
            (0..sets.len()).partition(|set| fits(set) && self.cells(sets[*set]) <= most);
        if binned.is_empty() {
            return Split { direct, ..Split::default() };
        }
        let (mut rounds, mut first, mut used, mut largest) = (Vec::new(), 0, 0, 0);
        for (at, &set) in binned.iter().enumerate() {
            let cells = self.cells(sets[set]);
            if used + cells > most {
                rounds.push(first..at);
                (first, used) = (at, 0);
            }
            used += cells;
            largest = largest.max(used);
        }
        rounds.push(first..binned.len());
        let bins = narrow(largest.next_power_of_two().max(64).max(self.together.bins as usize).min(most));
        Split { binned, rounds, together: Together { k, bins }, direct }
    }

    /// Tiles that the device is handed at a time with so many centroids: whole workgroups of any length, and a power of
    /// two, so that a set that leaves the batch seldom means another cut.
    #[must_use]
    pub fn step_tiles(&self, centroids: usize) -> u32 {
        let tiles = (self.limits.step_work / self.label_work(1, centroids)).clamp(u64::from(MOST_TILES), 1 << 31);
        1 << tiles.ilog2()
    }

    /// Workgroups of a kernel that labels, over so many tiles of a chunk.
    #[must_use]
    pub fn groups(&self, variant: &Variant, tiles: u32) -> (u32, u32) {
        grid(tiles.div_ceil(variant.tuning.tiles), self.limits.groups)
    }

    /// Multiply-adds that labelling so many tiles for so many centroids takes.
    #[must_use]
    pub fn label_work(&self, tiles: u32, centroids: usize) -> u64 {
        (TILE * centroids) as u64 * u64::from(self.shape.dims) * u64::from(tiles)
    }

    /// Workgroups that move the centroids of so many sets, of which the largest has `k`; `None` if that cannot be dispatched.
    #[must_use]
    pub fn update_groups(&self, k: usize, sets: usize) -> Option<(u32, u32)> {
        let within = |groups: usize| u32::try_from(groups).ok().filter(|&g| g <= self.limits.groups);
        Some((within(k + 1)?, within(sets)?))
    }

    /// Passes that one submission makes, of at most `most`, where one is so much work and leaves so many bytes. Where a pass
    /// is long, the host's part in it is small, and a pass that turns out to be one too many is dear.
    #[must_use]
    pub fn passes(&self, most: usize, work: u64, bytes: u64) -> usize {
        let by_work = self.limits.step_work / work.max(1);
        let by_bytes = (self.limits.binding_bytes.min(MOST_AHEAD_BYTES) / bytes.max(1)).saturating_sub(1);
        let within = usize::try_from(by_work.min(by_bytes)).unwrap_or(usize::MAX);
        most.min(self.limits.passes).min(within).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAVAPIPE: DeviceLimits = DeviceLimits {
        binding_bytes: 1 << 27,
        buffer_bytes: (1 << 31) - 1,
        workgroup_bytes: 32_768,
        lanes: 1024,
        ..DeviceLimits::LEAST
    };
    const NVIDIA: DeviceLimits = DeviceLimits {
        binding_bytes: (1 << 31) - 4,
        buffer_bytes: 0xffe0_0000,
        workgroup_bytes: 49_152,
        lanes: 1024,
        ..DeviceLimits::LEAST
    };
    const PLAIN: Abilities = Abilities { int64: false };

    fn kernels(dims: u32, weighted: bool) -> Kernels {
        let shape = Shape { dims, bits: 40, weighted, chunk_tiles: 1 << 20 };
        Kernels::new(shape, LAVAPIPE, PLAIN, Choices::default())
    }

    #[test]
    fn chunks_stay_below_every_limit_at_any_size() {
        // The last four are above 2^31 and 2^32 elements.
        let shapes = [
            (1usize, 1usize),
            (50_000_000, 16),
            (1 << 20, 4096),
            (134_217_729, 32),
            (1 << 33, 1),
            (1 << 33, 8),
            (1 << 34, 2),
        ];
        for (rows, dims) in shapes {
            let tiles = rows.div_ceil(TILE);
            for limits in [LAVAPIPE, NVIDIA] {
                for (memory, forced) in [(None, None), (None, Some(1 << 20)), (Some(1 << 26), None), (Some(1), None)] {
                    let chunk = chunk_tiles(tiles, dims, &limits, memory, forced).unwrap();
                    let bytes = (chunk * (TILE * dims.max(2) + 1) * 4) as u64;
                    assert!(bytes <= limits.binding_bytes && bytes <= MOST_CHUNK_BYTES, "{rows} x {dims}");
                    assert!((1..=tiles).contains(&chunk));
                    assert!((chunk * TILE * dims) as u64 <= u64::from(u32::MAX), "an index fits u32");
                    assert!(Width::ALL.iter().all(|&width| sets_a_binding(chunk, width, &limits) >= 1));
                }
            }
        }
    }

    #[test]
    fn a_tile_too_wide_for_the_device_is_an_error() {
        assert!(chunk_tiles(1, 1 << 20, &LAVAPIPE, None, None).is_err());
    }

    #[test]
    fn workgroups_wrap_into_a_second_dimension() {
        for groups in [1, 65_535, 65_536, 10_000_000] {
            let (x, y) = grid(groups, 65_535);
            assert!(x <= 65_535 && u64::from(x) * u64::from(y) >= u64::from(groups));
        }
    }

    #[test]
    fn sums_are_made_where_they_fit() {
        assert_eq!([8, 1000].map(|k| kernels(16, false).is_binned(k)), [true, false]);
        assert_eq!([8, 150].map(|k| kernels(16, true).is_binned(k)), [true, false]);
    }

    #[test]
    fn a_submission_is_whole_workgroups_and_not_too_much_work() {
        for (dims, centroids) in [(1u32, 1usize), (16, 8), (16, 1000), (256, 100_000), (4096, 1 << 20)] {
            let k = kernels(dims, false);
            let tiles = k.step_tiles(centroids);
            let group = k.variant(Kernel::Direct, centroids).tuning.tiles;
            assert_eq!(tiles % group, 0);
            let work = u64::from(tiles) * (TILE * centroids) as u64 * u64::from(dims);
            assert!(work <= LAVAPIPE.step_work || tiles == MOST_TILES, "{dims} x {centroids}: {work}");
        }
    }

    #[test]
    fn passes_share_a_submission_while_they_are_short() {
        let k = kernels(16, false);
        let work = |points: u32, centroids| k.label_work(points / 64, centroids);
        assert_eq!(k.passes(8, work(1_000_000, 8), 4000), 8);
        assert_eq!(k.passes(3, work(1_000_000, 8), 4000), 3, "no more are wanted");
        assert_eq!(k.passes(8, work(10_000_000, 64), 4000), 6);
        assert_eq!(k.passes(8, work(10_000_000, 256), 4000), 1, "they are long");
        assert_eq!(k.passes(8, 1, 16 << 20), 1, "they leave much");
        assert_eq!((k.update_groups(20, 7), k.update_groups(65_535, 1)), (Some((21, 7)), None));
    }

    #[test]
    fn rounds_hold_every_set_once_and_no_more_than_fits() {
        let k = kernels(16, false);
        let mut sets: Vec<usize> = (2..=12).flat_map(|c| [c; 40]).collect();
        sets.extend([2000, 3]);
        let split = k.split(&sets);
        assert!(split.rounds.len() > 1 && split.together.bins <= 4096 && split.together.k == 12);
        let cells = |round: &Range<usize>| split.binned[round.clone()].iter().map(|&s| k.cells(sets[s])).sum::<usize>();
        assert!(split.rounds.iter().all(|r| cells(r) <= split.together.bins as usize));
        assert_eq!(split.rounds.into_iter().flatten().collect::<Vec<_>>(), (0..split.binned.len()).collect::<Vec<_>>());
        assert_eq!((split.binned.len(), split.direct), (sets.len() - 1, vec![sets.len() - 2]));
    }

    #[test]
    fn sets_that_leave_the_batch_leave_the_kernel() {
        let mut k = kernels(16, false);
        let all: Vec<usize> = (2..=40).collect();
        let together = k.split(&all).together;
        let binned = |k: &Kernels, t: Together| k.variant(Kernel::Binned(t.bins), t.k);
        let few = k.split(&[2, 3]).together;
        assert_ne!(binned(&k, few), binned(&k, together));
        k.keep(&all);
        assert_eq!(k.split(&[2, 3]).together, together);
        k.keep(&[100_000]); // summed in the totals
        assert_eq!(k.split(&[2, 3]).together, together);
        k.forget();
        assert_eq!(k.split(&[2, 3]).together, few);
    }

    #[test]
    fn bins_that_are_kept_fit_beside_what_more_centroids_take() {
        for (limits, dims) in [(NVIDIA, 16), (LAVAPIPE, 16), (LAVAPIPE, 5), (DeviceLimits::LEAST, 3)] {
            let shape = Shape { dims, bits: 40, weighted: false, chunk_tiles: 1 << 20 };
            let mut k = Kernels::new(shape, limits, PLAIN, Choices::default());
            let (few, many): (Vec<usize>, Vec<usize>) = ((2..=22).cycle().take(200).collect(), (30..=40).collect());
            for sets in [&few, &many, &few] {
                k.keep(sets);
                let Together { k: most, bins } = k.split(sets).together;
                let tuning = k.variant(Kernel::Binned(bins), most).tuning;
                assert!(bins * 8 <= tuning.bin_bytes(dims, &limits), "{limits:?}: {bins} bins for k {most}");
            }
        }
    }

    #[test]
    fn a_workgroup_takes_no_more_lanes_than_there_are() {
        for lanes in 64..=1024 {
            for chunk_tiles in [1, 10, 5000, 1 << 20] {
                let shape = Shape { dims: 2, bits: 40, weighted: false, chunk_tiles };
                let limits = DeviceLimits { lanes, ..LAVAPIPE };
                let kernels = Kernels::new(shape, limits, PLAIN, Choices::default());
                let v = kernels.variant(Kernel::Binned(8), 8);
                assert!(
                    v.lanes() <= lanes && v.tuning.tiles.is_multiple_of(v.tuning.step()),
                    "no tile in two workgroups: {v}"
                );
            }
        }
        assert_eq!([8, 200].map(|k| kernels(2, false).variant(Kernel::Direct, k).lanes()), [128, 256]);
    }
}
