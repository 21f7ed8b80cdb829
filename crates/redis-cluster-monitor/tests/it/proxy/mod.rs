//! The proxy between real clients and real servers.

mod announced;
mod beside;
mod beside_doors;
mod carried;
pub(crate) mod counting;
mod every_command;
mod every_point;
mod held;
pub(crate) mod late;
mod libraries;
mod replicas;
mod shared;
mod switch;
mod transparent;
mod trouble;
mod two;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use bytes::BytesMut;
use rcm_core::id::Epoch;
use rcm_core::rule::Stage;
use rcm_core::status::Status;
use rcm_core::verdict::Verdict;
use rcm_resp::{Decoder, Frame, Limits, encode_command};
use redis_cluster_monitor::clock::Clock;
use redis_cluster_monitor::config::Proxy as Settings;
use redis_cluster_monitor::driver::Calm;
use redis_cluster_monitor::local::Server;
use redis_cluster_monitor::proxy::{Followed, Proxy};
use tokio::sync::{mpsc, oneshot, watch};

use crate::monitor::SOON;
use crate::switchover::{Watched, address};

/// A proxy on a free port for a group that an engine watches.
fn in_front_of(watched: &Watched, settings: &Settings) -> Proxy {
    let followed = Followed {
        name: watched.handle.name().clone(),
        status: watched.handle.status(),
        join_holders: &mut || watched.handle.join_holders(),
    };
    Proxy::start(followed, loopback(), settings, watched.clock).unwrap()
}

/// A proxy whose primary the test appoints.
struct Appointed {
    proxy: Proxy,
    status: watch::Sender<Arc<Status>>,
    /// The questions of a switchover go to the threads of the proxy from here.
    holders: Vec<mpsc::Sender<Calm>>,
}

impl Appointed {
    fn at(primary: SocketAddr, settings: &Settings) -> Self {
        let name: rcm_core::id::GroupName = "mymaster".parse().unwrap();
        let status = Status {
            epoch: Epoch(1),
            primary: Some(address(&primary)),
            verdict: Verdict::Healthy,
            ..Status::unknown(name.clone())
        };
        let (status, published) = watch::channel(Arc::new(status));
        let mut holders = Vec::new();
        let followed = Followed {
            name,
            status: published,
            join_holders: &mut || {
                let (holder, asked) = mpsc::channel(1);
                holders.push(holder);
                asked
            },
        };
        let proxy = Proxy::start(followed, loopback(), settings, Clock::start()).unwrap();
        Self {
            proxy,
            status,
            holders,
        }
    }

    fn publish(&self, change: impl FnOnce(&mut Status)) {
        self.status.send_modify(|status| {
            let mut changed = (**status).clone();
            change(&mut changed);
            *status = Arc::new(changed);
        });
    }

    /// A plan is at this stage, and the proxy knows.
    fn plan(&self, stage: Stage) {
        for reached in self.ask_to_hold(stage) {
            reached.blocking_recv().unwrap();
        }
    }

    /// The same, and gives where each thread answers when no reply is due.
    fn ask_to_hold(&self, stage: Stage) -> Vec<oneshot::Receiver<()>> {
        self.publish(|status| status.stage = stage);
        let ask = |holder: &mpsc::Sender<Calm>| {
            let (calm, reached) = Calm::ask();
            holder.try_send(calm).unwrap();
            reached
        };
        self.holders.iter().map(ask).collect()
    }

    /// Puts another primary into office, which ends every plan.
    fn appoint(&self, primary: &Server) {
        self.publish(|status| {
            status.epoch = status.epoch.next();
            status.primary = Some(address(&primary.address()));
            status.verdict = Verdict::Healthy;
            status.stage = Stage::Idle;
        });
    }

    fn client(&self) -> Wire {
        Wire::connect(self.proxy.address())
    }
}

fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// A connection that shows frames as they are.
struct Wire {
    stream: TcpStream,
    decoder: Decoder,
}

impl Wire {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, SOON).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.set_write_timeout(Some(SOON)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            decoder: Decoder::new(Limits::reply()),
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    fn send(&mut self, request: &str) {
        self.write(&wire(request));
    }

    /// The next frame, or nothing if the connection is closed.
    fn try_frame(&mut self) -> Option<Frame> {
        let mut chunk = [0; 4096];
        loop {
            if let Some(frame) = self.decoder.next_frame().unwrap() {
                return Some(frame);
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(count) => self.decoder.feed(&chunk[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn frame(&mut self) -> Frame {
        self.try_frame().expect("disconnected")
    }

    /// Sends a request and shows its reply.
    fn ask(&mut self, request: &str) -> String {
        self.send(request);
        show(&self.frame())
    }
}

/// A request of words without blanks in them.
fn wire(request: &str) -> Vec<u8> {
    let words: Vec<&str> = request.split(' ').collect();
    let mut wire = BytesMut::new();
    encode_command(&words, &mut wire);
    wire.to_vec()
}

fn show(frame: &Frame) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let all = |frames: &[Frame]| frames.iter().map(show).collect::<Vec<_>>().join(" ");
    match frame {
        Frame::Simple(bytes) | Frame::Bulk(bytes) => text(bytes),
        Frame::Error(bytes) => format!("-{}", text(bytes)),
        Frame::Integer(number) => number.to_string(),
        Frame::Null => "nil".to_owned(),
        Frame::NullArray => "nil array".to_owned(),
        Frame::Array(frames) => format!("[{}]", all(frames)),
        Frame::Push(frames) => format!(">[{}]", all(frames)),
        other => format!("{other:?}"),
    }
}
