//! Settings from the environment: `RCM_` and the name of the option. An empty variable says nothing.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use rcm_core::id::GroupName;

use super::duration;
use super::settings::{self, Process, Settings, check_delay};
use super::{Environment, Error, Secret, etcd, sentinel};

/// The variables that hold passwords.
pub const PASSWORDS: [&str; 3] = [
    "RCM_PASSWORD",
    "RCM_SENTINEL_PASSWORD",
    "RCM_STORE_PASSWORD",
];

/// What the environment says.
#[derive(Debug, Default)]
pub(super) struct Variables {
    pub name: Option<GroupName>,
    pub settings: Settings,
    pub process: Process,
    pub password_file: Option<PathBuf>,
    pub warnings: Vec<String>,
}

/// Reads all variables, or tells everything that is wrong with them.
pub(super) fn read(env: Environment<'_>) -> Result<Variables, Error> {
    let mut reader = Reader {
        env,
        errors: Vec::new(),
        warnings: Vec::new(),
    };
    let delay = |reader: &mut Reader<'_>, variable, name| {
        reader.parsed(variable, |text| {
            let delay = duration::parse(text).map_err(|error| error.to_string())?;
            check_delay(name, delay).map(|()| delay)
        })
    };
    let settings = Settings {
        crash_after: delay(&mut reader, "RCM_CRASH_AFTER", "crash_after"),
        silent_after: delay(&mut reader, "RCM_SILENT_AFTER", "silent_after"),
        hang_after: delay(&mut reader, "RCM_HANG_AFTER", "hang_after"),
        probe_every: delay(&mut reader, "RCM_PROBE_EVERY", "probe_every"),
        quorum: reader.parsed("RCM_QUORUM", settings::quorum),
        username: reader.text("RCM_USERNAME"),
        password: reader.text("RCM_PASSWORD").map(Secret::new),
        observe: reader.parsed("RCM_OBSERVE", truth),
        persist_roles: reader.parsed("RCM_NO_PERSIST_ROLES", truth).map(|no| !no),
        proxy: reader.parsed("RCM_PROXY", str::parse),
        proxy_replicas: reader.parsed("RCM_PROXY_REPLICAS", str::parse),
        ..Settings::default()
    };
    let sentinel = door(&mut reader);
    let process = Process {
        state_folder: reader.value("RCM_STATE_DIR").map(PathBuf::from),
        store: etcd::Settings {
            place: reader.parsed("RCM_STORE", str::parse),
            password: reader.text("RCM_STORE_PASSWORD").map(Secret::new),
            ..etcd::Settings::default()
        },
        report_every: reader.parsed::<Duration, _>("RCM_REPORT_EVERY", duration::parse_or_off),
        log_format: reader.parsed("RCM_LOG_FORMAT", |text| ValueEnum::from_str(text, false)),
        log_level: reader.parsed("RCM_LOG_LEVEL", |text| ValueEnum::from_str(text, false)),
        sentinel,
        http: reader.parsed("RCM_HTTP", str::parse),
    };
    let name = reader.parsed("RCM_NAME", str::parse);
    let password_file = reader.value("RCM_PASSWORD_FILE").map(PathBuf::from);
    if settings.password.is_some() && password_file.is_some() {
        let both = "RCM_PASSWORD and RCM_PASSWORD_FILE are both set\nhelp: unset one of the two";
        reader.errors.push(both.to_owned());
    }
    if !reader.errors.is_empty() {
        return Err(Error::all(&reader.errors));
    }
    Ok(Variables {
        name,
        settings,
        process,
        password_file,
        warnings: reader.warnings,
    })
}

/// What the environment says of the Sentinel API.
fn door(reader: &mut Reader<'_>) -> sentinel::Settings {
    let password = reader.text("RCM_SENTINEL_PASSWORD").map(Secret::new);
    let file = reader
        .value("RCM_SENTINEL_PASSWORD_FILE")
        .map(PathBuf::from);
    if password.is_some() && file.is_some() {
        reader.errors.push(
            "RCM_SENTINEL_PASSWORD and RCM_SENTINEL_PASSWORD_FILE are both set\nhelp: unset one of \
             the two"
                .to_owned(),
        );
    }
    let in_file = file.and_then(|file| match Secret::read(&file) {
        Ok((secret, warning)) => {
            reader.warnings.extend(warning);
            Some(secret)
        }
        Err(error) => {
            reader.errors.push(error);
            None
        }
    });
    sentinel::Settings {
        address: reader.parsed("RCM_SENTINEL", sentinel::listen),
        announce: reader.parsed("RCM_SENTINEL_ANNOUNCE", sentinel::announce),
        username: reader.text("RCM_SENTINEL_USERNAME"),
        password: password.or(in_file),
        read_without_auth: reader.parsed("RCM_SENTINEL_READ_WITHOUT_AUTH", truth),
        max_clients: reader.parsed("RCM_SENTINEL_MAX_CLIENTS", sentinel::max_clients),
        idle_after: reader.parsed("RCM_SENTINEL_IDLE_AFTER", duration::parse_or_off),
        announce_hostnames: reader.parsed("RCM_SENTINEL_ANNOUNCE_HOSTNAMES", truth),
        replay_on_subscribe: reader.parsed("RCM_SENTINEL_REPLAY_ON_SUBSCRIBE", truth),
    }
}

struct Reader<'a> {
    env: Environment<'a>,
    errors: Vec<String>,
    warnings: Vec<String>,
}

impl Reader<'_> {
    fn value(&self, variable: &str) -> Option<OsString> {
        (self.env)(variable).filter(|value| !value.is_empty())
    }

    fn text(&mut self, variable: &str) -> Option<String> {
        let text = self.value(variable)?.into_string().ok();
        if text.is_none() {
            self.errors.push(format!("{variable} is not valid UTF-8"));
        }
        text
    }

    fn parsed<T, E: Display>(
        &mut self,
        variable: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(variable)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.errors
                    .push(format!("{variable} is set to `{text}`: {error}"));
                None
            }
        }
    }
}

fn truth(text: &str) -> Result<bool, &'static str> {
    match text {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("write true or false"),
    }
}
