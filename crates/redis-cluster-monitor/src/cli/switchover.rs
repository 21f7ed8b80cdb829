//! `switchover`: asks a running monitor to hand the office over, and says what came of it.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Exit, print, say};
use crate::config::args::Output;
use crate::config::orders::SwitchoverArgs;
use crate::http::client::{self, ask};

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Unasked(#[from] client::Error),
    #[error("the monitor watches several groups; name one with --group: {0}")]
    Ambiguous(String),
    #[error("{}", message(.1))]
    Refused(StatusCode, Value),
}

/// Asks and waits for the end.
pub(super) fn run(order: &SwitchoverArgs) -> Exit {
    let asked = match super::runtime() {
        Ok(runtime) => runtime.block_on(switch_over(order)),
        Err(error) => {
            say(format_args!("error: cannot start: {error}"));
            return Exit::Failed;
        }
    };
    match (asked, order.output) {
        (Ok(switched), Output::Table) => print(&text(&switched)),
        (Ok(switched), Output::Json) => print(&format!("{switched:#}\n")),
        (Err(error), output) => {
            if let (Output::Json, Error::Refused(_, body)) = (output, &error) {
                print(&format!("{body:#}\n"));
            }
            say(format_args!("error: {error}"));
            error.exit()
        }
    }
}

impl Error {
    const fn exit(&self) -> Exit {
        match self {
            Self::Unasked(_) => Exit::Failed,
            Self::Ambiguous(_) | Self::Refused(StatusCode::NOT_FOUND, _) => Exit::Usage,
            // It was begun.
            Self::Refused(StatusCode::INTERNAL_SERVER_ERROR | StatusCode::GATEWAY_TIMEOUT, _) => {
                Exit::Failed
            }
            Self::Refused(..) => Exit::Refused,
        }
    }
}

async fn switch_over(order: &SwitchoverArgs) -> Result<Value, Error> {
    let group = match &order.group {
        Some(group) => group.to_string(),
        None => only_group(&order.http).await?,
    };
    let body = match &order.to {
        Some(to) => json!({ "to": to }).to_string(),
        None => String::new(),
    };
    let path = format!("/v1/groups/{group}/switchover");
    accepted(ask(&order.http, Method::POST, &path, body).await?)
}

/// Who watches one group needs no name for it.
async fn only_group(http: &str) -> Result<String, Error> {
    let list = accepted(ask(http, Method::GET, "/v1/groups", String::new()).await?)?;
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

fn accepted((status, body): (StatusCode, Value)) -> Result<Value, Error> {
    if status.is_success() {
        Ok(body)
    } else {
        Err(Error::Refused(status, body))
    }
}

/// What the monitor says of it, or all that it says.
fn message(body: &Value) -> String {
    match body["message"].as_str() {
        Some(message) => message.to_owned(),
        None => body.to_string(),
    }
}

/// `10.0.0.2:6379 is the primary, epoch 4, was 10.0.0.1:6379; writes waited 5.1ms at most.`
fn text(switched: &Value) -> String {
    let word = |name: &str| switched[name].as_str().unwrap_or("?").to_owned();
    let (to, epoch, from) = (word("to"), &switched["epoch"], word("from"));
    let waited = match switched["writes_waited_ms"].as_f64() {
        Some(millis) => format!("writes waited {millis:.1}ms at most"),
        None => "it did not go as planned, see the log of the monitor".to_owned(),
    };
    format!("{to} is the primary, epoch {epoch}, was {from}; {waited}.\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_told_as_far_as_it_is_known() {
        let mut switched = json!({
            "to": "10.0.0.2:6379", "from": "10.0.0.1:6379", "epoch": 4, "writes_waited_ms": 5.06,
        });
        let told = "10.0.0.2:6379 is the primary, epoch 4, was 10.0.0.1:6379; writes waited 5.1ms \
                    at most.\n";
        assert_eq!(text(&switched), told);
        switched["writes_waited_ms"] = Value::Null;
        assert!(
            text(&switched).ends_with("; it did not go as planned, see the log of the monitor.\n")
        );
    }

    #[test]
    fn what_was_refused_and_what_failed_end_differently() {
        let exit = |status| Error::Refused(status, json!({})).exit();
        assert_eq!(exit(StatusCode::CONFLICT), Exit::Refused);
        assert_eq!(exit(StatusCode::SERVICE_UNAVAILABLE), Exit::Refused);
        assert_eq!(exit(StatusCode::NOT_FOUND), Exit::Usage);
        assert_eq!(exit(StatusCode::INTERNAL_SERVER_ERROR), Exit::Failed);
        assert_eq!(exit(StatusCode::GATEWAY_TIMEOUT), Exit::Failed);
    }
}
