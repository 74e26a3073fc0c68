//! A policy, compiled: its statements, its index, and what it says about one request.

use crate::error::Invalid;
use crate::index::{Asked, Index};
use crate::limits::document_limit_chars;
use crate::meter::Metered;
use crate::read;
use crate::request::{PrincipalKind, Request};
use crate::statement::{Effect, Kind, Listed, PrincipalPattern, Statement};
use crate::template::{Case, Fit, Template};
use crate::truth::{self, Truth};

/// A policy that can be asked. Immutable; share it.
#[derive(Debug, Clone)]
pub struct Policy {
    name: Box<str>,
    kind: Kind,
    statements: Box<[Statement]>,
    index: Index,
    readable: bool,
}

impl Policy {
    /// Reads the JSON of a policy. `name` is what decisions call it: an ARN, or the name of an inline policy.
    ///
    /// # Errors
    /// [`Invalid`], with the place, what was found and the limit.
    pub fn parse(kind: Kind, name: &str, text: &str) -> Result<Self, Invalid> {
        Self::parse_within(kind, name, text, document_limit_chars(kind))
    }

    /// The same where a quota was raised or is another: inline policies share one, see [`crate::limits`].
    ///
    /// # Errors
    /// [`Invalid`], with the place, what was found and the limit.
    pub fn parse_within(kind: Kind, name: &str, text: &str, limit_chars: usize) -> Result<Self, Invalid> {
        let statements = read::document(kind, text, limit_chars)?;
        let index = Index::of(&statements);
        Ok(Self { name: name.into(), kind, statements: statements.into(), index, readable: true })
    }

    /// Stands for a stored policy that this version cannot read: every decision that meets it is a denial, since nobody
    /// knows what it would have denied.
    #[must_use]
    pub fn unreadable(kind: Kind, name: &str) -> Self {
        Self { name: name.into(), kind, statements: Box::default(), index: Index::of(&[]), readable: false }
    }

    /// What decisions call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is attached to.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Its statements, in order.
    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Statements that the index gives for `asked`.
    pub(crate) fn candidates(&self, asked: &Asked) -> impl Iterator<Item = usize> {
        self.index.candidates(asked)
    }

    /// What it says about `request`, whose hashes are `asked`.
    pub(crate) fn judge(&self, request: &Metered<'_, '_>, asked: &Asked) -> Judgement {
        let mut judgement = Judgement { deny: None, allow: None };
        if !self.readable {
            return Judgement { deny: Some(Deny::Unreadable), allow: None };
        }
        for at in self.candidates(asked) {
            let Some(statement) = self.statements.get(at) else { continue };
            let Some(reach) = statement.reach(request) else { continue };
            match statement.effect {
                // Nothing is left to find out about.
                Effect::Allow if judgement.allow.is_some_and(|(_, before)| before >= reach) => {}
                Effect::Allow if statement.applies(request) == Truth::Yes => judgement.allow = Some((at, reach)),
                Effect::Allow => {}
                Effect::Deny => match statement.applies(request) {
                    Truth::No => {}
                    Truth::Unclear => judgement.deny = judgement.deny.or(Some(Deny::Unclear(at))),
                    Truth::Yes => {
                        judgement.deny = Some(Deny::Statement(at));
                        break;
                    }
                },
            }
        }
        judgement
    }
}

/// What one policy says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judgement {
    pub(crate) deny: Option<Deny>,
    /// The allowing statement that reaches furthest.
    pub(crate) allow: Option<(usize, Reach)>,
}

/// Why a policy denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deny {
    /// A statement says so.
    Statement(usize),
    /// A statement may say so; it cannot be evaluated.
    Unclear(usize),
    Unreadable,
}

/// How directly a statement names a principal, least first. In one account this decides which other policies still count:
/// `reference_policies_evaluation-logic`, resource-based policies and implicit denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// By its account: the account's own policies decide.
    Account,
    /// By its role: boundary and session policy still limit it.
    Role,
    /// By itself, or with everybody.
    Direct,
}

impl Statement {
    /// How the statement is about the request's principal; `None` if it is not.
    pub(crate) fn reach(&self, request: &Metered<'_, '_>) -> Option<Reach> {
        let Some(Listed { negated, items }) = &self.principals else { return Some(Reach::Direct) };
        if *negated {
            // Whoever has a boundary is not spared, listed or not: `reference_policies_elements_notprincipal`.
            return (request.bounded || !is_spared(items, request)).then_some(Reach::Direct);
        }
        items.iter().filter_map(|pattern| reach(pattern, request)).max()
    }

    /// Whether action, resource and conditions hold.
    pub(crate) fn applies(&self, request: &Metered<'_, '_>) -> Truth {
        let action = self.is_about_action(request);
        if action == Truth::No {
            return Truth::No;
        }
        let resource = self.is_about_resource(request);
        if resource == Truth::No {
            return Truth::No;
        }
        action.min(resource).min(truth::all(self.conditions.iter().map(|condition| condition.holds(request))))
    }

    pub(crate) fn is_about_action(&self, request: &Metered<'_, '_>) -> Truth {
        self.actions.hold(request.action, Case::Ignored, request)
    }

    pub(crate) fn is_about_resource(&self, request: &Metered<'_, '_>) -> Truth {
        let Some(resources) = &self.resources else { return Truth::Yes };
        resources.hold(request.resource.arn, Case::Sensitive, request)
    }
}

impl Listed<Template> {
    /// Whether `value` is listed, or is not where the list says what it is not about.
    fn hold(&self, value: &str, case: Case, request: &Metered<'_, '_>) -> Truth {
        let fits = |own: &Template| match own.fits(value, case, request) {
            Fit::Yes => Truth::Yes,
            Fit::No => Truth::No,
            // A variable without a value matches no resource, in `Resource` and in `NotResource`: whether it keeps the latter
            // from being about the request, or makes it about all, its page leaves open.
            Fit::Unresolved if !self.negated => Truth::No,
            Fit::Unresolved | Fit::Unclear => Truth::Unclear,
        };
        let listed = truth::any(self.items.iter().map(fits));
        if self.negated { listed.not() } else { listed }
    }
}

fn reach(pattern: &PrincipalPattern, request: &Request<'_>) -> Option<Reach> {
    let who = &request.principal;
    match (pattern, who.kind) {
        (PrincipalPattern::Any, _) => Some(Reach::Direct),
        (PrincipalPattern::Account(account), kind) if who.account == Some(*account) => {
            Some(if matches!(kind, PrincipalKind::Root { .. }) { Reach::Direct } else { Reach::Account })
        }
        (PrincipalPattern::Arn(own), PrincipalKind::User { arn, .. }) => (**own == *arn).then_some(Reach::Direct),
        (PrincipalPattern::Arn(own), PrincipalKind::Session { role_arn, session_arn, .. }) => {
            let direct = (**own == *session_arn).then_some(Reach::Direct);
            direct.or((**own == *role_arn).then_some(Reach::Role))
        }
        (PrincipalPattern::Service(own), PrincipalKind::Service { name }) => (**own == *name).then_some(Reach::Direct),
        _ => None,
    }
}

/// Whether `NotPrincipal` spares the principal: it must be listed with all that it is, its account and its role included:
/// `reference_policies_elements_notprincipal`.
fn is_spared(items: &[PrincipalPattern], request: &Request<'_>) -> bool {
    let who = &request.principal;
    let has = |text: &str| items.iter().any(|item| matches!(item, PrincipalPattern::Arn(own) if **own == *text));
    let account =
        || items.iter().any(|item| matches!(item, PrincipalPattern::Account(own) if who.account == Some(*own)));
    items.contains(&PrincipalPattern::Any)
        || match who.kind {
            PrincipalKind::Root { .. } => account(),
            PrincipalKind::User { arn, .. } => account() && has(arn),
            PrincipalKind::Session { role_arn, session_arn, .. } => account() && has(role_arn) && has(session_arn),
            PrincipalKind::Service { name } => {
                items.iter().any(|item| matches!(item, PrincipalPattern::Service(own) if **own == *name))
            }
        }
}
