use super::told::FAIL;
use super::*;

/// A session that has been connected, and what a server has seen of it since.
pub(super) fn open(indeterminate: Indeterminate) -> Session {
    let mut session = Session::new(indeterminate, false);
    connect(&mut session, false, "+PONG\r\n");
    session
}

/// Lets the next server answer what it is told first; gives what it was told.
fn connect(session: &mut Session, handed_over: bool, replies: &str) -> String {
    session.connected(handed_over).unwrap();
    let told = words_of(&session.to_server.split());
    hear(session, replies.as_bytes());
    told
}

/// What a client sends at once; gives what goes to the server.
pub(super) fn ask(session: &mut Session, requests: &[&str]) -> String {
    let mut input = BytesMut::new();
    for request in requests {
        let words: Vec<_> = request.split(' ').collect();
        encode_command(&words, &mut input);
    }
    session.take(&mut input, true).unwrap();
    assert!(input.is_empty());
    words_of(&session.to_server.split())
}

pub(super) fn hear(session: &mut Session, replies: &[u8]) -> String {
    let mut input = BytesMut::from(replies);
    session.hear(&mut input).unwrap();
    shown(session)
}

/// What goes to the client.
fn shown(session: &mut Session) -> String {
    String::from_utf8(session.to_client.split().to_vec()).unwrap()
}

/// Requests as text, one after the other.
fn words_of(wire: &[u8]) -> String {
    let mut decoder = rcm_resp::RequestDecoder::new(Limits::request());
    decoder.feed(wire);
    let mut requests = Vec::new();
    while let Some(request) = decoder.next_request().unwrap() {
        let words = request
            .words()
            .iter()
            .map(|word| String::from_utf8_lossy(word));
        requests.push(words.collect::<Vec<_>>().join(" "));
    }
    requests.join(", ")
}

const STREAM: &[u8] =
    b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\na b\r\nGET k\r\n\r\n*1\r\n$4\r\nEXEC\r\n";
const REPLIES: &[u8] = b"+OK\r\n$3\r\na b\r\n-ERR EXEC without MULTI\r\n>2\r\n+a\r\n:1\r\n|1\r\n+k\r\n+v\r\n*1\r\n$-1\r\n";

#[test]
fn the_way_bytes_arrive_changes_nothing() {
    for cut in 0..STREAM.len() {
        let mut session = open(Indeterminate::Disconnect);
        let mut input = BytesMut::new();
        for piece in [&STREAM[..cut], &STREAM[cut..]] {
            input.extend_from_slice(piece);
            session.take(&mut input, true).unwrap();
        }
        assert_eq!(words_of(&session.to_server), "SET k a b, GET k, EXEC");
        assert_eq!(session.tally.requests, 3);
    }
    for cut in 0..REPLIES.len() {
        let mut session = open(Indeterminate::Disconnect);
        ask(&mut session, &["SET k v", "GET k", "EXEC", "GET k"]);
        let mut input = BytesMut::new();
        for piece in [&REPLIES[..cut], &REPLIES[cut..]] {
            input.extend_from_slice(piece);
            session.hear(&mut input).unwrap();
        }
        assert_eq!(&session.to_client[..], REPLIES, "cut at {cut}");
        assert!(!session.is_awaiting(), "cut at {cut}");
    }
}

#[test]
fn only_what_reads_is_sent_again() {
    let mut session = open(Indeterminate::Disconnect);
    ask(&mut session, &["GET a", "SELECT 3", "GET b"]);
    assert_eq!(hear(&mut session, b"$1\r\n"), "$1\r\n");
    assert_eq!(session.lost(), Err(End::Cut));

    let mut session = open(Indeterminate::Disconnect);
    ask(&mut session, &["GET a", "SELECT 3", "GET b"]);
    hear(&mut session, b"$1\r\n1\r\n");
    assert_eq!(session.lost(), Ok(()));
    assert_eq!(connect(&mut session, false, "+PONG\r\n"), "PING");
    assert_eq!(words_of(&session.to_server.split()), "SELECT 3, GET b");
    assert_eq!(
        hear(&mut session, b"+OK\r\n$1\r\n2\r\n"),
        "+OK\r\n$1\r\n2\r\n"
    );
    assert_eq!(session.tally.replayed, 2);

    ask(&mut session, &["GET a", "INCR a", "INCR b"]);
    assert_eq!(session.lost(), Err(End::Unknown(2)));
}

#[test]
fn an_unknown_outcome_can_be_an_error_in_its_place() {
    let mut session = open(Indeterminate::Error);
    ask(&mut session, &["GET a", "INCR a", "GET b", "INCR b"]);
    assert_eq!(session.lost(), Ok(()));
    connect(&mut session, false, "+PONG\r\n");
    assert_eq!(words_of(&session.to_server.split()), "GET a, GET b");
    let unknown = "-UNKNOWNOUTCOME the primary was lost before it answered; the command may have \
                   been executed\r\n";
    assert_eq!(
        hear(&mut session, b":1\r\n:2\r\n"),
        format!(":1\r\n{unknown}:2\r\n{unknown}")
    );
    assert_eq!(session.tally.indeterminate, 2);
}

#[test]
fn a_transaction_that_may_have_been_executed_is_not_begun_again() {
    let mut session = open(Indeterminate::Error);
    ask(&mut session, &["MULTI", "INCR a", "EXEC", "GET a"]);
    assert_eq!(session.lost(), Ok(()));
    assert_eq!(shown(&mut session).matches("-UNKNOWNOUTCOME").count(), 3);
    connect(&mut session, false, "+PONG\r\n");
    assert_eq!(words_of(&session.to_server.split()), "GET a");
    assert_eq!(hear(&mut session, b"$1\r\n1\r\n"), "$1\r\n1\r\n");
}

#[test]
fn a_transaction_without_its_end_is_sent_again_or_fails() {
    let mut session = open(Indeterminate::Disconnect);
    ask(&mut session, &["MULTI", "INCR a"]);
    assert_eq!(session.lost(), Ok(()));
    assert_eq!(connect(&mut session, false, "+PONG\r\n"), "PING");
    assert_eq!(words_of(&session.to_server.split()), "MULTI, INCR a");
    hear(&mut session, b"+OK\r\n+QUEUED\r\n");
    ask(&mut session, &["INCR b"]);
    assert_eq!(session.lost(), Ok(()));
    let told = connect(
        &mut session,
        false,
        "+PONG\r\n+OK\r\n-ERR unknown command\r\n",
    );
    assert_eq!(told, format!("PING, MULTI, {FAIL}"));
    assert_eq!(shown(&mut session), "");
    assert_eq!(words_of(&session.to_server.split()), "INCR b");
}

#[test]
fn what_waits_to_take_is_sent_again_only_after_a_handover() {
    for (handed_over, outcome) in [(true, Ok(())), (false, Err(End::Unknown(1)))] {
        let mut session = open(Indeterminate::Disconnect);
        ask(&mut session, &["BLPOP l 0"]);
        assert!(!session.is_busy());
        assert_eq!(session.lost(), Ok(()));
        assert_eq!(session.connected(handed_over), outcome);
    }
}

#[test]
fn a_connection_is_told_to_the_next_server() {
    let mut session = open(Indeterminate::Disconnect);
    ask(
        &mut session,
        &[
            "HELLO 3 AUTH me secret SETNAME app",
            "SELECT 2",
            "AUTH me wrong",
            "CLIENT NO-EVICT ON",
            "SUBSCRIBE a b",
            "UNSUBSCRIBE a",
            "MONITOR",
        ],
    );
    hear(
        &mut session,
        b"%0\r\n+OK\r\n-WRONGPASS\r\n+OK\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n\
          >3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n>3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n+OK\r\n",
    );
    assert!(!session.is_awaiting());
    assert_eq!(session.lost(), Ok(()));
    assert!(session.needs_server());
    let told = connect(
        &mut session,
        false,
        "+PONG\r\n+OK\r\n%0\r\n+OK\r\n+OK\r\n+OK\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:1\r\n+OK\r\n",
    );
    assert_eq!(
        told,
        "PING, AUTH me secret, HELLO 3, SELECT 2, CLIENT SETNAME app, CLIENT NO-EVICT ON, \
         SUBSCRIBE b, MONITOR"
    );
    assert!(session.is_told());
    assert_eq!(shown(&mut session), "");
    ask(&mut session, &["RESET"]);
    hear(&mut session, b"+RESET\r\n");
    assert_eq!(session.lost(), Ok(()));
    assert_eq!(connect(&mut session, false, "+PONG\r\n"), "PING");
}

#[test]
fn what_another_server_refuses_ends_the_connection() {
    let mut session = open(Indeterminate::Disconnect);
    ask(&mut session, &["AUTH secret"]);
    hear(&mut session, b"+OK\r\n");
    session.lost().unwrap();
    session.connected(false).unwrap();
    let mut refusal = BytesMut::from(&b"+PONG\r\n-WRONGPASS no\r\n"[..]);
    assert_eq!(session.hear(&mut refusal), Err(Fault::Client(End::Refused)));
}

#[test]
fn a_server_that_does_not_serve_is_not_given_requests() {
    for reply in [
        "-LOADING yet\r\n",
        "-ERR max number of clients reached\r\n",
        "-DENIED\r\n",
    ] {
        let mut session = Session::new(Indeterminate::Disconnect, false);
        session.connected(false).unwrap();
        let mut input = BytesMut::from(reply.as_bytes());
        assert_eq!(session.hear(&mut input), Err(Fault::NotServing), "{reply}");
        assert!(!session.is_told());
    }
}

#[test]
fn messages_are_no_replies() {
    let mut session = open(Indeterminate::Disconnect);
    let message = "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n";
    // An array that looks like one is a reply as long as nothing is subscribed to.
    ask(&mut session, &["LRANGE l 0 -1", "SUBSCRIBE a", "PING"]);
    let confirmed = "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n";
    let pong = "*2\r\n$4\r\npong\r\n$0\r\n\r\n";
    let all = format!("{message}{confirmed}{message}{pong}{message}");
    assert_eq!(hear(&mut session, all.as_bytes()), all);
    assert!(!session.is_awaiting());
    ask(&mut session, &["UNSUBSCRIBE"]);
    let end = "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n";
    assert_eq!(hear(&mut session, end.as_bytes()), end);
    assert!(!session.is_awaiting());
    assert!(!session.needs_server());
}

#[test]
fn muted_replies_are_not_waited_for() {
    let mut session = open(Indeterminate::Disconnect);
    ask(
        &mut session,
        &[
            "CLIENT REPLY SKIP",
            "SET a 1",
            "GET a",
            "CLIENT REPLY OFF",
            "SET b 1",
        ],
    );
    assert_eq!(hear(&mut session, b"$1\r\n1\r\n"), "$1\r\n1\r\n");
    assert!(!session.is_awaiting());
    session.lost().unwrap();
    connect(&mut session, false, "+PONG\r\n");
    assert_eq!(words_of(&session.to_server.split()), "CLIENT REPLY OFF");
    ask(&mut session, &["CLIENT REPLY ON"]);
    assert!(session.is_awaiting());
}

#[test]
fn garbage_from_a_server_is_told_from_replies() {
    for garbage in [
        &b"what\r\n"[..],
        b":1\n",
        b"$-7\r\n",
        b"*?\r\n",
        b"$1\r\nabc",
    ] {
        let mut session = open(Indeterminate::Disconnect);
        ask(&mut session, &["GET a"]);
        let mut input = BytesMut::from(garbage);
        let heard = session.hear(&mut input);
        assert!(matches!(heard, Err(Fault::Protocol(_))), "{garbage:?}");
    }
}

#[test]
fn requests_that_wait_too_long_are_answered_in_their_place() {
    let mut session = open(Indeterminate::Disconnect);
    ask(&mut session, &["GET a"]);
    let mut input = BytesMut::new();
    encode_command(["SET", "a", "1"], &mut input);
    input.extend_from_slice(b"*2\r\n$3\r\nGET\r\n$30000\r\n");
    input.extend_from_slice(&[b'x'; WINDOW]);
    session.take(&mut input, false).unwrap();
    assert!(session.holds(&input));
    assert_eq!(session.refuse(&mut input, "NOPRIMARY"), 2);
    assert!(input.is_empty() && !session.holds(&input));
    // The rest of the long one goes nowhere.
    input.extend_from_slice(&[b'x'; 30_000 - WINDOW]);
    input.extend_from_slice(b"\r\n");
    session.take(&mut input, false).unwrap();
    assert_eq!(
        hear(&mut session, b"$-1\r\n"),
        "$-1\r\n-NOPRIMARY\r\n-NOPRIMARY\r\n"
    );
    assert_eq!(session.to_server.len(), 0);
}
