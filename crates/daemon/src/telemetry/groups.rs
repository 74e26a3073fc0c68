//! Figures of the Raft groups: each at this node, by the label `group`, of which there are as many as groups.
//!
//! In: what `replication` says of its groups at the moment of the scrape.
//! Out: gauges and counters; docs/metrics.md says what each is good for.
//! Never: a label that grows with callers, events or time.

use std::sync::{Arc, Weak};

use bascule_replication::groups::Groups;
use bascule_replication::groups::figures::Figures;
use bascule_statemachine::ports::propose::Propose;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};

/// A figure of a group: its name, what it says, and where it is read.
type Row = (&'static str, &'static str, fn(&Figures) -> u64);

const GAUGES: [Row; 7] = [
    ("bascule_raft_term", "The group's term at this node.", |it| it.standing.term),
    (
        "bascule_raft_leader_node",
        "The id of the node that leads the group, as far as is known here; 0 if none is.",
        |it| it.leader.map_or(0, |leader| leader.0),
    ),
    ("bascule_raft_last_log_index", "The last entry of the group's log here.", |it| it.standing.last),
    ("bascule_raft_committed_index", "The last entry that is known here to be on a quorum's disks.", |it| {
        it.standing.committed
    }),
    ("bascule_raft_applied_index", "The last entry that is applied here.", |it| it.standing.applied),
    ("bascule_raft_snapshot_index", "The last entry whose rows are flushed here.", |it| it.standing.snapshot),
    ("bascule_raft_purged_index", "The last entry that has gone from the log here.", |it| it.standing.purged),
];

const COUNTERS: [Row; 6] = [
    ("bascule_raft_elections", "Elections that this node stood for.", |it| it.counts.elections),
    ("bascule_raft_leaders_followed", "Leaders of the group that this node followed or was.", |it| it.counts.leaders),
    ("bascule_raft_append_entries", "Entries written to the group's log here.", |it| it.counts.append_entries),
    ("bascule_raft_append_bytes", "Bytes of their payloads.", |it| it.counts.append_bytes),
    ("bascule_raft_snapshots_sent", "Snapshots of the group that this node began to send.", |it| {
        it.counts.snapshots_sent
    }),
    ("bascule_raft_snapshots_installed", "Snapshots of the group that this node installed.", |it| {
        it.counts.snapshots_installed
    }),
];

/// Figures of the groups, for as long as they are there.
pub fn watch(meter: &Meter, groups: &Arc<Groups>) {
    let weak = Arc::downgrade(groups);
    for (name, description, value) in GAUGES {
        let seen = each(&weak, value);
        meter.u64_observable_gauge(name).with_description(description).with_callback(seen).build();
    }
    for (name, description, value) in COUNTERS {
        let seen = each(&weak, value);
        meter.u64_observable_counter(name).with_description(description).with_callback(seen).build();
    }
    watch_roles(meter, &weak);
    watch_followers(meter, &weak);
    watch_proposals(meter, weak);
}

/// Shows one number of each group.
fn each(
    groups: &Weak<Groups>,
    value: fn(&Figures) -> u64,
) -> impl Fn(&dyn AsyncInstrument<u64>) + Send + Sync + 'static {
    let groups = Weak::clone(groups);
    move |seen| {
        let Some(groups) = groups.upgrade() else { return };
        for it in groups.figures() {
            seen.observe(value(&it), &[KeyValue::new("group", it.group.to_string())]);
        }
    }
}

fn watch_roles(meter: &Meter, groups: &Weak<Groups>) {
    let weak = Weak::clone(groups);
    meter
        .u64_observable_gauge("bascule_raft_role")
        .with_description("Always 1; the label `role` says what this node is in the group.")
        .with_callback(move |seen| {
            let Some(groups) = weak.upgrade() else { return };
            for it in groups.figures() {
                let labels = [KeyValue::new("group", it.group.to_string()), KeyValue::new("role", it.role.name())];
                seen.observe(1, &labels);
            }
        })
        .build();
    let weak = Weak::clone(groups);
    meter
        .u64_observable_gauge("bascule_raft_groups_led")
        .with_description("Groups that this node leads, the control group included.")
        .with_callback(move |seen| {
            let Some(groups) = weak.upgrade() else { return };
            seen.observe(groups.led().len() as u64 + u64::from(groups.control_term().is_some()), &[]);
        })
        .build();
}

/// What a leader knows of those that follow it; their number is bounded by that of replicas.
fn watch_followers(meter: &Meter, groups: &Weak<Groups>) {
    let weak = Weak::clone(groups);
    meter
        .u64_observable_gauge("bascule_raft_follower_lag_entries")
        .with_description("Entries that a follower of a group that is led here has not confirmed, by its node.")
        .with_callback(move |seen| {
            let Some(groups) = weak.upgrade() else { return };
            for it in groups.figures() {
                for follower in &it.followers {
                    // Of whom nothing was heard lacks everything.
                    let lag = follower.lag_entries.unwrap_or(it.standing.last);
                    let node = KeyValue::new("node", i64::try_from(follower.node.0).unwrap_or(i64::MAX));
                    seen.observe(lag, &[KeyValue::new("group", it.group.to_string()), node]);
                }
            }
        })
        .build();
}

fn watch_proposals(meter: &Meter, groups: Weak<Groups>) {
    meter
        .u64_observable_gauge("bascule_raft_pending_bytes")
        .with_description("Bytes of commands that wait for their log entry, of groups of events that are led here.")
        .with_callback(move |seen| {
            let Some(groups) = groups.upgrade() else { return };
            for led in groups.led() {
                seen.observe(led.waiting_bytes as u64, &[KeyValue::new("group", led.group.to_string())]);
            }
        })
        .build();
}
