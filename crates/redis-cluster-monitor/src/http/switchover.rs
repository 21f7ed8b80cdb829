//! A switchover on request: it is asked for, and answered when it has ended.

use std::time::Duration;

use rcm_core::event::Kind;
use rcm_core::id::{Address, Epoch, GroupName};
use rcm_core::request::Request;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use super::Group;
use super::fault::Fault;
use crate::clock::Clock;
use crate::driver::Events;

/// How long its end is waited for. One that goes as planned takes milliseconds.
pub(super) const WITHIN: Duration = Duration::from_secs(30);

/// What may be said in the body.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    to: Option<String>,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(super) struct Switched {
    group: GroupName,
    from: Address,
    to: Address,
    epoch: Epoch,
    /// It took the way of a switchover until its end, and nothing was lost.
    planned: bool,
    /// The longest that a write can have waited, in milliseconds; where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    writes_waited_ms: Option<f64>,
    /// Since it was asked for, in milliseconds.
    duration_ms: f64,
}

/// Whom the body asks for; nobody in particular if it is empty.
pub(super) fn wish(body: &[u8]) -> Result<Option<Address>, Fault> {
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let wish: Wish =
        serde_json::from_slice(body).map_err(|error| Fault::BadBody(error.to_string()))?;
    let to = wish.to.map(|text| text.parse::<Address>());
    to.transpose()
        .map_err(|error| Fault::BadBody(error.to_string()))
}

/// Hands the office over, and waits for the end of it.
pub(super) async fn switch_over(
    group: &Group,
    to: Option<Address>,
    clock: Clock,
) -> Result<Switched, Fault> {
    let asked_at = clock.now();
    let begun = group.requests.begin(Request::Switchover { to }).await;
    let events = begun.map_err(|refusal| Fault::refused(refusal, group))?;
    let end = timeout(WITHIN, end_of(events)).await;
    let end = end.unwrap_or(Err(Fault::Unfinished(WITHIN)))?;
    Ok(Switched {
        group: group.name.clone(),
        from: end.from,
        to: end.to,
        epoch: end.epoch,
        planned: end.planned,
        writes_waited_ms: end.planned.then(|| millis(end.after)),
        duration_ms: millis(clock.now().since(asked_at)),
    })
}

/// Another primary in office.
struct End {
    from: Address,
    to: Address,
    epoch: Epoch,
    planned: bool,
    after: Duration,
}

/// What the events say from the moment on at which it was begun.
async fn end_of(mut events: Events) -> Result<End, Fault> {
    let mut successor = None;
    loop {
        let event = match events.recv().await {
            Ok(event) => event,
            // What was missed may have been the end; then the wait has one.
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => {
                return Err(Fault::Halted("the group is watched no longer".to_owned()));
            }
        };
        let text = || event.kind.to_string();
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "most events say nothing of how it ends"
        )]
        match &event.kind {
            Kind::SwitchoverStarted { to, .. } => successor = Some(to.clone()),
            Kind::PrimarySwitched {
                epoch,
                from,
                to,
                planned,
                after,
            } => {
                if !planned && successor.as_ref() != Some(to) {
                    return Err(Fault::Derailed(to.clone()));
                }
                return Ok(End {
                    from: from.clone(),
                    to: to.clone(),
                    epoch: *epoch,
                    planned: *planned,
                    after: *after,
                });
            }
            // All were sealed and ranked, and the old one was the best of them.
            Kind::PrimaryAdopted { primary, .. } => return Err(Fault::Derailed(primary.clone())),
            Kind::SwitchoverAborted { .. } | Kind::FailoverAborted { .. } => {
                return Err(Fault::Aborted(text()));
            }
            Kind::Superseded { .. } => return Err(Fault::Superseded(text())),
            Kind::FailoverLeft { .. } => return Err(Fault::LeaseLost(text())),
            Kind::Halted(_) => return Err(Fault::Halted(text())),
            _ => {}
        }
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_says_whom_or_nothing() {
        assert_eq!(wish(b"").unwrap(), None);
        assert_eq!(wish(b" \r\n").unwrap(), None);
        assert_eq!(wish(b"{}").unwrap(), None);
        let to = wish(br#"{"to": "10.0.0.2"}"#).unwrap().unwrap();
        assert_eq!(to.to_string(), "10.0.0.2:6379");
        for body in [
            &b"x"[..],
            b"{\"to\": 1}",
            b"{\"to\": \"a:\"}",
            b"{\"for\": \"a\"}",
            b"[]",
            b"\xff",
        ] {
            assert_eq!(wish(body).unwrap_err().code(), "bad-body");
        }
    }
}
