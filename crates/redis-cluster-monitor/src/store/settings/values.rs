//! The keys and values of settings, in the words of a configuration file.

use std::time::Duration;

use rcm_core::id::Address;
use rcm_core::policy::{Nodes, Policy};
use rcm_core::settings::Settings;
use serde_json::{Map, Value, json};

use crate::config::{check_delay, duration, quorum};

/// Values by their keys. A key that is missing, or `null`, has its default.
pub type Values = Map<String, Value>;

const KEYS: &[&str] = &[
    "nodes",
    "forgotten",
    "crash_after",
    "silent_after",
    "hang_after",
    "probe_every",
    "quorum",
    "persist_roles",
];

/// The keys that have no meaning here.
pub fn unknown(values: &Values) -> impl Iterator<Item = &str> {
    let keys = values.keys().map(String::as_str);
    keys.filter(|key| !KEYS.contains(key))
}

/// Settings as values, all of them.
pub fn write(settings: &Settings) -> Values {
    let Settings { policy, nodes } = settings;
    let human = |delay: Duration| humantime::format_duration(delay).to_string();
    let values = [
        ("nodes", json!(nodes.addresses())),
        ("forgotten", json!(nodes.forgotten())),
        ("crash_after", json!(human(policy.crash_after))),
        ("silent_after", json!(human(policy.silent_after))),
        ("hang_after", json!(policy.hang_after.map(human))),
        ("probe_every", json!(human(policy.probe_every))),
        ("quorum", json!(policy.quorum)),
        ("persist_roles", json!(policy.persist_roles)),
    ];
    let values = values.into_iter();
    values.map(|(key, value)| (key.to_owned(), value)).collect()
}

/// What the values mean, or everything that is wrong with them. What each monitor decides for itself
/// is taken from `own`. Keys without a meaning are ignored.
pub fn read(values: &Values, own: &Policy) -> Result<Settings, Vec<String>> {
    let mut reader = Reader {
        values,
        mistakes: Vec::new(),
    };
    let default = Policy::default();
    let policy = Policy {
        crash_after: reader.delay("crash_after").unwrap_or(default.crash_after),
        silent_after: reader.delay("silent_after").unwrap_or(default.silent_after),
        hang_after: reader.delay("hang_after").or(default.hang_after),
        probe_every: reader.delay("probe_every").unwrap_or(default.probe_every),
        quorum: reader.quorum().or(default.quorum),
        persist_roles: reader
            .truth("persist_roles")
            .unwrap_or(default.persist_roles),
        observe: own.observe,
        ack_replicas: own.ack_replicas,
    };
    let listed = reader.addresses("nodes");
    let forgotten = reader.addresses("forgotten");
    let mut mistakes = reader.mistakes;
    let nodes = Nodes::new(listed).and_then(|nodes| nodes.without(forgotten));
    match nodes {
        Ok(nodes) if mistakes.is_empty() => Ok(Settings { policy, nodes }),
        Ok(_) => Err(mistakes),
        Err(error) => {
            mistakes.push(format!("nodes: {error}"));
            Err(mistakes)
        }
    }
}

struct Reader<'a> {
    values: &'a Values,
    mistakes: Vec<String>,
}

impl Reader<'_> {
    fn value(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    /// Takes a value, or the mistake in it.
    fn take<T>(&mut self, key: &str, read: impl FnOnce(&Value) -> Result<T, String>) -> Option<T> {
        let read = read(self.value(key)?);
        read.map_err(|why| self.mistakes.push(format!("{key}: {why}")))
            .ok()
    }

    fn delay(&mut self, key: &'static str) -> Option<Duration> {
        self.take(key, |value| {
            let text = value.as_str().ok_or("a duration is text, such as \"1s\"")?;
            let delay = duration::parse(text).map_err(|error| error.to_string())?;
            check_delay(key, delay).map(|()| delay)
        })
    }

    fn quorum(&mut self) -> Option<usize> {
        self.take("quorum", |value| quorum(&value.to_string()))
    }

    fn truth(&mut self, key: &str) -> Option<bool> {
        self.take(key, |value| {
            value
                .as_bool()
                .ok_or_else(|| "write true or false".to_owned())
        })
    }

    fn addresses(&mut self, key: &str) -> Vec<Address> {
        let list = self.take(key, |value| {
            let list = value.as_array().cloned();
            list.ok_or_else(|| "write a list, [\"HOST:PORT\"]".to_owned())
        });
        let list = list.unwrap_or_default().into_iter();
        let address = |item: Value| {
            let text = item.as_str().unwrap_or_default();
            text.parse::<Address>()
                .map_err(|error| self.mistakes.push(format!("{key}: {error}")))
                .ok()
        };
        list.filter_map(address).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(value: &Value) -> Values {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let policy = Policy {
            crash_after: Duration::from_millis(1_500),
            hang_after: Some(Duration::from_secs(90)),
            quorum: Some(2),
            persist_roles: false,
            observe: true,
            ..Policy::default()
        };
        let node = |text: &str| text.parse::<Address>().unwrap();
        let nodes = Nodes::new(vec![node("a"), node("b:1")]).unwrap();
        let nodes = nodes.without(vec![node("[::1]:2")]).unwrap();
        for policy in [policy, Policy::default()] {
            let settings = Settings {
                policy,
                nodes: nodes.clone(),
            };
            let values = write(&settings);
            assert_eq!(unknown(&values).count(), 0);
            assert_eq!(read(&values, &settings.policy), Ok(settings));
        }
    }

    #[test]
    fn every_mistake_is_named() {
        let mistakes = read(
            &values(&json!({
                "nodes": ["a:", "b"], "crash_after": 5, "hang_after": "1", "silent_after": "1ms",
                "quorum": 0, "persist_roles": "yes", "probe_every": null, "hang_aftr": 1,
            })),
            &Policy::default(),
        );
        let mistakes = mistakes.unwrap_err();
        for start in [
            "crash_after: a duration is text",
            "silent_after: silent_after must lie between",
            "hang_after: `1` has no unit",
            "quorum: quorum must be a number of monitors",
            "persist_roles: write true or false",
            "nodes: ",
        ] {
            let named = mistakes.iter().any(|it| it.starts_with(start));
            assert!(named, "{start} in {mistakes:#?}");
        }
        assert_eq!(mistakes.len(), 6);
        let nobody = read(&values(&json!({})), &Policy::default()).unwrap_err();
        assert_eq!(
            nobody,
            ["nodes: no nodes given; name at least one HOST:PORT"]
        );
    }
}
