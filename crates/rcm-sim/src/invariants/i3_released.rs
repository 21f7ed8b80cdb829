//! I3: no acknowledgement is given for what an uncommitted primary says (strict mode). That none is
//! given for an epoch after the client has heard of a newer one is how the clients are made.

use super::{Finding, broken};
use crate::strict::WriteId;
use crate::world::World;
use rcm_core::id::RunId;

const NAME: &str = "I3 only a committed primary acknowledges";

pub(super) fn check(world: &World, write: WriteId) -> Finding {
    let write = world.ledger.writes[write];
    let run_id = RunId::from_number(write.process);
    let was_committed = world.truth.led.values().any(|it| it.0 == run_id);
    if was_committed {
        return Ok(());
    }
    let name = world.name(write.node);
    broken(NAME, format!("{name} acknowledges and was never committed"))
}
