//! An etcd of one or several members.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Error, binary, port, try_for};

/// Names the program, and wins over every other place.
const OVERRIDE: &str = "RCM_ETCD";
const START_DEADLINE: Duration = Duration::from_secs(20);
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Enough for a machine on which every second port is in use.
const PORT_ATTEMPTS: u32 = 10;

/// The members. Some may have been killed since; what they have stored stays until the value is
/// dropped, and then nothing of them is left.
#[derive(Debug)]
pub struct Etcd {
    program: PathBuf,
    folder: TempDir,
    arguments: Vec<String>,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    /// The words before the program, if it is to be started by another one.
    runner: Vec<String>,
    client: SocketAddr,
    peer: SocketAddr,
    /// It came when the others were there already.
    joined: bool,
    child: Option<Child>,
}

impl Member {
    const fn new(runner: Vec<String>, client: SocketAddr, peer: SocketAddr) -> Self {
        Self {
            runner,
            client,
            peer,
            joined: false,
            child: None,
        }
    }
}

impl Etcd {
    /// One member with the default settings.
    pub fn start() -> Result<Self, Error> {
        Self::with(1, &[])
    }

    /// So many members, all with these arguments.
    pub fn with(count: usize, arguments: &[&str]) -> Result<Self, Error> {
        let mut attempts = PORT_ATTEMPTS;
        loop {
            attempts -= 1;
            let free = || SocketAddr::new(LOOPBACK, port::free(LOOPBACK));
            let members = (0..count).map(|_| Member::new(Vec::new(), free(), free()));
            match Self::launch(members.collect(), arguments) {
                Err(Error::Died { log, .. })
                    if attempts > 0 && log.contains("address already in use") => {}
                launched => return launched,
            }
        }
    }

    /// A member on each of these machines, at the usual ports of its address. The words start a
    /// program there, if it follows them.
    pub fn across(machines: Vec<(IpAddr, Vec<String>)>) -> Result<Self, Error> {
        let member = |(ip, runner)| {
            let at = |port| SocketAddr::new(ip, port);
            Member::new(runner, at(2379), at(2380))
        };
        Self::launch(machines.into_iter().map(member).collect(), &[])
    }

    fn launch(members: Vec<Member>, arguments: &[&str]) -> Result<Self, Error> {
        let program = binary::program(OVERRIDE, "etcd", "apt-get install etcd-server")?;
        let folder = tempfile::Builder::new().prefix("rcm-etcd-").tempdir();
        let folder = folder.map_err(|source| Error::Io {
            action: "create a folder in",
            path: std::env::temp_dir(),
            source,
        })?;
        let mut etcd = Self {
            program,
            folder,
            arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
            members,
        };
        for number in 0..etcd.members.len() {
            etcd.spawn(number)?;
        }
        for number in 0..etcd.members.len() {
            etcd.wait_until_answering(number)?;
        }
        Ok(etcd)
    }

    /// Where clients reach its members.
    pub fn endpoints(&self) -> Vec<SocketAddr> {
        self.members.iter().map(|member| member.client).collect()
    }

    /// What `--store` wants to be told.
    pub fn store(&self) -> String {
        let endpoints: Vec<_> = self.endpoints().iter().map(ToString::to_string).collect();
        format!("etcd://{}", endpoints.join(","))
    }

    /// The processes of the members that run.
    pub fn pids(&self) -> Vec<u32> {
        let running = self.members.iter().filter_map(|it| it.child.as_ref());
        running.map(Child::id).collect()
    }

    /// SIGKILL to one member.
    pub fn kill(&mut self, number: usize) {
        if let Some(mut child) = self.members[number].child.take() {
            // Both fail only for a process that is gone already.
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// Starts a member that was killed, with what it had stored.
    pub fn restart(&mut self, number: usize) -> Result<(), Error> {
        self.kill(number);
        self.spawn(number)?;
        self.wait_until_answering(number)
    }

    /// Takes a member away with everything that it had stored, and lets an empty one take its place,
    /// as its operator would. Another member has to live.
    pub fn replace(&mut self, number: usize) -> Result<(), Error> {
        self.kill(number);
        let other = (number + 1) % self.members.len();
        let peer = url(self.members[number].peer);
        let members = self.insist(other, "cluster/member/list", &json!({}))?;
        let members = members["members"].as_array().into_iter().flatten();
        let lost = members
            .filter(|member| member["peerURLs"][0] == peer.as_str())
            .map(|member| json!({ "ID": member["ID"] }));
        for lost in lost {
            self.insist(other, "cluster/member/remove", &lost)?;
        }
        let path = self.member_folder(number).join("data");
        fs::remove_dir_all(&path).map_err(|source| Error::Io {
            action: "remove",
            path,
            source,
        })?;
        self.insist(
            other,
            "cluster/member/add",
            &json!({ "peerURLs": [peer.as_str()] }),
        )?;
        self.members[number].joined = true;
        self.spawn(number)?;
        self.wait_until_answering(number)
    }

    /// A call that is made again until it is not refused: after a change the members need a few
    /// seconds to agree to another one.
    fn insist(&self, number: usize, method: &str, body: &Value) -> Result<Value, Error> {
        let (mut answer, mut refusal) = (None, None);
        let agreed = try_for(START_DEADLINE, method, || {
            match self.call(number, method, body) {
                Ok(agreed) => answer = Some(agreed),
                Err(error) => refusal = Some(error),
            }
            Ok(answer.is_some())
        });
        agreed.map_err(|late| refusal.unwrap_or(late))?;
        Ok(answer.unwrap_or_default())
    }

    fn member_folder(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("member.{number}"))
    }

    /// SIGSTOP: connections stay open, but nobody answers.
    pub fn pause(&self, number: usize) -> Result<(), Error> {
        self.signal(number, Signal::STOP)
    }

    /// SIGCONT: the opposite of [`Self::pause`].
    pub fn resume(&self, number: usize) -> Result<(), Error> {
        self.signal(number, Signal::CONT)
    }

    /// A call to the JSON form of the API of one member: `call(0, "kv/range", &json!({..}))`.
    pub fn call(&self, number: usize, method: &str, body: &Value) -> Result<Value, Error> {
        let address = self.members[number].client;
        let refused = |text: String| Error::Refused {
            command: method.to_owned(),
            text,
        };
        let answer = post(address, &format!("/v3/{method}"), &body.to_string())
            .map_err(|source| Error::Connection { address, source })?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        if !head.starts_with("HTTP/1.0 200") && !head.starts_with("HTTP/1.1 200") {
            return Err(refused(body.trim().to_owned()));
        }
        serde_json::from_str(body).map_err(|error| refused(error.to_string()))
    }

    fn signal(&self, number: usize, signal: Signal) -> Result<(), Error> {
        let member = &self.members[number];
        let gone = || Error::NotRunning {
            address: member.client,
        };
        let child = member.child.as_ref().ok_or_else(gone)?;
        kill_process(Pid::from_child(child), signal).map_err(|_| gone())
    }

    fn spawn(&mut self, number: usize) -> Result<(), Error> {
        let folder = self.member_folder(number);
        let io = |action| {
            let path = folder.clone();
            move |source| Error::Io {
                action,
                path,
                source,
            }
        };
        fs::create_dir_all(&folder).map_err(io("create"))?;
        // The log of this start, because it tells when the member is ready.
        let log = File::create(folder.join(LOG));
        let log = log.map_err(io("write into"))?;
        let also = log.try_clone().map_err(io("write into"))?;
        let member = &self.members[number];
        let (client, peer) = (url(member.client), url(member.peer));
        let all: Vec<String> = self
            .members
            .iter()
            .enumerate()
            .map(|(number, member)| format!("m{number}={}", url(member.peer)))
            .collect();
        let scheme = |url: &str| {
            let tls = self
                .arguments
                .iter()
                .any(|word| word.starts_with("--cert-file"));
            if tls {
                url.replace("http:", "https:")
            } else {
                url.to_owned()
            }
        };
        let words = member.runner.iter().map(OsStr::new);
        let mut words = words.chain([self.program.as_os_str()]);
        let mut command = Command::new(words.next().unwrap_or_default());
        let child = command
            .args(words)
            .args(["--name", &format!("m{number}")])
            .arg("--data-dir")
            .arg(folder.join("data"))
            .args(["--listen-client-urls", &scheme(&client)])
            .args(["--advertise-client-urls", &scheme(&client)])
            .args([
                "--listen-peer-urls",
                &peer,
                "--initial-advertise-peer-urls",
                &peer,
            ])
            .args(["--initial-cluster", &all.join(",")])
            .args(member.joined.then_some("--initial-cluster-state=existing"))
            .args(["--logger", "zap", "--log-outputs", "stderr"])
            .args(&self.arguments)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(also)
            .spawn()
            .map_err(io("start etcd in"))?;
        self.members[number].child = Some(child);
        Ok(())
    }

    fn wait_until_answering(&mut self, number: usize) -> Result<(), Error> {
        let address = self.members[number].client;
        let log = self.member_folder(number).join(LOG);
        try_for(
            START_DEADLINE,
            &format!("etcd {address} being ready"),
            || {
                let text = fs::read_to_string(&log).unwrap_or_default();
                let child = self.members[number].child.as_mut();
                if let Some(Ok(Some(status))) = child.map(Child::try_wait) {
                    self.members[number].child = None;
                    let lines: Vec<&str> = text.lines().collect();
                    let log = lines[lines.len().saturating_sub(20)..].join("\n");
                    return Err(Error::Died {
                        address,
                        status,
                        log,
                    });
                }
                Ok(text.contains("serving client traffic")
                    && TcpStream::connect_timeout(&address, CALL_TIMEOUT).is_ok())
            },
        )
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        for number in 0..self.members.len() {
            // SIGKILL also ends a paused process.
            self.kill(number);
        }
    }
}

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const LOG: &str = "etcd.log";

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

fn post(address: SocketAddr, path: &str, body: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, CALL_TIMEOUT)?;
    stream.set_read_timeout(Some(CALL_TIMEOUT))?;
    stream.set_write_timeout(Some(CALL_TIMEOUT))?;
    write!(
        stream,
        "POST {path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
