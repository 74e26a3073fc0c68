//! The cluster's beginning: the first start after `init` proposes `Init`, with the organisation and its first administrator, and no
//! other start ever does. A cluster that began before there were organisations is given one, once.

use std::time::Duration;

use bascule_model::ambient::Entropy;
use bascule_model::name::PolicyName;
use bascule_model::organization::{OrganizationId, RootId};
use bascule_model::policy::{PolicyArn, PolicyKind};
use bascule_model::principal::NO_PATH;
use bascule_model::time::BootMillis;
use bascule_model::uid::{ControlIndex, GroupId};
use bascule_replication::limits::FORMAT;
use bascule_statemachine::codec::control::rows::MetaRow;
use bascule_statemachine::codec::control::{
    self, AdmitFirst, AnnounceNode, Command, CreateUser, IdentityKind, Init, Kind, NodeFacts, Organize,
};
use bascule_statemachine::control::reply::Outcome;
use bascule_statemachine::control::state;
use bascule_statemachine::ports::propose::{Change, Propose};
use bascule_statemachine::ports::tables::Tables;

use crate::certificates;
use crate::config::Settings;
use crate::config::settings::Tls;
use crate::disks::Disks;
use crate::error::Error;
use crate::folder::{Begun, Folder, Identity};
use crate::ground::{Air, Ground};
use crate::house::Lower;
use crate::limits::{QUORUM_LOOK_MS, QUORUM_SAID_MS, VIEW_LIMIT_MS};

/// The first user, what it has, and the name of the account in which it is.
const ADMINISTRATOR: &str = "administrator";
const ADMINISTRATOR_POLICY: &str = "BasculeAdministrator";
const MANAGEMENT: &str = "management";

/// The first life of a cluster; `restore` and `recover` raise it.
const INCARNATION: u32 = 1;

/// Begins the cluster if this is its first start, else sees that it is the one that the folder was made for. Returns when the
/// view shows it, however long the others take to agree that it does.
///
/// # Errors
/// [`Error::NotWhole`], [`Error::Rows`], [`Error::Init`].
pub async fn begin(
    (settings, air): (&Settings, &Air),
    folder: &Folder,
    ground: &Ground,
    disks: &Disks,
    lower: &Lower,
) -> Result<(), Error> {
    let (identity, entropy) = (&ground.identity, &*air.entropy);
    let (row, _) = state_of(disks)?;
    match (&row, identity.begun) {
        (Some(row), _) => agree(folder, identity, row)?,
        (None, Begun::New) => {
            let organize = organize(&settings.tls, identity, entropy)?;
            let init = init(settings, ground, lower, organize).await?;
            propose(ground, lower, Kind::Init(init)).await?;
        }
        // Its rows come from the others.
        (None, Begun::Joined) => {}
        (None, Begun::Formed | Begun::Member) => {
            let why = "its cluster was begun, yet its control group holds nothing".to_owned();
            return Err(Error::NotWhole { folder: folder.path().to_owned(), why });
        }
    }
    let (began, index) = reached(lower, air).await;
    lower.viewer.freshness().confirmed(began);
    tracing::info!(%index, "the view shows what a quorum of the control group has committed");
    let (row, organized) = state_of(disks)?;
    let row =
        row.ok_or_else(|| Error::Rows { group: GroupId::CONTROL, why: "there is no cluster in them".to_owned() })?;
    agree(folder, identity, &row)?;
    if !organized && !identity.begun.by_others() {
        let organize = organize(&settings.tls, identity, entropy)?;
        tracing::warn!(administrator = ?organize.administrator, "the cluster is given an organization");
        propose(ground, lower, Kind::Organize(organize)).await?;
    }
    announce(settings, ground, lower).await?;
    let begun = identity.begun.started();
    if identity.begun != begun {
        // From now on databases that are missing are missed.
        folder.set_identity(&Identity { begun, ..identity.clone() })?;
        tracing::info!(cluster = %identity.cluster, "the cluster has begun for this node");
    }
    Ok(())
}

/// The view once it shows what was committed when this was asked for; says every few seconds what it waits for.
async fn reached(lower: &Lower, air: &Air) -> (BootMillis, ControlIndex) {
    let mut said = air.clock.boot();
    loop {
        let began = air.clock.boot();
        let why = match lower.ask.barrier().await {
            Ok(index) if lower.viewer.reached_within(index, VIEW_LIMIT_MS).await.is_some() => return (began, index),
            Ok(index) => format!("the view does not reach `{index}` within {VIEW_LIMIT_MS} ms"),
            Err(error) => error.to_string(),
        };
        if air.clock.boot().since(said) >= QUORUM_SAID_MS {
            said = air.clock.boot();
            tracing::warn!(
                why,
                "waiting for a quorum of the control group: are the other nodes up, and can they be reached?"
            );
        }
        tokio::time::sleep(Duration::from_millis(QUORUM_LOOK_MS)).await;
    }
}

/// Says where this node is, if the cluster believes something else. The first node of a cluster that was founded before nodes were
/// written down is written down now.
async fn announce(settings: &Settings, ground: &Ground, lower: &Lower) -> Result<(), Error> {
    let Some(facts) = facts(settings, lower) else { return Ok(()) };
    let node = ground.identity.node;
    let view = lower.viewer.now();
    match view.members.node(node) {
        Some(row) if row.facts.as_ref().is_some_and(|known| is_same(known, &facts)) => Ok(()),
        Some(_) => propose(ground, lower, Kind::AnnounceNode(AnnounceNode { node: node.0, facts: Some(facts) })).await,
        None if view.members.nodes().next().is_none() => {
            let first = AdmitFirst { node: node.0, zone: settings.node.zone.clone(), facts: Some(facts) };
            propose(ground, lower, Kind::AdmitFirst(first)).await
        }
        None => Err(Error::Init { why: format!("the cluster has no node {}", node.0) }),
    }
}

fn is_same(known: &NodeFacts, said: &NodeFacts) -> bool {
    NodeFacts { serial: said.serial.clone(), ..known.clone() } == *said
}

/// What this node says of itself; nothing, if it has no peers.
fn facts(settings: &Settings, lower: &Lower) -> Option<NodeFacts> {
    let (_, address) = lower.peer.clone()?;
    let host = settings.tls.names.first().map_or("localhost", String::as_str);
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    Some(NodeFacts {
        address,
        api_address: format!("{host}:{}", settings.listen.grpc.port()),
        names: settings.tls.names.clone(),
        build: env!("CARGO_PKG_VERSION").to_owned(),
        format: FORMAT,
        serial: bytes::Bytes::new(),
    })
}

/// The cluster's row, and whether it has an organisation.
fn state_of(disks: &Disks) -> Result<(Option<MetaRow>, bool), Error> {
    let failed = |why: String| Error::Rows { group: GroupId::CONTROL, why };
    let rows = disks.tables.view(GroupId::CONTROL).map_err(|error| failed(error.to_string()))?;
    let state = state::all(&*rows).map_err(|error| failed(error.to_string()))?;
    Ok((state.cluster, state.organization.is_some()))
}

/// The organisation and its first administrator: whom `tls.operators` names now, and never again.
fn organize(tls: &Tls, identity: &Identity, entropy: &dyn Entropy) -> Result<Organize, Error> {
    let failed = |why: String| Error::Init { why };
    let (mut id, mut root) = ([0; 10], [0; 4]);
    entropy.fill(&mut id)?;
    entropy.fill(&mut root)?;
    let administrator = PolicyName::parse(ADMINISTRATOR_POLICY).map_err(|fault| failed(fault.to_string()))?;
    let policy = PolicyArn::shipped(identity.scope.partition(), PolicyKind::Identity, administrator);
    let of_spiffe = |value: String| control::Identity { kind: IdentityKind::Spiffe.into(), value };
    let identities = certificates::administrators(tls, identity.cluster)?.into_iter().map(of_spiffe);
    let user = CreateUser {
        name: ADMINISTRATOR.to_owned(),
        path: NO_PATH.to_owned(),
        description: "The first administrator, named when the cluster began.".to_owned(),
        identities: identities.collect(),
        ..CreateUser::default()
    };
    Ok(Organize {
        id: OrganizationId::from_random(id).to_string(),
        root: RootId::from_random(root).to_string(),
        account_name: MANAGEMENT.to_owned(),
        administrator: Some(user),
        administrator_policy: policy.to_string(),
    })
}

async fn init(settings: &Settings, ground: &Ground, lower: &Lower, organize: Organize) -> Result<Init, Error> {
    let failed = |why: String| Error::Init { why };
    let (cluster, scope) = (ground.identity.cluster, &ground.identity.scope);
    let data_key = ground.vault.draw(cluster).await.map_err(|error| failed(error.to_string()))?;
    Ok(Init {
        cluster_id: cluster.0.to_vec().into(),
        incarnation: INCARNATION,
        partition: scope.partition().to_owned(),
        region: scope.region().to_owned(),
        groups: ground.identity.shards().into_iter().map(|GroupId(id)| id).collect(),
        quotas: None,
        data_key: Some(data_key),
        organization: Some(organize),
        first: facts(settings, lower).map(|facts| {
            let (node, zone) = (ground.identity.node.0, settings.node.zone.clone());
            Box::new(AdmitFirst { node, zone, facts: Some(facts) })
        }),
    })
}

async fn propose(ground: &Ground, lower: &Lower, kind: Kind) -> Result<(), Error> {
    let failed = |why: String| Error::Init { why };
    let account = ground.identity.scope.account().number();
    let command = Command { account, kind: Some(kind), ..Command::default() };
    let change = Change { command, record: Default::default(), only_in_term: None };
    let reply = lower.groups.control(change).await.map_err(|error| failed(error.to_string()))?;
    match reply.outcome {
        Outcome::Done(_) => Ok(()),
        Outcome::Refused(fault) => Err(failed(fault.to_string())),
        Outcome::Dropped => Err(failed("the lead changed".to_owned())),
    }
}

/// The control group must be the one that the folder was made for.
fn agree(folder: &Folder, identity: &Identity, row: &MetaRow) -> Result<(), Error> {
    let Identity { cluster, scope, .. } = identity;
    let groups: Vec<u32> = identity.shards().into_iter().map(|GroupId(id)| id).collect();
    let same = row.cluster_id.as_ref() == cluster.0
        && row.groups == groups
        && (row.partition.as_str(), row.region.as_str()) == (scope.partition(), scope.region())
        && row.account == scope.account().number();
    if same {
        return Ok(());
    }
    let why = "its control group belongs to another cluster".to_owned();
    Err(Error::NotWhole { folder: folder.path().to_owned(), why })
}
