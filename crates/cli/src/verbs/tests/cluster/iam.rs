//! Users, roles, policies and the organisation, as they are made up.

use bascule_api::iam::v1::access_keys_server::AccessKeys;
use bascule_api::iam::v1::organizations_server::Organizations;
use bascule_api::iam::v1::policies_server::Policies;
use bascule_api::iam::v1::roles_server::Roles;
use bascule_api::iam::v1::users_server::Users;
use bascule_api::iam::v1::*;
use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_api::time::timestamp;
use bascule_api::v1::Secret;
use bascule_model::time::Millis;
use tonic::{Request, Response, Status};

use super::{Fake, document, gone, page};

const PUBLISHER: &str = "arn:aws:iam::aws:policy/BasculePublisher";
const SAYS: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"events:PutEvents","Resource":"*"}]}"#;
const SCP: &str = "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess";

fn inline() -> Vec<InlinePolicy> {
    vec![InlinePolicy { policy_name: "own".into(), policy_document: SAYS.into() }]
}

fn user(name: impl Into<String>) -> User {
    let name = name.into();
    User {
        arn: format!("arn:aws:iam::000000000001:user/{name}"),
        user_name: name,
        path: "/".into(),
        identities: vec!["spiffe://shop/orders".into()],
        ..Default::default()
    }
}

fn held(name: String) -> User {
    let attached_policy_arns = vec![PUBLISHER.into()];
    User { inline_policies: inline(), attached_policy_arns, tags: [("team".into(), "a".into())].into(), ..user(name) }
}

fn denied() -> Status {
    Refusal::new(Reason::AccessDenied, "no statement allows iam:AttachUserPolicy").to_status()
}

answers! { Users:
    create_user(CreateUserRequest) -> CreateUserResponse = |it| with!(CreateUserResponse user: (!it.validate_only).then(|| user(it.user_name)), control_index: 7);
    get_user(GetUserRequest) -> GetUserResponse = |it| gone("user", &it.user_name.clone(), GetUserResponse { user: Some(held(it.user_name)) });
    list_users(ListUsersRequest) -> ListUsersResponse = |it| {
        let (users, next_page_token) = page(&it.page_token, user);
        Ok(ListUsersResponse { users, next_page_token })
    };
    update_user(UpdateUserRequest) -> UpdateUserResponse = |it| with!(UpdateUserResponse user: Some(user(it.user_name)), control_index: 7);
    delete_user(DeleteUserRequest) -> DeleteUserResponse = |it| gone("user", &it.user_name, DeleteUserResponse { control_index: 7 });
    set_user_identities(SetUserIdentitiesRequest) -> SetUserIdentitiesResponse = |it| with!(SetUserIdentitiesResponse user: Some(User { identities: it.identities, ..user(it.user_name) }), control_index: 7);
    put_user_policy(PutUserPolicyRequest) -> PutUserPolicyResponse = |it| document("policy_document", &it.policy_document, PutUserPolicyResponse { control_index: 7 });
    delete_user_policy(DeleteUserPolicyRequest) -> DeleteUserPolicyResponse = |it| gone("policy", &it.policy_name, DeleteUserPolicyResponse { control_index: 7 });
    attach_user_policy(AttachUserPolicyRequest) -> AttachUserPolicyResponse = |it| match it.policy_arn.ends_with("Administrator") {
        true => Err(denied()),
        false => with!(AttachUserPolicyResponse control_index: 8),
    };
    detach_user_policy(DetachUserPolicyRequest) -> DetachUserPolicyResponse = |it| gone("user", &it.user_name, DetachUserPolicyResponse { control_index: 7 });
    tag_user(TagUserRequest) -> TagUserResponse = |_| with!(TagUserResponse control_index: 7);
    untag_user(UntagUserRequest) -> UntagUserResponse = |_| with!(UntagUserResponse control_index: 7);
}

/// The secret of every key.
const SECRET: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ/+12";

/// A key of the user, who is the caller if no name is given.
fn key(user: String, id: impl Into<String>) -> AccessKey {
    let user_name = if user.is_empty() { "me".to_owned() } else { user };
    AccessKey {
        user_name,
        access_key_id: id.into(),
        status: AccessKeyStatus::Active.into(),
        creation_time: Some(timestamp(Millis(1_790_000_000_000))),
    }
}

answers! { AccessKeys:
    create_access_key(CreateAccessKeyRequest) -> CreateAccessKeyResponse = |it| match it.user_name.as_str() {
        "full" => Err(Refusal::new(Reason::LimitExceeded, "access keys of a user would be `3`, the limit is 2").to_status()),
        _ => {
            let (made, late) = (!it.validate_only, it.request_id == "late");
            let secret = (made && !late).then(|| Secret { value: SECRET.into() });
            let made = made.then(|| key(it.user_name, "AKIA234567ABCDEFGHIJ"));
            with!(CreateAccessKeyResponse access_key: made, secret_access_key: secret, control_index: 7)
        }
    };
    list_access_keys(ListAccessKeysRequest) -> ListAccessKeysResponse = |it| {
        let (ids, next_page_token) = page(&it.page_token, str::to_owned);
        let access_keys = ids.into_iter().map(|id| key(it.user_name.clone(), id)).collect();
        gone("user", &it.user_name, ListAccessKeysResponse { access_keys, next_page_token })
    };
    update_access_key(UpdateAccessKeyRequest) -> UpdateAccessKeyResponse = |it| {
        let changed = AccessKey { status: it.status, ..key(it.user_name, it.access_key_id.clone()) };
        gone("access key", &it.access_key_id, UpdateAccessKeyResponse { access_key: Some(changed), control_index: 7 })
    };
    delete_access_key(DeleteAccessKeyRequest) -> DeleteAccessKeyResponse = |it| gone("access key", &it.access_key_id, DeleteAccessKeyResponse { control_index: 7 });
}

fn role(name: impl Into<String>) -> Role {
    let name = name.into();
    Role {
        arn: format!("arn:aws:iam::000000000001:role/{name}"),
        role_name: name,
        path: "/".into(),
        assume_role_policy_document: SAYS.into(),
        max_session_duration_seconds: 3_600,
        ..Default::default()
    }
}

fn trusting(name: String, document: String) -> Role {
    Role { assume_role_policy_document: document, ..role(name) }
}

answers! { Roles:
    create_role(CreateRoleRequest) -> CreateRoleResponse = |it| {
        let made = (!it.validate_only).then(|| trusting(it.role_name, it.assume_role_policy_document.clone()));
        document("assume_role_policy_document", &it.assume_role_policy_document, CreateRoleResponse { role: made, control_index: 7 })
    };
    get_role(GetRoleRequest) -> GetRoleResponse = |it| gone("role", &it.role_name.clone(), GetRoleResponse { role: Some(Role { inline_policies: inline(), ..role(it.role_name) }) });
    list_roles(ListRolesRequest) -> ListRolesResponse = |it| {
        let (roles, next_page_token) = page(&it.page_token, role);
        Ok(ListRolesResponse { roles, next_page_token })
    };
    update_role(UpdateRoleRequest) -> UpdateRoleResponse = |it| with!(UpdateRoleResponse role: Some(role(it.role_name)), control_index: 7);
    update_assume_role_policy(UpdateAssumeRolePolicyRequest) -> UpdateAssumeRolePolicyResponse = |it| with!(UpdateAssumeRolePolicyResponse role: Some(trusting(it.role_name, it.assume_role_policy_document)), control_index: 7);
    revoke_role_sessions(RevokeRoleSessionsRequest) -> RevokeRoleSessionsResponse = |it| gone("role", &it.role_name.clone(), RevokeRoleSessionsResponse { role: Some(role(it.role_name)), control_index: 7 });
    delete_role(DeleteRoleRequest) -> DeleteRoleResponse = |it| gone("role", &it.role_name, DeleteRoleResponse { control_index: 7 });
    put_role_policy(PutRolePolicyRequest) -> PutRolePolicyResponse = |it| document("policy_document", &it.policy_document, PutRolePolicyResponse { control_index: 7 });
    delete_role_policy(DeleteRolePolicyRequest) -> DeleteRolePolicyResponse = |it| gone("policy", &it.policy_name, DeleteRolePolicyResponse { control_index: 7 });
    attach_role_policy(AttachRolePolicyRequest) -> AttachRolePolicyResponse = |_| with!(AttachRolePolicyResponse control_index: 7);
    detach_role_policy(DetachRolePolicyRequest) -> DetachRolePolicyResponse = |it| gone("role", &it.role_name, DetachRolePolicyResponse { control_index: 7 });
    tag_role(TagRoleRequest) -> TagRoleResponse = |_| with!(TagRoleResponse control_index: 7);
    untag_role(UntagRoleRequest) -> UntagRoleResponse = |_| with!(UntagRoleResponse control_index: 7);
}

fn policy(name: impl Into<String>) -> Policy {
    let name = name.into();
    Policy {
        arn: format!("arn:aws:iam::000000000001:policy/{name}"),
        policy_name: name,
        path: "/".into(),
        default_version_id: "v2".into(),
        attachment_count: 2,
        ..Default::default()
    }
}

fn version(id: &str, in_force: bool) -> PolicyVersion {
    PolicyVersion { version_id: id.into(), is_default_version: in_force, document: SAYS.into(), creation_time: None }
}

answers! { Policies:
    create_policy(CreatePolicyRequest) -> CreatePolicyResponse = |it| {
        let made = (!it.validate_only).then(|| policy(it.policy_name));
        document("policy_document", &it.policy_document, CreatePolicyResponse { policy: made, control_index: 7 })
    };
    get_policy(GetPolicyRequest) -> GetPolicyResponse = |it| {
        let name = it.policy_arn.rsplit('/').next().unwrap_or_default().to_owned();
        let versions = vec![version("v1", false), version("v2", true)];
        let found = Policy { versions, policy_document: SAYS.into(), ..policy(name.clone()) };
        gone("policy", &name, GetPolicyResponse { policy: Some(found) })
    };
    list_policies(ListPoliciesRequest) -> ListPoliciesResponse = |it| {
        let shipped = |name: &str| Policy { shipped: name == "one", ..policy(name) };
        let (policies, next_page_token) = page(&it.page_token, shipped);
        Ok(ListPoliciesResponse { policies, next_page_token })
    };
    delete_policy(DeletePolicyRequest) -> DeletePolicyResponse = |it| match it.policy_arn.ends_with("/busy") {
        true => Err(Refusal::new(Reason::InvalidState, "the policy is attached to 2 users").with_resource("policy", it.policy_arn).to_status()),
        false => with!(DeletePolicyResponse control_index: 7),
    };
    create_policy_version(CreatePolicyVersionRequest) -> CreatePolicyVersionResponse = |it| {
        let made = (!it.validate_only).then(|| version("v3", it.set_as_default));
        document("policy_document", &it.policy_document, CreatePolicyVersionResponse { policy_version: made, control_index: 7 })
    };
    delete_policy_version(DeletePolicyVersionRequest) -> DeletePolicyVersionResponse = |_| with!(DeletePolicyVersionResponse control_index: 7);
    set_default_policy_version(SetDefaultPolicyVersionRequest) -> SetDefaultPolicyVersionResponse = |_| with!(SetDefaultPolicyVersionResponse control_index: 7);
}

fn organization() -> Organization {
    Organization {
        id: "o-abcdefghij".into(),
        root_id: "r-root".into(),
        management_account_id: "000000000001".into(),
        attached_policy_arns: vec![SCP.into()],
        ..Default::default()
    }
}

/// `one` stands below the root, `two` below `one`.
fn unit(id: impl Into<String>) -> OrganizationalUnit {
    let id = id.into();
    let parent = if id == "two" { "one" } else { "r-root" };
    OrganizationalUnit { name: format!("name-{id}"), id, parent_id: parent.into(), ..Default::default() }
}

fn account(id: impl Into<String>) -> Account {
    Account {
        id: id.into(),
        name: "shop".into(),
        parent_id: "two".into(),
        state: AccountState::Active.into(),
        ..Default::default()
    }
}

fn control(name: impl Into<String>, kind: i32) -> ControlPolicy {
    let name = name.into();
    ControlPolicy { arn: format!("arn:c:{name}"), name, r#type: kind, ..Default::default() }
}

answers! { Organizations:
    describe_organization(DescribeOrganizationRequest) -> DescribeOrganizationResponse = |_| with!(DescribeOrganizationResponse organization: Some(organization()));
    create_organizational_unit(CreateOrganizationalUnitRequest) -> CreateOrganizationalUnitResponse = |it| {
        let made = OrganizationalUnit { name: it.name, parent_id: it.parent_id, ..unit("ou-root-abcdefgh") };
        with!(CreateOrganizationalUnitResponse organizational_unit: (!it.validate_only).then_some(made), control_index: 7)
    };
    update_organizational_unit(UpdateOrganizationalUnitRequest) -> UpdateOrganizationalUnitResponse = |it| with!(UpdateOrganizationalUnitResponse organizational_unit: Some(OrganizationalUnit { name: it.name, ..unit(it.organizational_unit_id) }), control_index: 7);
    delete_organizational_unit(DeleteOrganizationalUnitRequest) -> DeleteOrganizationalUnitResponse = |it| gone("organizational unit", &it.organizational_unit_id, DeleteOrganizationalUnitResponse { control_index: 7 });
    list_organizational_units(ListOrganizationalUnitsRequest) -> ListOrganizationalUnitsResponse = |it| {
        let (organizational_units, next_page_token) = page(&it.page_token, unit);
        Ok(ListOrganizationalUnitsResponse { organizational_units, next_page_token })
    };
    create_account(CreateAccountRequest) -> CreateAccountResponse = |it| with!(CreateAccountResponse account: (!it.validate_only).then(|| account(it.account_id)), control_index: 7);
    describe_account(DescribeAccountRequest) -> DescribeAccountResponse = |it| gone("account", &it.account_id.clone(), DescribeAccountResponse { account: Some(account(it.account_id)) });
    list_accounts(ListAccountsRequest) -> ListAccountsResponse = |it| {
        let (accounts, next_page_token) = page(&it.page_token, account);
        Ok(ListAccountsResponse { accounts, next_page_token })
    };
    move_account(MoveAccountRequest) -> MoveAccountResponse = |it| with!(MoveAccountResponse account: Some(Account { parent_id: it.parent_id, ..account(it.account_id) }), control_index: 7);
    close_account(CloseAccountRequest) -> CloseAccountResponse = |it| with!(CloseAccountResponse account: Some(Account { state: AccountState::Closed.into(), ..account(it.account_id) }), control_index: 7);
    reopen_account(ReopenAccountRequest) -> ReopenAccountResponse = |it| with!(ReopenAccountResponse account: Some(account(it.account_id)), control_index: 7);
    create_control_policy(CreateControlPolicyRequest) -> CreateControlPolicyResponse = |it| {
        let made = (!it.validate_only).then(|| control(it.name, it.r#type));
        document("content", &it.content, CreateControlPolicyResponse { policy: made, control_index: 7 })
    };
    update_control_policy(UpdateControlPolicyRequest) -> UpdateControlPolicyResponse = |it| document("content", &it.content, UpdateControlPolicyResponse { policy: Some(control("limits", 1)), control_index: 7 });
    describe_control_policy(DescribeControlPolicyRequest) -> DescribeControlPolicyResponse = |it| gone("policy", &it.policy_arn, DescribeControlPolicyResponse { policy: Some(ControlPolicy { content: SAYS.into(), ..control("limits", 1) }) });
    list_control_policies(ListControlPoliciesRequest) -> ListControlPoliciesResponse = |it| {
        let (policies, next_page_token) = page(&it.page_token, |name| control(name, it.r#type));
        Ok(ListControlPoliciesResponse { policies, next_page_token })
    };
    delete_control_policy(DeleteControlPolicyRequest) -> DeleteControlPolicyResponse = |it| gone("policy", &it.policy_arn, DeleteControlPolicyResponse { control_index: 7 });
    attach_control_policy(AttachControlPolicyRequest) -> AttachControlPolicyResponse = |_| with!(AttachControlPolicyResponse control_index: 7);
    detach_control_policy(DetachControlPolicyRequest) -> DetachControlPolicyResponse = |it| match it.target_id.as_str() {
        "last" => Err(Refusal::new(Reason::InvalidState, "it is the last service control policy of `last`").to_status()),
        _ => with!(DetachControlPolicyResponse control_index: 7),
    };
}
