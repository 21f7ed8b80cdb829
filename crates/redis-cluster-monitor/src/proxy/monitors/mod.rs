//! Follows a group through the Sentinel API of monitors elsewhere, for a proxy beside an application.
//!
//! Decided here: whom to believe. The highest epoch wins, an older one never replaces a newer one,
//! and while nobody answers the last known primary goes on being served.

mod link;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rcm_core::id::GroupName;
use rcm_core::time::Instant;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::link::Link;
use crate::clock::Clock;
use crate::config::Access;
use crate::driver::{AskedToHold, Holders, Lead, Outlook};

/// Monitors that are followed, until this is dropped.
#[derive(Debug)]
pub struct Monitors {
    group: GroupName,
    lead: watch::Receiver<Lead>,
    holders: Holders,
    _links: JoinSet<()>,
}

/// Requests that wait while nobody says for what are let go after this time.
const RELEASED_AFTER: Duration = Duration::from_secs(5);

impl Monitors {
    /// Follows `group` through the monitors at `addresses` (`HOST:PORT`), on the runtime of the caller.
    pub fn follow(
        group: GroupName,
        addresses: Vec<String>,
        access: Option<&Access>,
        clock: Clock,
    ) -> Self {
        let holders = Holders::default();
        let (publisher, lead) = watch::channel(Lead::default());
        let council = Council {
            heard: vec![None; addresses.len()],
            chosen: 0,
            silent_since: None,
            publisher,
        };
        let council = Arc::new(Mutex::new(council));
        let mut links = JoinSet::new();
        for (number, address) in addresses.into_iter().enumerate() {
            let link = Link {
                number,
                address,
                group: group.clone(),
                access: access.cloned(),
                council: Arc::clone(&council),
                holders: holders.clone(),
                clock,
            };
            links.spawn(link.run());
        }
        Self {
            group,
            lead,
            holders,
            _links: links,
        }
    }

    /// The group.
    pub const fn group(&self) -> &GroupName {
        &self.group
    }

    /// Where requests go.
    pub fn lead(&self) -> watch::Receiver<Lead> {
        self.lead.clone()
    }

    /// Whoever joins is asked before a primary's writes are paused.
    pub fn join_holders(&self) -> AskedToHold {
        self.holders.join()
    }
}

/// What each monitor said last, and what follows from it.
#[derive(Debug)]
struct Council {
    heard: Vec<Option<Lead>>,
    /// Whose word was taken last.
    chosen: usize,
    silent_since: Option<Instant>,
    publisher: watch::Sender<Lead>,
}

impl Council {
    fn lock(council: &Mutex<Self>) -> MutexGuard<'_, Self> {
        council.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A monitor says this, or cannot be heard any more.
    fn hear(&mut self, number: usize, lead: Option<Lead>, now: Instant) {
        if let Some(heard) = self.heard.get_mut(number) {
            *heard = lead;
        }
        let is_silent = self.heard.iter().all(Option::is_none);
        if !is_silent {
            self.silent_since = None;
            self.choose();
            return;
        }
        let before = self.silent_since.is_some();
        let since = *self.silent_since.get_or_insert(now);
        let served = self.publisher.borrow().clone();
        let Some(primary) = &served.primary else {
            return;
        };
        if !before {
            let epoch = served.epoch;
            tracing::warn!("no monitor answers; {primary} is served on, epoch {epoch}");
        }
        if now.since(since) >= RELEASED_AFTER {
            self.publisher.send_if_modified(|lead| {
                let was = std::mem::replace(&mut lead.outlook, Outlook::Open);
                was != Outlook::Open
            });
        }
    }

    /// Takes the word of the newest; among those as new, of the one whose word was taken before.
    fn choose(&mut self) {
        let served = self.publisher.borrow().clone();
        let met = |lead: &&Lead| lead.primary.is_some() && lead.epoch >= served.epoch;
        let heard = self.heard.iter().flatten().filter(met);
        let Some(epoch) = heard.map(|lead| lead.epoch).max() else {
            return;
        };
        let newest = |number: &usize| {
            let lead = self.heard.get(*number).and_then(Option::as_ref);
            lead.filter(|lead| lead.epoch == epoch && lead.primary.is_some())
        };
        let mut first = std::iter::once(self.chosen).chain(0..self.heard.len());
        let found = first.find_map(|number| Some((number, newest(&number)?.clone())));
        let Some((chosen, lead)) = found else { return };
        let peers = || self.heard.iter().flatten().filter(|it| it.epoch == epoch);
        // Who changes something knows more than who only looks; else the best that is seen counts,
        // because another's view of the primary says little about this machine's.
        let changes = peers().any(|it| it.outlook == Outlook::Changing);
        let best = peers().map(|it| it.outlook).min();
        let outlook = match best {
            Some(best) if !changes => best,
            _ => Outlook::Changing,
        };
        let handed_over = peers().find_map(|it| it.handed_over.filter(|it| *it == epoch));
        let next = Lead {
            outlook,
            handed_over: handed_over.or(lead.handed_over),
            ..lead
        };
        self.chosen = chosen;
        if next.primary != served.primary
            && let Some(primary) = &next.primary
        {
            tracing::info!("{primary} is the primary that is served, epoch {epoch}");
        }
        self.publisher.send_if_modified(|lead| {
            let is_new = *lead != next;
            *lead = next;
            is_new
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcm_core::id::{Address, Epoch};

    fn lead(epoch: u64, port: u16, outlook: Outlook) -> Lead {
        Lead {
            epoch: Epoch(epoch),
            primary: Some(Address::new("10.0.0.1", port)),
            handed_over: None,
            outlook,
        }
    }

    /// Each line is who says what at which second; and what is served then.
    fn check(lines: &[(usize, u64, Option<Lead>, &Lead)]) {
        let (publisher, served) = watch::channel(Lead::default());
        let mut council = Council {
            heard: vec![None; 3],
            chosen: 0,
            silent_since: None,
            publisher,
        };
        for (line, (number, second, said, expected)) in lines.iter().enumerate() {
            let now = Instant::after_start(Duration::from_secs(*second));
            council.hear(*number, said.clone(), now);
            assert_eq!(*served.borrow(), **expected, "line {line}");
        }
    }

    #[test]
    fn the_highest_epoch_wins_and_an_older_one_never_replaces_it() {
        let (old, new) = (lead(3, 1, Outlook::Open), lead(4, 2, Outlook::Open));
        let stranger = lead(4, 9, Outlook::Open);
        check(&[
            (0, 0, Some(Lead::default()), &Lead::default()),
            (1, 0, Some(old.clone()), &old),
            (2, 0, Some(new.clone()), &new),
            (1, 0, Some(old.clone()), &new),
            (2, 0, None, &new),
            (0, 0, Some(old.clone()), &new),
            // It was the first to say so of this epoch.
            (2, 1, Some(new.clone()), &new),
            (0, 1, Some(stranger), &new),
        ]);
    }

    #[test]
    fn who_changes_something_is_believed_and_else_who_sees_the_best() {
        let say = |outlook| Some(lead(1, 1, outlook));
        let (open, changing) = (lead(1, 1, Outlook::Open), lead(1, 1, Outlook::Changing));
        let lost = lead(1, 1, Outlook::Lost);
        check(&[
            (0, 0, say(Outlook::Lost), &lost),
            (1, 0, say(Outlook::Open), &open),
            (2, 0, say(Outlook::Changing), &changing),
            (2, 0, say(Outlook::Open), &open),
        ]);
    }

    #[test]
    fn while_nobody_answers_the_last_primary_is_served_and_nothing_waits_without_end() {
        let changing = lead(1, 1, Outlook::Changing);
        let open = lead(1, 1, Outlook::Open);
        check(&[
            (0, 0, Some(changing.clone()), &changing),
            (0, 1, None, &changing),
            (1, 5, None, &changing),
            (1, 6, None, &open),
            (2, 7, Some(changing.clone()), &changing),
        ]);
    }
}
