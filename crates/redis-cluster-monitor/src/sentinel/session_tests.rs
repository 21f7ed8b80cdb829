use std::time::Duration;

use proptest::prelude::*;
use rcm_core::id::{Address, Epoch, Offset, RunId};
use rcm_core::policy::Policy;
use rcm_core::status::{NodeRole, NodeStatus, Reported, Status, Upstream};
use rcm_core::verdict::Verdict;
use tokio::sync::watch;

use super::*;
use crate::clock::Clock;
use crate::config::{Access, Secret, Sentinel};
use crate::redis::Memory;
use crate::sentinel::{Group, Scripts};

fn node(port: u16, upstream: Option<u16>) -> NodeStatus {
    let follows = |port| Upstream {
        address: Address::new("10.0.0.1", port),
        link_up: true,
        down_since: None,
        priority: 90,
    };
    NodeStatus {
        address: Address::new("node.example.net", port),
        ip: "10.0.0.1".parse().ok(),
        listed: true,
        run_id: Some(RunId::from_number(port.into())),
        version: None,
        role: upstream.map_or(NodeRole::Primary, |_| NodeRole::Replica),
        reports: Some(Reported {
            following: upstream.map(follows),
            since: None,
        }),
        failure: None,
        failing_since: None,
        down: false,
        offset: Some(Offset(7)),
        lag: Some(0),
    }
}

fn status() -> Status {
    Status {
        epoch: Epoch(4),
        primary: Some(Address::new("node.example.net", 1)),
        verdict: Verdict::Healthy,
        nodes: vec![node(1, None), node(2, Some(1))],
        ..Status::unknown("shop".parse().unwrap())
    }
}

fn settings() -> Sentinel {
    Sentinel {
        address: ([127, 0, 0, 1], 26379).into(),
        access: None,
        max_clients: 100,
        idle_after: Duration::ZERO,
        announce_hostnames: false,
        replay_on_subscribe: false,
    }
}

fn locked(read_without_auth: bool) -> Sentinel {
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
struct Talk {
    house: House,
    session: Session,
}

impl Talk {
    fn in_house(settings: Sentinel, status: Status) -> Self {
        let group = Group {
            name: "shop".parse().unwrap(),
            policy: Policy::default(),
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

    fn new() -> Self {
        Self::in_house(settings(), status())
    }

    /// Says lines of words; gives what is answered, with blanks for line ends.
    fn say(&mut self, lines: &str) -> String {
        for line in lines.lines() {
            self.session.feed(line.as_bytes());
            self.session.feed(b"\r\n");
        }
        self.hear().trim_end().to_owned()
    }

    /// What is answered to what was fed, with blanks for line ends.
    fn hear(&mut self) -> String {
        let mut heard = Vec::new();
        loop {
            let step = self.session.run(&self.house);
            heard.extend_from_slice(&self.session.output().split());
            match step {
                Step::Read => break,
                Step::Write => {}
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
fn check(settings: &Sentinel, table: &[(&str, &str)]) {
    for (said, expected) in table {
        let mut talk = Talk::in_house(settings.clone(), status());
        assert_eq!(talk.say(said), *expected, "{said}");
    }
}

#[test]
fn clients_find_their_primary_and_its_replicas() {
    check(
        &settings(),
        &[
            (
                "sentinel get-master-addr-by-name shop",
                "*2 $8 10.0.0.1 $1 1",
            ),
            (
                "SENTINEL GET-PRIMARY-ADDR-BY-NAME shop",
                "*2 $8 10.0.0.1 $1 1",
            ),
            ("sentinel get-master-addr-by-name x", "*-1"),
            ("sentinel master x", "-ERR No such master with that name"),
            ("sentinel sentinels shop", "*0"),
            ("role", "*2 $8 sentinel *1 $4 shop"),
            (
                "sentinel ckquorum shop",
                "+OK 1 usable Sentinels. Quorum and failover authorization can be reached",
            ),
            (
                "sentinel is-master-down-by-addr 10.0.0.1 1 0 *",
                "*3 :0 $1 * :0",
            ),
            ("sentinel pending-scripts", "*0"),
            (
                "sentinel info-cache shop",
                "*2 $4 shop *2 *2 :0 $-1 *2 :0 $-1",
            ),
            (
                "info sentinel",
                "$246 # Sentinel sentinel_masters:1 sentinel_tilt:0 sentinel_tilt_since_seconds:-1 \
                 sentinel_running_scripts:0 sentinel_scripts_queue_length:0 \
                 sentinel_simulate_failure_flags:0 \
                 master0:name=shop,status=ok,address=10.0.0.1:1,slaves=1,sentinels=1",
            ),
        ],
    );
    let named = Sentinel {
        announce_hostnames: true,
        ..settings()
    };
    let address = "*2 $16 node.example.net $1 1";
    check(
        &named,
        &[("sentinel get-master-addr-by-name shop", address)],
    );
}

/// The names and values of the first map of an answer in RESP2.
fn fields(answer: &str) -> Vec<(String, String)> {
    let values = answer
        .split(' ')
        .filter(|part| !part.starts_with(['*', '$']));
    let values: Vec<_> = values.map(str::to_owned).collect();
    let pairs = values.chunks_exact(2);
    pairs
        .map(|pair| (pair[0].clone(), pair[1].clone()))
        .collect()
}

fn field(answer: &str, name: &str) -> Option<String> {
    let found = fields(answer).into_iter().find(|(field, _)| field == name);
    found.map(|(_, value)| value)
}

#[test]
fn flags_answers_and_events_speak_of_the_same_primary() {
    let lost = Status {
        verdict: Verdict::PrimaryCrashed,
        nodes: vec![
            NodeStatus {
                down: true,
                failure: Some(rcm_core::observation::Failure::Refused),
                ..node(1, None)
            },
            node(2, Some(1)),
        ],
        stage: rcm_core::rule::Stage::Sealing,
        ..status()
    };
    let mut talk = Talk::in_house(settings(), lost);
    let primary = talk.say("sentinel master shop");
    let flags = "s_down,o_down,master,disconnected,failover_in_progress";
    assert_eq!(field(&primary, "flags").as_deref(), Some(flags));
    assert_eq!(
        field(&primary, "failover-state").as_deref(),
        Some("select_slave")
    );
    assert!(field(&primary, "o-down-time").is_some());
    let down = talk.say("sentinel is-master-down-by-addr 10.0.0.1 1 0 *");
    assert_eq!(down, "*3 :1 $1 * :0");
    let replicas = talk.say("sentinel replicas shop");
    assert_eq!(field(&replicas, "flags").as_deref(), Some("slave"));
    assert_eq!(field(&replicas, "slave-priority").as_deref(), Some("90"));
    assert!(talk.say("info sentinel").contains("status=odown"));
}

#[test]
fn a_group_whose_primary_nobody_has_met_is_not_there_yet() {
    let unknown = Status::unknown("shop".parse().unwrap());
    let mut talk = Talk::in_house(settings(), unknown);
    assert_eq!(talk.say("sentinel masters"), "*0");
    assert_eq!(talk.say("sentinel get-master-addr-by-name shop"), "*-1");
    assert!(
        talk.say("sentinel master shop")
            .starts_with("-ERR No such master")
    );
}

#[test]
fn replies_leave_in_the_order_of_their_requests_also_around_one_that_takes_time() {
    let mut talk = Talk::new();
    let heard = talk.say("ping a\nsentinel failover shop\nping b\nsentinel failover x\nping c");
    let expected = "$1 a +-> shop $1 b -ERR No such master with that name $1 c";
    assert_eq!(heard, expected);
}

#[test]
fn what_configures_a_sentinel_says_how_it_is_done_here() {
    for (said, expected) in [
        (
            "sentinel monitor shop 1.2.3.4 1 1",
            "Duplicate master name.",
        ),
        ("sentinel monitor new 1.2.3.4 1 1", "[groups.NAME]"),
        ("sentinel remove shop", "[groups.NAME]"),
        ("sentinel remove x", "No such master"),
        ("sentinel reset *", "forgotten after 10 minutes"),
        ("sentinel set shop quorum 2", "one monitor decides"),
        (
            "sentinel set shop x 2",
            "Unknown option or number of arguments for SENTINEL SET 'x'",
        ),
        ("sentinel set x quorum 2", "No such master"),
        ("sentinel config set announce-ip 1", "[sentinel]"),
        (
            "sentinel config set x 1",
            "Invalid argument 'x' to SENTINEL CONFIG SET",
        ),
        ("sentinel debug", "silent_after"),
        ("sentinel simulate-failure crash-after-election", "demo"),
        ("publish a b", "nothing can be published"),
        ("shutdown", "SIGTERM"),
        ("acl list", "[sentinel]"),
    ] {
        let heard = Talk::new().say(said);
        assert!(
            heard.starts_with("-ERR ") && heard.contains(expected),
            "{said}: {heard}"
        );
    }
    assert_eq!(Talk::new().say("sentinel reset x*"), ":0");
    assert_eq!(Talk::new().say("sentinel flushconfig"), "+OK");
}

#[test]
fn in_resp3_maps_are_maps_and_null_is_null() {
    let mut talk = Talk::new();
    assert!(
        talk.say("hello 3")
            .starts_with("%6 $6 server $5 redis $7 version")
    );
    assert!(
        talk.say("sentinel master shop")
            .starts_with("%20 $4 name $4 shop")
    );
    assert!(
        talk.say("sentinel replicas shop")
            .starts_with("*1 %21 $4 name $10 10.0.0.1:2")
    );
    assert_eq!(talk.say("sentinel get-master-addr-by-name x"), "_");
    assert_eq!(talk.say("subscribe +sdown"), ">3 $9 subscribe $6 +sdown :1");
    assert_eq!(talk.say("role"), "*2 $8 sentinel *1 $4 shop");
}

#[test]
fn a_subscriber_is_told_what_it_asked_for() {
    let mut talk = Talk::new();
    let heard = talk.say("subscribe +switch-master\npsubscribe [-+]sdown\nget x\nclient id");
    assert_eq!(
        heard,
        "*3 $9 subscribe $14 +switch-master :1 *3 $10 psubscribe $9 [-+]sdown :2 \
         -ERR unknown command 'get', with args beginning with: 'x'  \
         -ERR Can't execute 'client|id': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / \
         RESET are allowed in this context"
    );
    talk.session.tell(&Message::new("+slave", "x"));
    talk.session.tell(&Message::new("-sdown", "y"));
    talk.session.tell(&Message::new("+switch-master", "z"));
    assert_eq!(
        talk.say("ping"),
        "*4 $8 pmessage $9 [-+]sdown $6 -sdown $1 y *3 $7 message $14 +switch-master $1 z \
         *2 $4 pong $0"
    );
    assert_eq!(talk.say("unsubscribe\npunsubscribe\nping"), {
        "*3 $11 unsubscribe $14 +switch-master :1 *3 $12 punsubscribe $9 [-+]sdown :0 +PONG"
    });
    assert!(!talk.session.listens());
}

#[test]
fn a_new_subscriber_is_told_the_current_primary_where_that_is_wanted() {
    let replaying = Sentinel {
        replay_on_subscribe: true,
        ..settings()
    };
    let state = "$14 +switch-master $26 shop 10.0.0.1 1 10.0.0.1 1";
    check(
        &replaying,
        &[
            (
                "subscribe +switch-master",
                &format!("*3 $9 subscribe $14 +switch-master :1 *3 $7 message {state}"),
            ),
            (
                "psubscribe *switch*",
                &format!("*3 $10 psubscribe $8 *switch* :1 *4 $8 pmessage $8 *switch* {state}"),
            ),
            ("subscribe +sdown", "*3 $9 subscribe $6 +sdown :1"),
        ],
    );
}

#[test]
fn who_must_know_the_password_may_do_nothing_without() {
    let no_auth = "-NOAUTH Authentication required.";
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.";
    check(
        &locked(false),
        &[
            ("ping", no_auth),
            ("sentinel masters", no_auth),
            ("subscribe x", no_auth),
            ("auth wrong", wrong),
            ("auth default hunter2", wrong),
            ("auth hunter2\nping", "+OK +PONG"),
            ("auth app hunter2\nacl whoami", "+OK $3 app"),
            ("hello 3 auth app wrong", wrong),
            ("quit", "+OK CLOSED"),
        ],
    );
    let hello = Talk::in_house(locked(false), status()).say("hello 3");
    assert!(hello.starts_with("-NOAUTH HELLO must be called"), "{hello}");
    let mut talk = Talk::in_house(locked(false), status());
    let hello = talk.say("hello 3 auth app hunter2 setname me");
    assert!(hello.starts_with("%6"), "{hello}");
    assert_eq!(talk.say("client getname"), "$2 me");
}

#[test]
fn who_does_not_know_the_password_may_ask_where_that_is_allowed() {
    check(
        &locked(true),
        &[
            ("ping", "+PONG"),
            (
                "sentinel get-master-addr-by-name shop",
                "*2 $8 10.0.0.1 $1 1",
            ),
            ("sentinel failover shop", "-NOAUTH Authentication required."),
            ("client kill id 1", "-NOAUTH Authentication required."),
            ("auth hunter2\nsentinel failover shop", "+OK +-> shop"),
        ],
    );
}

#[test]
fn before_the_password_only_short_requests_are_read() {
    let mut talk = Talk::in_house(locked(false), status());
    let long = "x".repeat(20_000);
    talk.session
        .feed(format!("*2\r\n$4\r\nAUTH\r\n${}\r\n{long}\r\n", long.len()).as_bytes());
    assert_eq!(
        talk.hear(),
        "-ERR Protocol error: invalid bulk length CLOSED"
    );
    // What came behind the password in one read is not lost with the old limits.
    let mut talk = Talk::in_house(locked(false), status());
    assert_eq!(talk.say("auth hunter2\nping a\nping b"), "+OK $1 a $1 b");
}

#[test]
fn a_connection_says_who_it_is() {
    check(
        &settings(),
        &[
            ("client setname a\nclient getname", "+OK $1 a"),
            ("client getname", "$-1"),
            ("client setinfo lib-name x", "+OK"),
            ("client setinfo lib-x x", "-ERR Unrecognized option 'lib-x'"),
            (
                "client setname \"a b\"",
                "-ERR Client names cannot contain spaces, newlines or special characters.",
            ),
            ("client reply off\nping\nclient reply on", "+OK"),
            ("client reply skip\nping a\nping b", "$1 b"),
            ("client kill id 999", ":0"),
            ("client kill 10.0.0.9:999", "+OK"),
            ("client kill x", "-ERR No such client"),
            ("client unpause", "+OK"),
        ],
    );
    let mut talk = Talk::new();
    talk.say("client setname me\nclient setinfo lib-name lib\nsubscribe x\nunsubscribe");
    let list = talk.say("client list");
    for part in [
        "id=1 ",
        "addr=10.0.0.9:999",
        "name=me",
        "lib-name=lib",
        "sub=0",
    ] {
        assert!(list.contains(part), "no {part} in {list}");
    }
}

#[test]
fn a_broken_stream_is_answered_once_and_closed() {
    check(
        &settings(),
        &[
            (
                "*x\nping",
                "-ERR Protocol error: invalid multibulk length CLOSED",
            ),
            (
                "*1\nping",
                "-ERR Protocol error: expected '$', got 'p' CLOSED",
            ),
            (
                "ping \"",
                "-ERR Protocol error: unbalanced quotes in request CLOSED",
            ),
            ("POST / HTTP/1.1\nping", "-ERR this is no web server CLOSED"),
            ("quit\nping", "+OK CLOSED"),
        ],
    );
}

#[test]
fn no_request_is_looked_at_while_much_waits_to_be_sent() {
    let mut talk = Talk::new();
    for _ in 0..1_000 {
        talk.session.feed(b"COMMAND\r\n");
    }
    assert_eq!(talk.session.run(&talk.house), Step::Write);
    let waiting = talk.session.output().len();
    assert!((OUT_MOST..2 * OUT_MOST).contains(&waiting), "{waiting}");
}

proptest! {
    #[test]
    fn how_a_stream_is_cut_changes_no_answer(
        cuts in proptest::collection::vec(1..40_usize, 1..60),
        picks in proptest::collection::vec(0..REQUESTS.len(), 1..12),
    ) {
        let stream: Vec<u8> = picks.iter().flat_map(|&pick| REQUESTS[pick].bytes()).collect();
        let mut whole = Talk::new();
        whole.session.feed(&stream);
        let expected = whole.hear();
        let mut pieces = Talk::new();
        let (mut heard, mut rest) = (Vec::new(), stream.as_slice());
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces.session.feed(piece);
            heard.push(pieces.hear());
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(heard.concat(), expected);
    }
}

/// Requests whose answers do not depend on when they are asked.
const REQUESTS: &[&str] = &[
    "PING\r\n",
    "*2\r\n$4\r\nPING\r\n$5\r\na\r\nb \r\n",
    "*3\r\n$8\r\nSENTINEL\r\n$23\r\nget-master-addr-by-name\r\n$4\r\nshop\r\n",
    "sentinel failover shop\r\n",
    "HELLO 3\r\n",
    "*1\r\n$3\r\nGET\r\n",
    "subscribe a b\r\n",
    "unsubscribe\r\n",
    "client setname x\r\n",
    "*0\r\n",
];
