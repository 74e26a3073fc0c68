//! Why the daemon did not start or did not end well, and the exit code that says so.

use std::io;
use std::path::PathBuf;

use bascule_model::ambient::{NoEntropy, TaskKind};
use bascule_model::uid::{GroupId, NodeId};
use bascule_replication::group::StartError;

use crate::ambient::Ended;
use crate::config;

/// `EX_CONFIG` of sysexits: whoever starts the daemon again without a change will see it again.
pub const EXIT_CONFIG: u8 = 78;
/// Everything else.
pub const EXIT_FAILURE: u8 = 1;

/// What stands in the way. No variant holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is not sound.
    #[error(transparent)]
    Config(#[from] config::Refused),
    /// `BASCULE_PLANT` is set to what this build does not plant.
    #[error("BASCULE_PLANT is `{value}`: {why}")]
    Plant {
        /// Its value.
        value: String,
        /// Why it is refused.
        why: &'static str,
    },
    /// The data folder belongs to no cluster.
    #[error(
        "`{}` is no data folder of a cluster: if it was one before, its disk is not there, or was wiped, and then this node must join \
         anew with `basculed join`, after which `bascule cluster replace` lets the old one go; for a new cluster, run `basculed init` \
         once, and never again", folder.display()
    )]
    NotInitialised {
        /// The folder.
        folder: PathBuf,
    },
    /// `init` was asked to write where something is.
    #[error("nothing was made, since this is there already: {}", paths(present))]
    Present {
        /// What is there.
        present: Vec<PathBuf>,
    },
    /// `join` was given what cannot let this node in.
    #[error("this node did not join: {why}")]
    NotAdmitted {
        /// Why.
        why: String,
    },
    /// `join` found no member that answered.
    #[error("this node did not join, and nothing was made: {why}")]
    NoMember {
        /// What each said.
        why: String,
    },
    /// The cluster took the node in, and it could not keep what it was given.
    #[error(
        "the cluster took this node in, but not all of it could be kept: remove {}, and join again with the same token",
        paths(made)
    )]
    HalfJoined {
        /// What was made.
        made: Vec<PathBuf>,
        /// What went wrong.
        #[source]
        source: Box<Error>,
    },
    /// `issue` or `revoke` was asked for what cannot be.
    #[error("nothing was issued or revoked: {why}")]
    NotIssued {
        /// Why.
        why: String,
    },
    /// Parts of a folder that must stand or be missing together.
    #[error("`{}` is not whole: {why}", folder.display())]
    NotWhole {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The configuration speaks of another node or cluster than the data folder.
    #[error("`{key}` is `{configured}`, but the data folder was made with `{made}`, and that never changes")]
    Differs {
        /// The key.
        key: &'static str,
        /// What the configuration says.
        configured: String,
        /// What the folder says.
        made: String,
    },
    /// Another process uses the folder.
    #[error("`{}` is in use by another basculed", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// `dev` would be reachable by others.
    #[error("`{address}` is not a loopback address: `dev` listens nowhere else")]
    NotLoopback {
        /// The address.
        address: std::net::SocketAddr,
    },
    /// A file could not be read or written.
    #[error("`{}` could not be {verb}", path.display())]
    File {
        /// `read`, `written`, …
        verb: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The folder of the log target lies in the data folder, where nothing of users may lie plain.
    #[error("`delivery.log_folder` is `{}`, inside the data folder `{}`", folder.display(), data.display())]
    LogFolderInside {
        /// The folder.
        folder: PathBuf,
        /// The data folder.
        data: PathBuf,
    },
    /// Keys could not be read or made.
    #[error("the keys are refused")]
    Keys(#[from] bascule_keyring::error::Error),
    /// No random bytes.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// Certificates could not be read or made.
    #[error("the certificates are refused")]
    Pki(#[from] bascule_pki::Error),
    /// The ranges of `delivery.allow_private` are none.
    #[error("`delivery.allow_private` is refused")]
    Egress(#[from] bascule_delivery::target::egress::Error),
    /// The databases refused to open.
    #[error("the disks are refused")]
    Storage(#[from] bascule_storage::error::Error),
    /// A log ends before what was synced.
    #[error(
        "the disks are refused, since acknowledged writes are missing: restore them, or accept the loss for good by starting \
         once with `--accept-loss`"
    )]
    Loss(#[source] bascule_storage::error::Error),
    /// The same at a node of a cluster of several.
    #[error(
        "the disks are refused, since acknowledged writes are missing that the others have: restore them, or replace this node: \
         remove node {} at another with `bascule cluster replace`, and join anew with an empty folder", node.0
    )]
    LossOfMember {
        /// This node.
        node: NodeId,
        /// What is missing.
        #[source]
        source: bascule_storage::error::Error,
    },
    /// `--accept-loss` was given to a node of a cluster of several.
    #[error(
        "`--accept-loss` is for a node that is alone, and this is one of several: what is missing here the others have. Replace \
         it: remove node {} at another node with `bascule cluster replace`, and join anew with an empty folder", node.0
    )]
    LossInCluster {
        /// This node.
        node: NodeId,
    },
    /// A group did not start.
    #[error("the groups did not start")]
    Groups(#[from] StartError),
    /// The control group's rows could not be read at the start.
    #[error("the rows of {group} could not be read: {why}")]
    Rows {
        /// The group.
        group: GroupId,
        /// Why.
        why: String,
    },
    /// The cluster could not be begun.
    #[error("the cluster could not be begun: {why}")]
    Init {
        /// Why.
        why: String,
    },
    /// A socket could not be had.
    #[error("`{key}`: `{address}` cannot be listened on")]
    Socket {
        /// The key.
        key: &'static str,
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Figures could not be set up.
    #[error("metrics could not be set up: {why}")]
    Metrics {
        /// Why.
        why: String,
    },
    /// The system refused a thread, a signal handler or the like.
    #[error("the system refused {what}")]
    System {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A task ended that the daemon cannot be without.
    #[error("a task of the kind `{:?}` {}", .0.kind, if .0.panicked { "panicked" } else { "ended early" })]
    Ended(Ended),
    /// The cluster has let this node go, or its log is not what the others know it to be.
    #[error("this node must not go on under its id: the line above says why, and what to do")]
    Outcast,
    /// No node is ready there.
    #[error("no node is ready at {address}: {why}")]
    NotReady {
        /// Its admin listener.
        address: std::net::SocketAddr,
        /// The node's reason, or the system's.
        why: String,
    },
    /// What was told already, by the log of this process or on the standard output.
    #[error("see the log")]
    Told {
        /// What the process exits with.
        exit: u8,
    },
    /// The stop took longer than it may.
    #[error("the stop was not over within `limits.stop_ms`; the next start recovers from the logs")]
    StopTooLong,
}

impl Error {
    /// What the process exits with.
    #[must_use]
    pub const fn exit(&self) -> u8 {
        match self {
            Self::Told { exit } => *exit,
            Self::Config(_)
            | Self::Plant { .. }
            | Self::NotInitialised { .. }
            | Self::Present { .. }
            | Self::NotAdmitted { .. }
            | Self::NotIssued { .. }
            | Self::NotWhole { .. }
            | Self::Differs { .. }
            | Self::NotLoopback { .. }
            | Self::LogFolderInside { .. }
            | Self::Keys(_)
            | Self::Pki(_)
            | Self::Egress(_)
            | Self::Loss(_)
            | Self::LossOfMember { .. }
            | Self::LossInCluster { .. }
            | Self::Outcast => EXIT_CONFIG,
            Self::InUse { .. }
            | Self::NoMember { .. }
            | Self::HalfJoined { .. }
            | Self::File { .. }
            | Self::Entropy(_)
            | Self::Storage(_)
            | Self::Groups(_)
            | Self::Rows { .. }
            | Self::Init { .. }
            | Self::Socket { .. }
            | Self::Metrics { .. }
            | Self::System { .. }
            | Self::Ended(_)
            | Self::NotReady { .. }
            | Self::StopTooLong => EXIT_FAILURE,
        }
    }

    /// The error with everything that led to it, on one line.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(error) = next {
            text.push_str(": ");
            text.push_str(&error.to_string());
            next = error.source();
        }
        text
    }
}

impl From<Ended> for Error {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended { kind: TaskKind::Membership, panicked: false } => Self::Outcast,
            other => Self::Ended(other),
        }
    }
}

/// Names a file in an error.
pub fn file(verb: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::File { verb, path, source }
}

fn paths(present: &[PathBuf]) -> String {
    present.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", ")
}
