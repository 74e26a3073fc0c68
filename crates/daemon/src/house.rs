//! The rooms, built in order, introduced to each other, and stopped in reverse.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::metrics::Meter;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use bascule_delivery::desk::{self, Desk};
use bascule_delivery::leads::Leads;
use bascule_delivery::service::{self, Service};
use bascule_ingress::listener::{Bounds, grpc};
use bascule_ingress::rooms::Rooms;
use bascule_ingress::stack::{self, Stack};
use bascule_model::ambient::{Spawn, TaskKind};
use bascule_model::uid::GroupId;
use bascule_replication::group::StartError;
use bascule_replication::groups::{self, Face, Formation, Groups};
use bascule_replication::questions::Carrier;
use bascule_replication::raft::Peer;
use bascule_routing::freshness;
use bascule_routing::put::Put;
use bascule_routing::viewer::Viewer;
use bascule_statemachine::ports::ask::Ask;

use crate::admission::Registrar;
use crate::ambient::{self, Ends, Tasks};
use crate::beginning;
use crate::config::Settings;
use crate::disks::Disks;
use crate::error::Error;
use crate::folder::{self, Begun, Folder};
use crate::ground::{Air, Ground};
use crate::limits::OTHERS_LOOK_MS;
use crate::lookout::Lookout;
use crate::neighbours::Neighbours;
use crate::telemetry::{self, figures};

/// The two runtimes: Raft has its own, so that no busy room delays its heartbeats.
#[derive(Clone)]
pub struct Runtimes {
    /// Everything but Raft.
    pub rooms: Handle,
    /// Raft.
    pub raft: Handle,
    /// Where ends are told that matter.
    pub ends: Ends,
}

impl Runtimes {
    /// Tasks of the rooms.
    #[must_use]
    pub fn tasks(&self) -> Arc<dyn Spawn> {
        Arc::new(Tasks::on(&self.rooms, &self.ends, ambient::Leads::Terms))
    }

    /// Tasks of the rooms that last as long as the daemon, whatever their kind.
    fn lasting(&self) -> Arc<dyn Spawn> {
        Arc::new(Tasks::on(&self.rooms, &self.ends, ambient::Leads::Groups))
    }

    /// Tasks of the groups.
    #[must_use]
    pub fn groups(&self) -> Arc<dyn Spawn> {
        Arc::new(Tasks::on(&self.raft, &self.ends, ambient::Leads::Groups))
    }
}

/// Groups, and who stands on them.
pub struct Lower {
    /// The groups.
    pub groups: Arc<Groups>,
    /// The view.
    pub viewer: Arc<Viewer>,
    /// Answers for leaders, wherever they are.
    pub ask: Arc<dyn Ask>,
    /// The put path.
    pub put: Arc<Put>,
    /// Where peers find this node; none for a node that is alone.
    pub peer: Option<(SocketAddr, String)>,
    /// What they know its authority by.
    pub authority: Option<[u8; 32]>,
    leads: Arc<Leads>,
}

/// The running rooms.
pub struct House {
    lower: Lower,
    /// Where gRPC is served.
    pub grpc: SocketAddr,
    ingress: Running,
    delivery: Running,
    freshness: Running,
}

/// A service: how it is stopped, and how its end is heard.
struct Running {
    stop: watch::Sender<bool>,
    ended: oneshot::Receiver<()>,
}

impl Running {
    /// Starts a service under a kind.
    fn start<W>(spawn: &dyn Spawn, kind: TaskKind, work: impl FnOnce(watch::Receiver<bool>) -> W) -> Self
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let (stop, stopped) = watch::channel(false);
        let (done, ended) = oneshot::channel();
        let work = work(stopped);
        let whole = async move {
            work.await;
            // Nobody waits any more after a stop that took too long.
            let _ = done.send(());
        };
        spawn.spawn(kind, Box::pin(whole));
        Self { stop, ended }
    }

    /// Asks it to end and waits; `false` if that takes longer than `limit`.
    async fn stop(self, limit: Duration) -> bool {
        self.stop.send_replace(true);
        tokio::time::timeout(limit, self.ended).await.is_ok()
    }
}

impl Lower {
    /// Starts all groups on the Raft runtime, with view and leads told of what they do.
    ///
    /// # Errors
    /// [`Error::Groups`].
    pub async fn start(
        settings: &Settings,
        ground: &Ground,
        disks: &Disks,
        air: &Air,
        meter: &Meter,
        runtimes: &Runtimes,
    ) -> Result<Self, Error> {
        let viewer = Viewer::start(&*runtimes.tasks());
        let leads = Leads::new();
        let identity = &ground.identity;
        let mut neighbours = Neighbours::prepare(settings, identity, &viewer, air, runtimes).await?;
        look_after(&neighbours, air, meter, runtimes);
        let address = neighbours.face.as_ref().map(|(_, said)| said.clone()).unwrap_or_default();
        // Groups are formed once, by the node that makes the cluster: one whose log is empty later has its log with others.
        let formation = if identity.begun == Begun::New { Formation::Founded } else { Formation::Joined };
        let shape = groups::Settings {
            node: identity.node,
            face: Face { cluster: identity.cluster, build: env!("CARGO_PKG_VERSION"), address: address.clone() },
            formation,
            peer: Peer { address, zone: settings.node.zone.clone() },
            timing: settings.timing,
            shards: ground.identity.shards(),
            start_limit: settings.start_limit,
        };
        let ports = groups::Ports {
            log: Arc::clone(&disks.log) as _,
            tables: Arc::clone(&disks.tables) as _,
            snapshots: Arc::clone(&disks.tables) as _,
            spawn: runtimes.groups(),
            clock: Arc::clone(&air.clock),
            views: Arc::clone(&viewer) as _,
            follow: Arc::clone(&leads) as _,
            peers: Arc::clone(&neighbours.peers),
        };
        // openraft starts its tasks on the runtime that it is called on.
        let started = runtimes.raft.spawn(async move { Groups::start(&shape, ports).await }).await;
        let panicked = |_| StartError::Stopped { group: GroupId::CONTROL, why: "its start panicked".to_owned() };
        let groups = started.map_err(panicked)??;
        let desk = Desk::new(desk::Ports {
            leads: Arc::clone(&leads),
            tables: Arc::clone(&disks.tables) as _,
            propose: ground.plant.proposing(Arc::clone(&groups) as _),
            viewer: Arc::clone(&viewer),
            clock: Arc::clone(&air.clock),
        });
        groups.introduce(Arc::clone(&desk) as _);
        let ask: Arc<dyn Ask> = Carrier::before(desk, Arc::clone(&groups));
        receive(&mut neighbours, settings, ground, (&groups, &viewer), air, runtimes);
        let put = Put::new(
            Arc::clone(&viewer),
            Arc::clone(&ground.vault),
            Arc::clone(&groups) as _,
            Arc::clone(&air.clock),
            Arc::clone(&air.entropy),
            meter,
        );
        Ok(Self {
            groups,
            viewer,
            ask,
            put: Arc::new(put),
            peer: neighbours.face,
            authority: neighbours.authority,
            leads,
        })
    }
}

impl House {
    /// Builds everything and serves. When this returns, calls are answered.
    ///
    /// # Errors
    /// The first that stands in the way.
    pub async fn build(
        settings: &Settings,
        folder: &Folder,
        (ground, disks): (&Ground, &Disks),
        air: &Air,
        meter: &Meter,
        runtimes: &Runtimes,
    ) -> Result<Self, Error> {
        let lower = Lower::start(settings, ground, disks, air, meter, runtimes).await?;
        telemetry::groups::watch(meter, &lower.groups);
        beginning::begin((settings, air), folder, ground, disks, &lower).await?;
        note_others(folder, &lower.groups, runtimes);
        let freshness = freshen(ground, &lower, air, runtimes);
        // Bound only now, so that nobody who connects waits for a recovery.
        let address = settings.listen.grpc;
        let failed = |source| Error::Socket { key: "listen.grpc", address, source };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let grpc = socket.local_addr().map_err(failed)?;
        let delivery = deliver(settings, ground, disks, &lower, air, meter, runtimes);
        let ingress = serve(settings, ground, &lower, socket, air, meter, runtimes);
        Ok(Self { lower, grpc, ingress, delivery, freshness })
    }

    /// The groups and the view, for whoever asks whether they are well.
    #[must_use]
    pub fn lower(&self) -> &Lower {
        &self.lower
    }

    /// Stops in reverse: no more calls, then no more attempts, then the groups. `false` if a part took longer than it may.
    pub async fn stop(self, limit: Duration) -> bool {
        let Self { lower, ingress, delivery, freshness, .. } = self;
        tracing::info!("no more calls are taken");
        let eighth = limit / 8;
        // A receive may wait for messages for 20 s, and is a call as any other.
        let mut orderly = timely("calls", ingress.stop(eighth * 5).await);
        orderly &= timely("deliveries", delivery.stop(eighth * 2).await);
        freshness.stop.send_replace(true);
        // The others lead on without an election.
        lower.groups.give_up_leads().await;
        let stopped = tokio::time::timeout(eighth, lower.groups.stop()).await.is_ok();
        orderly &= timely("groups", stopped);
        lower.viewer.stop();
        orderly
    }
}

/// Writes down, once, that the node is one of several: what it loses later the others have, and no rows may be there to say so.
fn note_others(folder: &Folder, groups: &Arc<Groups>, runtimes: &Runtimes) {
    let (path, groups) = (folder.several(), Arc::downgrade(groups));
    if path.exists() {
        return;
    }
    let noting = async move {
        while let Some(groups) = groups.upgrade() {
            if !groups.others().is_empty() {
                if let Err(error) = folder::write_new(&path, 0o600, b"") {
                    tracing::error!(error = error.chain(), "it could not be written down that there are other nodes");
                }
                return;
            }
            drop(groups);
            tokio::time::sleep(Duration::from_millis(OTHERS_LOOK_MS)).await;
        }
    };
    runtimes.tasks().spawn(TaskKind::Upkeep, Box::pin(noting));
}

/// Reads the certificates towards peers anew when they change.
fn look_after(neighbours: &Neighbours, air: &Air, meter: &Meter, runtimes: &Runtimes) {
    let Some(tls) = &neighbours.tls else { return };
    let tls = Arc::clone(tls.material());
    let failures = figures::watch_peer_certificates(meter, &tls);
    let lookout = Lookout { tls, clock: Arc::clone(&air.clock), spawn: runtimes.tasks(), failures };
    runtimes.tasks().spawn(TaskKind::Listener, Box::pin(lookout.watch()));
}

/// Serves the peers, and those that want to be one.
fn receive(
    neighbours: &mut Neighbours,
    settings: &Settings,
    ground: &Ground,
    (groups, viewer): (&Arc<Groups>, &Arc<Viewer>),
    air: &Air,
    runtimes: &Runtimes,
) {
    let registrar = Registrar {
        identity: ground.identity.clone(),
        data: settings.node.data.clone(),
        root_key: settings.root_key.clone(),
        folder: settings.tls.folder.clone(),
        groups: Arc::clone(groups),
        viewer: Arc::clone(viewer),
        spawn: runtimes.groups(),
        clock: Arc::clone(&air.clock),
        entropy: Arc::clone(&air.entropy),
    };
    if let Some(serving) = neighbours.service(groups, Arc::new(registrar), air, runtimes) {
        runtimes.groups().spawn(TaskKind::Listener, Box::pin(serving));
    }
}

fn timely(what: &'static str, orderly: bool) -> bool {
    if orderly {
        tracing::info!(what, "stopped");
    } else {
        tracing::error!(what, "the stop takes too long, and goes on without these");
    }
    orderly
}

/// Confirms the view's freshness, again and again.
fn freshen(ground: &Ground, lower: &Lower, air: &Air, runtimes: &Runtimes) -> Running {
    let (viewer, vault) = (Arc::clone(&lower.viewer), Arc::clone(&ground.vault));
    let (ask, clock) = (Arc::clone(&lower.ask), Arc::clone(&air.clock));
    let run = |stop| freshness::run((viewer, vault), ask, clock, stop);
    Running::start(&*runtimes.lasting(), TaskKind::Leading, run)
}

fn deliver(
    settings: &Settings,
    ground: &Ground,
    disks: &Disks,
    lower: &Lower,
    air: &Air,
    meter: &Meter,
    runtimes: &Runtimes,
) -> Running {
    let unconfirmed_limit_deliveries = settings.delivery.max_unconfirmed;
    let settings = service::Settings { unconfirmed_limit_deliveries, egress: ground.egress.clone() };
    let ports = service::Ports {
        leads: Arc::clone(&lower.leads),
        tables: Arc::clone(&disks.tables) as _,
        propose: Arc::clone(&lower.groups) as _,
        viewer: Arc::clone(&lower.viewer),
        vault: Arc::clone(&ground.vault),
        put: Arc::clone(&lower.put),
        clock: Arc::clone(&air.clock),
        entropy: Arc::clone(&air.entropy),
        spawn: runtimes.tasks(),
        outbound: Arc::clone(&ground.outbound),
        log: Arc::clone(&ground.sink),
        meter: meter.clone(),
    };
    let service = Service::new(settings, ports);
    Running::start(&*runtimes.lasting(), TaskKind::Leading, |stop| service.run(stop))
}

fn serve(
    settings: &Settings,
    ground: &Ground,
    lower: &Lower,
    socket: TcpListener,
    air: &Air,
    meter: &Meter,
    runtimes: &Runtimes,
) -> Running {
    let admission = stack::Settings {
        scope: settings.node.scope.clone(),
        calls_limit: settings.limits.calls,
        principal_calls_per_second: settings.limits.principal_calls_per_second,
        bus_events_per_second: settings.limits.bus_events_per_second,
    };
    let viewer = Arc::clone(&lower.viewer);
    let rooms = Rooms {
        viewer: Arc::clone(&lower.viewer),
        put: Arc::clone(&lower.put),
        vault: Arc::clone(&ground.vault),
        propose: Arc::clone(&lower.groups) as _,
        ask: Arc::clone(&lower.ask),
        handles: Arc::clone(&ground.handles),
        sessions: Arc::clone(&ground.sessions),
        clock: Arc::clone(&air.clock),
        nodes: Arc::clone(&lower.groups) as _,
        authority: lower.authority,
    };
    let (tls, sessions) = (Arc::clone(&ground.tls), Arc::clone(&ground.sessions));
    let stack = Arc::new(Stack::new(&admission, tls, sessions, viewer, Arc::clone(&air.clock), meter));
    let options = grpc::Options {
        socket,
        tls: Arc::clone(&ground.tls),
        stack,
        rooms,
        connections_limit: settings.limits.connections,
        bounds: Bounds {
            address_limit_connections: settings.limits.address_connections,
            age_limit_ms: settings.limits.connection_age_ms,
        },
        spawn: runtimes.tasks(),
        meter: meter.clone(),
    };
    let listening = |stop| async move {
        if let Err(error) = grpc::serve(options, stop).await {
            tracing::error!(error = &error as &dyn std::error::Error, "the gRPC listener ended");
        }
    };
    Running::start(&*runtimes.tasks(), TaskKind::Listener, listening)
}
