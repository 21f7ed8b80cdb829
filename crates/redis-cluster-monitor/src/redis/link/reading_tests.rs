use super::*;

const ID: &str = "7210869cfd1a0606f668268a2184f4d88feae983";

fn reading() -> Reading {
    Reading::new(Arc::new(Settings::plain()))
}

fn server() -> Frame {
    Frame::bulk(format!("redis_version:7.0.15\r\nrun_id:{ID}\r\n"))
}

fn replication() -> Frame {
    Frame::bulk(format!(
        "role:master\r\nmaster_replid:{ID}\r\nmaster_repl_offset:7\r\n"
    ))
}

fn setting(name: &'static str, value: &'static str) -> Frame {
    Frame::Array(vec![Frame::bulk(name), Frame::bulk(value)])
}

#[test]
fn who_comes_before_what() {
    let mut reading = reading();
    let early = reading.take(Ask::Replication, replication()).unwrap();
    assert_eq!(early.seen, Some(Seen::Alive));

    let threshold = setting("busy-reply-threshold", "1500");
    reading.take(Ask::BusyThreshold, threshold).unwrap();
    let nothing = Frame::Array(vec![]);
    reading.take(Ask::LuaTimeLimit, nothing).unwrap();
    let neither = Frame::Array(vec![Frame::Null, Frame::Null]);
    reading.take(Ask::Replicate, neither).unwrap();
    let who = reading.take(Ask::Server, server()).unwrap().seen;
    let Some(Seen::Identity(identity)) = who else {
        panic!("{who:?}")
    };
    assert_eq!(identity.busy_threshold, Some(Duration::from_millis(1_500)));
    assert!(!identity.can_replicate);

    let what = reading.take(Ask::Replication, replication()).unwrap().seen;
    assert!(matches!(what, Some(Seen::Replication(_))), "{what:?}");
    assert!(reading.role.is_primary && !reading.role.may_load);
}

#[test]
fn a_loading_node_is_asked_until_it_has_loaded() {
    let mut reading = reading();
    reading.take(Ask::Server, server()).unwrap();
    let mut look = |loading: &'static str| {
        let loading = Frame::bulk(loading);
        reading.take(Ask::Loading, loading).unwrap();
        let seen = reading.take(Ask::Replication, replication()).unwrap().seen;
        let Some(Seen::Replication(replication)) = seen else {
            panic!("{seen:?}")
        };
        assert_eq!(replication.loading, reading.role.may_load);
        replication.loading
    };
    assert!(look("loading:1\r\nasync_loading:0\r\n"));
    assert!(look("loading:0\r\nasync_loading:1\r\n"));
    assert!(!look("loading:0\r\nasync_loading:0\r\n"));

    let refusal = Frame::error("LOADING Redis is loading the dataset in memory");
    let heard = reading.take(Ask::Ping, refusal).unwrap();
    assert_eq!(heard.seen, Some(Seen::Alive));
    assert!(reading.role.may_load);
}

#[test]
fn a_refusal_is_alive_or_the_end() {
    let check = |ask: Ask, text: &'static str, expected: Result<Option<Seen>, Failure>| {
        let heard = reading().take(ask, Frame::error(text));
        assert_eq!(heard.map(|heard| heard.seen), expected, "{ask:?} {text}");
    };
    let busy = Seen::Failed(Failure::Busy);
    check(Ask::Ping, "BUSY script", Ok(Some(busy.clone())));
    check(Ask::Replication, "BUSY script", Ok(Some(busy)));
    // One of them is enough.
    check(Ask::Server, "BUSY script", Ok(None));
    check(Ask::Memory, "BUSY script", Ok(None));
    check(Ask::Replication, "NOPERM info", Err(Failure::Forbidden));
    check(Ask::Memory, "NOPERM info", Ok(None));
    check(Ask::Name, "NOAUTH", Err(Failure::Unauthorised));
    check(Ask::Auth, "ERR something", Err(Failure::Unauthorised));
    check(
        Ask::Auth,
        "ERR max number of clients reached",
        Err(Failure::TurnedAway),
    );
    check(Ask::Name, "DENIED", Err(Failure::TurnedAway));
    check(Ask::Ping, "MASTERDOWN", Ok(Some(Seen::Alive)));
    check(Ask::Server, "ERR unknown command", Err(Failure::NotRedis));
    check(Ask::BusyThreshold, "ERR unknown command", Ok(None));
}

#[test]
fn a_long_list_of_clients_is_asked_for_rarely_and_a_huge_one_never() {
    let asks = |clients: u64| -> Vec<_> {
        let mut reading = reading();
        let mut ask = || {
            let reply = Frame::bulk(format!("connected_clients:{clients}\r\n"));
            reading.take(Ask::Clients, reply).unwrap().then
        };
        (0..7).map(|_| ask()).collect()
    };
    assert_eq!(asks(500), vec![Some(Ask::ClientList); 7]);
    let mut rarely = vec![None; 7];
    (rarely[0], rarely[6]) = (Some(Ask::ClientList), Some(Ask::ClientList));
    assert_eq!(asks(10_000), rarely);
    assert_eq!(asks(10_001), vec![Some(Ask::Sentinels); 7]);

    let mut reading = reading();
    let forbidden = Frame::error("NOPERM client|list");
    let heard = reading.take(Ask::ClientList, forbidden).unwrap();
    assert_eq!(heard.then, Some(Ask::Sentinels));
}

#[test]
fn other_deciders_are_named() {
    let mut reading = reading();
    let mut deciders = |ask: Ask, reply: Frame| {
        let seen = reading.take(ask, reply).unwrap().seen;
        let Some(Seen::Deciders(deciders)) = seen else {
            panic!("{seen:?}")
        };
        assert_eq!(reading.has_rivals, !deciders.rivals.is_empty());
        (deciders.rivals, deciders.older_hands)
    };
    let numsub = |count| {
        let channel = Frame::bulk("__sentinel__:hello");
        Frame::Array(vec![channel, Frame::Integer(count)])
    };
    let one = (vec!["sentinel".to_owned()], true);
    assert_eq!(deciders(Ask::Sentinels, numsub(1)), one);
    assert_eq!(deciders(Ask::Sentinels, numsub(0)), (vec![], true));
    let list = Frame::bulk("id=1 name=rcm:act:d1:mymaster:m1:5\nid=2 name=\n");
    assert_eq!(deciders(Ask::ClientList, list), (vec![], true));
    let list = Frame::bulk("id=1 name=rcm:watch:d1:mymaster:m1\nid=2 name=\n");
    assert_eq!(deciders(Ask::ClientList, list), (vec![], false));
}

#[test]
fn a_condition_is_told_when_its_last_part_is_there() {
    let mut reading = reading();
    let nothing = |heard: Heard| assert_eq!(heard, Heard::NOTHING);
    nothing(reading.take(Ask::MinReplicas, setting("m", "2")).unwrap());
    nothing(reading.take(Ask::StopWrites, setting("s", "yes")).unwrap());
    nothing(reading.take(Ask::SavePoints, setting("s", "60 1")).unwrap());
    let failed = Frame::bulk("rdb_last_bgsave_status:err\r\n");
    nothing(reading.take(Ask::Persistence, failed).unwrap());
    nothing(reading.take(Ask::Memory, Frame::bulk("")).unwrap());
    let keyspace = Frame::bulk("# Keyspace\r\ndb0:keys=1\r\n");
    let heard = reading.take(Ask::Keyspace, keyspace).unwrap();
    let condition = rcm_core::observation::Condition {
        cannot_persist: true,
        out_of_memory: false,
        min_replicas: 2,
        empty: false,
        feeds: None,
    };
    assert_eq!(heard.seen, Some(Seen::Condition(condition)));
}
