//! A proxy without sockets and time: bytes in, bytes out, for whoever wants to try what it makes of
//! them.

use bytes::BytesMut;

use super::session::Session;
use crate::config::Indeterminate;

/// One client and its server.
pub struct Relay {
    session: Session,
    /// What came from the client and was not taken yet.
    asked: BytesMut,
    /// What came from the server and was not taken yet.
    heard: BytesMut,
}

/// The client, or the server, has to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over;

impl Relay {
    /// A client that has no server yet.
    pub fn new(indeterminate: Indeterminate) -> Self {
        Self {
            session: Session::new(indeterminate, false),
            asked: BytesMut::new(),
            heard: BytesMut::new(),
        }
    }

    /// The client sent this; it goes on as far as it may.
    pub fn ask(&mut self, bytes: &[u8]) -> Result<(), Over> {
        self.asked.extend_from_slice(bytes);
        self.session.take(&mut self.asked, true).map_err(|_| Over)
    }

    /// The server sent this.
    pub fn hear(&mut self, bytes: &[u8]) -> Result<(), Over> {
        self.heard.extend_from_slice(bytes);
        self.session.hear(&mut self.heard).map_err(|_| Over)
    }

    /// There is another server.
    pub fn connected(&mut self) -> Result<(), Over> {
        self.heard.clear();
        self.session.connected(false).map_err(|_| Over)
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
}
