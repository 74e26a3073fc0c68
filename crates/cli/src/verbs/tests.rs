//! Each verb against a cluster in this process: what it asks for, what people read, and how it ends.

use std::io::{self, Cursor};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bascule_api::client::Session;
use clap::Parser;
use tokio::io::AsyncWrite;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};

use super::*;
use crate::args::Arguments;
use crate::chance::System;
use crate::explain::explain;
use crate::session::Source;
use crate::verbs::tests::cluster::Fake;

pub mod cluster;
mod iam;
mod session;
pub mod snapshots;

/// Runs a command line with this standard input: what people read, the exit code, and what the server was asked.
pub async fn run_line(line: &str, stdin: &str) -> (String, u8, Vec<String>) {
    let words = std::iter::once("bascule").chain(line.split(' '));
    let arguments = Arguments::try_parse_from(words).unwrap();
    let format = arguments.output;
    let (ended, seen, written) = run_parsed(arguments, stdin, Arc::new(|_| None)).await;
    let (out, exit) = told(ended, format);
    (written + &out, exit, seen)
}

/// Runs a command in this environment: how it ended, what the server was asked, and what it wrote while it ran.
pub async fn run_parsed(
    arguments: Arguments,
    stdin: &str,
    variable: Variable,
) -> (Result<Outcome, Error>, Vec<String>, String) {
    let (out, aside) = (Paper::default(), Paper::default());
    let (ended, seen) = run_on((&out, &aside), arguments, stdin, variable).await;
    (ended, seen, out.text())
}

/// Runs a command that writes on these papers, the standard output and error.
pub async fn run_on(
    (out, aside): (&Paper, &Paper),
    arguments: Arguments,
    stdin: &str,
    variable: Variable,
) -> (Result<Outcome, Error>, Vec<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let fake = Fake::default();
    let (out, aside) = (out.outlet(), aside.outlet());
    let server = cluster::served(Server::builder(), &fake).serve_with_incoming(TcpIncoming::from(listener));
    let client = async {
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        let entropy = Arc::new(System);
        let source = Source::find(arguments.session_token_file.as_deref(), &*variable);
        let dial = Dial::Open(Session::over(channel, entropy.clone()), source, entropy);
        let inputs = Inputs::new(Box::new(Cursor::new(stdin.as_bytes().to_vec())));
        let mut desk = Desk { variable, out, aside, ..Desk::unwatched(dial, inputs, arguments.output) };
        run(arguments.noun, &mut desk).await
    };
    let ended = tokio::select! {
        ended = client => ended,
        ended = server => panic!("the server ended: {ended:?}"),
    };
    let seen = fake.seen.lock().unwrap().clone();
    (ended, seen)
}

/// What was written while a command ran.
#[derive(Debug, Clone)]
pub struct Paper {
    written: Arc<Mutex<Vec<u8>>>,
    /// Bytes that there is room for.
    room: usize,
}

impl Default for Paper {
    fn default() -> Self {
        Self::of(usize::MAX)
    }
}

impl Paper {
    /// Paper with room for so many bytes: then the disk is full.
    pub fn of(room: usize) -> Self {
        Self { written: Arc::default(), room }
    }

    /// All of it.
    pub fn text(&self) -> String {
        String::from_utf8(self.written.lock().unwrap().clone()).unwrap()
    }

    /// The way to write on it.
    pub fn outlet(&self) -> Outlet {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Paper {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut written = self.written.lock().unwrap();
        if written.len() + bytes.len() > self.room {
            return Poll::Ready(Err(io::ErrorKind::StorageFull.into()));
        }
        written.extend(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What is written of a command's end, to the standard output or error, and its exit code.
pub fn told(ended: Result<Outcome, Error>, format: Format) -> (String, u8) {
    let mut out = Vec::new();
    let (exit, trouble) = match ended {
        Ok(outcome) => {
            outcome.view.write(format, false, &mut out).unwrap();
            (outcome.exit, outcome.trouble)
        }
        Err(error) => (explain(&error).exit, Some(error)),
    };
    if let Some(error) = trouble {
        explain(&error).write(format, false, &mut out).unwrap();
    }
    (String::from_utf8(out).unwrap(), exit as u8)
}

/// Each row: a line, parts of the last request, the first line of the answer. All end well.
async fn check(rows: &[(&str, &[&str], &str)]) {
    for (line, asked, answer) in rows {
        let (out, exit, seen) = run_line(line, "hunter2\n").await;
        assert_eq!(exit, 0, "{line}: {out}");
        assert_eq!(out.lines().next(), Some(*answer), "{line}: {out}");
        let last = seen.last().unwrap();
        for part in *asked {
            assert!(last.contains(part), "{line}: `{part}` is not in {last}");
        }
        assert!(!last.contains("hunter2") && !out.contains("hunter2"), "{line}: {last} {out}");
        // Every write has a name, so that it may be repeated.
        assert!(!last.contains("request_id: \"\""), "{line}: {last}");
    }
}

#[tokio::test]
async fn buses_and_rules_are_asked_for_as_said() {
    check(&[
        ("bus create o --description d --kms-key-identifier k --dead-letter-arn q --log-level trace --event-source-name s", &["name: \"o\"", "description: \"d\"", "kms_key_identifier: \"k\"", "arn: \"q\"", "level: Trace", "event_source_name: \"s\"", "validate_only: false"], "bus `o` created"),
        ("bus describe o --allow-stale", &["name: \"o\"", "allow_stale: true"], "Name:  o"),
        ("bus update o --description= --validate-only", &["description: Some(\"\")", "kms_key_identifier: None", "log_config: None", "validate_only: true"], "bus `o` would be changed"),
        ("bus delete o --request-id r7", &["name: \"o\"", "request_id: \"r7\""], "bus `o` deleted"),
        ("bus list --prefix p", &["name_prefix: \"p\"", "page_size: 100", "page_token: \"more\""], "NAME  DESCRIPTION  CREATED  ARN"),
        ("rule put r --bus b --pattern {} --description d --role-arn a --state disabled", &["name: \"r\"", "event_bus_name: \"b\"", "event_pattern: \"{}\"", "schedule_expression: \"\"", "description: \"d\"", "role_arn: \"a\"", "state: Disabled"], "rule `r` written"),
        ("rule put r --schedule rate(1) --tag a=b", &["tags: {\"a\": \"b\"}", "event_bus_name: \"default\"", "schedule_expression: \"rate(1)\"", "state: Enabled"], "rule `r` written"),
        ("rule describe r --bus b", &["DescribeRule", "event_bus_name: \"b\""], "Name:  r"),
        ("rule enable r --bus b", &["EnableRule", "name: \"r\"", "event_bus_name: \"b\""], "rule `r` enabled"),
        ("rule disable r --bus b", &["DisableRule", "name: \"r\"", "event_bus_name: \"b\""], "rule `r` disabled"),
        ("rule delete r --bus b --force", &["DeleteRule", "name: \"r\"", "event_bus_name: \"b\"", "force: true"], "rule `r` deleted"),
        ("rule list --bus b --prefix p", &["event_bus_name: \"b\"", "name_prefix: \"p\"", "page_token: \"more\""], "NAME  BUS  STATE  SCHEDULE  PATTERN"),
    ])
    .await;
}

#[tokio::test]
async fn targets_destinations_and_connections_are_asked_for_as_said() {
    check(&[
        ("target put --rule r --bus b --id i --arn a --role-arn o --max-retry-attempts 0 --max-event-age-seconds 60 --dead-letter-arn d --header h=1 --query q=2 --path-value p", &["rule: \"r\"", "event_bus_name: \"b\"", "id: \"i\"", " arn: \"a\"", "role_arn: \"o\"", "maximum_retry_attempts: Some(0)", "maximum_event_age_seconds: Some(60)", "arn: \"d\"", "header_parameters: {\"h\": \"1\"}", "query_string_parameters: {\"q\": \"2\"}", "path_parameter_values: [\"p\"]"], "target `i` written"),
        ("target put --rule r --id i --arn a", &["retry_policy: None", "dead_letter_config: None", "http_parameters: None"], "target `i` written"),
        ("target put --rule r --id i --arn a --validate-only", &["validate_only: true"], "target `i` would be written"),
        ("target rules --arn a --bus b", &["target_arn: \"a\"", "event_bus_name: \"b\"", "page_token: \"more\""], "one"),
        ("target list --rule r --bus b", &["rule: \"r\"", "event_bus_name: \"b\"", "page_token: \"more\""], "ID   ARN  RETRIES  MAX AGE  DEAD LETTERS"),
        ("destination create d --connection-arn c --endpoint e --method PUT --description t", &["name: \"d\"", "connection_arn: \"c\"", "invocation_endpoint: \"e\"", "http_method: Put", "per_second: 0", "description: \"t\""], "destination `d` created"),
        ("destination describe d", &["DescribeApiDestination"], "Name:                          d"),
        ("destination update d --endpoint e --rate-limit-per-second 9", &["connection_arn: None", "invocation_endpoint: Some(\"e\")", "http_method: Unspecified", "per_second: Some(9)"], "destination `d` changed"),
        ("destination delete d", &["DeleteApiDestination"], "destination `d` deleted"),
        ("destination list --connection-arn c", &["connection_arn: \"c\"", "page_token: \"more\""], "NAME  STATE  METHOD  ENDPOINT  RATE/S"),
        ("connection create c --api-key-name x --api-key-value-file - --description t", &["name: \"c\"", "ApiKey(", "api_key_name: \"x\"", "Some(Secret(..))", "description: \"t\""], "connection `c` created"),
        ("connection create c --basic-user me --basic-password-file -", &["Basic(", "username: \"me\"", "Some(Secret(..))"], "connection `c` created"),
        ("connection create c --signing-secret-file -", &["Signing(", "[Secret(..)]"], "connection `c` created"),
        ("connection create c --oauth-client-id i --oauth-client-secret-file - --oauth-endpoint e --oauth-parameter body:scope=s", &["Oauth(", "authorization_endpoint: \"e\"", "http_method: Post", "client_id: \"i\"", "client_secret: Some(Secret(..))", "place: Body, key: \"scope\", value: Some(Plain(\"s\"))"], "connection `c` created"),
        ("connection update c --basic-user me --basic-password-file - --parameter query:a=b", &["description: None", "Basic(", "place: QueryString, key: \"a\", value: Some(Plain(\"b\"))"], "connection `c` changed"),
        ("connection update c --description=", &["description: Some(\"\")", "authorization: None", "kms_key_identifier: None"], "connection `c` changed"),
        ("connection deauthorize c", &["DeauthorizeConnection", "name: \"c\""], "connection `c` deauthorized"),
        ("connection describe c", &["DescribeConnection"], "Name:                                         c"),
        ("connection delete c", &["DeleteConnection"], "connection `c` deleted"),
        ("connection list --state deauthorized", &["connection_state: Deauthorized"], "NAME  STATE  AUTHORIZATION  AUTHORIZED  ARN"),
        ("connection list --prefix p", &["name_prefix: \"p\"", "connection_state: Unspecified", "page_token: \"more\""], "NAME  STATE  AUTHORIZATION  AUTHORIZED  ARN"),
    ])
    .await;
}

#[tokio::test]
async fn queues_and_the_operators_accounts_are_asked_for_as_said() {
    check(&[
        (
            "queue create q --visibility-timeout 0 --message-retention 60",
            &["name: \"q\"", "visibility_timeout_seconds: Some(0)", "message_retention_seconds: Some(60)"],
            "queue `q` created",
        ),
        ("queue describe q", &["queue_name: \"q\""], "Name:                       q"),
        ("queue delete q", &["DeleteQueue", "queue_name: \"q\""], "queue `q` deleted"),
        ("queue list", &["page_token: \"more\""], "NAME  VISIBILITY S  RETENTION S  CREATED  ARN"),
        (
            "queue receive q --max-messages 5 --visibility-timeout 7 --wait 9",
            &["queue_name: \"q\"", "max_messages: 5", "visibility_timeout: Some(7)", "wait_seconds: 9"],
            "no messages",
        ),
        (
            "queue delete-message q --receipt-handle a --receipt-handle -b",
            &["receipt_handles: [\"a\", \"-b\"]"],
            "2 deleted, 0 failed",
        ),
        (
            "queue delete-message q --receipt-handle a --validate-only",
            &["validate_only: true"],
            "1 would be deleted, 0 failed",
        ),
        (
            "queue change-visibility q --receipt-handle a --visibility-timeout 7",
            &["receipt_handle: \"a\"", "visibility_timeout: 7"],
            "the message is hidden for 7 s",
        ),
        (
            "dead-letter list --bus b --rule-arn r",
            &["event_bus_name: \"b\"", "rule_arn: \"r\"", "omit_event: true", "page_token: \"more\""],
            "SINCE  EVENT  TARGET  CODE  RETRIES  RULE  MESSAGE",
        ),
        (
            "dead-letter list --limit 1",
            &["page_size: 1,", "page_token: \"\""],
            "SINCE  EVENT  TARGET  CODE  RETRIES  RULE  MESSAGE",
        ),
        ("dead-letter list -o json", &["omit_event: false"], "{"),
        (
            "delivery describe --rule r --bus b --target t",
            &["event_bus_name: \"b\"", "rule: \"r\"", "target_id: \"t\""],
            "TARGET  STATE    DELIVERED  DEAD-LETTERED  CANCELLED  EXPIRED  UNDECRYPTABLE  PENDING  OLDEST S",
        ),
        (
            "queue create q --redrive-arn a --max-receive-count 3",
            &["dead_letter_target_arn: \"a\"", "max_receive_count: 3"],
            "queue `q` created",
        ),
        ("event get e7", &["event_id: \"e7\"", "event_bus_name: \"default\""], "EventId:  e7"),
        ("event get e7 --bus b", &["GetEvent", "event_bus_name: \"b\""], "EventId:  e7"),
        ("queue purge q", &["PurgeQueue", "queue_name: \"q\""], "queue `q` purged of 3 messages"),
        ("pattern test --remote --pattern {} --event {}", &["event_pattern: \"{}\""], "match"),
    ])
    .await;
}

#[tokio::test]
async fn what_does_not_end_well_has_its_exit_code() {
    let rows = [
        ("pattern test --remote --pattern {} --event []", 1, "no match"),
        ("target remove --rule r --id a --id b", 1, "1 removed, 1 failed"),
        ("queue delete gone", 3, "error: DeleteQueue was refused for the queue `gone` (RESOURCE_NOT_FOUND)"),
        (
            "connection delete gone",
            3,
            "error: DeleteConnection was refused for the connection `gone` (RESOURCE_NOT_FOUND)",
        ),
        (
            "destination delete gone",
            3,
            "error: DeleteApiDestination was refused for the api destination `gone` (RESOURCE_NOT_FOUND)",
        ),
        ("event get gone", 3, "error: GetEvent was refused for the event `gone` (RESOURCE_NOT_FOUND)"),
        ("rule delete busy", 3, "error: DeleteRule was refused for the rule `busy` (RULE_HAS_TARGETS)"),
        ("bus describe hidden", 3, "error: DescribeEventBus was refused (RESOURCE_NOT_FOUND)"),
        ("bus describe none", 3, "error: the answer to DescribeEventBus lacks `event_bus` (ANSWER_INVALID)"),
        ("event put --source s --detail-type t --detail {}", 3, "error: PutEvents failed on the way (NOT_OURS)"),
        (
            "target put --rule r --id i --arn a --header h",
            2,
            "error: `--header`: the form is `NAME=VALUE` (ARGUMENT_INVALID)",
        ),
        (
            "pattern test --remote --pattern - --event -",
            2,
            "error: `--event` wants to read the standard input, which another argument has read (STDIN_TAKEN)",
        ),
    ];
    for (line, expected, first) in rows {
        let (out, exit, _) = run_line(line, "{}").await;
        let out = without_request(&out);
        assert_eq!((exit, out.lines().next()), (expected, Some(first)), "{line}: {out}");
    }
}

/// An error's text without the request id, which is made up anew each time.
fn without_request(text: &str) -> String {
    match (text.find(", request "), text.find(")\n")) {
        (Some(from), Some(to)) if from < to => format!("{}{}", &text[..from], &text[to..]),
        _ => text.to_owned(),
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_deleted_and_one_is_told_where_to_look() {
    let (out, exit, seen) = run_line("queue delete gone", "").await;
    assert_eq!(
        without_request(&out),
        "error: DeleteQueue was refused for the queue `gone` (RESOURCE_NOT_FOUND)\n\
         \x20 why: queue `gone` does not exist\n\
         \x20 hint: `bascule queue list` shows what is there; you may also lack the right to see it\n"
    );
    assert_eq!((exit, seen.len()), (3, 1));
}

#[tokio::test]
async fn a_lost_answer_to_a_write_says_how_to_repeat_it() {
    let rows = [
        (
            "queue delete slow --request-id r7",
            5,
            "repeat it with `--request-id r7` within 10 minutes: it is then done once at most",
        ),
        (
            "queue delete slow --validate-only",
            4,
            "check that the cluster runs and accepts the certificate of the context",
        ),
        ("queue delete-message q --receipt-handle lost", 5, "repeat it: done twice it is as if it were done once"),
    ];
    for (line, expected, hint) in rows {
        let (out, exit, _) = run_line(line, "").await;
        assert_eq!((exit, out.lines().last()), (expected, Some(format!("  hint: {hint}").as_str())), "{line}: {out}");
    }
}

#[tokio::test]
async fn changes_tell_programs_their_index_and_validation_needs_nothing_more() {
    let rows = [
        ("bus create o -o json", r#"{"Name":"o","ControlIndex":7}"#),
        ("bus create o -o json --validate-only", r#"{"ControlIndex":7}"#),
        ("bus delete o -o json", r#"{"ControlIndex":7}"#),
        ("queue create q -o json --validate-only", r#"{"ControlIndex":0}"#),
        ("connection create c --signing-secret-file - -o json --validate-only", r#"{"ControlIndex":0}"#),
        ("target put --rule r --id i --arn a -o json", r#"{"FailedEntryCount":0,"FailedEntries":[],"ControlIndex":0}"#),
        ("target rules --arn a -o json", r#"{"RuleNames":["one","two"]}"#),
    ];
    for (line, expected) in rows {
        let (out, exit, _) = run_line(line, "hunter2").await;
        let out: String = out.split_whitespace().collect();
        assert_eq!((out.as_str(), exit), (expected, 0), "{line}");
    }
}

#[tokio::test]
async fn files_and_pipes_are_read() {
    let (out, exit, seen) = run_line(
        "target put --rule r --file -",
        r#"{"Targets": [{"Id": "a", "Arn": "x", "RetryPolicy": {"MaximumEventAgeInSeconds": 60},
            "DeadLetterConfig": {"Arn": "d"}}, {"Id": "b", "Arn": "y"}]}"#,
    )
    .await;
    assert_eq!((out.as_str(), exit), ("targets `a`, `b` written\n", 0));
    for part in ["id: \"b\"", "maximum_event_age_seconds: Some(60)", "DeadLetterConfig { arn: \"d\" }"] {
        assert!(seen[0].contains(part), "{part}: {seen:?}");
    }
    let handles: String = (1..=12).map(|n| format!("h{n}\n\n")).collect();
    let (out, exit, seen) = run_line("queue delete-message q --receipt-handle-file -", &handles).await;
    assert_eq!((out.as_str(), exit, seen.len()), ("12 deleted, 0 failed\n", 0, 2));
    assert!(seen[1].contains("[\"h11\", \"h12\"]"), "{seen:?}");
    let (out, exit, seen) =
        run_line("queue delete-message q --receipt-handle-file -", &format!("{handles}lost\n")).await;
    assert!(out.starts_with("10 deleted, 0 failed, 3 without an answer\nerror: DeleteMessage was refused"), "{out}");
    // A deletion may be made again, so that it was tried more than once.
    assert_eq!((exit, seen.len() > 2), (5, true));
    let (out, exit, seen) = run_line("queue delete-message q --receipt-handle-file -", "\n").await;
    assert!(out.starts_with("error: `--receipt-handle-file`: there is no handle in it"), "{out}");
    assert_eq!((exit, seen.len()), (2, 0));
}
