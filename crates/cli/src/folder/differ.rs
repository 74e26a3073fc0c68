//! From one setup to another: the steps, in an order in which each finds what it needs.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::Error;
use crate::folder::Setup;
use crate::folder::document::{Bus, Connection, Destination, Queue, Rule};
use crate::verbs::target::file::One as Target;

/// The bus that is always there.
const DEFAULT_BUS: &str = "default";
/// The field whose change needs a connection's secrets.
pub const AUTH: &str = "AuthParameters";
/// The field that has calls of its own.
pub const TAGS: &str = "Tags";

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is not there yet.
    Create,
    /// It is there and differs.
    Update,
    /// It is there and should not be.
    Delete,
}

/// What a step is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thing {
    /// A queue.
    Queue(Queue),
    /// A bus without its rules.
    Bus(Bus),
    /// A connection.
    Connection(Connection),
    /// An API destination.
    Destination(Destination),
    /// A rule of a bus, without its targets.
    Rule(String, Rule),
    /// A target of a bus's rule.
    Target(String, String, Box<Target>),
}

impl Thing {
    /// What it is, for people.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Queue(_) => "queue",
            Self::Bus(_) => "bus",
            Self::Connection(_) => "connection",
            Self::Destination(_) => "destination",
            Self::Rule(..) => "rule",
            Self::Target(..) => "target",
        }
    }

    /// Its name, with those of what it is in before it.
    pub fn name(&self) -> String {
        match self {
            Self::Queue(it) => it.name.clone(),
            Self::Bus(it) => it.name.clone(),
            Self::Connection(it) => it.name.clone(),
            Self::Destination(it) => it.name.clone(),
            Self::Rule(bus, it) => format!("{bus}/{}", it.name),
            Self::Target(bus, rule, it) => format!("{bus}/{rule}/{}", it.id),
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What to do.
    pub action: Action,
    /// With what: as it should be, or for a deletion as it is.
    pub thing: Thing,
    /// The fields of an update.
    pub changes: Vec<String>,
}

impl Step {
    /// Whether it needs the connection's secrets.
    pub fn needs_secrets(&self) -> Option<&Connection> {
        match (&self.thing, self.action) {
            (Thing::Connection(it), Action::Create) => Some(it),
            (Thing::Connection(it), Action::Update) if self.changes.iter().any(|field| field == AUTH) => Some(it),
            _ => None,
        }
    }
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The steps in their order.
    pub steps: Vec<Step>,
    /// Things that are there, not in the folder, and left alone.
    pub left_alone_count: usize,
}

/// What to make of things that are not in the folder, and of secrets, which cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Manner {
    /// Delete what is not in the folder.
    pub prune: bool,
    /// Write the secrets of every connection anew.
    pub renew_secrets: bool,
}

/// The steps from `live` to `wanted`.
///
/// # Errors
/// [`Error::Unchangeable`].
pub fn plan(wanted: &Setup, live: &Setup, manner: Manner) -> Result<Plan, Error> {
    let mut steps = Vec::new();
    for queue in after_their_dead_letters(&wanted.queues) {
        let changes = differing(live.queues.get(&queue.name), queue);
        if let Some(changes) = changes.as_ref().filter(|changes| !changes.is_empty()) {
            let fields = changes.join(", ");
            return Err(Error::Unchangeable { kind: "queue", name: queue.name.clone(), fields });
        }
        put(&mut steps, changes, Thing::Queue(queue.clone()));
    }
    for bus in wanted.buses.values() {
        let before = live.buses.get(&bus.name).map(Bus::alone);
        put(&mut steps, differing(before.as_ref(), &bus.alone()), Thing::Bus(bus.alone()));
    }
    for connection in wanted.connections.values() {
        let before = live.connections.get(&connection.name).map(Connection::bare);
        let mut changes = differing(before.as_ref(), &connection.bare());
        if let Some(changes) = changes.as_mut().filter(|it| manner.renew_secrets && !it.iter().any(|it| it == AUTH)) {
            changes.push(AUTH.to_owned());
        }
        put(&mut steps, changes, Thing::Connection(connection.clone()));
    }
    for destination in wanted.destinations.values() {
        let changes = differing(live.destinations.get(&destination.name), destination);
        put(&mut steps, changes, Thing::Destination(destination.clone()));
    }
    for bus in wanted.buses.values() {
        let before = live.buses.get(&bus.name);
        for rule in &bus.rules {
            let before = before.and_then(|bus| bus.rules.iter().find(|it| it.name == rule.name));
            let alone = before.map(Rule::alone);
            let thing = Thing::Rule(bus.name.clone(), rule.alone());
            put(&mut steps, differing(alone.as_ref(), &rule.alone()), thing);
            for target in &rule.targets {
                let before = before.and_then(|rule| rule.targets.iter().find(|it| it.id == target.id));
                let thing = Thing::Target(bus.name.clone(), rule.name.clone(), Box::new(target.clone()));
                put(&mut steps, differing(before, target), thing);
            }
        }
    }
    let gone = surplus(wanted, live);
    match manner.prune {
        true => steps.extend(gone.into_iter().map(|thing| Step { action: Action::Delete, thing, changes: Vec::new() })),
        false => return Ok(Plan { steps, left_alone_count: gone.len() }),
    }
    Ok(Plan { steps, left_alone_count: 0 })
}

/// Queues, each after the one that its dead letters go to; those of a circle come last, and the cluster refuses them.
fn after_their_dead_letters(queues: &BTreeMap<String, Queue>) -> Vec<&Queue> {
    let (mut ordered, mut left): (Vec<&Queue>, Vec<&Queue>) = (Vec::new(), queues.values().collect());
    loop {
        let waits = |queue: &&Queue| {
            let arn = queue.redrive_policy.as_ref().map(|it| it.dead_letter_target_arn.as_str()).unwrap_or_default();
            left.iter().any(|other| arn.rsplit(':').next() == Some(other.name.as_str()))
        };
        let (later, now): (Vec<&Queue>, Vec<&Queue>) = left.iter().partition(|queue| waits(queue));
        ordered.extend(&now);
        if now.is_empty() || later.is_empty() {
            ordered.extend(later);
            return ordered;
        }
        left = later;
    }
}

/// Adds a step, unless nothing differs. No changes at all mean that it is not there.
fn put(steps: &mut Vec<Step>, changes: Option<Vec<String>>, thing: Thing) {
    match changes {
        None => steps.push(Step { action: Action::Create, thing, changes: Vec::new() }),
        Some(changes) if changes.is_empty() => {}
        Some(changes) => steps.push(Step { action: Action::Update, thing, changes }),
    }
}

/// The fields that differ; none if there is nothing to compare with.
fn differing<T: Serialize + PartialEq>(before: Option<&T>, wanted: &T) -> Option<Vec<String>> {
    let before = before?;
    if before == wanted {
        return Some(Vec::new());
    }
    let fields = |it: &T| match serde_json::to_value(it) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (old, new) = (fields(before), fields(wanted));
    let mut names: Vec<String> =
        old.keys().chain(new.keys()).filter(|name| old.get(*name) != new.get(*name)).cloned().collect();
    names.sort();
    names.dedup();
    Some(names)
}

/// What is there and not wanted, each after what depends on it.
fn surplus(wanted: &Setup, live: &Setup) -> Vec<Thing> {
    let (mut targets, mut rules, mut buses) = (Vec::new(), Vec::new(), Vec::new());
    for bus in live.buses.values() {
        let kept = wanted.buses.get(&bus.name);
        for rule in &bus.rules {
            let kept = kept.and_then(|bus| bus.rules.iter().find(|it| it.name == rule.name));
            for target in &rule.targets {
                if !kept.is_some_and(|rule| rule.targets.iter().any(|it| it.id == target.id)) {
                    targets.push(Thing::Target(bus.name.clone(), rule.name.clone(), Box::new(target.clone())));
                }
            }
            if kept.is_none() {
                rules.push(Thing::Rule(bus.name.clone(), rule.alone()));
            }
        }
        if kept.is_none() && bus.name != DEFAULT_BUS {
            buses.push(Thing::Bus(bus.alone()));
        }
    }
    let unwanted = |is_kept: bool, thing: Thing| (!is_kept).then_some(thing);
    let destinations = live.destinations.values();
    let destinations = destinations
        .filter_map(|it| unwanted(wanted.destinations.contains_key(&it.name), Thing::Destination(it.clone())));
    let connections = live.connections.values();
    let connections =
        connections.filter_map(|it| unwanted(wanted.connections.contains_key(&it.name), Thing::Connection(it.clone())));
    let queues = after_their_dead_letters(&live.queues).into_iter().rev();
    let queues = queues.filter_map(|it| unwanted(wanted.queues.contains_key(&it.name), Thing::Queue(it.clone())));
    let above: Vec<Thing> = targets.into_iter().chain(rules).collect();
    above.into_iter().chain(destinations).chain(connections).chain(buses).chain(queues).collect()
}
