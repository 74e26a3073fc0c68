//! The room as it runs: a follower for each group that is led here, and the burial of what was deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use opentelemetry::metrics::Meter;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot, watch};

use bascule_model::ambient::{Clock, Entropy, Spawn, TaskKind};
use bascule_model::uid::{GroupId, Uid};
use bascule_pki::client::OutboundConfig;
use bascule_routing::put::Put;
use bascule_routing::vault::Vault;
use bascule_routing::viewer::Viewer;
use bascule_statemachine::ports::propose::Propose;
use bascule_statemachine::ports::tables::Tables;

use crate::follower::Follower;
use crate::leads::{Lead, Leads};
use crate::limits::{LOADING_LIMIT_ATTEMPTS, PAYLOADS_LIMIT_BYTES};
use crate::meters::Meters;
use crate::target::Targets;
use crate::target::egress::Egress;
use crate::target::log::Sink;
use crate::{burial, clock, retention};

/// What an operator may set.
pub struct Settings {
    /// Open attempts and outcomes that are not committed, a group: what may be repeated after a crash.
    pub unconfirmed_limit_deliveries: usize,
    /// Where targets may be.
    pub egress: Egress,
}

/// What the room stands on.
pub struct Ports {
    /// Told by the groups.
    pub leads: Arc<Leads>,
    /// Their rows.
    pub tables: Arc<dyn Tables>,
    /// The way into their logs.
    pub propose: Arc<dyn Propose>,
    /// The view.
    pub viewer: Arc<Viewer>,
    /// Opens events for their targets.
    pub vault: Arc<Vault>,
    /// Puts events on other buses.
    pub put: Arc<Put>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance, for jitter.
    pub entropy: Arc<dyn Entropy>,
    /// Tasks.
    pub spawn: Arc<dyn Spawn>,
    /// TLS of calls to targets.
    pub outbound: OutboundConfig,
    /// Where log targets write.
    pub log: Arc<dyn Sink>,
    /// Instruments.
    pub meter: Meter,
}

/// What followers and attempts share.
pub(crate) struct Shared {
    pub(crate) tables: Arc<dyn Tables>,
    pub(crate) propose: Arc<dyn Propose>,
    pub(crate) viewer: Arc<Viewer>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) put: Arc<Put>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) spawn: Arc<dyn Spawn>,
    pub(crate) targets: Targets,
    pub(crate) meters: Meters,
    pub(crate) unconfirmed_limit: usize,
    /// Rows with frames that are being read.
    pub(crate) loading: Semaphore,
    /// Bytes of payloads in memory.
    pub(crate) payloads: Semaphore,
    /// Targets of which the log says that they may not be invoked: each change is said once, by whichever group comes first.
    pub(crate) forbidden: Mutex<BTreeSet<Uid>>,
}

/// The running room.
pub struct Service {
    shared: Arc<Shared>,
    leads: Arc<Leads>,
}

struct Running {
    term: u64,
    ended: oneshot::Receiver<()>,
}

impl Service {
    /// A room that does nothing yet.
    #[must_use]
    pub fn new(settings: Settings, ports: Ports) -> Self {
        let (clock, spawn) = (Arc::clone(&ports.clock), Arc::clone(&ports.spawn));
        let targets = Targets::new(ports.outbound, settings.egress, ports.log, clock, spawn);
        let shared = Arc::new(Shared {
            tables: ports.tables,
            propose: ports.propose,
            viewer: ports.viewer,
            vault: ports.vault,
            put: ports.put,
            clock: ports.clock,
            entropy: ports.entropy,
            spawn: ports.spawn,
            targets,
            meters: Meters::new(&ports.meter),
            unconfirmed_limit: settings.unconfirmed_limit_deliveries,
            loading: Semaphore::new(LOADING_LIMIT_ATTEMPTS),
            payloads: Semaphore::new(PAYLOADS_LIMIT_BYTES),
            forbidden: Mutex::default(),
        });
        Self { shared, leads: ports.leads }
    }

    /// Delivers until `stop`; returns when every follower has written what it knows.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let (shared, burying) = (Arc::clone(&self.shared), stop.clone());
        let burial = async move { burial::run(&shared, burying).await };
        self.shared.spawn.spawn(TaskKind::Leading, Box::pin(burial));
        let (shared, keeping, leads) = (Arc::clone(&self.shared), stop.clone(), Arc::clone(&self.leads));
        let retention = async move { retention::run(&shared, &leads, keeping).await };
        self.shared.spawn.spawn(TaskKind::Leading, Box::pin(retention));
        let (shared, ticking) = (Arc::clone(&self.shared), stop.clone());
        let clock = async move { clock::run(&shared, ticking).await };
        self.shared.spawn.spawn(TaskKind::Leading, Box::pin(clock));
        let mut leads = self.leads.watch();
        let mut running: BTreeMap<GroupId, Running> = BTreeMap::new();
        loop {
            let now = leads.borrow_and_update().clone();
            for (group, lead) in now {
                if running.get(&group).is_none_or(|running| running.term != lead.term) {
                    running.insert(group, self.follow(group, lead, stop.clone()));
                }
            }
            tokio::select! {
                changed = leads.changed() => if changed.is_err() { break },
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        for (_, Running { ended, .. }) in running {
            // Either word means that the follower is gone.
            let _ = ended.await;
        }
    }

    fn follow(&self, group: GroupId, lead: Lead, stop: watch::Receiver<bool>) -> Running {
        let term = lead.term;
        let (done, ended) = oneshot::channel();
        let follower = Follower::new(Arc::clone(&self.shared), group, lead, self.leads.watch(), stop);
        let work = async move {
            follower.run().await;
            // Nobody waits for a follower of an earlier term.
            let _ = done.send(());
        };
        self.shared.spawn.spawn(TaskKind::Leading, Box::pin(work));
        Running { term, ended }
    }
}
