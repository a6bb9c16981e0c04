//! segma clusters customers.

pub mod error;
pub mod table;
