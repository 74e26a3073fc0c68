//! Sessions, who calls and why: what is asked for, who sees the token, and how each of them ends.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

const ROLE: &str = "arn:aws:iam::000000000001:role/team/deploy";

/// Runs a line in an environment with this token.
async fn run_as(line: &str, token: &'static str) -> (String, u8, Vec<String>) {
    let arguments = Arguments::try_parse_from(std::iter::once("bascule").chain(line.split(' '))).unwrap();
    let format = arguments.output;
    let variable = move |name: &str| (name == crate::session::VARIABLE).then(|| OsString::from(token));
    let (ended, seen, written) = run_parsed(arguments, "", Arc::new(variable)).await;
    let (out, exit) = told(ended, format);
    (written + &out, exit, seen)
}

fn hint(out: &str) -> &str {
    out.lines().find_map(|line| line.strip_prefix("  hint: ")).unwrap_or_default()
}

fn token_file(text: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("token");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    (folder, path)
}

#[tokio::test]
async fn sessions_and_decisions_are_asked_for_as_said() {
    let user = "policy_source_arn: \"arn:aws:iam::000000000001:user/shop\"";
    check(&[
        ("whoami", &["GetCallerIdentityRequest"], "Account:   000000000001"),
        (
            "role assume arn:aws:iam::000000000001:role/team/deploy --session s1 --duration 1h30m",
            &["role_arn: \"arn:aws:iam::000000000001:role/team/deploy\"", "name: \"s1\"", "duration_seconds: 5400"],
            "AssumedRoleArn:           arn:aws:sts::000000000001:assumed-role/deploy/s1",
        ),
        (
            "role assume team/deploy",
            &["role_arn: \"arn:aws:iam::000000000001:role/team/deploy\"", "name: \"bascule-cli\"", "seconds: 0"],
            "AssumedRoleArn:           arn:aws:sts::000000000001:assumed-role/deploy/bascule-cli",
        ),
        (
            "role assume role/deploy",
            &["role_arn: \"arn:aws:iam::000000000001:role/deploy\""],
            "AssumedRoleArn:           arn:aws:sts::000000000001:assumed-role/deploy/bascule-cli",
        ),
        (
            "authz explain user/shop events:PutEvents arn:b --key events:source=a,b --key aws:x=1 --allow-stale",
            &[
                user,
                "action_names: [\"events:PutEvents\"]",
                "resource_arns: [\"arn:b\"]",
                "{ key: \"events:source\", values: [\"a\", \"b\"] }",
                "{ key: \"aws:x\", values: [\"1\"] }",
                "policy_input_list: []",
                "allow_stale: true",
            ],
            "ALLOWED by statement `all` of identity policy `own`",
        ),
        (
            "authz explain arn:aws:sts::000000000002:assumed-role/r/s events:PutEvents -o table",
            &["policy_source_arn: \"arn:aws:iam::000000000002:role/r\"", "resource_arns: []", "allow_stale: false"],
            "ALLOWED by statement `all` of identity policy `own`",
        ),
        (
            "authz simulate user/shop --action events:PutEvents --resource arn:a --resource arn:b --key a=b",
            &[user, "resource_arns: [\"arn:a\", \"arn:b\"]", "values: [\"b\"]"],
            "ACTION            RESOURCE  DECISION  REASON",
        ),
    ])
    .await;
    let (_, exit, seen) = run_line("authz simulate arn:u/x --action events:PutEvents --policy -", "{\"a\": 1}").await;
    assert_eq!(exit, 0);
    assert!(seen[0].contains(r#"policy_input_list: ["{\"a\": 1}"]"#), "{seen:?}");
}

#[tokio::test]
async fn the_token_goes_only_to_who_asked_for_it() {
    let all = "--external-id it's --source-identity me --tag k=v --policy -";
    let (out, exit, _) = run_line(&format!("role assume {ROLE} --export {all}"), "{}").await;
    assert_eq!((out.as_str(), exit), ("export BASCULE_SESSION_TOKEN='hunter3.it'\\''s.me.2.k=v'\n", 0));
    let (out, ..) = run_line(&format!("role assume {ROLE} --export"), "").await;
    assert_eq!(out, "export BASCULE_SESSION_TOKEN=hunter3...0\n");
    for format in ["table", "wide"] {
        let (out, exit, _) = run_line(&format!("role assume {ROLE} {all} -o {format}"), "{}").await;
        assert_eq!(exit, 0);
        assert!(!out.contains("hunter3") && !out.contains("it's") && out.contains("2027-01-15T08:00:00Z"), "{out}");
        let same = "--session bascule-cli --policy - --external-id ID --source-identity me --tag k=v";
        let eval = format!("  eval \"$(bascule role assume {ROLE} {same} --export)\"\n");
        assert!(out.contains(&eval), "{out}");
    }
    for (format, field) in [
        ("json", "\"SessionToken\": \"hunter3"),
        ("jsonl", "\"SessionToken\":\"hunter3"),
        ("yaml", "SessionToken: hunter3"),
    ] {
        let (out, exit, _) = run_line(&format!("role assume {ROLE} -o {format}"), "").await;
        assert!(exit == 0 && out.contains(field), "{out}");
        let (out, exit, seen) = run_line(&format!("role assume {ROLE} --export -o {format}"), "").await;
        assert_eq!((exit, seen.len()), (2, 0), "{out}");
    }
    // Nor does the answer's own debug text.
    let arguments = Arguments::try_parse_from(["bascule", "role", "assume", ROLE, "-o", "json"]).unwrap();
    let (ended, ..) = run_parsed(arguments, "", Arc::new(|_| None)).await;
    let view = format!("{:?}", ended.unwrap().view);
    assert!(view.contains("Hidden(..)") && !view.contains("hunter3"), "{view}");
}

#[tokio::test]
async fn a_token_is_sent_with_every_call_and_blamed_where_the_caller_is_not_known() {
    let (out, exit, _) = run_as("whoami", "good").await;
    assert!(exit == 0 && out.contains("assumed-role/ops/night"), "{out}");
    let (_folder, path) = token_file("good\n");
    let line = format!("whoami --session-token-file {}", path.display());
    let (out, exit, _) = run_as(&line, "expired").await;
    assert!(exit == 0 && out.contains("assumed-role/ops/night"), "the file goes before the environment: {out}");
    let (out, exit, _) = run_as("whoami", "expired").await;
    assert_eq!(exit, 3);
    assert!(out.starts_with("error: GetCallerIdentity was refused (UNAUTHENTICATED)"), "{out}");
    let wanted = "the session has ended or was revoked, or was given to another certificate: `unset BASCULE_SESSION_TOKEN` to call as \
                  yourself, then `bascule role assume ROLE` begins a new one";
    assert_eq!(hint(&out), wanted);
    // A revoked one is refused under the certificate's name.
    for line in ["whoami", "role assume deploy"] {
        let (out, exit, _) = run_as(line, "revoked").await;
        assert_eq!((exit, hint(&out)), (3, wanted), "{line}: {out}");
    }
    let (_folder, path) = token_file("expired");
    let (out, exit, _) = run_line(&format!("whoami --session-token-file {} -o json", path.display()), "").await;
    assert_eq!(exit, 3);
    let leave = format!("leave `--session-token-file {}` out to call as yourself", path.display());
    assert!(out.contains(&leave) && !out.contains("\"expired"), "{out}");
    for token in ["hunter2 hunter2", "hunter2\u{e4}"] {
        let (out, exit, seen) = run_as("whoami", token).await;
        assert_eq!((exit, seen.len()), (2, 0), "{out}");
        assert!(out.contains("(CREDENTIALS_UNUSABLE)") && !out.contains("hunter2"), "{out}");
    }
    let (out, exit, seen) = run_line("whoami --session-token-file /nowhere/t", "").await;
    assert_eq!((exit, seen.len()), (2, 0), "{out}");
    assert!(out.starts_with("error: the session token file `/nowhere/t` cannot be read (FILE_UNREADABLE)"), "{out}");
}

#[tokio::test]
async fn who_may_not_ask_is_told_who_calls_all_the_same() {
    let me = "arn:aws:sts::000000000001:assumed-role/ops/night";
    let (out, exit, _) = run_as("whoami", "denied").await;
    assert_eq!(
        (exit, hint(&out)),
        (3, format!("you call as `{me}`, and may not sts:GetCallerIdentity").as_str()),
        "{out}"
    );
    let rows = [
        ("role assume deploy", "role/deploy"),
        ("authz explain user/team/shop events:PutEvents", "user/team/shop"),
        ("authz simulate role/deploy --action events:PutEvents", "role/deploy"),
    ];
    for (line, name) in rows {
        let (out, exit, seen) = run_as(line, "denied").await;
        assert_eq!((exit, seen.len()), (3, 1), "{out}");
        assert_eq!(out.lines().next().unwrap(), format!("error: the account of `{name}` is not known (ACCESS_DENIED)"));
        let likely = format!("give the ARN instead of `{name}`, likely `arn:aws:iam::000000000001:{name}`");
        assert_eq!(hint(&out), likely, "{out}");
        // Another refusal is told as what it is.
        let (out, exit, _) = run_as(line, "expired").await;
        assert_eq!((exit, hint(&out).contains("unset")), (3, true), "{out}");
    }
}

#[tokio::test]
async fn decisions_have_exit_codes() {
    let both = "authz simulate user/u --action events:PutEvents --action events:DeleteRule";
    let rows = [
        ("authz explain user/u events:PutEvents", 0, "ALLOWED by statement `all` of identity policy `own`"),
        ("authz explain user/u events:DeleteRule", 1, "DENIED: no identity policy allows it"),
        (
            "authz explain user/u events:DeleteEventBus",
            1,
            "DENIED by statement `never` of permissions boundary `limits`",
        ),
        ("authz explain user/u events:Other", 1, "DENIED: no identity policy allows it"),
        (both, 1, "ACTION             RESOURCE  DECISION       REASON"),
        (
            "authz explain user/u events:Undecided",
            3,
            "error: the answer to SimulatePrincipalPolicy lacks `decision` (ANSWER_INVALID)",
        ),
        (
            "authz explain user/short events:PutEvents",
            3,
            "error: the answer to SimulatePrincipalPolicy lacks `results` (ANSWER_INVALID)",
        ),
        (
            "authz simulate user/short --action events:PutEvents",
            3,
            "error: the answer to SimulatePrincipalPolicy lacks `results` (ANSWER_INVALID)",
        ),
        (
            "authz explain user/gone events:PutEvents",
            3,
            "error: SimulatePrincipalPolicy was refused for the user `gone` (RESOURCE_NOT_FOUND)",
        ),
        ("authz explain user/secret events:PutEvents", 3, "error: SimulatePrincipalPolicy was refused (ACCESS_DENIED)"),
        (
            "authz explain shop events:PutEvents",
            2,
            "error: `PRINCIPAL`: `shop` is neither an ARN nor of the form `user/NAME` or `role/NAME` (ARGUMENT_INVALID)",
        ),
        (
            "authz simulate user/u --action a:b --key a",
            2,
            "error: `--key`: the form is `KEY=VALUE[,VALUE]` (ARGUMENT_INVALID)",
        ),
        (
            "authz simulate user/u --action a:b --policy /nowhere/p",
            2,
            "error: the file `/nowhere/p` cannot be read (FILE_UNREADABLE)",
        ),
        ("role assume arn:aws:iam::000000000001:role/gone", 3, "error: AssumeRole was refused (ACCESS_DENIED)"),
        (
            "role assume arn:aws:iam::000000000001:role/mute",
            3,
            "error: the answer to AssumeRole lacks `session_token` (ANSWER_INVALID)",
        ),
        (
            "role assume arn:aws:iam::000000000001:role/r --tag a",
            2,
            "error: `--tag`: the form is `NAME=VALUE` (ARGUMENT_INVALID)",
        ),
    ];
    for (line, expected, first) in rows {
        let (out, exit, _) = run_line(line, "").await;
        assert_eq!((exit, out.lines().next()), (expected, Some(first)), "{line}: {out}");
    }
}

#[tokio::test]
async fn a_decision_is_shown_with_all_that_was_looked_at() {
    let (out, ..) = run_line("authz explain user/u events:DeleteRule arn:r", "").await;
    let wanted = "DENIED: no identity policy allows it\n\
                  events:DeleteRule on arn:r\n\
                  \n\
                  LAYER                   LEVEL  POLICY                                          SID  EFFECT  APPLIES  WHY NOT\n\
                  service control policy  0      arn:aws:organizations::aws:policy/p-FullAWSAccess  #1   Allow   yes      -\n\
                  identity policy         -      own                                             #1   Allow   no       `aws:RequestTag/team` has no value\n\
                  \n\
                  these keys have no value here; a call may have one, and `--key` gives one:\n\
                  \x20 --key aws:RequestTag/team=VALUE  asked for by Allow `#1` of `own`\n";
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&out), words(wanted), "{out}");
    let note = "this is the role's; a policy or tags that only `arn:aws:sts::000000000001:assumed-role/r/s` has are not looked at";
    for line in ["explain {} events:PutEvents", "simulate {} --action events:PutEvents"] {
        let of = |principal: &str| format!("authz {}", line.replace("{}", principal));
        let (out, ..) = run_line(&of("arn:aws:sts::000000000001:assumed-role/r/s"), "").await;
        assert!(out.lines().any(|line| line == note), "{out}");
        let (out, ..) = run_line(&of("role/r"), "").await;
        assert!(!out.contains("this is the role's"), "{out}");
    }
    let (out, ..) = run_line("authz explain user/u events:DeleteRule --key aws:requesttag/team=a", "").await;
    assert!(
        out.ends_with("  `aws:RequestTag/team` was given, and the cluster does not take it from `--key`\n"),
        "{out}"
    );
    let (out, ..) = run_line("authz explain user/u events:Other", "").await;
    assert!(out.ends_with("no statement of any policy is about the action\n"), "{out}");
    let (out, exit, _) =
        run_line("authz simulate user/u --action events:PutEvents --action events:DeleteRule -o jsonl", "").await;
    assert_eq!((exit, out.lines().count()), (1, 2), "{out}");
    assert!(out.contains("\"Decision\":\"ALLOWED\"") && out.contains("\"Decision\":\"IMPLICIT_DENY\""), "{out}");
}

#[tokio::test]
async fn forbidden_targets_say_so_first() {
    let why = "target `hook` is forbidden, its events wait: no identity policy allows it";
    let rows = [
        ("shut", why),
        ("shutting", why),
        ("opening", "target `hook` is forbidden, its events wait: until a moment ago; they are tried again"),
        ("paid", "TARGET  STATE    DELIVERED  DEAD-LETTERED  CANCELLED  EXPIRED  UNDECRYPTABLE  PENDING  OLDEST S"),
    ];
    for (rule, first) in rows {
        for format in ["table", "wide"] {
            let (out, exit, _) = run_line(&format!("delivery describe --rule {rule} -o {format}"), "").await;
            assert_eq!(exit, 0);
            assert!(out.starts_with(first), "{out}");
            assert!(out.contains("FLOWING") || out.contains("FORBIDDEN"), "{out}");
        }
    }
    let (out, ..) = run_line("delivery describe --rule shut -o jsonl", "").await;
    assert!(out.contains("\"State\":\"FORBIDDEN\",\"Reason\":\"no identity policy allows it\""), "{out}");
}
