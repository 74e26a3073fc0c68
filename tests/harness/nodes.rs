//! A cluster: nodes over zones on loopback, made by `init` and `join`, with wires between them that can be cut.
//!
//! In: how many nodes in which zones, and how many groups.
//! Out: running daemons that all vote, with the leads spread over them; how any of them sees the cluster.
//! Never: a fixed port, a wait without a deadline, or a process of somebody else that is ended.

mod changes;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bascule_api::admin::v1::{
    CreateJoinTokenRequest, CreateJoinTokenResponse, DescribeClusterRequest, DescribeClusterResponse,
};
use bascule_api::client::Context;
use bascule_model::ambient::Entropy;
use tempfile::TempDir;

use crate::Outcome;
use crate::binaries::Program;
use crate::chance::Air;
use crate::client::Client;
use crate::command::Said;
use crate::daemon::{Daemon, Options};
use crate::links::Links;
use crate::outsiders::Outsiders;
use crate::receiver::{Receiver, SECRET};
use crate::wait;

/// How long a cluster may take to form, or to be whole again after a fault.
pub const FORM_LIMIT: Duration = Duration::from_secs(60);
/// How long one look at the cluster may take; one that is cut off answers late.
const LOOK_LIMIT: Duration = Duration::from_secs(5);
/// Replicas of a group, if there are so many nodes.
const REPLICAS: usize = 3;
/// The same of the control group.
const CONTROL_REPLICAS: usize = 5;
/// Ports that are chosen from: below those that the system gives to whoever asks for any.
const PORTS: std::ops::Range<u16> = 12_000..32_000;
/// Ports that are tried before it is given up.
const PORT_TRIES: usize = 1_000;

/// By what way nodes reach each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ways {
    /// Over wires that can be cut, whose relays run in the test's own process.
    #[default]
    Wired,
    /// By themselves: where the relays' time would be measured too.
    Straight,
}

/// What a cluster is to be.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The zone of each node, from node 1 on.
    pub zones: Vec<String>,
    /// Shard groups.
    pub groups: u32,
    /// Settings of every node, `section.key=value`.
    pub settings: Vec<String>,
    /// More environment of every node.
    pub environment: Vec<(String, String)>,
    /// The folder around everything, kept; none: one that is made, and goes with the [`Nodes`].
    pub home: Option<PathBuf>,
    /// The daemon's binary; none: the one that is built.
    pub binary: Option<PathBuf>,
    /// By what way they reach each other.
    pub ways: Ways,
}

impl Plan {
    /// A node in each of so many zones, `zone-1` and so on, and as many shard groups.
    #[must_use]
    pub fn zones(count: u32) -> Self {
        let zones = (1..=count).map(|nth| format!("zone-{nth}")).collect();
        Self {
            zones,
            groups: count,
            settings: Vec::new(),
            environment: Vec::new(),
            home: None,
            binary: None,
            ways: Ways::Wired,
        }
    }

    /// With this setting on every node, for instance `log.level=debug`.
    #[must_use]
    pub fn set(mut self, setting: &str) -> Self {
        self.settings.push(setting.to_owned());
        self
    }
}

/// Where a node is.
#[derive(Debug, Clone)]
struct Place {
    number: u64,
    zone: String,
    home: PathBuf,
    grpc: SocketAddr,
    peer: SocketAddr,
    admin: SocketAddr,
}

/// A cluster. Dropping it kills its nodes.
#[derive(Debug)]
pub struct Nodes {
    plan: Plan,
    binary: PathBuf,
    home: PathBuf,
    places: Vec<Place>,
    daemons: Vec<Daemon>,
    links: Links,
    _passing: Option<TempDir>,
}

impl Nodes {
    /// Makes the first node by `init`, the others by `join`, and waits until the cluster is whole.
    ///
    /// # Errors
    /// A program is not there or fails, or the cluster is not whole within [`FORM_LIMIT`].
    pub async fn form(plan: &Plan) -> Outcome<Self> {
        let mut nodes = Self::first(plan)?;
        for number in 2..=nodes.places.len() as u64 {
            let token = nodes.token("").await?;
            let said = nodes.join(number, &token)?;
            ensure!(said.code == Some(0), "node {number} was not let in: {}", said.errors);
            ensure!(
                said.output.contains(&format!("node {number} of")),
                "node {number} has another number: {}",
                said.output
            );
            nodes.start(number)?;
        }
        nodes.whole(FORM_LIMIT).await?;
        Ok(nodes)
    }

    /// The first node of the plan alone; the others have a configuration and nothing else, and [`Nodes::join`] makes them.
    ///
    /// # Errors
    /// A program is not there or fails.
    pub fn first(plan: &Plan) -> Outcome<Self> {
        let binary = plan.binary.clone().map_or_else(|| Program::Daemon.find(), Ok)?;
        let passing = match &plan.home {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("bascule-nodes-").tempdir()?),
        };
        let home = plan.home.clone().or_else(|| passing.as_ref().map(|folder| folder.path().to_owned()));
        let home = home.context("nodes need a folder")?;
        let places = places(&home, &plan.zones)?;
        let wired: Vec<(u64, SocketAddr)> = places.iter().map(|place| (place.number, place.peer)).collect();
        let links = Links::between(&wired)?;
        let plan = plan.clone();
        let mut nodes = Self { plan, binary, home, places, daemons: Vec::new(), links, _passing: passing };
        for place in &nodes.places {
            nodes.configure(place)?;
        }
        let config = nodes.config_path(1)?;
        let said = nodes.basculed(&["init", "--config", &config.display().to_string()])?;
        ensure!(said.code == Some(0), "the first node was not made: {}", said.errors);
        nodes.start(1)?;
        Ok(nodes)
    }

    /// The folder around everything.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The numbers of all nodes.
    #[must_use]
    pub fn numbers(&self) -> Vec<u64> {
        self.places.iter().map(|place| place.number).collect()
    }

    /// A node's zone.
    ///
    /// # Errors
    /// There is no such node.
    pub fn zone(&self, number: u64) -> Outcome<&str> {
        Ok(&self.place(number)?.zone)
    }

    /// The wires between the nodes.
    #[must_use]
    pub const fn links(&self) -> &Links {
        &self.links
    }

    /// A node that was started.
    ///
    /// # Errors
    /// There is none.
    pub fn node(&self, number: u64) -> Outcome<&Daemon> {
        self.daemons.get(index(number)).with_context(|| format!("node {number} was never started"))
    }

    /// The same, to be killed or started again.
    ///
    /// # Errors
    /// There is none.
    pub fn node_mut(&mut self, number: u64) -> Outcome<&mut Daemon> {
        self.daemons.get_mut(index(number)).with_context(|| format!("node {number} was never started"))
    }

    /// As the operator, at this node.
    ///
    /// # Errors
    /// It was never started, or a file cannot be read.
    pub fn context(&self, number: u64) -> Outcome<Context> {
        self.node(number)?.context()
    }

    /// As the operator, at every node that was started.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn contexts(&self) -> Outcome<Vec<Context>> {
        self.daemons.iter().map(Daemon::context).collect()
    }

    /// As somebody whose certificate `context` has, at this node.
    ///
    /// # Errors
    /// There is no such node.
    pub fn at(&self, number: u64, context: &Context) -> Outcome<Context> {
        Ok(Context { endpoint: endpoint(self.place(number)?.grpc), ..context.clone() })
    }

    /// The operator's client at this node.
    ///
    /// # Errors
    /// It does not run, or refuses.
    pub async fn client(&self, number: u64) -> Outcome<Client> {
        Client::connect(&self.context(number)?).await
    }

    /// A receiver of deliveries that all nodes trust, which listens on loopback.
    ///
    /// # Errors
    /// It does not start.
    pub fn receiver(&self) -> Outcome<Receiver> {
        let pki = self.node(1)?.pki();
        let (certificate, key) = Outsiders::of(self.node(1)?)?.new_server()?;
        fs::write(pki.join("receiver.pem"), certificate)?;
        fs::write(pki.join("receiver.key"), key)?;
        Receiver::within(&self.home.join("receiver"), &pki, &[SECRET])
    }

    /// A token by which one node may join; `zone` empty: in any zone.
    ///
    /// # Errors
    /// The refusal.
    pub async fn token(&self, zone: &str) -> Outcome<String> {
        Ok(self.join_token(zone, 0).await?.token)
    }

    /// The same with a life in seconds, 0 for the default, and everything that is told of it.
    ///
    /// # Errors
    /// The refusal.
    pub async fn join_token(&self, zone: &str, life_seconds: u32) -> Outcome<CreateJoinTokenResponse> {
        let request =
            CreateJoinTokenRequest { zone: zone.to_owned(), life_seconds, ..CreateJoinTokenRequest::default() };
        Ok(self.client(1).await?.session().cluster().create_join_token(request).await?.into_inner())
    }

    /// Runs `basculed join` with a node's configuration.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn join(&self, number: u64, token: &str) -> Outcome<Said> {
        let config = self.config_path(number)?;
        self.basculed(&["join", "--config", &config.display().to_string(), "--token", token])
    }

    /// Starts a node that was made, for the first time. Nodes are started in order of their numbers.
    ///
    /// # Errors
    /// It does not come to serve.
    pub fn start(&mut self, number: u64) -> Outcome {
        ensure!(self.daemons.len() == index(number), "node {number} is not the next to be started");
        let place = self.place(number)?;
        // Joined nodes have no operator of their own: all are asked with the first one's certificate.
        let pki = self.places.first().context("no nodes")?.home.join("pki");
        let context = format!(
            "endpoint = \"{}\"\nca = \"{pki}/authority.pem\"\ncertificate = \"{pki}/operator.pem\"\nkey = \"{pki}/operator.key\"\n",
            endpoint(place.grpc),
            pki = pki.display()
        );
        fs::write(place.home.join("context.toml"), context)?;
        let mut options = Options::default().home(&place.home).config(&self.config_path(number)?).binary(&self.binary);
        options.settings.clone_from(&self.plan.settings);
        options.environment.clone_from(&self.plan.environment);
        self.daemons.push(Daemon::start(&options)?);
        Ok(())
    }

    /// Starts nodes that are down together, since none of them may serve before a quorum is there, with these words on their command
    /// lines. Which of them do not come to serve, and why.
    ///
    /// # Errors
    /// One was never started or runs, or the system's.
    pub fn start_together(&mut self, numbers: &[u64], words: &[&str]) -> Outcome<Vec<(u64, anyhow::Error)>> {
        let mut starting = Vec::new();
        for number in numbers {
            starting.push((*number, self.node_mut(*number)?.launch(words)?));
        }
        let mut refused = Vec::new();
        for (number, starting) in starting {
            if let Err(error) = self.node_mut(number)?.serving(&starting) {
                refused.push((number, error.context(format!("node {number} does not start"))));
            }
        }
        Ok(refused)
    }

    /// How a node sees the cluster now.
    ///
    /// # Errors
    /// It cannot be asked, refuses, or does not answer in time.
    pub async fn status(&self, number: u64) -> Outcome<DescribeClusterResponse> {
        let look = async {
            let client = self.client(number).await?;
            let answer = client.session().cluster().describe_cluster(DescribeClusterRequest {}).await?;
            Ok(answer.into_inner())
        };
        tokio::time::timeout(LOOK_LIMIT, look).await.with_context(|| format!("node {number} said nothing"))?
    }

    /// Waits until every node is reached, every group has all its voters with everything in its log, nothing is left to move, and
    /// every node leads something.
    ///
    /// # Errors
    /// The limit passed; what was still amiss is in the message.
    pub async fn whole(&self, limit: Duration) -> Outcome {
        self.whole_among(&self.numbers(), limit).await
    }

    /// The same of a cluster that has these nodes of the plan and no others.
    ///
    /// # Errors
    /// As [`Nodes::whole`].
    pub async fn whole_among(&self, asked: &[u64], limit: Duration) -> Outcome {
        let mut amiss = String::new();
        let seen = wait::until("the cluster is whole", limit, async || {
            for number in asked {
                amiss = match self.status(*number).await {
                    Ok(status) => amiss_in(&status, asked.len()).unwrap_or_default(),
                    Err(error) => format!("node {number}: {error:#}"),
                };
                if !amiss.is_empty() {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        });
        let done = seen.await;
        done.with_context(|| amiss)
    }

    /// The node that leads a group, as these nodes say who can be asked. Group 0 is the control group.
    ///
    /// # Errors
    /// None of them names one within the patience of tests.
    pub async fn leader(&self, group: u32, asked: &[u64]) -> Outcome<u64> {
        wait::until(&format!("a leader of group {group}"), wait::PATIENCE, async || {
            for number in asked {
                let Ok(status) = self.status(*number).await else { continue };
                let leader = status.groups.iter().find(|seen| seen.id == group).map_or(0, |seen| seen.leader_node_id);
                if asked.contains(&leader) {
                    return Ok(Some(leader));
                }
            }
            Ok(None)
        })
        .await
    }

    /// Stops every node in order, all at once, and shows no logs: for whoever ends well.
    ///
    /// # Errors
    /// One does not end, or ends with a failure.
    pub fn end(mut self) -> Outcome {
        for daemon in &self.daemons {
            daemon.ask_to_stop()?;
        }
        for mut daemon in self.daemons.drain(..) {
            let status = daemon.await_end()?;
            ensure!(status.success(), "basculed ended with {status}:\n{}", daemon.log_end());
            // Dropped, it would show the end of its log.
            std::mem::forget(daemon);
        }
        Ok(())
    }

    /// All nodes but this one.
    #[must_use]
    pub fn others(&self, number: u64) -> Vec<u64> {
        self.numbers().into_iter().filter(|other| *other != number).collect()
    }

    fn place(&self, number: u64) -> Outcome<&Place> {
        self.places.get(index(number)).with_context(|| format!("there is no node {number}"))
    }

    fn config_path(&self, number: u64) -> Outcome<PathBuf> {
        Ok(self.place(number)?.home.join("node.toml"))
    }

    fn configure(&self, place: &Place) -> Outcome {
        let Place { number, zone, home, grpc, peer, admin } = place;
        fs::create_dir_all(home)?;
        // A node that joins is told its number.
        let id = if *number == 1 { "id = 1\n" } else { "" };
        let mut seeds = Vec::new();
        for other in self.places.iter().filter(|other| other.number != *number) {
            let place = match self.plan.ways {
                Ways::Wired => self.links.place(*number, other.number)?,
                Ways::Straight => other.peer,
            };
            seeds.push(format!("\"{}={place}\"", other.number));
        }
        let text = format!(
            "[node]\ndata = \"{home}/data\"\nzone = \"{zone}\"\nregion = \"us-east-1\"\naccount = \"000000000000\"\ngroups = {groups}\n{id}\
             [listen]\ngrpc = \"{grpc}\"\npeer = \"{peer}\"\nadmin = \"{admin}\"\n\
             [peers]\nseeds = [{seeds}]\n\
             [tls]\nfolder = \"{home}/pki\"\nnames = [\"localhost\", \"127.0.0.1\"]\n\
             [keys]\nroot = \"{home}/root.key\"\n\
             [delivery]\nallow_private = [\"127.0.0.0/8\"]\nroots = \"{home}/pki/authority.pem\"\n\
             [log]\nformat = \"text\"\n",
            home = home.display(),
            groups = self.plan.groups,
            seeds = seeds.join(", "),
        );
        Ok(fs::write(home.join("node.toml"), text)?)
    }

    fn basculed(&self, words: &[&str]) -> Outcome<Said> {
        let environment = self.plan.environment.iter().map(|(name, value)| (name, value));
        let done = Command::new(&self.binary).args(words).envs(environment).stdin(Stdio::null()).output();
        let done = done.with_context(|| format!("`{}` cannot be run", self.binary.display()))?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Said { code: done.status.code(), output: text(done.stdout), errors: text(done.stderr) })
    }
}

/// What keeps a cluster of so many nodes from being whole.
fn amiss_in(status: &DescribeClusterResponse, count: usize) -> Option<String> {
    if status.nodes.len() != count {
        return Some(format!("{} nodes of {count}", status.nodes.len()));
    }
    for sight in &status.nodes {
        let number = sight.node.as_ref().map_or(0, |node| node.id);
        if !sight.reachable || sight.led_group_count == 0 {
            let (reached, led) = (sight.reachable, sight.led_group_count);
            return Some(format!("node {number}: reachable {reached}, leads {led}"));
        }
    }
    for group in &status.groups {
        let ready = group.replicas.iter().filter(|replica| replica.votes && replica.caught_up).count();
        let wanted = if group.id == 0 && count >= CONTROL_REPLICAS { CONTROL_REPLICAS } else { count.min(REPLICAS) };
        if ready != wanted || group.leader_node_id == 0 {
            return Some(format!("`{}`: {ready} voters, led by {}", group.name, group.leader_node_id));
        }
    }
    let steps = status.plan.as_ref().map_or(0, |plan| plan.steps.len());
    (steps > 0).then(|| format!("{steps} steps are left"))
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX).wrapping_sub(1)
}

fn endpoint(grpc: SocketAddr) -> String {
    format!("https://localhost:{}", grpc.port())
}

fn places(home: &Path, zones: &[String]) -> Outcome<Vec<Place>> {
    // All are held until all are found, so that no two are the same.
    let held = (0..zones.len() * 3).map(|_| free_port()).collect::<Outcome<Vec<TcpListener>>>()?;
    let mut addresses = Vec::new();
    for listener in &held {
        addresses.push(listener.local_addr()?);
    }
    let places = zones.iter().zip(addresses.chunks_exact(3)).zip(1..).map(|((zone, addresses), number)| Place {
        number,
        zone: zone.clone(),
        home: home.join(format!("node-{number}")),
        grpc: addresses[0],
        peer: addresses[1],
        admin: addresses[2],
    });
    Ok(places.collect())
}

fn free_port() -> Outcome<TcpListener> {
    for _ in 0..PORT_TRIES {
        let mut bytes = [0; 2];
        Air.fill(&mut bytes)?;
        let port = PORTS.start + u16::from_le_bytes(bytes) % (PORTS.end - PORTS.start);
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return Ok(listener);
        }
    }
    bail!("no port is free")
}
