//! One start of a fit, and what is kept of it between two passes.

use super::found::Step;
use super::totals::Totals;
use crate::engine::{Centroids, Change};
use serde::{Deserialize, Serialize};

/// One start.
pub(super) struct Run {
    pub(super) set: usize,
    /// Which of the fits it belongs to, and which start of that one it is.
    pub(super) which: usize,
    pub(super) start: usize,
    pub(super) centroids: Centroids,
    /// The centroids of the last pass, and what was done to its labels since: with them the labels can be made again.
    pub(super) previous: Centroids,
    pub(super) since: Since,
    pub(super) totals: Totals,
    pub(super) iterations: u32,
    pub(super) history: Vec<Step>,
    /// Points the last pass found exactly between two centroids.
    pub(super) ties: u64,
    /// Whether a cluster that emptied after the last iteration was filled already.
    pub(super) refilled: bool,
    pub(super) state: State,
    pub(super) converged: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Labels, sums, centroids, and again.
    Iterating,
    /// The centroids are final; labels are brought up to date.
    Settling,
    /// Labels and sums fit the centroids.
    Done,
}

/// What was done to the labels of a pass, in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    /// Points that were taken to an empty cluster.
    pub(super) relocated: Vec<(usize, u32)>,
    /// The clusters that were kept, if others were dropped.
    pub(super) kept: Option<Vec<usize>>,
}

impl Run {
    pub(super) fn new(set: usize, which: usize, start: usize, centroids: Centroids) -> Self {
        let totals = Totals::new(centroids.k(), centroids.dims());
        Self {
            set,
            which,
            start,
            previous: centroids.clone(),
            since: Since::default(),
            centroids,
            totals,
            iterations: 0,
            history: Vec::new(),
            ties: 0,
            refilled: false,
            state: State::Iterating,
            converged: false,
        }
    }

    pub(super) fn take(&mut self, change: &Change) {
        self.totals.add(change);
        self.ties = change.ties;
    }
}

/// What a fit cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cost {
    pub(super) passes: u32,
    pub(super) seconds: f64,
    pub(super) refereed: u64,
    pub(super) scored: u64,
}
