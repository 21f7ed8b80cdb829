//! One line of the log, for people or for programs.

use std::fmt;
use std::time::SystemTime;

use rcm_core::event::Event;
use rcm_core::id::GroupName;
use serde_json::{Map, Value};
use tracing::Level;
use tracing::field::{Field, Visit};

use super::{level_of, level_word, own_fields};

/// What a line tells.
#[derive(Clone, Debug)]
pub(super) struct Line {
    at: SystemTime,
    level: Level,
    message: String,
    group: Option<String>,
    code: Option<String>,
    rule: Option<String>,
    /// Everything else.
    fields: Map<String, Value>,
    /// Whether the code says it all: then a person does not see the fields.
    is_event: bool,
}

impl Line {
    pub(super) fn new(at: SystemTime, level: Level) -> Self {
        Self {
            at,
            level,
            message: String::new(),
            group: None,
            code: None,
            rule: None,
            fields: Map::new(),
            is_event: false,
        }
    }

    /// The line of an event.
    pub(super) fn of_event(group: &GroupName, event: &Event, at: SystemTime) -> Self {
        let mut line = Self {
            message: event.kind.to_string(),
            group: Some(group.to_string()),
            code: Some(event.kind.code().to_owned()),
            rule: event.rule.map(|rule| rule.to_string()),
            is_event: true,
            ..Self::new(at, level_of(event))
        };
        line.add_fields(&own_fields(event));
        line
    }

    /// The line as people read it. The level is shown only when it matters.
    pub(super) fn text(&self, colour: bool) -> String {
        let mut text = humantime::format_rfc3339_millis(self.at).to_string();
        if let Some(group) = &self.group {
            text.push(' ');
            text.push_str(group);
        }
        text.push_str("  ");
        let (start, end) = match (colour, self.level) {
            (true, Level::ERROR) => ("\x1b[31m", "\x1b[0m"),
            (true, Level::WARN) => ("\x1b[33m", "\x1b[0m"),
            _ => ("", ""),
        };
        if self.level <= Level::WARN {
            text.extend([start, self.level.as_str(), end, " "]);
        }
        push_in_one_line(&mut text, &self.message);
        if !self.is_event {
            for (name, value) in &self.fields {
                text.extend([" ", name, "="]);
                match value.as_str() {
                    Some(value) => push_in_one_line(&mut text, value),
                    None => text.push_str(&value.to_string()),
                }
            }
        }
        text.push('\n');
        text
    }

    /// The line as programs read it.
    pub(super) fn json(&self) -> String {
        let mut object = vec![
            ("ts", humantime::format_rfc3339_millis(self.at).to_string()),
            ("level", level_word(self.level).to_owned()),
        ];
        let optional = [
            ("group", &self.group),
            ("code", &self.code),
            ("rule", &self.rule),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                object.push((name, value.clone()));
            }
        }
        object.push(("message", self.message.clone()));
        let taken = |name: &str| object.iter().any(|(known, _)| *known == name);
        let own = self.fields.iter().filter(|(name, _)| !taken(name));
        let parts: Vec<_> = object
            .iter()
            .map(|(name, value)| format!("\"{name}\":{}", Value::from(value.as_str())))
            .chain(own.map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))))
            .collect();
        format!("{{{}}}\n", parts.join(","))
    }

    /// Takes the fields of a JSON object.
    fn add_fields(&mut self, object: &str) {
        let parsed = serde_json::from_str::<Map<_, _>>(object).unwrap_or_default();
        // The code says it already.
        let own = parsed.into_iter().filter(|(name, _)| name != "event");
        self.fields.extend(own);
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "group" => self.group = Some(value.to_owned()),
            "code" => {
                self.code = Some(value.to_owned());
                self.is_event = true;
            }
            "rule" => self.rule = Some(value.to_owned()),
            "message" => value.clone_into(&mut self.message),
            "fields" => self.add_fields(value),
            name => {
                self.fields.insert(name.to_owned(), value.into());
            }
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.fields.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.fields.insert(field.name().to_owned(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.fields.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.fields.insert(field.name().to_owned(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// What a server said may hold anything; a line stays a line, and a terminal is not steered.
fn push_in_one_line(line: &mut String, text: &str) {
    for c in text.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
