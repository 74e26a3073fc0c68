//! Random policies and requests under one seed, judged by the engine and by the naive evaluator; globs by both; hostile texts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::fixture::{policy, with_request};
use super::naive::{self, Context, Names};
use crate::decide::{Consent, Layers, Level, decide};
use crate::decision::{Decision, Denial};
use crate::explain::explain;
use crate::meter::Metered;
use crate::policy::Policy;
use crate::statement::{Kind, Version};
use crate::template::{Case, Fit, Template, Wildcards};

const SEED_ENV: &str = "BASCULE_SEED";
const CASES_ENV: &str = "BASCULE_POLICY_CASES_PERCENT";

/// How many of `all` cases are tried: all, or `BASCULE_POLICY_CASES_PERCENT` of them where a run has to be short.
fn count(all: usize) -> usize {
    let percent = std::env::var(CASES_ENV).ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    all * percent / 100
}

/// SplitMix64.
struct Chance(u64);

impl Chance {
    /// From `BASCULE_SEED`, else always the same; printed, so that what failed can be run again.
    fn of(test: &str) -> Self {
        let seed = std::env::var(SEED_ENV).ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_123);
        eprintln!("{test}: {SEED_ENV}={seed}");
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        let at = self.below(all.len());
        &all[at]
    }

    /// One of them, or an array of up to three.
    fn some(&mut self, all: &[&str]) -> Json {
        if self.one_in(2) {
            return json!(self.pick(all));
        }
        let count = 1 + self.below(3);
        Json::Array((0..count).map(|_| json!(self.pick(all))).collect())
    }

    fn word(&mut self, letters: &[char], most: usize) -> String {
        let length = self.below(most + 1);
        (0..length).map(|_| *self.pick(letters)).collect()
    }
}

#[test]
fn globs_agree() {
    let mut chance = Chance::of("policy::globs_agree");
    let (mut yes, mut no) = (0, 0);
    let cases = count(60_000);
    for _ in 0..cases {
        let pattern = chance.word(&['a', 'b', 'ä', '*', '*', '?'], 9);
        let value = chance.word(&['a', 'b', 'ä', '*'], 9);
        let expected = naive::glob(&pattern, &value);
        let template = Template::read(&pattern, Version::V2012, Wildcards::Count).unwrap();
        let found = with_request("user", "a:b", "*", &json!({}), |request| {
            template.fits(&value, Case::Sensitive, &Metered::of(request, None))
        });
        assert_eq!(found, if expected { Fit::Yes } else { Fit::No }, "`{pattern}` on `{value}`");
        *(if expected { &mut yes } else { &mut no }) += 1;
    }
    assert!(yes * 12 > cases && no * 12 > cases, "{yes} {no}");
}

/// Operators with values for policies and for requests.
const KINDS: [(&[&str], &[&str], &[&str]); 7] = [
    (
        &[
            "StringEquals",
            "StringNotEquals",
            "StringEqualsIgnoreCase",
            "StringNotEqualsIgnoreCase",
            "StringLike",
            "StringNotLike",
        ],
        &["Bob", "bob", "B*", "?ob", "*", "", "${aws:username}", "${x:one}", "${x:none, 'Bob'}", "x${*}y", "B${x:one}"],
        &["Bob", "bob", "B", "*", "", "x*y", "xzy", "BBob"],
    ),
    (
        &[
            "NumericEquals",
            "NumericNotEquals",
            "NumericLessThan",
            "NumericLessThanEquals",
            "NumericGreaterThan",
            "NumericGreaterThanEquals",
        ],
        &["1", "1.50", "-2", "10", "0"],
        &["1.0", "1.5", "-2.5", "9", "-0", "ten", ""],
    ),
    (
        &[
            "DateEquals",
            "DateNotEquals",
            "DateLessThan",
            "DateLessThanEquals",
            "DateGreaterThan",
            "DateGreaterThanEquals",
        ],
        &["2026-11-23T09:30:00Z", "2026-11-23T10:30:00+01:00", "1795426200", "0"],
        &["2026-11-23T09:30:00Z", "1795426201", "2026-11-23T09:29:59Z", "soon"],
    ),
    (&["Bool"], &["true", "false"], &["true", "false", "maybe"]),
    (
        &["IpAddress", "NotIpAddress"],
        &["10.0.0.0/8", "10.1.0.0/16", "192.0.2.1", "::/0", "2001:db8::/33", "0.0.0.0/0"],
        &["10.1.2.3", "10.2.3.4", "192.0.2.1", "2001:db8:8000::1", "2001:db8::1", "host"],
    ),
    (
        &["ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike"],
        &[
            "arn:aws:sqs:*:*:*",
            "arn:aws:sqs:us-east-1:111122223333:q?",
            "arn:*:*:*::${x:one}",
            "arn:aws:sqs:us-*1:*:q*:z",
        ],
        &[
            "arn:aws:sqs:us-east-1:111122223333:q1",
            "arn:aws:sns:us-east-1::Bob",
            "arn:aws:sqs:us-east-1:1:q:a:z",
            "q1",
            "arn:aws:sqs:us-east-1:111122223333:q1:z",
        ],
    ),
    (&["Null"], &["true", "false"], &["", "x"]),
];

fn operator(chance: &mut Chance, base: &str) -> String {
    if base == "Null" {
        return base.to_owned();
    }
    let set = chance.pick(&["", "", "ForAllValues:", "ForAnyValue:"]);
    let if_exists = chance.pick(&["", "", "IfExists"]);
    format!("{set}{base}{if_exists}")
}

fn found(chance: &mut Chance, values: &[&str]) -> Option<Json> {
    match chance.below(6) {
        0 => None,
        1 => Some(Json::Array((0..chance.below(4)).map(|_| json!(chance.pick(values))).collect())),
        _ => Some(json!(chance.pick(values))),
    }
}

/// What the naive evaluator sees of the fixture's user.
fn naive_context(context: &Json) -> Context {
    let mut all: Context =
        context.as_object().unwrap().iter().map(|(key, value)| (key.clone(), naive::list(value))).collect();
    all.push(("aws:username".to_owned(), vec!["Bob".to_owned()]));
    all
}

#[test]
fn conditions_agree() {
    let mut chance = Chance::of("policy::conditions_agree");
    let (mut yes, mut no, mut unclear) = (0, 0, 0);
    let cases = count(20_000);
    for _ in 0..cases {
        let (names, operands, values) = chance.pick(&KINDS);
        let base = chance.pick(names);
        let operator = operator(&mut chance, base);
        let wanted = chance.some(operands);
        let mut context = json!({});
        if let Some(value) = found(&mut chance, values) {
            context["x:key"] = value;
        }
        if let Some(value) = found(&mut chance, &["Bob", "*", "q?"]) {
            context["x:one"] = value;
        }
        let expected = naive::condition(&operator, "x:key", &wanted, &naive_context(&context));
        let statement = |effect| json!({"Effect": effect, "Action": "*", "Resource": "*", "Condition": {&operator: {"X:Key": wanted}}});
        let parsed = |effect| {
            policy(Kind::Identity, "p", &json!({"Version": "2012-10-17", "Statement": [statement(effect)]}).to_string())
        };
        let (allow, deny) = ([parsed("Allow")], [parsed("Deny")]);
        with_request("user", "a:b", "*", &context, |request| {
            let asked = |identity| decide(request, &Layers { identity, ..Layers::default() });
            let surely = asked(&allow).is_allowed();
            let maybe = !matches!(asked(&deny), Decision::Denied(Denial::Implicit { .. }));
            let case = format!("{operator} {wanted} on {context}");
            assert_eq!((surely, maybe), (expected.surely, expected.maybe), "{case}");
            *(match (surely, maybe) {
                (true, _) => &mut yes,
                (false, true) => &mut unclear,
                (false, false) => &mut no,
            }) += 1;
        });
    }
    assert!(yes * 7 > cases && no * 7 > cases && unclear * 40 > cases, "{yes} {no} {unclear}");
}

const ACTIONS: &[&str] =
    &["events:PutEvents", "EVENTS:putevents", "events:Put*", "events:*", "*", "sqs:*", "events:PutRule"];
const BUSES: &str = "arn:aws:events:us-east-1:111122223333:event-bus/";
const RESOURCES: &[&str] = &[
    "*",
    "arn:aws:events:us-east-1:111122223333:event-bus/orders",
    "arn:aws:events:us-east-1:*:event-bus/o*",
    "arn:aws:events:*:111122223333:event-bus/${x:one}",
    "arn:aws:events:us-east-1:111122223333:event-bus/other",
];
const PRINCIPALS: &[&str] = &[
    "*",
    "111122223333",
    "arn:aws:iam::111122223333:root",
    "444455556666",
    "arn:aws:iam::111122223333:user/team/Bob",
    "arn:aws:iam::111122223333:role/service/Orders",
    "arn:aws:sts::111122223333:assumed-role/Orders/s1",
    "arn:aws:iam::444455556666:user/Eve",
    "arn:aws:iam::444455556666:role/Ship",
];

fn statement(chance: &mut Chance, principals: Option<&[&str]>, deny_one_in: usize) -> Json {
    let effect = if chance.one_in(deny_one_in) { "Deny" } else { "Allow" };
    let mut statement = json!({"Effect": effect});
    let element = if chance.one_in(6) { "NotAction" } else { "Action" };
    statement[element] = chance.some(ACTIONS);
    let element = if chance.one_in(8) { "NotResource" } else { "Resource" };
    statement[element] = chance.some(RESOURCES);
    if let Some(principals) = principals {
        statement["Principal"] = match chance.below(4) {
            0 if principals.len() > 1 => json!({"Service": "events.amazonaws.com"}),
            _ if principals.len() == 1 => json!("*"),
            _ => json!({"AWS": chance.some(principals)}),
        };
    }
    if chance.one_in(3) {
        let (names, operands, _) = chance.pick(&KINDS);
        let base = chance.pick(names);
        let operator = operator(chance, base);
        statement["Condition"] = json!({operator: {"x:key": chance.some(operands)}});
    }
    statement
}

fn document(chance: &mut Chance, principals: Option<&[&str]>, full_one_in: usize, deny_one_in: usize) -> Json {
    let count = 1 + chance.below(3);
    let mut statements: Vec<Json> = (0..count).map(|_| statement(chance, principals, deny_one_in)).collect();
    if chance.one_in(full_one_in) {
        let mut full = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
        if principals.is_some() {
            full["Principal"] = json!("*");
        }
        statements.push(full);
    }
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// The documents of one decision.
struct Documents {
    scps: Vec<Json>,
    rcps: Vec<Json>,
    resource: Option<Json>,
    consent: Consent,
    identity: Option<Json>,
    boundary: Option<Json>,
    session: Option<Json>,
}

impl Documents {
    fn random(chance: &mut Chance, caller: &str) -> Self {
        let deny = 11;
        let mut rcps: Vec<Json> = (0..chance.below(2)).map(|_| document(chance, Some(&["*"]), 1, 1)).collect();
        for rcp in &mut rcps {
            // A resource control policy that a customer writes denies, and lists its actions.
            for statement in rcp["Statement"].as_array_mut().unwrap() {
                if let Some(actions) = statement.as_object_mut().unwrap().remove("NotAction") {
                    statement["Action"] = actions;
                }
            }
        }
        let foreign = caller.starts_with("other") || caller == "events";
        let resource =
            (foreign && !chance.one_in(5) || chance.one_in(2)).then(|| document(chance, Some(PRINCIPALS), 4, deny));
        Self {
            scps: (0..chance.below(3)).map(|_| document(chance, None, 2, 14)).collect(),
            rcps: if chance.one_in(3) { rcps } else { Vec::new() },
            resource,
            consent: if chance.one_in(4) { Consent::Explicit } else { Consent::Either },
            identity: (!chance.one_in(5)).then(|| document(chance, None, 2, deny)),
            boundary: chance.one_in(4).then(|| document(chance, None, 2, deny)),
            session: (caller.ends_with("session") && chance.one_in(2)).then(|| document(chance, None, 2, deny)),
        }
    }

    /// Allowed, and whether a statement denies.
    fn naive(&self, caller: &str, names: &Names, arn: &str, context: &Context) -> (bool, bool) {
        let judge = |document: &Json| naive::policy(document, names, "events:PutEvents", arn, context);
        let layer = |document: &Option<Json>| document.as_ref().map(judge);
        let scps: Vec<(u8, bool)> = self.scps.iter().filter(|_| caller != "events").map(judge).collect();
        let rcps: Vec<(u8, bool)> = self.rcps.iter().map(judge).collect();
        let (resource, identity) = (layer(&self.resource), layer(&self.identity));
        let limits = [layer(&self.boundary), layer(&self.session)];
        let all = scps.iter().chain(&rcps).chain(&resource).chain(&identity).chain(limits.iter().flatten());
        if all.clone().any(|(_, denies)| *denies) {
            return (false, true);
        }
        let passes = |layers: &[(u8, bool)]| layers.iter().all(|(allows, _)| *allows > 0);
        let limited = limits.iter().flatten().all(|(allows, _)| *allows > 0);
        let granted = resource.map_or(0, |(allows, _)| allows);
        let own = (identity.is_some_and(|(allows, _)| allows > 0) || names.root) && limited;
        let access = match (caller, names.account.as_str()) {
            ("events", _) => granted > 0,
            (_, "111122223333") => {
                granted == 3 || granted == 2 && limited || (granted == 1 || self.consent == Consent::Either) && own
            }
            _ => granted > 0 && own,
        };
        (access && passes(&scps) && passes(&rcps), false)
    }
}

fn names(caller: &str) -> Names {
    let (account, itself, role) = match caller {
        "user" => ("111122223333", "arn:aws:iam::111122223333:user/team/Bob", None),
        "session" => (
            "111122223333",
            "arn:aws:sts::111122223333:assumed-role/Orders/s1",
            Some("arn:aws:iam::111122223333:role/service/Orders"),
        ),
        "root" => ("111122223333", "-", None),
        "other-user" => ("444455556666", "arn:aws:iam::444455556666:user/Eve", None),
        "other-session" => (
            "444455556666",
            "arn:aws:sts::444455556666:assumed-role/Ship/s2",
            Some("arn:aws:iam::444455556666:role/Ship"),
        ),
        _ => ("-", "events.amazonaws.com", None),
    };
    let role = role.map(str::to_owned);
    Names {
        root: caller == "root",
        service: caller == "events",
        account: account.to_owned(),
        itself: itself.to_owned(),
        role,
    }
}

#[test]
fn decisions_agree() {
    let mut chance = Chance::of("policy::decisions_agree");
    let (mut allowed, mut denied) = (0, 0);
    let cases = count(12_000);
    for _ in 0..cases {
        let caller =
            *chance.pick(&["user", "user", "session", "session", "root", "other-user", "other-session", "events"]);
        let documents = Documents::random(&mut chance, caller);
        let arn = format!("{BUSES}{}", chance.pick(&["orders", "orders", "other"]));
        let mut context = json!({});
        if let Some(value) = found(&mut chance, chance_values()) {
            context["x:key"] = value;
        }
        if let Some(value) = found(&mut chance, &["orders", "*"]) {
            context["x:one"] = value;
        }
        let mut seen: Context = naive_context(&context);
        seen.retain(|(key, _)| key != "aws:username" || caller.ends_with("user"));
        for (_, values) in seen.iter_mut().filter(|(key, _)| key == "aws:username" && caller == "other-user") {
            *values = vec!["Eve".to_owned()];
        }
        let expected = documents.naive(caller, &names(caller), &arn, &seen);
        let one = |kind, document: &Option<Json>| document.as_ref().map(|json| policy(kind, "p", &json.to_string()));
        let levels = |kind, all: &[Json]| -> Vec<Level> {
            all.iter().map(|json| -> Level { Box::new([policy(kind, "p", &json.to_string())]) }).collect()
        };
        let (scps, rcps) = (levels(Kind::Scp, &documents.scps), levels(Kind::Rcp, &documents.rcps));
        let resource: Vec<Arc<Policy>> = one(Kind::Resource, &documents.resource).into_iter().collect();
        let identity: Vec<Arc<Policy>> = one(Kind::Identity, &documents.identity).into_iter().collect();
        let boundary = one(Kind::Boundary, &documents.boundary);
        let session: Option<Vec<Arc<Policy>>> = one(Kind::Session, &documents.session).map(|policy| vec![policy]);
        let layers = Layers {
            scps: &scps,
            rcps: &rcps,
            resource: &resource,
            consent: documents.consent,
            identity: &identity,
            boundary: boundary.as_deref(),
            session: session.as_deref(),
        };
        with_request(caller, "events:PutEvents", &arn, &context, |request| {
            let decision = decide(request, &layers);
            let denies = matches!(decision, Decision::Denied(Denial::Explicit(_) | Denial::Unclear(_)));
            assert_eq!(
                (decision.is_allowed(), denies),
                expected,
                "{caller} {context} on {arn}: {decision}\n{layers:?}"
            );
            assert_eq!(explain(request, &layers).decision.is_allowed(), decision.is_allowed());
            allowed += usize::from(decision.is_allowed());
            denied += usize::from(denies);
        });
    }
    eprintln!("{allowed} allowed, {denied} explicitly denied of {cases}");
    assert!(allowed * 4 >= cases && denied * 7 >= cases, "{allowed} allowed, {denied} denied of {cases}");
}

fn chance_values() -> &'static [&'static str] {
    &[
        "Bob",
        "bob",
        "1.5",
        "10",
        "true",
        "10.1.2.3",
        "2001:db8::1",
        "1795426200",
        "arn:aws:sqs:us-east-1:111122223333:q1",
        "",
        "*",
    ]
}

#[test]
fn any_text_is_answered() {
    let mut chance = Chance::of("policy::any_text_is_answered");
    let start = r#"{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Principal":{"AWS":"*"},"Action":["events:*"],"Resource":"arn:aws:events::111122223333:${aws:username, 'x'}","Condition":{"StringLike":{"a:b":["\u00e4*",1.5,true]},"DateLessThan":{"a:c":"2026-01-01T00:00:00Z"}}}]}"#;
    let letters: Vec<char> = start.chars().chain("\u{0}\u{FEFF}ä\\eE+-".chars()).collect();
    for _ in 0..count(10_000) {
        let mut text: Vec<char> = start.chars().collect();
        for _ in 0..=chance.below(4) {
            let at = chance.below(text.len());
            match chance.below(3) {
                0 => drop(text.remove(at)),
                1 => text.insert(at, *chance.pick(&letters)),
                _ => text[at] = *chance.pick(&letters),
            }
        }
        let text: String = text.into_iter().collect();
        for kind in [Kind::Identity, Kind::Resource] {
            let Ok(policy) = Policy::parse(kind, "p", &text) else { continue };
            let all = [Arc::new(policy)];
            let layers = match kind {
                Kind::Identity => Layers { identity: &all, ..Layers::default() },
                _ => Layers { resource: &all, ..Layers::default() },
            };
            with_request(
                "user",
                "events:PutEvents",
                "arn:aws:events::111122223333:Bob",
                &json!({"a:b": "ä"}),
                |request| {
                    let _ = decide(request, &layers);
                },
            );
        }
    }
}

#[test]
fn the_worst_glob_ends_soon() {
    let value = "a".repeat(2_048);
    for pattern in [
        "*a".repeat(1_024),
        format!("*{}b", "a".repeat(2_046)),
        format!("*{}b*", "?".repeat(2_045)),
        format!("*{}", "a?".repeat(1_023)),
        format!("*{}b*", "a?".repeat(1_022)),
        format!("*{}b*", "a?".repeat(511)),
    ] {
        let template = Template::read(&pattern, Version::V2012, Wildcards::Count).unwrap();
        for case in [Case::Sensitive, Case::Ignored] {
            let began = Instant::now();
            let fit = with_request("user", "a:b", "*", &json!({}), |request| {
                template.fits(&value, case, &Metered::of(request, None))
            });
            let took = began.elapsed();
            assert!(matches!(fit, Fit::Yes | Fit::No));
            // PP4 is 10 ms in release; this is a debug build on busy cores.
            assert!(took < Duration::from_millis(1_000), "{took:?}");
        }
    }
    let template = Template::read("*b", Version::V2012, Wildcards::Count).unwrap();
    let long = "a".repeat(2_049);
    let fit = with_request("user", "a:b", "*", &json!({}), |request| {
        template.fits(&long, Case::Sensitive, &Metered::of(request, None))
    });
    assert_eq!(fit, Fit::Unclear);
}
