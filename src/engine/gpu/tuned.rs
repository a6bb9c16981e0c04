//! Choices made before: forced, or found by the tuner for a class of shapes.

use super::tuning::{Shape, Tuning};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// Shapes that are tuned together: dims exactly, centroids and tiles of a chunk up to the next power of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// Columns.
    pub dims: u32,
    /// Whether points have weights.
    pub weighted: bool,
    /// Centroids, up to so many.
    pub centroids: u64,
    /// Tiles of a chunk, up to so many.
    pub tiles: u64,
}

impl Class {
    /// The class of sets of `k` centroids over points of a shape.
    #[must_use]
    pub fn new(shape: &Shape, k: usize) -> Self {
        let Shape { dims, weighted, chunk_tiles, .. } = *shape;
        let tiles = u64::from(chunk_tiles).next_power_of_two();
        Self { dims, weighted, centroids: (k as u64).next_power_of_two(), tiles }
    }
}

/// Choices that go before the plan's own.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    forced: Option<Tuning>,
    tuned: Arc<HashMap<Class, Tuning>>,
}

impl Choices {
    /// This one for all shapes.
    #[must_use]
    pub fn forced(tuning: Tuning) -> Self {
        Self { forced: Some(tuning), ..Self::default() }
    }

    /// Those of some classes.
    #[must_use]
    pub fn tuned(tuned: HashMap<Class, Tuning>) -> Self {
        Self { forced: None, tuned: Arc::new(tuned) }
    }

    /// The choice for sets of `k` centroids over points of a shape, if there is one.
    #[must_use]
    pub fn of(&self, shape: &Shape, k: usize) -> Option<Tuning> {
        self.forced.or_else(|| self.tuned.get(&Class::new(shape, k)).copied())
    }
}
