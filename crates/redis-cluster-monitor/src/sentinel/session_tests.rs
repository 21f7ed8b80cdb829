use rcm_core::observation::Failure;
use rcm_core::rule::Stage;
use rcm_core::status::{MonitorStatus, NodeStatus, Status};
use rcm_core::verdict::Verdict;

use crate::config::Sentinel;
use crate::sentinel::message::Message;
use crate::sentinel::talk::{Talk, check, node, settings, status};

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
                failure: Some(Failure::Refused),
                ..node(1, None)
            },
            node(2, Some(1)),
        ],
        stage: Stage::Sealing,
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
fn monitors_that_live_are_counted_against_those_that_are_needed() {
    let other = |id: &str, alive| MonitorStatus {
        id: id.parse().unwrap(),
        alive,
        sees: None,
    };
    let with = |alive| Status {
        monitors: vec![other("m2", alive), other("m3", false)],
        quorum: 2,
        ..status()
    };
    let mut talk = Talk::in_house(settings(), with(true));
    assert_eq!(
        talk.say("sentinel ckquorum shop"),
        "+OK 2 usable Sentinels. Quorum and failover authorization can be reached"
    );
    let primary = talk.say("sentinel master shop");
    let number = field(&primary, "num-other-sentinels");
    assert_eq!(number.as_deref(), Some("2"));
    assert_eq!(field(&primary, "quorum").as_deref(), Some("2"));
    // They have not told where they can be asked.
    assert_eq!(talk.say("sentinel sentinels shop"), "*0");

    let mut talk = Talk::in_house(settings(), with(false));
    assert_eq!(
        talk.say("sentinel ckquorum shop"),
        "-NOQUORUM 1 usable Sentinels. Not enough available Sentinels to reach the specified \
         quorum for this master"
    );
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
