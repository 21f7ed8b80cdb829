//! The settings of `[proxy]` as options, for a proxy that is a process of its own.

use std::time::Duration;

use clap::Args as ClapArgs;

use super::proxy::{number, period};
use super::{Indeterminate, Network, Proxy};

/// What the options say; `None` is nothing. Names and ranges are those of the file.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Settings, as in [proxy] of a configuration file")]
pub(super) struct ProxyOptions {
    /// How long a request waits for a primary before it is answered with an error [default: 10s]
    #[arg(long, value_name = "DUR", value_parser = period_of("hold_for"))]
    hold_for: Option<Duration>,
    /// While the primary is suspected, a request that is unanswered for so long holds those after it
    /// [default: 100ms]
    #[arg(long, value_name = "DUR", value_parser = period_of("hold_after"))]
    hold_after: Option<Duration>,
    /// How much may wait for a primary, of all clients [default: 67108864]
    #[arg(long, value_name = "BYTES", value_parser = number_of("hold_bytes"))]
    hold_bytes: Option<usize>,
    /// What becomes of requests whose outcome is unknown [default: disconnect]
    #[arg(long, value_name = "WHAT")]
    indeterminate: Option<Indeterminate>,
    /// The most clients of each door [default: 10000]
    #[arg(long, value_name = "COUNT", value_parser = number_of("max_clients"))]
    max_clients: Option<usize>,
    /// How long a connect to the primary may take [default: 1s]
    #[arg(long, value_name = "DUR", value_parser = period_of("connect_within"))]
    connect_within: Option<Duration>,
    /// How long a client may leave its replies unread [default: 60s]
    #[arg(long, value_name = "DUR", value_parser = period_of("slow_after"))]
    slow_after: Option<Duration>,
    /// How long a client may send nothing; 0 is for ever [default: 0]
    #[arg(long, value_name = "DUR", value_parser = period_of("idle_after"))]
    idle_after: Option<Duration>,
    /// How long replies that are due are waited for at the end [default: 5s]
    #[arg(long, value_name = "DUR", value_parser = period_of("drain_within"))]
    drain_within: Option<Duration>,
    /// Whether requests that depend on nothing but keys share connections [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    share: Option<bool>,
    /// How old what a replica holds may be; 0 is as old as it likes [default: 5s]
    #[arg(long, value_name = "DUR", value_parser = period_of("replica_max_lag"))]
    replica_max_lag: Option<Duration>,
    /// How many bytes of the stream a replica may lack [default: as many as it likes]
    #[arg(long, value_name = "BYTES", value_parser = number_of("replica_max_lag_bytes"))]
    replica_max_lag_bytes: Option<usize>,
    /// Whether reads go to the primary while no replica is in step [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    replica_fallback: Option<bool>,
    /// Whether clients that ask for it are told of failovers [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    notifications: Option<bool>,
    /// Whether load balancers say whom they speak for [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    proxy_protocol: Option<bool>,
    /// Where these load balancers are [default: this machine]
    #[arg(long, value_name = "NETWORK,...", value_delimiter = ',')]
    proxy_protocol_from: Option<Vec<Network>>,
    /// How many threads serve the clients of each door [default: 1]
    #[arg(long, value_name = "COUNT", value_parser = number_of("threads"))]
    threads: Option<usize>,
}

impl ProxyOptions {
    /// These settings, and those of `below` where these say nothing.
    pub(super) fn over(&self, below: Proxy) -> Proxy {
        let lag_bytes = self.replica_max_lag_bytes.map(|bytes| bytes as u64);
        let from = self.proxy_protocol_from.clone();
        Proxy {
            hold_for: self.hold_for.unwrap_or(below.hold_for),
            hold_after: self.hold_after.unwrap_or(below.hold_after),
            hold_bytes: self.hold_bytes.unwrap_or(below.hold_bytes),
            connect_within: self.connect_within.unwrap_or(below.connect_within),
            slow_after: self.slow_after.unwrap_or(below.slow_after),
            idle_after: self.idle_after.unwrap_or(below.idle_after),
            drain_within: self.drain_within.unwrap_or(below.drain_within),
            max_clients: self.max_clients.unwrap_or(below.max_clients),
            indeterminate: self.indeterminate.unwrap_or(below.indeterminate),
            threads: self.threads.unwrap_or(below.threads),
            share: self.share.unwrap_or(below.share),
            replica_max_lag: self.replica_max_lag.unwrap_or(below.replica_max_lag),
            replica_max_lag_bytes: lag_bytes.unwrap_or(below.replica_max_lag_bytes),
            replica_fallback: self.replica_fallback.unwrap_or(below.replica_fallback),
            notifications: self.notifications.unwrap_or(below.notifications),
            proxy_protocol: self.proxy_protocol.unwrap_or(below.proxy_protocol),
            proxy_protocol_from: from.unwrap_or(below.proxy_protocol_from),
        }
    }
}

fn period_of(key: &'static str) -> impl Fn(&str) -> Result<Duration, String> + Clone {
    move |text| period(key, text)
}

fn number_of(key: &'static str) -> impl Fn(&str) -> Result<usize, String> + Clone {
    move |text| number(key, text.parse().ok())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use clap::{CommandFactory as _, Parser as _};

    use super::*;
    use crate::config::args::{Args, Command};
    use crate::config::file;

    /// The settings that these options make.
    fn settings(options: &[&str]) -> Result<Proxy, String> {
        let words = "redis-cluster-monitor proxy --monitors a:1 --listen 127.0.0.1:0";
        let args = Args::try_parse_from(words.split(' ').chain(options.iter().copied()));
        match args.map_err(|error| error.to_string())?.command {
            Some(Command::Proxy(order)) => order.settings().map_err(|error| error.to_string()),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn every_key_of_the_file_is_an_option_of_the_same_range() {
        let command = Args::command();
        let proxy = command.find_subcommand("proxy").unwrap();
        let options: Vec<_> = proxy
            .get_arguments()
            .filter_map(|it| it.get_long())
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("m.toml");
        for key in file::proxy::KEYS {
            let option = key.replace('_', "-");
            assert!(options.contains(&option.as_str()), "no --{option}");
            let mut seen = [false; 2];
            for word in [
                "0", "1", "64", "65", "5s", "0s", "off", "true", "error", "::1",
            ] {
                let is_bare = word.parse::<u64>().is_ok() || word == "true";
                let value = match *key {
                    "proxy_protocol_from" => format!("[\"{word}\"]"),
                    _ if is_bare => word.to_owned(),
                    _ => format!("\"{word}\""),
                };
                fs::write(&file, format!("[proxy]\n{key} = {value}\n")).unwrap();
                let in_file = file::read_proxy(&file).ok();
                // A duration of nothing is text in the file.
                if word == "0" && in_file.is_none() {
                    continue;
                }
                let as_option = settings(&[&format!("--{option}"), word]).ok();
                assert_eq!(as_option, in_file, "{key} = {word}");
                seen[usize::from(in_file.is_some())] = true;
            }
            assert_eq!(seen, [true, true], "{key}");
        }
    }

    #[test]
    fn options_beat_the_file_and_only_one_table_of_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("m.toml");
        let text = "[groups.a]\nnodes = [\"x\"]\npassword_file = \"nowhere\"\n\
                    [proxy]\nhold_for = \"1s\"\nthreads = 2\n";
        fs::write(&file, text).unwrap();
        let config = ["--config", file.to_str().unwrap()];
        let found = settings(&[&config[..], &["--threads", "3", "--notifications"]].concat());
        let expected = Proxy {
            hold_for: Duration::from_secs(1),
            threads: 3,
            notifications: true,
            ..Proxy::default()
        };
        assert_eq!(found, Ok(expected));
        fs::write(&file, "[proxi]\n").unwrap();
        assert!(
            settings(&config)
                .unwrap_err()
                .contains("did you mean `proxy`?")
        );
    }

    #[test]
    fn the_pages_name_every_option() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
        let page = fs::read_to_string(docs).unwrap();
        for key in file::proxy::KEYS {
            assert!(page.contains(&format!("| `{key}` |")), "{key}");
        }
    }
}
