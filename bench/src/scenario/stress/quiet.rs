//! Nothing happens.

use std::time::Duration;

use crate::stop;

pub(super) fn apply(window: Duration) -> anyhow::Result<()> {
    Ok(stop::sleep(window)?)
}
