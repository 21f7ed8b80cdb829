//! What is where: from a method and a path to an answer.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use rcm_core::id::Version;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::fault::Fault;
use super::{Beside, Group, House, body, guard, settings, switchover, view};

/// No body that means something is longer, in bytes.
const LONGEST_BODY: usize = 4 * 1024;
/// Settings name up to 128 nodes.
const LONGEST_SETTINGS: usize = 64 * 1024;
/// How long a body may take.
const BODY_WITHIN: Duration = Duration::from_secs(5);

/// Answers a request, whatever it is.
pub(super) async fn answer(
    house: &House,
    client: SocketAddr,
    request: Request<Incoming>,
) -> Response<String> {
    match route(house, client, request).await {
        Ok(Answer {
            status,
            body,
            version,
        }) => {
            let mut response = response(status, &body);
            let tag = version.map(|version| HeaderValue::from_str(&format!("\"{version}\"")));
            if let Some(Ok(tag)) = tag {
                response.headers_mut().insert(header::ETAG, tag);
            }
            response
        }
        Err(fault) => {
            let mut response = response(fault.status(), &fault.body());
            if let Fault::WrongMethod { allowed, .. } = fault {
                let allowed = HeaderValue::from_static(allowed);
                response.headers_mut().insert(header::ALLOW, allowed);
            }
            response
        }
    }
}

/// What is answered.
struct Answer {
    status: StatusCode,
    body: Value,
    /// Of the settings that are shown.
    version: Option<Version>,
}

impl From<(StatusCode, Value)> for Answer {
    fn from((status, body): (StatusCode, Value)) -> Self {
        Self {
            status,
            body,
            version: None,
        }
    }
}

impl From<(Version, Value)> for Answer {
    fn from((version, body): (Version, Value)) -> Self {
        Self {
            status: StatusCode::OK,
            body,
            version: Some(version),
        }
    }
}

async fn route(
    house: &House,
    client: SocketAddr,
    request: Request<Incoming>,
) -> Result<Answer, Fault> {
    let (request, body) = request.into_parts();
    guard::check(&request, house.is_local)?;
    let path = request.uri.path();
    let words: Vec<&str> = path.split('/').skip(1).collect();
    let takes = |allowed: &'static str| {
        let method = request.method.as_str();
        if allowed.split(", ").any(|it| it == method) {
            return Ok(());
        }
        Err(Fault::WrongMethod {
            path: path.to_owned(),
            method: method.to_owned(),
            allowed,
        })
    };
    let answer: Answer = match words.as_slice() {
        ["livez"] => {
            takes(READ)?;
            (StatusCode::OK, json!({ "status": "live" })).into()
        }
        ["readyz"] => {
            takes(READ)?;
            readiness(house).into()
        }
        ["v1", "proxy"] => {
            takes(READ)?;
            (StatusCode::OK, beside(house, path)?.whole()).into()
        }
        ["v1", "groups"] => {
            takes(READ)?;
            (StatusCode::OK, view::list(&house.groups)).into()
        }
        ["v1", "groups", name] => {
            takes(READ)?;
            (StatusCode::OK, view::whole(group(house, name)?)).into()
        }
        ["v1", "groups", name, "switchover"] => {
            takes(Method::POST.as_str())?;
            let group = group(house, name)?;
            let to = switchover::wish(&whole(body, LONGEST_BODY).await?)?;
            let switched = switchover::switch_over(group, to, house.clock).await?;
            (StatusCode::OK, json!(switched)).into()
        }
        ["v1", "groups", name, "settings"] => {
            takes(CHANGE)?;
            let group = group(house, name)?;
            if request.method == Method::PUT {
                let expect = settings::expected(&request.headers)?;
                let body = whole(body, LONGEST_SETTINGS).await?;
                let client = client.ip().to_string();
                settings::change(house, group, expect, &body, client)
                    .await?
                    .into()
            } else {
                settings::show(group).await?.into()
            }
        }
        ["v1", "groups", name, "settings", "history"] => {
            takes(READ)?;
            let history = settings::history(group(house, name)?).await?;
            (StatusCode::OK, history).into()
        }
        _ => {
            let path = path.to_owned();
            return Err(Fault::NotFound { path });
        }
    };
    Ok(answer)
}

/// How something is read.
const READ: &str = "GET, HEAD";
/// How something is read or replaced.
const CHANGE: &str = "GET, HEAD, PUT";

/// A name of a group has no character that would be written as another in a path.
fn group<'a>(house: &'a House, name: &str) -> Result<&'a Group, Fault> {
    let found = house.groups.iter().find(|it| it.name.as_str() == name);
    found.ok_or_else(|| Fault::UnknownGroup {
        name: name.to_owned(),
        groups: house.groups.iter().map(|it| it.name.clone()).collect(),
    })
}

fn readiness(house: &House) -> (StatusCode, Value) {
    match &house.beside {
        Some(beside) => beside.readiness(),
        None => view::readiness(&view::unready(&house.groups)),
    }
}

/// Only a proxy that watches no group itself is asked of without a group's name.
fn beside<'a>(house: &'a House, path: &str) -> Result<&'a Beside, Fault> {
    house.beside.as_ref().ok_or_else(|| Fault::NotFound {
        path: path.to_owned(),
    })
}

async fn whole(body: Incoming, longest: usize) -> Result<Vec<u8>, Fault> {
    let read = timeout(BODY_WITHIN, body::read(body, longest)).await;
    match read {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(body::Error::TooLarge(most))) => Err(Fault::BodyTooLarge(most)),
        Ok(Err(body::Error::Broken(error))) => Err(Fault::BadBody(error.to_string())),
        Err(_) => Err(Fault::BodyTooSlow(BODY_WITHIN)),
    }
}

fn response(status: StatusCode, body: &Value) -> Response<String> {
    let mut response = Response::new(format!("{body:#}\n"));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
