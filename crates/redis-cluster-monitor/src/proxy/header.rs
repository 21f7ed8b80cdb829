//! The PROXY protocol: what a load balancer says first, of the client that it speaks for.
//!
//! The bytes are read by a crate; decided here is what is no header, how long one may be, and that
//! nothing behind it is taken away from the client.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use proxy_header::{Error as Unreadable, ParseConfig, ProxyHeader};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// A part of a header.
    Partial,
    /// A header, and perhaps more behind it.
    Whole {
        /// In bytes.
        length: usize,
        /// Whom it names; nobody if the load balancer speaks for itself.
        client: Option<SocketAddr>,
    },
}

/// Why a connection is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It begins with something else.
    #[error("it does not begin with a header")]
    Missing,
    /// It begins like a header and is none.
    #[error("its header makes no sense")]
    Malformed,
    /// It is longer than anybody's.
    #[error("its header is longer than {LONGEST} bytes, or {LONGEST_TEXT} as text")]
    TooLong,
    /// It does not come.
    #[error("its header did not come within {} s", WITHIN.as_secs())]
    Late,
    /// It has gone.
    #[error("it ended before its header did: {0}")]
    Gone(#[from] io::Error),
}

/// Addresses and some remarks; nobody sends more.
const LONGEST: usize = 1024;
/// In the first version of the protocol.
const LONGEST_TEXT: usize = 107;
/// A header is sent at once.
const WITHIN: Duration = Duration::from_secs(3);
const TEXT: &[u8] = b"PROXY ";
const BINARY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Reads the first bytes of a connection.
pub fn read(bytes: &[u8]) -> Result<Header, Error> {
    let begins_like = |signature: &[u8]| {
        let count = bytes.len().min(signature.len());
        bytes[..count] == signature[..count]
    };
    let longest = if begins_like(TEXT) {
        LONGEST_TEXT
    } else if begins_like(BINARY) {
        LONGEST
    } else {
        return Err(Error::Missing);
    };
    let config = ParseConfig {
        include_tlvs: false,
        ..ParseConfig::default()
    };
    match ProxyHeader::parse(bytes, config) {
        Ok((_, length)) if length > longest => Err(Error::TooLong),
        Ok((header, length)) => Ok(Header::Whole {
            length,
            client: header.proxied_address().map(|address| address.source),
        }),
        Err(Unreadable::BufferTooShort) if bytes.len() < longest => Ok(Header::Partial),
        Err(_) if bytes.len() >= longest => Err(Error::TooLong),
        Err(_) => Err(Error::Malformed),
    }
}

/// Takes the header off a connection; gives who the client is.
pub(super) async fn take(stream: &mut TcpStream, peer: SocketAddr) -> Result<SocketAddr, Error> {
    let client = timeout(WITHIN, take_at_leisure(stream)).await;
    Ok(client.map_err(|_| Error::Late)??.unwrap_or(peer))
}

async fn take_at_leisure(stream: &mut TcpStream) -> Result<Option<SocketAddr>, Error> {
    let mut bytes = [0; LONGEST];
    let mut taken = 0;
    loop {
        // What is behind the header stays where it is.
        let count = stream.peek(&mut bytes[taken..]).await?;
        if count == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let (end, header) = match read(&bytes[..taken + count])? {
            Header::Partial => (taken + count, None),
            Header::Whole { length, client } => (length, Some(client)),
        };
        stream.read_exact(&mut bytes[taken..end]).await?;
        taken = end;
        if let Some(client) = header {
            return Ok(client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [BINARY, &[command, family], &length, rest].concat()
    }

    fn headers() -> Vec<(Vec<u8>, Option<&'static str>)> {
        let v4 = [10, 0, 0, 7, 10, 0, 0, 1, 0x30, 0x39, 0x18, 0xeb];
        let v6 = [&[0xfd; 32][..], &v4[8..]].concat();
        let with_remark = [&v4[..], &[4, 0, 1, 9]].concat();
        vec![
            (
                b"PROXY TCP4 10.0.0.7 10.0.0.1 12345 6379\r\n".into(),
                Some("10.0.0.7:12345"),
            ),
            (
                b"PROXY TCP6 fd00::7 fd00::1 12345 6379\r\n".into(),
                Some("[fd00::7]:12345"),
            ),
            (b"PROXY UNKNOWN\r\n".into(), None),
            (b"PROXY UNKNOWN whatever it likes\r\n".into(), None),
            (binary(0x21, 0x11, &v4), Some("10.0.0.7:12345")),
            (binary(0x21, 0x11, &with_remark), Some("10.0.0.7:12345")),
            (
                binary(0x21, 0x21, &v6),
                Some("[fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd]:12345"),
            ),
            (binary(0x20, 0x00, &[]), None),
            (binary(0x20, 0x11, &v4), None),
            (binary(0x21, 0x31, &[b'x'; 216]), None),
        ]
    }

    #[test]
    fn a_header_names_the_client_however_it_is_cut() {
        for (bytes, client) in headers() {
            for end in 0..bytes.len() {
                let found = read(&bytes[..end]).unwrap();
                assert_eq!(found, Header::Partial, "{bytes:?} up to {end}");
            }
            let client = client.map(|client| client.parse().unwrap());
            let length = bytes.len();
            for behind in [&b""[..], b"PING\r\n", b"\n"] {
                let found = read(&[&bytes[..], behind].concat()).unwrap();
                assert_eq!(found, Header::Whole { length, client });
            }
        }
    }

    #[test]
    fn what_is_no_header_is_refused_as_soon_as_it_is_known() {
        for (bytes, why) in [
            (b"PING\r\n".to_vec(), "it does not begin with a header"),
            (
                b"*1\r\n$4\r\nPING\r\n".to_vec(),
                "it does not begin with a header",
            ),
            (b"\r\n\r\nPING".to_vec(), "it does not begin with a header"),
            (
                b"PROXY TCP5 a b c d\r\n".to_vec(),
                "its header makes no sense",
            ),
            (
                b"PROXY TCP4 10.0.0.300 10.0.0.1 1 2\r\n".to_vec(),
                "its header makes no sense",
            ),
            (binary(0x31, 0x11, &[0; 12]), "its header makes no sense"),
            (binary(0x21, 0x77, &[0; 12]), "its header makes no sense"),
            (
                [&b"PROXY UNKNOWN "[..], &[b'x'; 100]].concat(),
                "its header is longer than 1024 bytes, or 107 as text",
            ),
            (
                [&b"PROXY UNKNOWN "[..], &[b'x'; 100], b"\r\n"].concat(),
                "its header is longer than 1024 bytes, or 107 as text",
            ),
            (
                binary(0x21, 0x11, &[0; 1100]),
                "its header is longer than 1024 bytes, or 107 as text",
            ),
        ] {
            assert_eq!(read(&bytes).unwrap_err().to_string(), why, "{bytes:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn how_it_is_cut_changes_nothing(
            signature in proptest::sample::select(vec![TEXT, BINARY, b"PROXY TCP4 1.1.1.1 ", b""]),
            rest in proptest::collection::vec(proptest::num::u8::ANY, 0..300),
            end in 0_usize..300,
        ) {
            let bytes = [signature, &rest[..]].concat();
            let end = end.min(bytes.len());
            match read(&bytes[..end]) {
                Ok(Header::Partial) => {}
                Ok(whole) => assert_eq!(read(&bytes).unwrap(), whole),
                Err(_) => assert!(read(&bytes).is_err()),
            }
        }
    }
}
