//! What processes cost. Linux only: read from /proc.

use std::fs;
use std::time::Duration;

use anyhow::Context;

const MEGABYTE: f64 = 1e6;

/// What one or several processes used since they started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    /// Resident, shared pages counted by everybody who has them.
    pub(crate) memory: u64,
}

impl Usage {
    /// The sum over processes.
    pub(crate) fn of(pids: &[u32]) -> anyhow::Result<Self> {
        let mut sum = Self::default();
        for pid in pids {
            let read = |name: &str| {
                let path = format!("/proc/{pid}/{name}");
                fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
            };
            let one = Self::parse(&read("stat")?, &read("statm")?)
                .with_context(|| format!("/proc/{pid} is not as expected"))?;
            sum.cpu += one.cpu;
            sum.memory += one.memory;
        }
        Ok(sum)
    }

    pub(crate) fn cpu_ms_since(self, before: Self) -> f64 {
        self.cpu.saturating_sub(before.cpu).as_secs_f64() * 1000.0
    }

    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(crate) fn megabytes(self) -> f64 {
        self.memory as f64 / MEGABYTE
    }

    fn parse(stat: &str, statm: &str) -> Option<Self> {
        // The name of the program, in brackets, may hold anything.
        let fields: Vec<_> = stat.rsplit_once(") ")?.1.split(' ').collect();
        let ticks = |field: usize| fields.get(field)?.parse::<u64>().ok();
        let ticks_per_second = rustix::param::clock_ticks_per_second();
        let page = u64::try_from(rustix::param::page_size()).ok()?;
        let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
        Some(Self {
            // Fields 14 and 15 of proc(5): in user mode and in the kernel, all threads.
            cpu: Duration::from_millis((ticks(11)? + ticks(12)?) * 1000 / ticks_per_second),
            memory: pages * page,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_have_any_name() {
        let stat = "7 (a) b) (c) S 1 7 7 0 -1 4194304 1 0 0 0 150 50 0 0 20 0 1 0 5 6 7";
        let usage = Usage::parse(stat, "9 3 1 1 0 1 0\n").unwrap();
        assert_eq!(usage.cpu, Duration::from_secs(2));
        assert_eq!(usage.memory, 3 * 4096);
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        assert!(Usage::of(&[u32::MAX]).is_err());
    }
}
