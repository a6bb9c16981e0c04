//! What may be chosen freely for a kernel: what a lane holds in registers, how wide and long a workgroup is, and how much of
//! its memory sums may take. Nothing but time depends on it.
//!
//! [`Tuning::plan`] chooses by limits and shape alone; `segma tune` times the [`candidates`] and keeps the fastest.

use super::plan::DeviceLimits;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fmt;

/// What a lane holds in registers while it scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// Nothing but the score: it reads its four points again for every eight centroids.
    Nothing,
    /// So many points, a multiple of 4.
    Points(u32),
    /// The scores of so many points for so many centroids, both multiples of 4.
    Scores {
        /// Points.
        points: u32,
        /// Centroids.
        centroids: u32,
    },
}

/// A choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuning {
    /// What a lane holds.
    pub hold: Hold,
    /// Whether centroids are staged in workgroup memory; those of [`Hold::Scores`] always are.
    pub stage: bool,
    /// Tiles a workgroup is wide, with a lane for each point: 1, 2 or 4.
    pub wide: u32,
    /// Tiles a workgroup takes in all.
    pub tiles: u32,
    /// The most bytes of workgroup memory for sums.
    pub bin_bytes: u32,
}

/// What a choice depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Columns.
    pub dims: u32,
    /// Bits of the grid.
    pub bits: u32,
    /// Whether points have weights.
    pub weighted: bool,
    /// Tiles of a chunk.
    pub chunk_tiles: u32,
}

/// A lane keeps no more coordinates of points in registers, of which an H100 has 255 and takes many for what is under way.
const MOST_HELD: u32 = 64;

/// Points of up to so many columns are kept in registers by every choice: on paper, reading them again can only lose.
const LEAST_AGAIN: u32 = 8;

/// From so many centroids on their scores are tiled by plan: on an H100 256 took less time otherwise, 1,024 more.
const LEAST_TILED: usize = 512;

/// Workgroups are two tiles wide by plan up to so many centroids, where points stay in registers (an H100 took a third less
/// time for 16 so, a sixth more for 64).
const MOST_NARROW: usize = 32;

/// Bytes of workgroup memory for the list of a workgroup's tiles and their slack, and for the referee.
const LIST_BYTES: u32 = 1024 + 64 * 32 + 128;

/// Vectors of four words in workgroup memory for staged centroids: 16 KiB with the lists of eight tiles.
const STAGE: u32 = 432;

/// The same beside sums: 64 centroids of 16 columns.
const STAGE_BESIDE: u32 = 288;

/// Bytes of workgroup memory for a point that moved.
const MOVE_BYTES: u32 = 12;

/// The most coordinates that are staged at a time where scores are tiled.
const MOST_SLICE: u32 = 8;

/// No workgroup takes more tiles: with longer ones a GPU idles while the last of them end, with shorter ones it clears and
/// adds up bins more often (on an H100 16 tiles took up to twice as long as 32 where many points move).
pub(super) const MOST_TILES: u32 = 64;

/// More workgroup memory for sums would leave too few workgroups on a processor.
const MOST_BIN_BYTES: u32 = 32 << 10;

/// What may be held; what fits depends on the shape.
const HOLDS: [Hold; 5] = [
    Hold::Nothing,
    Hold::Points(4),
    Hold::Points(8),
    Hold::Scores { points: 4, centroids: 8 },
    Hold::Scores { points: 8, centroids: 8 },
];

impl Hold {
    /// Points that a lane settles at a time.
    pub(super) fn settled(self) -> u32 {
        match self {
            Self::Points(points) => points,
            Self::Nothing => 4,
            Self::Scores { .. } => 1,
        }
    }

    /// Whether it is one of those there are, and points of so many columns fit.
    fn fits(self, dims: u32) -> bool {
        HOLDS.contains(&self) && !matches!(self, Self::Points(points) if points * dims > MOST_HELD)
    }
}

/// Coordinates staged at a time where scores are tiled: slices of one length, as few as there can be.
pub(super) fn slice(dims: u32) -> u32 {
    dims.div_ceil(dims.div_ceil(MOST_SLICE))
}

impl Tuning {
    /// The choice for sets of up to `k` centroids, by limits and shape alone.
    #[must_use]
    pub fn plan(shape: &Shape, k: usize, limits: &DeviceLimits) -> Self {
        let tiles = (shape.chunk_tiles / limits.busy_groups).next_power_of_two();
        let tiled = Hold::Scores { points: 8, centroids: 8 };
        let hold = match shape.dims {
            _ if k >= LEAST_TILED => tiled,
            dims if Hold::Points(4).fits(dims) => Hold::Points(4),
            _ => Hold::Nothing,
        };
        let wide = match hold {
            Hold::Scores { .. } => 2,
            Hold::Points(_) if k <= MOST_NARROW => 2,
            _ => 4,
        };
        // With few tiles it is better to have more workgroups.
        let wide = wide.min(widest(limits)).min(tiles.div_ceil(4)).max(1);
        let choice = |hold: Hold, wide: u32| {
            let least = wide * hold.settled();
            let tiles = tiles.clamp(least, limits.group_tiles.max(least));
            Self { hold, stage: true, wide, tiles, bin_bytes: MOST_BIN_BYTES }
        };
        let narrower = [wide, 2, 1].into_iter().filter(|&w| w <= wide);
        let all = [hold, Hold::Nothing].into_iter().flat_map(|hold| narrower.clone().map(move |wide| (hold, wide)));
        let mut all = all.map(|(hold, wide)| choice(hold, wide));
        all.find(|t| t.fits(shape, limits)).unwrap_or(choice(Hold::Nothing, 1))
    }

    /// Whether a kernel can be made of it for a shape, on a device of these limits.
    #[must_use]
    pub fn fits(&self, shape: &Shape, limits: &DeviceLimits) -> bool {
        let Self { hold, wide, tiles, bin_bytes, .. } = *self;
        let width = [1, 2, 4].contains(&wide) && wide <= widest(limits);
        // Whole steps, and no more tiles than a submission is cut at.
        let length = tiles.is_power_of_two() && (wide * hold.settled()..=limits.group_tiles).contains(&tiles);
        let memory = self.staged(shape.dims, true).unwrap_or(0) * 16 + self.list_bytes() <= limits.workgroup_bytes;
        hold.fits(shape.dims) && width && length && memory && [MOST_BIN_BYTES, MOST_BIN_BYTES / 2].contains(&bin_bytes)
    }

    /// Vectors of four words in workgroup memory for what is scored, if anything is staged; `free` if sums take none.
    pub(super) fn staged(&self, dims: u32, free: bool) -> Option<u32> {
        if let Hold::Scores { points, centroids } = self.hold {
            let lanes = 64 * self.wide;
            // A slice of a point for each lane, and of the centroids; at the end what two groups of lanes fold.
            let slice = slice(dims) * (lanes / 4 + points * centroids / 4);
            return Some(slice.max(2 * lanes));
        }
        let quads = if free { STAGE } else { STAGE_BESIDE } / (dims + 2);
        (self.stage && quads > 0).then_some(quads * (dims + 2))
    }

    /// Tiles that a workgroup takes at a time.
    pub(super) fn step(&self) -> u32 {
        self.wide * self.hold.settled()
    }

    /// Bytes of workgroup memory for lists: of tiles, and of the points of a step that moved.
    fn list_bytes(&self) -> u32 {
        LIST_BYTES + self.step() * 64 * MOVE_BYTES
    }

    /// Bytes of workgroup memory for sums beside what is scored.
    pub(super) fn bin_bytes(&self, dims: u32, limits: &DeviceLimits) -> u32 {
        let staged = self.staged(dims, false).unwrap_or(0) * 16;
        limits.workgroup_bytes.saturating_sub(staged + self.list_bytes()).min(self.bin_bytes)
    }
}

/// Tiles of the widest workgroup: a power of two, as the tiles of a workgroup are.
fn widest(limits: &DeviceLimits) -> u32 {
    1 << (limits.lanes / 64).clamp(1, 4).ilog2()
}

/// Every choice worth timing for sets of up to `k` centroids, the plan's own first, each once.
#[must_use]
pub fn candidates(shape: &Shape, k: usize, limits: &DeviceLimits) -> Vec<Tuning> {
    let plan = Tuning::plan(shape, k, limits);
    let mut all = vec![plan, Tuning { bin_bytes: MOST_BIN_BYTES / 2, ..plan }];
    for hold in HOLDS {
        // Workgroups of 64 lanes took an H100 longer everywhere: only where there are no wider ones.
        for wide in [4, 2, 1].into_iter().filter(|&wide| wide > 1 || widest(limits) == 1) {
            let least = (wide * hold.settled()).max(limits.group_tiles / 4);
            let choice = |stage, tiles| Tuning { hold, stage, wide, tiles, bin_bytes: MOST_BIN_BYTES };
            all.extend([choice(true, plan.tiles), choice(false, plan.tiles)]);
            all.extend([least, limits.group_tiles].map(|tiles| choice(true, tiles)));
        }
    }
    let again = |t: &Tuning| t.hold == Hold::Nothing && shape.dims <= LEAST_AGAIN && t.hold != plan.hold;
    all.retain(|t| t.fits(shape, limits) && !again(t));
    let mut seen = HashSet::new();
    all.retain(|t| seen.insert(t.used(shape, k, limits)));
    all
}

impl Tuning {
    /// The same choice with what a set of `k` centroids makes no use of as planned.
    fn used(self, shape: &Shape, k: usize, limits: &DeviceLimits) -> Self {
        let bytes = shape.cells(k) * shape.cell_bytes();
        let binned = |t: Self| bytes <= t.bin_bytes(shape.dims, limits) as usize;
        let full = Self { bin_bytes: MOST_BIN_BYTES, ..self };
        let same_bins = full.bin_bytes(shape.dims, limits) == self.bin_bytes(shape.dims, limits);
        let bin_bytes = if same_bins || binned(self) && binned(full) { MOST_BIN_BYTES } else { self.bin_bytes };
        Self { stage: self.stage || matches!(self.hold, Hold::Scores { .. }), bin_bytes, ..self }
    }
}

impl Shape {
    /// Coordinates that are summed: the columns, the points, and the weight if there are weights.
    #[must_use]
    pub fn coordinates(&self) -> u32 {
        self.dims + if self.weighted { 2 } else { 1 }
    }

    /// Cells of a set of `k` clusters in the totals.
    pub(super) fn cells(&self, k: usize) -> usize {
        self.coordinates() as usize * k + super::plan::COUNTERS
    }

    /// Bytes of a cell.
    pub(super) fn cell_bytes(&self) -> usize {
        if self.weighted { 16 } else { 8 }
    }
}

/// A name for people and files.
impl fmt::Display for Tuning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.hold {
            Hold::Nothing => f.write_str("hold0")?,
            Hold::Points(points) => write!(f, "hold{points}")?,
            Hold::Scores { points, centroids } => write!(f, "tiled{points}x{centroids}")?,
        }
        write!(f, "-wide{}-tiles{}-bins{}", self.wide, self.tiles, self.bin_bytes >> 10)?;
        if self.stage { Ok(()) } else { f.write_str("-unstaged") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NVIDIA: DeviceLimits = DeviceLimits { workgroup_bytes: 49_152, lanes: 1024, ..DeviceLimits::LEAST };

    fn shapes() -> impl Iterator<Item = (Shape, usize)> {
        let dims = [1, 2, 7, 8, 9, 16, 17, 33, 64, 65, 1000];
        let shapes = dims.into_iter().flat_map(|dims| [1, 30_000, 1 << 20].map(|chunk_tiles| (dims, chunk_tiles)));
        shapes.flat_map(|(dims, chunk_tiles)| {
            let shape = Shape { dims, bits: 40, weighted: dims % 2 == 0, chunk_tiles };
            [1, 8, 64, 128, 1000, 100_000].map(|k| (shape, k))
        })
    }

    #[test]
    fn the_plan_fits_and_comes_first_and_every_choice_fits_and_comes_once() {
        for limits in [DeviceLimits::LEAST, NVIDIA, DeviceLimits { lanes: 64, ..NVIDIA }] {
            for (shape, k) in shapes() {
                let all = candidates(&shape, k, &limits);
                assert_eq!(all[0], Tuning::plan(&shape, k, &limits));
                assert!(all.iter().all(|t| t.fits(&shape, &limits)), "{shape:?} k={k}: {all:?}");
                assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
                let bytes =
                    |t: &Tuning| t.staged(shape.dims, false).unwrap_or(0) * 16 + t.bin_bytes(shape.dims, &limits);
                assert!(all.iter().all(|t| bytes(t) <= limits.workgroup_bytes), "{shape:?} k={k}: {all:?}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let shape = Shape { dims: 16, bits: 40, weighted: false, chunk_tiles: 1 << 20 };
        let plan = Tuning::plan(&shape, 8, &NVIDIA);
        assert_eq!(plan.hold, Hold::Points(4));
        for wrong in [
            Tuning { wide: 3, ..plan },
            Tuning { wide: 0, ..plan },
            Tuning { tiles: 0, ..plan },
            Tuning { tiles: 48, ..plan },
            Tuning { tiles: 128, ..plan },
            Tuning { tiles: 2, ..plan },
            Tuning { bin_bytes: 1 << 20, ..plan },
            Tuning { hold: Hold::Points(3), ..plan },
            Tuning { hold: Hold::Scores { points: 64, centroids: 64 }, ..plan },
        ] {
            assert!(!wrong.fits(&shape, &NVIDIA), "{wrong}");
        }
        assert!(!plan.fits(&Shape { dims: 33, ..shape }, &NVIDIA), "too many columns for four points in registers");
        assert!(!plan.fits(&shape, &DeviceLimits { lanes: 64, ..NVIDIA }), "too wide");
    }

    #[test]
    fn slices_are_few_and_of_one_length() {
        let slices = [1, 3, 8, 9, 16, 20, 33, 129].map(slice);
        assert_eq!(slices, [1, 3, 8, 5, 8, 7, 7, 8]);
    }
}
