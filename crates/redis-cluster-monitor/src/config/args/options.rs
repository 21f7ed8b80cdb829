//! What the options of a monitor say, of its groups and of itself.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;

use crate::config::duration::{BadDuration, parse, parse_or_off};
use crate::config::etcd::{self, Place};
use crate::config::sentinel::{self, Listen};
use crate::config::settings::{self, Door, Process, Settings, check_delay};
use crate::config::{Error, Secret};
use crate::telemetry::{LogFormat, LogLevel};

/// Settings of a group.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Group options")]
pub(super) struct GroupArgs {
    /// Wait this long after proof of a crash [default: 0s]
    #[arg(long, value_name = "DUR", value_parser = delay("crash_after"))]
    crash_after: Option<Duration>,
    /// How long a primary that accepts connections may leave a request unanswered [default: its
    /// busy-reply-threshold + 500ms]
    #[arg(long, value_name = "DUR", value_parser = delay("hang_after"))]
    hang_after: Option<Duration>,
    /// How long a primary may be silent at TCP level [default: 500ms]
    #[arg(long, value_name = "DUR", value_parser = delay("silent_after"))]
    silent_after: Option<Duration>,
    /// How often a healthy primary is asked for a sign of life [default: 200ms]
    #[arg(long, value_name = "DUR", value_parser = delay("probe_every"))]
    probe_every: Option<Duration>,
    /// How many monitors have to say that the primary is lost [default: most of them]
    #[arg(long, value_name = "NUMBER", value_parser = settings::quorum)]
    quorum: Option<usize>,
    /// ACL user of the monitor on the nodes
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// File with the password for the nodes
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Decide and log everything, touch nothing
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL"
    )]
    observe: Option<bool>,
    /// No CONFIG REWRITE on the nodes after a role change
    #[arg(long)]
    no_persist_roles: bool,
    /// Where clients are accepted whose requests go to the primary [default: off]
    #[arg(long, value_name = "ADDR")]
    proxy: Option<Door>,
    /// Where clients are accepted that only read, from replicas [default: off]
    #[arg(long, value_name = "ADDR")]
    proxy_replicas: Option<Door>,
}

/// Settings of the process.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Process options")]
pub(super) struct ProcessArgs {
    /// Folder for the state [default: the service manager's, else the user's folder for state]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Where the agreed record lives: file, or etcd://HOST:PORT,... for several monitors [default:
    /// file]
    #[arg(long, value_name = "STORE")]
    store: Option<Place>,
    /// How often a line sums up the group; 0 is never [default: 5s]
    #[arg(long, value_name = "DUR", value_parser = parse_or_off)]
    report_every: Option<Duration>,
    /// Form of the log [default: text]
    #[arg(long, value_name = "FORM")]
    log_format: Option<LogFormat>,
    /// Level from which on something is logged [default: info]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<LogLevel>,
    /// Log more
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,
    /// Log less
    #[arg(short, long)]
    quiet: bool,
    /// Where clients that speak Sentinel's language are served; off is nowhere [default:
    /// 127.0.0.1:26379]
    #[arg(long, value_name = "ADDR", value_parser = sentinel::listen)]
    sentinel: Option<Listen>,
    /// Where clients reach that from elsewhere, told to those of other monitors [default: where it
    /// listens]
    #[arg(long, value_name = "ADDR", value_parser = sentinel::announce)]
    sentinel_announce: Option<SocketAddr>,
    /// User of those clients [default: default]
    #[arg(long, value_name = "NAME")]
    sentinel_username: Option<String>,
    /// File with the password of those clients [default: none is needed]
    #[arg(long, value_name = "FILE")]
    sentinel_password_file: Option<PathBuf>,
    /// Where HTTP is served, for programs and `switchover`; off is nowhere [default:
    /// 127.0.0.1:8379]
    #[arg(long, value_name = "ADDR")]
    http: Option<Door>,
}

impl GroupArgs {
    /// The options, and the environment where they say nothing.
    pub(super) fn over(
        self,
        variables: &Settings,
        password_file: Option<PathBuf>,
        warnings: &mut Vec<String>,
    ) -> Result<Settings, Error> {
        let mut password = None;
        if let Some(file) = self.password_file.or(password_file) {
            let (secret, warning) = Secret::read(&file).map_err(Error::new)?;
            warnings.extend(warning);
            password = Some(secret);
        }
        Ok(Settings {
            crash_after: self.crash_after,
            silent_after: self.silent_after,
            hang_after: self.hang_after,
            probe_every: self.probe_every,
            quorum: self.quorum,
            username: self.username,
            password,
            observe: self.observe,
            persist_roles: self.no_persist_roles.then_some(false),
            proxy: self.proxy,
            proxy_replicas: self.proxy_replicas,
            ..Settings::default()
        }
        .over(variables))
    }
}

impl ProcessArgs {
    /// The options alone.
    pub(super) fn settings(self, warnings: &mut Vec<String>) -> Result<Process, Error> {
        let mut password = None;
        if let Some(file) = self.sentinel_password_file {
            let (secret, warning) = Secret::read(&file).map_err(Error::new)?;
            warnings.extend(warning);
            password = Some(secret);
        }
        let level = match (self.verbose, self.quiet) {
            (true, _) => Some(LogLevel::Debug),
            (_, true) => Some(LogLevel::Warn),
            _ => self.log_level,
        };
        Ok(Process {
            state_folder: self.state_dir,
            store: etcd::Settings {
                place: self.store,
                ..etcd::Settings::default()
            },
            report_every: self.report_every,
            log_format: self.log_format,
            log_level: level,
            sentinel: sentinel::Settings {
                address: self.sentinel,
                announce: self.sentinel_announce,
                username: self.sentinel_username,
                password,
                ..sentinel::Settings::default()
            },
            http: self.http,
        })
    }
}

/// Reads a delay and checks its range.
fn delay(name: &'static str) -> impl Fn(&str) -> Result<Duration, String> + Clone {
    move |text| {
        let delay = parse(text).map_err(|error: BadDuration| error.to_string())?;
        check_delay(name, delay)?;
        Ok(delay)
    }
}
