//! `[sentinel]`: the Sentinel API.

use super::reader::{Key, Reader, Value};
use crate::config::duration;
use crate::config::sentinel::{Settings, announce, listen, max_clients};

const KEYS: &[&str] = &[
    "address",
    "announce",
    "announce_hostnames",
    "idle_after",
    "max_clients",
    "password_file",
    "read_without_auth",
    "replay_on_subscribe",
    "username",
];

pub(super) fn read(reader: &mut Reader, value: &Value<'_>) -> Settings {
    let mut settings = Settings::default();
    for (key, value) in reader.table("sentinel", value).into_iter().flatten() {
        setting(reader, key, value, &mut settings);
    }
    settings
}

fn setting(reader: &mut Reader, key: &Key<'_>, value: &Value<'_>, into: &mut Settings) {
    match key.get_ref().as_ref() {
        "address" => {
            let parsed = reader.text(key, value).map(listen);
            into.address = parsed.and_then(|parsed| accept(reader, value, parsed));
        }
        "announce" => {
            let parsed = reader.text(key, value).map(announce);
            into.announce = parsed.and_then(|parsed| accept(reader, value, parsed));
        }
        "announce_hostnames" => into.announce_hostnames = reader.truth(key, value),
        "idle_after" => {
            let parsed = reader.text(key, value).map(duration::parse_or_off);
            into.idle_after = parsed.and_then(|parsed| reader.duration(parsed, value));
        }
        "max_clients" => {
            let number = value.get_ref().as_integer();
            let parsed = max_clients(number.map_or("", |number| number.as_str()));
            into.max_clients = accept(reader, value, parsed);
        }
        "password_file" => into.password = reader.secret("password", key, value),
        "read_without_auth" => into.read_without_auth = reader.truth(key, value),
        "replay_on_subscribe" => into.replay_on_subscribe = reader.truth(key, value),
        "username" => into.username = reader.text(key, value).map(str::to_owned),
        _ => reader.unknown(key, KEYS),
    }
}

fn accept<T>(reader: &mut Reader, value: &Value<'_>, parsed: Result<T, String>) -> Option<T> {
    parsed.map_err(|why| reader.refuse(value, &why)).ok()
}
