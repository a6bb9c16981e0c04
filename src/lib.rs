//! segma clusters customers: K-Means that gives the same bytes on every CPU, SIMD level, thread count and chunk size,
//! and is right at any size.
//!
//! Points and centroids are integers on one grid, and f32 is a view of them for speed; so labels are an exact function
//! of the data and sums have no order. The way of the data, one public function an arrow:
//!
//! ```text
//! file --table::read--> Table --features::Pipeline--> Prepared --Matrix::learn--> Matrix --kmeans::fit--> Fit --Model::new--> Model
//! ```
//!
//! An array goes straight in:
//!
//! ```
//! use segma::engine::cpu::Cpu;
//! use segma::kmeans::{Params, Quiet, fit};
//! use segma::matrix::Matrix;
//!
//! let points = ndarray::array![[0.0, 0.1], [0.2, 0.0], [9.0, 9.1], [9.2, 9.0]];
//! let (matrix, _) = Matrix::learn(&points.view(), None)?;
//! let found = fit(&Cpu::new()?, &matrix, &Params::new(2).check()?, &mut Quiet)?;
//! assert_eq!(found.labels[0], found.labels[1]);
//! assert_eq!(found.values(matrix.frame()).dim(), (2, 2));
//! # Ok::<(), segma::error::Error>(())
//! ```

pub mod budget;
pub mod checkpoint;
pub mod columnar;
pub mod engine;
pub mod error;
pub mod features;
pub mod generate;
pub mod kmeans;
mod linear;
pub mod matrix;
pub mod model;
pub mod note;
pub mod quality;
pub mod segments;
pub mod store;
pub mod table;
pub mod watch;
