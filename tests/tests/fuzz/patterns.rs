//! Patterns and events: both are strangers' text.

use bascule_pattern::limits::OR_LIMIT_COMBINATIONS;
use bascule_pattern::{Event, Pattern};
use serde_json::Value;

use super::run;

/// The demo's events and rules are the corpus.
const EVENTS: &str = include_str!("../../demo/events.jsonl");
const RULES: &str = include_str!("../../demo/rules.json");
/// What the demo's rules do not use.
const MORE: [&str; 7] = [
    r#"{"a":[{"anything-but":{"prefix":["x","y"]}},{"anything-but":{"wildcard":["*.a","b*"]}}]}"#,
    r#"{"a":[{"prefix":{"equals-ignore-case":"x"}},{"suffix":{"equals-ignore-case":"Y"}}]}"#,
    r#"{"$or":[{"a":[1]},{"b":[2],"$or":[{"c":[3]},{"d":[4]}]}],"e":[true,false,null,"x",1.5]}"#,
    r#"{"a":{"b":{"c.d":[{"numeric":["=",3e-6]}]}},"f":[{"exists":false}]}"#,
    r#"{"a":[{"wildcard":"a*b*c\\*d"},{"cidr":"10.0.0.0/8"},{"cidr":"fe80::/10"}]}"#,
    r#"{"a":[{"anything-but":[1,2,3]},{"anything-but":{"equals-ignore-case":["a","b"]}},{"anything-but":{"suffix":"z"}}]}"#,
    r#"{"a":[[1,2],["x"]]}"#,
];

/// Patterns as text.
fn patterns() -> Vec<Vec<u8>> {
    let rules: Vec<Value> = serde_json::from_str(RULES).expect("rules.json is JSON");
    let texts: Vec<String> = rules.iter().map(|rule| rule["Pattern"].to_string()).collect();
    run::corpus(texts.iter().map(String::as_str).chain(MORE))
}

/// Some events as patterns see them.
pub fn events() -> Vec<Vec<u8>> {
    let entries = EVENTS.lines().step_by(9).map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    let texts: Vec<String> = entries.map(|entry| envelope(&entry)).collect();
    run::corpus(texts.iter().map(String::as_str).chain([r#"{"a":[[1,[2]],{"b":[]}],"a":{"b.c":1,"b":{"c":2}}}"#]))
}

fn envelope(entry: &Value) -> String {
    let event = serde_json::json!({
        "version": "0", "id": "0", "account": "000000000000", "time": "2026-11-25T00:00:00Z", "region": "us-east-1",
        "resources": entry["Resources"], "source": entry["Source"], "detail-type": entry["DetailType"], "detail": entry["Detail"],
    });
    event.to_string()
}

fn parsed(corpus: &[Vec<u8>]) -> Vec<Event> {
    corpus.iter().map(|text| Event::parse(&String::from_utf8_lossy(text)).expect("a good event")).collect()
}

#[test]
fn patterns_are_parsed_or_refused() {
    let events = parsed(&events());
    run::each("patterns", &patterns(), |input| {
        let text = String::from_utf8_lossy(input);
        let Ok(pattern) = Pattern::parse(&text) else { return };
        assert!(pattern.alternatives.len() <= OR_LIMIT_COMBINATIONS);
        assert_eq!(Pattern::parse(&text).as_ref(), Ok(&pattern), "the same text is the same pattern");
        for event in events.iter().step_by(16) {
            let decided = pattern.matches(event);
            assert_eq!(decided, pattern.matches(event), "the same event is decided alike");
        }
    });
}

#[test]
fn events_are_parsed_and_decided_or_refused() {
    let patterns = patterns();
    let patterns: Vec<Pattern> =
        patterns.iter().filter_map(|text| Pattern::parse(str::from_utf8(text).unwrap()).ok()).collect();
    assert!(patterns.len() >= 12, "{}", patterns.len());
    run::each("events", &events(), |input| {
        let text = String::from_utf8_lossy(input);
        let Ok(event) = Event::parse(&text) else { return };
        for pattern in &patterns {
            let decided = pattern.matches(&event);
            assert_eq!(decided, pattern.matches(&event), "the same event is decided alike");
        }
    });
}
