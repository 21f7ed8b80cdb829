//! Getting a connection for acting, for as long as it is wanted.

use std::sync::Arc;
use std::time::Duration;

use rcm_core::id::Address;
use rcm_core::observation::Failure;
use tokio::net::TcpStream;

use crate::clock::Clock;
use crate::redis::connect::connect;
use crate::redis::{Settings, resolve};

/// The first attempt to connect takes so long at most, each further one twice as long.
const FIRST_ATTEMPT: Duration = Duration::from_millis(250);

/// A TCP connection, tried for as long as nothing speaks against it.
pub(super) async fn reach(
    settings: Arc<Settings>,
    clock: Clock,
    address: Address,
) -> Result<TcpStream, Failure> {
    let candidates = resolve::once(&address, clock).await?;
    let mut within = FIRST_ATTEMPT;
    loop {
        let mut worst = Failure::Refused;
        let began = clock.now();
        for &candidate in &candidates {
            match connect(candidate, within, &settings).await {
                Ok(stream) => return Ok(stream),
                Err(failure) => worst = worst.max(failure),
            }
        }
        // An error that comes at once comes again at once.
        if worst != Failure::Silent || clock.now().since(began) < within {
            return Err(worst);
        }
        within *= 2;
    }
}
