//! Newtypes for every name and number that could be confused with another.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A 40-digit hexadecimal id as Redis makes them; twenty bytes, so that it can be copied.
macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 20]);

        impl $name {
            /// An id made of a number; for simulations and tests.
            pub const fn from_number(number: u64) -> Self {
                let mut bytes = [0; 20];
                let number = number.to_be_bytes();
                let mut i = 0;
                while i < 8 {
                    bytes[i] = number[i];
                    i += 1;
                }
                Self(bytes)
            }

            /// The first eight digits: enough to tell ids apart in a log line.
            pub fn short(&self) -> impl fmt::Display {
                let [a, b, c, d, ..] = self.0;
                Short(u32::from_be_bytes([a, b, c, d]))
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                parse_hex(text).map(Self).ok_or(NotAnId)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.short())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

hex_id! {
    /// The identity of one server process (`run_id` in `INFO server`): a restart changes it.
    RunId
}

hex_id! {
    /// The name of one stream of writes (`master_replid` in `INFO replication`).
    ReplicationId
}

/// The text is not an id of forty hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of 40 hexadecimal digits")]
pub struct NotAnId;

struct Short(u32);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

fn parse_hex(text: &str) -> Option<[u8; 20]> {
    let mut bytes = [0; 20];
    let digits = text.as_bytes();
    if digits.len() != 40 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        let value = char::from(*high).to_digit(16)? << 4 | char::from(*low).to_digit(16)?;
        *byte = u8::try_from(value).ok()?;
    }
    Some(bytes)
}

/// A plain number with a meaning of its own.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The next larger number.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// Orders the records of a group; the fencing token. Only ever grows.
    Epoch
}

number! {
    /// A position in a replication stream, in bytes. Two offsets compare only within one lineage.
    Offset
}

number! {
    /// The version of a stored record: what a compare-and-set compares. Zero means "no record".
    Revision
}

number! {
    /// Orders the settings that are stored for a group; grows by one with every change. Zero means
    /// "none are stored".
    Version
}

number! {
    /// Names one action, so that its outcome can be told from the others.
    ActionId
}

impl Offset {
    /// How many bytes this position is ahead of `other`; zero when it is not.
    pub const fn ahead_of(self, other: Self) -> u64 {
        self.0.saturating_sub(other.0)
    }
}

/// A node's place in the engine's table; stable while the monitor runs, meaningless outside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct NodeId(pub u32);

/// Where a node listens: a host name or an IP address, and a port.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// The port that a host without a port means.
    pub const DEFAULT_PORT: u16 = 6379;

    /// An address from its two parts; `host` is a name or an IP address without brackets.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
        }
    }

    /// Where a sealed node is pointed: its own loopback, port 1. Refused at once, numeric (a name
    /// would be resolved in the server's main thread) and recognisable as ours.
    pub fn tombstone() -> Self {
        Self::new("127.0.0.1", 1)
    }

    /// Whether this is the address that a sealed node follows.
    pub fn is_tombstone(&self) -> bool {
        self.port == 1 && self.host == "127.0.0.1"
    }

    /// A host name or an IP address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The IP address, when the host is written as one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

/// Why a text is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// There is nothing before the port.
    #[error("`{0}` has no host; write HOST:PORT, such as 10.0.0.1:6379")]
    NoHost(String),
    /// What follows the last colon is no port number.
    #[error("`{0}` has no valid port; a port is a number from 1 to 65535")]
    BadPort(String),
    /// An IPv6 address with a port needs brackets.
    #[error("`{0}` is ambiguous; write an IPv6 address with its port as [{0}]:6379")]
    Brackets(String),
    /// A host holds only letters, digits, dots, hyphens and underscores.
    #[error("`{0}` is not a host name or IP address")]
    BadHost(String),
}

impl FromStr for Address {
    type Err = BadAddress;

    /// Reads `host`, `host:port`, `1.2.3.4:port`, `[v6]`, `[v6]:port` and a bare `v6`.
    fn from_str(text: &str) -> Result<Self, BadAddress> {
        if let Some(rest) = text.strip_prefix('[') {
            let Some((host, after)) = rest.split_once(']') else {
                return Err(BadAddress::BadHost(text.to_owned()));
            };
            if host.parse::<core::net::Ipv6Addr>().is_err() {
                return Err(BadAddress::BadHost(text.to_owned()));
            }
            return match (after, after.strip_prefix(':')) {
                ("", _) => Ok(Self::new(host, Self::DEFAULT_PORT)),
                (_, Some(port)) => Ok(Self::new(host, parse_port(port, text)?)),
                (_, None) => Err(BadAddress::BadPort(text.to_owned())),
            };
        }
        if text.parse::<core::net::Ipv6Addr>().is_ok() {
            return Ok(Self::new(text, Self::DEFAULT_PORT));
        }
        let (host, port) = match text.split_once(':') {
            None => (text, Self::DEFAULT_PORT),
            Some((_, port)) if port.contains(':') => {
                return Err(BadAddress::Brackets(text.to_owned()));
            }
            Some((host, port)) => (host, parse_port(port, text)?),
        };
        if host.is_empty() {
            return Err(BadAddress::NoHost(text.to_owned()));
        }
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if host.len() > 253 || host.starts_with('-') || !host.chars().all(is_host) {
            return Err(BadAddress::BadHost(text.to_owned()));
        }
        Ok(Self::new(host, port))
    }
}

fn parse_port(port: &str, text: &str) -> Result<u16, BadAddress> {
    port.parse()
        .ok()
        .filter(|&port| port != 0)
        .ok_or_else(|| BadAddress::BadPort(text.to_owned()))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// A short name: of a group, a monitor or a deployment. Safe inside a client name on the wire.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadName;

            fn from_str(text: &str) -> Result<Self, BadName> {
                check_name(text).map(|()| Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

name! {
    /// The name of a group: what Sentinel clients ask for.
    GroupName
}

name! {
    /// The name of one monitor process.
    MonitorId
}

name! {
    /// Which monitors belong together: those that share a store.
    DeploymentId
}

/// The text cannot be a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name: use 1 to 64 letters, digits, dots, hyphens or underscores")]
pub struct BadName(String);

fn check_name(text: &str) -> Result<(), BadName> {
    // A colon separates the parts of a client name and a blank ends it, so neither may be inside.
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if text.is_empty() || text.len() > 64 || !text.chars().all(allowed) {
        return Err(BadName(text.chars().take(80).collect()));
    }
    Ok(())
}

#[cfg(test)]
#[path = "id_tests.rs"]
mod tests;
