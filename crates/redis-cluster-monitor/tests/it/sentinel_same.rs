//! The same questions to a real Sentinel and to a monitor that stand before the same servers: the
//! same names in the same order, the same types, the same errors.

use rcm_resp::Frame;
use redis_cluster_monitor::local::{Binary, Group, Server, Version, wait_for};

use crate::door::{Caller, field};
use crate::monitor::{SOON, State, builder, check};

/// Questions with one right answer.
const SAME: &[&str] = &[
    "PING",
    "PING x",
    "PING x y",
    "ROLE",
    "ROLE x",
    "GET x",
    "get",
    "FOO a b c d",
    "SELECT 0",
    "CONFIG GET *",
    "MONITOR",
    "HELLO 4",
    "HELLO x",
    "HELLO 3 AUTH",
    "HELLO 3 FOO",
    "AUTH",
    "AUTH x",
    "AUTH default x",
    "AUTH other x",
    "AUTH a b c",
    "ACL",
    "CLIENT",
    "CLIENT ID x",
    "CLIENT GETNAME",
    "CLIENT SETNAME x",
    "CLIENT SETNAME",
    "CLIENT FOO",
    "CLIENT LIST foo",
    "CLIENT LIST TYPE foo",
    "CLIENT KILL x",
    "CLIENT KILL ID 99999",
    "CLIENT REPLY ON",
    "CLIENT REPLY foo",
    "CLIENT NO-EVICT on",
    "CLIENT NO-EVICT foo",
    "CLIENT CACHING yes",
    "CLIENT GETREDIR",
    "CLIENT TRACKINGINFO",
    "CLIENT UNPAUSE",
    "COMMAND COUNT",
    "COMMAND COUNT x",
    "COMMAND FOO",
    "COMMAND INFO foo",
    "COMMAND LIST FILTERBY x",
    "COMMAND GETKEYS foo x",
    "INFO foo",
    "SUBSCRIBE",
    "SUBSCRIBE a",
    "PSUBSCRIBE a*",
    "UNSUBSCRIBE",
    "PUNSUBSCRIBE",
    "SENTINEL",
    "SENTINEL FOO",
    "SENTINEL MASTER",
    "SENTINEL MASTER nobody",
    "SENTINEL MASTERS x",
    "SENTINEL REPLICAS nobody",
    "SENTINEL SLAVES nobody",
    "SENTINEL SENTINELS nobody",
    "SENTINEL SENTINELS mymaster",
    "SENTINEL GET-MASTER-ADDR-BY-NAME mymaster",
    "SENTINEL GET-MASTER-ADDR-BY-NAME nobody",
    "SENTINEL GET-MASTER-ADDR-BY-NAME",
    "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 1 0 *",
    "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 x 0 *",
    "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 1 x *",
    "SENTINEL CKQUORUM nobody",
    "SENTINEL FAILOVER nobody",
    "SENTINEL FAILOVER",
    "SENTINEL INFO-CACHE",
    "SENTINEL INFO-CACHE nobody",
    "SENTINEL PENDING-SCRIPTS",
    "SENTINEL PENDING-SCRIPTS x",
    "SENTINEL FLUSHCONFIG",
    "SENTINEL CONFIG",
    "SENTINEL CONFIG FOO bar",
    "SENTINEL CONFIG GET nothing",
    "SENTINEL CONFIG GET announce-*",
    "SENTINEL CONFIG SET foo bar",
    "SENTINEL SET mymaster",
    "SENTINEL SET mymaster foo bar",
    "SENTINEL SET nobody foo bar",
    "SENTINEL MONITOR mymaster 127.0.0.1 1 1",
    "SENTINEL REMOVE nobody",
    "SENTINEL RESET nobody",
];

/// Questions whose answers have the same names and types.
const ALIKE: &[&str] = &[
    "HELLO",
    "CLIENT ID",
    "CLIENT INFO",
    "SENTINEL MASTER mymaster",
    "SENTINEL MASTERS",
    "SENTINEL REPLICAS mymaster",
    "SENTINEL SLAVES mymaster",
    "SENTINEL INFO-CACHE mymaster",
    "SENTINEL MYID",
    "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 1 0 *",
    "INFO sentinel",
    "COMMAND INFO sentinel|master",
];

#[test]
fn a_client_cannot_tell_the_monitor_from_a_sentinel() {
    check((|| {
        let group = Group::start(&builder(Version::System)?, 1)?;
        let primary = group.addresses()[0];
        let sentinel = Server::builder(&Binary::of(Version::System)?)
            .sentinel()
            .set(
                "sentinel",
                &[
                    "monitor",
                    "mymaster",
                    &primary.ip().to_string(),
                    &primary.port().to_string(),
                    "1",
                ],
            )
            .start()?;
        let state = State::new();
        let options = ["--observe", "--sentinel", "127.0.0.1:0"];
        let monitor = state.monitor(&group.addresses(), &options);
        let door = monitor.door();
        monitor.wait_for("primary-adopted")?;
        let knows_replica = |address| {
            let replicas = Caller::connect(address).texts("SENTINEL REPLICAS mymaster");
            field(&replicas, "master-link-status").as_deref() == Some("ok")
        };
        wait_for(SOON, "a replica that both know", || {
            knows_replica(sentinel.address()) && knows_replica(door)
        })?;
        for connect in [Caller::connect, Caller::resp3] {
            for question in SAME {
                let theirs = connect(sentinel.address()).ask(question);
                let ours = connect(door).ask(question);
                assert_eq!(ours, theirs, "{question}");
            }
            for question in ALIKE {
                let theirs = connect(sentinel.address()).ask(question);
                let ours = connect(door).ask(question);
                assert_eq!(names(&ours), names(&theirs), "{question}");
            }
        }
        Ok(())
    })());
}

/// The shape of an answer: types, and the names in maps, also where RESP2 writes them flat.
fn names(frame: &Frame) -> String {
    match frame {
        Frame::Map(entries) => {
            let entry = |(key, value): &(Frame, Frame)| format!("{key:?}: {}", names(value));
            entries.iter().map(entry).collect::<Vec<_>>().join(", ")
        }
        Frame::Array(values) if is_flat_map(values) => {
            let entry = |pair: &[Frame]| format!("{:?}: {}", pair[0], names(&pair[1]));
            let entries: Vec<_> = values.chunks_exact(2).map(entry).collect();
            entries.join(", ")
        }
        Frame::Array(values) | Frame::Set(values) => {
            let values: Vec<_> = values.iter().map(names).collect();
            format!("[{}]", values.join(" "))
        }
        Frame::Integer(_) => "integer".to_owned(),
        Frame::Bulk(_) => "text".to_owned(),
        Frame::Verbatim { .. } => "verbatim".to_owned(),
        other => format!("{other:?}"),
    }
}

fn is_flat_map(values: &[Frame]) -> bool {
    let first = values.first().and_then(Frame::as_str);
    values.len().is_multiple_of(2) && matches!(first, Some("name" | "server"))
}
