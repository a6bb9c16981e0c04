//! The integration tests, in one binary.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking and prints its seed and skips")]
#![allow(clippy::cast_possible_truncation, reason = "test tables are small, and rounding to f32 is meant")]

#[cfg(unix)]

mod contract;
mod data;
mod hostile;
mod judge;
mod readme;
mod rooms;
mod sklearn;
