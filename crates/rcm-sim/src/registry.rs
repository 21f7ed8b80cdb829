//! The registration of monitors, at both ends: who is registered, who still lives, and what each says
//! of the primary. All of it comes by a watch, in order and late.
//!
//! Who dies, or is cut off from the store, remains registered. After a break of the watch what others
//! said before is not known to be new, and is not passed on.

use std::collections::BTreeMap;

use rcm_core::engine::Input;
use rcm_core::opinion::{Heard, Opinion, Peer};

use crate::monitor::{Incarnation, Who};
use crate::network::Party;
use crate::store::{Call, Trouble};
use crate::trace::{MS, Time};
use crate::world::{Event, Ours, World};

/// One monitor as the store knows it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Registered {
    alive: bool,
    renewed_at: Time,
    opinion: Option<Opinion>,
    /// When that was sent.
    said_at: Time,
}

/// One monitor as another one knows it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    alive: bool,
    /// What it said, and when, by the clock of the one who heard it.
    said: Option<Heard>,
    /// When the store was told of that.
    pub(crate) said_at: Time,
}

/// What the watch tells of a monitor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct News {
    of: Who,
    alive: bool,
    /// What it says, and since when the store knows it.
    said: Option<(Opinion, Time)>,
}

/// A watch that is cut off begins again after this.
const WATCH_AGAIN: Time = 200 * MS;

impl World {
    /// A monitor that is not heard for so long is dead.
    const fn registered_for(&self) -> Time {
        self.lease_time * 2
    }

    pub(crate) fn begin_watch(&mut self, who: Who) {
        self.monitors[who].peers = BTreeMap::new();
        self.monitors[who].watch_broken = false;
        self.break_watch(who, MS);
    }

    /// A monitor of this incarnation has reached the store.
    pub(crate) fn keep_registered(&mut self, who: Who, by: Incarnation) {
        if self.running(by) != Some(who) {
            return;
        }
        let entry = &mut self.store.registry[who];
        entry.renewed_at = self.now;
        let was_alive = std::mem::replace(&mut entry.alive, true);
        self.schedule(self.now + self.registered_for(), Event::Lapse(who));
        if !was_alive {
            self.spread(who, None);
        }
    }

    /// Whoever has not been heard for long is dead, and so is what it said.
    pub(crate) fn on_lapse(&mut self, who: Who) {
        let registered_for = self.registered_for();
        let entry = &mut self.store.registry[who];
        if entry.alive && entry.renewed_at + registered_for <= self.now {
            *entry = Registered::default();
            self.coverage.count("monitors missed");
            self.spread(who, None);
        }
    }

    /// What a monitor says has reached the store; what was sent before what is known does not count.
    pub(crate) fn on_opinion(&mut self, who: Who, opinion: Opinion, sent_at: Time) {
        let refused = matches!(
            self.store.trouble,
            Some(Trouble::Refuses | Trouble::LosesRequests)
        );
        let entry = &mut self.store.registry[who];
        if refused || !entry.alive || entry.said_at > sent_at {
            return;
        }
        entry.opinion = Some(opinion);
        entry.said_at = sent_at;
        self.coverage.count("opinions told");
        self.spread(who, Some((opinion, self.now)));
    }

    fn spread(&mut self, of: Who, said: Option<(Opinion, Time)>) {
        let alive = self.store.registry[of].alive;
        for who in (0..self.monitors.len()).filter(|&who| who != of) {
            let late = self.rng.pick(&[MS, MS, MS, 20 * MS, 500 * MS]);
            let at = self.now + self.rng.range(100, late);
            let at = at.max(self.monitors[who].watch_at + 1);
            self.monitors[who].watch_at = at;
            self.schedule_for(who, at, Ours::News(News { of, alive, said }));
        }
    }

    /// The watch tells of another monitor.
    pub(crate) fn on_news(&mut self, who: Who, news: News) {
        if !self.watches(who) {
            return self.break_watch(who, WATCH_AGAIN);
        }
        if self.monitors[who].watch_broken {
            // It is all read anew.
            return;
        }
        let at = self.monitors[who].clock.read(self.now);
        let known = self.monitors[who].peers.entry(news.of).or_default();
        known.alive = news.alive;
        if let Some((opinion, said_at)) = news.said {
            known.said = Some(Heard { opinion, at });
            known.said_at = said_at;
        }
        self.tell_monitors(who);
    }

    fn watches(&self, who: Who) -> bool {
        let joined = self.net.joins(Party::Monitor(who), Party::Store);
        joined && self.store.trouble != Some(Trouble::Down)
    }

    fn break_watch(&mut self, who: Who, again: Time) {
        if !std::mem::replace(&mut self.monitors[who].watch_broken, true) {
            self.schedule_for(who, self.now + again, Ours::WatchAgain);
        }
    }

    /// The watch begins again, and what it may have missed is read.
    pub(crate) fn on_watch_again(&mut self, who: Who) {
        if !self.watches(who) {
            return self.schedule_for(who, self.now + WATCH_AGAIN, Ours::WatchAgain);
        }
        self.monitors[who].watch_broken = false;
        self.monitors[who].peers = (0..self.monitors.len())
            .filter(|&other| other != who)
            .map(|other| {
                let alive = self.store.registry[other].alive;
                let known = Known {
                    alive,
                    ..Known::default()
                };
                (other, known)
            })
            .collect();
        self.tell_monitors(who);
    }

    fn tell_monitors(&mut self, who: Who) {
        let peers = self.monitors[who].peers.iter();
        let peers = peers.filter_map(|(&other, known)| {
            Some(Peer {
                id: self.monitors[other].name.parse().ok()?,
                alive: known.alive,
                said: known.said,
            })
        });
        let peers = peers.collect();
        self.input(who, Input::Monitors(peers));
    }

    /// A monitor gives up the lease.
    pub(crate) fn resign(&mut self, who: Who, pause: Time) {
        self.note([53, who as u64, 0], |world| {
            format!("{} gives up the lease", world.monitors[who].name)
        });
        self.coverage.count("leases given up");
        self.monitors[who].leads = false;
        self.monitors[who].resigned_until = self.now + pause;
        self.call_store(who, Call::Resign);
    }

    /// What a monitor has heard another one say, when the store knows it, and when it was heard.
    pub(crate) fn heard(&self, who: Who) -> impl Iterator<Item = (Heard, Time)> {
        let known = self.monitors[who].peers.values();
        known.filter_map(|known| Some((known.said?, known.said_at)))
    }
}
