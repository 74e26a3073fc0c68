//! Documented rows: conditions, statements, layers; and planted faults, each of which some row must notice.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::fixture::{policy, table, with_request};
use crate::decide::{Consent, Layers, Level, decide};
use crate::decision::{Decision, Denial, Grant, Layer, Source};
use crate::operator;
use crate::policy::Policy;
use crate::statement::Kind;

const BUS: &str = "arn:aws:events:us-east-1:111122223333:event-bus/orders";

/// What a statement is to a request: seen as an allow and as a deny, since what is unclear is neither.
fn verdict(caller: &str, version: &str, statement: &Json, context: &Json, action: &str, arn: &str) -> &'static str {
    let of = |effect: &str| {
        let mut statement = statement.clone();
        statement["Effect"] = json!(effect);
        let mut document = json!({"Statement": [statement]});
        if !version.is_empty() {
            document["Version"] = json!(version);
        }
        policy(Kind::Identity, "p", &document.to_string())
    };
    let all = policy(Kind::Identity, "all", r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#);
    with_request(if caller == "root" { "user" } else { caller }, action, arn, context, |request| {
        let mut request = *request;
        request.principal = super::fixture::principal(caller);
        // The root user needs no allow, so it is asked by its deny alone.
        let denied = !decide(&request, &Layers { identity: &[all, of("Deny")], ..Layers::default() }).is_allowed();
        let allowed = decide(&request, &Layers { identity: &[of("Allow")], ..Layers::default() }).is_allowed();
        match (allowed || caller == "root" && denied, denied) {
            (true, true) => "yes",
            (false, false) => "no",
            (false, true) => "unclear",
            (true, false) => "contradiction",
        }
    })
}

fn holds(caller: &str, condition: &Json, context: &Json) -> &'static str {
    let statement = json!({"Action": "events:PutEvents", "Resource": "*", "Condition": condition});
    verdict(caller, "2012-10-17", &statement, context, "events:PutEvents", BUS)
}

struct Row<'t> {
    page: &'t str,
    caller: &'t str,
    condition: Json,
    context: Json,
    expected: &'t str,
}

fn condition_rows() -> Vec<Row<'static>> {
    let rows = table(include_str!("conditions.tsv"), 5).into_iter().map(|cells| Row {
        page: cells[0],
        caller: cells[1],
        condition: serde_json::from_str(cells[2]).unwrap(),
        context: serde_json::from_str(cells[3]).unwrap(),
        expected: cells[4],
    });
    rows.collect()
}

#[test]
fn conditions_hold_as_documented() {
    let rows = condition_rows();
    let mut wrong = Vec::new();
    for Row { page, caller, condition, context, expected } in &rows {
        let found = holds(caller, condition, context);
        if found != *expected {
            wrong.push(format!("{page}: {condition} on {context} for {caller}: {found}, expected {expected}"));
        }
    }
    assert!(rows.len() >= 250, "{} rows", rows.len());
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_operator_has_rows_on_both_sides() {
    let mut seen = BTreeSet::new();
    for row in condition_rows() {
        let operators: Vec<&String> = row.condition.as_object().unwrap().keys().collect();
        if let [only] = &*operators {
            seen.insert(((*only).clone(), row.expected));
        }
    }
    for (name, _) in operator::names() {
        for expected in ["yes", "no"] {
            assert!(seen.contains(&(name.to_owned(), expected)), "{name} is never {expected}");
        }
    }
    for start in ["ForAllValues:", "ForAnyValue:"] {
        assert!(seen.iter().filter(|(name, _)| name.starts_with(start)).count() >= 6, "{start}");
    }
    assert!(seen.iter().filter(|(name, _)| name.ends_with("IfExists")).count() >= 10);
}

/// Each operator exchanged for one that is nearly the same.
const PLANTED: [(&str, &str); 21] = [
    ("StringEquals", "StringNotEquals"),
    ("StringNotEquals", "StringNotEqualsIgnoreCase"),
    ("StringEquals", "StringLike"),
    ("StringEqualsIgnoreCase", "StringEquals"),
    ("StringNotLike", "StringNotEquals"),
    ("StringLike", "StringEquals"),
    ("StringEquals", "StringEqualsIfExists"),
    ("StringNotEquals", "ForAnyValue:StringNotEquals"),
    ("NumericLessThan", "NumericLessThanEquals"),
    ("NumericGreaterThan", "NumericGreaterThanEquals"),
    ("NumericNotEquals", "NumericEquals"),
    ("DateLessThanEquals", "DateLessThan"),
    ("DateGreaterThanEquals", "DateGreaterThan"),
    ("ArnLike", "StringLike"),
    ("ArnEquals", "StringEquals"),
    ("ArnNotLike", "StringNotLike"),
    ("NotIpAddress", "IpAddress"),
    ("ForAllValues:StringLike", "ForAnyValue:StringLike"),
    ("ForAnyValue:StringEquals", "ForAllValues:StringEquals"),
    ("ForAllValues:StringEquals", "StringEquals"),
    ("StringLikeIfExists", "StringLike"),
];

#[test]
fn a_planted_operator_is_noticed() {
    let rows = condition_rows();
    for (right, planted) in PLANTED {
        let noticed = rows.iter().any(|row| {
            let Some(keys) = row.condition.get(right).filter(|_| row.condition.get(planted).is_none()) else {
                return false;
            };
            let mut condition = row.condition.clone();
            condition.as_object_mut().unwrap().remove(right);
            condition[planted] = keys.clone();
            holds(row.caller, &condition, &row.context) != row.expected
        });
        assert!(noticed, "no row tells {right} from {planted}");
    }
}

#[test]
fn statements_are_about_what_is_documented() {
    let rows = table(include_str!("statements.tsv"), 7);
    let mut wrong = Vec::new();
    for cells in &rows {
        let mut statement: Json = serde_json::from_str(cells[3]).unwrap();
        for (plain, value) in [("Action", "events:PutEvents"), ("Resource", "*")] {
            if statement.get(plain).is_none() && statement.get(format!("Not{plain}")).is_none() {
                // Rows about other actions name theirs.
                statement[plain] = json!(value);
            }
        }
        let found = verdict(cells[1], cells[2], &statement, &json!({}), cells[4], cells[5]);
        if found != cells[6] {
            wrong.push(format!(
                "{}: {statement} on {} {}: {found}, expected {}",
                cells[0], cells[4], cells[5], cells[6]
            ));
        }
    }
    assert!(rows.len() >= 50, "{} rows", rows.len());
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

/// The policies of a row, by layer.
#[derive(Default)]
struct Owned {
    scps: Vec<Level>,
    rcps: Vec<Level>,
    resource: Vec<Arc<Policy>>,
    consent: Consent,
    identity: Vec<Arc<Policy>>,
    boundary: Option<Arc<Policy>>,
    session: Option<Vec<Arc<Policy>>>,
}

impl Owned {
    fn of(layers: &Json) -> Self {
        let one = |kind, name: &str| layers.get(name).map(|short| policy(kind, name, &long(short)));
        let levels = |kind, name: &str| {
            let levels = layers.get(name).and_then(Json::as_array).into_iter().flatten();
            let level = |short: &Json| {
                if short == &json!([]) { Level::default() } else { Box::new([policy(kind, name, &long(short))]) }
            };
            levels.map(level).collect()
        };
        let trust = one(Kind::Trust, "trust");
        Self {
            scps: levels(Kind::Scp, "scps"),
            rcps: levels(Kind::Rcp, "rcps"),
            consent: if trust.is_some() { Consent::Explicit } else { Consent::Either },
            resource: one(Kind::Resource, "resource_policy").or(trust).into_iter().collect(),
            identity: one(Kind::Identity, "identity").into_iter().collect(),
            boundary: one(Kind::Boundary, "boundary"),
            session: one(Kind::Session, "session").map(|policy| vec![policy]),
        }
    }

    fn layers(&self) -> Layers<'_> {
        Layers {
            scps: &self.scps,
            rcps: &self.rcps,
            resource: &self.resource,
            consent: self.consent,
            identity: &self.identity,
            boundary: self.boundary.as_deref(),
            session: self.session.as_deref(),
        }
    }
}

/// Statements in short: effect, principal (or `{"Not": …}`), action, resource, condition.
fn long(short: &Json) -> String {
    let statement = |short: &Json| {
        let mut statement = json!({"Effect": short[0], "Action": short[2]});
        let mut put = |name: &str, value: &Json| {
            if !value.is_null() {
                statement[name] = value.clone();
            }
        };
        match short[1].get("Not") {
            Some(spared) => put("NotPrincipal", spared),
            None => put("Principal", &short[1]),
        }
        put("Resource", &short[3]);
        put("Condition", &short[4]);
        statement
    };
    let statements: Vec<Json> = short.as_array().unwrap().iter().map(statement).collect();
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

/// A decision as rows write it.
fn word(decision: &Decision<'_>) -> String {
    let layer = |layer: &Layer| match layer {
        Layer::Scp => "scp",
        Layer::Rcp => "rcp",
        Layer::Resource => "resource",
        Layer::Identity => "identity",
        Layer::Boundary => "boundary",
        Layer::Session => "session",
    };
    let source = |source: &Source<'_>| format!("{} {}", layer(&source.layer), source.statement);
    match decision {
        Decision::Allowed(Grant { identity: Some(_), resource: Some(_) }) => "allow both".to_owned(),
        Decision::Allowed(Grant { identity: Some(_), resource: None }) => "allow identity".to_owned(),
        Decision::Allowed(Grant { identity: None, resource: Some(_) }) => "allow resource".to_owned(),
        Decision::Allowed(Grant { identity: None, resource: None }) => "allow root".to_owned(),
        Decision::Denied(Denial::Explicit(from)) => format!("explicit {}", source(from)),
        Decision::Denied(Denial::Unclear(from)) => format!("unclear {}", source(from)),
        Decision::Denied(Denial::Unusable { layer: at, .. }) => format!("unusable {}", layer(at)),
        Decision::Denied(Denial::Implicit { layer: at, level: Some(level) }) => {
            format!("implicit {} {level}", layer(at))
        }
        Decision::Denied(Denial::Implicit { layer: at, level: None }) => format!("implicit {}", layer(at)),
    }
}

type Change = fn(&mut Owned);

fn layer_rows() -> Vec<Json> {
    include_str!("layers.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What a row's decision is with its layers changed.
fn decided(row: &Json, change: impl Fn(&mut Owned)) -> String {
    let text = |name: &str| row[name].as_str().unwrap();
    let mut owned = Owned::of(&row["layers"]);
    change(&mut owned);
    let context = row.get("context").cloned().unwrap_or_else(|| json!({}));
    with_request(text("caller"), text("action"), text("resource"), &context, |request| {
        word(&decide(request, &owned.layers()))
    })
}

#[test]
fn layers_decide_as_documented() {
    let rows = layer_rows();
    let mut wrong = Vec::new();
    for row in &rows {
        let found = decided(row, |_| {});
        if found != row["expect"].as_str().unwrap() {
            wrong.push(format!("{}: {}: {found}, expected {}", row["page"], row["case"], row["expect"]));
        }
    }
    assert!(rows.len() >= 110, "{} rows", rows.len());
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_planted_hole_in_a_layer_is_noticed() {
    let rows = layer_rows();
    let planted: [(&str, Change); 10] = [
        ("no service control policies", |owned| owned.scps.clear()),
        ("only the last level of them", |owned| drop(owned.scps.drain(..owned.scps.len().saturating_sub(1)))),
        ("no resource control policies", |owned| owned.rcps.clear()),
        ("no resource policies", |owned| owned.resource.clear()),
        ("no identity policies", |owned| owned.identity.clear()),
        ("no boundary", |owned| owned.boundary = None),
        ("no session policies", |owned| owned.session = None),
        ("a session policy that is empty", |owned| owned.session = owned.session.as_ref().map(|_| Vec::new())),
        ("no consent of roles", |owned| owned.consent = Consent::Either),
        ("consent of everything", |owned| owned.consent = Consent::Explicit),
    ];
    for (fault, change) in planted {
        let noticed = rows.iter().filter(|row| decided(row, change) != row["expect"].as_str().unwrap()).count();
        assert!(noticed >= 1, "no row notices: {fault}");
    }
}
