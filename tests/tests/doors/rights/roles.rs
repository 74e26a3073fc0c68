//! Roles. As users, they are named without their path.

use bascule_api::iam::v1::{
    AttachRolePolicyRequest, CreateRoleRequest, DeleteRolePolicyRequest, DeleteRoleRequest, DetachRolePolicyRequest,
    GetRoleRequest, ListRolesRequest, PutRolePolicyRequest, RevokeRoleSessionsRequest, TagRoleRequest,
    UntagRoleRequest, UpdateAssumeRolePolicyRequest, UpdateRoleRequest,
};
use bascule_tests::people::{allow, trust};

use super::{Row, row, text};

const ROLE: &str = "iam:role/hauler";
const PUBLISHER: &str = "arn:aws:iam::aws:policy/BasculePublisher";

fn name() -> String {
    text("hauler")
}

/// The role `hauler` is made, gets and loses everything that roles have, and goes again.
pub fn rows() -> Vec<Row> {
    let mut rows = made();
    rows.extend(updated());
    rows.extend(policies());
    rows.extend(tagged_and_gone());
    rows
}

fn made() -> Vec<Row> {
    vec![
        row(
            "bascule.iam.v1.Roles/CreateRole",
            &CreateRoleRequest {
                role_name: name(),
                assume_role_policy_document: trust(r#"{"Service":"events.amazonaws.com"}"#),
                tags: [(text("stage"), text("prod"))].into(),
                permissions_boundary: text(PUBLISHER),
                ..CreateRoleRequest::default()
            },
            &[("iam:CreateRole", ROLE), ("iam:TagRole", ROLE)],
        ),
        row(
            "bascule.iam.v1.Roles/GetRole",
            &GetRoleRequest { role_name: name(), ..GetRoleRequest::default() },
            &[("iam:GetRole", ROLE)],
        ),
        row("bascule.iam.v1.Roles/ListRoles", &ListRolesRequest::default(), &[("iam:ListRoles", "*")]),
    ]
}

/// A boundary takes a right of its own.
fn updated() -> Vec<Row> {
    let update = |boundary: Option<&str>| UpdateRoleRequest {
        role_name: name(),
        description: Some(text("hauls things")),
        permissions_boundary: boundary.map(text),
        ..UpdateRoleRequest::default()
    };
    vec![
        row("bascule.iam.v1.Roles/UpdateRole", &update(None), &[("iam:UpdateRole", ROLE)]),
        row(
            "bascule.iam.v1.Roles/UpdateRole",
            &update(Some(PUBLISHER)),
            &[("iam:UpdateRole", ROLE), ("iam:PutRolePermissionsBoundary", ROLE)],
        ),
        row(
            "bascule.iam.v1.Roles/UpdateRole",
            &update(Some("")),
            &[("iam:UpdateRole", ROLE), ("iam:DeleteRolePermissionsBoundary", ROLE)],
        ),
        row(
            "bascule.iam.v1.Roles/UpdateAssumeRolePolicy",
            &UpdateAssumeRolePolicyRequest {
                role_name: name(),
                assume_role_policy_document: trust(r#"{"AWS":"000000000000"}"#),
                ..UpdateAssumeRolePolicyRequest::default()
            },
            &[("iam:UpdateAssumeRolePolicy", ROLE)],
        ),
        row(
            "bascule.iam.v1.Roles/RevokeRoleSessions",
            &RevokeRoleSessionsRequest { role_name: name(), ..RevokeRoleSessionsRequest::default() },
            &[("bascule:RevokeRoleSessions", ROLE)],
        ),
    ]
}

fn policies() -> Vec<Row> {
    vec![
        row(
            "bascule.iam.v1.Roles/PutRolePolicy",
            &PutRolePolicyRequest {
                role_name: name(),
                policy_name: text("own"),
                policy_document: allow("events:PutEvents", "*"),
                ..PutRolePolicyRequest::default()
            },
            &[("iam:PutRolePolicy", ROLE)],
        ),
        row(
            "bascule.iam.v1.Roles/DeleteRolePolicy",
            &DeleteRolePolicyRequest {
                role_name: name(),
                policy_name: text("own"),
                ..DeleteRolePolicyRequest::default()
            },
            &[("iam:DeleteRolePolicy", ROLE)],
        ),
        row(
            "bascule.iam.v1.Roles/AttachRolePolicy",
            &AttachRolePolicyRequest {
                role_name: name(),
                policy_arn: text(PUBLISHER),
                ..AttachRolePolicyRequest::default()
            },
            &[("iam:AttachRolePolicy", ROLE)],
        ),
        row(
            "bascule.iam.v1.Roles/DetachRolePolicy",
            &DetachRolePolicyRequest {
                role_name: name(),
                policy_arn: text(PUBLISHER),
                ..DetachRolePolicyRequest::default()
            },
            &[("iam:DetachRolePolicy", ROLE)],
        ),
    ]
}

fn tagged_and_gone() -> Vec<Row> {
    vec![
        row(
            "bascule.iam.v1.Roles/TagRole",
            &TagRoleRequest {
                role_name: name(),
                tags: [(text("team"), text("night"))].into(),
                ..TagRoleRequest::default()
            },
            &[("iam:TagRole", ROLE)],
        ),
        row(
            "bascule.iam.v1.Roles/UntagRole",
            &UntagRoleRequest { role_name: name(), tag_keys: vec![text("team")], ..UntagRoleRequest::default() },
            &[("iam:UntagRole", ROLE)],
        ),
        row(
            "bascule.iam.v1.Roles/DeleteRole",
            &DeleteRoleRequest { role_name: name(), ..DeleteRoleRequest::default() },
            &[("iam:DeleteRole", ROLE)],
        ),
    ]
}
