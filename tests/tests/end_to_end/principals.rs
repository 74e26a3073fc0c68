//! Users, roles and managed policies, as their administrator makes, looks at and deletes them.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use bascule_api::iam::v1::{
    AttachRolePolicyRequest, AttachUserPolicyRequest, CreatePolicyRequest, CreatePolicyVersionRequest,
    CreateRoleRequest, CreateUserRequest, DeletePolicyRequest, DeletePolicyVersionRequest, DeleteRolePolicyRequest,
    DeleteRoleRequest, DeleteUserPolicyRequest, DeleteUserRequest, DetachUserPolicyRequest, GetPolicyRequest,
    GetRoleRequest, GetUserRequest, InlinePolicy, ListPoliciesRequest, ListRolesRequest, ListUsersRequest, Policy,
    PolicyScope, PutRolePolicyRequest, PutUserPolicyRequest, RevokeRoleSessionsRequest, Role,
    SetDefaultPolicyVersionRequest, SetUserIdentitiesRequest, TagRoleRequest, TagUserRequest, UntagRoleRequest,
    UntagUserRequest, UpdateAssumeRolePolicyRequest, UpdateRoleRequest, UpdateUserRequest, User,
};
use bascule_api::status::Refusal;
use bascule_tests::Outcome;
use bascule_tests::client::{Client, reason};
use bascule_tests::daemon::{Daemon, Options};
use tonic::{Response, Status};

const PUBLISHER: &str = "arn:aws:iam::aws:policy/BasculePublisher";
const OWN: &str = "arn:aws:iam::000000000000:policy/team/Own";
const ALLOW: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"events:PutEvents","Resource":"*"}]}"#;
const DENY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"events:PutEvents","Resource":"*"}]}"#;
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"000000000000"}}]}"#;

fn text(text: &str) -> String {
    text.to_owned()
}

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| (text(key), text(value))).collect()
}

/// Reason and field of what was refused.
fn refused<T>(answer: Result<Response<T>, Status>) -> (String, String) {
    let Err(status) = answer else { return (text("taken"), String::new()) };
    let field = Refusal::from_status(&status).ok().and_then(|refusal| refusal.fields.into_iter().next());
    (reason(&status), field.map(|field| field.subject).unwrap_or_default())
}

fn is(code: &str, field: &str) -> (String, String) {
    (text(code), text(field))
}

fn new_user(name: &str) -> CreateUserRequest {
    CreateUserRequest { user_name: text(name), ..CreateUserRequest::default() }
}

fn new_role(name: &str) -> CreateRoleRequest {
    CreateRoleRequest {
        role_name: text(name),
        assume_role_policy_document: text(TRUST),
        ..CreateRoleRequest::default()
    }
}

fn new_policy(name: &str) -> CreatePolicyRequest {
    CreatePolicyRequest { policy_name: text(name), policy_document: text(ALLOW), ..CreatePolicyRequest::default() }
}

async fn own_policy(client: &Client) -> Outcome {
    let request = CreatePolicyRequest { path: text("/team/"), ..new_policy("Own") };
    client.session().policies().create_policy(request).await?;
    Ok(())
}

async fn user(client: &Client, name: &str) -> Result<User, String> {
    let request = GetUserRequest { user_name: text(name), ..GetUserRequest::default() };
    let answer = client.session().users().get_user(request).await.map_err(|status| reason(&status))?;
    answer.into_inner().user.ok_or_else(|| text("an answer without the user"))
}

async fn role(client: &Client, name: &str) -> Result<Role, String> {
    let request = GetRoleRequest { role_name: text(name), ..GetRoleRequest::default() };
    let answer = client.session().roles().get_role(request).await.map_err(|status| reason(&status))?;
    answer.into_inner().role.ok_or_else(|| text("an answer without the role"))
}

async fn policy(client: &Client, arn: &str) -> Result<Policy, String> {
    let request = GetPolicyRequest { policy_arn: text(arn), ..GetPolicyRequest::default() };
    let answer = client.session().policies().get_policy(request).await.map_err(|status| reason(&status))?;
    answer.into_inner().policy.ok_or_else(|| text("an answer without the policy"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_made_changed_and_kept() -> Outcome {
    let mut daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    own_policy(&client).await?;
    let users = client.session().users();
    let request = CreateUserRequest {
        path: text("/team/a/"),
        description: text("takes orders"),
        permissions_boundary: text(OWN),
        tags: tags(&[("team", "shop"), ("tier", "1")]),
        identities: vec![text("spiffe://shop.test/orders"), text("dns:orders.shop.test")],
        ..new_user("Orders")
    };
    let made = users.clone().create_user(request).await?.into_inner();
    let made = made.user.context("an answer without the user")?;
    assert_eq!(made.arn, "arn:aws:iam::000000000000:user/team/a/Orders");
    assert_eq!(user(&client, "Orders").await, Ok(made.clone()));
    assert_eq!(user(&client, "orders").await, Err(text("RESOURCE_NOT_FOUND")));

    let name = || text("Orders");
    let update = UpdateUserRequest {
        user_name: name(),
        description: Some(String::new()),
        permissions_boundary: Some(String::new()),
        ..UpdateUserRequest::default()
    };
    users.clone().update_user(update).await?;
    let identities = vec![text("uri:urn:orders"), text("dns:orders.shop.test")];
    let set = SetUserIdentitiesRequest { user_name: name(), identities, ..SetUserIdentitiesRequest::default() };
    users.clone().set_user_identities(set).await?;
    for (policy_name, document) in [("b", ALLOW), ("a", ALLOW), ("b", DENY)] {
        let put = PutUserPolicyRequest {
            user_name: name(),
            policy_name: text(policy_name),
            policy_document: text(document),
            ..PutUserPolicyRequest::default()
        };
        users.clone().put_user_policy(put).await?;
    }
    for policy_arn in [PUBLISHER, OWN, OWN] {
        let policy_arn = text(policy_arn);
        let attach = AttachUserPolicyRequest { user_name: name(), policy_arn, ..AttachUserPolicyRequest::default() };
        users.clone().attach_user_policy(attach).await?;
    }
    let set = TagUserRequest { user_name: name(), tags: tags(&[("tier", "2")]), ..TagUserRequest::default() };
    users.clone().tag_user(set).await?;
    let gone = UntagUserRequest { user_name: name(), tag_keys: vec![text("team")], ..UntagUserRequest::default() };
    users.clone().untag_user(gone).await?;

    daemon.restart()?;
    let client = Client::operator(&daemon).await?;
    let found = user(&client, "Orders").await.map_err(anyhow::Error::msg)?;
    let inline = |name: &str, document: &str| InlinePolicy { policy_name: text(name), policy_document: text(document) };
    let expected = User {
        description: String::new(),
        permissions_boundary: String::new(),
        identities: vec![text("dns:orders.shop.test"), text("uri:urn:orders")],
        inline_policies: vec![inline("a", ALLOW), inline("b", DENY)],
        attached_policy_arns: vec![text(OWN), text(PUBLISHER)],
        tags: tags(&[("tier", "2")]),
        last_modified_time: found.last_modified_time,
        ..made
    };
    assert_eq!(found, expected);
    assert_eq!(policy(&client, OWN).await.map(|own| own.attachment_count), Ok(1));
    a_user_goes(&client, name()).await
}

async fn a_user_goes(client: &Client, name: String) -> Outcome {
    let users = client.session().users();
    let drop = |policy: &str| DeleteUserPolicyRequest {
        user_name: name.clone(),
        policy_name: text(policy),
        ..DeleteUserPolicyRequest::default()
    };
    users.clone().delete_user_policy(drop("a")).await?;
    assert_eq!(refused(users.clone().delete_user_policy(drop("a")).await).0, "RESOURCE_NOT_FOUND");
    let detach = DetachUserPolicyRequest {
        user_name: name.clone(),
        policy_arn: text(PUBLISHER),
        ..DetachUserPolicyRequest::default()
    };
    users.clone().detach_user_policy(detach.clone()).await?;
    assert_eq!(refused(users.clone().detach_user_policy(detach).await).0, "RESOURCE_NOT_FOUND");
    let own = DeletePolicyRequest { policy_arn: text(OWN), ..DeletePolicyRequest::default() };
    assert_eq!(refused(client.session().policies().delete_policy(own.clone()).await).0, "INVALID_STATE");
    let gone = DeleteUserRequest { user_name: name.clone(), ..DeleteUserRequest::default() };
    users.clone().delete_user(gone.clone()).await?;
    assert_eq!(refused(users.clone().delete_user(gone).await).0, "RESOURCE_NOT_FOUND");
    // What it held is held by nobody, and its identities are free.
    client.session().policies().delete_policy(own).await?;
    let again = CreateUserRequest { identities: vec![text("uri:urn:orders")], ..new_user("second") };
    users.clone().create_user(again).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_made_changed_and_goes() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let roles = client.session().roles();
    let request = CreateRoleRequest { path: text("/x/"), tags: tags(&[("a", "1")]), ..new_role("carry") };
    let made = roles.clone().create_role(request).await?.into_inner().role.context("an answer without the role")?;
    assert_eq!(made.arn, "arn:aws:iam::000000000000:role/x/carry");
    assert_eq!((made.max_session_duration_seconds, made.sessions_revoked_before_time), (3_600, None));
    assert_eq!(role(&client, "carry").await, Ok(made.clone()));

    let name = || text("carry");
    let update = UpdateRoleRequest {
        role_name: name(),
        description: Some(text("carries")),
        max_session_duration_seconds: Some(43_200),
        permissions_boundary: Some(text(PUBLISHER)),
        ..UpdateRoleRequest::default()
    };
    roles.clone().update_role(update).await?;
    let trust = TRUST.replace("000000000000", "111122223333");
    let request = UpdateAssumeRolePolicyRequest {
        role_name: name(),
        assume_role_policy_document: trust.clone(),
        ..UpdateAssumeRolePolicyRequest::default()
    };
    roles.clone().update_assume_role_policy(request).await?;
    let put = PutRolePolicyRequest {
        role_name: name(),
        policy_name: text("own"),
        policy_document: text(ALLOW),
        ..PutRolePolicyRequest::default()
    };
    roles.clone().put_role_policy(put).await?;
    let attach = AttachRolePolicyRequest { role_name: name(), policy_arn: text(PUBLISHER), ..Default::default() };
    roles.clone().attach_role_policy(attach).await?;
    let set = TagRoleRequest { role_name: name(), tags: tags(&[("b", "2")]), ..TagRoleRequest::default() };
    roles.clone().tag_role(set).await?;
    let gone = UntagRoleRequest { role_name: name(), tag_keys: vec![text("a")], ..UntagRoleRequest::default() };
    roles.clone().untag_role(gone).await?;
    let revoke = RevokeRoleSessionsRequest { role_name: name(), request_id: text("once"), ..Default::default() };
    let revoked = roles.clone().revoke_role_sessions(revoke.clone()).await?.into_inner();
    let before = revoked.role.and_then(|role| role.sessions_revoked_before_time);
    ensure!(before.is_some(), "no session was revoked");
    // A repeat at a later time is the same request.
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let repeated = roles.clone().revoke_role_sessions(revoke).await?.into_inner();
    assert_eq!(repeated.control_index, revoked.control_index);

    let found = role(&client, "carry").await.map_err(anyhow::Error::msg)?;
    let own = InlinePolicy { policy_name: text("own"), policy_document: text(ALLOW) };
    let expected = Role {
        description: text("carries"),
        max_session_duration_seconds: 43_200,
        permissions_boundary: text(PUBLISHER),
        assume_role_policy_document: trust,
        inline_policies: vec![own],
        attached_policy_arns: vec![text(PUBLISHER)],
        tags: tags(&[("b", "2")]),
        sessions_revoked_before_time: before,
        last_modified_time: found.last_modified_time,
        ..made
    };
    assert_eq!(found, expected);
    let drop = DeleteRolePolicyRequest { role_name: name(), policy_name: text("own"), ..Default::default() };
    roles.clone().delete_role_policy(drop).await?;
    roles.clone().delete_role(DeleteRoleRequest { role_name: name(), ..DeleteRoleRequest::default() }).await?;
    assert_eq!(role(&client, "carry").await, Err(text("RESOURCE_NOT_FOUND")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_has_versions() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    own_policy(&client).await?;
    let policies = client.session().policies();
    let add = |document: &str, set_as_default| CreatePolicyVersionRequest {
        policy_arn: text(OWN),
        policy_document: text(document),
        set_as_default,
        ..CreatePolicyVersionRequest::default()
    };
    let second = policies.clone().create_policy_version(add(DENY, false)).await?.into_inner();
    assert_eq!(second.policy_version.map(|one| (one.version_id, one.is_default_version)), Some((text("v2"), false)));
    let now = policy(&client, OWN).await.map_err(anyhow::Error::msg)?;
    assert_eq!((now.default_version_id.as_str(), now.policy_document.as_str()), ("v1", ALLOW));
    let set = |id: &str| SetDefaultPolicyVersionRequest {
        policy_arn: text(OWN),
        version_id: text(id),
        ..SetDefaultPolicyVersionRequest::default()
    };
    policies.clone().set_default_policy_version(set("v2")).await?;
    let drop = |id: &str| DeletePolicyVersionRequest {
        policy_arn: text(OWN),
        version_id: text(id),
        ..DeletePolicyVersionRequest::default()
    };
    assert_eq!(refused(policies.clone().delete_policy_version(drop("v2")).await).0, "INVALID_STATE");
    policies.clone().delete_policy_version(drop("v1")).await?;
    assert_eq!(refused(policies.clone().delete_policy_version(drop("v1")).await).0, "RESOURCE_NOT_FOUND");
    assert_eq!(
        refused(policies.clone().set_default_policy_version(set("v01")).await),
        is("VALIDATION_FAILED", "VersionId")
    );
    for _ in 0..4 {
        policies.clone().create_policy_version(add(ALLOW, true)).await?;
    }
    assert_eq!(refused(policies.clone().create_policy_version(add(ALLOW, true)).await).0, "LIMIT_EXCEEDED");
    let now = policy(&client, OWN).await.map_err(anyhow::Error::msg)?;
    let ids: Vec<&str> = now.versions.iter().map(|version| version.version_id.as_str()).collect();
    assert_eq!((ids, now.default_version_id.as_str()), (vec!["v2", "v3", "v4", "v5", "v6"], "v6"));
    // Another path is another ARN, and leads to nothing.
    let wrong = "arn:aws:iam::000000000000:policy/Own";
    assert_eq!(policy(&client, wrong).await, Err(text("RESOURCE_NOT_FOUND")));
    let gone = |arn: &str| DeletePolicyRequest { policy_arn: text(arn), ..DeletePolicyRequest::default() };
    assert_eq!(refused(policies.clone().delete_policy(gone(wrong)).await).0, "RESOURCE_NOT_FOUND");
    assert_eq!(refused(policies.clone().delete_policy(gone(PUBLISHER)).await), is("VALIDATION_FAILED", "PolicyArn"));
    let shipped = policy(&client, PUBLISHER).await.map_err(anyhow::Error::msg)?;
    ensure!(shipped.shipped && !shipped.policy_document.is_empty(), "{shipped:?}");
    policies.clone().delete_policy(gone(OWN)).await?;
    assert_eq!(policy(&client, OWN).await, Err(text("RESOURCE_NOT_FOUND")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn users_that_cannot_be_are_refused_by_their_field() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let first = CreateUserRequest { identities: vec![text("dns:taken.test")], ..new_user("first") };
    client.session().users().create_user(first).await?;
    let invalid = |field: &str| is("VALIDATION_FAILED", field);
    let missing = "arn:aws:iam::aws:policy/BasculeNothing";
    for (request, outcome) in [
        (new_user(""), invalid("UserName")),
        (new_user("a b"), invalid("UserName")),
        (new_user(&"a".repeat(65)), invalid("UserName")),
        (CreateUserRequest { path: text("team"), ..new_user("a") }, invalid("Path")),
        (CreateUserRequest { description: "a".repeat(1_001), ..new_user("a") }, invalid("Description")),
        (CreateUserRequest { tags: tags(&[("aws:a", "")]), ..new_user("a") }, invalid("Tags.Key")),
        (CreateUserRequest { identities: vec![text("CN=a")], ..new_user("a") }, invalid("Identities")),
        (CreateUserRequest { permissions_boundary: text("Own"), ..new_user("a") }, invalid("PermissionsBoundary")),
        (CreateUserRequest { permissions_boundary: text(missing), ..new_user("a") }, is("RESOURCE_NOT_FOUND", "")),
        (CreateUserRequest { permissions_boundary: text(OWN), ..new_user("a") }, is("RESOURCE_NOT_FOUND", "")),
        (
            CreateUserRequest { identities: vec![text("dns:taken.test")], ..new_user("a") },
            is("RESOURCE_ALREADY_EXISTS", ""),
        ),
        (CreateUserRequest { request_id: text("a b"), ..new_user("a") }, invalid("request_id")),
        (new_user("FIRST"), is("RESOURCE_ALREADY_EXISTS", "")),
    ] {
        let found = refused(client.session().users().create_user(request.clone()).await);
        assert_eq!(found, outcome, "{request:?}");
    }
    let put = |document: String| PutUserPolicyRequest {
        user_name: text("first"),
        policy_name: text("own"),
        policy_document: document,
        ..PutUserPolicyRequest::default()
    };
    let long =
        ALLOW.replace("events:PutEvents", &"a".repeat(2_000)).replace("\"*\"", &format!("\"{}\"", "b".repeat(100)));
    for (document, code) in [
        (String::new(), "VALIDATION_FAILED"),
        (text("{"), "POLICY_INVALID"),
        (text(TRUST), "POLICY_INVALID"),
        (long, "POLICY_TOO_LONG"),
    ] {
        let found = refused(client.session().users().put_user_policy(put(document)).await);
        assert_eq!(found, is(code, "PolicyDocument"));
    }
    for (arn, outcome) in [
        (missing, is("RESOURCE_NOT_FOUND", "")),
        ("arn:aws:iam::000000000000:policy/None", is("RESOURCE_NOT_FOUND", "")),
        ("arn:aws:iam::111122223333:policy/None", invalid("PolicyArn")),
        ("arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess", invalid("PolicyArn")),
        ("None", invalid("PolicyArn")),
    ] {
        let request = AttachUserPolicyRequest { user_name: text("first"), policy_arn: text(arn), ..Default::default() };
        assert_eq!(refused(client.session().users().attach_user_policy(request).await), outcome, "{arn}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_and_policies_that_cannot_be_are_refused_by_their_field() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let invalid = |field: &str| is("VALIDATION_FAILED", field);
    let of = |document: &str| CreateRoleRequest { assume_role_policy_document: text(document), ..new_role("a") };
    for (request, outcome) in [
        (new_role("a/b"), invalid("RoleName")),
        (of(""), invalid("AssumeRolePolicyDocument")),
        (of(ALLOW), is("POLICY_INVALID", "AssumeRolePolicyDocument")),
        (CreateRoleRequest { max_session_duration_seconds: 3_599, ..new_role("a") }, invalid("MaxSessionDuration")),
        (CreateRoleRequest { max_session_duration_seconds: 43_201, ..new_role("a") }, invalid("MaxSessionDuration")),
    ] {
        assert_eq!(refused(client.session().roles().create_role(request.clone()).await), outcome, "{request:?}");
    }
    let revoke = RevokeRoleSessionsRequest { role_name: text("a"), ..RevokeRoleSessionsRequest::default() };
    assert_eq!(refused(client.session().roles().revoke_role_sessions(revoke).await), is("RESOURCE_NOT_FOUND", ""));
    let of = |document: &str| CreatePolicyRequest { policy_document: text(document), ..new_policy("a") };
    for (request, outcome) in [
        (new_policy("a/b"), invalid("PolicyName")),
        (of(""), invalid("PolicyDocument")),
        (of(TRUST), is("POLICY_INVALID", "PolicyDocument")),
        (CreatePolicyRequest { path: text("//"), ..new_policy("a") }, invalid("Path")),
        (CreatePolicyRequest { description: "a".repeat(1_001), ..new_policy("a") }, invalid("Description")),
    ] {
        assert_eq!(refused(client.session().policies().create_policy(request.clone()).await), outcome, "{request:?}");
    }
    // A document that is refused says where.
    let place = ALLOW.replace("Allow", "Perhaps");
    let Err(status) = client.session().policies().create_policy(of(&place)).await else { anyhow::bail!("taken") };
    let refusal = Refusal::from_status(&status)?;
    assert_eq!(refusal.metadata.get("place").map(String::as_str), Some("Statement[0].Effect"));
    assert_eq!(refusal.metadata.get("value").map(String::as_str), Some("Perhaps"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_tried_out_changes_nothing_and_what_is_repeated_happens_once() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let users = client.session().users();
    let tried = CreateUserRequest { validate_only: true, ..new_user("a") };
    assert_eq!(users.clone().create_user(tried.clone()).await?.into_inner().user, None);
    assert_eq!(user(&client, "a").await, Err(text("RESOURCE_NOT_FOUND")));
    let request = CreateUserRequest { request_id: text("first"), ..new_user("a") };
    let made = users.clone().create_user(request.clone()).await?.into_inner();
    let again = users.clone().create_user(request.clone()).await?.into_inner();
    assert_eq!(made, again);
    let other = CreateUserRequest { description: text("x"), ..request };
    assert_eq!(refused(users.clone().create_user(other).await), is("REQUEST_ID_REUSED", "request_id"));
    // What would be refused is refused when it is only tried out.
    assert_eq!(refused(users.clone().create_user(tried).await).0, "RESOURCE_ALREADY_EXISTS");
    let before = user(&client, "a").await;
    let update = UpdateUserRequest {
        user_name: text("a"),
        description: Some(text("x")),
        validate_only: true,
        ..Default::default()
    };
    users.clone().update_user(update).await?;
    let gone = DeleteUserRequest { user_name: text("a"), validate_only: true, ..DeleteUserRequest::default() };
    users.clone().delete_user(gone).await?;
    assert_eq!(user(&client, "a").await, before);
    let tried = CreatePolicyRequest { validate_only: true, ..new_policy("Own") };
    assert_eq!(client.session().policies().create_policy(tried).await?.into_inner().policy, None);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_have_pages() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    for name in ["b", "A", "c"] {
        client.session().users().create_user(CreateUserRequest { path: text("/p/"), ..new_user(name) }).await?;
        client.session().roles().create_role(new_role(name)).await?;
        client.session().policies().create_policy(new_policy(name)).await?;
    }
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListUsersRequest { path_prefix: text("/p"), page_size: 2, page_token, ..Default::default() };
        let page = client.session().users().list_users(request).await?.into_inner();
        names.extend(page.users.into_iter().map(|user| user.user_name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["A", "b", "c"]);
    let first = client.session().users().list_users(ListUsersRequest { page_size: 1, ..Default::default() }).await?;
    let page_token = first.into_inner().next_page_token;
    let other = ListRolesRequest { page_token, ..ListRolesRequest::default() };
    assert_eq!(refused(client.session().roles().list_roles(other).await).0, "PAGE_TOKEN_INVALID");
    let roles = client.session().roles().list_roles(ListRolesRequest::default()).await?.into_inner().roles;
    assert_eq!(roles.iter().map(|role| role.role_name.as_str()).collect::<Vec<_>>(), ["A", "b", "c"]);
    ensure!(roles.iter().all(|role| role.assume_role_policy_document.is_empty()), "a document in a listing");
    let prefix = ListUsersRequest { path_prefix: text("p"), ..ListUsersRequest::default() };
    assert_eq!(refused(client.session().users().list_users(prefix).await), is("VALIDATION_FAILED", "PathPrefix"));
    let mut counts = Vec::new();
    for scope in [PolicyScope::Own, PolicyScope::Shipped, PolicyScope::All, PolicyScope::Unspecified] {
        let request = ListPoliciesRequest { scope: scope.into(), ..ListPoliciesRequest::default() };
        let policies = client.session().policies().list_policies(request).await?.into_inner().policies;
        ensure!(policies.iter().all(|policy| policy.policy_document.is_empty()), "a document in a listing");
        counts.push(policies.len());
    }
    ensure!(
        counts[0] == 3 && counts[1] > 0 && counts[2] == counts[0] + counts[1] && counts[3] == counts[2],
        "{counts:?}"
    );
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListPoliciesRequest { page_size: 1, page_token, ..ListPoliciesRequest::default() };
        let page = client.session().policies().list_policies(request).await?.into_inner();
        names.extend(page.policies.into_iter().map(|policy| policy.policy_name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!((names.len(), &names[names.len() - 3..]), (counts[2], &[text("A"), text("b"), text("c")][..]));
    Ok(())
}
