//! Nodes taken in: a token traded for an id in the control group, then a certificate by the cluster's authority and its keys.
//!
//! Whoever has them is the cluster: they leave only for a caller whom the control group has admitted by a token, over a connection
//! that the token's own hash of the authority vouches for ([ADR 9](../../../docs/adr/0009-nodes-and-how-they-join.md)).

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use bascule_api::peer::v1::{JoinAnswer, JoinRequest, Member};
use bascule_keyring::node_keys;
use bascule_keyring::provider::local::Local;
use bascule_model::ambient::{Clock, Entropy, Pending, Spawn, TaskKind};
use bascule_model::uid::NodeId;
use bascule_pki::token;
use bascule_replication::groups::Groups;
use bascule_replication::transport::FORMAT;
use bascule_replication::transport::admission::{Admission, Refusal};
use bascule_routing::viewer::Viewer;
use bascule_statemachine::codec::control::{AdmitNode, Command, Kind, NodeFacts};
use bascule_statemachine::control::reply::Outcome;
use bascule_statemachine::control::secret_hash;
use bascule_statemachine::ports::propose::{Change, Propose};

use crate::certificates::Office;
use crate::error::Error;
use crate::folder::Identity;

/// Decides and hands over.
pub struct Registrar {
    /// The cluster.
    pub identity: Identity,
    /// Where the data lies.
    pub data: PathBuf,
    /// Where the root key lies.
    pub root_key: PathBuf,
    /// Where the authority lies.
    pub folder: PathBuf,
    /// The control group.
    pub groups: Arc<Groups>,
    /// Who is a member.
    pub viewer: Arc<Viewer>,
    /// Threads for what reads files.
    pub spawn: Arc<dyn Spawn>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
}

/// What does not depend on the control group.
struct Handed {
    certificate: String,
    authority: String,
    authority_key: String,
    revocations: String,
    root_key: Bytes,
    wrapped_keys: Bytes,
}

impl Registrar {
    async fn taken_in(&self, request: JoinRequest) -> Result<JoinAnswer, Refusal> {
        let secret = self.checked(&request)?;
        let facts = NodeFacts {
            address: request.address.clone(),
            api_address: request.api_address,
            names: request.names,
            build: String::new(),
            format: request.format,
            serial: Bytes::new(),
        };
        let admit = AdmitNode {
            token: request.token_id,
            secret_hash: Bytes::copy_from_slice(&secret_hash(&secret)),
            zone: request.zone.clone(),
            facts: Some(facts),
        };
        let account = self.identity.scope.account().number();
        let command = Command { account, kind: Some(Kind::AdmitNode(admit)), ..Command::default() };
        let change = Change { command, record: Bytes::new(), only_in_term: None };
        let not_now = |why: String| Refusal::NotNow { why };
        let reply = self.groups.control(change).await.map_err(|error| not_now(error.to_string()))?;
        let node = match reply.outcome {
            Outcome::Done(done) => NodeId(done.uid.0),
            Outcome::Refused(bascule_model::fault::Fault::AccessDenied { .. }) => return Err(Refusal::Denied),
            Outcome::Refused(fault) => return Err(Refusal::Invalid { why: fault.to_string() }),
            Outcome::Dropped => return Err(not_now("the lead changed".to_owned())),
        };
        let handed = self.handed(node, request.certificate_request).await?;
        tracing::info!(node = node.0, zone = request.zone, address = request.address, "a node was taken in");
        Ok(JoinAnswer {
            node: node.0,
            groups: self.identity.groups,
            partition: self.identity.scope.partition().to_owned(),
            region: self.identity.scope.region().to_owned(),
            account: self.identity.scope.account().to_string(),
            certificate: handed.certificate,
            authority: handed.authority,
            authority_key: handed.authority_key,
            revocations: handed.revocations,
            root_key: handed.root_key,
            wrapped_keys: handed.wrapped_keys,
            members: self.members(),
        })
    }

    /// Gives the secret that was shown.
    fn checked(&self, request: &JoinRequest) -> Result<[u8; 32], Refusal> {
        let invalid = |why: String| Refusal::Invalid { why };
        if request.cluster.as_ref() != self.identity.cluster.0 {
            return Err(Refusal::Denied);
        }
        if request.format != FORMAT {
            return Err(invalid(format!("it has format {}, this cluster {FORMAT}", request.format)));
        }
        if let Some(why) = token::address_fault(&request.address) {
            return Err(invalid(format!("`peers.address` `{}`: {why}", request.address)));
        }
        request.token_secret.as_ref().try_into().map_err(|_| Refusal::Denied)
    }

    fn members(&self) -> Vec<Member> {
        let view = self.viewer.now();
        let of = |row: &Arc<bascule_statemachine::codec::control::rows::NodeRow>| {
            let address = row.facts.as_ref().map(|facts| facts.address.clone()).unwrap_or_default();
            view.members.is_member(NodeId(row.id)).then_some(Member { node: row.id, address })
        };
        view.members.nodes().filter_map(of).collect()
    }

    async fn handed(&self, node: NodeId, request: String) -> Result<Handed, Refusal> {
        let (done, handed) = oneshot::channel();
        let (folder, root_key, data) = (self.folder.clone(), self.root_key.clone(), self.data.clone());
        let (clock, entropy, cluster) = (Arc::clone(&self.clock), Arc::clone(&self.entropy), self.identity.cluster);
        let work = move || -> Result<Handed, Error> {
            let office = Office::open(&folder, &*clock, &*entropy)?;
            let certificate = office.sign_node(cluster, node, &request)?;
            let root = Local::load(&root_key, &data, Arc::clone(&entropy))?;
            let path = data.join(node_keys::FILE_NAME);
            let wrapped = std::fs::read(&path).map_err(crate::error::file("read", &path))?;
            let (authority, authority_key, revocations) = office.whole()?;
            Ok(Handed {
                certificate,
                authority,
                authority_key,
                revocations,
                root_key: Bytes::copy_from_slice(root.secret().expose()),
                wrapped_keys: Bytes::from(wrapped),
            })
        };
        self.spawn.block(TaskKind::Upkeep, Box::new(move || drop(done.send(work()))));
        let failed = |why: String| {
            tracing::error!(why, "a node was admitted, and could not be given what it needs");
            Refusal::NotNow { why: "this member cannot issue certificates; its log says why".to_owned() }
        };
        match handed.await {
            Ok(Ok(handed)) => Ok(handed),
            Ok(Err(error)) => Err(failed(error.chain())),
            Err(_) => Err(failed("its thread ended early".to_owned())),
        }
    }
}

impl Admission for Registrar {
    fn admit(&self, request: JoinRequest) -> Pending<'_, Result<JoinAnswer, Refusal>> {
        Box::pin(self.taken_in(request))
    }
}
