//! AVX2 with FMA: 8 lanes, 2 vectors of points by up to 5 centroids: 10 accumulators, 2 points, 1 broadcast of 16 registers.

#![allow(unsafe_code, reason = "SIMD kernel: intrinsics")]

use super::assign::{Prepared, Scratch, pass_tiles};
use super::lanes::Lanes;
use super::silhouette::{Lengths, Near, add_lengths};
use super::{Block, Sums};
use crate::matrix::Matrix;
use std::arch::x86_64::*;

#[derive(Clone, Copy)]
struct Avx2(__m256);

/// A pass over a block at this level.
pub(super) fn pass(m: &Matrix, prepared: &[Prepared<'_>], block: Block<'_>, sums: &mut [Sums], scratch: &mut Scratch) {
    #[target_feature(enable = "avx2,fma")]
    fn at_level(m: &Matrix, prepared: &[Prepared<'_>], block: Block<'_>, sums: &mut [Sums], scratch: &mut Scratch) {
        // SAFETY: this function enables the instructions.
        unsafe { pass_tiles::<Avx2, 2>(m, prepared, block, sums, scratch) }
    }
    // SAFETY: an engine exists only at a level that the CPU has (`Level::check`).
    unsafe { at_level(m, prepared, block, sums, scratch) }
}

/// Distances of a block at this level.
pub(super) fn silhouette(block: &Near<'_>, sums: &mut Lengths) {
    #[target_feature(enable = "avx2,fma")]
    fn at_level(block: &Near<'_>, sums: &mut Lengths) {
        // SAFETY: this function enables the instructions.
        unsafe { add_lengths::<Avx2, 2, 4>(block, sums) }
    }
    // SAFETY: an engine exists only at a level that the CPU has (`Level::check`).
    unsafe { at_level(block, sums) }
}

/// The sign bits of the lanes.
#[inline(always)]
fn bits(mask: __m256) -> u64 {
    // SAFETY: as in the implementation below.
    u64::from(unsafe { _mm256_movemask_ps(mask) }.cast_unsigned())
}

// SAFETY (all blocks below): values of this type exist only under `at_level`; pointers are the caller's to vouch for.
impl Lanes for Avx2 {
    const WIDTH: usize = 8;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm256_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see above.
        unsafe { _mm256_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    fn prefetch(address: *const f32) {
        // SAFETY: a hint, for any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm256_set1_ps(value) })
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm256_fmadd_ps(self.0, factor.0, term.0) })
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm256_sqrt_ps(self.0) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm256_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm256_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm256_min_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn most(self) -> f32 {
        // SAFETY: see above.
        unsafe {
            let four = _mm_max_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    fn if_greater(self, other: Self, yes: Self, no: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm256_blendv_ps(no.0, yes.0, _mm256_cmp_ps::<_CMP_GT_OQ>(self.0, other.0)) })
    }

    #[inline(always)]
    fn not_greater(self, other: Self) -> u64 {
        // SAFETY: see above.
        bits(unsafe { _mm256_cmp_ps::<_CMP_LE_OQ>(self.0, other.0) })
    }

    #[inline(always)]
    fn differing(self, other: Self) -> u64 {
        // SAFETY: see above.
        let same = unsafe { _mm256_cmpeq_epi32(_mm256_castps_si256(self.0), _mm256_castps_si256(other.0)) };
        // SAFETY: see above.
        bits(unsafe { _mm256_castsi256_ps(same) }) ^ 0xff
    }

    #[inline(always)]
    unsafe fn lookup(self, table: *const f32) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm256_i32gather_ps::<4>(table, _mm256_castps_si256(self.0)) })
    }
}
