//! Tests with real servers and the real program. All run side by side, each with servers of its own.

mod cli;
mod local;
