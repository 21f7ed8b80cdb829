//! A client of the Sentinel API that sees frames as they are.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use bytes::BytesMut;
use rcm_resp::{Decoder, Frame, Limits, encode_command};

use crate::monitor::SOON;

pub(crate) struct Caller {
    stream: TcpStream,
    decoder: Decoder,
}

impl Caller {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, SOON).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.set_write_timeout(Some(SOON)).unwrap();
        Self {
            stream,
            decoder: Decoder::new(Limits::reply()),
        }
    }

    pub(crate) fn resp3(address: SocketAddr) -> Self {
        let mut caller = Self::connect(address);
        let hello = caller.ask("HELLO 3");
        assert!(matches!(hello, Frame::Map(_)), "{hello:?}");
        caller
    }

    /// Sends a command, words apart by blanks.
    pub(crate) fn send(&mut self, command: &str) {
        let words: Vec<&str> = command.split(' ').collect();
        let mut wire = BytesMut::new();
        encode_command(words, &mut wire);
        self.stream.write_all(&wire).unwrap();
    }

    pub(crate) fn ask(&mut self, command: &str) -> Frame {
        self.send(command);
        self.next().expect("an answer")
    }

    /// The texts of an answer that is a list of them, or of one map in a list.
    pub(crate) fn texts(&mut self, command: &str) -> Vec<String> {
        texts(&self.ask(command))
    }

    /// The next frame; `None` at the end of the connection.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        let mut chunk = [0; 16 * 1024];
        loop {
            if let Some(frame) = self.decoder.next_frame().unwrap() {
                return Some(frame);
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(count) => self.decoder.feed(&chunk[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing within {SOON:?}: {error}"),
            }
        }
    }

    /// The next message to a subscriber of `*`: channel and payload.
    pub(crate) fn message(&mut self) -> (String, String) {
        let frame = self.next().expect("a message");
        let texts = texts(&frame);
        assert_eq!(texts[..2], ["pmessage", "*"], "{texts:?}");
        (texts[2].clone(), texts[3].clone())
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }
}

/// All texts in a frame, in order.
pub(crate) fn texts(frame: &Frame) -> Vec<String> {
    match frame {
        Frame::Array(frames) | Frame::Push(frames) | Frame::Set(frames) => {
            frames.iter().flat_map(texts).collect()
        }
        Frame::Map(entries) => {
            let flat = entries.iter().flat_map(|(key, value)| [key, value]);
            flat.flat_map(texts).collect()
        }
        Frame::Error(text) | Frame::Simple(text) | Frame::Bulk(text) => {
            vec![String::from_utf8_lossy(text).into_owned()]
        }
        _ => Vec::new(),
    }
}

/// The value of a field among texts.
pub(crate) fn field(texts: &[String], name: &str) -> Option<String> {
    let place = texts.iter().position(|text| text == name)?;
    texts.get(place + 1).cloned()
}
