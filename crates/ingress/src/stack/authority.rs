//! Who has which policies, and what they decide: the one place where an access becomes an answer.
//!
//! Until there are principals in the control machine, operators have the administrator's policy and any other has none.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use bascule_model::ambient::Clock;
use bascule_model::arn::Scope;
use bascule_model::name::AccountId;
use bascule_model::time::Millis;
use bascule_policy::request::{Entry, Principal, PrincipalKind, Resource, Tag, Value, Values};
use bascule_policy::{Decision, Kind, Layers, Policy, Request, decide};
use bascule_routing::view::{Bus, Rule, View};
use bascule_routing::viewer::Viewer;

use crate::operation::Operation;
use crate::stack::Settings;
use crate::stack::access::{Access, Asking, Given, Standing};

/// The policy of who may do everything, as decisions call it.
const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/BasculeAdministrator";

/// What it says.
const ADMINISTRATOR_POLICY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Sid":"Administrator","Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// Decides, on the view and time of now.
pub(super) struct Authority {
    grants: Grants,
    viewer: Arc<Viewer>,
    clock: Arc<dyn Clock>,
}

impl Authority {
    pub(super) fn new(settings: &Settings, viewer: Arc<Viewer>, clock: Arc<dyn Clock>) -> Self {
        Self { grants: Grants::of_operators(&settings.operators, &settings.scope), viewer, clock }
    }

    /// The account in which a caller acts.
    pub(super) const fn account(&self) -> AccountId {
        self.grants.scope.account()
    }

    /// Where a caller stands.
    pub(super) fn asking(&self) -> Asking {
        let view = self.viewer.now();
        let scope = view.cluster.as_ref().map_or(&self.grants.scope, |cluster| &cluster.scope);
        Asking::new(scope.of_account(self.account()))
    }

    /// Whether the caller may; `Err` says why not.
    pub(super) fn judge(&self, caller: &str, from: Option<IpAddr>, access: &Access) -> Result<(), String> {
        let view = self.viewer.now();
        self.grants.judge(caller, access, &Facts { view: &view, now: self.clock.wall(), from })
    }
}

/// What a decision looks at beside the request.
pub(super) struct Facts<'a> {
    pub(super) view: &'a View,
    pub(super) now: Millis,
    /// The caller's address, if the listener knows it.
    pub(super) from: Option<IpAddr>,
}

/// Policies by the SPIFFE ID of their principal.
pub(super) struct Grants {
    identity: BTreeMap<String, Arc<[Arc<Policy>]>>,
    scope: Scope,
}

impl Grants {
    pub(super) fn of_operators(operators: &BTreeSet<String>, scope: &Scope) -> Self {
        let policy = Policy::parse(Kind::Identity, ADMINISTRATOR, ADMINISTRATOR_POLICY);
        // One that could not be read would allow nobody anything.
        let policy = Arc::new(policy.unwrap_or_else(|_| Policy::unreadable(Kind::Identity, ADMINISTRATOR)));
        let policies: Arc<[Arc<Policy>]> = [policy].into();
        let identity = operators.iter().map(|operator| (operator.clone(), Arc::clone(&policies))).collect();
        Self { identity, scope: scope.clone() }
    }

    /// One caller with these policies, and no other.
    #[cfg(test)]
    pub(super) fn of_one(caller: &str, policies: &[Arc<Policy>], scope: &Scope) -> Self {
        Self { identity: [(caller.to_owned(), policies.into())].into(), scope: scope.clone() }
    }

    /// Whether the caller may; `Err` says why not.
    pub(super) fn judge(&self, caller: &str, access: &Access, facts: &Facts<'_>) -> Result<(), String> {
        let identity: &[Arc<Policy>] = self.identity.get(caller).map_or(&[], |policies| policies);
        let layers = Layers { identity, ..Layers::default() };
        let account = self.scope.account();
        let path = caller.splitn(4, '/').nth(3).unwrap_or_default();
        let arn = format!("arn:{}:iam::{account}:user/{path}", self.scope.partition());
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        let kind = PrincipalKind::User { arn: &arn, name };
        let found = Found::of(access, facts.view);
        let (tags, resource_tags) = (set(access), found.tags());
        let lists = lists(access);
        let mut context = keys(access, &lists);
        context.extend(found.keys(access, account));
        context.push(("aws:SecureTransport", Values::One(Value::Bool(true))));
        context.extend(facts.from.map(|from| ("aws:SourceIp", Values::One(Value::Address(from)))));
        let request = Request {
            principal: Principal { kind, account: Some(account), org: None, tags: &[], id: "" },
            action: access.action,
            resource: Resource {
                arn: &access.resource.arn,
                account: access.resource.owner,
                org: None,
                tags: &resource_tags,
            },
            now: facts.now,
            tags: &tags,
            context: &context,
        };
        match decide(&request, &layers) {
            Decision::Allowed(_) => Ok(()),
            Decision::Denied(denial) => Err(denial.to_string()),
        }
    }
}

fn set(access: &Access) -> Vec<Tag<'_>> {
    access.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

/// Values of keys that have several, each in the place of its key.
fn lists(access: &Access) -> Vec<Vec<&str>> {
    access.keys.iter().map(|(_, given)| given.texts().iter().map(String::as_str).collect()).collect()
}

fn keys<'a>(access: &'a Access, lists: &'a [Vec<&'a str>]) -> Vec<Entry<'a>> {
    let values = |given: &'a Given, list: &'a [&'a str]| match given {
        Given::Text(text) => Values::One(Value::Text(text)),
        Given::Texts(_) => Values::Many(list),
        Given::Bool(value) => Values::One(Value::Bool(*value)),
    };
    access.keys.iter().zip(lists).map(|((key, given), list)| (*key, values(given, list))).collect()
}

/// What the view has of the resource.
enum Found<'a> {
    Nothing,
    Bus(&'a Bus),
    Rule(&'a Bus, &'a Rule),
}

impl<'a> Found<'a> {
    fn of(access: &Access, view: &'a View) -> Self {
        let owner = access.resource.owner;
        match &access.resource.standing {
            Standing::Elsewhere => Self::Nothing,
            Standing::Bus(name) => view.bus(owner, name).map_or(Self::Nothing, |bus| Self::Bus(bus)),
            Standing::Rule { bus, rule } => {
                let found = view.bus(owner, bus).and_then(|bus| Some((bus, bus.rules.get(rule)?)));
                found.map_or(Self::Nothing, |(bus, rule)| Self::Rule(bus, rule))
            }
        }
    }

    fn tags(&self) -> Vec<Tag<'a>> {
        let pairs = match self {
            Self::Nothing => return Vec::new(),
            Self::Bus(bus) => &bus.row.tags,
            Self::Rule(_, rule) => &rule.row.tags,
        };
        pairs.iter().map(|pair| (pair.name.as_str(), pair.value.as_str())).collect()
    }

    /// Keys that only the view knows: who made a rule; of one that is yet to be made it is who asks.
    fn keys(&self, access: &Access, caller: AccountId) -> Option<Entry<'static>> {
        let creator = match self {
            Self::Rule(bus, _) => AccountId::from_number(bus.row.account)?,
            _ if access.action == Operation::PutRule.action() => caller,
            _ => return None,
        };
        Some(("events:creatorAccount", Values::One(Value::Account(creator))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_administrators_policy_is_one() {
        Policy::parse(Kind::Identity, ADMINISTRATOR, ADMINISTRATOR_POLICY).unwrap();
    }
}
