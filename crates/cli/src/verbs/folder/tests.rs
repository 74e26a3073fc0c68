//! Folders against a cluster in this process: what is written, planned and done.

use std::fs;

use crate::verbs::tests::run_line;

#[tokio::test]
async fn an_export_has_nothing_to_do_and_less_of_it_leaves_the_rest_alone() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display();
    let (out, code, _) = run_line(&format!("export {at}"), "").await;
    assert_eq!(code, 0, "{out}");
    assert!(out.starts_with("buses: 2, rules: 4, queues: 2, connections: 2, destinations: 2\n"), "{out}");
    let (out, code, _) = run_line(&format!("plan {at} --detailed-exitcode"), "").await;
    assert_eq!((out.as_str(), code), ("nothing to do\n", 0));
    fs::remove_file(folder.path().join("queues.yaml")).unwrap();
    let (out, code, _) = run_line(&format!("plan {at}"), "").await;
    assert_eq!((out.as_str(), code), ("nothing to do\n2 not in the folder and left alone; `--prune` deletes\n", 0));
    let (out, code, seen) = run_line(&format!("plan {at} --prune --detailed-exitcode -o jsonl"), "").await;
    assert_eq!(code, 2, "{out}");
    let first = "{\"Action\":\"delete\",\"Kind\":\"queue\",\"Name\":\"two\",\"State\":\"planned\"}";
    assert_eq!(out.lines().next(), Some(first));
    assert!(seen.last().unwrap().contains("validate_only: true"), "{seen:?}");
}

#[tokio::test]
async fn a_step_that_fails_ends_it_and_what_was_done_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display();
    let text = "Queues:\n- Name: a\nEventBus:\n  Name: b\n  Rules:\n  - Name: r\n    EventPattern: '{}'\n";
    fs::write(folder.path().join("a.yaml"), text).unwrap();
    let (out, code, seen) = run_line(&format!("apply {at}"), "").await;
    assert_eq!(code, 0, "{out}");
    let made: Vec<&str> = seen.iter().map(|asked| asked.split(' ').next().unwrap_or_default()).collect();
    assert!(made.ends_with(&["CreateQueueRequest", "CreateEventBusRequest", "PutRuleRequest"]), "{made:?}");
    // The cluster of these tests fails each removal of targets.
    fs::write(folder.path().join("a.yaml"), "EventBus: {Name: one}\n").unwrap();
    let (out, code, _) = run_line(&format!("apply {at} --prune"), "").await;
    assert_eq!(code, 3, "{out}");
    assert!(out.contains("refused") && out.contains("not done") && out.contains("(ENTRY_FAILED)"), "{out}");
}

#[tokio::test]
async fn secrets_that_are_missing_are_named_before_anything_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display();
    let basic = "{BasicAuthParameters: {Username: me, Password: {Env: NOWHERE}}}";
    let text = format!("Queues: [{{Name: a}}]\nConnections:\n- {{Name: c, AuthParameters: {basic}}}\n");
    fs::write(folder.path().join("a.yaml"), &text).unwrap();
    let (out, code, seen) = run_line(&format!("apply {at}"), "").await;
    assert_eq!(code, 2, "{out}");
    assert!(out.contains("connection `c` needs `NOWHERE`"), "{out}");
    assert!(!seen.iter().any(|asked| asked.starts_with("Create")), "{seen:?}");
    let (out, code, _) = run_line(&format!("plan {at}"), "").await;
    assert!(code == 0 && out.contains("connection `c` needs `NOWHERE`"), "{out}");
    fs::write(folder.path().join("pw"), "hunter2\n").unwrap();
    fs::write(folder.path().join("a.yaml"), text.replace("Env: NOWHERE", "File: pw")).unwrap();
    let (out, code, seen) = run_line(&format!("apply {at}"), "").await;
    assert_eq!(code, 0, "{out}");
    let last = seen.last().unwrap();
    assert!(last.contains("Some(Secret(..))") && !last.contains("hunter2") && !out.contains("hunter2"), "{last}");
}
