//! What became of a client's writes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::bail;
use redis_cluster_monitor::local::{Client, Reply};

/// How many writes are looked for at once in the end.
const CHUNK: usize = 500;

const CLIENT_TIMEOUT: Duration = Duration::from_secs(5);

/// One write that was acknowledged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    pub(super) number: u64,
    /// When it was to be sent.
    pub(super) due: Instant,
    pub(super) acknowledged: Instant,
    /// Who acknowledged it; behind a proxy nobody knows.
    pub(super) by: Option<SocketAddr>,
}

/// All acknowledged writes of one client, and how many failed.
#[derive(Debug)]
pub(crate) struct Account {
    prefix: &'static str,
    begun: Instant,
    written: Vec<Written>,
    failed_ms: u64,
    /// Milliseconds since the beginning in which a failure was counted already.
    counted_ms: u64,
}

/// Acknowledged writes that the last primary does not have, by who had acknowledged them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) by_old: u32,
    pub(crate) by_new: u32,
}

impl Account {
    pub(super) fn new(prefix: &'static str) -> Self {
        Self {
            prefix,
            begun: Instant::now(),
            written: Vec::new(),
            failed_ms: 0,
            counted_ms: 0,
        }
    }

    pub(super) fn acknowledged(&mut self, written: Written) {
        self.written.push(written);
    }

    /// A try failed that began and ended so. Each millisecond counts once, however many tries there
    /// were: at this pace one write would have been sent in it.
    pub(super) fn failed(&mut self, from: Instant, to: Instant) {
        let milliseconds = |at: Instant| {
            let since = at.saturating_duration_since(self.begun);
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        };
        let (from, end) = (milliseconds(from), milliseconds(to) + 1);
        let from = from.max(self.counted_ms);
        self.failed_ms += end.saturating_sub(from);
        self.counted_ms = self.counted_ms.max(end);
    }

    pub(super) fn key(&self, number: u64) -> String {
        format!("{}:{number}", self.prefix)
    }

    /// How many writes would have failed if none were tried twice.
    pub(crate) fn failures(&self) -> u64 {
        self.failed_ms
    }

    /// The longest wait of the writes that were acknowledged after `since`.
    pub(crate) fn longest_wait(&self, since: Instant) -> Option<Duration> {
        let later = self.since(since);
        later.map(|write| write.acknowledged - write.due).max()
    }

    /// How many of the writes that `by` acknowledged were acknowledged after `since`.
    pub(crate) fn acknowledged_by(&self, by: SocketAddr, since: Instant) -> usize {
        self.since(since)
            .filter(|write| write.by == Some(by))
            .count()
    }

    /// Which writes `primary` does not have. What a proxy passed on before anybody else was a
    /// primary can only have been acknowledged by the `old` one.
    pub(crate) fn lost(
        &self,
        primary: SocketAddr,
        old: SocketAddr,
        promoted: Instant,
    ) -> anyhow::Result<Lost> {
        let mut lost = Lost::default();
        let mut client = Client::connect(primary, CLIENT_TIMEOUT)?;
        for chunk in self.written.chunks(CHUNK) {
            let keys = chunk.iter().map(|write| self.key(write.number));
            let command: Vec<_> = ["MGET".to_owned()].into_iter().chain(keys).collect();
            let reply = client.command(&command)?;
            let Reply::Array(values) = &reply else {
                bail!("MGET: unexpected reply {reply}");
            };
            for (write, value) in chunk.iter().zip(values) {
                match (value, write.is_by(old, promoted)) {
                    (Reply::Null, true) => lost.by_old += 1,
                    (Reply::Null, false) => lost.by_new += 1,
                    _ => {}
                }
            }
        }
        Ok(lost)
    }

    fn since(&self, since: Instant) -> impl Iterator<Item = &Written> {
        let its = self.written.iter();
        its.filter(move |write| write.acknowledged >= since)
    }
}

impl Written {
    fn is_by(&self, old: SocketAddr, promoted: Instant) -> bool {
        match self.by {
            Some(by) => by == old,
            None => self.acknowledged < promoted,
        }
    }
}

impl Lost {
    pub(crate) fn all(self) -> u32 {
        self.by_old + self.by_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn node(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    #[test]
    fn a_millisecond_fails_once() {
        let mut account = Account::new("write");
        let at = |count| account.begun + ms(count);
        let tries = [(5, 5), (5, 5), (6, 9), (8, 12), (20, 20)];
        let tries = tries.map(|(from, to)| (at(from), at(to)));
        for (from, to) in tries {
            account.failed(from, to);
        }
        assert_eq!(account.failures(), 1 + 4 + 3 + 1);
    }

    #[test]
    fn waits_count_from_the_time_at_which_a_write_was_to_be_sent() {
        let mut account = Account::new("write");
        let at = |count| Instant::now() + ms(count);
        // The second one waited behind the first.
        for (number, due, acknowledged) in [(0, 10, 110), (1, 11, 111), (2, 111, 112)] {
            account.acknowledged(Written {
                number,
                due: at(due),
                acknowledged: at(acknowledged),
                by: Some(node(1)),
            });
        }
        let longest = account.longest_wait(at(0)).unwrap();
        assert_eq!(longest.as_millis().div_ceil(10), 10, "{longest:?}");
        assert_eq!(account.acknowledged_by(node(1), at(0)), 3);
        assert_eq!(account.acknowledged_by(node(2), at(0)), 0);
        assert_eq!(account.acknowledged_by(node(1), at(1000)), 0);
    }

    #[test]
    fn behind_a_proxy_the_time_tells_who_acknowledged() {
        let promoted = Instant::now() + ms(50);
        let written = |by, at: Instant| Written {
            number: 0,
            due: at,
            acknowledged: at,
            by,
        };
        let before = promoted.checked_sub(ms(1)).unwrap();
        for (by, at, expected) in [
            (None, before, true),
            (None, promoted, false),
            (Some(node(1)), promoted, true),
            (Some(node(2)), before, false),
        ] {
            assert_eq!(written(by, at).is_by(node(1), promoted), expected, "{by:?}");
        }
    }
}
