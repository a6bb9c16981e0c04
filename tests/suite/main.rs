//! The integration tests, in one binary.

mod contract;
mod data;
mod hostile;
mod judge;
