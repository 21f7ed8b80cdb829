//! A connection of a proxy that follows a group: where requests go, and when they have to wait.
//!
//! `SENTINEL RCM-FOLLOW NAME` begins it. From then on the connection is pushed
//! `[rcm-lead, NAME, EPOCH, HOST, PORT, HANDED-OVER, OUTLOOK]` with every change, and
//! `[rcm-hold, NUMBER]` before a primary's writes are paused, to which it answers
//! `SENTINEL RCM-HELD NUMBER` when no reply is due to its clients any more.
//! With `SERVERS` behind the name it is also pushed `[rcm-servers, NAME]` and, of each server,
//! `ADDRESS, RUN-ID, STANDING, OFFSET, LAG`, before the lead; what is not known is empty.
//!
//! Always holds: what a switchover waits for is bounded by the driver, whatever a follower does; one
//! that leaves a question unanswered is disconnected.

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rcm_core::id::{Address, Epoch, Offset, RunId};
use rcm_core::status::Status;
use rcm_resp::Frame;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::house::{Group, House};
use super::reply::{text, word};
use crate::driver::{AskedToHold, Calm, Lead, Outlook, Roster, Server, Standing};

/// Proxies that may follow one group.
const FOLLOWERS: usize = 256;
/// How long a question may stay unanswered; no switchover waits so long.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);

const LEAD: &str = "rcm-lead";
const HOLD: &str = "rcm-hold";
const SERVERS: &str = "rcm-servers";
/// Words of one server.
const SERVER: usize = 5;

/// What a follower wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Where requests to the primary go.
    Primary,
    /// And how every server stands.
    Servers,
}

/// A connection that follows a group.
pub(super) struct Following {
    name: String,
    interest: Interest,
    status: watch::Receiver<Arc<Status>>,
    asked: AskedToHold,
    question: Option<Question>,
    asked_so_far: u64,
}

struct Question {
    number: u64,
    calm: Calm,
    until: Instant,
}

/// What a follower is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Where requests go.
    Lead(Lead),
    /// All servers.
    Servers(Vec<Server>),
    /// Send nothing more, and answer with this number when no reply is due.
    Hold(u64),
}

impl Interest {
    /// What the words behind the name ask for.
    pub(super) fn read(words: &[Bytes]) -> Option<Self> {
        match words {
            [] => Some(Self::Primary),
            [word] if word.eq_ignore_ascii_case(b"servers") => Some(Self::Servers),
            _ => None,
        }
    }
}

impl Following {
    /// Begins; `None` if too many follow the group already.
    pub(super) fn begin(group: &Group, interest: Interest) -> Option<Self> {
        let mut status = group.status.clone();
        // What holds at the beginning is news too.
        status.mark_changed();
        Some(Self {
            name: group.name.to_string(),
            interest,
            status,
            asked: group.holders.join_if_below(FOLLOWERS)?,
            question: None,
            asked_so_far: 0,
        })
    }

    /// What the follower is told next; `None` if it has to go. May be dropped and asked again at any
    /// time.
    pub(super) async fn next(&mut self, house: &House) -> Option<Vec<Frame>> {
        let overdue = self.question.as_ref().map(|question| question.until);
        let overdue = async move {
            match overdue {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = self.status.changed() => {
                changed.ok()?;
                Some(self.news(house))
            }
            // The status says already why.
            Some(calm) = self.asked.recv() => {
                self.asked_so_far += 1;
                let number = self.asked_so_far;
                let until = Instant::now() + ANSWERED_WITHIN;
                self.question = Some(Question { number, calm, until });
                let hold = Frame::Push(vec![word(HOLD), text(number.to_string())]);
                Some(self.news(house).into_iter().chain([hold]).collect())
            }
            () = overdue => None,
        }
    }

    /// The follower holds; an answer to an older question says nothing.
    pub(super) fn held(&mut self, number: u64) {
        if let Some(question) = self.question.take_if(|question| question.number == number) {
            question.calm.reached();
        }
    }

    /// The servers first, because who follows acts on the lead.
    fn news(&mut self, house: &House) -> Vec<Frame> {
        let status = self.status.borrow_and_update();
        let servers = (self.interest == Interest::Servers).then(|| Roster::of(&status).servers);
        let lead = Lead {
            primary: house.primary(&status),
            ..Lead::of(&status)
        };
        drop(status);
        let servers = servers.map(|servers| of_servers(&self.name, &servers));
        servers
            .into_iter()
            .chain([of_lead(&self.name, &lead)])
            .collect()
    }
}

fn of_servers(name: &str, servers: &[Server]) -> Frame {
    let mut words = vec![word(SERVERS), text(name.to_owned())];
    for server in servers {
        words.extend([
            text(server.address.to_string()),
            text(or_empty(server.process)),
            word(server.standing.word()),
            text(or_empty(server.offset.map(|offset| offset.0))),
            text(or_empty(server.lag)),
        ]);
    }
    Frame::Push(words)
}

fn or_empty(known: Option<impl ToString>) -> String {
    known.map_or(String::new(), |known| known.to_string())
}

fn of_lead(name: &str, lead: &Lead) -> Frame {
    let primary = lead.primary.as_ref();
    Frame::Push(vec![
        word(LEAD),
        text(name.to_owned()),
        text(lead.epoch.to_string()),
        text(primary.map_or(String::new(), |primary| primary.host().to_owned())),
        text(primary.map_or(0, Address::port).to_string()),
        text(lead.handed_over.unwrap_or_default().to_string()),
        word(lead.outlook.word()),
    ])
}

impl Told {
    /// Reads what a follower is told; `None` if it is something else.
    pub fn read(frame: &Frame) -> Option<Self> {
        let (Frame::Array(parts) | Frame::Push(parts)) = frame else {
            return None;
        };
        let texts: Option<Vec<&[u8]>> = parts.iter().map(bulk).collect();
        match texts?.as_slice() {
            [b"rcm-hold", number] => number_in(number).map(Self::Hold),
            [b"rcm-servers", _, servers @ ..] if servers.len().is_multiple_of(SERVER) => {
                let servers = servers.chunks_exact(SERVER).map(server);
                servers.collect::<Option<_>>().map(Self::Servers)
            }
            [b"rcm-lead", _, epoch, host, port, handed_over, outlook] => {
                let port: u16 = number_in(port)?.try_into().ok()?;
                let host = str::from_utf8(host).ok()?;
                let primary = (!host.is_empty() && port != 0).then(|| Address::new(host, port));
                let handed_over = number_in(handed_over)?;
                Some(Self::Lead(Lead {
                    epoch: Epoch(number_in(epoch)?),
                    primary,
                    handed_over: (handed_over != 0).then_some(Epoch(handed_over)),
                    outlook: Outlook::from_word(outlook)?,
                }))
            }
            _ => None,
        }
    }
}

fn server(words: &[&[u8]]) -> Option<Server> {
    let [address, process, standing, offset, lag] = words else {
        return None;
    };
    Some(Server {
        address: parsed::<SocketAddr>(address)?,
        process: known(process, parsed::<RunId>)?,
        standing: Standing::from_word(standing)?,
        offset: known(offset, number_in)?.map(Offset),
        lag: known(lag, number_in)?,
    })
}

/// Something that may not be known; `None` if it makes no sense.
#[expect(
    clippy::option_option,
    reason = "nothing known is not the same as nonsense"
)]
fn known<T>(word: &[u8], read: impl FnOnce(&[u8]) -> Option<T>) -> Option<Option<T>> {
    if word.is_empty() {
        return Some(None);
    }
    read(word).map(Some)
}

fn bulk(frame: &Frame) -> Option<&[u8]> {
    if let Frame::Bulk(text) = frame {
        Some(text)
    } else {
        None
    }
}

fn number_in(text: &[u8]) -> Option<u64> {
    parsed(text)
}

fn parsed<T: FromStr>(text: &[u8]) -> Option<T> {
    str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_what_is_read() {
        let mut lead = Lead {
            epoch: Epoch(7),
            primary: Some(Address::new("10.0.0.1", 6379)),
            handed_over: Some(Epoch(7)),
            outlook: Outlook::Suspected,
        };
        for _ in 0..2 {
            assert_eq!(Told::read(&of_lead("a", &lead)), Some(Told::Lead(lead)));
            lead = Lead::default();
        }
        let mut servers = vec![Server {
            address: "[::1]:6379".parse().unwrap(),
            process: "f".repeat(40).parse().ok(),
            standing: Standing::Primary,
            offset: Some(Offset(7)),
            lag: None,
        }];
        for standing in [Standing::InStep, Standing::Astray] {
            servers.push(Server {
                address: "10.0.0.2:6380".parse().unwrap(),
                process: None,
                standing,
                offset: None,
                lag: Some(0),
            });
        }
        for servers in [servers, Vec::new()] {
            let told = Told::read(&of_servers("a", &servers));
            assert_eq!(told, Some(Told::Servers(servers)));
        }
        let hold = Frame::Push(vec![word(HOLD), word("3")]);
        assert_eq!(Told::read(&hold), Some(Told::Hold(3)));
        for other in [
            Frame::ok(),
            Frame::Array(vec![word(HOLD), word("x")]),
            Frame::Array(vec![word(LEAD)]),
            Frame::Array(vec![word(SERVERS)]),
            Frame::Array(vec![word(SERVERS), word("a"), word("10.0.0.1:1")]),
            Frame::Array(
                [SERVERS, "a", "10.0.0.1:1", "", "up", "", ""]
                    .map(word)
                    .into(),
            ),
            Frame::Array(
                [SERVERS, "a", "10.0.0.1:1", "x", "astray", "", ""]
                    .map(word)
                    .into(),
            ),
            Frame::Array(vec![Frame::Null]),
        ] {
            assert_eq!(Told::read(&other), None);
        }
    }
}
