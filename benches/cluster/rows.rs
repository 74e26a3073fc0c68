//! What is measured under load: each goal's calls on our side and beside it the peer's, again and again in turn.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bascule_tests::Outcome;

use crate::load::{self, Calls};
use crate::machine::{self, Spent, Watch};
use crate::nats::Nats;
use crate::ours::{Ours, Wanted};

/// How long whatever is owed may take to be delivered after a stretch.
const DRAIN_LIMIT: Duration = Duration::from_secs(120);
/// A bare append and fdatasync takes so long of each round.
const BARE_SPAN: Duration = Duration::from_secs(1);

/// Who is measured, by what calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Puts of a batch of events in one call.
    Put { batch: usize, wanted: Wanted },
    /// The peer's, one message each.
    Publish,
    /// The peer's, a batch that is stored whole or not at all.
    PublishBatch { batch: usize },
}

/// A row.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Under which name its figures are found.
    pub name: &'static str,
    /// The goals that need it.
    pub goals: &'static [&'static str],
    work: Work,
    in_flight: usize,
}

/// All rows, in the order of each round.
pub const ROWS: [Row; 8] = [
    row("put, 128 open", &["PD1"], Work::Put { batch: 1, wanted: Wanted::ByOne }, 128),
    row("NATS, 128 open", &["PD1"], Work::Publish, 128),
    row("put of 10, 16 open", &["PD2", "PD5"], Work::Put { batch: 10, wanted: Wanted::ByOne }, 16),
    row("NATS, batches of 10, 16 open", &["PD2"], Work::PublishBatch { batch: 10 }, 16),
    row("NATS, 160 open", &["PD2"], Work::Publish, 160),
    row("put, 1 open", &["PD3"], Work::Put { batch: 1, wanted: Wanted::ByOne }, 1),
    row("NATS, 1 open", &["PD3"], Work::Publish, 1),
    row("unmatched of 10, 16 open", &["PD5"], Work::Put { batch: 10, wanted: Wanted::ByNone }, 16),
];

const fn row(name: &'static str, goals: &'static [&'static str], work: Work, in_flight: usize) -> Row {
    Row { name, goals, work, in_flight }
}

impl Row {
    /// Whether it is of the peer.
    pub const fn is_of_peer(&self) -> bool {
        matches!(self.work, Work::Publish | Work::PublishBatch { .. })
    }
}

/// One stretch of a row.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Its calls.
    pub calls: Calls,
    /// Processor time while they ran.
    pub spent: Spent,
    /// Events that were acknowledged and not delivered when they ended.
    pub behind: u64,
    /// How long these took.
    pub drained: Duration,
}

/// One round: what the disk could do, and a sample of each row that is wanted.
#[derive(Debug, Clone)]
pub struct Round {
    /// Appends and fdatasyncs of one thread.
    pub bare: Calls,
    /// By the place of the row in [`ROWS`].
    pub samples: Vec<Option<Sample>>,
}

/// Both clusters.
pub struct Sides {
    /// Ours.
    pub ours: Arc<Ours>,
    /// The peer, where it is there.
    pub nats: Option<Arc<Nats>>,
    /// Messages that the peer has stored since the beginning.
    stored: u64,
}

impl Sides {
    /// Before the first call.
    pub const fn new(ours: Arc<Ours>, nats: Option<Arc<Nats>>) -> Self {
        Self { ours, nats, stored: 0 }
    }

    /// Measures the rows that these goals need once, in turn with the disk.
    ///
    /// # Errors
    /// A call was refused, or what is owed is not delivered.
    pub async fn round(&mut self, only: &[String], nth: usize, span: Duration, folder: &Path) -> Outcome<Round> {
        let bare = machine::fdatasync(folder, BARE_SPAN)?;
        let mut samples = vec![None; ROWS.len()];
        // Who comes first changes with the round, so that neither always finds what the other left.
        let order: Vec<usize> =
            if nth.is_multiple_of(2) { (0..ROWS.len()).rev().collect() } else { (0..ROWS.len()).collect() };
        for place in order {
            let row = ROWS[place];
            let wanted = only.is_empty() || row.goals.iter().any(|goal| only.iter().any(|named| named == goal));
            if wanted && (!row.is_of_peer() || self.nats.is_some()) {
                samples[place] = Some(self.measure(row, span).await?);
            }
        }
        Ok(Round { bare, samples })
    }

    /// Measures one row.
    ///
    /// # Errors
    /// As [`Sides::round`].
    pub async fn measure(&mut self, row: Row, span: Duration) -> Outcome<Sample> {
        let ours = self.ours.pids()?;
        let nats = self.nats.as_ref().map(|nats| nats.pids()).transpose()?.unwrap_or_default();
        let (servers, beside) = if row.is_of_peer() { (&nats, &ours) } else { (&ours, &nats) };
        let watch = Watch::start(servers, beside)?;
        let calls = self.call(row, span).await?;
        let spent = watch.stop()?;
        let (behind, drained) = self.drain(row, calls.events).await?;
        Ok(Sample { calls, spent, behind, drained })
    }

    async fn call(&self, row: Row, span: Duration) -> Outcome<Calls> {
        match (row.work, &self.nats) {
            (Work::Put { batch, wanted }, _) => {
                let ours = Arc::clone(&self.ours);
                let call = move |caller| {
                    let ours = Arc::clone(&ours);
                    async move { ours.put(caller, batch, wanted).await }
                };
                load::closed(row.in_flight, span, call).await
            }
            (Work::Publish, Some(nats)) => {
                let nats = Arc::clone(nats);
                let call = move |caller| {
                    let nats = Arc::clone(&nats);
                    async move { nats.publish(caller).await }
                };
                load::closed(row.in_flight, span, call).await
            }
            (Work::PublishBatch { batch }, Some(nats)) => {
                let nats = Arc::clone(nats);
                let call = move |caller| {
                    let nats = Arc::clone(&nats);
                    async move { nats.publish_batch(caller, batch).await }
                };
                load::closed(row.in_flight, span, call).await
            }
            (_, None) => anyhow::bail!("the peer is not there"),
        }
    }

    async fn drain(&mut self, row: Row, events: u64) -> Outcome<(u64, Duration)> {
        match (row.work, &self.nats) {
            (Work::Put { wanted: Wanted::ByNone, .. }, _) => Ok((0, Duration::ZERO)),
            (Work::Put { .. }, _) => {
                let behind = events.saturating_sub(self.ours.delivered()?);
                let drained = self.ours.drained(events, DRAIN_LIMIT).await?;
                self.ours.discard()?;
                Ok((behind, drained))
            }
            (_, Some(nats)) => {
                self.stored += events;
                let behind = self.stored.saturating_sub(nats.delivered());
                Ok((behind, nats.drained(self.stored, DRAIN_LIMIT).await?))
            }
            (_, None) => Ok((0, Duration::ZERO)),
        }
    }
}
