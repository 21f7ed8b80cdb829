//! Who takes part in what unless told otherwise, and how often.
//!
//! A contender that could be tuned is tuned, within what its users dare. All of it together is to
//! take three quarters of an hour, and most of that is waiting for Sentinels.

use super::Scenario;

/// Those who take part, by how often.
#[derive(Clone, Copy, Debug, Default)]
struct Cast {
    /// As often as the scenario is run.
    often: &'static [&'static str],
    /// A third as often: they are like another one, or slow.
    rarely: &'static [&'static str],
    /// Too slow to be repeated.
    once: &'static [&'static str],
}

/// Every contender, with how often it takes part where often is `runs` times.
pub(crate) fn of(scenario: Scenario, is_quick: bool, runs: u32) -> Vec<(&'static str, u32)> {
    let Cast {
        often,
        rarely,
        once,
    } = if is_quick {
        quick(scenario)
    } else {
        full(scenario)
    };
    let with =
        |names: &'static [&'static str], runs: u32| names.iter().map(move |&name| (name, runs));
    let cast = with(often, runs);
    cast.chain(with(rarely, runs.div_ceil(3)))
        .chain(with(once, 1))
        .collect()
}

const OURS_AND_SENTINEL: &[&str] = &["ours", "redis-sentinel"];

fn quick(scenario: Scenario) -> Cast {
    let often: &[&str] = match scenario {
        Scenario::Crash => &[
            "ours",
            "ours:monitors=3",
            "ours:via=proxy",
            "redis-sentinel",
        ],
        Scenario::Switchover => &["ours", "ours:via=proxy", "redis-sentinel"],
        Scenario::Hang => &["ours:hang-after=1s", "redis-sentinel"],
        Scenario::Holder => &["ours:monitors=3", "redis-sentinel"],
        Scenario::Proxy(load) => load.contenders(),
        Scenario::Client(fault, _) => fault.contenders(),
        Scenario::Crash1g
        | Scenario::Term
        | Scenario::Cut
        | Scenario::Return
        | Scenario::Empty
        | Scenario::Fork
        | Scenario::Second
        | Scenario::Monitor
        | Scenario::False(_)
        | Scenario::Idle(_)
        | Scenario::Scale(..) => OURS_AND_SENTINEL,
    };
    Cast {
        often,
        ..Cast::default()
    }
}

fn full(scenario: Scenario) -> Cast {
    let often: &[&str] = match scenario {
        Scenario::Crash => {
            return Cast {
                often: &[
                    "ours",
                    "ours:monitors=3",
                    "ours:via=sentinel",
                    "ours:via=proxy",
                    "redis-sentinel",
                ],
                rarely: &[
                    "redis-sentinel:via=sentinel",
                    "redis-sentinel:via=haproxy",
                    "redis-sentinel:down-after=500ms",
                    "valkey-sentinel",
                ],
                // As it is delivered.
                once: &["redis-sentinel:down-after=30s,failover-timeout=180s"],
            };
        }
        Scenario::Hang => &[
            "ours:hang-after=1s",
            "ours:hang-after=1s,via=proxy",
            "redis-sentinel",
            "redis-sentinel:via=haproxy",
        ],
        Scenario::Term | Scenario::Cut | Scenario::Switchover => &[
            "ours",
            "ours:via=proxy",
            "redis-sentinel",
            "redis-sentinel:via=haproxy",
        ],
        Scenario::False(_) => &["ours", "ours:hang-after=1s", "redis-sentinel"],
        Scenario::Idle(_) => &[
            "ours",
            "ours:monitors=3",
            "redis-sentinel",
            "redis-sentinel:count=1,quorum=1",
        ],
        Scenario::Monitor => &["ours", "ours:monitors=3", "redis-sentinel"],
        Scenario::Holder => &["ours:monitors=3", "redis-sentinel"],
        Scenario::Crash1g
        | Scenario::Return
        | Scenario::Empty
        | Scenario::Fork
        | Scenario::Second
        | Scenario::Scale(..) => OURS_AND_SENTINEL,
        Scenario::Proxy(load) => load.contenders(),
        Scenario::Client(fault, _) => fault.contenders(),
    };
    Cast {
        often,
        ..Cast::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contender::Contender;

    #[test]
    fn everybody_exists() {
        for scenario in Scenario::FAULTS {
            for (name, runs) in [true, false]
                .map(|is_quick| of(scenario, is_quick, 1))
                .concat()
            {
                let parsed: anyhow::Result<Contender> = name.parse();
                assert!(parsed.is_ok() && runs > 0, "{name}: {parsed:?}");
            }
        }
    }
}
