//! What clients asked and were answered, in one order.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use bascule_model::uid::{GroupId, NodeId};

use super::clock::Time;

/// What a client wants of a queue by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// It is to be there with this setting.
    Create(u64),
    /// It is to go.
    Delete,
    /// What is there.
    Read,
}

/// What it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// It is there, or was, under this uid.
    Done(u64),
    /// It is there with another setting.
    Exists,
    /// It is not there.
    Missing,
    /// A read: uid and setting.
    Found(u64, u64),
    /// Nothing was done.
    Nothing,
    /// It may have been done or not, or is done later.
    Unknown,
}

/// A call to the control group, with the places of its beginning and end in the order of all that happened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    /// Over which node, for people.
    #[expect(dead_code, reason = "read where the call is printed")]
    pub(crate) node: NodeId,
    pub(crate) name: u64,
    pub(crate) wish: Wish,
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) told: Told,
}

/// How a put ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acked {
    /// In this group, under this sequence; zero for one that was told of its first try.
    Yes(GroupId, u64),
    /// Certainly not written.
    No,
    /// Nobody knows.
    Unknown,
}

/// A put of one event.
#[derive(Debug, Clone)]
pub(crate) struct Put {
    pub(crate) event: [u8; 16],
    pub(crate) targets: BTreeSet<u64>,
    pub(crate) queued: bool,
    #[expect(dead_code, reason = "read where the put is printed")]
    pub(crate) keyed: bool,
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) acked: Acked,
}

/// What a consumer saw of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Handed out by a call that began there.
    Received(u64),
    /// Its deletion was confirmed there.
    Deleted(u64),
}

#[derive(Default)]
struct State {
    next: u64,
    calls: Vec<Call>,
    puts: Vec<Put>,
    seen: Vec<([u8; 16], Seen)>,
    lines: Vec<String>,
}

/// The history of one simulation. Clones share it.
#[derive(Clone)]
pub(crate) struct History {
    time: Time,
    /// Whether each line is shown when it comes.
    traced: bool,
    state: Arc<Mutex<State>>,
}

impl History {
    pub(crate) fn new(time: Time) -> Self {
        let traced = std::env::var_os("BASCULE_SIMULATION_TRACE").is_some();
        Self { time, traced, state: Arc::default() }
    }

    /// The next place in the order of all that happens.
    pub(crate) fn place(&self) -> u64 {
        let mut state = self.state.lock();
        state.next += 1;
        state.next
    }

    pub(crate) fn call(&self, call: Call) {
        self.line(&format!("{call:?}"));
        self.state.lock().calls.push(call);
    }

    pub(crate) fn put(&self, put: Put) {
        self.line(&format!("{put:?}"));
        self.state.lock().puts.push(put);
    }

    pub(crate) fn see(&self, event: [u8; 16], seen: Seen) {
        self.line(&format!("{} {seen:?}", hex::encode(event)));
        self.state.lock().seen.push((event, seen));
    }

    /// Something else that happened.
    pub(crate) fn line(&self, text: &str) {
        let line = format!("{} {text}", self.time.ms());
        if self.traced {
            let _ = writeln!(std::io::stderr(), "{line}");
        }
        self.state.lock().lines.push(line);
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.state.lock().calls.clone()
    }

    pub(crate) fn puts(&self) -> Vec<Put> {
        self.state.lock().puts.clone()
    }

    pub(crate) fn seen(&self) -> Vec<([u8; 16], Seen)> {
        self.state.lock().seen.clone()
    }

    /// Operations so far.
    pub(crate) fn operations(&self) -> usize {
        let state = self.state.lock();
        state.calls.len() + state.puts.len() + state.seen.len()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.state.lock().lines.clone()
    }

    /// One hash of everything that happened and when.
    pub(crate) fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for line in &self.state.lock().lines {
            hash.update(line);
            hash.update("\n");
        }
        hex::encode(hash.finalize())
    }
}
