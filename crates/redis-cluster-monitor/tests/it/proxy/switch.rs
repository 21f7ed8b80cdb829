//! Another primary, and what clients notice of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rcm_core::event::Kind;
use rcm_core::policy::Policy;
use rcm_core::rule::Stage;
use redis_cluster_monitor::config::{Indeterminate, Proxy as Settings};
use redis_cluster_monitor::local::{Client, Reply, Server, Version, wait_for};
use redis_cluster_monitor::proxy::Proxy;

use super::{Appointed, Wire, in_front_of};
use crate::eyes;
use crate::monitor::{Result, SOON, builder, check};
use crate::switchover::{Watched, address};

eyes::on_every_version! {
    switchovers_pass_unnoticed
}

/// Counts up through the proxy, one request after the other, until it is told to stop. Its server
/// must have counted as far as itself at every reply.
pub(crate) struct Counting {
    stop: Arc<AtomicBool>,
    counted: Arc<AtomicU64>,
    thread: JoinHandle<std::result::Result<(), String>>,
}

impl Counting {
    pub(crate) fn start(proxy: SocketAddr, key: String) -> Self {
        let (stop, counted) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&counted));
        let thread = std::thread::spawn(move || {
            let mut client = Client::connect(proxy, SOON).map_err(|error| error.to_string())?;
            for expected in 1.. {
                let reply = client
                    .command(&["INCR", &key])
                    .map_err(|error| error.to_string())?;
                if reply != Reply::Integer(expected) {
                    return Err(format!("{reply} instead of {expected}"));
                }
                count.store(expected.unsigned_abs(), Ordering::Relaxed);
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
            }
            Ok(())
        });
        Self {
            stop,
            counted,
            thread,
        }
    }

    /// How far it came; or what it noticed.
    pub(crate) fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap().unwrap();
        self.counted.load(Ordering::Relaxed)
    }
}

async fn switchovers_pass_unnoticed(version: Version) -> Result {
    for share in [true, false] {
        pass_switchovers(version, share).await?;
    }
    Ok(())
}

async fn pass_switchovers(version: Version, share: bool) -> Result {
    let mut watched = Watched::with(version, Policy::default()).await?;
    let settings = Settings {
        share,
        threads: 2,
        ..Settings::default()
    };
    let proxy = in_front_of(&watched, &settings);
    let mut idle = Wire::connect(proxy.address());
    assert_eq!(idle.ask("SELECT 3"), "OK");
    assert_eq!(idle.ask("CLIENT SETNAME idle"), "OK");
    let counting: Vec<_> = (0..4)
        .map(|number| Counting::start(proxy.address(), format!("count{number}")))
        .collect();
    let mut primary = 0;
    for round in 1..=5 {
        primary = (primary + 1) % 3;
        watched.switch_over(primary).await;
        let switched = watched
            .wait_for(|kind| {
                matches!(
                    kind,
                    Kind::PrimarySwitched { .. } | Kind::SwitchoverAborted { .. }
                )
            })
            .await;
        let is_planned = matches!(&switched, Kind::PrimarySwitched { planned: true, .. });
        assert!(is_planned, "{switched:?} in round {round}");
        watched.until_whole(primary).await;
    }
    for (number, counting) in counting.into_iter().enumerate() {
        let counted = counting.end();
        let key = format!("count{number}");
        let stored = watched.group.nodes()[primary].text(&["GET", &key])?;
        assert_eq!(stored, counted.to_string());
    }
    assert_eq!(idle.ask("SET where here"), "OK");
    assert_eq!(idle.ask("CLIENT GETNAME"), "idle");
    assert_eq!(idle.ask("SELECT 0"), "OK");
    assert_eq!(idle.ask("GET where"), "nil");
    assert_eq!(proxy.counters().indeterminate.get(), 0);
    assert_eq!(proxy.counters().dropped.get(), 0);
    Ok(())
}

#[test]
fn idle_clients_survive_ten_crashes() {
    eyes::check(ten_crashes());
}

async fn ten_crashes() -> Result {
    let mut watched = Watched::with(Version::System, Policy::default()).await?;
    let proxy = in_front_of(&watched, &Settings::default());
    let mut idle = Wire::connect(proxy.address());
    assert_eq!(idle.ask("SELECT 3"), "OK");
    let mut listening = Wire::connect(proxy.address());
    assert_eq!(listening.ask("SUBSCRIBE news"), "[subscribe news 1]");
    let mut primary = 0;
    for round in 1..=10 {
        watched.group.nodes_mut()[primary].kill();
        // Nothing of it is on its way, so it waits and is not cut off.
        let set = format!("SET round {round}");
        let reply;
        (idle, reply) = apart(idle, move |idle| idle.ask(&set)).await;
        assert_eq!(reply, "OK");
        let switched = watched
            .wait_for(|kind| matches!(kind, Kind::PrimarySwitched { .. }))
            .await;
        let Kind::PrimarySwitched { to, .. } = switched else {
            unreachable!()
        };
        let addresses = watched.group.addresses();
        let heir = addresses.iter().position(|it| address(it) == to).unwrap();
        let publish = format!("PUBLISH news {round}");
        wait_for(SOON, "a subscription on the new primary", || {
            idle.ask(&publish) == "1"
        })?;
        let news = super::show(&listening.frame());
        assert_eq!(news, format!("[message news {round}]"));
        watched.group.nodes_mut()[primary].restart()?;
        watched.until_whole(heir).await;
        primary = heir;
    }
    assert_eq!(proxy.counters().dropped.get(), 0);
    Ok(())
}

/// Waits for a client's reply while the engine goes on in this thread.
async fn apart<T: Send + 'static>(
    mut client: Wire,
    ask: impl FnOnce(&mut Wire) -> T + Send + 'static,
) -> (Wire, T) {
    let asked = tokio::task::spawn_blocking(move || {
        let reply = ask(&mut client);
        (client, reply)
    });
    asked.await.unwrap()
}

#[test]
fn a_stopped_primary_cannot_answer_after_its_office() {
    eyes::check(stopped_primary());
}

async fn stopped_primary() -> Result {
    let policy = Policy {
        hang_after: Some(Duration::from_millis(300)),
        ..Policy::default()
    };
    let mut watched = Watched::with(Version::System, policy).await?;
    let settings = Settings {
        indeterminate: Indeterminate::Error,
        ..Settings::default()
    };
    let proxy = in_front_of(&watched, &settings);
    let mut client = Wire::connect(proxy.address());
    assert_eq!(client.ask("SET key before"), "OK");
    for replica in &watched.group.nodes()[1..] {
        wait_for(SOON, "the write on a replica", || {
            replica
                .text(&["GET", "key"])
                .is_ok_and(|value| value == "before")
        })?;
    }
    watched.group.nodes_mut()[0].pause()?;
    client.send("SET key lost");
    client.send("GET key");
    let both = |client: &mut Wire| [(); 2].map(|()| super::show(&client.frame()));
    let (mut client, [outcome, read]) = apart(client, both).await;
    assert!(outcome.starts_with("-UNKNOWNOUTCOME "), "{outcome}");
    // It only reads, so the new primary is asked as well.
    assert_eq!(read, "before");
    watched.group.nodes_mut()[0].resume()?;
    let stopped = address(&watched.group.addresses()[0]);
    watched
        .wait_for(|kind| matches!(kind, Kind::NodeAttached { node, .. } if *node == stopped))
        .await;
    assert_eq!(client.ask("GET key"), "before");
    assert_eq!(proxy.counters().indeterminate.get(), 1);
    Ok(())
}

/// Two servers that know nothing of each other, and a proxy that is told whom to follow.
pub(super) struct Two {
    old: Server,
    new: Server,
    appointed: Appointed,
}

impl Two {
    pub(super) fn start(settings: &Settings) -> Result<Self> {
        Self::of(&builder(Version::System)?, settings)
    }

    fn of(server: &redis_cluster_monitor::local::Builder, settings: &Settings) -> Result<Self> {
        let (old, new) = (server.clone().start()?, server.clone().start()?);
        let appointed = Appointed::at(old.address(), settings);
        Ok(Self {
            old,
            new,
            appointed,
        })
    }

    pub(super) fn switch(&self) {
        self.appointed.appoint(&self.new);
    }

    pub(super) fn servers(&self) -> [&Server; 2] {
        [&self.old, &self.new]
    }

    /// The one in office is the old one again.
    pub(super) fn swap(&mut self) {
        std::mem::swap(&mut self.old, &mut self.new);
    }

    pub(super) fn stop(&mut self) -> Result {
        self.old.pause()
    }

    pub(super) fn go_on(&mut self) -> Result {
        self.old.resume()
    }

    pub(super) fn plan(&self, stage: Stage) {
        self.appointed.plan(stage);
    }

    /// The old one disconnects its clients.
    pub(super) fn cut(&self) -> Result {
        let kill = ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"];
        self.old.text(&kill)?;
        let kill = ["CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes"];
        self.old.text(&kill).map(drop)
    }

    pub(super) fn proxy(&self) -> &Proxy {
        &self.appointed.proxy
    }

    /// Stops the primary and appoints the other, in turns, until a request is caught unanswered.
    pub(super) fn catch_one(&mut self) -> Result {
        let counters = Arc::clone(self.proxy().counters());
        wait_for(SOON, "an unanswered request", || {
            self.old.pause().unwrap();
            self.switch();
            self.old.resume().unwrap();
            self.swap();
            counters.indeterminate.get() > 0
        })
    }

    /// The old one has handed over, and cut off its clients before.
    pub(super) fn hand_over(&self) -> Result {
        self.appointed.plan(Stage::CatchingUp);
        self.cut()?;
        self.appointed.publish(|status| {
            status.stage = Stage::Idle;
            status.epoch = status.epoch.next();
            status.handed_over = Some(status.epoch);
            status.primary = Some(address(&self.new.address()));
        });
        Ok(())
    }

    pub(super) fn held(&self, count: u64) -> Result {
        let counters = self.appointed.proxy.counters();
        wait_for(SOON, "requests held", || counters.held.get() >= count)
    }
}

#[test]
fn an_open_transaction_fails() {
    check((|| {
        let two = Two::start(&Settings::default())?;
        let mut client = two.appointed.client();
        assert_eq!(client.ask("MULTI"), "OK");
        assert_eq!(client.ask("SET a 1"), "QUEUED");
        two.switch();
        assert_eq!(client.ask("SET b 2"), "QUEUED");
        let aborted = client.ask("EXEC");
        assert!(aborted.starts_with("-EXECABORT "), "{aborted}");
        assert_eq!(client.ask("MGET a b"), "[nil nil]");
        assert_eq!(client.ask("MULTI"), "OK");
        assert_eq!(client.ask("SET b 3"), "QUEUED");
        assert_eq!(client.ask("EXEC"), "[OK]");
        assert_eq!(two.new.text(&["GET", "b"])?, "3");
        Ok(())
    })());
}

#[test]
fn watched_keys_count_as_changed() {
    check((|| {
        let two = Two::start(&Settings::default())?;
        let mut client = two.appointed.client();
        assert_eq!(client.ask("WATCH a"), "OK");
        assert_eq!(client.ask("GET a"), "nil");
        two.switch();
        for reply in ["nil", "[OK]"] {
            assert_eq!(client.ask("MULTI"), "OK");
            assert_eq!(client.ask("SET a 1"), "QUEUED");
            assert_eq!(client.ask("EXEC"), reply);
        }
        assert_eq!(client.ask("WATCH a"), "OK");
        assert_eq!(client.ask("UNWATCH"), "OK");
        Ok(())
    })());
}

#[test]
fn a_request_that_waits_goes_on_where_nothing_was_taken() {
    check((|| {
        let two = Two::start(&Settings::default())?;
        let mut client = two.appointed.client();
        client.send("BLPOP jobs 0");
        wait_for(SOON, "a blocked client", || {
            let clients = two.old.info("clients");
            clients.is_ok_and(|it| it["blocked_clients"] == "1")
        })?;
        two.hand_over()?;
        two.new.text(&["RPUSH", "jobs", "job"])?;
        assert_eq!(super::show(&client.frame()), "[jobs job]");
        assert_eq!(two.appointed.proxy.counters().replayed.get(), 1);
        Ok(())
    })());
}

#[test]
fn a_request_that_may_have_taken_something_is_not_repeated() {
    check((|| {
        let two = Two::start(&Settings::default())?;
        let (mut takes, mut reads) = (two.appointed.client(), two.appointed.client());
        takes.send("BLPOP jobs 0");
        reads.send("XREAD BLOCK 0 STREAMS stream 0");
        wait_for(SOON, "blocked clients", || {
            two.old
                .info("clients")
                .is_ok_and(|it| it["blocked_clients"] == "2")
        })?;
        two.switch();
        assert!(takes.try_frame().is_none());
        two.new.text(&["XADD", "stream", "1-1", "k", "v"])?;
        assert_eq!(super::show(&reads.frame()), "[[stream [[1-1 [k v]]]]]");
        Ok(())
    })());
}

#[test]
fn the_connection_is_the_same_on_another_server() {
    check((|| {
        let server = builder(Version::System)?.password("secret");
        let two = Two::of(&server, &Settings::default())?;
        let mut client = two.appointed.client();
        let refused = client.ask("GET a");
        assert!(refused.starts_with("-NOAUTH "), "{refused}");
        assert_eq!(client.ask("AUTH secret"), "OK");
        assert_eq!(client.ask("SELECT 5"), "OK");
        assert_eq!(client.ask("CLIENT SETNAME app"), "OK");
        client.send("HELLO 3");
        client.frame();
        assert_eq!(client.ask("CLIENT TRACKING ON"), "OK");
        assert_eq!(client.ask("GET a"), "nil");
        assert_eq!(client.ask("SUBSCRIBE one two"), ">[subscribe one 1]");
        assert_eq!(super::show(&client.frame()), ">[subscribe two 2]");
        assert_eq!(client.ask("PSUBSCRIBE t*"), ">[psubscribe t* 3]");
        two.switch();
        // Nobody can say which of its keys have changed.
        assert_eq!(super::show(&client.frame()), ">[invalidate nil]");
        assert_eq!(client.ask("SET a 1"), "OK");
        assert_eq!(client.ask("CLIENT GETNAME"), "app");
        assert_eq!(client.ask("UNSUBSCRIBE one"), ">[unsubscribe one 2]");
        two.new.text(&["PUBLISH", "one", "unheard"])?;
        two.new.text(&["PUBLISH", "two", "heard"])?;
        assert_eq!(super::show(&client.frame()), ">[message two heard]");
        assert_eq!(super::show(&client.frame()), ">[pmessage t* two heard]");
        assert_eq!(client.ask("SELECT 0"), "OK");
        assert_eq!(client.ask("GET a"), "nil");
        Ok(())
    })());
}

#[test]
fn an_old_subscription_goes_on_too() {
    check((|| {
        let two = Two::start(&Settings::default())?;
        let mut client = two.appointed.client();
        assert_eq!(client.ask("PSUBSCRIBE n*"), "[psubscribe n* 1]");
        assert_eq!(client.ask("SSUBSCRIBE part"), "[ssubscribe part 1]");
        assert_eq!(client.ask("PING"), "[pong ]");
        two.switch();
        wait_for(SOON, "subscriptions on the other server", || {
            let reached = two.new.text(&["PUBLISH", "news", "1"]);
            reached.is_ok_and(|it| it == "1")
        })?;
        assert_eq!(super::show(&client.frame()), "[pmessage n* news 1]");
        two.new.text(&["SPUBLISH", "part", "2"])?;
        assert_eq!(super::show(&client.frame()), "[smessage part 2]");
        assert_eq!(client.ask("PUNSUBSCRIBE"), "[punsubscribe n* 0]");
        assert_eq!(client.ask("SUNSUBSCRIBE"), "[sunsubscribe part 0]");
        assert_eq!(client.ask("SET a 1"), "OK");
        Ok(())
    })());
}

#[test]
fn requests_wait_while_a_plan_is_under_way() {
    check((|| {
        let two = Two::start(&Settings::default())?;
        let mut client = two.appointed.client();
        assert_eq!(client.ask("SET a 1"), "OK");
        two.appointed.plan(Stage::Sealing);
        client.send("SET a 2");
        client.send("GET a");
        two.held(1)?;
        assert_eq!(two.old.text(&["GET", "a"])?, "1");
        two.switch();
        assert_eq!(super::show(&client.frame()), "OK");
        assert_eq!(super::show(&client.frame()), "2");
        assert_eq!(two.new.text(&["GET", "a"])?, "2");
        Ok(())
    })());
}

#[test]
fn nobody_waits_for_ever() {
    check((|| {
        let settings = Settings {
            hold_for: Duration::from_millis(50),
            ..Settings::default()
        };
        let two = Two::start(&settings)?;
        let mut client = two.appointed.client();
        two.appointed.plan(Stage::Sealing);
        for request in ["SET a 1", "GET a"] {
            let expired = client.ask(request);
            assert!(expired.starts_with("-NOPRIMARY "), "{expired}");
        }
        let mut transaction = two.appointed.client();
        transaction.send("MULTI");
        transaction.send("SET a 1");
        assert!(super::show(&transaction.frame()).starts_with("-NOPRIMARY "));
        assert!(transaction.try_frame().is_none());
        two.appointed.publish(|status| status.stage = Stage::Idle);
        assert_eq!(client.ask("GET a"), "nil");
        assert_eq!(two.appointed.proxy.counters().expired.get(), 3);
        Ok(())
    })());
}

#[test]
fn writes_are_paused_when_nothing_is_on_its_way() {
    check((|| {
        let mut two = Two::start(&Settings::default())?;
        let mut client = two.appointed.client();
        assert_eq!(client.ask("INCR a"), "1");
        two.old.pause()?;
        client.send("INCR a");
        let counters = two.appointed.proxy.counters();
        wait_for(SOON, "the request", || counters.requests.get() == 2)?;
        let mut other = two.appointed.client();
        let mut reached = two.appointed.ask_to_hold(Stage::Pausing).remove(0);
        // It needs a connection of its own, and so waits even before the stage is known.
        other.send("CONFIG RESETSTAT");
        two.held(1)?;
        let mut third = two.appointed.client();
        third.send("INCR a");
        two.held(2)?;
        assert!(reached.try_recv().is_err(), "a reply is due");
        two.old.resume()?;
        assert_eq!(super::show(&client.frame()), "2");
        reached.blocking_recv().unwrap();
        two.switch();
        assert_eq!(super::show(&other.frame()), "OK");
        assert_eq!(super::show(&third.frame()), "1");
        Ok(())
    })());
}
