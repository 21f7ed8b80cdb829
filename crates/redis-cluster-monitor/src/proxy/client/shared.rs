//! A client that uses the connection of many: it joins a line, gets its replies from it, and leaves
//! it for a connection of its own when it needs one.

use super::{APART, BUFFER, Client, Up};
use crate::proxy::line::Stage;
use crate::proxy::route::{Gate, Route};
use crate::proxy::session::End;

/// As much may be left unread by a client on a line, which does not wait for anybody.
const UNREAD: usize = 16 * 1024 * 1024;

impl Client {
    /// Goes back to everybody's line if its own connection is not needed any more; and notices what
    /// has become of the line.
    pub(super) fn settle_way(&mut self) -> Result<(), End> {
        if self.session.may_share() {
            let is_due = self.room.clock.now().since(self.apart_at) >= APART;
            if is_due || self.session.is_introduced_by(&self.input) {
                self.session.share();
                self.up = Up::None;
            }
        }
        let Up::Line(line) = &self.up else {
            return Ok(());
        };
        if line.ends() {
            self.session.share_no_longer();
        }
        match line.stage() {
            Stage::Refused => return Err(End::Refused),
            Stage::Gone => {
                // Whom it owed something was told, and has left it.
                self.detach();
                self.session.lost()?;
            }
            Stage::Open if !self.session.is_told() => {
                let tenure = line.tenure();
                let handed_over = self.was_handed_over(self.room.route(), tenure);
                self.session.joined(handed_over)?;
            }
            Stage::Open | Stage::Opening => {}
        }
        Ok(())
    }

    /// Whether requests can go where it is.
    pub(super) fn line_takes(&self) -> bool {
        match &self.up {
            Up::Line(line) => line.takes(&self.me) && self.session.to_client.len() < BUFFER,
            Up::None | Up::Pausing { .. } | Up::Connecting { .. } | Up::Open { .. } => true,
        }
    }

    /// A connection of its own is needed next, or was needed for what is sent.
    pub(super) fn keep_apart(&mut self, was_shared: bool) {
        let leaves = was_shared && !self.session.shares();
        if leaves || (self.session.tally.requests > 0 && self.session.needed_own()) {
            self.apart_at = self.room.clock.now();
        }
        if leaves {
            self.detach();
        }
    }

    fn detach(&mut self) {
        self.up = Up::None;
        self.stay = self.stay.wrapping_add(1);
        self.restless = true;
    }

    pub(super) fn join(&mut self, route: Route) {
        let (Some(primary), Gate::Open | Gate::Ajar) = (route.primary, route.gate) else {
            return;
        };
        let identity = self.session.identity();
        let lines = &self.room.lines;
        if let Some(line) = lines.join(&self.room, identity, primary, route.tenure) {
            self.up = Up::Line(line);
        } else {
            self.session.step_aside();
        }
        self.restless = true;
    }

    pub(super) fn send_over_line(&mut self) {
        let Up::Line(line) = &self.up else {
            return;
        };
        let requests = self.session.take_requests();
        if requests > 0 {
            line.send(&self.me, self.stay, &mut self.session.to_server, requests);
        }
        if self.session.ends_line() && !line.ends() {
            self.room.lines.unshare(self.session.identity());
        }
    }

    /// A part of a reply came over a line. It is written later, with all that comes at once.
    pub(in crate::proxy) fn deliver(&mut self, stay: u32, part: &[u8], ends: bool) {
        if stay != self.stay || self.cut.is_some() {
            return;
        }
        if !ends && self.session.may_step_aside() {
            self.session.step_aside();
            self.detach();
            self.wake();
        } else if self.session.to_client.len() + part.len() > UNREAD {
            self.cut(End::Slow);
        } else {
            self.session.deliver(part, ends);
        }
    }

    /// Writes what it has got.
    pub(in crate::proxy) fn shown(&mut self) {
        self.due_since = None;
        if let Err(end) = self.write_down() {
            return self.cut(end);
        }
        self.busy.set(self.session.is_busy());
        // Only its task knows when it has been idle for too long.
        let is_idle = self.room.settings.idle_after.is_zero()
            && self.input.is_empty()
            && self.session.to_client.is_empty()
            && !self.is_half_closed
            && !self.session.is_closing()
            && !self.room.route().stopping;
        if !is_idle {
            self.wake();
        }
    }

    /// The line is lost, and what it has not answered with it.
    pub(in crate::proxy) fn line_lost(&mut self, stay: u32) {
        let Up::Line(line) = &self.up else {
            return;
        };
        if stay != self.stay {
            return;
        }
        self.lost_in = Some(line.tenure());
        self.detach();
        match self.session.lost() {
            Ok(()) => self.wake(),
            Err(end) => self.cut(end),
        }
    }

    pub(in crate::proxy) fn wake(&self) {
        if let Some(task) = &self.task {
            task.wake_by_ref();
        }
    }

    fn cut(&mut self, end: End) {
        self.stay = self.stay.wrapping_add(1);
        self.cut = Some(end);
        self.wake();
    }
}
