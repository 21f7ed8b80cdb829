//! What passes over a line: the requests of a turn in one write, and replies to whom they belong.

use std::cell::RefCell;
use std::future::{Future as _, poll_fn};
use std::io::Read as _;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use rcm_resp::Progress;
use socket2::SockRef;
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::task::yield_now;

use super::{Line, Stage, State, Turn, wake};
use crate::proxy::client::Client;
use crate::proxy::room::Room;
use crate::proxy::socket;

/// A reply is passed on whole; one that is longer than this as it arrives, or not over the line.
const LONG: usize = 64 * 1024;

/// So many clients that ask in one turn are not alone.
const SEVERAL: usize = 2;

/// Why a line is given up.
enum Lost {
    Connection,
    /// The server says what nobody has asked for.
    Protocol,
}

/// Clients that have got something and were not shown it yet.
type Shown = Vec<Rc<RefCell<Client>>>;

impl Line {
    /// Moves bytes until the connection is lost.
    pub(super) async fn serve(&self, room: &Room) {
        poll_fn(|cx| self.poll(cx, room)).await;
    }

    fn poll(&self, cx: &mut Context<'_>, room: &Room) -> Poll<()> {
        room.lines.follow(room.route());
        let mut shown = Shown::new();
        let read = loop {
            if self.stage() != Stage::Open {
                return Poll::Ready(());
            }
            match self.read(cx, room, &mut shown) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(lost)) => break Err(lost),
                Poll::Pending => break Ok(()),
            }
        };
        show(&mut shown);
        let passed = match read {
            Ok(()) if self.gathers(cx) => Ok(()),
            Ok(()) => self.write(cx),
            lost => lost,
        };
        if passed.is_err() {
            return Poll::Ready(());
        }
        let mut state = self.state.borrow_mut();
        if !state
            .task
            .as_ref()
            .is_some_and(|task| task.will_wake(cx.waker()))
        {
            state.task = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    fn read(&self, cx: &mut Context<'_>, room: &Room, shown: &mut Shown) -> Poll<Result<(), Lost>> {
        let mut state = self.state.borrow_mut();
        let mut scratch = room.scratch.borrow_mut();
        let mut chunk = ReadBuf::new(&mut scratch);
        let Some(stream) = &mut state.stream else {
            return Poll::Ready(Err(Lost::Connection));
        };
        let read = ready!(Pin::new(stream).poll_read(cx, &mut chunk));
        if read.is_err() || chunk.filled().is_empty() {
            return Poll::Ready(Err(Lost::Connection));
        }
        state.input.extend_from_slice(chunk.filled());
        Poll::Ready(state.hear(shown))
    }

    /// Whether the sockets are looked at once more before anything is written: when several ask at
    /// the same time others are about to, and the fewer pieces a server gets, the less it has to do.
    fn gathers(&self, cx: &mut Context<'_>) -> bool {
        let mut state = self.state.borrow_mut();
        if !matches!(state.turn, Turn::Gathering { askers: SEVERAL.. }) {
            return false;
        }
        state.turn = Turn::Gathered;
        drop(state);
        // The runtime looks at its sockets before it wakes who yielded.
        pin!(yield_now()).poll(cx).is_pending()
    }

    fn write(&self, cx: &mut Context<'_>) -> Result<(), Lost> {
        let mut state = self.state.borrow_mut();
        state.turn = Turn::BEGUN;
        let State { stream, out, .. } = &mut *state;
        let Some(stream) = stream else {
            return Err(Lost::Connection);
        };
        while !out.is_empty() {
            socket::write(stream, out).map_err(|_| Lost::Connection)?;
            if !out.is_empty() {
                match stream.poll_write_ready(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return Err(Lost::Connection),
                    Poll::Pending => return Ok(()),
                }
            }
        }
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        wake(&waiting);
        Ok(())
    }

    /// Takes what the server sent before it cut the connection.
    pub(super) fn read_rest(&self) {
        let mut shown = Shown::new();
        let mut state = self.state.borrow_mut();
        let mut chunk = [0; 4096];
        while let Some(stream) = &state.stream {
            let socket = SockRef::from(stream);
            let Ok(count @ 1..) = (&*socket).read(&mut chunk) else {
                break;
            };
            state.input.extend_from_slice(&chunk[..count]);
            if state.hear(&mut shown).is_err() {
                break;
            }
        }
        drop(state);
        show(&mut shown);
    }
}

/// Writes to each client what it has got.
fn show(shown: &mut Shown) {
    for client in shown.drain(..) {
        client.borrow_mut().shown();
    }
}

impl State {
    /// Gives each client its replies, as far as they have arrived.
    fn hear(&mut self, shown: &mut Shown) -> Result<(), Lost> {
        let mut at = 0;
        while at < self.input.len() {
            let input = &self.input[at..];
            if input[0] == b'>' && !self.begun {
                return Err(Lost::Protocol);
            }
            let Some(owed) = self.owed.front_mut() else {
                return Err(Lost::Protocol);
            };
            let (len, ends) = match self.scanner.scan(input).map_err(|_| Lost::Protocol)? {
                Progress::Frame { len } => (len, true),
                Progress::Need if input.len() < LONG => break,
                Progress::Need => {
                    let len = self.scanner.scanned().min(input.len());
                    self.scanner.discard(len);
                    (len, false)
                }
            };
            if let Some(client) = owed.client.upgrade() {
                client.borrow_mut().deliver(owed.stay, &input[..len], ends);
                if !shown.last().is_some_and(|last| Rc::ptr_eq(last, &client)) {
                    shown.push(client);
                }
            }
            at += len;
            self.begun = !ends;
            if ends {
                owed.count -= 1;
                if owed.count == 0 {
                    self.owed.pop_front();
                }
            } else {
                break;
            }
        }
        self.input.advance(at);
        Ok(())
    }
}
