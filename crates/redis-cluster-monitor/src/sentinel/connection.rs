//! One client on its socket.
//!
//! Always holds: an idle connection costs a task and no buffer; what waits for a client that does
//! not read is bounded, and such a client is dropped with a line in the log.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf as _;
use rcm_core::request::{Refusal, Request};
use rcm_resp::Frame;
use tokio::net::TcpStream;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::timeout;

use super::follow::{Following, Interest};
use super::house::{Group, House};
use super::message::Message;
use super::reply::{NO_SUCH_GROUP, error};
use super::session::{Session, Step};

/// A client that reads nothing for so long is dropped.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// Who holds no more than this is not dropped for what others hold.
const HELD_ALWAYS: usize = 1024;
/// So much is read at once; the buffer is on the stack of a call that does not wait.
const CHUNK: usize = 16 * 1024;

/// Why a connection ended.
enum End {
    /// The client left, or said that it would, or broke the protocol.
    Client,
    /// It was ended from here, for this reason.
    Dropped(&'static str),
}

/// Serves a client until one of the two sides ends it.
pub(super) async fn serve(
    stream: TcpStream,
    session: Session,
    house: Arc<House>,
    news: broadcast::Sender<Arc<Message>>,
) {
    let client = Arc::clone(&session.client);
    let _leaving = Leaving(&house, &client);
    let mut connection = Connection {
        stream,
        session,
        house: &house,
        news: None,
        following: None,
        held: 0,
    };
    let ended = tokio::select! {
        ended = connection.run(&news) => ended,
        () = client.ended() => End::Dropped("idle for too long, or ended by another client"),
    };
    if let End::Dropped(why) = ended {
        house.complain(&client, &format!("was dropped: {why}"));
    }
}

/// Whatever ends the task, the client is no longer in the list.
struct Leaving<'a>(&'a House, &'a super::clients::Client);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.clients.leave(self.1);
    }
}

struct Connection<'a> {
    stream: TcpStream,
    session: Session,
    house: &'a House,
    news: Option<broadcast::Receiver<Arc<Message>>>,
    following: Option<Following>,
    /// As the house counts it.
    held: usize,
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        self.house.hold(self.held, 0);
    }
}

impl Connection<'_> {
    async fn run(&mut self, news: &broadcast::Sender<Arc<Message>>) -> End {
        loop {
            let step = self.session.run(self.house);
            // Before the confirmation is sent, so that nothing after it is missed.
            if !self.session.listens() {
                self.news = None;
            } else if self.news.is_none() {
                self.news = Some(news.subscribe());
            }
            if let Err(end) = self.write().await {
                return end;
            }
            match step {
                Step::Close => return End::Client,
                Step::Write => {}
                Step::Replace(name) => {
                    let answer = match self.house.group(name.as_str().as_bytes()) {
                        Some(group) => replace(group).await,
                        None => error(NO_SUCH_GROUP),
                    };
                    self.session.answer(&answer);
                }
                Step::Follow(name, interest) => {
                    let answer = self.follow(name.as_str(), interest);
                    self.session.answer(&answer);
                }
                Step::Held(number) => {
                    if let Some(following) = &mut self.following {
                        following.held(number);
                    }
                    self.session.answer(&Frame::ok());
                }
                Step::Read => {
                    if let Err(end) = self.wait().await {
                        return end;
                    }
                }
            }
        }
    }

    /// One group for each connection: the last one that was named.
    fn follow(&mut self, name: &str, interest: Interest) -> Frame {
        let Some(group) = self.house.group(name.as_bytes()) else {
            return error(NO_SUCH_GROUP);
        };
        self.following = Following::begin(group, interest);
        match self.following {
            Some(_) => Frame::ok(),
            None => error("ERR too many proxies follow this group"),
        }
    }

    /// Notes what has to be kept while the client is waited for.
    fn hold(&mut self) -> Result<(), End> {
        let before = std::mem::replace(&mut self.held, self.session.held());
        if self.house.hold(before, self.held) || self.held <= HELD_ALWAYS {
            Ok(())
        } else {
            Err(End::Dropped("too much waits for it and others"))
        }
    }

    /// Waits for the next bytes of the client, or for news.
    async fn wait(&mut self) -> Result<(), End> {
        self.hold()?;
        tokio::select! {
            ready = self.stream.readable() => match ready.and_then(|()| self.read()) {
                Ok(0) => Err(End::Client),
                Ok(_) => Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
                Err(_) => Err(End::Client),
            },
            message = next(&mut self.news) => match message {
                Ok(message) => {
                    self.session.tell(&message);
                    Ok(())
                }
                Err(RecvError::Lagged(_)) => Err(End::Dropped("it does not read its events")),
                Err(RecvError::Closed) => Err(End::Client),
            },
            told = lead(&mut self.following, self.house) => {
                let told = told.ok_or(End::Dropped("it did not answer whether it holds"))?;
                for frame in &told {
                    self.session.answer(frame);
                }
                Ok(())
            }
        }
    }

    fn read(&mut self) -> io::Result<usize> {
        let mut chunk = [0; CHUNK];
        let count = self.stream.try_read(&mut chunk)?;
        self.session.feed(chunk.get(..count).unwrap_or_default());
        Ok(count)
    }

    /// Sends all that waits, in as few writes as possible.
    async fn write(&mut self) -> Result<(), End> {
        while !self.session.output().is_empty() {
            match self.stream.try_write(self.session.output()) {
                Ok(count) => self.session.output().advance(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.hold()?;
                    match timeout(READ_WITHIN, self.stream.writable()).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_)) => return Err(End::Client),
                        Err(_) => return Err(End::Dropped("it does not read its replies")),
                    }
                }
                Err(_) => return Err(End::Client),
            }
        }
        // An idle connection holds no buffers.
        *self.session.output() = bytes::BytesMut::new();
        Ok(())
    }
}

/// What a follower is told; `None` if it has to go.
async fn lead(following: &mut Option<Following>, house: &House) -> Option<Vec<Frame>> {
    match following {
        Some(following) => following.next(house).await,
        None => std::future::pending().await,
    }
}

async fn next(
    news: &mut Option<broadcast::Receiver<Arc<Message>>>,
) -> Result<Arc<Message>, RecvError> {
    match news {
        Some(news) => news.recv().await,
        None => std::future::pending().await,
    }
}

/// Asks for another primary and says what came of it. The next requests of the connection wait.
async fn replace(group: &Group) -> Frame {
    match group.requests.send(Request::Replace).await {
        Ok(()) => Frame::ok(),
        Err(Refusal::InProgress) => error("INPROG Failover already in progress"),
        Err(Refusal::NoCandidate) => error("NOGOODSLAVE No suitable replica to promote"),
        Err(refusal) => error(format!("ERR {}", group.company.explain(&refusal))),
    }
}
