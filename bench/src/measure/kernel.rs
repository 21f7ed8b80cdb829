//! What the kernel counts. Linux only: read from /proc.

use std::fs;
use std::time::Instant;

use anyhow::Context;

/// Packets that went over the loopback interface of this host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traffic(Count);

/// How often the threads of processes gave up the processor to wait for something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wakeups(Count);

#[derive(Clone, Copy, Debug)]
struct Count {
    at: Instant,
    count: u64,
}

impl Traffic {
    pub(crate) fn now() -> anyhow::Result<Self> {
        let path = "/proc/net/dev";
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
        let count = packets(&text).with_context(|| format!("{path} is not as expected"))?;
        Ok(Self(Count::now(count)))
    }

    pub(crate) fn per_second_since(self, before: Self) -> f64 {
        self.0.per_second_since(before.0)
    }
}

impl Wakeups {
    pub(crate) fn of(pids: &[u32]) -> anyhow::Result<Self> {
        let mut sum = 0;
        for pid in pids {
            let threads = format!("/proc/{pid}/task");
            let place = || format!("cannot read {threads}");
            for thread in fs::read_dir(&threads).with_context(place)? {
                let path = thread.with_context(place)?.path().join("status");
                // A thread that has ended meanwhile is not woken any more.
                let text = fs::read_to_string(path).unwrap_or_default();
                sum += switches(&text).unwrap_or(0);
            }
        }
        Ok(Self(Count::now(sum)))
    }

    pub(crate) fn per_second_since(self, before: Self) -> f64 {
        self.0.per_second_since(before.0)
    }
}

impl Count {
    fn now(count: u64) -> Self {
        let at = Instant::now();
        Self { at, count }
    }

    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    fn per_second_since(self, before: Self) -> f64 {
        let count = self.count.saturating_sub(before.count);
        count as f64 / (self.at - before.at).as_secs_f64()
    }
}

/// Those that were sent: on loopback each is also received.
fn packets(text: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let (_, fields) = lines.find(|(name, _)| name.trim() == "lo")?;
    fields.split_whitespace().nth(9)?.parse().ok()
}

fn switches(status: &str) -> Option<u64> {
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read() {
        let text = "Inter-|   Receive      |  Transmit\n \
            face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs\n    \
            lo: 52 5 0 0 0 0 0 0 52 7 0 0 0 0 0 0\n  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";
        assert_eq!(packets(text), Some(7));
        let status = "Name:\tx\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n";
        assert_eq!(switches(status), Some(12));
    }

    #[test]
    fn this_process_is_woken_now_and_then() {
        assert!(Wakeups::of(&[std::process::id()]).is_ok());
        assert!(Wakeups::of(&[u32::MAX]).is_err());
    }
}
