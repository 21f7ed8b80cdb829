//! Talks to the nodes.

pub mod info;
