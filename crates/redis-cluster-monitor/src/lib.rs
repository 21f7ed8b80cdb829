//! Does: sockets, files, processes and the clock. What to do is decided in `rcm-core`.

pub mod cli;
pub mod config;
pub mod local;
pub mod store;
pub mod telemetry;
