//! Cuts a replica's link to its primary once, on a short connection of its own.

use std::sync::Arc;

use rcm_core::action::{Done, Outcome};
use rcm_core::fencing::Purpose;
use rcm_core::id::{Address, Epoch};
use rcm_resp::Frame;
use tokio::time::timeout_at;

use super::Pending;
use super::reach::reach;
use crate::clock::Clock;
use crate::redis::Settings;
use crate::redis::connection::Connection;

pub(super) async fn cut(
    settings: Arc<Settings>,
    clock: Clock,
    address: Address,
    epoch: Epoch,
    outcome: Pending,
) {
    let deadline = clock.until(outcome.deadline);
    let reached = timeout_at(deadline, reach(Arc::clone(&settings), clock, address)).await;
    let Ok(Ok(stream)) = reached else {
        return outcome.not_reached();
    };
    let mut connection = Connection::new(stream);
    let replies = 2 + usize::from(connection.push_auth(&settings));
    connection.push_name(&settings, Purpose::Act(epoch));
    connection.push([settings.commands.name("CLIENT"), "KILL", "TYPE", "master"]);
    connection.flush();
    let mut last = None;
    for _ in 0..replies {
        match timeout_at(deadline, connection.next()).await {
            Ok(Ok(reply)) => last = Some(reply),
            Ok(Err(_)) | Err(_) => return outcome.end(Outcome::Unknown),
        }
    }
    match last.as_ref().and_then(Frame::as_error) {
        Some(text) => outcome.refused(text),
        None => outcome.end(Outcome::Done(Done::Accepted)),
    }
}
