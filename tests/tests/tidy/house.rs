//! The house as the rules see it: its files read once, its manifests, and what a finding looks like.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// One file: its path from the root of the tree with `/` between folders, and its text.
#[derive(Debug, Clone)]
pub struct Source {
    pub path: String,
    pub text: String,
}

impl Source {
    /// A planted file, for the tests of the rules.
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }
}

/// One breach: where it is, what it is, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub path: String,
    pub line: usize,
    pub text: String,
}

impl Finding {
    pub fn new(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.text)
    }
}

/// One workspace package: name without the house's prefix, its manifest, and what it asks for.
#[derive(Debug, Clone)]
pub struct Package {
    pub room: String,
    pub manifest: Source,
    pub wants: Vec<Want>,
}

/// One line of a manifest's dependencies.
#[derive(Debug, Clone)]
pub struct Want {
    pub name: String,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Normal,
    Build,
    Dev,
}

impl Package {
    /// The line of the manifest that names `library`; 1 where the manifest says it another way.
    pub fn line_of(&self, library: &str) -> usize {
        let names = |line: &str| {
            line.trim_start()
                .strip_prefix(library)
                .is_some_and(|rest| rest.starts_with('.') || rest.starts_with(' ') || rest.starts_with('='))
        };
        self.manifest.text.lines().position(names).map_or(1, |at| at + 1)
    }
}

/// Fails with every finding on a line of its own.
pub fn demand_none(findings: &[Finding]) {
    let list: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(list.is_empty(), "{} finding(s):\n{}", list.len(), list.join("\n"));
}

/// The root of the tree.
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests package lies in the root of the tree").to_owned()
}

/// Every Rust file of the rooms, the tests and the benches.
pub fn rust() -> Vec<Source> {
    read(&["crates", "tests", "benches"], |name| name.ends_with(".rs"))
}

/// Every file that people write in: code, manifests, contract, pages, scripts.
pub fn written() -> Vec<Source> {
    let ends = [".rs", ".toml", ".proto", ".md", ".sh", ".yml", ".yaml"];
    let mut all = read(&["crates", "tests", "benches", "proto", "config", "deploy", "docs"], |name| {
        ends.iter().any(|end| name.ends_with(end))
    });
    for name in ["Cargo.toml", "README.md", "CHANGELOG.md", "x", ".ci/run", "clippy.toml", "rustfmt.toml"] {
        if let Ok(text) = fs::read_to_string(root().join(name)) {
            all.push(Source { path: name.to_owned(), text });
        }
    }
    all
}

fn read(folders: &[&str], wanted: impl Fn(&str) -> bool) -> Vec<Source> {
    let root = root();
    let mut found = BTreeSet::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).filter(|path| path.is_dir()).collect();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the tree can be listed").flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                // A build folder is not ours; it appears where somebody ran cargo without `./x`.
                if name != "target" {
                    open.push(path);
                }
            } else if wanted(&name) {
                found.insert(path);
            }
        }
    }
    // A file that vanishes between listing and reading was an editor's; it is not part of the house.
    found
        .iter()
        .filter_map(|path| Some(Source { path: short(&root, path), text: fs::read_to_string(path).ok()? }))
        .collect()
}

fn short(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// Every package of the workspace, as `cargo metadata` names it.
pub fn packages() -> Vec<Package> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let out = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo can be started");
    assert!(out.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&out.stderr));
    let all: Value = serde_json::from_slice(&out.stdout).expect("cargo metadata answers JSON");
    packages_in(&all)
}

/// The packages in one answer of `cargo metadata`.
pub fn packages_in(metadata: &Value) -> Vec<Package> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut packages = Vec::new();
    for package in list(&metadata["packages"]) {
        let name = text(&package["name"]);
        let path = text(&package["manifest_path"]);
        let wants = list(&package["dependencies"]);
        let wants = wants.iter().map(|want| Want { name: text(&want["name"]), kind: kind(want) });
        packages.push(Package {
            room: room_of(&name).to_owned(),
            manifest: Source {
                text: fs::read_to_string(&path).unwrap_or_default(),
                path: short(&root(), Path::new(&path)),
            },
            wants: wants.collect(),
        });
    }
    packages
}

fn kind(want: &Value) -> Kind {
    match want["kind"].as_str() {
        Some("dev") => Kind::Dev,
        Some("build") => Kind::Build,
        _ => Kind::Normal,
    }
}

/// A package's name without the house's prefix.
pub fn room_of(package: &str) -> &str {
    package.strip_prefix("bascule-").unwrap_or(package)
}

/// A planted package for the tests of the rules; each want is a name and a kind.
#[cfg(test)]
pub fn planted(room: &str, wants: &[(&str, Kind)]) -> Package {
    let lines: Vec<String> = wants.iter().map(|(name, _)| format!("{name}.workspace = true")).collect();
    Package {
        room: room.to_owned(),
        manifest: Source::new(&format!("crates/{room}/Cargo.toml"), &format!("[dependencies]\n{}\n", lines.join("\n"))),
        wants: wants.iter().map(|(name, kind)| Want { name: (*name).to_owned(), kind: *kind }).collect(),
    }
}

#[test]
fn metadata_is_read_with_kinds_and_lines() {
    let answer = serde_json::json!({"packages": [{"name": "bascule-a", "manifest_path": "/nowhere/Cargo.toml", "dependencies": [
        {"name": "x", "kind": null}, {"name": "y", "kind": "build"}, {"name": "z", "kind": "dev"}]}]});
    let packages = packages_in(&answer);
    assert_eq!(packages.len(), 1);
    assert_eq!(packages[0].room, "a");
    let kinds: Vec<Kind> = packages[0].wants.iter().map(|want| want.kind).collect();
    assert_eq!(kinds, [Kind::Normal, Kind::Build, Kind::Dev]);
    assert_eq!(planted("a", &[("xy", Kind::Normal), ("x", Kind::Normal)]).line_of("x"), 3);
}

#[test]
fn the_tree_is_really_read() {
    let files = rust();
    let has = |path: &str| files.iter().any(|file| file.path == path);
    assert!(has("crates/model/src/lib.rs") && has("tests/tests/tidy/house.rs"), "{} files", files.len());
    assert!(packages().iter().any(|package| package.room == "model"));
}
