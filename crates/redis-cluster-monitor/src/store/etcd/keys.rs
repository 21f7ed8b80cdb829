//! Where everything of a deployment is in etcd: below one prefix, so that two deployments in the
//! same etcd do not see each other.

use rcm_core::id::{GroupName, MonitorId};

/// The keys below one prefix.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

/// What a key holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// A group's record.
    Record(GroupName),
    /// The settings of a group that all monitors share.
    Settings(GroupName),
    /// Who leads a group; it ends with the leader's lease.
    Leader(GroupName),
    /// What a monitor sees of a group; it ends with the monitor's lease.
    Opinion(GroupName, MonitorId),
    /// A monitor that belongs to the deployment, whether it runs or not.
    Monitor(MonitorId),
    /// A monitor that runs; it ends with the monitor's lease.
    Alive(MonitorId),
}

impl Keys {
    pub(super) fn below(prefix: &str) -> Self {
        let prefix = format!("{}/", prefix.trim_end_matches('/'));
        Self { prefix }
    }

    /// What all keys begin with.
    pub(super) fn first(&self) -> &str {
        &self.prefix
    }

    /// What comes after all keys.
    pub(super) fn end(&self) -> Vec<u8> {
        let mut end = self.prefix.clone().into_bytes();
        // The prefix ends with a slash, and after that comes the zero.
        end.pop();
        end.push(b'0');
        end
    }

    /// The name of the deployment.
    pub(super) fn deployment(&self) -> String {
        format!("{}deployment", self.prefix)
    }

    pub(super) fn of(&self, key: &Key) -> String {
        let prefix = &self.prefix;
        match key {
            Key::Record(group) => format!("{prefix}groups/{group}/record"),
            Key::Settings(group) => format!("{prefix}groups/{group}/settings"),
            Key::Leader(group) => format!("{prefix}groups/{group}/leader"),
            Key::Opinion(group, id) => format!("{prefix}groups/{group}/eyes/{id}"),
            Key::Monitor(id) => format!("{prefix}monitors/{id}"),
            Key::Alive(id) => format!("{prefix}alive/{id}"),
        }
    }

    /// What the key holds, if it is one of ours.
    pub(super) fn parse(&self, key: &[u8]) -> Option<Key> {
        let key = std::str::from_utf8(key).ok()?;
        let parts: Vec<&str> = key.strip_prefix(&self.prefix)?.split('/').collect();
        match parts[..] {
            ["groups", group, "record"] => Some(Key::Record(group.parse().ok()?)),
            ["groups", group, "settings"] => Some(Key::Settings(group.parse().ok()?)),
            ["groups", group, "leader"] => Some(Key::Leader(group.parse().ok()?)),
            ["groups", group, "eyes", id] => {
                Some(Key::Opinion(group.parse().ok()?, id.parse().ok()?))
            }
            ["monitors", id] => Some(Key::Monitor(id.parse().ok()?)),
            ["alive", id] => Some(Key::Alive(id.parse().ok()?)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_made_and_lies_within_the_prefix() {
        let keys = Keys::below("/rcm/eu");
        let group: GroupName = "a.b".parse().unwrap();
        let id: MonitorId = "m-1".parse().unwrap();
        for key in [
            Key::Record(group.clone()),
            Key::Settings(group.clone()),
            Key::Leader(group.clone()),
            Key::Opinion(group, id.clone()),
            Key::Monitor(id.clone()),
            Key::Alive(id),
        ] {
            let text = keys.of(&key);
            assert!(text.as_bytes() < keys.end().as_slice() && text.as_str() > keys.first());
            assert_eq!(keys.parse(text.as_bytes()), Some(key));
        }
    }

    #[test]
    fn strangers_keys_mean_nothing() {
        let keys = Keys::below("/rcm/");
        for text in [
            "/rcm/deployment",
            "/rcm/groups/a",
            "/rcm/alive/a b",
            "/rcmx/alive/a",
        ] {
            assert_eq!(keys.parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(keys.parse(b"/rcm/alive/\xff"), None);
    }
}
