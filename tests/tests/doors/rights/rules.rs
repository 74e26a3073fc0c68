//! Rules, targets, tags, and what operators see of deliveries, on the bus `orders`.

use anyhow::ensure;
use bascule_api::admin::v1::{DescribeDeliveryRequest, ListDeadLettersRequest};
use bascule_api::v1::{
    DeadLetterConfig, DeleteRuleRequest, DescribeRuleRequest, DisableRuleRequest, EnableRuleRequest,
    ListRuleNamesByTargetRequest, ListRulesRequest, ListTagsForResourceRequest, ListTargetsByRuleRequest,
    PutRuleRequest, PutTargetsRequest, PutTargetsResponse, RemoveTargetsRequest, RemoveTargetsResponse,
    TagResourceRequest, Target, TestEventPatternRequest, UntagResourceRequest,
};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, target};
use bascule_tests::people::trust;
use bytes::Bytes;
use prost::Message as _;

use super::{Row, full, row, text};

const BUS: &str = "events:event-bus/orders";
const RULE: &str = "events:rule/orders/ship";
const RULES: &str = "events:rule/orders/*";
const ROLE: &str = "iam:role/carry";
const INBOX: &str = "sqs:inbox";
const LETTERS: &str = "sqs:letters";
const PATTERN: &str = r#"{"source":["shop"]}"#;

/// Queues `inbox` and `letters`, and a role `carry` that the service may take.
pub async fn set_up(operator: &Client) -> Outcome {
    operator.queue("inbox").await?;
    operator.queue("letters").await?;
    operator.role("carry", &trust(r#"{"Service":"events.amazonaws.com"}"#), "").await?;
    Ok(())
}

/// The rule `ship` is made, gets targets and tags, and goes again.
pub fn rows() -> Vec<Row> {
    let mut rows = made();
    rows.extend(targets());
    rows.extend(seen());
    rows.extend(tags());
    rows.extend(gone());
    rows
}

fn made() -> Vec<Row> {
    let (name, event_bus_name) = (|| text("ship"), || text("orders"));
    let rule = |role: &str| PutRuleRequest {
        name: name(),
        event_bus_name: event_bus_name(),
        event_pattern: text(PATTERN),
        role_arn: full(role),
        ..PutRuleRequest::default()
    };
    let on_default = PutRuleRequest { name: text("plain"), event_bus_name: String::new(), ..rule("") };
    vec![
        row("bascule.v1.Rules/PutRule", &on_default, &[("events:PutRule", "events:rule/plain")]),
        row("bascule.v1.Rules/PutRule", &rule(ROLE), &[("events:PutRule", RULE), ("iam:PassRole", ROLE)]),
        row(
            "bascule.v1.Rules/DescribeRule",
            &DescribeRuleRequest { name: name(), event_bus_name: event_bus_name(), ..DescribeRuleRequest::default() },
            &[("events:DescribeRule", RULE)],
        ),
        row(
            "bascule.v1.Rules/ListRules",
            &ListRulesRequest { event_bus_name: event_bus_name(), ..ListRulesRequest::default() },
            &[("events:ListRules", RULES)],
        ),
        row(
            "bascule.v1.Rules/DisableRule",
            &DisableRuleRequest { name: name(), event_bus_name: event_bus_name(), ..DisableRuleRequest::default() },
            &[("events:DisableRule", RULE)],
        ),
        row(
            "bascule.v1.Rules/EnableRule",
            &EnableRuleRequest { name: name(), event_bus_name: event_bus_name(), ..EnableRuleRequest::default() },
            &[("events:EnableRule", RULE)],
        ),
        row(
            "bascule.v1.Rules/TestEventPattern",
            &TestEventPatternRequest { event_pattern: text(PATTERN), event: text(EVENT) },
            &[("events:TestEventPattern", "*")],
        ),
    ]
}

const EVENT: &str = r#"{"id":"1","detail-type":"t","source":"shop","account":"000000000000","time":"2026-01-01T00:00:00Z","region":"us-east-1","resources":[],"detail":{}}"#;

/// Without a role the caller must be able to do what the service is to do; dead letters are the service's in any case.
fn targets() -> Vec<Row> {
    let put = |target: Target| PutTargetsRequest {
        rule: text("ship"),
        event_bus_name: text("orders"),
        targets: vec![target],
        ..PutTargetsRequest::default()
    };
    let inbox = || target("t", &full(INBOX));
    let letters = Some(DeadLetterConfig { arn: full(LETTERS) });
    let all_put = |answer: &Bytes| {
        let answer = PutTargetsResponse::decode(answer.clone())?;
        ensure!(answer.failed_entry_count == 0, "{answer:?}");
        Ok(())
    };
    vec![
        row(
            "bascule.v1.Targets/PutTargets",
            &put(Target { dead_letter_config: letters.clone(), ..inbox() }),
            // The rule has a role, in which a target without one is invoked.
            &[
                ("events:PutTargets", RULE),
                ("sqs:SendMessage", INBOX),
                ("sqs:SendMessage", LETTERS),
                ("iam:PassRole", ROLE),
            ],
        )
        .good(all_put),
        row(
            "bascule.v1.Targets/PutTargets",
            &put(Target { role_arn: full(ROLE), dead_letter_config: letters, ..inbox() }),
            &[("events:PutTargets", RULE), ("iam:PassRole", ROLE), ("sqs:SendMessage", LETTERS)],
        )
        .good(all_put),
        row(
            "bascule.v1.Targets/PutTargets",
            &put(Target { role_arn: full(ROLE), ..target("bus", &full("events:event-bus/default")) }),
            &[("events:PutTargets", RULE), ("iam:PassRole", ROLE)],
        )
        .good(all_put),
        row(
            "bascule.v1.Targets/PutTargets",
            &put(target("hook", &full("events:api-destination/nowhere"))),
            &[
                ("events:PutTargets", RULE),
                ("events:InvokeApiDestination", "events:api-destination/nowhere"),
                ("iam:PassRole", ROLE),
            ],
        )
        .good(all_put),
    ]
}

fn seen() -> Vec<Row> {
    let (rule, event_bus_name) = (|| text("ship"), || text("orders"));
    vec![
        row(
            "bascule.v1.Targets/ListTargetsByRule",
            &ListTargetsByRuleRequest {
                rule: rule(),
                event_bus_name: event_bus_name(),
                ..ListTargetsByRuleRequest::default()
            },
            &[("events:ListTargetsByRule", RULE)],
        ),
        row(
            "bascule.v1.Targets/ListRuleNamesByTarget",
            &ListRuleNamesByTargetRequest {
                target_arn: full(INBOX),
                event_bus_name: event_bus_name(),
                ..ListRuleNamesByTargetRequest::default()
            },
            &[("events:ListRuleNamesByTarget", RULES)],
        ),
        row(
            "bascule.admin.v1.Deliveries/DescribeDelivery",
            &DescribeDeliveryRequest {
                rule: rule(),
                event_bus_name: event_bus_name(),
                ..DescribeDeliveryRequest::default()
            },
            &[("bascule:DescribeDelivery", RULE)],
        ),
        row(
            "bascule.admin.v1.DeadLetters/ListDeadLetters",
            &ListDeadLettersRequest { event_bus_name: event_bus_name(), ..ListDeadLettersRequest::default() },
            &[("bascule:ListDeadLetters", BUS)],
        ),
    ]
}

fn tags() -> Vec<Row> {
    let each = [BUS, RULE].into_iter().map(|on| {
        [
            row(
                "bascule.v1.Tags/TagResource",
                &TagResourceRequest {
                    resource_arn: full(on),
                    tags: [(text("team"), text("night"))].into(),
                    ..TagResourceRequest::default()
                },
                &[("events:TagResource", on)],
            ),
            row(
                "bascule.v1.Tags/ListTagsForResource",
                &ListTagsForResourceRequest { resource_arn: full(on), ..ListTagsForResourceRequest::default() },
                &[("events:ListTagsForResource", on)],
            ),
            row(
                "bascule.v1.Tags/UntagResource",
                &UntagResourceRequest {
                    resource_arn: full(on),
                    tag_keys: vec![text("team")],
                    ..UntagResourceRequest::default()
                },
                &[("events:UntagResource", on)],
            ),
        ]
    });
    each.flatten().collect()
}

fn gone() -> Vec<Row> {
    vec![
        row(
            "bascule.v1.Targets/RemoveTargets",
            &RemoveTargetsRequest {
                rule: text("ship"),
                event_bus_name: text("orders"),
                ids: vec![text("t"), text("bus"), text("hook")],
                ..RemoveTargetsRequest::default()
            },
            &[("events:RemoveTargets", RULE)],
        )
        .good(|answer| {
            let answer = RemoveTargetsResponse::decode(answer.clone())?;
            ensure!(answer.failed_entry_count == 0, "{answer:?}");
            Ok(())
        }),
        row(
            "bascule.v1.Rules/DeleteRule",
            &DeleteRuleRequest { name: text("ship"), event_bus_name: text("orders"), ..DeleteRuleRequest::default() },
            &[("events:DeleteRule", RULE)],
        ),
    ]
}
