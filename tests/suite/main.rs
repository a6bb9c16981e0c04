//! The integration tests, in one binary.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking and prints its seed and skips")]
#![allow(clippy::cast_possible_truncation, reason = "test tables are small, and rounding to f32 is meant")]

mod bad_files;
mod bad_input;
mod checkpoint;
mod choosing;
mod cli;
mod config;
mod contract;
mod data;
mod degenerate;
mod evaluate;
mod fitted;
mod generate;
mod gpu;
mod gpu_ahead;
mod gpu_labels;
mod gpu_program;
mod gpu_proof;
mod gpu_pruning;
mod gpu_tuning;
mod hostile;
mod inputs;
#[cfg(unix)]
mod inputs_program;
mod judge;
mod measures;
mod memory;
mod metamorphic;
mod numeric;
mod optimum;
mod outputs;
mod preparation;
mod profile;
mod program;
mod pruning;
#[cfg(unix)]
mod readme;
#[cfg(unix)]
mod report;
#[cfg(unix)]
mod report_program;
#[cfg(unix)]
mod report_sample;
mod rooms;
mod shaders;
mod silhouette;
mod sklearn;
#[cfg(unix)]
mod stopping;
mod sweep;
mod watching;
