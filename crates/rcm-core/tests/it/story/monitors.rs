//! The other monitors of a story: who is registered, who lives, what they say, and what they write.

use std::error::Error;
use std::time::Duration;

use goldenscript::ArgumentConsumer;
use rcm_core::engine::Input;
use rcm_core::id::Epoch;
use rcm_core::opinion::{About, Class, Heard, Opinion, Peer};
use rcm_core::record::{Phase, Primary, Record};
use rcm_core::time::Instant;
use rcm_core::verdict::Verdict;

use super::Story;
use crate::words::{address, duration};

impl Story {
    /// Who else is registered. They live.
    pub(super) fn register(
        &mut self,
        args: &mut ArgumentConsumer<'_>,
    ) -> Result<(), Box<dyn Error>> {
        for name in Self::names(args) {
            self.peers.push(Peer {
                id: name.parse()?,
                alive: true,
                said: None,
            });
        }
        self.meet_monitors();
        Ok(())
    }

    /// One of them dies, comes back, leaves, or says what it sees of the recorded primary, or of
    /// another one.
    pub(super) fn hear_of(
        &mut self,
        what: &str,
        args: &mut ArgumentConsumer<'_>,
    ) -> Result<(), Box<dyn Error>> {
        let name = args.next_pos().ok_or("which monitor?")?.value.clone();
        let said = if what == "says" {
            Some(self.hear_opinion(args)?)
        } else {
            None
        };
        let named = |peer: &Peer| peer.id.as_str() == name;
        if what == "leaves" {
            self.peers.retain(|peer| !named(peer));
        }
        for peer in self.peers.iter_mut().filter(|peer| named(peer)) {
            peer.alive = what != "dies";
            peer.said = said.or(peer.said);
        }
        self.meet_monitors();
        Ok(())
    }

    fn hear_opinion(&self, args: &mut ArgumentConsumer<'_>) -> Result<Heard, Box<dyn Error>> {
        let code = args.next_pos().ok_or("what does it say?")?.value.clone();
        let seen = Class::ALL.into_iter().find(|class| class.code() == code);
        let record = self.stored.as_ref().ok_or("there is no record")?;
        let age = args.lookup("for").map(|arg| duration(&arg.value));
        let whom = args.lookup("about").map(|arg| arg.value.clone());
        let named = whom.and_then(|name| self.nodes.get(&name));
        let about = About {
            epoch: Epoch(args.lookup_parse("epoch")?.unwrap_or(record.epoch.0)),
            run_id: named.map_or(record.primary.run_id, |node| Some(node.run_id())),
        };
        Ok(Heard {
            opinion: Opinion {
                about,
                seen: seen.ok_or("nobody says that")?,
                age: age.transpose()?.unwrap_or(Duration::ZERO),
            },
            at: Instant::after_start(self.now),
        })
    }

    pub(super) fn meet_monitors(&mut self) {
        let peers = self.peers.clone();
        self.input(Input::Monitors(peers));
    }

    /// Another monitor commits a primary, or claims the next epoch: now, or as soon as something is
    /// done.
    pub(super) fn overtake(
        &mut self,
        args: &mut ArgumentConsumer<'_>,
    ) -> Result<(), Box<dyn Error>> {
        let what = args.next_pos().ok_or("what does it write?")?.value.clone();
        let record = self.stored.clone().ok_or("there is no record")?;
        let by = "m2".parse()?;
        let record = if what == "claims" {
            let cause = Verdict::PrimaryCrashed;
            record.next(Phase::Claimed { by, cause })
        } else if what == "claims-again" {
            // What is announced stays announced.
            record.next(record.phase.clone())
        } else {
            let node = self.node(&what)?;
            let primary = Primary {
                address: address(&what),
                run_id: Some(node.run_id()),
            };
            let (id, offset) = (node.replication.id, node.replication.offset);
            let chain = record.chain.extended(id, record.chain.head(), offset);
            Record {
                primary,
                chain,
                ..record.next(Phase::Committed)
            }
        };
        match args.lookup("after") {
            Some(arg) => self.overtaken_after = Some((arg.value.clone(), record)),
            None => self.store(record),
        }
        Ok(())
    }

    pub(super) fn store(&mut self, record: Record) {
        self.revision = self.revision.next();
        self.stored = Some(record);
    }
}
