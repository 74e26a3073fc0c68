//! Sessions, who calls, and what would be decided.

use bascule_api::iam::v1::{AssumeRoleRequest, GetCallerIdentityRequest, SimulatePrincipalPolicyRequest};

use super::{Row, full, row, text};

const ROLE: &str = "iam:role/shipper";

/// One row for each operation.
pub fn rows() -> Vec<Row> {
    vec![
        row(
            &AssumeRoleRequest {
                role_arn: full(ROLE),
                role_session_name: text("night"),
                source_identity: text("ann"),
                tags: [(text("team"), text("night"))].into(),
                ..AssumeRoleRequest::default()
            },
            &[("sts:AssumeRole", ROLE), ("sts:SetSourceIdentity", ROLE), ("sts:TagSession", ROLE)],
        ),
        row(&GetCallerIdentityRequest {}, &[("sts:GetCallerIdentity", "*")]),
        row(
            &SimulatePrincipalPolicyRequest {
                policy_source_arn: full("iam:user/service/orders"),
                ..SimulatePrincipalPolicyRequest::default()
            },
            &[("iam:SimulatePrincipalPolicy", "iam:user/service/orders")],
        ),
    ]
}
