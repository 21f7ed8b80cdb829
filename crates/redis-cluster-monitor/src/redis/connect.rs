//! A new TCP connection, or why there is none.
//!
//! Decided here: which class of failure an error of the operating system is. The class decides how
//! fast the monitor acts, so an error that may be our own machine's fault is never a refusal.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rcm_core::observation::Failure;
use rustix::io::Errno;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::Settings;

/// An established connection on which nothing is asked is probed this often, so that a host that
/// went away while a request is unanswered is noticed.
const KEEPALIVE: Duration = Duration::from_secs(1);

/// Connects within `within`. A peer that then acknowledges nothing for twice `silent_after` is
/// given up by the kernel.
pub(super) async fn connect(
    address: SocketAddr,
    within: Duration,
    settings: &Settings,
) -> Result<TcpStream, Failure> {
    let socket = open(address, settings).map_err(|error| match failure(&error) {
        Some(failure) => failure,
        // Nothing has been sent yet.
        None => Failure::Local,
    })?;
    match timeout(within, socket.connect(address)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(failure(&error).unwrap_or(Failure::Silent)),
        Err(_) => Err(Failure::Silent),
    }
}

fn open(address: SocketAddr, settings: &Settings) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_nodelay(true)?;
    let options = SockRef::from(&socket);
    let give_up = (settings.policy.borrow().silent_after * 2).max(Duration::from_secs(1));
    options.set_tcp_user_timeout(Some(give_up))?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE);
    options.set_tcp_keepalive(&keepalive)?;
    Ok(socket)
}

/// The class of an error while connecting; `None` for one that says nothing of the kind.
fn failure(error: &io::Error) -> Option<Failure> {
    Some(match Errno::from_io_error(error)? {
        Errno::CONNREFUSED => Failure::Refused,
        Errno::TIMEDOUT | Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::HOSTDOWN => {
            Failure::Silent
        }
        Errno::CONNRESET | Errno::CONNABORTED | Errno::PIPE => Failure::Closed,
        Errno::ADDRNOTAVAIL
        | Errno::MFILE
        | Errno::NFILE
        | Errno::NOBUFS
        | Errno::NOMEM
        | Errno::AFNOSUPPORT
        | Errno::ACCESS
        | Errno::PERM => Failure::Local,
        _ => return None,
    })
}

/// The class of an error on an established connection.
pub(super) fn lost(error: &io::Error) -> Failure {
    match failure(error) {
        Some(Failure::Silent) => Failure::Silent,
        Some(Failure::Local) => Failure::Local,
        _ => Failure::Closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_have_a_class() {
        for (errno, class) in [
            (Errno::CONNREFUSED, Some(Failure::Refused)),
            (Errno::TIMEDOUT, Some(Failure::Silent)),
            (Errno::HOSTUNREACH, Some(Failure::Silent)),
            (Errno::NETUNREACH, Some(Failure::Silent)),
            (Errno::ADDRNOTAVAIL, Some(Failure::Local)),
            (Errno::MFILE, Some(Failure::Local)),
            (Errno::CONNRESET, Some(Failure::Closed)),
            (Errno::INVAL, None),
        ] {
            assert_eq!(failure(&errno.into()), class, "{errno:?}");
        }
    }

    #[test]
    fn an_established_connection_is_never_refused() {
        assert_eq!(lost(&Errno::CONNREFUSED.into()), Failure::Closed);
        assert_eq!(lost(&Errno::CONNRESET.into()), Failure::Closed);
        assert_eq!(lost(&Errno::TIMEDOUT.into()), Failure::Silent);
    }
}
