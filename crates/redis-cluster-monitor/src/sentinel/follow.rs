//! A connection of a proxy that follows a group: where requests go, and when they have to wait.
//!
//! `SENTINEL RCM-FOLLOW NAME` begins it. From then on the connection is pushed
//! `[rcm-lead, NAME, EPOCH, HOST, PORT, HANDED-OVER, OUTLOOK]` with every change, and
//! `[rcm-hold, NUMBER]` before a primary's writes are paused, to which it answers
//! `SENTINEL RCM-HELD NUMBER` when no reply is due to its clients any more.
//!
//! Always holds: what a switchover waits for is bounded by the driver, whatever a follower does; one
//! that leaves a question unanswered is disconnected.

use std::sync::Arc;
use std::time::Duration;

use rcm_core::id::{Address, Epoch};
use rcm_core::status::Status;
use rcm_resp::Frame;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::house::{Group, House};
use super::reply::{text, word};
use crate::driver::{AskedToHold, Calm, Lead, Outlook};

/// Proxies that may follow one group.
const FOLLOWERS: usize = 256;
/// How long a question may stay unanswered; no switchover waits so long.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);

const LEAD: &str = "rcm-lead";
const HOLD: &str = "rcm-hold";

/// A connection that follows a group.
pub(super) struct Following {
    name: String,
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
    /// Send nothing more, and answer with this number when no reply is due.
    Hold(u64),
}

impl Following {
    /// Begins; `None` if too many follow the group already.
    pub(super) fn begin(group: &Group) -> Option<Self> {
        let mut status = group.status.clone();
        // What holds at the beginning is news too.
        status.mark_changed();
        Some(Self {
            name: group.name.to_string(),
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
                Some(vec![self.lead(house)])
            }
            // The status says already why.
            Some(calm) = self.asked.recv() => {
                self.asked_so_far += 1;
                let number = self.asked_so_far;
                let until = Instant::now() + ANSWERED_WITHIN;
                self.question = Some(Question { number, calm, until });
                Some(vec![self.lead(house), Frame::Push(vec![word(HOLD), text(number.to_string())])])
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

    fn lead(&mut self, house: &House) -> Frame {
        let status = self.status.borrow_and_update();
        let lead = Lead {
            primary: house.primary(&status),
            ..Lead::of(&status)
        };
        drop(status);
        frame(&self.name, &lead)
    }
}

fn frame(name: &str, lead: &Lead) -> Frame {
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

fn bulk(frame: &Frame) -> Option<&[u8]> {
    if let Frame::Bulk(text) = frame {
        Some(text)
    } else {
        None
    }
}

fn number_in(text: &[u8]) -> Option<u64> {
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
            assert_eq!(Told::read(&frame("a", &lead)), Some(Told::Lead(lead)));
            lead = Lead::default();
        }
        let hold = Frame::Push(vec![word(HOLD), word("3")]);
        assert_eq!(Told::read(&hold), Some(Told::Hold(3)));
        for other in [
            Frame::ok(),
            Frame::Array(vec![word(HOLD), word("x")]),
            Frame::Array(vec![word(LEAD)]),
            Frame::Array(vec![Frame::Null]),
        ] {
            assert_eq!(Told::read(&other), None);
        }
    }
}
