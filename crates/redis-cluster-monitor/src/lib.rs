//! Does: sockets, files, processes and the clock. What to do is decided in `rcm-core`.

pub mod clock;
pub mod local;
pub mod redis;
