//! `dev`: one node on loopback with everything made for it, in a folder that goes with it or is kept.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bascule_model::ambient::{Clock, Entropy};

use crate::ambient::System;
use crate::certificates::{self, AUTHORITY, Manner, Office, RECEIVER};
use crate::config::{self, Settings, Sources};
use crate::disks::Loss;
use crate::error::{Error, file};
use crate::folder::{self, Folder};
use crate::found::{self, Founded};
use crate::planted::Plant;
use crate::run::{self, Order};

const DATA: &str = "data";
const KEYS: &str = "keys/root.key";
const PKI: &str = "pki";
const CONTEXT: &str = "context.toml";

/// What the command line says.
#[derive(Debug, Clone)]
pub struct Wish {
    /// A folder that is kept; none: one that is made, and removed at the end.
    pub folder: Option<PathBuf>,
    /// Address of gRPC.
    pub grpc: Option<SocketAddr>,
    /// Address of the admin listener.
    pub admin: Option<SocketAddr>,
    /// `section.key=value`.
    pub set: Vec<String>,
}

/// Runs it.
///
/// # Errors
/// As [`run::run`]; [`Error::NotLoopback`].
pub fn dev(wish: Wish, variables: Vec<(String, String)>, plant: Plant) -> Result<(), Error> {
    let home = match &wish.folder {
        Some(folder) => Home::kept(folder)?,
        None => Home::passing()?,
    };
    let sources = sources(&home.path, &wish, variables);
    let settings = config::read(&sources)?;
    for address in [settings.listen.grpc, settings.listen.admin] {
        if !address.ip().is_loopback() {
            return Err(Error::NotLoopback { address });
        }
    }
    let folder = open(&home.path, &settings)?;
    let path = home.path.clone();
    let bound = Box::new(move |addresses: &run::Addresses| introduce(&path, addresses));
    run::run(Order { settings, sources, folder, loss: Loss::Refuse, plant, bound })
}

/// Opens the data folder, made first if there is none, and issues the certificates for this run.
fn open(home: &Path, settings: &Settings) -> Result<Folder, Error> {
    let entropy: Arc<dyn Entropy> = Arc::new(System);
    let folder = match folder::identity(&settings.node.data) {
        Ok(_) => Folder::open(&settings.node.data)?,
        Err(Error::NotInitialised { .. }) => {
            let Founded { folder, .. } = found::found(settings, &System, &entropy)?;
            folder
        }
        Err(other) => return Err(other),
    };
    // Issued anew each time: a folder that is kept may be older than what was issued in it.
    let identity = folder.identity()?;
    found::renew(settings, (identity.cluster, identity.node), &System, &System)?;
    Office::open(&home.join(PKI), &System as &dyn Clock, &System)?.receiver(Manner::Anew)?;
    Ok(folder)
}

/// What is said to a daemon of this folder, for whoever works on it from beside.
#[must_use]
pub fn kept(home: &Path, set: Vec<String>, variables: Vec<(String, String)>) -> Sources {
    sources(home, &Wish { folder: None, grpc: None, admin: None, set }, variables)
}

fn sources(home: &Path, wish: &Wish, variables: Vec<(String, String)>) -> Sources {
    let text = |path: PathBuf| path.display().to_string();
    let presumed = [
        ("node.region", "us-east-1"),
        ("node.account", "000000000000"),
        ("delivery.allow_private", "127.0.0.0/8,::1/128"),
        // One node alone waits for nobody at a start.
        ("raft.heartbeat_ms", "100"),
        ("raft.election_min_ms", "150"),
        ("raft.election_max_ms", "300"),
    ];
    let mut flags = wish.set.clone();
    flags.extend(wish.grpc.map(|address| format!("listen.grpc={address}")));
    flags.extend(wish.admin.map(|address| format!("listen.admin={address}")));
    Sources {
        presumed: presumed.map(|(key, value)| (key, value.to_owned())).to_vec(),
        file: None,
        variables,
        flags,
        // One node alone has no peers.
        omitted: vec!["listen.peer"],
        decided: vec![
            ("node.data", text(home.join(DATA))),
            ("keys.root", text(home.join(KEYS))),
            ("tls.folder", text(home.join(PKI))),
            ("delivery.roots", text(home.join(PKI).join(AUTHORITY))),
        ],
    }
}

/// Writes the context file and tells people how to go on.
fn introduce(home: &Path, addresses: &run::Addresses) -> Result<(), Error> {
    let context = home.join(CONTEXT);
    let endpoint = certificates::endpoint(&addresses.grpc.ip().to_string(), addresses.grpc.port());
    let text = certificates::context(&endpoint, &format!("{PKI}/"));
    let next = home.join("context.toml.next");
    folder::replace(&context, &next, text.as_bytes()).map_err(file("written", &context))?;
    let (context, receiver) = (context.display(), home.join(PKI).join(RECEIVER));
    let words = format!(
        "\nThis is a bascule for trying things out. In another shell:\n\n  \
         export BASCULE_CONTEXT={context}\n  bascule bus list\n\n\
         Figures: http://{}/metrics\nReceivers on this machine may use {} and its key.\n\n",
        addresses.admin,
        receiver.display()
    );
    // A closed standard error takes no words, and needs none.
    let _ = std::io::stderr().lock().write_all(words.as_bytes());
    Ok(())
}

/// The folder around everything, removed at the end unless it is kept.
struct Home {
    path: PathBuf,
    passing: bool,
}

impl Home {
    fn kept(path: &Path) -> Result<Self, Error> {
        folder::make(path)?;
        let path = path.canonicalize().map_err(file("found", path))?;
        Ok(Self { path, passing: false })
    }

    fn passing() -> Result<Self, Error> {
        let mut drawn = [0; 8];
        System.fill(&mut drawn)?;
        let path = std::env::temp_dir().join(format!("basculed-dev-{:016x}", u64::from_be_bytes(drawn)));
        folder::make(&path)?;
        let path = path.canonicalize().map_err(file("found", &path))?;
        Ok(Self { path, passing: true })
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.passing
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "the folder could not be removed");
        }
    }
}
