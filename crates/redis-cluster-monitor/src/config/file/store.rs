//! `[store]`.

use std::path::PathBuf;
use std::time::Duration;

use super::reader::{Reader, Value};
use crate::config::duration;
use crate::config::etcd::{FORGET_RANGE, Place, Settings, endpoints, prefix};
use crate::config::problem::Problem;

const KEYS: &[&str] = &[
    "ca",
    "cert",
    "endpoints",
    "forget_after",
    "key",
    "kind",
    "password_file",
    "path",
    "prefix",
    "username",
];

/// The state folder, and what is said of the store.
pub(super) fn read(reader: &mut Reader, value: &Value<'_>) -> (Option<PathBuf>, Settings) {
    let (mut path, mut settings) = (None, Settings::default());
    let (mut kind, mut members, mut others) = (None, None, None);
    let Some(table) = reader.table("store", value) else {
        return (path, settings);
    };
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        if KEYS.contains(&name) && !["kind", "path"].contains(&name) {
            others = others.or(Some(key.span()));
        }
        match name {
            "kind" => kind = reader.text(key, value).map(|text| (text, value)),
            "path" => path = reader.text(key, value).map(|text| reader.path(text)),
            "endpoints" => members = list(reader, value),
            "prefix" => {
                let text = reader.text(key, value).map(prefix);
                settings.prefix = accepted(reader, value, text);
            }
            "ca" => settings.ca = pem(reader, "certificates", key, value),
            "cert" => settings.certificate = pem(reader, "certificate", key, value),
            "key" => settings.key = reader.secret("key", key, value),
            "username" => settings.username = reader.text(key, value).map(str::to_owned),
            "password_file" => settings.password = reader.secret("password", key, value),
            "forget_after" => {
                let parsed = reader.text(key, value).map(duration::parse);
                let parsed = parsed.and_then(|parsed| reader.duration(parsed, value));
                let (least, most) = FORGET_RANGE;
                let in_range = |time: &Duration| (least..=most).contains(time);
                let why = || "a monitor is forgotten after 10s to 7d".to_owned();
                let checked = parsed.map(|time| Some(time).filter(in_range).ok_or_else(why));
                settings.forget_after = accepted(reader, value, checked);
            }
            _ => reader.unknown(key, KEYS),
        }
    }
    settings.place = match kind.map_or(("file", value), |known| known) {
        ("file", _) => {
            if let Some(span) = others {
                let title = "this key belongs to another kind of store";
                let help = "add kind = \"etcd\", or take the key away";
                reader.problems.push(Problem::new(span, title).help(help));
            }
            kind.map(|_| Place::File)
        }
        ("etcd", value) => {
            // Endpoints that are wrong are told already.
            if !table.iter().any(|(key, _)| key.get_ref() == "endpoints") {
                reader.refuse(
                    value,
                    "the store has no endpoints; add endpoints = [\"10.0.0.1:2379\"]",
                );
            }
            members.map(Place::Etcd)
        }
        (kind, value) => {
            let why = format!("there is no store `{kind}`; there are \"file\" and \"etcd\"");
            reader.refuse(value, &why);
            None
        }
    };
    (path, settings)
}

fn list(reader: &mut Reader, value: &Value<'_>) -> Option<Vec<rcm_core::id::Address>> {
    let words = value.get_ref().as_array();
    let words: Option<Vec<&str>> =
        words.and_then(|list| list.iter().map(|word| word.get_ref().as_str()).collect());
    let Some(words) = words else {
        reader.refuse(
            value,
            "`endpoints` must be a list of texts; write [\"10.0.0.1:2379\", \"10.0.0.2:2379\"]",
        );
        return None;
    };
    let members = endpoints(words);
    accepted(reader, value, Some(members))
}

fn accepted<T>(
    reader: &mut Reader,
    value: &Value<'_>,
    checked: Option<Result<T, String>>,
) -> Option<T> {
    match checked? {
        Ok(accepted) => Some(accepted),
        Err(why) => {
            reader.refuse(value, &why);
            None
        }
    }
}

/// What stands in a file that is no secret.
fn pem(
    reader: &mut Reader,
    what: &str,
    key: &super::reader::Key<'_>,
    value: &Value<'_>,
) -> Option<String> {
    let path = reader.text(key, value)?;
    let path = reader.path(path);
    let text = std::fs::read_to_string(&path);
    let text = text.map_err(|error| {
        format!(
            "cannot read the file of the {what} {}: {error}",
            path.display()
        )
    });
    accepted(reader, value, Some(text))
}
