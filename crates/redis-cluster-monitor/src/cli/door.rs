//! What commands have in common that ask a running monitor by HTTP.

use hyper::{Method, StatusCode};
use serde_json::Value;

use super::{Exit, print, say};
use crate::config::args::Output;
use crate::config::orders::Place;
use crate::http::client::{self, ask};

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Unasked(#[from] client::Error),
    #[error("the monitor watches several groups; name one with --group: {0}")]
    Ambiguous(String),
    #[error("{}", message(.1))]
    Refused(StatusCode, Value),
    #[error("{0}")]
    Wrong(String),
}

impl Error {
    pub(super) const fn exit(&self) -> Exit {
        match self {
            Self::Unasked(_) => Exit::Failed,
            Self::Wrong(_) | Self::Ambiguous(_) | Self::Refused(StatusCode::NOT_FOUND, _) => {
                Exit::Usage
            }
            // It was begun.
            Self::Refused(StatusCode::INTERNAL_SERVER_ERROR | StatusCode::GATEWAY_TIMEOUT, _) => {
                Exit::Failed
            }
            Self::Refused(..) => Exit::Refused,
        }
    }
}

/// Asks, and shows what came of it: `text` for people.
pub(super) fn show(
    output: Output,
    asking: impl Future<Output = Result<Value, Error>>,
    text: impl FnOnce(&Value) -> String,
) -> Exit {
    let asked = match super::runtime() {
        Ok(runtime) => runtime.block_on(asking),
        Err(error) => {
            say(format_args!("error: cannot start: {error}"));
            return Exit::Failed;
        }
    };
    match (asked, output) {
        (Ok(answer), Output::Table) => print(&text(&answer)),
        (Ok(answer), Output::Json) => print(&format!("{answer:#}\n")),
        (Err(error), output) => {
            if let (Output::Json, Error::Refused(_, body)) = (output, &error) {
                print(&format!("{body:#}\n"));
            }
            say(format_args!("error: {error}"));
            error.exit()
        }
    }
}

/// What the answer says, if it is not that it was refused.
pub(super) fn accepted((status, body): (StatusCode, Value)) -> Result<Value, Error> {
    if status.is_success() {
        Ok(body)
    } else {
        Err(Error::Refused(status, body))
    }
}

/// The group that is meant. Who watches one group needs no name for it.
pub(super) async fn group_of(place: &Place) -> Result<String, Error> {
    match &place.group {
        Some(group) => Ok(group.to_string()),
        None => only_group(&place.http).await,
    }
}

async fn only_group(http: &str) -> Result<String, Error> {
    let list = ask(http, Method::GET, "/v1/groups", None, String::new()).await?;
    let list = accepted(list)?;
    let groups = list["groups"].as_array().map_or(&[][..], Vec::as_slice);
    let names: Vec<&str> = groups
        .iter()
        .filter_map(|it| it["group"].as_str())
        .collect();
    match names.as_slice() {
        [only] => Ok((*only).to_owned()),
        names => Err(Error::Ambiguous(names.join(", "))),
    }
}

/// What the monitor says of it, or all that it says.
fn message(body: &Value) -> String {
    match body["message"].as_str() {
        Some(message) => message.to_owned(),
        None => body.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_refused_and_what_failed_end_differently() {
        let exit = |status| Error::Refused(status, json!({})).exit();
        assert_eq!(exit(StatusCode::CONFLICT), Exit::Refused);
        assert_eq!(exit(StatusCode::PRECONDITION_FAILED), Exit::Refused);
        assert_eq!(exit(StatusCode::SERVICE_UNAVAILABLE), Exit::Refused);
        assert_eq!(exit(StatusCode::NOT_FOUND), Exit::Usage);
        assert_eq!(exit(StatusCode::INTERNAL_SERVER_ERROR), Exit::Failed);
        assert_eq!(exit(StatusCode::GATEWAY_TIMEOUT), Exit::Failed);
    }
}
