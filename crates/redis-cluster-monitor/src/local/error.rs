//! Everything that can go wrong with a server on this machine.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no server program; `hint` has the command that brings one.
    #[error("{what} not found; {hint}")]
    Missing { what: String, hint: String },

    /// The process ended before it answered.
    #[error("server {address} ended ({status}) before it answered:\n{log}")]
    Died {
        address: SocketAddr,
        status: ExitStatus,
        log: String,
    },

    /// A signal was to be sent to a server that is not running.
    #[error("server {address} is not running")]
    NotRunning { address: SocketAddr },

    /// A condition did not hold in time.
    #[error("{what}: not reached within {within:?}")]
    NotReached { what: String, within: Duration },

    /// No connection, or it broke, or an answer took too long.
    #[error("no answer from {address}")]
    Connection {
        address: SocketAddr,
        source: io::Error,
    },

    /// The server said no; `text` is its error reply.
    #[error("{command}: {text}")]
    Refused { command: String, text: String },

    /// The reply is none that this command can have.
    #[error("{command}: unexpected reply {reply}")]
    Unexpected { command: String, reply: String },

    /// A client library's program did not do what it was started for.
    #[error("{library}: {what}")]
    Client { library: &'static str, what: String },

    /// A file, folder or process could not be worked with.
    #[error("cannot {action} {}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}
