//! The settings of a node, typed, and what they demand of each other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bascule_delivery::target::egress::Egress;
use bascule_model::arn::Scope;
use bascule_model::fault::Fault;
use bascule_model::limits::USER_IDENTITIES_LIMIT_COUNT;
use bascule_model::name::AccountId;
use bascule_model::uid::NodeId;
use bascule_pki::spiffe::SpiffeId;
use bascule_pki::token;
use bascule_replication::group::Timing;
use bascule_storage::tables::Compression;
use tracing::Level;

use crate::config::layers::{Value, Values};
use crate::config::{Place, Refused};
use crate::limits::ZONE_LIMIT_CHARS;

/// Everything that the configuration says.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `[node]`.
    pub node: Node,
    /// `[listen]`.
    pub listen: Listen,
    /// `[peers]`.
    pub peers: Peers,
    /// `[tls]`.
    pub tls: Tls,
    /// `[keys] root`: the file of the root key, outside the data folder.
    pub root_key: PathBuf,
    /// `[storage] compress_tables`: whether rows are compressed on disk, sealed as they are.
    pub compression: Compression,
    /// `[limits]`.
    pub limits: Limits,
    /// `[delivery]`.
    pub delivery: Delivery,
    /// `[log]`.
    pub log: Log,
    /// `[raft]`.
    pub timing: Timing,
    /// `[raft] start_limit_ms`: how long groups may take to be led at a start.
    pub start_limit: Duration,
}

/// Which node this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Folder of everything that it keeps.
    pub data: PathBuf,
    /// Its id, for life.
    pub id: NodeId,
    /// Where it stands.
    pub zone: String,
    /// Partition, region and account of the cluster's ARNs; operators act in that account.
    pub scope: Scope,
    /// Shard groups that `init` makes.
    pub groups: u32,
}

/// Where it listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// gRPC.
    pub grpc: SocketAddr,
    /// The other nodes; none in `dev`, unless it is set.
    pub peer: Option<SocketAddr>,
    /// Health and metrics.
    pub admin: SocketAddr,
}

/// The other nodes of its cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peers {
    /// Where they find this one, `host:port`; none: wherever its listener turns out to be.
    pub address: Option<String>,
    /// Where they are, in the place of what the cluster knows.
    pub seeds: BTreeMap<NodeId, String>,
}

/// Its certificates, and who may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Where `init` puts what it issues.
    pub folder: PathBuf,
    /// Names and addresses that the server's certificate is issued for; the first stands in the context file.
    pub names: Vec<String>,
    /// The server's chain.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Authorities of clients.
    pub authorities: PathBuf,
    /// Whether those three come from elsewhere, so that `init` issues nothing.
    pub foreign: bool,
    /// Revocation lists.
    pub crls: Vec<PathBuf>,
    /// SPIFFE ids of the first administrator; empty: the one that `init` issues a certificate for.
    pub operators: BTreeSet<String>,
}

/// How much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections.
    pub connections: usize,
    /// Connections of one address.
    pub address_connections: usize,
    /// A connection's age.
    pub connection_age_ms: u64,
    /// Calls.
    pub calls: usize,
    /// Calls of a certificate's identity in a second.
    pub principal_calls_per_second: u32,
    /// Events on a bus in a second.
    pub bus_events_per_second: u32,
    /// An orderly stop.
    pub stop: Duration,
}

/// How events go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Open attempts and unwritten outcomes of a group.
    pub max_unconfirmed: usize,
    /// Ranges that are not public and in which targets may be.
    pub allow_private: Vec<String>,
    /// More authorities for targets.
    pub roots: Option<PathBuf>,
    /// Folder of the log target; none: the daemon's own log.
    pub log_folder: Option<PathBuf>,
}

/// What is logged, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// From which level on.
    pub level: Level,
    /// In which form.
    pub format: Format,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text on a terminal, else JSON.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Makes settings of values.
///
/// # Errors
/// [`Refused`].
pub fn build(values: Values) -> Result<Settings, Refused> {
    let mut reading = Reading { values };
    let node = reading.node();
    let listen = reading.listen();
    let peers = reading.peers(listen.peer);
    let tls = reading.tls();
    let root_key = reading.path("keys.root");
    let compression = match reading.values.take("storage.compress_tables") {
        Some((Value::Flag(false), _)) => Compression::Off,
        _ => Compression::On,
    };
    let limits = Limits {
        connections: reading.size("limits.connections"),
        address_connections: reading.size("limits.address_connections"),
        connection_age_ms: reading.count("limits.connection_age_ms"),
        calls: reading.size("limits.calls"),
        principal_calls_per_second: reading.rate("limits.principal_calls_per_second"),
        bus_events_per_second: reading.rate("limits.bus_events_per_second"),
        stop: Duration::from_millis(reading.count("limits.stop_ms")),
    };
    let delivery = reading.delivery();
    let log = reading.log();
    let timing = reading.timing();
    let start_limit = Duration::from_millis(reading.count("raft.start_limit_ms"));
    if let Some(node) = &node {
        reading.apart("keys.root", &root_key, &node.data);
        reading.apart("tls.folder", &tls.folder, &node.data);
        if let Some(folder) = &delivery.log_folder {
            reading.apart("delivery.log_folder", folder, &node.data);
        }
    }
    match (node, reading.values.problems()) {
        (Some(node), problems) if problems.is_empty() => {
            Ok(Settings { node, listen, peers, tls, root_key, compression, limits, delivery, log, timing, start_limit })
        }
        (_, problems) => Err(Refused(problems)),
    }
}

/// Takes values one by one; what is missing has its problem noted, so that whatever stands in its place is never used.
struct Reading {
    values: Values,
}

/// A partition and a region that are sound, to judge the other half of a scope by.
const SOUND: (&str, &str) = ("aws", "us-east-1");

impl Reading {
    fn node(&mut self) -> Option<Node> {
        let data = self.path("node.data");
        let id = NodeId(self.count("node.id"));
        let zone = self.checked("node.zone", |text| {
            let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
            let fits = plain && text.len() <= ZONE_LIMIT_CHARS;
            fits.then(|| text.to_owned()).ok_or(format!("must match `[A-Za-z0-9._-]{{1,{ZONE_LIMIT_CHARS}}}`"))
        });
        let scope = self.scope();
        let groups = u32::try_from(self.count("node.groups")).unwrap_or(u32::MAX);
        Some(Node { data, id, zone: zone.unwrap_or_default(), scope: scope?, groups })
    }

    /// `None` has its problem noted: each part is judged by itself, so that each has its own line.
    fn scope(&mut self) -> Option<Scope> {
        let account = self.checked("node.account", |text| AccountId::parse(text).map_err(reason));
        let any = account.unwrap_or_default();
        let partition = self.checked("node.partition", |text| judged(text, SOUND.1, any).map(|_| text.to_owned()));
        let region = self.checked("node.region", |text| judged(SOUND.0, text, any).map(|_| text.to_owned()));
        judged(&partition?, &region?, account?).ok()
    }

    fn listen(&mut self) -> Listen {
        let grpc = self.address("listen.grpc");
        let peer = self.maybe_address("listen.peer");
        let (admin, place) = self.address("listen.admin");
        let exposed = matches!(self.values.take("listen.admin_exposed"), Some((Value::Flag(true), _)));
        if !exposed && !admin.ip().is_loopback() {
            let text = format!(
                "`listen.admin` is `{admin}`, which others can reach, and it asks nobody who they are; set \
                 `listen.admin_exposed = true` if that is meant"
            );
            self.values.problem(place, text);
        }
        Listen { grpc: grpc.0, peer, admin }
    }

    fn peers(&mut self, listen: Option<SocketAddr>) -> Peers {
        let said = self.checked("peers.address", |text| match token::address_fault(text) {
            None => Ok(text.to_owned()),
            Some(why) => Err(format!("must be `host:port`: {why}")),
        });
        if let Some(listen) = listen.filter(|listen| listen.ip().is_unspecified() && said.is_none()) {
            let text = format!("`peers.address` must be set where `listen.peer` is `{listen}`: nobody can call that");
            self.values.problem(Place::Unsaid, text);
        }
        let address = said.or_else(|| listen.filter(|listen| listen.port() != 0).map(|listen| listen.to_string()));
        let (texts, place) = self.texts("peers.seeds");
        let mut seeds = BTreeMap::new();
        for text in texts {
            match seed(&text) {
                Some((node, address)) if !seeds.contains_key(&node) => drop(seeds.insert(node, address)),
                Some((node, _)) => {
                    self.values.problem(place.clone(), format!("`peers.seeds` names node `{}` twice", node.0));
                }
                None => self.values.problem(place.clone(), format!("`peers.seeds`: `{text}` must be `N=host:port`")),
            }
        }
        Peers { address, seeds }
    }

    fn tls(&mut self) -> Tls {
        let folder = self.path("tls.folder");
        let names = self.names();
        let own = ["tls.certificate", "tls.key", "tls.authorities"].map(|name| self.maybe_path(name));
        let foreign = own.iter().any(Option::is_some);
        if foreign && own.iter().any(Option::is_none) {
            let text = "`tls.certificate`, `tls.key` and `tls.authorities` are set all three or not at all";
            self.values.problem(Place::Unsaid, text.to_owned());
        }
        let [certificate, key, authorities] = own;
        let operators = self.operators(foreign);
        Tls {
            certificate: certificate.unwrap_or_else(|| folder.join("server.pem")),
            key: key.unwrap_or_else(|| folder.join("server.key")),
            authorities: authorities.unwrap_or_else(|| folder.join("authority.pem")),
            foreign,
            crls: self.paths("tls.crls"),
            operators,
            names,
            folder,
        }
    }

    fn names(&mut self) -> Vec<String> {
        let (names, place) = self.texts("tls.names");
        if names.is_empty() {
            self.values.problem(place, "`tls.names` must name at least one".to_owned());
        }
        names
    }

    fn operators(&mut self, foreign: bool) -> BTreeSet<String> {
        let (operators, place) = self.texts("tls.operators");
        for error in operators.iter().filter_map(|id| SpiffeId::parse(id).err()) {
            self.values.problem(place.clone(), format!("`tls.operators`: {error}"));
        }
        if foreign && operators.is_empty() {
            let text = "`tls.operators` must name somebody where the certificates come from elsewhere";
            self.values.problem(place.clone(), text.to_owned());
        }
        let operators: BTreeSet<String> = operators.into_iter().collect();
        if operators.len() > USER_IDENTITIES_LIMIT_COUNT {
            let (count, max) = (operators.len(), USER_IDENTITIES_LIMIT_COUNT);
            self.values.problem(place, format!("`tls.operators` has {count} ids, and a user has at most {max}"));
        }
        operators
    }

    fn delivery(&mut self) -> Delivery {
        let max_unconfirmed = self.size("delivery.max_unconfirmed_deliveries");
        let (allow_private, place) = self.texts("delivery.allow_private");
        if let Err(error) = Egress::new(allow_private.clone()) {
            self.values.problem(place, format!("`delivery.allow_private`: {error}"));
        }
        let (roots, log_folder) = (self.maybe_path("delivery.roots"), self.maybe_path("delivery.log_folder"));
        Delivery { max_unconfirmed, allow_private, roots, log_folder }
    }

    fn log(&mut self) -> Log {
        let level = self.checked("log.level", |text| text.parse().map_err(|_| "is no level".to_owned()));
        let format = self.checked("log.format", |text| {
            Ok(match text {
                "json" => Format::Json,
                "text" => Format::Text,
                _ => Format::Auto,
            })
        });
        Log { level: level.unwrap_or(Level::INFO), format: format.unwrap_or(Format::Auto) }
    }

    fn timing(&mut self) -> Timing {
        let heartbeat_ms = self.count("raft.heartbeat_ms");
        let election_min_ms = self.count("raft.election_min_ms");
        let election_max_ms = self.count("raft.election_max_ms");
        if heartbeat_ms >= election_min_ms || election_min_ms >= election_max_ms {
            let text =
                "they must grow in this order: `raft.heartbeat_ms`, `raft.election_min_ms`, `raft.election_max_ms`";
            self.values.problem(Place::Unsaid, text.to_owned());
        }
        Timing { heartbeat_ms, election_min_ms, election_max_ms }
    }

    /// What lies inside the data folder is copied with it, and backed up with it.
    fn apart(&mut self, name: &'static str, path: &Path, data: &Path) {
        if path.starts_with(data) {
            let text = format!("`{name}` is `{}`, inside the data folder `{}`", path.display(), data.display());
            self.values.problem(Place::Unsaid, text);
        }
    }

    fn checked<T>(&mut self, name: &'static str, check: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let Some((Value::Text(text), place)) = self.values.take(name) else { return None };
        match check(&text) {
            Ok(value) => Some(value),
            Err(why) => {
                self.values.problem(place, format!("`{name}` {why}"));
                None
            }
        }
    }

    fn count(&mut self, name: &'static str) -> u64 {
        match self.values.take(name) {
            Some((Value::Count(count), _)) => count,
            _ => 0,
        }
    }

    fn size(&mut self, name: &'static str) -> usize {
        usize::try_from(self.count(name)).unwrap_or(usize::MAX)
    }

    fn rate(&mut self, name: &'static str) -> u32 {
        u32::try_from(self.count(name)).unwrap_or(u32::MAX)
    }

    fn address(&mut self, name: &'static str) -> (SocketAddr, Place) {
        match self.values.take(name) {
            Some((Value::Address(address), place)) => (address, place),
            _ => (SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), Place::Unsaid),
        }
    }

    fn maybe_address(&mut self, name: &'static str) -> Option<SocketAddr> {
        match self.values.take(name) {
            Some((Value::Address(address), _)) => Some(address),
            _ => None,
        }
    }

    fn maybe_path(&mut self, name: &'static str) -> Option<PathBuf> {
        match self.values.take(name) {
            Some((Value::Path(path), _)) => Some(path),
            _ => None,
        }
    }

    fn path(&mut self, name: &'static str) -> PathBuf {
        self.maybe_path(name).unwrap_or_default()
    }

    fn paths(&mut self, name: &'static str) -> Vec<PathBuf> {
        match self.values.take(name) {
            Some((Value::Paths(paths), _)) => paths,
            _ => Vec::new(),
        }
    }

    fn texts(&mut self, name: &'static str) -> (Vec<String>, Place) {
        match self.values.take(name) {
            Some((Value::Texts(texts), place)) => (texts, place),
            _ => (Vec::new(), Place::Unsaid),
        }
    }
}

/// `N=host:port`.
fn seed(text: &str) -> Option<(NodeId, String)> {
    let (node, address) = text.split_once('=')?;
    let node = NodeId(node.parse().ok().filter(|node| *node > 0)?);
    token::address_fault(address).is_none().then(|| (node, address.to_owned()))
}

fn judged(partition: &str, region: &str, account: AccountId) -> Result<Scope, String> {
    Scope::new(partition, region, account).map_err(reason)
}

/// The part of a fault that says what must be.
fn reason(fault: Fault) -> String {
    match fault {
        Fault::Invalid { reason, .. } => reason.strip_prefix("it ").unwrap_or(&reason).to_owned(),
        other => other.to_string(),
    }
}
