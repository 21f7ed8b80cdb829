//! The log: one line per change and one summary line per interval, on standard error.
//!
//! Not here: what is worth a line. The engine says that with its events.

mod line;
mod summary;

use std::io::{self, IsTerminal as _, Write as _};
use std::time::SystemTime;

use clap::ValueEnum;
use rcm_core::event::{Event, Severity};
use rcm_core::id::GroupName;
use rcm_core::status::Status;
use rcm_core::verdict::Verdict;
use serde::Serialize;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use crate::clock;
use line::Line;

pub use summary::text as summary_text;

/// How logs are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// In which form.
    pub format: LogFormat,
    /// From which level on.
    pub level: LogLevel,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// The level from which on something is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// Only what needs an operator.
    Error,
    /// And what needs a look.
    Warn,
    /// And every change.
    #[default]
    Info,
    /// And what only a developer wants.
    Debug,
}

/// Starts the log of this process. Only the first call counts.
pub fn init(log: Log) {
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    // What libraries have to say is rarely for an operator.
    let filter = Targets::new()
        .with_target(env!("CARGO_CRATE_NAME"), level)
        .with_default(level.min(LevelFilter::WARN));
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let lines = Lines {
        format: log.format,
        colour: io::stderr().is_terminal() && !no_colour,
    };
    let subscriber = tracing_subscriber::registry().with(lines.with_filter(filter));
    drop(tracing::subscriber::set_global_default(subscriber));
}

/// Logs what an engine says.
pub fn event(group: &GroupName, event: &Event) {
    let group = group.as_str();
    let code = event.kind.code();
    let rule = event.rule.map(|rule| rule.to_string());
    let rule = rule.as_deref();
    // Own fields differ from event to event, so they travel as one text and are opened at the end.
    let fields = own_fields(event);
    let text = event.kind.to_string();
    match level_of(event) {
        Level::ERROR => tracing::error!(group, code, rule, fields, "{text}"),
        Level::WARN => tracing::warn!(group, code, rule, fields, "{text}"),
        _ => tracing::info!(group, code, rule, fields, "{text}"),
    }
}

/// The event as `--log-format json` writes it, without the newline: the same object for all who
/// want an event as JSON.
pub fn event_json(group: &GroupName, event: &Event, at: SystemTime) -> String {
    let mut line = Line::of_event(group, event, at).json();
    line.truncate(line.trim_end().len());
    line
}

/// The time of day as logs write it, to the second.
pub fn wall_time() -> String {
    humantime::format_rfc3339_seconds(clock::time_of_day()).to_string()
}

/// Logs how a group is, and how many clients are at its proxies.
pub fn summary(status: &Status, clients: u64) {
    let group = status.group.as_str();
    let text = summary_text(status, clients);
    let code = "summary";
    let verdict = status.verdict.code();
    if matches!(status.verdict, Verdict::Healthy | Verdict::ColdStart) {
        tracing::info!(group, code, verdict, "{text}");
    } else {
        tracing::warn!(group, code, verdict, "{text}");
    }
}

/// Writes every event as one line.
struct Lines {
    format: LogFormat,
    colour: bool,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut line = Line::new(clock::time_of_day(), *event.metadata().level());
        event.record(&mut line);
        let text = match self.format {
            LogFormat::Text => line.text(self.colour),
            LogFormat::Json => line.json(),
        };
        // In one piece, so that lines of several threads never mix. Nobody can be told that nobody
        // reads the log any more.
        drop(io::stderr().lock().write_all(text.as_bytes()));
    }
}

/// The fields of an event that others do not have, as one JSON object.
fn own_fields(event: &Event) -> String {
    serde_json::to_string(&event.kind).unwrap_or_default()
}

/// The level at which an event is logged.
const fn level_of(event: &Event) -> Level {
    match event.kind.severity() {
        Severity::Info => Level::INFO,
        Severity::Warning => Level::WARN,
        Severity::Error => Level::ERROR,
    }
}

/// A level as it is written in the log.
fn level_word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        _ => "debug",
    }
}
