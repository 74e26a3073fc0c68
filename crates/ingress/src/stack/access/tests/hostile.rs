//! Names that try to reach further than they are: none widens what a statement allows.

use bascule_api::v1::{
    CreateApiDestinationRequest, CreateEventBusRequest, DeleteQueueRequest, DescribeConnectionRequest,
    DescribeEventBusRequest, DescribeRuleRequest, PutEventsRequest, PutRuleRequest, PutTargetsRequest,
    TagResourceRequest, Target,
};
use serde_json::json;

use super::rows::{entry, full};
use super::{ask, ask_one, asking, grants, statement};
use crate::stack::access::{Asks, Judged};

/// Texts that are no names, and texts that are names of something else.
fn hostile() -> Vec<String> {
    let mut texts: Vec<String> = [
        "*",
        "?",
        "?rders",
        "order*",
        "orders*",
        "orders?",
        "${aws:username}",
        "${*}",
        "ordérs",
        "orders\u{0}",
        "orders ",
        " orders",
        "orders\n",
        "Orders",
        "orders/",
        "/orders",
        "./orders",
        "a/../orders",
        "orders/ship",
        "default/../orders",
        ":",
        "::::::",
        "arn:",
        "arn:*",
        "arn:aws:events",
        "orders:ship",
        "\u{202e}orders",
        "𝐨rders",
        "orders…",
    ]
    .map(str::to_owned)
    .to_vec();
    for resource in [
        "event-bus/*",
        "event-bus/?rders",
        "event-bus/",
        "event-bus/orders/",
        "event-bus//orders",
        "rule/orders/*",
        "event-bus/ordérs",
    ] {
        texts.push(full(&format!("events:{resource}")));
    }
    texts.push("arn:aws:events:*:111122223333:event-bus/orders".to_owned());
    texts.push("arn:aws:events:us-east-1:*:event-bus/orders".to_owned());
    texts.push("arn:aws:events:us-east-1::event-bus/orders".to_owned());
    texts.push("arn:aws:events:us-east-1:444455556666:event-bus/orders".to_owned());
    texts.push("arn:aws:events:eu-west-1:111122223333:event-bus/orders".to_owned());
    texts.push("x".repeat(10_240));
    texts.push(format!("orders{}", "/".repeat(10_240)));
    texts.push("ö".repeat(10_240));
    texts.push(full(&format!("events:event-bus/{}", "x".repeat(10_240))));
    texts
}

#[test]
fn no_name_widens_a_statement() {
    // Everything that a caller may have on one bus and its rules, and on one queue, connection and destination.
    let own = grants(&[json!({"Effect": "Allow", "Action": "*", "Resource": [
        full("events:event-bus/orders"), full("events:rule/orders/ship"), full("events:rule/orders/*"),
        full("sqs:orders"), full("events:connection/orders"), full("events:api-destination/orders"),
    ]})]);
    for text in hostile() {
        let (name, event_bus_name) = (|| text.clone(), || text.clone());
        let bus = DescribeEventBusRequest { name: name(), ..Default::default() };
        assert!(ask(&own, &bus.accesses(&asking())).is_err(), "bus {text}");
        let bus = CreateEventBusRequest { name: name(), ..Default::default() };
        assert!(ask(&own, &bus.accesses(&asking())).is_err(), "new bus {text}");
        let rule =
            DescribeRuleRequest { name: "ship".to_owned(), event_bus_name: event_bus_name(), ..Default::default() };
        let on = rule.accesses(&asking());
        assert!(ask(&own, &on).is_err(), "rule on {text}: {on:?}");
        let rule = PutRuleRequest { name: name(), ..Default::default() };
        assert!(ask(&own, &rule.accesses(&asking())).is_err(), "rule {text}");
        let rule = PutTargetsRequest { rule: name(), event_bus_name: "shop".to_owned(), ..Default::default() };
        assert!(ask(&own, &rule.accesses(&asking())).is_err(), "rule {text} on another bus");
        let queue = DeleteQueueRequest { queue_name: text.clone(), ..Default::default() };
        assert!(ask(&own, &queue.accesses(&asking())).is_err(), "queue {text}");
        let connection = DescribeConnectionRequest { name: name(), ..Default::default() };
        assert!(ask(&own, &connection.accesses(&asking())).is_err(), "connection {text}");
        let tags = TagResourceRequest { resource_arn: text.clone(), ..Default::default() };
        let below = text.ends_with(":rule/orders/*");
        assert!(below || ask(&own, &tags.accesses(&asking())).is_err(), "tags of {text}");
        let put = PutEventsRequest { entries: vec![entry(&text)], ..Default::default() };
        assert!(ask(&own, &put.accesses(&asking())).is_err(), "entry on {text}");
    }
}

#[test]
fn what_is_no_name_is_on_what_only_a_star_allows() {
    let wide = grants(&[json!({"Effect": "Allow", "Action": "*", "Resource": "arn:*:*:*:*:*"})]);
    let all = grants(&[statement("All", "Allow", "*", "*")]);
    for text in ["", "a b", "a:b", "arn:", "ö", "orders\n", "arn:aws:events:us-east-1:*:event-bus/orders"] {
        let bus = CreateEventBusRequest { name: text.to_owned(), ..Default::default() };
        let accesses = bus.accesses(&asking());
        assert_eq!(accesses.first.resource.arn, "*", "{text}");
        assert!(ask(&wide, &accesses).is_err() && ask(&all, &accesses).is_ok(), "{text}");
    }
}

#[test]
fn a_rules_name_does_not_reach_another_bus() {
    let own = grants(&[statement("Own", "Allow", "*", &full("events:rule/orders/ship"))]);
    for (bus, name) in [("", "orders/ship"), ("default", "orders/ship"), ("orders/ship", ""), ("", "../orders/ship")] {
        let rule = PutRuleRequest { name: name.to_owned(), event_bus_name: bus.to_owned(), ..Default::default() };
        let accesses = rule.accesses(&asking());
        assert!(ask(&own, &accesses).is_err(), "{bus} {name}: {accesses:?}");
    }
}

#[test]
fn one_resource_has_one_arn() {
    let arn = |resource: &str| asking().given(&full(resource)).arn;
    for (written, one) in [
        ("events:rule/default/ship", "events:rule/ship"),
        ("events:rule/ship", "events:rule/ship"),
        ("events:event-bus:orders", "events:event-bus/orders"),
        ("events:connection/crm/uuid", "events:connection/crm"),
        ("events:api-destination/crm/uuid/more", "events:api-destination/crm"),
        ("events:api-destination:crm", "events:api-destination/crm"),
        ("logs:log-group:/shop:*", "logs:log-group:/shop"),
        // What is none stays as it is written.
        ("events:rule/default/", "events:rule/default/"),
        ("events:archive/a/b", "events:archive/a/b"),
    ] {
        assert_eq!(arn(written), full(one), "{written}");
    }
    // So that a denial cannot be walked round.
    let but = grants(&[
        statement("All", "Allow", "*", "*"),
        statement("Secret", "Deny", "*", &full("events:rule/secret")),
        statement("Vault", "Deny", "*", &full("events:connection/vault")),
    ]);
    for written in ["events:rule/secret", "events:rule/default/secret"] {
        let tags = TagResourceRequest { resource_arn: full(written), ..Default::default() };
        assert!(ask(&but, &tags.accesses(&asking())).is_err(), "{written}");
    }
    for bus in ["", "default", &full("events:event-bus/default"), &full("events:event-bus:default")] {
        let rule =
            DescribeRuleRequest { name: "secret".to_owned(), event_bus_name: bus.to_owned(), ..Default::default() };
        assert!(ask(&but, &rule.accesses(&asking())).is_err(), "{bus}");
    }
    for written in ["events:connection/vault", "events:connection/vault/uuid", "events:connection/vault/"] {
        let request =
            CreateApiDestinationRequest { name: "d".to_owned(), connection_arn: full(written), ..Default::default() };
        assert!(ask(&but, &request.accesses(&asking())).is_err(), "{written}");
    }
}

#[test]
fn a_name_that_is_cut_is_nobody_elses() {
    let longest = "x".repeat(256);
    let own = grants(&[statement("Own", "Allow", "*", &full(&format!("events:event-bus/{longest}")))]);
    for (name, allowed) in [(longest.clone(), true), (format!("{longest}x"), false), (longest.repeat(40), false)] {
        let accesses = CreateEventBusRequest { name, ..Default::default() }.accesses(&asking());
        assert_eq!(ask(&own, &accesses).is_ok(), allowed);
        assert!(accesses.first.resource.arn.len() < 512);
    }
}

#[test]
fn a_batch_asks_for_no_more_than_it_may_have() {
    let put = |count| PutEventsRequest { entries: vec![entry("orders"); count], ..Default::default() };
    for (count, asked, judged) in [
        (0, 1, Judged::Together),
        (1, 1, Judged::EachByItself),
        (10, 10, Judged::EachByItself),
        // Refused as a whole, whoever calls; so those that may put nothing are told so first.
        (11, 10, Judged::Together),
        (100_000, 10, Judged::Together),
    ] {
        let accesses = put(count).accesses(&asking());
        assert_eq!((accesses.iter().count(), accesses.judged), (asked, judged), "{count}");
    }
    let target = |at: usize| Target { role_arn: full(&format!("iam:role/r{at}")), ..Target::default() };
    let targets = (0..10_000).map(target).collect();
    let put = PutTargetsRequest { rule: "r".to_owned(), targets, ..Default::default() };
    assert!(put.accesses(&asking()).iter().count() <= 101);
}

#[test]
fn entries_are_decided_each_by_itself() {
    let own = grants(&[statement("Own", "Allow", "events:PutEvents", &full("events:event-bus/orders"))]);
    let entries = ["orders", "", "orders", "shop"].map(entry).to_vec();
    let accesses = PutEventsRequest { entries, ..Default::default() }.accesses(&asking());
    let each: Vec<bool> = accesses.iter().map(|access| ask_one(&own, access).is_ok()).collect();
    assert_eq!(each, [true, false, true, false]);
}
