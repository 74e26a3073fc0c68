//! One node's view: everything that puts, deliveries and listings read, as of one control index. Pure.
//!
//! A view is a function of the control group's rows and their index. It is changed only aside, in a copy that shares what did
//! not change, and swapped whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bascule_keyring::secret::KeyId;
use bascule_model::arn::{Arn, Scope};
use bascule_model::fault::{Fault, Kind};
use bascule_model::id::ClusterId;
use bascule_model::limits::Quotas;
use bascule_model::name::{AccountId, BusName, RuleName, TargetId};
use bascule_model::schedule::Schedule;
use bascule_model::target::{HttpParameters, Input, RetryPolicy, Target, TargetKind};
use bascule_model::uid::{ControlIndex, GroupId, Uid};
use bascule_pattern::Pattern;
use bascule_policy::{Kind as Document, Policy};
use bascule_statemachine::codec::control as wire;
use bascule_statemachine::codec::control::rows::{
    BusRow, ConnectionRow, DataKeyRow, DeletedRow, DestinationRow, MetaRow, QueueRow, RuleRow, TargetRow,
};
use bascule_statemachine::control::state::{self, Effect, Row, State};

use crate::membership::Members;
use crate::realm::{self, Realm};
use crate::transform::Transform;
use crate::wanted::Wanted;

/// What the whole cluster has.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Its id.
    pub id: ClusterId,
    /// Where its default account's resources stand.
    pub scope: Scope,
    /// Its shard groups, ascending.
    pub groups: Vec<GroupId>,
    /// Its quotas.
    pub quotas: Quotas,
    /// Group time of the last control entry.
    pub time_ms: u64,
    /// Control index of the last change of which nodes there are, of a node's state, or of an assignment: a plan names it.
    pub placement: ControlIndex,
}

/// A bus and, by name, its rules.
#[derive(Debug, Clone)]
pub struct Bus {
    /// Its row.
    pub row: BusRow,
    /// Its name.
    pub name: BusName,
    /// Its rules.
    pub rules: BTreeMap<String, Arc<Rule>>,
    /// The key that seals what is put on it now.
    pub key: KeyId,
    /// Its policy, if it has one.
    pub policy: Option<Arc<Policy>>,
    /// Which of its rules want an event.
    pub wanted: Arc<Wanted>,
}

/// A rule, compiled, and by id its targets.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its row.
    pub row: RuleRow,
    /// Its name.
    pub name: RuleName,
    /// What it wants; `None` for a rule with a schedule alone.
    pub pattern: Option<Arc<Pattern>>,
    /// When it is due by itself.
    pub schedule: Option<Arc<Schedule>>,
    /// Whether it picks events, and is due.
    pub on: bool,
    /// Its targets.
    pub targets: BTreeMap<String, Arc<Lane>>,
}

/// A target, whose uid names its lane.
#[derive(Debug, Clone)]
pub struct Lane {
    /// Its uid.
    pub uid: Uid,
    /// Its rule's.
    pub rule: Uid,
    /// Its rule's bus's.
    pub bus: Uid,
    /// Control index at which it was minted.
    pub minted: ControlIndex,
    /// The target.
    pub target: Target,
    /// Its input, read.
    pub transform: Transform,
}

/// Everything as of one control index.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The index.
    pub index: ControlIndex,
    /// Absent before `init`.
    pub cluster: Option<Arc<Cluster>>,
    /// Who there is, and what they may do.
    pub realm: Realm,
    /// The nodes there are, and which groups they are to have.
    pub members: Members,
    buses: BTreeMap<Uid, Arc<Bus>>,
    bus_names: BTreeMap<(u64, String), Uid>,
    /// Rules by bus and name that changed since the buses' matchers were built; none between two changes.
    touched: BTreeSet<(Uid, String)>,
    /// Which bus a rule stands on, and its name there.
    rules: BTreeMap<Uid, (Uid, String)>,
    lanes: BTreeMap<Uid, Arc<Lane>>,
    connections: BTreeMap<Uid, Arc<ConnectionRow>>,
    connection_names: BTreeMap<(u64, String), Uid>,
    destinations: BTreeMap<Uid, Arc<DestinationRow>>,
    destination_names: BTreeMap<(u64, String), Uid>,
    queues: BTreeMap<Uid, Arc<QueueRow>>,
    queue_names: BTreeMap<(u64, String), Uid>,
    queue_policies: BTreeMap<Uid, Arc<Policy>>,
    data_keys: BTreeMap<KeyId, Arc<DataKeyRow>>,
    deleted: BTreeMap<Uid, Arc<DeletedRow>>,
}

impl View {
    /// The view of everything.
    #[must_use]
    pub fn of(index: ControlIndex, state: State) -> Self {
        let mut view = Self { index, ..Self::default() };
        let rows = [state.cluster.map(Row::Cluster)].into_iter().flatten();
        // A control policy needs its organisation.
        let rows = rows.chain(state.organization.map(Row::Organization));
        let rows = rows.chain(state.units.into_values().map(Row::Unit));
        let rows = rows.chain(state.accounts.into_values().map(Row::Account));
        let rows = rows.chain(state.policies.into_values().map(Row::Policy));
        let rows = rows.chain(state.roles.into_values().map(Row::Role));
        let rows = rows.chain(state.users.into_values().map(Row::User));
        let rows = rows.chain(state.data_keys.into_values().map(Row::DataKey));
        // A rule needs its bus and a target its rule, so they come in this order.
        let rows = rows.chain(state.buses.into_values().map(Row::Bus));
        let rows = rows.chain(state.rules.into_values().map(Row::Rule));
        let rows = rows.chain(state.targets.into_values().map(Row::Target));
        let rows = rows.chain(state.connections.into_values().map(Row::Connection));
        let rows = rows.chain(state.destinations.into_values().map(Row::Destination));
        let rows = rows.chain(state.queues.into_values().map(Row::Queue));
        let rows = rows.chain(state.deleted.into_values().map(Row::Deleted));
        let rows = rows.chain(state.nodes.into_values().map(Row::Node));
        let rows = rows.chain(state.join_tokens.into_values().map(Row::JoinToken));
        let rows = rows.chain(state.assignments.into_values().map(Row::Assignment));
        for row in rows {
            view.upsert(row);
        }
        view.match_touched();
        view
    }

    /// Takes one effect in.
    pub fn absorb(&mut self, effect: Effect) {
        self.absorb_all([effect]);
    }

    /// Takes effects in. Many at once cost each bus one change of its matcher.
    pub fn absorb_all(&mut self, effects: impl IntoIterator<Item = Effect>) {
        for effect in effects {
            match effect {
                Effect::Upsert(row) => self.upsert(*row),
                Effect::Delete { kind, uid } => self.delete(kind, uid),
            }
        }
        self.match_touched();
    }

    /// Brings the buses' matchers in step with the rules that changed.
    fn match_touched(&mut self) {
        let touched = std::mem::take(&mut self.touched);
        let touched: Vec<(Uid, String)> = touched.into_iter().collect();
        for same in touched.chunk_by(|one, other| one.0 == other.0) {
            let Some(bus) = same.first().and_then(|(bus, _)| self.buses.get_mut(bus)) else {
                continue;
            };
            let bus = Arc::make_mut(bus);
            let rules = &bus.rules;
            let picks = |name: &str| rules.get(name).filter(|rule| rule.on && !rule.targets.is_empty());
            let changed = same.iter().map(|(_, name)| (&**name, picks(name).and_then(|rule| rule.pattern.clone())));
            Arc::make_mut(&mut bus.wanted).change(changed);
        }
    }

    fn upsert(&mut self, row: Row) {
        match row {
            Row::Cluster(row) => self.cluster = cluster(&row).map(Arc::new),
            Row::Bus(row) => self.put_bus(row),
            Row::Rule(row) => self.put_rule(row),
            Row::Target(row) => self.put_target(row),
            Row::Connection(row) => {
                self.connection_names.insert((row.account, row.name.clone()), Uid(row.uid));
                self.connections.insert(Uid(row.uid), Arc::new(row));
            }
            Row::Destination(row) => {
                let name = row.destination.as_ref().map(|destination| destination.name.clone()).unwrap_or_default();
                self.destination_names.insert((row.account, name), Uid(row.uid));
                self.destinations.insert(Uid(row.uid), Arc::new(row));
            }
            Row::Queue(row) => self.put_queue(row),
            Row::Deleted(row) => drop(self.deleted.insert(Uid(row.uid), Arc::new(row))),
            Row::DataKey(row) => {
                if let Some(id) = KeyId::from_slice(&row.key_id) {
                    self.data_keys.insert(id, Arc::new(row));
                }
            }
            Row::Organization(row) => self.realm.put_organization(row),
            Row::Unit(row) => self.realm.put_unit(row),
            Row::Account(row) => self.realm.put_account(row),
            Row::Role(row) => self.realm.put_role(partition(self.cluster.as_deref()), row),
            Row::User(row) => self.realm.put_user(partition(self.cluster.as_deref()), row),
            Row::Policy(row) => self.realm.put_policy(partition(self.cluster.as_deref()), row),
            Row::Node(row) => self.members.put_node(row),
            Row::JoinToken(row) => self.members.put_token(row),
            Row::Assignment(row) => self.members.put_assignment(&row),
        }
    }

    fn put_queue(&mut self, row: QueueRow) {
        let (uid, name) = (Uid(row.uid), row.queue.as_ref().map(|queue| queue.name.clone()).unwrap_or_default());
        let old = self.queues.get(&uid).is_some_and(|old| old.policy == row.policy);
        if row.policy.is_empty() {
            self.queue_policies.remove(&uid);
        } else if !old {
            self.queue_policies.insert(uid, realm::read(Document::Resource, &format!("queue/{name}"), &row.policy));
        }
        self.queue_names.insert((row.account, name), uid);
        self.queues.insert(uid, Arc::new(row));
    }

    fn put_bus(&mut self, row: BusRow) {
        let uid = Uid(row.uid);
        // Names and keys were checked before they were proposed; a row of a later build that is not is left out.
        let (Ok(name), Some(key)) = (BusName::parse(&row.name), KeyId::from_slice(&row.key_id)) else {
            tracing::error!(%uid, "a bus of a later build is passed over");
            return;
        };
        let old = self.buses.get(&uid);
        let rules = old.map(|old| old.rules.clone()).unwrap_or_default();
        let wanted = old.map(|old| Arc::clone(&old.wanted)).unwrap_or_default();
        let policy = match old.filter(|old| old.row.policy == row.policy) {
            _ if row.policy.is_empty() => None,
            Some(old) => old.policy.clone(),
            // It has no name of its own: decisions call it as the bus.
            None => Some(realm::read(Document::Resource, &format!("event-bus/{name}"), &row.policy)),
        };
        self.bus_names.insert((row.account, row.name.clone()), uid);
        self.buses.insert(uid, Arc::new(Bus { row, name, rules, key, policy, wanted }));
    }

    fn put_rule(&mut self, row: RuleRow) {
        let (uid, bus_uid) = (Uid(row.uid), Uid(row.bus_uid));
        let (Some(bus), Some(rule)) = (self.buses.get_mut(&bus_uid), row.rule.as_ref()) else {
            return;
        };
        let Ok(name) = RuleName::parse(&rule.name) else {
            tracing::error!(%uid, "a rule of a later build is passed over");
            return;
        };
        let old = bus.rules.get(name.as_str());
        let same = |old: &&Arc<Rule>| old.row.rule.as_ref().is_some_and(|before| before.pattern == rule.pattern);
        let pattern = match old.filter(same) {
            Some(old) => old.pattern.clone(),
            None => compile(uid, &rule.pattern),
        };
        let same = |old: &&Arc<Rule>| old.row.rule.as_ref().is_some_and(|before| before.schedule == rule.schedule);
        let schedule = match old.filter(same) {
            Some(old) => old.schedule.clone(),
            None => calendar(uid, &rule.schedule),
        };
        let targets = old.map(|old| old.targets.clone()).unwrap_or_default();
        let on = matches!(rule.state(), wire::RuleState::Enabled | wire::RuleState::EnabledWithAllManagementEvents);
        self.rules.insert(uid, (bus_uid, rule.name.clone()));
        self.touched.insert((bus_uid, rule.name.clone()));
        let rule = Rule { row, name, pattern, schedule, on, targets };
        Arc::make_mut(bus).rules.insert(rule.name.as_str().to_owned(), Arc::new(rule));
    }

    fn put_target(&mut self, row: TargetRow) {
        let (uid, rule_uid) = (Uid(row.uid), Uid(row.rule_uid));
        let Some((bus_uid, rule_name)) = self.rules.get(&rule_uid) else {
            return;
        };
        let read = |target: Target| {
            let transform = Transform::compile(target.id.as_str(), &target.input)?;
            Ok::<_, Fault>((target, transform))
        };
        let (target, transform) = match row.target.as_ref().map(|target| target_of(target).and_then(read)) {
            Some(Ok(read)) => read,
            _ => {
                tracing::error!(%uid, "a target of a later build is passed over");
                return;
            }
        };
        let id = target.id.as_str().to_owned();
        let minted = ControlIndex(row.minted_at);
        let lane = Arc::new(Lane { uid, rule: rule_uid, bus: *bus_uid, minted, target, transform });
        if let Some(rule) = self.buses.get_mut(bus_uid).and_then(|bus| Arc::make_mut(bus).rules.get_mut(rule_name)) {
            Arc::make_mut(rule).targets.insert(id, Arc::clone(&lane));
            self.lanes.insert(uid, lane);
            self.touched.insert((*bus_uid, rule_name.clone()));
        }
    }

    fn delete(&mut self, kind: Kind, uid: Uid) {
        match kind {
            Kind::Bus => {
                if let Some(bus) = self.buses.remove(&uid) {
                    self.bus_names.remove(&(bus.row.account, bus.row.name.clone()));
                }
            }
            Kind::Rule => {
                if let Some((bus_uid, name)) = self.rules.remove(&uid)
                    && let Some(bus) = self.buses.get_mut(&bus_uid)
                {
                    Arc::make_mut(bus).rules.remove(&name);
                    self.touched.insert((bus_uid, name));
                }
            }
            Kind::Target => {
                if let Some(lane) = self.lanes.remove(&uid)
                    && let Some((bus_uid, name)) = self.rules.get(&lane.rule)
                    && let Some(bus) = self.buses.get_mut(bus_uid)
                    && let Some(rule) = Arc::make_mut(bus).rules.get_mut(name)
                {
                    Arc::make_mut(rule).targets.remove(lane.target.id.as_str());
                    self.touched.insert((*bus_uid, name.clone()));
                }
            }
            Kind::Connection => {
                if let Some(row) = self.connections.remove(&uid) {
                    self.connection_names.remove(&(row.account, row.name.clone()));
                }
            }
            Kind::Destination => {
                if let Some(row) = self.destinations.remove(&uid) {
                    let name = row.destination.as_ref().map(|destination| destination.name.clone());
                    self.destination_names.remove(&(row.account, name.unwrap_or_default()));
                }
            }
            Kind::Queue => {
                if let Some(row) = self.queues.remove(&uid) {
                    let name = row.queue.as_ref().map(|queue| queue.name.clone());
                    self.queue_names.remove(&(row.account, name.unwrap_or_default()));
                    self.queue_policies.remove(&uid);
                }
            }
            Kind::Unit | Kind::Role | Kind::User | Kind::Policy => self.realm.delete(kind, uid),
            Kind::JoinToken => self.members.delete_token(uid),
            // None of these is ever deleted, or is in the view.
            Kind::Cluster
            | Kind::Event
            | Kind::DataKey
            | Kind::Tombstone
            | Kind::Organization
            | Kind::Account
            | Kind::PolicyVersion
            | Kind::Identity
            | Kind::AccessKey
            | Kind::Node => {}
        }
    }

    /// The bus of this name in this account.
    #[must_use]
    pub fn bus(&self, account: AccountId, name: &str) -> Option<&Arc<Bus>> {
        self.buses.get(self.bus_names.get(&(account.number(), name.to_owned()))?)
    }

    /// The bus of this uid.
    #[must_use]
    pub fn bus_by_uid(&self, uid: Uid) -> Option<&Arc<Bus>> {
        self.buses.get(&uid)
    }

    /// All buses of an account, by name.
    pub fn buses(&self, account: AccountId) -> impl Iterator<Item = &Arc<Bus>> {
        self.of_account(&self.bus_names, account).filter_map(|uid| self.buses.get(uid))
    }

    /// Every rule that is on and has a schedule, with its bus.
    pub fn scheduled(&self) -> impl Iterator<Item = (&Arc<Bus>, &Arc<Rule>)> {
        let rules = self.buses.values().flat_map(|bus| bus.rules.values().map(move |rule| (bus, rule)));
        rules.filter(|(_, rule)| rule.on && rule.schedule.is_some())
    }

    /// The rule of this uid.
    #[must_use]
    pub fn rule(&self, uid: Uid) -> Option<&Arc<Rule>> {
        let (bus, name) = self.rules.get(&uid)?;
        self.buses.get(bus)?.rules.get(name)
    }

    /// The target of this uid.
    #[must_use]
    pub fn lane(&self, uid: Uid) -> Option<&Arc<Lane>> {
        self.lanes.get(&uid)
    }

    /// The connection of this name in this account.
    #[must_use]
    pub fn connection(&self, account: AccountId, name: &str) -> Option<&Arc<ConnectionRow>> {
        self.connections.get(self.connection_names.get(&(account.number(), name.to_owned()))?)
    }

    /// The connection of this uid.
    #[must_use]
    pub fn connection_by_uid(&self, uid: Uid) -> Option<&Arc<ConnectionRow>> {
        self.connections.get(&uid)
    }

    /// All connections of an account, by name.
    pub fn connections(&self, account: AccountId) -> impl Iterator<Item = &Arc<ConnectionRow>> {
        self.of_account(&self.connection_names, account).filter_map(|uid| self.connections.get(uid))
    }

    /// The API destination of this name in this account.
    #[must_use]
    pub fn destination(&self, account: AccountId, name: &str) -> Option<&Arc<DestinationRow>> {
        self.destinations.get(self.destination_names.get(&(account.number(), name.to_owned()))?)
    }

    /// All API destinations of an account, by name.
    pub fn destinations(&self, account: AccountId) -> impl Iterator<Item = &Arc<DestinationRow>> {
        self.of_account(&self.destination_names, account).filter_map(|uid| self.destinations.get(uid))
    }

    /// The queue of this name in this account.
    #[must_use]
    pub fn queue(&self, account: AccountId, name: &str) -> Option<&Arc<QueueRow>> {
        self.queues.get(self.queue_names.get(&(account.number(), name.to_owned()))?)
    }

    /// The queue of this uid.
    #[must_use]
    pub fn queue_by_uid(&self, uid: Uid) -> Option<&Arc<QueueRow>> {
        self.queues.get(&uid)
    }

    /// The policy of the queue of this uid, if it has one.
    #[must_use]
    pub fn queue_policy(&self, uid: Uid) -> Option<&Arc<Policy>> {
        self.queue_policies.get(&uid)
    }

    /// All queues of an account, by name.
    pub fn queues(&self, account: AccountId) -> impl Iterator<Item = &Arc<QueueRow>> {
        self.of_account(&self.queue_names, account).filter_map(|uid| self.queues.get(uid))
    }

    /// The queue that an ARN of this cluster's region leads to.
    #[must_use]
    pub fn queue_of(&self, arn: &Arn) -> Option<&Arc<QueueRow>> {
        let Ok(TargetKind::Queue(name)) = TargetKind::of(arn) else {
            return None;
        };
        self.queue(self.account_here(arn)?, name.as_str())
    }

    /// The API destination that an ARN of this cluster's region leads to.
    #[must_use]
    pub fn destination_of(&self, arn: &Arn) -> Option<&Arc<DestinationRow>> {
        let Ok(TargetKind::Destination(name)) = TargetKind::of(arn) else {
            return None;
        };
        self.destination(self.account_here(arn)?, name.as_str())
    }

    /// The account of an ARN, if it is one of this cluster's partition and region.
    #[must_use]
    pub fn account_here(&self, arn: &Arn) -> Option<AccountId> {
        let scope = &self.cluster.as_ref()?.scope;
        let here = arn.partition() == scope.partition() && arn.region() == scope.region();
        arn.account().filter(|_| here)
    }

    /// A wrapped data key.
    #[must_use]
    pub fn data_key(&self, key: KeyId) -> Option<&Arc<DataKeyRow>> {
        self.data_keys.get(&key)
    }

    /// What was deleted and is not confirmed by every group.
    pub fn unconfirmed(&self) -> impl Iterator<Item = &Arc<DeletedRow>> {
        self.deleted.values().filter(|row| !row.waiting.is_empty())
    }

    fn of_account<'a>(
        &self,
        names: &'a BTreeMap<(u64, String), Uid>,
        account: AccountId,
    ) -> impl Iterator<Item = &'a Uid> + use<'a> {
        let number = account.number();
        names.range((number, String::new())..).take_while(move |((of, _), _)| *of == number).map(|(_, uid)| uid)
    }
}

/// The partition of ARNs.
fn partition(cluster: Option<&Cluster>) -> &str {
    cluster.map_or("aws", |cluster| cluster.scope.partition())
}

fn cluster(row: &MetaRow) -> Option<Cluster> {
    let account = AccountId::from_number(row.account)?;
    Some(Cluster {
        id: ClusterId::from_slice(&row.cluster_id)?,
        scope: Scope::new(&row.partition, &row.region, account).ok()?,
        groups: row.groups.iter().map(|group| GroupId(*group)).collect(),
        quotas: row.quotas.map(state::quotas).unwrap_or_default(),
        time_ms: row.time_ms,
        placement: ControlIndex(row.placement_at),
    })
}

/// A pattern that this build does not understand matches nothing, and says so once.
fn compile(uid: Uid, pattern: &str) -> Option<Arc<Pattern>> {
    if pattern.is_empty() {
        return None;
    }
    match Pattern::parse(pattern) {
        Ok(pattern) => Some(Arc::new(pattern)),
        Err(why) => {
            tracing::error!(rule = %uid, %why, "the pattern of a rule does not compile, so it matches nothing");
            None
        }
    }
}

/// A schedule that this build does not understand is never due, and says so once.
fn calendar(uid: Uid, schedule: &str) -> Option<Arc<Schedule>> {
    if schedule.is_empty() {
        return None;
    }
    match Schedule::parse(schedule) {
        Ok(schedule) => Some(Arc::new(schedule)),
        Err(why) => {
            tracing::error!(rule = %uid, %why, "the schedule of a rule cannot be read, so it is never due");
            None
        }
    }
}

fn pairs(pairs: &[wire::Pair]) -> Vec<(String, String)> {
    pairs.iter().map(|pair| (pair.name.clone(), pair.value.clone())).collect()
}

/// A target as its message holds it.
///
/// # Errors
/// [`Fault`] for what no target can be.
pub fn target_of(message: &wire::Target) -> Result<Target, Fault> {
    let arn = |field: &str, text: &str| if text.is_empty() { Ok(None) } else { Arn::parse(field, text).map(Some) };
    let input = match (&message.input, &message.input_path, &message.template) {
        (Some(input), _, _) => Input::Constant(input.clone()),
        (_, Some(path), _) => Input::Path(path.clone()),
        (_, _, Some(template)) => Input::Template { paths: pairs(&message.input_paths), template: template.clone() },
        (None, None, None) => Input::Event,
    };
    let target = Target::new(TargetId::parse(&message.id)?, Arn::parse("Arn", &message.arn)?)?;
    Ok(Target {
        role: arn("RoleArn", &message.role)?,
        input,
        retry: RetryPolicy::new(message.retry_attempts, message.retry_age_s)?,
        dead_letter: arn("DeadLetterConfig", &message.dead_letter)?,
        http: HttpParameters {
            path_values: message.path_values.clone(),
            headers: pairs(&message.headers),
            query: pairs(&message.query),
        },
        ..target
    })
}
