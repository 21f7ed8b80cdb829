//! The sockets of a client: what is read, what is written, and what is waited for.

use std::future::Future as _;
use std::io::{self, Read as _};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use socket2::SockRef;
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{sleep_until, timeout};

use super::{BUFFER, Client, FIRST_PAUSE, Up};
use crate::proxy::route::{Gate, Route};
use crate::proxy::session::{End, Fault, WINDOW};
use crate::proxy::socket::{self, release, write};

/// The longest pause after a connect that failed.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

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

    /// Whether something is expected from the server, or from connecting to it.
    pub(super) fn wants_up(&self) -> bool {
        match self.up {
            Up::Open { .. } => self.session.to_client.len() < BUFFER,
            Up::Connecting { .. } => true,
            Up::None | Up::Pausing { .. } | Up::Line(_) => false,
        }
    }

    /// Whether more is read from the client.
    pub(super) fn takes(&self) -> bool {
        !self.is_half_closed && self.input.len() < WINDOW && self.session.to_server.len() < BUFFER
    }

    /// Takes what there is from the server; gives whether the task is woken for more.
    pub(super) fn poll_up(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        match &mut self.up {
            Up::None | Up::Pausing { .. } | Up::Line(_) => Ok(false),
            Up::Connecting { connect, .. } => match connect.as_mut().poll(cx) {
                Poll::Ready(connected) => {
                    self.connected(connected)?;
                    Ok(false)
                }
                Poll::Pending => Ok(true),
            },
            Up::Open { .. } => self.read_up(cx),
        }
    }

    /// Whether the task would not be woken for what it waits for, because that is there already.
    pub(super) fn moves(&mut self, cx: &mut Context<'_>) -> bool {
        let is_ready = |stream: &TcpStream, bytes: &BytesMut, cx: &mut Context<'_>| {
            !bytes.is_empty() && stream.poll_write_ready(cx).is_ready()
        };
        let up = match &self.up {
            Up::Open { stream, .. } => is_ready(stream, &self.session.to_server, cx),
            Up::None | Up::Pausing { .. } | Up::Connecting { .. } | Up::Line(_) => false,
        };
        let down = is_ready(&self.down, &self.session.to_client, cx);
        up || down || self.is_due(cx)
    }

    /// Whether the next deadline is reached. The timer may be early, and is never late.
    fn is_due(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = self.deadline() else {
            self.timer = None;
            return false;
        };
        let at = self.room.clock.until(deadline);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.deadline() > at {
            timer.as_mut().reset(at);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= at {
                self.timer = None;
                return true;
            }
            timer.as_mut().reset(at);
        }
        false
    }

    fn connected(&mut self, connected: io::Result<TcpStream>) -> Result<(), End> {
        let Up::Connecting { tenure, pause, .. } = self.up else {
            return Ok(());
        };
        let Ok(stream) = connected else {
            self.pause(tenure, pause);
            return Ok(());
        };
        let handed_over = self.was_handed_over(self.room.route(), tenure);
        self.up = Up::Open {
            tenure,
            stream,
            input: BytesMut::new(),
        };
        self.session.connected(handed_over)
    }

    /// Whether the server that was lost last handed over to the one of this tenure.
    pub(super) fn was_handed_over(&self, route: Route, tenure: u64) -> bool {
        let follows = self.lost_in.is_some_and(|lost| lost + 1 == tenure);
        route.handed_over && route.tenure == tenure && follows
    }

    /// Tries the same server again after a while, and each time later.
    fn pause(&mut self, tenure: u64, pause: Duration) {
        self.up = Up::Pausing {
            tenure,
            until: self.room.clock.now() + pause,
            next: (pause * 2).min(LONGEST_PAUSE),
        };
    }

    /// The server is gone.
    pub(super) fn lose(&mut self) -> Result<(), End> {
        match std::mem::replace(&mut self.up, Up::None) {
            Up::None | Up::Pausing { .. } | Up::Connecting { .. } | Up::Line(_) => return Ok(()),
            Up::Open { tenure, .. } => {
                if self.session.is_told() {
                    self.lost_in = Some(tenure);
                } else {
                    // It was not asked for anything, and may be about to end or to begin.
                    self.pause(tenure, FIRST_PAUSE);
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
    fn read_up(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        while self.session.to_client.len() < BUFFER
            && let Up::Open { stream, input, .. } = &mut self.up
        {
            let mut scratch = self.room.scratch.borrow_mut();
            let mut chunk = ReadBuf::new(&mut scratch);
            let is_lost = match Pin::new(stream).poll_read(cx, &mut chunk) {
                Poll::Pending => return Ok(true),
                Poll::Ready(Ok(())) if !chunk.filled().is_empty() => {
                    input.extend_from_slice(chunk.filled());
                    match self.session.hear(input) {
                        Ok(()) => {
                            release(input);
                            false
                        }
                        Err(Fault::Client(end)) => return Err(end),
                        Err(fault) => {
                            tracing::debug!("proxy: a server is given up: {fault}");
                            true
                        }
                    }
                }
                Poll::Ready(Ok(()) | Err(_)) => true,
            };
            drop(scratch);
            if is_lost {
                self.lose()?;
                return Ok(false);
            }
            self.due_since = None;
            if self.session.needed_own() {
                self.apart_at = self.room.clock.now();
            }
        }
        Ok(false)
    }

    /// Takes what there is from the client; gives whether the task is woken for more.
    pub(super) fn poll_down(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        let mut has_read = false;
        while self.takes() {
            let mut scratch = self.room.scratch.borrow_mut();
            let mut chunk = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.down).poll_read(cx, &mut chunk) {
                Poll::Pending => return Ok(true),
                Poll::Ready(Ok(())) if chunk.filled().is_empty() => self.is_half_closed = true,
                Poll::Ready(Ok(())) => {
                    has_read = true;
                    self.input.extend_from_slice(chunk.filled());
                    if !self.room.settings.idle_after.is_zero() {
                        self.heard_at = self.room.clock.now();
                    }
                }
                // What it said before it went is passed on first.
                Poll::Ready(Err(_)) if has_read => return Ok(false),
                Poll::Ready(Err(_)) => return Err(End::Done),
            }
        }
        Ok(false)
    }

    pub(super) fn write_up(&mut self) -> Result<(), End> {
        let Up::Open { stream, .. } = &self.up else {
            return Ok(());
        };
        let written = write(stream, &mut self.session.to_server);
        release(&mut self.session.to_server);
        if written.is_err() {
            // What it said before is still heard.
            self.read_rest()?;
            return self.lose();
        }
        Ok(())
    }

    pub(super) fn write_down(&mut self) -> Result<(), End> {
        let written = write(&self.down, &mut self.session.to_client).map_err(|_| End::Done)?;
        release(&mut self.session.to_client);
        if self.session.to_client.is_empty() {
            self.stalled_since = None;
        } else if written > 0 || self.stalled_since.is_none() {
            self.stalled_since = Some(self.room.clock.now());
        }
        Ok(())
    }

    /// Begins to connect if a server is needed and there is one.
    pub(super) fn connect(&mut self, route: Route) {
        let pause = match self.up {
            Up::None => FIRST_PAUSE,
            Up::Pausing { until, next, .. } if until <= self.room.clock.now() => next,
            Up::Pausing { .. } | Up::Connecting { .. } | Up::Open { .. } | Up::Line(_) => return,
        };
        let is_wanted = route.gate != Gate::Closed && !self.stops(route);
        let (true, Some(primary)) = (is_wanted, route.primary) else {
            return;
        };
        let is_needed = self.session.needs_server() || self.session.holds(&self.input);
        if is_needed && self.session.shares() {
            self.join(route);
        } else if is_needed {
            let within = self.room.settings.connect_within;
            let connect = async move {
                let connected = timeout(within, socket::connect(primary)).await;
                connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            };
            self.up = Up::Connecting {
                tenure: route.tenure,
                connect: Box::pin(connect),
                pause,
            };
            self.restless = true;
        }
    }
}
