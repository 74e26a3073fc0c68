//! Each verb as it looks: its table, its JSON and its most likely error, held against a file.
//!
//! `BASCULE_SNAPSHOTS=write` writes the file anew; the difference is then read like any other change.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{CommandFactory, Parser};

use super::{run_parsed, told};
use crate::args::Arguments;

mod iam;
mod nodes;

/// A verb's line that goes well, and one with its most likely mistake.
const LINES: [(&str, &str); 51] = [
    ("bus create orders --description d", "bus create"),
    ("bus list", "bus list orders"),
    ("bus describe orders", "bus describe hidden"),
    ("bus update orders --description d", "bus update orders"),
    ("bus delete orders", "bus delete"),
    ("rule put paid --pattern {\"source\":[\"shop\"]}", "rule put paid"),
    ("rule list --bus orders", "rule list orders"),
    ("rule describe paid", "rule describe"),
    ("rule enable paid --bus orders", "rule enable"),
    ("rule disable paid --bus orders", "rule disable"),
    ("rule delete paid", "rule delete busy"),
    ("target put --rule paid --id q --arn arn:q", "target put --rule paid --id q"),
    ("target list --rule paid", "target list"),
    ("target remove --rule paid --id q", "target remove --rule paid"),
    ("target rules --arn arn:q", "target rules"),
    (
        "destination create d --connection-arn c --endpoint https://a/ --method POST",
        "destination create d --method SEND",
    ),
    ("destination list", "destination list d"),
    ("destination describe d", "destination describe"),
    ("destination update d --endpoint https://b/", "destination update d"),
    ("destination delete d", "destination delete gone"),
    ("connection create c --basic-user me --basic-password-file -", "connection create c --basic-user me"),
    ("connection list", "connection list --state open"),
    ("connection describe c", "connection describe"),
    ("connection update c --description d", "connection update c"),
    ("connection deauthorize c", "connection deauthorize"),
    ("connection delete c", "connection delete gone"),
    ("tag list arn:r", "tag list gone"),
    ("tag set arn:r --tag a=b", "tag set arn:r --tag a"),
    ("tag remove arn:r --key a", "tag remove arn:r"),
    ("quota describe", "quota describe x"),
    ("quota update --queues-per-account 9", "quota update"),
    ("queue create q", "queue create q --redrive-arn a"),
    ("queue list", "queue list q"),
    ("queue describe q", "queue describe"),
    ("queue delete q", "queue delete gone"),
    ("queue purge q", "queue purge gone"),
    ("queue receive q", "queue receive q --wait 21"),
    ("queue subscribe q --count 2", "queue subscribe gone"),
    ("queue delete-message q --receipt-handle h", "queue delete-message q --receipt-handle lost"),
    ("queue change-visibility q --receipt-handle h --visibility-timeout 9", "queue change-visibility q"),
    ("pattern test --pattern {\"a\":[1]} --event {\"a\":2}", "pattern test --pattern {\"a\":1} --event {}"),
    ("dead-letter list", "dead-letter list --limit 0"),
    ("delivery describe --rule paid", "delivery describe"),
    ("delivery describe --rule shut", "delivery describe --rule shut --target"),
    ("event get 0190", "event get gone"),
    ("event tail", "event tail --bus gone"),
    ("context list", "context show"),
    ("plan DIR", "plan DIR/nowhere"),
    ("apply DIR", "apply"),
    ("export DIR/export", "export"),
    ("version", "version -o xml"),
];

/// A document that is a policy.
const POLICY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"events:PutEvents","Resource":"*"}]}"#;

/// Verbs that are shown elsewhere: what they print is a file of its own, or tells of a terminal or a folder of the test's.
const ELSEWHERE: [(&str, &str); 8] = [
    ("event put", "verbs::event::publish::tests and output::tests"),
    ("cluster init", "verbs::cluster::offline::tests, and tests/deploy"),
    ("cluster join", "verbs::cluster::offline::tests, and tests/deploy"),
    ("completion", "verbs::shell::tests"),
    ("man", "verbs::shell::tests"),
    ("context add", "verbs::context::tests"),
    ("context use", "verbs::context::tests"),
    ("context remove", "verbs::context::tests"),
];

/// The verbs of a command, `noun verb` or the noun alone.
fn verbs(command: &clap::Command, before: &str, all: &mut BTreeSet<String>) {
    for inner in command.get_subcommands() {
        let name = format!("{before}{}", inner.get_name());
        match inner.has_subcommands() {
            true => verbs(inner, &format!("{name} "), all),
            false => drop(all.insert(name)),
        }
    }
}

#[test]
fn every_verb_is_shown() {
    let mut all = BTreeSet::new();
    verbs(&Arguments::command(), "", &mut all);
    let begins = |verb: &str, line: &str| line == verb || line.starts_with(&format!("{verb} "));
    for verb in all {
        let shown = LINES
            .iter()
            .chain(&iam::LINES)
            .chain(&nodes::LINES)
            .any(|(line, mistake)| begins(&verb, line) || begins(&verb, mistake));
        assert!(
            shown || ELSEWHERE.iter().any(|(elsewhere, _)| *elsewhere == verb),
            "`{verb}` has no snapshot: add a line for it"
        );
    }
}

/// What a terminal would show, with the exit code at the end.
async fn shown(line: &str, dir: &Path) -> String {
    let place = dir.display().to_string();
    let words = line.split(' ').map(|word| word.replace("DIR", &place));
    let mut text = format!("$ bascule {line}\n");
    let code = match Arguments::try_parse_from(std::iter::once("bascule".to_owned()).chain(words)) {
        Err(error) => {
            text.push_str(&error.to_string());
            2
        }
        Ok(arguments) => {
            let format = arguments.output;
            let home: OsString = dir.join("home").into();
            let variable = Arc::new(move |name: &str| (name == "XDG_CONFIG_HOME").then(|| home.clone()));
            let (ended, _, written) = run_parsed(arguments, "hunter2", variable).await;
            text.push_str(&written);
            let undo = ended.as_ref().ok().and_then(|outcome| outcome.undo.clone()).filter(|_| format.is_for_people());
            let (out, code) = told(ended, format);
            text.push_str(&out);
            if let Some(undo) = undo {
                let _ = writeln!(text, "undo: {undo}");
            }
            code
        }
    };
    let _ = writeln!(text, "[{code}]\n");
    // Each call has a name of its own, which is chance.
    let named = |word: &str| word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()).map(|word| {
        let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        if named(bare) { word.replace(bare, "REQUEST") } else { word.to_owned() }
    });
    words.collect::<String>().replace(&place, "DIR")
}

#[tokio::test]
async fn what_is_shown_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), "EventBus: {Name: two}\nQueues: [{Name: new}]\n").unwrap();
    fs::write(folder.path().join("policy.json"), POLICY).unwrap();
    fs::write(
        folder.path().join("refused.json"),
        "{\"Version\": \"2012-10-17\",\n \"Statement\": {\"Sid\": \"refused\"}}",
    )
    .unwrap();
    for (name, token) in [("denied.token", "denied\n"), ("expired.token", "expired\n")] {
        let path = folder.path().join(name);
        fs::write(&path, token).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let mut text = String::new();
    for (line, mistake) in LINES.iter().chain(&iam::LINES).chain(&nodes::LINES) {
        text.push_str(&shown(line, folder.path()).await);
        text.push_str(&shown(&format!("{line} -o json"), folder.path()).await);
        text.push_str(&shown(mistake, folder.path()).await);
        let _ = fs::remove_dir_all(folder.path().join("export"));
    }
    assert!(!text.contains("hunter2"));
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/verbs/tests/snapshots.txt");
    if std::env::var_os("BASCULE_SNAPSHOTS").is_some_and(|value| value == "write") {
        fs::write(&path, &text).unwrap();
    }
    let before = fs::read_to_string(&path).unwrap_or_default();
    for (before, now) in before.split("\n$ ").zip(text.split("\n$ ")) {
        assert_eq!(now, before, "if it is meant, `BASCULE_SNAPSHOTS=write` writes `{}`", path.display());
    }
    assert_eq!(text.len(), before.len(), "lines were added or taken away: `BASCULE_SNAPSHOTS=write`");
}
