//! What has been seen in all runs together, and what never was.

use std::collections::{BTreeMap, BTreeSet};

use rcm_core::rule::{Edge, Rule, Stage, TRANSITIONS};
use rcm_core::verdict::Verdict;

/// Counts, by name.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Everything else that is counted.
    pub counts: BTreeMap<&'static str, u64>,
    verdicts: BTreeSet<Verdict>,
    rules: BTreeSet<Rule>,
    stages: BTreeSet<(Stage, Stage)>,
    /// Where failovers stood when they were given up, and why.
    ends: BTreeSet<(Rule, Stage)>,
}

/// Rules outside the failover plan.
const DUTIES: [Rule; 11] = [
    Rule::R200,
    Rule::R210,
    Rule::R220,
    Rule::R230,
    Rule::R240,
    Rule::R250,
    Rule::R255,
    Rule::R260,
    Rule::R270,
    Rule::R280,
    Rule::R290,
];

impl Coverage {
    pub(crate) fn fault(&mut self, word: &'static str) {
        *self.faults.entry(word).or_insert(0) += 1;
    }

    pub(crate) fn count(&mut self, word: &'static str) {
        *self.counts.entry(word).or_insert(0) += 1;
    }

    pub(crate) fn verdicts(&mut self, verdicts: impl IntoIterator<Item = Verdict>) {
        self.verdicts.extend(verdicts);
    }

    /// A rule was followed by an engine whose failover stood at this stage before.
    pub(crate) fn rule(&mut self, rule: Rule, before: Stage) {
        self.rules.insert(rule);
        if matches!(rule, Rule::F105 | Rule::F107) {
            self.ends.insert((rule, before));
        }
    }

    pub(crate) fn staged(&mut self, from: Stage, to: Stage) {
        if from != to {
            self.stages.insert((from, to));
        }
    }

    /// Adds what another run saw.
    pub fn merge(&mut self, other: Self) {
        for (word, count) in other.faults {
            *self.faults.entry(word).or_insert(0) += count;
        }
        for (word, count) in other.counts {
            *self.counts.entry(word).or_insert(0) += count;
        }
        self.verdicts.extend(other.verdicts);
        self.rules.extend(other.rules);
        self.stages.extend(other.stages);
        self.ends.extend(other.ends);
    }

    /// Verdicts that were never reached.
    pub fn missing_verdicts(&self) -> Vec<Verdict> {
        Verdict::ALL
            .into_iter()
            .filter(|verdict| !self.verdicts.contains(verdict))
            .collect()
    }

    /// Rules of the standing duties of groups of this mode that were never followed.
    pub fn missing_rules(&self, strict: bool) -> Vec<Rule> {
        DUTIES
            .into_iter()
            .filter(|rule| strict || !matches!(rule, Rule::R280 | Rule::R290))
            .filter(|rule| !self.rules.contains(rule))
            .collect()
    }

    /// Edges of the failover plan that groups of this mode can take and never took. An edge within
    /// one stage, or one that several rules share, is told by its rule.
    pub fn missing_edges(&self, strict: bool) -> Vec<Edge> {
        let taken = |&(rule, from, to): &Edge| {
            if matches!(rule, Rule::F105 | Rule::F107) {
                return self.ends.contains(&(rule, from));
            }
            let alone = TRANSITIONS
                .iter()
                .filter(|(_, f, t)| (*f, *t) == (from, to))
                .count()
                == 1;
            if from == to || !alone {
                self.rules.contains(&rule)
            } else {
                self.stages.contains(&(from, to))
                    || (from == Stage::Idle && self.rules.contains(&rule))
            }
        };
        TRANSITIONS
            .iter()
            .copied()
            .filter(|edge| is_open_to(strict, *edge) && !taken(edge))
            .collect()
    }
}

/// Whether a failover of this mode can take the edge: strict mode neither rolls forward nor guesses, and
/// only it has gates and voters.
fn is_open_to(strict: bool, (rule, from, to): Edge) -> bool {
    let resumes = [from, to].contains(&Stage::Resuming);
    let opens = [from, to].contains(&Stage::Opening);
    if strict {
        !resumes && !matches!(rule, Rule::F142 | Rule::F145)
    } else {
        !opens && rule != Rule::F147
    }
}
