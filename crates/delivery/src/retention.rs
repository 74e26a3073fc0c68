//! Ends what has lain too long: messages of queues, and dead letters of buses' own tables, in the groups that are led here.

use std::time::Duration;

use tokio::sync::watch;

use bascule_model::time::Millis;
use bascule_model::uid::{GroupId, Uid};
use bascule_routing::view::View;
use bascule_statemachine::codec::shard::{Command, Expire, Kind};
use bascule_statemachine::limits::{BUS_DEAD_LETTERS_KEPT_MS, EXPIRE_LIMIT_ROWS};
use bascule_statemachine::shard::read;
use bascule_statemachine::shard::reply::Reply;

use crate::leads::Leads;
use crate::limits::{RETENTION_CHUNK_ROWS, RETENTION_INTERVAL_MS};
use crate::service::Shared;

const _: () = assert!(2 * RETENTION_CHUNK_ROWS <= EXPIRE_LIMIT_ROWS);

/// Looks until `stop`. What lies behind a whole chunk of younger rows waits for them, so that an idle look stays cheap.
pub(crate) async fn run(shared: &Shared, leads: &Leads, mut stop: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(RETENTION_INTERVAL_MS));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let kept = kept(&shared.viewer.now());
        for group in leads.led() {
            let Some(term) = leads.term(group) else { continue };
            let now = shared.propose.time(group, term);
            for (uid, kept_ms) in &kept {
                if let Err(why) = expire(shared, group, now, *uid, *kept_ms).await {
                    tracing::info!(%group, %uid, %why, "old messages stay until the next look");
                }
            }
        }
    }
}

/// How long each queue and bus keeps what lies there.
fn kept(view: &View) -> Vec<(Uid, u64)> {
    let Some(account) = view.cluster.as_ref().map(|cluster| cluster.scope.account()) else {
        return Vec::new();
    };
    let queues = view.queues(account);
    let queues = queues.filter_map(|row| Some((Uid(row.uid), row.queue.as_ref()?.retention_ms)));
    let buses = view.buses(account).map(|bus| (Uid(bus.row.uid), BUS_DEAD_LETTERS_KEPT_MS));
    queues.chain(buses).collect()
}

async fn expire(shared: &Shared, group: GroupId, now: Millis, uid: Uid, kept_ms: u64) -> Result<(), String> {
    loop {
        let items = {
            let rows = shared.tables.view(group).map_err(|error| error.to_string())?;
            let before_ms = now.0.saturating_sub(kept_ms);
            read::laid_before(&*rows, uid, before_ms, RETENTION_CHUNK_ROWS).map_err(|error| error.to_string())?
        };
        if items.is_empty() {
            return Ok(());
        }
        let command = Command { kind: Some(Kind::Expire(Expire { uid: uid.0, kept_ms, items })) };
        let replies = shared.propose.shard(group, None, vec![command]).await.map_err(|error| error.to_string())?;
        match replies.as_slice() {
            [Reply::Expired(deleted)] if *deleted > 0 => {
                tracing::info!(%group, %uid, deleted, "messages had lain too long and are deleted");
            }
            // The group is led elsewhere by now, and its time is behind this node's.
            _ => return Ok(()),
        }
    }
}
