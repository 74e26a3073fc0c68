//! Snapshots: each noun's list and description in both forms, from answers made up here.

use bascule_api::admin::v1::{DeadLetter, ExhaustedRetryCondition, TargetDelivery};
use bascule_api::v1::{
    ApiDestination, ApiDestinationState, AuthorizationType, Connection, ConnectionAuthorizationView,
    ConnectionParameterView, ConnectionState, DeadLetterConfig, DeleteMessageResult, DescribeQueueResponse, EventBus,
    EventDelivery, EventDeliveryState, GetEventResponse, HttpMethod, HttpParameters, LogConfig, LogDetail, LogLevel,
    ParameterPlace, Queue, QueueMessage, RetryPolicy, Rule, RuleState, Target, TargetFailure,
};

use super::*;
use crate::link::Rest;
use crate::output::event::{Fate, Report};

fn text(view: &View, format: Format) -> String {
    let mut out = Vec::new();
    view.write(format, false, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The table as it is, and the JSON without the spaces that only make it pretty.
fn check(view: &View, table: &str, json: &str) {
    assert_eq!(text(view, Format::Table).trim_end(), table.trim_matches('\n'));
    let written: serde_json::Value = serde_json::from_str(&text(view, Format::Json)).unwrap();
    assert_eq!(written, serde_json::from_str::<serde_json::Value>(json).unwrap(), "{written}");
    // The other forms say the same.
    let yaml: serde_json::Value = serde_saphyr::from_str(&text(view, Format::Yaml)).unwrap();
    assert_eq!(yaml, written);
    let lines = text(view, Format::Jsonl);
    let lines: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    match view.items {
        Some(key) => assert_eq!(serde_json::Value::Array(lines), written[key]),
        None => assert_eq!(lines, [written]),
    }
    // A wide table has each row, and its columns begin with those of the narrow one.
    let (narrow, wide) = (text(view, Format::Table), text(view, Format::Wide));
    assert_eq!(narrow.lines().count(), wide.lines().count());
    for (narrow, wide) in narrow.lines().zip(wide.lines()).take(1) {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert!(words(wide).starts_with(&words(narrow)), "{wide}");
    }
}

macro_rules! at {
    ($message:ident.$field:ident) => {
        $message.$field.get_or_insert_default().seconds = 1_795_426_200
    };
}

fn a_bus() -> EventBus {
    let mut bus = EventBus {
        name: "orders".into(),
        arn: "arn:aws:events:eu:1:event-bus/orders".into(),
        description: "all orders".into(),
        dead_letter_config: Some(DeadLetterConfig { arn: "arn:aws:sqs:eu:1:dlq".into() }),
        log_config: Some(LogConfig { level: LogLevel::Info.into(), include_detail: LogDetail::None.into() }),
        ..Default::default()
    };
    at!(bus.creation_time);
    bus
}

#[test]
fn buses() {
    let bare = EventBus { name: "default".into(), arn: "arn:d".into(), ..Default::default() };
    check(
        &bus::list(&[bare, a_bus()]),
        r"
NAME     DESCRIPTION  CREATED               ARN
default  -            -                     arn:d
orders   all orders   2026-11-23T09:30:00Z  arn:aws:events:eu:1:event-bus/orders",
        r#"{"EventBuses": [{"Name": "default", "Arn": "arn:d"},
            {"Name": "orders", "Arn": "arn:aws:events:eu:1:event-bus/orders", "Description": "all orders",
             "DeadLetterConfig": {"Arn": "arn:aws:sqs:eu:1:dlq"}, "LogConfig": {"Level": "INFO", "IncludeDetail": "NONE"},
             "CreationTime": "2026-11-23T09:30:00Z"}]}"#,
    );
    check(&bus::list(&[]), "no buses", r#"{"EventBuses": []}"#);
    check(
        &View::one(bus::record(&a_bus())),
        r"
Name:                     orders
Arn:                      arn:aws:events:eu:1:event-bus/orders
Description:              all orders
DeadLetterConfig.Arn:     arn:aws:sqs:eu:1:dlq
LogConfig.Level:          INFO
LogConfig.IncludeDetail:  NONE
CreationTime:             2026-11-23T09:30:00Z",
        r#"{"Name": "orders", "Arn": "arn:aws:events:eu:1:event-bus/orders", "Description": "all orders",
            "DeadLetterConfig": {"Arn": "arn:aws:sqs:eu:1:dlq"}, "LogConfig": {"Level": "INFO", "IncludeDetail": "NONE"},
            "CreationTime": "2026-11-23T09:30:00Z"}"#,
    );
}

#[test]
fn rules() {
    let rule = Rule {
        name: "paid".into(),
        arn: "arn:r".into(),
        event_bus_name: "orders".into(),
        event_pattern: r#"{"source":["shop"]}"#.into(),
        state: RuleState::Disabled.into(),
        created_by: "000000000001".into(),
        ..Default::default()
    };
    let json = r#"{"Name": "paid", "Arn": "arn:r", "EventBusName": "orders", "State": "DISABLED",
        "EventPattern": "{\"source\":[\"shop\"]}", "CreatedBy": "000000000001"}"#;
    check(
        &rule::list(std::slice::from_ref(&rule)),
        r#"
NAME  BUS     STATE     SCHEDULE  PATTERN
paid  orders  DISABLED  -         {"source":["shop"]}"#,
        &format!("{{\"Rules\": [{json}]}}"),
    );
    check(
        &View::one(rule::record(&rule)),
        r#"
Name:          paid
Arn:           arn:r
EventBusName:  orders
State:         DISABLED
EventPattern:  {"source":["shop"]}
CreatedBy:     000000000001"#,
        json,
    );
}

#[test]
fn owed_events() {
    let mut parked = EventDelivery {
        rule_name: "paid".into(),
        target_id: "hook".into(),
        target_arn: "arn:h".into(),
        state: EventDeliveryState::Pending.into(),
        attempt_count: 3,
        last_error_code: "ERROR_FROM_TARGET".into(),
        ..Default::default()
    };
    at!(parked.due_time);
    let ended = EventDelivery {
        rule_name: "paid".into(),
        target_id: "log".into(),
        target_arn: "arn:l".into(),
        state: EventDeliveryState::Ended.into(),
        ..Default::default()
    };
    let mut answer = GetEventResponse {
        event_id: "e7".into(),
        event_bus_arn: "arn:b".into(),
        event: r#"{"source":"shop"}"#.into(),
        deliveries: vec![parked, ended],
        ..Default::default()
    };
    at!(answer.accepted_time);
    let deliveries = r#"[{"RuleName": "paid", "TargetId": "hook", "TargetArn": "arn:h", "State": "PENDING", "AttemptCount": 3,
        "DueTime": "2026-11-23T09:30:00Z", "LastErrorCode": "ERROR_FROM_TARGET"},
        {"RuleName": "paid", "TargetId": "log", "TargetArn": "arn:l", "State": "ENDED", "AttemptCount": 0}]"#;
    check(
        &owed::event(&answer),
        r#"
EventId:       e7
EventBusArn:   arn:b
AcceptedTime:  2026-11-23T09:30:00Z
Hops:          0
Event:         {"source":"shop"}

RULE  TARGET  STATE    ATTEMPTS  DUE                   LAST ERROR
paid  hook    PENDING  3         2026-11-23T09:30:00Z  ERROR_FROM_TARGET
paid  log     ENDED    0         -                     -"#,
        &format!(
            r#"{{"EventId": "e7", "EventBusArn": "arn:b", "AcceptedTime": "2026-11-23T09:30:00Z", "Hops": 0,
            "Event": "{{\"source\":\"shop\"}}", "Deliveries": {deliveries}}}"#
        ),
    );
    let sealed = GetEventResponse { event_id: "e7".into(), ..Default::default() };
    check(
        &owed::event(&sealed),
        r"
EventId:  e7
Hops:     0

what the event says does not open with the key of its bus, and never will

RULE  TARGET  STATE  ATTEMPTS  DUE  LAST ERROR",
        r#"{"EventId": "e7", "Hops": 0, "Deliveries": []}"#,
    );
}

#[test]
fn targets() {
    let target = Target {
        id: "q".into(),
        arn: "arn:q".into(),
        retry_policy: Some(RetryPolicy { maximum_retry_attempts: Some(0), maximum_event_age_seconds: None }),
        http_parameters: Some(HttpParameters {
            header_parameters: [("x-a".to_owned(), "b".to_owned())].into(),
            path_parameter_values: vec!["p".into(), "q".into()],
            ..Default::default()
        }),
        ..Default::default()
    };
    check(
        &target::list(&[target]),
        r"
ID  ARN    RETRIES  MAX AGE  DEAD LETTERS
q   arn:q  0        -        -",
        r#"{"Targets": [{"Id": "q", "Arn": "arn:q", "RetryPolicy": {"MaximumRetryAttempts": 0},
            "HttpParameters": {"HeaderParameters": {"x-a": "b"}, "PathParameterValues": ["p", "q"]}}]}"#,
    );
    let failure = TargetFailure {
        target_id: "q".into(),
        error_code: "RESOURCE_NOT_FOUND".into(),
        error_message: "there is no such queue".into(),
    };
    check(
        &target::outcome(&["p".to_owned(), "q".to_owned()], &[failure], "written", 9),
        r"
1 written, 1 failed

TARGET  CODE                MESSAGE
q       RESOURCE_NOT_FOUND  there is no such queue",
        r#"{"FailedEntryCount": 1, "FailedEntries": [{"TargetId": "q", "ErrorCode": "RESOURCE_NOT_FOUND",
            "ErrorMessage": "there is no such queue"}], "ControlIndex": 9}"#,
    );
    check(
        &target::outcome(&["q".to_owned()], &[], "written", 9),
        "target `q` written",
        r#"{"FailedEntryCount": 0, "FailedEntries": [], "ControlIndex": 9}"#,
    );
}

#[test]
fn destinations() {
    let destination = ApiDestination {
        name: "hook".into(),
        arn: "arn:h".into(),
        connection_arn: "arn:c".into(),
        invocation_endpoint: "https://example.com/*".into(),
        http_method: HttpMethod::Post.into(),
        invocation_rate_limit_per_second: 300,
        state: ApiDestinationState::Active.into(),
        ..Default::default()
    };
    let json = r#"{"Name": "hook", "ApiDestinationArn": "arn:h", "ApiDestinationState": "ACTIVE", "ConnectionArn": "arn:c",
        "InvocationEndpoint": "https://example.com/*", "HttpMethod": "POST", "InvocationRateLimitPerSecond": 300}"#;
    check(
        &destination::list(std::slice::from_ref(&destination)),
        r"
NAME  STATE   METHOD  ENDPOINT               RATE/S
hook  ACTIVE  POST    https://example.com/*  300",
        &format!("{{\"ApiDestinations\": [{json}]}}"),
    );
    check(
        &View::one(destination::record(&destination)),
        r"
Name:                          hook
ApiDestinationArn:             arn:h
ApiDestinationState:           ACTIVE
ConnectionArn:                 arn:c
InvocationEndpoint:            https://example.com/*
HttpMethod:                    POST
InvocationRateLimitPerSecond:  300",
        json,
    );
}

#[test]
fn connections() {
    let parameter = ConnectionParameterView {
        place: ParameterPlace::Header.into(),
        key: "x-tenant".into(),
        value: String::new(),
        is_value_secret: true,
    };
    let mut connection = Connection {
        name: "shop".into(),
        arn: "arn:c".into(),
        state: ConnectionState::Authorized.into(),
        authorization: Some(ConnectionAuthorizationView {
            authorization_type: AuthorizationType::Basic.into(),
            username: "me".into(),
            invocation_parameters: vec![parameter],
            ..Default::default()
        }),
        ..Default::default()
    };
    at!(connection.last_authorized_time);
    let json = r#"{"Name": "shop", "ConnectionArn": "arn:c", "ConnectionState": "AUTHORIZED", "AuthorizationType": "BASIC",
        "AuthParameters": {"BasicAuthParameters": {"Username": "me"},
            "InvocationHttpParameters": [{"Place": "HEADER", "Key": "x-tenant", "IsValueSecret": true}]},
        "LastAuthorizedTime": "2026-11-23T09:30:00Z"}"#;
    check(
        &connection::list(std::slice::from_ref(&connection)),
        r"
NAME  STATE       AUTHORIZATION  AUTHORIZED            ARN
shop  AUTHORIZED  BASIC          2026-11-23T09:30:00Z  arn:c",
        &format!("{{\"Connections\": [{json}]}}"),
    );
    check(
        &View::one(connection::record(&connection)),
        r"
Name:                                                      shop
ConnectionArn:                                             arn:c
ConnectionState:                                           AUTHORIZED
AuthorizationType:                                         BASIC
AuthParameters.BasicAuthParameters.Username:               me
AuthParameters.InvocationHttpParameters[0].Place:          HEADER
AuthParameters.InvocationHttpParameters[0].Key:            x-tenant
AuthParameters.InvocationHttpParameters[0].IsValueSecret:  yes
LastAuthorizedTime:                                        2026-11-23T09:30:00Z",
        json,
    );
}

#[test]
fn queues() {
    let queue = Queue {
        name: "inbox".into(),
        arn: "arn:q".into(),
        visibility_timeout_seconds: 30,
        message_retention_seconds: 345_600,
        ..Default::default()
    };
    check(
        &queue::list(std::slice::from_ref(&queue)),
        r"
NAME   VISIBILITY S  RETENTION S  CREATED  ARN
inbox  30            345600       -        arn:q",
        r#"{"Queues": [{"Name": "inbox", "Arn": "arn:q", "VisibilityTimeout": 30, "MessageRetentionPeriod": 345600}]}"#,
    );
    let answer = DescribeQueueResponse { visible_message_count: 7, in_flight_message_count: 2, ..Default::default() };
    check(
        &queue::description(&queue, &answer),
        r"
Name:                       inbox
Arn:                        arn:q
VisibilityTimeout:          30
MessageRetentionPeriod:     345600
VisibleMessageCount:        7
InFlightMessageCount:       2
OldestMessageAgeInSeconds:  0",
        r#"{"Name": "inbox", "Arn": "arn:q", "VisibilityTimeout": 30, "MessageRetentionPeriod": 345600,
            "VisibleMessageCount": 7, "InFlightMessageCount": 2, "OldestMessageAgeInSeconds": 0,
            "CountsAreLowerBounds": false}"#,
    );
    let more = DescribeQueueResponse {
        visible_message_count: 10_000,
        oldest_message_age_seconds: 9,
        counts_are_lower_bounds: true,
        ..Default::default()
    };
    check(
        &queue::description(&queue, &more),
        r"
Name:                       inbox
Arn:                        arn:q
VisibilityTimeout:          30
MessageRetentionPeriod:     345600
VisibleMessageCount:        10000+
InFlightMessageCount:       0+
OldestMessageAgeInSeconds:  9",
        r#"{"Name": "inbox", "Arn": "arn:q", "VisibilityTimeout": 30, "MessageRetentionPeriod": 345600,
            "VisibleMessageCount": 10000, "InFlightMessageCount": 0, "OldestMessageAgeInSeconds": 9,
            "CountsAreLowerBounds": true}"#,
    );
}

#[test]
fn messages() {
    let message = QueueMessage {
        message_id: "m1".into(),
        receipt_handle: "-h1".into(),
        body: "{\"a\":\"\u{1b}[31m\"}\n".into(),
        receive_count: 1,
        attributes: [("RULE_ARN".to_owned(), "arn:r".to_owned())].into(),
        ..Default::default()
    };
    check(
        &queue::messages(&[message.clone(), QueueMessage { message_id: "m2".into(), ..Default::default() }]),
        r#"
MessageId:            m1
ReceiveCount:         1
Attributes.RULE_ARN:  arn:r
Body:                 {"a":"\u{1b}[31m"}\n
ReceiptHandle:        -h1

MessageId:     m2
ReceiveCount:  0"#,
        r#"{"Messages": [{"MessageId": "m1", "ReceiveCount": 1, "Attributes": {"RULE_ARN": "arn:r"},
            "Body": "{\"a\":\"\u001b[31m\"}\n", "ReceiptHandle": "-h1"}, {"MessageId": "m2", "ReceiveCount": 0}]}"#,
    );
    check(&queue::messages(&[]), "no messages", r#"{"Messages": []}"#);
    let result = |handle: &str, code: &str| DeleteMessageResult {
        receipt_handle: handle.into(),
        error_code: code.into(),
        error_message: String::new(),
    };
    check(
        &queue::deletions(&[result("a", ""), result("b", "RECEIPT_HANDLE_STALE")], 0, "deleted"),
        r"
1 deleted, 1 failed

CODE                  MESSAGE  RECEIPT HANDLE
RECEIPT_HANDLE_STALE  -        b",
        r#"{"Successful": [{"ReceiptHandle": "a"}], "Failed": [{"ReceiptHandle": "b", "ErrorCode": "RECEIPT_HANDLE_STALE"}]}"#,
    );
}

#[test]
fn dead_letters_and_deliveries() {
    let mut letter = DeadLetter {
        event_id: "e1".into(),
        rule_arn: "arn:r".into(),
        target_arn: "arn:t".into(),
        target_id: "t".into(),
        error_code: "TIMEOUT".into(),
        error_message: "no answer".into(),
        exhausted_retry_condition: ExhaustedRetryCondition::MaximumRetryAttempts.into(),
        retry_attempts: 185,
        event: "{}".into(),
        ..Default::default()
    };
    at!(letter.dead_lettered_time);
    check(
        &dead_letter::list(&[letter], Rest::Nothing),
        r"
SINCE                 EVENT  TARGET  CODE     RETRIES  RULE   MESSAGE
2026-11-23T09:30:00Z  e1     t       TIMEOUT  185      arn:r  no answer",
        r#"{"DeadLetters": [{"EventId": "e1", "RULE_ARN": "arn:r", "TARGET_ARN": "arn:t", "TargetId": "t",
            "ERROR_CODE": "TIMEOUT", "ERROR_MESSAGE": "no answer", "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
            "RETRY_ATTEMPTS": 185, "DeadLetteredTime": "2026-11-23T09:30:00Z", "Event": "{}"}]}"#,
    );
    check(
        &dead_letter::list(&[], Rest::More),
        "no dead letters\nthere are more; `--limit` says how many are listed",
        r#"{"DeadLetters": [], "Truncated": true}"#,
    );
    let target = TargetDelivery {
        target_id: "t".into(),
        target_arn: "arn:t".into(),
        delivered: 9,
        pending: 1,
        ..Default::default()
    };
    check(
        &delivery::list(&[target]),
        r"
TARGET  STATE  DELIVERED  DEAD-LETTERED  CANCELLED  EXPIRED  UNDECRYPTABLE  PENDING  OLDEST S
t       -      9          0              0          0        0              1        0",
        r#"{"Targets": [{"TargetId": "t", "TargetArn": "arn:t", "Delivered": 9, "DeadLettered": 0, "Cancelled": 0,
            "Expired": 0, "Undecryptable": 0, "Pending": 1, "OldestPendingAgeInSeconds": 0}]}"#,
    );
}

#[test]
fn reports() {
    let failed = |code: &str| Fate::Failed { code: code.into(), message: "no".into() };
    let one = Report {
        accepted_count: 1,
        fates: vec![(1, Fate::Accepted { id: "e1".into() })],
        control_index: 7,
        ..Default::default()
    };
    check(
        &one.view(),
        "1 accepted, 0 failed\nevent id e1",
        r#"{"AcceptedEntryCount": 1, "FailedEntryCount": 0, "UnknownEntryCount": 0,
            "Entries": [{"Line": 1, "EventId": "e1"}], "ControlIndex": 7}"#,
    );
    let many = Report {
        accepted_count: 20,
        failed_count: 2,
        unknown_count: 4,
        fates: vec![
            (12, Fate::Unknown),
            (30, failed("ENTRY_INVALID")),
            (11, Fate::Unknown),
            (13, Fate::Unknown),
            (15, Fate::Unknown),
            (2, failed("ENTRY_DETAIL_MALFORMED")),
        ],
        not_sent_from: Some(41),
        ..Default::default()
    };
    check(
        &many.view(),
        r"
20 accepted, 2 failed, 4 unknown
unknown, maybe published: lines 11 to 13, 15; not repeated
not sent: from line 41 on

LINE  CODE                    MESSAGE
2     ENTRY_DETAIL_MALFORMED  no
30    ENTRY_INVALID           no",
        r#"{"AcceptedEntryCount": 20, "FailedEntryCount": 2, "UnknownEntryCount": 4, "Entries": [
            {"Line": 2, "ErrorCode": "ENTRY_DETAIL_MALFORMED", "ErrorMessage": "no"},
            {"Line": 11, "ErrorCode": "OUTCOME_UNKNOWN"}, {"Line": 12, "ErrorCode": "OUTCOME_UNKNOWN"},
            {"Line": 13, "ErrorCode": "OUTCOME_UNKNOWN"}, {"Line": 15, "ErrorCode": "OUTCOME_UNKNOWN"},
            {"Line": 30, "ErrorCode": "ENTRY_INVALID", "ErrorMessage": "no"}], "NotSentFromLine": 41, "ControlIndex": 0}"#,
    );
    let mut crowd = Report { is_validated_only: true, ..Default::default() };
    (1..=103).for_each(|line| crowd.add(line, failed("X")));
    let written = text(&crowd.view(), Format::Table);
    assert!(written.starts_with("0 would be accepted, 103 failed\n"), "{written}");
    assert!(written.contains("100   X") && !written.contains("101   X"), "{written}");
    assert!(written.ends_with("and 3 more failures; `-o json` lists them all\n"), "{written}");
}

#[test]
fn json_keeps_the_order_and_spells_what_terminals_obey() {
    let record = Record::new().text("Name", "b").text("Arn", "a\u{9b}31m\u{7f}ü");
    let view = View::one(record);
    assert_eq!(text(&view, Format::Json), "{\n  \"Name\": \"b\",\n  \"Arn\": \"a\\u009b31m\\u007fü\"\n}\n");
    assert_eq!(text(&view, Format::Table), "Name:  b\nArn:   a\\u{9b}31m\\u{7f}ü\n");
}

#[test]
fn long_cells_are_cut_in_lists_alone() {
    let record = || Record::new().text("Name", &"ü".repeat(200));
    let list = View::list("Things", vec![record()], &[("NAME", "Name")], &[], "none");
    assert_eq!(text(&list, Format::Table), format!("NAME\n{}…\n", "ü".repeat(96)));
    assert!(text(&list, Format::Json).contains(&"ü".repeat(200)));
    assert!(text(&View::one(record()), Format::Table).contains(&"ü".repeat(200)));
}

#[test]
fn only_heads_are_bold_and_only_in_colour() {
    let view = View::list("Things", vec![Record::new().text("Name", "a")], &[("NAME", "Name")], &[], "none");
    let mut out = Vec::new();
    view.write(Format::Table, true, &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), "\u{1b}[1mNAME\u{1b}[0m\na\n");
}
