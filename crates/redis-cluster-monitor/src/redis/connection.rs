//! A connection that carries commands one way and frames the other.
//!
//! Always holds: writing never waits. What the peer does not take is kept, and sent while waiting
//! for frames; the users of a connection bound how much they ask before they are answered.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use rcm_core::fencing::Purpose;
use rcm_core::observation::Failure;
use rcm_resp::{Decoder, Frame, Limits, encode_command};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;

use super::{Settings, connect};

/// Room for an `INFO replication` in one read.
const READ_SIZE: usize = 4 * 1024;

pub(super) struct Connection {
    stream: TcpStream,
    decoder: Decoder,
    unsent: BytesMut,
}

/// The longest list of clients that is read before acting: enough for the most clients that a
/// server can have. Somebody among them may have to be killed, so it has to be read.
const LIST_LENGTH: usize = 64 * 1024 * 1024;

impl Connection {
    /// A connection for looking.
    pub(super) fn new(stream: TcpStream) -> Self {
        Self::with_limits(stream, Limits::reply())
    }

    /// A connection for acting.
    pub(super) fn acting(stream: TcpStream) -> Self {
        let limits = Limits {
            max_bulk: LIST_LENGTH,
            max_frame: 2 * LIST_LENGTH,
            ..Limits::reply()
        };
        Self::with_limits(stream, limits)
    }

    fn with_limits(stream: TcpStream, limits: Limits) -> Self {
        Self {
            stream,
            decoder: Decoder::new(limits),
            unsent: BytesMut::new(),
        }
    }

    /// Adds a command to what the next [`flush`](Self::flush) sends.
    pub(super) fn push<I>(&mut self, words: I)
    where
        I: IntoIterator<Item: AsRef<[u8]>, IntoIter: ExactSizeIterator>,
    {
        encode_command(words, &mut self.unsent);
    }

    /// Adds `AUTH` if we have something to show, and says whether it did.
    pub(super) fn push_auth(&mut self, settings: &Settings) -> bool {
        let Some(credentials) = &settings.credentials else {
            return false;
        };
        let auth = settings.commands.name("AUTH");
        let password = credentials.password.reveal();
        match &credentials.username {
            Some(username) => self.push([auth, username, password]),
            None => self.push([auth, password]),
        }
        true
    }

    /// Adds the command that names this connection after its purpose.
    pub(super) fn push_name(&mut self, settings: &Settings, purpose: Purpose) {
        let name = settings.owner.client_name(purpose).to_string();
        self.push([settings.commands.name("CLIENT"), "SETNAME", &name]);
    }

    /// Sends what the kernel takes, without waiting; the rest goes while frames are awaited.
    pub(super) fn flush(&mut self) {
        while !self.unsent.is_empty() {
            match self.stream.try_write(&self.unsent) {
                Ok(sent) => self.unsent.advance(sent),
                // Not now; or never, and then reading will tell why.
                Err(_) => return,
            }
        }
    }

    /// The next frame, or why there will be none. May be dropped and asked again at any time.
    pub(super) async fn next(&mut self) -> Result<Frame, Failure> {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Frame, Failure>> {
        self.poll_send(context);
        loop {
            match self.decoder.next_frame() {
                Ok(Some(frame)) => return Poll::Ready(Ok(frame)),
                Ok(None) => {}
                Err(_) => return Poll::Ready(Err(Failure::NotRedis)),
            }
            let buffer = self.decoder.buffer_mut();
            buffer.reserve(READ_SIZE);
            let read = pin!(self.stream.read_buf(buffer)).poll(context);
            match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(Failure::Closed)),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(connect::lost(&error))),
            }
        }
    }

    fn poll_send(&mut self, context: &mut Context<'_>) {
        while !self.unsent.is_empty() {
            match Pin::new(&mut self.stream).poll_write(context, &self.unsent) {
                Poll::Ready(Ok(sent)) if sent > 0 => self.unsent.advance(sent),
                Poll::Pending => return,
                // The reason is found by reading, and may be an error reply sent before the end.
                Poll::Ready(_) => self.unsent.clear(),
            }
        }
    }
}
