//! Whatever a client of the Sentinel API sends, and however it is cut into reads: no panic, only
//! whole frames in answer, and never more of them waiting than there may be.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use rcm_core::id::Address;
use rcm_core::policy::Policy;
use rcm_core::status::Status;
use rcm_resp::{Decoder, Frame, Limits};
use redis_cluster_monitor::clock::Clock;
use redis_cluster_monitor::config::{Access, Secret, Sentinel};
use redis_cluster_monitor::driver::{Company, Holders, Requests};
use redis_cluster_monitor::redis::Memory;
use redis_cluster_monitor::sentinel::{Group, House, Scripts, Session, Step};
use tokio::sync::watch;

/// Twice what may wait before a request, plus the longest answer to one.
const WAITING_MOST: usize = 256 * 1024;

fuzz_target!(|input: (bool, Vec<u8>, &[u8])| {
    let (locked, reads, stream) = input;
    let house = house(locked);
    let mut session = house.session(([10, 0, 0, 9], 9).into(), ([10, 0, 0, 8], 8).into());
    let mut answers = Decoder::new(Limits::relay());
    let mut rest = stream;
    let mut reads = reads.iter().map(|size| usize::from(*size) + 1);
    while !rest.is_empty() {
        let size = reads.next().unwrap_or(rest.len()).min(rest.len());
        let (chunk, after) = rest.split_at(size);
        rest = after;
        session.feed(chunk);
        if !answer(&mut session, &house, &mut answers) {
            break;
        }
    }
    house.leave(&session);
});

/// Answers all that can be answered; whether the connection goes on.
fn answer(session: &mut Session, house: &House, answers: &mut Decoder) -> bool {
    loop {
        let step = session.run(house);
        let out = session.output().split();
        assert!(out.len() <= WAITING_MOST);
        answers.feed(&out);
        while answers.next_frame().expect("answers are frames").is_some() {}
        assert!(answers.buffer_mut().is_empty(), "an answer was not whole");
        match step {
            Step::Read => return true,
            Step::Close => return false,
            Step::Write => {}
            Step::Replace(_) | Step::Follow(..) | Step::Held(_) => session.answer(&Frame::ok()),
        }
    }
}

fn house(locked: bool) -> House {
    let status = Status {
        primary: Some(Address::new("10.0.0.1", 6379)),
        ..Status::unknown("m".parse().expect("a name"))
    };
    let group = Group {
        name: "m".parse().expect("a name"),
        policy: watch::channel(Policy::default()).1,
        status: watch::channel(Arc::new(status)).1,
        memory: Memory::default(),
        requests: Requests::to_nobody(),
        holders: Holders::default(),
        company: Company::alone("m1".parse().expect("a name")),
    };
    let access = Access {
        username: "u".to_owned(),
        password: Secret::new("p"),
        read_without_auth: false,
    };
    let settings = Sentinel {
        address: ([127, 0, 0, 1], 26379).into(),
        announce: None,
        access: locked.then_some(access),
        max_clients: 10,
        idle_after: std::time::Duration::ZERO,
        announce_hostnames: false,
        replay_on_subscribe: true,
    };
    let monitor = "m1".parse().expect("a name");
    House::new(vec![group], settings, Scripts::none(), &monitor, Clock::start())
}
