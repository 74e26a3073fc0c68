//! The cluster's beginning: the first start after `init` proposes `Init`, with the organisation and its first administrator, and no
//! other start ever does. A cluster that began before there were organisations is given one, once.

use std::time::Duration;

use bascule_model::ambient::Entropy;
use bascule_model::name::PolicyName;
use bascule_model::organization::{OrganizationId, RootId};
use bascule_model::policy::{PolicyArn, PolicyKind};
use bascule_model::principal::NO_PATH;
use bascule_model::uid::GroupId;
use bascule_statemachine::codec::control::rows::MetaRow;
use bascule_statemachine::codec::control::{self, Command, CreateUser, IdentityKind, Init, Kind, Organize};
use bascule_statemachine::control::reply::Outcome;
use bascule_statemachine::control::state;
use bascule_statemachine::ports::ask::Ask;
use bascule_statemachine::ports::propose::{Change, Propose};
use bascule_statemachine::ports::tables::Tables;

use crate::certificates;
use crate::config::Settings;
use crate::config::settings::Tls;
use crate::disks::Disks;
use crate::error::Error;
use crate::folder::{Begun, Folder, Identity};
use crate::ground::Ground;
use crate::house::Lower;
use crate::limits::VIEW_LIMIT_MS;

/// The first user, what it has, and the name of the account in which it is.
const ADMINISTRATOR: &str = "administrator";
const ADMINISTRATOR_POLICY: &str = "BasculeAdministrator";
const MANAGEMENT: &str = "management";

/// The first life of a cluster; `restore` and `recover` raise it.
const INCARNATION: u32 = 1;

/// Begins the cluster if this is its first start, else sees that it is the one that the folder was made for. Returns when the
/// view shows it.
///
/// # Errors
/// [`Error::NotWhole`], [`Error::Rows`], [`Error::Init`], [`Error::ViewLate`].
pub async fn begin(
    settings: &Settings,
    folder: &Folder,
    ground: &Ground,
    disks: &Disks,
    entropy: &dyn Entropy,
    lower: &Lower,
) -> Result<(), Error> {
    let identity = &ground.identity;
    let (row, organized) = state_of(disks)?;
    match (row, identity.begun) {
        (Some(row), _) => {
            agree(folder, identity, &row)?;
            if !organized {
                let organize = organize(&settings.tls, identity, entropy)?;
                tracing::warn!(administrator = ?organize.administrator, "the cluster is given an organization");
                propose(ground, lower, Kind::Organize(organize)).await?;
            }
        }
        (None, Begun::New) => {
            let organize = organize(&settings.tls, identity, entropy)?;
            let init = init(ground, organize).await?;
            propose(ground, lower, Kind::Init(init)).await?;
        }
        (None, Begun::Formed) => {
            let why = "its cluster was begun, yet its control group holds nothing".to_owned();
            return Err(Error::NotWhole { folder: folder.path().to_owned(), why });
        }
    }
    let failed = |why: String| Error::Rows { group: GroupId::CONTROL, why };
    let index = lower.desk.barrier().await.map_err(|error| failed(error.to_string()))?;
    let limit = Duration::from_millis(VIEW_LIMIT_MS);
    if lower.viewer.reached_within(index, VIEW_LIMIT_MS).await.is_none() {
        return Err(Error::ViewLate { index, limit_ms: limit.as_millis() as u64 });
    }
    if identity.begun == Begun::New {
        folder.set_identity(&Identity { begun: Begun::Formed, ..identity.clone() })?;
        tracing::info!(cluster = %identity.cluster, "the cluster has begun");
    }
    Ok(())
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

async fn init(ground: &Ground, organize: Organize) -> Result<Init, Error> {
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
