//! Values with types of their own, base64, and what each comparison is counted as.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bascule_model::name::AccountId;
use bascule_model::time::Millis;
use serde_json::{Value as Json, json};

use super::fixture::{HOME, NOW, policy, with_request};
use crate::binary;
use crate::key::Key;
use crate::limits::DECISION_LIMIT_STEPS;
use crate::meter::Metered;
use crate::request::{Entry, Request, Value, Values};
use crate::statement::{Kind, Version};
use crate::template::{Case, Fit, Template, Wildcards};
use crate::truth::Truth;

fn condition_policy(condition: &Json) -> std::sync::Arc<crate::policy::Policy> {
    let statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition});
    policy(Kind::Identity, "p", &json!({"Version": "2012-10-17", "Statement": [statement]}).to_string())
}

/// What a condition on `x:key` is to a request with these values for it.
fn holds(operator: &str, wanted: &Json, values: Values<'_>) -> Truth {
    let policy = condition_policy(&json!({operator: {"x:key": wanted}}));
    let context: [Entry<'_>; 1] = [("x:key", values)];
    with_request("user", "a:b", "*", &json!({}), |request| {
        let request = Request { context: &context, ..*request };
        policy.statements()[0].conditions[0].holds(&Metered::of(&request, None))
    })
}

#[test]
fn values_with_types_compare_as_they_are_written() {
    let four: IpAddr = Ipv4Addr::new(10, 1, 2, 3).into();
    let six: IpAddr = Ipv6Addr::LOCALHOST.into();
    let account = AccountId::parse(HOME).unwrap();
    // Half a second past.
    let late = Millis(NOW.0 + 500);
    let rows = [
        ("IpAddress", "10.0.0.0/8", Value::Address(four), Truth::Yes),
        ("IpAddress", "11.0.0.0/8", Value::Address(four), Truth::No),
        ("IpAddress", "::1", Value::Address(six), Truth::Yes),
        ("IpAddress", "10.0.0.0/8", Value::Number(10), Truth::Unclear),
        ("StringEquals", "10.1.2.3", Value::Address(four), Truth::Yes),
        ("BinaryEquals", "AAEC", Value::Bytes(&[0, 1, 2]), Truth::Yes),
        ("BinaryEquals", "AAEC", Value::Bytes(&[0, 1, 3]), Truth::No),
        ("BinaryEquals", "AAEC", Value::Bool(true), Truth::Unclear),
        ("BinaryEquals", "AAEC", Value::Text("AAEC"), Truth::Yes),
        ("BinaryEquals", "AAEC", Value::Text("AAED"), Truth::No),
        ("BinaryEquals", "AAEC", Value::Text("AAE"), Truth::Unclear),
        ("DateEquals", "1795426200", Value::Number(1_795_426_200), Truth::Yes),
        ("DateEquals", "1795426201", Value::Number(1_795_426_200), Truth::No),
        ("DateEquals", "2026-11-23T09:30:00Z", Value::Time(NOW), Truth::Yes),
        ("DateEquals", "2026-11-23T09:30:00Z", Value::Time(late), Truth::No),
        ("DateEquals", "2026-11-23T09:30:00.5Z", Value::Time(late), Truth::Yes),
        // Seconds have no parts.
        ("DateEquals", "2026-11-23T09:30:00Z", Value::Epoch(late), Truth::Yes),
        ("DateEquals", "2026-11-23T09:30:00Z", Value::Bool(true), Truth::Unclear),
        ("StringEquals", "2026-11-23T09:30:00Z", Value::Time(NOW), Truth::Yes),
        ("StringEquals", "1795426200", Value::Epoch(late), Truth::Yes),
        ("NumericEquals", "1795426200", Value::Epoch(late), Truth::Yes),
        ("NumericEquals", "-5.0", Value::Number(-5), Truth::Yes),
        ("NumericEquals", "1", Value::Bool(true), Truth::Unclear),
        ("Bool", "true", Value::Bool(true), Truth::Yes),
        ("Bool", "true", Value::Bool(false), Truth::No),
        ("StringEquals", HOME, Value::Account(account), Truth::Yes),
        ("StringEquals", "", Value::Bytes(&[65]), Truth::Yes),
    ];
    for (operator, wanted, value, expected) in rows {
        assert_eq!(holds(operator, &json!(wanted), Values::One(value)), expected, "{operator} {wanted} {value:?}");
    }
}

#[test]
fn keys_come_from_the_request_itself() {
    let rows = [
        ("events", json!({"StringEquals": {"aws:PrincipalServiceName": "events.amazonaws.com"}}), Truth::Yes),
        ("user", json!({"StringEquals": {"aws:PrincipalServiceName": "events.amazonaws.com"}}), Truth::No),
        ("events", json!({"Bool": {"aws:PrincipalIsAWSService": "true"}}), Truth::Yes),
        ("user", json!({"Bool": {"aws:PrincipalIsAWSService": "true"}}), Truth::No),
        ("events", json!({"Null": {"aws:userid": "true"}}), Truth::Yes),
        ("events", json!({"Null": {"aws:PrincipalAccount": "true"}}), Truth::Yes),
        // Without tags there is no such key, which is more than that it has no value.
        ("events", json!({"StringEquals": {"aws:TagKeys": "a"}}), Truth::No),
        ("events", json!({"StringNotEquals": {"aws:TagKeys": "a"}}), Truth::Yes),
        ("events", json!({"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}), Truth::Yes),
        ("events", json!({"ForAnyValue:StringEquals": {"aws:TagKeys": "a"}}), Truth::No),
    ];
    for (caller, condition, expected) in rows {
        let policy = condition_policy(&condition);
        with_request(caller, "a:b", "*", &json!({}), |request| {
            let request = Request { tags: &[], ..*request };
            let found = policy.statements()[0].conditions[0].holds(&Metered::of(&request, None));
            assert_eq!(found, expected, "{caller} {condition}");
        });
    }
    // One tag is one key, two are several.
    for (tags, expected) in [(&[("a", "1")][..], Truth::Yes), (&[("a", "1"), ("b", "2")][..], Truth::Unclear)] {
        let policy = condition_policy(&json!({"StringEquals": {"aws:TagKeys": "a"}}));
        with_request("user", "a:b", "*", &json!({}), |request| {
            let request = Request { tags, ..*request };
            assert_eq!(policy.statements()[0].conditions[0].holds(&Metered::of(&request, None)), expected, "{tags:?}");
        });
    }
    for (chars, fine) in [(256, true), (257, false)] {
        assert_eq!(Key::read(&format!("x:{}", "k".repeat(chars - 2))).is_ok(), fine);
    }
}

#[test]
fn long_values_that_have_types_fit() {
    let six: IpAddr = "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff".parse().unwrap();
    assert_eq!(Value::Address(six).shown().text(), "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff");
    assert_eq!(Value::Number(i64::MIN).shown().text(), "-9223372036854775808");
    // What does not fit is cut to nothing, not to something else.
    assert_eq!(Value::Text(&"x".repeat(48)).shown().text(), "x".repeat(48));
    assert_eq!(Value::Text(&"x".repeat(49)).shown().text(), "");
}

#[test]
fn every_letter_of_base64_has_its_bits() {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: String = (0..64).map(|value| format!("{value:06b}")).collect();
    let bytes: Vec<u8> = (0..48).map(|at| u8::from_str_radix(&bits[at * 8..at * 8 + 8], 2).unwrap()).collect();
    assert_eq!(binary::decode(letters), Some(bytes));
    // RFC 4648, section 10.
    for (text, plain) in
        [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob"), ("Zm9vYmFy", "foobar")]
    {
        assert_eq!(binary::decode(text).as_deref(), Some(plain.as_bytes()), "{text}");
    }
    for text in ["Z", "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Zm-_", "Zm8=\n", "Zm9v!!!!", "=Zm9"] {
        assert_eq!(binary::decode(text), None, "{text}");
    }
}

/// Steps of one pattern on one value.
fn steps(pattern: &str, value: &str, case: Case, context: &Json) -> (Fit, usize) {
    let template = Template::read(pattern, Version::V2012, Wildcards::Count).unwrap();
    with_request("user", "a:b", "*", context, |request| {
        let metered = Metered::of(request, None);
        (template.fits(value, case, &metered), metered.paid())
    })
}

#[test]
fn each_piece_and_stride_is_counted() {
    let (long, far) = ("a".repeat(64), format!("{}b", "a".repeat(160)));
    let (start, middle) = (format!("{long}*"), format!("*{long}c*"));
    let behind = format!("{}*c*", "a".repeat(20));
    let rows = [
        ("abc", "abc", Fit::Yes, 1),
        ("*", "abc", Fit::Yes, 1),
        ("abc*", "abcdef", Fit::Yes, 3),
        ("ab?", "abc", Fit::Yes, 4),
        ("ab?", "abcd", Fit::No, 4),
        // The end is looked at alone.
        ("*b", &far, Fit::Yes, 6),
        // Two bytes a step.
        ("*b*", &far, Fit::Yes, 85),
        ("*c*", &far, Fit::No, 83),
        // Three at each of sixty places.
        ("*?b*", &far[100..], Fit::Yes, 184),
        (&start, &long, Fit::Yes, 7),
        (&middle, &far, Fit::No, 83),
        // 141 bytes are left behind the twenty.
        (&behind, &far, Fit::No, 75),
        ("a*b*c", "aXbXc", Fit::Yes, 10),
        ("x${x:a}?", "xab", Fit::Yes, 22),
        ("x${x:a}${x:b}*", "xabc", Fit::Yes, 39),
        ("x${x:none}*", "xabc", Fit::Unresolved, 18),
    ];
    let context = json!({"x:a": "a", "x:b": "b"});
    for (pattern, value, fit, expected) in rows {
        assert_eq!(steps(pattern, value, Case::Sensitive, &context), (fit, expected), "{pattern} on {value}");
    }
    assert_eq!(steps("A*B*C", "aXbXc", Case::Ignored, &context), (Fit::Yes, 12));
}

#[test]
fn what_is_tried_in_part_is_unclear() {
    let value = format!("{}b", "a".repeat(60));
    // The first fits, the second does not.
    for (pattern, fit) in [("*?b*", Fit::Yes), ("*?c*", Fit::No)] {
        let (whole, needed) = steps(pattern, &value, Case::Sensitive, &json!({}));
        assert_eq!(whole, fit, "{pattern}");
        let template = Template::read(pattern, Version::V2012, Wildcards::Count).unwrap();
        with_request("user", "a:b", "*", &json!({}), |request| {
            for left in 1..needed + 2 {
                let metered = Metered::of(request, None);
                assert!(metered.pay(DECISION_LIMIT_STEPS - left));
                let expected = if left > needed { fit } else { Fit::Unclear };
                assert_eq!(template.fits(&value, Case::Sensitive, &metered), expected, "{pattern}, {left} left");
            }
        });
    }
}

#[test]
fn each_comparison_is_counted() {
    let one = |text| Values::One(Value::Text(text));
    let rows = [
        ("NumericEquals", json!(["1", "22", "333"]), one("4444"), 29),
        ("NumericEquals", json!(["1", "22", "333"]), one("x"), 23),
        ("DateEquals", json!(["2026", "2027"]), one("2026-01-01"), 21),
        ("BinaryEquals", json!(["AAEC", "AAED", "AAEE"]), one("AAECAAEC"), 20),
        ("IpAddress", json!(["10.0.0.0/8", "11.0.0.0/8"]), one("12.0.0.1"), 19),
        ("StringEquals", json!(["a", "b", "c"]), one("d"), 13),
        ("StringEqualsIgnoreCase", json!(["a", "b", "c"]), one("dddd"), 64),
        ("StringEqualsIgnoreCase", json!(["a${x:key}"]), one("dddd"), 247),
        ("ForAllValues:StringEquals", json!(["a", "b", "c"]), Values::Many(&["a", "b", "c"]), 20),
        ("ForAnyValue:StringEquals", json!(["a", "b", "c"]), Values::Many(&["d", "e", "f"]), 23),
        ("ArnLike", json!(["arn:*:*:*:*:*", "arn:a:b:c:d:e"]), one("arn:a:b:c:d:f"), 45),
        ("ArnLike", json!(["${x:key}"]), one("arn:a:b:c:d:f"), 202),
        // A text of another length is read as far as the shorter goes.
        ("StringEqualsIgnoreCase", json!(["aaaaaaaa"]), one("dd"), 30),
        // What a variable brings along is paid for: the search, the copy, the comparison.
        ("StringEqualsIgnoreCase", json!(["ab${x:key}"]), one("dddddddd"), 260),
        ("Null", json!("true"), Values::Many(&["", "", "a"]), 11),
    ];
    for (operator, wanted, values, expected) in rows {
        let policy = condition_policy(&json!({operator: {"x:key": wanted}}));
        let context: [Entry<'_>; 1] = [("x:key", values)];
        with_request("user", "a:b", "*", &json!({}), |request| {
            let request = Request { context: &context, ..*request };
            let metered = Metered::of(&request, None);
            let _ = policy.statements()[0].conditions[0].holds(&metered);
            assert_eq!(metered.paid(), expected, "{operator} {wanted} {values:?}");
        });
    }
}

#[test]
fn what_is_not_tried_is_unclear() {
    let rows = [
        json!({"StringEquals": {"x:key": "a"}}),
        json!({"StringNotEquals": {"x:key": "a"}}),
        json!({"StringEqualsIgnoreCase": {"x:key": "a"}}),
        json!({"StringLike": {"x:key": "a*"}}),
        json!({"Null": {"x:key": "true"}}),
        json!({"ArnLike": {"x:key": "arn:*:*:*:*:*"}}),
    ];
    let context: [Entry<'_>; 1] = [("x:key", Values::One(Value::Text("arn:a:b:c:d:e")))];
    with_request("user", "a:b", "*", &json!({}), |request| {
        let request = Request { context: &context, ..*request };
        for condition in &rows {
            let policy = condition_policy(condition);
            let (statement, paid) = (&policy.statements()[0], DECISION_LIMIT_STEPS);
            let metered = Metered::of(&request, None);
            assert_ne!(statement.conditions[0].holds(&metered), Truth::Unclear, "{condition}");
            // One step is left: enough for none of them.
            for left in [1, 2, 3] {
                let metered = Metered::of(&request, None);
                assert!(metered.pay(paid - left) && !metered.is_spent());
                assert_eq!(statement.conditions[0].holds(&metered), Truth::Unclear, "{condition}, {left} left");
            }
            let metered = Metered::of(&request, None);
            assert!(!metered.pay(paid) && metered.is_spent() && !metered.pay(0));
            assert_eq!(statement.applies(&metered), Truth::Unclear, "{condition}");
        }
    });
}
