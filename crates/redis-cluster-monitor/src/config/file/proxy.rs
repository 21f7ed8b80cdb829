//! `[proxy]`: how all proxies behave.

use std::time::Duration;

use super::reader::{Key, Reader, Value};
use crate::config::{Network, Proxy, proxy};

pub(in crate::config) const KEYS: &[&str] = &[
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
                let found = reader.parsed(key, value);
                proxy.indeterminate = found.unwrap_or_default();
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

fn period(reader: &mut Reader, key: &Key<'_>, value: &Value<'_>) -> Option<Duration> {
    let text = reader.text(key, value)?;
    accepted(reader, value, proxy::period(key.get_ref(), text))
}

fn number(reader: &mut Reader, key: &Key<'_>, value: &Value<'_>) -> Option<usize> {
    let found = value.get_ref().as_integer();
    let number = found.and_then(|it| usize::from_str_radix(it.as_str(), it.radix()).ok());
    accepted(reader, value, proxy::number(key.get_ref(), number))
}

/// What was read, unless it is refused.
fn accepted<T, E: AsRef<str>>(
    reader: &mut Reader,
    value: &Value<'_>,
    read: Result<T, E>,
) -> Option<T> {
    read.map_err(|why| reader.refuse(value, why.as_ref())).ok()
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
