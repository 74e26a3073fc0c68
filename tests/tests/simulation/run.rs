//! One simulation from one seed: formed, hurt under load, healed, and looked at.

use std::cell::RefCell;
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use bytes::Bytes;

use bascule_model::uid::{GroupId, NodeId, Sequence};
use bascule_replication::groups::Formation;
use bascule_replication::runtime;
use bascule_statemachine::codec::control::{AdmitFirst, Command, DataKey, Init, Kind, NodeState, Quotas};
use bascule_statemachine::control::reply::Outcome;
use bascule_statemachine::control::state;
use bascule_statemachine::ports::propose::{Change, Propose};
use bascule_statemachine::shard::read;

use super::chance::Chance;
use super::clients::{Client, QUEUE};
use super::clock::{NodeClock, Time};
use super::follower::Receiver;
use super::history::History;
use super::invariants;
use super::nemesis::{CALM, Fault, Nemesis, facts, groups};
use super::network::Network;
use super::node::{CLUSTER, Ground, Leads, Node};
use super::plants::Plant;

/// Everything that a seed decides, for people.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) seed: u64,
    pub(crate) plant: Plant,
    pub(crate) nodes: u64,
    pub(crate) shards: u32,
    pub(crate) faults: usize,
    pub(crate) membership: bool,
    /// Whether faults begin while others last.
    pub(crate) overlap: bool,
    pub(crate) calls: usize,
    pub(crate) puts: usize,
}

impl Shape {
    pub(crate) fn of(seed: u64, plant: Plant) -> Self {
        let chance = Chance::new(seed ^ 0x5eed);
        Self {
            seed,
            plant,
            nodes: if chance.per_mille(200) { 5 } else { 3 },
            shards: u32::try_from(chance.within(1, 3)).unwrap(),
            faults: usize::try_from(chance.within(5, 11)).unwrap(),
            membership: chance.per_mille(250),
            overlap: chance.per_mille(500),
            calls: 40,
            puts: 40,
        }
    }
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) shape: Shape,
    pub(crate) faults: Vec<Fault>,
    pub(crate) operations: usize,
    pub(crate) delivered: usize,
    pub(crate) simulated_ms: u64,
    pub(crate) hash: String,
    pub(crate) lines: Vec<String>,
    pub(crate) wrong: Vec<String>,
}

impl Report {
    /// Of a seed that ended before it could say anything.
    fn nothing(shape: Shape) -> Self {
        Self {
            shape,
            faults: Vec::new(),
            operations: 0,
            delivered: 0,
            simulated_ms: 0,
            hash: String::new(),
            lines: Vec::new(),
            wrong: vec!["it ended early".to_owned()],
        }
    }
}

/// What the invariants are asked of.
pub(crate) struct Scene {
    pub(crate) history: History,
    pub(crate) ground: Ground,
    pub(crate) client: Client,
    pub(crate) receiver: Receiver,
}

/// How long everything may take to be whole after it was healed.
const HEALING_LIMIT_MS: u64 = 60_000;

/// What every seed without a planted fault has at least.
const LEAST_OPERATIONS: usize = 200;
const LEAST_FAULTS: usize = 5;

thread_local! {
    /// What panicked on this thread while a seed runs on it, in words: a task that panics ends without a word to anybody else.
    static PANICS: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

/// Keeps panics of a thread that runs a seed for its report.
fn keep_panics() {
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let kept = PANICS.with_borrow_mut(|panics| {
                panics.as_mut().map(|panics| panics.push(panic.to_string().replace('\n', " "))).is_some()
            });
            if !kept {
                before(panic);
            }
        }));
    });
    PANICS.set(Some(Vec::new()));
}

/// Runs a seed on this thread, which knows nothing of seeds that run beside it. A panic of what is tested is what is wrong with it, too.
pub(crate) fn simulate(seed: u64, plant: Plant) -> Report {
    let shape = Shape::of(seed, plant);
    keep_panics();
    runtime::seed_thread(seed);
    let tokio = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let played = std::panic::catch_unwind(AssertUnwindSafe(|| tokio.block_on(play(shape.clone()))));
    // What ends now may panic as well.
    drop(tokio);
    let panics = PANICS.take().unwrap_or_default();
    let mut report = played.unwrap_or_else(|_| Report::nothing(shape));
    report.wrong.extend(panics);
    if plant == Plant::Nothing && report.wrong.is_empty() {
        report.wrong.extend(too_little(&report));
    }
    report
}

/// A seed that asks too little of a cluster counts for nothing.
fn too_little(report: &Report) -> Option<String> {
    let (operations, faults) = (report.operations, report.faults.len());
    (operations < LEAST_OPERATIONS || faults < LEAST_FAULTS).then(|| {
        format!("`{operations}` operations and `{faults}` faults, the least are {LEAST_OPERATIONS} and {LEAST_FAULTS}")
    })
}

async fn play(shape: Shape) -> Report {
    let time = Time::begin();
    let chance = Chance::new(shape.seed);
    let network = Network::new(chance.fork(), CALM, shape.plant);
    let receiver = Receiver::default();
    let shards: Vec<GroupId> = (1..=shape.shards).map(GroupId).collect();
    let ground = Ground {
        time,
        chance: chance.fork(),
        network,
        copies: Arc::default(),
        receiver: receiver.clone(),
        shards: shards.clone(),
        plant: shape.plant,
        leads: Arc::new(Leads::default()),
    };
    let history = History::new(time);
    let client = Client {
        number: 0,
        nodes: Arc::default(),
        chance: chance.fork(),
        history: history.clone(),
        shards,
        plant: shape.plant,
        over: Arc::new(AtomicBool::new(false)),
    };
    let nemesis =
        Nemesis { client: client.clone(), ground: ground.clone(), chance: chance.fork(), time, faults: Vec::new() };
    let scene = Scene { history, ground, client, receiver };
    let mut wrong = Vec::new();
    let mut faults = Vec::new();
    let formed = form(&scene, nemesis, shape.nodes).await;
    match formed {
        Ok(mut nemesis) => {
            wrong.extend(storm(&scene, &mut nemesis, &shape).await);
            faults = nemesis.faults;
        }
        Err(why) => wrong.push(why),
    }
    Report {
        faults,
        operations: scene.history.operations(),
        delivered: scene.receiver.all().len(),
        simulated_ms: time.ms(),
        hash: scene.history.hash(),
        lines: scene.history.lines(),
        wrong,
        shape,
    }
}

/// A cluster of so many nodes, all of whose groups have their voters.
async fn form(scene: &Scene, nemesis: Nemesis, nodes: u64) -> Result<Nemesis, String> {
    let mut first = Node::new(NodeId(1), &scene.ground, NodeClock::new(scene.ground.time, 0, 0));
    first.start(Formation::Founded).await?;
    scene.client.nodes.lock().push(first);
    let init = Init {
        cluster_id: Bytes::copy_from_slice(&CLUSTER.0),
        incarnation: 7,
        partition: "aws".to_owned(),
        region: "us-east-1".to_owned(),
        groups: scene.ground.shards.iter().map(|group| group.0).collect(),
        quotas: Some(Quotas {
            account_buses: 100,
            bus_rules: 100,
            rule_targets: 100,
            account_connections: 100,
            account_destinations: 100,
            account_queues: 100,
            pattern_chars: 100,
        }),
        data_key: Some(DataKey { key_id: Bytes::from(vec![200; 16]), wrapped: Bytes::from_static(b"w") }),
        organization: None,
        first: Some(Box::new(AdmitFirst { node: 1, zone: "a".to_owned(), facts: Some(facts("n1")) })),
    };
    let reached = scene.client.reach().ok_or("nobody is up")?;
    let command = Command { kind: Some(Kind::Init(init)), ..Command::default() };
    let change = Change { command, record: Bytes::new(), only_in_term: None };
    let answer = reached.groups.control(change).await.map_err(|error| error.to_string())?;
    if !matches!(answer.outcome, Outcome::Done(_)) {
        return Err(format!("the cluster was not formed: {answer:?}"));
    }
    for _ in 1..nodes {
        nemesis.join().await.map_err(|why| format!("a node could not join: {why}"))?;
    }
    until(scene, HEALING_LIMIT_MS, || unformed(scene)).await?;
    Ok(nemesis)
}

/// Load and faults, then rest, then the reckoning.
async fn storm(scene: &Scene, nemesis: &mut Nemesis, shape: &Shape) -> Vec<String> {
    let mut clients = Vec::new();
    for number in 0..5 {
        let client = Client { number, chance: scene.client.chance.fork(), ..scene.client.clone() };
        clients.push(match number {
            0..3 => tokio::spawn(client.govern(shape.calls)),
            _ => tokio::spawn(client.produce(shape.puts)),
        });
    }
    let consumer = Client { number: 9, chance: scene.client.chance.fork(), ..scene.client.clone() };
    let consumer = tokio::spawn(consumer.consume());
    if let Err(error) = nemesis.run(shape.faults, shape.membership, shape.overlap).await {
        return vec![format!("a fault ended early: {error}")];
    }
    for client in clients {
        if let Err(error) = client.await {
            return vec![format!("a client ended early: {error}")];
        }
    }
    nemesis.heal().await;
    scene.history.line("healed");
    let mut wrong = Vec::new();
    let rested = until(scene, HEALING_LIMIT_MS, || unformed(scene).or_else(|| unsettled(scene))).await;
    wrong.extend(rested.err().map(|why| format!("I10: {why}")));
    scene.client.over.store(true, Ordering::Release);
    let _ = consumer.await;
    if wrong.is_empty() {
        // What was on its way to the last replicas arrives.
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    for came in scene.receiver.all() {
        scene.history.line(&format!("{came:?}"));
    }
    wrong.extend(invariants::all(scene));
    wrong
}

/// Waits until nothing is left to wait for.
async fn until(scene: &Scene, limit_ms: u64, mut left: impl FnMut() -> Option<String>) -> Result<(), String> {
    let began = scene.ground.time.ms();
    loop {
        let Some(why) = left() else { return Ok(()) };
        if std::env::var_os("BASCULE_SIMULATION_TRACE").is_some() {
            let _ = writeln!(std::io::stderr(), "{} waiting: {why}", scene.ground.time.ms());
        }
        if scene.ground.time.ms() - began > limit_ms {
            return Err(format!("after {limit_ms} ms {why}"));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Why the groups are not yet as the control group wants them.
fn unformed(scene: &Scene) -> Option<String> {
    let nodes = scene.client.nodes.lock();
    let running: Vec<_> =
        nodes.iter().filter_map(|node| node.running.as_ref().map(|running| (node.id, running))).collect();
    let states: Vec<_> = running
        .iter()
        .flat_map(|(id, running)| running.groups.states().into_iter().map(|state| (*id, state)))
        .collect();
    let Some((control, _)) = states.iter().find(|(_, state)| state.group == 0 && state.leads) else {
        return Some("the control group has no leader".to_owned());
    };
    let control = *control;
    let rows = running.iter().find(|(id, _)| *id == control)?.1.rows.rows(GroupId::CONTROL);
    let state = state::all(&*rows).unwrap();
    if let Some(row) = state.nodes.values().find(|row| matches!(row.state(), NodeState::Joining | NodeState::Leaving)) {
        return Some(format!("node {} is {:?}", row.id, row.state()));
    }
    for group in groups(&scene.ground.shards) {
        let Some((_, led)) = states.iter().find(|(_, state)| state.group == group.0 && state.leads) else {
            return Some(format!("{group} has no leader"));
        };
        let Some(wanted) = state.assignments.get(&group).and_then(|row| row.assignment.as_ref()) else {
            return Some(format!("{group} is not assigned"));
        };
        let is = |replica: &bascule_api::peer::v1::Replica| wanted.voters.contains(&replica.node) == replica.votes;
        let known = wanted.voters.iter().all(|node| led.replicas.iter().any(|replica| replica.node == *node));
        if !known || !led.replicas.iter().all(|replica| is(replica) && replica.caught_up) {
            return Some(format!("{group} should have {wanted:?} and has {:?}", led.replicas));
        }
    }
    None
}

/// What is still owed: deliveries and messages.
fn unsettled(scene: &Scene) -> Option<String> {
    for group in &scene.ground.shards {
        let rows = invariants::leaders_rows(scene, *group)?;
        let meta = read::meta(&*rows).unwrap();
        let lanes = read::lanes(&*rows, bascule_model::uid::Uid(0), 10).unwrap();
        let owed = read::referenced(&*rows, bascule_model::uid::Uid(0)).unwrap();
        if meta.watermark != meta.next_sequence || owed.is_some() {
            let refs = owed.map(|target| read::refs_of(&*rows, target, Sequence(0), 9).unwrap());
            let (at, next, now) = (meta.watermark, meta.next_sequence, meta.time_ms);
            return Some(format!(
                "{group}: the watermark is at {at} of {next}, at {now} {owed:?} has references {refs:?}, lanes {lanes:?}"
            ));
        }
        if let Some(message) = read::first_message(&*rows, bascule_model::uid::Uid(QUEUE)).unwrap() {
            return Some(format!("{group}: a message lies in the queue since {}", message.enqueued_ms));
        }
    }
    None
}
