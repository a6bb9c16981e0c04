//! What the scoring kernel needs of a SIMD vector; one implementation per level.
//!
//! Methods are `inline(always)`, so that the generic kernel, inlined into a function that enables a level's
//! instructions, compiles to them. A score differs between levels only by rounding, which the bound covers.

#![allow(unsafe_code, reason = "SIMD kernel: raw loads and stores")]

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
}
