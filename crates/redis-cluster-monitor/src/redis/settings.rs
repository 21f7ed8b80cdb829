//! What is the same for all nodes of a group.

use std::fmt;

use rcm_core::fencing::Owner;
use rcm_core::policy::Policy;

use super::Commands;

/// How the nodes of one group are talked to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who we say we are; without them, nobody.
    pub credentials: Option<Credentials>,
    /// What the commands are called there.
    pub commands: Commands,
    /// Whose connections these are: their names on the nodes carry it.
    pub owner: Owner,
    /// How often to look, and whether the monitor only looks.
    pub policy: Policy,
}

/// A user and a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The user; without a name, the default one.
    pub username: Option<String>,
    /// The password.
    pub password: Secret,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The text, to be sent and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show() {
        let credentials = Credentials {
            username: Some("rcm".to_owned()),
            password: Secret::new("hunter2"),
        };
        assert_eq!(
            format!("{credentials:?}"),
            r#"Credentials { username: Some("rcm"), password: (secret) }"#
        );
    }
}
