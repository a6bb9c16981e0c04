//! segma clusters customers.

pub mod engine;
pub mod error;
pub mod kmeans;
pub mod matrix;
pub mod note;
