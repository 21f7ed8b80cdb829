//! One monitor that is followed: a connection to its Sentinel API, for as long as it holds.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use rcm_core::id::GroupName;
use rcm_resp::{Decoder, Frame, Limits, encode_command};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::Council;
use crate::clock::Clock;
use crate::config::Access;
use crate::driver::{Holders, Lead};
use crate::sentinel::{Interest, Told};

/// One monitor that is followed.
pub(super) struct Link {
    pub(super) number: usize,
    pub(super) address: String,
    pub(super) group: GroupName,
    pub(super) access: Option<Access>,
    pub(super) interest: Interest,
    pub(super) council: Arc<Mutex<Council>>,
    pub(super) holders: Holders,
    pub(super) clock: Clock,
}

/// How long a connect may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// How often a monitor is asked for a sign of life.
const PING_EVERY: Duration = Duration::from_secs(1);
/// So many unanswered, and it is away.
const PINGS_UNANSWERED: u32 = 3;
/// The first pause before a monitor is tried again, doubling.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// As much is read at once.
const CHUNK: usize = 4 * 1024;
/// What monitors say is short.
const REPLIES: Limits = Limits {
    max_frame: 64 * 1024,
    ..Limits::request()
};
/// Answers to holds that wait to be sent; a monitor has one question at a time.
const ANSWERS_WAITING: usize = 4;

/// Why a monitor is not followed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0}")]
    Away(#[from] io::Error),
    #[error("it is silent")]
    Silent,
    #[error("{0}")]
    Protocol(#[from] rcm_resp::Error),
    #[error(
        "it refuses to be followed ({0}); --monitors are addresses of the Sentinel API of \
         redis-cluster-monitor, and --name is a group there"
    )]
    Refused(String),
}

impl Link {
    pub(super) async fn run(self) {
        let mut pause = FIRST_PAUSE;
        let mut told = String::new();
        loop {
            let mut was_followed = false;
            let Err(error) = self.follow(&mut was_followed).await;
            self.hear(None);
            if was_followed {
                pause = FIRST_PAUSE;
                told.clear();
            }
            let text = error.to_string();
            if text != told {
                tracing::warn!("monitor {} is not followed: {text}", self.address);
                told = text;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn council(&self) -> MutexGuard<'_, Council> {
        Council::lock(&self.council)
    }

    fn hear(&self, lead: Option<Lead>) {
        self.council().hear(self.number, lead, self.clock.now());
    }

    /// Follows until that is over; `is_followed` is set once the monitor has said something.
    async fn follow(&self, is_followed: &mut bool) -> Result<std::convert::Infallible, Error> {
        let connect = timeout(CONNECT_WITHIN, TcpStream::connect(&self.address)).await;
        let mut stream = connect.map_err(|_| Error::Silent)??;
        stream.set_nodelay(true)?;
        let mut unsent = self.greeting();
        let mut decoder = Decoder::new(REPLIES);
        let (held, mut answers) = mpsc::channel(ANSWERS_WAITING);
        let mut pings = interval(PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut unanswered = 0;
        let (mut reading, mut writing) = stream.split();
        loop {
            while let Some(frame) = decoder.next_frame()? {
                unanswered = 0;
                if let Frame::Error(text) = &frame {
                    return Err(Error::Refused(String::from_utf8_lossy(text).into_owned()));
                }
                match Told::read(&frame) {
                    Some(Told::Lead(lead)) => {
                        if !std::mem::replace(is_followed, true) {
                            tracing::info!("monitor {} is followed", self.address);
                        }
                        self.hear(Some(lead));
                    }
                    // A lead comes behind them.
                    Some(Told::Servers(servers)) => self.council().meet(self.number, servers),
                    Some(Told::Hold(number)) => self.hold(number, held.clone()),
                    None => {}
                }
            }
            tokio::select! {
                count = reading.read_buf(decoder.buffer_mut()) => if count? == 0 {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                },
                count = writing.write(&unsent), if !unsent.is_empty() => unsent.advance(count?),
                Some(number) = answers.recv() => {
                    let number: u64 = number;
                    encode_command(["SENTINEL", "RCM-HELD", &number.to_string()], &mut unsent);
                }
                _ = pings.tick() => {
                    if unanswered >= PINGS_UNANSWERED {
                        return Err(Error::Silent);
                    }
                    unanswered += 1;
                    encode_command(["PING"], &mut unsent);
                }
            }
            decoder.buffer_mut().reserve(CHUNK);
        }
    }

    fn greeting(&self) -> BytesMut {
        let mut greeting = BytesMut::new();
        if let Some(access) = &self.access {
            let words = ["AUTH", &access.username, access.password.reveal()];
            encode_command(words, &mut greeting);
        }
        let follow = ["SENTINEL", "RCM-FOLLOW", self.group.as_str()];
        match self.interest {
            Interest::Primary => encode_command(follow, &mut greeting),
            Interest::Servers => {
                let [sentinel, follow, group] = follow;
                encode_command([sentinel, follow, group, "SERVERS"], &mut greeting);
            }
        }
        greeting
    }

    /// The clients' requests are held already, because the lead said why; answers when no reply is
    /// due any more, or after the time that holders have.
    fn hold(&self, number: u64, held: mpsc::Sender<u64>) {
        let calm = self.holders.clone().calm();
        tokio::spawn(async move {
            calm.await;
            // The monitor may be away by then.
            held.try_send(number).ok();
        });
    }
}
