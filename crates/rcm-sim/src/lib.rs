//! Tries the failover core: the real engine in a simulated world, seed after seed.
//!
//! Every run is made from one number: who writes, what goes wrong and when, how long a packet takes.
//! The same number gives the same run, so a failure can be looked at again. First there is trouble
//! and the promises of safety are checked at every step; then everything works again and the group
//! has to come back by itself.
//!
//! Deliberately not here: sockets, files and the adapters. They are tried against real servers.

mod access;
mod client;
mod clock;
mod commands;
mod connect;
pub mod coverage;
mod hand;
mod history;
pub mod invariants;
mod lease;
mod link;
mod monitor;
pub mod mutants;
pub mod nemesis;
mod network;
mod node;
mod operator;
mod pause;
mod process;
mod registry;
mod replication;
pub mod run;
pub mod seed;
pub mod stage;
pub mod store;
mod strangers;
mod strict;
pub mod trace;
mod wire;
pub mod world;
