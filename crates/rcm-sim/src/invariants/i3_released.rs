//! I3: no acknowledgement is given for what an uncommitted primary says, and none for an epoch after the
//! client has heard of a newer one (strict mode).

use super::{Finding, broken};
use crate::strict::WriteId;
use crate::world::World;
use rcm_core::id::RunId;

const NAME: &str = "I3 only the newest committed primary acknowledges";

pub(super) fn check(world: &World, write: WriteId) -> Finding {
    let write = world.ledger.writes[write];
    let known = world.strict_clients[write.client].known;
    if known.is_some_and(|(newest, _)| newest > write.epoch) {
        let epoch = write.epoch;
        return broken(
            NAME,
            format!("epoch {epoch} acknowledges, and its client knows a newer one"),
        );
    }
    let run_id = RunId::from_number(write.process);
    let was_committed = world.truth.led.values().any(|it| it.0 == run_id);
    if was_committed {
        return Ok(());
    }
    let name = world.name(write.node);
    broken(NAME, format!("{name} acknowledges and was never committed"))
}
