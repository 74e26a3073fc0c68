//! What handlers stand on: the other rooms and ports, introduced once.

use std::sync::Arc;

use bascule_keyring::mac::HandleKeys;
use bascule_keyring::session::SessionKeys;
use bascule_model::ambient::Clock;
use bascule_model::fault::Fault;
use bascule_model::uid::ControlIndex;
use bascule_routing::put::Put;
use bascule_routing::vault::Vault;
use bascule_routing::view::{Cluster, View};
use bascule_routing::viewer::Viewer;
use bascule_statemachine::codec::control::{Command, Kind};
use bascule_statemachine::control::reply::{Done, Outcome};
use bascule_statemachine::ports::ask::Ask;
use bascule_statemachine::ports::cluster::Cluster as Nodes;
use bascule_statemachine::ports::propose::{Change, Propose};

use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;

use crate::limits::CONFLICTS_LIMIT_COUNT;
use crate::stack::Permitted;
use crate::wire;

/// The rooms and ports behind the stack.
#[derive(Clone)]
pub struct Rooms {
    /// The view.
    pub viewer: Arc<Viewer>,
    /// The put path.
    pub put: Arc<Put>,
    /// Data keys.
    pub vault: Arc<Vault>,
    /// The way into logs.
    pub propose: Arc<dyn Propose>,
    /// The way to leaders.
    pub ask: Arc<dyn Ask>,
    /// Keys of receipts and page tokens.
    pub handles: Arc<HandleKeys>,
    /// Keys of sessions.
    pub sessions: Arc<SessionKeys>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Nodes and groups.
    pub nodes: Arc<dyn Nodes>,
    /// SHA-256 of the certificate of the authority that peers are known by; `None` for a node that has none.
    pub authority: Option<[u8; 32]>,
}

/// How a change is asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writing {
    /// Repeated under the same name within a day it is made once; empty for none.
    pub(crate) request_id: String,
    /// Whether nothing is to be written.
    pub(crate) validate_only: bool,
}

/// A change that was made, or only tried out: then the view is that of before.
pub(crate) struct Changed {
    pub(crate) done: Done,
    pub(crate) index: ControlIndex,
    pub(crate) view: Arc<View>,
}

impl Rooms {
    /// The view for a read: after everything that was committed before the call, unless the caller takes a stale one.
    pub(crate) async fn view(&self, allow_stale: bool) -> Result<Arc<View>, Refusal> {
        if allow_stale {
            return Ok(self.viewer.now());
        }
        let index = self.ask.barrier().await.map_err(|error| wire::asked(&error))?;
        self.viewer.reached(index).await.ok_or_else(wire::stale)
    }

    /// The cluster of a view.
    pub(crate) fn cluster(view: &View) -> Result<&Cluster, Refusal> {
        let missing = || Refusal::new(Reason::NoLeader, "the cluster is not initialised");
        view.cluster.as_deref().ok_or_else(missing)
    }

    /// Proposes a change, and waits until this node's view has it; or tries it out on the rows of now.
    ///
    /// `content` tells a repeated request from another under the same id; empty: the command does.
    pub(crate) async fn change(
        &self,
        permit: &Permitted,
        writing: Writing,
        content: [u8; 16],
        kind: Kind,
    ) -> Result<Changed, Refusal> {
        let content = if content == [0; 16] { bytes::Bytes::new() } else { bytes::Bytes::copy_from_slice(&content) };
        let mut command = Command {
            account: permit.account().number(),
            request_id: writing.request_id,
            content,
            if_changed_at: 0,
            epochs: Some(permit.epochs()),
            kind: Some(kind),
        };
        let mut refused = 0;
        let reply = loop {
            let change = Change { command: command.clone(), record: bytes::Bytes::new(), only_in_term: None };
            let reply = match writing.validate_only {
                true => self.propose.rehearse(change).await,
                false => self.propose.control(change).await,
            };
            let reply = reply.map_err(|error| wire::proposed(&error))?;
            let Outcome::Refused(Fault::Conflict { index }) = reply.outcome else { break reply };
            refused += 1;
            if refused == CONFLICTS_LIMIT_COUNT {
                let message = "what decides about this call keeps changing: nothing was written, try again";
                return Err(Refusal::new(Reason::ConcurrentModification, message));
            }
            // What decided has changed on the way: it is decided anew, by what holds now.
            command.epochs = Some(permit.again(index).await?);
        };
        let done = match reply.outcome {
            Outcome::Done(done) => done,
            Outcome::Refused(fault) => return Err(wire::fault(fault)),
            Outcome::Dropped => return Err(Refusal::new(Reason::NoLeader, "the lead changed, nothing was written")),
        };
        if writing.validate_only {
            let view = self.viewer.now();
            return Ok(Changed { done, index: view.index, view });
        }
        // The change is made, whatever the view does: a caller who reads elsewhere can name the index.
        let view = self.viewer.reached(reply.index).await.unwrap_or_else(|| self.viewer.now());
        Ok(Changed { done, index: reply.index, view })
    }
}
