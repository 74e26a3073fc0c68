//! What would be decided, and why: nothing is done.
//!
//! Source: `API_SimulatePrincipalPolicy`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use bascule_api::iam::v1::authorization_server::Authorization;
use bascule_api::iam::v1::{
    ConsideredStatement, ContextEntry, EvaluationResult, PolicyDecision, SimulatePrincipalPolicyRequest,
    SimulatePrincipalPolicyResponse,
};
use bascule_api::status::Refusal;
use bascule_model::arn::Arn;
use bascule_model::fault::{Fault, Kind as Noun};
use bascule_model::limits::ARN_LIMIT_CHARS;
use bascule_model::time::Millis;
use bascule_policy::decision::{Decision, Denial};
use bascule_policy::explain::{Considered, Explanation, Outcome, Why};
use bascule_policy::limits::{KEY_LIMIT_CHARS, WILDCARD_VALUE_LIMIT_BYTES};
use bascule_policy::statement::Effect;
use bascule_policy::{Kind, Policy};
use bascule_routing::rights::{Caller, Refused};
use bascule_routing::view::View;

use crate::family::Front;
use crate::limits::{
    SIMULATION_LIMIT_ACTIONS, SIMULATION_LIMIT_DECISIONS, SIMULATION_LIMIT_KEYS, SIMULATION_LIMIT_POLICIES,
    SIMULATION_LIMIT_RESOURCES, SIMULATION_LIMIT_STATEMENTS, SIMULATION_LIMIT_VALUES,
};
use crate::stack::{Checked, Permitted, Simulated, about_to_stop};
use crate::wire;

/// A simulation that can be.
struct Wanted {
    principal: String,
    actions: Vec<String>,
    resources: Vec<String>,
    keys: Vec<ContextEntry>,
    policies: Vec<Arc<Policy>>,
    allow_stale: bool,
}

fn check(_: &Permitted, request: SimulatePrincipalPolicyRequest) -> Result<Wanted, Refusal> {
    Fault::unless_at_most("PolicySourceArn", &request.policy_source_arn, ARN_LIMIT_CHARS).map_err(wire::fault)?;
    let count = |field: &str, count: usize, min: usize, max: usize| {
        let reason = format!("there must be {min} to {max}");
        if (min..=max).contains(&count) { Ok(()) } else { Err(wire::field(field, reason, &count.to_string())) }
    };
    count("ActionNames", request.action_names.len(), 1, SIMULATION_LIMIT_ACTIONS)?;
    count("ResourceArns", request.resource_arns.len(), 0, SIMULATION_LIMIT_RESOURCES)?;
    let pairs = request.action_names.len() * request.resource_arns.len().max(1);
    count("ActionNames and ResourceArns together", pairs, 1, SIMULATION_LIMIT_DECISIONS)?;
    count("ContextEntries", request.context_entries.len(), 0, SIMULATION_LIMIT_KEYS)?;
    count("PolicyInputList", request.policy_input_list.len(), 0, SIMULATION_LIMIT_POLICIES)?;
    for action in &request.action_names {
        let (service, name) = action.split_once(':').unwrap_or_default();
        if service.is_empty() || name.is_empty() || action.len() > KEY_LIMIT_CHARS || !action.is_ascii() {
            return Err(wire::field("ActionNames", "it must be like `events:PutEvents`", action));
        }
    }
    for arn in &request.resource_arns {
        Fault::unless_at_most("ResourceArns", arn, ARN_LIMIT_CHARS).map_err(wire::fault)?;
        if arn != "*" {
            Arn::parse("ResourceArns", arn).map_err(wire::fault)?;
        }
    }
    for entry in &request.context_entries {
        Fault::unless_at_most("ContextEntries.Key", &entry.key, KEY_LIMIT_CHARS).map_err(wire::fault)?;
        count("ContextEntries.Values", entry.values.len(), 0, SIMULATION_LIMIT_VALUES)?;
        for value in &entry.values {
            Fault::unless_at_most("ContextEntries.Values", value, WILDCARD_VALUE_LIMIT_BYTES).map_err(wire::fault)?;
        }
    }
    let read = |(at, text): (usize, &String)| {
        let name = format!("input {at}");
        let policy = Policy::parse(Kind::Identity, &name, text);
        policy.map(Arc::new).map_err(|why| wire::policy(&format!("PolicyInputList[{at}]"), &why))
    };
    let policies = request.policy_input_list.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    let resources = if request.resource_arns.is_empty() { vec!["*".to_owned()] } else { request.resource_arns };
    Ok(Wanted {
        principal: request.policy_source_arn,
        actions: request.action_names,
        resources,
        keys: request.context_entries,
        policies,
        allow_stale: request.allow_stale,
    })
}

/// The user or role of an ARN, as it would call.
fn principal(view: &View, permit: &Permitted, arn: &str, now: Millis) -> Result<Caller, Refusal> {
    let realm = &view.realm;
    let name = arn.rsplit_once('/').map_or("", |(_, name)| name);
    let user = realm.user(permit.account(), name).filter(|user| user.arn == arn);
    let role = realm.role_of(arn).filter(|role| role.account == permit.account());
    let caller = match (user, role) {
        (Some(user), _) => Caller::of_user(realm, user),
        (None, Some(role)) => Caller::of_role(realm, role, "simulation", now),
        (None, None) => {
            let kind = if arn.contains(":role/") { Noun::Role } else { Noun::User };
            return Err(wire::fault(Fault::not_found(kind, arn)));
        }
    };
    caller.map_err(|unknown| wire::fault(Fault::AccessDenied { reason: unknown.to_string() }))
}

fn shown(
    action: &str,
    resource: &str,
    explanation: &Explanation<'_>,
    told: Result<String, Refused>,
    room: usize,
) -> EvaluationResult {
    let (reason, decision) = match (told, &explanation.decision) {
        (Ok(why), _) => (why, PolicyDecision::Allowed),
        // Whether another account says nothing or no is not told.
        (Err(refused), Decision::Denied(Denial::Explicit(_) | Denial::Unclear(_) | Denial::Unusable { .. }))
            if refused.told == refused.why =>
        {
            (refused.told, PolicyDecision::ExplicitDeny)
        }
        (Err(refused), _) => (refused.told, PolicyDecision::ImplicitDeny),
    };
    let statements = explanation.statements.iter().take(room).map(statement).collect();
    EvaluationResult {
        action_name: action.to_owned(),
        resource_arn: resource.to_owned(),
        decision: decision.into(),
        reason,
        statements,
        missing_context_keys: explanation.missing_keys().into_iter().map(str::to_owned).collect(),
    }
}

fn statement(considered: &Considered<'_>) -> ConsideredStatement {
    let source = &considered.source;
    let effect = source.policy.statements().get(source.statement).map(|statement| match statement.effect() {
        Effect::Allow => "Allow",
        Effect::Deny => "Deny",
    });
    ConsideredStatement {
        layer: source.layer.word().to_owned(),
        level: considered.level.and_then(|level| u32::try_from(level).ok()),
        policy: source.policy.name().to_owned(),
        sid: source.sid().unwrap_or_default().to_owned(),
        place: u32::try_from(source.statement).unwrap_or(u32::MAX),
        effect: effect.unwrap_or_default().to_owned(),
        applies: considered.outcome == Outcome::Applies,
        reason: reason(&considered.outcome),
    }
}

fn reason(outcome: &Outcome<'_>) -> String {
    let unmet = match outcome {
        Outcome::Applies => return String::new(),
        Outcome::OtherPrincipals => return "it is about other principals".to_owned(),
        Outcome::OtherResources => return "it is about other resources".to_owned(),
        Outcome::Unclear => return "it cannot be compared with the request".to_owned(),
        Outcome::Conditions(unmet) => unmet,
    };
    let each = unmet.iter().map(|unmet| match unmet.why {
        Why::Missing => format!("`{}` has no value", unmet.key),
        Why::Other => format!("`{}` has another value", unmet.key),
        Why::Unclear => format!("`{}` cannot be compared", unmet.key),
    });
    each.collect::<Vec<_>>().join(", ")
}

impl Front {
    async fn simulate(&self, checked: Checked<Wanted>) -> Result<SimulatePrincipalPolicyResponse, Refusal> {
        let (permit, wanted) = checked.into_parts();
        let view = self.rooms.view(wanted.allow_stale).await?;
        let now = self.rooms.clock.wall();
        let caller = principal(&view, &permit, &wanted.principal, now)?.with_identity_policies(wanted.policies);
        let simulated = Simulated { view: &view, caller: &caller, now, keys: &wanted.keys };
        // One decision may take some milliseconds, so that few run at once and each lets others work after it.
        let Ok(_turn) = self.stack.simulating().await else { return Err(about_to_stop()) };
        let mut results = Vec::with_capacity(wanted.actions.len() * wanted.resources.len());
        let mut room = SIMULATION_LIMIT_STATEMENTS;
        for action in &wanted.actions {
            for resource in &wanted.resources {
                let tell = |explanation: &Explanation<'_>, told| shown(action, resource, explanation, told, room);
                let result = simulated.decide(action, resource, tell)?;
                room -= result.statements.len();
                results.push(result);
                tokio::task::yield_now().await;
            }
        }
        Ok(SimulatePrincipalPolicyResponse { results, control_index: view.index.0 })
    }
}

#[tonic::async_trait]
impl Authorization for Front {
    async fn simulate_principal_policy(
        &self,
        request: Request<SimulatePrincipalPolicyRequest>,
    ) -> Result<Response<SimulatePrincipalPolicyResponse>, Status> {
        self.stack.run(request, check, |checked| self.simulate(checked)).await
    }
}
