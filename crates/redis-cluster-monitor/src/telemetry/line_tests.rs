use super::*;
use crate::telemetry;
use rcm_core::event::{Event, Kind};
use rcm_core::id::{Address, Epoch};
use rcm_core::rule::Rule;
use rcm_core::time::Instant;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing::Subscriber;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// Keeps lines instead of writing them.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Line>>>);

fn at() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_000_000_123)
}

impl<S: Subscriber> Layer<S> for Kept {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut line = Line::new(at(), *event.metadata().level());
        event.record(&mut line);
        self.0.lock().unwrap().push(line);
    }
}

fn logged(log: impl FnOnce()) -> Line {
    let kept = Kept::default();
    let subscriber = tracing_subscriber::registry().with(kept.clone());
    tracing::subscriber::with_default(subscriber, log);
    let mut lines = kept.0.lock().unwrap();
    lines.pop().unwrap()
}

fn an_event(event: &Event) -> Line {
    logged(|| telemetry::event(&"mymaster".parse().unwrap(), event))
}

fn a_switch() -> Event {
    Event {
        at: Instant::ZERO,
        rule: Some(Rule::F170),
        kind: Kind::PrimarySwitched {
            epoch: Epoch(7),
            from: Address::new("127.0.0.1", 6379),
            to: Address::new("127.0.0.1", 6380),
            planned: false,
            after: Duration::from_millis(42),
        },
    }
}

fn switched() -> Line {
    an_event(&a_switch())
}

#[test]
fn an_event_is_one_short_line_for_people() {
    let line = switched().text(false);
    assert!(
        line.starts_with("2026-11-18T11:06:40.123Z mymaster  "),
        "{line}"
    );
    assert!(line.ends_with('\n') && line.matches('\n').count() == 1);
    assert!(
        line.contains("127.0.0.1:6380") && !line.contains("epoch="),
        "{line}"
    );
}

#[test]
fn an_event_is_one_flat_object_for_programs() {
    let line = switched().json();
    let object: Map<String, Value> = serde_json::from_str(&line).unwrap();
    for (name, value) in [
        ("ts", Value::from("2026-11-18T11:06:40.123Z")),
        ("level", "warn".into()),
        ("group", "mymaster".into()),
        ("code", "primary-switched".into()),
        ("rule", "F170".into()),
        ("epoch", 7.into()),
        ("from", "127.0.0.1:6379".into()),
        ("to", "127.0.0.1:6380".into()),
        ("after_ms", 42.0.into()),
    ] {
        assert_eq!(object.get(name), Some(&value), "{name} in {line}");
    }
    assert!(object.contains_key("message") && !object.contains_key("event"));
    assert!(line.starts_with("{\"ts\":"), "{line}");
}

#[test]
fn who_asks_for_an_event_as_json_gets_the_line_of_the_log() {
    let json = telemetry::event_json(&"mymaster".parse().unwrap(), &a_switch(), at());
    assert_eq!(format!("{json}\n"), switched().json());
}

#[test]
fn a_level_is_shown_when_it_matters_and_coloured_when_asked() {
    let kind = Kind::StoreFailed {
        text: "cannot sync\n\x1b[2Jjournal.0".to_owned(),
    };
    let line = an_event(&Event {
        at: Instant::ZERO,
        rule: None,
        kind,
    });
    let text = line.text(false);
    assert!(text.contains("mymaster  ERROR the record cannot"), "{text}");
    assert!(text.contains("sync\\n\\u{1b}[2Jjournal"), "{text}");
    assert!(line.text(true).contains("\x1b[31mERROR\x1b[0m "));
    assert!(!line.json().trim_end().contains('\n'));
}

#[test]
fn other_lines_show_their_fields() {
    let line = logged(|| tracing::warn!(port = 6379_u64, path = "a b", "cannot listen"));
    assert_eq!(
        line.text(false),
        "2026-11-18T11:06:40.123Z  WARN cannot listen path=a b port=6379\n"
    );
    assert_eq!(
        line.json(),
        "{\"ts\":\"2026-11-18T11:06:40.123Z\",\"level\":\"warn\",\"message\":\"cannot listen\",\
         \"path\":\"a b\",\"port\":6379}\n"
    );
}
