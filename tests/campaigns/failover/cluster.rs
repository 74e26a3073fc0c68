//! The cluster under test: the harness' nodes, each in a zone of its own, and the disks below them whose power can be cut.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bascule_tests::Outcome;
use bascule_tests::nodes::{Nodes, Plan};

use crate::disk::Disk;

/// Open attempts and outcomes of a group that are not written: what a failover may repeat.
pub const UNCONFIRMED_DELIVERIES: u64 = 256;
/// Shard groups of the cluster: with the control group as many as nodes, so that each leads one while nothing has happened.
pub const GROUPS: u32 = 2;
/// Nodes of the cluster.
pub const NODES: u32 = 3;

/// How all nodes are started.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// Another binary.
    pub binary: Option<PathBuf>,
    /// More environment.
    pub environment: Option<(&'static str, &'static str)>,
    /// Whether each has a disk whose power can be cut.
    pub has_disks: bool,
}

/// Nodes and their disks.
pub struct Cluster {
    // Unmounted once the processes are gone.
    /// The daemons, and the wires between them.
    pub nodes: Nodes,
    disks: BTreeMap<u64, Disk>,
}

impl Cluster {
    /// Forms a cluster in this folder.
    ///
    /// # Errors
    /// A disk is not made, a daemon does not start, or the cluster is not whole in time.
    pub async fn form(home: &Path, manner: &Manner) -> Outcome<Self> {
        let mut disks = BTreeMap::new();
        if manner.has_disks {
            for id in 1..=u64::from(NODES) {
                let (image, mount) = (home.join(format!("image-{id}")), home.join(format!("node-{id}/data")));
                disks.insert(id, Disk::make(&image, &mount)?);
            }
        }
        let mut plan = Plan::zones(NODES).set(&format!("delivery.max_unconfirmed_deliveries={UNCONFIRMED_DELIVERIES}"));
        plan.groups = GROUPS;
        plan.home = Some(home.to_owned());
        plan.binary.clone_from(&manner.binary);
        plan.environment.extend(manner.environment.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Ok(Self { nodes: Nodes::form(&plan).await?, disks })
    }

    /// Stops the daemons in order, and lets their disks go.
    ///
    /// # Errors
    /// One does not end, or ends with a failure.
    pub fn stop(self) -> Outcome {
        let Self { nodes, disks: _disks } = self;
        nodes.end()
    }

    /// The disk of a node.
    ///
    /// # Errors
    /// It has none of its own.
    pub fn disk(&self, id: u64) -> Outcome<&Disk> {
        self.disks.get(&id).with_context(|| format!("node {id} has no disk of its own"))
    }
}
