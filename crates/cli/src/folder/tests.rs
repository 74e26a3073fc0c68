//! Folders that read back, that are wrong, and the steps from one to another.

use super::*;
use crate::explain::explain;
use crate::folder::differ::{Manner, plan};

const WHOLE: &str = r#"
EventBus:
  Name: orders
  Description: all orders
  DeadLetterConfig: {Arn: "arn:aws:sqs:us-east-1:000000000000:dead"}
  Rules:
    - Name: paid
      EventPattern: {detail: {state: [paid], amount: [{numeric: [">", 100]}]}}
      Targets:
        - {Id: b, Arn: "arn:q", RetryPolicy: {MaximumRetryAttempts: 185, MaximumEventAgeInSeconds: 60}}
        - {Id: a, Arn: "arn:q", InputTransformer: {InputPathsMap: {x: $.id}, InputTemplate: '"<x>"'}}
    - {Name: early, State: DISABLED, EventPattern: '{"source":["no"]}'}
Queues:
  - {Name: dead, VisibilityTimeout: 30, MessageRetentionPeriod: 60}
Connections:
  - Name: c
    AuthParameters:
      ApiKeyAuthParameters: {ApiKeyName: x-key, ApiKeyValue: {Env: KEY}}
      InvocationHttpParameters:
        - {Place: HEADER, Key: h, Value: plain}
        - {Place: BODY, Key: s, Secret: {File: s.txt}}
ApiDestinations:
  - {Name: d, ConnectionArn: "arn:c", InvocationEndpoint: "https://h/*", HttpMethod: POST, InvocationRateLimitPerSecond: 300}
"#;

fn setup(text: &str) -> Result<Setup, Error> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("all.yml"), text).unwrap();
    Setup::read(folder.path())
}

fn told(text: &str) -> String {
    match setup(text) {
        Ok(_) => "fine".to_owned(),
        Err(error) => {
            let told = explain(&error);
            let what = told.what.split_once("all.yml`").map_or(told.what.clone(), |(_, rest)| rest.trim().to_owned());
            format!("{what} | {}", told.hint)
        }
    }
}

#[test]
fn a_folder_reads_back_as_the_same_bytes() {
    let first = setup(WHOLE).unwrap();
    let folder = tempfile::tempdir().unwrap();
    first.write(folder.path(), Over::OwnFiles).unwrap();
    let second = Setup::read(folder.path()).unwrap();
    assert_eq!(second.files().unwrap(), first.files().unwrap());
    let orders = fs::read_to_string(folder.path().join("buses/orders.yaml")).unwrap();
    let at = |part: &str| orders.find(part).unwrap_or_else(|| panic!("`{part}` is not in {orders}"));
    assert!(orders.contains("EventPattern: |-\n      {\"source\":[\"no\"]}\n"), "{orders}");
    // In the order of names, without what is the default anyhow.
    assert!(at("early") < at("paid") && at("Id: a") < at("Id: b") && !orders.contains("185"), "{orders}");
    let queues = fs::read_to_string(folder.path().join("queues.yaml")).unwrap();
    assert_eq!(queues, "# Written by `bascule export`.\nQueues:\n- Name: dead\n  MessageRetentionPeriod: 60\n");
    // What is gone leaves the folder, and what is not ours stays.
    fs::write(folder.path().join("mine.yaml"), "Queues: []\n").unwrap();
    let empty = Setup { buses: first.buses.clone(), ..Setup::default() };
    empty.write(folder.path(), Over::OwnFiles).unwrap();
    // A file in the way that no export wrote is not replaced unasked.
    let own = folder.path().join("buses/orders.yaml");
    fs::write(&own, "Queues: []\n").unwrap();
    assert!(empty.write(folder.path(), Over::OwnFiles).unwrap_err().to_string().contains("`--overwrite`"));
    empty.write(folder.path(), Over::Anything).unwrap();
    assert_eq!(fs::read_to_string(own).unwrap(), orders);
    assert!(!folder.path().join("queues.yaml").exists() && folder.path().join("mine.yaml").exists());
}

#[test]
fn mistakes_are_named_with_line_and_suggestion() {
    let rows = [
        ("Queues:\n  - Name: a\n    Visibilty: 3\n", "line 3: there is no key `Visibilty` here | "),
        ("EventBus:\n  Name: a\n  Rulez: []\n", "line 3: there is no key `Rulez` here | did you mean `Rules`?"),
        ("EventBus:\n  Description: a\n", "line 2: `Name` is missing | add `Name`"),
        ("Queues:\n  - Name: a\n    VisibilityTimeout: soon\n", "line 3: "),
        ("EventBus:\n  Name: a\n  Rules:\n    - {Name: r, State: ON}\n", "line 4: there is no choice `ON` here"),
        ("Queues:\n  - Name: a\n  - Name: a\n", "line 1: the queue `a` is there twice"),
        ("Queues: [\n", "line "),
        ("Queue: []\n", "line 1: there is no key `Queue` here | did you mean `Queues`?"),
    ];
    for (text, begin) in rows {
        let told = told(text);
        assert!(told.starts_with(begin), "{text}: {told}");
    }
    let both = "{Place: BODY, Key: k, Value: v, Secret: {Env: E}}";
    let odd = format!("Connections:\n  - {{Name: a, AuthParameters: {{InvocationHttpParameters: [{both}]}}}}\n");
    assert!(told(&odd).starts_with("line 2: connection `a`: there must be one of "), "{}", told(&odd));
    let signing = format!("{{SigningSecrets: [{{Env: A}}], InvocationHttpParameters: [{both}]}}");
    let odd = format!("Connections:\n  - Name: a\n    AuthParameters: {signing}\n");
    assert!(told(&odd).starts_with("line 2: connection `a`: the parameter `k` has"), "{}", told(&odd));
    let told = told("Connections:\n  - {Name: c, AuthParameters: {SigningSecrets: hunter2}}\n");
    assert!(!told.contains("hunter2"), "{told}");
}

fn steps(wanted: &str, live: &str, manner: Manner) -> Vec<String> {
    let plan = plan(&setup(wanted).unwrap(), &setup(live).unwrap(), manner).unwrap();
    let one = |step: &differ::Step| {
        format!("{:?} {} {} {}", step.action, step.thing.kind(), step.thing.name(), step.changes.join(","))
    };
    plan.steps.iter().map(one).collect()
}

#[test]
fn steps_come_in_the_order_of_what_needs_what() {
    let none = "Queues: []\n";
    let manner = Manner::default();
    assert_eq!(
        steps(WHOLE, none, manner),
        [
            "Create queue dead ",
            "Create bus orders ",
            "Create connection c ",
            "Create destination d ",
            "Create rule orders/early ",
            "Create rule orders/paid ",
            "Create target orders/paid/a ",
            "Create target orders/paid/b ",
        ]
    );
    assert!(steps(WHOLE, WHOLE, manner).is_empty());
    assert!(steps(none, WHOLE, manner).is_empty());
    assert_eq!(
        steps(none, WHOLE, Manner { prune: true, ..manner }),
        [
            "Delete target orders/paid/a ",
            "Delete target orders/paid/b ",
            "Delete rule orders/early ",
            "Delete rule orders/paid ",
            "Delete destination d ",
            "Delete connection c ",
            "Delete bus orders ",
            "Delete queue dead ",
        ]
    );
    let other =
        WHOLE.replace("all orders", "every order").replace("DISABLED", "ENABLED").replace("{Env: KEY}", "{Env: LOCK}");
    assert_eq!(steps(&other, WHOLE, manner), ["Update bus orders Description", "Update rule orders/early State"]);
    let renewed = steps(WHOLE, WHOLE, Manner { renew_secrets: true, ..manner });
    assert_eq!(renewed, ["Update connection c AuthParameters"]);
    let longer = WHOLE.replace("MessageRetentionPeriod: 60", "MessageRetentionPeriod: 61");
    let refused = plan(&setup(&longer).unwrap(), &setup(WHOLE).unwrap(), manner).unwrap_err();
    assert_eq!(refused.to_string(), "the queue `dead` cannot be changed: MessageRetentionPeriod");
}
