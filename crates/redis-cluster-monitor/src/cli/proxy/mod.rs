//! `proxy`: the proxy alone, beside an application, led by monitors elsewhere.

mod report;

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_blocking;

use self::report::Report;
use super::{Exit, say};
use crate::clock::Clock;
use crate::config::orders::ProxyArgs;
use crate::config::{Access, Proxy as Settings};
use crate::http;
use crate::proxy::Proxy;
use crate::proxy::monitors::Monitors;
use crate::sentinel::Interest;
use crate::telemetry::{self, Log};

/// Serves clients until SIGINT or SIGTERM.
pub(super) fn run(order: &ProxyArgs) -> Exit {
    let wanted = order
        .access()
        .and_then(|access| Ok((access, order.settings()?)));
    let ((access, warning), settings) = match wanted {
        Ok(wanted) => wanted,
        Err(error) => {
            say(&error);
            return Exit::Usage;
        }
    };
    telemetry::init(Log {
        format: order.log_format,
        level: order.log_level,
    });
    if let Some(warning) = warning {
        tracing::warn!("{warning}");
    }
    let served = super::runtime()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(serve(order, access.as_ref(), &settings)));
    match served {
        Ok(()) => Exit::Done,
        Err(error) => {
            tracing::error!("{error:#}");
            Exit::Failed
        }
    }
}

async fn serve(
    order: &ProxyArgs,
    access: Option<&Access>,
    settings: &Settings,
) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let clock = Clock::start();
    let interest = match order.listen_replicas {
        Some(_) => Interest::Servers,
        None => Interest::Primary,
    };
    let monitors = Monitors::follow(
        order.name.clone(),
        order.monitors.clone(),
        access,
        interest,
        clock,
    );
    let to_primary = order
        .listen
        .map(|address| Proxy::beside(&monitors, address, settings, clock))
        .transpose()?;
    let to_replicas = order
        .listen_replicas
        .map(|address| Proxy::to_replicas_beside(&monitors, address, settings, clock))
        .transpose()?;
    let proxies = || to_primary.iter().chain(&to_replicas);
    let _http = match order.http() {
        Some(address) => {
            let shown = proxies().map(|it| (it.address(), Arc::clone(it.counters())));
            let beside = http::Beside::of(&monitors, shown.collect());
            let door = http::Door::open_beside(address, beside, clock)?;
            tracing::info!(address = %door.address(), "HTTP listens");
            Some(door)
        }
        None => None,
    };
    let counters = |proxy: &Option<Proxy>| proxy.as_ref().map(|it| Arc::clone(it.counters()));
    let report = Report::new(&monitors, counters(&to_primary), counters(&to_replicas));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = report.run(order.report_every) => {}
    }
    tracing::info!("stopping: clients get the replies that are due");
    // The monitors are followed meanwhile.
    let stop = |proxy: Proxy| spawn_blocking(|| proxy.stop());
    let stopping: Vec<_> = to_primary
        .into_iter()
        .chain(to_replicas)
        .map(stop)
        .collect();
    for stopped in stopping {
        stopped.await?;
    }
    Ok(())
}
