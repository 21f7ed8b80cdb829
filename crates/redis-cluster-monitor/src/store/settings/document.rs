//! What is stored, as JSON.

use rcm_core::id::Version;
use rcm_core::policy::Policy;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::values::{self, Values};
use crate::store::MAX_SETTINGS_BYTES;

/// How many changes are remembered.
const REMEMBERED: usize = 20;

/// The settings of a group, and how they came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// What the fields mean. Fields may be added without another number; who does not know them
    /// goes on without them and keeps them.
    format: u32,
    /// Counts the changes.
    pub version: Version,
    /// What is in force.
    pub settings: Values,
    /// The last changes, the oldest first; the last one brought this version.
    pub history: Vec<Edit>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// What it brought.
    pub version: Version,
    /// When, by the clock of the monitor that stored it.
    pub at: String,
    /// Who asked for it.
    pub by: String,
    /// What it changed, in words.
    pub changes: Vec<String>,
}

impl Document {
    /// The format that this program reads and writes.
    const FORMAT: u32 = 1;

    /// What follows `before`, or the first document.
    pub fn after(before: Option<&Self>, settings: Values, edit: Edit) -> Self {
        let mut next = before.cloned().unwrap_or_else(|| Self {
            format: Self::FORMAT,
            version: Version(0),
            settings: Values::new(),
            history: Vec::new(),
            unknown: Map::new(),
        });
        next.version = edit.version;
        next.settings = settings;
        next.history.push(edit);
        let surplus = next.history.len().saturating_sub(REMEMBERED);
        next.history.drain(..surplus);
        next
    }

    pub(super) fn parse(json: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Formatted {
            format: u32,
        }
        if json.len() > MAX_SETTINGS_BYTES {
            return Err(format!("they are longer than {MAX_SETTINGS_BYTES} bytes"));
        }
        let text = |error: serde_json::Error| error.to_string();
        let Formatted { format } = serde_json::from_slice(json).map_err(text)?;
        if format != Self::FORMAT {
            let known = Self::FORMAT;
            return Err(format!(
                "they have format {format}, and this version reads {known}; update this monitor"
            ));
        }
        let document: Self = serde_json::from_slice(json).map_err(text)?;
        values::read(&document.settings, &Policy::default())
            .map_err(|mistakes| mistakes.join("; "))?;
        Ok(document)
    }

    /// The text that is stored. Of a history that is too long the oldest changes are left out.
    pub(in crate::store) fn to_json(&self) -> Result<String, String> {
        let mut document = self.clone();
        loop {
            let json = serde_json::to_string(&document).map_err(|error| error.to_string())?;
            if json.len() <= MAX_SETTINGS_BYTES {
                return Ok(json);
            }
            if document.history.is_empty() {
                let bytes = json.len();
                return Err(format!(
                    "the settings have {bytes} bytes; the limit is {MAX_SETTINGS_BYTES}"
                ));
            }
            document.history.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn edit(version: u64) -> Edit {
        Edit {
            version: Version(version),
            at: "2026-01-02T03:04:05Z".to_owned(),
            by: "me".to_owned(),
            changes: vec!["x".repeat(100)],
        }
    }

    fn values() -> Values {
        let values = json!({ "nodes": ["10.0.0.1:6379"], "of_a_newer_version": [1] });
        values.as_object().unwrap().clone()
    }

    #[test]
    fn what_a_newer_program_has_added_is_ignored_and_kept() {
        let json = json!({
            "format": 1, "version": 7, "settings": values(), "history": [edit(7)], "more": {"a": 1},
        });
        let read = Document::parse(json.to_string().as_bytes()).unwrap();
        let next = Document::after(Some(&read), read.settings.clone(), edit(8));
        let next: Value = serde_json::from_str(&next.to_json().unwrap()).unwrap();
        assert_eq!(next["more"], json["more"]);
        assert_eq!(next["settings"], json["settings"]);
        assert_eq!(next["version"], 8);
    }

    #[test]
    fn another_format_is_refused_whatever_is_in_it() {
        let why = Document::parse(br#"{"format": 2, "anything": []}"#).unwrap_err();
        assert!(
            why.starts_with("they have format 2, and this version reads 1"),
            "{why}"
        );
        for garbage in [&b""[..], b"{}", b"[]", br#"{"format":1,"version":1}"#] {
            assert!(Document::parse(garbage).is_err());
        }
        let unusable = json!({
            "format": 1, "version": 1, "settings": {"nodes": ["a"], "hang_after": "1"}, "history": [],
        });
        assert!(Document::parse(unusable.to_string().as_bytes()).is_err());
    }

    #[test]
    fn the_history_is_bounded_in_changes_and_bytes() {
        let mut document = None;
        for version in 1..=30 {
            document = Some(Document::after(document.as_ref(), values(), edit(version)));
        }
        let mut document = document.unwrap();
        let versions: Vec<_> = document.history.iter().map(|edit| edit.version.0).collect();
        assert_eq!(versions, (11..=30).collect::<Vec<_>>());
        for edit in &mut document.history {
            edit.changes = vec!["x".repeat(10_000)];
        }
        let json = document.to_json().unwrap();
        assert!(json.len() <= MAX_SETTINGS_BYTES);
        let read = Document::parse(json.as_bytes()).unwrap();
        assert_eq!(read.history.last(), document.history.last());
    }
}
