//! `[proxy]`: how all proxies behave.

use std::time::Duration;

use super::reader::{Key, Reader, Value};
use crate::config::{Indeterminate, Network, Proxy, duration};

const KEYS: &[&str] = &[
    "connect_within",
    "drain_within",
    "hold_after",
    "hold_bytes",
    "hold_for",
    "idle_after",
    "indeterminate",
    "max_clients",
    "notifications",
    "proxy_protocol",
    "proxy_protocol_from",
    "replica_fallback",
    "replica_max_lag",
    "replica_max_lag_bytes",
    "share",
    "slow_after",
    "threads",
];

/// More help nobody: a primary has one.
const MOST_THREADS: usize = 64;

pub(super) fn read(reader: &mut Reader, value: &Value<'_>) -> Proxy {
    let mut proxy = Proxy::default();
    for (key, value) in reader.table("proxy", value).into_iter().flatten() {
        let time = match key.get_ref().as_ref() {
            "hold_for" => &mut proxy.hold_for,
            "hold_after" => &mut proxy.hold_after,
            "connect_within" => &mut proxy.connect_within,
            "slow_after" => &mut proxy.slow_after,
            "idle_after" => &mut proxy.idle_after,
            "drain_within" => &mut proxy.drain_within,
            "replica_max_lag" => &mut proxy.replica_max_lag,
            "hold_bytes" | "max_clients" | "threads" => {
                let number = number(reader, key, value);
                let place = match key.get_ref().as_ref() {
                    "hold_bytes" => &mut proxy.hold_bytes,
                    "max_clients" => &mut proxy.max_clients,
                    _ => &mut proxy.threads,
                };
                *place = number.unwrap_or(*place);
                continue;
            }
            "replica_max_lag_bytes" => {
                let bytes = number(reader, key, value).and_then(|bytes| bytes.try_into().ok());
                proxy.replica_max_lag_bytes = bytes.unwrap_or_default();
                continue;
            }
            "proxy_protocol_from" => {
                let found = networks(reader, key, value);
                proxy.proxy_protocol_from = found.unwrap_or_default();
                continue;
            }
            "notifications" | "proxy_protocol" | "replica_fallback" | "share" => {
                let place = match key.get_ref().as_ref() {
                    "notifications" => &mut proxy.notifications,
                    "proxy_protocol" => &mut proxy.proxy_protocol,
                    "replica_fallback" => &mut proxy.replica_fallback,
                    _ => &mut proxy.share,
                };
                *place = reader.truth(key, value).unwrap_or(*place);
                continue;
            }
            "indeterminate" => {
                proxy.indeterminate = indeterminate(reader, key, value);
                continue;
            }
            _ => {
                reader.unknown(key, KEYS);
                continue;
            }
        };
        if let Some(found) = period(reader, key, value) {
            *time = found;
        }
    }
    proxy
}

/// Only what happens to idle clients, and how old a replica may be, can be turned off.
fn period(reader: &mut Reader, key: &Key<'_>, value: &Value<'_>) -> Option<Duration> {
    let text = reader.text(key, value)?;
    if ["idle_after", "replica_max_lag"].contains(&key.get_ref().as_ref()) {
        return reader.duration(duration::parse_or_off(text), value);
    }
    let period = reader.duration(duration::parse(text), value)?;
    if period.is_zero() {
        let why = format!("`{}` must be longer than nothing", key.get_ref());
        reader.refuse(value, &why);
    }
    Some(period)
}

fn number(reader: &mut Reader, key: &Key<'_>, value: &Value<'_>) -> Option<usize> {
    let found = value.get_ref().as_integer();
    let number = found.and_then(|it| usize::from_str_radix(it.as_str(), it.radix()).ok());
    let most = if key.get_ref() == "threads" {
        MOST_THREADS
    } else {
        usize::MAX
    };
    let number = number.filter(|number| (1..=most).contains(number));
    if number.is_none() {
        let mut why = format!("`{}` must be a number above zero", key.get_ref());
        if most < usize::MAX {
            why = format!("`{}` must be a number from 1 to {most}", key.get_ref());
        }
        reader.refuse(value, &why);
    }
    number
}

fn networks(reader: &mut Reader, key: &Key<'_>, value: &Value<'_>) -> Option<Vec<Network>> {
    let Some(list) = value.get_ref().as_array() else {
        let why = format!(
            "`{}` must be a list; write [\"10.0.0.0/8\", \"fd00::7\"]",
            key.get_ref()
        );
        reader.refuse(value, &why);
        return None;
    };
    list.iter().map(|item| reader.parsed(key, item)).collect()
}

fn indeterminate(reader: &mut Reader, key: &Key<'_>, value: &Value<'_>) -> Indeterminate {
    match reader.text(key, value) {
        Some("disconnect") | None => Indeterminate::Disconnect,
        Some("error") => Indeterminate::Error,
        Some(_) => {
            let why = "`indeterminate` is one of \"disconnect\", \"error\"";
            reader.refuse(value, why);
            Indeterminate::Disconnect
        }
    }
}
