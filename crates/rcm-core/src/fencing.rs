//! The names of our connections on the nodes, and what they tell about other deciders.
//!
//! Redis has no fencing token. A connection that acts carries its epoch in its client name instead,
//! so that a newer monitor can find it and kill it before it acts itself.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::id::{DeploymentId, Epoch, GroupName, MonitorId};

/// Whose connections these are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Monitors that share a store.
    pub deployment: DeploymentId,
    /// The group.
    pub group: GroupName,
    /// The monitor.
    pub monitor: MonitorId,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It only looks, and its monitor never acts.
    Observe,
    /// It only looks; its monitor acts on other connections.
    Watch,
    /// It acts, under this epoch.
    Act(Epoch),
}

/// What a client name tells about its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// Nobody who decides.
    Client,
    /// A Sentinel, or a monitor of another deployment.
    Rival,
    /// A connection of our own deployment that acts on this group, under this epoch.
    Hand(Epoch),
}

impl Owner {
    /// The client name of a connection for `purpose`.
    pub fn client_name(&self, purpose: Purpose) -> ClientName<'_> {
        ClientName {
            owner: self,
            purpose,
        }
    }

    /// Reads the client name of somebody else's connection.
    pub fn recognise(&self, name: &str) -> Stranger {
        if name.starts_with("sentinel-") && (name.ends_with("-cmd") || name.ends_with("-pubsub")) {
            return Stranger::Rival;
        }
        let mut parts = name.split(':');
        let (Some("rcm"), Some(purpose)) = (parts.next(), parts.next()) else {
            return Stranger::Client;
        };
        let (deployment, group) = (parts.next(), parts.next());
        if deployment != Some(self.deployment.as_str()) {
            return if purpose == "observe" {
                Stranger::Client
            } else {
                Stranger::Rival
            };
        }
        let epoch = parts.nth(1).and_then(|epoch| epoch.parse().ok());
        match (purpose, epoch) {
            ("act", Some(epoch)) if group == Some(self.group.as_str()) => {
                Stranger::Hand(Epoch(epoch))
            }
            _ => Stranger::Client,
        }
    }
}

/// Renders as `rcm:act:<deployment>:<group>:<monitor>:<epoch>`, or without the epoch.
#[derive(Clone, Copy, Debug)]
pub struct ClientName<'a> {
    owner: &'a Owner,
    purpose: Purpose,
}

impl fmt::Display for ClientName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Owner {
            deployment,
            group,
            monitor,
        } = self.owner;
        let purpose = match self.purpose {
            Purpose::Observe => "observe",
            Purpose::Watch => "watch",
            Purpose::Act(_) => "act",
        };
        write!(f, "rcm:{purpose}:{deployment}:{group}:{monitor}")?;
        match self.purpose {
            Purpose::Act(epoch) => write!(f, ":{epoch}"),
            Purpose::Observe | Purpose::Watch => Ok(()),
        }
    }
}

/// The `id` and the `name` of every line of `CLIENT LIST`.
pub fn clients(list: &str) -> impl Iterator<Item = (u64, &str)> {
    list.lines().filter_map(|line| {
        let field = |key: &str| line.split(' ').find_map(|field| field.strip_prefix(key));
        Some((field("id=")?.parse().ok()?, field("name=")?))
    })
}

/// The ids of connections that act on the owner's group under an epoch below `epoch`.
pub fn older_hands<'a>(
    owner: &'a Owner,
    epoch: Epoch,
    list: &'a str,
) -> impl Iterator<Item = u64> + 'a {
    clients(list).filter_map(move |(id, name)| match owner.recognise(name) {
        Stranger::Hand(older) if older < epoch => Some(id),
        Stranger::Hand(_) | Stranger::Client | Stranger::Rival => None,
    })
}

/// The names of other deciders in a `CLIENT LIST`, each once, at most `limit`.
pub fn rivals(owner: &Owner, list: &str, limit: usize) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (_, name) in clients(list) {
        if owner.recognise(name) == Stranger::Rival && !names.iter().any(|known| known == name) {
            names.push(name.into());
            if names.len() == limit {
                break;
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    fn owner() -> Owner {
        Owner {
            deployment: "d1".parse().unwrap(),
            group: "mymaster".parse().unwrap(),
            monitor: "m1".parse().unwrap(),
        }
    }

    #[test]
    fn a_hand_carries_its_epoch_in_its_name() {
        let name = owner().client_name(Purpose::Act(Epoch(7))).to_string();
        assert_eq!(name, "rcm:act:d1:mymaster:m1:7");
        assert_eq!(owner().recognise(&name), Stranger::Hand(Epoch(7)));
    }

    #[test]
    fn other_deciders_are_told_from_clients() {
        for (name, stranger) in [
            ("", Stranger::Client),
            ("app", Stranger::Client),
            ("sentinel-01234567-cmd", Stranger::Rival),
            ("sentinel-01234567-pubsub", Stranger::Rival),
            ("sentinel-of-my-heart", Stranger::Client),
            ("rcm:watch:d1:mymaster:m2", Stranger::Client),
            ("rcm:watch:d2:mymaster:m2", Stranger::Rival),
            ("rcm:act:d2:mymaster:m2:3", Stranger::Rival),
            ("rcm:observe:d2:mymaster:m2", Stranger::Client),
            ("rcm:act:d1:other:m2:3", Stranger::Client),
            ("rcm:act:d1:mymaster:m2:x", Stranger::Client),
            ("rcm", Stranger::Client),
        ] {
            assert_eq!(owner().recognise(name), stranger, "{name}");
        }
    }

    #[test]
    fn only_older_hands_of_this_group_are_fenced() {
        let list = "id=3 addr=127.0.0.1:1 name=rcm:act:d1:mymaster:m1:4 age=1\n\
                    id=4 addr=127.0.0.1:2 name=rcm:act:d1:mymaster:m1:5 age=1\n\
                    id=5 addr=127.0.0.1:3 name= age=1\n\
                    garbage\n\
                    id=6 addr=127.0.0.1:4 name=sentinel-01234567-cmd age=1\n";
        assert_eq!(
            older_hands(&owner(), Epoch(5), list).collect::<Vec<_>>(),
            [3]
        );
        assert_eq!(rivals(&owner(), list, 8), ["sentinel-01234567-cmd"]);
    }
}
