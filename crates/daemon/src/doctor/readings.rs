//! What `doctor` reads before it judges: plain values, so that every judgement is a row of a test.

use std::net::SocketAddr;
use std::path::PathBuf;

use bascule_model::time::Millis;
use bascule_pki::inventory::Facts;

/// What was seen, or why it could not be.
pub type Seen<T> = Result<T, String>;

/// Everything.
#[derive(Debug, Clone)]
pub struct Readings {
    /// The configuration.
    pub configuration: Configuration,
    /// The machine, and what this process or the running daemon may do on it.
    pub host: Host,
    /// What the configuration speaks of; none where it is refused.
    pub node: Option<Node>,
}

/// The configuration.
#[derive(Debug, Clone, Default)]
pub struct Configuration {
    /// Its file; none: defaults, since none was named and none lies where it would.
    pub file: Option<PathBuf>,
    /// All that is wrong with it.
    pub problems: Vec<String>,
}

/// A limit of the system: a number, or none.
pub type Limit = Option<u64>;

/// The machine.
#[derive(Debug, Clone)]
pub struct Host {
    /// Files that may be open.
    pub open_files_limit: Seen<Limit>,
    /// Bytes of a core dump.
    pub core_limit_bytes: Seen<Limit>,
    /// What the kernel does with one.
    pub core_pattern: Seen<String>,
    /// Devices and files that pages are swapped to.
    pub swaps: Seen<Vec<String>>,
    /// Bytes of it that the daemon's control group may use.
    pub swap_limit_bytes: Seen<Limit>,
    /// Bytes of memory that it may use.
    pub memory_limit_bytes: Seen<Limit>,
    /// Bytes of memory of the machine.
    pub memory_bytes: Seen<u64>,
    /// The time.
    pub wall: Millis,
    /// Whether something says that the clock is synchronised.
    pub synchronised: Seen<bool>,
}

/// What the configuration speaks of.
#[derive(Debug, Clone)]
pub struct Node {
    /// The data folder.
    pub folder: DataFolder,
    /// The log target's folder, if there is to be one.
    pub log_folder: Option<LogFolder>,
    /// The disk under the data folder.
    pub disk: Disk,
    /// Files with keys.
    pub keys: Vec<KeyFile>,
    /// Whether the root key opens the folder's keys.
    pub root_key: Seen<Opened>,
    /// Certificates.
    pub trust: Trust,
    /// The other nodes.
    pub peers: Peers,
    /// Both ports of callers.
    pub ports: [Port; 2],
    /// `limits.connections`.
    pub connections: u64,
    /// `raft.election_min_ms`.
    pub election_min_ms: u64,
}

/// The data folder.
#[derive(Debug, Clone)]
pub struct DataFolder {
    /// Where.
    pub path: PathBuf,
    /// What it is.
    pub state: State,
    /// Permission bits and owner's uid.
    pub access: Seen<Access>,
    /// Who uses it.
    pub holder: Holder,
}

/// The folder of the log target's files.
#[derive(Debug, Clone)]
pub struct LogFolder {
    /// Where.
    pub path: PathBuf,
    /// Whether it lies in the data folder, links followed.
    pub inside: bool,
    /// Its mode and owner; none: it is not there.
    pub access: Seen<Option<Access>>,
}

/// What a data folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing is there, or nothing is in it: `init` was not run.
    Unmade,
    /// A cluster's, and what the configuration says of it fits.
    Made {
        /// Which cluster's.
        cluster: String,
    },
    /// Something is wrong with it.
    Wrong(String),
    /// This user may not look.
    Unseen(String),
}

/// Mode and owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Permission bits.
    pub mode: u32,
    /// The owner's uid.
    pub owner: u32,
}

/// Who holds a data folder's lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// Nobody.
    Nobody,
    /// A process, by its id.
    Process(u32),
    /// Somebody whose id is not seen from here.
    Somebody,
}

/// The disk.
#[derive(Debug, Clone)]
pub struct Disk {
    /// The folder that was looked at: the data folder, or the nearest one above it that is there.
    pub at: PathBuf,
    /// The magic number of its file system.
    pub kind: Seen<u64>,
    /// Whether it is mounted for reading alone.
    pub read_only: bool,
    /// Bytes: free to this user, and all.
    pub bytes: Seen<(u64, u64)>,
    /// Inodes: free, and all; zero of all where they are not counted.
    pub inodes: Seen<(u64, u64)>,
    /// Microseconds of each sync, in their order.
    pub syncs_us: Seen<Vec<u64>>,
}

/// A file with a key in it.
#[derive(Debug, Clone)]
pub struct KeyFile {
    /// Where.
    pub path: PathBuf,
    /// Whether a node needs it to run.
    pub needed: bool,
    /// Its mode and owner; none: it is not there.
    pub access: Seen<Option<Access>>,
}

/// What became of the data folder's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// The root key opens them.
    Yes,
    /// It does not, or is none.
    No(String),
}

/// Certificates.
#[derive(Debug, Clone)]
pub struct Trust {
    /// Whether they come from elsewhere.
    pub foreign: bool,
    /// Whether the listener takes its own; `Err` inside: why not. Outside: not made yet, or unseen.
    pub listener: Seen<Result<(), String>>,
    /// Each file of certificates.
    pub files: Vec<Chain>,
    /// When the first revocation list ends.
    pub lists_until_unix_s: Option<i64>,
    /// Whether the authorities of targets can be read; else why not.
    pub targets: Result<(), String>,
    /// A handshake by each name, as the operator.
    pub handshakes: Seen<Vec<(String, Result<(), String>)>>,
}

/// The certificates of one file.
#[derive(Debug, Clone)]
pub struct Chain {
    /// What they are for.
    pub purpose: &'static str,
    /// Where.
    pub path: PathBuf,
    /// Whether each stands for itself, so that one that is over is left out and the others go on.
    pub bundle: bool,
    /// What they say; not there or unreadable: why.
    pub facts: Seen<Vec<Facts>>,
}

/// The other nodes.
#[derive(Debug, Clone)]
pub struct Peers {
    /// The port that they call; none: the node is alone.
    pub port: Option<Port>,
    /// Whether a peer would take the node's certificate, and as which node's; `Err` inside: why not. Outside: unseen.
    pub certificate: Seen<Result<u64, String>>,
    /// What those answer whose addresses are configured.
    pub seeds: Seen<Vec<Seed>>,
}

/// A node whose address is configured.
#[derive(Debug, Clone)]
pub struct Seed {
    /// Its id.
    pub node: u64,
    /// Its address.
    pub address: String,
    /// What it answered.
    pub answer: Seen<Answer>,
}

/// What a peer says of itself.
#[derive(Debug, Clone)]
pub struct Answer {
    /// By how much its clock is ahead, milliseconds.
    pub clock_ahead_ms: i64,
    /// Its build.
    pub build: String,
}

/// A port.
#[derive(Debug, Clone)]
pub struct Port {
    /// The key that names it.
    pub key: &'static str,
    /// The address.
    pub address: SocketAddr,
    /// What came of listening on it for a moment.
    pub tried: Tried,
    /// What is there already answers, on the port that can be asked: ready, or why not.
    pub answer: Option<Result<(), String>>,
}

/// What came of listening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// It went well.
    Free,
    /// The system chooses the port.
    Chosen,
    /// Somebody listens there.
    Held,
    /// This user may not.
    Denied,
    /// No interface has this address.
    NoSuchAddress,
    /// Something else.
    Failed(String),
}
