//! A daemon's life: start, say that it is ready, hear signals, stop in order.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::metrics::Counter;
use tokio::net::TcpListener;
use tokio::sync::watch;

use bascule_model::ambient::TaskKind;

use crate::admin::{self, Admin};
use crate::ambient::{self, Ends, System};
use crate::config::{self, Settings, Sources};
use crate::disks::{Disks, Loss};
use crate::error::Error;
use crate::folder::Folder;
use crate::ground::{self, Air, Ground};
use crate::house::{House, Runtimes};
use crate::limits::{ADMIN_STOP_LIMIT_MS, RELEASE_LIMIT_MS};
use crate::lookout::Lookout;
use crate::notify::Notify;
use crate::planted::Plant;
use crate::readiness::Readiness;
use crate::signals::{Heard, Signals, end_at_once};
use crate::telemetry::figures::{self, Figures};
use crate::telemetry::{self, Levels};

/// What is to be run.
pub struct Order {
    /// With which settings.
    pub settings: Settings,
    /// Where they came from, for a reload.
    pub sources: Sources,
    /// On which folder.
    pub folder: Folder,
    /// What to do where a log is behind its marker.
    pub loss: Loss,
    /// What is planted.
    pub plant: Plant,
    /// Told of the addresses in use, before the ready line is printed.
    pub bound: Bound,
}

/// What a verb does once addresses are known.
pub type Bound = Box<dyn FnOnce(&Addresses) -> Result<(), Error>>;

/// Addresses in use.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// gRPC.
    pub grpc: SocketAddr,
    /// Health and figures.
    pub admin: SocketAddr,
}

/// Runs a daemon until it is told to stop.
///
/// # Errors
/// [`Error::Told`], with the reason in the log.
pub fn run(order: Order) -> Result<(), Error> {
    let air = Air { clock: Arc::new(System), entropy: Arc::new(System) };
    let (log, node) = (order.settings.log, &order.settings.node);
    let levels = telemetry::start(log, Arc::clone(&air.clock), node.id.0, &node.zone);
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(version, data = %order.folder.path().display(), "starting");
    order.plant.warn();
    match whole(order, air, levels) {
        Ok(()) => {
            tracing::info!("the end");
            Ok(())
        }
        Err(error) => {
            tracing::error!(error = error.chain(), exit = error.exit(), "the end");
            Err(Error::Told { exit: error.exit() })
        }
    }
}

fn whole(order: Order, air: Air, levels: Levels) -> Result<(), Error> {
    let refused = |source| Error::System { what: "a runtime", source };
    let rooms = ambient::runtime("bascule-rooms", None).map_err(refused)?;
    let raft = ambient::runtime("bascule-raft", Some(ambient::raft_threads())).map_err(refused)?;
    let ends = Ends::default();
    let runtimes = Runtimes { rooms: rooms.handle().clone(), raft: raft.handle().clone(), ends: ends.clone() };
    let Order { settings, sources, folder, loss, plant, bound } = order;
    let mut kept = None;
    let life = Life { settings, sources, folder: &folder, loss, plant, runtimes };
    let result = rooms.block_on(Box::pin(life.live((air, levels), bound, &mut kept)));
    // Whatever still runs lets go of the databases before they are closed, and they before the folder's lock.
    ends.stopping();
    let limit = Duration::from_millis(RELEASE_LIMIT_MS);
    raft.shutdown_timeout(limit);
    rooms.shutdown_timeout(limit);
    if let Some(disks) = kept {
        disks.close();
    }
    result
}

/// One daemon, from its start on.
struct Life<'a> {
    settings: Settings,
    sources: Sources,
    folder: &'a Folder,
    loss: Loss,
    plant: Plant,
    runtimes: Runtimes,
}

/// What lives beside the rooms.
struct Beside {
    air: Air,
    levels: Levels,
    notify: Notify,
    figures: Arc<Figures>,
    readiness: Arc<Readiness>,
}

/// What was started.
struct Started {
    ground: Ground,
    house: House,
    reload_failures: Counter<u64>,
}

impl Life<'_> {
    async fn live(mut self, (air, levels): (Air, Levels), bound: Bound, kept: &mut Option<Disks>) -> Result<(), Error> {
        let mut signals = Signals::catch()?;
        let figures = Arc::new(Figures::start()?);
        figures::watch_process(&figures.meter(), Arc::clone(&air.clock));
        let notify = Notify::open(std::env::var_os(crate::notify::VARIABLE).as_deref());
        let beside = Beside { air, levels, notify, figures, readiness: Arc::default() };
        let (admin, stop_admin) = self.administer(&beside).await?;
        let started = tokio::select! {
            started = self.start(&beside, kept) => started?,
            name = signals.stop() => {
                tracing::warn!(signal = name, "stopped before the start was over");
                return Ok(());
            }
            ended = self.runtimes.ends.first() => return Err(ended.into()),
        };
        let addresses = Addresses { grpc: started.house.grpc, admin };
        let lower = started.house.lower();
        let clock = Arc::clone(&beside.air.clock);
        beside.readiness.serving(&lower.groups, &lower.viewer, started.ground.identity.groups as usize, clock);
        bound(&addresses)?;
        self.announce(&addresses);
        beside.notify.ready();
        let ended = self.serve(&mut signals, &beside, &started).await;
        beside.readiness.stopping();
        beside.notify.stopping();
        self.runtimes.ends.stopping();
        let orderly = tokio::select! {
            orderly = started.house.stop(self.settings.limits.stop) => orderly,
            name = signals.stop() => {
                tracing::warn!(signal = name, "stopped at once by a second signal; the next start recovers from the logs");
                end_at_once()
            }
        };
        stop_admin.stop().await;
        match ended {
            Some(ended) => Err(ended.into()),
            None if orderly => Ok(()),
            None => Err(Error::StopTooLong),
        }
    }

    /// Serves the admin listener, early, so that a long recovery can be watched.
    async fn administer(&self, beside: &Beside) -> Result<(SocketAddr, StopAdmin), Error> {
        let address = self.settings.listen.admin;
        let failed = |source| Error::Socket { key: "listen.admin", address, source };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let bound = socket.local_addr().map_err(failed)?;
        let (stop, stopped) = watch::channel(false);
        let (done, ended) = tokio::sync::oneshot::channel();
        let admin = Admin { readiness: Arc::clone(&beside.readiness), figures: Arc::clone(&beside.figures) };
        let work = async move {
            if let Err(error) = admin::serve(socket, admin, stopped).await {
                tracing::error!(%error, "the admin listener ended");
            }
            let _ = done.send(());
        };
        self.runtimes.tasks().spawn(TaskKind::Listener, Box::pin(work));
        Ok((bound, StopAdmin { stop, ended }))
    }

    async fn start(&self, beside: &Beside, kept: &mut Option<Disks>) -> Result<Started, Error> {
        let (settings, tasks) = (&self.settings, self.runtimes.tasks());
        let meter = beside.figures.meter();
        let ground = ground::lay(settings, self.folder, &beside.air, self.plant, Arc::clone(&tasks))?;
        let clock = Arc::clone(&beside.air.clock);
        let reload_failures = figures::watch_certificates(&meter, &ground.tls, Arc::clone(&clock));
        let (tls, failures) = (Arc::clone(&ground.tls), reload_failures.clone());
        let lookout = Lookout { tls, clock, spawn: Arc::clone(&tasks), failures };
        // Without it the listener would let in whoever is revoked.
        tasks.spawn(TaskKind::Listener, Box::pin(lookout.watch()));
        let identity = &ground.identity;
        tracing::info!(cluster = %identity.cluster, groups = identity.groups, "keys and certificates are read");
        let how = (self.loss, self.plant.sync(), settings.compression);
        let clock = Arc::clone(&beside.air.clock);
        let disks =
            kept.insert(Disks::open((self.folder, identity), &ground.seal, clock, how, meter.clone(), &*tasks)?);
        tracing::info!("the databases are open");
        let stood = (&ground, &*disks);
        let house = House::build(settings, self.folder, stood, &beside.air, &meter, &self.runtimes).await?;
        Ok(Started { ground, house, reload_failures })
    }

    /// The one line of the standard output.
    fn announce(&self, addresses: &Addresses) {
        let data = serde_json::Value::String(self.settings.node.data.display().to_string());
        let Addresses { grpc, admin } = addresses;
        let line = format!("{{\"event\":\"ready\",\"grpc\":\"{grpc}\",\"admin\":\"{admin}\",\"data\":{data}}}");
        let mut out = std::io::stdout().lock();
        if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
            tracing::warn!(%error, "nobody reads the standard output");
        }
        tracing::info!(grpc = %addresses.grpc, admin = %addresses.admin, "ready");
    }

    /// Serves until a signal says to stop, or a task ends that is needed.
    async fn serve(&mut self, signals: &mut Signals, beside: &Beside, started: &Started) -> Option<ambient::Ended> {
        loop {
            tokio::select! {
                heard = signals.any() => match heard {
                    Heard::Stop(name) => {
                        tracing::info!(signal = name, "stopping");
                        return None;
                    }
                    Heard::Reload => self.reload(beside, started),
                },
                ended = self.runtimes.ends.first() => {
                    tracing::error!(kind = ?ended.kind, panicked = ended.panicked, "a task ended that is needed: stopping");
                    return Some(ended);
                }
            }
        }
    }

    /// Reads level and certificates anew; what cannot be read leaves the old in use.
    fn reload(&mut self, beside: &Beside, started: &Started) {
        beside.notify.reloading(System.monotonic_us());
        let tls = &started.ground.tls;
        let certificates = match config::read(&self.sources) {
            Ok(next) => {
                beside.levels.set(next.log.level);
                tracing::info!(from = %next.log.level, "logged from this level on");
                let replaced = tls.replace(ground::source(&next.tls));
                if replaced.is_ok() {
                    self.settings.tls.clone_from(&next.tls);
                }
                self.settings.log.level = next.log.level;
                let rest = unlike(&self.settings, &next);
                if !rest.is_empty() {
                    tracing::warn!(sections = rest.join(" "), "these are changed, which takes a restart");
                }
                replaced
            }
            Err(refused) => {
                for problem in &refused.0 {
                    tracing::error!(%problem, "the configuration is refused, the old one stays");
                }
                tls.reload()
            }
        };
        match certificates {
            Ok(()) => {
                tracing::info!(generation = tls.generation(), "certificates, authorities and lists are read anew")
            }
            Err(error) => {
                started.reload_failures.add(1, &[]);
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the certificates are refused, the old ones stay"
                );
            }
        }
        if let Some(files) = &started.ground.files {
            files.reopen();
        }
        beside.notify.ready();
    }
}

/// Sections that differ beyond what a reload takes over.
fn unlike(now: &Settings, next: &Settings) -> Vec<&'static str> {
    let timing = now.timing != next.timing || now.start_limit != next.start_limit;
    let pairs = [
        ("node", now.node != next.node),
        ("listen", now.listen != next.listen),
        ("peers", now.peers != next.peers),
        ("tls", now.tls.operators != next.tls.operators),
        ("keys", now.root_key != next.root_key),
        ("storage", now.compression != next.compression),
        ("limits", now.limits != next.limits),
        ("delivery", now.delivery != next.delivery),
        ("log", now.log.format != next.log.format),
        ("raft", timing),
    ];
    pairs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

/// Stops the admin listener, last of all.
struct StopAdmin {
    stop: watch::Sender<bool>,
    ended: tokio::sync::oneshot::Receiver<()>,
}

impl StopAdmin {
    async fn stop(self) {
        self.stop.send_replace(true);
        // A scraper that keeps its connection open does not hold the process up.
        let _ = tokio::time::timeout(Duration::from_millis(ADMIN_STOP_LIMIT_MS), self.ended).await;
    }
}
