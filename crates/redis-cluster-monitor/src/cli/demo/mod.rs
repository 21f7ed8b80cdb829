//! Failovers to be watched: a real primary with two replicas, a writer, and one monitor or several,
//! which are processes of this program; then kills.

mod monitors;
mod show;
mod stage;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_blocking;

use self::stage::{Act, Stage};
use super::{Exit, say};

/// Shows some failovers with so many monitors; fails when one of them fails.
pub(super) fn run(monitors: usize) -> Exit {
    let shown = super::runtime()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(show(monitors)));
    match shown {
        Ok(true) => Exit::Done,
        Ok(false) => Exit::Failed,
        Err(error) => {
            say(format_args!("error: {error:#}"));
            Exit::Failed
        }
    }
}

async fn show(monitors: usize) -> anyhow::Result<bool> {
    // Before anything is started that would have to be stopped.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let mut played = spawn_blocking(move || play(monitors, &stopped));
    tokio::select! {
        acts = &mut played => {
            let acts = acts??;
            show::curtain(&acts);
            return Ok(acts.iter().all(|act| act.heir != act.killed));
        }
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    stop.store(true, Ordering::Relaxed);
    // Everything that was started belongs to the play: it is over when all of that is gone. How it
    // went does not matter any more.
    drop(played.await);
    anyhow::bail!("stopped before the end; nothing is left running")
}

fn play(monitors: usize, stop: &AtomicBool) -> anyhow::Result<Vec<Act>> {
    show::introduce(monitors);
    Stage::build(monitors)?.play(stop)
}
