//! The nodes of a cluster, each a daemon of its own in a zone of its own: founded, joined, killed, stopped, started again.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bascule_api::admin::v1::CreateJoinTokenRequest;
use bascule_api::client::Context;
use bascule_tests::Outcome;
use bascule_tests::binaries::Program;
use bascule_tests::client::Client;
use bascule_tests::wait;
use rustix::process::{Pid, Signal, kill_process};

use crate::disk::Disk;
use crate::failover::links::Links;

/// Open attempts and outcomes of a group that are not written: what a failover may repeat.
pub const UNCONFIRMED_DELIVERIES: u64 = 256;
/// Shard groups of the cluster.
pub const GROUPS: u32 = 3;
/// How long a start may take, recovery included.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Ports below those that the system gives to whoever asks for any.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// Lines of a log that are shown where a start fails.
const SHOWN_LINES: usize = 20;

/// How all nodes are started.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// Another binary.
    pub binary: Option<PathBuf>,
    /// More environment.
    pub environment: Option<(&'static str, &'static str)>,
    /// Whether each has a disk whose power can be cut.
    pub has_disks: bool,
}

/// All nodes, by their numbers, and the network between them. Dropping them kills them.
pub struct Nodes {
    nodes: BTreeMap<u64, Node>,
    /// The network.
    pub links: Links,
    home: PathBuf,
}

struct Node {
    child: Option<Child>,
    // Unmounted once the process is gone.
    disk: Option<Disk>,
    binary: PathBuf,
    environment: Option<(&'static str, &'static str)>,
    home: PathBuf,
    grpc: SocketAddr,
}

/// A daemon that does not serve yet.
pub struct Starting {
    node: u64,
    lines: Receiver<String>,
}

impl Nodes {
    /// Founds a cluster in this folder: the first node by `init`, the others by a token each, every one in a zone of its own.
    ///
    /// # Errors
    /// A daemon does not start, or the cluster does not take it.
    pub async fn found(home: &Path, count: u64, manner: &Manner) -> Outcome<Self> {
        let mut ports = ports(usize::try_from(3 * count)?)?.into_iter();
        let mut next = || ports.next().context("no port is left");
        let mut places = BTreeMap::new();
        for id in 1..=count {
            places.insert(id, [next()?, next()?, next()?]);
        }
        let peers = places.iter().map(|(id, [_, peer, _])| (*id, *peer)).collect();
        let links = Links::between(&peers).await?;
        let mut nodes = Self { nodes: BTreeMap::new(), links, home: home.to_owned() };
        for (id, addresses) in &places {
            let node = Node::prepare(*id, home, *addresses, &nodes.links, &peers, manner)?;
            let config = node.home.join("node.toml");
            if *id == 1 {
                node.run_verb(&["init", "--config"], &config, &[])?;
            } else {
                let token = nodes.token(&zone(*id)).await?;
                node.run_verb(&["join", "--config"], &config, &["--token", &token])?;
            }
            nodes.nodes.insert(*id, node);
            let starting = nodes.spawn(*id, &[])?;
            nodes.serving(starting).await?;
        }
        Ok(nodes)
    }

    async fn token(&self, zone: &str) -> Outcome<String> {
        let client = Client::connect(&self.context(1)?).await?;
        let request = CreateJoinTokenRequest { zone: zone.to_owned(), ..CreateJoinTokenRequest::default() };
        Ok(client.session().cluster().create_join_token(request).await?.into_inner().token)
    }

    /// The nodes' numbers.
    pub fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.nodes.keys().copied()
    }

    /// As the operator, at one node.
    ///
    /// # Errors
    /// A file of the first node, who founded the cluster, cannot be read.
    pub fn context(&self, id: u64) -> Outcome<Context> {
        let read = |name: &str| {
            let path = self.pki().join(name);
            fs::read(&path).with_context(|| format!("`{}`", path.display()))
        };
        Ok(Context {
            endpoint: format!("https://{}", self.node(id)?.grpc),
            ca: read("authority.pem")?,
            cert: read("operator.pem")?,
            key: read("operator.key")?,
        })
    }

    /// The folder of certificates of the node that founded the cluster.
    #[must_use]
    pub fn pki(&self) -> PathBuf {
        self.home.join("node-1").join("pki")
    }

    /// Starts a daemon that is down, with these words beside its configuration. It serves once [`Nodes::serving`] says so.
    ///
    /// # Errors
    /// The system's.
    pub fn spawn(&mut self, id: u64, words: &[&str]) -> Outcome<Starting> {
        let node = self.node_mut(id)?;
        ensure!(node.child.is_none(), "node {id} runs");
        let log = OpenOptions::new().create(true).append(true).open(node.home.join("daemon.log"))?;
        let mut command = Command::new(&node.binary);
        command.arg("--config").arg(node.home.join("node.toml")).args(words).envs(node.environment);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let output = child.stdout.take().context("its output is not piped")?;
        node.child = Some(child);
        let (send, lines) = mpsc::sync_channel(16);
        // Reads on to the end, or the daemon would stand still at a full pipe.
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Who heard of the start listens no more.
                let _ = send.try_send(line);
            }
        });
        Ok(Starting { node: id, lines })
    }

    /// Waits until it serves. One that does not is killed.
    ///
    /// # Errors
    /// It ended, or said nothing in time.
    pub async fn serving(&mut self, starting: Starting) -> Outcome {
        let Starting { node, lines } = starting;
        let what = format!("node {node} serves");
        let said = wait::until(&what, START_LIMIT, async || match lines.try_recv() {
            Ok(line) => Ok(Some(line)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => bail!("it ended before it served"),
        });
        let said = said.await.and_then(|line| {
            ensure!(line.contains("\"ready\""), "no ready line: `{line}`");
            Ok(())
        });
        if let Err(error) = said {
            self.kill(node)?;
            let log = self.node(node)?.log_end();
            return Err(error.context(format!("node {node} does not start; its log ends so:\n{log}")));
        }
        Ok(())
    }

    /// Kills it as a power cut would: no handler runs.
    ///
    /// # Errors
    /// It does not run, or the system's.
    pub fn kill(&mut self, id: u64) -> Outcome {
        let mut child = self.node_mut(id)?.child.take().with_context(|| format!("node {id} does not run"))?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Whether it has not ended by itself.
    ///
    /// # Errors
    /// There is no such node, or the system's.
    pub fn is_running(&mut self, id: u64) -> Outcome<bool> {
        let Some(child) = &mut self.node_mut(id)?.child else { return Ok(false) };
        Ok(child.try_wait()?.is_none())
    }

    /// The end of its log.
    ///
    /// # Errors
    /// There is no such node.
    pub fn log_end(&self, id: u64) -> Outcome<String> {
        Ok(self.node(id)?.log_end())
    }

    /// Stands it still.
    ///
    /// # Errors
    /// It does not run, or the system's.
    pub fn pause(&self, id: u64) -> Outcome {
        self.signal(id, Signal::STOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// It does not run, or the system's.
    pub fn go_on(&self, id: u64) -> Outcome {
        self.signal(id, Signal::CONT)
    }

    fn signal(&self, id: u64, signal: Signal) -> Outcome {
        let child = self.node(id)?.child.as_ref().with_context(|| format!("node {id} does not run"))?;
        kill_process(Pid::from_child(child), signal).context("the signal was not sent")
    }

    /// The disk of a node.
    ///
    /// # Errors
    /// It has none.
    pub fn disk(&self, id: u64) -> Outcome<&Disk> {
        self.node(id)?.disk.as_ref().with_context(|| format!("node {id} has no disk of its own"))
    }

    fn node(&self, id: u64) -> Outcome<&Node> {
        self.nodes.get(&id).with_context(|| format!("there is no node {id}"))
    }

    fn node_mut(&mut self, id: u64) -> Outcome<&mut Node> {
        self.nodes.get_mut(&id).with_context(|| format!("there is no node {id}"))
    }
}

impl Node {
    fn prepare(
        id: u64,
        home: &Path,
        addresses: [SocketAddr; 3],
        links: &Links,
        peers: &BTreeMap<u64, SocketAddr>,
        manner: &Manner,
    ) -> Outcome<Self> {
        let binary = match &manner.binary {
            Some(binary) => binary.clone(),
            None => Program::Daemon.find()?,
        };
        let home = home.join(format!("node-{id}"));
        let mount = home.join("disk");
        fs::create_dir_all(&mount)?;
        let image = home.join("image");
        let disk = if manner.has_disks { Some(Disk::make(&image, &mount)?) } else { None };
        let seeds = peers.keys().filter_map(|to| Some(format!("{to}={}", links.address(id, *to)?))).collect::<Vec<_>>();
        fs::write(home.join("node.toml"), configuration(id, &home, addresses, &seeds))?;
        Ok(Self { child: None, disk, binary, environment: manner.environment, home, grpc: addresses[0] })
    }

    fn run_verb(&self, words: &[&str], config: &Path, more: &[&str]) -> Outcome {
        let output = Command::new(&self.binary).args(words).arg(config).args(more).envs(self.environment).output()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`basculed {}` ended with {}: {errors}", words[0], output.status);
        Ok(())
    }

    fn log_end(&self) -> String {
        let Ok(file) = File::open(self.home.join("daemon.log")) else { return "no log".to_owned() };
        let lines: Vec<String> = BufReader::new(file).lines().map_while(Result::ok).collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn zone(id: u64) -> String {
    format!("zone-{id}")
}

fn configuration(id: u64, home: &Path, [grpc, peer, admin]: [SocketAddr; 3], seeds: &[String]) -> String {
    let path = |name: &str| home.join(name).display().to_string();
    // The others are told their number when they join.
    let number = if id == 1 { "id = 1\n" } else { "" };
    format!(
        "[node]\n{number}data = {:?}\nzone = {:?}\nregion = \"us-east-1\"\naccount = \"000000000000\"\ngroups = {GROUPS}\n\
         [listen]\ngrpc = \"{grpc}\"\npeer = \"{peer}\"\nadmin = \"{admin}\"\n\
         [peers]\naddress = \"{peer}\"\nseeds = {seeds:?}\n\
         [tls]\nfolder = {:?}\n[keys]\nroot = {:?}\n\
         [delivery]\nmax_unconfirmed_deliveries = {UNCONFIRMED_DELIVERIES}\nallow_private = [\"127.0.0.0/8\"]\nroots = {:?}\n",
        path("disk/data"),
        zone(id),
        path("pki"),
        path("keys/root.key"),
        path("pki/authority.pem"),
    )
}

/// Ports of loopback that nobody has, all held until all are found.
fn ports(count: usize) -> Outcome<Vec<SocketAddr>> {
    let start = PORTS.start + u16::try_from(std::process::id() % 10_000)?;
    let mut held = Vec::new();
    for port in (start..PORTS.end).chain(PORTS.start..start) {
        if held.len() == count {
            break;
        }
        held.extend(TcpListener::bind(("127.0.0.1", port)).ok());
    }
    ensure!(held.len() == count, "only {} ports are free of {count}", held.len());
    held.iter().map(|socket| Ok(socket.local_addr()?)).collect()
}
