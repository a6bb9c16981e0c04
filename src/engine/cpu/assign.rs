//! Scores every centroid for a tile of points and keeps the best two: the hot loop of K-Means.
//!
//! Reads: a tile `[dims x 64]`, the packed centroids, a start value per centroid. Writes: per point the index of the
//! best upper score, and whether it stands (see [`crate::engine::bound`]).
//!
//! Points lie in lanes, so there is no horizontal reduction and no constraint on k or dims. `P` point vectors by up to
//! 6 centroids are kept in registers; each step of a dimension loads `P` vectors and broadcasts one value per centroid:
//! (P + C) loads for P x C fused multiply-adds. The best and second best cost five more operations a score.
//!
//! Steps: 1. start values of the tile; 2. score; 3. prove; 4. referee what is not proven; 5. compare with the old
//! labels and move the points that changed.

#![allow(unsafe_code, reason = "SIMD kernel: raw loads from slices whose lengths are checked on entry")]

use super::accumulate::Sums;
use super::labels::Part;
use super::lanes::Lanes;
use super::level::Level;
use super::{Block, prune, referee};
use crate::engine::Centroids;
use crate::engine::bound::{NEAREST, Scoring};
use crate::matrix::{Matrix, TILE};

/// A centroid set laid out for the kernel and the referee.
pub(super) struct Prepared<'a> {
    pub(super) centroids: &'a Centroids,
    pub(super) scoring: Scoring,
    /// Centroids in a register block, block by block.
    blocks: Vec<usize>,
    /// Distinct centroids in blocks, each `[dims x block]`.
    packed: Vec<f32>,
    /// Distinct centroids `[dims x padded]`, for scoring one point against all.
    pub(super) transposed: Vec<f32>,
    /// Distinct centroids rounded up to whole vectors of 16.
    pub(super) padded: usize,
    /// Whether distinct centroids are all centroids, so that positions are labels.
    pub(super) identity: bool,
    /// Most centroids that the kernel keeps in registers at once.
    pub(super) at_once: usize,
}

impl<'a> Prepared<'a> {
    pub(super) fn new(matrix: &Matrix, centroids: &'a Centroids, level: Level) -> Self {
        let scoring = Scoring::new(centroids, matrix.frame().bits(), NEAREST);
        let (k, dims) = (scoring.distinct(), centroids.dims());
        let at_once = level.centroids_at_once();
        let blocks = even_blocks(k, at_once);
        let mut packed = Vec::with_capacity(k * dims);
        let mut first = 0;
        for &size in &blocks {
            for j in 0..dims {
                packed.extend((first..first + size).map(|c| scoring.centroids[c * dims + j]));
            }
            first += size;
        }
        let padded = k.next_multiple_of(16);
        let mut transposed = vec![0.0; dims * padded];
        for (c, row) in scoring.centroids.chunks_exact(dims).enumerate() {
            row.iter().enumerate().for_each(|(j, &v)| transposed[j * padded + c] = v);
        }
        let identity = k == centroids.k();
        Self { centroids, scoring, blocks, packed, transposed, padded, identity, at_once }
    }
}

/// Splits `k` into blocks of at most `most`, as even as can be: 8 is better scored as 4 + 4 than as 6 + 2.
fn even_blocks(k: usize, most: usize) -> Vec<usize> {
    let count = k.div_ceil(most);
    (0..count).map(|b| k / count + usize::from(b < k % count)).collect()
}

/// What one tile's scoring leaves, and room for the stages after it.
#[repr(align(64))]
pub(super) struct Scratch {
    pub(super) best: [f32; TILE],
    second: [f32; TILE],
    pub(super) index: [u32; TILE],
    /// The labels of the pass before.
    before: [u32; TILE],
    /// Start value per distinct centroid, padded with minus infinity.
    pub(super) start: Vec<f32>,
    pub(super) guard: Vec<f32>,
    pub(super) upper: Vec<f32>,
    pub(super) point: Vec<i64>,
    /// Where bounds are kept: the centroids that are scored, their upper scores `[list x 64]`, each point's position in the
    /// list, and a lower bound of its own score.
    pub(super) list: Vec<u32>,
    pub(super) scores: Vec<f32>,
    pub(super) position: [u32; TILE],
    pub(super) own: [f32; TILE],
}

impl Scratch {
    pub(super) fn new(dims: usize, prepared: &[Prepared<'_>], bounded: bool) -> Self {
        let padded = prepared.iter().map(|p| p.padded).max().unwrap_or(0);
        let listed = if bounded { padded } else { 0 };
        Self {
            best: [0.0; TILE],
            second: [0.0; TILE],
            index: [0; TILE],
            before: [0; TILE],
            start: vec![0.0; padded],
            guard: vec![0.0; padded],
            upper: vec![0.0; padded],
            point: vec![0; dims],
            list: Vec::with_capacity(listed),
            scores: vec![0.0; listed * TILE],
            position: [0; TILE],
            own: [0.0; TILE],
        }
    }
}

/// Passes over a block of tiles: each tile once, all sets while it is in cache.
///
/// # Safety
/// Must be inlined into a function that enables the instructions of `V`, on a CPU that has them.
#[inline(always)]
pub(super) unsafe fn pass_tiles<V: Lanes, const P: usize>(
    matrix: &Matrix,
    prepared: &[Prepared<'_>],
    mut block: Block<'_>,
    sums: &mut [Sums],
    scratch: &mut Scratch,
) {
    let tiles = block.sets.first().map_or(0, |s| s.labels.tiles());
    for t in 0..tiles {
        let tile = block.first_tile + t;
        for ((p, share), sums) in prepared.iter().zip(&mut block.sets).zip(&mut *sums) {
            if t + 1 < tiles {
                share.labels.prefetch::<V>(t + 1); // a batch has more streams of labels than the hardware foresees
            }
            let labels = (&mut share.labels, t);
            // SAFETY: inlined into the same function as this one; bounds are kept of distinct centroids only.
            unsafe {
                match share.bounds.as_mut().map(|b| b.tile(t)) {
                    Some(bounds) => prune::pass_tile::<V, P>(matrix, tile, p, bounds, labels, sums, scratch),
                    None => pass_tile::<V, P>(matrix, tile, p, labels, sums, scratch),
                }
            }
        }
    }
}

/// # Safety
/// As [`pass_tiles`].
#[inline(always)]
unsafe fn pass_tile<V: Lanes, const P: usize>(
    matrix: &Matrix,
    t: usize,
    prepared: &Prepared<'_>,
    labels: (&mut Part<'_>, usize),
    sums: &mut Sums,
    scratch: &mut Scratch,
) {
    let (tile, lanes) = (matrix.tile(t), matrix.lanes(t));
    let k = prepared.scoring.distinct();
    let widest = prepared.scoring.start(matrix.norm(t), &mut scratch.start[..k], &mut scratch.guard[..k]);
    scratch.start[k..prepared.padded].fill(f32::NEG_INFINITY);
    // SAFETY: inlined likewise; `tile` is `[dims x 64]` and `start` and `guard` hold k values.
    let unsure = lanes
        & unsafe {
            score_tile::<V, P>(tile, prepared, scratch);
            unproven::<V>(scratch, widest)
        };
    if !prepared.identity {
        scratch.index.iter_mut().for_each(|i| *i = prepared.scoring.index[*i as usize]);
    }
    let mut left = unsure;
    while left != 0 {
        let lane = left.trailing_zeros() as usize;
        left &= left - 1;
        let nearest = referee::decide(tile, lane, matrix.frame().scale(), prepared, scratch);
        #[expect(clippy::cast_possible_truncation, reason = "fewer than 2^32 centroids")]
        let label = nearest.index as u32;
        scratch.index[lane] = label;
        sums.ties += u64::from(nearest.tie);
    }
    sums.refereed += u64::from(unsure.count_ones());
    // SAFETY: inlined likewise.
    unsafe { take_labels::<V>(matrix, t, lanes, labels, sums, scratch) };
}

/// Moves the points of tile `t` whose label differs from the one they had, and keeps their labels.
///
/// # Safety
/// As [`pass_tiles`].
#[inline(always)]
pub(super) unsafe fn take_labels<V: Lanes>(
    matrix: &Matrix,
    t: usize,
    lanes: u64,
    (labels, at): (&mut Part<'_>, usize),
    sums: &mut Sums,
    scratch: &mut Scratch,
) {
    labels.read(at, &mut scratch.before);
    // SAFETY: inlined likewise.
    let changed = lanes & unsafe { differing::<V>(&scratch.index, &scratch.before) };
    if changed != 0 {
        // SAFETY: inlined likewise.
        unsafe { sums.move_points::<V>(matrix, t, changed, &scratch.before, &scratch.index) };
        labels.write(at, &scratch.index);
    }
}

/// Leaves the best and second best upper score of every point, and the position of the best.
///
/// # Safety
/// As [`pass_tiles`]; the tile must be `[dims x 64]`.
#[inline(always)]
unsafe fn score_tile<V: Lanes, const P: usize>(tile: &[f32], prepared: &Prepared<'_>, scratch: &mut Scratch) {
    let dims = prepared.centroids.dims();
    assert!(tile.len() == dims * TILE && TILE.is_multiple_of(P * V::WIDTH));
    assert!(prepared.packed.len() == prepared.scoring.distinct() * dims);
    for group in (0..TILE).step_by(P * V::WIDTH) {
        let mut top = Top::<V, P>::new();
        let mut first = 0;
        for &size in &prepared.blocks {
            // SAFETY: blocks add up to the distinct centroids, which `packed` and `start` hold; a group lies in the tile.
            unsafe {
                let (x, c) = (tile.as_ptr().add(group), prepared.packed.as_ptr().add(first * dims));
                let start = scratch.start.as_ptr().add(first);
                match size {
                    1 => top.score::<1>(x, dims, c, start, first),
                    2 => top.score::<2>(x, dims, c, start, first),
                    3 => top.score::<3>(x, dims, c, start, first),
                    4 => top.score::<4>(x, dims, c, start, first),
                    5 => top.score::<5>(x, dims, c, start, first),
                    _ => top.score::<6>(x, dims, c, start, first),
                }
            }
            first += size;
        }
        // SAFETY: a group lies in the 64 lanes.
        unsafe { top.store(scratch, group) };
    }
}

/// The best two upper scores so far of `P` vectors of points.
pub(super) struct Top<V, const P: usize> {
    best: [V; P],
    second: [V; P],
    index: [V; P],
}

impl<V: Lanes, const P: usize> Top<V, P> {
    #[inline(always)]
    pub(super) fn new() -> Self {
        let lowest = V::splat(f32::NEG_INFINITY);
        Self { best: [lowest; P], second: [lowest; P], index: [V::splat(0.0); P] }
    }

    /// Scores `C` centroids, the first of them at position `first`.
    ///
    /// # Safety
    /// `x` must be valid for `dims` rows of 64 values, `c` for `dims x C`, `start` for `C`.
    #[inline(always)]
    unsafe fn score<const C: usize>(
        &mut self,
        x: *const f32,
        dims: usize,
        c: *const f32,
        start: *const f32,
        first: usize,
    ) {
        let mut scores = [[V::splat(0.0); P]; C];
        for (i, row) in scores.iter_mut().enumerate() {
            // SAFETY: `start` is valid for `C` values.
            *row = [V::splat(unsafe { *start.add(i) }); P];
        }
        for j in 0..dims {
            let mut points = [V::splat(0.0); P];
            for (p, point) in points.iter_mut().enumerate() {
                // SAFETY: row `j` of the tile holds 64 values, of which the group is `P` vectors.
                *point = unsafe { V::load(x.add(j * TILE + p * V::WIDTH)) };
            }
            for (i, row) in scores.iter_mut().enumerate() {
                // SAFETY: `c` is valid for `dims x C` values.
                let coordinate = V::splat(unsafe { *c.add(j * C + i) });
                for (score, point) in row.iter_mut().zip(&points) {
                    *score = point.mul_add(coordinate, *score);
                }
            }
        }
        for (i, row) in scores.iter().enumerate() {
            #[expect(clippy::cast_possible_truncation, reason = "fewer than 2^32 centroids")]
            self.take(row, V::splat(f32::from_bits((first + i) as u32)));
        }
    }

    /// As [`Top::score`], with a pointer to each centroid; also stores the scores, 64 apart.
    ///
    /// # Safety
    /// `x` must be valid for `dims` rows of 64 values, each of `rows` for `dims`, `start` for `C`, `out` for `C` rows of 64.
    #[inline(always)]
    pub(super) unsafe fn score_rows<const C: usize>(
        &mut self,
        x: *const f32,
        dims: usize,
        rows: [*const f32; C],
        start: *const f32,
        first: usize,
        out: *mut f32,
    ) {
        let mut scores = [[V::splat(0.0); P]; C];
        for (i, row) in scores.iter_mut().enumerate() {
            // SAFETY: `start` is valid for `C` values.
            *row = [V::splat(unsafe { *start.add(i) }); P];
        }
        for j in 0..dims {
            let mut points = [V::splat(0.0); P];
            for (p, point) in points.iter_mut().enumerate() {
                // SAFETY: row `j` of the tile holds 64 values, of which the group is `P` vectors.
                *point = unsafe { V::load(x.add(j * TILE + p * V::WIDTH)) };
            }
            for (row, centroid) in scores.iter_mut().zip(rows) {
                // SAFETY: each row is valid for `dims` values.
                let coordinate = V::splat(unsafe { *centroid.add(j) });
                for (score, point) in row.iter_mut().zip(&points) {
                    *score = point.mul_add(coordinate, *score);
                }
            }
        }
        for (i, row) in scores.iter().enumerate() {
            for (p, score) in row.iter().enumerate() {
                // SAFETY: `out` is valid for `C` rows of 64 values, of which the group is `P` vectors.
                unsafe { score.store(out.add(i * TILE + p * V::WIDTH)) };
            }
            #[expect(clippy::cast_possible_truncation, reason = "fewer than 2^32 centroids")]
            self.take(row, V::splat(f32::from_bits((first + i) as u32)));
        }
    }

    #[inline(always)]
    fn take(&mut self, scores: &[V; P], index: V) {
        for (p, &score) in scores.iter().enumerate() {
            let best = self.best[p];
            self.second[p] = self.second[p].max(best.min(score));
            self.index[p] = score.if_greater(best, index, self.index[p]);
            self.best[p] = best.max(score);
        }
    }

    /// # Safety
    /// `group` plus `P` vectors must lie within the 64 lanes.
    #[inline(always)]
    pub(super) unsafe fn store(&self, scratch: &mut Scratch, group: usize) {
        for p in 0..P {
            let at = group + p * V::WIDTH;
            // SAFETY: `at` plus a vector lies within each array of 64.
            unsafe {
                self.best[p].store(scratch.best.as_mut_ptr().add(at));
                self.second[p].store(scratch.second.as_mut_ptr().add(at));
                self.index[p].store(scratch.index.as_mut_ptr().add(at).cast());
            }
        }
    }
}

/// The points whose best score does not stand, as bits. `widest` is the largest guard of all: only where even that does
/// not settle every point are the centroids' own guards looked up.
///
/// # Safety
/// As [`pass_tiles`]; every index must be below the number of guards.
#[inline(always)]
pub(super) unsafe fn unproven<V: Lanes>(scratch: &Scratch, widest: f32) -> u64 {
    let mut unsure = 0;
    for at in (0..TILE).step_by(V::WIDTH) {
        // SAFETY: a vector at `at` lies within each array of 64, and indices are positions of guards.
        unsafe {
            let best = V::load(scratch.best.as_ptr().add(at));
            let second = V::load(scratch.second.as_ptr().add(at));
            if best.sub(V::splat(widest)).not_greater(second) != 0 {
                let index = V::load(scratch.index.as_ptr().add(at).cast());
                unsure |= best.sub(index.lookup(scratch.guard.as_ptr())).not_greater(second) << at;
            }
        }
    }
    unsure
}

/// The points whose label differs, as bits.
///
/// # Safety
/// As [`pass_tiles`].
#[inline(always)]
pub(super) unsafe fn differing<V: Lanes>(new: &[u32; TILE], old: &[u32; TILE]) -> u64 {
    let mut bits = 0;
    for at in (0..TILE).step_by(V::WIDTH) {
        // SAFETY: a vector at `at` lies within both.
        unsafe { bits |= V::load(new.as_ptr().add(at).cast()).differing(V::load(old.as_ptr().add(at).cast())) << at };
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_even_and_cover_all_centroids() {
        assert_eq!(even_blocks(8, 6), [4, 4]);
        assert_eq!(even_blocks(13, 6), [5, 4, 4]);
        assert_eq!(even_blocks(1, 6), [1]);
        for k in 1..100 {
            assert_eq!(even_blocks(k, 5).iter().sum::<usize>(), k);
        }
    }
}
