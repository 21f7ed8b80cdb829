//! Who is told and served: scripts and webhooks, clients of the Sentinel API, of proxies, of HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use rcm_core::id::GroupName;

use crate::config::{Group, Proxy as ProxySettings, Scripts, Sentinel, Webhook, announced};
use crate::driver::{Handle, Shared};
use crate::hooks::{self, Hooks, Limits, Notice};
use crate::http;
use crate::proxy::{Followed, Proxy};
use crate::sentinel::{self, Door, Message, Served};
use crate::store::Store;

/// What all groups have in common.
pub(super) struct Settings {
    pub(super) sentinel: Option<Sentinel>,
    pub(super) http: Option<SocketAddr>,
    pub(super) proxy: ProxySettings,
    pub(super) webhooks: Vec<Webhook>,
}

/// What a group wants for itself.
pub(super) struct Plan {
    scripts: Scripts,
    observes: bool,
    proxy: Option<SocketAddr>,
    proxy_replicas: Option<SocketAddr>,
}

impl Plan {
    pub(super) fn of(group: &Group) -> Self {
        Self {
            scripts: group.scripts.clone(),
            observes: group.policy.observe,
            proxy: group.proxy,
            proxy_replicas: group.proxy_replicas,
        }
    }
}

/// Everything that is open; it closes with the value.
pub(super) struct Doors {
    proxies: Vec<(GroupName, Proxy)>,
    _http: Option<http::Door>,
    _sentinel: Option<Door>,
    _hooks: Hooks,
}

impl Doors {
    /// Opens what is wanted.
    pub(super) fn open(
        groups: &[(&Handle, Plan)],
        settings: Settings,
        shared: &Shared,
    ) -> Result<Self> {
        let proxies = open_proxies(groups, &settings.proxy, shared)?;
        let hooked = groups.iter().map(|(handle, plan)| hooks::Group {
            name: handle.name().clone(),
            scripts: plan.scripts.clone(),
            observes: plan.observes,
            events: handle.events(),
        });
        let limits = Limits::default();
        let hooks = Hooks::start(hooked.collect(), settings.webhooks, limits, shared.clock)?;
        let sentinel = settings.sentinel;
        let announce_hostnames = sentinel.as_ref().is_some_and(|it| it.announce_hostnames);
        let notified = groups
            .iter()
            .filter(|(_, plan)| plan.scripts.notification.is_some());
        for (handle, _) in notified {
            let served = Served::of(handle);
            tokio::spawn(notify(served, announce_hostnames, hooks.handle()));
        }
        let sentinel = match sentinel {
            Some(settings) => Some(open_sentinel(settings, groups, &hooks, shared)?),
            None => None,
        };
        let http = match settings.http {
            Some(address) => Some(open_http(address, groups, &proxies, shared)?),
            None => None,
        };
        Ok(Self {
            proxies,
            _http: http,
            _sentinel: sentinel,
            _hooks: hooks,
        })
    }

    /// How many clients are connected to the proxies of a group.
    pub(super) fn clients_of(&self, group: &GroupName) -> u64 {
        let proxies = self.proxies.iter().filter(|(name, _)| name == group);
        proxies.map(|(_, proxy)| proxy.counters().clients()).sum()
    }

    /// Clients of proxies get what is due to them, and leave.
    pub(super) async fn close_to_clients(&mut self) {
        let stop = |(_, proxy): (GroupName, Proxy)| tokio::task::spawn_blocking(|| proxy.stop());
        let stopping: Vec<_> = self.proxies.drain(..).map(stop).collect();
        for stopped in stopping {
            if let Err(error) = stopped.await {
                tracing::error!("{error}");
            }
        }
    }
}

/// Proxies for each group that has addresses for them.
fn open_proxies(
    groups: &[(&Handle, Plan)],
    settings: &ProxySettings,
    shared: &Shared,
) -> Result<Vec<(GroupName, Proxy)>> {
    let mut proxies = Vec::new();
    for (handle, plan) in groups {
        let name = handle.name();
        if let Some(address) = plan.proxy {
            let followed = Followed {
                name: name.clone(),
                status: handle.status(),
                join_holders: &mut || handle.join_holders(),
            };
            let proxy = Proxy::start(followed, address, settings, shared.clock)?;
            proxies.push((name.clone(), proxy));
        }
        if let Some(address) = plan.proxy_replicas {
            let status = &handle.status();
            let proxy = Proxy::to_replicas(name, status, address, settings, shared.clock)?;
            proxies.push((name.clone(), proxy));
        }
    }
    Ok(proxies)
}

/// Scripts are told in Sentinel's words, also when nobody can subscribe to them.
async fn notify(served: Served, announce_hostnames: bool, hooks: hooks::Handle) {
    let group = served.group.name.clone();
    let tell = |message: Message| {
        if message.is_warning() {
            hooks.notice(&Notice {
                group: Some(group.clone()),
                channel: message.channel,
                payload: String::from_utf8_lossy(&message.payload).into_owned(),
            });
        }
    };
    sentinel::relate(served, announce_hostnames, tell).await;
}

/// Serves clients that speak Sentinel's language.
fn open_sentinel(
    settings: Sentinel,
    groups: &[(&Handle, Plan)],
    hooks: &Hooks,
    shared: &Shared,
) -> Result<Door> {
    let is_open = settings.access.is_none() && !settings.address.ip().is_loopback();
    let announce = settings.announce;
    let served = groups.iter().map(|(handle, _)| Served::of(handle));
    let (monitor, clock) = (shared.store.monitor(), shared.clock);
    let door = Door::open(settings, served.collect(), &hooks.handle(), monitor, clock)?;
    let address = door.address();
    tracing::info!(%address, "the Sentinel API listens");
    match announced(announce, address) {
        Some(announced) => shared.store.announce(announced),
        None if matches!(shared.store, Store::Etcd(_)) => tracing::warn!(
            "clients of the other monitors are not told of this one, because {address} says not where \
             it can be reached; name that with --sentinel-announce"
        ),
        None => {}
    }
    if is_open {
        tracing::warn!(
            "everybody who can reach {address} can ask for a failover; set a password with \
             --sentinel-password-file, or listen on 127.0.0.1"
        );
    }
    Ok(door)
}

/// Serves programs that speak HTTP.
fn open_http(
    address: SocketAddr,
    groups: &[(&Handle, Plan)],
    proxies: &[(GroupName, Proxy)],
    shared: &Shared,
) -> Result<http::Door> {
    let served = groups.iter().map(|(handle, _)| {
        let own = proxies.iter().filter(|(name, _)| name == handle.name());
        let own = own.map(|(_, proxy)| (proxy.address(), Arc::clone(proxy.counters())));
        http::Group::of(handle, own.collect())
    });
    let door = http::Door::open(address, served.collect(), shared.clock)?;
    let address = door.address();
    tracing::info!(%address, "HTTP listens");
    if !address.ip().is_loopback() {
        tracing::warn!(
            "everybody who can reach {address} can ask for a switchover; listen on 127.0.0.1, or let \
             a proxy of your own ask for a password"
        );
    }
    Ok(door)
}
