use super::*;

const ID: &str = "7210869cfd1a0606f668268a2184f4d88feae983";
const OLD: &str = "9b6b37c176ebdda738bda900e7dca76deb88d689";
const NONE: &str = "0000000000000000000000000000000000000000";

fn id(text: &str) -> ReplicationId {
    text.parse().unwrap()
}

/// What 6.2.14 and 7.0.15 say as a primary.
fn redis_primary() -> String {
    format!(
        "# Replication\r\nrole:master\r\nconnected_slaves:1\r\n\
         slave0:ip=127.0.0.1,port=23141,state=online,offset=70,lag=0\r\n\
         master_failover_state:no-failover\r\nmaster_replid:{ID}\r\nmaster_replid2:{NONE}\r\n\
         master_repl_offset:84\r\nsecond_repl_offset:-1\r\nrepl_backlog_active:1\r\n\
         repl_backlog_size:1048576\r\nrepl_backlog_first_byte_offset:1\r\n\
         repl_backlog_histlen:84\r\n"
    )
}

/// What 9.1.2 says as a replica.
fn valkey_replica() -> String {
    format!(
        "# Replication\r\nrole:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:23156\r\n\
         master_link_status:up\r\nmaster_last_io_seconds_ago:1\r\nmaster_sync_in_progress:0\r\n\
         slave_read_repl_offset:15\r\nslave_repl_offset:14\r\nreplicas_repl_buffer_size:0\r\n\
         replicas_repl_buffer_peak:0\r\nslave_priority:100\r\nslave_read_only:1\r\n\
         replica_announced:1\r\nconnected_slaves:0\r\nreplicas_waiting_psync:0\r\n\
         master_failover_state:no-failover\r\nmaster_replid:{ID}\r\nmaster_replid2:{OLD}\r\n\
         master_repl_offset:14\r\nsecond_repl_offset:11\r\nrepl_backlog_active:1\r\n"
    )
}

#[test]
fn a_primary_names_its_replicas() {
    let expected = Replication {
        id: id(ID),
        previous: None,
        offset: Offset(84),
        role: Role::Primary {
            replicas: vec![Attached {
                address: Address::new("127.0.0.1", 23141),
                offset: Offset(70),
                online: true,
            }],
            good_replicas: None,
        },
        loading: false,
    };
    assert_eq!(parse_replication(&redis_primary()), Ok(expected));
}

#[test]
fn a_replica_names_its_primary_and_both_lineages() {
    let expected = Replication {
        id: id(ID),
        previous: Some((id(OLD), Offset(10))),
        offset: Offset(14),
        role: Role::Replica(Following {
            primary: Address::new("127.0.0.1", 23156),
            link_up: true,
            syncing: false,
            priority: 100,
        }),
        loading: false,
    };
    assert_eq!(parse_replication(&valkey_replica()), Ok(expected));
}

#[test]
fn the_position_of_a_replica_is_what_it_has_applied() {
    let check = |link: &str, applied: &str, master: &str, expected: u64| {
        let text = valkey_replica()
            .replace("link_status:up", &format!("link_status:{link}"))
            .replace(
                "slave_repl_offset:14",
                &format!("slave_repl_offset:{applied}"),
            )
            .replace(
                "master_repl_offset:14",
                &format!("master_repl_offset:{master}"),
            );
        let replication = parse_replication(&text).unwrap();
        assert_eq!(replication.offset, Offset(expected), "{text}");
    };
    check("up", "14", "14", 14);
    check("down", "14", "14", 14);
    // Nothing is remembered of a primary.
    check("down", "0", "500", 500);
    check("down", "1", "500", 500);
    check("down", "-1", "500", 500);
    // It never had one.
    check("down", "1", "0", 0);
    // A replica that has just been given everything and applied nothing.
    check("up", "1", "500", 1);
}

#[test]
fn replicas_are_listed_up_to_the_limit_and_broken_lines_skipped() {
    let check = |lines: &str, expected: &[&str]| {
        let text = redis_primary().replace(
            "slave0:ip=127.0.0.1,port=23141,state=online,offset=70,lag=0\r\n",
            lines,
        );
        let Role::Primary { replicas, .. } = parse_replication(&text).unwrap().role else {
            panic!("not a primary")
        };
        let found: Vec<_> = replicas
            .iter()
            .map(|replica| replica.address.to_string())
            .collect();
        assert_eq!(found, expected);
    };
    check("", &[]);
    check(
        "slave0:ip=::1,port=1,state=wait_bgsave,offset=0,lag=0,type=replica\r\n",
        &["[::1]:1"],
    );
    check(
        "slave0:ip=db-1.example,port=2,state=online,offset=x\r\n",
        &["db-1.example:2"],
    );
    check("slave0:ip=a b,port=2\r\n", &[]);
    check("slave0:ip=10.0.0.1,port=70000\r\n", &[]);
    check("slave0:ip=10.0.0.1,port=0\r\n", &[]);
    check("slave0:\r\nslaveX:ip=10.0.0.1,port=1\r\n", &[]);
    let many: Vec<_> = (0..200)
        .map(|n| format!("slave{n}:ip=10.0.0.1,port={}\r\n", n + 1))
        .collect();
    let first: Vec<_> = (1..=64).map(|port| format!("10.0.0.1:{port}")).collect();
    check(
        &many.concat(),
        &first.iter().map(String::as_str).collect::<Vec<_>>(),
    );
}

#[test]
fn good_replicas_are_told_when_the_operator_asks_for_some() {
    let text = redis_primary() + "min_slaves_good_slaves:1\r\n";
    let role = parse_replication(&text).unwrap().role;
    assert!(matches!(
        role,
        Role::Primary {
            good_replicas: Some(1),
            ..
        }
    ));
}

#[test]
fn a_missing_or_senseless_field_is_named() {
    for field in [
        "role",
        "master_host",
        "master_port",
        "slave_priority",
        "slave_repl_offset",
        "master_replid",
        "master_replid2",
        "master_repl_offset",
        "second_repl_offset",
    ] {
        let lines = valkey_replica();
        let with = |value: Option<&str>| -> String {
            let line = |line: &str| match (line.split_once(':'), value) {
                (Some((name, _)), None) if name == field => String::new(),
                (Some((name, _)), Some(value)) if name == field => format!("{name}:{value}\r\n"),
                _ => format!("{line}\r\n"),
            };
            lines.lines().map(line).collect()
        };
        let optional = matches!(field, "master_replid2" | "second_repl_offset");
        let error = Err(Malformed { field });
        assert_eq!(
            parse_replication(&with(None)) == error,
            !optional,
            "{field}"
        );
        assert_eq!(
            parse_replication(&with(Some("\u{fe0f} "))),
            error,
            "{field}"
        );
    }
    assert_eq!(
        parse_replication("").unwrap_err().to_string(),
        "INFO has no valid `master_repl_offset`"
    );
}

#[test]
fn a_process_has_an_id_and_a_version() {
    let redis = format!("# Server\r\nredis_version:6.2.14\r\nrun_id:{ID}\r\n");
    let valkey = format!(
        "# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.2\r\n\
         run_id:{ID}\r\n"
    );
    for (text, version) in [(redis, "Redis 6.2.14"), (valkey, "Valkey 9.1.2")] {
        let server = parse_identity(&text).unwrap();
        assert_eq!(server.version, version);
        assert_eq!(server.run_id, ID.parse().unwrap());
    }
    for (text, field) in [
        ("run_id:1\r\n", "redis_version"),
        ("redis_version:1", "run_id"),
    ] {
        assert_eq!(parse_identity(text), Err(Malformed { field }));
    }
}

#[test]
fn loading_of_either_kind_is_loading() {
    for (text, loading) in [
        ("loading:0\r\nasync_loading:0\r\n", false),
        ("loading:1\r\nasync_loading:0\r\n", true),
        ("loading:0\r\nasync_loading:1\r\n", true),
        ("", false),
    ] {
        assert_eq!(is_loading(text), loading, "{text}");
        let replication = parse_replication(&(redis_primary() + text)).unwrap();
        assert_eq!(replication.loading, loading, "{text}");
    }
}

#[test]
fn writes_are_refused_after_a_failed_save_only_if_the_operator_wants_it() {
    let check = |persistence: &str, save_must_work: bool, expected: bool| {
        let condition = parse_condition(persistence, "", "", save_must_work);
        assert_eq!(condition.cannot_persist, expected, "{persistence}");
    };
    check("rdb_last_bgsave_status:ok\r\n", true, false);
    check("rdb_last_bgsave_status:err\r\n", true, true);
    check("rdb_last_bgsave_status:err\r\n", false, false);
    check(
        "aof_enabled:1\r\naof_last_write_status:err\r\n",
        false,
        true,
    );
    check(
        "aof_enabled:0\r\naof_last_write_status:err\r\n",
        false,
        false,
    );
}

#[test]
fn memory_is_full_only_when_nothing_may_be_evicted() {
    let check = |used: u64, most: u64, policy: &str, expected: bool| {
        let memory = format!(
            "used_memory:{used}\r\nmaxmemory:{most}\r\nmaxmemory_policy:{policy}\r\n\
             mem_not_counted_for_evict:10\r\n"
        );
        let condition = parse_condition("", &memory, "", true);
        assert_eq!(condition.out_of_memory, expected, "{memory}");
    };
    check(200, 0, "noeviction", false);
    check(200, 100, "noeviction", true);
    check(105, 100, "noeviction", false);
    check(200, 100, "allkeys-lru", false);
}

#[test]
fn a_node_with_any_key_is_not_empty() {
    for (keyspace, empty) in [
        ("# Keyspace\r\n", true),
        ("# Keyspace\r\ndb3:keys=1,expires=0,avg_ttl=0\r\n", false),
        ("dbx:1", true),
    ] {
        assert_eq!(parse_condition("", "", keyspace, true).empty, empty);
    }
}

#[test]
fn hostile_texts_are_only_malformed() {
    for text in [
        ":::::\r\n",
        "role:master:slave\r\n",
        "role:slave\r\nmaster_repl_offset:99999999999999999999999\r\n",
        "slave0:ip=,port=,=,=\r\nrole:\r\n",
        "\0\u{fffd}\r\r\n\n:",
        "master_repl_offset:-9223372036854775808\r\nrole:slave\r\n",
    ] {
        assert!(parse_replication(text).is_err(), "{text:?}");
        assert!(parse_identity(text).is_err(), "{text:?}");
        parse_condition(text, text, text, true);
        connected_clients(text);
    }
    let text = redis_primary().replace("second_repl_offset:-1", "second_repl_offset:-9");
    assert_eq!(parse_replication(&text).unwrap().previous, None);
}
