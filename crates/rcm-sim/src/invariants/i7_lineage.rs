//! I7, the other half: a committed stream is recorded with the one that it continues, so that whoever
//! still carries the older one can be compared (strict mode).

use rcm_core::id::Offset;
use rcm_core::lineage::Position;
use rcm_core::record::Record;

use super::{Finding, broken};

const NAME: &str = "I7 a committed stream is recorded with its parent";

pub(super) fn check(before: Option<&Record>, after: &Record) -> Finding {
    let Some(before) = before.filter(|it| it.is_strict()) else {
        return Ok(());
    };
    let older = Position {
        id: before.chain.head(),
        previous: None,
        offset: Offset(u64::MAX),
    };
    if after.chain.common_prefix(&older).is_some() {
        return Ok(());
    }
    broken(
        NAME,
        format!("epoch {} does not know the stream before it", after.epoch),
    )
}
