//! The settings of the Sentinel API, as one source gives them and as they are used.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::Secret;

/// How clients are served that speak Sentinel's language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentinel {
    /// Where the door listens; port 0 is any free one.
    pub address: SocketAddr,
    /// Where clients reach it, if that is elsewhere; port 0 is the port on which it listens.
    pub announce: Option<SocketAddr>,
    /// Who may do everything; without it everybody may.
    pub access: Option<Access>,
    /// The most connections at once.
    pub max_clients: usize,
    /// How long a connection that subscribed to nothing may be silent; zero is for ever.
    pub idle_after: Duration,
    /// Whether clients are given the host names that the operator listed, not their addresses.
    pub announce_hostnames: bool,
    /// Whether a new subscriber of `+switch-master` is sent the current state at once.
    pub replay_on_subscribe: bool,
}

/// Where clients reach a door that listens at `address`, if that is known.
pub fn announced(announce: Option<SocketAddr>, address: SocketAddr) -> Option<SocketAddr> {
    let Some(mut announced) = announce else {
        return Some(address).filter(|address| !address.ip().is_unspecified());
    };
    if announced.port() == 0 {
        announced.set_port(address.port());
    }
    Some(announced)
}

/// What clients must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The name that goes with the password.
    pub username: String,
    /// The password.
    pub password: Secret,
    /// Whether those who do not know it may ask, and only not act.
    pub read_without_auth: bool,
}

/// The port that Sentinel clients expect.
const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 26379);
/// What Redis calls whoever does not say who they are.
const USERNAME: &str = "default";
/// As many as a server has by default.
const CLIENTS: usize = 10_000;

/// Where a door listens, or that it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listen {
    At(SocketAddr),
    Off,
}

/// What one source says of the door; `None` is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub address: Option<Listen>,
    pub announce: Option<SocketAddr>,
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub read_without_auth: Option<bool>,
    pub max_clients: Option<usize>,
    pub idle_after: Option<Duration>,
    pub announce_hostnames: Option<bool>,
    pub replay_on_subscribe: Option<bool>,
}

impl Settings {
    /// These settings, and those of `below` where these say nothing.
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            address: self.address.or(below.address),
            announce: self.announce.or(below.announce),
            username: self.username.or(below.username),
            password: self.password.or(below.password),
            read_without_auth: self.read_without_auth.or(below.read_without_auth),
            max_clients: self.max_clients.or(below.max_clients),
            idle_after: self.idle_after.or(below.idle_after),
            announce_hostnames: self.announce_hostnames.or(below.announce_hostnames),
            replay_on_subscribe: self.replay_on_subscribe.or(below.replay_on_subscribe),
        }
    }

    /// The door, with defaults where nothing was said; `None` if there is to be none.
    pub(super) fn into_sentinel(self) -> Result<Option<Sentinel>, String> {
        let address = match self.address.unwrap_or(Listen::At(ADDRESS)) {
            Listen::At(address) => address,
            Listen::Off => return Ok(None),
        };
        let access = match (self.password, self.username) {
            (Some(password), username) => Some(Access {
                username: username.unwrap_or_else(|| USERNAME.to_owned()),
                password,
                read_without_auth: self.read_without_auth.unwrap_or(false),
            }),
            (None, None) => None,
            (None, Some(username)) => {
                return Err(format!(
                    "the Sentinel API has the username `{username}` and no password; give it a \
                     password file (password_file, --sentinel-password-file) or set \
                     RCM_SENTINEL_PASSWORD"
                ));
            }
        };
        Ok(Some(Sentinel {
            address,
            announce: self.announce,
            access,
            max_clients: self.max_clients.unwrap_or(CLIENTS),
            idle_after: self.idle_after.unwrap_or_default(),
            announce_hostnames: self.announce_hostnames.unwrap_or(false),
            replay_on_subscribe: self.replay_on_subscribe.unwrap_or(false),
        }))
    }
}

/// Reads where to listen.
pub(super) fn listen(text: &str) -> Result<Listen, String> {
    if text == "off" {
        return Ok(Listen::Off);
    }
    text.parse().map(Listen::At).map_err(|_| {
        format!(
            "`{text}` is no address to listen on; write IP:PORT, such as 127.0.0.1:26379, \
             0.0.0.0:26379 or [::]:26379 for everybody, or off"
        )
    })
}

/// Reads where clients reach the door.
pub(super) fn announce(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse().ok();
    let address = address.filter(|address: &SocketAddr| !address.ip().is_unspecified());
    address.ok_or_else(|| {
        format!(
            "`{text}` is no address that clients reach; write IP:PORT, such as 10.0.1.1:26379, or \
             10.0.1.1:0 for the port on which it listens"
        )
    })
}

/// Reads a number of connections.
pub(super) fn max_clients(text: &str) -> Result<usize, String> {
    const MOST: usize = 1_000_000;
    text.parse()
        .ok()
        .filter(|clients| (1..=MOST).contains(clients))
        .ok_or_else(|| {
            format!("`{text}` is no number of connections; write a number from 1 to {MOST}")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_is_open_to_this_machine_unless_told_otherwise() {
        let door = Settings::default().into_sentinel().unwrap().unwrap();
        assert_eq!(door.address.to_string(), "127.0.0.1:26379");
        assert_eq!(door.access, None);
        assert_eq!(door.max_clients, 10_000);
        let off = Settings {
            address: Some(listen("off").unwrap()),
            ..Settings::default()
        };
        assert_eq!(off.into_sentinel(), Ok(None));
    }

    #[test]
    fn a_password_without_a_name_is_that_of_the_default_user() {
        let settings = Settings {
            password: Some(Secret::new("x")),
            ..Settings::default()
        };
        let access = settings.into_sentinel().unwrap().unwrap().access.unwrap();
        assert_eq!(access.username, "default");
        assert!(!access.read_without_auth);
        let nameless = Settings {
            username: Some("app".to_owned()),
            ..Settings::default()
        };
        assert!(
            nameless
                .into_sentinel()
                .unwrap_err()
                .contains("no password")
        );
    }

    #[test]
    fn clients_are_told_what_the_operator_says_else_where_it_listens() {
        let told = |text: Option<&str>, listens: &str| {
            let settings = Settings {
                announce: text.map(|text| announce(text).unwrap()),
                ..Settings::default()
            };
            let door = settings.into_sentinel().unwrap().unwrap();
            let told = announced(door.announce, listens.parse().unwrap());
            told.map(|address| address.to_string())
        };
        for (text, listens, expected) in [
            (None, "10.0.1.1:26379", Some("10.0.1.1:26379")),
            (None, "0.0.0.0:26379", None),
            (None, "[::]:26379", None),
            (
                Some("10.0.1.1:5000"),
                "0.0.0.0:26379",
                Some("10.0.1.1:5000"),
            ),
            (Some("10.0.1.1:0"), "[::]:26379", Some("10.0.1.1:26379")),
        ] {
            assert_eq!(told(text, listens).as_deref(), expected);
        }
        for text in ["0.0.0.0:26379", "[::]:1", "10.0.1.1", "host:26379"] {
            assert!(announce(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_named_with_what_is_one() {
        for text in ["localhost", "26379", "127.0.0.1", "", "0.0.0.0:99999"] {
            assert!(
                listen(text).unwrap_err().contains("write IP:PORT"),
                "{text}"
            );
        }
        for text in ["0.0.0.0:26379", "[::]:0"] {
            assert!(matches!(listen(text), Ok(Listen::At(_))), "{text}");
        }
        assert!(max_clients("0").is_err());
        assert_eq!(max_clients("12"), Ok(12));
    }
}
