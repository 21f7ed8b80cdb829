//! A host of its own for one server, that can be cut off: a network namespace on a bridge.
//!
//! Cut off means that whatever is sent either way is gone, without an error and without a sign, as
//! behind a switch that lost its power. Who is on the island goes on talking to each other.
//!
//! Always holds: namespace, bridge and cable are gone when the value is dropped. Linux only, needs
//! root and `ip` of iproute2.

use std::fs::{self, File, Permissions};
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use anyhow::{Context, bail, ensure};
use redis_cluster_monitor::local::Binary;
use rustix::process::geteuid;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tempfile::TempDir;

/// Where `ip netns` keeps the names of namespaces.
const NAMESPACES: &str = "/run/netns";

/// The hardware address of a bridge, set by us. It would take that of its cable, and a cable that is
/// out of the bridge would go on handing over what is sent to it.
const ADDRESS: &str = "02:72:63:6d:00:01";

/// One island at a time, named after this process, so that two runs side by side do not meet.
#[derive(Debug)]
pub(crate) struct Island {
    name: String,
    bridge: String,
    cable: String,
    here: Ipv4Addr,
    there: Ipv4Addr,
    /// Holds the program that starts a server there.
    folder: TempDir,
}

/// What a thread needs to go there.
#[derive(Clone, Debug)]
pub(crate) struct Ferry(PathBuf);

impl Island {
    pub(crate) fn is_allowed() -> bool {
        geteuid().is_root()
    }

    /// An island that can be reached.
    pub(crate) fn new() -> anyhow::Result<Self> {
        ensure!(
            Self::is_allowed(),
            "a host that can be cut off is a network namespace, and only root may make one; run this as root"
        );
        let number = process::id();
        // Addresses that are set aside for measuring (RFC 2544).
        let host = |last| {
            let [.., high, low] = number.to_be_bytes();
            Ipv4Addr::new(198, 18 + (high & 1), low, last)
        };
        let folder = tempfile::Builder::new().prefix("rcm-island-").tempdir()?;
        let island = Self {
            name: format!("rcm-{number}"),
            bridge: format!("rcmb{number}"),
            cable: format!("rcmc{number}"),
            here: host(254),
            there: host(1),
            folder,
        };
        island.build()?;
        Ok(island)
    }

    fn build(&self) -> anyhow::Result<()> {
        let Self {
            name,
            bridge,
            cable,
            here,
            there,
            ..
        } = self;
        for words in [
            format!("netns add {name}"),
            format!("link add {bridge} address {ADDRESS} type bridge"),
            format!("link add {cable} type veth peer name eth0 netns {name}"),
            format!("addr add {here}/24 dev {bridge}"),
            format!("link set {cable} master {bridge}"),
            format!("link set {bridge} up"),
            format!("link set {cable} up"),
            format!("-n {name} addr add {there}/24 dev eth0"),
            format!("-n {name} link set eth0 up"),
            format!("-n {name} link set lo up"),
        ] {
            ip(&words)?;
        }
        self.pin_neighbours()
    }

    /// Who is in one segment notices after seconds that nobody has the other's hardware address.
    /// Who is not, as usual, does not: so it is known for good.
    fn pin_neighbours(&self) -> anyhow::Result<()> {
        let Self {
            name,
            bridge,
            here,
            there,
            ..
        } = self;
        let ours = fs::read_to_string(format!("/sys/class/net/{bridge}/address"));
        let ours = ours.context("cannot read the hardware address of the bridge")?;
        let shown = ip(&format!("-n {name} -o link show eth0"))?;
        let mut words = shown.split_whitespace();
        let theirs = words.find(|word| *word == "link/ether").and(words.next());
        let theirs = theirs.context("ip does not tell the hardware address of the island")?;
        let ours = ours.trim();
        ip(&format!(
            "-n {name} neigh replace {here} lladdr {ours} dev eth0 nud permanent"
        ))?;
        ip(&format!(
            "neigh replace {there} lladdr {theirs} dev {bridge} nud permanent"
        ))?;
        Ok(())
    }

    /// The address there.
    pub(crate) fn there(&self) -> IpAddr {
        self.there.into()
    }

    /// The address of this side, that the island reaches.
    pub(crate) fn here(&self) -> IpAddr {
        self.here.into()
    }

    /// `server` as a program that runs there.
    pub(crate) fn program(&self, server: &Binary) -> anyhow::Result<Binary> {
        let path = self.folder.path().join("server");
        // The process becomes the server, so that its number is the server's.
        let text = format!(
            "#!/bin/sh\nexec ip netns exec {} '{}' \"$@\"\n",
            self.name,
            server.path().display()
        );
        fs::write(&path, text).context("cannot write the program that starts a server there")?;
        fs::set_permissions(&path, Permissions::from_mode(0o700))?;
        Ok(Binary::at(path)?)
    }

    pub(crate) fn ferry(&self) -> Ferry {
        Ferry(Path::new(NAMESPACES).join(&self.name))
    }

    /// From now on nothing passes.
    pub(crate) fn cut(&self) -> anyhow::Result<()> {
        ip(&format!("link set {} nomaster", self.cable)).map(drop)
    }

    /// Everything passes again.
    pub(crate) fn mend(&self) -> anyhow::Result<()> {
        ip(&format!("link set {} master {}", self.cable, self.bridge)).map(drop)
    }
}

impl Drop for Island {
    fn drop(&mut self) {
        // Also of one that was not finished: what is not there cannot be removed, and need not be.
        // The cable goes with the namespace, but that may live on for as long as its sockets do.
        for words in [
            format!("link del {}", self.cable),
            format!("link del {}", self.bridge),
            format!("netns del {}", self.name),
        ] {
            ip(&words).ok();
        }
    }
}

impl Ferry {
    /// Takes this thread there for good: sockets that it opens are the island's.
    pub(crate) fn enter(&self) -> anyhow::Result<()> {
        let place = || format!("cannot enter {}", self.0.display());
        let namespace = File::open(&self.0).with_context(place)?;
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .with_context(place)
    }
}

/// Runs `ip` with these words. Returns what it said.
fn ip(words: &str) -> anyhow::Result<String> {
    let output = Command::new("ip")
        .args(words.split(' '))
        .output()
        .context("cannot run ip; it is in Debian's iproute2")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("ip {words}: {}", said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
