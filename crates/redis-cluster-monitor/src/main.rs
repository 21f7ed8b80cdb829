//! Does.
fn main() {}
