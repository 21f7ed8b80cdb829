//! Where a webhook is.

use std::fmt;
use std::str::FromStr;

use hyper::Uri;
use hyper::http::uri::Scheme;

/// An address for http or https. Shown without its path, which is the secret of some services.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    https: bool,
    host: String,
    port: u16,
    authority: String,
    path: String,
}

/// The text is no address that a webhook can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// It has no scheme, no host, or characters that it cannot have.
    #[error("this is no URL; write \"https://HOST/PATH\"")]
    Malformed,
    /// It is for another protocol.
    #[error("a webhook is called by http or https; write \"https://HOST/PATH\"")]
    OtherScheme,
    /// It has a user name or password in it.
    #[error("a user or password does not stand in a URL; name a file of a token with token_file")]
    UserInfo,
}

impl Url {
    /// Whether it is called with TLS.
    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// The host name or IP address, which has no brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, also when it was not written.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The host, and the port if it was written.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Everything after the host; it may be a secret.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl FromStr for Url {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        let uri: Uri = text.parse().map_err(|_| BadUrl::Malformed)?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(BadUrl::Malformed);
        };
        let https = *scheme == Scheme::HTTPS;
        if !https && *scheme != Scheme::HTTP {
            return Err(BadUrl::OtherScheme);
        }
        if authority.as_str().contains('@') {
            return Err(BadUrl::UserInfo);
        }
        let host = authority.host().trim_matches(['[', ']']);
        let has_port = authority.as_str().len() > authority.host().len();
        if host.is_empty() || (has_port && authority.port_u16().is_none()) {
            return Err(BadUrl::Malformed);
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            https,
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(if https { 443 } else { 80 }),
            authority: authority.to_string(),
            path: path.to_owned(),
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_and_shown_without_its_path() {
        for (text, host, port, path, shown) in [
            (
                "https://a.example",
                "a.example",
                443,
                "/",
                "https://a.example",
            ),
            (
                "http://10.0.0.1:81/x?y=1",
                "10.0.0.1",
                81,
                "/x?y=1",
                "http://10.0.0.1:81",
            ),
            (
                "HTTPS://[::1]:8443/s",
                "::1",
                8443,
                "/s",
                "https://[::1]:8443",
            ),
            ("http://[::1]/", "::1", 80, "/", "http://[::1]"),
        ] {
            let url: Url = text.parse().unwrap();
            assert_eq!((url.host(), url.port(), url.path()), (host, port, path));
            assert_eq!(
                (url.to_string(), format!("{url:?}")),
                (shown.into(), shown.into())
            );
        }
    }

    #[test]
    fn what_no_webhook_can_have_is_refused() {
        for (text, error) in [
            ("", BadUrl::Malformed),
            ("/path", BadUrl::Malformed),
            ("example.net", BadUrl::Malformed),
            ("http://a b/", BadUrl::Malformed),
            ("http://a:99999/", BadUrl::Malformed),
            ("http://a:/", BadUrl::Malformed),
            ("ftp://a/", BadUrl::OtherScheme),
            ("https://user:pw@a/", BadUrl::UserInfo),
        ] {
            assert_eq!(text.parse::<Url>(), Err(error), "{text}");
        }
    }
}
