//! A queue that is followed, against a cluster in this process.

use std::sync::Arc;

use clap::Parser;

use crate::args::Arguments;
use crate::verbs::tests::{Paper, run_line, run_on, told};

/// Runs a command whose output has room for so many bytes: its exit code, what it wrote and what it told, and what it asked for.
async fn run_with_room(line: &str, room: usize) -> (u8, [String; 2], Vec<String>) {
    let (out, aside) = (Paper::of(room), Paper::default());
    let arguments = Arguments::try_parse_from(format!("bascule {line} -o jsonl").split(' ')).unwrap();
    let format = arguments.output;
    let (ended, seen) = run_on((&out, &aside), arguments, "", Arc::new(|_| None)).await;
    let (trouble, exit) = told(ended, format);
    (exit, [out.text(), aside.text() + &trouble], seen)
}

fn count(seen: &[String], part: &str) -> usize {
    seen.iter().filter(|asked| asked.contains(part)).count()
}

#[tokio::test]
async fn what_is_written_is_deleted_only_if_that_is_asked_for() {
    let (out, exit, seen) = run_line("queue subscribe q --count 2 -o jsonl", "").await;
    assert_eq!((exit, out.lines().count()), (0, 2), "{out}");
    assert!(
        out.starts_with(r#"{"MessageId":"m1","ReceiveCount":1,"Body":"{\"id\":\"m1\"}","ReceiptHandle":"#),
        "{out}"
    );
    assert!(!seen.iter().any(|asked| asked.contains("Ack")), "{seen:?}");
    // The third does not come, so that nothing goes back.
    assert!(count(&seen, "credits: 2") == 1 && count(&seen, "Credit") == 0, "{seen:?}");
    assert_eq!(count(&seen, "ChangeMessageVisibility"), 0, "{seen:?}");
    let (out, exit, seen) = run_line("queue subscribe q --count 2 --delete --visibility-timeout 9 -o jsonl", "").await;
    assert_eq!((exit, out.lines().count()), (0, 2), "{out}");
    assert!(seen[0].contains("visibility_timeout: Some(9)") && seen[0].contains("credits: 2"), "{seen:?}");
    let acks: Vec<_> = seen.iter().filter(|asked| asked.contains("Ack")).collect();
    assert!(acks.len() == 1 && acks[0].contains("receipt-of-m1") && acks[0].contains("receipt-of-m2"), "{seen:?}");
    assert!(!acks[0].contains("receipt-of-m3"), "{seen:?}");
}

#[tokio::test]
async fn a_deletion_that_comes_too_late_shows_in_the_exit_code() {
    let (out, exit, _) = run_line("queue subscribe stale --count 1 --delete -o jsonl", "").await;
    assert_eq!((exit, out.lines().count()), (1, 1), "{out}");
}

#[tokio::test]
async fn a_connection_that_breaks_is_opened_again() {
    let (out, exit, seen) = run_line("queue subscribe shaky --count 3 --delete -o jsonl", "").await;
    assert_eq!((exit, out.lines().count()), (0, 3), "{out}");
    assert_eq!(seen.iter().filter(|asked| asked.contains("Start")).count(), 2, "{seen:?}");
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_said() {
    let (out, exit, _) = run_line("queue subscribe gone", "").await;
    assert_eq!(exit, 3, "{out}");
    assert!(out.contains("Subscribe was refused for the queue `gone` (RESOURCE_NOT_FOUND"), "{out}");
}

#[tokio::test]
async fn looking_ends_when_a_message_comes_again_and_gives_it_back() {
    let (exit, [out, aside], seen) = run_with_room("queue subscribe round", usize::MAX).await;
    assert_eq!((exit, out.lines().count()), (0, 3), "{out}{aside}");
    assert_eq!(aside, "message `m1` comes again: looking ends when a message does\n");
    assert_eq!(count(&seen, "ChangeMessageVisibility"), 3, "{seen:?}");
    // Where it is deleted, it was put anew.
    let (exit, [out, aside], _) = run_with_room("queue subscribe round --delete --count 6", usize::MAX).await;
    assert_eq!((exit, out.lines().count(), aside.as_str()), (0, 6, ""), "{out}");
}

#[tokio::test]
async fn looking_says_first_what_it_does_to_messages() {
    for (queue, expected) in [
        ("q", ""),
        ("redriven", "looking counts as receiving: after 3 receives a message is moved to `arn:dead`\n"),
        ("hidden", "whether the queue has a redrive policy is not known; looking counts as receiving\n"),
    ] {
        let (exit, [_, aside], _) = run_with_room(&format!("queue subscribe {queue} --count 1"), usize::MAX).await;
        assert_eq!((exit, aside.as_str()), (0, expected), "{queue}");
        let line = format!("queue subscribe {queue} --count 1 --delete");
        let (exit, [_, aside], seen) = run_with_room(&line, usize::MAX).await;
        assert_eq!((exit, aside.as_str(), count(&seen, "DescribeQueue")), (0, "", 0), "{queue}");
    }
}

#[tokio::test]
async fn a_full_disk_deletes_nothing_and_gives_everything_back() {
    for words in ["--delete", "--count 3"] {
        let (exit, [out, aside], seen) = run_with_room(&format!("queue subscribe q {words}"), 50).await;
        assert_eq!((exit, out.as_str()), (2, ""), "{aside}");
        assert!(aside.contains("OUTPUT_FAILED") && !aside.contains("not known"), "{aside}");
        assert_eq!(count(&seen, "Ack"), 0, "{seen:?}");
        assert_eq!(count(&seen, "ChangeMessageVisibility"), 3, "{seen:?}");
    }
}
