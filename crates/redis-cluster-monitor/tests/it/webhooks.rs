//! Webhooks with a real receiver that fails, refuses, hangs and talks too much.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rcm_core::event::{Event, Kind};
use rcm_core::time::Instant;
use redis_cluster_monitor::clock::Clock;
use redis_cluster_monitor::config::{Scripts, Secret, Webhook};
use redis_cluster_monitor::hooks::{Group, Hooks, Limits, WebhookLimits};
use redis_cluster_monitor::local::{Server, Version, wait_for};
use serde_json::Value;
use tokio::sync::broadcast;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::monitor::{Result, SOON, State, builder, check};

/// What the receiver does with a request.
#[derive(Clone, Copy)]
enum Answer {
    Status(&'static str),
    /// Keeps the connection and says nothing.
    Nothing,
    /// Closes the connection.
    Goodbye,
    /// Says yes, and then never stops to talk.
    Endless,
}

#[derive(Clone, Debug)]
struct Request {
    /// Its first line and its headers, in lower case.
    head: String,
    body: String,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        let value = |line| str::strip_prefix(line, name)?.strip_prefix(": ");
        self.head.lines().find_map(value).unwrap_or_default()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Keeps what it receives. Answers as it is told, and then with 204.
#[derive(Clone)]
struct Receiver {
    url: String,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Receiver {
    fn start(answers: &[Answer]) -> Self {
        Self::listen(answers, None)
    }

    fn listen(answers: &[Answer], tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let port = listener.local_addr().unwrap().port();
        let receiver = Self {
            url: format!("{scheme}://localhost:{port}/hook?key=secret"),
            answers: Arc::new(Mutex::new(answers.iter().copied().collect())),
            requests: Arc::default(),
        };
        let inside = receiver.clone();
        // It ends with the process of the tests.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (inside, tls) = (inside.clone(), tls.clone());
                thread::spawn(move || match tls {
                    None => inside.serve(stream),
                    Some(tls) => {
                        let connection = ServerConnection::new(tls).unwrap();
                        inside.serve(StreamOwned::new(connection, stream))
                    }
                });
            }
        });
        receiver
    }

    /// Who breaks off is not answered.
    fn serve(&self, stream: impl Read + Write) -> Option<()> {
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            stream
                .read_line(&mut head)
                .ok()
                .filter(|length| *length > 0)?;
        }
        let mut request = Request {
            head: head.to_lowercase(),
            body: String::new(),
        };
        let length = request.header("content-length").parse().unwrap();
        stream
            .by_ref()
            .take(length)
            .read_to_string(&mut request.body)
            .ok()?;
        self.requests.lock().unwrap().push(request);
        let answer = self.answers.lock().unwrap().pop_front();
        let stream = stream.get_mut();
        match answer.unwrap_or(Answer::Status("204 No Content")) {
            Answer::Status(status) => {
                write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").ok()
            }
            Answer::Goodbye => None,
            Answer::Nothing => stream.read_exact(&mut [0]).ok(),
            Answer::Endless => {
                write!(stream, "HTTP/1.1 200 OK\r\n\r\n").ok()?;
                while stream.write_all(&[b'x'; 4096]).is_ok() {}
                None
            }
        }
    }

    fn webhook(&self) -> Webhook {
        Webhook {
            url: self.url.parse().unwrap(),
            token: None,
            events: None,
            groups: None,
        }
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    fn wait_for(&self, count: usize) -> Vec<Request> {
        wait_for(SOON, "the requests", || self.requests().len() >= count).unwrap();
        self.requests()
    }

    /// The numbers of the events that came.
    fn numbers(&self) -> Vec<u64> {
        let requests = self.requests();
        requests.iter().map(number).collect()
    }
}

fn number(request: &Request) -> u64 {
    request.json()["text"].as_str().unwrap().parse().unwrap()
}

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
    assert_eq!(receiver.numbers(), [1, 1]);
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

#[test]
fn the_program_trusts_the_authorities_of_the_machine_and_nobody_else() {
    check(by_https());
}

fn by_https() -> Result {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls");
    let trusted = Receiver::listen(&[], Some(certified(&files)));
    let server: Server = builder(Version::System)?.start()?;
    // Only the file counts, whatever else this machine trusts.
    let trusting = |file: PathBuf| {
        let state = State::new().with_variable("SSL_CERT_FILE", file);
        state.with_variable("SSL_CERT_DIR", PathBuf::new())
    };
    let state = trusting(files.join("ca.pem"));
    let token = state.path().with_extension("token");
    fs::write(&token, "OpenSesame\n").unwrap();
    let file = format!(
        "[groups.shop]\nnodes = [\"{}\"]\n[[webhooks]]\nurl = \"{}\"\ntoken_file = \"{}\"\nevents = \
         [\"primary-adopted\"]\n",
        server.address(),
        trusted.url,
        token.display(),
    );
    let path = state.path().with_extension("toml");
    fs::write(&path, &file).unwrap();
    let monitor = state.subcommand(&["run", "--config", path.to_str().unwrap()]);
    let logged = monitor.wait_for("primary-adopted")?;
    let request = &trusted.wait_for(1)[0];
    let mut sent = request.json();
    // The log may have told it a millisecond earlier.
    sent["ts"] = logged["ts"].clone();
    assert_eq!(sent, logged);
    assert_eq!(request.header("authorization"), "bearer opensesame");
    assert!(monitor.terminate().success());
    // The same receiver, whom nobody vouches for.
    let strangers = trusting(files.join("localhost.pem"));
    let monitor = strangers.subcommand(&["run", "--config", path.to_str().unwrap()]);
    let named = || {
        let said = |line: &Value| line["message"].as_str().unwrap().contains("UnknownIssuer");
        monitor.lines().iter().any(said)
    };
    monitor.explain(wait_for(SOON, "the certificate is refused", named))?;
    let log = monitor.lines();
    assert!(
        !log.iter()
            .any(|line| line.to_string().contains("key=secret"))
    );
    assert_eq!(trusted.requests().len(), 1);
    drop(monitor);
    let nobody = trusting("/nonexistent".into());
    let monitor = nobody.subcommand(&["run", "--config", path.to_str().unwrap()]);
    let (code, log) = monitor.ended();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("trusts no certificate authority"), "{log}");
    Ok(())
}

fn certified(files: &Path) -> Arc<ServerConfig> {
    let chain = CertificateDer::pem_file_iter(files.join("localhost.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(files.join("localhost.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.map(|part| part.unwrap()).collect(), key)
        .unwrap();
    Arc::new(config)
}
