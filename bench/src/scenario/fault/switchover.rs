//! The primary is handed over because somebody asks for it (SENTINEL FAILOVER); both sides are well.

use std::time::{Duration, Instant};

use anyhow::Context;
use redis_cluster_monitor::local::Client;

use super::{Bed, Contender, Figure, Line, Setup, Stage};

const CLIENT_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) fn switchover(bed: &Bed, contender: &Contender, line: &mut Line) -> anyhow::Result<()> {
    let setup = Setup {
        has_loyal_client: true,
        ..Setup::default()
    };
    let mut stage = Stage::set(bed, contender, setup, line)?;
    let sentinel = stage.contender.sentinels()?;
    let sentinel = sentinel.first().context("nobody can be asked")?;
    let mut client = Client::connect(*sentinel, CLIENT_TIMEOUT)?;
    let fault = Instant::now();
    client.text(&["SENTINEL", "FAILOVER", "mymaster"])?;
    stage.takeover(fault, line)?;

    // From the moment on at which there are two.
    let promoted = line.figures.get(Figure::PromotedMs).unwrap_or_default();
    stage.rejoin(fault + Duration::from_secs_f64(promoted / 1000.0), line)?;
    stage.account(fault, line)
}
