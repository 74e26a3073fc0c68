//! Sessions, who calls, and what would be decided.

use anyhow::ensure;
use bascule_api::iam::v1::{
    AssumeRoleRequest, AssumeRoleResponse, GetCallerIdentityRequest, GetCallerIdentityResponse,
    SimulatePrincipalPolicyRequest,
};
use bascule_tests::Outcome;
use bascule_tests::client::Client;
use bascule_tests::people::{allow, trust};
use bytes::Bytes;
use prost::Message as _;

use super::{Row, full, row, text};

const ROLE: &str = "iam:role/shipper";

/// A role `shipper` that lets in whoever the account lets: its trust names the account, so that the caller's own policy decides.
pub async fn set_up(operator: &Client) -> Outcome {
    operator.role("shipper", &trust(r#"{"AWS":"000000000000"}"#), "").await?;
    Ok(())
}

/// What a session brings along takes rights of its own.
pub fn rows() -> Vec<Row> {
    let mut rows = assumed();
    rows.extend(asked());
    rows
}

fn assumed() -> Vec<Row> {
    let bare =
        || AssumeRoleRequest { role_arn: full(ROLE), role_session_name: text("night"), ..AssumeRoleRequest::default() };
    let limited = AssumeRoleRequest { policy: allow("events:PutEvents", "*"), external_id: text("their-id"), ..bare() };
    let named = AssumeRoleRequest { source_identity: text("ann"), ..bare() };
    let tagged = AssumeRoleRequest { tags: [(text("team"), text("night"))].into(), ..bare() };
    let all = AssumeRoleRequest { source_identity: text("ann"), ..tagged.clone() };
    let assume = ("sts:AssumeRole", ROLE);
    let (name, tag) = (("sts:SetSourceIdentity", ROLE), ("sts:TagSession", ROLE));
    let each = [
        (bare(), vec![assume]),
        (limited, vec![assume]),
        (named, vec![assume, name]),
        (tagged, vec![assume, tag]),
        (all, vec![assume, name, tag]),
    ];
    let is_session = |answer: &Bytes| {
        let answer = AssumeRoleResponse::decode(answer.clone())?;
        let arn = "arn:aws:sts::000000000000:assumed-role/shipper/night";
        ensure!(answer.assumed_role_arn == arn && !answer.session_token.is_empty(), "{}", answer.assumed_role_arn);
        Ok(())
    };
    let rows = each
        .into_iter()
        .map(|(request, asks)| row("bascule.iam.v1.Sessions/AssumeRole", &request, &asks).good(is_session));
    rows.collect()
}

fn asked() -> Vec<Row> {
    let simulated = ["iam:user/probe", ROLE].into_iter().map(|who| {
        let request = SimulatePrincipalPolicyRequest {
            policy_source_arn: full(who),
            action_names: vec![text("events:PutEvents")],
            ..SimulatePrincipalPolicyRequest::default()
        };
        let method = "bascule.iam.v1.Authorization/SimulatePrincipalPolicy";
        row(method, &request, &[("iam:SimulatePrincipalPolicy", who)])
    });
    let mut rows: Vec<Row> = simulated.collect();
    let who = row(
        "bascule.iam.v1.Sessions/GetCallerIdentity",
        &GetCallerIdentityRequest {},
        &[("sts:GetCallerIdentity", "*")],
    );
    rows.push(who.good(|answer| {
        let answer = GetCallerIdentityResponse::decode(answer.clone())?;
        ensure!(answer.arn == full("iam:user/probe"), "{answer:?}");
        Ok(())
    }));
    rows
}
