//! I9: what clients are told is true: a write that was refused was not executed (strict mode). That a
//! write is executed once at most is how the ledger is made.

use super::{Finding, broken};
use crate::strict::Outcome;
use crate::world::World;

const NAME: &str = "I9 what is not known is not told";

pub(super) fn check(world: &World) -> Finding {
    let mut writes = world.ledger.writes.iter().enumerate();
    let told_wrongly = writes.find(|(_, write)| {
        let refused = write.outcome == Outcome::Refused && write.place.is_some();
        let never_done = write.outcome == Outcome::Acknowledged && write.place.is_none();
        refused || never_done
    });
    match told_wrongly {
        None => Ok(()),
        Some((id, write)) => broken(NAME, format!("write {id} was {:?}", write.outcome)),
    }
}
