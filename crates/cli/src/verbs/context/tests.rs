//! Each verb over a folder of settings of its own.

use std::ffi::OsString;
use std::fs;
use std::io::Cursor;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use clap::Parser;

use super::*;
use crate::args::Arguments;
use crate::chance::System;
use crate::inputs::Inputs;
use crate::link::Dial;
use crate::session::Source;
use crate::verbs::tests::told;
use crate::verbs::{Noun, run};

async fn line(home: &Path, line: &str) -> (String, u8) {
    let arguments = Arguments::try_parse_from(std::iter::once("bascule").chain(line.split(' '))).unwrap();
    let home: OsString = home.into();
    let variable: context::Variable = Arc::new(move |name| (name == "XDG_CONFIG_HOME").then(|| home.clone()));
    let dial = Dial::Context {
        named: None,
        timeout_seconds: None,
        variable: variable.clone(),
        source: Source::Certificate,
        entropy: Arc::new(System),
    };
    let inputs = Inputs::new(Box::new(Cursor::new(Vec::new())));
    let mut desk = Desk { named: arguments.context, variable, ..Desk::unwatched(dial, inputs, arguments.output) };
    let noun: Noun = arguments.noun;
    told(run(noun, &mut desk).await, arguments.output)
}

#[tokio::test]
async fn contexts_are_kept_used_and_struck_out() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let at = home.display().to_string();
    for name in ["ca.pem", "c.pem", "k.pem"] {
        fs::write(home.join(name), "hunter2").unwrap();
        fs::set_permissions(home.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let text = "endpoint = \"https://localhost:6470\"\nca = \"ca.pem\"\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n";
    fs::write(home.join("dev.toml"), text).unwrap();
    let files = format!("--ca {at}/ca.pem --certificate {at}/c.pem --key {at}/k.pem");
    let rows = [
        ("context list".to_owned(), 0, "no contexts; `bascule context add NAME --file PATH` adds one\n"),
        ("context show".to_owned(), 2, "error: there is no context file, so it is not known where the cluster is"),
        (format!("context add dev --file {at}/dev.toml"), 0, "context `dev` written down\n"),
        (
            format!("context add dev --file {at}/dev.toml"),
            2,
            "error: `NAME`: there is a context `dev`; `--replace` replaces it",
        ),
        (format!("context add a.b --file {at}/dev.toml"), 2, "error: `NAME`: `a.b` is no name"),
        (format!("context add prod --endpoint https://bus:6470 {files}"), 0, "context `prod` written down\n"),
        (format!("context add gone --file {at}/gone.toml"), 2, "error: the context file `"),
        (
            "context list".to_owned(),
            0,
            "NAME  IN USE  ENDPOINT                FILE\ndev   yes     https://localhost:6470  ",
        ),
        ("context use prod".to_owned(), 0, "context `prod` is the one in use\n"),
        (
            "context use prd".to_owned(),
            2,
            "error: there is no context `prd` (CONTEXT_NOT_FOUND)\n  why: the names are `dev` and `prod`\n  hint: did you mean `prod`?",
        ),
        ("context show".to_owned(), 0, "Name:         prod\nEndpoint:     https://bus:6470\n"),
        ("context show dev".to_owned(), 0, "Name:         dev\nFile:         "),
        ("--context dev context show -o jsonl".to_owned(), 0, "{\"Name\":\"dev\",\"File\":"),
        (format!("context show {at}/dev.toml -o yaml"), 0, "File: "),
        ("context remove prod".to_owned(), 0, "context `prod` struck out\n"),
        ("context remove prod".to_owned(), 2, "error: there is no context `prod`"),
        ("context list -o json".to_owned(), 0, "{\n  \"Contexts\": [\n    {\n      \"Name\": \"dev\",\n"),
    ];
    for (words, exit, begin) in rows {
        let (out, code) = line(home, &words).await;
        assert_eq!(code, exit, "{words}: {out}");
        assert!(out.starts_with(begin), "{words}: {out}");
        assert!(!out.contains("hunter2"), "{words}");
    }
    let book = fs::read_to_string(home.join("bascule/contexts.toml")).unwrap();
    assert!(!book.contains("hunter2"), "{book}");
}
