//! Verdicts, as people read them and as the process ends.

use std::io::Write;

use crate::verbs::tests::run_line;

#[tokio::test]
async fn a_verdict_is_a_word_a_reason_and_an_exit_code() {
    let rows = [
        ("pattern test --pattern {\"a\":[1]} --event {\"a\":1}", 0, "match\n"),
        ("pattern test --pattern {\"a\":[1]} --event {\"a\":1} -o json", 0, "{\n  \"Result\": true\n}\n"),
        ("pattern test --pattern {\"a\":[1]} --event {\"b\":1}", 1, "no match\n`a`: expected [1], found no value\n"),
        (
            "pattern test --pattern {\"a\":[1]} --event {\"a\":2} -o jsonl",
            1,
            "{\"Result\":false,\"Verdict\":\"no match\",\"Mismatch\":{\"Path\":\"a\",\"Expected\":\"[1]\",\"Found\":\"2\"}}\n",
        ),
        (
            "pattern test --pattern {\"$or\":[{\"a\":[1]},{\"b\":[1]}]} --event {\"a\":2}",
            1,
            "no match\nnone of the 2 alternatives held:\n`a`: expected [1], found 2\n`b`: expected [1], found no value\n",
        ),
        (
            "pattern test --pattern {\"a\":[1]} --event {\"a\":1} --event {\"a\":2}",
            0,
            "EVENT  VERDICT   PATH  EXPECTED  FOUND  NOTE\n#1     match     -     -         -      -\n#2     no match  a     [1]       2      -\n\n1 of 2 events matched\n",
        ),
        (
            "pattern test --pattern {\"a\":[1]} --event {\"a\":1} --event {\"a\":2} --all -o jsonl",
            1,
            "{\"Event\":\"#1\",",
        ),
        (
            "pattern test --pattern {\"a\":1} --event {}",
            2,
            "error: the pattern is invalid: \"a\" must be an object or an array",
        ),
        ("pattern test --pattern {\"a\":[1]} --event [", 2, "error\n"),
        ("pattern test --pattern {\"a\":[1]} --events /nowhere", 2, "error: the file `/nowhere` cannot be read"),
        ("pattern test --pattern {} --event {} --remote", 0, "match\n"),
        ("pattern test --pattern {} --event [] --remote", 1, "no match\n"),
    ];
    for (line, exit, begin) in rows {
        let (out, code, _) = run_line(line, "").await;
        assert_eq!(code, exit, "{line}: {out}");
        assert!(out.starts_with(begin), "{line}: {out}");
    }
}

#[tokio::test]
async fn events_come_from_files_and_the_standard_input() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"{\"a\":1}\n\n{\"a\":3}\n").unwrap();
    let path = file.path().display().to_string();
    let line = format!("pattern test --pattern {{\"a\":[1]}} --events {path} --events - -o jsonl");
    let (out, code, seen) = run_line(&line, "{\"a\":1}\r\nnonsense\n").await;
    let names: Vec<String> = out.lines().map(|line| line.split('"').nth(3).unwrap().to_owned()).collect();
    assert_eq!(names, [format!("{path}:1"), format!("{path}:3"), "-:1".to_owned(), "-:2".to_owned()]);
    assert_eq!(code, 2, "a line that is no event is an error: {out}");
    assert!(seen.is_empty(), "the cluster was asked: {seen:?}");
}

#[tokio::test]
async fn an_event_is_tested_against_the_rules_of_a_bus() {
    let (out, code, seen) = run_line("pattern test --bus b --event {\"source\":\"shop\"}", "").await;
    assert_eq!(code, 1, "{out}");
    assert!(out.starts_with("RULE  STATE  VERDICT     PATH"), "{out}");
    assert!(out.ends_with("0 of 2 rules matched\n"), "{out}");
    assert!(seen.iter().all(|asked| asked.contains("event_bus_name: \"b\"")), "{seen:?}");
    let (out, code, _) = run_line("pattern test --bus b --event {} --event {}", "").await;
    assert_eq!(code, 2, "{out}");
}
