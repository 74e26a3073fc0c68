//! Keys that conditions look at: what each request gives for them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bascule_api::v1::subscribe_request::Action;
use bascule_api::v1::{
    CreateEventBusRequest, PutEventsRequest, PutEventsRequestEntry, PutRuleRequest, PutTargetsRequest, SubscribeAck,
    SubscribeCredit, SubscribeExtend, SubscribeNack, SubscribeRequest, SubscribeStart, TagResourceRequest, Target,
    UntagResourceRequest,
};
use bascule_keyring::secret::KeyId;
use bascule_model::time::Millis;
use bascule_model::uid::Uid;
use bascule_statemachine::codec::control::rows::{BusRow, RuleRow};
use bascule_statemachine::codec::control::{self, Pair};
use bascule_statemachine::control::state::State;
use serde_json::{Value, json};

use super::rows::full;
use super::{CALLER, Facts, ask, asking, grants, scope};
use crate::stack::access::{Accesses, Asks, Settles};

/// Whether a caller who may do everything under a condition may this.
#[track_caller]
fn check(accesses: &Accesses, condition: &Value, allowed: bool) {
    let own = grants(&[json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition})]);
    assert_eq!(ask(&own, accesses).is_ok(), allowed, "{condition} {accesses:?}");
}

#[test]
fn entries_have_source_and_detail_type() {
    let entry = PutEventsRequestEntry {
        source: "shop".to_owned(),
        detail_type: "sold".to_owned(),
        ..PutEventsRequestEntry::default()
    };
    let put = PutEventsRequest { entries: vec![entry], ..Default::default() }.accesses(&asking());
    check(&put, &json!({"StringEquals": {"events:source": "shop", "events:detail-type": "sold"}}), true);
    check(&put, &json!({"StringEquals": {"events:source": "shops"}}), false);
    check(&put, &json!({"StringEquals": {"events:detail-type": "bought"}}), false);
    check(&put, &json!({"Bool": {"events:eventBusInvocation": "false", "aws:SecureTransport": "true"}}), true);
    check(&put, &json!({"Bool": {"events:eventBusInvocation": "true"}}), false);
    check(&put, &json!({"DateGreaterThan": {"aws:CurrentTime": "2026-11-23T09:29:59Z"}}), true);
    check(&put, &json!({"DateGreaterThan": {"aws:CurrentTime": "2026-11-23T09:30:01Z"}}), false);
    check(&put, &json!({"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::111122223333:user/service/orders"}}), true);
    check(&put, &json!({"StringEquals": {"aws:username": "orders", "aws:PrincipalAccount": "111122223333"}}), true);
}

#[test]
fn an_address_is_there_if_it_is_known() {
    let put = PutEventsRequest::default().accesses(&asking());
    let own = grants(&[json!({"Effect": "Allow", "Action": "*", "Resource": "*",
        "Condition": {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "2001:db8::/32"]}}})]);
    for (from, allowed) in [("10.1.2.3", true), ("11.1.2.3", false), ("2001:db8::1", true), ("", false)] {
        let facts = Facts { from: from.parse().ok(), ..Facts::at(Millis(0)) };
        assert_eq!(own.judge(CALLER, &put.first, facts).is_ok(), allowed, "{from}");
    }
}

#[test]
fn patterns_have_their_literals() {
    let put = |pattern: &str| {
        let rule = PutRuleRequest { name: "r".to_owned(), event_pattern: pattern.to_owned(), ..Default::default() };
        rule.accesses(&asking())
    };
    let only =
        json!({"ForAllValues:StringEquals": {"events:source": ["shop", "bank"]}, "Null": {"events:source": "false"}});
    check(&put(r#"{"source":["shop"]}"#), &only, true);
    check(&put(r#"{"source":["shop","bank"]}"#), &only, true);
    check(&put(r#"{"source":["shop","thief"]}"#), &only, false);
    check(&put(r#"{"detail-type":["shop"]}"#), &only, false);
    check(&put(r#"{"source":["shop",{"prefix":""}]}"#), &only, false);
    check(&put(r#"{"$or":[{"source":["shop"]},{"detail-type":["t"]}]}"#), &only, false);
    check(&put(""), &json!({"StringEquals": {"events:creatorAccount": "${aws:PrincipalAccount}"}}), true);
    // A denial is not passed by either.
    let deny = grants(&[
        json!({"Effect": "Allow", "Action": "*", "Resource": "*"}),
        json!({"Effect": "Deny", "Action": "events:PutRule", "Resource": "*",
            "Condition": {"ForAnyValue:StringEquals": {"events:source": "secret"}}}),
    ]);
    for pattern in
        [r#"{"source":["secret"]}"#, r#"{"source":["secret",{"prefix":"x"}]}"#, r#"{"source":["a","secret"]}"#]
    {
        assert!(ask(&deny, &put(pattern)).is_err(), "{pattern}");
    }
    assert!(ask(&deny, &put(r#"{"source":["shop"]}"#)).is_ok());
}

#[test]
fn recorded_decisions_on_put_rule() {
    let Ok(folder) = std::env::var("BASCULE_VECTORS") else {
        super::skip("stack::access::tests::keys::recorded_decisions_on_put_rule", "BASCULE_VECTORS is not set");
        return;
    };
    let text = std::fs::read_to_string(PathBuf::from(folder).join("put-rule-decisions.jsonl")).unwrap();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let rule = PutRuleRequest {
            name: "r".to_owned(),
            event_pattern: row["pattern"].as_str().unwrap().to_owned(),
            ..Default::default()
        };
        let own = grants(row["policy"]["Statement"].as_array().unwrap());
        assert_eq!(Some(ask(&own, &rule.accesses(&asking())).is_ok()), row["allowed"].as_bool(), "{}", row["name"]);
    }
}

#[test]
fn targets_have_their_arns_and_roles_what_they_are_for() {
    let target = |arn: &str, role: &str| Target {
        arn: full(arn),
        role_arn: full(role),
        dead_letter_config: Some(bascule_api::v1::DeadLetterConfig { arn: full("sqs:letters") }),
        ..Target::default()
    };
    let put = |targets| PutTargetsRequest { rule: "r".to_owned(), targets, ..Default::default() }.accesses(&asking());
    let targets =
        json!({"ForAllValues:ArnEquals": {"events:TargetArn": [full("sqs:inbox"), full("events:event-bus/b")]}});
    let one = put(vec![target("sqs:inbox", "")]);
    check(&one, &targets, true);
    check(&put(vec![target("sqs:inbox", ""), target("sqs:outbox", "")]), &targets, false);
    check(&put(vec![target("events:event-bus:b", "")]), &targets, true);
    let pass = put(vec![target("sqs:inbox", "iam:role/r")]);
    for (key, value, allowed) in [
        ("iam:PassedToService", "events.amazonaws.com".to_owned(), true),
        ("iam:PassedToService", "lambda.amazonaws.com".to_owned(), false),
        ("iam:AssociatedResourceArn", full("events:rule/r"), true),
        ("iam:AssociatedResourceArn", full("events:rule/s"), false),
    ] {
        let own = grants(&[
            json!({"Effect": "Allow", "Action": ["events:*", "sqs:*"], "Resource": "*"}),
            json!({"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*", "Condition": {"StringEquals": {key: value}}}),
        ]);
        assert_eq!(ask(&own, &pass).is_ok(), allowed, "{key}");
    }
    let without = grants(&[json!({"Effect": "Allow", "Action": ["events:*", "sqs:*"], "Resource": "*"})]);
    assert!(ask(&without, &pass).is_err() && ask(&without, &one).is_ok());
    // A bus without a role is written to as a rule does it.
    for (value, allowed) in [("true", true), ("false", false)] {
        let own = grants(&[
            json!({"Effect": "Allow", "Action": ["events:PutTargets", "sqs:SendMessage"], "Resource": "*"}),
            json!({"Effect": "Allow", "Action": "events:PutEvents", "Resource": "*",
                "Condition": {"Bool": {"events:eventBusInvocation": value}}}),
        ]);
        assert_eq!(ask(&own, &put(vec![target("events:event-bus/b", "")])).is_ok(), allowed, "{value}");
    }
}

#[test]
fn tags_of_the_request_are_keys() {
    let tags = || BTreeMap::from([("stage".to_owned(), "prod".to_owned()), ("team".to_owned(), "a".to_owned())]);
    let bus = CreateEventBusRequest { name: "b".to_owned(), tags: tags(), ..Default::default() }.accesses(&asking());
    let arn = full("events:event-bus/b");
    let tag = TagResourceRequest { resource_arn: arn.clone(), tags: tags(), ..Default::default() }.accesses(&asking());
    for accesses in [&bus, &tag] {
        check(accesses, &json!({"StringEquals": {"aws:RequestTag/stage": "prod"}}), true);
        check(accesses, &json!({"StringEquals": {"aws:RequestTag/stage": "test"}}), false);
        check(accesses, &json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["stage", "team"]}}), true);
        check(accesses, &json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["stage"]}}), false);
    }
    let untag = |keys: &[&str]| {
        let tag_keys = keys.iter().map(|key| (*key).to_owned()).collect();
        UntagResourceRequest { resource_arn: arn.clone(), tag_keys, ..Default::default() }.accesses(&asking())
    };
    check(&untag(&["stage"]), &json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["stage"]}}), true);
    check(&untag(&["stage", "team"]), &json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["stage"]}}), false);
}

/// What the view has: a bus and a rule on the default bus, each with a tag.
fn state() -> State {
    let tags = || vec![Pair { name: "stage".to_owned(), value: "prod".to_owned() }];
    let bus = |uid, name: &str| BusRow {
        uid,
        account: scope().account().number(),
        name: name.to_owned(),
        key_id: KeyId::from_random([1; 12]).as_bytes().to_vec().into(),
        tags: tags(),
        ..BusRow::default()
    };
    let rule = control::Rule { bus: "default".to_owned(), name: "ship".to_owned(), ..control::Rule::default() };
    let rule = RuleRow { uid: 3, bus_uid: 1, rule: Some(rule), tags: tags(), ..RuleRow::default() };
    let buses = [(Uid(1), bus(1, "default")), (Uid(2), bus(2, "orders"))].into();
    State { buses, rules: [(Uid(3), rule)].into(), ..State::default() }
}

#[test]
fn tags_and_creator_are_those_of_what_is_there() {
    let tagged = json!({"StringEquals": {"aws:ResourceTag/stage": "prod"}});
    let created = json!({"StringEquals": {"events:creatorAccount": "111122223333"}});
    for (arn, is_tagged, is_created) in [
        ("events:event-bus/orders", true, false),
        ("events:event-bus/absent", false, false),
        ("events:rule/ship", true, true),
        ("events:rule/default/ship", true, true),
        ("events:rule/orders/ship", false, false),
        ("sqs:orders", false, false),
    ] {
        let tag = TagResourceRequest { resource_arn: full(arn), ..Default::default() }.accesses(&asking());
        for (condition, allowed) in [(&tagged, is_tagged), (&created, is_created)] {
            let own = grants(&[json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition})]);
            let facts = Facts { state: state(), ..Facts::at(Millis(0)) };
            assert_eq!(own.judge(CALLER, &tag.first, facts).is_ok(), allowed, "{arn} {condition}");
        }
    }
    // The same names elsewhere are not the same.
    let far = "arn:aws:events:eu-west-1:111122223333:event-bus/orders".to_owned();
    let tag = TagResourceRequest { resource_arn: far, ..Default::default() }.accesses(&asking());
    let own = grants(&[json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": tagged})]);
    assert!(own.judge(CALLER, &tag.first, Facts { state: state(), ..Facts::at(Millis(0)) }).is_err());
}

#[test]
fn a_stream_asks_again_for_what_comes_later() {
    let start = SubscribeStart { queue_name: "inbox".to_owned(), ..SubscribeStart::default() };
    let request = |action| SubscribeRequest { action: Some(action) };
    let opened = request(Action::Start(start.clone())).accesses(&asking());
    for (action, asked) in [
        (Action::Credit(SubscribeCredit::default()), "sqs:ReceiveMessage"),
        (Action::Ack(SubscribeAck::default()), "sqs:DeleteMessage"),
        (Action::Nack(SubscribeNack::default()), "sqs:ChangeMessageVisibility"),
        (Action::Extend(SubscribeExtend::default()), "sqs:ChangeMessageVisibility"),
        (Action::Start(SubscribeStart { queue_name: "other".to_owned(), ..start }), "sqs:ReceiveMessage"),
    ] {
        let access = request(action.clone()).later(&opened.first.resource);
        assert_eq!((access.action, access.resource.arn), (asked, full("sqs:inbox")));
        if !matches!(action, Action::Start(_)) {
            // What begins with something else begins nothing.
            assert_eq!(request(action).accesses(&asking()).first.resource.arn, "*");
        }
    }
    assert_eq!(SubscribeRequest::default().accesses(&asking()).first.resource.arn, "*");
}
