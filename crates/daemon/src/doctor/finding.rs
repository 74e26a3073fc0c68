//! What `doctor` says: for each check its verdict, what was seen, why it matters, and what to do; as text and as JSON.

use serde::Serialize;

/// The number of the JSON form; it grows when a key goes away or changes its meaning, not when one is added.
const FORMAT: u32 = 1;

/// How a check ended; the worst comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// It could not be seen, or there is nothing to see yet.
    Skipped,
    /// It works, and there is a better way.
    Warn,
    /// A node does not start with this, or loses something.
    Fail,
}

impl Status {
    const ALL: [Self; 4] = [Self::Ok, Self::Warn, Self::Fail, Self::Skipped];

    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What is looked at. The names are stable: scripts read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// The configuration.
    Configuration,
    /// The data folder: whose it is, its mode, its owner.
    DataFolder,
    /// The folder of the log target's files.
    LogFolder,
    /// The kind of file system under the data folder.
    FileSystem,
    /// How long a sync takes there.
    SyncLatency,
    /// Free bytes.
    DiskSpace,
    /// Free inodes.
    Inodes,
    /// Files that may be open.
    OpenFiles,
    /// Whether the clock can be right.
    Clock,
    /// Whether something keeps it right.
    ClockSync,
    /// Modes and owners of files with keys.
    KeyFiles,
    /// Whether the root key opens the data folder's keys.
    RootKey,
    /// Whether the listener would take its certificates.
    Certificates,
    /// When certificates and lists end.
    CertificateExpiry,
    /// A whole handshake, by every name.
    Handshake,
    /// Whether calls to targets would trust anybody.
    TargetTrust,
    /// The port of gRPC.
    GrpcPort,
    /// The port of health and metrics.
    AdminPort,
    /// The port of the other nodes.
    PeerPort,
    /// Whether they take this node's certificate.
    PeerCertificate,
    /// Whether those answer whose addresses are configured.
    Peers,
    /// Whether their clocks agree with this machine's.
    PeerClocks,
    /// Whether a crash writes memory to disk.
    CoreDumps,
    /// Whether memory can be written to a swap.
    Swap,
    /// How much memory there may be.
    MemoryLimit,
}

impl Check {
    /// Every check, in the order in which they are told.
    pub const ALL: [Self; 25] = [
        Self::Configuration,
        Self::DataFolder,
        Self::LogFolder,
        Self::FileSystem,
        Self::SyncLatency,
        Self::DiskSpace,
        Self::Inodes,
        Self::OpenFiles,
        Self::Clock,
        Self::ClockSync,
        Self::KeyFiles,
        Self::RootKey,
        Self::Certificates,
        Self::CertificateExpiry,
        Self::Handshake,
        Self::TargetTrust,
        Self::GrpcPort,
        Self::AdminPort,
        Self::PeerPort,
        Self::PeerCertificate,
        Self::Peers,
        Self::PeerClocks,
        Self::CoreDumps,
        Self::Swap,
        Self::MemoryLimit,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::DataFolder => "data_folder",
            Self::LogFolder => "log_folder",
            Self::FileSystem => "file_system",
            Self::SyncLatency => "sync_latency",
            Self::DiskSpace => "disk_space",
            Self::Inodes => "inodes",
            Self::OpenFiles => "open_files",
            Self::Clock => "clock",
            Self::ClockSync => "clock_sync",
            Self::KeyFiles => "key_files",
            Self::RootKey => "root_key",
            Self::Certificates => "certificates",
            Self::CertificateExpiry => "certificate_expiry",
            Self::Handshake => "handshake",
            Self::TargetTrust => "target_trust",
            Self::GrpcPort => "grpc_port",
            Self::AdminPort => "admin_port",
            Self::PeerPort => "peer_port",
            Self::PeerCertificate => "peer_certificate",
            Self::Peers => "peers",
            Self::PeerClocks => "peer_clocks",
            Self::CoreDumps => "core_dumps",
            Self::Swap => "swap",
            Self::MemoryLimit => "memory_limit",
        }
    }

    /// Why it matters.
    #[must_use]
    pub const fn why(self) -> &'static str {
        match self {
            Self::Configuration => "a node does not start on a configuration with anything wrong in it",
            Self::DataFolder => "everything that was acknowledged lies there, and one node uses it alone",
            Self::LogFolder => "log targets write there, and a node that cannot make the folder does not start",
            Self::FileSystem => "acknowledged means stored: the file system must keep what it synced",
            Self::SyncLatency => "every acknowledgement waits for a sync, and so does every heartbeat's log entry",
            Self::DiskSpace => "a node whose disk is full takes no more events, and cannot start",
            Self::Inodes => "the databases make and remove files all the time",
            Self::OpenFiles => "each connection and each file of the databases takes one",
            Self::Clock => "certificates, signatures, schedules and retention are judged by it",
            Self::ClockSync => "a clock that nobody sets drifts by seconds a day, until certificates are refused",
            Self::KeyFiles => "whoever reads these files can read the data or speak as the node or the operator",
            Self::RootKey => "without the right root key nothing in the data folder can be read",
            Self::Certificates => "the listener does not start with certificates that it cannot use",
            Self::CertificateExpiry => "from that moment on every call is refused",
            Self::Handshake => {
                "this is what a client does first: chain, names, uses and dates are judged as by a client"
            }
            Self::TargetTrust => {
                "without any authority to trust no HTTPS target can be called, and a node does not start"
            }
            Self::GrpcPort => "producers and operators call there",
            Self::AdminPort => "supervisors ask there whether the node is ready, and scrape its metrics",
            Self::PeerPort => "the other nodes call there, and a join token names it",
            Self::PeerCertificate => "peers know a node by it, and refuse every call of one that they do not believe",
            Self::Peers => "without a majority of them nothing is written, and after ten seconds nobody is let in",
            Self::PeerClocks => "a node whose clock is off by more than two seconds gives up the lead of its groups",
            Self::CoreDumps => "a dump holds the keys in the clear, and lands on a disk",
            Self::Swap => "pages with keys in them can be written to it in the clear",
            Self::MemoryLimit => "a node that passes its limit is killed by the kernel; what it acknowledged stays",
        }
    }
}

/// One check's outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// How it ended.
    pub status: Status,
    /// What was seen.
    pub seen: String,
    /// What to do; empty where there is nothing to do.
    pub advice: String,
}

impl Finding {
    /// As it should be.
    pub fn ok(check: Check, seen: impl Into<String>) -> Self {
        Self { check, status: Status::Ok, seen: seen.into(), advice: String::new() }
    }

    /// It could not be seen.
    pub fn skipped(check: Check, reason: impl Into<String>) -> Self {
        Self { check, status: Status::Skipped, seen: reason.into(), advice: String::new() }
    }

    /// There is a better way.
    pub fn warn(check: Check, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, status: Status::Warn, seen: seen.into(), advice: advice.into() }
    }

    /// It does not work.
    pub fn fail(check: Check, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, status: Status::Fail, seen: seen.into(), advice: advice.into() }
    }
}

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The configuration file that was looked at.
    pub config: Option<String>,
    /// The daemon that runs on the data folder.
    pub running: Option<u32>,
    /// In the order of [`Check::ALL`].
    pub findings: Vec<Finding>,
}

#[derive(Serialize)]
struct Written<'a> {
    format: u32,
    version: &'a str,
    config: Option<&'a str>,
    running_pid: Option<u32>,
    verdict: Status,
    findings: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    check: &'a str,
    status: Status,
    seen: &'a str,
    why: &'a str,
    advice: &'a str,
}

impl Report {
    /// The worst of all verdicts; what was skipped is no worse than what is well.
    #[must_use]
    pub fn verdict(&self) -> Status {
        let judged = self.findings.iter().map(|finding| finding.status).filter(|status| *status != Status::Skipped);
        judged.max().unwrap_or(Status::Ok)
    }

    /// As one JSON document.
    ///
    /// # Errors
    /// The encoder's.
    pub fn json(&self, version: &str) -> Result<String, serde_json::Error> {
        let row = |finding: &'_ Finding| (finding.check.name(), finding.check.why(), finding.status);
        let rows = self.findings.iter().map(|finding| {
            let (check, why, status) = row(finding);
            Row { check, status, seen: &finding.seen, why, advice: &finding.advice }
        });
        let written = Written {
            format: FORMAT,
            version,
            config: self.config.as_deref(),
            running_pid: self.running,
            verdict: self.verdict(),
            findings: rows.collect(),
        };
        Ok(serde_json::to_string_pretty(&written)? + "\n")
    }

    /// For people: what needs something done says why and what.
    #[must_use]
    pub fn text(&self) -> String {
        let wide = Check::ALL.iter().map(|check| check.name().len()).max().unwrap_or_default();
        let mut text = String::new();
        for finding in &self.findings {
            let (word, name) = (finding.status.word(), finding.check.name());
            text += &format!("{word:<8} {name:<wide$}  {}\n", finding.seen);
            if !finding.advice.is_empty() {
                text += &format!("         why  {}\n         do   {}\n", finding.check.why(), finding.advice);
            }
        }
        let count = |status| self.findings.iter().filter(|finding| finding.status == status).count();
        let counts: Vec<String> =
            Status::ALL.iter().map(|status| format!("{} {}", count(*status), status.word())).collect();
        text + &counts.join(", ") + "\n"
    }
}
