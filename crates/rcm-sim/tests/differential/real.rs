//! The real side.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rcm_core::id::Address;
use rcm_sim::stage::{Settings, Syncs, Target};
use redis_cluster_monitor::local::{self, Binary, Client, Reply, Server};
use redis_cluster_monitor::redis::info;

use crate::relay::Relay;
use crate::side::{Deed, Failed, Said, Side, Start, Wait};

/// Longer than any `WAIT` of a script.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);
/// A stopped server is not waited for.
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);
/// Practically never, in seconds.
const NEVER: u64 = 100_000;

pub(crate) struct Real {
    binary: Binary,
    nodes: Vec<Option<Node>>,
}

struct Node {
    server: Server,
    relay: Option<Relay>,
    /// The connection that writes; `WAIT` is about what it wrote.
    writer: Option<Client>,
    writes: usize,
    /// Connections whose answers nobody reads.
    senders: Vec<TcpStream>,
    answers: bool,
}

impl Real {
    pub(crate) fn new(binary: &Binary, nodes: usize) -> Self {
        Self {
            binary: binary.clone(),
            nodes: (0..nodes).map(|_| None).collect(),
        }
    }

    pub(crate) fn log_tail(&self, node: usize) -> Option<String> {
        let node = self.nodes[node].as_ref()?;
        Some(node.server.log_tail(12))
    }

    fn start(&self, start: Start) -> Result<Node, Failed> {
        let Settings {
            of,
            backlog,
            min_replicas,
            ping_every,
        } = start.settings;
        let ping_every = ping_every.unwrap_or(NEVER);
        let mut builder = Server::builder(&self.binary)
            .set("repl-ping-replica-period", &[&ping_every.to_string()])
            .set("min-replicas-to-write", &[&min_replicas.to_string()]);
        if let Some(backlog) = backlog {
            builder = builder.set("repl-backlog-size", &[&backlog.to_string()]);
        }
        if start.sends_slowly {
            builder = builder.set("rdb-key-save-delay", &["20000"]);
        }
        if start.loads_slowly {
            // Events are looked at after so many bytes, and between two keys.
            builder = builder
                .set("key-load-delay", &["5000"])
                .set("loading-process-events-interval-bytes", &["1024"]);
        }
        let mut relay = None;
        if let Some(of) = of {
            let mut primary = self.address(of)?;
            if start.relayed {
                let new = Relay::to(primary)?;
                primary = new.address();
                relay = Some(new);
            }
            builder = builder.replica_of(primary);
        }
        Ok(Node {
            server: builder.start()?,
            relay,
            writer: None,
            writes: 0,
            senders: Vec::new(),
            answers: true,
        })
    }

    fn address(&self, node: usize) -> Result<SocketAddr, Failed> {
        let node = self.nodes[node]
            .as_ref()
            .ok_or("that node was never started")?;
        Ok(node.server.address())
    }

    fn follow(&self, node: usize, target: Target) -> Result<String, Failed> {
        let (host, port) = match target {
            Target::NoOne => ("NO".to_owned(), "ONE".to_owned()),
            Target::Tombstone => tombstone(),
            Target::Node(target) => {
                let address = self.address(target)?;
                (address.ip().to_string(), address.port().to_string())
            }
        };
        let server = &self.node(node)?.server;
        let reply = server.client()?.command(&["REPLICAOF", &host, &port])?;
        Ok(word(&reply))
    }

    fn node(&self, node: usize) -> Result<&Node, Failed> {
        Ok(self.nodes[node]
            .as_ref()
            .ok_or("that node was never started")?)
    }
}

impl Node {
    fn writer(&mut self) -> Result<&mut Client, Failed> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => Client::connect(self.server.address(), CLIENT_TIMEOUT)?,
        };
        Ok(self.writer.insert(writer))
    }

    fn next_write(&mut self, bytes: u64) -> Result<[String; 3], Failed> {
        self.writes += 1;
        write_of(bytes, self.writes)
    }

    /// Sends commands whose answers nobody waits for.
    fn send(&mut self, commands: &[String]) -> Result<(), Failed> {
        let mut stream = TcpStream::connect(self.server.address())?;
        stream.write_all(format!("{}\r\n", commands.join("\r\n")).as_bytes())?;
        self.senders.push(stream);
        Ok(())
    }

    fn wait(&mut self, replicas: usize, timeout: Duration, how: Wait) -> Result<String, Failed> {
        let timeout = timeout.as_millis().to_string();
        let wait = ["WAIT".to_owned(), replicas.to_string(), timeout];
        let reply = match how {
            Wait::OfTheWriter => self.writer()?.command(&wait)?,
            Wait::Fresh => self.server.client()?.command(&wait)?,
            Wait::InTransaction => {
                let writer = self.writer()?;
                writer.command(&["MULTI"])?;
                writer.command(&wait)?;
                writer.command(&["EXEC"])?
            }
        };
        Ok(if let Reply::Array(replies) = reply {
            replies.iter().map(word).collect()
        } else {
            word(&reply)
        })
    }

    /// Does what needs no other node.
    fn act(&mut self, deed: Deed) -> Result<String, Failed> {
        match deed {
            Deed::Restart => self.restart(Server::restart)?,
            Deed::RestartEmpty => self.restart(Server::restart_empty)?,
            Deed::Kill => {
                self.answers = false;
                self.server.kill();
            }
            Deed::Save => self.server.text(&["SAVE"]).map(drop)?,
            Deed::Pause => {
                self.answers = false;
                self.server.pause()?;
            }
            Deed::Resume => {
                self.answers = true;
                self.server.resume()?;
            }
            Deed::Write(bytes) => {
                let write = self.next_write(bytes)?;
                return Ok(word(&self.writer()?.command(&write)?));
            }
            Deed::SendWrite(bytes) => {
                let write = self.next_write(bytes)?;
                self.send(&[write.join(" ")])?;
            }
            Deed::SendSeal => {
                let (host, port) = tombstone();
                self.send(&[
                    "MULTI".to_owned(),
                    format!("REPLICAOF {host} {port}"),
                    "CLIENT KILL TYPE normal SKIPME yes".to_owned(),
                    "EXEC".to_owned(),
                ])?;
            }
            Deed::Cut => {
                let kill = ["CLIENT", "KILL", "TYPE", "master"];
                self.server.text(&kill).map(drop)?;
            }
            Deed::LoseSilently => {
                let relay = self.relay.as_ref().ok_or("that node has no relay")?;
                relay.lose_silently();
            }
            Deed::Wait {
                replicas,
                timeout,
                how,
            } => return self.wait(replicas, timeout, how),
            Deed::Start(_) | Deed::Follow(_) => return Err("this concerns other nodes".into()),
        }
        Ok("ok".to_owned())
    }

    fn restart(
        &mut self,
        restart: fn(&mut Server) -> Result<(), local::Error>,
    ) -> Result<(), Failed> {
        self.writer = None;
        self.senders.clear();
        restart(&mut self.server)?;
        self.answers = true;
        Ok(())
    }

    fn said(&self) -> Result<Said, Failed> {
        let mut client = Client::connect(self.server.address(), LOOK_TIMEOUT)?;
        let info = client.text(&["INFO"])?;
        let replication = info::parse_replication(&info)?;
        let counter = |name: &str| {
            let mut fields = info.lines().filter_map(|line| line.split_once(':'));
            let value = fields.find(|(field, _)| *field == name).map(|(_, it)| it);
            value
                .and_then(|it| it.parse().ok())
                .ok_or("no such counter")
        };
        Ok(Said {
            replication,
            syncs: Syncs {
                full: counter("sync_full")?,
                partial: counter("sync_partial_ok")?,
                refused: counter("sync_partial_err")?,
            },
            holds_keys: info.contains("\ndb0:"),
        })
    }
}

impl Side for Real {
    fn act(&mut self, node: usize, deed: Deed) -> Result<String, Failed> {
        if let Deed::Start(start) = deed {
            self.nodes[node] = Some(self.start(start)?);
            return Ok("ok".to_owned());
        }
        if let Deed::Follow(target) = deed {
            return self.follow(node, target);
        }
        let node = self.nodes[node].as_mut();
        node.ok_or("that node was never started")?.act(deed)
    }

    fn look(&mut self, node: usize) -> Option<Said> {
        // What does not answer is compared as that.
        let node = self.nodes[node].as_ref().filter(|node| node.answers)?;
        node.said().ok()
    }

    fn node_at(&self, address: &Address) -> Option<usize> {
        let is = |it: SocketAddr| {
            address.port() == it.port() && address.host() == it.ip().to_string().as_str()
        };
        let nodes = || self.nodes.iter().flatten();
        // Relays lead to the first node.
        let relayed = nodes().any(|node| node.relay.as_ref().is_some_and(|it| is(it.address())));
        let at = |node: &Option<Node>| node.as_ref().is_some_and(|it| is(it.server.address()));
        let node = self.nodes.iter().position(at);
        node.or_else(|| relayed.then_some(0))
    }
}

fn tombstone() -> (String, String) {
    let tombstone = Address::tombstone();
    (tombstone.host().to_string(), tombstone.port().to_string())
}

/// `ok`, the code of an error, or what was said.
fn word(reply: &Reply) -> String {
    let text = reply.to_string();
    if let Reply::Error(text) = reply {
        text.split(' ').next().unwrap_or_default().to_owned()
    } else if text.starts_with("OK") {
        "ok".to_owned()
    } else {
        text
    }
}

/// A `SET` of another key that takes exactly so many bytes of stream.
fn write_of(bytes: u64, number: usize) -> Result<[String; 3], Failed> {
    let length = usize::try_from(bytes)?;
    let bulk = |length: usize| 1 + length.to_string().len() + 2 + length + 2;
    let around = "*3\r\n".len() + bulk("SET".len());
    for width in 3..6 {
        let key = format!("{number:0width$}");
        let fits = |value: &usize| around + bulk(key.len()) + bulk(*value) == length;
        if let Some(value) = (0..=length).find(fits) {
            return Ok(["SET".to_owned(), key, "v".repeat(value)]);
        }
    }
    Err(format!("no SET has {bytes} bytes").into())
}
