//! Random policies about a request: near enough to it that each element decides now and then.

use serde_json::{Map, Value as Json, json};

use crate::asked::{Asked, HOME, OTHER_ROLE, OTHER_SESSION, OTHER_USER, ROLE, ROOT, SERVICE, SESSION, USER};
use crate::chance::Chance;

/// Operators that compare one kind of value, and keys of that kind with a policy's values.
struct Family {
    operators: &'static [&'static str],
    keys: &'static [(&'static str, &'static [&'static str])],
}

const TEXTS: &[&str] = &[
    "Bob",
    "bob",
    "B*",
    "?ob",
    "*",
    "x${*}y",
    "${aws:username}",
    "${aws:PrincipalTag/team}",
    "${aws:PrincipalTag/none, 'Bob'}",
    "STRASSE",
    "",
];

const FAMILIES: [Family; 7] = [
    Family {
        operators: &[
            "StringEquals",
            "StringNotEquals",
            "StringEqualsIgnoreCase",
            "StringNotEqualsIgnoreCase",
            "StringLike",
            "StringNotLike",
        ],
        keys: &[
            ("aws:UserAgent", TEXTS),
            ("AWS:useragent", TEXTS),
            ("aws:Referer", &["", "https://shop.example/*", "https://shop.example/a"]),
            ("aws:username", &["orders", "Eve", "o*", "${aws:PrincipalTag/team}"]),
            ("aws:PrincipalTag/team", &["orders", "Orders", "*", "${aws:username}"]),
            ("aws:ResourceTag/stage", &["prod", "dev", "p*d", "${aws:PrincipalTag/stage, 'prod'}"]),
            ("aws:PrincipalAccount", &[HOME, "444455556666", "${aws:ResourceAccount}", "1*"]),
            ("aws:SourceAccount", &[HOME, "444455556666", "${aws:PrincipalAccount}"]),
            ("aws:PrincipalOrgID", &["o-a1b2c3d4e5", "o-f6g7h8i9j0", "o-*", "${aws:ResourceOrgID}"]),
            ("aws:PrincipalType", &["User", "AssumedRole", "Account", "user"]),
            ("aws:RequestTag/team", &["prod", "Prod"]),
        ],
    },
    Family {
        operators: &[
            "NumericEquals",
            "NumericNotEquals",
            "NumericLessThan",
            "NumericLessThanEquals",
            "NumericGreaterThan",
            "NumericGreaterThanEquals",
        ],
        keys: &[("aws:MultiFactorAuthAge", &["0", "60", "60.0", "59.5", "-1", "3600", "3601"])],
    },
    Family {
        operators: &[
            "DateEquals",
            "DateNotEquals",
            "DateLessThan",
            "DateLessThanEquals",
            "DateGreaterThan",
            "DateGreaterThanEquals",
        ],
        keys: &[("aws:CurrentTime", MOMENTS), ("aws:EpochTime", MOMENTS), ("aws:TokenIssueTime", MOMENTS)],
    },
    Family {
        operators: &["Bool"],
        keys: &[
            ("aws:SecureTransport", &["true", "false"]),
            ("aws:MultiFactorAuthPresent", &["true", "false", "TRUE"]),
            ("aws:PrincipalIsAWSService", &["true", "false"]),
        ],
    },
    Family { operators: &["BinaryEquals"], keys: &[("aws:SourceVpc", &["AAEC", "QmFzY3VsZQ==", "AAED"])] },
    Family {
        operators: &["IpAddress", "NotIpAddress"],
        keys: &[(
            "aws:SourceIp",
            &["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "192.0.2.1/32", "0.0.0.0/0", "::/0", "2001:db8::/33"],
        )],
    },
    Family {
        operators: &["ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike"],
        keys: &[
            ("aws:SourceArn", ARNS),
            (
                "aws:PrincipalArn",
                &[
                    USER,
                    ROLE,
                    OTHER_ROLE,
                    "arn:aws:iam::*:role/*",
                    "arn:aws:iam::111122223333:*",
                    "arn:aws:iam::111122223333:user/${aws:username}",
                ],
            ),
        ],
    },
];

const MOMENTS: &[&str] = &[
    "2026-11-23T09:30:00Z",
    "2026-11-23T09:00:00Z",
    "2026-11-23T10:30:00+01:00",
    "2026-11-23",
    "2026-11-23T09:30:01Z",
    "1795426200",
    "1795424400",
];

const ARNS: &[&str] = &[
    "arn:aws:events:us-east-1:111122223333:rule/orders/paid",
    "arn:aws:events:*:111122223333:rule/*",
    "arn:aws:*:us-east-1:*:*",
    "arn:aws:sns:us-east-1:444455556666:t",
    "arn:aws:s*:us-east-1:${aws:PrincipalAccount}:t",
    "arn:aws:events:us-east-1:111122223333:rule/*/p??d",
];

/// Values of policies for keys that have several.
const SEVERAL: &[(&str, &[&str])] = &[
    ("events:source", &["shop", "shop.*", "Shop", "*", "billing", "sho?"]),
    ("events:detail-type", &["Order Placed", "Order*", "order placed", "Refund", "*"]),
    ("aws:TagKeys", &["stage", "team", "Stage", "*t*", "cost"]),
    ("aws:CalledVia", &["events.amazonaws.com", "*.amazonaws.com", "athena.amazonaws.com"]),
    ("aws:PrincipalOrgPaths", &["o-a1b2c3d4e5/*", "o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/", "o-f6g7h8i9j0/r-cd34/*"]),
];
const TARGETS: &[&str] = &[
    "arn:aws:sqs:us-east-1:111122223333:orders",
    "arn:aws:sqs:*:111122223333:*",
    "arn:aws:lambda:us-east-1:444455556666:function:*",
    "arn:aws:*:*:*:*",
];

const PRINCIPALS: &[&str] = &[
    "*",
    HOME,
    ROOT,
    "444455556666",
    "arn:aws:iam::444455556666:root",
    USER,
    ROLE,
    SESSION,
    OTHER_USER,
    OTHER_ROLE,
    OTHER_SESSION,
];

/// What a policy is for, with how often a random statement denies and how often one more allows everything.
#[derive(Clone, Copy)]
pub struct Shape {
    pub control: bool,
    pub principals: bool,
    pub trust: bool,
    pub deny_one_in: usize,
    pub full_one_in: usize,
}

/// A policy of one to three statements.
pub fn document(chance: &mut Chance, asked: &Asked, shape: Shape) -> Json {
    let count = 1 + chance.below(3);
    let mut statements: Vec<Json> = (0..count).map(|at| statement(chance, asked, shape, at)).collect();
    if chance.one_in(shape.full_one_in) {
        let mut full = json!({"Sid": "Full", "Effect": "Allow", "Action": "*"});
        match shape {
            Shape { trust: true, .. } => {
                full["Action"] = json!("sts:*");
                full["Principal"] = principal(chance);
            }
            Shape { principals: true, .. } => {
                full["Principal"] = principal(chance);
                full["Resource"] = json!("*");
            }
            _ => full["Resource"] = json!("*"),
        }
        statements.push(full);
    }
    let mut document = json!({"Statement": statements});
    match chance.below(12) {
        0 if !shape.control => {}
        1 if !shape.control => document["Version"] = json!("2008-10-17"),
        _ => document["Version"] = json!("2012-10-17"),
    }
    document
}

/// A resource control policy as customers write it: it denies.
pub fn resource_control(chance: &mut Chance, asked: &Asked) -> Json {
    let mut statements = Vec::new();
    for at in 0..1 + chance.below(2) {
        let mut statement = json!({"Sid": format!("S{at}"), "Effect": "Deny", "Principal": "*"});
        let actions: Vec<&str> = asked.subject.actions.iter().copied().filter(|action| *action != "*").collect();
        statement["Action"] = chance.some(&actions);
        resources(chance, asked, &mut statement);
        statement["Condition"] = conditions(chance, asked);
        statements.push(statement);
    }
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn statement(chance: &mut Chance, asked: &Asked, shape: Shape, at: usize) -> Json {
    let denies = chance.one_in(shape.deny_one_in);
    let mut statement = json!({"Sid": format!("S{at}"), "Effect": if denies { "Deny" } else { "Allow" }});
    let element = if chance.one_in(7) { "NotAction" } else { "Action" };
    let actions: Vec<&str> =
        asked.subject.actions.iter().copied().filter(|action| !shape.trust || *action != "*").collect();
    statement[element] = chance.some(&actions);
    if shape.principals {
        match chance.below(12) {
            0 if denies && !shape.trust => statement["NotPrincipal"] = json!({"AWS": spared(chance)}),
            _ => statement["Principal"] = principal(chance),
        }
    }
    if !shape.trust {
        resources(chance, asked, &mut statement);
    }
    if chance.one_in(2) {
        statement["Condition"] = conditions(chance, asked);
    }
    statement
}

fn resources(chance: &mut Chance, asked: &Asked, statement: &mut Json) {
    let element = if chance.one_in(8) { "NotResource" } else { "Resource" };
    statement[element] = chance.some(asked.subject.arns);
}

fn principal(chance: &mut Chance) -> Json {
    match chance.below(6) {
        0 => json!({"Service": SERVICE}),
        1 => json!("*"),
        2 => json!({"AWS": chance.some(PRINCIPALS), "Service": [SERVICE, "scheduler.amazonaws.com"]}),
        _ => json!({"AWS": chance.some(PRINCIPALS)}),
    }
}

/// Principals with all that they are, as `NotPrincipal` wants them.
fn spared(chance: &mut Chance) -> Json {
    match chance.below(6) {
        0 | 4 => json!([USER, ROOT]),
        5 => json!([ROLE, HOME]),
        1 => json!([SESSION, ROLE, HOME]),
        2 => json!([OTHER_USER, "arn:aws:iam::444455556666:root"]),
        _ => json!([OTHER_SESSION, OTHER_ROLE, "444455556666"]),
    }
}

/// One or two operators, each with one key.
fn conditions(chance: &mut Chance, asked: &Asked) -> Json {
    let mut all = Map::new();
    for _ in 0..1 + usize::from(chance.one_in(4)) {
        let (operator, key, values) = condition(chance, asked);
        all.insert(operator, json!({key: values}));
    }
    Json::Object(all)
}

fn condition(chance: &mut Chance, asked: &Asked) -> (String, &'static str, Json) {
    let if_exists = if chance.one_in(4) { "IfExists" } else { "" };
    // Set operators are for keys with several values: `reference_policies_condition-single-vs-multi-valued-context-keys`.
    let target = asked.subject.several.iter().any(|(key, _)| *key == "events:TargetArn");
    if chance.one_in(if target { 2 } else { 3 }) {
        let set = chance.pick(&["ForAllValues:", "ForAnyValue:"]);
        if target && !chance.one_in(6) {
            let base = chance.pick(FAMILIES[6].operators);
            return (format!("{set}{base}{if_exists}"), "events:TargetArn", chance.some(TARGETS));
        }
        let fits =
            |key: &str| key == "aws:PrincipalOrgPaths" || asked.subject.several.iter().any(|(own, _)| *own == key);
        let keys: Vec<_> = SEVERAL.iter().filter(|(key, _)| fits(key)).collect();
        let (key, values) = keys[chance.below(keys.len())];
        return (format!("{set}{}{if_exists}", chance.pick(FAMILIES[0].operators)), key, chance.some(values));
    }
    if chance.one_in(9) {
        let keys =
            ["aws:UserAgent", "aws:Referer", "aws:TokenIssueTime", "aws:PrincipalTag/team", "aws:MultiFactorAuthAge"];
        let key = keys[chance.below(keys.len())];
        return ("Null".to_owned(), key, chance.some(&["true", "false"]));
    }
    // The rarer kinds as often as their operators are many.
    let family = &FAMILIES[[0, 0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 6][chance.below(12)]];
    let (key, values) = family.keys[chance.below(family.keys.len())];
    (format!("{}{if_exists}", chance.pick(family.operators)), key, chance.some(values))
}
