//! The language as data: our probes, the service's recorded verdicts where they are at hand, and random texts.

use std::path::PathBuf;

use proptest::prelude::*;

use crate::{Event, Pattern};

/// Probes whose verdict we do not share, and why.
const DEVIATIONS: [(&str, &str); 1] = [(
    r#"{"a":[{"cidr":"0.0.0.0/0"}]} {"a":"::1"}"#,
    "event-ruler compares hexadecimal text of either length; a block of IPv4 holds no IPv6 address",
)];

fn verdict(pattern: &str, event: &str) -> &'static str {
    let Ok(pattern) = Pattern::parse(pattern) else { return "REJECT" };
    let Ok(event) = Event::parse(event) else { return "EVERR" };
    if pattern.matches(&event).unwrap() { "match" } else { "no" }
}

#[test]
fn probes() {
    let mut wrong = Vec::new();
    let mut rows = 0;
    for line in include_str!("tests/probes.tsv").lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        let [_, pattern, event, expected] = cells[..] else { panic!("a probe has four cells: {line}") };
        rows += 1;
        let ours = verdict(pattern, event);
        let known = DEVIATIONS.iter().any(|(row, _)| *row == format!("{pattern} {event}"));
        // A deviation that no longer is one has to leave the list.
        if (ours == expected) == known {
            wrong.push(format!("{pattern} on {event}: {ours}, expected {expected}"));
        }
    }
    assert!(rows >= 200, "{rows} probes");
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn recorded_verdicts() {
    let Ok(folder) = std::env::var("BASCULE_VECTORS") else {
        skip("pattern::tests::recorded_verdicts", "BASCULE_VECTORS is not set");
        return;
    };
    let text = std::fs::read_to_string(PathBuf::from(folder).join("event-patterns.jsonl")).unwrap();
    let mut wrong = Vec::new();
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let of = |name: &str| row[name].as_str().unwrap_or_default();
        let ours = match Pattern::parse(of("pattern")) {
            Err(reason) => format!("error {reason}"),
            Ok(pattern) => match Event::parse(of("event")) {
                Err(_) => "error event".to_owned(),
                Ok(event) if !event.is_testable() => "error event".to_owned(),
                Ok(event) => if pattern.matches(&event).unwrap() { "match" } else { "nomatch" }.to_owned(),
            },
        };
        let expected = match (of("expect"), of("error_message").split_once("Reason: ")) {
            ("error", Some((_, reason))) => format!("error {}", reason.lines().next().unwrap_or_default()),
            ("error", None) => "error event".to_owned(),
            (verdict, _) => verdict.to_owned(),
        };
        if ours != expected {
            wrong.push(format!("{}: {ours}, expected {expected}", of("name")));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Leaves word for the runner that counts skips.
pub(crate) fn skip(name: &str, reason: &str) {
    use std::io::Write;
    if let Ok(path) = std::env::var("BASCULE_SKIPS") {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        writeln!(file, "{name}: {reason}").unwrap();
    }
}

#[test]
fn beyond_the_probes() {
    let rows = [
        // A case's other form may be longer.
        (r#"{"a":[{"equals-ignore-case":"ß"}]}"#, r#"{"a":"SS"}"#, "match"),
        (r#"{"a":[{"prefix":{"equals-ignore-case":"ab"}}]}"#, r#"{"a":"ABc"}"#, "match"),
        // A star takes the empty string; overlapping pieces are found.
        (r#"{"a":[{"wildcard":"a*ab*b"}]}"#, r#"{"a":"aaab"}"#, "no"),
        (r#"{"a":[{"wildcard":"a*ab*b"}]}"#, r#"{"a":"aaabb"}"#, "match"),
        (r#"{"a":[{"cidr":"0.0.0.0/0"}]}"#, r#"{"a":"255.1.1.1"}"#, "match"),
        (r#"{"a":[{"cidr":"::/0"}]}"#, r#"{"a":"ffff::"}"#, "match"),
        (r#"{"a":[{"cidr":"10.0.0.0/-1"}]}"#, "{}", "REJECT"),
        // Elements of one array are not mixed, however far from it the fields stand.
        (
            r#"{"a":{"x":{"p":[1]},"y":{"q":[2]}}}"#,
            r#"{"a":[{"x":{"p":1}},{"y":{"q":2}},{"x":{"p":1},"y":{"q":2}}]}"#,
            "match",
        ),
        (r#"{"a":{"b":[1],"c":[2],"d":[3]}}"#, r#"{"a":[{"b":1,"c":2},{"c":2,"d":3},{"b":1,"d":3}]}"#, "no"),
        // Repeated keys: elements of different arrays under one name go together.
        (r#"{"a":{"x":[1],"y":[2]}}"#, r#"{"a":[{"x":1},{"x":9}],"a":[{"z":1},{"y":2}]}"#, "match"),
        (r#"{"a":{"x":[1],"y":[2]}}"#, r#"{"a":[{"x":1},{"y":2}],"a":[{"y":3}]}"#, "no"),
        (r#"{"a":{"x":[1],"y":[2]}}"#, r#"{"a":[[{"x":1},{"y":2}]]}"#, "no"),
    ];
    for (pattern, event, expected) in rows {
        assert_eq!(verdict(pattern, event), expected, "{pattern} on {event}");
    }
}

#[test]
fn hostile_shapes_end_soon() {
    let deep = |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(Event::parse(&deep(900)).is_ok());
    assert!(Event::parse(&deep(1_100)).is_err());
    assert!(Pattern::parse(&format!("{}[1]{}", "{\"a\":".repeat(500), "}".repeat(500))).is_err());
    // A long path above many leaves must not be copied for each of them.
    let long = "k".repeat(100_000);
    let many = vec!["1"; 50_000].join(",");
    assert!(Event::parse(&format!("{{\"{long}\":{{\"x\":[{many}]}}}}")).is_ok());
    let both = vec![r#"{"x":1},{"y":2}"#; 20_000].join(",");
    let pattern = Pattern::parse(r#"{"a":{"x":[1],"y":[2]}}"#).unwrap();
    assert_eq!(pattern.matches(&Event::parse(&format!("{{\"a\":[{both}]}}")).unwrap()), Ok(false));
    // The same with a key that is repeated is refused, not decided wrongly.
    let repeated = Event::parse(&format!("{{\"a\":[{both}],\"a\":1}}")).unwrap();
    assert!(pattern.matches(&repeated).is_err());
    let or = format!("\"$or\":[{}]", [r#"{"a":[1]}"#; 10].join(","));
    let nested = format!("{{\"x\":{{{or}}},\"y\":{{{or}}},\"z\":{{{or}}},\"w\":{{{or}}}}}");
    assert!(Pattern::parse(&nested).is_err());
}

proptest! {
    #[test]
    fn any_text_is_answered(pattern in r#"[\{\}\[\]":,a-c*\\0-9$.\-<>= ]{0,60}"#, event in r#"[\{\}\[\]":,a-c\\u0-9.\-eE ]{0,60}"#) {
        let _ = verdict(&pattern, &event);
    }

    /// A pattern made of an event's own leaf takes that event.
    #[test]
    fn an_event_matches_itself(key in "[a-z.]{1,6}", value in "\\PC{0,12}") {
        let (key, value) = (serde_json::to_string(&key).unwrap(), serde_json::to_string(&value).unwrap());
        prop_assert_eq!(verdict(&format!("{{{key}:[{value}]}}"), &format!("{{{key}:{value}}}")), "match");
        prop_assert_eq!(verdict(&format!("{{{key}:[{{\"anything-but\":{value}}}]}}"), &format!("{{{key}:{value}}}")), "no");
    }
}
