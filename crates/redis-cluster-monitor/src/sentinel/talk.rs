//! A connection to try: what is said, and what is answered, as text.

use std::sync::Arc;
use std::time::Duration;

use rcm_core::id::{Address, Epoch, Offset, RunId};
use rcm_core::policy::Policy;
use rcm_core::status::{NodeRole, NodeStatus, Reported, Status, Upstream};
use rcm_core::verdict::Verdict;
use rcm_resp::Frame;
use tokio::sync::watch;

use super::{Group, House, Scripts, Session, Step};
use crate::clock::Clock;
use crate::config::{Access, Secret, Sentinel};
use crate::driver::{Company, Holders, Requests};
use crate::redis::Memory;
use crate::statuses;

pub(super) fn node(port: u16, upstream: Option<u16>) -> NodeStatus {
    let follows = |port| Upstream {
        address: Address::new("10.0.0.1", port),
        link_up: true,
        down_since: None,
        priority: 90,
    };
    let role = upstream.map_or(NodeRole::Primary, |_| NodeRole::Replica);
    NodeStatus {
        ip: "10.0.0.1".parse().ok(),
        run_id: Some(RunId::from_number(port.into())),
        reports: Some(Reported {
            following: upstream.map(follows),
            since: None,
        }),
        offset: Some(Offset(7)),
        lag: Some(0),
        ..statuses::node(Address::new("node.example.net", port), role)
    }
}

pub(super) fn status() -> Status {
    Status {
        epoch: Epoch(4),
        primary: Some(Address::new("node.example.net", 1)),
        verdict: Verdict::Healthy,
        nodes: vec![node(1, None), node(2, Some(1))],
        ..Status::unknown("shop".parse().unwrap())
    }
}

pub(super) fn settings() -> Sentinel {
    Sentinel {
        address: ([127, 0, 0, 1], 26379).into(),
        announce: None,
        access: None,
        max_clients: 100,
        idle_after: Duration::ZERO,
        announce_hostnames: false,
        replay_on_subscribe: false,
    }
}

pub(super) fn locked(read_without_auth: bool) -> Sentinel {
    Sentinel {
        access: Some(Access {
            username: "app".to_owned(),
            password: Secret::new("hunter2"),
            read_without_auth,
        }),
        ..settings()
    }
}

/// A house with the group `shop` as in `status`, and one connection.
pub(super) struct Talk {
    pub(super) house: House,
    pub(super) session: Session,
}

impl Talk {
    pub(super) fn in_house(settings: Sentinel, status: Status) -> Self {
        let group = Group {
            requests: Requests::to_nobody(),
            holders: Holders::default(),
            company: Company::alone("m1".parse().unwrap()),
            name: "shop".parse().unwrap(),
            policy: watch::channel(Policy::default()).1,
            status: watch::channel(Arc::new(status)).1,
            memory: Memory::default(),
        };
        let monitor = "m1".parse().unwrap();
        let house = House::new(
            vec![group],
            settings,
            Scripts::none(),
            &monitor,
            Clock::start(),
        );
        let session = house.session(([10, 0, 0, 9], 999).into(), ([10, 0, 0, 8], 1).into());
        Self { house, session }
    }

    pub(super) fn new() -> Self {
        Self::in_house(settings(), status())
    }

    /// Says lines of words; gives what is answered, with blanks for line ends.
    pub(super) fn say(&mut self, lines: &str) -> String {
        for line in lines.lines() {
            self.session.feed(line.as_bytes());
            self.session.feed(b"\r\n");
        }
        self.hear().trim_end().to_owned()
    }

    /// What is answered to what was fed, with blanks for line ends.
    pub(super) fn hear(&mut self) -> String {
        let mut heard = Vec::new();
        loop {
            let step = self.session.run(&self.house);
            heard.extend_from_slice(&self.session.output().split());
            match step {
                Step::Read => break,
                Step::Write => {}
                Step::Follow(group, _) => {
                    self.session
                        .answer(&Frame::simple(format!("follows {group}")));
                }
                Step::Held(number) => {
                    self.session
                        .answer(&Frame::simple(format!("holds {number}")));
                }
                Step::Replace(group) => self.session.answer(&Frame::simple(format!("-> {group}"))),
                Step::Close => {
                    heard.extend_from_slice(b"CLOSED");
                    break;
                }
            }
        }
        String::from_utf8_lossy(&heard).replace("\r\n", " ")
    }
}

/// Each pair is said on a connection of its own.
pub(super) fn check(settings: &Sentinel, table: &[(&str, &str)]) {
    for (said, expected) in table {
        let mut talk = Talk::in_house(settings.clone(), status());
        assert_eq!(talk.say(said), *expected, "{said}");
    }
}
