//! No drawer for everything: names that say nothing are not given to crates, folders or files.

use std::collections::BTreeSet;

use super::house::{self, Finding};

const BANNED: &[&str] =
    &["common", "util", "utils", "helper", "helpers", "misc", "shared", "core", "types", "manager", "impl", "v2"];

/// Each folder and file name of the paths, once; a name's words are what stands between `_`, `-` and `.`.
fn findings(paths: &[String]) -> Vec<Finding> {
    let mut found = BTreeSet::new();
    for path in paths {
        let mut upto = String::new();
        for name in path.split('/') {
            upto = if upto.is_empty() { name.to_owned() } else { format!("{upto}/{name}") };
            if let Some(word) = name.split(['_', '-', '.']).find(|word| BANNED.contains(word)) {
                let text = format!("`{word}` says nothing: name it after the step of the path it does");
                found.insert(Finding::new(&upto, 1, text));
            }
        }
    }
    found.into_iter().collect()
}

#[test]
fn every_name_says_something() {
    let paths: Vec<String> = house::rust().into_iter().map(|source| source.path).collect();
    house::demand_none(&findings(&paths));
}

#[test]
fn planted_names_are_found() {
    let rows = [
        ("crates/common/src/lib.rs", Some("crates/common")),
        ("crates/a/src/utils.rs", Some("crates/a/src/utils.rs")),
        ("crates/a/src/queue_manager.rs", Some("crates/a/src/queue_manager.rs")),
        ("crates/a/src/types/b.rs", Some("crates/a/src/types")),
        ("tests/harness/helpers.rs", Some("tests/harness/helpers.rs")),
        ("crates/a/src/commonly.rs", None),
        ("crates/a/src/score.rs", None),
    ];
    for (path, expected) in rows {
        let found = findings(&[path.to_owned()]);
        assert_eq!(found.first().map(|finding| finding.path.as_str()), expected, "{path}: {found:?}");
    }
}
