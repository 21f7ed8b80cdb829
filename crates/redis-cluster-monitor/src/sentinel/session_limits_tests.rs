use proptest::prelude::*;

use super::{OUT_MOST, Step};
use crate::sentinel::talk::{Talk, check, locked, settings, status};

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

#[test]
fn what_waits_is_counted_until_it_is_used_or_sent() {
    let mut talk = Talk::new();
    talk.session.feed(b"*2\r\n$4\r\nPING\r\n$100\r\nabc");
    assert_eq!(talk.hear(), "");
    assert_eq!(talk.session.held(), 23);
    talk.session.feed(&[b'x'; 97]);
    talk.session.feed(b"\r\n*1");
    assert_eq!(talk.session.run(&talk.house), Step::Read);
    assert_eq!(talk.session.held(), "$100\r\n\r\n".len() + 100 + "*1".len());
    talk.session.output().clear();
    assert_eq!(talk.session.held(), 2);
}

#[test]
fn all_connections_together_hold_no_more_than_they_may() {
    let talk = Talk::new();
    let most = 64 * 1024 * 1024;
    assert!(talk.house.hold(0, most));
    assert!(!talk.house.hold(0, 1));
    assert!(talk.house.hold(most + 1, 1));
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
