//! K-Means with scikit-learn's rules, on any engine, to the same bytes.
//!
//! The fit loop ([`fit`]) asks an engine for integer changes of sums and counts, divides, and repeats; it knows no
//! device. Everything it decides on (centroids, shifts, inertia, empty clusters) is integer arithmetic on the host, so
//! the result does not depend on where the passes ran.

mod empty;
mod fit;
mod notes;
mod order;
mod params;
mod progress;
mod room;
mod seed;
mod totals;

pub use fit::{Fit, Step, fit, sweep};
pub use notes::coarse_notes;
pub use params::{Init, Params, ValidParams};
pub(crate) use progress::tell;
pub use progress::{Observer, Progress, Quiet};
pub(crate) use seed::{hashes_below, smallest_hashes};
