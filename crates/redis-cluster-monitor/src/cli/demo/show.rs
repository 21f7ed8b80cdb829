//! What the demo says, on standard output; the monitor's own log is on standard error.

use std::net::SocketAddr;
use std::time::Duration;

use super::stage::{Act, Stage};

pub(super) fn introduce() {
    say(
        "Starting a real primary with two replicas, a monitor, and a writer at 1,000 writes a second.",
    );
}

pub(super) fn cast(stage: &Stage) {
    let addresses: Vec<String> = stage.addresses().iter().map(ToString::to_string).collect();
    say(&format!(
        "Servers ({}): {}",
        stage.program(),
        addresses.join(", ")
    ));
    say("The monitor is given these addresses and nothing else. It finds out the roles by asking:");
}

pub(super) fn kill(round: usize, of: usize, address: SocketAddr, pid: Option<u32>) {
    let pid = pid.map_or(String::new(), |pid| format!(" (pid {pid})"));
    say(&format!(
        "Failover {round} of {of}: kill -9 of the primary {address}{pid}"
    ));
}

pub(super) fn restart(address: SocketAddr) {
    say(&format!(
        "{address} is started again, with what its configuration file says:"
    ));
}

pub(super) fn act(act: &Act) {
    let Act {
        killed,
        heir,
        outage,
        lost,
    } = act;
    say(&format!(
        "{heir} took over from {killed}. The writer felt {}, saw {} failed writes; {} of {} \
         acknowledged writes are missing.",
        millis(outage.gap),
        outage.errors,
        lost,
        outage.written,
    ));
}

pub(super) fn curtain(acts: &[Act]) {
    println!();
    println!(
        "  failover   killed            took over         outage felt   acknowledged writes lost"
    );
    for (round, act) in acts.iter().enumerate() {
        println!(
            "  {:<10} {:<17} {:<17} {:>11}   {}",
            round + 1,
            act.killed.to_string(),
            act.heir.to_string(),
            millis(act.outage.gap),
            act.lost,
        );
    }
    println!();
    println!(
        "  A write that is acknowledged in the last instant before a crash may not have left the"
    );
    println!("  machine: replication is asynchronous, and the monitor says how much was lost.");
    println!("  Everything that was started has been stopped.");
}

fn say(text: &str) {
    println!("── {text}");
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1_000.0)
}
