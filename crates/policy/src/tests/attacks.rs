//! Attacks on the engine, each named after its row of the attack matrix, and promises that rows of a table cannot show.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::fixture::{policy, with_request};
use crate::decide::{Layers, decide};
use crate::decision::{Decision, Denial, Layer};
use crate::explain::{Outcome, Unmet, Why, explain};
use crate::index::Asked;
use crate::limits::document_limit_chars;
use crate::policy::Policy;
use crate::statement::Kind;

const BUS: &str = "arn:aws:events:us-east-1:111122223333:event-bus/orders";
const ALL: &str = r#"{"Statement":{"Sid":"All","Effect":"Allow","Action":"*","Resource":"*"}}"#;

fn asked(identity: &[Arc<Policy>], context: &serde_json::Value) -> bool {
    with_request("user", "events:PutEvents", BUS, context, |request| {
        decide(request, &Layers { identity, ..Layers::default() }).is_allowed()
    })
}

#[test]
fn row_1_an_allow_before_a_deny() {
    let deny = policy(Kind::Identity, "deny", r#"{"Statement":{"Effect":"Deny","Action":"events:*","Resource":"*"}}"#);
    let allow = policy(Kind::Identity, "allow", ALL);
    assert!(asked(std::slice::from_ref(&allow), &json!({})));
    assert!(!asked(&[allow.clone(), deny.clone()], &json!({})));
    assert!(!asked(&[deny, allow], &json!({})));
}

#[test]
fn row_2_a_star_in_a_variable_value() {
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:events:us-east-1:111122223333:event-bus/${x:name}"}}"#;
    let own = [policy(Kind::Identity, "own", text)];
    assert!(asked(&own, &json!({"x:name": "orders"})));
    assert!(!asked(&own, &json!({"x:name": "*"})));
    assert!(!asked(&own, &json!({"x:name": "order?"})));
    assert!(!asked(&own, &json!({"x:name": "${x:other}", "x:other": "orders"})));
}

#[test]
fn row_3_a_missing_key_under_a_negated_operator() {
    let text =
        r#"{"Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"x:team":"a"}}}}"#;
    let both = [policy(Kind::Identity, "all", ALL), policy(Kind::Identity, "deny", text)];
    assert!(asked(&both, &json!({"x:team": "a"})));
    assert!(!asked(&both, &json!({})));
}

#[test]
fn row_19_hostile_json_is_refused_at_once() {
    for text in [
        "[".repeat(100_000),
        "{\"a\":".repeat(100_000),
        format!("{{{}\"Statement\":1}}", "\"a\":1,".repeat(100_000)),
        "9".repeat(100_000),
        "\"\u{0}\"".to_owned(),
        "\u{FEFF}{}".to_owned(),
        format!("\"{}", "\\ud800".repeat(10_000)),
    ] {
        assert!(Policy::parse(Kind::Resource, "p", &text).is_err(), "{}", &text[..8]);
    }
}

#[test]
fn row_33_too_large_and_unknown_is_refused() {
    let many = vec![r#"{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}"#; 10_000].join(",");
    assert!(Policy::parse(Kind::Resource, "p", &format!("{{\"Statement\":[{many}]}}")).is_err());
    let text = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringIsh":{"a:b":"c"}}}}"#;
    assert!(Policy::parse(Kind::Identity, "p", text).is_err());
}

#[test]
fn row_20_long_values_are_not_copied_without_end() {
    let long = "x".repeat(1 << 20);
    let other = format!("{}y", &long[1..]);
    for operator in ["StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnLike"] {
        let values = vec![r#""${x:long}a""#; 400].join(",");
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny","Action":"*","Resource":"*","Condition":{{"{operator}":{{"x:key":[{values}]}}}}}}}}"#
        );
        let deny = policy(Kind::Identity, "deny", &text);
        let began = Instant::now();
        for value in [&long, &other] {
            assert!(!asked(&vec![deny.clone(); 20], &json!({"x:key": value, "x:long": long})));
        }
        assert!(began.elapsed() < Duration::from_secs(4), "{operator}: {:?}", began.elapsed());
    }
}

#[test]
fn a_policy_that_cannot_be_read_or_stands_wrongly_denies() {
    let all = policy(Kind::Identity, "all", ALL);
    let lost = Arc::new(Policy::unreadable(Kind::Identity, "lost"));
    let resource = [all.clone()];
    let identity = [all.clone(), lost];
    let rows = [
        (Layers { identity: &identity, ..Layers::default() }, Layer::Identity, "lost"),
        // About nobody in particular, it would be about everybody.
        (Layers { resource: &resource, ..Layers::default() }, Layer::Resource, "all"),
    ];
    for (layers, expected, name) in rows {
        with_request("user", "events:PutEvents", BUS, &json!({}), |request| match decide(request, &layers) {
            Decision::Denied(Denial::Unusable { layer, policy }) => {
                assert_eq!((layer, policy.name()), (expected, name));
            }
            other => panic!("{other}"),
        });
    }
}

#[test]
fn keys_that_contradict_themselves_are_unclear() {
    let text =
        r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"x:team":"a"}}}}"#;
    let own = [policy(Kind::Identity, "own", text)];
    assert!(asked(&own, &json!({"x:team": "a"})));
    assert!(!asked(&own, &json!({"x:team": "a", "X:Team": "b"})));
    assert!(!asked(&own, &json!({"x:team": "a", "X:Team": "a"})));
}

#[test]
fn tags_whose_keys_differ_in_case_alone_are_unclear() {
    let text = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/Team":"a"}}}}"#;
    let own = [policy(Kind::Identity, "own", text)];
    for (tags, expected) in [(&[("team", "a")][..], true), (&[("team", "a"), ("Team", "b")][..], false)] {
        with_request("user", "events:PutEvents", BUS, &json!({}), |request| {
            let mut request = *request;
            request.principal.tags = tags;
            let decision = decide(&request, &Layers { identity: &own, ..Layers::default() });
            assert_eq!(decision.is_allowed(), expected, "{tags:?}: {decision}");
        });
    }
}

#[test]
fn of_several_resource_policies_the_most_direct_counts() {
    let of = |principal: &str| {
        let text = format!(
            r#"{{"Statement":{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"*","Resource":"*"}}}}"#
        );
        policy(Kind::Resource, principal, &text)
    };
    let both = [of("111122223333"), of("arn:aws:iam::111122223333:user/team/Bob")];
    with_request("user", "events:PutEvents", BUS, &json!({}), |request| {
        let asked = |resource| decide(request, &Layers { resource, ..Layers::default() }).to_string();
        assert_eq!(asked(&both[..1]), "no identity policy allows it");
        let expected = "allowed by statement 0 of resource policy `arn:aws:iam::111122223333:user/team/Bob`";
        assert_eq!(asked(&both), expected);
    });
    // Of two that reach as far the first is named.
    let two = ["first", "second"].map(|name| policy(Kind::Identity, name, ALL));
    with_request("user", "events:PutEvents", BUS, &json!({}), |request| {
        let decision = decide(request, &Layers { identity: &two, ..Layers::default() });
        assert_eq!(decision.to_string(), "allowed by statement `All` of identity policy `first`");
    });
}

#[test]
fn decisions_and_explanations_name_the_statement() {
    let text = r#"{"Version":"2012-10-17","Statement":[
        {"Sid":"Publish","Effect":"Allow","Action":"events:PutEvents","Resource":"*","Condition":{"StringEquals":{"events:source":"shop","x:team":"a"}}},
        {"Effect":"Allow","Action":"events:PutEvents","Resource":"arn:aws:events:us-east-1:111122223333:event-bus/other"},
        {"Effect":"Allow","Action":"events:PutRule","Resource":"*"},
        {"Effect":"Deny","Action":"events:*","Resource":"*","Condition":{"NumericLessThan":{"x:n":"1"}}}]}"#;
    let identity = [policy(Kind::Identity, "shop", text)];
    let layers = Layers { identity: &identity, ..Layers::default() };
    let rows = [
        (json!({"events:source": "shop", "x:team": "a"}), "allowed by statement `Publish` of identity policy `shop`"),
        (json!({"events:source": "shop"}), "no identity policy allows it"),
        (json!({"x:n": "0"}), "denied by statement 3 of identity policy `shop`"),
        (json!({"x:n": "no"}), "denied, since statement 3 of identity policy `shop` denies and cannot be evaluated"),
    ];
    for (context, expected) in rows {
        with_request("user", "events:PutEvents", BUS, &context, |request| {
            assert_eq!(decide(request, &layers).to_string(), expected, "{context}");
        });
    }
    with_request("user", "events:PutEvents", BUS, &json!({"events:source": "shop", "x:n": "no"}), |request| {
        let explanation = explain(request, &layers);
        let unmet = |key, why| Outcome::Conditions(vec![Unmet { key, why }]);
        let outcomes: Vec<(usize, Outcome<'_>)> =
            explanation.statements.iter().map(|one| (one.source.statement, one.outcome.clone())).collect();
        let expected =
            [(0, unmet("x:team", Why::Missing)), (1, Outcome::OtherResources), (3, unmet("x:n", Why::Unclear))];
        assert_eq!(outcomes, expected);
        assert_eq!(explanation.missing_keys(), ["x:team"]);
    });
}

#[test]
fn explanations_say_whom_a_statement_is_about() {
    let of = |principal: &str| {
        let principal = match principal {
            "*" => "\"*\"".to_owned(),
            service if service.ends_with(".com") => format!(r#"{{"Service":"{service}"}}"#),
            other => format!(r#"{{"AWS":"{other}"}}"#),
        };
        let text =
            format!(r#"{{"Statement":{{"Effect":"Allow","Principal":{principal},"Action":"*","Resource":"*"}}}}"#);
        policy(Kind::Resource, "p", &text)
    };
    let rows = [
        ("user", "444455556666", false),
        ("user", "111122223333", true),
        ("user", "arn:aws:iam::111122223333:user/team/Ann", false),
        ("user", "arn:aws:iam::111122223333:user/team/Bob", true),
        ("user", "events.amazonaws.com", false),
        ("user", "*", true),
        ("session", "arn:aws:iam::111122223333:role/service/Orders", true),
        ("session", "arn:aws:iam::111122223333:role/Orders", false),
        ("session", "arn:aws:sts::111122223333:assumed-role/Orders/s1", true),
        ("session", "arn:aws:sts::111122223333:assumed-role/Orders/s2", false),
        ("root", "111122223333", true),
        ("root", "444455556666", false),
        ("events", "events.amazonaws.com", true),
        ("events", "sqs.amazonaws.com", false),
        ("events", "111122223333", false),
    ];
    for (caller, principal, about) in rows {
        let resource = [of(principal)];
        with_request(caller, "events:PutEvents", BUS, &json!({}), |request| {
            let found = explain(request, &Layers { resource: &resource, ..Layers::default() });
            let expected = if about { Outcome::Applies } else { Outcome::OtherPrincipals };
            assert_eq!(found.statements[0].outcome, expected, "{caller} {principal}");
        });
    }
}

#[test]
fn explanations_say_what_cannot_be_compared() {
    let text = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"*","NotResource":"arn:aws:events:us-east-1:111122223333:event-bus/${x:none}"},
        {"Effect":"Allow","Action":"*","NotResource":"arn:aws:events:us-east-1:111122223333:event-bus/${x:none}","Condition":{"Bool":{"x:a":"true"}}},
        {"Effect":"Allow","Action":"*","NotResource":"arn:aws:events:us-east-1:111122223333:event-bus/${x:none}","Condition":{"Bool":{"x:b":"true"}}},
        {"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"x:a":"true"}}}]}"#;
    let identity = [policy(Kind::Identity, "p", text)];
    let layers = Layers { identity: &identity, ..Layers::default() };
    with_request("user", "events:PutEvents", BUS, &json!({"x:a": "maybe", "x:b": "false"}), |request| {
        let explanation = explain(request, &layers);
        let found: Vec<&Outcome<'_>> = explanation.statements.iter().map(|one| &one.outcome).collect();
        let unmet = |key, why| Outcome::Conditions(vec![Unmet { key, why }]);
        let expected = [Outcome::Unclear, Outcome::Unclear, unmet("x:b", Why::Other), unmet("x:a", Why::Unclear)];
        assert_eq!(found, expected.iter().collect::<Vec<_>>());
    });
}

/// A bus policy with a statement for each of `count` accounts, the last of which is the fixture's.
fn bus_policy(count: u64) -> Arc<Policy> {
    let mut statements = String::new();
    for at in 0..count {
        let account = 111_122_223_333 - (count - 1 - at);
        write!(
            statements,
            r#"{{"Sid":"S{at}","Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{account}:user/team/Bob"}},"Action":"events:PutEvents","Resource":"{BUS}","Condition":{{"StringEquals":{{"events:source":"shop"}}}}}},"#
        )
        .unwrap();
    }
    statements.pop();
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    Arc::new(Policy::parse_within(Kind::Resource, "bus", &text, usize::MAX).unwrap())
}

#[test]
fn a_thousand_statements_are_not_looked_at() {
    for count in [10, 1_000] {
        let policy = bus_policy(count);
        with_request("user", "events:putevents", BUS, &json!({"events:source": "shop"}), |request| {
            let candidates: Vec<usize> = policy.candidates(&Asked::of(request)).collect();
            assert_eq!(candidates, [policy.statements().len() - 1]);
            let resource = [policy.clone()];
            let decision = decide(request, &Layers { resource: &resource, ..Layers::default() });
            assert_eq!(decision.to_string(), format!("allowed by statement `S{}` of resource policy `bus`", count - 1));
        });
    }
}

/// As many of `pattern` as one policy of the kind may list.
fn listing(kind: Kind, effect: &str, pattern: &str) -> Arc<Policy> {
    let count = document_limit_chars(kind) / (pattern.len() + 3) - 1;
    let all = vec![format!("\"{pattern}\""); count.max(1)].join(",");
    let text =
        format!(r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}","Action":"*","Resource":[{all}]}}}}"#);
    Arc::new(Policy::parse_within(kind, "listing", &text, usize::MAX).unwrap())
}

#[test]
fn row_20_work_without_end_is_refused() {
    let all = policy(Kind::Identity, "all", ALL);
    let long = format!("{BUS}{}", "a".repeat(1_980));
    let hostile = [500, 250, 125, 0].map(|count| format!("arn:*:*:*:*:*{}?z*", "a?".repeat(count)));
    for (pattern, arn, unclear) in
        hostile.iter().map(|pattern| (pattern, &*long, true)).chain([(&hostile[3], BUS, false)])
    {
        let decided = |effects: &[&str]| {
            let mut identity = vec![all.clone()];
            for effect in effects {
                identity.extend(vec![listing(Kind::Identity, effect, pattern); 10]);
            }
            with_request("user", "events:PutEvents", arn, &json!({}), |request| {
                let layers = Layers { identity: &identity, ..Layers::default() };
                let began = Instant::now();
                let shown = decide(request, &layers).to_string();
                let explained = explain(request, &layers).statements.len();
                // A debug build on busy cores; `benches/policy.rs` has the figure.
                assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
                assert_eq!(explained, identity.len());
                shown
            })
        };
        // What allows without doubt still does; what may deny does.
        assert_eq!(decided(&["Allow"]), "allowed by statement `All` of identity policy `all`");
        let refused = "denied, since statement 0 of identity policy `listing` denies and cannot be evaluated";
        let expected = if unclear { refused } else { "allowed by statement `All` of identity policy `all`" };
        assert_eq!(decided(&["Deny"]), expected, "{pattern}");
    }
}
