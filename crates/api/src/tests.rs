//! Promises of the contract that the descriptors can prove.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};

use crate::FILE_DESCRIPTOR_SET;

/// Every operation of the contract: service, operation, and whether it writes.
const OPERATIONS: &[(&str, &[(&str, bool)])] = &[
    ("bascule.v1.Events", &[("PutEvents", true), ("TailEvents", false), ("GetEvent", false)]),
    (
        "bascule.v1.EventBuses",
        &[
            ("CreateEventBus", true),
            ("DescribeEventBus", false),
            ("UpdateEventBus", true),
            ("DeleteEventBus", true),
            ("ListEventBuses", false),
            ("PutPermission", true),
            ("RemovePermission", true),
        ],
    ),
    (
        "bascule.v1.Rules",
        &[
            ("PutRule", true),
            ("DescribeRule", false),
            ("ListRules", false),
            ("EnableRule", true),
            ("DisableRule", true),
            ("DeleteRule", true),
            ("TestEventPattern", false),
        ],
    ),
    (
        "bascule.v1.Targets",
        &[
            ("PutTargets", true),
            ("RemoveTargets", true),
            ("ListTargetsByRule", false),
            ("ListRuleNamesByTarget", false),
        ],
    ),
    (
        "bascule.v1.ApiDestinations",
        &[
            ("CreateApiDestination", true),
            ("DescribeApiDestination", false),
            ("UpdateApiDestination", true),
            ("DeleteApiDestination", true),
            ("ListApiDestinations", false),
        ],
    ),
    (
        "bascule.v1.Connections",
        &[
            ("CreateConnection", true),
            ("DescribeConnection", false),
            ("UpdateConnection", true),
            ("DeleteConnection", true),
            ("ListConnections", false),
            ("DeauthorizeConnection", true),
        ],
    ),
    (
        "bascule.v1.Queues",
        &[
            ("CreateQueue", true),
            ("DeleteQueue", true),
            ("PurgeQueue", true),
            ("DescribeQueue", false),
            ("ListQueues", false),
            ("PutQueuePolicy", true),
            ("DeleteQueuePolicy", true),
            // A receipt is a lease that ends by itself, and nothing to plan or to make idempotent.
            ("ReceiveMessage", false),
            ("DeleteMessage", true),
            ("ChangeMessageVisibility", true),
            // Leases too, and settlements whose handles make a repetition harmless.
            ("Subscribe", false),
        ],
    ),
    ("bascule.admin.v1.DeadLetters", &[("ListDeadLetters", false)]),
    ("bascule.admin.v1.Deliveries", &[("DescribeDelivery", false)]),
    (
        "bascule.admin.v1.Cluster",
        &[
            ("DescribeCluster", false),
            ("ListNodes", false),
            ("CreateJoinToken", true),
            ("ListJoinTokens", false),
            ("DeleteJoinToken", true),
            ("DrainNode", true),
            ("ResumeNode", true),
            ("RemoveNode", true),
            ("CanStopNode", false),
        ],
    ),
    ("bascule.admin.v1.Quotas", &[("DescribeQuotas", false), ("UpdateQuotas", true)]),
    ("bascule.v1.Tags", &[("TagResource", true), ("UntagResource", true), ("ListTagsForResource", false)]),
    (
        "bascule.iam.v1.Users",
        &[
            ("CreateUser", true),
            ("GetUser", false),
            ("ListUsers", false),
            ("UpdateUser", true),
            ("DeleteUser", true),
            ("SetUserIdentities", true),
            ("PutUserPolicy", true),
            ("DeleteUserPolicy", true),
            ("AttachUserPolicy", true),
            ("DetachUserPolicy", true),
            ("TagUser", true),
            ("UntagUser", true),
        ],
    ),
    (
        "bascule.iam.v1.AccessKeys",
        &[("CreateAccessKey", true), ("ListAccessKeys", false), ("UpdateAccessKey", true), ("DeleteAccessKey", true)],
    ),
    (
        "bascule.iam.v1.Roles",
        &[
            ("CreateRole", true),
            ("GetRole", false),
            ("ListRoles", false),
            ("UpdateRole", true),
            ("UpdateAssumeRolePolicy", true),
            ("RevokeRoleSessions", true),
            ("DeleteRole", true),
            ("PutRolePolicy", true),
            ("DeleteRolePolicy", true),
            ("AttachRolePolicy", true),
            ("DetachRolePolicy", true),
            ("TagRole", true),
            ("UntagRole", true),
        ],
    ),
    (
        "bascule.iam.v1.Policies",
        &[
            ("CreatePolicy", true),
            ("GetPolicy", false),
            ("ListPolicies", false),
            ("DeletePolicy", true),
            ("CreatePolicyVersion", true),
            ("DeletePolicyVersion", true),
            ("SetDefaultPolicyVersion", true),
        ],
    ),
    (
        "bascule.iam.v1.Organizations",
        &[
            ("DescribeOrganization", false),
            ("CreateOrganizationalUnit", true),
            ("UpdateOrganizationalUnit", true),
            ("DeleteOrganizationalUnit", true),
            ("ListOrganizationalUnits", false),
            ("CreateAccount", true),
            ("DescribeAccount", false),
            ("ListAccounts", false),
            ("MoveAccount", true),
            ("CloseAccount", true),
            ("ReopenAccount", true),
            ("CreateControlPolicy", true),
            ("UpdateControlPolicy", true),
            ("DescribeControlPolicy", false),
            ("ListControlPolicies", false),
            ("DeleteControlPolicy", true),
            ("AttachControlPolicy", true),
            ("DetachControlPolicy", true),
        ],
    ),
    ("bascule.iam.v1.Sessions", &[("AssumeRole", false), ("GetCallerIdentity", false)]),
    ("bascule.iam.v1.Authorization", &[("SimulatePrincipalPolicy", false)]),
];

/// Operations that are streams in both directions; no other is one.
const STREAMS: &[&str] = &["Subscribe"];

/// Operations that are answered by a stream; no other is.
const FOLLOWED: &[&str] = &["TailEvents"];

/// Messages inside a stream that name it, as a request names itself.
const NAMES_OF_STREAMS: &[&str] = &[".bascule.v1.SubscribeStart"];

fn ours() -> Vec<FileDescriptorProto> {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    set.file.into_iter().filter(|file| file.package().starts_with("bascule.")).collect()
}

/// Number and type (as protobuf writes it) of each field, by message and name.
fn fields() -> BTreeMap<String, BTreeMap<String, (i32, String)>> {
    let mut all = BTreeMap::new();
    for file in ours() {
        for message in &file.message_type {
            let row = |f: &prost_types::FieldDescriptorProto| {
                (f.name().to_owned(), (f.number(), format!("{:?} {:?}", f.label(), f.r#type())))
            };
            all.insert(format!(".{}.{}", file.package(), message.name()), message.field.iter().map(row).collect());
        }
    }
    all
}

fn check(message: &str, field: &str, number: i32, kind: &str) {
    let all = fields();
    let found = all.get(message).unwrap_or_else(|| panic!("{message} is missing")).get(field);
    assert_eq!(found, Some(&(number, kind.to_owned())), "{message}.{field}");
}

#[test]
fn the_operations_are_exactly_these() {
    let mut found = BTreeSet::new();
    for file in ours() {
        for service in &file.service {
            for method in &service.method {
                found.insert(format!("{}.{}/{}", file.package(), service.name(), method.name()));
                let stream = STREAMS.contains(&method.name());
                assert_eq!(
                    (method.client_streaming(), method.server_streaming()),
                    (stream, stream || FOLLOWED.contains(&method.name())),
                    "{}",
                    method.name()
                );
                let name = format!(".{}.{}", file.package(), method.name());
                assert_eq!(method.input_type(), format!("{name}Request"));
                assert_eq!(method.output_type(), format!("{name}Response"));
            }
        }
    }
    let row = |(service, operations): &(&str, &[(&str, bool)])| {
        operations.iter().map(|(operation, _)| format!("{service}/{operation}")).collect::<Vec<_>>()
    };
    assert_eq!(found, OPERATIONS.iter().flat_map(row).collect());
}

#[test]
fn every_write_can_be_named_and_tried_and_answers_its_index() {
    let mut writes = BTreeSet::new();
    for (service, operations) in OPERATIONS {
        let package = &service[..service.rfind('.').unwrap()];
        for (operation, _) in operations.iter().filter(|(_, write)| *write) {
            check(&format!(".{package}.{operation}Request"), "request_id", 14, "Optional String");
            check(&format!(".{package}.{operation}Request"), "validate_only", 15, "Optional Bool");
            check(&format!(".{package}.{operation}Response"), "control_index", 15, "Optional Uint64");
            writes.insert(format!(".{package}.{operation}Request"));
        }
    }
    for (message, fields) in fields() {
        assert_eq!(fields.contains_key("validate_only"), writes.contains(&message), "{message}");
        let named = writes.contains(&message) || NAMES_OF_STREAMS.contains(&message.as_str());
        assert_eq!(fields.contains_key("request_id"), named, "{message}");
    }
}

#[test]
fn every_write_verb_is_declared_as_a_write() {
    const READS: &[&str] = &[
        "AssumeRole",
        "CanStop",
        "Describe",
        "Get",
        "List",
        "ReceiveMessage",
        "Simulate",
        "Subscribe",
        "TailEvents",
        "TestEventPattern",
    ];
    for (operation, write) in OPERATIONS.iter().flat_map(|(_, operations)| *operations) {
        assert_eq!(READS.iter().any(|read| operation.starts_with(read)), !write, "{operation}");
    }
}

#[test]
fn every_list_has_pages() {
    // A resource has at most 50 tags, which EventBridge lists at once too.
    let listed = |name: &&String| name.split('.').any(|part| part.starts_with("List") && !part.starts_with("ListTags"));
    for message in fields().keys().filter(listed) {
        if let Some(stem) = message.strip_suffix("Request") {
            check(message, "page_size", 14, "Optional Uint32");
            check(message, "page_token", 15, "Optional String");
            check(&format!("{stem}Response"), "next_page_token", 15, "Optional String");
        }
    }
}

#[test]
fn enums_begin_with_unspecified_and_carry_their_prefix() {
    let mut count = 0;
    for file in ours() {
        for kind in &file.enum_type {
            let mut prefix = String::new();
            for c in kind.name().chars() {
                if c.is_ascii_uppercase() && !prefix.is_empty() {
                    prefix.push('_');
                }
                prefix.push(c.to_ascii_uppercase());
            }
            assert_eq!((kind.value[0].name(), kind.value[0].number()), (&*format!("{prefix}_UNSPECIFIED"), 0));
            assert!(kind.value.iter().all(|value| value.name().starts_with(&prefix)), "{}", kind.name());
            count += 1;
        }
    }
    assert!(count >= 8, "{count} enums were looked at");
}

#[test]
fn secrets_go_in_and_one_alone_comes_out() {
    let reachable = |from: &str| {
        let mut messages = BTreeMap::new();
        for file in ours() {
            for message in file.message_type {
                messages
                    .insert(format!(".{}.{}", file.package.as_deref().unwrap_or_default(), message.name()), message);
            }
        }
        let (mut seen, mut left) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(name) = left.pop() {
            let next = messages.get(&name).map(|m: &DescriptorProto| m.field.iter().map(|f| f.type_name().to_owned()));
            if seen.insert(name) {
                left.extend(next.into_iter().flatten().filter(|name| !name.is_empty()));
            }
        }
        seen
    };
    for message in fields().keys().filter(|name| name.ends_with("Response")) {
        // What the cluster draws itself is known to nobody before.
        let shown = message == ".bascule.iam.v1.CreateAccessKeyResponse";
        assert_eq!(reachable(message).contains(".bascule.v1.Secret"), shown, "{message}");
    }
    for message in ["CreateConnectionRequest", "UpdateConnectionRequest"] {
        assert!(reachable(&format!(".bascule.v1.{message}")).contains(".bascule.v1.Secret"), "{message}");
    }
}

/// Paths are those of descriptor.proto: 4 message, 5 enum, 6 service; inside them 2 field, value or method.
#[test]
fn everything_has_a_comment() {
    for file in ours() {
        let info = file.source_code_info.as_ref().unwrap();
        let said: BTreeSet<&[i32]> = info
            .location
            .iter()
            .filter(|location| !location.leading_comments().trim().is_empty())
            .map(|location| location.path.as_slice())
            .collect();
        let mut wanted: Vec<(Vec<i32>, &str)> = Vec::new();
        for (m, message) in (0..).zip(&file.message_type) {
            wanted.push((vec![4, m], message.name()));
            wanted.extend((0..).zip(&message.field).map(|(f, field)| (vec![4, m, 2, f], field.name())));
        }
        for (e, kind) in (0..).zip(&file.enum_type) {
            wanted.push((vec![5, e], kind.name()));
            wanted.extend((0..).zip(&kind.value).map(|(v, value)| (vec![5, e, 2, v], value.name())));
        }
        for (s, service) in (0..).zip(&file.service) {
            wanted.push((vec![6, s], service.name()));
            wanted.extend((0..).zip(&service.method).map(|(m, method)| (vec![6, s, 2, m], method.name())));
        }
        for (path, name) in wanted {
            assert!(said.contains(path.as_slice()), "{} `{name}` has no comment", file.name());
        }
    }
}
