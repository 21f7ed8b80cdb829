//! One client's sockets: bytes between them and its session, and the times that matter.

mod traffic;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rcm_core::time::Instant;
use tokio::net::TcpStream;
use tokio::sync::watch;

use self::traffic::{Woken, release, write};
use super::room::{Busy, Room};
use super::route::{Gate, Route};
use super::session::{End, Session};

/// A client, its session and its server.
pub(super) struct Client {
    room: Arc<Room>,
    busy: Busy,
    session: Session,
    route: watch::Receiver<Route>,
    down: TcpStream,
    /// What came from the client and was not taken yet.
    input: BytesMut,
    is_half_closed: bool,
    up: Up,
    /// The tenure in which a server was lost last.
    lost_in: Option<u64>,
    /// Since when requests wait for a primary.
    waits_since: Option<Instant>,
    /// They do not only wait for the first connection.
    is_held: bool,
    /// Since when a reply is due.
    due_since: Option<Instant>,
    /// Since when the client reads nothing.
    stalled_since: Option<Instant>,
    heard_at: Instant,
}

enum Up {
    None {
        /// Not before this.
        retry_at: Option<Instant>,
        pause: Duration,
    },
    Connecting {
        tenure: u64,
        connect: Connect,
        pause: Duration,
    },
    Open {
        tenure: u64,
        stream: TcpStream,
        /// What came from the server and was not taken yet.
        input: BytesMut,
    },
}

type Connect = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// As much is read at once, and waits in each direction before no more is read.
const BUFFER: usize = 64 * 1024;
/// The pause after a connect that failed, doubling.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
/// What a request is answered that has waited too long.
const EXPIRED: &str = "NOPRIMARY no primary took the command in time; it was not executed";

impl Client {
    pub(super) fn new(down: TcpStream, room: Arc<Room>, route: watch::Receiver<Route>) -> Self {
        Self {
            busy: Busy::new(Arc::clone(&room)),
            session: Session::new(room.settings.indeterminate),
            route,
            down,
            input: BytesMut::new(),
            is_half_closed: false,
            up: Up::NONE,
            lost_in: None,
            waits_since: None,
            is_held: false,
            due_since: None,
            stalled_since: None,
            heard_at: room.clock.now(),
            room,
        }
    }

    /// Serves the client until it goes or has to go.
    pub(super) async fn serve(mut self, peer: SocketAddr) {
        let end = loop {
            if let Err(end) = self.pass() {
                break end;
            }
            let woken = self.wait().await;
            if let Err(end) = self.wake(woken) {
                break end;
            }
        };
        // What it has earned, as far as its socket takes it.
        write(&self.down, &mut self.session.to_client).ok();
        self.count();
        self.end_hold();
        if end != End::Done {
            self.room.counters.dropped.add(1);
            tracing::debug!("proxy: client {peer} is disconnected: {end}");
        }
        self.room.counters.gone.add(1);
    }

    /// Moves everything as far as it goes without waiting.
    fn pass(&mut self) -> Result<(), End> {
        let route = *self.route.borrow_and_update();
        self.follow(route)?;
        let lacks_primary = self.lacks_primary(route);
        let has_room = self.session.to_server.len() < BUFFER;
        let may_send = !lacks_primary && has_room && !route.stopping;
        self.session.take(&mut self.input, may_send)?;
        self.hold(route, lacks_primary);
        if self.due_since.is_none() && self.session.is_busy() {
            self.due_since = Some(self.room.clock.now());
        }
        self.write_up()?;
        self.write_down()?;
        self.count();
        self.busy.set(self.session.is_busy());
        self.leave(route)?;
        self.connect(route);
        release(&mut self.input);
        Ok(())
    }

    /// A server of another tenure is not listened to any more.
    fn follow(&mut self, route: Route) -> Result<(), End> {
        let of = match &self.up {
            Up::None { .. } => return Ok(()),
            Up::Connecting { tenure, .. } | Up::Open { tenure, .. } => *tenure,
        };
        if of == route.tenure {
            return Ok(());
        }
        if route.handed_over {
            // It was cut off before it lost its office, so what it has said, it said as a primary.
            self.read_rest()?;
        }
        self.lose()
    }

    /// Whether requests have to wait for a primary.
    fn lacks_primary(&self, route: Route) -> bool {
        let is_overdue =
            |since: Instant| self.room.clock.now().since(since) >= self.room.settings.hold_after;
        match route.gate {
            Gate::Closed => true,
            _ if !self.session.is_told() => true,
            Gate::Ajar => self.due_since.is_some_and(is_overdue),
            Gate::Open => false,
        }
    }

    /// Notes requests that wait for a primary, and answers those that waited too long.
    fn hold(&mut self, route: Route, lacks_primary: bool) {
        if !lacks_primary || !self.session.holds(&self.input) {
            return self.end_hold();
        }
        let now = self.room.clock.now();
        let since = *self.waits_since.get_or_insert(now);
        let is_first_connect = route.gate != Gate::Closed && self.lost_in.is_none();
        if !self.is_held && !is_first_connect {
            self.is_held = true;
            self.room.counters.held.add(1);
        }
        self.busy.hold(self.input.len());
        if now.since(since) >= self.room.settings.hold_for || self.room.is_full() {
            let expired = self.session.refuse(&mut self.input, EXPIRED);
            self.room.counters.expired.add(expired);
            self.end_hold();
        }
    }

    fn end_hold(&mut self) {
        let Some(since) = self.waits_since.take() else {
            return;
        };
        self.busy.hold(0);
        if std::mem::take(&mut self.is_held) {
            let time = self.room.clock.now().since(since);
            self.room.counters.held_for(time);
        }
    }

    /// Ends it when nothing is left to be done.
    fn leave(&mut self, route: Route) -> Result<(), End> {
        let is_written = self.session.to_client.is_empty();
        let is_done = if self.session.is_closing() {
            is_written
        } else if route.stopping {
            is_written && !self.session.is_busy()
        } else if self.is_half_closed {
            // Whoever gave up while its requests waited may have asked somebody else.
            let is_idle = !self.session.is_busy() && !self.session.holds(&self.input);
            self.is_held || (is_written && is_idle)
        } else {
            false
        };
        let now = || self.room.clock.now();
        let settings = &self.room.settings;
        let is_slow = self
            .stalled_since
            .is_some_and(|since| now().since(since) >= settings.slow_after);
        let is_idle =
            !settings.idle_after.is_zero() && now().since(self.heard_at) >= settings.idle_after;
        if is_slow {
            return Err(End::Slow);
        }
        if is_done || (is_idle && !self.session.is_awaiting()) {
            return Err(End::Done);
        }
        Ok(())
    }

    /// Always in this order: what a former primary says is not heard, and a server that is lost is
    /// noticed before more is sent to it.
    fn wake(&mut self, woken: Woken) -> Result<(), End> {
        let route = *self.route.borrow_and_update();
        self.follow(route)?;
        if let Woken::Connected(connected) = woken {
            return self.connected(connected);
        }
        self.read_up()?;
        self.read_down()
    }

    /// When something happens although nothing comes.
    fn deadline(&self) -> Option<Instant> {
        let settings = &self.room.settings;
        let retry = match &self.up {
            Up::None { retry_at, .. } => *retry_at,
            Up::Connecting { .. } | Up::Open { .. } => None,
        };
        let needs_server = self.session.needs_server() || self.session.holds(&self.input);
        let idle = (!settings.idle_after.is_zero()).then(|| self.heard_at + settings.idle_after);
        let deadlines = [
            self.waits_since.map(|since| since + settings.hold_for),
            self.stalled_since.map(|since| since + settings.slow_after),
            retry.filter(|_| needs_server && self.route.borrow().gate != Gate::Closed),
            idle.filter(|_| !self.session.is_awaiting()),
        ];
        deadlines.into_iter().flatten().min()
    }

    fn count(&mut self) {
        let counters = &self.room.counters;
        let tally = std::mem::take(&mut self.session.tally);
        counters.requests.add(tally.requests);
        counters.replayed.add(tally.replayed);
        counters.indeterminate.add(tally.indeterminate);
    }
}

impl Up {
    const NONE: Self = Self::None {
        retry_at: None,
        pause: FIRST_PAUSE,
    };
}
