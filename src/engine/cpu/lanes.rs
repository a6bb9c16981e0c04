//! What the scoring kernel needs of a SIMD vector; one implementation per level.
//!
//! Methods are `inline(always)`, so that the generic kernel, inlined into a function that enables a level's
//! instructions, compiles to them. A score differs between levels only by rounding, which the bound covers; what is made of
//! `fused`, `sqrt` and `sub` alone is the same at every level.

#![allow(unsafe_code, reason = "SIMD kernel: raw loads and stores")]

use crate::matrix::TILE;
use crate::matrix::power::MAGIC;

/// Sums of a cluster come in whole groups of so many: a vector of 64 bit integers, or several.
pub(super) const GROUP: usize = 8;

/// A vector of f32 lanes; a lane may also carry the bits of a `u32` index.
///
/// The values exist only inside a function that runs at their level, so the plain methods are safe.
pub(super) trait Lanes: Copy {
    /// Lanes.
    const WIDTH: usize;

    /// Reads `WIDTH` values.
    ///
    /// # Safety
    /// `from` must be valid for `WIDTH` values.
    unsafe fn load(from: *const f32) -> Self;

    /// Writes `WIDTH` values.
    ///
    /// # Safety
    /// `to` must be valid for `WIDTH` values.
    unsafe fn store(self, to: *mut f32);

    /// Asks for the cache line at `address`, which will be read soon; it need not be valid.
    fn prefetch(_address: *const f32) {}

    /// Every lane the same.
    fn splat(value: f32) -> Self;

    /// `self * factor + term`, fused or not.
    fn mul_add(self, factor: Self, term: Self) -> Self;

    /// `self * factor + term`, rounded once.
    #[inline(always)]
    fn fused(self, factor: Self, term: Self) -> Self {
        self.mul_add(factor, term)
    }

    /// The square root, lane by lane, rounded once.
    fn sqrt(self) -> Self;

    /// Lane by lane.
    fn sub(self, other: Self) -> Self;

    /// The larger one, lane by lane (no lane is NaN).
    fn max(self, other: Self) -> Self;

    /// The smaller one, lane by lane (no lane is NaN).
    fn min(self, other: Self) -> Self;

    /// The largest lane (none is NaN).
    fn most(self) -> f32;

    /// `yes` where `self > other`, else `no`.
    fn if_greater(self, other: Self, yes: Self, no: Self) -> Self;

    /// The lanes where `self <= other`, as bits.
    fn not_greater(self, other: Self) -> u64;

    /// The lanes whose bits differ from `other`'s, as bits.
    fn differing(self, other: Self) -> u64;

    /// `table[index]` for the index in each lane.
    ///
    /// # Safety
    /// `table` must be valid for every index.
    unsafe fn lookup(self, table: *const f32) -> Self;

    /// Writes the square of `WIDTH` rows, 64 apart, as columns, `stride` apart; of rows from `rows` on zeros or anything.
    ///
    /// # Safety
    /// `from` must be valid for `rows` rows of `WIDTH` values 64 apart, `to` for `WIDTH` rows of `WIDTH` values `stride` apart.
    #[inline(always)]
    unsafe fn transpose(from: *const f32, rows: usize, to: *mut f32, stride: usize) {
        for lane in 0..Self::WIDTH {
            for row in 0..rows {
                // SAFETY: as the caller's.
                unsafe { *to.add(lane * stride + row) = *from.add(row * TILE + lane) };
            }
        }
    }

    /// The grid integers of some values, each below 2^51.
    ///
    /// # Safety
    /// Must be inlined into a function that enables the instructions of this level.
    #[inline(always)]
    unsafe fn grid(x: &[f32; GROUP], scale: f32) -> [i64; GROUP] {
        x.map(|x| (f64::from(x * scale) + MAGIC).to_bits().cast_signed() - MAGIC.to_bits().cast_signed())
    }
}
