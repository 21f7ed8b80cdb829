//! Speaks RESP2 and RESP3: bytes in, frames out, and back.
//!
//! Decided here: where a frame ends, what it says, how much a peer may send before it is cut off,
//! and how a value looks in either version of the protocol.
//!
//! Deliberately not here: sockets, time, the meaning of any command, and what to do after an
//! error. A byte stream that broke the protocol once has no next frame, so a caller closes the
//! connection; servers tell the client why first, with [`Frame::protocol_error`].
//!
//! What always holds:
//!
//! - No input makes this crate panic, recurse or overflow. Every count is checked against
//!   [`Limits`] before anything is done with it.
//! - Nothing is allocated for bytes which have only been announced.
//! - The way a stream is cut into reads changes neither its frames nor its error.
//!
//! | to | use |
//! |---|---|
//! | read replies | [`Decoder`] |
//! | read requests, inline ones too | [`RequestDecoder`] |
//! | find frame boundaries and pass the bytes on | [`Scanner`] |
//! | write | [`encode_command`], [`encode_frame`] |

#![warn(missing_docs)]

mod decode;
mod encode;
mod error;
mod frame;
mod inline;
mod limits;
mod request;
mod scan;
mod wire;

pub use decode::Decoder;
pub use encode::{Version, encode_command, encode_frame};
pub use error::Error;
pub use frame::Frame;
pub use limits::Limits;
pub use request::{Request, RequestDecoder};
pub use scan::{Progress, Scanner};
