//! One POST on a connection of its own, and the status of its answer.
//!
//! Not here: whether it is tried again. Redirects are not followed and bodies are not read.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::queue::Delivery;
use crate::config::Webhook;

/// The header that names the event, for receivers that want each only once.
const EVENT_ID: &str = "rcm-event-id";
/// No head of an answer may be longer, in bytes.
const LONGEST_HEAD: usize = 64 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("no answer within {}", humantime::format_duration(*.0))]
    Late(Duration),
    #[error("cannot resolve the host name: {0}")]
    Unresolved(io::Error),
    #[error("cannot connect: {0}")]
    Unreachable(io::Error),
    #[error("cannot agree on TLS: {0}")]
    Tls(io::Error),
    #[error("no HTTP answer: {}", innermost(.0))]
    Http(#[from] hyper::Error),
    #[error("cannot make a request: {0}")]
    Request(#[from] hyper::http::Error),
}

/// Why nothing can be sent by https.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Nobody could be trusted.
    #[error(
        "this machine trusts no certificate authority, so webhooks cannot use https; install \
         ca-certificates, or name a file of certificates in SSL_CERT_FILE"
    )]
    NoRoots,
    /// The library refused.
    #[error("cannot prepare https: {0}")]
    Refused(#[from] rustls::Error),
}

/// What https needs: the certificate authorities that this machine trusts.
pub(super) fn tls() -> Result<TlsConnector, TlsError> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!("a certificate authority for webhooks cannot be read: {error}");
    }
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        return Err(TlsError::NoRoots);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Sends one event and waits for the answer, at most for `within`.
pub(super) async fn post(
    webhook: &Webhook,
    tls: Option<&TlsConnector>,
    delivery: &Delivery,
    within: Duration,
) -> Result<StatusCode, Error> {
    let exchange = async {
        let stream = connect(webhook, within / 2).await?;
        match tls.filter(|_| webhook.url.is_https()) {
            Some(tls) => {
                let name = ServerName::try_from(webhook.url.host().to_owned())
                    .map_err(|error| Error::Tls(io::Error::other(error)))?;
                let stream = tls.connect(name, stream).await.map_err(Error::Tls)?;
                exchange(webhook, delivery, stream).await
            }
            None => exchange(webhook, delivery, stream).await,
        }
    };
    timeout(within, exchange)
        .await
        .unwrap_or(Err(Error::Late(within)))
}

/// Every address of the host gets its share of the time, so that one that swallows packets does not
/// hide the next.
async fn connect(webhook: &Webhook, within: Duration) -> Result<TcpStream, Error> {
    let place = (webhook.url.host(), webhook.url.port());
    let found: Vec<_> = lookup_host(place)
        .await
        .map_err(Error::Unresolved)?
        .collect();
    let count = u32::try_from(found.len()).unwrap_or(u32::MAX).max(1);
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in found {
        match timeout(within / count, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(Error::Unreachable(last))
}

async fn exchange<S>(webhook: &Webhook, delivery: &Delivery, stream: S) -> Result<StatusCode, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(LONGEST_HEAD)
        .handshake(TokioIo::new(stream))
        .await?;
    let mut answer = std::pin::pin!(sender.send_request(request(webhook, delivery)?));
    let answer = tokio::select! {
        biased;
        answer = &mut answer => answer?,
        // The peer may close at once after its answer.
        _ = connection => answer.await?,
    };
    Ok(answer.status())
}

fn request(webhook: &Webhook, delivery: &Delivery) -> Result<Request<String>, Error> {
    let mut request = Request::post(webhook.url.path())
        .header(header::HOST, webhook.url.authority())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONNECTION, "close")
        .header(
            header::USER_AGENT,
            concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")),
        )
        .header(EVENT_ID, &delivery.id);
    if let Some(token) = &webhook.token {
        let value = format!("Bearer {}", token.reveal());
        let mut value = header::HeaderValue::try_from(value).map_err(hyper::http::Error::from)?;
        value.set_sensitive(true);
        request = request.header(header::AUTHORIZATION, value);
    }
    Ok(request.body(delivery.body.clone())?)
}

/// The last cause, which says most.
fn innermost(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    text
}
