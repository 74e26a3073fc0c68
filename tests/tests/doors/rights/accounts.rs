//! The organisation's accounts and control policies. What is on two of its resources takes the right on each.

use bascule_api::iam::v1::{
    AttachControlPolicyRequest, CloseAccountRequest, ControlPolicyType, CreateAccountRequest,
    CreateControlPolicyRequest, DeleteControlPolicyRequest, DescribeAccountRequest, DescribeControlPolicyRequest,
    DetachControlPolicyRequest, ListAccountsRequest, ListControlPoliciesRequest, MoveAccountRequest,
    ReopenAccountRequest, UpdateControlPolicyRequest,
};
use bascule_tests::people::allow;

use super::units::Tree;
use super::{Row, full, row, text};

const NUMBER: &str = "444455556666";
const ACCOUNT: &str = "organizations:account/444455556666";

/// An account is made, moved, limited and closed.
pub fn rows(tree: &Tree) -> Vec<Row> {
    let mut rows = made(tree);
    rows.push(moved(&tree.unit, &tree.at_unit()));
    rows.extend(control_policies(tree));
    rows.extend(attached(tree));
    rows.push(moved(&tree.root, &tree.at_root()));
    rows.extend(closed());
    rows
}

fn made(tree: &Tree) -> Vec<Row> {
    vec![
        row(
            "bascule.iam.v1.Organizations/CreateAccount",
            &CreateAccountRequest {
                account_id: text(NUMBER),
                account_name: text("shop"),
                parent_id: tree.root.clone(),
                ..CreateAccountRequest::default()
            },
            &[("organizations:CreateAccount", ACCOUNT), ("organizations:MoveAccount", &tree.at_root())],
        ),
        row(
            "bascule.iam.v1.Organizations/DescribeAccount",
            &DescribeAccountRequest { account_id: text(NUMBER), ..DescribeAccountRequest::default() },
            &[("organizations:DescribeAccount", ACCOUNT)],
        ),
        row(
            "bascule.iam.v1.Organizations/ListAccounts",
            &ListAccountsRequest::default(),
            &[("organizations:ListAccounts", "*")],
        ),
    ]
}

fn moved(parent: &str, at_parent: &str) -> Row {
    row(
        "bascule.iam.v1.Organizations/MoveAccount",
        &MoveAccountRequest { account_id: text(NUMBER), parent_id: text(parent), ..MoveAccountRequest::default() },
        &[("organizations:MoveAccount", ACCOUNT), ("organizations:MoveAccount", at_parent)],
    )
}

fn control_policy(tree: &Tree) -> String {
    format!("organizations:policy/{}/service_control_policy/Only", tree.organization)
}

fn control_policies(tree: &Tree) -> Vec<Row> {
    let on = control_policy(tree);
    let r#type = ControlPolicyType::ServiceControlPolicy.into();
    vec![
        row(
            "bascule.iam.v1.Organizations/CreateControlPolicy",
            &CreateControlPolicyRequest {
                r#type,
                name: text("Only"),
                content: allow("events:PutEvents", "*"),
                ..CreateControlPolicyRequest::default()
            },
            &[("organizations:CreatePolicy", "*")],
        ),
        row(
            "bascule.iam.v1.Organizations/DescribeControlPolicy",
            &DescribeControlPolicyRequest { policy_arn: full(&on), ..DescribeControlPolicyRequest::default() },
            &[("organizations:DescribePolicy", &on)],
        ),
        row(
            "bascule.iam.v1.Organizations/ListControlPolicies",
            &ListControlPoliciesRequest { r#type, ..ListControlPoliciesRequest::default() },
            &[("organizations:ListPolicies", "*")],
        ),
        row(
            "bascule.iam.v1.Organizations/UpdateControlPolicy",
            &UpdateControlPolicyRequest {
                policy_arn: full(&on),
                content: allow("events:PutRule", "*"),
                ..UpdateControlPolicyRequest::default()
            },
            &[("organizations:UpdatePolicy", &on)],
        ),
    ]
}

/// The account has another policy of the type, so that this one may go from it.
fn attached(tree: &Tree) -> Vec<Row> {
    let on = control_policy(tree);
    vec![
        row(
            "bascule.iam.v1.Organizations/AttachControlPolicy",
            &AttachControlPolicyRequest {
                policy_arn: full(&on),
                target_id: text(NUMBER),
                ..AttachControlPolicyRequest::default()
            },
            &[("organizations:AttachPolicy", ACCOUNT), ("organizations:AttachPolicy", &on)],
        ),
        row(
            "bascule.iam.v1.Organizations/DetachControlPolicy",
            &DetachControlPolicyRequest {
                policy_arn: full(&on),
                target_id: text(NUMBER),
                ..DetachControlPolicyRequest::default()
            },
            &[("organizations:DetachPolicy", ACCOUNT), ("organizations:DetachPolicy", &on)],
        ),
        row(
            "bascule.iam.v1.Organizations/DeleteControlPolicy",
            &DeleteControlPolicyRequest { policy_arn: full(&on), ..DeleteControlPolicyRequest::default() },
            &[("organizations:DeletePolicy", &on)],
        ),
    ]
}

fn closed() -> Vec<Row> {
    vec![
        row(
            "bascule.iam.v1.Organizations/CloseAccount",
            &CloseAccountRequest { account_id: text(NUMBER), ..CloseAccountRequest::default() },
            &[("organizations:CloseAccount", ACCOUNT)],
        ),
        row(
            "bascule.iam.v1.Organizations/ReopenAccount",
            &ReopenAccountRequest { account_id: text(NUMBER), ..ReopenAccountRequest::default() },
            &[("bascule:ReopenAccount", ACCOUNT)],
        ),
    ]
}
