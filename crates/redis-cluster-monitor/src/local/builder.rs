//! What a server is told before it starts.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use super::{Binary, Error, Server, port};

/// Enough for a machine on which every second port is in use.
const PORT_ATTEMPTS: u32 = 20;

/// How a server will be started.
#[derive(Clone, Debug)]
pub struct Builder {
    pub(super) binary: Binary,
    bind: IpAddr,
    port: Option<u16>,
    pub(super) replica_of: Option<SocketAddr>,
    pub(super) password: Option<String>,
    settings: Vec<Setting>,
    has_config_file: bool,
    is_sentinel: bool,
}

/// A directive of the server's configuration with its words.
type Setting = (String, Vec<String>);

impl Builder {
    pub(super) fn new(binary: &Binary) -> Self {
        Self {
            binary: binary.clone(),
            bind: Ipv4Addr::LOCALHOST.into(),
            port: None,
            replica_of: None,
            password: None,
            settings: Vec::new(),
            has_config_file: false,
            is_sentinel: false,
        }
    }

    /// The port; without it, a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// The address to listen on; 127.0.0.1 without it.
    #[must_use]
    pub fn bind(mut self, bind: impl Into<IpAddr>) -> Self {
        self.bind = bind.into();
        self
    }

    #[must_use]
    pub fn replica_of(mut self, primary: SocketAddr) -> Self {
        self.replica_of = Some(primary);
        self
    }

    /// The password of the default user, also shown to a primary.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// Any other directive: `set("save", &["60", "1"])`. It wins over what is set by default.
    #[must_use]
    pub fn set(mut self, name: &str, words: &[&str]) -> Self {
        self.settings.push(setting(name, words));
        self
    }

    /// Starts from a configuration file instead of arguments, so that CONFIG REWRITE works.
    #[must_use]
    pub fn with_config_file(mut self) -> Self {
        self.has_config_file = true;
        self
    }

    /// Starts as a Sentinel, which needs a configuration file. What it watches:
    /// `set("sentinel", &["monitor", "mymaster", "127.0.0.1", "6379", "2"])`.
    #[must_use]
    pub fn sentinel(mut self) -> Self {
        self.is_sentinel = true;
        self.with_config_file()
    }

    /// Starts the server and waits until it answers.
    pub fn start(self) -> Result<Server, Error> {
        let mut attempts = if self.port.is_some() {
            1
        } else {
            PORT_ATTEMPTS
        };
        loop {
            attempts -= 1;
            let port = self.port.unwrap_or_else(|| port::free(self.bind));
            let address = SocketAddr::new(reachable(self.bind), port);
            match Server::launch(self.clone(), address) {
                Err(Error::Died { log, .. })
                    if attempts > 0 && log.contains("Address already in use") => {}
                launched => return launched,
            }
        }
    }

    /// The arguments of a server on `port`. Writes the configuration file if there is to be one and
    /// there is none yet.
    pub(super) fn arguments(&self, port: u16, config_file: &Path) -> io::Result<Vec<OsString>> {
        let settings = self.all_settings(port);
        if !self.has_config_file {
            let words = |(name, words): Setting| [vec![format!("--{name}")], words].concat();
            return Ok(settings
                .into_iter()
                .flat_map(words)
                .map(OsString::from)
                .collect());
        }
        if !config_file.exists() {
            fs::write(
                config_file,
                settings.iter().map(config_line).collect::<String>(),
            )?;
        }
        let mut arguments = vec![config_file.into()];
        arguments.extend(self.is_sentinel.then(|| "--sentinel".into()));
        Ok(arguments)
    }

    /// Everything that the server is told, in the order in which it reads it: later ones win.
    fn all_settings(&self, port: u16) -> Vec<Setting> {
        let mut all = vec![
            setting("port", &[&port.to_string()]),
            setting("bind", &[&self.bind.to_string()]),
            setting("protected-mode", &["no"]),
        ];
        if !self.is_sentinel {
            all.push(setting("save", &[""]));
            all.push(setting("appendonly", &["no"]));
            all.push(setting("repl-diskless-sync-delay", &["0"]));
        }
        if let Some(password) = &self.password {
            all.push(setting("requirepass", &[password]));
            all.push(setting("masterauth", &[password]));
        }
        if let Some(primary) = self.replica_of {
            let (ip, port) = (primary.ip().to_string(), primary.port().to_string());
            all.push(setting("replicaof", &[&ip, &port]));
        }
        all.extend(self.settings.iter().cloned());
        all
    }
}

/// Where a server that listens on `bind` is reached from this machine.
fn reachable(bind: IpAddr) -> IpAddr {
    match bind {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V4(_) | IpAddr::V6(_) => bind,
    }
}

fn setting(name: &str, words: &[&str]) -> Setting {
    (
        name.to_owned(),
        words.iter().map(|&word| word.to_owned()).collect(),
    )
}

fn config_line((name, words): &Setting) -> String {
    let quote = |word: &String| format!(" \"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""));
    format!("{name}{}\n", words.iter().map(quote).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_configuration_file_are_quoted() {
        assert_eq!(config_line(&setting("save", &[""])), "save \"\"\n");
        assert_eq!(
            config_line(&setting("user", &[r#"a"b"#, r"c\d"])),
            "user \"a\\\"b\" \"c\\\\d\"\n"
        );
    }
}
