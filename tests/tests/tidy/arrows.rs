//! Which room may lean on which: the arrows of the map, and no others.

use super::house::{self, Finding, Kind, Package};

/// Room → the rooms that it may name. A room that is not here may not be built yet.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("pattern", &[]),
    ("schema", &[]),
    ("statemachine", &["model"]),
    ("policy", &["model"]),
    ("api", &["model"]),
    ("keyring", &["model"]),
    ("pki", &["model"]),
    ("replication", &["statemachine", "pki", "api", "model"]),
    ("storage", &["statemachine", "keyring", "model"]),
    ("routing", &["statemachine", "pattern", "policy", "schema", "keyring", "model"]),
    ("audit", &["statemachine", "keyring", "model"]),
    ("console", &["api", "model"]),
    ("ingress", &["routing", "api", "statemachine", "pattern", "policy", "schema", "keyring", "pki", "audit", "model"]),
    ("delivery", &["routing", "api", "statemachine", "keyring", "pki", "audit", "model"]),
    ("cli", &["api", "audit", "pattern", "policy", "pki", "model"]),
];

/// The room that introduces all others to each other.
const INTRODUCES_ALL: &str = "daemon";

/// The two packages that look at the house from outside.
const OUTSIDE: &[&str] = &["tests", "benches"];

/// Arrows between workspace packages that the table does not have.
fn findings(packages: &[Package]) -> Vec<Finding> {
    let rooms: Vec<&str> = packages.iter().map(|package| package.room.as_str()).collect();
    let mut found = Vec::new();
    for package in packages.iter().filter(|package| !OUTSIDE.contains(&package.room.as_str())) {
        let row = ARROWS.iter().find(|(room, _)| *room == package.room);
        if row.is_none() && package.room != INTRODUCES_ALL {
            let text = format!(
                "`{}` is no room of the map: add it to the table in tests/tests/tidy/arrows.rs with an ADR",
                package.room
            );
            found.push(Finding::new(&package.manifest.path, 1, text));
        }
        for want in &package.wants {
            let to = house::room_of(&want.name);
            if to == want.name || !rooms.contains(&to) || to == package.room {
                continue;
            }
            let allowed = match row {
                Some((_, to_rooms)) => to_rooms.contains(&to),
                None => package.room == INTRODUCES_ALL && !OUTSIDE.contains(&to),
            };
            if !allowed {
                found.push(Finding::new(
                    &package.manifest.path,
                    package.line_of(&want.name),
                    advice(package, to, want.kind),
                ));
            }
        }
    }
    found
}

fn advice(package: &Package, to: &str, kind: Kind) -> String {
    let room = &package.room;
    match kind {
        Kind::Dev => format!("`{room}` tests itself with `{to}`: a test that needs two rooms lives in tests/"),
        Kind::Normal | Kind::Build => format!(
            "`{room}` → `{to}` is no arrow of the map: take what you need as an argument or a port of `statemachine`"
        ),
    }
}

#[test]
fn no_arrow_beyond_the_map() {
    house::demand_none(&findings(&house::packages()));
}

#[test]
fn planted_arrows_are_found() {
    let target = house::planted("storage", &[]);
    let rows = [
        ("routing", Kind::Normal, true),
        ("routing", Kind::Build, true),
        ("routing", Kind::Dev, true),
        ("daemon", Kind::Normal, false),
        ("tests", Kind::Normal, false),
        ("unheard", Kind::Normal, true),
    ];
    for (room, kind, expected) in rows {
        let found = findings(&[house::planted(room, &[("bascule-storage", kind)]), target.clone()]);
        assert_eq!(!found.is_empty(), expected, "{room} {kind:?}: {found:?}");
    }
    let found =
        findings(&[house::planted("routing", &[("bytes", Kind::Normal), ("bascule-storage", Kind::Normal)]), target]);
    assert_eq!((found[0].path.as_str(), found[0].line), ("crates/routing/Cargo.toml", 3));
}

#[test]
fn the_table_has_no_circle_and_no_stranger() {
    // A room stands below all that lean on it, so rooms can be taken away from the bottom until none is left.
    let mut left: Vec<_> = ARROWS.to_vec();
    while !left.is_empty() {
        let names: Vec<&str> = left.iter().map(|(room, _)| *room).collect();
        let before = left.len();
        left.retain(|(_, to)| to.iter().any(|room| names.contains(room)));
        assert!(left.len() < before, "a circle among {names:?}");
    }
    for (room, to) in ARROWS {
        for name in *to {
            assert!(ARROWS.iter().any(|(known, _)| known == name), "`{room}` leans on `{name}`, which is no room");
        }
    }
}
