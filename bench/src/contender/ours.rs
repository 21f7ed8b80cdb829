//! The program of this source tree: one process, with the file store in a temporary folder.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::program::Program;
use super::{Running, Watched};
use crate::stop;

const READY_DEADLINE: Duration = Duration::from_secs(30);
const ASK_EVERY: Duration = Duration::from_millis(50);

/// What the options here may not change.
const RESERVED: [&str; 3] = ["name", "state-dir", "config"];

/// No door is open unless an option says so: two runs side by side must not want the same ports.
const DOORS: [&str; 2] = ["sentinel", "http"];

/// What its log says before the address of its Sentinel API.
const LISTENS: &str = "the Sentinel API listens address=";

#[derive(Debug)]
pub(super) struct Ours {
    program: Program,
    version: String,
    options: BTreeMap<String, String>,
}

/// Options are those of its command line, without the dashes.
pub(super) fn check(options: &BTreeMap<String, String>) -> anyhow::Result<()> {
    for name in options.keys() {
        ensure!(
            !RESERVED.contains(&name.as_str()),
            "{name} is set by the benchmark"
        );
    }
    Ok(())
}

impl Ours {
    /// One group is given on the command line, several in a configuration file.
    pub(super) fn start(
        binary: &Path,
        options: &BTreeMap<String, String>,
        groups: &[Watched],
    ) -> anyhow::Result<Self> {
        let version = version(binary)?;
        let folder = tempfile::Builder::new().prefix("rcm-bench-").tempdir()?;
        let mut command = Command::new(binary);
        // What happens to be set where the benchmark is started is no option of its contender.
        for (name, _) in env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"RCM_") {
                command.env_remove(name);
            }
        }
        let closed = DOORS.iter().filter(|door| !options.contains_key(**door));
        let closed: Vec<_> = closed.map(|door| format!("--{door}=off")).collect();
        if let [group] = groups {
            command.arg("--name").arg(&group.name);
            command.args(options.iter().map(|(name, value)| match value.as_str() {
                "" => format!("--{name}"),
                value => format!("--{name}={value}"),
            }));
            command.args(closed);
            command.arg("--state-dir").arg(folder.path().join("state"));
            command.args(group.nodes.iter().map(ToString::to_string));
        } else {
            let config = folder.path().join("config.toml");
            fs::write(&config, toml(options, groups)?)?;
            command.arg("run").arg("--config").arg(config).args(closed);
            command.arg("--state-dir").arg(folder.path().join("state"));
        }
        let program = Program::start(command, folder)?;
        let mut ours = Self {
            program,
            version,
            options: options.clone(),
        };
        ours.wait_until_ready(groups)?;
        Ok(ours)
    }

    /// It says so in its log when the primary is healthy, in words that end with that.
    fn wait_until_ready(&mut self, groups: &[Watched]) -> anyhow::Result<()> {
        let what = "our program knowing all nodes";
        stop::wait_for(READY_DEADLINE, ASK_EVERY, what, || {
            if let Some(status) = self.program.ended() {
                bail!("our program ended ({status}):\n{}", self.log_tail());
            }
            let log = self.program.log();
            Ok(groups.iter().all(|group| is_ready(&log, group)))
        })
        .with_context(|| format!("its log ends with:\n{}", self.log_tail()))
    }
}

impl Running for Ours {
    fn pids(&self) -> Vec<u32> {
        vec![self.program.pid()]
    }

    fn sentinels(&self) -> anyhow::Result<Vec<SocketAddr>> {
        let log = self.program.log();
        let mut told = log.lines().filter_map(|line| line.split_once(LISTENS));
        let address = told.find_map(|(_, address)| address.parse().ok());
        Ok(vec![address.context(
            "its log does not tell where its Sentinel API is",
        )?])
    }

    fn version(&self) -> String {
        self.version.clone()
    }

    fn parameters(&self) -> BTreeMap<String, String> {
        self.options.clone()
    }

    fn log(&self) -> String {
        self.program.log()
    }

    fn log_tail(&self) -> String {
        self.program.log_tail(20)
    }
}

/// Whether the log tells of a primary in office and of all its replicas.
fn is_ready(log: &str, group: &Watched) -> bool {
    let [primary, replicas @ ..] = group.nodes.as_slice() else {
        return true;
    };
    let is_known = |text: String| log.contains(&text);
    is_known(format!("{primary}: healthy"))
        && replicas
            .iter()
            .all(|replica| is_known(format!("{replica} is a replica of {primary}")))
}

fn version(binary: &Path) -> anyhow::Result<String> {
    let shown = || PathBuf::from(binary).display().to_string();
    let output = Command::new(binary)
        .arg("--version")
        .output()
        .with_context(|| {
            format!(
                "cannot run {}; `cargo build --release` in the source tree makes it",
                shown()
            )
        })?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    ensure!(
        output.status.success() && !text.is_empty(),
        "{} does not tell its version; it may be too old to be measured",
        shown()
    );
    Ok(text)
}

fn toml(options: &BTreeMap<String, String>, groups: &[Watched]) -> anyhow::Result<String> {
    let mut text = String::new();
    for Watched { name, nodes } in groups {
        let nodes: Vec<_> = nodes
            .iter()
            .map(|node| format!("{:?}", node.to_string()))
            .collect();
        writeln!(text, "[groups.{name}]\nnodes = [{}]", nodes.join(", "))?;
        for (name, value) in options {
            writeln!(text, "{} = {value:?}", name.replace('-', "_"))?;
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_groups_go_into_a_file() {
        let group = |name: &str, port: u16| Watched {
            name: name.to_owned(),
            nodes: vec![([127, 0, 0, 1], port).into()],
        };
        let options = BTreeMap::from([("hang-after".to_owned(), "1s".to_owned())]);
        assert_eq!(
            toml(&options, &[group("a", 1), group("b", 2)]).unwrap(),
            "[groups.a]\nnodes = [\"127.0.0.1:1\"]\nhang_after = \"1s\"\n\
             [groups.b]\nnodes = [\"127.0.0.1:2\"]\nhang_after = \"1s\"\n"
        );
    }

    #[test]
    fn what_the_benchmark_sets_is_no_option() {
        assert!(
            "ours:state-dir=/tmp"
                .parse::<super::super::Contender>()
                .is_err()
        );
    }
}
