//! `switchover`: asks a running monitor to hand the office over, and says what came of it.

use hyper::Method;
use serde_json::{Value, json};

use super::Exit;
use super::door::{Error, accepted, group_of, show};
use crate::config::orders::SwitchoverArgs;
use crate::http::client::ask;

/// Asks and waits for the end.
pub(super) fn run(order: &SwitchoverArgs) -> Exit {
    show(order.place.output, switch_over(order), text)
}

async fn switch_over(order: &SwitchoverArgs) -> Result<Value, Error> {
    let group = group_of(&order.place).await?;
    let body = match &order.to {
        Some(to) => json!({ "to": to }).to_string(),
        None => String::new(),
    };
    let path = format!("/v1/groups/{group}/switchover");
    let http = &order.place.http;
    accepted(ask(http, Method::POST, &path, None, body).await?)
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
}
