//! Bodies, as far as anybody may send them.

use std::future::poll_fn;
use std::pin::Pin;

use hyper::body::{Body as _, Buf as _, Incoming};

/// Why there is no body.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("it is longer than {0} bytes")]
    TooLarge(usize),
    #[error(transparent)]
    Broken(#[from] hyper::Error),
}

/// The whole body, if it has at most `most` bytes.
pub(super) async fn read(mut body: Incoming, most: usize) -> Result<Vec<u8>, Error> {
    let mut whole = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(mut data) = frame?.into_data() else {
            // Trailers say nothing here.
            continue;
        };
        if whole.len() + data.len() > most {
            return Err(Error::TooLarge(most));
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            whole.extend_from_slice(chunk);
            let count = chunk.len();
            data.advance(count);
        }
    }
    Ok(whole)
}
