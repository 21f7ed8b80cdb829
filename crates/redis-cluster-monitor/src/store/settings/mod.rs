//! The settings of a group that all its monitors share: a document with a version, compared and
//! replaced as a whole.
//!
//! Always holds: a version is stored once; what a newer program has written into a document and this
//! one does not know is kept when the document is changed; a document of another format is neither
//! used nor replaced.

mod document;
mod shelf;
mod values;

use std::sync::Arc;

use rcm_core::id::Version;

pub use self::document::{Document, Edit};
pub(super) use self::shelf::Shelf;
pub use self::values::{Values, read, unknown, write};

/// What the store keeps as the settings of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Kept {
    /// Nothing: every monitor uses its own.
    #[default]
    Nothing,
    /// These rule, whatever the monitors were started with.
    Document(Arc<Document>),
    /// Something that this program cannot use, and why.
    Unusable(String),
}

impl Kept {
    /// What is written there.
    pub(super) fn parse(json: &[u8]) -> Self {
        match Document::parse(json) {
            Ok(document) => Self::Document(Arc::new(document)),
            Err(why) => Self::Unusable(why),
        }
    }

    /// The version that is stored; zero if none is, and `None` if it cannot be told.
    pub fn version(&self) -> Option<Version> {
        match self {
            Self::Nothing => Some(Version(0)),
            Self::Document(document) => Some(document.version),
            Self::Unusable(_) => None,
        }
    }
}
