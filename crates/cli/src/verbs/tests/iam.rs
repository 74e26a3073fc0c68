//! What the verbs of users, roles, policies and the organisation ask for, and how they end.

use std::io::Write;

use super::*;

const DOCUMENT: &str = r#"{"Version":"2012-10-17","Statement":[]}"#;

/// As [`check`], with a document as the standard input.
async fn check_document(rows: &[(&str, &[&str], &str)]) {
    for (line, asked, answer) in rows {
        let (out, exit, seen) = run_line(line, DOCUMENT).await;
        assert_eq!((exit, out.lines().next()), (0, Some(*answer)), "{line}: {out}");
        let last = seen.last().unwrap();
        // The document goes as it stands.
        assert!(last.contains(&format!("{DOCUMENT:?}")), "{line}: {last}");
        assert!(asked.iter().all(|part| last.contains(part)), "{line}: {asked:?} {last}");
        assert!(!last.contains("request_id: \"\""), "{line}: {last}");
    }
}

#[tokio::test]
async fn users_and_roles_are_asked_for_as_said() {
    check(&[
        ("user create u --path /a/ --description d --identity dns:a --identity dns:b --boundary BasculeAuditor --tag k=v", &["CreateUser", "user_name: \"u\"", "path: \"/a/\"", "description: \"d\"", "permissions_boundary: \"arn:aws:iam::aws:policy/BasculeAuditor\"", "tags: {\"k\": \"v\"}", "identities: [\"dns:a\", \"dns:b\"]"], "user `u` created"),
        ("user create u --attach BasculePublisher --validate-only", &["CreateUser", "validate_only: true"], "user `u` would be created; whether policies can be attached to it is known only when it is there"),
        ("user list --path-prefix /a/ --allow-stale", &["path_prefix: \"/a/\"", "allow_stale: true", "page_token: \"more\"", "page_size: 100"], "NAME  PATH  IDENTITIES            POLICIES  CREATED"),
        ("user show u", &["GetUser", "user_name: \"u\""], "UserName:            u"),
        ("user update u --description=", &["description: Some(\"\")", "permissions_boundary: None"], "user `u` changed"),
        ("user update u --boundary=", &["description: None", "permissions_boundary: Some(\"\")"], "user `u` changed"),
        ("user delete u --request-id r7", &["DeleteUser", "request_id: \"r7\""], "user `u` deleted"),
        ("user identity set u --none", &["SetUserIdentities", "identities: []"], "identities of user `u` replaced"),
        ("user attach u arn:p", &["AttachUserPolicy", "policy_arn: \"arn:p\""], "policy `arn:p` attached to user `u`"),
        ("user detach u BasculeConsumer", &["DetachUserPolicy", "policy_arn: \"arn:aws:iam::aws:policy/BasculeConsumer\""], "policy `arn:aws:iam::aws:policy/BasculeConsumer` detached from user `u`"),
        ("user delete-policy u --policy-name p --validate-only", &["DeleteUserPolicy", "policy_name: \"p\"", "validate_only: true"], "inline policy `p` of user `u` would be deleted"),
        ("user tag u --tag a=b --tag c=", &["TagUser", "tags: {\"a\": \"b\", \"c\": \"\"}"], "user `u` tagged"),
        ("user untag u --key a --key c", &["UntagUser", "tag_keys: [\"a\", \"c\"]"], "user `u` untagged"),
        ("role create r --for-rules --max-session-seconds 7200 --path /a/", &["CreateRole", "role_name: \"r\"", "path: \"/a/\"", "events.amazonaws.com", "max_session_duration_seconds: 7200"], "role `r` created"),
        ("role create r --for-rules --source-account 000000000001", &["aws:SourceAccount", "max_session_duration_seconds: 0"], "role `r` created"),
        ("role list --path-prefix /a/", &["ListRoles", "path_prefix: \"/a/\"", "page_token: \"more\""], "NAME  PATH  SESSION S  POLICIES  CREATED"),
        ("role show r", &["GetRole", "role_name: \"r\""], "RoleName:            r"),
        ("role update r --max-session-seconds 3600", &["description: None", "max_session_duration_seconds: Some(3600)", "permissions_boundary: None"], "role `r` changed"),
        ("role delete r", &["DeleteRole"], "role `r` deleted"),
        ("role trust r --for-rules --validate-only", &["UpdateAssumeRolePolicy", "events.amazonaws.com", "validate_only: true"], "trust policy of role `r` would be replaced"),
        ("role attach r arn:p", &["AttachRolePolicy", "policy_arn: \"arn:p\""], "policy `arn:p` attached to role `r`"),
        ("role detach r arn:p", &["DetachRolePolicy", "policy_arn: \"arn:p\""], "policy `arn:p` detached from role `r`"),
        ("role delete-policy r --policy-name p", &["DeleteRolePolicy", "policy_name: \"p\""], "inline policy `p` of role `r` deleted"),
        ("role tag r --tag a=b", &["TagRole", "tags: {\"a\": \"b\"}"], "role `r` tagged"),
        ("role untag r --key a", &["UntagRole", "tag_keys: [\"a\"]"], "role `r` untagged"),
        ("role revoke-sessions r", &["RevokeRoleSessions", "role_name: \"r\""], "sessions of role `r` ended"),
    ])
    .await;
}

#[tokio::test]
async fn access_keys_are_asked_for_as_said() {
    check(&[
        (
            "key create --user ci",
            &["CreateAccessKey", "user_name: \"ci\"", "validate_only: false"],
            "access key `AKIA234567ABCDEFGHIJ` of user `ci` created",
        ),
        (
            "key create",
            &["CreateAccessKey", "user_name: \"\""],
            "access key `AKIA234567ABCDEFGHIJ` of user `me` created",
        ),
        (
            "key create --user ci --validate-only",
            &["validate_only: true"],
            "an access key of user `ci` would be created",
        ),
        ("key create --validate-only", &["validate_only: true"], "an access key of the caller would be created"),
        (
            "key list --user ci --allow-stale",
            &["user_name: \"ci\"", "allow_stale: true", "page_token: \"more\"", "page_size: 100"],
            "ID   USER  STATUS  CREATED",
        ),
        (
            "key disable AKIA1 --user ci",
            &["UpdateAccessKey", "user_name: \"ci\"", "access_key_id: \"AKIA1\"", "status: Inactive"],
            "access key `AKIA1` disabled",
        ),
        ("key enable AKIA1 --validate-only", &["status: Active"], "access key `AKIA1` would be enabled"),
        (
            "key delete AKIA1 --user ci --request-id r7",
            &["DeleteAccessKey", "access_key_id: \"AKIA1\"", "request_id: \"r7\""],
            "access key `AKIA1` deleted",
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_secret_is_shown_where_a_key_is_made_and_nowhere_else() {
    const SECRET: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ/+12";
    for (line, times) in [
        ("key create --user ci", 1),
        ("key create --user ci -o json", 1),
        ("key create --user ci -o yaml", 1),
        ("key create --user ci --validate-only", 0),
        ("key create --user ci --validate-only -o json", 0),
        // The cluster has shown it before.
        ("key create --user ci --request-id late", 0),
        ("key create --user ci --request-id late -o json", 0),
        ("key list --user ci -o json", 0),
        ("key list --user ci -o wide", 0),
        ("key disable AKIA1 --user ci -o json", 0),
        ("key delete AKIA1 --user ci -o json", 0),
    ] {
        let (out, exit, seen) = run_line(line, "").await;
        assert_eq!((exit, out.matches(SECRET).count()), (0, times), "{line}: {out}");
        assert!(!seen.concat().contains(SECRET), "{line}");
        assert!(times == 1 || !out.contains("SecretAccessKey"), "{line}: {out}");
    }
    let (out, _, _) = run_line("key create --user ci", "").await;
    assert!(out.contains("this is the only time that the secret is shown"), "{out}");
    let (out, _, _) = run_line("key create --user ci --request-id late", "").await;
    assert_eq!(
        out,
        "access key `AKIA234567ABCDEFGHIJ` of user `ci` created before; its secret was shown then, and is not shown again\n"
    );
}

#[tokio::test]
async fn policies_and_units_are_asked_for_as_said() {
    check(&[
        ("policy list --scope own", &["scope: Own", "page_token: \"more\""], "NAME  SHIPPED  VERSION  ATTACHED  ARN"),
        (
            "policy show BasculeAuditor",
            &["GetPolicy", "policy_arn: \"arn:aws:iam::aws:policy/BasculeAuditor\""],
            "PolicyName:                     BasculeAuditor",
        ),
        ("policy delete arn:p", &["DeletePolicy", "policy_arn: \"arn:p\""], "policy `arn:p` deleted"),
        (
            "policy version delete arn:p v1",
            &["DeletePolicyVersion", "version_id: \"v1\""],
            "version `v1` of policy `arn:p` deleted",
        ),
        (
            "policy version set-default arn:p v1",
            &["SetDefaultPolicyVersion", "version_id: \"v1\""],
            "version `v1` of policy `arn:p` put in force",
        ),
        (
            "org unit create prod --parent r-root",
            &["CreateOrganizationalUnit", "parent_id: \"r-root\"", "name: \"prod\""],
            "unit `prod` created",
        ),
        (
            "org unit list --parent r-root",
            &["parent_id: \"r-root\"", "page_token: \"more\""],
            "ID   NAME      PARENT  UNITS  ACCOUNTS",
        ),
        (
            "org unit rename ou-1 prod",
            &["UpdateOrganizationalUnit", "organizational_unit_id: \"ou-1\"", "name: \"prod\""],
            "unit `ou-1` renamed to `prod`",
        ),
        (
            "org unit delete ou-1",
            &["DeleteOrganizationalUnit", "organizational_unit_id: \"ou-1\""],
            "unit `ou-1` deleted",
        ),
        ("org policy show arn:c", &["DescribeControlPolicy", "policy_arn: \"arn:c\""], "Name:             limits"),
        (
            "org policy list --type rcp",
            &["r#type: ResourceControlPolicy", "page_token: \"more\""],
            "NAME  TYPE                     SHIPPED  ATTACHED  ARN",
        ),
        (
            "org policy delete arn:c",
            &["DeleteControlPolicy", "policy_arn: \"arn:c\""],
            "control policy `arn:c` deleted",
        ),
        (
            "org attach r-root arn:c",
            &["AttachControlPolicy", "policy_arn: \"arn:c\"", "target_id: \"r-root\""],
            "control policy `arn:c` attached to `r-root`",
        ),
        (
            "org detach r-root arn:c",
            &["DetachControlPolicy", "policy_arn: \"arn:c\"", "target_id: \"r-root\""],
            "control policy `arn:c` detached from `r-root`",
        ),
    ])
    .await;
}

#[tokio::test]
async fn accounts_and_resource_policies_are_asked_for_as_said() {
    check(&[
        (
            "account create 000000000002 --name shop --parent ou-1 --role-name Admin",
            &["account_id: \"000000000002\"", "role_name: \"Admin\"", "account_name: \"shop\"", "parent_id: \"ou-1\""],
            "account `000000000002` created",
        ),
        (
            "account list --parent ou-1",
            &["ListAccounts", "parent_id: \"ou-1\"", "page_token: \"more\""],
            "ID   NAME  STATE   PARENT  USERS  ROLES",
        ),
        (
            "account move 000000000002 --parent ou-1",
            &["MoveAccount", "parent_id: \"ou-1\""],
            "account `000000000002` moved below `ou-1`",
        ),
        (
            "account close 000000000002 --validate-only",
            &["CloseAccount", "validate_only: true"],
            "account `000000000002` would be closed",
        ),
        ("account reopen 000000000002", &["ReopenAccount"], "account `000000000002` opened again"),
        (
            "bus permission add b --statement-id s --principal 000000000002",
            &[
                "event_bus_name: \"b\"",
                "action: \"events:PutEvents\"",
                "principal: \"000000000002\"",
                "statement_id: \"s\"",
                "condition: None",
                "policy: \"\"",
            ],
            "statement `s` written to the policy of bus `b`",
        ),
        (
            "bus permission add b --statement-id s --principal * --organization o-abcdefghij",
            &["r#type: \"StringEquals\", key: \"aws:PrincipalOrgID\", value: \"o-abcdefghij\""],
            "statement `s` written to the policy of bus `b`",
        ),
        (
            "bus permission remove b --statement-id s",
            &["statement_id: \"s\"", "remove_all_permissions: false"],
            "statement `s` removed from the policy of bus `b`",
        ),
        ("bus policy delete b", &["statement_id: \"\"", "remove_all_permissions: true"], "policy of bus `b` deleted"),
        ("queue policy delete q", &["DeleteQueuePolicy", "queue_name: \"q\""], "policy of queue `q` deleted"),
    ])
    .await;
}

#[tokio::test]
async fn documents_go_as_they_are_written() {
    check_document(&[
        (
            "user put-policy u --policy-name p --document -",
            &["PutUserPolicy", "policy_name: \"p\""],
            "inline policy `p` of user `u` written",
        ),
        (
            "role put-policy r --policy-name p --document -",
            &["PutRolePolicy", "policy_name: \"p\""],
            "inline policy `p` of role `r` written",
        ),
        ("role create r --trust -", &["CreateRole"], "role `r` created"),
        ("role trust r --trust -", &["UpdateAssumeRolePolicy"], "trust policy of role `r` replaced"),
        (
            "policy create P --document - --description d",
            &["policy_name: \"P\"", "description: \"d\""],
            "policy `P` created",
        ),
        (
            "policy version create arn:p --document - --set-default",
            &["set_as_default: true"],
            "version `v3` of policy `arn:p` created and put in force",
        ),
        (
            "policy version create arn:p --document - --validate-only",
            &["set_as_default: false"],
            "a version of policy `arn:p` would be created",
        ),
        (
            "org policy create P --type scp --document -",
            &["r#type: ServiceControlPolicy", "name: \"P\""],
            "control policy `P` created",
        ),
        ("org policy update arn:c --document -", &["policy_arn: \"arn:c\""], "control policy `arn:c` changed"),
        (
            "bus policy put b --document -",
            &["event_bus_name: \"b\"", "statement_id: \"\"", "condition: None"],
            "policy of bus `b` written",
        ),
        ("queue policy put q --document -", &["queue_name: \"q\""], "policy of queue `q` written"),
    ])
    .await;
}

#[tokio::test]
async fn both_types_of_control_policies_are_listed_unless_one_is_named() {
    let (out, exit, seen) = run_line("org policy list", "").await;
    assert_eq!((exit, out.lines().count(), seen.len()), (0, 5, 4), "{out}");
    assert!(seen[0].contains("ServiceControlPolicy") && seen[3].contains("ResourceControlPolicy"), "{seen:?}");
}

#[tokio::test]
async fn what_is_created_but_not_attached_is_said() {
    let line = "user create u --attach BasculePublisher --attach BasculeAdministrator --attach BasculeConsumer -o json";
    let (out, exit, seen) = run_line(line, "").await;
    assert_eq!((exit, seen.len()), (3, 3), "what comes after a refusal is not tried: {seen:?}");
    // What was attached before is told, with the index of the last change.
    assert!(
        out.contains("\"arn:aws:iam::aws:policy/BasculePublisher\"") && out.contains("\"ControlIndex\": 8"),
        "{out}"
    );
    let hint = "user `u` is there without it; `bascule user attach u arn:aws:iam::aws:policy/BasculeAdministrator` attaches it; ask who";
    assert!(out.contains(hint) && out.contains("\"ACCESS_DENIED\""), "{out}");
    // A wrong name is known before anything is created.
    let (out, exit, seen) = run_line("user create u --attach Administrator", "").await;
    assert_eq!((exit, seen.len()), (2, 0), "{out}");
}

#[tokio::test]
async fn documents_have_a_limit_and_must_be_text() {
    let long = " ".repeat(1_048_577);
    let rows = [
        (
            "policy lint -",
            long.as_str(),
            "error: the policy document `-` is larger than `1048576` bytes (FILE_UNUSABLE)",
        ),
        (
            "policy create P --document -",
            long.as_str(),
            "error: the policy document `-` is larger than `1048576` bytes (FILE_UNUSABLE)",
        ),
        ("policy create P --document /nowhere/p", "", "error: the file `/nowhere/p` cannot be read (FILE_UNREADABLE)"),
        (
            "bus policy put b --document -",
            "",
            "error: `--document`: the document is empty; `bascule bus policy delete` deletes a policy (ARGUMENT_INVALID)",
        ),
    ];
    for (line, stdin, expected) in rows {
        let (out, exit, seen) = run_line(line, stdin).await;
        assert_eq!((exit, out.lines().next(), seen.len()), (2, Some(expected), 0), "{line}");
    }
}

#[tokio::test]
async fn a_document_is_checked_here_with_place_value_and_limit() {
    let wide = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"a:{}","Resource":"*"}}]}}"#,
        "x".repeat(1_500)
    );
    let twice = r#"{"Version":"2012-10-17","Version":"2012-10-17"}"#;
    let rows = [
        (
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#,
            "identity",
            0,
            "\"Result\":true,\"Kind\":\"identity\",\"StatementCount\":1}",
        ),
        (
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#,
            "trust",
            2,
            "\"Kind\":\"role trust\"",
        ),
        ("{\n  oops", "scp", 2, "\"Place\":\"line 2, column 3 (byte 4)\",\"Value\":\"o\",\"Limit\":\""),
        (twice, "rcp", 2, "\"Value\":\"Version\",\"Limit\":\"once\"}"),
        (
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Maybe","Action":"*","Resource":"*"}}"#,
            "boundary",
            2,
            "\"Value\":\"Maybe\",\"Limit\":\"",
        ),
        (
            r#"{"Version":"2012-10-17","Statement":{"Action":"*","Resource":"*"}}"#,
            "session",
            2,
            "\"Limit\":\"`Effect` must be there\"}",
        ),
        (
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Efect":1}}"#,
            "resource",
            2,
            "\"Value\":\"Efect\",\"Limit\":\"one of ",
        ),
    ];
    for (document, kind, expected, part) in rows {
        let (out, exit, seen) = run_line(&format!("policy lint - --kind {kind} -o jsonl"), document).await;
        assert_eq!((exit, seen.len()), (expected, 0), "{document}: {out}");
        assert!(out.contains(part), "{document}: {out}");
    }
    let (out, exit, _) = run_line("policy lint - --kind trust", &wide.repeat(2)).await;
    assert_eq!(exit, 2, "{out}");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(wide.replace('x', "xx").as_bytes()).unwrap();
    let (out, exit, _) = run_line(&format!("policy lint {} --kind session", file.path().display()), "").await;
    assert_eq!(exit, 2, "{out}");
    assert!(out.ends_with("Limit:  2048 characters\n"), "{out}");
}
