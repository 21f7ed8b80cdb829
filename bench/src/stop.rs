//! Ctrl-C, and waiting that heeds it.
//!
//! Whoever waits here gets an error when the user wants to stop; on its way up everything that was
//! started is dropped, and ends by that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// How late a wish to stop is noticed at most.
const NOTICE_WITHIN: Duration = Duration::from_millis(50);

/// The user wants to stop; not a failure of what was measured.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(crate) struct Interrupted;

/// From now on a signal is a wish that [`check`] tells, not the end of the process.
pub(crate) fn listen() -> anyhow::Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(flag()))?;
    }
    Ok(())
}

pub(crate) fn check() -> Result<(), Interrupted> {
    if flag().load(Ordering::Relaxed) {
        return Err(Interrupted);
    }
    Ok(())
}

pub(crate) fn sleep(duration: Duration) -> Result<(), Interrupted> {
    let start = Instant::now();
    loop {
        check()?;
        let left = duration.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(NOTICE_WITHIN));
    }
}

/// Asks every `every` until `condition` holds; past `deadline` the error names `what`.
pub(crate) fn wait_for(
    deadline: Duration,
    every: Duration,
    what: &str,
    mut condition: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let start = Instant::now();
    while !condition()? {
        if start.elapsed() >= deadline {
            bail!("{what}: not reached within {deadline:?}");
        }
        sleep(every)?;
    }
    Ok(())
}

fn flag() -> &'static Arc<AtomicBool> {
    static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    FLAG.get_or_init(Arc::default)
}
