//! Random requests: who asks for what, with which keys. Everything is given twice, as the engine takes it and as keys by name.

use std::error::Error;
use std::net::IpAddr;

use bascule_model::name::AccountId;
use bascule_model::time::Millis;
use bascule_policy::request::{Membership, Principal, PrincipalKind, Request, Resource, Value, Values};
use serde_json::{Map, Value as Json, json};

use crate::chance::Chance;

pub const HOME: &str = "111122223333";
const OTHER: &str = "444455556666";
/// 2026-11-23T09:30:00Z.
const NOW: (Millis, &str, &str) = (Millis(1_795_426_200_000), "2026-11-23T09:30:00Z", "1795426200");
const ISSUED: (Millis, &str) = (Millis(1_795_424_400_000), "2026-11-23T09:00:00Z");
const ORG: Membership<'_> = Membership { id: "o-a1b2c3d4e5", path: "o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/" };
const OTHER_ORG: Membership<'_> = Membership { id: "o-f6g7h8i9j0", path: "o-f6g7h8i9j0/r-cd34/" };

/// What an action is on, with resources near the one that is asked for.
pub struct Subject {
    pub action: &'static str,
    /// Actions as policies may write them.
    pub actions: &'static [&'static str],
    pub arn: &'static str,
    pub arns: &'static [&'static str],
    /// Keys with several values that the action has.
    pub several: &'static [(&'static str, &'static [&'static str])],
}

const SOURCES: &[&str] = &["shop", "shop.orders", "Shop", "billing", "*"];
const TYPES: &[&str] = &["Order Placed", "order placed", "Order Paid", "Refund"];
const TARGETS: &[&str] = &[
    "arn:aws:sqs:us-east-1:111122223333:orders",
    "arn:aws:sqs:eu-west-1:111122223333:audit",
    "arn:aws:lambda:us-east-1:444455556666:function:ship:7",
];
const TAG_KEYS: &[&str] = &["stage", "team", "cost"];
const EVENTS: &[&str] = &["events:PutEvents", "EVENTS:putevents", "events:Put*", "events:*", "*", "events:Put?vents"];
const RULES: &[&str] = &["events:PutRule", "events:putrule", "events:*Rule", "events:*", "*", "events:PutEvents"];
const QUEUES: &[&str] = &["sqs:ReceiveMessage", "SQS:receivemessage", "sqs:Rec*", "sqs:*", "*", "sqs:*e?????e"];
const BUSES: &[&str] = &[
    "*",
    "arn:aws:events:us-east-1:111122223333:event-bus/orders",
    "arn:aws:events:us-east-1:111122223333:event-bus/o*s",
    "arn:aws:events:*:*:event-bus/*",
    "arn:aws:events:us-east-1:111122223333:event-bus/${aws:PrincipalTag/team}",
    "arn:aws:events:us-east-1:111122223333:event-bus/order?",
    "arn:aws:events:us-east-1:111122223333:event-bus/Orders",
    "arn:aws:events:us-east-1:111122223333:*",
];

pub const SUBJECTS: [Subject; 5] = [
    Subject {
        action: "events:PutEvents",
        actions: EVENTS,
        arn: "arn:aws:events:us-east-1:111122223333:event-bus/orders",
        arns: BUSES,
        several: &[("events:source", SOURCES), ("events:detail-type", TYPES)],
    },
    Subject {
        action: "events:PutTargets",
        actions: &["events:PutTargets", "events:puttargets", "events:Put*", "events:*", "*", "events:??t*s"],
        arn: "arn:aws:events:us-east-1:111122223333:rule/orders/paid",
        arns: &[
            "*",
            "arn:aws:events:us-east-1:111122223333:rule/orders/paid",
            "arn:aws:events:us-east-1:111122223333:rule/orders/*",
            "arn:aws:events:us-east-1:*:rule/*/paid",
            "arn:aws:events:us-east-1:111122223333:rule/${aws:PrincipalTag/team}/p*",
            "arn:aws:events:us-east-1:111122223333:rule/paid",
        ],
        several: &[("events:TargetArn", TARGETS)],
    },
    Subject {
        action: "events:PutRule",
        actions: RULES,
        arn: "arn:aws:events:us-east-1:111122223333:rule/orders/paid",
        arns: &[
            "*",
            "arn:aws:events:us-east-1:111122223333:rule/orders/paid",
            "arn:aws:events:us-east-1:111122223333:rule/*",
            "arn:aws:events:us-east-1:111122223333:rule/${aws:PrincipalTag/team}/pai?",
            "arn:aws:events:*:111122223333:rule/orders/p*d*",
            "arn:aws:events:us-east-1:444455556666:rule/orders/paid",
        ],
        several: &[("events:source", SOURCES), ("events:detail-type", TYPES), ("aws:TagKeys", TAG_KEYS)],
    },
    Subject {
        action: "sqs:ReceiveMessage",
        actions: QUEUES,
        arn: "arn:aws:sqs:us-east-1:111122223333:orders",
        arns: &[
            "*",
            "arn:aws:sqs:us-east-1:111122223333:orders",
            "arn:aws:sqs:us-east-1:111122223333:ord*",
            "arn:aws:sqs:*:111122223333:${aws:PrincipalTag/team}",
            "arn:aws:sqs:us-east-1:111122223333:${aws:username}",
            "arn:aws:sqs:us-east-1:111122223333:orders-*",
        ],
        several: &[(
            "aws:CalledVia",
            &["events.amazonaws.com", "cloudformation.amazonaws.com", "athena.amazonaws.com"],
        )],
    },
    Subject {
        action: "sts:AssumeRole",
        actions: &["sts:AssumeRole", "sts:assumerole", "sts:Assume*", "sts:*", "sts:TagSession", "sts:A*e?ole"],
        arn: "arn:aws:iam::111122223333:role/Deliver",
        arns: &[
            "*",
            "arn:aws:iam::111122223333:role/Deliver",
            "arn:aws:iam::111122223333:role/D*",
            "arn:aws:iam::*:role/${aws:PrincipalTag/team}",
            "arn:aws:iam::111122223333:role/deliver",
        ],
        several: &[("aws:TagKeys", TAG_KEYS)],
    },
];

/// Keys with one value that every action has: name, values of requests.
const SINGLE: &[(&str, &[&str])] = &[
    ("aws:UserAgent", &["Bob", "bob", "B", "*", "x*y", "cli/2", "AAEC", "straße", "STRASSE"]),
    ("aws:Referer", &["", "https://shop.example/a", "https://shop.example/"]),
    ("aws:MultiFactorAuthAge", &["0", "59", "60", "3600", "60.0"]),
    ("aws:MultiFactorAuthPresent", &["true", "false"]),
    ("aws:SecureTransport", &["true", "false"]),
    ("aws:SourceIp", &["10.1.2.3", "10.2.3.4", "192.0.2.1", "2001:db8::1", "2001:db8:8000::1"]),
    (
        "aws:SourceArn",
        &["arn:aws:events:us-east-1:111122223333:rule/orders/paid", "arn:aws:sns:us-east-1:444455556666:t"],
    ),
    ("aws:SourceAccount", &[HOME, OTHER]),
    // No key of these actions is binary; this one has text of any form.
    ("aws:SourceVpc", &["AAEC", "QmFzY3VsZQ=="]),
];

/// A request in its own words.
pub struct Asked {
    pub caller: &'static str,
    pub subject: &'static Subject,
    /// Tags that callers have.
    tags: Vec<(&'static str, &'static str)>,
    owned: Vec<(&'static str, Owned)>,
    request_tags: Vec<(&'static str, &'static str)>,
}

enum Owned {
    Text(&'static str),
    Bool(bool),
    Number(i64),
    Address(IpAddr),
    Many(Vec<&'static str>),
}

impl Asked {
    pub fn random(chance: &mut Chance) -> Self {
        let callers = ["user", "user", "session", "session", "other-user", "other-session", "root", "service"];
        let caller = chance.pick(&callers);
        let subject = &SUBJECTS[chance.below(SUBJECTS.len())];
        let mut asked = Self { caller, subject, tags: Vec::new(), owned: Vec::new(), request_tags: Vec::new() };
        if caller != "service" && caller != "root" && !chance.one_in(4) {
            asked.tags.push(("team", chance.pick(&["orders", "orders", "Deliver", "*"])));
        }
        for (key, values) in SINGLE {
            if !chance.one_in(4) {
                let text = chance.pick(values);
                let value = typed(chance, text);
                asked.owned.push((key, value));
            }
        }
        for (key, values) in subject.several {
            if *key == "aws:TagKeys" {
                let count = chance.below(4);
                asked.request_tags = chance.several(values, count).into_iter().map(|key| (key, "prod")).collect();
            } else if !chance.one_in(5) {
                let count = 1 + chance.below(3);
                asked.owned.push((key, Owned::Many(chance.several(values, count))));
            }
        }
        asked
    }

    fn principal(&self) -> Result<Principal<'_>, Box<dyn Error>> {
        let session = |role_arn, session_arn| PrincipalKind::Session { role_arn, session_arn, issued: ISSUED.0 };
        let (kind, account, org, id) = match self.caller {
            "user" => (PrincipalKind::User { arn: USER, name: "orders" }, HOME, ORG, "AIDAEXAMPLE"),
            "session" => (session(ROLE, SESSION), HOME, ORG, "AROAEXAMPLE:s1"),
            "root" => (PrincipalKind::Root { arn: ROOT }, HOME, ORG, HOME),
            "other-user" => (PrincipalKind::User { arn: OTHER_USER, name: "Eve" }, OTHER, OTHER_ORG, "AIDAOTHER"),
            "other-session" => (session(OTHER_ROLE, OTHER_SESSION), OTHER, OTHER_ORG, "AROAOTHER:s2"),
            _ => {
                let kind = PrincipalKind::Service { name: SERVICE };
                return Ok(Principal { kind, account: None, org: None, tags: &[], id: "" });
            }
        };
        Ok(Principal { kind, account: Some(AccountId::parse(account)?), org: Some(org), tags: &self.tags, id })
    }

    /// As the engine takes it.
    pub fn with<T>(&self, then: impl FnOnce(&Request<'_>) -> T) -> Result<T, Box<dyn Error>> {
        let context: Vec<(&str, Values<'_>)> = self
            .owned
            .iter()
            .map(|(key, value)| {
                let values = match value {
                    Owned::Text(text) => Values::One(Value::Text(text)),
                    Owned::Bool(value) => Values::One(Value::Bool(*value)),
                    Owned::Number(value) => Values::One(Value::Number(*value)),
                    Owned::Address(value) => Values::One(Value::Address(*value)),
                    Owned::Many(all) => Values::Many(all),
                };
                (*key, values)
            })
            .collect();
        let account = AccountId::parse(HOME)?;
        Ok(then(&Request {
            principal: self.principal()?,
            action: self.subject.action,
            resource: Resource { arn: self.subject.arn, account, org: Some(ORG), tags: &[("stage", "prod")] },
            now: NOW.0,
            tags: &self.request_tags,
            context: &context,
        }))
    }

    /// As keys by name, those included that the engine derives.
    pub fn keys(&self) -> Json {
        let mut keys = Map::new();
        let mut put = |key: &str, value: Json| drop(keys.insert(key.to_owned(), value));
        put("aws:CurrentTime", json!(NOW.1));
        put("aws:EpochTime", json!(NOW.2));
        put("aws:ResourceAccount", json!(HOME));
        put("aws:ResourceOrgID", json!(ORG.id));
        put("aws:ResourceOrgPaths", json!([ORG.path]));
        put("aws:ResourceTag/stage", json!("prod"));
        put("aws:PrincipalIsAWSService", json!((self.caller == "service").to_string()));
        let mut account = |account: &str, org: Membership<'_>, arn: &str, kind: &str, id: &str| {
            put("aws:PrincipalAccount", json!(account));
            put("aws:PrincipalOrgID", json!(org.id));
            put("aws:PrincipalOrgPaths", json!([org.path]));
            put("aws:PrincipalArn", json!(arn));
            put("aws:PrincipalType", json!(kind));
            put("aws:userid", json!(id));
        };
        match self.caller {
            "user" => account(HOME, ORG, USER, "User", "AIDAEXAMPLE"),
            "session" => account(HOME, ORG, ROLE, "AssumedRole", "AROAEXAMPLE:s1"),
            "root" => account(HOME, ORG, ROOT, "Account", HOME),
            "other-user" => account(OTHER, OTHER_ORG, OTHER_USER, "User", "AIDAOTHER"),
            "other-session" => account(OTHER, OTHER_ORG, OTHER_ROLE, "AssumedRole", "AROAOTHER:s2"),
            _ => put("aws:PrincipalServiceName", json!(SERVICE)),
        }
        match self.caller {
            "user" => put("aws:username", json!("orders")),
            "other-user" => put("aws:username", json!("Eve")),
            "session" | "other-session" => put("aws:TokenIssueTime", json!(ISSUED.1)),
            _ => {}
        }
        self.tags.iter().for_each(|(key, value)| put(&format!("aws:PrincipalTag/{key}"), json!(value)));
        self.request_tags.iter().for_each(|(key, value)| put(&format!("aws:RequestTag/{key}"), json!(value)));
        if !self.request_tags.is_empty() {
            put("aws:TagKeys", self.request_tags.iter().map(|(key, _)| json!(key)).collect());
        }
        for (key, value) in &self.owned {
            let value = match value {
                Owned::Text(text) => json!(text),
                Owned::Bool(value) => json!(value.to_string()),
                Owned::Number(value) => json!(value.to_string()),
                Owned::Address(value) => json!(value.to_string()),
                Owned::Many(all) => json!(all),
            };
            put(key, value);
        }
        Json::Object(keys)
    }

    /// The caller as others call it.
    pub fn name(&self) -> &'static str {
        match self.caller {
            "user" => USER,
            "session" => SESSION,
            "root" => ROOT,
            "other-user" => OTHER_USER,
            "other-session" => OTHER_SESSION,
            _ => SERVICE,
        }
    }
}

pub const USER: &str = "arn:aws:iam::111122223333:user/orders";
pub const ROLE: &str = "arn:aws:iam::111122223333:role/Orders";
pub const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/Orders/s1";
pub const ROOT: &str = "arn:aws:iam::111122223333:root";
pub const OTHER_USER: &str = "arn:aws:iam::444455556666:user/Eve";
pub const OTHER_ROLE: &str = "arn:aws:iam::444455556666:role/Ship";
pub const OTHER_SESSION: &str = "arn:aws:sts::444455556666:assumed-role/Ship/s2";
pub const SERVICE: &str = "events.amazonaws.com";

/// Half of the values that have a type of their own are given with it.
fn typed(chance: &mut Chance, text: &'static str) -> Owned {
    let plain = chance.one_in(2);
    match text {
        _ if plain => Owned::Text(text),
        "true" | "false" => Owned::Bool(text == "true"),
        _ => match (text.parse::<i64>(), text.parse::<IpAddr>()) {
            (Ok(number), _) if text.len() < 6 => Owned::Number(number),
            (_, Ok(address)) => Owned::Address(address),
            _ => Owned::Text(text),
        },
    }
}
