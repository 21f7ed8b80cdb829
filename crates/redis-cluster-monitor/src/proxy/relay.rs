//! A proxy without sockets and time: bytes in, bytes out, for whoever wants to try what it makes of
//! them.

use bytes::BytesMut;
use rcm_resp::{Progress, Scanner};

use super::session::{REPLIES, Session};
use crate::config::Indeterminate;

/// One client and its server.
pub struct Relay {
    session: Session,
    /// What came from the client and was not taken yet.
    asked: BytesMut,
    /// What came from the server and was not taken yet.
    heard: BytesMut,
    line: Line,
}

/// A connection of many with one client on it.
struct Line {
    scanner: Scanner,
    /// How many replies are to come over it.
    owed: usize,
}

/// The client, or the server, has to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over;

impl Relay {
    /// A client that has no server yet. With `shares` it gets a connection of its own only when it
    /// needs one.
    pub fn new(indeterminate: Indeterminate, shares: bool) -> Self {
        Self {
            session: Session::new(indeterminate, shares),
            asked: BytesMut::new(),
            heard: BytesMut::new(),
            line: Line::new(),
        }
    }

    /// The client sent this; it goes on as far as it may.
    pub fn ask(&mut self, bytes: &[u8]) -> Result<(), Over> {
        self.asked.extend_from_slice(bytes);
        self.pass_on()
    }

    /// The server sent this.
    pub fn hear(&mut self, bytes: &[u8]) -> Result<(), Over> {
        self.heard.extend_from_slice(bytes);
        if self.session.shares() {
            self.line.hear(&mut self.heard, &mut self.session)?;
        } else {
            self.session.hear(&mut self.heard).map_err(|_| Over)?;
        }
        self.pass_on()
    }

    /// There is another server.
    pub fn connected(&mut self) -> Result<(), Over> {
        self.heard.clear();
        if !self.session.shares() {
            return self.session.connected(false).map_err(|_| Over);
        }
        self.session.joined(false).map_err(|_| Over)?;
        self.line = Line::new();
        self.line.owed = self.session.take_requests();
        Ok(())
    }

    /// Whether the server was told everything, and requests may be sent to it.
    pub fn is_told(&self) -> bool {
        self.session.is_told()
    }

    /// The server is gone.
    pub fn lost(&mut self) -> Result<(), Over> {
        self.session.lost().map_err(|_| Over)
    }

    /// What goes to the client now.
    pub fn to_client(&mut self) -> BytesMut {
        self.session.to_client.split()
    }

    /// What goes to the server now.
    pub fn to_server(&mut self) -> BytesMut {
        self.session.to_server.split()
    }

    fn pass_on(&mut self) -> Result<(), Over> {
        let shared = self.session.shares();
        let taken = self.session.take(&mut self.asked, true);
        taken.map_err(|_| Over)?;
        if !shared {
            return Ok(());
        }
        self.line.owed += self.session.take_requests();
        if self.session.shares() {
            return Ok(());
        }
        self.connected()
    }
}

impl Line {
    const fn new() -> Self {
        Self {
            scanner: Scanner::new(REPLIES),
            owed: 0,
        }
    }

    fn hear(&mut self, input: &mut BytesMut, session: &mut Session) -> Result<(), Over> {
        while let Some(&first) = input.first() {
            if first == b'>' || self.owed == 0 {
                return Err(Over);
            }
            let Progress::Frame { len } = self.scanner.scan(input).map_err(|_| Over)? else {
                return Ok(());
            };
            session.deliver(&input.split_to(len), true);
            self.owed -= 1;
        }
        Ok(())
    }
}
