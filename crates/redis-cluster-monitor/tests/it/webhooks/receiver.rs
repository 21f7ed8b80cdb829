//! A receiver of webhooks: a listener that keeps what it is sent, and answers as it is told.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use redis_cluster_monitor::config::Webhook;
use redis_cluster_monitor::local::wait_for;
use serde_json::Value;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::monitor::SOON;

/// What the receiver does with a request.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    Status(&'static str),
    /// Keeps the connection and says nothing.
    Nothing,
    /// Closes the connection.
    Goodbye,
    /// Says yes, and then never stops to talk.
    Endless,
}

#[derive(Clone, Debug)]
pub(super) struct Request {
    /// Its first line and its headers, in lower case.
    pub(super) head: String,
    pub(super) body: String,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> &str {
        let value = |line| str::strip_prefix(line, name)?.strip_prefix(": ");
        self.head.lines().find_map(value).unwrap_or_default()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Keeps what it receives. Answers as it is told, and then with 204.
#[derive(Clone)]
pub(super) struct Receiver {
    pub(super) url: String,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Receiver {
    pub(super) fn start(answers: &[Answer]) -> Self {
        Self::listen(answers, None)
    }

    pub(super) fn listen(answers: &[Answer], tls: Option<Arc<ServerConfig>>) -> Self {
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

    pub(super) fn webhook(&self) -> Webhook {
        Webhook {
            url: self.url.parse().unwrap(),
            token: None,
            events: None,
            groups: None,
        }
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub(super) fn wait_for(&self, count: usize) -> Vec<Request> {
        wait_for(SOON, "the requests", || self.requests().len() >= count).unwrap();
        self.requests()
    }

    /// The numbers of the events that came.
    pub(super) fn numbers(&self) -> Vec<u64> {
        let requests = self.requests();
        requests.iter().map(number).collect()
    }
}

fn number(request: &Request) -> u64 {
    request.json()["text"].as_str().unwrap().parse().unwrap()
}
