//! Who may ask: programs of people who can reach the address, and not pages that a browser was lured
//! to.
//!
//! A browser on the same machine reaches a loopback address too, so a page could make it ask. It
//! gets no answer under a foreign host name, which is how a page would read one (DNS rebinding), and
//! cannot change anything, because a browser says where a change comes from.

use std::net::IpAddr;

use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use hyper::{Method, header};

use super::fault::Fault;

/// Refuses what a browser may have been made to send. `is_local`: only this machine can connect.
pub(super) fn check(request: &Parts, is_local: bool) -> Result<(), Fault> {
    if is_local {
        let hosts = request.headers.get_all(header::HOST).iter();
        let named = hosts.map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
        let in_target = request.uri.authority().map(ToString::to_string);
        if let Some(host) = named.chain(in_target).find(|host| !is_this_machine(host)) {
            return Err(Fault::ForeignHost { host });
        }
    }
    let changes = !matches!(request.method, Method::GET | Method::HEAD);
    let by_a_page = [header::ORIGIN.as_str(), "sec-fetch-site"];
    if changes && by_a_page.iter().any(|it| request.headers.contains_key(*it)) {
        return Err(Fault::FromABrowser);
    }
    Ok(())
}

fn is_this_machine(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else {
        return false;
    };
    let host = authority.host();
    let ip = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = ip.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    is_loopback || host.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    fn refusal(request: hyper::http::request::Builder, is_local: bool) -> Option<&'static str> {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        check(&parts, is_local).err().map(|fault| fault.code())
    }

    #[test]
    fn a_name_that_leads_here_by_deceit_is_not_answered() {
        for (host, is_refused) in [
            ("127.0.0.1:8379", false),
            ("localhost", false),
            ("LocalHost:1", false),
            ("[::1]:8379", false),
            ("127.1.2.3", false),
            ("evil.example:8379", true),
            ("localhost.evil.example", true),
            ("127.0.0.1.evil.example", true),
            ("10.0.0.1", true),
            ("", true),
            ("a b", true),
        ] {
            let request = || Request::get("/livez").header("host", host);
            let expected = is_refused.then_some("foreign-host");
            assert_eq!(refusal(request(), true), expected, "{host}");
            assert_eq!(refusal(request(), false), None, "{host}");
        }
        let two = Request::get("/")
            .header("host", "localhost")
            .header("host", "evil.example");
        assert_eq!(refusal(two, true), Some("foreign-host"));
        let whole = Request::get("http://evil.example/").header("host", "localhost");
        assert_eq!(refusal(whole, true), Some("foreign-host"));
        assert_eq!(refusal(Request::get("/livez"), true), None);
    }

    #[test]
    fn a_page_may_not_change_anything() {
        for name in ["origin", "sec-fetch-site"] {
            let ask = |method: Method| {
                let request = Request::builder()
                    .method(method)
                    .uri("/")
                    .header(name, "null");
                refusal(request, false)
            };
            assert_eq!(ask(Method::POST), Some("from-a-browser"));
            assert_eq!(ask(Method::DELETE), Some("from-a-browser"));
            assert_eq!(ask(Method::GET), None);
        }
        assert_eq!(refusal(Request::post("/"), false), None);
    }
}
