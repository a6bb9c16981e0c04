//! NEON: 4 lanes, 4 vectors of points by up to 6 centroids: 24 accumulators, 4 points, 1 broadcast of 32 registers.

#![allow(unsafe_code, reason = "SIMD kernel: intrinsics")]

use super::assign::{Prepared, Scratch, pass_tiles};
use super::lanes::Lanes;
use super::silhouette::{Lengths, Near, add_lengths};
use super::{Block, Sums};
use crate::matrix::Matrix;
use std::arch::aarch64::*;

#[derive(Clone, Copy)]
struct Neon(float32x4_t);

/// A pass over a block at this level.
pub(super) fn pass(m: &Matrix, prepared: &[Prepared<'_>], block: Block<'_>, sums: &mut [Sums], scratch: &mut Scratch) {
    #[target_feature(enable = "neon")]
    fn at_level(m: &Matrix, prepared: &[Prepared<'_>], block: Block<'_>, sums: &mut [Sums], scratch: &mut Scratch) {
        // SAFETY: this function enables the instructions.
        unsafe { pass_tiles::<Neon, 4>(m, prepared, block, sums, scratch) }
    }
    // SAFETY: an engine exists only at a level that the CPU has (`Level::check`).
    unsafe { at_level(m, prepared, block, sums, scratch) }
}

/// Distances of a block at this level.
pub(super) fn silhouette(block: &Near<'_>, sums: &mut Lengths) {
    #[target_feature(enable = "neon")]
    fn at_level(block: &Near<'_>, sums: &mut Lengths) {
        // SAFETY: this function enables the instructions.
        unsafe { add_lengths::<Neon, 4, 4>(block, sums) }
    }
    // SAFETY: an engine exists only at a level that the CPU has (`Level::check`).
    unsafe { at_level(block, sums) }
}

/// One bit for each lane of a comparison.
#[inline(always)]
fn bits(mask: uint32x4_t) -> u64 {
    const LANES: [u32; 4] = [1, 2, 4, 8];
    // SAFETY: as in the implementation below.
    u64::from(unsafe { vaddvq_u32(vandq_u32(mask, vld1q_u32(LANES.as_ptr()))) })
}

// SAFETY (all blocks below): values of this type exist only under `at_level`; pointers are the caller's to vouch for.
impl Lanes for Neon {
    const WIDTH: usize = 4;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see above.
        Self(unsafe { vld1q_f32(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see above.
        unsafe { vst1q_f32(to, self.0) }
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: see above.
        Self(unsafe { vdupq_n_f32(value) })
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { vfmaq_f32(term.0, self.0, factor.0) })
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        // SAFETY: see above.
        Self(unsafe { vsqrtq_f32(self.0) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { vsubq_f32(self.0, other.0) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { vmaxq_f32(self.0, other.0) })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { vminq_f32(self.0, other.0) })
    }

    #[inline(always)]
    fn most(self) -> f32 {
        // SAFETY: see above.
        unsafe { vmaxvq_f32(self.0) }
    }

    #[inline(always)]
    fn if_greater(self, other: Self, yes: Self, no: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { vbslq_f32(vcgtq_f32(self.0, other.0), yes.0, no.0) })
    }

    #[inline(always)]
    fn not_greater(self, other: Self) -> u64 {
        // SAFETY: see above.
        bits(unsafe { vcleq_f32(self.0, other.0) })
    }

    #[inline(always)]
    fn differing(self, other: Self) -> u64 {
        // SAFETY: see above.
        bits(unsafe { vmvnq_u32(vceqq_u32(vreinterpretq_u32_f32(self.0), vreinterpretq_u32_f32(other.0))) })
    }

    #[inline(always)]
    unsafe fn lookup(self, table: *const f32) -> Self {
        // SAFETY: see above.
        let index: [u32; 4] = unsafe { std::mem::transmute(self.0) };
        // SAFETY: every index lies in the table.
        let found = index.map(|i| unsafe { *table.add(i as usize) });
        // SAFETY: four values are there to be read.
        Self(unsafe { vld1q_f32(found.as_ptr()) })
    }
}
