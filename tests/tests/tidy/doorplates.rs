//! Every file says what it is in its first line; every lib.rs and folder module says what goes in, out, and never.

use super::house::{self, Finding, Source};
use super::paths::TestOnly;

const LINES: [&str; 3] = ["//! In: ", "//! Out: ", "//! Never: "];

fn findings(sources: &[Source]) -> Vec<Finding> {
    let tests = TestOnly::of(sources);
    let mut found = Vec::new();
    for source in sources {
        let first = source.text.lines().next().unwrap_or_default();
        if first.strip_prefix("//! ").is_none_or(|sentence| sentence.trim().len() < 10) {
            let text = "no doorplate: begin with `//!` and one sentence that says what the file is";
            found.push(Finding::new(&source.path, 1, text));
            continue;
        }
        if !is_folder(source, sources, &tests) {
            continue;
        }
        let plate: Vec<&str> = source.text.lines().take_while(|line| line.starts_with("//!")).collect();
        for wanted in LINES {
            if !plate.iter().any(|line| line.starts_with(wanted)) {
                let text = format!("the doorplate of a folder lacks a line `{wanted}…`");
                found.push(Finding::new(&source.path, plate.len(), text));
            }
        }
    }
    found
}

/// A lib.rs, a mod.rs, or `name.rs` beside a folder `name` that holds more than the file's own tests.
fn is_folder(source: &Source, sources: &[Source], tests: &TestOnly) -> bool {
    let (_, name) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
    let inside = format!("{}/", source.path.trim_end_matches(".rs"));
    // The test packages' own files are all test-only, so only the rooms' folders can be excused.
    let own_tests = |path: &str| path.starts_with("crates/") && tests.has(path);
    let beside = sources.iter().any(|other| other.path.starts_with(&inside) && !own_tests(&other.path));
    matches!(name, "lib.rs" | "mod.rs") && !own_tests(&source.path) || beside
}

#[test]
fn every_file_has_its_doorplate() {
    house::demand_none(&findings(&house::rust()));
}

#[test]
fn planted_missing_doorplates_are_found() {
    let full = "//! What this room is for.\n//!\n//! In: a.\n//! Out: b.\n//! Never: c.\n";
    let plain = "//! What this file is for.\n";
    let tested = "//! What this file is for.\n#[cfg(test)]\nmod tests;\n";
    let rows: [(&[(&str, &str)], usize); 9] = [
        (&[("crates/a/src/lib.rs", full)], 0),
        (&[("crates/a/src/lib.rs", plain)], 3),
        (&[("crates/a/src/b/mod.rs", plain)], 3),
        (&[("crates/a/src/b.rs", plain)], 0),
        (&[("crates/a/src/b.rs", "use std::fmt;\n")], 1),
        (&[("crates/a/src/b.rs", "")], 1),
        (&[("crates/a/src/b.rs", "//!\n")], 1),
        (&[("crates/a/src/b.rs", plain), ("crates/a/src/b/c.rs", plain)], 3),
        (&[("crates/a/src/b.rs", tested), ("crates/a/src/b/tests.rs", plain)], 0),
    ];
    for (files, expected) in rows {
        let sources: Vec<Source> = files.iter().map(|(path, text)| Source::new(path, text)).collect();
        let found = findings(&sources);
        assert_eq!(found.len(), expected, "{files:?}: {found:?}");
    }
}
