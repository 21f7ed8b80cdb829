//! What the demo says, on standard output; the monitors' own logs are on standard error.

use std::net::SocketAddr;
use std::time::Duration;

use super::monitors::Monitors;
use super::stage::Act;
use crate::local::Binary;

pub(super) fn introduce(monitors: usize) {
    let who = match monitors {
        1 => "a monitor".to_owned(),
        several => format!("{several} monitors with an etcd between them"),
    };
    say(&format!(
        "Starting a real primary with two replicas, {who}, and a writer at 1,000 writes a second."
    ));
}

pub(super) fn servers(binary: &Binary, addresses: &[SocketAddr]) {
    let program = binary.path().display();
    say(&format!("Servers ({program}): {}", list(addresses)));
}

pub(super) fn monitors(monitors: &Monitors) {
    let sentinels = list(&monitors.sentinels());
    if monitors.are_several() {
        say(&format!("etcd: {}", list(&monitors.etcd())));
        say(&format!(
            "The monitors are given these addresses and nothing else. Clients ask them in Sentinel's \
             language: {sentinels}"
        ));
    } else {
        say(&format!(
            "The monitor is given these addresses and nothing else; clients ask it in Sentinel's \
             language: {sentinels}. It finds out the roles by asking:"
        ));
    }
}

/// What a monitor is called, if there are several.
pub(super) fn name(number: usize, monitors: usize) -> String {
    if monitors == 1 {
        return String::new();
    }
    format!("monitor {}", number + 1)
}

/// A line of a monitor's log.
pub(super) fn log(who: &str, text: &str) {
    let who = who.trim_end();
    super::say(format_args!("{who}  {text}"));
}

pub(super) fn act_begins(number: usize, of: usize) {
    say(&format!("Failover {number} of {of}"));
}

pub(super) fn kill(address: SocketAddr, pid: Option<u32>) {
    say(&format!("kill -9 of the primary {address}{}", shown(pid)));
}

pub(super) fn kill_of_monitor(name: &str, pid: Option<u32>) {
    say(&format!(
        "kill -9 of {name}{}, which is the one that acts, and at once:",
        shown(pid)
    ));
}

pub(super) fn restart(address: SocketAddr) {
    say(&format!(
        "{address} is started again, with what its configuration file says"
    ));
}

pub(super) fn restart_of_monitor(name: &str) {
    say(&format!("{name} is started again, with its state folder"));
}

pub(super) fn act_ends(act: &Act) {
    let Act {
        killed,
        also_killed: _,
        heir,
        actor,
        outage,
        lost,
    } = act;
    let by = if actor.is_empty() {
        String::new()
    } else {
        format!("; {actor} saw to it")
    };
    say(&format!(
        "{heir} took over from {killed}{by}. The writer felt {}, saw {} failed writes; {lost} of {} \
         acknowledged writes are missing.",
        millis(outage.gap),
        outage.errors,
        outage.written,
    ));
}

pub(super) fn curtain(acts: &[Act]) {
    let several = acts.iter().any(|act| !act.actor.is_empty());
    println!();
    if several {
        println!(
            "  killed                       took over         seen to by   outage felt   \
             acknowledged writes lost"
        );
    } else {
        println!("  killed            took over         outage felt   acknowledged writes lost");
    }
    for act in acts {
        let (killed, heir) = (act.killed.to_string(), act.heir.to_string());
        let (felt, lost) = (millis(act.outage.gap), act.lost);
        if several {
            let also = act.also_killed.iter().map(|name| format!(", {name}"));
            let killed = killed + &also.collect::<String>();
            let actor = &act.actor;
            println!("  {killed:<28} {heir:<17} {actor:<10} {felt:>13}   {lost}");
        } else {
            println!("  {killed:<17} {heir:<17} {felt:>11}   {lost}");
        }
    }
    println!();
    println!(
        "  A write that is acknowledged in the last instant before a crash may not have left the"
    );
    println!("  machine: replication is asynchronous, and the monitor says how much was lost.");
    if several {
        println!(
            "  Whoever acts holds a lease in etcd. When it dies, another one may act when that is over,"
        );
        println!("  within about two and a half seconds; nobody has to be asked for it.");
    }
    println!("  Everything that was started has been stopped.");
}

fn say(text: &str) {
    println!("── {text}");
}

fn list(addresses: &[SocketAddr]) -> String {
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    addresses.join(", ")
}

fn shown(pid: Option<u32>) -> String {
    pid.map_or(String::new(), |pid| format!(" (pid {pid})"))
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1_000.0)
}
