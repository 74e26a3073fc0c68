//! Users with their access keys, roles and managed policies.

use bascule_api::iam::v1::{
    AttachRolePolicyRequest, AttachUserPolicyRequest, CreateAccessKeyRequest, CreatePolicyRequest,
    CreatePolicyVersionRequest, CreateRoleRequest, CreateUserRequest, DeleteAccessKeyRequest, DeletePolicyRequest,
    DeletePolicyVersionRequest, DeleteRolePolicyRequest, DeleteRoleRequest, DeleteUserPolicyRequest, DeleteUserRequest,
    DetachRolePolicyRequest, DetachUserPolicyRequest, GetPolicyRequest, GetRoleRequest, GetUserRequest,
    ListAccessKeysRequest, ListPoliciesRequest, ListRolesRequest, ListUsersRequest, PutRolePolicyRequest,
    PutUserPolicyRequest, RevokeRoleSessionsRequest, SetDefaultPolicyVersionRequest, SetUserIdentitiesRequest,
    TagRoleRequest, TagUserRequest, UntagRoleRequest, UntagUserRequest, UpdateAccessKeyRequest,
    UpdateAssumeRolePolicyRequest, UpdateRoleRequest, UpdateUserRequest,
};

use super::{Row, full, row, text};

const USER: &str = "iam:user/maker";
const ROLE: &str = "iam:role/carry";
const POLICY: &str = "iam:policy/team/Own";
const SHIPPED: &str = "arn:aws:iam::aws:policy/BasculeAdministrator";

/// One row for each operation.
pub fn rows() -> Vec<Row> {
    let mut rows = users();
    rows.extend(access_keys());
    rows.extend(roles());
    rows.extend(policies());
    rows
}

fn users() -> Vec<Row> {
    vec![
        row(
            &CreateUserRequest {
                user_name: text("maker"),
                path: text("/team/"),
                tags: [(text("stage"), text("prod"))].into(),
                identities: vec![text("spiffe://shop.test/maker")],
                ..CreateUserRequest::default()
            },
            &[
                ("iam:CreateUser", "iam:user/team/maker"),
                ("iam:TagUser", "iam:user/team/maker"),
                ("bascule:SetUserIdentities", "iam:user/team/maker"),
            ],
        ),
        row(&GetUserRequest { user_name: text("maker"), ..GetUserRequest::default() }, &[("iam:GetUser", USER)]),
        row(&ListUsersRequest::default(), &[("iam:ListUsers", "*")]),
        row(
            &UpdateUserRequest {
                user_name: text("maker"),
                permissions_boundary: Some(full(POLICY)),
                ..UpdateUserRequest::default()
            },
            &[("iam:UpdateUser", USER), ("iam:PutUserPermissionsBoundary", USER)],
        ),
        row(
            &DeleteUserRequest { user_name: text("maker"), ..DeleteUserRequest::default() },
            &[("iam:DeleteUser", USER)],
        ),
        row(
            &SetUserIdentitiesRequest { user_name: text("maker"), ..SetUserIdentitiesRequest::default() },
            &[("bascule:SetUserIdentities", USER)],
        ),
        row(
            &PutUserPolicyRequest { user_name: text("maker"), ..PutUserPolicyRequest::default() },
            &[("iam:PutUserPolicy", USER)],
        ),
        row(
            &DeleteUserPolicyRequest { user_name: text("maker"), ..DeleteUserPolicyRequest::default() },
            &[("iam:DeleteUserPolicy", USER)],
        ),
        row(
            &AttachUserPolicyRequest {
                user_name: text("maker"),
                policy_arn: full(POLICY),
                ..AttachUserPolicyRequest::default()
            },
            &[("iam:AttachUserPolicy", USER)],
        ),
        row(
            &DetachUserPolicyRequest {
                user_name: text("maker"),
                policy_arn: full(POLICY),
                ..DetachUserPolicyRequest::default()
            },
            &[("iam:DetachUserPolicy", USER)],
        ),
        row(&TagUserRequest { user_name: text("maker"), ..TagUserRequest::default() }, &[("iam:TagUser", USER)]),
        row(
            &UntagUserRequest {
                user_name: text("maker"),
                tag_keys: vec![text("stage")],
                ..UntagUserRequest::default()
            },
            &[("iam:UntagUser", USER)],
        ),
    ]
}

fn access_keys() -> Vec<Row> {
    let key = || text("AKIA234567ABCDEFGHIJ");
    vec![
        row(
            &CreateAccessKeyRequest { user_name: text("maker"), ..CreateAccessKeyRequest::default() },
            &[("iam:CreateAccessKey", USER)],
        ),
        row(
            &ListAccessKeysRequest { user_name: text("maker"), ..ListAccessKeysRequest::default() },
            &[("iam:ListAccessKeys", USER)],
        ),
        row(
            &UpdateAccessKeyRequest {
                user_name: text("maker"),
                access_key_id: key(),
                ..UpdateAccessKeyRequest::default()
            },
            &[("iam:UpdateAccessKey", USER)],
        ),
        row(
            &DeleteAccessKeyRequest {
                user_name: text("maker"),
                access_key_id: key(),
                ..DeleteAccessKeyRequest::default()
            },
            &[("iam:DeleteAccessKey", USER)],
        ),
    ]
}

fn roles() -> Vec<Row> {
    vec![
        row(
            &CreateRoleRequest {
                role_name: text("carry"),
                tags: [(text("stage"), text("prod"))].into(),
                ..CreateRoleRequest::default()
            },
            &[("iam:CreateRole", ROLE), ("iam:TagRole", ROLE)],
        ),
        row(&GetRoleRequest { role_name: text("carry"), ..GetRoleRequest::default() }, &[("iam:GetRole", ROLE)]),
        row(&ListRolesRequest::default(), &[("iam:ListRoles", "*")]),
        row(
            &UpdateRoleRequest {
                role_name: text("carry"),
                permissions_boundary: Some(String::new()),
                ..UpdateRoleRequest::default()
            },
            &[("iam:UpdateRole", ROLE), ("iam:DeleteRolePermissionsBoundary", ROLE)],
        ),
        row(
            &UpdateAssumeRolePolicyRequest { role_name: text("carry"), ..UpdateAssumeRolePolicyRequest::default() },
            &[("iam:UpdateAssumeRolePolicy", ROLE)],
        ),
        row(
            &RevokeRoleSessionsRequest { role_name: text("carry"), ..RevokeRoleSessionsRequest::default() },
            &[("bascule:RevokeRoleSessions", ROLE)],
        ),
        row(
            &DeleteRoleRequest { role_name: text("carry"), ..DeleteRoleRequest::default() },
            &[("iam:DeleteRole", ROLE)],
        ),
        row(
            &PutRolePolicyRequest { role_name: text("carry"), ..PutRolePolicyRequest::default() },
            &[("iam:PutRolePolicy", ROLE)],
        ),
        row(
            &DeleteRolePolicyRequest { role_name: text("carry"), ..DeleteRolePolicyRequest::default() },
            &[("iam:DeleteRolePolicy", ROLE)],
        ),
        row(
            &AttachRolePolicyRequest {
                role_name: text("carry"),
                policy_arn: full(POLICY),
                ..AttachRolePolicyRequest::default()
            },
            &[("iam:AttachRolePolicy", ROLE)],
        ),
        row(
            &DetachRolePolicyRequest {
                role_name: text("carry"),
                policy_arn: full(POLICY),
                ..DetachRolePolicyRequest::default()
            },
            &[("iam:DetachRolePolicy", ROLE)],
        ),
        row(&TagRoleRequest { role_name: text("carry"), ..TagRoleRequest::default() }, &[("iam:TagRole", ROLE)]),
        row(&UntagRoleRequest { role_name: text("carry"), ..UntagRoleRequest::default() }, &[("iam:UntagRole", ROLE)]),
    ]
}

fn policies() -> Vec<Row> {
    vec![
        row(
            &CreatePolicyRequest { policy_name: text("Own"), path: text("/team/"), ..CreatePolicyRequest::default() },
            &[("iam:CreatePolicy", POLICY)],
        ),
        row(
            &GetPolicyRequest { policy_arn: text(SHIPPED), ..GetPolicyRequest::default() },
            &[("iam:GetPolicy", SHIPPED)],
        ),
        row(&ListPoliciesRequest::default(), &[("iam:ListPolicies", "*")]),
        row(
            &DeletePolicyRequest { policy_arn: full(POLICY), ..DeletePolicyRequest::default() },
            &[("iam:DeletePolicy", POLICY)],
        ),
        row(
            &CreatePolicyVersionRequest { policy_arn: full(POLICY), ..CreatePolicyVersionRequest::default() },
            &[("iam:CreatePolicyVersion", POLICY)],
        ),
        row(
            &DeletePolicyVersionRequest { policy_arn: full(POLICY), ..DeletePolicyVersionRequest::default() },
            &[("iam:DeletePolicyVersion", POLICY)],
        ),
        row(
            &SetDefaultPolicyVersionRequest { policy_arn: full(POLICY), ..SetDefaultPolicyVersionRequest::default() },
            &[("iam:SetDefaultPolicyVersion", POLICY)],
        ),
    ]
}
