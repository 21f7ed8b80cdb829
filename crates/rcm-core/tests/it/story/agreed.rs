//! What the operators of a story agree on while it goes on.

use std::error::Error;

use goldenscript::ArgumentConsumer;
use rcm_core::engine::Input;
use rcm_core::policy::Nodes;
use rcm_core::settings::Settings;

use super::Story;
use crate::words::address;

impl Story {
    /// Somebody changes the policy, adds a node or forgets one.
    pub(super) fn edit(
        &mut self,
        what: &str,
        args: &mut ArgumentConsumer<'_>,
    ) -> Result<(), Box<dyn Error>> {
        if what == "settings" {
            self.policy = Self::policy_over(self.policy.clone(), args)?;
        }
        for name in Self::names(args) {
            let (into, from) = if what == "add" {
                (&mut self.listed, &mut self.forgotten)
            } else {
                (&mut self.forgotten, &mut self.listed)
            };
            from.retain(|known| *known != name);
            into.push(name);
        }
        self.version = self.version.next();
        let settings = Settings {
            policy: self.policy.clone().validated()?,
            nodes: self.agreed_nodes()?,
        };
        self.input(Input::Settings {
            version: self.version,
            settings: Box::new(settings),
        });
        Ok(())
    }

    pub(super) fn agreed_nodes(&self) -> Result<Nodes, Box<dyn Error>> {
        let addresses = |names: &[String]| names.iter().map(|name| address(name)).collect();
        let nodes = Nodes::new(addresses(&self.listed))?;
        Ok(nodes.without(addresses(&self.forgotten))?)
    }
}
