//! Every operation of the contract: a table, and the proof that it is complete.

use std::collections::BTreeSet;

use bascule_api::FILE_DESCRIPTOR_SET;
use prost::Message;
use prost_types::FileDescriptorSet;

/// Packages of the contract; others in the descriptors are imports.
const PACKAGES: [&str; 3] = ["bascule.v1", "bascule.admin.v1", "bascule.iam.v1"];

/// Every operation, `package.Service` and its methods.
const OPERATIONS: [(&str, &[&str]); 19] = [
    ("bascule.v1.Events", &["PutEvents", "TailEvents", "GetEvent"]),
    (
        "bascule.v1.EventBuses",
        &[
            "CreateEventBus",
            "DescribeEventBus",
            "UpdateEventBus",
            "DeleteEventBus",
            "ListEventBuses",
            "PutPermission",
            "RemovePermission",
        ],
    ),
    (
        "bascule.v1.Rules",
        &["PutRule", "DescribeRule", "ListRules", "EnableRule", "DisableRule", "DeleteRule", "TestEventPattern"],
    ),
    ("bascule.v1.Targets", &["PutTargets", "RemoveTargets", "ListTargetsByRule", "ListRuleNamesByTarget"]),
    (
        "bascule.v1.ApiDestinations",
        &[
            "CreateApiDestination",
            "DescribeApiDestination",
            "UpdateApiDestination",
            "DeleteApiDestination",
            "ListApiDestinations",
        ],
    ),
    (
        "bascule.v1.Connections",
        &[
            "CreateConnection",
            "DescribeConnection",
            "UpdateConnection",
            "DeleteConnection",
            "ListConnections",
            "DeauthorizeConnection",
        ],
    ),
    (
        "bascule.v1.Queues",
        &[
            "CreateQueue",
            "DeleteQueue",
            "PurgeQueue",
            "DescribeQueue",
            "ListQueues",
            "PutQueuePolicy",
            "DeleteQueuePolicy",
            "ReceiveMessage",
            "DeleteMessage",
            "ChangeMessageVisibility",
            "Subscribe",
        ],
    ),
    ("bascule.admin.v1.DeadLetters", &["ListDeadLetters"]),
    ("bascule.admin.v1.Deliveries", &["DescribeDelivery"]),
    ("bascule.admin.v1.Quotas", &["DescribeQuotas", "UpdateQuotas"]),
    (
        "bascule.admin.v1.Cluster",
        &[
            "DescribeCluster",
            "ListNodes",
            "CreateJoinToken",
            "ListJoinTokens",
            "DeleteJoinToken",
            "DrainNode",
            "ResumeNode",
            "RemoveNode",
            "CanStopNode",
        ],
    ),
    ("bascule.v1.Tags", &["ListTagsForResource", "TagResource", "UntagResource"]),
    (
        "bascule.iam.v1.Users",
        &[
            "CreateUser",
            "GetUser",
            "ListUsers",
            "UpdateUser",
            "DeleteUser",
            "SetUserIdentities",
            "PutUserPolicy",
            "DeleteUserPolicy",
            "AttachUserPolicy",
            "DetachUserPolicy",
            "TagUser",
            "UntagUser",
        ],
    ),
    ("bascule.iam.v1.AccessKeys", &["CreateAccessKey", "ListAccessKeys", "UpdateAccessKey", "DeleteAccessKey"]),
    (
        "bascule.iam.v1.Roles",
        &[
            "CreateRole",
            "GetRole",
            "ListRoles",
            "UpdateRole",
            "UpdateAssumeRolePolicy",
            "RevokeRoleSessions",
            "DeleteRole",
            "PutRolePolicy",
            "DeleteRolePolicy",
            "AttachRolePolicy",
            "DetachRolePolicy",
            "TagRole",
            "UntagRole",
        ],
    ),
    (
        "bascule.iam.v1.Policies",
        &[
            "CreatePolicy",
            "GetPolicy",
            "ListPolicies",
            "DeletePolicy",
            "CreatePolicyVersion",
            "DeletePolicyVersion",
            "SetDefaultPolicyVersion",
        ],
    ),
    (
        "bascule.iam.v1.Organizations",
        &[
            "DescribeOrganization",
            "CreateOrganizationalUnit",
            "UpdateOrganizationalUnit",
            "DeleteOrganizationalUnit",
            "ListOrganizationalUnits",
            "CreateAccount",
            "DescribeAccount",
            "ListAccounts",
            "MoveAccount",
            "CloseAccount",
            "ReopenAccount",
            "CreateControlPolicy",
            "UpdateControlPolicy",
            "DescribeControlPolicy",
            "ListControlPolicies",
            "DeleteControlPolicy",
            "AttachControlPolicy",
            "DetachControlPolicy",
        ],
    ),
    ("bascule.iam.v1.Sessions", &["AssumeRole", "GetCallerIdentity"]),
    ("bascule.iam.v1.Authorization", &["SimulatePrincipalPolicy"]),
];

/// Every operation as its path on the wire, without the first `/`.
pub fn methods() -> BTreeSet<String> {
    let all =
        OPERATIONS.iter().flat_map(|(service, methods)| methods.iter().map(move |name| format!("{service}/{name}")));
    all.collect()
}

fn described(set: &[u8]) -> BTreeSet<String> {
    let set = FileDescriptorSet::decode(set).unwrap_or_default();
    let mut found = BTreeSet::new();
    for file in set.file.iter().filter(|file| PACKAGES.contains(&file.package())) {
        for service in &file.service {
            let methods = service.method.iter();
            found.extend(methods.map(|method| format!("{}.{}/{}", file.package(), service.name(), method.name())));
        }
    }
    found
}

#[test]
fn the_table_is_the_contract() {
    let described = described(FILE_DESCRIPTOR_SET);
    assert_eq!(methods(), described);
    assert_eq!(described.len(), OPERATIONS.iter().map(|(_, methods)| methods.len()).sum::<usize>());
    // No package of the house stays out of the walk.
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    for file in set.file.iter().filter(|file| !file.service.is_empty()) {
        assert!(PACKAGES.contains(&file.package()), "{} has services and is not walked", file.package());
    }
}

#[test]
fn a_planted_operation_is_missed() {
    let mut set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let service = set.file.iter_mut().find_map(|file| file.service.first_mut()).unwrap();
    let mut planted = service.method[0].clone();
    planted.name = Some("Planted".to_owned());
    service.method.push(planted);
    let found = described(&set.encode_to_vec());
    let missing: Vec<_> = found.difference(&methods()).cloned().collect();
    assert!(missing.len() == 1 && missing[0].ends_with("/Planted"), "{missing:?}");
}
