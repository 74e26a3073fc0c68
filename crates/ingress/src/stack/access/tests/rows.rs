//! One row for each operation: a request, and what it asks for.

mod organizations;
mod principals;
mod sessions;

use std::collections::BTreeMap;

use bascule_api::admin::v1::{
    CanStopNodeRequest, CreateJoinTokenRequest, DeleteJoinTokenRequest, DescribeClusterRequest,
    DescribeDeliveryRequest, DescribeQuotasRequest, DrainNodeRequest, ListDeadLettersRequest, ListJoinTokensRequest,
    ListNodesRequest, RemoveNodeRequest, ResumeNodeRequest, UpdateQuotasRequest,
};
use bascule_api::v1::subscribe_request::Action;
use bascule_api::v1::{
    ChangeMessageVisibilityRequest, CreateApiDestinationRequest, CreateConnectionRequest, CreateEventBusRequest,
    CreateQueueRequest, DeadLetterConfig, DeauthorizeConnectionRequest, DeleteApiDestinationRequest,
    DeleteConnectionRequest, DeleteEventBusRequest, DeleteMessageRequest, DeleteQueuePolicyRequest, DeleteQueueRequest,
    DeleteRuleRequest, DescribeApiDestinationRequest, DescribeConnectionRequest, DescribeEventBusRequest,
    DescribeQueueRequest, DescribeRuleRequest, DisableRuleRequest, EnableRuleRequest, GetEventRequest,
    ListApiDestinationsRequest, ListConnectionsRequest, ListEventBusesRequest, ListQueuesRequest,
    ListRuleNamesByTargetRequest, ListRulesRequest, ListTagsForResourceRequest, ListTargetsByRuleRequest,
    PurgeQueueRequest, PutEventsRequest, PutEventsRequestEntry, PutPermissionRequest, PutQueuePolicyRequest,
    PutRuleRequest, PutTargetsRequest, ReceiveMessageRequest, RedrivePolicy, RemovePermissionRequest,
    RemoveTargetsRequest, SubscribeRequest, SubscribeStart, TagResourceRequest, TailEventsRequest, Target,
    TestEventPatternRequest, UntagResourceRequest, UpdateApiDestinationRequest, UpdateConnectionRequest,
    UpdateEventBusRequest,
};

use super::asking;
use crate::operation::Operation;
use crate::stack::access::{Accesses, Asks};

/// The cluster of the tests, and a node of it.
const CLUSTER: &str = "bascule:cluster/07070707-0707-0707-0707-070707070707";
const NODE: &str = "bascule:node/3";

/// What one operation asks for.
pub struct Row {
    pub operation: Operation,
    pub accesses: Accesses,
    pub expected: Vec<(&'static str, String)>,
}

/// Asks as a caller of the tests' account, of whom `expected` are action and ARN, the latter from its service on or `*`.
fn row<Q: Asks>(request: &Q, expected: &[(&'static str, &str)]) -> Row {
    let expected = expected.iter().map(|(action, resource)| (*action, full(resource))).collect();
    Row { operation: Q::OPERATION, accesses: request.accesses(&asking()), expected }
}

/// `service:resource` as an ARN of the tests' account.
pub fn full(resource: &str) -> String {
    match resource.split_once(':') {
        Some(("arn", _)) => resource.to_owned(),
        Some((service @ ("iam" | "organizations"), rest)) => format!("arn:aws:{service}::111122223333:{rest}"),
        Some((service, rest)) => format!("arn:aws:{service}:us-east-1:111122223333:{rest}"),
        None => resource.to_owned(),
    }
}

pub fn entry(bus: &str) -> PutEventsRequestEntry {
    let text = str::to_owned;
    PutEventsRequestEntry {
        source: text("shop"),
        detail_type: text("sold"),
        detail: text("{}"),
        event_bus_name: text(bus),
        ..PutEventsRequestEntry::default()
    }
}

/// One row for each operation.
pub fn rows() -> Vec<Row> {
    let mut rows = events_and_buses();
    rows.extend(rules());
    rows.extend(targets());
    rows.extend(destinations_and_connections());
    rows.extend(queues());
    rows.extend(tags_and_operators());
    rows.extend(principals::rows());
    rows.extend(organizations::rows());
    rows.extend(sessions::rows());
    rows
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn events_and_buses() -> Vec<Row> {
    let (name, event_bus_name) = (|| text("orders"), || text("orders"));
    let bus = "events:event-bus/orders";
    vec![
        row(
            &PutEventsRequest {
                entries: vec![entry("orders"), entry(""), entry(&full(bus))],
                ..PutEventsRequest::default()
            },
            &[("events:PutEvents", bus), ("events:PutEvents", "events:event-bus/default"), ("events:PutEvents", bus)],
        ),
        row(
            &TailEventsRequest { event_bus_name: event_bus_name(), ..TailEventsRequest::default() },
            &[("bascule:TailEvents", bus)],
        ),
        row(&GetEventRequest { event_bus_name: full(bus), ..GetEventRequest::default() }, &[("bascule:GetEvent", bus)]),
        row(
            &CreateEventBusRequest {
                name: name(),
                tags: [(text("stage"), text("prod"))].into(),
                dead_letter_config: Some(DeadLetterConfig { arn: full("sqs:letters") }),
                ..CreateEventBusRequest::default()
            },
            &[("events:CreateEventBus", bus), ("events:TagResource", bus), ("sqs:SendMessage", "sqs:letters")],
        ),
        row(
            &DescribeEventBusRequest { name: name(), ..DescribeEventBusRequest::default() },
            &[("events:DescribeEventBus", bus)],
        ),
        row(
            &UpdateEventBusRequest {
                dead_letter_config: Some(DeadLetterConfig { arn: full("sqs:letters") }),
                ..UpdateEventBusRequest::default()
            },
            &[("events:UpdateEventBus", "events:event-bus/default"), ("sqs:SendMessage", "sqs:letters")],
        ),
        row(
            &DeleteEventBusRequest { name: name(), ..DeleteEventBusRequest::default() },
            &[("events:DeleteEventBus", bus)],
        ),
        row(&ListEventBusesRequest::default(), &[("events:ListEventBuses", "*")]),
        row(
            &PutPermissionRequest { event_bus_name: event_bus_name(), ..PutPermissionRequest::default() },
            &[("events:PutPermission", bus)],
        ),
        row(
            &RemovePermissionRequest { event_bus_name: full(bus), ..RemovePermissionRequest::default() },
            &[("events:RemovePermission", bus)],
        ),
    ]
}

fn rules() -> Vec<Row> {
    let (name, event_bus_name) = (|| text("ship"), || text("orders"));
    let (on_bus, on_default) = ("events:rule/orders/ship", "events:rule/ship");
    let role = "iam:role/carry";
    vec![
        row(
            &PutRuleRequest {
                name: name(),
                event_bus_name: event_bus_name(),
                role_arn: full(role),
                tags: [(text("stage"), text("prod"))].into(),
                ..PutRuleRequest::default()
            },
            &[("events:PutRule", on_bus), ("iam:PassRole", role), ("events:TagResource", on_bus)],
        ),
        row(
            &DescribeRuleRequest { name: name(), event_bus_name: text("default"), ..DescribeRuleRequest::default() },
            &[("events:DescribeRule", on_default)],
        ),
        row(
            &ListRulesRequest { event_bus_name: event_bus_name(), ..ListRulesRequest::default() },
            &[("events:ListRules", "events:rule/orders/*")],
        ),
        row(&EnableRuleRequest { name: name(), ..EnableRuleRequest::default() }, &[("events:EnableRule", on_default)]),
        row(
            &DisableRuleRequest {
                name: name(),
                event_bus_name: full("events:event-bus/orders"),
                ..DisableRuleRequest::default()
            },
            &[("events:DisableRule", on_bus)],
        ),
        row(
            &DeleteRuleRequest { name: name(), event_bus_name: event_bus_name(), ..DeleteRuleRequest::default() },
            &[("events:DeleteRule", on_bus)],
        ),
        row(&TestEventPatternRequest::default(), &[("events:TestEventPattern", "*")]),
    ]
}

fn targets() -> Vec<Row> {
    let (event_bus_name, rule) = (|| text("orders"), || text("ship"));
    let (on_bus, on_default) = ("events:rule/orders/ship", "events:rule/ship");
    let (role, other) = ("iam:role/carry", "iam:role/team/haul");
    let target =
        |role: &str| Target { id: text("t"), arn: full("sqs:inbox"), role_arn: full(role), ..Target::default() };
    let lent = |arn: &str| Target { id: text("t"), arn: arn.to_owned(), ..Target::default() };
    let letters = DeadLetterConfig { arn: full("sqs:letters") };
    let targets = vec![
        target(role),
        Target { dead_letter_config: Some(letters), ..target(other) },
        target(role),
        Target::default(),
        // In its own account the service asks for itself, and the caller for the same.
        lent(&full("sqs:outbox")),
        lent(&full("events:event-bus/b")),
        lent(&full("events:api-destination/crm/8b1c6ee1-0000-4000-8000-9f1e7f2d3c4b")),
        lent(&full("logs:log-group:/shop:*")),
        lent("arn:aws:sqs:us-east-1:999999999999:outbox"),
    ];
    vec![
        row(
            &PutTargetsRequest {
                rule: rule(),
                event_bus_name: event_bus_name(),
                targets,
                ..PutTargetsRequest::default()
            },
            &[
                ("events:PutTargets", on_bus),
                ("iam:PassRole", role),
                ("iam:PassRole", other),
                ("events:InvokeApiDestination", "events:api-destination/crm"),
                ("events:PutEvents", "events:event-bus/b"),
                ("logs:PutLogEvents", "logs:log-group:/shop"),
                ("sqs:SendMessage", "sqs:letters"),
                ("sqs:SendMessage", "sqs:outbox"),
            ],
        ),
        row(
            &RemoveTargetsRequest { rule: rule(), ..RemoveTargetsRequest::default() },
            &[("events:RemoveTargets", on_default)],
        ),
        row(
            &ListTargetsByRuleRequest {
                rule: rule(),
                event_bus_name: event_bus_name(),
                ..ListTargetsByRuleRequest::default()
            },
            &[("events:ListTargetsByRule", on_bus)],
        ),
        row(
            &ListRuleNamesByTargetRequest { target_arn: full("sqs:inbox"), ..ListRuleNamesByTargetRequest::default() },
            &[("events:ListRuleNamesByTarget", "events:rule/*")],
        ),
    ]
}

fn destinations_and_connections() -> Vec<Row> {
    let name = || text("crm");
    let (destination, connection) = ("events:api-destination/crm", "events:connection/crm");
    let with_uuid = || full("events:connection/crm/8b1c6ee1-0000-4000-8000-9f1e7f2d3c4b");
    vec![
        row(
            &CreateApiDestinationRequest {
                name: name(),
                connection_arn: with_uuid(),
                ..CreateApiDestinationRequest::default()
            },
            &[("events:CreateApiDestination", destination), ("events:CreateApiDestination", connection)],
        ),
        row(
            &DescribeApiDestinationRequest { name: name(), ..DescribeApiDestinationRequest::default() },
            &[("events:DescribeApiDestination", destination)],
        ),
        row(
            &UpdateApiDestinationRequest {
                name: name(),
                connection_arn: Some(full(connection)),
                ..UpdateApiDestinationRequest::default()
            },
            &[("events:UpdateApiDestination", destination), ("events:UpdateApiDestination", connection)],
        ),
        row(
            &DeleteApiDestinationRequest { name: name(), ..DeleteApiDestinationRequest::default() },
            &[("events:DeleteApiDestination", destination)],
        ),
        row(&ListApiDestinationsRequest::default(), &[("events:ListApiDestinations", "*")]),
        row(
            &CreateConnectionRequest { name: name(), ..CreateConnectionRequest::default() },
            &[("events:CreateConnection", connection)],
        ),
        row(
            &DescribeConnectionRequest { name: name(), ..DescribeConnectionRequest::default() },
            &[("events:DescribeConnection", connection)],
        ),
        row(
            &UpdateConnectionRequest { name: name(), ..UpdateConnectionRequest::default() },
            &[("events:UpdateConnection", connection)],
        ),
        row(
            &DeleteConnectionRequest { name: name(), ..DeleteConnectionRequest::default() },
            &[("events:DeleteConnection", connection)],
        ),
        row(&ListConnectionsRequest::default(), &[("events:ListConnections", "*")]),
        row(
            &DeauthorizeConnectionRequest { name: name(), ..DeauthorizeConnectionRequest::default() },
            &[("events:DeauthorizeConnection", connection)],
        ),
    ]
}

fn queues() -> Vec<Row> {
    let queue_name = || text("inbox");
    let queue = "sqs:inbox";
    let start = SubscribeStart { queue_name: queue_name(), ..SubscribeStart::default() };
    vec![
        row(
            &CreateQueueRequest {
                name: queue_name(),
                redrive_policy: Some(RedrivePolicy {
                    dead_letter_target_arn: full("sqs:letters"),
                    max_receive_count: 3,
                }),
                ..CreateQueueRequest::default()
            },
            &[("sqs:CreateQueue", queue), ("sqs:SendMessage", "sqs:letters")],
        ),
        row(
            &DeleteQueueRequest { queue_name: queue_name(), ..DeleteQueueRequest::default() },
            &[("sqs:DeleteQueue", queue)],
        ),
        row(
            &PurgeQueueRequest { queue_name: full(queue), ..PurgeQueueRequest::default() },
            &[("sqs:PurgeQueue", queue)],
        ),
        row(
            &DescribeQueueRequest { queue_name: queue_name(), ..DescribeQueueRequest::default() },
            &[("sqs:GetQueueAttributes", queue)],
        ),
        row(&ListQueuesRequest::default(), &[("sqs:ListQueues", "*")]),
        row(
            &PutQueuePolicyRequest { queue_name: queue_name(), ..PutQueuePolicyRequest::default() },
            &[("sqs:SetQueueAttributes", queue)],
        ),
        row(
            &DeleteQueuePolicyRequest { queue_name: full(queue), ..DeleteQueuePolicyRequest::default() },
            &[("sqs:SetQueueAttributes", queue)],
        ),
        row(
            &ReceiveMessageRequest { queue_name: queue_name(), ..ReceiveMessageRequest::default() },
            &[("sqs:ReceiveMessage", queue)],
        ),
        row(
            &DeleteMessageRequest { queue_name: queue_name(), ..DeleteMessageRequest::default() },
            &[("sqs:DeleteMessage", queue)],
        ),
        row(
            &ChangeMessageVisibilityRequest { queue_name: full(queue), ..ChangeMessageVisibilityRequest::default() },
            &[("sqs:ChangeMessageVisibility", queue)],
        ),
        row(&SubscribeRequest { action: Some(Action::Start(start)) }, &[("sqs:ReceiveMessage", queue)]),
    ]
}

fn tags_and_operators() -> Vec<Row> {
    let (bus, rule) = ("events:event-bus/orders", "events:rule/orders/ship");
    vec![
        row(
            &TagResourceRequest {
                resource_arn: full(bus),
                tags: BTreeMap::from([(text("stage"), text("prod"))]),
                ..TagResourceRequest::default()
            },
            &[("events:TagResource", bus)],
        ),
        row(
            &UntagResourceRequest {
                resource_arn: full(rule),
                tag_keys: vec![text("stage")],
                ..UntagResourceRequest::default()
            },
            &[("events:UntagResource", rule)],
        ),
        row(
            // The default bus may be written out.
            &ListTagsForResourceRequest {
                resource_arn: full("events:rule/default/ship"),
                ..ListTagsForResourceRequest::default()
            },
            &[("events:ListTagsForResource", "events:rule/ship")],
        ),
        row(
            &ListDeadLettersRequest { event_bus_name: text("orders"), ..ListDeadLettersRequest::default() },
            &[("bascule:ListDeadLetters", bus)],
        ),
        row(
            &DescribeDeliveryRequest {
                event_bus_name: text("orders"),
                rule: text("ship"),
                ..DescribeDeliveryRequest::default()
            },
            &[("bascule:DescribeDelivery", rule)],
        ),
        row(&DescribeQuotasRequest::default(), &[("bascule:DescribeQuotas", "*")]),
        row(&UpdateQuotasRequest::default(), &[("bascule:UpdateQuotas", "*")]),
        row(&DescribeClusterRequest::default(), &[("bascule:DescribeCluster", CLUSTER)]),
        row(&ListNodesRequest::default(), &[("bascule:ListNodes", CLUSTER)]),
        row(&CreateJoinTokenRequest::default(), &[("bascule:CreateJoinToken", CLUSTER)]),
        row(&ListJoinTokensRequest::default(), &[("bascule:ListJoinTokens", CLUSTER)]),
        row(
            &DeleteJoinTokenRequest { token_id: text("t"), ..DeleteJoinTokenRequest::default() },
            &[("bascule:DeleteJoinToken", CLUSTER)],
        ),
        row(&DrainNodeRequest { node_id: 3, ..DrainNodeRequest::default() }, &[("bascule:DrainNode", NODE)]),
        row(&ResumeNodeRequest { node_id: 3, ..ResumeNodeRequest::default() }, &[("bascule:ResumeNode", NODE)]),
        row(&RemoveNodeRequest { node_id: 3, ..RemoveNodeRequest::default() }, &[("bascule:RemoveNode", NODE)]),
        row(&CanStopNodeRequest { node_id: 3 }, &[("bascule:CanStopNode", NODE)]),
    ]
}
