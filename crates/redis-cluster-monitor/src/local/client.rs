//! A tiny blocking client: one command, one reply.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use super::Error;

/// One connection. After an error of the connection every further command fails: a late reply must
/// not be taken for the reply to the next command.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Simple(String),
    Error(String),
    Integer(i64),
    Bulk(Vec<u8>),
    Array(Vec<Self>),
    Null,
}

impl Client {
    /// Connects; `timeout` bounds the connect, and later each wait for the peer to read or answer.
    pub fn connect(address: SocketAddr, timeout: Duration) -> Result<Self, Error> {
        let open = || {
            let stream = TcpStream::connect_timeout(&address, timeout)?;
            stream.set_read_timeout(Some(timeout))?;
            stream.set_write_timeout(Some(timeout))?;
            stream.set_nodelay(true)?;
            Ok(BufReader::new(stream))
        };
        let stream = open().map_err(|source| Error::Connection { address, source })?;
        Ok(Self { address, stream })
    }

    /// Sends one command and reads its reply. An error reply of the server is a reply.
    pub fn command(&mut self, words: &[impl AsRef<[u8]>]) -> Result<Reply, Error> {
        let exchange = self.stream.get_mut().write_all(&encode(words));
        exchange
            .and_then(|()| read_reply(&mut self.stream))
            .map_err(|source| {
                // It may be closed already, which is just as well.
                self.stream.get_ref().shutdown(Shutdown::Both).ok();
                Error::Connection {
                    address: self.address,
                    source,
                }
            })
    }

    /// As [`Self::command`], for a command that answers with text; an error reply is an error.
    pub fn text(&mut self, words: &[impl AsRef<[u8]>]) -> Result<String, Error> {
        let command = || name(words);
        match self.command(words)? {
            Reply::Simple(text) => Ok(text),
            Reply::Bulk(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Reply::Integer(number) => Ok(number.to_string()),
            Reply::Error(text) => Err(Error::Refused {
                command: command(),
                text,
            }),
            reply @ (Reply::Array(_) | Reply::Null) => Err(Error::Unexpected {
                command: command(),
                reply: reply.to_string(),
            }),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simple(text) => out.write_str(text),
            Self::Error(text) => write!(out, "(error) {text}"),
            Self::Integer(number) => write!(out, "{number}"),
            Self::Bulk(bytes) => out.write_str(&String::from_utf8_lossy(bytes)),
            Self::Array(replies) => {
                let words: Vec<_> = replies.iter().map(Self::to_string).collect();
                write!(out, "[{}]", words.join(", "))
            }
            Self::Null => out.write_str("(nil)"),
        }
    }
}

/// The command without its arguments, which may be secrets.
fn name(words: &[impl AsRef<[u8]>]) -> String {
    words
        .first()
        .map(|word| String::from_utf8_lossy(word.as_ref()).into_owned())
        .unwrap_or_default()
}

fn encode(words: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut wire = format!("*{}\r\n", words.len()).into_bytes();
    for word in words.iter().map(AsRef::as_ref) {
        wire.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        wire.extend_from_slice(word);
        wire.extend_from_slice(b"\r\n");
    }
    wire
}

fn read_reply(input: &mut impl BufRead) -> io::Result<Reply> {
    let wrong = |line: &str| io::Error::new(io::ErrorKind::InvalidData, format!("reply {line:?}"));
    let mut line = String::new();
    if input.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let text = line.strip_suffix("\r\n").ok_or_else(|| wrong(&line))?;
    let (kind, text) = text.split_at_checked(1).ok_or_else(|| wrong(&line))?;
    let number = || text.parse::<i64>().map_err(|_| wrong(&line));
    Ok(match kind {
        "+" => Reply::Simple(text.to_owned()),
        "-" => Reply::Error(text.to_owned()),
        ":" => Reply::Integer(number()?),
        "$" => match u64::try_from(number()?) {
            Ok(length) => {
                let mut bytes = Vec::new();
                input.take(length).read_to_end(&mut bytes)?;
                let mut end = [0; 2];
                input.read_exact(&mut end)?;
                Reply::Bulk(bytes)
            }
            Err(_) => Reply::Null,
        },
        "*" => match u64::try_from(number()?) {
            Ok(count) => Reply::Array(
                (0..count)
                    .map(|_| read_reply(input))
                    .collect::<Result<_, _>>()?,
            ),
            Err(_) => Reply::Null,
        },
        _ => return Err(wrong(&line)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wire: &str, expected: &Reply) {
        assert_eq!(
            read_reply(&mut wire.as_bytes()).unwrap(),
            *expected,
            "{wire:?}"
        );
    }

    #[test]
    fn every_kind_of_reply_is_read() {
        check("+OK\r\n", &Reply::Simple("OK".into()));
        check(
            "-LOADING in memory\r\n",
            &Reply::Error("LOADING in memory".into()),
        );
        check(":-7\r\n", &Reply::Integer(-7));
        check("$4\r\na\r\nb\r\n", &Reply::Bulk(b"a\r\nb".into()));
        check("$-1\r\n", &Reply::Null);
        check("*-1\r\n", &Reply::Null);
        let nested = vec![
            Reply::Array(vec![Reply::Integer(1)]),
            Reply::Bulk(Vec::new()),
        ];
        check("*2\r\n*1\r\n:1\r\n$0\r\n\r\n", &Reply::Array(nested));
    }

    #[test]
    fn a_reply_cut_short_is_an_error() {
        for wire in [
            "",
            "+OK",
            "$4\r\nab",
            "*2\r\n:1\r\n",
            "\r\n",
            "?\r\n",
            ":x\r\n",
        ] {
            assert!(read_reply(&mut wire.as_bytes()).is_err(), "{wire:?}");
        }
    }

    #[test]
    fn commands_are_arrays_of_bulk_strings() {
        assert_eq!(encode(&["GET", "a b"]), b"*2\r\n$3\r\nGET\r\n$3\r\na b\r\n");
    }
}
