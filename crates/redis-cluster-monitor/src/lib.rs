//! Does: sockets, files, processes and the clock. What to do is decided in `rcm-core`.
//!
//! A module imports only from its right in this list, and a test holds it to that:
//!
//! ```text
//! cli http proxy sentinel hooks driver redis store config telemetry local door clock
//! ```

pub mod cli;
pub mod clock;
pub mod config;
pub mod door;
pub mod driver;
pub mod hooks;
pub mod http;
pub mod local;
pub mod proxy;
pub mod redis;
pub mod sentinel;
#[cfg(test)]
mod statuses;
pub mod store;
pub mod telemetry;
