//! SIMD levels: which this CPU has, which one to use.

use super::assign::{Prepared, Scratch};
use super::silhouette::{Lengths, Near};
use super::{Block, Sums};
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use std::fmt;

/// A SIMD level. Every level gives the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// 16 lanes (x86-64 with AVX-512 F, BW, DQ, VL).
    Avx512,
    /// 8 lanes (x86-64 with AVX2 and FMA).
    Avx2,
    /// 4 lanes (64-bit Arm).
    Neon,
    /// 4 lanes of plain Rust.
    Portable,
}

impl Level {
    /// All levels, best first.
    pub const ALL: [Self; 4] = [Self::Avx512, Self::Avx2, Self::Neon, Self::Portable];

    /// Its name, as `SEGMA_SIMD` takes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Neon => "neon",
            Self::Portable => "portable",
        }
    }

    /// Whether this CPU has it.
    #[must_use]
    pub fn available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && Self::Avx2.available()
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            Self::Portable => true,
            _ => false, // a level of another architecture
        }
    }

    /// The level `SEGMA_SIMD` names, else the best one of this CPU.
    ///
    /// # Errors
    /// [`Error::Device`] if `SEGMA_SIMD` names no level, or one that this CPU lacks.
    pub fn chosen() -> Result<Self> {
        match std::env::var("SEGMA_SIMD") {
            Ok(name) if !name.is_empty() => {
                let level = Self::ALL.into_iter().find(|l| l.name() == name);
                let level = level.ok_or_else(|| {
                    Error::Device(format!("SEGMA_SIMD={name}: no such SIMD level (avx512, avx2, neon, portable)"))
                })?;
                level.check().map(|()| level)
            }
            _ => Ok(Self::ALL.into_iter().find(|l| l.available()).unwrap_or(Self::Portable)),
        }
    }

    pub(super) fn check(self) -> Result<()> {
        if self.available() {
            return Ok(());
        }
        let has: Vec<&str> = Self::ALL.into_iter().filter(|l| l.available()).map(Self::name).collect();
        Err(Error::Device(format!("this CPU has no {self}; it has {}", has.join(", "))))
    }

    /// Most centroids that its kernel keeps in registers at once.
    pub(super) fn centroids_at_once(self) -> usize {
        match self {
            Self::Avx512 => 6,
            Self::Avx2 => 5,
            Self::Neon => 6,
            Self::Portable => 4,
        }
    }

    /// Runs a block of tiles at this level.
    pub(super) fn pass(
        self,
        matrix: &Matrix,
        prepared: &[Prepared<'_>],
        block: Block<'_>,
        sums: &mut [Sums],
        scratch: &mut Scratch,
    ) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => super::avx512::pass(matrix, prepared, block, sums, scratch),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => super::avx2::pass(matrix, prepared, block, sums, scratch),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => super::neon::pass(matrix, prepared, block, sums, scratch),
            _ => super::portable::pass(matrix, prepared, block, sums, scratch),
        }
    }

    /// Adds the distances of a block at this level.
    pub(super) fn silhouette(self, block: &Near<'_>, sums: &mut Lengths) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => super::avx512::silhouette(block, sums),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => super::avx2::silhouette(block, sums),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => super::neon::silhouette(block, sums),
            _ => super::portable::silhouette(block, sums),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
