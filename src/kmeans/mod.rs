//! K-Means with scikit-learn's rules, on any engine, to the same bytes.
//!
//! The fit loop ([`fit`]) asks an engine for integer changes of sums and counts, divides, and repeats; it knows no
//! device. Everything it decides on (centroids, shifts, inertia, empty clusters) is integer arithmetic on the host, so
//! the result does not depend on where the passes ran.

mod empty;
mod fit;
mod found;
mod notes;
mod order;
mod params;
mod progress;
mod room;
mod run;
mod seed;
mod snapshot;
mod totals;

pub use fit::{fit, resume, sweep};
pub use found::{Fit, Step};
pub use notes::coarse_notes;
pub use params::{Init, Params, ValidParams};
pub(crate) use progress::tell;
pub use progress::{Observer, Progress, Quiet};
pub(crate) use seed::{hashes_below, smallest_hashes};
pub use snapshot::Snapshot;
