//! No leftovers: unfinished places, debug prints, tests that are switched off, and notes to oneself.

use super::house::{self, Finding, Source};
use super::paths::{self, Reach};

/// Words that may stand nowhere. Written in pieces, or this file would find itself.
const WORDS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// What Rust code may not name, and what to do instead.
const CODE: [(&str, &str); 4] = [
    ("todo!", "finish it, or leave the function out"),
    ("unimplemented!", "finish it, or return the room's error"),
    ("dbg!", "take it out, or use `tracing`"),
    ("#ignore", "let it run, or skip with a reason: `bascule_tests::skip`"),
];

fn findings(sources: &[Source]) -> Vec<Finding> {
    let mut found = Vec::new();
    for source in sources {
        for (at, line) in source.text.lines().enumerate() {
            let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            for word in words.filter(|word| WORDS.contains(word)) {
                let text = format!("`{word}` is a note to oneself: do it, or say in the change log what is missing");
                found.push(Finding::new(&source.path, at + 1, text));
            }
        }
        if !source.path.ends_with(".rs") {
            continue;
        }
        match paths::named(source, Reach::Everything) {
            Ok(names) => {
                for (name, advice) in CODE {
                    let hits = names.iter().filter(|named| named.holds(&[name]));
                    found.extend(
                        hits.map(|named| Finding::new(&source.path, named.line, format!("`{name}`: {advice}"))),
                    );
                }
            }
            Err(text) => found.push(Finding::new(&source.path, 1, text)),
        }
    }
    found
}

#[test]
fn nothing_is_left_over() {
    house::demand_none(&findings(&house::written()));
}

#[test]
fn planted_leftovers_are_found() {
    let [word, second, third] = WORDS;
    let rows = [
        ("a.rs", "fn f() {\n    todo!()\n}".to_owned(), Some(2)),
        ("a.rs", "fn f() { std::unimplemented!(\"x\") }".to_owned(), Some(1)),
        ("a.rs", "fn f() { g(dbg!(1)); }".to_owned(), Some(1)),
        ("a.rs", "#[test]\n#[ignore]\nfn f() {}".to_owned(), Some(2)),
        ("a.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}".to_owned(), Some(2)),
        ("a.rs", "#[cfg(test)]\nmod t {\n    fn f() { todo!() }\n}".to_owned(), Some(3)),
        ("a.rs", "fn f() { let s = \"todo!() #[ignore]\"; } // dbg!".to_owned(), None),
        ("a.rs", format!("// {word}: later"), Some(1)),
        ("docs/a.md", format!("fine\n{second} this"), Some(2)),
        ("x", format!("# {third}"), Some(1)),
        ("x", format!("mktemp a.{third}{third}"), None),
        ("docs/a.md", "todo! in a page is no code".to_owned(), None),
    ];
    for (path, text, expected) in rows {
        let found = findings(&[Source::new(path, &text)]);
        assert_eq!(found.first().map(|finding| finding.line), expected, "{text}: {found:?}");
    }
}
