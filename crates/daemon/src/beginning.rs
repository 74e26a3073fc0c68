//! The cluster's beginning: the first start after `init` proposes `Init`, and no other start ever does.

use std::time::Duration;

use bascule_model::uid::GroupId;
use bascule_statemachine::codec::control::rows::MetaRow;
use bascule_statemachine::codec::control::{Command, Init, Kind};
use bascule_statemachine::control::reply::Outcome;
use bascule_statemachine::control::state;
use bascule_statemachine::ports::ask::Ask;
use bascule_statemachine::ports::propose::{Change, Propose};
use bascule_statemachine::ports::tables::Tables;

use crate::disks::Disks;
use crate::error::Error;
use crate::folder::{Begun, Folder, Identity};
use crate::ground::Ground;
use crate::house::Lower;
use crate::limits::VIEW_LIMIT_MS;

/// The first life of a cluster; `restore` and `recover` raise it.
const INCARNATION: u32 = 1;

/// Begins the cluster if this is its first start, else sees that it is the one that the folder was made for. Returns when the
/// view shows it.
///
/// # Errors
/// [`Error::NotWhole`], [`Error::Rows`], [`Error::Init`], [`Error::ViewLate`].
pub async fn begin(folder: &Folder, ground: &Ground, disks: &Disks, lower: &Lower) -> Result<(), Error> {
    let identity = &ground.identity;
    match (cluster(disks)?, identity.begun) {
        (Some(row), _) => agree(folder, identity, &row)?,
        (None, Begun::New) => propose(ground, lower).await?,
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

fn cluster(disks: &Disks) -> Result<Option<MetaRow>, Error> {
    let failed = |why: String| Error::Rows { group: GroupId::CONTROL, why };
    let rows = disks.tables.view(GroupId::CONTROL).map_err(|error| failed(error.to_string()))?;
    Ok(state::all(&*rows).map_err(|error| failed(error.to_string()))?.cluster)
}

async fn propose(ground: &Ground, lower: &Lower) -> Result<(), Error> {
    let failed = |why: String| Error::Init { why };
    let (cluster, scope) = (ground.identity.cluster, &ground.identity.scope);
    let data_key = ground.vault.draw(cluster).await.map_err(|error| failed(error.to_string()))?;
    let init = Init {
        cluster_id: cluster.0.to_vec().into(),
        incarnation: INCARNATION,
        partition: scope.partition().to_owned(),
        region: scope.region().to_owned(),
        groups: ground.identity.shards().into_iter().map(|GroupId(id)| id).collect(),
        quotas: None,
        data_key: Some(data_key),
        organization: None,
    };
    let account = scope.account().number();
    let command = Command { account, kind: Some(Kind::Init(init)), ..Command::default() };
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
