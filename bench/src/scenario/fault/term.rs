//! The primary is told to end (SIGTERM), as by a package upgrade or a reboot.

use redis_cluster_monitor::local::Server;

use super::{Bed, Contender, Line, Setup, Stage, lose};

pub(crate) fn term(bed: &Bed, contender: &Contender, line: &mut Line) -> anyhow::Result<()> {
    let mut stage = Stage::set(bed, contender, Setup::default(), line)?;
    let fault = lose(&mut stage, line, Server::terminate)?;
    stage.account(fault, line)
}
