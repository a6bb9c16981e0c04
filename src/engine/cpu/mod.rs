//! The CPU engine: tiles over threads, everything about a tile done while it is in cache.
//!
//! A pass hands out blocks of tiles to the threads of the current rayon pool. For each tile and each centroid set of the
//! batch the kernel scores all centroids (`assign`), proves or referees the labels (`referee`), and moves the points
//! whose label changed between integer sums (`accumulate`). Sums are integers, so neither the number of threads nor
//! the order in which they take blocks can be seen in the result.
//!
//! In a long fit, after a few passes, the points are put in the order of their labels (`rules` says when), and from then on each
//! tile keeps bounds (`bounds`) that let a pass leave most centroids, or the whole tile, alone (`prune`). The bounds are
//! exact, so that cannot be seen either.

mod accumulate;
mod assign;
mod bounds;
mod labels;
mod lanes;
mod level;
mod prune;
mod referee;
mod rules;
mod session;
mod silhouette;
mod update;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

pub use level::Level;
pub use update::update;

use super::silhouette::{Grouped, Means};
use super::{Engine, Session};
use crate::error::Result;
use crate::matrix::Matrix;
use accumulate::Sums;
use session::{Block, CpuSession};

/// The CPU engine at one SIMD level, on the threads of the current rayon pool.
#[derive(Debug, Clone, Copy)]
pub struct Cpu {
    level: Level,
    pruning: Pruning,
}

/// When tiles are sorted and bounds kept: a matter of time and memory, not of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pruning {
    /// Where it pays, by counts.
    #[default]
    Auto,
    /// From the second pass on, whatever it costs.
    Always,
    /// Never.
    Never,
}

impl Cpu {
    /// The engine at the best level of this CPU, or the one that `SEGMA_SIMD` forces.
    ///
    /// # Errors
    /// [`crate::error::Error::Device`] if `SEGMA_SIMD` names a level that this CPU lacks.
    pub fn new() -> Result<Self> {
        Self::with_level(Level::chosen()?)
    }

    /// The engine at a given level.
    ///
    /// # Errors
    /// [`crate::error::Error::Device`] if this CPU lacks it.
    pub fn with_level(level: Level) -> Result<Self> {
        level.check()?;
        Ok(Self { level, pruning: Pruning::default() })
    }

    /// The engine with another rule for pruning.
    #[must_use]
    pub fn pruning(self, pruning: Pruning) -> Self {
        Self { pruning, ..self }
    }

    /// Its SIMD level.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }
}

impl Engine for Cpu {
    fn name(&self) -> String {
        format!("cpu ({})", self.level)
    }

    fn load<'m>(&self, matrix: &'m Matrix) -> Result<Box<dyn Session + 'm>> {
        Ok(Box::new(CpuSession::new(matrix, self.level, self.pruning)))
    }

    fn silhouette(&self, grouped: &Grouped) -> Result<Vec<Means>> {
        Ok(silhouette::means(grouped, self.level))
    }
}
