//! What clients of the control plane asked of buses and were told, written down so that an order can be looked for.
//!
//! In: clients at several nodes; a seed.
//! Out: every call with its place in one order of all beginnings and ends, and whether an order fits them.
//! Never: a call that is tried again under the same record, or an answer that is taken for another than it was.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bascule_api::client::{Context, Deadlines};
use bascule_api::reasons::{Again, Reason};
use bascule_api::status::Refusal;
use bascule_api::v1::{CreateEventBusRequest, DeleteEventBusRequest, DescribeEventBusRequest, UpdateEventBusRequest};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::Status;

use crate::Outcome;
use crate::chance::Chance;
use crate::client::Client;
use crate::linear;

/// How long a call may take; what is not answered by then is unknown.
const ANSWER_LIMIT_MS: u64 = 4_000;
/// How long a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// Between two calls of one client.
const PAUSE: Duration = Duration::from_millis(50);
/// Calls about one bus, after which all go on with the next one: an order of many more takes long to find.
const CALLS_COUNT: u64 = 90;

/// What is wanted of a bus. Each value is written once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// It is to be there, with this value.
    Create(u64),
    /// It is to have this value.
    Update(u64),
    /// It is to be gone.
    Delete,
    /// What is there?
    Read,
}

/// What was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It is done.
    Done,
    /// It is there already.
    Exists,
    /// It is not there.
    Missing,
    /// It has this value.
    Found(u64),
    /// It may have been done, or not, or later.
    Unknown,
}

/// A call. Calls of which it is certain that nothing was done are not written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// The node that was asked.
    pub node: u64,
    /// The bus.
    pub bus: u64,
    /// What was wanted.
    pub wish: Wish,
    /// The place of its beginning.
    pub began: u64,
    /// The place of its end.
    pub ended: u64,
    /// What was told.
    pub told: Told,
}

impl linear::Call for Call {
    /// The value, if the bus is there.
    type There = Option<u64>;

    fn began(&self) -> u64 {
        self.began
    }

    fn ended(&self) -> Option<u64> {
        (self.told != Told::Unknown).then_some(self.ended)
    }

    fn after(&self, there: Option<u64>) -> Option<Option<u64>> {
        match (self.wish, self.told, there) {
            (Wish::Create(value), Told::Done | Told::Unknown, None) => Some(Some(value)),
            (Wish::Create(_), Told::Exists | Told::Unknown, Some(_)) => Some(there),
            (Wish::Update(value), Told::Done | Told::Unknown, Some(_)) => Some(Some(value)),
            (Wish::Update(_), Told::Missing | Told::Unknown, None) => Some(there),
            // A bus that is not there is as good as deleted.
            (Wish::Delete, Told::Done | Told::Unknown, _) => Some(None),
            (Wish::Read, Told::Found(value), Some(is)) => (is == value).then_some(there),
            (Wish::Read, Told::Missing, None) => Some(there),
            _ => None,
        }
    }
}

/// Clients that call until they are stopped.
#[derive(Debug)]
pub struct Recorder {
    tasks: JoinSet<()>,
    desk: Arc<Desk>,
}

#[derive(Debug)]
struct Desk {
    contexts: Vec<(u64, Context)>,
    stop: AtomicBool,
    next: AtomicU64,
    begun: AtomicU64,
    calls: Mutex<Vec<Call>>,
}

impl Recorder {
    /// Starts so many clients, which go from one node to the next when they have to, and now and then without.
    #[must_use]
    pub fn start(contexts: Vec<(u64, Context)>, clients: u64, chance: &mut Chance) -> Self {
        let (next, begun, calls) = (AtomicU64::new(1), AtomicU64::new(0), Mutex::default());
        let desk = Arc::new(Desk { contexts, stop: AtomicBool::new(false), next, begun, calls });
        let mut tasks = JoinSet::new();
        for client in 0..clients {
            tasks.spawn(ask(client, Arc::clone(&desk), Chance::seeded(chance.draw())));
        }
        Self { tasks, desk }
    }

    /// Calls that were answered so far.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.desk.calls().iter().filter(|call| call.told != Told::Unknown).count()
    }

    /// Lets open calls end, and gives every call.
    ///
    /// # Errors
    /// A client panicked.
    pub async fn stop(mut self) -> Outcome<Vec<Call>> {
        self.desk.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended?;
        }
        Ok(self.desk.calls())
    }
}

/// Sees that an order fits the calls about each bus; gives how many buses there are.
///
/// # Errors
/// None fits.
pub fn demand_order(calls: &[Call]) -> Outcome<usize> {
    let mut buses: BTreeMap<u64, Vec<Call>> = BTreeMap::new();
    for call in calls {
        buses.entry(call.bus).or_default().push(*call);
    }
    for (bus, calls) in &buses {
        if let Err(why) = linear::check(calls) {
            bail!("the calls about bus {bus}: {why}\nof these:\n{}", lines(calls));
        }
    }
    Ok(buses.len())
}

fn lines(calls: &[Call]) -> String {
    calls.iter().map(|call| format!("{call:?}")).collect::<Vec<String>>().join("\n")
}

/// A read of what was overwritten before it began, put behind the last calls of a history: what must be found wrong.
///
/// # Errors
/// No bus has two values that were confirmed one after the other.
pub fn plant_stale_read(calls: &mut Vec<Call>) -> Outcome {
    let end = calls.iter().map(|call| call.ended).max().unwrap_or_default();
    let wrote = |call: &&Call| call.told == Told::Done && matches!(call.wish, Wish::Create(_) | Wish::Update(_));
    let value = |call: &Call| match call.wish {
        Wish::Create(value) | Wish::Update(value) => value,
        Wish::Delete | Wish::Read => 0,
    };
    let pair = calls.iter().filter(wrote).find_map(|old| {
        let later = |new: &&Call| new.bus == old.bus && old.ended < new.began;
        calls.iter().filter(wrote).find(later).map(|_| *old)
    });
    let old = pair.context("no value was overwritten")?;
    ensure!(value(&old) > 0, "a value that nobody wrote");
    calls.push(Call { wish: Wish::Read, told: Told::Found(value(&old)), began: end + 1, ended: end + 2, ..old });
    Ok(())
}

impl Desk {
    fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn place(&self) -> u64 {
        self.next.fetch_add(1, Ordering::SeqCst)
    }
}

async fn ask(client: u64, desk: Arc<Desk>, mut chance: Chance) {
    let mut at = usize::try_from(client).unwrap_or_default();
    let mut open: Option<(u64, Client)> = None;
    while !desk.stop.load(Ordering::Relaxed) {
        let Some((node, caller)) = &open else {
            at += 1;
            let (node, context) = &desk.contexts[at % desk.contexts.len()];
            open = connected(context).await.map(|client| (*node, client));
            if open.is_none() {
                tokio::time::sleep(PAUSE).await;
            }
            continue;
        };
        let bus = desk.begun.fetch_add(1, Ordering::SeqCst) / CALLS_COUNT;
        let began = desk.place();
        // Places are never used twice, and so no value is.
        let wish = match chance.below(10) {
            0 | 1 => Wish::Create(began),
            2..=4 => Wish::Update(began),
            5 => Wish::Delete,
            _ => Wish::Read,
        };
        let answer = call(caller, bus, wish).await;
        let ended = desk.place();
        let node = *node;
        let told = answer.as_ref().map_or_else(refused, |told| Some(*told));
        // A read that nobody answered says nothing.
        if let Some(told) = told.filter(|told| wish != Wish::Read || *told != Told::Unknown) {
            let call = Call { node, bus, wish, began, ended, told };
            desk.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        }
        let moves = chance.below(16) == 0;
        if moves || answer.is_err_and(|status| !is_answer(&status)) {
            open = None;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn connected(context: &Context) -> Option<Client> {
    let client = timeout(CONNECT_LIMIT, Client::connect(context)).await.ok()?.ok()?;
    let deadlines = Deadlines { attempt_ms: ANSWER_LIMIT_MS, call_ms: ANSWER_LIMIT_MS };
    Some(Client::over(client.session().clone().with_deadlines(deadlines)))
}

async fn call(client: &Client, bus: u64, wish: Wish) -> Result<Told, Status> {
    let name = format!("history-{bus}");
    let mut buses = client.session().event_buses();
    match wish {
        Wish::Create(value) => {
            let request =
                CreateEventBusRequest { name, description: value.to_string(), ..CreateEventBusRequest::default() };
            buses.create_event_bus(request).await.map(|_| Told::Done)
        }
        Wish::Update(value) => {
            let description = Some(value.to_string());
            let request = UpdateEventBusRequest { name, description, ..UpdateEventBusRequest::default() };
            buses.update_event_bus(request).await.map(|_| Told::Done)
        }
        Wish::Delete => {
            let request = DeleteEventBusRequest { name, ..DeleteEventBusRequest::default() };
            buses.delete_event_bus(request).await.map(|_| Told::Done)
        }
        Wish::Read => {
            let request = DescribeEventBusRequest { name, ..DescribeEventBusRequest::default() };
            let answer = buses.describe_event_bus(request).await?.into_inner();
            let value = answer.event_bus.and_then(|bus| bus.description.parse().ok());
            // What nobody wrote fits no order.
            Ok(Told::Found(value.unwrap_or_default()))
        }
    }
}

/// Whether the node itself said it, and can be asked again.
fn is_answer(status: &Status) -> bool {
    Refusal::from_status(status)
        .is_ok_and(|refusal| matches!(refusal.reason, Reason::ResourceNotFound | Reason::ResourceAlreadyExists))
}

/// What a refusal tells; none where nothing was done.
fn refused(status: &Status) -> Option<Told> {
    let Ok(refusal) = Refusal::from_status(status) else { return Some(Told::Unknown) };
    match refusal.reason {
        Reason::ResourceNotFound => Some(Told::Missing),
        Reason::ResourceAlreadyExists => Some(Told::Exists),
        Reason::Cancelled => Some(Told::Unknown),
        reason if reason.again() == Again::Unknown => Some(Told::Unknown),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(wish: Wish, began: u64, ended: u64, told: Told) -> Call {
        Call { node: 1, bus: 0, wish, began, ended, told }
    }

    #[test]
    fn orders_that_fit_are_found_and_others_are_not() {
        use Told::{Done, Exists, Found, Missing, Unknown};
        use Wish::{Create, Delete, Read, Update};
        type Row<'a> = (&'a [(Wish, u64, u64, Told)], bool);
        let rows: [Row<'_>; 10] = [
            (&[(Create(1), 1, 2, Done), (Update(3), 3, 4, Done), (Read, 5, 6, Found(3))], true),
            // Stale.
            (&[(Create(1), 1, 2, Done), (Update(3), 3, 4, Done), (Read, 5, 6, Found(1))], false),
            (&[(Create(1), 1, 2, Done), (Update(3), 3, 6, Done), (Read, 4, 5, Found(1))], true),
            // Seen, and then not.
            (&[(Create(1), 1, 9, Done), (Read, 2, 3, Found(1)), (Read, 4, 5, Missing)], false),
            (&[(Create(1), 1, 2, Done), (Delete, 3, 4, Unknown), (Read, 5, 6, Found(1)), (Read, 7, 8, Missing)], true),
            (&[(Create(1), 1, 2, Done), (Delete, 3, 4, Done), (Create(5), 5, 6, Exists)], false),
            (&[(Update(1), 1, 2, Missing), (Create(3), 3, 4, Done), (Create(5), 5, 6, Exists)], true),
            // An update of an unknown outcome that was seen, lost and seen again.
            (
                &[(Create(1), 1, 2, Done), (Update(3), 3, 4, Unknown), (Read, 5, 6, Found(3)), (Read, 7, 8, Found(1))],
                false,
            ),
            (&[(Read, 1, 2, Found(0))], false),
            (&[(Delete, 1, 2, Done), (Read, 3, 4, Missing)], true),
        ];
        for (calls, fits) in rows {
            let calls: Vec<Call> =
                calls.iter().map(|(wish, began, ended, told)| call(*wish, *began, *ended, *told)).collect();
            assert_eq!(demand_order(&calls).is_ok(), fits, "{calls:?}");
        }
    }

    #[test]
    fn a_planted_read_is_found() {
        let mut calls = vec![
            call(Wish::Create(1), 1, 2, Told::Done),
            call(Wish::Update(3), 3, 4, Told::Done),
            call(Wish::Read, 5, 6, Told::Found(3)),
        ];
        assert_eq!(demand_order(&calls).unwrap(), 1);
        plant_stale_read(&mut calls).unwrap();
        let why = demand_order(&calls).unwrap_err().to_string();
        assert!(why.contains("no order fits"), "{why}");
        assert!(plant_stale_read(&mut Vec::new()).is_err());
    }
}
