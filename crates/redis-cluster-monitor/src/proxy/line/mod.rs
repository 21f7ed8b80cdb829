//! Connections to the primary that several clients use at once: one per thread and identity, which
//! is user, password, database and version of the protocol.
//!
//! Requests of many clients are written together, and so are replies read; that is where the speed
//! is. A line knows nothing of requests but how many replies each client has to get, and replies
//! come in the order of requests.
//!
//! Always holds: what a line that was lost has not answered is settled for each client before
//! anything else happens to that client. No client's slowness stops a line: who leaves too much
//! unread is disconnected.

mod connect;
mod traffic;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::task::Waker;

use bytes::BytesMut;
use rcm_resp::Scanner;
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use super::client::Client;
use super::room::Room;
use super::route::Route;
use super::session::{Identity, REPLIES};

/// The lines of one thread.
#[derive(Default)]
pub(super) struct Lines {
    open: RefCell<BTreeMap<Identity, Rc<Line>>>,
    /// The tenure of all of them.
    tenure: Cell<u64>,
    /// Those whose clients wait for replicas, for what their own connection has written.
    unshared: RefCell<Vec<Identity>>,
}

/// One connection that several clients use.
pub(super) struct Line {
    primary: SocketAddr,
    tenure: u64,
    state: RefCell<State>,
}

/// Whether a line can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not yet.
    Opening,
    Open,
    /// The server does not let it be what it has to be.
    Refused,
    Gone,
}

struct State {
    stage: Stage,
    stream: Option<TcpStream>,
    /// What goes to the server.
    out: BytesMut,
    turn: Turn,
    /// What came from the server and was not taken yet.
    input: BytesMut,
    scanner: Scanner,
    /// Who gets the next replies.
    owed: VecDeque<Owed>,
    /// A part of the first reply has been passed on.
    begun: bool,
    /// Nothing more is sent over it than what ends it.
    ends: bool,
    /// Clients that wait until it is open, or takes more.
    waiting: Vec<Weak<RefCell<Client>>>,
    task: Option<Waker>,
    /// It was used since somebody looked.
    used: bool,
}

/// How far it is with what goes to the server in one write.
enum Turn {
    /// So many clients have asked.
    Gathering { askers: usize },
    /// Nobody is waited for any more.
    Gathered,
}

/// Replies that go to one client.
struct Owed {
    client: Weak<RefCell<Client>>,
    /// Which of the lines of that client this is: replies are not for one that has left.
    stay: u32,
    count: usize,
}

/// More than this is not taken from clients while the server does not read.
const FULL: usize = 1024 * 1024;

impl Lines {
    /// The line of this identity to the primary of this tenure; `None` if its clients do not share.
    pub(super) fn join(
        &self,
        room: &Rc<Room>,
        identity: Identity,
        primary: SocketAddr,
        tenure: u64,
    ) -> Option<Rc<Line>> {
        if self.unshared.borrow().contains(&identity) {
            return None;
        }
        let mut lines = self.open.borrow_mut();
        if let Some(line) = lines.get(&identity)
            && line.tenure == tenure
            && !matches!(line.stage(), Stage::Gone | Stage::Refused)
        {
            return Some(Rc::clone(line));
        }
        let line = Rc::new(Line::new(primary, tenure));
        lines.insert(identity.clone(), Rc::clone(&line));
        spawn_local(Rc::clone(&line).run(identity, Rc::clone(room)));
        Some(line)
    }

    /// Clients of this identity share no longer.
    pub(super) fn unshare(&self, identity: Identity) {
        if let Some(line) = self.open.borrow_mut().remove(&identity) {
            line.state.borrow_mut().ends = true;
        }
        let mut unshared = self.unshared.borrow_mut();
        if !unshared.contains(&identity) {
            unshared.push(identity);
        }
    }

    /// The primary of another tenure is not listened to any more. What it said before it handed
    /// over, it said as a primary.
    pub(super) fn follow(&self, route: Route) {
        if self.tenure.replace(route.tenure) == route.tenure {
            return;
        }
        let past = std::mem::take(&mut *self.open.borrow_mut());
        for line in past.values() {
            if route.handed_over {
                line.read_rest();
            }
            line.end(Stage::Gone);
        }
    }

    fn forget(&self, line: &Rc<Line>) {
        let mut lines = self.open.borrow_mut();
        lines.retain(|_, other| !Rc::ptr_eq(line, other));
    }
}

impl Line {
    fn new(primary: SocketAddr, tenure: u64) -> Self {
        Self {
            primary,
            tenure,
            state: RefCell::new(State {
                stage: Stage::Opening,
                stream: None,
                out: BytesMut::new(),
                turn: Turn::BEGUN,
                input: BytesMut::new(),
                scanner: Scanner::new(REPLIES),
                owed: VecDeque::new(),
                begun: false,
                ends: false,
                waiting: Vec::new(),
                task: None,
                used: true,
            }),
        }
    }

    pub(super) const fn tenure(&self) -> u64 {
        self.tenure
    }

    pub(super) fn stage(&self) -> Stage {
        self.state.borrow().stage
    }

    /// Whether it takes no more requests than those that wait for replicas.
    pub(super) fn ends(&self) -> bool {
        self.state.borrow().ends
    }

    /// Whether it takes requests now. If not, the client is woken when it may.
    pub(super) fn takes(&self, client: &Weak<RefCell<Client>>) -> bool {
        let mut state = self.state.borrow_mut();
        let takes = state.stage == Stage::Open && state.out.len() < FULL;
        if !takes && !state.waiting.iter().any(|it| it.ptr_eq(client)) {
            state.waiting.push(client.clone());
        }
        takes
    }

    /// Sends `requests`, which have so many replies.
    pub(super) fn send(
        &self,
        client: &Weak<RefCell<Client>>,
        stay: u32,
        requests: &mut BytesMut,
        count: usize,
    ) {
        let mut state = self.state.borrow_mut();
        state.used = true;
        let is_idle = state.out.is_empty();
        state.out.extend_from_slice(requests);
        requests.clear();
        match state.owed.back_mut() {
            Some(last) if last.stay == stay && last.client.ptr_eq(client) => last.count += count,
            _ => {
                if let Turn::Gathering { askers } = &mut state.turn {
                    *askers += 1;
                }
                state.owed.push_back(Owed {
                    client: client.clone(),
                    stay,
                    count,
                });
            }
        }
        if is_idle && let Some(task) = &state.task {
            task.wake_by_ref();
        }
    }

    /// It can be used no more; whoever is owed a reply is told.
    fn end(&self, last: Stage) {
        let mut state = self.state.borrow_mut();
        if matches!(state.stage, Stage::Gone | Stage::Refused) {
            return;
        }
        state.stage = last;
        state.stream = None;
        let owed = std::mem::take(&mut state.owed);
        let waiting = std::mem::take(&mut state.waiting);
        if let Some(task) = state.task.take() {
            task.wake();
        }
        drop(state);
        for owed in owed {
            if let Some(client) = owed.client.upgrade() {
                client.borrow_mut().line_lost(owed.stay);
            }
        }
        wake(&waiting);
    }
}

impl Turn {
    const BEGUN: Self = Self::Gathering { askers: 0 };
}

fn wake(clients: &[Weak<RefCell<Client>>]) {
    for client in clients.iter().filter_map(Weak::upgrade) {
        client.borrow().wake();
    }
}

#[cfg(test)]
mod tests;
