//! Users and roles as records.

use bascule_api::iam::v1::{InlinePolicy, Role, User};

use crate::output::record::{Item, Record};
use crate::output::{Part, View, document};

fn inline(policies: &[InlinePolicy]) -> Vec<Item> {
    let one = |it: &InlinePolicy| {
        Record::new().text("PolicyName", &it.policy_name).text("PolicyDocument", &it.policy_document)
    };
    policies.iter().map(|it| Item::Record(one(it))).collect()
}

fn below(policies: &[InlinePolicy]) -> impl Iterator<Item = Part> {
    policies.iter().map(|it| document::below(&format!("inline policy `{}`:", it.policy_name), &it.policy_document))
}

fn about_user(user: &User) -> Record {
    Record::new()
        .text("UserName", &user.user_name)
        .text("Arn", &user.arn)
        .text("Path", &user.path)
        .text("Description", &user.description)
        .texts("Identities", &user.identities)
        .text("PermissionsBoundary", &user.permissions_boundary)
        .texts("AttachedPolicyArns", &user.attached_policy_arns)
        .map("Tags", &user.tags)
        .time("CreationTime", user.creation_time.as_ref().map(|time| time.seconds))
        .time("LastModifiedTime", user.last_modified_time.as_ref().map(|time| time.seconds))
}

/// Everything about a user.
pub fn user(user: &User) -> Record {
    about_user(user).list("InlinePolicies", inline(&user.inline_policies))
}

/// A user with its documents.
pub fn one_user(it: &User) -> View {
    let mut parts = vec![Part::Fields(about_user(it).flat())];
    parts.extend(below(&it.inline_policies));
    View::new(parts, user(it))
}

/// A list of users.
pub fn users(users: &[User]) -> View {
    let columns = [
        ("NAME", "UserName"),
        ("PATH", "Path"),
        ("IDENTITIES", "Identities"),
        ("POLICIES", "AttachedPolicyArns"),
        ("CREATED", "CreationTime"),
    ];
    let more = [
        ("BOUNDARY", "PermissionsBoundary"),
        ("DESCRIPTION", "Description"),
        ("CHANGED", "LastModifiedTime"),
        ("ARN", "Arn"),
    ];
    View::list("Users", users.iter().map(user).collect(), &columns, &more, "no users")
}

fn about_role(role: &Role) -> Record {
    Record::new()
        .text("RoleName", &role.role_name)
        .text("Arn", &role.arn)
        .text("Path", &role.path)
        .text("Description", &role.description)
        .number("MaxSessionDuration", u64::from(role.max_session_duration_seconds))
        .text("PermissionsBoundary", &role.permissions_boundary)
        .texts("AttachedPolicyArns", &role.attached_policy_arns)
        .map("Tags", &role.tags)
        .time("SessionsRevokedBeforeTime", role.sessions_revoked_before_time.as_ref().map(|time| time.seconds))
        .time("CreationTime", role.creation_time.as_ref().map(|time| time.seconds))
        .time("LastModifiedTime", role.last_modified_time.as_ref().map(|time| time.seconds))
}

/// Everything about a role.
pub fn role(role: &Role) -> Record {
    about_role(role)
        .text("AssumeRolePolicyDocument", &role.assume_role_policy_document)
        .list("InlinePolicies", inline(&role.inline_policies))
}

/// A role with its documents.
pub fn one_role(it: &Role) -> View {
    let mut parts = vec![Part::Fields(about_role(it).flat())];
    if !it.assume_role_policy_document.is_empty() {
        parts.push(document::below("it may be assumed by:", &it.assume_role_policy_document));
    }
    parts.extend(below(&it.inline_policies));
    View::new(parts, role(it))
}

/// A list of roles.
pub fn roles(roles: &[Role]) -> View {
    let columns = [
        ("NAME", "RoleName"),
        ("PATH", "Path"),
        ("SESSION S", "MaxSessionDuration"),
        ("POLICIES", "AttachedPolicyArns"),
        ("CREATED", "CreationTime"),
    ];
    let more = [
        ("BOUNDARY", "PermissionsBoundary"),
        ("REVOKED BEFORE", "SessionsRevokedBeforeTime"),
        ("DESCRIPTION", "Description"),
        ("CHANGED", "LastModifiedTime"),
        ("ARN", "Arn"),
    ];
    View::list("Roles", roles.iter().map(role).collect(), &columns, &more, "no roles")
}
