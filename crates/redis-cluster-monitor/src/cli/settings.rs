//! `edit`, `add`, `forget`, `history`: the settings of a group, changed for all its monitors at once.

use hyper::{Method, StatusCode};
use rcm_core::id::Address;
use serde_json::{Map, Value, json};

use super::door::{Error, accepted, group_of, show};
use super::{Exit, editor};
use crate::config::orders::{Author, EditArgs, HistoryArgs, NodeArgs, Place};
use crate::http::client::ask;

/// How often a change is tried that does not depend on what others change meanwhile.
const ATTEMPTS: usize = 5;

type Values = Map<String, Value>;

/// Settings as they are stored.
struct Stored {
    group: String,
    version: u64,
    values: Values,
}

/// Sets what is named, or opens everything in an editor.
pub(super) fn edit(order: &EditArgs) -> Exit {
    let output = order.place.output;
    if order.values.is_empty() {
        return show(output, edit_all(order), changed);
    }
    let set = |values: &mut Values| {
        let mut words = order.values.iter();
        words.try_for_each(|word| set(values, word))
    };
    show(output, change(&order.place, &order.author, set), changed)
}

/// Lists a node.
pub(super) fn add(order: &NodeArgs) -> Exit {
    let add = |values: &mut Values| {
        let nodes = list(values, "nodes")?;
        if has(nodes, &order.node) {
            return Err(Error::Wrong(format!("{} is listed already", order.node)));
        }
        nodes.push(json!(order.node));
        list(values, "forgotten")?.retain(|node| *node != json!(order.node));
        Ok(())
    };
    let adding = change(&order.place, &order.author, add);
    show(order.place.output, adding, changed)
}

/// Forgets a node, listed or not.
pub(super) fn forget(order: &NodeArgs) -> Exit {
    let forget = |values: &mut Values| {
        if has(list(values, "forgotten")?, &order.node) {
            return Err(Error::Wrong(format!("{} is forgotten already", order.node)));
        }
        list(values, "nodes")?.retain(|node| *node != json!(order.node));
        list(values, "forgotten")?.push(json!(order.node));
        Ok(())
    };
    let forgetting = change(&order.place, &order.author, forget);
    show(order.place.output, forgetting, changed)
}

/// Shows who has changed what.
pub(super) fn history(order: &HistoryArgs) -> Exit {
    let asking = async {
        let group = group_of(&order.place).await?;
        let path = format!("/v1/groups/{group}/settings/history");
        accepted(ask(&order.place.http, Method::GET, &path, None, String::new()).await?)
    };
    show(order.place.output, asking, lines)
}

async fn edit_all(order: &EditArgs) -> Result<Value, Error> {
    let stored = stored(&order.place).await?;
    let edited = editor::edit(&stored.values).map_err(Error::Wrong)?;
    let differences = differences(&stored.values, &edited);
    if differences.is_empty() {
        return Ok(unchanged(&stored));
    }
    let group = &stored.group;
    let question = format!("Change this in the settings of {group}?");
    if !order.yes && !editor::confirms(&differences, &question) {
        return Ok(unchanged(&stored));
    }
    accepted(put(&order.place, &order.author, &stored, &edited).await?)
}

/// Nothing was asked for in the end.
fn unchanged(stored: &Stored) -> Value {
    json!({
        "group": stored.group, "version": stored.version, "settings": stored.values, "changes": [],
    })
}

/// Reads, alters and stores the settings; again, if somebody else was quicker.
async fn change(
    place: &Place,
    author: &Author,
    alter: impl Fn(&mut Values) -> Result<(), Error>,
) -> Result<Value, Error> {
    let mut attempt = 1;
    loop {
        let stored = stored(place).await?;
        let mut values = stored.values.clone();
        alter(&mut values)?;
        let answer = put(place, author, &stored, &values).await?;
        if answer.0 != StatusCode::PRECONDITION_FAILED || attempt == ATTEMPTS {
            return accepted(answer);
        }
        attempt += 1;
    }
}

async fn stored(place: &Place) -> Result<Stored, Error> {
    let group = group_of(place).await?;
    let path = format!("/v1/groups/{group}/settings");
    let answer = ask(&place.http, Method::GET, &path, None, String::new()).await?;
    let mut answer = accepted(answer)?;
    match (answer["version"].as_u64(), answer["settings"].take()) {
        (Some(version), Value::Object(values)) => Ok(Stored {
            group,
            version,
            values,
        }),
        _ => Err(Error::Wrong(format!("{path} shows no settings"))),
    }
}

async fn put(
    place: &Place,
    author: &Author,
    stored: &Stored,
    values: &Values,
) -> Result<(StatusCode, Value), Error> {
    let mut body = json!({ "settings": values });
    if let Some(by) = author.by.as_ref().filter(|by| !by.is_empty()) {
        body["by"] = json!(by);
    }
    let path = format!("/v1/groups/{}/settings", stored.group);
    let replaces = Some(stored.version);
    Ok(ask(&place.http, Method::PUT, &path, replaces, body.to_string()).await?)
}

/// `hang_after=1s`. What looks like a number or a truth is one.
fn set(values: &mut Values, word: &str) -> Result<(), Error> {
    let Some((key, text)) = word.split_once('=') else {
        return Err(Error::Wrong(format!(
            "`{word}` sets nothing; write KEY=VALUE, such as hang_after=1s"
        )));
    };
    if matches!(key, "nodes" | "forgotten") {
        return Err(Error::Wrong(format!(
            "`{key}` is changed with `add NODE` and `forget NODE`, or in the editor"
        )));
    }
    let value = match text {
        "" => Value::Null,
        "true" | "false" => json!(text == "true"),
        text if key == "quorum" => text
            .parse::<u64>()
            .map_or(json!(text), |number| json!(number)),
        text => json!(text),
    };
    values.insert(key.to_owned(), value);
    Ok(())
}

fn list<'a>(values: &'a mut Values, key: &str) -> Result<&'a mut Vec<Value>, Error> {
    let list = values.entry(key).or_insert_with(|| json!([]));
    list.as_array_mut()
        .ok_or_else(|| Error::Wrong(format!("the monitor shows no list of {key}")))
}

fn has(list: &[Value], node: &Address) -> bool {
    list.contains(&json!(node))
}

/// Every key that has another value, one in a line.
fn differences(before: &Values, after: &Values) -> String {
    let mut keys: Vec<_> = before.keys().chain(after.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let value = |values: &Values, key: &str| values.get(key).cloned().unwrap_or_default();
    let differ = keys.into_iter().filter_map(|key| {
        let (old, new) = (value(before, key), value(after, key));
        (old != new).then(|| format!("- {key} = {old}\n+ {key} = {new}\n"))
    });
    differ.collect()
}

/// What has changed, and which version that is.
fn changed(answer: &Value) -> String {
    let changes = answer["changes"].as_array().map_or(&[][..], Vec::as_slice);
    let version = &answer["version"];
    if changes.is_empty() {
        return format!("nothing is changed; settings version {version}.\n");
    }
    let lines: Vec<_> = changes.iter().filter_map(Value::as_str).collect();
    format!("{}\nsettings version {version}.\n", lines.join("\n"))
}

fn lines(answer: &Value) -> String {
    let edits = answer["history"].as_array().map_or(&[][..], Vec::as_slice);
    let line = |edit: &Value| {
        let word = |name: &str| edit[name].as_str().unwrap_or("?").to_owned();
        let changes = edit["changes"].as_array().map_or(&[][..], Vec::as_slice);
        let changes: Vec<_> = changes.iter().filter_map(Value::as_str).collect();
        let (version, at, by) = (&edit["version"], word("at"), word("by"));
        format!("{version}  {at}  {by}  {}\n", changes.join(", "))
    };
    if edits.is_empty() {
        return "nobody has changed the settings.\n".to_owned();
    }
    edits.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_sets_one_value() {
        let mut values = Values::new();
        for word in [
            "hang_after=1s",
            "quorum=2",
            "persist_roles=false",
            "crash_after=",
        ] {
            set(&mut values, word).unwrap();
        }
        let expected = json!({
            "hang_after": "1s", "quorum": 2, "persist_roles": false, "crash_after": null,
        });
        assert_eq!(json!(values), expected);
        for word in ["hang_after", "nodes=a", "forgotten="] {
            assert!(set(&mut values, word).is_err(), "{word}");
        }
    }

    #[test]
    fn what_differs_is_shown_line_by_line() {
        let values = |value: &Value| value.as_object().unwrap().clone();
        let before = values(&json!({ "a": 1, "b": "x", "c": true }));
        let after = values(&json!({ "a": 1, "b": "y", "d": ["z"] }));
        let told = "- b = \"x\"\n+ b = \"y\"\n- c = true\n+ c = null\n- d = null\n+ d = [\"z\"]\n";
        assert_eq!(differences(&before, &after), told);
    }

    #[test]
    fn changes_are_told_with_their_version() {
        let answer = json!({ "version": 3, "changes": ["hang_after is 1s, was by the node"] });
        let told = "hang_after is 1s, was by the node\nsettings version 3.\n";
        assert_eq!(changed(&answer), told);
        let edits = json!({ "history": [
            { "version": 3, "at": "2026-01-02T03:04:05Z", "by": "me", "changes": ["a", "b"] },
        ]});
        assert_eq!(lines(&edits), "3  2026-01-02T03:04:05Z  me  a, b\n");
    }
}
