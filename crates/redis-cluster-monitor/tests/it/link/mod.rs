//! What a link tells about real servers.

mod failures;
mod looks;
