//! The `segma` program.
fn main() {}
