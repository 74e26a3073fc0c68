//! Why each statement did or did not count in a decision, for those who may know: account and cluster administrators.

use crate::condition::Condition;
use crate::decide::{Layers, Level, decide};
use crate::decision::{Decision, Layer, Source};
use crate::meter::Metered;
use crate::policy::Policy;
use crate::request::Request;
use crate::truth::Truth;

/// A decision with all that was looked at.
#[derive(Debug)]
pub struct Explanation<'a> {
    /// The decision.
    pub decision: Decision<'a>,
    /// Every statement of every layer that is about the action, in IAM's order.
    pub statements: Vec<Considered<'a>>,
}

/// One statement and what became of it.
#[derive(Debug)]
pub struct Considered<'a> {
    /// Which.
    pub source: Source<'a>,
    /// For control policies the level, counted from the root of the organisation.
    pub level: Option<usize>,
    /// What became of it.
    pub outcome: Outcome<'a>,
}

/// What became of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// It applies.
    Applies,
    /// It is about other principals.
    OtherPrincipals,
    /// It is about other resources.
    OtherResources,
    /// Its action or resource cannot be compared with the request's: a variable has no value, a value is too long, or comparing
    /// would be too much work. It does not allow; it does deny.
    Unclear,
    /// Conditions that do not hold, by their keys.
    Conditions(Vec<Unmet<'a>>),
}

/// A condition that does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unmet<'a> {
    /// The key, as the policy writes it.
    pub key: &'a str,
    /// Why.
    pub why: Why,
}

/// Why a condition does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The request has no value for the key.
    Missing,
    /// It has another.
    Other,
    /// It has one that cannot be compared so, or comparing would be too much work.
    Unclear,
}

impl<'a> Explanation<'a> {
    /// Keys without a value that kept statements from applying, each once, in the order of the layers.
    #[must_use]
    pub fn missing_keys(&self) -> Vec<&'a str> {
        let mut keys: Vec<&'a str> = Vec::new();
        for considered in &self.statements {
            let Outcome::Conditions(unmet) = &considered.outcome else { continue };
            for unmet in unmet.iter().filter(|unmet| unmet.why == Why::Missing) {
                if !keys.iter().any(|key| key.eq_ignore_ascii_case(unmet.key)) {
                    keys.push(unmet.key);
                }
            }
        }
        keys
    }
}

/// Decides as [`decide`] does and says what became of each statement that is about the action. Linear in all statements.
#[must_use]
pub fn explain<'a>(request: &Request<'_>, layers: &Layers<'a>) -> Explanation<'a> {
    let mut statements = Vec::new();
    let metered = Metered::of(request, layers.boundary);
    let mut add = |layer, level, policy: &'a Policy| consider(&metered, layer, level, policy, &mut statements);
    let each_level = |levels: &'a [Level]| {
        levels.iter().enumerate().flat_map(|(at, level)| level.iter().map(move |policy| (Some(at), &**policy)))
    };
    each_level(layers.scps).for_each(|(at, policy)| add(Layer::Scp, at, policy));
    each_level(layers.rcps).for_each(|(at, policy)| add(Layer::Rcp, at, policy));
    layers.resource.iter().for_each(|policy| add(Layer::Resource, None, policy));
    layers.identity.iter().for_each(|policy| add(Layer::Identity, None, policy));
    layers.boundary.iter().for_each(|policy| add(Layer::Boundary, None, policy));
    layers.session.iter().copied().flatten().for_each(|policy| add(Layer::Session, None, policy));
    Explanation { decision: decide(request, layers), statements }
}

fn consider<'a>(
    request: &Metered<'_, '_>,
    layer: Layer,
    level: Option<usize>,
    policy: &'a Policy,
    into: &mut Vec<Considered<'a>>,
) {
    for (at, statement) in policy.statements().iter().enumerate() {
        let action = statement.is_about_action(request);
        if action == Truth::No {
            continue;
        }
        let outcome = if statement.reach(request).is_none() {
            Outcome::OtherPrincipals
        } else {
            let about = action.min(statement.is_about_resource(request));
            let unmet: Vec<Unmet<'a>> =
                statement.conditions.iter().filter_map(|condition| unmet(condition, request)).collect();
            match about {
                Truth::No => Outcome::OtherResources,
                _ if unmet.iter().any(|one| one.why != Why::Unclear) => Outcome::Conditions(unmet),
                Truth::Unclear => Outcome::Unclear,
                Truth::Yes if unmet.is_empty() => Outcome::Applies,
                Truth::Yes => Outcome::Conditions(unmet),
            }
        };
        into.push(Considered { source: Source { layer, policy, statement: at }, level, outcome });
    }
}

fn unmet<'a>(condition: &'a Condition, request: &Metered<'_, '_>) -> Option<Unmet<'a>> {
    let why = match condition.holds(request) {
        Truth::Yes => return None,
        Truth::Unclear => Why::Unclear,
        Truth::No if condition.is_missing(request) => Why::Missing,
        Truth::No => Why::Other,
    };
    Some(Unmet { key: condition.key.name(), why })
}
