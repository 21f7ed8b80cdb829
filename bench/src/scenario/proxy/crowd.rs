//! Many clients that were served once and ask for nothing: what memory does each cost?

use std::time::Duration;

use anyhow::Context;
use redis_cluster_monitor::local::Client;

use super::Ground;
use crate::raw::{Figure, Line};
use crate::stop;

const PATIENCE: Duration = Duration::from_secs(10);
/// Longer than our proxy keeps anything for a client that was busy.
const SETTLE: Duration = Duration::from_secs(2);

pub(super) fn measure(ground: &Ground, clients: usize, line: &mut Line) -> anyhow::Result<()> {
    line.set("clients", clients);
    let before = ground.usage()?.context("nobody is before the server")?;
    let mut crowd = Vec::with_capacity(clients);
    for _ in 0..clients {
        stop::check()?;
        let mut client = Client::connect(ground.address, PATIENCE)?;
        client.command(&["SET", "key", "value"])?;
        crowd.push(client);
    }
    stop::sleep(SETTLE)?;
    let after = ground.usage()?.context("nobody is before the server")?;
    #[expect(clippy::cast_precision_loss, reason = "memory is far below 2^52 bytes")]
    let grown = after.memory.saturating_sub(before.memory) as f64;
    let clients = f64::from(u32::try_from(crowd.len())?);
    line.figures
        .put(Figure::MemoryPerClientKb, grown / clients / 1000.0);
    Ok(())
}
