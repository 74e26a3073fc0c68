//! Who asks, as one view shows them, and whether they may: the one place where an access becomes an answer. Pure.
//!
//! In: a view; a certificate's identity, a session or a role; an action on a resource with what the request brings along.
//! Out: leave, or why not: in full for the log, and for whoever asked as much as they may know.
//! Never: an answer that a policy which cannot be read would have given; a word of another account's policies.
//!
//! Ingress asks it for callers, delivery for the roles of targets.
//!
//! In: a view, who asks, what is asked.
//! Out: yes, or a reason for whoever asks and one for the log.
//! Never: a policy's text that an account does not show, an answer that something unreadable widens.

pub mod invoking;

use std::net::IpAddr;
use std::sync::Arc;

use bascule_model::identity::Identity;
use bascule_model::name::AccountId;
use bascule_model::policy::PolicyKind;
use bascule_model::time::Millis;
use bascule_model::uid::Uid;
use bascule_policy::decide::{Consent, Level};
use bascule_policy::decision::{Decision, Denial};
use bascule_policy::explain::{Explanation, explain};
use bascule_policy::request::{Entry, Membership, Principal, PrincipalKind, Resource, Tag, Value, Values};
use bascule_policy::{Kind, Layers, Policy, Request, decide};
use bascule_statemachine::codec::control::{AccountEpoch, Epochs, Pair};

use crate::realm::{Held, Realm, Role, User};
use crate::shipped;
use crate::view::{Bus, Rule, View};

/// The service that invokes targets, as policies know it.
pub const EVENTS_SERVICE: &str = "events.amazonaws.com";
/// The action by which a role is taken.
pub const ASSUME_ROLE: &str = "sts:AssumeRole";
/// What whoever is of another account is told where nothing of the resource's lets them in.
const NOT_ADMITTED: &str = "no resource policy allows it";
/// Name of the sessions in which targets are invoked.
const DELIVERY_SESSION: &str = "bascule-delivery";

/// A principal as one view shows it, with every policy that limits or widens what it may do.
#[derive(Debug, Clone)]
pub struct Caller {
    who: Who,
    account: Option<AccountId>,
    place: Option<Place>,
    tags: Vec<(String, String)>,
    /// Further keys, of a session: `aws:SourceIdentity` and the like.
    keys: Vec<(&'static str, String)>,
    id: String,
    identity: Vec<Arc<Policy>>,
    boundary: Option<Arc<Policy>>,
    session: Option<Vec<Arc<Policy>>>,
    scps: Vec<Level>,
}

/// Which kind of principal.
#[derive(Debug, Clone)]
enum Who {
    User { arn: String, name: String },
    Session { role_arn: String, session_arn: String, issued: Millis },
    Service { name: &'static str },
}

/// Where an account stands.
#[derive(Debug, Clone)]
struct Place {
    organization: String,
    path: String,
}

/// Why somebody is no principal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// Nobody has the certificate's identity.
    #[error("no user has this certificate's identity")]
    Nobody,
    /// The account is closed.
    #[error("the account `{0}` is closed")]
    Closed(AccountId),
    /// The role is not there any more.
    #[error("the role is gone")]
    RoleGone,
    /// Sessions of that time were revoked.
    #[error("the role's sessions of that time are revoked")]
    Revoked,
}

/// What a session adds to its role: what was given when it was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Session {
    /// ARN of the role.
    pub role_arn: String,
    /// Its uid: a later role of the same ARN is another.
    pub role_uid: Uid,
    /// The session's name.
    pub name: String,
    /// When it was made.
    pub issued: Millis,
    /// Session tags, which hide the role's own of the same key.
    pub tags: Vec<(String, String)>,
    /// Text of the session policy; empty for none.
    pub policy: String,
    /// `aws:SourceIdentity`; empty for none.
    pub source_identity: String,
}

/// One access that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// For example `events:PutRule`.
    pub action: &'a str,
    /// What it is on, as the asking one may know it; `*` for no single resource.
    pub arn: &'a str,
    /// Whose it is.
    pub owner: AccountId,
    /// Where the view would have it.
    pub on: On<'a>,
    /// Tags that would be set.
    pub tags: &'a [Tag<'a>],
    /// Keys that only the request has.
    pub keys: &'a [Entry<'a>],
    /// Where it comes from, if that is known.
    pub from: Option<IpAddr>,
    /// Now.
    pub now: Millis,
}

/// Where the view would have a resource, if it is something with tags or policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On<'a> {
    /// Nowhere, or nothing of the kind.
    Nothing,
    /// A bus of the owner.
    Bus(&'a str),
    /// A rule on a bus of the owner.
    Rule {
        /// The bus.
        bus: &'a str,
        /// The rule.
        rule: &'a str,
    },
    /// A queue of the owner.
    Queue(&'a str),
    /// A role of the owner, by name: its path is not asked for.
    Role(&'a str),
    /// A user of the owner, by name.
    User(&'a str),
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// For who asked: of another account's policies no more than which kind it was.
    pub told: String,
    /// For this cluster's log.
    pub why: String,
}

impl Caller {
    /// The user whose certificate says so.
    ///
    /// # Errors
    /// [`Unknown::Nobody`], [`Unknown::Closed`].
    pub fn of_identity(realm: &Realm, identity: &Identity) -> Result<Self, Unknown> {
        Self::of_user(realm, realm.user_of(identity).ok_or(Unknown::Nobody)?)
    }

    /// A user.
    ///
    /// # Errors
    /// [`Unknown::Closed`].
    pub fn of_user(realm: &Realm, user: &User) -> Result<Self, Unknown> {
        let tags = pairs(user.row.grants.as_ref().map_or(&[][..], |grants| &grants.tags));
        let who = Who::User { arn: user.arn.clone(), name: user.row.name.clone() };
        Ok(Self { tags, id: format!("{:016x}", user.row.uid), ..Self::holding(realm, who, user.account, &user.held)? })
    }

    /// A session of a role that was given before; whether it may still be used is decided here.
    ///
    /// # Errors
    /// [`Unknown`].
    pub fn of_session(realm: &Realm, session: &Session) -> Result<Self, Unknown> {
        let role = realm.role_of(&session.role_arn).filter(|role| role.row.uid == session.role_uid.0);
        let role = role.ok_or(Unknown::RoleGone)?;
        if session.issued.0 < role.row.sessions_revoked_before_ms {
            return Err(Unknown::Revoked);
        }
        let mut caller = Self::of_role(realm, role, &session.name, session.issued)?;
        for (key, value) in &session.tags {
            caller.tags.retain(|(old, _)| !old.eq_ignore_ascii_case(key));
            caller.tags.push((key.clone(), value.clone()));
        }
        if !session.policy.is_empty() {
            caller.session = Some(vec![crate::realm::read(Kind::Session, "the session's", &session.policy)]);
        }
        if !session.source_identity.is_empty() {
            caller.keys.push(("aws:SourceIdentity", session.source_identity.clone()));
        }
        Ok(caller)
    }

    /// A session of a role that is given now.
    ///
    /// # Errors
    /// [`Unknown::Closed`].
    pub fn of_role(realm: &Realm, role: &Role, session: &str, issued: Millis) -> Result<Self, Unknown> {
        let (partition, name) = (role.arn.split(':').nth(1).unwrap_or("aws"), &role.row.name);
        let session_arn = format!("arn:{partition}:sts::{}:assumed-role/{name}/{session}", role.account);
        let who = Who::Session { role_arn: role.arn.clone(), session_arn, issued };
        let tags = pairs(role.row.grants.as_ref().map_or(&[][..], |grants| &grants.tags));
        let id = format!("{:016x}:{session}", role.row.uid);
        Ok(Self { tags, id, ..Self::holding(realm, who, role.account, &role.held)? })
    }

    /// The service that invokes targets, asking for itself.
    #[must_use]
    pub const fn events() -> Self {
        Self {
            who: Who::Service { name: EVENTS_SERVICE },
            account: None,
            place: None,
            tags: Vec::new(),
            keys: Vec::new(),
            id: String::new(),
            identity: Vec::new(),
            boundary: None,
            session: None,
            scps: Vec::new(),
        }
    }

    /// The role of a target, as the events service takes it: its trust policy decides, on `keys`.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn delivering(view: &View, role_arn: &str, keys: &[Entry<'_>], now: Millis) -> Result<Self, Refused> {
        let refused = |why: String| Refused { told: why.clone(), why };
        let gone = || refused(format!("the role `{role_arn}` is not there"));
        let role = view.realm.role_of(role_arn).ok_or_else(gone)?;
        let events = Self::events();
        let question = Question {
            action: ASSUME_ROLE,
            arn: role_arn,
            owner: role.account,
            on: On::Role(&role.row.name),
            tags: &[],
            keys,
            from: None,
            now,
        };
        may(view, &events, &question).map_err(|no| {
            refused(format!("the role `{role_arn}` cannot be assumed by {EVENTS_SERVICE}: {}", no.why))
        })?;
        Self::of_role(&view.realm, role, DELIVERY_SESSION, now).map_err(|unknown| refused(unknown.to_string()))
    }

    fn holding(realm: &Realm, who: Who, account: AccountId, held: &Held) -> Result<Self, Unknown> {
        if realm.account(account).is_some_and(|account| account.row.closed) {
            return Err(Unknown::Closed(account));
        }
        let mut identity = held.inline.clone();
        identity.extend(held.attached.iter().map(|attached| realm.compiled(attached, Kind::Identity)));
        Ok(Self {
            who,
            account: Some(account),
            place: place(realm, account),
            tags: Vec::new(),
            keys: Vec::new(),
            id: String::new(),
            identity,
            boundary: held.boundary.as_ref().map(|boundary| realm.compiled(boundary, Kind::Boundary)),
            session: None,
            scps: realm.levels(account, PolicyKind::ServiceControl).unwrap_or_default(),
        })
    }

    /// With further policies, for whoever asks what they would do.
    #[must_use]
    pub fn with_identity_policies(mut self, policies: Vec<Arc<Policy>>) -> Self {
        self.identity.extend(policies);
        self
    }

    /// Its account; none for a service.
    #[must_use]
    pub const fn account(&self) -> Option<AccountId> {
        self.account
    }

    /// Its ARN: of a session the session's own; of a service its name.
    #[must_use]
    pub fn arn(&self) -> &str {
        match &self.who {
            Who::User { arn, .. } => arn,
            Who::Session { session_arn, .. } => session_arn,
            Who::Service { name } => name,
        }
    }

    /// The name of the user that it is; none for a session or a service.
    #[must_use]
    pub fn user_name(&self) -> Option<&str> {
        match &self.who {
            Who::User { name, .. } => Some(name),
            Who::Session { .. } | Who::Service { .. } => None,
        }
    }

    /// Its unique id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    fn kind(&self) -> PrincipalKind<'_> {
        match &self.who {
            Who::User { arn, name } => PrincipalKind::User { arn, name },
            Who::Session { role_arn, session_arn, issued } => {
                PrincipalKind::Session { role_arn, session_arn, issued: *issued }
            }
            Who::Service { name } => PrincipalKind::Service { name },
        }
    }
}

/// Whether the caller may.
///
/// # Errors
/// [`Refused`].
pub fn may(view: &View, caller: &Caller, question: &Question<'_>) -> Result<(), Refused> {
    if view.realm.account(question.owner).is_some_and(|owner| owner.row.closed) {
        let why = Unknown::Closed(question.owner).to_string();
        return Err(Refused { told: NOT_ADMITTED.to_owned(), why });
    }
    with(view, caller, question, |request, layers| match decide(request, layers) {
        Decision::Allowed(_) => Ok(()),
        Decision::Denied(denial) => Err(refused(&denial, !is_foreign(caller, question) || admits(request, layers))),
    })
}

/// As [`may`], and what became of each statement that was looked at; `tell` makes of it what is kept.
///
/// Of another account's policies nothing is shown, and the decision is told as it is to whoever is refused.
pub fn why<T>(
    view: &View,
    caller: &Caller,
    question: &Question<'_>,
    tell: impl FnOnce(&Explanation<'_>, Result<String, Refused>) -> T,
) -> T {
    let decided = may(view, caller, question);
    with(view, caller, question, |request, layers| {
        let mut explanation = explain(request, layers);
        let foreign = is_foreign(caller, question);
        if foreign {
            explanation.statements.retain(|considered| !considered.source.layer.is_of_resource());
        }
        let shown = if foreign { "allowed by both accounts".to_owned() } else { explanation.decision.to_string() };
        tell(&explanation, decided.map(|()| shown))
    })
}

/// The epochs of all that decisions about these accounts read.
#[must_use]
pub fn epochs(realm: &Realm, accounts: impl IntoIterator<Item = AccountId>) -> Epochs {
    let mut accounts: Vec<AccountId> = accounts.into_iter().collect();
    accounts.sort_unstable();
    accounts.dedup();
    let of = |account: AccountId| AccountEpoch { account: account.number(), epoch: realm.epoch(account) };
    Epochs { accounts: accounts.into_iter().map(of).collect(), organization: realm.organization_epoch() }
}

fn with<T>(
    view: &View,
    caller: &Caller,
    question: &Question<'_>,
    then: impl FnOnce(&Request<'_>, &Layers<'_>) -> T,
) -> T {
    let found = Found::of(question, view);
    let realm = &view.realm;
    let owner_place = place(realm, question.owner);
    let (own_tags, resource_tags) = (borrowed(&caller.tags), found.tags());
    let mut context: Vec<Entry<'_>> = question.keys.to_vec();
    context.extend(found.creator(question, caller));
    context.push(("aws:SecureTransport", Values::One(Value::Bool(true))));
    context.extend(question.from.map(|from| ("aws:SourceIp", Values::One(Value::Address(from)))));
    context.extend(caller.keys.iter().map(|(key, value)| (*key, Values::One(Value::Text(value)))));
    // Of a role that is not there nobody knows whom it would admit: it is as one that admits nobody.
    let taken = is_of_trust(question.action);
    let resource = if matches!(found, Found::Role(_)) && !taken { Vec::new() } else { found.policies() };
    let rcps = realm.levels(question.owner, PolicyKind::ResourceControl).unwrap_or_default();
    let layers = Layers {
        scps: &caller.scps,
        rcps: &rcps,
        resource: &resource,
        consent: if taken { Consent::Explicit } else { Consent::Either },
        identity: &caller.identity,
        boundary: caller.boundary.as_deref(),
        session: caller.session.as_deref(),
    };
    let request = Request {
        principal: Principal {
            kind: caller.kind(),
            account: caller.account,
            org: caller.place.as_ref().map(Place::membership),
            tags: &own_tags,
            id: &caller.id,
        },
        action: question.action,
        resource: Resource {
            arn: found.arn().unwrap_or(question.arn),
            account: question.owner,
            org: owner_place.as_ref().map(Place::membership),
            tags: &resource_tags,
        },
        now: question.now,
        tags: question.tags,
        context: &context,
    };
    then(&request, &layers)
}

/// What another account has tells nothing of itself before it admits the caller: not by which policy it refuses, and not by what the
/// caller's own policies say of its tags and its place.
fn refused(denial: &Denial<'_>, admitted: bool) -> Refused {
    let why = denial.to_string();
    Refused { told: if admitted { why.clone() } else { NOT_ADMITTED.to_owned() }, why }
}

fn is_foreign(caller: &Caller, question: &Question<'_>) -> bool {
    caller.account != Some(question.owner)
}

/// Whether the resource's account lets the caller in, if the caller's own lets them out.
fn admits(request: &Request<'_>, layers: &Layers<'_>) -> bool {
    let everything = shipped::administrator();
    let only = Layers { rcps: layers.rcps, resource: layers.resource, identity: &everything, ..Layers::default() };
    decide(request, &only).is_allowed()
}

/// Whether the question names a principal without its path, as requests do that have no room for one. Who takes a role says it whole.
fn is_by_name(question: &Question<'_>, kind: &str, name: &str) -> bool {
    let resource = question.arn.splitn(6, ':').nth(5).unwrap_or_default();
    !is_of_trust(question.action) && resource.split_once('/') == Some((kind, name))
}

/// Whether a role's trust policy is about an action; about all others it says nothing.
fn is_of_trust(action: &str) -> bool {
    [ASSUME_ROLE, "sts:TagSession", "sts:SetSourceIdentity"].iter().any(|of| of.eq_ignore_ascii_case(action))
}

fn place(realm: &Realm, account: AccountId) -> Option<Place> {
    let organization = realm.organization()?.row.id.clone();
    Some(Place { organization, path: realm.path(account)? })
}

impl Place {
    fn membership(&self) -> Membership<'_> {
        Membership { id: &self.organization, path: &self.path }
    }
}

fn pairs(pairs: &[Pair]) -> Vec<(String, String)> {
    pairs.iter().map(|pair| (pair.name.clone(), pair.value.clone())).collect()
}

fn borrowed(tags: &[(String, String)]) -> Vec<Tag<'_>> {
    tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

/// What the view has of the resource.
enum Found<'a> {
    Nothing,
    Bus(&'a Bus),
    /// A rule, there or yet to be made, on a bus that is there.
    Rule(&'a Bus, Option<&'a Rule>),
    Queue(Option<&'a Arc<Policy>>),
    Role(&'a Role),
    User(&'a User),
}

impl<'a> Found<'a> {
    fn of(question: &Question<'_>, view: &'a View) -> Self {
        let owner = question.owner;
        match question.on {
            On::Nothing => Self::Nothing,
            On::Bus(name) => view.bus(owner, name).map_or(Self::Nothing, |bus| Self::Bus(bus)),
            On::Rule { bus, rule } => {
                let Some(bus) = view.bus(owner, bus) else { return Self::Nothing };
                Self::Rule(bus, bus.rules.get(rule).map(|rule| &**rule))
            }
            On::Queue(name) => {
                let queue = view.queue(owner, name);
                queue.map_or(Self::Nothing, |row| Self::Queue(view.queue_policy(Uid(row.uid))))
            }
            On::Role(name) => {
                let role = view.realm.role(owner, name);
                let role = role.filter(|role| role.arn == question.arn || is_by_name(question, "role", name));
                role.map_or(Self::Nothing, |role| Self::Role(role))
            }
            On::User(name) => {
                let user = view.realm.user(owner, name);
                let user = user.filter(|user| user.arn == question.arn || is_by_name(question, "user", name));
                user.map_or(Self::Nothing, |user| Self::User(user))
            }
        }
    }

    /// The policies of the resource: a rule has its bus's.
    fn policies(&self) -> Vec<Arc<Policy>> {
        let policy = match self {
            Self::Nothing | Self::User(_) => None,
            Self::Bus(bus) | Self::Rule(bus, _) => bus.policy.as_ref(),
            Self::Queue(policy) => *policy,
            Self::Role(role) => Some(&role.trust),
        };
        policy.cloned().into_iter().collect()
    }

    /// The whole ARN of what the request names without its path.
    fn arn(&self) -> Option<&'a str> {
        match self {
            Self::Role(role) => Some(&role.arn),
            Self::User(user) => Some(&user.arn),
            _ => None,
        }
    }

    fn tags(&self) -> Vec<Tag<'a>> {
        let pairs = match self {
            Self::Nothing | Self::Queue(_) => return Vec::new(),
            Self::Bus(bus) => &bus.row.tags,
            Self::Rule(_, None) => return Vec::new(),
            Self::Rule(_, Some(rule)) => &rule.row.tags,
            Self::Role(role) => role.row.grants.as_ref().map_or(&[][..], |grants| &grants.tags),
            Self::User(user) => user.row.grants.as_ref().map_or(&[][..], |grants| &grants.tags),
        };
        pairs.iter().map(|pair| (pair.name.as_str(), pair.value.as_str())).collect()
    }

    /// Who made a rule; of one that is yet to be made it is who asks.
    fn creator(&self, question: &Question<'_>, caller: &Caller) -> Option<Entry<'static>> {
        let creator = match self {
            Self::Rule(bus, Some(_)) => AccountId::from_number(bus.row.account)?,
            _ if question.action.eq_ignore_ascii_case("events:PutRule") => caller.account?,
            _ => return None,
        };
        Some(("events:creatorAccount", Values::One(Value::Account(creator))))
    }
}
