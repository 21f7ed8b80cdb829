//! I13, what it adds in strict mode: at rest the primary is open, everybody else is shut, and every
//! member votes again.

use rcm_core::observation::Gates;
use rcm_core::quorum::Quorum;
use rcm_core::record::Record;

use super::{Finding, broken};
use crate::world::World;

const NAME: &str = "I13 the group comes back";

pub(super) fn check(world: &World) -> Finding {
    let Some(record) = world.store.record.as_ref().filter(|it| it.is_strict()) else {
        return Ok(());
    };
    for (node, server) in world.servers.iter().enumerate() {
        let in_office = record.primary.run_id == Some(server.run_id());
        let expected = if in_office {
            Gates::open(record.ack_replicas)
        } else {
            Gates::SHUT
        };
        if server.access.gates() != expected {
            let name = world.name(node);
            return broken(NAME, format!("{name} lets through {:?}", server.access));
        }
        let seated = record
            .member_at(&world.addresses[node])
            .is_some_and(|member| member.seat.is_some());
        if seated && !record.has_vote(server.run_id()) {
            return broken(NAME, format!("{} has no vote", world.name(node)));
        }
    }
    Ok(())
}

/// Too few are left who can say what was acknowledged.
pub(super) fn is_left_to_the_operator(world: &World, record: &Record) -> bool {
    let mut servers = world.servers.iter();
    let leads = servers.any(|server| {
        server.up && server.is_primary() && record.primary.run_id == Some(server.run_id())
    });
    let votes = world
        .servers
        .iter()
        .filter(|server| server.up && server.priority > 0 && record.has_vote(server.run_id()));
    let needed = record.quorum().map_or(usize::MAX, Quorum::to_seal);
    !leads && votes.count() < needed
}
