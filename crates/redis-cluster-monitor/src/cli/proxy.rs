//! `proxy`: the proxy alone, beside an application, led by monitors elsewhere.

use tokio::signal::unix::{SignalKind, signal};

use super::{Exit, say};
use crate::clock::Clock;
use crate::config::orders::ProxyArgs;
use crate::config::{Access, Proxy as Settings};
use crate::proxy::Proxy;
use crate::proxy::monitors::Monitors;
use crate::telemetry::{self, Log};

/// Serves clients until SIGINT or SIGTERM.
pub(super) fn run(order: &ProxyArgs) -> Exit {
    let (access, warning) = match order.access() {
        Ok(found) => found,
        Err(error) => {
            say(format_args!("error: {error}"));
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
        .and_then(|runtime| runtime.block_on(serve(order, access.as_ref())));
    match served {
        Ok(()) => Exit::Done,
        Err(error) => {
            tracing::error!("{error:#}");
            Exit::Failed
        }
    }
}

async fn serve(order: &ProxyArgs, access: Option<&Access>) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let clock = Clock::start();
    let monitors = Monitors::follow(order.name.clone(), order.monitors.clone(), access, clock);
    let proxy = Proxy::beside(&monitors, order.listen, &Settings::default(), clock)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping: clients get the replies that are due");
    // The monitors are followed meanwhile.
    tokio::task::spawn_blocking(|| proxy.stop()).await?;
    Ok(())
}
