//! The recorded decisions of EventBridge's user guide on PutRule, where they are at hand: literals of a pattern are values of keys.

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::fixture::{policy, with_request};
use crate::decide::{Layers, decide};
use crate::statement::Kind;

/// The literals of a pattern's fields, under `events:` and the field's name. The rows have one level and strings alone.
fn keys(pattern: &str) -> Json {
    let pattern: Json = serde_json::from_str(pattern).unwrap();
    let mut context = json!({});
    for (field, literals) in pattern.as_object().unwrap() {
        assert!(literals.as_array().unwrap().iter().all(Json::is_string), "{field} has more than literals");
        context[format!("events:{field}")] = literals.clone();
    }
    context
}

#[test]
fn recorded_decisions_on_put_rule() {
    let Ok(folder) = std::env::var("BASCULE_VECTORS") else {
        super::skip("policy::tests::recorded_decisions_on_put_rule", "BASCULE_VECTORS is not set");
        return;
    };
    let text = std::fs::read_to_string(PathBuf::from(folder).join("put-rule-decisions.jsonl")).unwrap();
    let mut rows = 0;
    for line in text.lines() {
        let row: Json = serde_json::from_str(line).unwrap();
        let identity = [policy(Kind::Identity, "p", &row["policy"].to_string())];
        let arn = "arn:aws:events:us-east-1:111122223333:rule/r";
        let context = keys(row["pattern"].as_str().unwrap());
        let layers = Layers { identity: &identity, ..Layers::default() };
        let action = row["action"].as_str().unwrap();
        let allowed = with_request("user", action, arn, &context, |request| decide(request, &layers).is_allowed());
        assert_eq!(Some(allowed), row["allowed"].as_bool(), "{}", row["name"]);
        rows += 1;
    }
    assert!(rows >= 14, "{rows} rows");
}
