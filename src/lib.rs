//! segma clusters customers.

pub mod engine;
pub mod error;
pub mod features;
pub mod kmeans;
pub mod matrix;
pub mod model;
pub mod note;
pub mod segments;
pub mod table;
