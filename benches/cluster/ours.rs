//! Our three nodes: a rule for each kind of event, a target that discards, and callers at every node.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bascule_api::admin::v1::UpdateQuotasRequest;
use bascule_api::v1::PutEventsRequestEntry;
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry, target};
use bascule_tests::nodes::{FORM_LIMIT, Nodes, Plan, Ways};
use tokio::task::JoinSet;

/// Rules of the one bus: one of them matches each event that is to match.
pub const RULES: u64 = 1_000;
/// Bytes of an event as it is matched, sealed and delivered, about.
pub const EVENT_BYTES: usize = 1_024;
/// What the envelope and the fields beside the filler take of them.
const BESIDE_BYTES: usize = 250;
/// Nodes, each in a zone of its own.
pub const NODES: u32 = 3;
/// Shard groups: the default of a cluster.
const GROUPS: u32 = 12;
/// Connections of the callers to all nodes together.
pub const CONNECTIONS: usize = 6;
/// Rules that are made at once.
const MAKERS: usize = 8;

/// Whether a rule wants what is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// One rule does.
    ByOne,
    /// None does.
    ByNone,
}

/// The cluster.
pub struct Ours {
    /// The daemons.
    pub nodes: Nodes,
    clients: Vec<Client>,
    next: AtomicU64,
    discarded: PathBuf,
    filler: String,
}

impl Ours {
    /// Forms it in `home`; deliveries are written into `discarded`, a folder in memory.
    ///
    /// # Errors
    /// A daemon's, or a refusal.
    pub async fn form(home: &Path, discarded: &Path, binary: Option<PathBuf>) -> Outcome<Self> {
        fs::create_dir_all(home)?;
        let plan =
            Plan { groups: GROUPS, home: Some(home.to_owned()), binary, ways: Ways::Straight, ..Plan::zones(NODES) };
        let plan = plan
            .set("log.level=warn")
            // The bench is one principal on one bus, and is to find what the nodes can do, not what they let one do.
            .set("limits.principal_calls_per_second=1000000")
            .set("limits.bus_events_per_second=10000000")
            .set(&format!("delivery.log_folder={}", discarded.display()));
        let nodes = Nodes::form(&plan).await?;
        let mut clients = Vec::new();
        for nth in 0..CONNECTIONS as u64 {
            clients.push(nodes.client(nth % u64::from(NODES) + 1).await?);
        }
        let (discarded, filler) = (discarded.to_owned(), "x".repeat(EVENT_BYTES - BESIDE_BYTES));
        let ours = Self { nodes, clients, next: AtomicU64::new(0), discarded, filler };
        ours.prepare().await?;
        Ok(ours)
    }

    async fn prepare(&self) -> Outcome {
        let first = self.clients.first().context("no client")?;
        let quotas = UpdateQuotasRequest { rules_per_event_bus: Some(2_000), ..UpdateQuotasRequest::default() };
        first.session().quotas().update_quotas(quotas).await?;
        let mut makers = JoinSet::new();
        for maker in 0..MAKERS {
            let client = self.clients[maker % self.clients.len()].clone();
            makers.spawn(async move {
                let arn = "arn:aws:logs:us-east-1:000000000000:log-group:bench";
                for number in (maker as u64..RULES).step_by(MAKERS) {
                    let name = format!("rule-{number}");
                    client.rule("", &name, &pattern(number)).await?;
                    client.targets("", &name, vec![target("log", arn)]).await?;
                }
                Outcome::Ok(())
            });
        }
        while let Some(made) = makers.join_next().await {
            made??;
        }
        self.nodes.whole(FORM_LIMIT).await
    }

    /// Puts `batch` events in one call; answers how many were acknowledged, which is all of them.
    ///
    /// # Errors
    /// A refusal.
    pub async fn put(&self, caller: usize, batch: usize, wanted: Wanted) -> Outcome<u64> {
        let first = self.next.fetch_add(batch as u64, Ordering::Relaxed);
        let entries = (first..first + batch as u64).map(|number| self.event(number, wanted)).collect();
        let ids = self.clients[caller % self.clients.len()].put(entries).await?;
        ensure!(ids.len() == batch, "{} answers to {batch} entries", ids.len());
        Ok(ids.len() as u64)
    }

    fn event(&self, number: u64, wanted: Wanted) -> PutEventsRequestEntry {
        let kind = match wanted {
            Wanted::ByOne => number % RULES,
            Wanted::ByNone => RULES + number % RULES,
        };
        let detail = format!(r#"{{"number":{number},"kind":"kind-{kind}","filler":"{}"}}"#, self.filler);
        entry("bench", "Benched", &detail)
    }

    /// The daemons' processes.
    ///
    /// # Errors
    /// One does not run.
    pub fn pids(&self) -> Outcome<Vec<u32>> {
        self.nodes.numbers().into_iter().map(|number| self.nodes.node(number)?.pid()).collect()
    }

    /// Lines that the target has written since it was emptied.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn delivered(&self) -> Outcome<u64> {
        let Some(path) = self.file()? else { return Ok(0) };
        let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
        let (mut lines, mut block) = (0, vec![0; 1 << 20]);
        loop {
            let read = file.read(&mut block)?;
            if read == 0 {
                return Ok(lines);
            }
            lines += block[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
        }
    }

    /// Empties it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn discard(&self) -> Outcome {
        if let Some(path) = self.file()? {
            OpenOptions::new().write(true).open(path)?.set_len(0)?;
        }
        Ok(())
    }

    fn file(&self) -> Outcome<Option<PathBuf>> {
        Ok(fs::read_dir(&self.discarded)?.next().transpose()?.map(|file| file.path()))
    }

    /// Waits until so many are delivered; answers for how long.
    ///
    /// # Errors
    /// They are not within `limit`.
    pub async fn drained(&self, count: u64, limit: Duration) -> Outcome<Duration> {
        let began = Instant::now();
        loop {
            let delivered = self.delivered()?;
            if delivered >= count {
                return Ok(began.elapsed());
            }
            ensure!(began.elapsed() < limit, "{delivered} of {count} are delivered after {limit:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn pattern(number: u64) -> String {
    format!(r#"{{"source":["bench"],"detail-type":["Benched"],"detail":{{"kind":["kind-{number}"]}}}}"#)
}
