//! A receiver of deliveries in a process of its own, and what it has written down.
//!
//! In: the daemon's certificate for local receivers; how each path behaves, which may change while it runs.
//! Out: one record for each request, written before the request is answered.
//! Never: an answer to a request that is not written down.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::Outcome;
use crate::binaries::Program;
use crate::daemon::Daemon;

pub mod behaviour;

/// How long its start may take.
const START_LIMIT: Duration = Duration::from_secs(30);
/// The secret that its requests are signed with, unless the caller says otherwise.
pub const SECRET: &str = "whsec_dGVzdHMgb2YgYmFzY3VsZSwgMzIgYnl0ZXMgbG9uZyE=";
/// Where it writes, in its folder.
pub const RECORDS: &str = "requests.jsonl";
/// What it reads how paths behave from, in its folder.
pub const BEHAVIOUR: &str = "behaviour.json";

/// Whether a request's signature is that of the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signed {
    /// It is.
    Valid,
    /// It is another.
    Invalid,
    /// There is none.
    Absent,
}

/// One request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// Milliseconds since 1970.
    pub time_ms: u64,
    /// Its method.
    pub method: String,
    /// Its path, without the query.
    pub path: String,
    /// Its query.
    pub query: String,
    /// `webhook-id`; empty if there is none.
    pub webhook_id: String,
    /// `webhook-timestamp`; empty if there is none.
    pub webhook_timestamp: String,
    /// Its signature.
    pub signature: Signed,
    /// `id` of the event in the body; empty if there is none.
    pub event_id: String,
    /// `detail.mark` of the event in the body; empty if there is none.
    pub mark: String,
    /// The status that it is answered with; 0 for none.
    pub status: u16,
    /// All headers; of several with one name the last.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

impl Record {
    /// Whether the sender was told that the receiver has it.
    #[must_use]
    pub const fn is_taken(&self) -> bool {
        self.status >= 200 && self.status < 300
    }
}

/// The line that it prints when it listens.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ready {
    /// Where.
    pub address: SocketAddr,
}

/// A running receiver. Dropping it ends it.
#[derive(Debug)]
pub struct Receiver {
    child: Child,
    // It ends when this closes, also if the test is killed.
    _stdin: Option<ChildStdin>,
    _passing: Option<TempDir>,
    folder: PathBuf,
    address: SocketAddr,
    read: Mutex<(u64, Vec<Record>)>,
}

impl Receiver {
    /// Starts one with the daemon's certificate for receivers, in a folder that goes with it.
    ///
    /// # Errors
    /// There is no binary, or it does not listen within its time.
    pub fn start(daemon: &Daemon) -> Outcome<Self> {
        let passing = tempfile::Builder::new().prefix("bascule-receiver-").tempdir()?;
        let folder = passing.path().to_owned();
        let mut receiver = Self::within(&folder, &daemon.pki(), &[SECRET])?;
        receiver._passing = Some(passing);
        Ok(receiver)
    }

    /// Starts one that writes into `folder`, which is kept, with the receiver's certificate of `pki`; signatures are checked
    /// against the secrets.
    ///
    /// # Errors
    /// As [`Receiver::start`].
    pub fn within(folder: &Path, pki: &Path, secrets: &[&str]) -> Outcome<Self> {
        fs::create_dir_all(folder)?;
        let mut command = Command::new(Program::Receiver.find()?);
        command.arg("--folder").arg(folder).arg("--certificate").arg(pki.join("receiver.pem"));
        command.arg("--key").arg(pki.join("receiver.key")).arg("--until-stdin-closes");
        for secret in secrets {
            command.arg("--secret").arg(secret);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("no receiver")?;
        let stdin = child.stdin.take();
        let output = child.stdout.take().context("its output is not piped")?;
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut receiver = Self {
            child,
            _stdin: stdin,
            _passing: None,
            folder: folder.to_owned(),
            address: unknown,
            read: Mutex::new((0, Vec::new())),
        };
        let (send, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        let line = lines.recv_timeout(START_LIMIT).context("the receiver did not say where it listens")?;
        receiver.address = serde_json::from_str::<Ready>(&line).with_context(|| line.clone())?.address;
        Ok(receiver)
    }

    /// The URL of a path, for instance `/ok` or `/status/500`; see [`behaviour::Behaviour`].
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// From now on requests to `path` are answered as `like` says, for instance `/ok`; all others as before.
    ///
    /// # Errors
    /// The file cannot be written, or `like` is no behaviour.
    pub fn behave(&self, path: &str, like: &str) -> Outcome {
        ensure!(behaviour::Behaviour::read(like).is_some(), "`{like}` is no behaviour");
        let file = self.folder.join(BEHAVIOUR);
        let mut rows: BTreeMap<String, String> = match fs::read_to_string(&file) {
            Ok(text) => serde_json::from_str(&text)?,
            Err(_) => BTreeMap::new(),
        };
        rows.insert(path.to_owned(), like.to_owned());
        let next = self.folder.join("behaviour.next");
        fs::write(&next, serde_json::to_string(&rows)?)?;
        Ok(fs::rename(next, file)?)
    }

    /// Everything that it has received so far.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn records(&self) -> Outcome<Vec<Record>> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let (from, records) = &mut *read;
        let path = self.folder.join(RECORDS);
        let Ok(mut file) = File::open(&path) else { return Ok(Vec::new()) };
        file.seek(SeekFrom::Start(*from))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        // A line that is being written is left for the next time.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        for line in text[..whole].lines() {
            records.push(serde_json::from_str(line).with_context(|| line.to_owned())?);
        }
        *from += whole as u64;
        Ok(records.clone())
    }

    /// What it has received at `path`.
    ///
    /// # Errors
    /// As [`Receiver::records`].
    pub fn at(&self, path: &str) -> Outcome<Vec<Record>> {
        Ok(self.records()?.into_iter().filter(|record| record.path == path).collect())
    }

    /// Kills it, as a machine that is gone. What it wrote stays.
    ///
    /// # Errors
    /// The system's.
    pub fn kill(&mut self) -> Outcome {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
