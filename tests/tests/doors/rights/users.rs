//! Users. Each is named without its path, which is `/` here, so that the ARN that is asked about is the user's own.

use bascule_api::iam::v1::{
    AttachUserPolicyRequest, CreateUserRequest, DeleteUserPolicyRequest, DeleteUserRequest, DetachUserPolicyRequest,
    GetUserRequest, ListUsersRequest, PutUserPolicyRequest, SetUserIdentitiesRequest, TagUserRequest, UntagUserRequest,
    UpdateUserRequest,
};
use bascule_tests::people::allow;

use super::{Row, row, text};

const USER: &str = "iam:user/maker";
const PUBLISHER: &str = "arn:aws:iam::aws:policy/BasculePublisher";

fn name() -> String {
    text("maker")
}

/// The user `maker` is made, gets and loses everything that users have, and goes again.
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
            "bascule.iam.v1.Users/CreateUser",
            &CreateUserRequest {
                user_name: name(),
                tags: [(text("stage"), text("prod"))].into(),
                permissions_boundary: text(PUBLISHER),
                identities: vec![text("dns:first.maker.test")],
                ..CreateUserRequest::default()
            },
            &[("iam:CreateUser", USER), ("iam:TagUser", USER), ("bascule:SetUserIdentities", USER)],
        ),
        row(
            "bascule.iam.v1.Users/GetUser",
            &GetUserRequest { user_name: name(), ..GetUserRequest::default() },
            &[("iam:GetUser", USER)],
        ),
        row("bascule.iam.v1.Users/ListUsers", &ListUsersRequest::default(), &[("iam:ListUsers", "*")]),
        row(
            "bascule.iam.v1.Users/SetUserIdentities",
            &SetUserIdentitiesRequest {
                user_name: name(),
                identities: vec![text("dns:maker.test")],
                ..SetUserIdentitiesRequest::default()
            },
            &[("bascule:SetUserIdentities", USER)],
        ),
    ]
}

/// A boundary takes a right of its own.
fn updated() -> Vec<Row> {
    let update = |boundary: Option<&str>| UpdateUserRequest {
        user_name: name(),
        description: Some(text("makes things")),
        permissions_boundary: boundary.map(text),
        ..UpdateUserRequest::default()
    };
    vec![
        row("bascule.iam.v1.Users/UpdateUser", &update(None), &[("iam:UpdateUser", USER)]),
        row(
            "bascule.iam.v1.Users/UpdateUser",
            &update(Some(PUBLISHER)),
            &[("iam:UpdateUser", USER), ("iam:PutUserPermissionsBoundary", USER)],
        ),
        row(
            "bascule.iam.v1.Users/UpdateUser",
            &update(Some("")),
            &[("iam:UpdateUser", USER), ("iam:DeleteUserPermissionsBoundary", USER)],
        ),
    ]
}

fn policies() -> Vec<Row> {
    vec![
        row(
            "bascule.iam.v1.Users/PutUserPolicy",
            &PutUserPolicyRequest {
                user_name: name(),
                policy_name: text("own"),
                policy_document: allow("events:PutEvents", "*"),
                ..PutUserPolicyRequest::default()
            },
            &[("iam:PutUserPolicy", USER)],
        ),
        row(
            "bascule.iam.v1.Users/DeleteUserPolicy",
            &DeleteUserPolicyRequest {
                user_name: name(),
                policy_name: text("own"),
                ..DeleteUserPolicyRequest::default()
            },
            &[("iam:DeleteUserPolicy", USER)],
        ),
        row(
            "bascule.iam.v1.Users/AttachUserPolicy",
            &AttachUserPolicyRequest {
                user_name: name(),
                policy_arn: text(PUBLISHER),
                ..AttachUserPolicyRequest::default()
            },
            &[("iam:AttachUserPolicy", USER)],
        ),
        row(
            "bascule.iam.v1.Users/DetachUserPolicy",
            &DetachUserPolicyRequest {
                user_name: name(),
                policy_arn: text(PUBLISHER),
                ..DetachUserPolicyRequest::default()
            },
            &[("iam:DetachUserPolicy", USER)],
        ),
    ]
}

fn tagged_and_gone() -> Vec<Row> {
    vec![
        row(
            "bascule.iam.v1.Users/TagUser",
            &TagUserRequest {
                user_name: name(),
                tags: [(text("team"), text("night"))].into(),
                ..TagUserRequest::default()
            },
            &[("iam:TagUser", USER)],
        ),
        row(
            "bascule.iam.v1.Users/UntagUser",
            &UntagUserRequest { user_name: name(), tag_keys: vec![text("team")], ..UntagUserRequest::default() },
            &[("iam:UntagUser", USER)],
        ),
        row(
            "bascule.iam.v1.Users/DeleteUser",
            &DeleteUserRequest { user_name: name(), ..DeleteUserRequest::default() },
            &[("iam:DeleteUser", USER)],
        ),
    ]
}
