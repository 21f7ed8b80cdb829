//! How a story begins: its nodes, the policy, and a monitor that may end and start again.

use std::error::Error;

use goldenscript::ArgumentConsumer;
use rcm_core::engine::{Engine, Identity, Input};
use rcm_core::id::Offset;
use rcm_core::lease::Lease;
use rcm_core::observation as look;
use rcm_core::policy::Policy;
use rcm_core::time::Instant;

use super::Story;
use crate::words::{Node, duration, replid};

impl Story {
    fn policy(args: &mut ArgumentConsumer<'_>) -> Result<Policy, Box<dyn Error>> {
        let policy = Policy {
            persist_roles: false,
            ..Policy::default()
        };
        Self::policy_over(policy, args)
    }

    pub(super) fn policy_over(
        mut policy: Policy,
        args: &mut ArgumentConsumer<'_>,
    ) -> Result<Policy, Box<dyn Error>> {
        if let Some(text) = args.lookup("crash_after") {
            policy.crash_after = duration(&text.value)?;
        }
        if let Some(text) = args.lookup("hang_after") {
            policy.hang_after = Some(duration(&text.value)?);
        }
        policy.quorum = args.lookup_parse("quorum")?.or(policy.quorum);
        let ack_replicas = args.lookup_parse("ack_replicas")?;
        policy.ack_replicas = ack_replicas.unwrap_or(policy.ack_replicas);
        policy.observe = args.lookup_parse("observe")?.unwrap_or(policy.observe);
        policy.persist_roles = args
            .lookup_parse("persist")?
            .unwrap_or(policy.persist_roles);
        Ok(policy)
    }

    pub(super) fn start(&mut self, args: &mut ArgumentConsumer<'_>) -> Result<(), Box<dyn Error>> {
        let policy = Self::policy(args)?;
        self.strict = policy.ack_replicas > 0;
        let listed: Option<usize> = args.lookup_parse("listed")?;
        let names = Self::names(args);
        for (name, number) in names.iter().zip(1..) {
            let replication = look::Replication {
                id: replid("A"),
                previous: None,
                offset: Offset(0),
                role: look::Role::Primary {
                    replicas: Vec::new(),
                    good_replicas: None,
                },
                loading: false,
            };
            let condition = look::Condition {
                feeds: self.strict.then_some(true),
                ..look::Condition::default()
            };
            let node = Node {
                number,
                process: 0,
                up: true,
                mute: false,
                replication,
                condition,
            };
            self.nodes.insert(name.clone(), node);
        }
        self.listed = names[..listed.unwrap_or(names.len())].to_vec();
        self.begin(policy)
    }

    /// The monitor ends and starts again, on the same store.
    pub(super) fn restart(
        &mut self,
        args: &mut ArgumentConsumer<'_>,
    ) -> Result<(), Box<dyn Error>> {
        let policy = Self::policy(args)?;
        self.begin(policy)
    }

    fn begin(&mut self, policy: Policy) -> Result<(), Box<dyn Error>> {
        self.policy = policy.validated()?;
        let nodes = self.agreed_nodes()?;
        let me = Identity {
            group: "mymaster".parse()?,
            monitor: "m1".parse()?,
        };
        let now = Instant::after_start(self.now);
        self.engine = Some(Engine::new(me, &nodes, self.policy.clone(), 1, now));
        self.drain();
        self.input(Input::Lease(Lease::HeldSince(now)));
        Ok(())
    }
}
