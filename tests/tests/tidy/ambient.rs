//! Time, chance and tasks come as arguments: nobody takes them from the air but the one file that fills the ports.

use super::house::{self, Finding, Source};
use super::paths::{self, Reach, TestOnly};

/// The file that fills the ports of `bascule_model::ambient`.
const FILLS_THE_PORTS: &str = "crates/daemon/src/ambient.rs";

/// openraft takes chance from its runtime's type, which is handed nothing; a simulation seeds it there.
const OPENRAFTS_RUNTIME: &str = "crates/replication/src/runtime.rs";

/// What is banned, and what to do instead.
const BANNED: &[(&[&str], &str)] = &[
    (&["Instant", "now"], CLOCK),
    (&["SystemTime", "now"], CLOCK),
    (&["Timestamp", "now"], CLOCK),
    (&["Zoned", "now"], CLOCK),
    (&["OffsetDateTime", "now_utc"], CLOCK),
    (&["tokio", "spawn"], SPAWN),
    (&["task", "spawn"], SPAWN),
    (&["task", "spawn_blocking"], SPAWN),
    (&["task", "spawn_local"], SPAWN),
    (&["thread", "spawn"], SPAWN),
    (&["thread", "Builder"], SPAWN),
    (&["rand"], CHANCE),
    (&["getrandom"], CHANCE),
];

const CLOCK: &str = "take a time as an argument, or a clock of `bascule_model::ambient`";
const SPAWN: &str = "take `bascule_model::ambient::Spawn`, with a task kind";
const CHANCE: &str = "take entropy as an argument, or from `bascule_model::ambient`";

/// Rooms whose work is replicated, and what has no agreed order there.
const REPLICATED: &str = "crates/statemachine/";
const UNORDERED: &[&str] = &["HashMap", "HashSet"];

fn findings(sources: &[Source]) -> Vec<Finding> {
    let tests = TestOnly::of(sources);
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| {
        ![FILLS_THE_PORTS, OPENRAFTS_RUNTIME].contains(&source.path.as_str()) && !tests.has(&source.path)
    }) {
        let names = match paths::named(source, Reach::OutsideTests) {
            Ok(names) => names,
            Err(text) => {
                found.push(Finding::new(&source.path, 1, text));
                continue;
            }
        };
        for name in &names {
            let path = name.path.join("::");
            // `rand` alone may be a variable; as a step of a longer path it is the library or a module of one.
            let whole = |parts: &[&str]| name.holds(parts) && name.path.len() > 1;
            if let Some((_, advice)) = BANNED.iter().find(|(parts, _)| whole(parts)) {
                found.push(Finding::new(&source.path, name.line, format!("`{path}`: {advice}")));
            }
            if source.path.starts_with(REPLICATED) && UNORDERED.iter().any(|kind| name.holds(&[kind])) {
                let text = format!("`{path}` has another order on every replica: use a `BTreeMap` or `BTreeSet`");
                found.push(Finding::new(&source.path, name.line, text));
            }
        }
    }
    found
}

#[test]
fn nothing_is_taken_from_the_air() {
    house::demand_none(&findings(&house::rust()));
}

#[test]
fn planted_grasps_are_found() {
    let code = "crates/a/src/b.rs";
    let rows = [
        (code, "fn f() {\n    let t = std::time::Instant::now();\n}", Some(2)),
        (code, "fn f() { let t = Instant::now(); }", Some(1)),
        (code, "fn f() { let t = SystemTime::now(); }", Some(1)),
        (code, "fn f() { tokio::spawn(g()); }", Some(1)),
        (code, "use tokio::{net, spawn};", Some(1)),
        (code, "use tokio::{net, task::{spawn_blocking}};", Some(1)),
        (code, "fn f() { std::thread::spawn(g); }", Some(1)),
        (code, "fn f() { select! { x = tokio::spawn(g()) => {} } }", Some(1)),
        (code, "fn f() { rand::random::<u8>(); }", Some(1)),
        (code, "use rand::*;", Some(1)),
        (code, "fn f() { aws_lc_rs::rand::fill(b); }", Some(1)),
        (code, "fn f(rand: u8) { g(rand); spawn.spawn(kind, work); clock.now(); }", None),
        (code, "#[cfg(test)]\nmod tests {\n    fn f() { tokio::spawn(g()); }\n}", None),
        (code, "// Instant::now\nfn f() { g(\"SystemTime::now()\"); }", None),
        (FILLS_THE_PORTS, "fn f() { tokio::spawn(g()); }", None),
        ("crates/daemon/src/main.rs", "fn f() { tokio::spawn(g()); }", Some(1)),
        ("crates/a/tests/b.rs", "fn f() { tokio::spawn(g()); }", None),
        ("crates/statemachine/src/b.rs", "use std::collections::HashMap;", Some(1)),
        ("crates/statemachine/src/b.rs", "use std::collections::BTreeMap;", None),
        ("crates/routing/src/b.rs", "use std::collections::HashMap;", None),
    ];
    for (path, text, expected) in rows {
        let found = findings(&[Source::new(path, text)]);
        assert_eq!(found.first().map(|finding| finding.line), expected, "{text}: {found:?}");
    }
}
