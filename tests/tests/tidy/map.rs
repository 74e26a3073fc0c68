//! The map matches the tree: each crate is named on it, and each room it lists stands.

use std::fs;

use super::house::{self, Finding};

const MAP: &str = "docs/ARCHITECTURE.md";
const HEADING: &str = "## Rooms";

/// `crates` are the folders under crates/. A room is listed in the table's first column; a crate that is only a
/// doorplate yet may be named in the text under the same heading instead.
fn findings(map: &str, crates: &[String]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut named = Vec::new();
    let mut heading_line = 1;
    let mut inside = false;
    for (at, line) in map.lines().enumerate() {
        if line.starts_with("## ") {
            inside = line == HEADING;
            if inside {
                heading_line = at + 1;
            }
        }
        if !inside {
            continue;
        }
        named.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        let Some(room) = line.strip_prefix("| `").and_then(|rest| rest.split('`').next()) else { continue };
        if !crates.iter().any(|folder| folder == room) {
            let text = format!("the map lists `{room}`, but crates/{room} is not there: build it or take the row out");
            found.push(Finding::new(MAP, at + 1, text));
        }
    }
    for folder in crates.iter().filter(|folder| !named.contains(folder)) {
        let text = format!("crates/{folder} is not on the map: add a row for `{folder}` under `{HEADING}`");
        found.push(Finding::new(MAP, heading_line, text));
    }
    found
}

#[test]
fn the_map_matches_the_tree() {
    let map = fs::read_to_string(house::root().join(MAP)).expect("the map is there");
    let entries = fs::read_dir(house::root().join("crates")).expect("crates/ can be listed").flatten();
    let rooms = entries.filter(|entry| entry.path().join("Cargo.toml").is_file());
    let mut crates: Vec<String> = rooms.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    crates.sort();
    house::demand_none(&findings(&map, &crates));
}

#[test]
fn planted_gaps_are_found() {
    let map = "# House\n\n`c` elsewhere\n\n## Rooms\n\n| room | is |\n|---|---|\n| `a` | one |\n\nBegun: `b`.\n\n## After\n`c`\n";
    let rows: [(&[&str], &[usize]); 5] =
        [(&["a"], &[]), (&["a", "b"], &[]), (&["a", "c"], &[5]), (&["b"], &[9]), (&["c"], &[9, 5])];
    for (crates, expected) in rows {
        let crates: Vec<String> = crates.iter().map(|name| (*name).to_owned()).collect();
        let found = findings(map, &crates);
        let lines: Vec<usize> = found.iter().map(|finding| finding.line).collect();
        assert_eq!(lines, expected, "{crates:?}: {found:?}");
    }
}
