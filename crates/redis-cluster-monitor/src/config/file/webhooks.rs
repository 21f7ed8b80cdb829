//! `[[webhooks]]`.

use std::collections::BTreeSet;

use rcm_core::event::CODES;
use rcm_core::id::GroupName;

use super::reader::{Key, Reader, Value};
use crate::config::Webhook;
use crate::config::problem::Problem;

const KEYS: &[&str] = &["events", "groups", "token_file", "url"];
/// Each has a queue and a task of its own.
const MOST: usize = 16;

/// All webhooks; `groups` are the names that they can choose from.
pub(super) fn webhooks(
    reader: &mut Reader,
    value: &Value<'_>,
    groups: &[GroupName],
) -> Vec<Webhook> {
    let Some(list) = value.get_ref().as_array() else {
        reader.refuse(
            value,
            "`webhooks` must be a list of tables; write [[webhooks]]",
        );
        return Vec::new();
    };
    if list.len() > MOST {
        let why = format!("there are more than {MOST} webhooks; let one receiver tell the others");
        reader.refuse(value, &why);
        return Vec::new();
    }
    list.iter()
        .filter_map(|value| webhook(reader, value, groups))
        .collect()
}

fn webhook(reader: &mut Reader, value: &Value<'_>, known: &[GroupName]) -> Option<Webhook> {
    let (mut url, mut token, mut events, mut groups) = (None, None, None, None);
    let mut has_url = false;
    let problems = reader.problems.len();
    for (key, value) in reader.table("[webhooks]", value)? {
        match key.get_ref().as_ref() {
            "url" => {
                has_url = true;
                url = reader.parsed(key, value);
            }
            "token_file" => {
                token = reader.secret("token", key, value);
                if let Some(token) = &token
                    && !token.reveal().bytes().all(|byte| byte.is_ascii_graphic())
                {
                    reader.refuse(
                        value,
                        "this file holds no token; a token is one word of plain characters",
                    );
                }
            }
            "events" => {
                let code = |text: &str| CODES.iter().find(|code| **code == text).copied();
                events = choice(reader, key, value, code, CODES);
            }
            "groups" => {
                let names: Vec<_> = known.iter().map(GroupName::as_str).collect();
                let group = |text: &str| known.iter().find(|name| name.as_str() == text);
                groups = choice(reader, key, value, |text| group(text).cloned(), &names);
            }
            _ => reader.unknown(key, KEYS),
        }
    }
    if !has_url {
        reader.problems.push(
            Problem::new(value.span(), "this webhook has no url")
                .help("add url = \"https://HOST/PATH\""),
        );
    }
    if reader.problems.len() > problems {
        return None;
    }
    Some(Webhook {
        url: url?,
        token,
        events,
        groups,
    })
}

/// A list of known words, without repetitions.
fn choice<T: Ord>(
    reader: &mut Reader,
    key: &Key<'_>,
    value: &Value<'_>,
    find: impl Fn(&str) -> Option<T>,
    known: &[&str],
) -> Option<BTreeSet<T>> {
    let name = key.get_ref();
    let Some(list) = value.get_ref().as_array().filter(|list| !list.is_empty()) else {
        let why = format!(
            "`{name}` must be a list that is not empty; leave it out for all, or write [\"...\"]"
        );
        reader.refuse(value, &why);
        return None;
    };
    let mut chosen = BTreeSet::new();
    for item in list {
        match item.get_ref().as_str().and_then(&find) {
            Some(found) => {
                chosen.insert(found);
            }
            None => reader.unknown_word(item, name, known),
        }
    }
    Some(chosen)
}
