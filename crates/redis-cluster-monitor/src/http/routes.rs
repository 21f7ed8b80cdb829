//! What is where: from a method and a path to an answer.

use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::fault::Fault;
use super::{Beside, Group, House, body, guard, switchover, view};

/// No body that means something is longer, in bytes.
const LONGEST_BODY: usize = 4 * 1024;
/// How long a body may take.
const BODY_WITHIN: Duration = Duration::from_secs(5);

/// Answers a request, whatever it is.
pub(super) async fn answer(house: &House, request: Request<Incoming>) -> Response<String> {
    match route(house, request).await {
        Ok((status, body)) => response(status, &body),
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

async fn route(house: &House, request: Request<Incoming>) -> Result<(StatusCode, Value), Fault> {
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
    let (status, body) = match words.as_slice() {
        ["livez"] => {
            takes(READ)?;
            (StatusCode::OK, json!({ "status": "live" }))
        }
        ["readyz"] => {
            takes(READ)?;
            match &house.beside {
                Some(beside) => beside.readiness(),
                None => view::readiness(&view::unready(&house.groups)),
            }
        }
        ["v1", "proxy"] => {
            takes(READ)?;
            (StatusCode::OK, beside(house, path)?.whole())
        }
        ["v1", "groups"] => {
            takes(READ)?;
            (StatusCode::OK, view::list(&house.groups))
        }
        ["v1", "groups", name] => {
            takes(READ)?;
            (StatusCode::OK, view::whole(group(house, name)?))
        }
        ["v1", "groups", name, "switchover"] => {
            takes(Method::POST.as_str())?;
            let group = group(house, name)?;
            let to = switchover::wish(&whole(body).await?)?;
            let switched = switchover::switch_over(group, to, house.clock).await?;
            (StatusCode::OK, json!(switched))
        }
        _ => {
            let path = path.to_owned();
            return Err(Fault::NotFound { path });
        }
    };
    Ok((status, body))
}

/// How something is read.
const READ: &str = "GET, HEAD";

/// A name of a group has no character that would be written as another in a path.
fn group<'a>(house: &'a House, name: &str) -> Result<&'a Group, Fault> {
    let found = house.groups.iter().find(|it| it.name.as_str() == name);
    found.ok_or_else(|| Fault::UnknownGroup {
        name: name.to_owned(),
        groups: house.groups.iter().map(|it| it.name.clone()).collect(),
    })
}

/// Only a proxy that watches no group itself is asked of without a group's name.
fn beside<'a>(house: &'a House, path: &str) -> Result<&'a Beside, Fault> {
    house.beside.as_ref().ok_or_else(|| Fault::NotFound {
        path: path.to_owned(),
    })
}

async fn whole(body: Incoming) -> Result<Vec<u8>, Fault> {
    let read = timeout(BODY_WITHIN, body::read(body, LONGEST_BODY)).await;
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
