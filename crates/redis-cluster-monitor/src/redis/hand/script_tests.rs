use super::*;

const ID: &str = "7210869cfd1a0606f668268a2184f4d88feae983";

fn server() -> Frame {
    Frame::bulk(format!("redis_version:7.0.15\r\nrun_id:{ID}\r\n"))
}

fn replication() -> Frame {
    Frame::bulk(format!(
        "role:master\r\nmaster_replid:{ID}\r\nmaster_repl_offset:7\r\n"
    ))
}

fn queued(results: Frame, count: usize) -> Vec<Frame> {
    let mut replies = vec![Frame::ok()];
    replies.extend((0..count).map(|_| Frame::simple("QUEUED")));
    replies.push(results);
    replies
}

fn is_refused(outcome: &Outcome, with: &str) -> bool {
    matches!(outcome, Outcome::Failed(Failed::Refused(text)) if text.contains(with))
}

const SEAL: Script = Script::Seal {
    evict: true,
    shut: false,
};

#[test]
fn a_seal_says_where_the_node_stands() {
    let results = Frame::Array(vec![
        Frame::ok(),
        Frame::Integer(3),
        Frame::Integer(0),
        server(),
        replication(),
    ]);
    let Outcome::Done(Done::Sealed(report)) = SEAL.judge(queued(results, 5)) else {
        panic!("not sealed")
    };
    assert_eq!(report.run_id, ID.parse().unwrap());
    assert_eq!(report.replication.offset.0, 7);
}

#[test]
fn refused_is_only_what_was_certainly_not_done() {
    let aborted = || Frame::error("EXECABORT Transaction discarded because of previous errors.");
    let mut loading = queued(aborted(), 5);
    loading[1] = Frame::error("LOADING Redis is loading the dataset in memory");
    assert!(is_refused(&SEAL.judge(loading), "LOADING"));

    assert!(is_refused(&SEAL.judge(queued(aborted(), 5)), "EXECABORT"));

    let first_failed = vec![Frame::error("ERR not allowed"), Frame::Null, Frame::Null];
    let first_failed = queued(Frame::Array(first_failed), 5);
    assert!(is_refused(&SEAL.judge(first_failed), "not allowed"));

    let blind = vec![Frame::ok(), server(), Frame::error("NOPERM")];
    let blind = queued(Frame::Array(blind), 3);
    assert_eq!(Script::Promote.judge(blind), Outcome::Unknown);
    assert_eq!(SEAL.judge(vec![]), Outcome::Unknown);
}

#[test]
fn without_a_transaction_each_command_stands_for_itself() {
    let no_multi = |first: Frame| {
        let multi = Frame::error("NOPERM no permissions to run the 'multi' command");
        let exec = Frame::error("ERR EXEC without MULTI");
        vec![multi, first, server(), replication(), exec]
    };
    let done = Script::Promote.judge(no_multi(Frame::ok()));
    assert!(matches!(done, Outcome::Done(Done::Promoted(_))));
    let refused = Script::Promote.judge(no_multi(Frame::error("NOAUTH")));
    assert!(is_refused(&refused, "NOAUTH"));
}

#[test]
fn an_inspection_that_is_refused_changes_nothing() {
    let inspected =
        Script::Inspect.judge(vec![server(), Frame::bulk("loading:1\r\n"), replication()]);
    let Outcome::Done(Done::Inspected(report)) = inspected else {
        panic!("not inspected")
    };
    assert!(report.replication.loading);
    let refused = Script::Inspect.judge(vec![server(), Frame::Null, Frame::error("NOPERM")]);
    assert!(is_refused(&refused, "NOPERM"));
}

#[test]
fn a_strict_seal_counts_only_if_every_gate_was_shut() {
    let strict = Script::Seal {
        evict: true,
        shut: true,
    };
    let results = |gate: Frame| {
        let mut results = vec![gate];
        results.extend((0..4).map(|_| Frame::ok()));
        results.push(Frame::ok());
        results.extend((0..3).map(|_| Frame::Integer(0)));
        results.extend([server(), replication()]);
        queued(Frame::Array(results), 11)
    };
    assert!(matches!(
        strict.judge(results(Frame::ok())),
        Outcome::Done(Done::Sealed(_))
    ));
    let half = strict.judge(results(Frame::error("NOPERM")));
    assert_eq!(half, Outcome::Unknown);
}

#[test]
fn gates_that_are_half_open_are_not_open() {
    let open = Script::SetGates(Gates::open(1));
    let results = |last| queued(Frame::Array(vec![Frame::ok(), Frame::ok(), last]), 3);
    assert_eq!(
        open.judge(results(Frame::ok())),
        Outcome::Done(Done::Gated(Gates::open(1)))
    );
    assert!(is_refused(
        &open.judge(results(Frame::error("NOPERM"))),
        "NOPERM"
    ));
}

#[test]
fn a_pause_tells_where_the_node_stays() {
    const PAUSE: Script = Script::Pause {
        within: Duration::from_secs(1),
    };
    let paused = PAUSE.judge(vec![Frame::ok(), server(), replication()]);
    let Outcome::Done(Done::Paused(report)) = paused else {
        panic!("not paused")
    };
    assert_eq!(report.replication.offset.0, 7);

    let refused = PAUSE.judge(vec![Frame::error("NOPERM"), server(), replication()]);
    assert!(is_refused(&refused, "NOPERM"));
    // It is paused, and nobody knows where.
    let blind = PAUSE.judge(vec![Frame::ok(), server(), Frame::error("NOPERM")]);
    assert_eq!(blind, Outcome::Unknown);
}
