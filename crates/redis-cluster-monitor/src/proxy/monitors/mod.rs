//! Follows a group through the Sentinel API of monitors elsewhere, for a proxy beside an application.
//!
//! Decided here: whom to believe. The highest epoch wins, an older one never replaces a newer one,
//! and while nobody answers the last known primary goes on being served.
//! Of the servers one monitor's word is taken at a time, so that what is compared was seen by one.

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
use crate::driver::{AskedToHold, Holders, Lead, Outlook, Roster, Server};
use crate::sentinel::Interest;

/// Monitors that are followed, until this is dropped.
#[derive(Debug)]
pub struct Monitors {
    group: GroupName,
    roster: watch::Receiver<Roster>,
    council: Arc<Mutex<Council>>,
    holders: Holders,
    _links: JoinSet<()>,
}

/// Whether monitors are heard, for those who show it.
#[derive(Clone, Debug)]
pub struct Hearing(Arc<Mutex<Council>>);

/// Requests that wait while nobody says for what are let go after this time.
const RELEASED_AFTER: Duration = Duration::from_secs(5);

impl Monitors {
    /// Follows `group` through the monitors at `addresses` (`HOST:PORT`), on the runtime of the caller.
    pub fn follow(
        group: GroupName,
        addresses: Vec<String>,
        access: Option<&Access>,
        interest: Interest,
        clock: Clock,
    ) -> Self {
        let holders = Holders::default();
        let (council, roster) = Council::of(&addresses);
        let council = Arc::new(Mutex::new(council));
        let mut links = JoinSet::new();
        for (number, address) in addresses.into_iter().enumerate() {
            let link = Link {
                number,
                address,
                group: group.clone(),
                access: access.cloned(),
                interest,
                council: Arc::clone(&council),
                holders: holders.clone(),
                clock,
            };
            links.spawn(link.run());
        }
        Self {
            group,
            roster,
            council,
            holders,
            _links: links,
        }
    }

    /// The group.
    pub const fn group(&self) -> &GroupName {
        &self.group
    }

    /// Where requests go.
    pub fn roster(&self) -> watch::Receiver<Roster> {
        self.roster.clone()
    }

    /// Which of them are heard.
    pub fn hearing(&self) -> Hearing {
        Hearing(Arc::clone(&self.council))
    }

    /// Whoever joins is asked before a primary's writes are paused.
    pub fn join_holders(&self) -> AskedToHold {
        self.holders.join()
    }
}

impl Hearing {
    /// Every monitor's address, and whether it is followed now.
    pub fn all(&self) -> Vec<(String, bool)> {
        let council = Council::lock(&self.0);
        let heard = council.monitors.iter();
        heard
            .map(|it| (it.address.clone(), it.lead.is_some()))
            .collect()
    }
}

/// What each monitor said last, and what follows from it.
#[derive(Debug)]
struct Council {
    monitors: Vec<Heard>,
    /// Whose word was taken last.
    chosen: usize,
    silent_since: Option<Instant>,
    publisher: watch::Sender<Roster>,
}

/// A monitor, and what it said last.
#[derive(Debug)]
struct Heard {
    address: String,
    /// Nothing while it cannot be heard.
    lead: Option<Lead>,
    servers: Vec<Server>,
}

impl Council {
    fn of(addresses: &[String]) -> (Self, watch::Receiver<Roster>) {
        let heard = |address: &String| Heard {
            address: address.clone(),
            lead: None,
            servers: Vec::new(),
        };
        let (publisher, roster) = watch::channel(Roster::default());
        let council = Self {
            monitors: addresses.iter().map(heard).collect(),
            chosen: 0,
            silent_since: None,
            publisher,
        };
        (council, roster)
    }

    fn lock(council: &Mutex<Self>) -> MutexGuard<'_, Self> {
        council.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A monitor says how the servers are; it counts with what it says next of the lead.
    fn meet(&mut self, number: usize, servers: Vec<Server>) {
        if let Some(heard) = self.monitors.get_mut(number) {
            heard.servers = servers;
        }
    }

    /// A monitor says this, or cannot be heard any more.
    fn hear(&mut self, number: usize, lead: Option<Lead>, now: Instant) {
        if let Some(heard) = self.monitors.get_mut(number) {
            heard.lead = lead;
        }
        let is_silent = self.monitors.iter().all(|it| it.lead.is_none());
        if !is_silent {
            self.silent_since = None;
            self.choose();
            return;
        }
        let before = self.silent_since.is_some();
        let since = *self.silent_since.get_or_insert(now);
        let served = self.publisher.borrow().lead.clone();
        let Some(primary) = &served.primary else {
            return;
        };
        if !before {
            let epoch = served.epoch;
            tracing::warn!("no monitor answers; {primary} is served on, epoch {epoch}");
        }
        let is_released = now.since(since) >= RELEASED_AFTER;
        self.publisher.send_if_modified(|roster| {
            let before = (roster.is_watched, roster.lead.outlook);
            roster.is_watched = false;
            if is_released {
                roster.lead.outlook = Outlook::Open;
            }
            before != (roster.is_watched, roster.lead.outlook)
        });
    }

    /// Takes the word of the newest; among those as new, of the one whose word was taken before.
    fn choose(&mut self) {
        let served = self.publisher.borrow().lead.clone();
        let met = |lead: &&Lead| lead.primary.is_some() && lead.epoch >= served.epoch;
        let heard = self.monitors.iter().filter_map(|it| it.lead.as_ref());
        let Some(epoch) = heard.filter(met).map(|lead| lead.epoch).max() else {
            return;
        };
        let newest = |number: &usize| {
            let lead = self.monitors.get(*number)?.lead.as_ref();
            lead.filter(|lead| lead.epoch == epoch && lead.primary.is_some())
        };
        let first = || std::iter::once(self.chosen).chain(0..self.monitors.len());
        let found = first().find_map(|number| Some((number, newest(&number)?.clone())));
        let Some((chosen, lead)) = found else { return };
        let heard = self.monitors.iter().filter_map(|it| it.lead.as_ref());
        let peers = || heard.clone().filter(|it| it.epoch == epoch);
        // Who changes something knows more than who only looks; else the best that is seen counts,
        // because another's view of the primary says little about this machine's.
        let changes = peers().any(|it| it.outlook == Outlook::Changing);
        let best = peers().map(|it| it.outlook).min();
        let outlook = match best {
            Some(best) if !changes => best,
            _ => Outlook::Changing,
        };
        let handed_over = peers().find_map(|it| it.handed_over.filter(|it| *it == epoch));
        let sees_best = |number: &usize| newest(number).is_some_and(|it| Some(it.outlook) == best);
        let witness = first().find(sees_best).unwrap_or(chosen);
        let next = Roster {
            lead: Lead {
                outlook,
                handed_over: handed_over.or(lead.handed_over),
                ..lead
            },
            is_watched: true,
            servers: self.monitors[witness].servers.clone(),
        };
        self.chosen = chosen;
        if next.lead.primary != served.primary
            && let Some(primary) = &next.lead.primary
        {
            tracing::info!("{primary} is the primary that is served, epoch {epoch}");
        }
        self.publisher.send_if_modified(|roster| {
            let is_new = *roster != next;
            *roster = next;
            is_new
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcm_core::id::{Address, Epoch};

    use crate::driver::Standing;

    fn lead(epoch: u64, port: u16, outlook: Outlook) -> Lead {
        Lead {
            epoch: Epoch(epoch),
            primary: Some(Address::new("10.0.0.1", port)),
            handed_over: None,
            outlook,
        }
    }

    /// Of three monitors.
    fn council() -> (Council, watch::Receiver<Roster>) {
        Council::of(&["a", "b", "c"].map(str::to_owned))
    }

    /// Each line is who says what at which second; and what is served then.
    fn check(lines: &[(usize, u64, Option<Lead>, &Lead)]) {
        let (mut council, served) = council();
        for (line, (number, second, said, expected)) in lines.iter().enumerate() {
            let now = Instant::after_start(Duration::from_secs(*second));
            council.hear(*number, said.clone(), now);
            assert_eq!(served.borrow().lead, **expected, "line {line}");
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

    /// One server, at a port that says who told of it.
    fn servers(teller: u16) -> Vec<Server> {
        vec![Server {
            address: ([10, 0, 0, 1], teller).into(),
            process: None,
            standing: Standing::InStep,
            offset: None,
            lag: None,
        }]
    }

    #[test]
    fn of_the_servers_the_word_of_one_counts_who_sees_the_primary_best() {
        let (mut council, served) = council();
        let now = Instant::from_millis(0);
        for (number, outlook, expected) in [
            (0, Outlook::Suspected, 0),
            (1, Outlook::Suspected, 0),
            (2, Outlook::Open, 2),
            (1, Outlook::Open, 1),
            (0, Outlook::Open, 0),
            (0, Outlook::Changing, 1),
        ] {
            council.meet(number, servers(u16::try_from(number).unwrap()));
            council.hear(number, Some(lead(1, 1, outlook)), now);
            let found = served.borrow().servers.clone();
            assert_eq!(found, servers(expected), "{number} {outlook:?}");
        }
    }

    #[test]
    fn while_nobody_answers_nobody_watches_the_servers() {
        let (mut council, served) = council();
        let now = Instant::from_millis(0);
        council.meet(0, servers(0));
        council.hear(0, Some(lead(1, 1, Outlook::Open)), now);
        assert!(served.borrow().is_watched);
        council.hear(0, None, now);
        let expected = Roster {
            lead: lead(1, 1, Outlook::Open),
            is_watched: false,
            servers: servers(0),
        };
        assert_eq!(*served.borrow(), expected);
    }
}
