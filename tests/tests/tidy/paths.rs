//! What a file of Rust names outside its tests: every `a::b::c`, every macro and attribute, each with its line.
//!
//! Works on tokens, so comments and strings never count and the insides of macros do.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::house::Source;

/// One name in a file: `["std", "time", "Instant", "now"]`, `["todo!"]`, `["#ignore"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub line: usize,
    pub path: Vec<String>,
}

impl Named {
    /// Whether the parts stand next to each other somewhere in the path.
    pub fn holds(&self, parts: &[&str]) -> bool {
        self.path.windows(parts.len()).any(|window| window == parts)
    }
}

/// What the walk looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All of the file.
    Everything,
    /// All but items under `#[cfg(test)]` and `#[test]`.
    OutsideTests,
}

/// Every name in the file; the error is what the file's text fails on.
pub fn named(source: &Source, reach: Reach) -> Result<Vec<Named>, String> {
    let tokens: TokenStream = source.text.parse().map_err(|error| format!("does not read as Rust: {error}"))?;
    let mut found = Vec::new();
    walk(tokens, &[], reach, &mut found);
    Ok(found)
}

fn walk(tokens: TokenStream, prefix: &[String], reach: Reach, found: &mut Vec<Named>) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let mut path: Vec<String> = prefix.to_vec();
    let mut at = 0;
    while at < trees.len() {
        match &trees[at] {
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                let Some((group, next)) = attribute(&trees, at) else {
                    at += 1;
                    continue;
                };
                if reach == Reach::OutsideTests && is_test(group) {
                    at = item_end(&trees, next);
                } else {
                    if let Some(TokenTree::Ident(first)) = group.stream().into_iter().next() {
                        found.push(Named { line: first.span().start().line, path: vec![format!("#{first}")] });
                    }
                    walk(group.stream(), &[], reach, found);
                    at = next;
                }
                path = prefix.to_vec();
            }
            TokenTree::Ident(ident) => {
                let line = ident.span().start().line;
                path.push(ident.to_string());
                if is_joint(&trees, at + 1) {
                    match trees.get(at + 3) {
                        // `use a::*` and `a::<T>()`: the path ends here, and was a path.
                        Some(TokenTree::Punct(punct)) => path.push(punct.to_string()),
                        _ => {
                            at += 3;
                            continue;
                        }
                    }
                }
                let bang = matches!(trees.get(at + 1), Some(TokenTree::Punct(next)) if next.as_char() == '!');
                let path = std::mem::replace(&mut path, prefix.to_vec());
                if bang && !is_char(&trees, at + 2, '=') {
                    found.push(Named { line, path: vec![format!("{ident}!")] });
                }
                found.push(Named { line, path });
                at += 1;
            }
            TokenTree::Group(group) => {
                // `use a::{b, c}`: the braces go on with what stands before them.
                let goes_on = group.delimiter() == Delimiter::Brace && at >= 2 && is_joint(&trees, at - 2);
                let inner = if goes_on { std::mem::replace(&mut path, prefix.to_vec()) } else { Vec::new() };
                walk(group.stream(), &inner, reach, found);
                at += 1;
            }
            _ => {
                path = prefix.to_vec();
                at += 1;
            }
        }
    }
}

fn is_char(trees: &[TokenTree], at: usize, wanted: char) -> bool {
    matches!(trees.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

fn is_joint(trees: &[TokenTree], at: usize) -> bool {
    is_char(trees, at, ':') && is_char(trees, at + 1, ':')
}

/// The brackets of an attribute that starts at `at`, and the place after them.
fn attribute(trees: &[TokenTree], at: usize) -> Option<(&Group, usize)> {
    let open = if is_char(trees, at + 1, '!') { at + 2 } else { at + 1 };
    match trees.get(open) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => Some((group, open + 1)),
        _ => None,
    }
}

/// `cfg(test)`, `cfg(all(test, …))`, `test`, `tokio::test(…)`; not `cfg(not(test))` and not `cfg(any(test, …))`.
fn is_test(attribute: &Group) -> bool {
    let text: String = attribute.stream().to_string().chars().filter(|c| !c.is_whitespace()).collect();
    let starts = ["cfg(test)", "cfg(all(test,", "tokio::test"];
    text == "test" || starts.iter().any(|start| text.starts_with(start))
}

/// The place after the item that begins at `at`: its `;` or its braces.
fn item_end(trees: &[TokenTree], mut at: usize) -> usize {
    while at < trees.len() {
        let ends = match &trees[at] {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            TokenTree::Punct(punct) => punct.as_char() == ';',
            _ => false,
        };
        at += 1;
        if ends {
            break;
        }
    }
    at
}

/// The files that only tests see: integration tests, benches, and what `#[cfg(test)] mod name;` declares.
#[derive(Debug, Default)]
pub struct TestOnly {
    files: BTreeSet<String>,
    folders: Vec<String>,
}

impl TestOnly {
    /// Reads the declarations of all files.
    pub fn of(sources: &[Source]) -> Self {
        let mut only = Self::default();
        for source in sources {
            for name in declared(&source.text) {
                let base = folder_of_modules(&source.path);
                only.files.insert(format!("{base}/{name}.rs"));
                only.folders.push(format!("{base}/{name}/"));
            }
        }
        only
    }

    /// Whether only tests see the file.
    pub fn has(&self, path: &str) -> bool {
        let outside = path.starts_with("tests/") || path.starts_with("benches/");
        let in_package = path.split('/').nth(2) == Some("tests");
        outside || in_package || self.files.contains(path) || self.folders.iter().any(|folder| path.starts_with(folder))
    }
}

/// Where the modules that a file declares live.
fn folder_of_modules(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    match name {
        "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
        _ => format!("{folder}/{}", name.trim_end_matches(".rs")),
    }
}

/// The names in `#[cfg(test)] mod name;`.
fn declared(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut names = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(rest) = line.strip_prefix("#[cfg(test)]") else { continue };
        let item = if rest.trim().is_empty() { lines.get(at + 1).copied().unwrap_or_default() } else { rest.trim() };
        let item = item.trim_start_matches("pub(crate) ").trim_start_matches("pub ");
        if let Some(name) = item.strip_prefix("mod ").and_then(|item| item.strip_suffix(';')) {
            names.push(name.to_owned());
        }
    }
    names
}

#[cfg(test)]
fn check(text: &str, reach: Reach, wanted: &[&str], present: bool) {
    let found = named(&Source::new("a.rs", text), reach).expect("the row reads as Rust");
    assert_eq!(found.iter().any(|name| name.holds(wanted)), present, "{wanted:?} in `{text}`: {found:?}");
}

#[test]
fn names_are_found_where_code_is_and_nowhere_else() {
    let rows: [(&str, Reach, &[&str], bool); 15] = [
        ("fn f() { a::b::c(); }", Reach::OutsideTests, &["b", "c"], true),
        ("use a::{b, c::d};", Reach::OutsideTests, &["a", "b"], true),
        ("use a::{b, c::d};", Reach::OutsideTests, &["a", "c", "d"], true),
        ("use a::*;", Reach::OutsideTests, &["a", "*"], true),
        ("fn f() { a::b::<u8>(); }", Reach::OutsideTests, &["a", "b"], true),
        ("use a::{b::{c, e}, d};", Reach::OutsideTests, &["a", "b", "e"], true),
        ("fn f() { select! { x = a::b() => {} } }", Reach::OutsideTests, &["a", "b"], true),
        ("// a::b\nfn f() { let s = \"a::b\"; }", Reach::OutsideTests, &["a", "b"], false),
        ("#[cfg(test)] mod t { fn f() { a::b(); } }", Reach::OutsideTests, &["a", "b"], false),
        ("#[cfg(test)] mod t { fn f() { a::b(); } }", Reach::Everything, &["a", "b"], true),
        ("#[cfg(test)] mod t;\nfn f() { a::b(); }", Reach::OutsideTests, &["a", "b"], true),
        ("#[cfg(not(test))] fn f() { a::b(); }", Reach::OutsideTests, &["a", "b"], true),
        ("#[test]\n#[should_panic] fn f() { a::b(); }\nfn g() {}", Reach::OutsideTests, &["a", "b"], false),
        ("fn f() { gone!(1) }", Reach::OutsideTests, &["gone!"], true),
        ("fn f() { if gone != 1 {} }", Reach::OutsideTests, &["gone!"], false),
    ];
    for (text, reach, wanted, present) in rows {
        check(text, reach, wanted, present);
    }
}

#[test]
fn test_only_files_are_known_by_their_declaration() {
    let sources = [
        Source::new("crates/a/src/lib.rs", "#[cfg(test)]\nmod tests;\nmod b;"),
        Source::new("crates/a/src/b.rs", "#[cfg(test)] mod fixtures;"),
    ];
    let only = TestOnly::of(&sources);
    let rows = [
        ("crates/a/src/tests.rs", true),
        ("crates/a/src/tests/deep.rs", true),
        ("crates/a/src/b/fixtures.rs", true),
        ("crates/a/src/b.rs", false),
        ("crates/a/src/fixtures.rs", false),
        ("crates/a/tests/whole.rs", true),
        ("tests/tests/tidy.rs", true),
    ];
    for (path, expected) in rows {
        assert_eq!(only.has(path), expected, "{path}");
    }
}
