//! Where etcd is, and who the monitor is to it.

use std::str::FromStr;
use std::time::Duration;

use rcm_core::id::Address;

use super::{Credentials, Secret};

/// How etcd is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Etcd {
    /// Its members; any of them will do.
    pub endpoints: Vec<Address>,
    /// What all keys of this deployment begin with.
    pub prefix: String,
    /// Without it nothing is encrypted.
    pub tls: Option<Tls>,
    /// Who the monitor is, if etcd wants to know.
    pub credentials: Option<Credentials>,
    /// How long a monitor must not have been alive until it is forgotten.
    pub forget_after: Duration,
}

/// Who is trusted, and who the monitor is. All in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The authority; without it those that this machine trusts.
    pub ca: Option<String>,
    /// A certificate and its key.
    pub identity: Option<(String, Secret)>,
}

/// What all keys begin with, unless told otherwise.
pub const PREFIX: &str = "/redis-cluster-monitor";
/// When a monitor that is not alive is forgotten, unless told otherwise.
pub const FORGET_AFTER: Duration = Duration::from_secs(600);
/// More members make etcd slower, not safer.
const MOST_ENDPOINTS: usize = 16;
/// The port of etcd for clients.
const PORT: u16 = 2379;

/// Where the records live, in one word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A folder.
    File,
    /// The members of an etcd.
    Etcd(Vec<Address>),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "file" {
            return Ok(Self::File);
        }
        let Some(list) = text.strip_prefix("etcd://") else {
            return Err(format!(
                "`{text}` is no store; write `file` or `etcd://HOST:PORT,HOST:PORT,...`"
            ));
        };
        endpoints(list.split(',')).map(Self::Etcd)
    }
}

/// What one source says of the store; `None` is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub place: Option<Place>,
    pub prefix: Option<String>,
    pub ca: Option<String>,
    pub certificate: Option<String>,
    pub key: Option<Secret>,
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub forget_after: Option<Duration>,
}

impl Settings {
    /// These settings, and those of `below` where these say nothing.
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            place: self.place.or(below.place),
            prefix: self.prefix.or(below.prefix),
            ca: self.ca.or(below.ca),
            certificate: self.certificate.or(below.certificate),
            key: self.key.or(below.key),
            username: self.username.or(below.username),
            password: self.password.or(below.password),
            forget_after: self.forget_after.or(below.forget_after),
        }
    }

    /// The etcd, unless the store is a folder.
    pub(super) fn into_etcd(self) -> Result<Option<Etcd>, String> {
        let Some(Place::Etcd(endpoints)) = self.place else {
            return Ok(None);
        };
        let identity = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => {
                return Err("the store has one of `cert` and `key`\n\
                     help: name both files, or neither"
                    .to_owned());
            }
        };
        let credentials = match (self.username, self.password) {
            (username @ Some(_), Some(password)) => Some(Credentials { username, password }),
            (None, None) => None,
            _ => {
                return Err("the store has one of a username and a password\n\
                     help: give it both (username and password_file in [store], or \
                     RCM_STORE_PASSWORD), or neither"
                    .to_owned());
            }
        };
        let tls = (self.ca.is_some() || identity.is_some()).then_some(Tls {
            ca: self.ca,
            identity,
        });
        Ok(Some(Etcd {
            endpoints,
            prefix: self.prefix.unwrap_or_else(|| PREFIX.to_owned()),
            tls,
            credentials,
            forget_after: self.forget_after.unwrap_or(FORGET_AFTER),
        }))
    }
}

/// How soon a monitor may be forgotten: at least, and at most.
pub(super) const FORGET_RANGE: (Duration, Duration) =
    (Duration::from_secs(10), Duration::from_secs(7 * 24 * 3600));

/// The members; port 2379 if none is given.
pub(super) fn endpoints<'a>(
    words: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Address>, String> {
    let endpoints = words
        .into_iter()
        .map(endpoint)
        .collect::<Result<Vec<_>, _>>()?;
    if endpoints.is_empty() || endpoints.len() > MOST_ENDPOINTS {
        return Err(format!(
            "there are {} endpoints; name 1 to {MOST_ENDPOINTS} members of etcd",
            endpoints.len()
        ));
    }
    Ok(endpoints)
}

fn endpoint(text: &str) -> Result<Address, String> {
    if text.contains('@') || text.contains("//") {
        return Err(
            "an endpoint is HOST:PORT and nothing else; username, password_file and ca are keys of \
             [store]"
                .to_owned(),
        );
    }
    let has_port = text
        .rsplit_once(':')
        .is_some_and(|(host, _)| !host.contains(':') || host.ends_with(']'));
    let address: Address = text.parse().map_err(|error| format!("{error}"))?;
    if has_port {
        return Ok(address);
    }
    Ok(Address::new(address.host(), PORT))
}

/// The prefix, without slashes at its end.
pub(super) fn prefix(text: &str) -> Result<String, String> {
    let prefix = text.trim_end_matches('/');
    let is_plain = |c: char| c.is_ascii_graphic();
    if prefix.len() > 200 || !prefix.starts_with('/') || !prefix.chars().all(is_plain) {
        return Err(
            "this cannot be a prefix; write something like \"/rcm/production\": a slash, and up to \
             200 characters without blanks"
                .to_owned(),
        );
    }
    Ok(prefix.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<Vec<String>, String> {
        match text.parse()? {
            Place::File => Ok(Vec::new()),
            Place::Etcd(endpoints) => Ok(endpoints.iter().map(ToString::to_string).collect()),
        }
    }

    #[test]
    fn a_store_is_a_folder_or_the_members_of_an_etcd() {
        assert_eq!(shown("file").unwrap(), Vec::<String>::new());
        assert_eq!(
            shown("etcd://a:1,10.0.0.1,[::1]:5,::1").unwrap(),
            ["a:1", "10.0.0.1:2379", "[::1]:5", "[::1]:2379"]
        );
    }

    #[test]
    fn what_is_no_store_is_refused() {
        for text in [
            "",
            "etc://a",
            "etcd://",
            "etcd://a:1,",
            "etcd://http://a:1",
            "etcd://u@a:1",
        ] {
            assert!(shown(text).is_err(), "{text}");
        }
        assert!(shown(&format!("etcd://{}", vec!["a"; 17].join(","))).is_err());
    }

    #[test]
    fn a_prefix_begins_with_a_slash() {
        assert_eq!(prefix("/a/b/"), Ok("/a/b".to_owned()));
        for text in ["", "/", "a", "/a b"] {
            assert!(prefix(text).is_err(), "{text}");
        }
    }
}
