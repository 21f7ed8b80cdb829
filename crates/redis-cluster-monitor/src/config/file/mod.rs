//! The configuration file: TOML, read once, with every mistake shown where it stands.

mod groups;
pub(super) mod proxy;
mod reader;
mod sentinel;
mod store;
mod webhooks;

use std::collections::BTreeSet;
use std::path::Path;

use clap::ValueEnum;
use rcm_core::id::GroupName;
use rcm_core::policy::Nodes;
use toml::de::{DeTable, DeValue};

use super::problem::{self, Problem};
use super::settings::{Door, Process, Settings};
use super::{Error, Proxy, Webhook, duration};
use reader::{Reader, Value};

/// What the file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct File {
    pub process: Process,
    pub proxy: Proxy,
    pub groups: Vec<(GroupName, Nodes, Settings)>,
    pub webhooks: Vec<Webhook>,
    pub warnings: Vec<String>,
}

const KEYS: &[&str] = &[
    "defaults",
    "groups",
    "http",
    "log_format",
    "log_level",
    "proxy",
    "report_every",
    "sentinel",
    "store",
    "webhooks",
];

/// Reads the file at `path`.
pub(super) fn read(path: &Path) -> Result<File, Error> {
    parse(path, &source(path)?)
}

/// Reads only how proxies behave: a proxy elsewhere may be given the file of the monitors.
pub(super) fn read_proxy(path: &Path) -> Result<Proxy, Error> {
    let (proxy, _) = parse_with(path, &source(path)?, |reader, table| {
        let mut proxy = Proxy::default();
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "proxy" => proxy = proxy::read(reader, value),
                name if KEYS.contains(&name) => {}
                _ => reader.unknown(key, KEYS),
            }
        }
        proxy
    })?;
    Ok(proxy)
}

fn source(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path)
        .map_err(|error| Error::new(format!("cannot read {}: {error}", path.display())))
}

/// Reads `source`, which stands at `path`.
pub(super) fn parse(path: &Path, source: &str) -> Result<File, Error> {
    let (file, warnings) = parse_with(path, source, document)?;
    Ok(File { warnings, ..file })
}

/// What `read` makes of the file, and what is unwise in it.
fn parse_with<T>(
    path: &Path,
    source: &str,
    read: impl FnOnce(&mut Reader, &DeTable<'_>) -> T,
) -> Result<(T, Vec<String>), Error> {
    let (table, errors) = DeTable::parse_recoverable(source);
    if !errors.is_empty() {
        let mut lines = BTreeSet::new();
        // What follows in the same line only follows from it.
        let problems = errors.iter().filter_map(|error| {
            let span = error.span().unwrap_or_default();
            let line = source.get(..span.start)?.matches('\n').count();
            lines
                .insert(line)
                .then(|| Problem::new(span, error.message()))
        });
        return Err(Error(problem::render(path, source, problems.collect())));
    }
    let mut reader = Reader::new(path);
    let found = read(&mut reader, table.get_ref());
    if reader.problems.is_empty() {
        return Ok((found, reader.warnings));
    }
    Err(Error(problem::render(path, source, reader.problems)))
}

fn document(reader: &mut Reader, table: &DeTable<'_>) -> File {
    let mut file = File::default();
    let mut defaults = Settings::default();
    let mut groups = None;
    let mut webhooks = None;
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "store" => {
                (file.process.state_folder, file.process.store) = store::read(reader, value);
            }
            "report_every" => {
                let parsed = reader.text(key, value).map(duration::parse_or_off);
                file.process.report_every =
                    parsed.and_then(|parsed| reader.duration(parsed, value));
            }
            "log_format" => file.process.log_format = choice(reader, key.get_ref(), value),
            "log_level" => file.process.log_level = choice(reader, key.get_ref(), value),
            "sentinel" => file.process.sentinel = sentinel::read(reader, value),
            "http" => file.process.http = http(reader, value),
            "proxy" => file.proxy = proxy::read(reader, value),
            "defaults" => defaults = groups::defaults(reader, value),
            "groups" => groups = Some(value),
            "webhooks" => webhooks = Some(value),
            _ => reader.unknown(key, KEYS),
        }
    }
    match groups {
        Some(groups) => file.groups = groups::groups(reader, groups, &defaults),
        None => reader.problems.push(
            Problem::new(0..0, "there is no group to watch")
                .help("add one: [groups.mymaster] with nodes = [\"10.0.0.1:6379\"]"),
        ),
    }
    if let Some(webhooks) = webhooks {
        let table = groups.and_then(|groups| groups.get_ref().as_table());
        let names = table.into_iter().flatten();
        let names: Vec<GroupName> = names
            .filter_map(|(name, _)| name.get_ref().parse().ok())
            .collect();
        file.webhooks = webhooks::webhooks(reader, webhooks, &names);
    }
    file
}

/// `[http]`: where HTTP is served.
fn http(reader: &mut Reader, value: &Value<'_>) -> Option<Door> {
    let mut address = None;
    for (key, value) in reader.table("http", value)? {
        match key.get_ref().as_ref() {
            "address" => address = reader.parsed(key, value),
            _ => reader.unknown(key, &["address"]),
        }
    }
    address
}

/// A value that is one of a few words.
fn choice<T: ValueEnum>(reader: &mut Reader, key: &str, value: &Value<'_>) -> Option<T> {
    let found = value.get_ref().as_str();
    let choice = found.and_then(|text| T::from_str(text, false).ok());
    if choice.is_none() {
        let words: Vec<_> = T::value_variants()
            .iter()
            .filter_map(|variant| Some(format!("\"{}\"", variant.to_possible_value()?.get_name())))
            .collect();
        reader.problems.push(
            Problem::new(
                value.span(),
                format!("`{key}` has a value that it cannot have"),
            )
            .help(format!("it is one of {}", words.join(", "))),
        );
    }
    choice
}

/// What a value is, in words.
const fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests;
