//! Commands and rows of the organisation, its principals and their policies, one of each, to begin from.

use bytes::Bytes;

use bascule_statemachine::codec::control::rows;
use bascule_statemachine::codec::control::{self, Kind};
use bascule_statemachine::codec::encode;

const DOCUMENT: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const POLICY: &str = "arn:aws:iam::000000000001:policy/team/Own";
const CONTROL: &str = "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess";
const KEY: &str = "AKIA234567ABCDEFGHIJ";
const ROOT: &str = "r-abcd";
const UNIT: &str = "ou-abcd-12345678";

fn text(text: &str) -> String {
    text.to_owned()
}

fn pairs() -> Vec<control::Pair> {
    vec![control::Pair { name: text("stage"), value: text("prod") }]
}

fn identities() -> Vec<control::Identity> {
    let of = |kind, value: &str| control::Identity { kind, value: text(value) };
    vec![of(1, "spiffe://shop.test/orders"), of(2, "orders.shop.test"), of(3, "urn:orders")]
}

fn user() -> control::CreateUser {
    control::CreateUser {
        name: text("orders"),
        path: text("/team/"),
        description: text("takes orders"),
        boundary: text(POLICY),
        tags: pairs(),
        identities: identities(),
    }
}

/// Commands of the organisation.
pub fn of_organization() -> Vec<Kind> {
    let organize = control::Organize {
        id: text("o-abcdefghij"),
        root: text(ROOT),
        account_name: text("management"),
        administrator: Some(user()),
        administrator_policy: text(POLICY),
    };
    let data_key = control::DataKey { key_id: Bytes::from_static(&[1; 16]), wrapped: Bytes::from_static(&[2; 60]) };
    let attach = || control::AttachControlPolicy { node: text(UNIT), policy: text(CONTROL) };
    vec![
        Kind::Organize(organize),
        Kind::CreateUnit(control::CreateUnit { id: text(UNIT), parent: text(ROOT), name: text("prod") }),
        Kind::RenameUnit(control::RenameUnit { id: text(UNIT), name: text("live") }),
        Kind::DeleteUnit(control::UnitId { id: text(UNIT) }),
        Kind::CreateAccount(control::CreateAccount {
            number: 2,
            name: text("shop"),
            parent: text(UNIT),
            data_key: Some(data_key),
            ..control::CreateAccount::default()
        }),
        Kind::MoveAccount(control::MoveAccount { number: 2, parent: text(ROOT) }),
        Kind::CloseAccount(control::AccountNumber { number: 2 }),
        Kind::ReopenAccount(control::AccountNumber { number: 2 }),
        Kind::AttachControlPolicy(attach()),
        Kind::DetachControlPolicy(attach()),
    ]
}

/// Commands of principals.
pub fn of_principals() -> Vec<Kind> {
    let principal = || Some(control::Principal { kind: 2, name: text("orders") });
    let attach = || control::AttachPolicy { principal: principal(), policy: text(POLICY) };
    let named = |name: &str| control::Named { name: text(name) };
    vec![
        Kind::CreateRole(control::CreateRole {
            name: text("carry"),
            path: text("/"),
            trust: text(DOCUMENT),
            max_session_s: 3_600,
            tags: pairs(),
            ..Default::default()
        }),
        Kind::UpdateRole(control::UpdateRole {
            name: text("carry"),
            description: Some(String::new()),
            trust: Some(text(DOCUMENT)),
            max_session_s: Some(43_200),
            boundary: Some(text(POLICY)),
            sessions_revoked_before_ms: Some(1 << 41),
        }),
        Kind::DeleteRole(named("carry")),
        Kind::CreateUser(user()),
        Kind::UpdateUser(control::UpdateUser {
            name: text("orders"),
            description: Some(text("x")),
            boundary: Some(String::new()),
        }),
        Kind::DeleteUser(named("orders")),
        Kind::SetIdentities(control::SetIdentities { user: text("orders"), identities: identities() }),
        Kind::CreateAccessKey(control::CreateAccessKey {
            user: text("orders"),
            user_uid: 11,
            id: text(KEY),
            sealed: Bytes::from_static(&[3; 220]),
        }),
        Kind::UpdateAccessKey(control::UpdateAccessKey { user: text("orders"), id: text(KEY), active: true }),
        Kind::DeleteAccessKey(control::AccessKeyName { user: text("orders"), id: text(KEY) }),
        Kind::PutInlinePolicy(control::PutInlinePolicy {
            principal: principal(),
            name: text("own"),
            document: text(DOCUMENT),
        }),
        Kind::DeleteInlinePolicy(control::DeleteInlinePolicy { principal: principal(), name: text("own") }),
        Kind::AttachPolicy(attach()),
        Kind::DetachPolicy(attach()),
        Kind::TagPrincipal(control::TagPrincipal { principal: principal(), set: pairs(), remove: vec![text("team")] }),
    ]
}

/// Commands of policies.
pub fn of_policies() -> Vec<Kind> {
    let policy = || control::PolicyName { kind: 1, name: text("Own"), path: text("/") };
    let version = || control::PolicyVersion { policy: Some(policy()), version: 2 };
    let resource = || control::ResourceName { kind: 1, name: text("default") };
    vec![
        Kind::CreatePolicy(control::CreatePolicy {
            kind: 1,
            name: text("Own"),
            path: text("/team/"),
            description: text("ours"),
            document: text(DOCUMENT),
        }),
        Kind::DeletePolicy(policy()),
        Kind::CreatePolicyVersion(control::CreatePolicyVersion {
            policy: Some(policy()),
            document: text(DOCUMENT),
            in_force: true,
        }),
        Kind::DeletePolicyVersion(version()),
        Kind::SetDefaultPolicyVersion(version()),
        Kind::PutResourcePolicy(control::PutResourcePolicy { resource: Some(resource()), document: text(DOCUMENT) }),
        Kind::DeleteResourcePolicy(resource()),
    ]
}

/// Rows of all of them.
pub fn rows() -> Vec<Vec<u8>> {
    let inline = rows::InlinePolicy { name: text("own"), document: text(DOCUMENT) };
    let grants = || rows::Grants {
        boundary: text(POLICY),
        inline: vec![inline.clone()],
        attached: vec![text(POLICY)],
        tags: pairs(),
    };
    let version = rows::VersionRow { number: 1, document: text(DOCUMENT), created_ms: 1 << 41 };
    let organization = rows::OrganizationRow {
        id: text("o-abcdefghij"),
        root: text(ROOT),
        management: 1,
        attached: vec![text(CONTROL)],
        accounts: 2,
        epoch: 77,
        ..Default::default()
    };
    let unit = rows::UnitRow {
        uid: 9,
        id: text(UNIT),
        parent: text(ROOT),
        name: text("prod"),
        depth: 1,
        attached: vec![text(CONTROL)],
        ..Default::default()
    };
    let account = rows::AccountRow {
        number: 2,
        name: text("shop"),
        parent: text(UNIT),
        closed: true,
        attached: vec![text(CONTROL)],
        epoch: 78,
        ..Default::default()
    };
    let role = rows::RoleRow { uid: 10, name: text("carry"), grants: Some(grants()), ..Default::default() };
    let key = rows::AccessKey {
        uid: 13,
        id: text(KEY),
        active: true,
        sealed: Bytes::from_static(&[3; 220]),
        created_ms: 1 << 41,
        created_at: 1,
    };
    let user = rows::UserRow {
        uid: 11,
        identities: identities(),
        grants: Some(grants()),
        access_keys: vec![key],
        ..Default::default()
    };
    let policy = rows::PolicyRow { uid: 12, kind: 1, versions: vec![version], in_force: 1, ..Default::default() };
    let all = [
        encode(&organization),
        encode(&unit),
        encode(&rows::UnitNameRow { id: text(UNIT) }),
        encode(&account),
        encode(&role),
        encode(&user),
        encode(&rows::IdentityRow { user: 11 }),
        encode(&rows::AccessKeyRow { user: 11 }),
        encode(&policy),
        encode(&rows::BusRow { uid: 1, policy: text(DOCUMENT), ..Default::default() }),
        encode(&rows::QueueRow { uid: 2, policy: text(DOCUMENT), ..Default::default() }),
    ];
    all.into_iter().map(|bytes| bytes.to_vec()).collect()
}
