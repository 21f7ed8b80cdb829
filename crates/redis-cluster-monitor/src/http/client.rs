//! Asks the door of another process.

use std::io;
use std::time::Duration;

use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{body, switchover};

/// How long a connect may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Longer than any answer of the door takes.
const ANSWER_WITHIN: Duration = switchover::WITHIN.saturating_add(Duration::from_secs(20));
/// No answer of the door is longer, in bytes.
const LONGEST_ANSWER: usize = 4 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address leads to nobody.
    #[error(
        "nobody can be reached at {address}: {source}; start the monitor, or name the address of its \
         --http with --http ADDR"
    )]
    Unreachable {
        /// The address.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// Whoever is there is silent.
    #[error("{address} did not answer within {}", humantime::format_duration(*.within))]
    Late {
        /// The address.
        address: String,
        /// How long it was waited for.
        within: Duration,
    },
    /// Whoever is there speaks otherwise.
    #[error(
        "{address} does not answer as the HTTP of a monitor does: {why}; name the address of its \
         --http with --http ADDR"
    )]
    NotOurs {
        /// The address.
        address: String,
        /// What is wrong.
        why: String,
    },
}

/// Sends one request to `address`, and gives the status and the JSON of the answer. What it replaces
/// must still have the version `replaces`.
pub async fn ask(
    address: &str,
    method: Method,
    path: &str,
    replaces: Option<u64>,
    body: String,
) -> Result<(StatusCode, Value), Error> {
    let unreachable = |source| Error::Unreachable {
        address: address.to_owned(),
        source,
    };
    let stream = timeout(CONNECT_WITHIN, TcpStream::connect(address))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(unreachable)?;
    let exchange = exchange(address, stream, method, path, replaces, body);
    match timeout(ANSWER_WITHIN, exchange).await {
        Ok(answer) => answer.map_err(|why| Error::NotOurs {
            address: address.to_owned(),
            why,
        }),
        Err(_) => Err(Error::Late {
            address: address.to_owned(),
            within: ANSWER_WITHIN,
        }),
    }
}

async fn exchange(
    address: &str,
    stream: TcpStream,
    method: Method,
    path: &str,
    replaces: Option<u64>,
    body: String,
) -> Result<(StatusCode, Value), String> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, address)
        .header(header::CONNECTION, "close")
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(version) = replaces {
        request = request.header(header::IF_MATCH, format!("\"{version}\""));
    }
    let request = request.body(body).map_err(|error| error.to_string())?;
    let connected = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = connected.map_err(|error| error.to_string())?;
    let asking = async move {
        let answer = sender.send_request(request).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let status = answer.status();
        let text = body::read(answer.into_body(), LONGEST_ANSWER).await;
        let text = text.map_err(|error| error.to_string())?;
        let value = serde_json::from_slice(&text)
            .map_err(|error| format!("status {status}, and no JSON ({error})"))?;
        Ok((status, value))
    };
    // The connection is driven for as long as the answer takes, and its end is no news then.
    let (answer, _) = tokio::join!(asking, connection);
    answer
}
