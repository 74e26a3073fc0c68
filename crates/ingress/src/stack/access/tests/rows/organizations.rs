//! The organisation and its control policies.

use bascule_api::iam::v1::{
    AttachControlPolicyRequest, CloseAccountRequest, CreateAccountRequest, CreateControlPolicyRequest,
    CreateOrganizationalUnitRequest, DeleteControlPolicyRequest, DeleteOrganizationalUnitRequest,
    DescribeAccountRequest, DescribeControlPolicyRequest, DescribeOrganizationRequest, DetachControlPolicyRequest,
    ListAccountsRequest, ListControlPoliciesRequest, ListOrganizationalUnitsRequest, MoveAccountRequest,
    ReopenAccountRequest, UpdateControlPolicyRequest, UpdateOrganizationalUnitRequest,
};

use super::{Row, full, row, text};

const ROOT: &str = "organizations:root/r-abcd";
const UNIT: &str = "organizations:ou/ou-abcd-12345678";
const ACCOUNT: &str = "organizations:account/444455556666";
const CONTROL: &str = "organizations:policy/o-abcdefghij/service_control_policy/Only";

/// One row for each operation.
pub fn rows() -> Vec<Row> {
    let mut rows = tree();
    rows.extend(control_policies());
    rows
}

fn tree() -> Vec<Row> {
    vec![
        row(&DescribeOrganizationRequest::default(), &[("organizations:DescribeOrganization", "*")]),
        row(
            &CreateOrganizationalUnitRequest {
                parent_id: text("r-abcd"),
                ..CreateOrganizationalUnitRequest::default()
            },
            &[("organizations:CreateOrganizationalUnit", ROOT)],
        ),
        row(
            &UpdateOrganizationalUnitRequest {
                organizational_unit_id: text("ou-abcd-12345678"),
                ..UpdateOrganizationalUnitRequest::default()
            },
            &[("organizations:UpdateOrganizationalUnit", UNIT)],
        ),
        row(
            &DeleteOrganizationalUnitRequest {
                organizational_unit_id: text("ou-abcd-12345678"),
                ..DeleteOrganizationalUnitRequest::default()
            },
            &[("organizations:DeleteOrganizationalUnit", UNIT)],
        ),
        row(
            &ListOrganizationalUnitsRequest { parent_id: text("r-abcd"), ..ListOrganizationalUnitsRequest::default() },
            &[("organizations:ListOrganizationalUnits", "*")],
        ),
        row(
            &CreateAccountRequest {
                account_id: text("444455556666"),
                parent_id: text("ou-ab12-11111111"),
                ..CreateAccountRequest::default()
            },
            &[
                ("organizations:CreateAccount", ACCOUNT),
                ("organizations:MoveAccount", "organizations:ou/ou-ab12-11111111"),
            ],
        ),
        row(
            &DescribeAccountRequest { account_id: text("444455556666"), ..DescribeAccountRequest::default() },
            &[("organizations:DescribeAccount", ACCOUNT)],
        ),
        row(&ListAccountsRequest::default(), &[("organizations:ListAccounts", "*")]),
        row(
            &MoveAccountRequest {
                account_id: text("444455556666"),
                parent_id: text("ou-abcd-12345678"),
                ..MoveAccountRequest::default()
            },
            &[("organizations:MoveAccount", ACCOUNT), ("organizations:MoveAccount", UNIT)],
        ),
        row(
            &CloseAccountRequest { account_id: text("444455556666"), ..CloseAccountRequest::default() },
            &[("organizations:CloseAccount", ACCOUNT)],
        ),
        row(
            &ReopenAccountRequest { account_id: text("444455556666"), ..ReopenAccountRequest::default() },
            &[("bascule:ReopenAccount", ACCOUNT)],
        ),
    ]
}

fn control_policies() -> Vec<Row> {
    vec![
        row(&CreateControlPolicyRequest::default(), &[("organizations:CreatePolicy", "*")]),
        row(
            &UpdateControlPolicyRequest { policy_arn: full(CONTROL), ..UpdateControlPolicyRequest::default() },
            &[("organizations:UpdatePolicy", CONTROL)],
        ),
        row(
            &DescribeControlPolicyRequest { policy_arn: full(CONTROL), ..DescribeControlPolicyRequest::default() },
            &[("organizations:DescribePolicy", CONTROL)],
        ),
        row(&ListControlPoliciesRequest::default(), &[("organizations:ListPolicies", "*")]),
        row(
            &DeleteControlPolicyRequest { policy_arn: full(CONTROL), ..DeleteControlPolicyRequest::default() },
            &[("organizations:DeletePolicy", CONTROL)],
        ),
        row(
            &AttachControlPolicyRequest {
                policy_arn: full(CONTROL),
                target_id: text("r-abcd"),
                ..AttachControlPolicyRequest::default()
            },
            &[("organizations:AttachPolicy", ROOT), ("organizations:AttachPolicy", CONTROL)],
        ),
        row(
            &DetachControlPolicyRequest {
                policy_arn: full(CONTROL),
                target_id: text("444455556666"),
                ..DetachControlPolicyRequest::default()
            },
            &[("organizations:DetachPolicy", ACCOUNT), ("organizations:DetachPolicy", CONTROL)],
        ),
    ]
}
