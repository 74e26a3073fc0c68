//! Literals of an event pattern as condition keys: what PutRule may match is decided by what the pattern says.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use bascule_pattern::Pattern;
use bascule_pattern::address::Address;
use bascule_pattern::ast::{Conjunction, Matcher};

use crate::limits::PATTERN_LIMIT_BYTES;
use crate::stack::access::Given;

/// Keys and the fields whose literals they have: the service authorization reference of `events`.
const KEYS: [(&str, &[&str]); 5] = [
    ("events:source", &["source"]),
    ("events:detail-type", &["detail-type"]),
    ("events:detail.userIdentity.principalId", &["detail", "userIdentity", "principalId"]),
    ("events:detail.service", &["detail", "service"]),
    ("events:detail.eventTypeCode", &["detail", "eventTypeCode"]),
];

/// The keys of a pattern. A field without literals has none, as EventBridge says. Where there are some and the pattern takes other
/// values too, the key stands here twice: it cannot be evaluated, so that no statement allows more than its literals, and none
/// that denies is passed by.
pub(super) fn keys(pattern: &str) -> Vec<(&'static str, Given)> {
    if pattern.is_empty() || pattern.len() > PATTERN_LIMIT_BYTES {
        return Vec::new();
    }
    // What cannot be read is refused by whoever checks it.
    let Ok(pattern) = Pattern::parse(pattern) else { return Vec::new() };
    let mut keys = Vec::new();
    for (key, path) in KEYS {
        let fields: Vec<Field> = pattern.alternatives.iter().map(|fields| Field::of(fields, path)).collect();
        let literals: BTreeSet<String> = fields.iter().flat_map(|field| field.literals.iter().cloned()).collect();
        if literals.is_empty() {
            continue;
        }
        let given = Given::Texts(literals.into_iter().collect());
        if fields.iter().any(|field| field.open) {
            keys.push((key, given.clone()));
        }
        keys.push((key, given));
    }
    keys
}

/// What one alternative says of a field.
struct Field {
    literals: Vec<String>,
    /// Whether it takes other values.
    open: bool,
}

impl Field {
    fn of(fields: &Conjunction, path: &[&str]) -> Self {
        let is_at = |at: &[bascule_pattern::ast::Text]| {
            at.len() == path.len() && at.iter().zip(path).all(|(key, name)| **key == *name.as_bytes())
        };
        let Some((_, matchers)) = fields.iter().find(|(at, _)| is_at(at)) else {
            return Self { literals: Vec::new(), open: true };
        };
        let literals: Vec<String> = matchers.iter().filter_map(literal).collect();
        Self { open: literals.len() < matchers.len(), literals }
    }
}

fn literal(matcher: &Matcher) -> Option<String> {
    match matcher {
        // What is no UTF-8 is no value of a policy either, and must not be taken for one.
        Matcher::String(text) => Some(String::from_utf8_lossy(text).into_owned()),
        Matcher::Address(Address::V4(bits)) => Some(Ipv4Addr::from(*bits).to_string()),
        Matcher::Address(Address::V6(bits)) => Some(Ipv6Addr::from(*bits).to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, expected: &[(&str, &[&str])]) {
        let texts = |texts: &[&str]| Given::Texts(texts.iter().map(|text| (*text).to_owned()).collect());
        let expected: Vec<_> = expected.iter().map(|(key, literals)| (*key, texts(literals))).collect();
        assert_eq!(keys(pattern), expected, "{pattern}");
    }

    #[test]
    fn literals_are_keys() {
        check("", &[]);
        check("{", &[]);
        check(r#"{"source":["b","a"]}"#, &[("events:source", &["a", "b"])]);
        check(r#"{"detail-type":["t"]}"#, &[("events:detail-type", &["t"])]);
        let deep = r#"{"detail":{"service":["EC2"],"eventTypeCode":["x"],"userIdentity":{"principalId":["p"]}}}"#;
        check(
            deep,
            &[
                ("events:detail.userIdentity.principalId", &["p"]),
                ("events:detail.service", &["EC2"]),
                ("events:detail.eventTypeCode", &["x"]),
            ],
        );
        check(r#"{"source":["10.0.0.1"]}"#, &[("events:source", &["10.0.0.1"])]);
        check(r#"{"source":[{"prefix":"aws."}]}"#, &[]);
        check(r#"{"account":["111122223333"]}"#, &[]);
    }

    #[test]
    fn literals_beside_anything_else_cannot_be_evaluated() {
        let twice: &[(&str, &[&str])] = &[("events:source", &["a"]), ("events:source", &["a"])];
        check(r#"{"source":["a",{"prefix":"b"}]}"#, twice);
        check(r#"{"source":["a",{"exists":false}]}"#, twice);
        check(r#"{"$or":[{"source":["a"]},{"account":["b"]}]}"#, twice);
        check(r#"{"$or":[{"source":["a"]},{"source":["b"]}]}"#, &[("events:source", &["a", "b"])]);
    }
}
