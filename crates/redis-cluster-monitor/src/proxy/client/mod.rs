//! One client's sockets: bytes between them and its session, and the times that matter.

mod shared;
#[cfg(test)]
mod tests;
mod traffic;

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BytesMut;
use rcm_core::time::Instant;
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::line::Line;
use super::room::{Busy, Room};
use super::route::{Gate, Route};
use super::session::{End, Session};
use super::socket::{release, write};

/// A client, its session and its server.
pub(super) struct Client {
    room: Rc<Room>,
    /// For lines, which bring its replies.
    me: Weak<RefCell<Self>>,
    busy: Busy,
    session: Session,
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
    /// When it needed a connection of its own last.
    apart_at: Instant,
    /// Counts the lines that it has left.
    stay: u32,
    /// Why it has to go, found out by its line.
    cut: Option<End>,
    /// Something has changed that was not waited for yet.
    restless: bool,
    task: Option<Waker>,
    timer: Option<Pin<Box<Sleep>>>,
}

enum Up {
    None,
    /// The server is not tried again before this.
    Pausing {
        tenure: u64,
        until: Instant,
        /// The pause after the next failure.
        next: Duration,
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
    /// The connection of many.
    Line(Rc<Line>),
}

type Connect = Pin<Box<dyn Future<Output = io::Result<TcpStream>>>>;

/// As much is read at once, and waits in each direction before no more is read.
const BUFFER: usize = 64 * 1024;
/// The pause after a connect that failed, doubling.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
/// How long a client that needed a connection of its own keeps it.
const APART: Duration = Duration::from_secs(1);

impl Client {
    pub(super) fn new(down: TcpStream, room: Rc<Room>) -> Self {
        let now = room.clock.now();
        Self {
            me: Weak::new(),
            busy: Busy::new(Rc::clone(&room)),
            session: Session::new(room.settings.indeterminate, room.settings.share)
                .offering_notices(room.settings.notifications),
            down,
            input: BytesMut::new(),
            is_half_closed: false,
            up: Up::None,
            lost_in: None,
            waits_since: None,
            is_held: false,
            due_since: None,
            stalled_since: None,
            heard_at: now,
            apart_at: now,
            stay: 0,
            cut: None,
            restless: false,
            task: None,
            timer: None,
            room,
        }
    }

    /// Serves the client until it goes or has to go.
    pub(super) fn serve(self, peer: SocketAddr) -> impl Future<Output = ()> {
        let room = Rc::clone(&self.room);
        let client = Rc::new(RefCell::new(self));
        client.borrow_mut().me = Rc::downgrade(&client);
        async move {
            let mut number = None;
            let end = poll_fn(|cx| {
                number.get_or_insert_with(|| room.enter(cx.waker()));
                // Before the client is touched, because a line that ends touches its clients.
                room.lines.follow(room.route());
                client.borrow_mut().poll(cx)
            });
            let end = end.await;
            if let Some(number) = number {
                room.leave(number);
            }
            client.borrow_mut().part(peer, end);
        }
    }

    /// Its last words.
    fn part(&mut self, peer: SocketAddr, end: End) {
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

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if !self
            .task
            .as_ref()
            .is_some_and(|task| task.will_wake(cx.waker()))
        {
            self.task = Some(cx.waker().clone());
        }
        self.advance(cx)
            .map_or_else(Poll::Ready, |()| Poll::Pending)
    }

    /// Goes on until something has to be waited for.
    ///
    /// Always in this order: what a former primary says is not heard, and a server that is lost is
    /// noticed before more is sent to it.
    fn advance(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        if let Some(end) = self.cut {
            return Err(end);
        }
        loop {
            self.follow(self.room.route())?;
            let up_waits = self.poll_up(cx)?;
            let down_waits = self.poll_down(cx)?;
            self.restless = false;
            self.pass()?;
            let up_moves = self.wants_up() && !up_waits;
            let down_moves = self.takes() && !down_waits;
            if !self.restless && !up_moves && !down_moves && !self.moves(cx) {
                return Ok(());
            }
        }
    }

    /// Moves everything as far as it goes without waiting.
    fn pass(&mut self) -> Result<(), End> {
        let route = self.room.route();
        self.follow(route)?;
        self.settle_way()?;
        let takes = self.line_takes();
        if route.stopping {
            let drain_within = self.room.settings.drain_within;
            self.session.tell_to_move(drain_within);
        }
        let lacks_primary = self.lacks_primary(route);
        let has_room = self.session.to_server.len() < BUFFER;
        let may_send = !lacks_primary && has_room && takes && !self.stops(route);
        let was_shared = self.session.shares();
        self.session.take(&mut self.input, may_send)?;
        self.keep_apart(was_shared);
        let is_failing = route.gate == Gate::Closed;
        let hold_for = self.room.settings.hold_for;
        self.session.tell_of_failover(is_failing, hold_for);
        self.hold(route, lacks_primary);
        if self.due_since.is_none() && self.session.is_busy() {
            self.due_since = Some(self.room.clock.now());
        }
        self.write_up()?;
        self.send_over_line();
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
            Up::None | Up::Line(_) => return Ok(()),
            Up::Pausing { tenure, .. }
            | Up::Connecting { tenure, .. }
            | Up::Open { tenure, .. } => *tenure,
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

    /// Whether nothing more is asked for the client: the proxy ends, and it does not go by itself.
    fn stops(&self, route: Route) -> bool {
        route.stopping && !self.session.moves()
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
            let expired = self.session.refuse(&mut self.input, self.room.expired);
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
        } else if self.stops(route) {
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

    /// When something happens although nothing comes.
    fn deadline(&self) -> Option<Instant> {
        let settings = &self.room.settings;
        let retry = match &self.up {
            Up::Pausing { until, .. } => Some(*until),
            Up::None | Up::Connecting { .. } | Up::Open { .. } | Up::Line(_) => None,
        };
        let needs_server = self.session.needs_server() || self.session.holds(&self.input);
        let idle = (!settings.idle_after.is_zero()).then(|| self.heard_at + settings.idle_after);
        let deadlines = [
            self.waits_since.map(|since| since + settings.hold_for),
            self.stalled_since.map(|since| since + settings.slow_after),
            retry.filter(|_| needs_server && self.room.route().gate != Gate::Closed),
            idle.filter(|_| !self.session.is_awaiting()),
            self.session.may_share().then(|| self.apart_at + APART),
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
