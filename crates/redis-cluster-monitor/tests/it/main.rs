//! Tests with real servers. All run side by side, each with servers of its own.

mod local;
