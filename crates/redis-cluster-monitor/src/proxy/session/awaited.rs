//! Requests that were sent and are not answered yet, in order.
//!
//! Always holds: what may be sent again is kept with its bytes, within a bound; of everything else
//! only the number is known, however many there are.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

use super::command::Channels;
use super::told::{Change, Expect};

/// What is to come next from the server, and what it means.
pub(super) enum What {
    /// A reply. Without the request's bytes, its outcome is unknown if the reply is lost.
    Reply,
    /// A reply that may take as long as the client likes; nothing is taken away by it.
    WaitRead,
    /// A reply that may take as long as the client likes, with something that is then gone.
    WaitTake,
    Multi,
    Queued(Option<Box<Change>>),
    Exec,
    /// The reply to a `DISCARD` that was sent for an `EXEC` whose watched keys are lost.
    StaleExec,
    Discard,
    Watch,
    Unwatch,
    /// So many confirmations; `None` as many as there are subscriptions, and one if there are none.
    Confirmations {
        channels: Channels,
        subscribed: bool,
        left: Option<usize>,
        begun: bool,
    },
    Change(Box<Change>),
    Monitor,
    Reset,
    Quit,
    /// This instead of the reply.
    Instead(Bytes),
    /// Nothing from the server: this is the reply.
    Given(Bytes),
    /// A reply for the proxy.
    Own(Expect),
}

pub(super) struct Awaited {
    pub(super) what: What,
    /// How often, one after the other.
    pub(super) times: usize,
    /// How many bytes of the requests are kept.
    kept: usize,
}

#[derive(Default)]
pub(super) struct Queue {
    queue: VecDeque<Awaited>,
    /// The bytes of those that are kept, one after the other.
    kept: BytesMut,
}

/// The most bytes of requests that are kept for one client.
const KEPT: usize = 64 * 1024;
/// Bytes that are held for the next requests although none is kept.
const SPARE: usize = 1024;
/// The most entries; a client that has sent so many settings without waiting for one reply is none.
pub(super) const LIMIT: usize = 64 * 1024;

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// How many replies are to come from a server.
    pub(super) fn due(&self) -> usize {
        let is_due = |awaited: &&Awaited| !matches!(awaited.what, What::Given(_));
        self.queue.iter().filter(is_due).map(|it| it.times).sum()
    }

    pub(super) fn front(&self) -> Option<&What> {
        self.queue.front().map(|awaited| &awaited.what)
    }

    pub(super) fn front_mut(&mut self) -> Option<&mut What> {
        self.queue.front_mut().map(|awaited| &mut awaited.what)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &What> {
        self.queue.iter().map(|awaited| &awaited.what)
    }

    /// Adds one that was sent, with its bytes if it may be sent again.
    pub(super) fn push(&mut self, what: What, again: Option<&[u8]>) {
        let kept = again.filter(|bytes| self.kept.len() + bytes.len() <= KEPT);
        let what = match (what, again, kept) {
            // Without its bytes it is as any other.
            (What::WaitRead | What::WaitTake, Some(_), None) => What::Reply,
            (what, _, _) => what,
        };
        if let Some(bytes) = kept {
            self.kept.extend_from_slice(bytes);
        } else if let Some(back) = self.queue.back_mut()
            && matches!((&back.what, &what), (What::Reply, What::Reply))
            && back.kept == 0
        {
            back.times += 1;
            return;
        }
        self.queue.push_back(Awaited {
            what,
            times: 1,
            kept: kept.map_or(0, <[u8]>::len),
        });
    }

    /// Puts replies for the proxy before all others.
    pub(super) fn put_before(&mut self, steps: &[Expect]) {
        for expect in steps.iter().rev() {
            self.queue.push_front(Awaited {
                what: What::Own(*expect),
                times: 1,
                kept: 0,
            });
        }
    }

    /// Takes the first one, which was answered.
    pub(super) fn pop(&mut self) -> Option<What> {
        let front = self.queue.front_mut()?;
        if front.times > 1 {
            front.times -= 1;
            return Some(if let What::Given(text) = &front.what {
                What::Given(text.clone())
            } else {
                What::Reply
            });
        }
        let front = self.queue.pop_front()?;
        self.kept.advance(front.kept);
        if self.queue.is_empty() && self.kept.capacity() > SPARE {
            // What is idle holds no memory.
            self.kept = BytesMut::new();
        }
        Some(front.what)
    }

    /// What may be sent again, all of it, in order.
    pub(super) fn again(&self) -> &[u8] {
        &self.kept
    }

    /// Forgets the replies that were for the proxy.
    pub(super) fn forget_own(&mut self) {
        self.queue
            .retain(|awaited| !matches!(awaited.what, What::Own(_)));
    }

    /// How many have an unknown outcome if their replies are lost. `taken` counts those that take
    /// something away too.
    pub(super) fn unknown(&self, taken: bool) -> usize {
        let unknown = |awaited: &&Awaited| awaited.is_unknown(taken);
        self.queue
            .iter()
            .filter(unknown)
            .map(|awaited| awaited.times)
            .sum()
    }

    /// Whether something of a transaction cannot be sent again.
    pub(super) fn lacks_of_transaction(&self) -> bool {
        let lacks = |it: &Awaited| it.is_in_transaction() && it.kept == 0;
        self.queue.iter().any(lacks)
    }

    /// Answers those whose outcome is unknown with `text`, and with them the transactions that they
    /// end.
    pub(super) fn answer_unknown(&mut self, text: &Bytes, taken: bool) {
        let mut kept = std::mem::take(&mut self.kept);
        let mut bytes = Vec::with_capacity(self.queue.len());
        for awaited in &self.queue {
            bytes.push(kept.split_to(awaited.kept));
        }
        // From the back: an `EXEC` decides about everything up to its `MULTI`.
        let mut in_lost_transaction = false;
        for (awaited, bytes) in self.queue.iter_mut().zip(&mut bytes).rev() {
            in_lost_transaction = matches!(awaited.what, What::Exec)
                || (in_lost_transaction && awaited.is_in_transaction());
            let is_lost = in_lost_transaction || awaited.is_unknown(taken);
            in_lost_transaction &= !matches!(awaited.what, What::Multi);
            if is_lost {
                awaited.what = What::Given(text.clone());
                awaited.kept = 0;
                bytes.clear();
            }
        }
        for bytes in bytes {
            self.kept.extend_from_slice(&bytes);
        }
    }
}

impl Awaited {
    fn is_unknown(&self, taken: bool) -> bool {
        let may_be_gone = taken && matches!(self.what, What::WaitTake);
        let is_ours = matches!(self.what, What::Given(_) | What::Own(_));
        !is_ours && (may_be_gone || self.kept == 0)
    }

    const fn is_in_transaction(&self) -> bool {
        matches!(self.what, What::Multi | What::Queued(_) | What::Instead(_))
    }
}
