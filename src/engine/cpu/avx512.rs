//! AVX-512: 16 lanes, 4 vectors of points by up to 6 centroids: 24 accumulators, 4 points, 1 broadcast of 32 registers.

#![allow(unsafe_code, reason = "SIMD kernel: intrinsics")]

use super::assign::{Prepared, Scratch, pass_tiles};
use super::lanes::{GROUP, Lanes};
use super::silhouette::{Lengths, Near, add_lengths};
use super::{Block, Sums};
use crate::matrix::power::MAGIC;
use crate::matrix::{Matrix, TILE};
use std::arch::x86_64::*;

#[derive(Clone, Copy)]
struct Avx512(__m512);

/// A pass over a block at this level.
pub(super) fn pass(m: &Matrix, prepared: &[Prepared<'_>], block: Block<'_>, sums: &mut [Sums], scratch: &mut Scratch) {
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
    fn at_level(m: &Matrix, prepared: &[Prepared<'_>], block: Block<'_>, sums: &mut [Sums], scratch: &mut Scratch) {
        // SAFETY: this function enables the instructions.
        unsafe { pass_tiles::<Avx512, 4>(m, prepared, block, sums, scratch) }
    }
    // SAFETY: an engine exists only at a level that the CPU has (`Level::check`).
    unsafe { at_level(m, prepared, block, sums, scratch) }
}

/// Distances of a block at this level.
pub(super) fn silhouette(block: &Near<'_>, sums: &mut Lengths) {
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
    fn at_level(block: &Near<'_>, sums: &mut Lengths) {
        // SAFETY: this function enables the instructions.
        unsafe { add_lengths::<Avx512, 4, 4>(block, sums) }
    }
    // SAFETY: an engine exists only at a level that the CPU has (`Level::check`).
    unsafe { at_level(block, sums) }
}

// SAFETY (all blocks below): values of this type exist only under `at_level`; pointers are the caller's to vouch for.
impl Lanes for Avx512 {
    const WIDTH: usize = 16;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see above.
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    fn prefetch(address: *const f32) {
        // SAFETY: a hint, for any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, term.0) })
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_sqrt_ps(self.0) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_min_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn most(self) -> f32 {
        // SAFETY: see above.
        unsafe { _mm512_reduce_max_ps(self.0) }
    }

    #[inline(always)]
    fn if_greater(self, other: Self, yes: Self, no: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_mask_mov_ps(no.0, _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, other.0), yes.0) })
    }

    #[inline(always)]
    fn not_greater(self, other: Self) -> u64 {
        // SAFETY: see above.
        u64::from(unsafe { _mm512_cmp_ps_mask::<_CMP_LE_OQ>(self.0, other.0) })
    }

    #[inline(always)]
    fn differing(self, other: Self) -> u64 {
        // SAFETY: see above.
        u64::from(unsafe { _mm512_cmpneq_epi32_mask(_mm512_castps_si512(self.0), _mm512_castps_si512(other.0)) })
    }

    #[inline(always)]
    unsafe fn lookup(self, table: *const f32) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_i32gather_ps::<4>(_mm512_castps_si512(self.0), table) })
    }

    #[inline(always)]
    unsafe fn transpose(from: *const f32, rows: usize, to: *mut f32, stride: usize) {
        // SAFETY: the caller's rows; see above.
        unsafe {
            let mut v = [_mm512_setzero_ps(); 16];
            for (i, v) in v.iter_mut().enumerate().take(rows) {
                *v = _mm512_loadu_ps(from.add(i * TILE));
            }
            // Pairs, then fours within each quarter of 128 bits; then the quarters themselves.
            let mut pairs = v;
            for i in (0..16).step_by(2) {
                pairs[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
                pairs[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
            }
            for i in (0..16).step_by(4) {
                let [a, b, c, d] = [pairs[i], pairs[i + 1], pairs[i + 2], pairs[i + 3]].map(|p| _mm512_castps_pd(p));
                v[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
                v[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
                v[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
                v[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
            }
            for i in 0..4 {
                let (low, high) =
                    (_mm512_shuffle_f32x4::<0x88>(v[i], v[i + 4]), _mm512_shuffle_f32x4::<0xdd>(v[i], v[i + 4]));
                let (low2, high2) = (
                    _mm512_shuffle_f32x4::<0x88>(v[i + 8], v[i + 12]),
                    _mm512_shuffle_f32x4::<0xdd>(v[i + 8], v[i + 12]),
                );
                _mm512_storeu_ps(to.add(i * stride), _mm512_shuffle_f32x4::<0x88>(low, low2));
                _mm512_storeu_ps(to.add((i + 4) * stride), _mm512_shuffle_f32x4::<0x88>(high, high2));
                _mm512_storeu_ps(to.add((i + 8) * stride), _mm512_shuffle_f32x4::<0xdd>(low, low2));
                _mm512_storeu_ps(to.add((i + 12) * stride), _mm512_shuffle_f32x4::<0xdd>(high, high2));
            }
        }
    }

    #[inline(always)]
    unsafe fn grid(x: &[f32; GROUP], scale: f32) -> [i64; GROUP] {
        // SAFETY: 8 values each; see above.
        unsafe {
            let x = _mm512_cvtps_pd(_mm256_mul_ps(_mm256_loadu_ps(x.as_ptr()), _mm256_set1_ps(scale)));
            let shifted = _mm512_castpd_si512(_mm512_add_pd(x, _mm512_set1_pd(MAGIC)));
            let q = _mm512_sub_epi64(shifted, _mm512_set1_epi64(MAGIC.to_bits().cast_signed()));
            std::mem::transmute::<__m512i, [i64; GROUP]>(q)
        }
    }
}
