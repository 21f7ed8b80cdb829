//! The sockets of a client: what is read, what is written, and what is waited for.

use std::future::Future;
use std::io::{self, Read as _};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::{sleep_until, timeout};

use super::{BUFFER, Client, FIRST_PAUSE, Up};
use crate::proxy::route::{Gate, Route};
use crate::proxy::session::{End, Fault, WINDOW};
use crate::proxy::socket;

/// What an idle client's buffer may keep.
const SPARE: usize = 1024;
/// The longest pause after a connect that failed.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// What has happened.
pub(super) enum Woken {
    Connected(io::Result<TcpStream>),
    Other,
}

impl Client {
    /// Takes what the server sent before it cut the connection, also if nobody has noticed yet.
    pub(super) fn read_rest(&mut self) -> Result<(), End> {
        let Up::Open { stream, input, .. } = &mut self.up else {
            return Ok(());
        };
        let mut chunk = [0; 4096];
        let socket = SockRef::from(&*stream);
        while self.session.to_client.len() < BUFFER
            && let Ok(count @ 1..) = (&*socket).read(&mut chunk)
        {
            input.extend_from_slice(&chunk[..count]);
            match self.session.hear(input) {
                Ok(()) => {}
                Err(Fault::Client(end)) => return Err(end),
                Err(_) => break,
            }
        }
        Ok(())
    }

    pub(super) async fn wait(&mut self) -> Woken {
        let deadline = self.deadline().map(|at| self.room.clock.until(at));
        let is_full = self.session.to_client.len() >= BUFFER;
        let takes = self.takes();
        let (stream, connecting) = match &mut self.up {
            Up::None { .. } => (None, None),
            Up::Connecting { connect, .. } => (None, Some(connect)),
            Up::Open { stream, .. } => (Some(&*stream), None),
        };
        let up = stream.and_then(|stream| {
            let interest = interest(!is_full, !self.session.to_server.is_empty())?;
            Some(stream.ready(interest))
        });
        let down = interest(takes, !self.session.to_client.is_empty());
        let down = down.map(|interest| self.down.ready(interest));
        tokio::select! {
            Ok(_) = maybe(up) => Woken::Other,
            connected = maybe(connecting) => Woken::Connected(connected),
            changed = self.route.changed() => match changed {
                Ok(()) => Woken::Other,
                Err(_) => std::future::pending().await,
            },
            Ok(_) = maybe(down) => Woken::Other,
            () = maybe(deadline.map(sleep_until)) => Woken::Other,
        }
    }

    /// Whether more is read from the client.
    fn takes(&self) -> bool {
        !self.is_half_closed && self.input.len() < WINDOW && self.session.to_server.len() < BUFFER
    }

    pub(super) fn connected(&mut self, connected: io::Result<TcpStream>) -> Result<(), End> {
        let Up::Connecting { tenure, pause, .. } = self.up else {
            return Ok(());
        };
        let Ok(stream) = connected else {
            self.pause(pause);
            return Ok(());
        };
        let route = *self.route.borrow();
        let follows = self.lost_in.is_some_and(|lost| lost + 1 == tenure);
        let handed_over = route.handed_over && route.tenure == tenure && follows;
        self.up = Up::Open {
            tenure,
            stream,
            input: BytesMut::new(),
        };
        self.session.connected(handed_over)
    }

    /// Tries again after a while, and each time later.
    fn pause(&mut self, pause: Duration) {
        self.up = Up::None {
            retry_at: Some(self.room.clock.now() + pause),
            pause: (pause * 2).min(LONGEST_PAUSE),
        };
    }

    /// The server is gone.
    pub(super) fn lose(&mut self) -> Result<(), End> {
        match std::mem::replace(&mut self.up, Up::NONE) {
            Up::None { .. } | Up::Connecting { .. } => return Ok(()),
            Up::Open { tenure, .. } => {
                if self.session.is_told() {
                    self.lost_in = Some(tenure);
                } else {
                    // It was not asked for anything, and may be about to end or to begin.
                    self.pause(FIRST_PAUSE);
                }
            }
        }
        self.due_since = None;
        if self.session.to_client.len() >= BUFFER {
            // Servers disconnect whoever reads too slowly, and so what it reads next has a gap.
            return Err(End::Slow);
        }
        self.session.lost()
    }

    /// Takes what the server sent, and notices when it is gone.
    pub(super) fn read_up(&mut self) -> Result<(), End> {
        let mut is_lost = false;
        while let Up::Open { stream, input, .. } = &mut self.up {
            if self.session.to_client.len() >= BUFFER {
                break;
            }
            input.reserve(BUFFER.min(input.len() + WINDOW));
            match stream.try_read_buf(input) {
                Ok(0) => is_lost = true,
                Ok(_) => {
                    let is_drained = input.len() < input.capacity();
                    self.due_since = None;
                    match self.session.hear(input) {
                        Ok(()) => {}
                        Err(Fault::Client(end)) => return Err(end),
                        Err(fault) => {
                            tracing::debug!("proxy: a server is given up: {fault}");
                            is_lost = true;
                        }
                    }
                    release(input);
                    if is_drained && !is_lost {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(_) => is_lost = true,
            }
            if is_lost {
                return self.lose();
            }
        }
        Ok(())
    }

    pub(super) fn read_down(&mut self) -> Result<(), End> {
        if !self.takes() {
            return Ok(());
        }
        self.input.reserve(BUFFER.min(self.input.len() + WINDOW));
        match self.down.try_read_buf(&mut self.input) {
            Ok(0) => self.is_half_closed = true,
            Ok(_) => {
                if !self.room.settings.idle_after.is_zero() {
                    self.heard_at = self.room.clock.now();
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return Err(End::Done),
        }
        Ok(())
    }

    pub(super) fn write_up(&mut self) -> Result<(), End> {
        let Up::Open { stream, .. } = &self.up else {
            return Ok(());
        };
        if write(stream, &mut self.session.to_server).is_err() {
            // What it said before is still heard.
            self.read_rest()?;
            return self.lose();
        }
        Ok(())
    }

    pub(super) fn write_down(&mut self) -> Result<(), End> {
        let written = write(&self.down, &mut self.session.to_client).map_err(|_| End::Done)?;
        if self.session.to_client.is_empty() {
            self.stalled_since = None;
        } else if written > 0 || self.stalled_since.is_none() {
            self.stalled_since = Some(self.room.clock.now());
        }
        Ok(())
    }

    /// Begins to connect if a server is needed and there is one.
    pub(super) fn connect(&mut self, route: Route) {
        let Up::None { retry_at, pause } = &self.up else {
            return;
        };
        let (true, Some(primary)) = (route.gate != Gate::Closed && !route.stopping, route.primary)
        else {
            return;
        };
        let is_needed = self.session.needs_server() || self.session.holds(&self.input);
        let is_due = retry_at.is_none_or(|at| at <= self.room.clock.now());
        if is_needed && is_due {
            let within = self.room.settings.connect_within;
            let connect = async move {
                let connected = timeout(within, socket::connect(primary)).await;
                connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            };
            self.up = Up::Connecting {
                tenure: route.tenure,
                connect: Box::pin(connect),
                pause: *pause,
            };
        }
    }
}

fn interest(reads: bool, writes: bool) -> Option<Interest> {
    match (reads, writes) {
        (true, true) => Some(Interest::READABLE | Interest::WRITABLE),
        (true, false) => Some(Interest::READABLE),
        (false, true) => Some(Interest::WRITABLE),
        (false, false) => None,
    }
}

/// Waits for ever if there is nothing to wait for.
async fn maybe<T>(future: Option<impl Future<Output = T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

/// Writes as much as the socket takes; gives how much.
pub(super) fn write(stream: &TcpStream, bytes: &mut BytesMut) -> io::Result<usize> {
    let mut total = 0;
    while !bytes.is_empty() {
        match stream.try_write(bytes) {
            Ok(count) if count == bytes.len() => {
                total += count;
                bytes.clear();
                release(bytes);
            }
            Ok(count) => {
                total += count;
                bytes.advance(count);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(total)
}

/// What is idle holds no memory.
pub(super) fn release(bytes: &mut BytesMut) {
    if bytes.is_empty() && bytes.capacity() > SPARE {
        *bytes = BytesMut::new();
    }
}
