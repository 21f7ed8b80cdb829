//! What a server lets through: its own `min-replicas-to-write`, and who may ask for its stream.

use rcm_core::observation::Gates;

/// The settings of a running server, or of the file that it starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    /// `min-replicas-to-write`.
    pub(crate) min_replicas: u32,
    /// The user that replicas attach as is on.
    pub(crate) user_on: bool,
    /// Who shows no password may ask for the stream, too.
    pub(crate) strangers: bool,
    /// It shows the password when it asks for a stream.
    pub(crate) knows_password: bool,
}

impl Access {
    /// As a server comes.
    pub(crate) const STOCK: Self = Self {
        min_replicas: 0,
        user_on: false,
        strangers: true,
        knows_password: false,
    };

    /// As the servers of another group are: they have a password of their own.
    pub(crate) const FOREIGN: Self = Self {
        user_on: true,
        strangers: false,
        knows_password: true,
        ..Self::STOCK
    };

    /// As an operator prepares the file of a server for strict mode.
    pub(crate) const PREPARED: Self = Self {
        min_replicas: Gates::SHUT.min_replicas,
        strangers: false,
        ..Self::STOCK
    };

    pub(crate) const fn set(&mut self, gates: Gates) {
        self.min_replicas = gates.min_replicas;
        self.user_on = gates.feeds;
        self.strangers = false;
    }

    /// Everything is shut, and the password forgotten.
    pub(crate) const fn seal(&mut self) {
        self.set(Gates::SHUT);
        self.knows_password = false;
    }

    pub(crate) const fn gates(self) -> Gates {
        Gates {
            min_replicas: self.min_replicas,
            feeds: self.user_on,
        }
    }

    /// Whether a server that asks for the stream gets it.
    pub(crate) const fn feeds(self, asking: Self) -> bool {
        if asking.knows_password {
            self.user_on
        } else {
            self.strangers
        }
    }
}
