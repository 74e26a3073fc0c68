//! Tells every group of deleted buses and queues, until each has confirmed: the control leader's business.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use bascule_model::uid::GroupId;
use bascule_statemachine::codec::control::{self, ConfirmTombstone};
use bascule_statemachine::codec::shard::{Command, Kind, Tombstone};
use bascule_statemachine::ports::propose::{Change, ProposeError};
use bascule_statemachine::shard::reply::Reply;

use crate::limits::BURIAL_INTERVAL_MS;
use crate::service::Shared;

/// Looks until `stop`; what fails is tried again at the next look.
pub(crate) async fn run(shared: &Shared, mut stop: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(BURIAL_INTERVAL_MS));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let Some(term) = shared.propose.control_term() else { continue };
        let view = shared.viewer.now();
        for row in view.unconfirmed() {
            for group in &row.waiting {
                if let Err(error) = bury(shared, term, row.uid, row.account, GroupId(*group)).await {
                    tracing::info!(uid = row.uid, group, %error, "a group was not told of a deletion, it is told again");
                }
            }
        }
    }
}

async fn bury(shared: &Shared, term: u64, uid: u64, account: u64, group: GroupId) -> Result<(), ProposeError> {
    loop {
        let command = Command { kind: Some(Kind::Tombstone(Tombstone { uid })) };
        let replies = shared.propose.shard(group, None, vec![command]).await?;
        match replies.first() {
            Some(Reply::Buried { more: true, .. }) => {}
            Some(Reply::Buried { more: false, .. }) => break,
            other => {
                return Err(ProposeError::Unknown { group, why: format!("the machine answered `{other:?}`") });
            }
        }
    }
    let kind = control::Kind::ConfirmTombstone(ConfirmTombstone { uid, group: group.0 });
    let command = control::Command {
        account,
        request_id: String::new(),
        content: Bytes::new(),
        if_changed_at: 0,
        epochs: None,
        kind: Some(kind),
    };
    // A refusal means that somebody else's word was first; the next look tells.
    shared.propose.control(Change { command, record: Bytes::new(), only_in_term: Some(term) }).await?;
    Ok(())
}
