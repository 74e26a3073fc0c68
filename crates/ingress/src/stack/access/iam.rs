//! Users with their access keys, roles and managed policies.
//!
//! Requests name users and roles without their paths; what they are asked about is completed by whoever knows them.

use std::collections::BTreeMap;

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
use bascule_model::limits::{ARN_LIMIT_CHARS, TAGS_LIMIT_COUNT};
use bascule_model::policy::PolicyArn;

use crate::operation::Operation;
use crate::stack::access::{Access, Accesses, Asking, Asks, Named, asks};

/// The managed policy that is attached or detached.
const POLICY: &str = "iam:PolicyARN";
/// The managed policy that is to limit a principal.
const BOUNDARY: &str = "iam:PermissionsBoundary";

asks! {
    GetUserRequest GetUser |request, asking| asking.user(&request.user_name);
    ListUsersRequest ListUsers |_request, asking| asking.everything();
    DeleteUserRequest DeleteUser |request, asking| asking.user(&request.user_name);
    SetUserIdentitiesRequest SetUserIdentities |request, asking| asking.user(&request.user_name);
    PutUserPolicyRequest PutUserPolicy |request, asking| asking.user(&request.user_name);
    DeleteUserPolicyRequest DeleteUserPolicy |request, asking| asking.user(&request.user_name);
    CreateAccessKeyRequest CreateAccessKey |request, asking| asking.user_or_caller(&request.user_name);
    ListAccessKeysRequest ListAccessKeys |request, asking| asking.user_or_caller(&request.user_name);
    UpdateAccessKeyRequest UpdateAccessKey |request, asking| asking.user_or_caller(&request.user_name);
    DeleteAccessKeyRequest DeleteAccessKey |request, asking| asking.user_or_caller(&request.user_name);
    GetRoleRequest GetRole |request, asking| asking.role(&request.role_name);
    ListRolesRequest ListRoles |_request, asking| asking.everything();
    UpdateAssumeRolePolicyRequest UpdateAssumeRolePolicy |request, asking| asking.role(&request.role_name);
    RevokeRoleSessionsRequest RevokeRoleSessions |request, asking| asking.role(&request.role_name);
    DeleteRoleRequest DeleteRole |request, asking| asking.role(&request.role_name);
    PutRolePolicyRequest PutRolePolicy |request, asking| asking.role(&request.role_name);
    DeleteRolePolicyRequest DeleteRolePolicy |request, asking| asking.role(&request.role_name);
    CreatePolicyRequest CreatePolicy |request, asking| {
        asking.new_principal("policy", &request.path, &request.policy_name)
    };
    GetPolicyRequest GetPolicy |request, asking| asking.policy(&request.policy_arn);
    ListPoliciesRequest ListPolicies |_request, asking| asking.everything();
    DeletePolicyRequest DeletePolicy |request, asking| asking.policy(&request.policy_arn);
    CreatePolicyVersionRequest CreatePolicyVersion |request, asking| asking.policy(&request.policy_arn);
    DeletePolicyVersionRequest DeletePolicyVersion |request, asking| asking.policy(&request.policy_arn);
    SetDefaultPolicyVersionRequest SetDefaultPolicyVersion |request, asking| asking.policy(&request.policy_arn);
}

/// Requests whose one access has keys.
macro_rules! keyed {
    ($($message:ident $operation:ident |$request:ident, $asking:ident| $resource:expr, |$access:ident| $keyed:expr;)+) => {
        $(impl Asks for $message {
            const OPERATION: Operation = Operation::$operation;

            fn resource(&self, $asking: &Asking) -> Named {
                let $request = self;
                $resource
            }

            fn accesses(&self, asking: &Asking) -> Accesses {
                let $request = self;
                let $access = Access::of(Self::OPERATION, self.resource(asking));
                $keyed
            }
        })+
    };
}

keyed! {
    CreateUserRequest CreateUser
        |request, asking| asking.new_principal("user", &request.path, &request.user_name),
        |access| {
            let tagging = Access::tagging("iam:TagUser", &access.resource, &request.tags);
            // Whoever says which certificates are a user's is that user.
            let named = (!request.identities.is_empty())
                .then(|| Access::of(Operation::SetUserIdentities, access.resource.clone()));
            let access = bounded(access.with_tags(&request.tags), &request.permissions_boundary);
            Accesses::one(access).and(tagging).and(named)
        };
    CreateRoleRequest CreateRole
        |request, asking| asking.new_principal("role", &request.path, &request.role_name),
        |access| {
            let tagging = Access::tagging("iam:TagRole", &access.resource, &request.tags);
            Accesses::one(bounded(access.with_tags(&request.tags), &request.permissions_boundary)).and(tagging)
        };
    UpdateUserRequest UpdateUser
        |request, asking| asking.user(&request.user_name),
        |access| updated(access, request.permissions_boundary.as_deref(), [
            "iam:PutUserPermissionsBoundary", "iam:DeleteUserPermissionsBoundary",
        ]);
    UpdateRoleRequest UpdateRole
        |request, asking| asking.role(&request.role_name),
        |access| updated(access, request.permissions_boundary.as_deref(), [
            "iam:PutRolePermissionsBoundary", "iam:DeleteRolePermissionsBoundary",
        ]);
    AttachUserPolicyRequest AttachUserPolicy
        |request, asking| asking.user(&request.user_name),
        |access| Accesses::one(access.with_text(POLICY, &one(&request.policy_arn)));
    DetachUserPolicyRequest DetachUserPolicy
        |request, asking| asking.user(&request.user_name),
        |access| Accesses::one(access.with_text(POLICY, &one(&request.policy_arn)));
    AttachRolePolicyRequest AttachRolePolicy
        |request, asking| asking.role(&request.role_name),
        |access| Accesses::one(access.with_text(POLICY, &one(&request.policy_arn)));
    DetachRolePolicyRequest DetachRolePolicy
        |request, asking| asking.role(&request.role_name),
        |access| Accesses::one(access.with_text(POLICY, &one(&request.policy_arn)));
    TagUserRequest TagUser
        |request, asking| asking.user(&request.user_name),
        |access| Accesses::one(access.with_tags(&request.tags));
    TagRoleRequest TagRole
        |request, asking| asking.role(&request.role_name),
        |access| Accesses::one(access.with_tags(&request.tags));
    UntagUserRequest UntagUser
        |request, asking| asking.user(&request.user_name),
        |access| Accesses::one(access.with_tags(&keys(&request.tag_keys)));
    UntagRoleRequest UntagRole
        |request, asking| asking.role(&request.role_name),
        |access| Accesses::one(access.with_tags(&keys(&request.tag_keys)));
}

fn bounded(access: Access, boundary: &str) -> Access {
    if boundary.is_empty() { access } else { access.with_text(BOUNDARY, &one(boundary)) }
}

/// To set or remove a boundary is a right of its own in IAM, and is one here: who may edit descriptions may not lift it.
fn updated(access: Access, boundary: Option<&str>, [put, delete]: [&'static str; 2]) -> Accesses {
    let Some(boundary) = boundary else { return Accesses::one(access) };
    let action = if boundary.is_empty() { delete } else { put };
    let more = bounded(Access::to(action, access.resource.clone()), boundary);
    Accesses::one(bounded(access, boundary)).and([more])
}

/// The one text of an ARN; of what is none, its beginning.
fn one(text: &str) -> String {
    let cut = |_| text.chars().take(ARN_LIMIT_CHARS).collect();
    PolicyArn::parse("PolicyArn", text).map_or_else(cut, |arn| arn.to_string())
}

/// `aws:TagKeys` has the keys; their tags have no value.
fn keys(keys: &[String]) -> BTreeMap<String, String> {
    keys.iter().take(TAGS_LIMIT_COUNT + 1).map(|key| (key.clone(), String::new())).collect()
}
