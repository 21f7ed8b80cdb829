//! Choosing among the sealed nodes, and what the choice loses.

use alloc::vec::Vec;

use super::office::PROMOTE_WITHIN;
use super::{Failover, State};
use crate::action::Deed;
use crate::candidate::Candidate;
use crate::event::Kind;
use crate::id::Offset;
use crate::lineage::{Chain, Edge, Position};
use crate::mutant::Mutant;
use crate::plan::count::{self, Count};
use crate::plan::voters::Shortage;
use crate::plan::{Outbox, World, Writing};
use crate::record::{Intent, Loss, Phase, Record};
use crate::rule::Rule;
use crate::time::Instant;

impl Failover {
    pub(super) fn choose(&mut self, since: Instant, world: World<'_>, out: &mut Outbox) {
        let (rule, ranking, missing) = match self.count(since, world) {
            Count::Waiting(_) => return,
            Count::Nobody(ranking) => {
                if !core::mem::replace(&mut self.told_stalled, true) {
                    let refused = count::refused(&ranking, world);
                    out.tell_rule(world.now, Rule::F145, Kind::FailoverStalled { refused });
                }
                return;
            }
            Count::Blocked(shortage) => return self.tell_blocked(shortage, world, out),
            Count::Ready(ranking, missing) => (Rule::F140, ranking, missing),
            Count::ColdStart(ranking) => (Rule::F142, ranking, Vec::new()),
        };
        let Some(best) = ranking.best() else { return };
        let kind = count::chosen(&ranking, best, missing, world);
        out.tell_rule(world.now, rule, kind);
        let loss = self.loss(best, world, out);
        if world.lacks(Mutant::PromoteBeforeIntend) {
            let deed = Deed::Promote { node: best.node() };
            out.act(world.now, self.stored.record.epoch, PROMOTE_WITHIN, deed);
        }
        self.announce(rule, best, loss, world, out);
    }

    /// Announces who is going to be promoted.
    pub(super) fn announce(
        &mut self,
        rule: Rule,
        best: Candidate,
        loss: Option<Loss>,
        world: World<'_>,
        out: &mut Outbox,
    ) {
        let Some(node) = world.view.get(best.node()) else {
            return;
        };
        let Position {
            id,
            previous,
            offset,
        } = best.position();
        let intent = Intent {
            address: node.address.clone(),
            run_id: best.run_id(),
            parent: id,
            fork: offset,
            via: previous.filter(|_| !self.stored.record.chain.contains(id)),
        };
        let by = world.me.clone();
        let phase = Phase::Promoting { by, intent };
        let record = Record {
            phase,
            loss,
            chain: self.chain_with_chosen(best.position(), world),
            ..self.stored.record.clone()
        };
        let writing = Writing::begin(record, self.stored.revision, world, out);
        self.take(
            rule,
            State::Intending {
                writing,
                node: best.node(),
            },
        );
    }

    /// The chosen node may carry a stream that was never committed. Its promotion hides what that
    /// stream continued, so strict mode, which does not roll forward, writes it down before.
    fn chain_with_chosen(&self, chosen: Position, world: World<'_>) -> Chain {
        let record = &self.stored.record;
        let chain = record.chain.clone();
        match chosen.previous {
            Some((parent, fork)) if record.is_strict() && !world.lacks(Mutant::NoBranch) => chain
                .with_branch(Edge {
                    id: chosen.id,
                    parent,
                    fork,
                }),
            _ => chain,
        }
    }

    fn tell_blocked(&mut self, shortage: Shortage, world: World<'_>, out: &mut Outbox) {
        if core::mem::replace(&mut self.told_stalled, true) {
            return;
        }
        let refused = count::refused(&shortage.ranking, world);
        let Shortage {
            voters,
            needed,
            missing,
            ..
        } = shortage;
        let kind = Kind::FailoverBlocked {
            voters,
            needed,
            missing,
            refused,
        };
        out.tell_rule(world.now, Rule::F147, kind);
    }

    /// What choosing this node loses, as far as the last look at the old primary tells.
    fn loss(&self, best: Candidate, world: World<'_>, out: &mut Outbox) -> Option<Loss> {
        let seen = self.last_seen.filter(|seen| seen.run_id != best.run_id())?;
        // Offsets of another lineage say nothing about this one.
        let chain = &self.stored.record.chain;
        chain.common_prefix(&best.position())?;
        let look_age = self.evidence_at.since(seen.at);
        // Bytes of a stream that was never committed are kept, too.
        let held = best.prefix().max(best.position().offset);
        let known_bytes = seen.offset.ahead_of(held);
        let since = u128::from(seen.rate) * look_age.as_micros() / 1_000_000;
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        let probable = Offset(seen.offset.0.saturating_add(since));
        let estimated_bytes = probable.ahead_of(best.prefix()).max(known_bytes);
        let known_bytes = if world.lacks(Mutant::GuessedLoss) {
            estimated_bytes
        } else {
            known_bytes
        };
        out.tell(
            world.now,
            Kind::LossAccounted {
                known_bytes,
                estimated_bytes,
                look_age,
            },
        );
        Some(Loss {
            old_address: self.stored.record.primary.address.clone(),
            old_primary: Some(seen.run_id),
            epoch: self.stored.record.epoch,
            survived: best.prefix(),
            known_bytes,
            estimated_bytes,
            look_age_ms: u64::try_from(look_age.as_millis()).unwrap_or(u64::MAX),
        })
    }
}
