//! Callers as the view shows them, and what they ask for as `routing::rights` judges it. One view decides a whole call.

use std::net::IpAddr;
use std::sync::Arc;

use bascule_api::iam::v1::ContextEntry;
use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_model::ambient::Clock;
use bascule_model::arn::Scope;
use bascule_model::name::AccountId;
use bascule_model::time::Millis;
use bascule_model::uid::ControlIndex;
use bascule_pki::server::ServerTls;
use bascule_policy::explain::Explanation;
use bascule_policy::request::{Entry, Tag, Value, Values};
use bascule_routing::freshness::Stale;
use bascule_routing::rights::{self, Caller, On, Question, Refused, Unknown};
use bascule_routing::view::View;
use bascule_routing::viewer::Viewer;
use bascule_statemachine::codec::control::Epochs;

use crate::stack::access::{Access, Accesses, Asking, Given, Standing};
use crate::stack::known::{Known, Principal};

/// Decides, on the view and time of now.
pub(super) struct Authority {
    viewer: Arc<Viewer>,
    tls: Arc<ServerTls>,
    clock: Arc<dyn Clock>,
    /// Where the node stands, before there is a cluster to say so.
    scope: Scope,
}

impl Authority {
    pub(super) fn new(scope: Scope, viewer: Arc<Viewer>, tls: Arc<ServerTls>, clock: Arc<dyn Clock>) -> Self {
        Self { viewer, tls, clock, scope }
    }

    /// What connections are judged by.
    pub(super) fn tls(&self) -> &ServerTls {
        &self.tls
    }

    /// The time of now.
    pub(super) fn now(&self) -> Millis {
        self.clock.wall()
    }

    /// The caller before the view of now.
    ///
    /// # Errors
    /// [`Reason::StaleView`]: a right that was taken away may still stand in it.
    pub(super) fn sit(&self, known: &Known) -> Result<Sitting, Refusal> {
        self.fresh()?;
        Ok(Sitting::of(self.viewer.now(), known.principal(), known.call().from(), self.clock.wall(), &self.scope))
    }

    fn fresh(&self) -> Result<(), Refusal> {
        let refused = |stale: Stale| Refusal::new(Reason::StaleView, stale.to_string());
        self.viewer.freshness().check(self.clock.boot()).map_err(refused)
    }

    /// The same once the view has reached what a refused change has seen; the view of now, if that takes too long.
    ///
    /// # Errors
    /// As [`Authority::sit`].
    pub(super) async fn sit_after(&self, known: &Known, index: ControlIndex) -> Result<Sitting, Refusal> {
        let view = self.viewer.reached(index).await.unwrap_or_else(|| self.viewer.now());
        self.fresh()?;
        Ok(Sitting::of(view, known.principal(), known.call().from(), self.clock.wall(), &self.scope))
    }
}

/// One caller before one view.
pub(super) struct Sitting {
    view: Arc<View>,
    caller: Result<Caller, Unknown>,
    scope: Scope,
    /// Who really acts, if a session says so.
    source_identity: String,
    from: Option<IpAddr>,
    now: Millis,
}

impl Sitting {
    pub(super) fn of(view: Arc<View>, principal: &Principal, from: Option<IpAddr>, now: Millis, scope: &Scope) -> Self {
        let caller = principal.seen_by(&view.realm);
        let scope = view.cluster.as_ref().map_or(scope, |cluster| &cluster.scope);
        let account = caller.as_ref().ok().and_then(Caller::account).unwrap_or(scope.account());
        let source_identity = principal.session().map_or("", |claims| &claims.source_identity).to_owned();
        Self { scope: scope.of_account(account), caller, source_identity, from, now, view }
    }

    /// Where the caller stands.
    pub(super) fn asking(&self) -> Asking {
        let user = self.caller.as_ref().ok().and_then(Caller::user_name).unwrap_or_default();
        asking(&self.view, &self.scope).of_source(&self.source_identity).of_user(user)
    }

    /// The caller's account; that of the cluster for somebody who is nobody, and may nothing.
    pub(super) const fn account(&self) -> AccountId {
        self.scope.account()
    }

    /// The caller, if they are somebody.
    pub(super) fn into_caller(self) -> Option<Caller> {
        self.caller.ok()
    }

    /// The caller's ARN, if they are somebody.
    pub(super) fn arn(&self) -> Option<&str> {
        self.caller.as_ref().ok().map(Caller::arn)
    }

    /// What the permit of these accesses was given by.
    pub(super) fn epochs(&self, accesses: &Accesses) -> Epochs {
        let owners = accesses.iter().map(|access| access.resource.owner);
        rights::epochs(&self.view.realm, owners.chain([self.account()]))
    }

    /// Whether the caller may.
    ///
    /// # Errors
    /// [`Refused`].
    pub(super) fn judge(&self, access: &Access) -> Result<(), Refused> {
        let caller = self.caller.as_ref().map_err(|unknown| {
            let why = unknown.to_string();
            Refused { told: why.clone(), why }
        })?;
        let (tags, lists) = (set(access), lists(access));
        let keys = keys(access, &lists);
        let question = Question {
            action: access.action,
            arn: &access.resource.arn,
            owner: access.resource.owner,
            on: access.resource.standing.on(),
            tags: &tags,
            keys: &keys,
            from: self.from,
            now: self.now,
        };
        rights::may(&self.view, caller, &question)
    }
}

fn asking(view: &View, scope: &Scope) -> Asking {
    let organization = view.realm.organization();
    let management = organization.and_then(|all| AccountId::from_number(all.row.management));
    let cluster = || view.cluster.as_ref().map(|cluster| cluster.scope.account());
    let management = management.or_else(cluster).unwrap_or(scope.account());
    Asking::new(scope.clone(), management).of_cluster(view.cluster.as_ref().map(|cluster| cluster.id))
}

/// A principal that might call, and what its calls would bring with them.
pub struct Simulated<'a> {
    /// By what is decided.
    pub view: &'a View,
    /// Who.
    pub caller: &'a Caller,
    /// When.
    pub now: Millis,
    /// Keys of the request. One that stands here twice cannot be evaluated.
    pub keys: &'a [ContextEntry],
}

/// How keys of a request's tags begin.
const TAG: &str = "aws:RequestTag/";

impl<'a> Simulated<'a> {
    /// Decides one action on one resource, by ARN; `tell` makes of the explanation what is kept.
    ///
    /// # Errors
    /// [`Reason::NoLeader`] before there is a cluster.
    pub fn decide<T>(
        &self,
        action: &str,
        arn: &str,
        tell: impl FnOnce(&Explanation<'_>, Result<String, Refused>) -> T,
    ) -> Result<T, Refusal> {
        let missing = || Refusal::new(Reason::NoLeader, "the cluster is not initialised");
        let cluster = self.view.cluster.as_deref().ok_or_else(missing)?;
        let account = self.caller.account().unwrap_or(cluster.scope.account());
        let named = asking(self.view, &cluster.scope.of_account(account)).simulated(arn);
        // Tags of the request are no keys of their own: `aws:TagKeys` follows from them.
        let tag = |entry: &ContextEntry| entry.key.get(..TAG.len()).is_some_and(|key| key.eq_ignore_ascii_case(TAG));
        let (tagged, others): (Vec<_>, Vec<_>) = self.keys.iter().partition(|entry| tag(entry));
        let value = |entry: &'a ContextEntry| entry.values.first().map_or("", String::as_str);
        let tags: Vec<Tag<'_>> = tagged.into_iter().map(|entry| (&entry.key[TAG.len()..], value(entry))).collect();
        let lists: Vec<Vec<&str>> =
            others.iter().map(|entry| entry.values.iter().map(String::as_str).collect()).collect();
        let keys = others.iter().zip(&lists).map(|(entry, list)| (entry.key.as_str(), Values::Many(list)));
        let keys: Vec<Entry<'_>> = keys.collect();
        let question = Question {
            action,
            arn: &named.arn,
            owner: named.owner,
            on: named.standing.on(),
            tags: &tags,
            keys: &keys,
            from: None,
            now: self.now,
        };
        Ok(rights::why(self.view, self.caller, &question, tell))
    }
}

impl Standing {
    fn on(&self) -> On<'_> {
        match self {
            Self::Elsewhere => On::Nothing,
            Self::Bus(bus) => On::Bus(bus),
            Self::Rule { bus, rule } => On::Rule { bus, rule },
            Self::Queue(queue) => On::Queue(queue),
            Self::Role { name } => On::Role(name),
            Self::User { name } => On::User(name),
            // Nobody looks at tags of managed policies.
            Self::Policy(_) => On::Nothing,
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
