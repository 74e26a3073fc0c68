//! Errors in the words of people and programs, with their exit codes.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;

fn failed(operation: &str, intent: Intent, repeat: Repeat, request_id: Option<&str>, source: Failure) -> Error {
    let request_id = request_id.map(str::to_owned);
    Error::Call(Box::new(FailedCall { operation: operation.into(), intent, repeat, request_id, broken: None, source }))
}

fn call(intent: Intent, source: Failure) -> Error {
    failed("PutRule", intent, Repeat::Freely, Some("r1"), source)
}

fn text(error: &Error) -> String {
    let mut out = Vec::new();
    explain(error).write(Format::Table, false, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn refusal(refusal: Refusal) -> Error {
    call(Intent::Write, Failure::Refused(Box::new(refusal)))
}

#[test]
fn errors_say_what_why_and_what_next() {
    let pattern = Refusal::new(Reason::EventPatternInvalid, "the pattern does not compile")
        .with_field("event_pattern", "`source` is a text, and must be a list")
        .with_request_id("9f0c");
    let denied = Refusal::new(Reason::AccessDenied, "no statement allows events:PutRule").with_request_id("9f0d");
    let document = Refusal::new(Reason::PolicyInvalid, "Statement[0]: `Effect` is missing")
        .with_field("policy_document", "Statement[0]: `Effect` is missing");
    let targets = Refusal::new(Reason::RuleHasTargets, "the rule has 2 targets").with_resource("rule", "paid");
    let slow = Refusal::new(Reason::Throttled, "over 100 calls a second")
        .with_quota("calls of account 1", "100 a second")
        .with_retry_after(Duration::from_millis(1_500));
    let rows = [
        (
            refusal(pattern),
            "error: PutRule was refused (EVENT_PATTERN_INVALID, request 9f0c)\n\
             \x20 why: the pattern does not compile\n\
             \x20   `event_pattern`: `source` is a text, and must be a list\n\
             \x20 hint: mend the pattern; `bascule pattern test` tries one without changing anything\n",
        ),
        (
            refusal(denied),
            "error: PutRule was refused (ACCESS_DENIED, request 9f0d)\n\
             \x20 why: no statement allows events:PutRule\n\
             \x20 hint: ask who administers the account for a policy that allows it; `bascule authz explain` says which statement \
             decides\n",
        ),
        (
            refusal(document),
            "error: PutRule was refused (POLICY_INVALID, request r1)\n\
             \x20 why: Statement[0]: `Effect` is missing\n\
             \x20   `policy_document`: Statement[0]: `Effect` is missing\n\
             \x20 hint: mend the document; `bascule policy lint FILE --kind KIND` tells what is wrong with one without \
             asking the cluster\n",
        ),
        (
            refusal(targets),
            "error: PutRule was refused for the rule `paid` (RULE_HAS_TARGETS, request r1)\n\
             \x20 why: the rule has 2 targets\n\
             \x20 hint: remove its targets first: `bascule target list --rule NAME`, then `bascule target remove`\n",
        ),
        (
            refusal(slow),
            "error: PutRule was refused (THROTTLED, request r1)\n\
             \x20 why: over 100 calls a second\n\
             \x20   `calls of account 1`: 100 a second\n\
             \x20 hint: send more slowly, and try again; wait 1.500 s first\n",
        ),
        (
            refusal(Refusal::new(Reason::OutcomeUnknown, "the leader changed")),
            "error: PutRule was refused; whether it was done is unknown (OUTCOME_UNKNOWN, request r1)\n\
             \x20 why: the leader changed\n\
             \x20 hint: repeat it with `--request-id r1` within 10 minutes: it is then done once at most\n",
        ),
        (
            call(Intent::Read, Failure::Deadline { deadline_ms: 30_000 }),
            "error: PutRule was not answered in time (DEADLINE_EXCEEDED, request r1)\n\
             \x20 why: there was no answer within 30 s\n\
             \x20 hint: give it longer with `--timeout SECONDS`, or look whether the cluster is well\n",
        ),
    ];
    for (error, expected) in rows {
        assert_eq!(text(&error), expected);
    }
}

#[test]
fn contexts_and_folders_are_told_of_alike() {
    let rows = [
        (
            Error::ContextUnknown {
                name: "prd".into(),
                nearest: Some("prod".into()),
                known: vec!["dev".into(), "prod".into()],
            },
            "error: there is no context `prd` (CONTEXT_NOT_FOUND)\n\
             \x20 why: the names are `dev` and `prod`\n\
             \x20 hint: did you mean `prod`?\n",
        ),
        (
            Error::Folder {
                path: "a.yaml".into(),
                line: 3,
                problem: "there is no key `Rulez` here".into(),
                hint: "did you mean `Rules`?".into(),
            },
            "error: `a.yaml` line 3: there is no key `Rulez` here (FOLDER_INVALID)\n\
             \x20 hint: did you mean `Rules`?\n",
        ),
        (
            Error::SecretsMissing { missing: vec![("c".into(), "C_KEY".into())] },
            "error: secrets that are needed are not there (SECRET_MISSING)\n\
             \x20 why: connection `c` needs `C_KEY`\n\
             \x20 hint: set these variables, or name a file with `{File: PATH}`; nothing was done\n",
        ),
        (
            Error::Pattern { reason: "Empty objects are not allowed".into() },
            "error: the pattern is invalid: Empty objects are not allowed (EVENT_PATTERN_INVALID)\n\
             \x20 hint: mend the pattern; each field has a list of what it may be\n",
        ),
    ];
    for (error, expected) in rows {
        assert_eq!(text(&error), expected);
    }
}

#[test]
fn what_is_wrong_here_is_told_alike() {
    let rows = [
        (
            Error::NoContext { looked: vec!["/home/me/.config/bascule/context.toml".into()] },
            "error: there is no context file, so it is not known where the cluster is (CONTEXT_NOT_FOUND)\n\
             \x20 why: looked for `/home/me/.config/bascule/context.toml`\n\
             \x20 hint: name one with `--context` or `BASCULE_CONTEXT`, or keep it with `bascule context add NAME --file PATH`; `basculed dev` writes one\n",
        ),
        (
            Error::ContextKey {
                path: "c.toml".into(),
                line: 3,
                key: "endpont".into(),
                nearest: Some("endpoint"),
                keys: vec!["endpoint", "ca", "certificate", "key"],
            },
            "error: `c.toml` line 3: there is no key `endpont` (CONTEXT_INVALID)\n\
             \x20 why: a key that means nothing is mostly a mistyped one\n\
             \x20 hint: did you mean `endpoint`? the keys are `endpoint`, `ca`, `certificate` and `key`\n",
        ),
        (
            Error::Unreadable { what: "CA file", path: "ca.pem".into(), source: io::ErrorKind::NotFound.into() },
            "error: the CA file `ca.pem` cannot be read (FILE_UNREADABLE)\n\
             \x20 why: entity not found\n\
             \x20 hint: check the path and your rights to the file\n",
        ),
        (
            Error::KeyOpen { what: "key file", path: "op.key".into(), mode: 0o644 },
            "error: the key file `op.key` is open to others than its owner, by its mode `0644` (KEY_FILE_OPEN)\n\
             \x20 why: whoever can read the key can do all that its owner may\n\
             \x20 hint: `chmod 600 op.key`; if others could read it, get a new certificate\n",
        ),
        (
            Error::NotAdmitted { operation: "PutRule".into(), alert: "CertificateRevoked".into() },
            "error: PutRule was not sent: the cluster refuses the certificate (CERTIFICATE_REFUSED)\n\
             \x20 why: it ended the connection with the alert `CertificateRevoked`\n\
             \x20 hint: it was withdrawn: get a new certificate and name it in the context file\n",
        ),
        (
            Error::Connect { source: Failure::Deadline { deadline_ms: 3_000 } },
            "error: there is no session with the cluster (UNREACHABLE)\n\
             \x20 why: nothing that speaks TLS answered within 3 s\n\
             \x20 hint: check that the cluster runs, and that `endpoint` of the context is its own\n",
        ),
        (
            Error::Connect { source: Failure::Endpoint { endpoint: "http://a".into() } },
            "error: `http://a` is no address of the form `https://host:port` (ENDPOINT_INVALID)\n\
             \x20 hint: mend `endpoint` in the context file\n",
        ),
        (
            Error::ContextLacks { path: "c.toml".into(), key: "ca" },
            "error: `c.toml` lacks `ca` (CONTEXT_INVALID)\n\
             \x20 why: all four keys are needed\n\
             \x20 hint: add `ca`; the keys are `endpoint`, `ca`, `certificate` and `key`\n",
        ),
    ];
    for (error, expected) in rows {
        assert_eq!(text(&error), expected);
    }
}

#[test]
fn exit_codes_tell_refused_from_unreachable_from_unknown() {
    let refused = |reason| Failure::Refused(Box::new(Refusal::new(reason, "no")));
    let foreign = |code| Failure::Foreign { code, message: String::new() };
    let rows = [
        (Reason::ResourceNotFound, Exit::Refused, Exit::Refused),
        (Reason::NoLeader, Exit::Refused, Exit::Refused),
        (Reason::OutcomeUnknown, Exit::Unreachable, Exit::Unknown),
        (Reason::DeadlineExceeded, Exit::Unreachable, Exit::Unknown),
        (Reason::Cancelled, Exit::Unreachable, Exit::Unknown),
    ];
    for (reason, read, write) in rows {
        assert_eq!(explain(&call(Intent::Read, refused(reason))).exit, read, "{reason:?}");
        assert_eq!(explain(&call(Intent::Write, refused(reason))).exit, write, "{reason:?}");
    }
    let rows = [
        (Code::Unavailable, Exit::Unreachable, Exit::Unknown),
        (Code::Unknown, Exit::Unreachable, Exit::Unknown),
        (Code::Unimplemented, Exit::Refused, Exit::Refused),
        (Code::PermissionDenied, Exit::Refused, Exit::Refused),
    ];
    for (code, read, write) in rows {
        assert_eq!(explain(&call(Intent::Read, foreign(code))).exit, read, "{code:?}");
        assert_eq!(explain(&call(Intent::Write, foreign(code))).exit, write, "{code:?}");
    }
    let codes = [Exit::Done, Exit::Negative, Exit::Usage, Exit::Refused, Exit::Unreachable, Exit::Unknown];
    assert_eq!(codes.map(|exit| exit as u8), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn an_unknown_put_is_not_said_to_be_repeatable() {
    let source = Failure::Deadline { deadline_ms: 1 };
    let error = failed("PutEvents", Intent::Write, Repeat::IfRefused, None, source);
    let told = explain(&error);
    assert_eq!(told.what, "PutEvents was not answered in time; whether it was done is unknown");
    assert_eq!(told.hint, "look whether it was done before you repeat it");
}

#[test]
fn every_reason_has_a_hint_for_people() {
    for reason in Reason::ALL {
        let told = explain(&refusal(Refusal::new(*reason, "no")));
        assert!(told.hint.len() > 8 && !told.hint.ends_with('.'), "{reason:?}: {}", told.hint);
        assert_eq!(told.code, reason.name());
    }
}

#[test]
fn errors_are_json_for_programs() {
    let pattern = Refusal::new(Reason::ValidationFailed, "the name is too long")
        .with_field("name", "70 characters, at most 64")
        .with_request_id("9f0c");
    let mut out = Vec::new();
    explain(&refusal(pattern)).write(Format::Json, true, &mut out).unwrap();
    let written: serde_json::Value = serde_json::from_slice(&out).unwrap();
    let expected = serde_json::json!({"Error": {
        "Code": "VALIDATION_FAILED",
        "Message": "PutRule was refused",
        "Reason": "the name is too long",
        "Hint": "mend what is named and try again; `--help` has the form of each argument",
        "Violations": [{"Field": "name", "Description": "70 characters, at most 64"}],
        "RequestId": "9f0c",
        "ExitCode": 3,
    }});
    assert_eq!(written, expected);
}

#[test]
fn texts_of_others_do_not_rule_the_terminal() {
    let told = text(&refusal(Refusal::new(Reason::ValidationFailed, "a\u{1b}[2Jb\nc")));
    assert!(told.contains("a\\u{1b}[2Jb\\nc"), "{told}");
    let mut out = Vec::new();
    explain(&Error::SecretEmpty { path: "s".into() }).write(Format::Table, true, &mut out).unwrap();
    assert!(String::from_utf8(out).unwrap().starts_with("\u{1b}[1;31merror:\u{1b}[0m the secret file `s` is empty"));
}

#[test]
fn denials_name_the_command_that_explains_them() {
    let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let user = ("principal", "arn:aws:iam::000000000001:user/shop");
    let rule = "arn:aws:events:eu-central-1:000000000001:rule/*";
    let explained = |words: &str| format!("`bascule authz explain {words}` says which statement decides");
    let plain = "`bascule authz explain` says which statement decides".to_owned();
    let rows = [
        (
            map(&[user, ("action", "events:PutRule"), ("resource", rule)]),
            explained(&format!("arn:aws:iam::000000000001:user/shop events:PutRule '{rule}'")),
        ),
        (
            map(&[user, ("action", "events:ListRules"), ("resource", "*")]),
            explained("arn:aws:iam::000000000001:user/shop events:ListRules"),
        ),
        (map(&[user]), plain.clone()),
        (map(&[("principal", "spiffe://shop/orders"), ("action", "events:PutRule")]), plain.clone()),
        (map(&[]), plain),
    ];
    for (metadata, expected) in rows {
        let mut refusal = Refusal::new(Reason::AccessDenied, "no");
        refusal.metadata = metadata;
        let told = explain(&self::refusal(refusal));
        assert!(told.hint.ends_with(&expected), "{}", told.hint);
    }
    for operation in ["AssumeRole", "SimulatePrincipalPolicy"] {
        // There the explanation leads nowhere.
        let denied = Refusal::new(Reason::AccessDenied, "no").with_metadata("principal", user.1);
        let denied = denied.with_metadata("action", "a:b").with_metadata("resource", "*");
        let source = Failure::Refused(Box::new(denied));
        let told = explain(&failed(operation, Intent::Read, Repeat::Freely, None, source));
        assert!(!told.hint.contains("authz explain"), "{}", told.hint);
    }
}
