//! Explanations as data, and that they agree with the evaluator: on our probes, on recorded cases, on generated ones.

use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

fn told(pattern: &str, event: &str) -> String {
    let explained = explain(&Pattern::parse(pattern).unwrap(), &Event::parse(event).unwrap()).unwrap();
    explained.map_or_else(|| "match".to_owned(), |it| it.to_string())
}

#[test]
fn the_first_field_that_fails_is_told() {
    let rows = [
        (r#"{"source":["shop"]}"#, r#"{"source":"shop"}"#, "match"),
        (r#"{"source":["shop",null]}"#, r#"{"source":"till"}"#, r#"`source`: expected ["shop",null], found "till""#),
        (r#"{"a":["1"],"b":["2"]}"#, r#"{"b":"3"}"#, r#"`a`: expected ["1"], found no value"#),
        (
            r#"{"detail":{"n":[{"numeric":[">",1,"<=",2.5]}]}}"#,
            r#"{"detail":{"n":1}}"#,
            r#"`detail.n`: expected [{"numeric":[">",1,"<=",2.5]}], found 1"#,
        ),
        (r#"{"a":[{"exists":false}]}"#, r#"{"a":true}"#, r#"`a`: expected [{"exists":false}], found true"#),
        (r#"{"a":[{"exists":true}]}"#, r#"{"a":{"b":1}}"#, r#"`a`: expected [{"exists":true}], found no value"#),
        (r#"{"a":[{"anything-but":["x"]}]}"#, r#"{"a":"x"}"#, r#"`a`: expected [{"anything-but":["x"]}], found "x""#),
        (
            r#"{"a":[{"anything-but":{"prefix":"x"}}]}"#,
            r#"{"a":"xy"}"#,
            r#"`a`: expected [{"anything-but":{"prefix":["x"]}}], found "xy""#,
        ),
        (r#"{"a":[{"wildcard":"a*\\*b"}]}"#, r#"{"a":"ab"}"#, r#"`a`: expected [{"wildcard":"a*\\*b"}], found "ab""#),
        (
            r#"{"a":[{"cidr":"10.0.0.0/8"}]}"#,
            r#"{"a":"11.0.0.1"}"#,
            r#"`a`: expected [{"cidr":"10.0.0.0/8"}], found "11.0.0.1""#,
        ),
        (
            r#"{"a":[{"prefix":{"equals-ignore-case":"Ab"}}]}"#,
            r#"{"a":"x\u0007"}"#,
            r#"`a`: expected [{"prefix":{"equals-ignore-case":"Ab"}}], found "x\u0007""#,
        ),
        (r#"{"a":[9]}"#, r#"{"a":[1,2,3,4,5]}"#, "`a`: expected [9], found 1, 2, 3 and 2 more"),
        (
            r#"{"a":{"x":[1],"y":[2]}}"#,
            r#"{"a":[{"x":1},{"y":2}]}"#,
            "`a.y`: expected [2], found 2, in another array element than the fields before it",
        ),
        (
            r#"{"$or":[{"a":[1]},{"b":[2]}]}"#,
            r#"{"a":3}"#,
            "none of the 2 alternatives held: `a`: expected [1], found 3; `b`: expected [2], found no value",
        ),
        // What stands beside `$or` fails in each alternative alike.
        (
            r#"{"A":[0],"$or":[{"a":[1]},{"b":[2]}]}"#,
            r#"{"A":3}"#,
            "none of the 2 alternatives held: `A`: expected [0], found 3",
        ),
    ];
    for (pattern, event, expected) in rows {
        assert_eq!(told(pattern, event), expected, "{pattern} {event}");
    }
}

/// Whether explanation and evaluator say the same, and the field that is blamed is the one at fault.
fn agree(pattern: &str, event: &str) -> Result<(), String> {
    let (Ok(parsed), Ok(seen)) = (Pattern::parse(pattern), Event::parse(event)) else { return Ok(()) };
    let (matches, explained) = (parsed.matches(&seen), explain(&parsed, &seen));
    match (matches, explained) {
        (Ok(true), Ok(None)) => Ok(()),
        (Ok(false), Ok(Some(it))) if !it.mismatches.is_empty() && it.mismatches.len() <= it.alternatives_count => {
            Ok(())
        }
        // The limit counts the work of the whole in one of them and of its parts in the other.
        (Err(_), _) | (_, Err(_)) => Ok(()),
        (matches, explained) => Err(format!("{pattern} on {event}: {matches:?}, but {explained:?}")),
    }
}

#[test]
fn explanations_agree_on_probes_and_recorded_cases() {
    for line in include_str!("../tests/probes.tsv").lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        agree(cells[1], cells[2]).unwrap();
    }
    let Ok(folder) = std::env::var("BASCULE_VECTORS") else {
        crate::tests::skip(
            "pattern::explain::tests::explanations_agree_on_probes_and_recorded_cases",
            "BASCULE_VECTORS is not set",
        );
        return;
    };
    let text = std::fs::read_to_string(PathBuf::from(folder).join("event-patterns.jsonl")).unwrap();
    for line in text.lines() {
        let row: Json = serde_json::from_str(line).unwrap();
        agree(row["pattern"].as_str().unwrap_or_default(), row["event"].as_str().unwrap_or_default()).unwrap();
    }
}

fn scalar() -> impl Strategy<Value = Json> {
    prop_oneof![Just(json!(null)), Just(json!(true)), (0..3).prop_map(|n| json!(n)), "[ab]{0,2}".prop_map(|s| json!(s))]
}

fn events() -> impl Strategy<Value = Json> {
    let inner = scalar().prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::Array),
            prop::collection::btree_map("[abc]", inner, 0..3).prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[abc]", inner, 0..3).prop_map(|map| Json::Object(map.into_iter().collect()))
}

fn matchers() -> impl Strategy<Value = Json> {
    let one = prop_oneof![
        scalar(),
        any::<bool>().prop_map(|flag| json!({ "exists": flag })),
        "[ab]{1,2}".prop_map(|text| json!({ "prefix": text })),
        "[ab]{1,2}".prop_map(|text| json!({ "anything-but": text })),
        (0..3).prop_map(|n| json!({ "numeric": [">", n] })),
    ];
    prop::collection::vec(one, 1..3).prop_map(Json::Array)
}

fn patterns() -> impl Strategy<Value = Json> {
    let inner = matchers().prop_recursive(3, 16, 3, |inner| {
        let object = prop::collection::btree_map("[abc]", inner, 1..3);
        let object = object.prop_map(|map| Json::Object(map.into_iter().collect()));
        prop_oneof![
            object.clone(),
            (object.clone(), object.clone()).prop_map(|(one, other)| json!({ "$or": [one, other] })),
            (object.clone(), object.clone(), object).prop_map(|(mut beside, one, other)| {
                beside["$or"] = json!([one, other]);
                beside
            }),
        ]
    });
    prop::collection::btree_map("[abc]", inner, 1..3).prop_map(|map| Json::Object(map.into_iter().collect()))
}

proptest! {
    #[test]
    fn explanations_agree_on_generated_cases(pattern in patterns(), event in events()) {
        if let Err(problem) = agree(&pattern.to_string(), &event.to_string()) {
            return Err(TestCaseError::fail(problem));
        }
    }
}
