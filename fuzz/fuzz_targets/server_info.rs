//! Whatever a server answers to `INFO` is read or refused, and never more than that.

#![no_main]

use libfuzzer_sys::fuzz_target;
use redis_cluster_monitor::redis::info;

fuzz_target!(|text: &str| {
    if let Ok(replication) = info::parse_replication(text)
        && let rcm_core::observation::Role::Primary { replicas, .. } = &replication.role
    {
        assert!(replicas.len() <= rcm_core::policy::Nodes::MAX);
    }
    info::parse_identity(text).ok();
    info::parse_condition(text, text, text, text.len() % 2 == 0);
    info::is_loading(text);
    info::connected_clients(text);
});
