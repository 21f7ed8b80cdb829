//! From an engine's events to the hooks that they concern.

use std::sync::Arc;

use rcm_core::event::{Event, Kind};
use rcm_core::id::Address;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use super::scripts::{Scripts, Switch};
use super::webhooks::Webhooks;
use super::{Group, Stage};

/// Passes on what happens to a group, until nothing can happen any more or the hooks stop.
pub(super) async fn follow(
    mut group: Group,
    scripts: Arc<Scripts>,
    webhooks: Arc<Webhooks>,
    mut stage: watch::Receiver<Stage>,
) {
    let mut office = Office {
        observes: group.observes,
        ..Office::default()
    };
    loop {
        let event = tokio::select! {
            // What happened before the end is still told.
            biased;
            event = group.events.recv() => event,
            _ = stage.wait_for(|stage| *stage >= Stage::Stopping) => return,
        };
        match event {
            Ok(event) => {
                webhooks.offer(&group.name, &event);
                if let Some(switch) = office.take(&event) {
                    scripts.switch(&group.name, &group.scripts, &switch);
                }
            }
            Err(RecvError::Lagged(missed)) => {
                let group = group.name.as_str();
                tracing::warn!(group, "hooks were late and missed {missed} events");
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// Who is in office, as far as events tell.
#[derive(Debug, Default)]
struct Office {
    primary: Option<Address>,
    /// The operator wants nothing to be done.
    observes: bool,
    /// Somebody else decides, and this monitor only observes.
    others_decide: bool,
}

impl Office {
    /// Takes an event, and tells whether clients must go elsewhere because of it.
    fn take(&mut self, event: &Event) -> Option<Switch> {
        let kind = &event.kind;
        if matches!(kind, Kind::RivalControllers { .. }) {
            self.others_decide = true;
        } else if *kind == Kind::RivalControllersGone {
            self.others_decide = false;
        }
        let (from, to) = if let Kind::PrimarySwitched { from, to, .. } = kind {
            (Some(from.clone()), to)
        } else if let Kind::PrimaryAdopted { primary, .. } = kind {
            (self.primary.take(), primary)
        } else {
            return None;
        };
        self.primary = Some(to.clone());
        let from = from.filter(|from| from != to && !self.observes)?;
        Some(Switch {
            from,
            to: to.clone(),
            own: !self.others_decide,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcm_core::event::Adoption;
    use rcm_core::id::Epoch;
    use rcm_core::time::Instant;
    use std::time::Duration;

    fn address(port: u16) -> Address {
        Address::new("10.0.0.1", port)
    }

    fn adopted(port: u16) -> Kind {
        Kind::PrimaryAdopted {
            primary: address(port),
            epoch: Epoch(1),
            how: Adoption::ChangedByHand,
        }
    }

    fn switched(from: u16, to: u16) -> Kind {
        Kind::PrimarySwitched {
            epoch: Epoch(2),
            from: address(from),
            to: address(to),
            planned: false,
            after: Duration::ZERO,
        }
    }

    fn happened(kind: Kind) -> Event {
        Event {
            at: Instant::ZERO,
            rule: None,
            kind,
        }
    }

    #[test]
    fn who_only_observes_moves_nobody() {
        let mut office = Office {
            observes: true,
            ..Office::default()
        };
        for kind in [adopted(1), adopted(2), switched(2, 3)] {
            assert_eq!(office.take(&happened(kind)), None);
        }
    }

    #[test]
    fn clients_are_moved_when_the_primary_is_another_one() {
        let mut office = Office::default();
        let names = vec!["sentinel".to_owned()];
        for (kind, expected) in [
            (adopted(1), None),
            (adopted(1), None),
            (switched(1, 2), Some((1, 2, true))),
            (adopted(3), Some((2, 3, true))),
            (Kind::RivalControllers { names }, None),
            (adopted(4), Some((3, 4, false))),
            (Kind::RivalControllersGone, None),
            (switched(4, 5), Some((4, 5, true))),
        ] {
            let event = happened(kind);
            let expected = expected.map(|(from, to, own)| Switch {
                from: address(from),
                to: address(to),
                own,
            });
            assert_eq!(office.take(&event), expected, "{event:?}");
        }
    }
}
