//! Machines of a test's own, and a network between them that can lose what is sent.
//!
//! The test runs once more, as a process in namespaces of its own (of users, the network, mounts and
//! processes), which any user may make where the kernel lets them. Each machine is a network namespace
//! with a cable to one switch; the test itself is at the switch and reaches everybody.
//!
//! What one machine sends another can be lost, one way or both, without an error and without a sign:
//! the sender is given a hardware address that nobody has. Nothing else changes, so that connections
//! go on where they were once it is given the right one again.
//!
//! Always holds: nothing of it is seen outside, tests meet nobody when they run side by side, and the
//! kernel removes everything with the last process of the test, however it ends.

use std::env;
use std::fs::File;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd as _;
use std::panic::resume_unwind;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use rustix::process::geteuid;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::monitor::{Result, check};

/// Set for the process that runs in namespaces of its own.
const INSIDE: &str = "TEST_IS_IN_A_WORLD_OF_ITS_OWN";

/// Where `ip netns` keeps the names of namespaces.
const NAMESPACES: &str = "/run/netns";

/// Tests that run in a world of their own.
macro_rules! in_a_world_of_its_own {
    ($($test:ident)*) => {
        mod in_a_world_of_its_own {
            $(#[test] fn $test() {
                let name = concat!(module_path!(), "::", stringify!($test));
                crate::world::run(name, super::$test);
            })*
        }
    };
}
pub(crate) use in_a_world_of_its_own;

/// Runs the test `name`, a path with the name of this program in front, in a world of its own.
pub(crate) fn run(name: &str, body: fn() -> Result) {
    if env::var_os(INSIDE).is_some() {
        return check(body());
    }
    let (_, name) = name.split_once("::").unwrap();
    let output = unshared()
        .arg(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "yes")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    // A name that fits no test would run none, and succeed.
    let passed = output.status.success() && told.contains("1 passed");
    assert!(passed, "{}\n{told}\n{said}", output.status);
}

/// Runs a program in namespaces of its own: as any user, or as root where only root may.
fn unshared() -> Command {
    let spaces = ["--net", "--mount", "--pid", "--fork", "--kill-child"];
    let as_anybody = ["--user", "--map-root-user"];
    let mut refusals = Vec::new();
    for more in [&as_anybody[..], &[]] {
        if more.is_empty() && !geteuid().is_root() {
            continue;
        }
        let mut tried = Command::new("unshare");
        let tried = tried.args(more).args(spaces).arg("true").output();
        let tried = tried.expect("unshare of util-linux runs");
        if tried.status.success() {
            let mut command = Command::new("unshare");
            command.args(more).args(spaces);
            return command;
        }
        refusals.push(String::from_utf8_lossy(&tried.stderr).trim().to_owned());
    }
    panic!(
        "this test needs network namespaces, and may not make any: {}; run it as root, or let users \
         make them (sysctl user.max_user_namespaces=10000, on Ubuntu sysctl \
         kernel.apparmor_restrict_unprivileged_userns=0, in a container --security-opt \
         seccomp=unconfined)",
        refusals.join("; ")
    );
}

/// The machines, by their numbers.
pub(crate) struct World {
    machines: usize,
}

impl World {
    /// So many machines that all reach each other.
    pub(crate) fn of(machines: usize) -> Self {
        assert!(env::var_os(INSIDE).is_some(), "only in a world of its own");
        // The names are kept in a place that nobody else sees.
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "none", "/run"])
            .status();
        assert!(mounted.unwrap().success(), "cannot hide /run");
        ip(
            &[],
            "link set lo up\nlink add switch address 02:00:00:00:00:fe type bridge\n",
        );
        ip(
            &[],
            "addr add 10.9.0.254/24 dev switch\nlink set switch up\n",
        );
        let world = Self { machines };
        for machine in 0..machines {
            world.connect(machine);
        }
        for from in 0..machines {
            for to in (0..machines).filter(|to| *to != from) {
                world.deliver(from, to);
            }
        }
        world
    }

    fn connect(&self, machine: usize) {
        let (name, address) = (name(machine), hardware(machine));
        ip(
            &[],
            &format!(
                "netns add {name}\n\
                 link add cable{machine} type veth peer name eth0 address {address} netns {name}\n\
                 link set cable{machine} master switch\n\
                 link set cable{machine} up\n"
            ),
        );
        let own = self.ip(machine);
        ip(
            &["-n", &name],
            &format!("addr add {own}/24 dev eth0\nlink set eth0 up\nlink set lo up\n"),
        );
    }

    /// The address of a machine.
    #[expect(clippy::unused_self, reason = "there is none without a world")]
    pub(crate) fn ip(&self, machine: usize) -> IpAddr {
        let last = u8::try_from(machine + 1).unwrap();
        Ipv4Addr::new(10, 9, 0, last).into()
    }

    /// The words that start a program on a machine, if it follows them.
    #[expect(clippy::unused_self, reason = "there is none without a world")]
    pub(crate) fn runner(&self, machine: usize) -> Vec<String> {
        let place = format!("--net={NAMESPACES}/{}", name(machine));
        vec!["nsenter".to_owned(), place]
    }

    /// Does something on a machine: sockets and processes that it opens are there.
    pub(crate) fn on<T: Send>(&self, machine: usize, work: impl FnOnce() -> T + Send) -> T {
        assert!(machine < self.machines, "there is no machine {machine}");
        thread::scope(|scope| {
            let there = scope.spawn(|| {
                let namespace = File::open(Path::new(NAMESPACES).join(name(machine))).unwrap();
                let network = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(namespace.as_fd(), network).unwrap();
                work()
            });
            there.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    /// From now on what `from` sends to `to` is lost.
    pub(crate) fn lose(&self, from: usize, to: usize) {
        self.send_to(from, to, "02:00:00:00:00:ff");
    }

    /// What `from` sends to `to` arrives again.
    pub(crate) fn deliver(&self, from: usize, to: usize) {
        self.send_to(from, to, &hardware(to));
    }

    /// From now on nothing passes between one of these and one of the others.
    pub(crate) fn cut(&self, these: &[usize], others: &[usize]) {
        for (&one, &other) in these
            .iter()
            .flat_map(|one| others.iter().map(move |it| (one, it)))
        {
            self.lose(one, other);
            self.lose(other, one);
        }
    }

    /// Everything passes again.
    pub(crate) fn mend(&self) {
        for from in 0..self.machines {
            for to in (0..self.machines).filter(|to| *to != from) {
                self.deliver(from, to);
            }
        }
    }

    fn send_to(&self, from: usize, to: usize, address: &str) {
        let ip_of = self.ip(to);
        ip(
            &["-n", &name(from)],
            &format!("neigh replace {ip_of} lladdr {address} dev eth0 nud permanent\n"),
        );
    }
}

fn name(machine: usize) -> String {
    format!("machine{machine}")
}

fn hardware(machine: usize) -> String {
    format!("02:00:00:00:00:{:02x}", machine + 1)
}

/// Runs `ip` with these lines.
fn ip(options: &[&str], lines: &str) {
    let mut command = Command::new("ip");
    command.args(options).args(["-batch", "-"]);
    let child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("ip of iproute2 runs; `apt-get install iproute2` brings it");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(lines.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip: {said}\n{lines}");
}
