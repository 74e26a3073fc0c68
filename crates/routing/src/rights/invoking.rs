//! Whether a rule's target may be invoked: who asks for the rule, and what the target's account says to that. Pure.
//!
//! In: a view, a target's lane, and where it matters the event.
//! Out: leave, or why not, for people.
//! Never: a right of the account that wrote the rule where another's resource does not grant it.
//!
//! The semantics are ADR 6's: a role's session is asked as any caller; without a role the events service asks for itself, in the
//! rule's own account wherever nobody denies it, since whoever put the target had the right, and elsewhere by the resource's policy
//! alone.

use std::sync::Arc;

use serde::Deserialize;

use bascule_model::arn::{Arn, Scope};
use bascule_model::name::AccountId;
use bascule_model::target::TargetKind;
use bascule_model::time::Millis;
use bascule_policy::decision::{Denial, Layer};
use bascule_policy::explain::{Considered, Outcome, Why, explain};
use bascule_policy::request::{Entry, Value, Values};
use bascule_policy::statement::Effect;
use bascule_policy::{Decision, Layers, Request, decide};

use crate::realm::Realm;
use crate::rights::{Caller, EVENTS_SERVICE, On, Question, Refused, admits, refused, with};
use crate::view::{self, Lane, View};

/// What may be delivered to a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leave {
    /// Every event.
    Every,
    /// Some events: a policy looks at them, so that each is asked about.
    Each,
    /// No event, for this reason.
    Never(Refused),
}

/// What policies may ask of an event that goes to another bus.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct About {
    /// `events:source`.
    pub source: String,
    /// `events:detail-type`.
    #[serde(rename = "detail-type")]
    pub detail_type: String,
}

impl About {
    /// Of an event as JSON text.
    #[must_use]
    pub fn of(event: &str) -> Option<Self> {
        serde_json::from_str(event).ok()
    }
}

/// What decisions about a lane read, but for the time: while it holds, they are the same.
#[derive(Debug, Clone)]
pub struct Footing {
    /// The lane as it was: another one of the same uid is another question.
    lane: Arc<Lane>,
    /// The rule's role.
    role: String,
    /// Epochs of the rule's account, in which its role is, and of the target's.
    accounts: [(AccountId, u64); 2],
    organization: u64,
}

impl Footing {
    /// Of a lane of this rule.
    #[must_use]
    pub fn of(view: &View, rule: &view::Rule, lane: &Arc<Lane>) -> Self {
        let own = AccountId::from_number(rule.row.account).unwrap_or_default();
        let other = lane.target.arn.account().unwrap_or(own);
        Self {
            lane: Arc::clone(lane),
            role: role(rule).to_owned(),
            accounts: [own, other].map(|account| (account, view.realm.epoch(account))),
            organization: view.realm.organization_epoch(),
        }
    }

    /// Whether this view shows the same.
    #[must_use]
    pub fn holds(&self, view: &View, rule: &view::Rule, lane: &Arc<Lane>) -> bool {
        let same = Arc::ptr_eq(&self.lane, lane) && self.role == role(rule);
        let stands = |(account, epoch): &(AccountId, u64)| view.realm.epoch(*account) == *epoch;
        same && self.accounts.iter().all(stands) && view.realm.organization_epoch() == self.organization
    }
}

fn role(rule: &view::Rule) -> &str {
    rule.row.rule.as_ref().map_or("", |rule| rule.role.as_str())
}

/// What may be delivered to the lane's target now.
#[must_use]
pub fn leave(view: &View, lane: &Lane, now: Millis) -> Leave {
    let asked = Rule::of(view, lane).and_then(|rule| rule.invokes(view, &lane.target.arn, None, now));
    match asked {
        Ok(()) => Leave::Every,
        Err(No { refused, of_every_event: true }) => Leave::Never(refused),
        Err(No { of_every_event: false, .. }) => Leave::Each,
    }
}

/// Whether this event may be delivered to the lane's target now; without one, whether every event may.
///
/// # Errors
/// [`Refused`].
pub fn deliverable(view: &View, lane: &Lane, about: Option<&About>, now: Millis) -> Result<(), Refused> {
    let rule = Rule::of(view, lane).map_err(|no| no.refused)?;
    rule.invokes(view, &lane.target.arn, about, now).map_err(|no| no.refused)
}

/// Whether dead letters of the lane may be laid into this queue: they are the service's, whatever role the target has.
///
/// # Errors
/// [`Refused`].
pub fn buriable(view: &View, lane: &Lane, queue: &Arn, now: Millis) -> Result<(), Refused> {
    let rule = Rule { role: None, ..Rule::of(view, lane).map_err(|no| no.refused)? };
    rule.invokes(view, queue, None, now).map_err(|no| no.refused)
}

/// Whether the service may take this role to invoke targets of this rule, which is yet to be put or to be given it.
///
/// # Errors
/// [`Refused`].
pub fn assumable(view: &View, rule: &Arn, role: &Arn, now: Millis) -> Result<(), Refused> {
    let account = rule.account().unwrap_or_default();
    let rule = Rule { arn: rule.to_string(), account, role: Some(role.to_string()) };
    rule.asks(view, now).map(drop).map_err(|no| no.refused)
}

/// What invoking a target of this kind is called.
#[must_use]
pub const fn action(kind: &TargetKind) -> &'static str {
    match kind {
        TargetKind::Queue(_) => "sqs:SendMessage",
        TargetKind::Destination(_) => "events:InvokeApiDestination",
        TargetKind::Log(_) => "logs:PutLogEvents",
        TargetKind::Bus(_) => "events:PutEvents",
        TargetKind::Wire { .. } => "bascule:SendToOutlet",
    }
}

/// ARN of the rule that a target belongs to.
#[must_use]
pub fn rule_arn(view: &View, lane: &Lane) -> Option<Arn> {
    let (rule, bus) = (view.rule(lane.rule)?, view.bus_by_uid(lane.bus)?);
    let account = AccountId::from_number(bus.row.account)?;
    Some(Arn::rule(&view.cluster.as_ref()?.scope.of_account(account), &bus.name, &rule.name))
}

/// The role in which the lane's target is invoked: its own, else its rule's.
fn role_of(view: &View, lane: &Lane) -> Option<String> {
    let own = lane.target.role.as_ref().map(ToString::to_string);
    let of_rule = || view.rule(lane.rule).map(|rule| role(rule).to_owned());
    own.or_else(of_rule).filter(|role| !role.is_empty())
}

/// A rule as its targets' accounts see it.
struct Rule {
    arn: String,
    /// Account of its bus.
    account: AccountId,
    role: Option<String>,
}

/// A refusal, and whether another event would be refused as well.
struct No {
    refused: Refused,
    of_every_event: bool,
}

impl No {
    fn of_every_event(why: String) -> Self {
        Self { refused: Refused { told: why.clone(), why }, of_every_event: true }
    }
}

impl Rule {
    fn of(view: &View, lane: &Lane) -> Result<Self, No> {
        let gone = || No::of_every_event("the rule is not there".to_owned());
        let arn = rule_arn(view, lane).ok_or_else(gone)?;
        Ok(Self { arn: arn.to_string(), account: arn.account().unwrap_or_default(), role: role_of(view, lane) })
    }

    /// The guards against a rule of somebody else that borrows the service's name.
    fn source(&self) -> [Entry<'_>; 2] {
        [
            ("aws:SourceArn", Values::One(Value::Text(&self.arn))),
            ("aws:SourceAccount", Values::One(Value::Account(self.account))),
        ]
    }

    /// Who asks for its targets.
    fn asks(&self, view: &View, now: Millis) -> Result<Caller, No> {
        is_open(&view.realm, self.account)?;
        let Some(role) = &self.role else { return Ok(Caller::events()) };
        // Of another account's role nothing is told, not even that it is there.
        if Arn::parse("RoleArn", role).ok().and_then(|arn| arn.account()) != Some(self.account) {
            return Err(No::of_every_event(format!("the role `{role}` is not of the rule's account")));
        }
        Caller::delivering(view, role, &self.source(), now).map_err(|refused| No { refused, of_every_event: true })
    }

    fn invokes(&self, view: &View, target: &Arn, about: Option<&About>, now: Millis) -> Result<(), No> {
        let caller = self.asks(view, now)?;
        let no_target = || No::of_every_event(format!("`{target}` is no target"));
        let (Ok(kind), Some(scope)) = (TargetKind::of(target), target.scope()) else { return Err(no_target()) };
        let owner = scope.account();
        is_open(&view.realm, owner)?;
        let mut keys: Vec<Entry<'_>> = Vec::with_capacity(5);
        if self.role.is_none() {
            keys.extend(self.source());
        }
        if matches!(kind, TargetKind::Bus(_)) {
            keys.push(("events:eventBusInvocation", Values::One(Value::Bool(true))));
            keys.extend(of_event(about));
        }
        let arn = canonical(&kind, &scope, target);
        let here = view.account_here(target).is_some();
        let on = match &kind {
            TargetKind::Queue(name) if here => On::Queue(name.as_str()),
            TargetKind::Bus(name) if here => On::Bus(name.as_str()),
            _ => On::Nothing,
        };
        let question =
            Question { action: action(&kind), arn: &arn, owner, on, tags: &[], keys: &keys, from: None, now };
        with(view, &caller, &question, |request, layers| match decide(request, layers) {
            Decision::Allowed(_) => Ok(()),
            Decision::Denied(denial) if self.role.is_none() && owner == self.account && is_silence(&denial) => Ok(()),
            Decision::Denied(denial) => Err(self.no(&question, request, layers, &denial)),
        })
    }

    fn no(&self, question: &Question<'_>, request: &Request<'_>, layers: &Layers<'_>, denial: &Denial<'_>) -> No {
        // In its own account nothing is hidden from whoever may look at a rule.
        let Refused { told, why } = refused(denial, question.owner == self.account || admits(request, layers));
        let who = match &self.role {
            Some(role) => format!("the role `{role}`"),
            None => format!("`{EVENTS_SERVICE}`"),
        };
        let about = format!("{who} may not {} on `{}`", question.action, question.arn);
        let refused = Refused { told: format!("{about}: {told}"), why: format!("{about}: {why}") };
        No { refused, of_every_event: is_of_every_event(denial, || explain(request, layers).statements) }
    }
}

/// Whether nobody says anything: no policy of the resource allows, and none of any layer denies.
const fn is_silence(denial: &Denial<'_>) -> bool {
    matches!(denial, Denial::Implicit { layer: Layer::Resource, level: None })
}

/// Whether no event changes a denial that was given without one, when what looks at the event could not be evaluated.
fn is_of_every_event<'a>(denial: &Denial<'_>, statements: impl FnOnce() -> Vec<Considered<'a>>) -> bool {
    match *denial {
        Denial::Explicit(_) | Denial::Unusable { .. } => true,
        Denial::Unclear(_) => false,
        Denial::Implicit { layer, level } => {
            let might = |one: &Considered<'_>| one.source.layer == layer && one.level == level && might_allow(one);
            !statements().iter().any(might)
        }
    }
}

fn might_allow(one: &Considered<'_>) -> bool {
    let statement = one.source.policy.statements().get(one.source.statement);
    let allows = statement.is_some_and(|statement| statement.effect() == Effect::Allow);
    allows
        && match &one.outcome {
            Outcome::Unclear => true,
            Outcome::Conditions(unmet) => unmet.iter().all(|unmet| unmet.why == Why::Unclear),
            Outcome::Applies | Outcome::OtherPrincipals | Outcome::OtherResources => false,
        }
}

/// What the event says. Without one each key stands there twice: what looks at it cannot be evaluated then, so that no event is
/// allowed that its own values would not.
fn of_event(about: Option<&About>) -> Vec<Entry<'_>> {
    let (source, detail_type, times) =
        about.map_or(("", "", 2), |about| (about.source.as_str(), about.detail_type.as_str(), 1));
    let text = |text| Values::One(Value::Text(text));
    [("events:source", text(source)), ("events:detail-type", text(detail_type))].repeat(times)
}

fn is_open(realm: &Realm, account: AccountId) -> Result<(), No> {
    match realm.account(account) {
        Some(of) if of.row.closed => Err(No::of_every_event(format!("the account `{account}` is closed"))),
        _ => Ok(()),
    }
}

/// The one ARN of what may be written in several ways, as policies know it.
fn canonical(kind: &TargetKind, scope: &Scope, given: &Arn) -> String {
    let one = match kind {
        TargetKind::Queue(name) => Some(Arn::queue(scope, name)),
        TargetKind::Destination(name) => Some(Arn::destination(scope, name)),
        TargetKind::Bus(name) => Some(Arn::bus(scope, name)),
        TargetKind::Log(name) => Arn::log_group(scope, name).ok(),
        TargetKind::Wire { .. } => None,
    };
    one.as_ref().unwrap_or(given).to_string()
}

#[cfg(test)]
mod tests;
