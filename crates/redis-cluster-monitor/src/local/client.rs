//! A tiny blocking client: one command, one reply.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use bytes::BytesMut;
use rcm_resp::{Decoder, Frame, Limits, encode_command};

use super::Error;

/// One connection. After an error of the connection every further command fails: a late reply must
/// not be taken for the reply to the next command.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    stream: TcpStream,
    decoder: Decoder,
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
            Ok(stream)
        };
        let stream = open().map_err(|source| Error::Connection { address, source })?;
        let decoder = Decoder::new(Limits::reply());
        Ok(Self {
            address,
            stream,
            decoder,
        })
    }

    /// Sends one command and reads its reply. An error reply of the server is a reply.
    pub fn command(&mut self, words: &[impl AsRef<[u8]>]) -> Result<Reply, Error> {
        self.exchange(words).map(reply_of).map_err(|source| {
            // It may be closed already, which is just as well.
            self.stream.shutdown(Shutdown::Both).ok();
            Error::Connection {
                address: self.address,
                source,
            }
        })
    }

    fn exchange(&mut self, words: &[impl AsRef<[u8]>]) -> io::Result<Frame> {
        let mut wire = BytesMut::new();
        encode_command(words, &mut wire);
        self.stream.write_all(&wire)?;
        let mut chunk = [0; 16 * 1024];
        loop {
            let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
            if let Some(frame) = self.decoder.next_frame().map_err(invalid)? {
                return Ok(frame);
            }
            let count = self.stream.read(&mut chunk)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.decoder.feed(&chunk[..count]);
        }
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

fn reply_of(frame: Frame) -> Reply {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match frame {
        Frame::Simple(bytes) => Reply::Simple(text(&bytes)),
        Frame::Error(bytes) | Frame::BulkError(bytes) => Reply::Error(text(&bytes)),
        Frame::Integer(number) => Reply::Integer(number),
        Frame::Bulk(bytes) | Frame::BigNumber(bytes) | Frame::Verbatim { text: bytes, .. } => {
            Reply::Bulk(bytes.to_vec())
        }
        Frame::Null | Frame::NullArray => Reply::Null,
        Frame::Array(frames) | Frame::Set(frames) | Frame::Push(frames) => {
            Reply::Array(frames.into_iter().map(reply_of).collect())
        }
        Frame::Map(pairs) => {
            let flat = pairs.into_iter().flat_map(|(key, value)| [key, value]);
            Reply::Array(flat.map(reply_of).collect())
        }
        Frame::Double(number) => Reply::Bulk(number.to_string().into_bytes()),
        Frame::Boolean(truth) => Reply::Integer(i64::from(truth)),
    }
}
