//! What is refused when a policy is put, and with which words; and what just passes.

use super::fixture::table;
use crate::error::Invalid;
use crate::limits::{STATEMENTS_LIMIT_COUNT, document_limit_chars};
use crate::policy::Policy;
use crate::statement::Kind;

fn kind(word: &str) -> Kind {
    match word {
        "identity" => Kind::Identity,
        "resource" => Kind::Resource,
        "trust" => Kind::Trust,
        "scp" => Kind::Scp,
        "rcp" => Kind::Rcp,
        "boundary" => Kind::Boundary,
        "session" => Kind::Session,
        other => panic!("`{other}` is no kind"),
    }
}

#[test]
fn refusals_name_place_value_and_limit() {
    let rows = table(include_str!("refusals.tsv"), 3);
    let mut wrong = Vec::new();
    for cells in &rows {
        let found = match Policy::parse(kind(cells[0]), "p", cells[1]) {
            Ok(_) => "taken".to_owned(),
            Err(refusal) => refusal.to_string(),
        };
        if found != cells[2] {
            wrong.push(format!("{} {}\n  {found}\n  expected {}", cells[0], cells[1], cells[2]));
        }
    }
    assert!(rows.len() >= 120, "{} rows", rows.len());
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

/// A policy of the kind with `chars` characters, none of them white space.
fn of_size(kind: Kind, chars: usize) -> String {
    let (principal, resource, action) = match kind {
        Kind::Trust => (r#""Principal":"*","#, "", "sts:AssumeRole"),
        Kind::Resource | Kind::Rcp => (r#""Principal":"*","#, r#","Resource":"*""#, "events:*"),
        _ => ("", r#","Resource":"*""#, "events:*"),
    };
    let of = |values: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny",{principal}"Action":"{action}"{resource},"Condition":{{"StringEquals":{{"a:b":[{values}]}}}}}}]}}"#
        )
    };
    let mut values = String::new();
    while of(&values).len() + 1_010 < chars {
        values.push_str(&format!("\"{}\",", "v".repeat(1_000)));
    }
    let rest = chars - of(&values).len() - 2;
    of(&format!("{values}\"{}\"", "v".repeat(rest)))
}

#[test]
fn documents_have_their_size() {
    for kind in Kind::ALL {
        let limit = document_limit_chars(kind);
        let (edge, above) = (of_size(kind, limit), of_size(kind, limit + 1));
        assert_eq!(edge.len(), limit);
        assert!(Policy::parse(kind, "p", &edge).is_ok(), "{kind}");
        let refused = |found| Some(Invalid::Large { kind, found, unit: "characters", limit });
        assert_eq!(Policy::parse(kind, "p", &above).err(), refused(limit + 1), "{kind}");
        assert!(Policy::parse_within(kind, "p", &above, limit + 1).is_ok(), "{kind}");
        // White space outside strings counts for control policies alone.
        let spaced = edge.replacen(',', " ,\n\t\r", 1);
        let counts = matches!(kind, Kind::Scp | Kind::Rcp);
        assert_eq!(Policy::parse(kind, "p", &spaced).err(), refused(limit + 4).filter(|_| counts), "{kind}");
        let inside = edge.replacen("vv", "v ", 1);
        assert!(Policy::parse(kind, "p", &inside).is_ok(), "{kind}");
        assert_eq!(Policy::parse(kind, "p", &inside.replacen("v ", "v  ", 1)).err(), refused(limit + 1), "{kind}");
    }
    let spaces = " ".repeat(1_048_577);
    let refused = Invalid::Large { kind: Kind::Identity, found: 1_048_577, unit: "bytes", limit: 1_048_576 };
    assert_eq!(Policy::parse(Kind::Identity, "p", &spaces).err(), Some(refused));
}

#[test]
fn policies_have_their_count_of_statements() {
    let of = |count: usize| {
        let statements = vec![r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#; count].join(",");
        Policy::parse_within(Kind::Identity, "p", &format!("{{\"Statement\":[{statements}]}}"), usize::MAX)
    };
    assert!(of(STATEMENTS_LIMIT_COUNT).is_ok());
    let found = STATEMENTS_LIMIT_COUNT + 1;
    let refused = Invalid::Large { kind: Kind::Identity, found, unit: "statements", limit: STATEMENTS_LIMIT_COUNT };
    assert_eq!(of(found).err(), Some(refused));
}

#[test]
fn forms_that_just_pass() {
    let rows = [
        ("identity", r#"{"Statement":{"Sid":"","Effect":"Allow","Action":"*","Resource":"*"}}"#),
        ("identity", r#"{"Statement":[{"Effect":"Deny","NotAction":"iam:*","NotResource":"arn:aws:s3:::b"}]}"#),
        (
            "resource",
            r#"{"Id":"any text","Statement":{"Sid":"a b-c","Effect":"Allow","Principal":{"AWS":["111122223333","*"],"Service":"events.amazonaws.com"},"Action":"events:*","Resource":"*"}}"#,
        ),
        (
            "resource",
            r#"{"Statement":{"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws-cn:iam::111122223333:user/a/b/c"},"Action":"*","Resource":"*"}}"#,
        ),
        (
            "trust",
            r#"{"Statement":{"Effect":"Allow","Principal":{"Service":"ec2-x1.internal"},"Action":["sts:AssumeRole","STS:TagSession"]}}"#,
        ),
        (
            "scp",
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","NotAction":"iam:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":true}}}}"#,
        ),
        (
            "rcp",
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}"#,
        ),
        (
            "rcp",
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"events:*","NotResource":"arn:aws:events:*:*:*"}}"#,
        ),
        (
            "identity",
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":["arn:aws:iam::aws:policy/x","arn:aws:s3:::b/${x","arn:aws:events:*:1111????3333:x"],"Condition":{"NumericEquals":{"a:b":[1,-1.5,"+2"]},"StringEquals":{"a:b":[1,true,"${"]}}}}"#,
        ),
    ];
    for (word, text) in rows {
        assert_eq!(Policy::parse(kind(word), "p", text).err(), None, "{text}");
    }
}
