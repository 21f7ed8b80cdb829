//! Tests with real servers and the real program. All run side by side, each with servers of its own.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails where it finds something else than it wants"
)]

mod cli;
mod clients;
mod demo;
mod door;
mod etcd;
mod eyes;
mod failover;
mod gates;
mod hand;
mod http;
mod link;
mod local;
mod monitor;
mod proxy;
mod scripts;
mod sentinel;
mod sentinel_same;
mod settings;
mod several;
mod start;
mod stubs;
mod switchover;
mod tidy;
mod webhooks;
#[cfg(target_os = "linux")]
mod world;
