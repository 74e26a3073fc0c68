//! Managed policies.

use bascule_api::iam::v1::{
    CreatePolicyRequest, CreatePolicyVersionRequest, DeletePolicyRequest, DeletePolicyVersionRequest, GetPolicyRequest,
    ListPoliciesRequest, SetDefaultPolicyVersionRequest,
};
use bascule_tests::people::allow;

use super::{Row, full, row, text};

const POLICY: &str = "iam:policy/team/Own";
const SHIPPED: &str = "arn:aws:iam::aws:policy/BasculePublisher";

/// The policy `Own` is made, gets a second version, and goes again.
pub fn rows() -> Vec<Row> {
    let mut rows = made();
    rows.extend(versions());
    rows
}

fn made() -> Vec<Row> {
    let get = |arn: &str| GetPolicyRequest { policy_arn: full(arn), ..GetPolicyRequest::default() };
    vec![
        row(
            "bascule.iam.v1.Policies/CreatePolicy",
            &CreatePolicyRequest {
                policy_name: text("Own"),
                path: text("/team/"),
                policy_document: allow("events:PutEvents", "*"),
                ..CreatePolicyRequest::default()
            },
            &[("iam:CreatePolicy", POLICY)],
        ),
        row("bascule.iam.v1.Policies/GetPolicy", &get(POLICY), &[("iam:GetPolicy", POLICY)]),
        // What comes with the build is everybody's, and is asked about all the same.
        row("bascule.iam.v1.Policies/GetPolicy", &get(SHIPPED), &[("iam:GetPolicy", SHIPPED)]),
        row("bascule.iam.v1.Policies/ListPolicies", &ListPoliciesRequest::default(), &[("iam:ListPolicies", "*")]),
    ]
}

fn versions() -> Vec<Row> {
    vec![
        row(
            "bascule.iam.v1.Policies/CreatePolicyVersion",
            &CreatePolicyVersionRequest {
                policy_arn: full(POLICY),
                policy_document: allow("events:PutRule", "*"),
                ..CreatePolicyVersionRequest::default()
            },
            &[("iam:CreatePolicyVersion", POLICY)],
        ),
        row(
            "bascule.iam.v1.Policies/SetDefaultPolicyVersion",
            &SetDefaultPolicyVersionRequest {
                policy_arn: full(POLICY),
                version_id: text("v2"),
                ..SetDefaultPolicyVersionRequest::default()
            },
            &[("iam:SetDefaultPolicyVersion", POLICY)],
        ),
        row(
            "bascule.iam.v1.Policies/DeletePolicyVersion",
            &DeletePolicyVersionRequest {
                policy_arn: full(POLICY),
                version_id: text("v1"),
                ..DeletePolicyVersionRequest::default()
            },
            &[("iam:DeletePolicyVersion", POLICY)],
        ),
        row(
            "bascule.iam.v1.Policies/DeletePolicy",
            &DeletePolicyRequest { policy_arn: full(POLICY), ..DeletePolicyRequest::default() },
            &[("iam:DeletePolicy", POLICY)],
        ),
    ]
}
