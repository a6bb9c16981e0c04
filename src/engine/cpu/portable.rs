//! Plain Rust in vectors of 4: what every CPU can run. Products of scores are not fused, which their bound allows for.

#![allow(unsafe_code, reason = "SIMD kernel: raw loads")]

use super::assign::{Prepared, Scratch, pass_tiles};
use super::lanes::Lanes;
use super::silhouette::{Lengths, Near, add_lengths};
use super::{Block, Sums};
use crate::matrix::Matrix;

#[derive(Clone, Copy)]
#[repr(align(16))]
struct Portable([f32; 4]);

/// A pass over a block at this level.
pub(super) fn pass(m: &Matrix, prepared: &[Prepared<'_>], block: Block<'_>, sums: &mut [Sums], scratch: &mut Scratch) {
    // SAFETY: plain Rust needs no special instructions.
    unsafe { pass_tiles::<Portable, 2>(m, prepared, block, sums, scratch) }
}

/// Distances of a block at this level.
pub(super) fn silhouette(block: &Near<'_>, sums: &mut Lengths) {
    // SAFETY: plain Rust needs no special instructions.
    unsafe { add_lengths::<Portable, 4, 2>(block, sums) }
}

impl Portable {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }

    #[inline(always)]
    fn bits(self, other: Self, f: impl Fn(f32, f32) -> bool) -> u64 {
        (0..4).map(|i| u64::from(f(self.0[i], other.0[i])) << i).sum()
    }
}

impl Lanes for Portable {
    const WIDTH: usize = 4;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for 4 values.
        Self(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for 4 values.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; 4])
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        self.zip(factor, |a, b| a * b).zip(term, |a, b| a + b)
    }

    #[inline(always)]
    fn fused(self, factor: Self, term: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i].mul_add(factor.0[i], term.0[i])))
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(self.0.map(f32::sqrt))
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn most(self) -> f32 {
        self.0.into_iter().fold(f32::MIN, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn if_greater(self, other: Self, yes: Self, no: Self) -> Self {
        Self(std::array::from_fn(|i| if self.0[i] > other.0[i] { yes.0[i] } else { no.0[i] }))
    }

    #[inline(always)]
    fn not_greater(self, other: Self) -> u64 {
        self.bits(other, |a, b| a <= b)
    }

    #[inline(always)]
    fn differing(self, other: Self) -> u64 {
        self.bits(other, |a, b| a.to_bits() != b.to_bits())
    }

    #[inline(always)]
    unsafe fn lookup(self, table: *const f32) -> Self {
        // SAFETY: the caller vouches for every index.
        Self(self.0.map(|i| unsafe { *table.add(i.to_bits() as usize) }))
    }
}
