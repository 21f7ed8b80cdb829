//! The monitor that acts is stopped in the middle of a failover, another one takes over, and the first
//! wakes: there is one primary in one epoch, and everybody follows.

use rustix::process::Signal;

use super::Several;
use crate::monitor::{Result, check};

macro_rules! stopped_after {
    ($($test:ident $step:literal)*) => {
        mod a_monitor_that_is_stopped_after {
            $(#[test] fn $test() { super::check(super::stopped_after($step)); })*
        }
    };
}

stopped_after! {
    its_claim "failover-started"
    a_seal "node-sealed"
    its_choice "candidate-chosen"
    the_promotion "node-promoted"
    the_commit "primary-switched"
    an_attachment "node-attached"
}

fn stopped_after(step: &str) -> Result {
    let mut several = Several::start(3, 1)?;
    let leader = several.leader()?;
    several.kill_node(0);
    several.monitors[leader].monitor.wait_for(step)?;
    wakes_when_another_acts(&mut several, leader)
}

#[test]
fn a_monitor_that_is_stopped_while_it_waits_for_a_replica_obeys_when_it_wakes() {
    check(stopped_while_it_waits());
}

fn stopped_while_it_waits() -> Result {
    let mut several = Several::start(3, 1)?;
    let leader = several.leader()?;
    several.group.nodes_mut()[1].pause()?;
    several.kill_node(0);
    let monitor = &several.monitors[leader].monitor;
    monitor.wait_for("failover-started")?;
    monitor.signal(Signal::STOP);
    several.group.nodes_mut()[1].resume()?;
    wakes_when_another_acts(&mut several, leader)
}

fn wakes_when_another_acts(several: &mut Several, leader: usize) -> Result {
    several.monitors[leader].monitor.signal(Signal::STOP);
    let left = several.without(leader);
    let next = several.leader_of(&left)?;
    several.monitors[leader].monitor.signal(Signal::CONT);
    let (heir, epoch) = several.settled()?;

    // Whoever comes back finds them agreed.
    several.group.nodes_mut()[0].restart()?;
    several.wait_until_agreed(&several.all(), heir, &epoch)?;
    // The lease may have moved on to the third one.
    several.wait_until("the one that woke obeys", || {
        several.monitors[next].leads() || !several.monitors[leader].leads()
    })
}
