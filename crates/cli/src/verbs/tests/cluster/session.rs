//! Sessions and decisions, as they are made up. What a caller's token says decides who it is: `denied`, `expired`, `revoked`, or somebody.

use std::collections::BTreeMap;

use bascule_api::iam::v1::authorization_server::Authorization;
use bascule_api::iam::v1::sessions_server::Sessions;
use bascule_api::iam::v1::*;
use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_api::time::timestamp;
use bascule_model::time::Millis;
use tonic::{Request, Response, Status};

use super::Fake;

const SESSION: &str = "arn:aws:sts::000000000001:assumed-role/ops/night";

/// Why a caller with this token is refused.
fn stranger(token: &str) -> Result<(), Status> {
    match token {
        "expired" => Err(Refusal::new(Reason::Unauthenticated, "the session has ended").to_status()),
        "revoked" => Err(Refusal::new(Reason::AccessDenied, "the role's sessions of that time are revoked")
            .with_metadata("principal", "spiffe://bascule/operator")
            .to_status()),
        "denied" => Err(denied("GetCallerIdentity", "sts:GetCallerIdentity", "*")),
        _ => Ok(()),
    }
}

fn denied(operation: &str, action: &str, on: &str) -> Status {
    let message = format!("`{SESSION}` may not {action} on `{on}`: no identity policy allows it");
    let refusal = Refusal::new(Reason::AccessDenied, message).with_metadata("principal", SESSION);
    refusal
        .with_metadata("operation", operation)
        .with_metadata("action", action)
        .with_metadata("resource", on)
        .to_status()
}

fn token<T>(request: &Request<T>) -> String {
    let bearer = request.metadata().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    bearer.strip_prefix("Bearer ").unwrap_or_default().to_owned()
}

fn tags(tags: &BTreeMap<String, String>) -> Vec<String> {
    tags.iter().map(|(key, value)| format!("{key}={value}")).collect()
}

answers! { Sessions {
    async fn get_caller_identity(&self, request: Request<GetCallerIdentityRequest>) -> Result<Response<GetCallerIdentityResponse>, Status> {
        let token = token(&request);
        self.note(request.get_ref());
        stranger(&token)?;
        let arn = if token.is_empty() { "arn:aws:iam::000000000001:user/operator" } else { SESSION };
        Ok(Response::new(GetCallerIdentityResponse {
            account: "000000000001".into(),
            arn: arn.into(),
            user_id: "00000000000000aa".into(),
            identity: "spiffe://bascule/operator".into(),
        }))
    }
}:
    assume_role(AssumeRoleRequest) -> AssumeRoleResponse = |it| match it.role_arn.rsplit(['/', ':']).next().unwrap_or_default() {
        "gone" => Err(denied("AssumeRole", "sts:AssumeRole", &it.role_arn)),
        "mute" => with!(AssumeRoleResponse assumed_role_arn: SESSION.into()),
        name => with!(AssumeRoleResponse
            // What the request's own debug text leaves out.
            session_token: [vec!["hunter3".to_owned(), it.external_id, it.source_identity, it.policy.len().to_string()], tags(&it.tags)].concat().join("."),
            assumed_role_arn: format!("arn:aws:sts::000000000001:assumed-role/{name}/{}", it.role_session_name),
            assumed_role_id: format!("00000000000000bb:{}", it.role_session_name),
            expiration: Some(timestamp(Millis(1_800_000_000_000))),
            packed_policy_size_percent: 7
        ),
    };
}

fn considered(layer: &str, policy: &str, sid: &str, effect: &str, reason: &str) -> ConsideredStatement {
    ConsideredStatement {
        layer: layer.into(),
        level: (layer == "service control policy").then_some(0),
        policy: policy.into(),
        sid: sid.into(),
        place: 1,
        effect: effect.into(),
        applies: reason.is_empty(),
        reason: reason.into(),
    }
}

/// Events may be put; whoever deletes needs a key with a value; the rest nobody mentions.
fn decided(action: &str, on: &str) -> EvaluationResult {
    let full =
        considered("service control policy", "arn:aws:organizations::aws:policy/p-FullAWSAccess", "", "Allow", "");
    let all = "statement `all` of identity policy `own`";
    let (decision, reason, statements, missing) = match action {
        "events:PutEvents" => (
            PolicyDecision::Allowed,
            format!("allowed by {all}"),
            vec![full, considered("identity policy", "own", "all", "Allow", "")],
            Vec::new(),
        ),
        "events:DeleteRule" => (
            PolicyDecision::ImplicitDeny,
            "no identity policy allows it".to_owned(),
            vec![full, considered("identity policy", "own", "", "Allow", "`aws:RequestTag/team` has no value")],
            vec!["aws:RequestTag/team".to_owned()],
        ),
        "events:DeleteEventBus" => (
            PolicyDecision::ExplicitDeny,
            "denied by statement `never` of permissions boundary `limits`".to_owned(),
            vec![full, considered("permissions boundary", "limits", "never", "Deny", "")],
            Vec::new(),
        ),
        "events:Undecided" => (PolicyDecision::Unspecified, String::new(), Vec::new(), Vec::new()),
        _ => (PolicyDecision::ImplicitDeny, "no identity policy allows it".to_owned(), Vec::new(), Vec::new()),
    };
    EvaluationResult {
        action_name: action.into(),
        resource_arn: on.into(),
        decision: decision.into(),
        reason,
        statements,
        missing_context_keys: missing,
    }
}

answers! { Authorization:
    simulate_principal_policy(SimulatePrincipalPolicyRequest) -> SimulatePrincipalPolicyResponse = |it| {
        if it.policy_source_arn.ends_with("/gone") {
            return super::gone("user", "gone", SimulatePrincipalPolicyResponse::default());
        }
        if it.policy_source_arn.ends_with("/secret") {
            return Err(denied("SimulatePrincipalPolicy", "iam:SimulatePrincipalPolicy", &it.policy_source_arn));
        }
        if it.policy_source_arn.ends_with("/short") {
            return with!(SimulatePrincipalPolicyResponse control_index: 7);
        }
        let on = if it.resource_arns.is_empty() { vec!["*".to_owned()] } else { it.resource_arns };
        let results = it.action_names.iter().flat_map(|action| on.iter().map(|on| decided(action, on))).collect();
        with!(SimulatePrincipalPolicyResponse results: results, control_index: 7)
    };
}
