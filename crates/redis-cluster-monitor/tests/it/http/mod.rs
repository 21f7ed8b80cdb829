//! The HTTP door, and the command that talks to it.

mod door;
mod switchover;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Output};

use redis_cluster_monitor::local::Version;
use serde_json::Value;

use crate::monitor::{Result, SOON, Watched, builder};

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Value,
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, SOON).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.set_write_timeout(Some(SOON)).unwrap();
    stream
}

/// Reads until the door closes the connection, as it does after every answer.
fn read(mut stream: TcpStream) -> Answer {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect(&text);
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer {
        status,
        head: head.to_lowercase(),
        body: serde_json::from_str(body).unwrap_or_default(),
    }
}

pub(crate) fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> Answer {
    let mut stream = connect(address);
    let length = body.len();
    let request =
        format!("{method} {path} HTTP/1.1\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
    stream.write_all(request.as_bytes()).unwrap();
    read(stream)
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    send(address, "GET", path, "host: localhost\r\n", "")
}

fn switch_over(address: SocketAddr, body: &str) -> Answer {
    let path = "/v1/groups/mymaster/switchover";
    send(address, "POST", path, "host: 127.0.0.1\r\n", body)
}

/// A watched group with an open door.
pub(crate) fn watched(options: &[&str]) -> Result<(Watched, SocketAddr)> {
    let options = [&["--http", "127.0.0.1:0"], options].concat();
    let watched = Watched::with(&builder(Version::System)?, &options)?;
    let http = watched.monitor.http()?;
    Ok((watched, http))
}

/// Runs the command against a door.
fn command(http: SocketAddr, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redis-cluster-monitor"));
    command.args(["switchover", "--http", &http.to_string()]);
    command.args(words).output().unwrap()
}

pub(crate) fn told(output: &Output) -> (Option<i32>, &str, &str) {
    let text = |bytes| std::str::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}
