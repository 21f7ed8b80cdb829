//! Everything that is measured. The names are those in the files: new ones may come, old ones keep
//! their meaning.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The name of one number; its unit is its last word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Figure {
    /// From the kill to the first refused connect: what the operating system needs to end it.
    RefusedMs,
    /// From the fault until the contender says in its log that the primary is lost; where several
    /// must agree, that they do. Of several groups, the median.
    DetectedMs,
    /// The same of the last of several groups.
    DetectedAllMs,
    /// From the fault to the first replica that answers ROLE as a primary; of several groups, the
    /// median.
    PromotedMs,
    /// The same of the last of several groups.
    PromotedAllMs,
    /// The same from the first refused connect.
    PromotedAfterRefusedMs,
    /// From the loss of the second primary to a third one.
    SecondPromotedMs,
    /// From the fault to the death of the process that was replacing the primary.
    MonitorKilledMs,
    /// From the fault until the first Sentinel, or our program, names the new primary.
    AnsweredMs,
    /// From the fault until all of them do.
    AllAnsweredMs,
    /// The longest wait of a write, from the time at which it was to be sent to its
    /// acknowledgement, tries in vain included.
    OutageMs,
    /// Writes of the writer that would have failed if none were tried twice.
    FailedWrites,
    /// The longest time between two acknowledged writes of a client library, one after the other.
    ClientOutageMs,
    /// Writes that a client library gave up on.
    ClientErrors,
    /// From the fault until every surviving replica follows the new primary with its link up.
    FollowingMs,
    /// Writes that were acknowledged, to anybody at any time, and are not on the last primary.
    LostWrites,
    /// Those of them that the old primary had acknowledged.
    LostOldWrites,
    /// Those of them that anybody else had acknowledged.
    LostNewWrites,
    /// The same of a client that stays with the old primary whatever happens.
    LostLoyalWrites,
    /// Writes that the old primary acknowledged when there was a new one already.
    StaleWrites,
    /// From the return of the old primary (its first answer, or SIGCONT) until it is a replica.
    /// Meanwhile it takes writes that will be lost.
    StalePrimaryMs,
    /// From the return of the old primary until its link to the new one is up.
    RejoinedMs,
    /// How many replicas became a primary since the fault: more than one is a failover too much.
    Promotions,
    /// Replicas that became a primary although the primary was well.
    FalseFailovers,
    /// CPU time of all processes of the contender together, in the window.
    CpuMs,
    /// The same per process, on average.
    CpuPerProcessMs,
    /// Resident memory of all processes of the contender together, at the end of the window.
    MemoryMb,
    /// The same per process, on average.
    MemoryPerProcessMb,
    /// CPU time in the window of what the contender's processes agree in.
    StoreCpuMs,
    /// Resident memory of that, at the end of the window.
    StoreMemoryMb,
    /// CPU time that all servers together used more in the window than without a contender.
    ServersCpuMs,
    /// How many processes the contender has.
    Processes,
    /// How often the contender's threads were woken, in a second of the window, all together.
    WakeupsPerS,
    /// Packets on the loopback interface in a second of the window, less those without a contender.
    PacketsPerS,
    /// Requests that were answered in a second of full load.
    RequestsPerS,
    /// How long half of the requests took at most; of several commands, the slowest.
    LatencyP50Ms,
    /// The same of 99 of 100.
    LatencyP99Ms,
    /// The same of 999 of 1000.
    LatencyP999Ms,
    /// CPU time per request of the process that stands before the server.
    CpuPerRequestUs,
    /// Resident memory that a client without requests takes of that process.
    MemoryPerClientKb,
}

impl Figure {
    /// As in the files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RefusedMs => "refused_ms",
            Self::DetectedMs => "detected_ms",
            Self::DetectedAllMs => "detected_all_ms",
            Self::PromotedMs => "promoted_ms",
            Self::PromotedAllMs => "promoted_all_ms",
            Self::PromotedAfterRefusedMs => "promoted_after_refused_ms",
            Self::SecondPromotedMs => "second_promoted_ms",
            Self::MonitorKilledMs => "monitor_killed_ms",
            Self::AnsweredMs => "answered_ms",
            Self::AllAnsweredMs => "all_answered_ms",
            Self::OutageMs => "outage_ms",
            Self::FailedWrites => "failed_writes",
            Self::ClientOutageMs => "client_outage_ms",
            Self::ClientErrors => "client_errors",
            Self::FollowingMs => "following_ms",
            Self::LostWrites => "lost_writes",
            Self::LostOldWrites => "lost_old_writes",
            Self::LostNewWrites => "lost_new_writes",
            Self::LostLoyalWrites => "lost_loyal_writes",
            Self::StaleWrites => "stale_writes",
            Self::StalePrimaryMs => "stale_primary_ms",
            Self::RejoinedMs => "rejoined_ms",
            Self::Promotions => "promotions",
            Self::FalseFailovers => "false_failovers",
            Self::CpuMs => "cpu_ms",
            Self::CpuPerProcessMs => "cpu_per_process_ms",
            Self::MemoryMb => "memory_mb",
            Self::MemoryPerProcessMb => "memory_per_process_mb",
            Self::StoreCpuMs => "store_cpu_ms",
            Self::StoreMemoryMb => "store_memory_mb",
            Self::ServersCpuMs => "servers_cpu_ms",
            Self::Processes => "processes",
            Self::WakeupsPerS => "wakeups_per_s",
            Self::PacketsPerS => "packets_per_s",
            Self::RequestsPerS => "requests_per_s",
            Self::LatencyP50Ms => "latency_p50_ms",
            Self::LatencyP99Ms => "latency_p99_ms",
            Self::LatencyP999Ms => "latency_p999_ms",
            Self::CpuPerRequestUs => "cpu_per_request_us",
            Self::MemoryPerClientKb => "memory_per_client_kb",
        }
    }

    /// Whether it is the contender that makes it small or large, so that a ratio means something.
    pub(crate) fn is_compared(self) -> bool {
        !matches!(
            self,
            Self::RefusedMs
                | Self::Processes
                | Self::LostWrites
                | Self::LostOldWrites
                | Self::LostNewWrites
                | Self::LostLoyalWrites
                | Self::StaleWrites
                | Self::FailedWrites
                | Self::FalseFailovers
                | Self::MonitorKilledMs
                | Self::Promotions
        )
    }
}

/// What was measured in one repetition. One that failed has those that came before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Figures(BTreeMap<Figure, f64>);

impl Figures {
    pub(crate) fn put(&mut self, figure: Figure, value: f64) {
        // Microseconds are what a clock and a poll every 200 of them can honestly tell.
        self.0.insert(figure, (value * 1000.0).round() / 1000.0);
    }

    /// A number of things, exact up to four billion.
    pub(crate) fn put_count(&mut self, figure: Figure, count: u64) -> anyhow::Result<()> {
        self.put(figure, f64::from(u32::try_from(count)?));
        Ok(())
    }

    pub(crate) fn put_duration(&mut self, figure: Figure, duration: Duration) {
        self.put(figure, duration.as_secs_f64() * 1000.0);
    }

    pub(crate) fn get(&self, figure: Figure) -> Option<f64> {
        self.0.get(&figure).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Figure, f64)> {
        self.0.iter().map(|(&figure, &value)| (figure, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_in_the_files() {
        for figure in [
            Figure::PromotedAfterRefusedMs,
            Figure::MemoryPerProcessMb,
            Figure::Processes,
            Figure::LostOldWrites,
            Figure::SecondPromotedMs,
            Figure::PacketsPerS,
            Figure::LatencyP999Ms,
            Figure::CpuPerRequestUs,
        ] {
            let json = serde_json::to_string(&figure).unwrap();
            assert_eq!(json, format!("{:?}", figure.name()));
        }
    }
}
