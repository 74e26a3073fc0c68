//! The one put path: envelope → match → seal → pick a group → propose. What nothing wants is acknowledged before any log.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Meter};

use bascule_model::ambient::{Clock, Entropy};
use bascule_model::arn::Arn;
use bascule_model::event::{Entry, check_call};
use bascule_model::id::{self, ArrivalId, EventId};
use bascule_model::name::{AccountId, BusName};
use bascule_model::target::TargetKind;
use bascule_model::time::Millis;
use bascule_model::uid::{ControlIndex, GroupId, Uid};
use bascule_statemachine::codec::payload::Payload;
use bascule_statemachine::codec::shard::{Append, Command, Event, Kind, Stamp, Token};
use bascule_statemachine::ports::propose::{Propose, ProposeError};
use bascule_statemachine::shard::reply::Reply;

use crate::envelope::Envelope;
use crate::error::{EntryError, Error, SealError};
use crate::limits::{PUT_LEADER_LIMIT_MS, PUT_LOOK_MS, PUT_OVERHEAD_LIMIT_BYTES, SCHEDULE_TOKEN_KEPT_MS};
use crate::stamp::Arriving;
use crate::tap::{Passing, Taps};
use crate::vault::{Place, Vault};
use crate::verdicts::Verdicts;
use crate::view::{Bus, Lane, Rule, View};
use crate::viewer::Viewer;
use crate::wanted::Scratches;
use crate::{envelope, pick, stamp};

/// Whether events are written, or only checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Written, if something wants them.
    Write,
    /// Checked as far as can be without writing.
    ValidateOnly,
}

/// What became of a call.
#[derive(Debug)]
pub struct Outcome {
    /// The view that decided.
    pub index: ControlIndex,
    /// One for each entry, in order.
    pub entries: Vec<Result<EventId, EntryError>>,
}

/// The put path of one node.
pub struct Put {
    viewer: Arc<Viewer>,
    vault: Arc<Vault>,
    propose: Arc<dyn Propose>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    entries: Counter<u64>,
    taps: Arc<Taps>,
    verdicts: Verdicts,
    scratches: Scratches,
}

/// An event on its way from one bus to another.
pub struct Hop {
    /// Uid of the bus where it goes.
    pub bus: Uid,
    /// Its id, which stays.
    pub event: EventId,
    /// Its arrival there: the hop's delivery id.
    pub arrival: ArrivalId,
    /// How many buses it was on, this hop counted.
    pub hops: u32,
    /// The event.
    pub payload: Payload,
}

/// An entry that can be accepted.
struct Prepared {
    id: EventId,
    /// What is to be written, if something wants it.
    event: Option<Event>,
    /// Who looks at the bus is shown this, once it is accepted; of what is only tried there is nothing to see.
    seen: Option<(Uid, Passing)>,
}

/// When an append was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// By this proposal.
    Now,
    /// By one before it under the same token.
    Before,
}

/// An entry that is to be written, with its place in the call.
struct Wanted {
    at: usize,
    id: EventId,
    event: Event,
}

impl Put {
    /// A path over these.
    #[must_use]
    pub fn new(
        viewer: Arc<Viewer>,
        vault: Arc<Vault>,
        propose: Arc<dyn Propose>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        meter: &Meter,
    ) -> Self {
        let entries = meter
            .u64_counter("bascule.put.entries")
            .with_description("Entries of PutEvents by what became of them.")
            .with_unit("{entry}")
            .build();
        Self {
            viewer,
            vault,
            propose,
            clock,
            entropy,
            entries,
            taps: Arc::default(),
            verdicts: Verdicts::default(),
            scratches: Scratches::default(),
        }
    }

    /// Where one can look at what is accepted.
    #[must_use]
    pub const fn taps(&self) -> &Arc<Taps> {
        &self.taps
    }

    /// Puts the entries of one call of `account`. An entry that is taken is on disk, or nothing wanted it.
    ///
    /// # Errors
    /// [`Error`]: nothing was written.
    pub async fn put(
        &self,
        account: AccountId,
        entries: &[Entry],
        at_least: ControlIndex,
        mode: Mode,
    ) -> Result<Outcome, Error> {
        check_call(entries)?;
        let view = match self.viewer.reached(at_least).await {
            Some(view) => view,
            None => return Err(Error::Stale { view: self.viewer.now().index, asked: at_least }),
        };
        if view.cluster.is_none() {
            return Err(Error::NotInitialised);
        }
        let mut results = Vec::with_capacity(entries.len());
        let (mut wanted, mut seen) = (Vec::new(), Vec::new());
        for (at, entry) in entries.iter().enumerate() {
            match self.prepare(&view, account, entry, mode).await {
                Ok(prepared) => {
                    let id = prepared.id;
                    wanted.extend(prepared.event.map(|event| Wanted { at, id, event }));
                    seen.extend(prepared.seen.map(|seen| (at, seen)));
                    results.push(Ok(id));
                }
                Err(error) => results.push(Err(error)),
            }
        }
        if !wanted.is_empty() {
            self.write(wanted, &mut results).await;
        }
        // Nobody is shown what was not accepted.
        let accepted = seen.into_iter().filter(|(at, _)| results.get(*at).is_some_and(Result::is_ok));
        self.taps.pass(&accepted.map(|(_, seen)| seen).collect::<Vec<_>>());
        for result in &results {
            let outcome = if result.is_ok() { "accepted" } else { "refused" };
            self.entries.add(1, &[KeyValue::new("outcome", outcome)]);
        }
        Ok(Outcome { index: view.index, entries: results })
    }

    /// Checks, matches and seals one entry; `None` if nothing wants it.
    async fn prepare(
        &self,
        view: &View,
        account: AccountId,
        entry: &Entry,
        mode: Mode,
    ) -> Result<Prepared, EntryError> {
        entry.check()?;
        entry.check_from_outside()?;
        let bus = find_bus(view, account, entry)?;
        let scope = match &view.cluster {
            Some(cluster) => cluster.scope.of_account(account),
            None => return Err(EntryError::NoLeader),
        };
        let id = self.draw_id()?;
        let envelope = Envelope::of(entry, id, &scope, self.clock.wall())?;
        let stamp = stamp::stamp(view, bus, Arriving::Entry(&envelope), &self.scratches, self.may(view))?;
        // What nobody wants and nobody looks at is not written at all.
        let watched = self.taps.is_watched(Uid(bus.row.uid));
        if mode == Mode::ValidateOnly || (stamp.is_none() && !watched) {
            return Ok(Prepared { id, event: None, seen: None });
        }
        let body = Bytes::from(envelope.write());
        let seen = Some(seen(bus, id, &body));
        let Some(stamp) = stamp else {
            return Ok(Prepared { id, event: None, seen });
        };
        let payload = Payload { body, trace_header: entry.trace_header.clone().unwrap_or_default() };
        let event = self.seal(view, bus, stamp, (id, id.arrival()), &payload).await?;
        Ok(Prepared { id, event: Some(event), seen })
    }

    async fn seal(
        &self,
        view: &View,
        bus: &Bus,
        stamp: Stamp,
        (id, arrival): (EventId, ArrivalId),
        payload: &Payload,
    ) -> Result<Event, EntryError> {
        let uid = Uid(bus.row.uid);
        let place = Place::of_stamp(uid, id, &stamp);
        let sealed = self.vault.seal(view, bus.key, place, payload).await;
        let frame = sealed.map_err(|error| match error {
            SealError::Key { key, .. } => EntryError::Key(key),
            SealError::NoKey | SealError::Open(_) | SealError::Seal(_) | SealError::Payload(_) => {
                EntryError::Internal(error.to_string())
            }
        })?;
        let event_id = Bytes::copy_from_slice(&id.0);
        let arrival_id = Bytes::copy_from_slice(&arrival.0);
        Ok(Event { event_id, arrival_id, bus: uid.0, stamp: Some(stamp), frame })
    }

    /// Puts an event that was on another bus: id, time and everything else stay, and it is matched anew. It is on disk then, or
    /// nothing wants it there.
    ///
    /// # Errors
    /// [`EntryError`]: it is not there, or after [`EntryError::Unknown`] may be.
    pub async fn hop(&self, view: &View, hop: Hop) -> Result<(), EntryError> {
        let bus = view.bus_by_uid(hop.bus).ok_or_else(|| EntryError::NoBus(hop.bus.to_string()))?;
        let text = std::str::from_utf8(&hop.payload.body).map_err(|error| EntryError::Internal(error.to_string()))?;
        let seen = seen(bus, hop.event, &hop.payload.body);
        let arriving = Arriving::Written(text);
        if let Some(stamp) = stamp::stamp(view, bus, arriving, &self.scratches, self.may(view))? {
            let stamp = Stamp { hops: hop.hops, ..stamp };
            let event = self.seal(view, bus, stamp, (hop.event, hop.arrival), &hop.payload).await?;
            self.append(vec![event]).await?;
        }
        self.taps.pass(&[seen]);
        Ok(())
    }

    /// Whether a target may be invoked, decided at most once a second for each, or when an epoch moves.
    fn may<'a>(&'a self, view: &'a View) -> impl Fn(&Rule, &Arc<Lane>) -> bool + use<'a> {
        let now = self.clock.wall();
        move |rule, lane| self.verdicts.may(view, rule, lane, now)
    }

    fn draw_id(&self) -> Result<EventId, EntryError> {
        let mut random = [0; 16];
        self.entropy.fill(&mut random).map_err(|error| EntryError::Internal(error.to_string()))?;
        Ok(EventId::from_random(random))
    }

    /// All of a call in one command, so that it costs one append.
    async fn write(&self, wanted: Vec<Wanted>, results: &mut [Result<EventId, EntryError>]) {
        let (places, events): (Vec<_>, Vec<_>) =
            wanted.into_iter().map(|wanted| ((wanted.at, wanted.id), wanted.event)).unzip();
        if let Err(error) = self.append(events).await {
            for (at, _) in places {
                if let Some(result) = results.get_mut(at) {
                    *result = Err(error.clone());
                }
            }
        }
    }

    /// Puts the event of a scheduled rule's due time, for that rule alone: once, however often it is said within
    /// [`SCHEDULE_TOKEN_KEPT_MS`] milliseconds of group time. It is on disk then, or the rule has no target.
    ///
    /// # Errors
    /// [`EntryError`].
    pub async fn scheduled(&self, view: &View, bus: &Bus, rule: &Rule, due: Millis) -> Result<(), EntryError> {
        let (Some(stamp), Some(cluster)) = (stamp::of_rule(view, rule, self.may(view)), &view.cluster) else {
            return Ok(());
        };
        let account = AccountId::from_number(bus.row.account).unwrap_or_default();
        let scope = cluster.scope.of_account(account);
        let (name, before) = (due_name(rule.row.uid, due), due_name(rule.row.uid, Millis(rule.row.fired_ms)));
        let id = EventId::from_random(name);
        let entry = Entry {
            source: "aws.events".to_owned(),
            detail_type: "Scheduled Event".to_owned(),
            detail: "{}".to_owned(),
            resources: vec![Arn::rule(&scope, &bus.name, &rule.name).to_string()],
            time: Some(due),
            ..Entry::default()
        };
        let payload = Payload { body: Bytes::from(envelope::render(&entry, id, &scope, due)?), ..Payload::default() };
        let seen = seen(bus, id, &payload.body);
        let event = self.seal(view, bus, stamp, (id, id.arrival()), &payload).await?;
        // The name is nobody's secret, so that it is its own MAC; content follows from it.
        let token = Bytes::copy_from_slice(&name);
        // All due times of a rule go one way, so that the token of the last one can go with the next.
        let group = pick::bound(&cluster.groups, account, Uid(bus.row.uid), &rule.row.uid.to_be_bytes());
        let group = group.ok_or(EntryError::NoLeader)?;
        let token = Token {
            bus: bus.row.uid,
            mac: token.clone(),
            content: token,
            event_id: Bytes::copy_from_slice(&id.0),
            kept_ms: SCHEDULE_TOKEN_KEPT_MS,
            replaces: Bytes::copy_from_slice(&before),
        };
        let written = self.propose(group, Append { events: vec![event], token: Some(token) }).await?;
        // A due time that was put before is not accepted now.
        if written == Written::Now {
            self.taps.pass(&[seen]);
        }
        Ok(())
    }

    /// Into a group that this node leads; else, by whoever leads another. A group that certainly took nothing is passed over: only
    /// there is the same event offered again.
    async fn append(&self, events: Vec<Event>) -> Result<(), EntryError> {
        let bytes: usize = events.iter().map(|event| event.frame.len() + 256).sum();
        debug_assert!(bytes < 2 * 1_048_576 + PUT_OVERHEAD_LIMIT_BYTES);
        let append = Append { events, token: None };
        let (began, mut passed) = (self.clock.boot(), Vec::new());
        loop {
            let group = self.candidate(&passed, bytes);
            let refused = match group {
                Ok(group) => match self.propose(group, append.clone()).await {
                    Err(EntryError::NoLeader) => {
                        passed.push(group);
                        continue;
                    }
                    done => return done.map(drop),
                },
                Err(refused) => refused,
            };
            let waited_ms = self.clock.boot().since(began);
            if !matches!(refused, EntryError::NoLeader) || waited_ms >= PUT_LEADER_LIMIT_MS {
                return Err(refused);
            }
            // All were tried: an election is under way, or this node is cut off.
            passed.clear();
            tokio::time::sleep(Duration::from_millis(PUT_LOOK_MS)).await;
        }
    }

    fn candidate(&self, passed: &[GroupId], bytes: usize) -> Result<GroupId, EntryError> {
        let mut led = self.propose.led();
        // What a leader without a quorum takes is neither written nor refused: its caller would have to wait, and would never know.
        led.retain(|led| !passed.contains(&led.group) && self.propose.holds(led.group, led.term));
        if let Some(group) = pick::pick(&led, bytes) {
            return Ok(group);
        }
        let elsewhere = self.propose.elsewhere().into_iter().find(|group| !passed.contains(group));
        elsewhere.ok_or(if led.is_empty() { EntryError::NoLeader } else { EntryError::Busy })
    }

    async fn propose(&self, group: GroupId, append: Append) -> Result<Written, EntryError> {
        let command = Command { kind: Some(Kind::Append(append)) };
        let replies = self.propose.shard(group, None, vec![command]).await.map_err(|error| why(&error))?;
        match replies.as_slice() {
            [Reply::Appended(_)] => Ok(Written::Now),
            [Reply::Repeated(_)] => Ok(Written::Before),
            [Reply::TokensFull] => Err(EntryError::Busy),
            // Dropped by a later term: nothing was written.
            [Reply::Deposed] => Err(EntryError::NoLeader),
            other => Err(EntryError::Internal(format!("the machine answered {other:?}"))),
        }
    }
}

/// What whoever looks at the bus is shown. It shares the text, so that it costs nothing where nobody looks.
fn seen(bus: &Bus, id: EventId, text: &Bytes) -> (Uid, Passing) {
    (Uid(bus.row.uid), Passing { id, text: text.clone() })
}

fn why(error: &ProposeError) -> EntryError {
    match error {
        ProposeError::NotLeading { .. } => EntryError::NoLeader,
        ProposeError::Busy { .. } => EntryError::Busy,
        ProposeError::TooLarge { .. } => EntryError::Internal(error.to_string()),
        ProposeError::Unknown { .. } => EntryError::Unknown,
    }
}

/// The name of a rule's due time, which is its event's id and token.
#[must_use]
pub fn due_name(rule_uid: u64, due: Millis) -> [u8; 16] {
    id::hash("schedule", &[&rule_uid.to_be_bytes(), &due.0.to_be_bytes()])
}

/// The entry's bus by name or ARN; the account's default one if it names none. That the account may put there, if it is another's,
/// was decided before.
fn find_bus<'view>(view: &'view View, account: AccountId, entry: &Entry) -> Result<&'view Bus, EntryError> {
    let text = entry.bus.as_deref().filter(|bus| !bus.is_empty()).unwrap_or(BusName::DEFAULT);
    let gone = || EntryError::NoBus(text.chars().take(256).collect());
    let (of, name) = if text.starts_with("arn:") {
        let arn = Arn::parse("EventBusName", text).map_err(|_| gone())?;
        match (view.account_here(&arn), TargetKind::of(&arn)) {
            (Some(of), Ok(TargetKind::Bus(name))) => (of, name.as_str().to_owned()),
            _ => return Err(gone()),
        }
    } else {
        (account, text.to_owned())
    };
    view.bus(of, &name).map(|bus| &**bus).ok_or_else(gone)
}
