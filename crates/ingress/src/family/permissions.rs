//! Policies that buses and queues have of their own: what may stand in them, and the shorthand of PutPermission.
//!
//! In: checked requests about the policy of one bus or queue.
//! Out: commands that put or take it, and what it says now.
//! Never: a statement that is lost since two callers edited one policy at once, or one about another resource.

mod edits;

use serde_json::{Map, Value, json};

use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_api::v1::{
    DeleteQueuePolicyRequest, PermissionCondition, PutPermissionRequest, PutPermissionResponse, PutQueuePolicyRequest,
    RemovePermissionRequest, RemovePermissionResponse,
};
use bascule_model::arn::{Arn, Scope};
use bascule_model::fault::{Fault, Kind as Noun};
use bascule_model::id;
use bascule_model::name::{AccountId, BusName, QueueName};
use bascule_model::organization::OrganizationId;
use bascule_policy::{Kind as Document, Policy};
use bascule_statemachine::codec::control::{Kind, PutResourcePolicy, ResourceKind, ResourceName};

use crate::family::{Front, given};
use crate::limits::STATEMENT_ID_LIMIT_CHARS;
use crate::rooms::{Rooms, Writing};
use crate::stack::{Checked, Permitted};
use crate::wire;

/// What a bus's policy may be about; all else is governed by the policies of its account alone (`eb-use-resource-based`).
const BUS_ACTIONS: [&str; 15] = [
    "PutEvents",
    "DescribeEventBus",
    "PutRule",
    "DescribeRule",
    "ListRules",
    "EnableRule",
    "DisableRule",
    "DeleteRule",
    "PutTargets",
    "RemoveTargets",
    "ListTargetsByRule",
    "ListRuleNamesByTarget",
    "TagResource",
    "UntagResource",
    "ListTagsForResource",
];

/// The one action of the shorthand.
const PUT_EVENTS: &str = "events:PutEvents";

/// The one key of the shorthand's condition, and its operator.
const ORGANIZATION: (&str, &str) = ("StringEquals", "aws:PrincipalOrgID");

pub(super) struct Put {
    bus: given::NameOrArn,
    what: Asked,
    /// Of what the caller sent: what it comes to depends on what is there.
    content: [u8; 16],
    writing: Writing,
}

enum Asked {
    Whole(String),
    Statement(Shorthand),
}

/// One statement, as the shorthand has it.
struct Shorthand {
    sid: String,
    /// `None` is everybody.
    account: Option<AccountId>,
    organization: Option<OrganizationId>,
}

pub(super) struct Remove {
    bus: given::NameOrArn,
    /// `None` is all.
    sid: Option<String>,
    content: [u8; 16],
    writing: Writing,
}

pub(super) struct OfQueue {
    queue: given::NameOrArn,
    /// Empty for none.
    document: String,
    writing: Writing,
}

/// Whose policy it is, by what it may say.
enum Place {
    Bus { arn: String, rules: String },
    Queue { arn: String },
}

impl Place {
    fn bus(scope: &Scope, name: &str) -> Result<Self, Refusal> {
        let name = BusName::parse(name).map_err(wire::fault)?;
        let on = if name.is_default() { String::new() } else { format!("{name}/") };
        let rules = format!("arn:{}:events:{}:{}:rule/{on}", scope.partition(), scope.region(), scope.account());
        Ok(Self::Bus { arn: Arn::bus(scope, &name).to_string(), rules })
    }

    fn queue(scope: &Scope, name: &str) -> Result<Self, Refusal> {
        let name = QueueName::parse(name).map_err(wire::fault)?;
        Ok(Self::Queue { arn: Arn::queue(scope, &name).to_string() })
    }

    fn unless_action(&self, action: &str) -> Result<(), &'static str> {
        let (service, name) = action.split_once(':').unwrap_or_default();
        match self {
            Self::Bus { .. } => {
                let known = BUS_ACTIONS.iter().any(|known| known.eq_ignore_ascii_case(name));
                let refused = "it must be an action that a bus's policy may be about, written out";
                if known && service.eq_ignore_ascii_case("events") { Ok(()) } else { Err(refused) }
            }
            Self::Queue { .. } => {
                if service.eq_ignore_ascii_case("sqs") && !name.is_empty() {
                    Ok(())
                } else {
                    Err("it must be an action of `sqs:`")
                }
            }
        }
    }

    fn unless_resource(&self, resource: &str) -> Result<(), &'static str> {
        match self {
            Self::Bus { arn, .. } if arn == resource => Ok(()),
            Self::Bus { rules, .. } => match resource.strip_prefix(rules.as_str()) {
                // On the default bus nothing stands between `rule/` and the name; elsewhere it is another bus.
                Some(rule) if !rule.is_empty() && !rule.contains('/') => Ok(()),
                _ => Err("it must be this bus or a rule of it"),
            },
            Self::Queue { arn } if arn == resource => Ok(()),
            Self::Queue { .. } => Err("it must be this queue"),
        }
    }

    /// Checks a document that `policy` has read: of whom it is, `policy` does not ask.
    fn check(&self, text: &str) -> Result<(), Refusal> {
        for (path, statement) in statements(&parsed(text)?) {
            for (element, instead) in [("NotAction", "Action"), ("NotResource", "Resource")] {
                if statement.get(element).is_some() {
                    let reason = format!("a policy of a resource says `{instead}`");
                    return Err(wire::policy_place("Policy", &path, element, &reason));
                }
            }
            for (at, action) in texts(&path, "Action", &statement) {
                self.unless_action(&action).map_err(|why| wire::policy_place("Policy", &at, &action, why))?;
            }
            for (at, resource) in texts(&path, "Resource", &statement) {
                self.unless_resource(&resource).map_err(|why| wire::policy_place("Policy", &at, &resource, why))?;
            }
        }
        Ok(())
    }
}

fn parsed(text: &str) -> Result<Value, Refusal> {
    serde_json::from_str(text).map_err(|error| wire::internal(&format!("a policy that was read is no JSON: {error}")))
}

/// Statements with their paths, as `policy` writes them.
fn statements(document: &Value) -> Vec<(String, Value)> {
    match document.get("Statement") {
        Some(Value::Array(list)) => {
            list.iter().enumerate().map(|(at, one)| (format!("Statement[{at}]"), one.clone())).collect()
        }
        Some(one) => vec![("Statement".to_owned(), one.clone())],
        None => Vec::new(),
    }
}

/// The texts of an element, each with its path.
fn texts(path: &str, element: &str, statement: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match statement.get(element) {
        Some(Value::Array(list)) => {
            list.iter().enumerate().map(|(at, one)| (format!("{path}.{element}[{at}]"), text(one))).collect()
        }
        Some(one) => vec![(format!("{path}.{element}"), text(one))],
        None => Vec::new(),
    }
}

/// A stored policy, of which statements are put in and taken out.
struct Stored {
    /// All of it but the statements.
    document: Map<String, Value>,
    statements: Vec<Value>,
}

impl Stored {
    /// Reads what a row has; empty for none.
    fn read(text: &str) -> Result<Self, Refusal> {
        let document = match text {
            "" => json!({"Version": "2012-10-17"}),
            _ => parsed(text)?,
        };
        let statements = statements(&document).into_iter().map(|(_, statement)| statement).collect();
        let Value::Object(document) = document else { return Err(wire::internal("a stored policy is no object")) };
        Ok(Self { document, statements })
    }

    /// Takes the statement of that id out; whether there was one.
    fn remove(&mut self, sid: &str) -> bool {
        let count = self.statements.len();
        self.statements.retain(|one| one.get("Sid").and_then(Value::as_str) != Some(sid));
        self.statements.len() < count
    }

    /// Puts a statement in the place of the one of its id, if the whole is a policy of this bus then.
    fn put(&mut self, shorthand: &Shorthand, scope: &Scope, name: &BusName) -> Result<(), Refusal> {
        self.remove(&shorthand.sid);
        self.statements.push(shorthand.statement(scope, &Arn::bus(scope, name).to_string()));
        let policy = self.write();
        read(&policy)?;
        Place::bus(scope, name.as_str())?.check(&policy)
    }

    /// Its text; empty without statements.
    fn write(&self) -> String {
        if self.statements.is_empty() {
            return String::new();
        }
        let mut document = self.document.clone();
        document.insert("Statement".to_owned(), Value::Array(self.statements.clone()));
        Value::Object(document).to_string()
    }
}

impl Shorthand {
    fn check(request: &PutPermissionRequest) -> Result<Self, Refusal> {
        for (field, value) in
            [("Action", &request.action), ("Principal", &request.principal), ("StatementId", &request.statement_id)]
        {
            if value.is_empty() {
                return Err(wire::field(field, format!("Parameter(s) {field} must be specified."), ""));
            }
        }
        if request.action != PUT_EVENTS {
            let reason = "Provided value in parameter 'action' is not supported.";
            return Err(wire::field("Action", reason, &request.action));
        }
        let account = match request.principal.as_str() {
            "*" => None,
            digits => {
                let refused = |_| wire::field("Principal", "it must be twelve digits or `*`", digits);
                Some(AccountId::parse(digits).map_err(refused)?)
            }
        };
        let sid = &request.statement_id;
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if sid.len() > STATEMENT_ID_LIMIT_CHARS || !sid.bytes().all(letter) {
            let reason = format!("it must be 1 to {STATEMENT_ID_LIMIT_CHARS} of `A-Za-z0-9_-`");
            return Err(wire::field("StatementId", reason, sid));
        }
        let organization = request.condition.as_ref().map(organization).transpose()?;
        Ok(Self { sid: sid.clone(), account, organization })
    }

    /// As EventBridge writes it.
    fn statement(&self, scope: &Scope, bus: &str) -> Value {
        let partition = scope.partition();
        let principal = match self.account {
            Some(account) => json!({"AWS": format!("arn:{partition}:iam::{account}:root")}),
            None => json!("*"),
        };
        let mut statement = json!({
            "Sid": self.sid, "Effect": "Allow", "Principal": principal, "Action": PUT_EVENTS, "Resource": bus,
        });
        if let Some(organization) = &self.organization {
            let (operator, key) = ORGANIZATION;
            statement["Condition"] = json!({operator: {key: organization.as_str()}});
        }
        statement
    }
}

fn organization(condition: &PermissionCondition) -> Result<OrganizationId, Refusal> {
    let (operator, key) = ORGANIZATION;
    if condition.r#type != operator {
        return Err(wire::field("Condition.Type", format!("it must be `{operator}`"), &condition.r#type));
    }
    if condition.key != key {
        return Err(wire::field("Condition.Key", format!("it must be `{key}`"), &condition.key));
    }
    OrganizationId::parse(&condition.value)
        .map_err(|_| wire::field("Condition.Value", "it must match `o-[a-z0-9]{10}`", &condition.value))
}

fn read(text: &str) -> Result<(), Refusal> {
    Policy::parse(Document::Resource, "Policy", text).map(drop).map_err(|why| wire::policy("Policy", &why))
}

pub(super) fn check_put(_: &Permitted, request: PutPermissionRequest) -> Result<Put, Refusal> {
    asked_put(request)
}

fn asked_put(request: PutPermissionRequest) -> Result<Put, Refusal> {
    let bus = given::bus("EventBusName", &request.event_bus_name)?;
    let what = if request.policy.is_empty() {
        Asked::Statement(Shorthand::check(&request)?)
    } else {
        let short = [&request.action, &request.principal, &request.statement_id];
        if request.condition.is_some() || short.iter().any(|text| !text.is_empty()) {
            let reason = "it stands without Action, Principal, StatementId and Condition";
            return Err(wire::field("Policy", reason, ""));
        }
        read(&request.policy)?;
        Asked::Whole(request.policy.clone())
    };
    let condition = request.condition.as_ref().map_or("", |condition| condition.value.as_str());
    let parts = [&bus.name, &request.policy, &request.statement_id, &request.principal, condition];
    let content = id::hash("content", &parts.map(str::as_bytes));
    Ok(Put { bus, what, content, writing: given::writing(request.request_id, request.validate_only)? })
}

pub(super) fn check_remove(_: &Permitted, request: RemovePermissionRequest) -> Result<Remove, Refusal> {
    let bus = given::bus("EventBusName", &request.event_bus_name)?;
    let sid = match (request.remove_all_permissions, request.statement_id.as_str()) {
        (true, "") => None,
        (true, sid) => return Err(wire::field("StatementId", "it stands without RemoveAllPermissions", sid)),
        (false, "") => {
            return Err(wire::field("StatementId", "Parameter(s) StatementId must be specified.", ""));
        }
        (false, sid) => {
            Fault::unless_at_most("StatementId", sid, bascule_policy::limits::SID_LIMIT_CHARS).map_err(wire::fault)?;
            Some(sid.to_owned())
        }
    };
    let content = id::hash("content", &[bus.name.as_bytes(), sid.as_deref().unwrap_or_default().as_bytes()]);
    Ok(Remove { bus, sid, content, writing: given::writing(request.request_id, request.validate_only)? })
}

pub(super) fn check_put_queue(_: &Permitted, request: PutQueuePolicyRequest) -> Result<OfQueue, Refusal> {
    let queue = given::queue("QueueName", &request.queue_name)?;
    if request.policy.is_empty() {
        return Err(wire::field("Policy", "it must be there", ""));
    }
    read(&request.policy)?;
    let writing = given::writing(request.request_id, request.validate_only)?;
    Ok(OfQueue { queue, document: request.policy, writing })
}

pub(super) fn check_delete_queue(_: &Permitted, request: DeleteQueuePolicyRequest) -> Result<OfQueue, Refusal> {
    let queue = given::queue("QueueName", &request.queue_name)?;
    let writing = given::writing(request.request_id, request.validate_only)?;
    Ok(OfQueue { queue, document: String::new(), writing })
}

fn no_statement(sid: &str) -> Refusal {
    let message = "Statement with the provided id does not exist.";
    Refusal::new(Reason::ResourceNotFound, message).with_metadata("name", sid).with_resource("statement", sid)
}

/// The command that gives a resource this policy; an empty one takes it away.
fn change(kind: ResourceKind, name: &str, document: &str) -> Kind {
    let resource = ResourceName { kind: kind.into(), name: name.to_owned() };
    match document {
        "" => Kind::DeleteResourcePolicy(resource),
        _ => Kind::PutResourcePolicy(PutResourcePolicy { resource: Some(resource), document: document.to_owned() }),
    }
}

impl Front {
    pub(super) async fn put_the_permission(&self, checked: Checked<Put>) -> Result<PutPermissionResponse, Refusal> {
        let (permit, Put { bus, what, content, writing }) = checked.into_parts();
        let (policy, control_index) = match what {
            Asked::Whole(policy) => {
                let view = self.rooms.viewer.now();
                let scope = Rooms::cluster(&view)?.scope.of_account(permit.account());
                let name = bus.here(&scope, permit.account(), Noun::Bus)?;
                Place::bus(&scope, name)?.check(&policy)?;
                let kind = change(ResourceKind::Bus, name, &policy);
                let changed = self.rooms.change(&permit, writing, content, kind).await?;
                (policy, changed.index.0)
            }
            Asked::Statement(shorthand) => {
                let edit = |stored: &mut Stored, scope: &Scope, name: &BusName| stored.put(&shorthand, scope, name);
                self.edit_policy(&permit, &bus, content, &writing, edit).await?
            }
        };
        Ok(PutPermissionResponse { policy, control_index })
    }

    pub(super) async fn remove_the_permission(
        &self,
        checked: Checked<Remove>,
    ) -> Result<RemovePermissionResponse, Refusal> {
        let (permit, Remove { bus, sid, content, writing }) = checked.into_parts();
        let Some(sid) = sid else {
            let view = self.rooms.viewer.now();
            let scope = Rooms::cluster(&view)?.scope.of_account(permit.account());
            let kind = change(ResourceKind::Bus, bus.here(&scope, permit.account(), Noun::Bus)?, "");
            let changed = self.rooms.change(&permit, writing, content, kind).await?;
            return Ok(RemovePermissionResponse { policy: String::new(), control_index: changed.index.0 });
        };
        let take = |stored: &mut Stored, _: &Scope, _: &BusName| match stored.remove(&sid) {
            true => Ok(()),
            false => Err(no_statement(&sid)),
        };
        let edited = match self.edit_policy(&permit, &bus, content, &writing, take).await {
            Err(refusal) if refusal == no_statement(&sid) => {
                let kind = change(ResourceKind::Bus, &bus.name, &self.stored_policy(&permit, &bus)?);
                if !self.was_answered(&permit, &writing, kind).await {
                    return Err(refusal);
                }
                let leave = |_: &mut Stored, _: &Scope, _: &BusName| Ok(());
                self.edit_policy(&permit, &bus, content, &writing, leave).await
            }
            edited => edited,
        };
        let (policy, control_index) = edited?;
        Ok(RemovePermissionResponse { policy, control_index })
    }

    /// The policy of a bus as it is.
    fn stored_policy(&self, permit: &Permitted, bus: &given::NameOrArn) -> Result<String, Refusal> {
        let view = self.rooms.viewer.now();
        let found = view.bus(permit.account(), &bus.name);
        let found = found.ok_or_else(|| wire::fault(Fault::not_found(Noun::Bus, bus.name.as_str())))?;
        Ok(found.row.policy.clone())
    }

    /// Whether the state machine remembers an answer under this request id: then the statement went by this very request, and its
    /// repeat is answered as it was. It is tried out with a content that no request has, which a known id is refused for.
    async fn was_answered(&self, permit: &Permitted, writing: &Writing, kind: Kind) -> bool {
        if writing.request_id.is_empty() {
            return false;
        }
        let tried = Writing { request_id: writing.request_id.clone(), validate_only: true };
        let tried = self.rooms.change(permit, tried, [u8::MAX; 16], kind).await;
        tried.is_err_and(|refusal| refusal.reason == Reason::RequestIdReused)
    }

    /// The queue, and the change's index.
    pub(super) async fn change_queue_policy(
        &self,
        checked: Checked<OfQueue>,
    ) -> Result<(Option<bascule_api::v1::Queue>, u64), Refusal> {
        let (permit, OfQueue { queue, document, writing }) = checked.into_parts();
        let view = self.rooms.viewer.now();
        let scope = Rooms::cluster(&view)?.scope.of_account(permit.account());
        let name = queue.here(&scope, permit.account(), Noun::Queue)?;
        let place = Place::queue(&scope, name)?;
        if !document.is_empty() {
            place.check(&document)?;
        }
        let kind = change(ResourceKind::Queue, name, &document);
        let changed = self.rooms.change(&permit, writing, [0; 16], kind).await?;
        let row = changed.view.queue(permit.account(), name);
        let queue = row.map(|row| super::queues::shown(&changed.view, row)).transpose()?;
        Ok((queue, changed.index.0))
    }
}

#[cfg(test)]
mod tests;
