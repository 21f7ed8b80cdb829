//! What goes wrong with a request: a status, a stable code, and a line that says what to do.
//!
//! Always holds: after 4xx and 503 nothing was done; after 500 and 504 something was begun.

use std::time::Duration;

use hyper::StatusCode;
use rcm_core::id::{Address, GroupName, Version};
use rcm_core::request::Refusal;
use rcm_core::status::Status;
use serde_json::{Value, json};

use super::Group;

/// Why a request is not answered with what it asks for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("there is nothing at {path}; see docs/http.md")]
    NotFound { path: String },
    #[error("{path} does not take {method}; use {allowed}")]
    WrongMethod {
        path: String,
        method: String,
        allowed: &'static str,
    },
    #[error("no group is called {name}; there are: {}", listed(.groups))]
    UnknownGroup {
        name: String,
        groups: Vec<GroupName>,
    },
    #[error(
        "this address is only for this machine, and the request names the host {host}; use \
         127.0.0.1 or localhost"
    )]
    ForeignHost { host: String },
    #[error("a page in a browser may not ask for this; use the command line or another program")]
    FromABrowser,
    #[error("the body was not there within {}", humantime::format_duration(*.0))]
    BodyTooSlow(Duration),
    #[error("the body is longer than {0} bytes")]
    BodyTooLarge(usize),
    #[error("the body cannot be used: {0}; send {{\"to\": \"HOST:PORT\"}} or nothing")]
    BadBody(String),
    #[error(
        "the settings of which version does this replace? name it as If-Match: \"VERSION\", as GET \
         shows it"
    )]
    VersionMissing,
    #[error("somebody else has changed the settings, version {version}; read them again")]
    SettingsChanged { version: Version },
    #[error("the settings cannot be used: {}", .0.join("; "))]
    BadSettings(Vec<String>),
    #[error("{node} is the primary; switch over first, then forget it")]
    IsPrimary { node: Address },
    #[error("what is stored cannot be used: {0}")]
    SettingsUnusable(String),
    #[error("the store does not answer as it should, and nothing is changed: {0}")]
    StoreFailed(String),
    #[error("it is not known whether the settings were stored: {0}; read them again")]
    OutcomeUnknown(String),
    #[error("{text}")]
    Refused {
        refusal: Refusal,
        /// The same as a sentence.
        text: String,
    },
    /// The primary goes on.
    #[error("{0}")]
    Aborted(String),
    #[error("it did not go as planned, and {0} is the primary; see the log")]
    Derailed(Address),
    #[error("{0}")]
    Superseded(String),
    #[error("{0}")]
    LeaseLost(String),
    #[error("{0}")]
    Halted(String),
    #[error(
        "it has not ended within {}; see the log, and ask for the group",
        humantime::format_duration(*.0)
    )]
    Unfinished(Duration),
}

impl Fault {
    /// The driver refuses it.
    pub(super) fn refused(refusal: Refusal, group: &Group) -> Self {
        if let Refusal::UnknownNode { node } = refusal {
            return Self::unknown_node(node, &group.snapshot());
        }
        let text = group.company.explain(&refusal);
        Self::Refused { refusal, text }
    }

    /// Who asks for a node that is not there wants to know which ones are.
    pub(super) fn unknown_node(node: Address, status: &Status) -> Self {
        let group = &status.group;
        let nodes: Vec<_> = status.nodes.iter().map(|node| &node.address).collect();
        let nodes = listed(&nodes);
        Self::Refused {
            text: format!("no node of {group} listens at {node}; its nodes are: {nodes}"),
            refusal: Refusal::UnknownNode { node },
        }
    }

    /// The stable code.
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not-found",
            Self::WrongMethod { .. } => "wrong-method",
            Self::UnknownGroup { .. } => "unknown-group",
            Self::ForeignHost { .. } => "foreign-host",
            Self::FromABrowser => "from-a-browser",
            Self::BodyTooSlow(_) => "body-too-slow",
            Self::BodyTooLarge(_) => "body-too-large",
            Self::BadBody(_) => "bad-body",
            Self::VersionMissing => "version-missing",
            Self::SettingsChanged { .. } => "settings-changed",
            Self::BadSettings(_) => "bad-settings",
            Self::IsPrimary { .. } => "is-primary",
            Self::SettingsUnusable(_) => "settings-unusable",
            Self::StoreFailed(_) => "store-failed",
            Self::OutcomeUnknown(_) => "outcome-unknown",
            Self::Refused { refusal, .. } => refusal.code(),
            Self::Aborted(_) => "aborted",
            Self::Derailed(_) => "derailed",
            Self::Superseded(_) => "superseded",
            Self::LeaseLost(_) => "lease-lost",
            Self::Halted(_) => "halted",
            Self::Unfinished(_) => "unfinished",
        }
    }

    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::NotFound { .. } | Self::UnknownGroup { .. } => StatusCode::NOT_FOUND,
            Self::WrongMethod { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::ForeignHost { .. } | Self::FromABrowser => StatusCode::FORBIDDEN,
            Self::BodyTooSlow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BadBody(_) => StatusCode::BAD_REQUEST,
            Self::VersionMissing => StatusCode::PRECONDITION_REQUIRED,
            Self::SettingsChanged { .. } => StatusCode::PRECONDITION_FAILED,
            Self::BadSettings(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::IsPrimary { .. } => StatusCode::CONFLICT,
            Self::SettingsUnusable(_) | Self::StoreFailed(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Refused { refusal, .. } => status_of(refusal),
            Self::OutcomeUnknown(_)
            | Self::Aborted(_)
            | Self::Derailed(_)
            | Self::Superseded(_)
            | Self::LeaseLost(_)
            | Self::Halted(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unfinished(_) => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The body of the answer: the code, what it is about, and a sentence.
    pub(super) fn body(&self) -> Value {
        let mut body = json!({});
        if let Self::Refused { refusal, .. } = self {
            body = json!(refusal);
        }
        if let Self::UnknownGroup { groups, .. } = self {
            body["groups"] = json!(groups);
        }
        if let Self::BadSettings(mistakes) = self {
            body["mistakes"] = json!(mistakes);
        }
        if let Self::SettingsChanged { version } = self {
            body["version"] = json!(version);
        }
        if let Self::IsPrimary { node } = self {
            body["node"] = json!(node);
        }
        body["code"] = self.code().into();
        body["message"] = self.to_string().into();
        body
    }
}

const fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::UnknownNode { .. } => StatusCode::NOT_FOUND,
        Refusal::InProgress
        | Refusal::Observing
        | Refusal::RivalController { .. }
        | Refusal::PrimaryNotWell { .. }
        | Refusal::AlreadyPrimary { .. }
        | Refusal::NotACandidate { .. }
        | Refusal::NoCandidate => StatusCode::CONFLICT,
        Refusal::NotReady | Refusal::NoLease | Refusal::StoreUnwritable => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

fn listed(names: &[impl ToString]) -> String {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use super::*;
    use rcm_core::request::Unfit;
    use rcm_core::verdict::Verdict;

    fn every_one() -> Vec<Fault> {
        let node = Address::new("10.0.0.9", 6379);
        let text = String::new;
        let refusals = [
            Refusal::InProgress,
            Refusal::NotReady,
            Refusal::Observing,
            Refusal::RivalController { names: Vec::new() },
            Refusal::NoLease,
            Refusal::StoreUnwritable,
            Refusal::PrimaryNotWell {
                verdict: Verdict::PrimaryHung,
            },
            Refusal::UnknownNode { node: node.clone() },
            Refusal::AlreadyPrimary { node: node.clone() },
            Refusal::NotACandidate {
                node: node.clone(),
                why: Unfit::Lagging,
            },
            Refusal::NoCandidate,
        ];
        let refused = refusals.map(|refusal| Fault::Refused {
            text: refusal.to_string(),
            refusal,
        });
        let others = [
            Fault::NotFound { path: text() },
            Fault::WrongMethod {
                path: text(),
                method: text(),
                allowed: "GET",
            },
            Fault::UnknownGroup {
                name: text(),
                groups: Vec::new(),
            },
            Fault::ForeignHost { host: text() },
            Fault::FromABrowser,
            Fault::BodyTooSlow(Duration::from_secs(1)),
            Fault::BodyTooLarge(1),
            Fault::BadBody(text()),
            Fault::VersionMissing,
            Fault::SettingsChanged {
                version: Version(1),
            },
            Fault::BadSettings(Vec::new()),
            Fault::IsPrimary { node: node.clone() },
            Fault::SettingsUnusable(text()),
            Fault::StoreFailed(text()),
            Fault::OutcomeUnknown(text()),
            Fault::Aborted(text()),
            Fault::Derailed(node),
            Fault::Superseded(text()),
            Fault::LeaseLost(text()),
            Fault::Halted(text()),
            Fault::Unfinished(Duration::from_secs(1)),
        ];
        refused.into_iter().chain(others).collect()
    }

    #[test]
    fn the_page_lists_every_code_with_its_status() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/http.md");
        let page = fs::read_to_string(page).unwrap();
        let table = page.split("## Errors").nth(1).unwrap();
        let table = table.split("\n## ").next().unwrap();
        let rows = table.lines().filter_map(|row| {
            let (code, rest) = row.strip_prefix("| `")?.split_once("` | ")?;
            Some((code.to_owned(), rest.split(' ').next()?.parse().unwrap()))
        });
        let rows: BTreeMap<String, u16> = rows.collect();
        let all = every_one();
        let codes = all
            .iter()
            .map(|fault| (fault.code().to_owned(), fault.status().as_u16()));
        assert_eq!(rows, codes.collect());
    }

    #[test]
    fn a_body_has_the_code_what_it_is_about_and_a_remedy() {
        let all = every_one();
        let body = |code| all.iter().find(|it| it.code() == code).unwrap().body();
        let unfit = body("not-a-candidate");
        assert_eq!(unfit["node"], "10.0.0.9:6379");
        assert_eq!(unfit["why"], "lagging");
        assert_eq!(body("unknown-group")["groups"], json!([]));
    }
}
