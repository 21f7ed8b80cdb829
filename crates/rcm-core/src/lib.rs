//! The failover core of redis-cluster-monitor: everything that decides, and nothing that does.
//!
//! ```text
//! observation ─▶ view ─▶ verdict ─▶ plan ─▶ action ─▶ (driver executes) ─▶ outcome ─┐
//!      ▲                                                                           │
//!      └──────────────────────────── next input ◀──────────────────────────────────┘
//! ```
//!
//! No clock, socket, file, thread or random source exists in this crate: it is `no_std`, time and
//! randomness are arguments, and every collection iterates in a fixed order. The same inputs give
//! the same actions, which is what makes a failover testable without a network.
//!
//! A module imports only from its left in this list, and a test holds it to that:
//!
//! ```text
//! time rng mutant id policy settings observation view quorum verdict opinion lineage candidate record lease
//! action rule event request fencing plan status engine
//! ```
#![cfg_attr(not(test), no_std)]
#![warn(missing_docs)]

extern crate alloc;

pub mod action;
pub mod candidate;
pub mod engine;
pub mod event;
pub mod fencing;
pub mod id;
pub mod lease;
pub mod lineage;
pub mod mutant;
pub mod observation;
pub mod opinion;
pub mod plan;
pub mod policy;
pub mod quorum;
pub mod record;
pub mod request;
pub mod rng;
pub mod rule;
pub mod settings;
pub mod status;
pub mod time;
pub mod verdict;
pub mod view;
