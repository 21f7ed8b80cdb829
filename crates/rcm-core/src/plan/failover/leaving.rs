//! Leaving a plan before it is finished: another monitor has a newer record, or the lease is lost.
//!
//! What has been done stays, in the record and on the nodes, for whoever goes on; only a node that
//! was promoted in vain is sealed again.

use super::{Failover, Progress, State, assert_listed};
use crate::action::Deed;
use crate::event::Kind;
use crate::id::Epoch;
use crate::mutant::Mutant;
use crate::plan::{Outbox, Stored, World};
use crate::policy::Policy;
use crate::record::Phase;
use crate::rule::{Rule, Stage};

impl Failover {
    /// Another monitor has written a newer record: obey it.
    pub fn give_way(&self, to: &Stored, world: World<'_>, out: &mut Outbox) {
        self.disown(Some(to), world, out);
        self.superseded(Some(to.record.epoch), world, out);
    }

    pub(super) fn superseded(
        &self,
        by: Option<Epoch>,
        world: World<'_>,
        out: &mut Outbox,
    ) -> Progress {
        let epoch = by.unwrap_or_default();
        out.tell_rule(world.now, Rule::F105, Kind::Superseded { epoch });
        assert_listed((Rule::F105, self.stage(), Stage::Idle));
        self.let_go(out);
        Progress::Superseded
    }

    /// The lease is lost: what was sent may still be done, and nothing more is.
    pub fn leave(&self, world: World<'_>, out: &mut Outbox) {
        let stage = self.stage();
        out.tell_rule(world.now, Rule::F107, Kind::FailoverLeft { stage });
        assert_listed((Rule::F107, stage, Stage::Idle));
        self.let_go(out);
    }

    /// Nobody could be promoted, and somebody has put a node into office that may stay there.
    pub fn yield_to_hand(self, out: &mut Outbox) -> Stored {
        assert_listed((Rule::R240, self.stage(), Stage::Idle));
        self.let_go(out);
        self.stored
    }

    /// A newer record rules, and the node that was promoted here must not stay a primary beside
    /// another one. Whoever still finds it announced looks at it first, and keeps it.
    pub(super) fn disown(&self, found: Option<&Stored>, world: World<'_>, out: &mut Outbox) {
        let (run_id, promoted) = match &self.state {
            State::Committing { writing, promoted } => (writing.record().primary.run_id, *promoted),
            State::Promoting { intent, .. } => {
                let node = world.view.at_address(&intent.address);
                (Some(intent.run_id), node.map(|node| node.id))
            }
            State::Claiming(_)
            | State::HandingOver(_)
            | State::Resuming(_)
            | State::Sealing { .. }
            | State::Intending { .. }
            | State::Opening { .. } => return,
        };
        let kept = found.is_some_and(|found| match &found.record.phase {
            Phase::Promoting { intent, .. } => Some(intent.run_id) == run_id,
            Phase::Claimed { .. } | Phase::Committed => found.record.primary.run_id == run_id,
        });
        if let Some(node) = promoted.filter(|_| !kept && !world.lacks(Mutant::KeepOrphan)) {
            let epoch = self.stored.record.epoch;
            let deed = Deed::Seal {
                node,
                evict: true,
                shut: self.stored.record.is_strict(),
            };
            out.act(world.now, epoch, Policy::ACTION_WITHIN, deed);
        }
    }

    fn let_go(&self, out: &mut Outbox) {
        let besides = match &self.state {
            State::Resuming(resuming) => Some(resuming.node()),
            State::Committing { promoted, .. } => *promoted,
            State::Claiming(_)
            | State::HandingOver(_)
            | State::Sealing { .. }
            | State::Intending { .. }
            | State::Promoting { .. }
            | State::Opening { .. } => None,
        };
        let held = self.held.iter().copied();
        let besides = held.chain(besides.filter(|node| !self.held.contains(node)));
        let besides = besides.filter(|node| !self.hands.contains_key(node));
        for node in self.hands.keys().copied().chain(besides) {
            out.order(self.stored.record.epoch, Deed::Close { node });
        }
    }
}

pub(super) fn epoch_of(found: Option<Stored>) -> Option<Epoch> {
    found.map(|stored| stored.record.epoch)
}
