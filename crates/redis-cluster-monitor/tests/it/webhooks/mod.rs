//! Webhooks with a real receiver that fails, refuses, hangs and talks too much.

mod https;
mod receiver;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use rcm_core::event::{Event, Kind};
use rcm_core::time::Instant;
use redis_cluster_monitor::clock::Clock;
use redis_cluster_monitor::config::{Scripts, Secret, Webhook};
use redis_cluster_monitor::hooks::{Group, Hooks, Limits, WebhookLimits};
use tokio::sync::broadcast;

use self::receiver::{Answer, Receiver};

/// The hooks of the group `shop`, and a way to let something happen there.
struct Shop {
    hooks: Hooks,
    events: broadcast::Sender<Arc<Event>>,
}

impl Shop {
    fn open(webhooks: Vec<Webhook>, limits: WebhookLimits) -> Self {
        let events = broadcast::Sender::new(4096);
        let group = Group {
            name: "shop".parse().unwrap(),
            scripts: Scripts::default(),
            observes: false,
            events: events.subscribe(),
        };
        let limits = Limits {
            webhooks: limits,
            grace: Duration::ZERO,
            ..Limits::default()
        };
        let hooks = Hooks::start(vec![group], webhooks, limits, Clock::start()).unwrap();
        Self { hooks, events }
    }

    /// An event with a number.
    fn happens(&self, number: u64) {
        self.tell(Kind::StoreFailed {
            text: number.to_string(),
        });
    }

    fn tell(&self, kind: Kind) {
        let event = Event {
            at: Instant::ZERO,
            rule: None,
            kind,
        };
        self.events.send(Arc::new(event)).unwrap();
    }
}

fn quick() -> WebhookLimits {
    WebhookLimits {
        timeout: Duration::from_secs(10),
        first_retry: Duration::from_millis(1),
        ..WebhookLimits::default()
    }
}

#[test]
fn an_event_is_sent_as_the_log_writes_it_and_again_until_it_is_taken() {
    let trouble = [
        Answer::Status("500 Oh no"),
        Answer::Status("429 Slowly"),
        Answer::Goodbye,
    ];
    let receiver = Receiver::start(&trouble);
    let webhook = Webhook {
        token: Some(Secret::new("OpenSesame")),
        ..receiver.webhook()
    };
    let shop = Shop::open(vec![webhook], quick());
    shop.happens(1);
    shop.happens(2);
    let requests = receiver.wait_for(5);
    assert_eq!(receiver.numbers(), [1, 1, 1, 1, 2]);
    let [first, .., again, next] = requests.as_slice() else {
        panic!("{requests:?}");
    };
    assert!(first.head.starts_with("post /hook?key=secret http/1.1\r\n"));
    assert_eq!(first.header("content-type"), "application/json");
    assert_eq!(first.header("authorization"), "bearer opensesame");
    assert!(first.header("host").starts_with("localhost:"));
    assert_eq!(first.header("rcm-event-id"), again.header("rcm-event-id"));
    assert_ne!(first.header("rcm-event-id"), next.header("rcm-event-id"));
    assert_eq!(first.body, again.body);
    let json = first.json();
    for (field, value) in [
        ("group", "shop"),
        ("code", "store-failed"),
        ("level", "error"),
    ] {
        assert_eq!(json[field], value, "{json}");
    }
    assert!(
        json["ts"].is_string() && json["message"].is_string(),
        "{json}"
    );
}

#[test]
fn what_is_refused_or_redirected_is_not_sent_again() {
    let elsewhere = Receiver::start(&[]);
    let moved = format!("302 Found\r\nLocation: {}", elsewhere.url);
    let moved = Answer::Status(moved.leak());
    let receiver = Receiver::start(&[Answer::Status("404 Not Found"), moved]);
    let shop = Shop::open(vec![receiver.webhook()], quick());
    for number in 1..=3 {
        shop.happens(number);
    }
    receiver.wait_for(3);
    assert_eq!(receiver.numbers(), [1, 2, 3]);
    assert_eq!(elsewhere.requests().len(), 0);
}

#[test]
fn a_receiver_that_never_takes_an_event_gets_the_next_one_after_five_attempts() {
    let receiver = Receiver::start(&[Answer::Status("503 Busy"); 5]);
    let shop = Shop::open(vec![receiver.webhook()], quick());
    shop.happens(1);
    shop.happens(2);
    receiver.wait_for(6);
    assert_eq!(receiver.numbers(), [1, 1, 1, 1, 1, 2]);
}

#[test]
fn a_receiver_that_hangs_holds_up_nobody_else() {
    let hung = Receiver::start(&[Answer::Nothing; 100]);
    let well = Receiver::start(&[]);
    let dead = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead_url = format!("http://{}", dead.local_addr().unwrap());
    drop(dead);
    let dead = Webhook {
        url: dead_url.parse().unwrap(),
        ..well.webhook()
    };
    let webhooks = vec![hung.webhook(), dead, well.webhook()];
    let shop = Shop::open(webhooks, WebhookLimits::default());
    for number in 1..=9 {
        shop.happens(number);
    }
    well.wait_for(9);
    assert_eq!(well.numbers(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    hung.wait_for(1);
    drop(shop.hooks);
}

#[test]
fn an_answer_that_does_not_come_in_time_is_a_failed_attempt() {
    let receiver = Receiver::start(&[Answer::Nothing]);
    let limits = WebhookLimits {
        timeout: Duration::from_millis(300),
        ..quick()
    };
    let shop = Shop::open(vec![receiver.webhook()], limits);
    shop.happens(1);
    receiver.wait_for(2);
    assert_eq!(receiver.numbers()[..2], [1, 1]);
}

#[test]
fn an_endless_answer_is_not_listened_to() {
    let receiver = Receiver::start(&[Answer::Endless]);
    let shop = Shop::open(vec![receiver.webhook()], quick());
    shop.happens(1);
    shop.happens(2);
    receiver.wait_for(2);
    assert_eq!(receiver.numbers(), [1, 2]);
}

#[test]
fn a_flood_is_bounded_and_the_newest_are_kept() {
    let receiver = Receiver::start(&[Answer::Nothing]);
    let limits = WebhookLimits {
        waiting: 10,
        timeout: Duration::from_secs(2),
        attempts: 1,
        ..quick()
    };
    let shop = Shop::open(vec![receiver.webhook()], limits);
    shop.happens(0);
    receiver.wait_for(1);
    for number in 1..=1000 {
        shop.happens(number);
    }
    receiver.wait_for(11);
    let kept: Vec<u64> = (991..=1000).collect();
    assert_eq!(receiver.numbers()[1..], kept);
}

#[test]
fn a_webhook_gets_only_what_it_asked_for() {
    let (chosen, other, all) = (
        Receiver::start(&[]),
        Receiver::start(&[]),
        Receiver::start(&[]),
    );
    let by_code = Webhook {
        events: Some(["store-failed"].into()),
        ..chosen.webhook()
    };
    let by_group = Webhook {
        groups: Some(["bakery".parse().unwrap()].into()),
        ..other.webhook()
    };
    let shop = Shop::open(vec![by_code, by_group, all.webhook()], quick());
    shop.tell(Kind::StoreRecovered);
    shop.tell(Kind::StoreFailed {
        text: "full".to_owned(),
    });
    assert_eq!(chosen.wait_for(1)[0].json()["code"], "store-failed");
    all.wait_for(2);
    assert_eq!(other.requests().len(), 0);
}
