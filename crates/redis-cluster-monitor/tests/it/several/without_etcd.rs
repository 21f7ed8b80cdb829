//! What the loss of etcd costs, of one member, of everything that a member had stored, and as a whole.

use redis_cluster_monitor::local::Client;

use super::{Several, Watching, is_primary};
use crate::http;
use crate::monitor::{Result, SOON, check};

#[test]
fn without_etcd_clients_are_served_and_nobody_acts_until_it_is_back() {
    check(etcd_is_away());
}

fn etcd_is_away() -> Result {
    let mut several = Several::start(3, 1)?;
    let connect = |it: &Watching| Client::connect(it.proxy, SOON);
    let mut clients: Vec<Client> = several
        .monitors
        .iter()
        .map(connect)
        .collect::<Result<_>>()?;
    several.etcd.pause(0)?;
    let cannot = |it: &Watching| it.has_logged("this monitor may not act");
    several.wait_until("nobody may act", || several.monitors.iter().all(cannot))?;

    // Clients are served, those of before and others, and whoever asks is told.
    for (watching, client) in several.monitors.iter().zip(&mut clients) {
        assert_eq!(client.text(&["SET", "key", "value"])?, "OK");
        let another = connect(watching)?.text(&["GET", "key"])?;
        assert_eq!(another, "value");
        several.wait_until("it says so", || says_that_it_is_away(watching))?;
    }
    several.kill_node(0);
    for watching in &several.monitors {
        watching.monitor.wait_for("would-act")?;
        let refused = watching.text("SENTINEL FAILOVER mymaster")?;
        assert!(refused.contains("no monitor may act"), "{refused}");
        let address = watching.ask("SENTINEL GET-MASTER-ADDR-BY-NAME mymaster")?;
        let port = several.group.nodes()[0].port();
        assert_eq!(address.to_string(), format!("[127.0.0.1, {port}]"));
    }
    assert!(!several.group.nodes().iter().any(is_primary));

    several.etcd.resume(0)?;
    let heir = several.heir()?;
    several.wait_until_agreed(&[0, 1, 2], heir, "2")?;
    assert_eq!(several.switches(), 1);
    Ok(())
}

fn says_that_it_is_away(watching: &Watching) -> bool {
    let said = watching.text("SENTINEL CKQUORUM mymaster");
    let group = http::get(watching.http, "/v1/groups/mymaster").body;
    said.is_ok_and(|said| said.contains("NOQUORUM"))
        && group["verdict"] == "store-unwritable"
        && group["leader"].is_null()
}

#[test]
fn a_member_of_etcd_may_be_dead_when_the_primary_crashes() {
    check(a_member_is_dead());
}

fn a_member_is_dead() -> Result {
    let mut several = Several::start(3, 3)?;
    several.etcd.kill(0);
    several.kill_node(0);
    let heir = several.heir()?;
    several.wait_until_agreed(&[0, 1, 2], heir, "2")?;
    assert_eq!(several.switches(), 1);
    Ok(())
}

#[test]
fn a_member_of_etcd_that_lost_everything_is_replaced_and_counts_again() {
    check(a_member_is_replaced());
}

fn a_member_is_replaced() -> Result {
    let mut several = Several::start(3, 3)?;
    several.etcd.replace(0)?;
    // Two of three are a majority only if the one that came empty is one of them.
    several.etcd.kill(1);
    several.kill_node(0);
    let heir = several.heir()?;
    several.wait_until_agreed(&[0, 1, 2], heir, "2")?;
    assert_eq!(several.switches(), 1);
    Ok(())
}
