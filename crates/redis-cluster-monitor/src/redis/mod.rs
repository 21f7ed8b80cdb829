//! Talks to the nodes: looks at them, and does to them what the core has decided.
//!
//! [`Link`] looks at one node and tells what it sees. [`Hands`] carry out actions, each node on a
//! connection of its own that is never used for looking. [`info`] reads what a server says of
//! itself. This is the only place that speaks the servers' words for the roles.
//!
//! Deliberately not here: what anything that is seen means, and what to do about it.
//!
//! Always holds: a failed look is an observation with its class, never an error; every action has
//! exactly one outcome, at its deadline at the latest; nothing waits for a peer that does not read.

mod command;
mod connect;
mod connection;
mod hand;
pub mod info;
mod link;
mod memory;
mod refusal;
mod resolve;
mod settings;

pub use command::{Commands, Replicate};
pub use hand::Hands;
pub use link::Link;
pub use memory::{Heard, Memory};
pub use settings::{REPLICATION_USER, Settings};
