//! What a node answers, on the warm connection or on the fresh one.

use rcm_core::observation::{Failure, Seen};

use super::Fresh;
use crate::monitor::Who;
use crate::wire::{ConnId, Owner, Reply};
use crate::world::World;

impl World {
    /// A reply on a looking connection.
    pub(crate) fn hear_look(&mut self, who: Who, node: usize, conn: ConnId, reply: Reply) {
        let Some(session) = self
            .session(who, node)
            .filter(|session| session.conn == conn)
        else {
            return self.hear_fresh(who, node, conn, &reply);
        };
        let seen = match reply {
            Reply::End => {
                let answered = session.answered;
                self.close(conn);
                self.see(who, node, self.now, Seen::Failed(Failure::Closed));
                return self.after(who, node, Failure::Closed, answered);
            }
            Reply::Seen(Ok(seen)) => Some(seen),
            Reply::Seen(Err(failure)) => Some(Seen::Failed(failure)),
            Reply::Named | Reply::Outcome(..) => None,
        };
        let Some((_, asked_at)) = session.asked.pop_front() else {
            return;
        };
        session.answered = true;
        let seen = match seen {
            Some(Seen::Replication(_)) if !session.identified => Some(Seen::Alive),
            seen => seen,
        };
        match &seen {
            Some(Seen::Identity(_)) => session.identified = true,
            Some(Seen::Replication(replication)) => session.is_primary = replication.is_primary(),
            _ => {}
        }
        let is_look = matches!(seen, Some(Seen::Replication(_)));
        let fresh = std::mem::replace(&mut session.fresh, Fresh::Idle);
        if fresh != Fresh::Idle {
            session.fresh_next = 0;
        }
        if let Some(link) = self.monitors[who].links.get_mut(&node) {
            link.since = None;
            link.stillborn = 0;
        }
        if let Some(known) = self.conns.get(&conn).filter(|_| is_look) {
            let known = (known.incarnation, known.process);
            self.truth.looked_at.entry(known).or_insert(self.now);
        }
        if let Fresh::Waiting(conn, _) = fresh {
            self.close(conn);
        }
        if let Some(seen) = seen {
            self.see(who, node, asked_at, seen);
        }
        self.arm(who, node);
    }

    fn hear_fresh(&mut self, who: Who, node: usize, conn: ConnId, reply: &Reply) {
        let Some(session) = self.session(who, node) else {
            return;
        };
        let Fresh::Waiting(waiting, asked_at) = session.fresh else {
            return;
        };
        if waiting != conn {
            return;
        }
        let warm = session.conn;
        session.fresh = Fresh::Idle;
        match reply {
            Reply::Seen(Ok(_)) => {
                self.close(warm);
                self.see(who, node, asked_at, Seen::Alive);
                if let Some(known) = self.conns.get_mut(&conn) {
                    known.owner = Owner::Link(node);
                }
                self.begin_session(who, node, conn, true);
            }
            Reply::Seen(Err(failure)) => self.see(who, node, asked_at, Seen::Failed(*failure)),
            Reply::End => self.see(who, node, asked_at, Seen::Failed(Failure::Closed)),
            Reply::Named | Reply::Outcome(..) => {}
        }
        self.arm(who, node);
    }
}
