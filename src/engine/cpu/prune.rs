//! Labels a tile by scoring only the centroids that its bounds do not rule out.
//!
//! Reads: the tile's bounds and what they lose to the drift; where that is not enough, the tile and the centroids that may
//! be nearest. Writes: labels and sums as `assign` does, and the bounds anew for the centroids that were scored.
//!
//! Steps: 1. take the drift from the slacks; if all stay positive, done; 2. list the tile's own labels and the centroids
//! whose slack is used up; 3. score the list; 4. prove, and referee what is not proven, among the list: every other
//! centroid is farther, exactly; 5. compare with the old labels and move the points that changed; 6. set the slacks of the
//! list, the radius and the own labels.

#![allow(unsafe_code, reason = "SIMD kernel: raw loads from slices whose lengths are checked on entry")]

use super::accumulate::Sums;
use super::assign::{Prepared, Scratch, Top, differing, take_labels, unproven};
use super::bounds::{Drift, OWN, SAFE, State};
use super::labels::Part;
use super::lanes::Lanes;
use super::referee::Candidates;
use crate::engine::NO_LABEL;
use crate::matrix::{Matrix, TILE, round_up};

/// The bounds of one tile, and what the centroids moved since.
pub(super) struct Tile<'a> {
    pub(super) state: &'a mut State,
    pub(super) slack: &'a mut [f32],
    /// None if the pass before is not known.
    pub(super) drift: Option<&'a Drift>,
    /// The squared norm of each point, rounded up `[64]`.
    pub(super) squares: &'a [f32],
}

/// # Safety
/// As [`super::assign::pass_tiles`]; the centroids must be distinct.
#[inline(always)]
pub(super) unsafe fn pass_tile<V: Lanes, const P: usize>(
    matrix: &Matrix,
    t: usize,
    prepared: &Prepared<'_>,
    mut bounds: Tile<'_>,
    labels: (&mut Part<'_>, usize),
    sums: &mut Sums,
    scratch: &mut Scratch,
) {
    let known = match bounds.drift {
        Some(drift) if bounds.state.is_known() => {
            // SAFETY: inlined likewise.
            if !unsafe { drift.decay::<V>(bounds.state, bounds.slack) } {
                return;
            }
            true
        }
        _ => false,
    };
    // SAFETY: as the caller's; the list holds positions of centroids.
    unsafe {
        list::<V>(&mut bounds, known, prepared.scoring.distinct(), &mut scratch.list);
        decide_list::<V, P>(matrix, t, prepared, sums, scratch);
    }
    let lanes = matrix.lanes(t);
    // SAFETY: inlined likewise.
    unsafe {
        take_labels::<V>(matrix, t, lanes, labels, sums, scratch);
        refresh::<V>(bounds, known, scratch, lanes);
    }
}

/// The centroids that may be nearest to a point of the tile, ascending.
///
/// # Safety
/// As [`pass_tile`].
#[inline(always)]
unsafe fn list<V: Lanes>(bounds: &mut Tile<'_>, known: bool, k: usize, list: &mut Vec<u32>) {
    list.clear();
    #[expect(clippy::cast_possible_truncation, reason = "fewer than 2^32 centroids")]
    let count = k as u32;
    if !known {
        list.extend(0..count);
        return;
    }
    for a in bounds.state.labels() {
        bounds.slack[a] = -1.0;
    }
    let mut first = 0;
    for slack in bounds.slack.chunks_exact(V::WIDTH) {
        // SAFETY: a vector of slacks.
        let mut used = unsafe { V::load(slack.as_ptr()) }.not_greater(V::splat(0.0));
        while used != 0 {
            list.push(first + used.trailing_zeros());
            used &= used - 1;
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most 16 lanes")]
        let width = V::WIDTH as u32;
        first += width;
    }
    // The slacks of the padding shrink by their rounding, too.
    while list.last().is_some_and(|&c| c >= count) {
        list.pop();
    }
}

/// Scores the list and leaves of each point the nearest centroid in `scratch.index`, its position in the list and a lower
/// bound of its score; the bound of lanes without a point is out of reach.
///
/// # Safety
/// As [`pass_tile`]; the list must hold positions of centroids.
#[inline(always)]
unsafe fn decide_list<V: Lanes, const P: usize>(
    matrix: &Matrix,
    t: usize,
    prepared: &Prepared<'_>,
    sums: &mut Sums,
    scratch: &mut Scratch,
) {
    let (tile, norm) = (matrix.tile(t), matrix.norm(t));
    let mut widest = 0.0f32;
    for (i, &c) in scratch.list.iter().enumerate() {
        let (start, guard) = prepared.scoring.start_of(c as usize, norm);
        (scratch.start[i], scratch.guard[i]) = (start, guard);
        widest = widest.max(guard);
    }
    // SAFETY: as the caller's.
    let unsure = matrix.lanes(t)
        & unsafe {
            score_list::<V, P>(tile, prepared, scratch);
            unproven::<V>(scratch, widest)
        };
    scratch.position = scratch.index;
    // SAFETY: positions are below the length of the list, which is no longer than the guards.
    unsafe { settle::<V>(scratch) };
    let mut left = unsure;
    while left != 0 {
        let lane = left.trailing_zeros() as usize;
        left &= left - 1;
        let (position, tie) = referee(matrix, t, lane, prepared, scratch);
        let at = position as usize;
        (scratch.position[lane], scratch.index[lane]) = (position, scratch.list[at]);
        scratch.own[lane] = scratch.scores[at * TILE + lane] - scratch.guard[at];
        sums.ties += u64::from(tie);
    }
    sums.refereed += u64::from(unsure.count_ones());
    let mut empty = !matrix.lanes(t);
    while empty != 0 {
        scratch.own[empty.trailing_zeros() as usize] = SAFE;
        empty &= empty - 1;
    }
}

/// Turns positions in `scratch.index` into centroids and best scores into lower bounds.
///
/// # Safety
/// As [`pass_tile`]; every position must be below the lengths of list and guards.
#[inline(always)]
unsafe fn settle<V: Lanes>(scratch: &mut Scratch) {
    for at in (0..TILE).step_by(V::WIDTH) {
        // SAFETY: a vector at `at` lies within each array of 64; the tables hold every position.
        unsafe {
            let position = V::load(scratch.position.as_ptr().add(at).cast());
            position.lookup(scratch.list.as_ptr().cast()).store(scratch.index.as_mut_ptr().add(at).cast());
            let best = V::load(scratch.best.as_ptr().add(at));
            best.sub(position.lookup(scratch.guard.as_ptr())).store(scratch.own.as_mut_ptr().add(at));
        }
    }
}

/// The position in the list of the centroid nearest to the point in `lane`, by exact integers, and whether that was a tie.
fn referee(matrix: &Matrix, t: usize, lane: usize, prepared: &Prepared<'_>, scratch: &mut Scratch) -> (u32, bool) {
    let count = scratch.list.len();
    for (upper, scores) in scratch.upper[..count].iter_mut().zip(scratch.scores.chunks_exact(TILE)) {
        *upper = scores[lane];
    }
    let among = Candidates { upper: &scratch.upper[..count], guard: &scratch.guard, labels: &scratch.list };
    let scale = matrix.frame().scale();
    let found = among.nearest(matrix.tile(t), lane, scale, prepared.centroids, &mut scratch.point);
    #[expect(clippy::cast_possible_truncation, reason = "fewer than 2^32 centroids")]
    let position = scratch.list.partition_point(|&c| (c as usize) < found.index) as u32;
    (position, found.tie)
}

/// Leaves the upper scores of the list `[list x 64]`, and of each point the best two and the position of the best.
///
/// # Safety
/// As [`pass_tile`].
#[inline(always)]
unsafe fn score_list<V: Lanes, const P: usize>(tile: &[f32], prepared: &Prepared<'_>, scratch: &mut Scratch) {
    let dims = prepared.centroids.dims();
    let rows = &prepared.scoring.centroids;
    assert!(tile.len() == dims * TILE && scratch.scores.len() >= scratch.list.len() * TILE);
    assert!(scratch.list.iter().all(|&c| (c as usize + 1) * dims <= rows.len()));
    for group in (0..TILE).step_by(P * V::WIDTH) {
        let mut top = Top::<V, P>::new();
        for (block, some) in scratch.list.chunks(prepared.at_once).enumerate() {
            let first = block * prepared.at_once;
            // SAFETY: the list's rows lie in `rows`, its starts and scores in the scratch, a group in the tile.
            unsafe {
                let x = tile.as_ptr().add(group);
                let row = |i: usize| rows.as_ptr().add(some[i] as usize * dims);
                let start = scratch.start.as_ptr().add(first);
                let out = scratch.scores.as_mut_ptr().add(first * TILE + group);
                match some.len() {
                    1 => top.score_rows::<1>(x, dims, [row(0)], start, first, out),
                    2 => top.score_rows::<2>(x, dims, [row(0), row(1)], start, first, out),
                    3 => top.score_rows::<3>(x, dims, [row(0), row(1), row(2)], start, first, out),
                    4 => top.score_rows::<4>(x, dims, [row(0), row(1), row(2), row(3)], start, first, out),
                    5 => top.score_rows::<5>(x, dims, [row(0), row(1), row(2), row(3), row(4)], start, first, out),
                    _ => {
                        let six = [row(0), row(1), row(2), row(3), row(4), row(5)];
                        top.score_rows::<6>(x, dims, six, start, first, out);
                    }
                }
            }
        }
        // SAFETY: a group lies in the 64 lanes.
        unsafe { top.store(scratch, group) };
    }
}

/// Sets the slacks of the centroids that were scored, the radius and the labels of the tile.
///
/// # Safety
/// As [`pass_tile`].
#[inline(always)]
unsafe fn refresh<V: Lanes>(bounds: Tile<'_>, known: bool, scratch: &mut Scratch, lanes: u64) {
    if !known {
        bounds.slack.fill(SAFE);
    }
    let mut farthest2 = V::splat(0.0);
    for at in (0..TILE).step_by(V::WIDTH) {
        // SAFETY: a vector at `at` lies within both arrays of 64.
        let (square, own) =
            unsafe { (V::load(bounds.squares.as_ptr().add(at)), V::load(scratch.own.as_ptr().add(at))) };
        // |x - a|^2 = |x|^2 - 2 (x.a - |a|^2 / 2); the rest covers the roundings of these lines.
        let (size, rounding) = (own.max(V::splat(0.0).sub(own)), V::splat(4.0 * f32::EPSILON));
        let distance2 = size.mul_add(rounding, square.mul_add(rounding, own.mul_add(V::splat(-2.0), square)));
        farthest2 = farthest2.max(distance2);
    }
    // SAFETY: inlined likewise.
    let own = unsafe { labels_of::<V>(&scratch.index, lanes) };
    *bounds.state = State { radius: round_up(f64::from(farthest2.most()).sqrt()), own };
    // A point's own centroid is out of the comparison: then the least difference can be taken over whole vectors.
    for (lane, at) in scratch.position.iter().enumerate() {
        scratch.scores[*at as usize * TILE + lane] = -SAFE;
    }
    for (scores, &c) in scratch.scores.chunks_exact(TILE).zip(&scratch.list) {
        let mut gap = V::splat(SAFE);
        for at in (0..TILE).step_by(V::WIDTH) {
            // SAFETY: a vector at `at` lies within both arrays of 64.
            gap = gap.min(unsafe { V::load(scratch.own.as_ptr().add(at)).sub(V::load(scores.as_ptr().add(at))) });
        }
        bounds.slack[c as usize] = -V::splat(0.0).sub(gap).most() * (1.0 - f32::EPSILON);
    }
}

/// The different labels of a tile, or none if they are too many.
///
/// # Safety
/// As [`pass_tile`].
#[inline(always)]
unsafe fn labels_of<V: Lanes>(labels: &[u32; TILE], lanes: u64) -> [u32; OWN] {
    let mut own = [NO_LABEL; OWN];
    let mut left = lanes;
    for slot in &mut own {
        if left == 0 {
            return own;
        }
        let label = labels[left.trailing_zeros() as usize];
        *slot = label;
        // SAFETY: inlined likewise; both sides hold 64 values.
        left &= unsafe { differing::<V>(labels, &[label; TILE]) };
    }
    if left == 0 { own } else { [NO_LABEL; OWN] }
}
