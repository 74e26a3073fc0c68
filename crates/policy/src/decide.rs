//! The decision: each layer in IAM's order, two evaluations where an account asks another.
//!
//! Sources: `reference_policies_evaluation-logic`, `reference_policies_evaluation-logic-cross-account`,
//! `orgs_manage_policies_scps_evaluation`, `orgs_manage_policies_rcps_evaluation`.

use std::sync::Arc;

use crate::decision::{Decision, Denial, Grant, Layer, Source};
use crate::index::Asked;
use crate::meter::Metered;
use crate::policy::{Deny, Policy, Reach};
use crate::request::{PrincipalKind, Request};
use crate::statement::Kind;

/// Control policies attached to one node of an organisation's tree. Each level has to allow.
pub type Level = Box<[Arc<Policy>]>;

/// Every policy that one decision looks at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Layers<'a> {
    /// Service control policies from the root of the caller's organisation down to its account. Empty where none apply:
    /// no organisation, or its management account.
    pub scps: &'a [Level],
    /// Resource control policies, the same for the resource's account.
    pub rcps: &'a [Level],
    /// Policies of the resource. One that denies wins.
    pub resource: &'a [Arc<Policy>],
    /// What these policies have to say.
    pub consent: Consent,
    /// Policies of the caller: inline, managed, of its groups.
    pub identity: &'a [Arc<Policy>],
    /// The caller's boundary, if it has one.
    pub boundary: Option<&'a Policy>,
    /// Policies passed when the caller's session was made, if any were. One of them has to allow.
    pub session: Option<&'a [Arc<Policy>]>,
}

/// Whether a resource's own account may be used without a word of the resource's policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Consent {
    /// An identity policy of the same account is enough.
    #[default]
    Either,
    /// The resource has to allow as well: role trust policies and key policies.
    Explicit,
}

/// Decides. Total: what cannot be evaluated denies, or does not allow. Allocates nothing, except for an ARN operator whose
/// value is a variable with the whole ARN and for ignoring case beside a variable. Ends after a bounded number of steps, see
/// [`DECISION_LIMIT_STEPS`](crate::limits::DECISION_LIMIT_STEPS).
pub fn decide<'a>(request: &Request<'_>, layers: &Layers<'a>) -> Decision<'a> {
    match evaluate(request, layers) {
        Ok(grant) => Decision::Allowed(grant),
        Err(denial) => Decision::Denied(denial),
    }
}

fn evaluate<'a>(request: &Request<'_>, layers: &Layers<'a>) -> Result<Grant<'a>, Denial<'a>> {
    let judge = Judge { request: Metered::of(request, layers.boundary), asked: Asked::of(request) };
    let is_service = matches!(request.principal.kind, PrincipalKind::Service { .. });
    // Service control policies are about users and roles.
    let scps = if is_service { &[][..] } else { layers.scps };
    // Each layer is asked before any conclusion: one that denies outweighs all that allow.
    let scp = judge.levels(Layer::Scp, scps)?;
    let rcp = judge.levels(Layer::Rcp, layers.rcps)?;
    let resource = judge.layer(Layer::Resource, layers.resource.iter().map(|policy| &**policy))?;
    let caller = Caller {
        identity: judge.layer(Layer::Identity, layers.identity.iter().map(|policy| &**policy))?,
        boundary: judge.optional(Layer::Boundary, layers.boundary.map(std::iter::once))?,
        session: judge.optional(Layer::Session, layers.session.map(|all| all.iter().map(|policy| &**policy)))?,
    };
    scp?;
    rcp?;
    let consents = resource.map(|(source, _)| source);
    let implicit = Denial::Implicit { layer: Layer::Resource, level: None };
    if is_service {
        // Services have no policies of their own.
        return consents.map(|source| Grant { identity: None, resource: Some(source) }).ok_or(implicit);
    }
    if request.principal.account != Some(request.resource.account) {
        let resource = Some(consents.ok_or(implicit)?);
        return Ok(Grant { identity: caller.allows(request)?, resource });
    }
    match resource {
        Some((source, Reach::Direct)) => Ok(Grant { identity: None, resource: Some(source) }),
        Some((source, Reach::Role)) => {
            caller.limits_allow()?;
            Ok(Grant { identity: None, resource: Some(source) })
        }
        None if layers.consent == Consent::Explicit => Err(implicit),
        // A policy that names the account leaves it to the account.
        Some((_, Reach::Account)) | None => Ok(Grant { identity: caller.allows(request)?, resource: consents }),
    }
}

/// What the caller's own policies allow.
struct Caller<'a> {
    identity: Option<(Source<'a>, Reach)>,
    boundary: Limit<'a>,
    session: Limit<'a>,
}

/// Whether a limiting layer lets pass.
type Limit<'a> = Result<(), Denial<'a>>;

impl<'a> Caller<'a> {
    fn allows(&self, request: &Request<'_>) -> Result<Option<Source<'a>>, Denial<'a>> {
        let identity = self.identity.map(|(source, _)| source);
        // The root user may do everything in its account's name.
        let is_root = matches!(request.principal.kind, PrincipalKind::Root { .. });
        if identity.is_none() && !is_root {
            return Err(Denial::Implicit { layer: Layer::Identity, level: None });
        }
        self.limits_allow()?;
        Ok(identity)
    }

    fn limits_allow(&self) -> Limit<'a> {
        self.boundary?;
        self.session
    }
}

struct Judge<'q, 'r> {
    request: Metered<'q, 'r>,
    asked: Asked,
}

impl Judge<'_, '_> {
    /// The statement of a layer that allows and reaches furthest; `Err` if one denies.
    fn layer<'a>(
        &self,
        layer: Layer,
        policies: impl Iterator<Item = &'a Policy>,
    ) -> Result<Option<(Source<'a>, Reach)>, Denial<'a>> {
        let mut best: Option<(Source<'a>, Reach)> = None;
        for policy in policies {
            if !fits(layer, policy.kind()) {
                return Err(Denial::Unusable { layer, policy });
            }
            let judgement = policy.judge(&self.request, &self.asked);
            let source = |statement| Source { layer, policy, statement };
            match judgement.deny {
                None => {}
                Some(Deny::Statement(at)) => return Err(Denial::Explicit(source(at))),
                Some(Deny::Unclear(at)) => return Err(Denial::Unclear(source(at))),
                Some(Deny::Unreadable) => return Err(Denial::Unusable { layer, policy }),
            }
            if let Some((at, reach)) = judgement.allow
                && best.is_none_or(|(_, before)| before < reach)
            {
                best = Some((source(at), reach));
            }
        }
        Ok(best)
    }

    /// Outer `Err`: a policy denies. Inner: the first level that does not allow.
    fn levels<'a>(&self, layer: Layer, levels: &'a [Level]) -> Result<Limit<'a>, Denial<'a>> {
        let mut all = Ok(());
        for (at, level) in levels.iter().enumerate() {
            if self.layer(layer, level.iter().map(|policy| &**policy))?.is_none() && all.is_ok() {
                all = Err(Denial::Implicit { layer, level: Some(at) });
            }
        }
        Ok(all)
    }

    /// A layer that limits where it is there.
    fn optional<'a>(
        &self,
        layer: Layer,
        policies: Option<impl Iterator<Item = &'a Policy>>,
    ) -> Result<Limit<'a>, Denial<'a>> {
        let Some(policies) = policies else { return Ok(Ok(())) };
        let allowed = self.layer(layer, policies)?.is_some();
        Ok(if allowed { Ok(()) } else { Err(Denial::Implicit { layer, level: None }) })
    }
}

/// An identity policy in a resource's place would be about everybody.
pub(crate) const fn fits(layer: Layer, kind: Kind) -> bool {
    matches!(
        (layer, kind),
        (Layer::Scp, Kind::Scp)
            | (Layer::Rcp, Kind::Rcp)
            | (Layer::Resource, Kind::Resource | Kind::Trust)
            | (Layer::Identity, Kind::Identity)
            // A managed policy may be passed as a session's, and be a boundary.
            | (Layer::Boundary, Kind::Boundary | Kind::Identity)
            | (Layer::Session, Kind::Session | Kind::Identity)
    )
}
