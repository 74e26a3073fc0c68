//! Resources as requests name them, by name or ARN, as the one ARN that decisions know them by.

use bascule_model::arn::{Arn, Scope};
use bascule_model::id::ClusterId;
use bascule_model::name::{AccountId, BusName, ConnectionName, RuleName};
use bascule_model::organization::Node;
use bascule_model::policy::{PolicyArn, PolicyOwner};
use bascule_model::principal::{NO_PATH, check_path};
use bascule_model::target::TargetKind;

use crate::limits::NAME_TEXT_LIMIT_CHARS;

/// What no single resource is called, and what cannot be a name.
const EVERYTHING: &str = "*";

/// Where the caller stands: partition, region and account of what it names without saying more.
#[derive(Debug, Clone)]
pub struct Asking {
    scope: Scope,
    /// The account to which the cluster belongs.
    management: AccountId,
    /// The cluster's id, once it has begun.
    cluster: Option<ClusterId>,
    /// Who really acts, if the caller's session says so: sessions that are assumed from it say so too.
    source_identity: String,
    /// The name of the calling user; empty for whoever is none.
    user: String,
}

/// A resource that is named, whether it is there or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its ARN; `*` for what no single one is.
    pub(in crate::stack) arn: String,
    /// Whose it is.
    pub(in crate::stack) owner: AccountId,
    pub(in crate::stack) standing: Standing,
}

/// Where the view would have it, if it is something with tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nowhere, or nothing with tags.
    Elsewhere,
    /// A bus of the owner.
    Bus(String),
    /// A rule on a bus of the owner.
    Rule {
        /// The bus.
        bus: String,
        /// The rule on it.
        rule: String,
    },
    /// A queue of the owner.
    Queue(String),
    /// A role of the owner, by name: a request names none by its path.
    Role {
        /// The name.
        name: String,
    },
    /// A user of the owner, by name.
    User {
        /// The name.
        name: String,
    },
    /// A managed policy, by ARN.
    Policy(String),
}

/// Names of partner buses begin so, and no others have a `/`: who has a bus's rules, `rule/BUS/*`, has those of no other bus.
const PARTNER: &str = "aws.partner/";

/// Whether a name may have a `/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slashes {
    OfPartners,
    None,
}

impl Asking {
    /// Of a caller of the scope's account, in a cluster of the account `management`.
    pub(in crate::stack) fn new(scope: Scope, management: AccountId) -> Self {
        Self { scope, management, cluster: None, source_identity: String::new(), user: String::new() }
    }

    /// The same, of a cluster that has begun.
    pub(in crate::stack) const fn of_cluster(mut self, cluster: Option<ClusterId>) -> Self {
        self.cluster = cluster;
        self
    }

    /// The same, of a caller whose session says who really acts.
    pub(in crate::stack) fn of_source(mut self, source_identity: &str) -> Self {
        source_identity.clone_into(&mut self.source_identity);
        self
    }

    /// The same, of a caller who is this user.
    pub(in crate::stack) fn of_user(mut self, name: &str) -> Self {
        name.clone_into(&mut self.user);
        self
    }

    /// Who really acts in a session that is assumed with these words.
    pub(super) fn source_identity<'a>(&'a self, asked: &'a str) -> &'a str {
        if self.source_identity.is_empty() { asked } else { &self.source_identity }
    }

    /// The cluster itself. It belongs to its management account, so that nobody of another account reaches it.
    pub(super) fn cluster(&self) -> Named {
        Named { arn: EVERYTHING.to_owned(), owner: self.management, standing: Standing::Elsewhere }
    }

    /// The cluster by its ARN, and what is of it and has none of its own. Its management account's, the same way.
    pub(super) fn whole_cluster(&self) -> Named {
        self.cluster.map_or_else(|| self.cluster(), |id| self.bascule("cluster", &id.to_string()))
    }

    /// A node of the cluster.
    pub(super) fn cluster_node(&self, id: u64) -> Named {
        self.bascule("node", &id.to_string())
    }

    fn bascule(&self, kind: &str, id: &str) -> Named {
        let (partition, region) = (self.scope.partition(), self.scope.region());
        let arn = format!("arn:{partition}:bascule:{region}:{}:{kind}/{id}", self.management);
        Named { arn, owner: self.management, standing: Standing::Elsewhere }
    }

    /// Whether something is named, and the caller's account's.
    pub(super) fn is_own(&self, named: &Named) -> bool {
        named.arn != EVERYTHING && named.owner == self.scope.account()
    }

    /// For actions that are on no single resource, and for what is no name.
    pub(super) fn everything(&self) -> Named {
        Named { arn: EVERYTHING.to_owned(), owner: self.scope.account(), standing: Standing::Elsewhere }
    }

    /// A bus by name or ARN; the default one if it is empty.
    pub(super) fn bus(&self, text: &str) -> Named {
        match self.bus_of(text) {
            Some((scope, bus)) => self.bus_at(&scope, bus),
            None => self.everything(),
        }
    }

    /// A bus by its name alone.
    pub(super) fn bus_named(&self, text: &str) -> Named {
        written(text, Slashes::OfPartners).map_or_else(|| self.everything(), |bus| self.bus_at(&self.scope, bus))
    }

    /// A rule by name, on a bus by name or ARN.
    pub(super) fn rule(&self, bus: &str, rule: &str) -> Named {
        match (self.bus_of(bus), written(rule, Slashes::None)) {
            (Some((scope, bus)), Some(rule)) => self.rule_at(&scope, bus, rule),
            _ => self.everything(),
        }
    }

    /// All rules of a bus by name or ARN, `rule/BUS/*`. Its `*` is a letter, which only a `*` of a policy fits.
    pub(super) fn rules(&self, bus: &str) -> Named {
        let Some((scope, bus)) = self.bus_of(bus) else { return self.everything() };
        let arn = arn(&scope, "events", &rule_resource(&bus, EVERYTHING));
        Named { arn, owner: scope.account(), standing: Standing::Elsewhere }
    }

    /// A queue by name or ARN.
    pub(super) fn queue(&self, text: &str) -> Named {
        if !text.starts_with("arn:") {
            return self.queue_named(text);
        }
        self.given_as(text, |arn| matches!(TargetKind::of(arn), Ok(TargetKind::Queue(_))))
    }

    /// A queue by its name alone.
    pub(super) fn queue_named(&self, text: &str) -> Named {
        let queue = self.plain("sqs", "", text);
        if queue.arn == EVERYTHING { queue } else { Named { standing: Standing::Queue(text.to_owned()), ..queue } }
    }

    /// A user by its name.
    pub(super) fn user(&self, text: &str) -> Named {
        self.principal("user", text, |name| Standing::User { name })
    }

    /// A user by its name; the calling one if it is empty, whom whoever is no user does not name so.
    pub(super) fn user_or_caller(&self, text: &str) -> Named {
        self.user(if text.is_empty() { &self.user } else { text })
    }

    /// A role by its name.
    pub(super) fn role(&self, text: &str) -> Named {
        self.principal("role", text, |name| Standing::Role { name })
    }

    /// A user, role or policy that is yet to be made, with its path.
    pub(super) fn new_principal(&self, kind: &str, path: &str, text: &str) -> Named {
        let path = if path.is_empty() { NO_PATH } else { path };
        let name = written(text, Slashes::None).filter(|_| check_path(path).is_ok());
        name.map_or_else(|| self.everything(), |name| self.iam(kind, path, &name, Standing::Elsewhere))
    }

    /// A managed or control policy by ARN. Shipped ones are everybody's.
    pub(super) fn policy(&self, text: &str) -> Named {
        let Ok(policy) = PolicyArn::parse("PolicyArn", text) else { return self.everything() };
        let owner = match policy.owner() {
            PolicyOwner::Shipped => self.scope.account(),
            PolicyOwner::Account(account) | PolicyOwner::Organization(account, _) => *account,
        };
        let arn = policy.to_string();
        Named { standing: Standing::Policy(arn.clone()), arn, owner }
    }

    /// The root, a unit or an account by its id. What the organisation has is its management account's, whoever asks.
    pub(super) fn node(&self, text: &str) -> Named {
        let kind = match Node::parse("TargetId", text) {
            Ok(Node::Root(_)) => "root",
            Ok(Node::Unit(_)) => "ou",
            Ok(Node::Account(_)) => "account",
            Err(_) => return self.cluster(),
        };
        let arn = format!("arn:{}:organizations::{}:{kind}/{text}", self.scope.partition(), self.management);
        Named { arn, owner: self.management, standing: Standing::Elsewhere }
    }

    /// An API destination by its name.
    pub(super) fn destination(&self, text: &str) -> Named {
        self.plain("events", "api-destination/", text)
    }

    /// A connection by its name.
    pub(super) fn connection(&self, text: &str) -> Named {
        self.plain("events", "connection/", text)
    }

    /// A connection by ARN.
    pub(super) fn connection_given(&self, text: &str) -> Named {
        self.given_as(text, |arn| arn.service() == "events" && arn.resource().starts_with("connection/"))
    }

    /// Something by ARN, under the one ARN that it has here.
    pub(super) fn given(&self, text: &str) -> Named {
        self.given_as(text, |_| true)
    }

    /// A role by its whole ARN.
    pub(super) fn role_given(&self, text: &str) -> Named {
        Self::given_principal(self.given_as(text, |arn| arn.service() == "iam" && arn.resource().starts_with("role/")))
    }

    /// What a simulated call is on: anything by ARN, or `*`.
    pub(in crate::stack) fn simulated(&self, text: &str) -> Named {
        Self::given_principal(self.given(text))
    }

    /// With where a role or user stands whose ARN was said whole.
    fn given_principal(named: Named) -> Named {
        let mut parts = named.arn.splitn(6, ':');
        let (service, resource) = (parts.nth(2).unwrap_or_default(), parts.nth(2).unwrap_or_default());
        let name = resource.rsplit_once('/').map_or("", |(_, name)| name).to_owned();
        let standing = match resource.split_once('/').filter(|_| service == "iam") {
            Some(("role", _)) => Standing::Role { name },
            Some(("user", _)) => Standing::User { name },
            _ => return named,
        };
        Named { standing, ..named }
    }

    /// The same where it can be of one kind alone: what is another's ARN is no name there.
    fn given_as(&self, text: &str, is_one: impl FnOnce(&Arn) -> bool) -> Named {
        let Some(given) = Arn::parse("Arn", text).ok().filter(|given| is_one(given)) else { return self.everything() };
        let owner = given.account().unwrap_or(self.scope.account());
        let canonical = canonical(&given);
        Named { arn: canonical.to_string(), owner, standing: self.standing(&canonical) }
    }

    /// The same for a target, whose ARN may have other forms.
    pub(super) fn target(text: &str) -> String {
        let Ok(given) = Arn::parse("Arn", text) else { return text.chars().take(NAME_TEXT_LIMIT_CHARS).collect() };
        canonical(&given).to_string()
    }

    fn standing(&self, arn: &Arn) -> Standing {
        let here = arn.partition() == self.scope.partition() && arn.region() == self.scope.region();
        if here && arn.service() == "sqs" {
            return Standing::Queue(arn.resource().to_owned());
        }
        match arn.resource().split_once('/').filter(|_| here && arn.service() == "events") {
            Some(("event-bus", bus)) => Standing::Bus(bus.to_owned()),
            Some(("rule", rest)) => {
                let (bus, rule) = rest.rsplit_once('/').unwrap_or((BusName::DEFAULT, rest));
                Standing::Rule { bus: bus.to_owned(), rule: rule.to_owned() }
            }
            _ => Standing::Elsewhere,
        }
    }

    /// Where a bus stands, and its name; `None` if it cannot be one.
    fn bus_of(&self, text: &str) -> Option<(Scope, String)> {
        if text.is_empty() {
            return Some((self.scope.clone(), BusName::DEFAULT.to_owned()));
        }
        if !text.starts_with("arn:") {
            return Some((self.scope.clone(), written(text, Slashes::OfPartners)?));
        }
        let given = Arn::parse("EventBusName", text).ok()?;
        match TargetKind::of(&given) {
            Ok(TargetKind::Bus(name)) => Some((given.scope()?, written(name.as_str(), Slashes::OfPartners)?)),
            _ => None,
        }
    }

    fn bus_at(&self, scope: &Scope, bus: String) -> Named {
        let arn = arn(scope, "events", &format!("event-bus/{bus}"));
        Named { arn, owner: scope.account(), standing: self.here(scope, Standing::Bus(bus)) }
    }

    fn rule_at(&self, scope: &Scope, bus: String, rule: String) -> Named {
        let arn = arn(scope, "events", &rule_resource(&bus, &rule));
        Named { arn, owner: scope.account(), standing: self.here(scope, Standing::Rule { bus, rule }) }
    }

    fn here(&self, scope: &Scope, standing: Standing) -> Standing {
        let here = scope.partition() == self.scope.partition() && scope.region() == self.scope.region();
        if here { standing } else { Standing::Elsewhere }
    }

    fn principal(&self, kind: &str, text: &str, standing: impl FnOnce(String) -> Standing) -> Named {
        let name = written(text, Slashes::None);
        name.map_or_else(|| self.everything(), |name| self.iam(kind, NO_PATH, &name, standing(name.clone())))
    }

    fn iam(&self, kind: &str, path: &str, name: &str, standing: Standing) -> Named {
        let (partition, owner) = (self.scope.partition(), self.scope.account());
        Named { arn: format!("arn:{partition}:iam::{owner}:{kind}{path}{name}"), owner, standing }
    }

    fn plain(&self, service: &str, kind: &str, text: &str) -> Named {
        let Some(name) = written(text, Slashes::None) else { return self.everything() };
        let arn = arn(&self.scope, service, &format!("{kind}{name}"));
        Named { arn, owner: self.scope.account(), standing: Standing::Elsewhere }
    }
}

fn arn(scope: &Scope, service: &str, resource: &str) -> String {
    format!("arn:{}:{service}:{}:{}:{resource}", scope.partition(), scope.region(), scope.account())
}

fn rule_resource(bus: &str, rule: &str) -> String {
    if bus == BusName::DEFAULT { format!("rule/{rule}") } else { format!("rule/{bus}/{rule}") }
}

/// What the request says in a name's place, if that stays where a name stands in an ARN: no letter that divides one, none that
/// cannot be seen. It need not be a name. What is cut ends with a letter that no name has, so that it is nobody else's.
fn written(text: &str, slashes: Slashes) -> Option<String> {
    let divided = slashes == Slashes::OfPartners && text.starts_with(PARTNER);
    let fine = |byte: u8| byte.is_ascii_graphic() && byte != b':' && (byte != b'/' || divided);
    if text.is_empty() || !text.bytes().all(fine) {
        return None;
    }
    Some(match text.get(..NAME_TEXT_LIMIT_CHARS) {
        Some(start) if start.len() < text.len() => format!("{start}…"),
        _ => text.to_owned(),
    })
}

/// The one ARN of what may be written in several ways: what handlers pass over stands in none of them.
fn canonical(given: &Arn) -> Arn {
    let Some(scope) = given.scope() else { return given.clone() };
    match TargetKind::of(given) {
        Ok(TargetKind::Bus(name)) => return Arn::bus(&scope, &name),
        Ok(TargetKind::Queue(name)) => return Arn::queue(&scope, &name),
        Ok(TargetKind::Destination(name)) => return Arn::destination(&scope, &name),
        Ok(TargetKind::Log(name)) => return Arn::log_group(&scope, &name).unwrap_or_else(|_| given.clone()),
        Ok(TargetKind::Wire { .. }) | Err(_) => {}
    }
    let one = match given.resource().split_once('/').filter(|_| given.service() == "events") {
        // A real one has a uuid behind its name.
        Some(("connection", rest)) => {
            let name = rest.split_once('/').map_or(rest, |(name, _)| name);
            ConnectionName::parse(name).map(|name| Arn::connection(&scope, &name))
        }
        Some(("rule", rest)) => {
            let (bus, rule) = rest.rsplit_once('/').unwrap_or((BusName::DEFAULT, rest));
            BusName::parse(bus).and_then(|bus| Ok(Arn::rule(&scope, &bus, &RuleName::parse(rule)?)))
        }
        _ => return given.clone(),
    };
    one.unwrap_or_else(|_| given.clone())
}
