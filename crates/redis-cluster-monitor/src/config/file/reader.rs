//! Takes values out of the parsed file and collects what is wrong with them.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeInteger, DeString, DeTable, DeValue};

use super::kind_of;
use crate::config::Secret;
use crate::config::duration::BadDuration;
use crate::config::problem::Problem;

pub(super) type Key<'a> = Spanned<DeString<'a>>;
pub(super) type Value<'a> = Spanned<DeValue<'a>>;

/// Collects problems, so that all are shown at once.
pub(super) struct Reader {
    pub problems: Vec<Problem>,
    pub warnings: Vec<String>,
    folder: PathBuf,
}

impl Reader {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            problems: Vec::new(),
            warnings: Vec::new(),
            folder: path.parent().unwrap_or(Path::new("")).to_owned(),
        }
    }

    pub(super) fn table<'a, 'i>(
        &mut self,
        name: &str,
        value: &'a Value<'i>,
    ) -> Option<&'a DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            let title = format!("`{name}` must be a table");
            self.wrong_kind(title, value, &format!("write [{name}]"));
        }
        table
    }

    pub(super) fn text<'a>(&mut self, key: &Key<'_>, value: &'a Value<'_>) -> Option<&'a str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            let title = format!("`{}` must be text", key.get_ref());
            let help = match value.get_ref().as_integer().map(DeInteger::as_str) {
                Some(number) if is_duration(key.get_ref()) => {
                    format!("a duration has a unit: \"{number}ms\", \"{number}s\"")
                }
                Some(number) => format!("write \"{number}\""),
                None => "text stands between quotes".to_owned(),
            };
            self.wrong_kind(title, value, &help);
        }
        text
    }

    pub(super) fn truth(&mut self, key: &Key<'_>, value: &Value<'_>) -> Option<bool> {
        let truth = value.get_ref().as_bool();
        if truth.is_none() {
            let title = format!("`{}` must be true or false", key.get_ref());
            self.wrong_kind(title, value, "write true or false, without quotes");
        }
        truth
    }

    pub(super) fn duration(
        &mut self,
        parsed: Result<Duration, BadDuration>,
        value: &Value<'_>,
    ) -> Option<Duration> {
        match parsed {
            Ok(duration) => Some(duration),
            Err(error) => {
                self.refuse(value, &error.to_string());
                None
            }
        }
    }

    /// A text that means something.
    pub(super) fn parsed<T: FromStr<Err: Display>>(
        &mut self,
        key: &Key<'_>,
        value: &Value<'_>,
    ) -> Option<T> {
        match self.text(key, value)?.parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.refuse(value, &error.to_string());
                None
            }
        }
    }

    /// What stands in a file of its own, whose path is given.
    pub(super) fn secret(
        &mut self,
        what: &str,
        key: &Key<'_>,
        value: &Value<'_>,
    ) -> Option<Secret> {
        let path = self.text(key, value)?;
        match Secret::read_as(what, &self.path(path)) {
            Ok((secret, warning)) => {
                self.warnings.extend(warning);
                Some(secret)
            }
            Err(why) => {
                self.refuse(value, &why);
                None
            }
        }
    }

    /// A path as it is meant: relative to the folder of the file.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        self.folder.join(text)
    }

    /// A value is not accepted; what stands after the first semicolon is the remedy.
    pub(super) fn refuse(&mut self, value: &Value<'_>, why: &str) {
        let problem = match why.split_once("; ") {
            Some((title, help)) => Problem::new(value.span(), title).help(help),
            None => Problem::new(value.span(), why),
        };
        self.problems.push(problem);
    }

    pub(super) fn unknown(&mut self, key: &Key<'_>, known: &[&str]) {
        let name = key.get_ref().as_ref();
        let problem = Problem::new(key.span(), format!("unknown key `{name}`"));
        let help = if name.contains("pass") && known.contains(&"password_file") {
            "a password does not stand in this file; put it into a file of its own and name that \
             with password_file, or set RCM_PASSWORD (for [sentinel] RCM_SENTINEL_PASSWORD, for \
             [store] RCM_STORE_PASSWORD)"
                .to_owned()
        } else if let Some(near) = nearest(name, '-', known) {
            format!("did you mean `{near}`?")
        } else {
            format!("known keys: {}", known.join(", "))
        };
        self.problems.push(problem.help(help));
    }

    /// An item of a list is none of the words that it can be.
    pub(super) fn unknown_word(&mut self, item: &Value<'_>, list: &str, known: &[&str]) {
        let word = item.get_ref().as_str();
        let title = format!("this is none of the {list} that there are");
        let help = match word.and_then(|word| nearest(word, '_', known)) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None if known.len() > 12 => format!("docs/{list}.md lists them"),
            None => format!("there are {}", known.join(", ")),
        };
        self.problems
            .push(Problem::new(item.span(), title).help(help));
    }

    fn wrong_kind(&mut self, title: String, value: &Value<'_>, help: &str) {
        let label = format!("this is {}", kind_of(value.get_ref()));
        self.problems
            .push(Problem::new(value.span(), title).label(label).help(help));
    }
}

fn is_duration(key: &str) -> bool {
    ["_after", "_every", "_for", "_lag", "_within"]
        .iter()
        .any(|end| key.ends_with(end))
}

/// The known word that needs the fewest edits, when it needs few. `wrong` separates parts of words
/// where the known ones have the other of `-` and `_`.
fn nearest<'a>(word: &str, wrong: char, known: &[&'a str]) -> Option<&'a str> {
    let right = if wrong == '-' { "_" } else { "-" };
    let word = word.to_lowercase().replace(wrong, right);
    known
        .iter()
        .map(|known| (edits(&word, known), *known))
        .min()
        .filter(|(edits, known)| *edits <= 2.min(known.len() / 2))
        .map(|(_, known)| known)
}

/// How many letters must be inserted, removed or replaced to get from `a` to `b`.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<_> = b.chars().collect();
    let mut row: Vec<_> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
