//!
//! and how a value looks in either version of the protocol.
//!
//! Deliberately not here: sockets, time, the meaning of any command, and what to do after an
//!
//! What always holds:
//!
//! - No input makes this crate panic, recurse or overflow. Every count is checked against
//!   [`Limits`] before anything is done with it.
//! - Nothing is allocated for bytes which have only been announced.
//!
//! | to | use |
//! |---|---|

#![warn(missing_docs)]

mod error;
mod limits;
mod scan;
mod wire;

pub use error::Error;
pub use limits::Limits;
pub use scan::{Progress, Scanner};
