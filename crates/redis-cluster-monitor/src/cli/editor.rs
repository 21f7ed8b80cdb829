//! Settings in the operator's editor, as the lines of a configuration file.

use std::io::{self, Write as _};
use std::process::Command;

use serde_json::{Map, Value};

use super::say;

type Values = Map<String, Value>;

const HEAD: &str = "\
# The settings of all monitors of this group. A line that begins with # is as good as missing: the
# key has its default. Nodes that are no longer listed are forgotten.

";

/// Lets the operator change the values; gives what is there in the end.
pub(super) fn edit(values: &Values) -> Result<Values, String> {
    let file = tempfile::Builder::new()
        .prefix("settings-")
        .suffix(".toml")
        .tempfile();
    let mut file = file.map_err(|error| format!("there is no file to edit: {error}"))?;
    file.write_all(text(values).as_bytes())
        .map_err(|error| format!("the settings cannot be written to be edited: {error}"))?;
    let named = |name| std::env::var(name).ok().filter(|it| !it.trim().is_empty());
    let editor = named("VISUAL").or_else(|| named("EDITOR"));
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    // An editor is a command with options.
    let ended = Command::new("sh")
        .args(["-c", &format!("{editor} \"$1\""), "sh"])
        .arg(file.path())
        .status()
        .map_err(|error| format!("the editor `{editor}` cannot be started: {error}"))?;
    if !ended.success() {
        return Err(format!(
            "the editor `{editor}` ended with {ended}; set $EDITOR to another"
        ));
    }
    let edited = std::fs::read_to_string(file.path())
        .map_err(|error| format!("what was edited cannot be read: {error}"))?;
    parse(&edited, values)
}

/// Shows what differs and asks; an answer that is not clearly yes is no.
pub(super) fn confirms(differences: &str, question: &str) -> bool {
    say(differences.trim_end());
    // Nobody can be told that nobody reads it.
    drop(write!(io::stderr(), "{question} [y/N] "));
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// A JSON value of these kinds is written in TOML as in JSON.
fn text(values: &Values) -> String {
    let mut text = HEAD.to_owned();
    for (key, value) in values {
        let line = match value {
            Value::Null => format!("# {key} =\n"),
            Value::Object(_) => String::new(),
            Value::Array(items) if !items.is_empty() => {
                let items: Vec<_> = items.iter().map(ToString::to_string).collect();
                format!("{key} = [\n    {},\n]\n", items.join(",\n    "))
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                format!("{key} = {value}\n")
            }
        };
        text.push_str(&line);
    }
    text
}

/// What was not shown stays as it was.
fn parse(text: &str, before: &Values) -> Result<Values, String> {
    let mut values: Values =
        toml::from_str(text).map_err(|error| format!("what was edited is no TOML: {error}"))?;
    for (key, value) in before {
        if value.is_object() {
            values.insert(key.clone(), value.clone());
        } else if !values.contains_key(key) {
            values.insert(key.clone(), Value::Null);
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_touched_is_as_it_was() {
        let values = json!({
            "nodes": ["10.0.0.1:6379", "[::1]:6379"], "forgotten": [], "hang_after": null,
            "probe_every": "200ms", "quorum": 2, "persist_roles": true, "newer": {"a": 1},
        });
        let values = values.as_object().unwrap();
        let text = text(values);
        assert_eq!(parse(&text, values).as_ref(), Ok(values), "{text}");
        let edited = text.replace("# hang_after =", "hang_after = \"1s\"");
        let edited = edited.replace("quorum = 2\n", "");
        let edited = parse(&edited, values).unwrap();
        assert_eq!(
            (&edited["hang_after"], &edited["quorum"]),
            (&json!("1s"), &Value::Null)
        );
        assert!(parse("hang_after = ", values).is_err());
    }
}
