//! Connections, and what each of them may cost.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::{House, routes, switchover};

/// The most connections at once.
const CONNECTIONS: usize = 128;
/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;
/// How long the head of a request may take.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// How long everything of a connection may take besides what is asked for.
const REST_WITHIN: Duration = Duration::from_secs(15);
/// How long nothing is accepted when the system has no descriptor left.
const PAUSE: Duration = Duration::from_millis(100);
const TOO_MANY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Serves everybody who comes, up to the limit.
pub(super) async fn serve(listener: std::net::TcpListener, house: Arc<House>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let (stream, client) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!("HTTP cannot accept a connection: {error}");
                sleep(PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            // A courtesy: who does not hear it is closed all the same.
            stream.try_write(TOO_MANY).ok();
            continue;
        };
        let house = Arc::clone(&house);
        tokio::spawn(async move {
            exchange(stream, client, &house).await;
            drop(place);
        });
    }
}

/// One request and its answer: a connection that is kept open is one that has to be watched.
async fn exchange(stream: TcpStream, client: SocketAddr, house: &House) {
    let answer =
        |request| async move { Ok::<_, Infallible>(routes::answer(house, client, request).await) };
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(LONGEST_HEAD)
        .max_headers(MOST_HEADERS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service_fn(answer));
    match timeout(switchover::WITHIN + REST_WITHIN, served).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!("a request by HTTP: {error}"),
        Err(_) => tracing::debug!("a request by HTTP took too long"),
    }
}
