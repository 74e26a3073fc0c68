//! Runbooks: every command in them exists with its flags, every metric and every log line is one that the code has.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use anyhow::{Context as _, ensure};
use bascule_tests::Outcome;
use bascule_tests::binaries::Program;

use super::units::root;

/// Words that stand before a command and are not ours to check.
const BEFORE: [&str; 4] = ["sudo", "runuser", "-u", "--"];
/// What every page has, in this order.
const PARTS: [&str; 4] = ["## Symptom", "## Cause", "## What to do", "## When it is over"];

/// The pages, by name.
fn pages() -> Outcome<BTreeMap<String, String>> {
    let folder = root().join("docs/runbooks");
    let mut pages = BTreeMap::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())?.flatten() {
        pages.insert(entry.file_name().to_string_lossy().into_owned(), fs::read_to_string(entry.path())?);
    }
    ensure!(pages.len() >= 7, "only {} runbooks", pages.len());
    Ok(pages)
}

/// The lines of all blocks of shell.
fn commands(page: &str) -> Vec<&str> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in page.lines().map(str::trim) {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            _ if inside => lines.push(line),
            _ => {}
        }
    }
    lines
}

/// Our own commands of one line: each from its program's name to the next bar, mark or end.
fn ours(line: &str) -> Vec<(Program, Vec<&str>)> {
    let line = line.split(" #").next().unwrap_or_default();
    let mut found = Vec::new();
    for part in line.split(['|', ';', '&']) {
        let words = part
            .split_whitespace()
            .skip_while(|word| BEFORE.contains(word) || *word == "bascule" && part.contains("runuser"));
        let words: Vec<&str> = words.collect();
        match words.first() {
            Some(&"basculed") => found.push((Program::Daemon, words[1..].to_vec())),
            Some(&"bascule") => found.push((Program::Command, words[1..].to_vec())),
            _ => {}
        }
    }
    found
}

/// The help of the deepest verb that the words name, and which words those are.
fn help(program: Program, words: &[&str]) -> Outcome<(String, usize)> {
    let path = program.find()?;
    let ask = |depth: usize| -> Outcome<String> {
        let output = Command::new(&path).args(&words[..depth]).arg("--help").output()?;
        ensure!(
            output.status.success(),
            "{} is no verb: {}",
            words[..depth].join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    };
    let mut depth = 0;
    let mut text = ask(0)?;
    while let Some((_, list)) = text.split_once("\nCommands:\n") {
        let Some(word) = words.get(depth).filter(|word| !word.starts_with('-')) else { break };
        let known =
            list.lines().take_while(|line| !line.is_empty()).any(|line| line.split_whitespace().next() == Some(word));
        ensure!(known, "`{word}` is no verb of `{}`", words[..depth].join(" "));
        depth += 1;
        text = ask(depth)?;
    }
    Ok((text, depth))
}

#[test]
fn every_command_exists_with_its_flags() -> Outcome {
    let mut count = 0;
    for (name, page) in pages()? {
        for line in commands(&page) {
            for (program, words) in ours(line) {
                let (text, _) = help(program, &words).with_context(|| format!("{name}: {line}"))?;
                let flags = words
                    .iter()
                    .filter(|word| word.starts_with("--"))
                    .map(|word| word.split('=').next().unwrap_or(word));
                for flag in flags {
                    let known = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').any(|word| word == flag);
                    ensure!(known, "{name}: `{flag}` is no flag: {line}");
                }
                count += 1;
            }
        }
    }
    ensure!(count >= 15, "only {count} commands in all runbooks");
    Ok(())
}

/// The code of all rooms outside their tests' own folder, as one text.
fn code() -> Outcome<String> {
    let mut text = String::new();
    let mut open = vec![root().join("crates")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder)?.flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text += &fs::read_to_string(&path)?;
            }
        }
    }
    Ok(text)
}

/// Texts in backquotes.
fn quoted(page: &str) -> Vec<&str> {
    page.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn every_metric_is_one_that_the_code_has() -> Outcome {
    let code = code()?;
    let mut names = BTreeSet::new();
    for (name, page) in pages()? {
        let whole = |text: &str| {
            text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').map(str::to_owned).collect::<Vec<_>>()
        };
        let metrics = page.split_whitespace().flat_map(whole).filter(|word| word.starts_with("bascule_"));
        for metric in metrics {
            let ends = ["_total", "_bucket", "_sum", "_count", "_seconds"];
            let mut bare = metric.as_str();
            while let Some(rest) = ends.iter().find_map(|end| bare.strip_suffix(end)) {
                bare = rest;
            }
            let forms = [metric.clone(), bare.to_owned(), bare.replace('_', ".")];
            // A name of its own may have an underscore between its dots.
            let dotted =
                code.split('"').filter(|text| text.starts_with("bascule.")).any(|text| text.replace('.', "_") == bare);
            let known = dotted || forms.iter().any(|form| code.contains(&format!("\"{form}\"")));
            ensure!(known, "{name}: no metric `{metric}`");
            names.insert(metric.clone());
        }
    }
    ensure!(names.len() >= 5, "runbooks name only {names:?}");
    Ok(())
}

#[test]
fn every_log_line_is_one_that_the_code_has() -> Outcome {
    let code = code()?.replace("\\\n", "");
    let code: String = code.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut count = 0;
    for (name, page) in pages()? {
        for line in page.lines().filter(|line| line.starts_with("- log: ")) {
            for text in quoted(line) {
                // `…` stands for what differs from time to time.
                for part in text.split('…').map(|part| part.trim_matches([' ', ':'])).filter(|part| !part.is_empty())
                {
                    ensure!(code.contains(part), "{name}: nobody logs `{part}`");
                    count += 1;
                }
            }
        }
    }
    ensure!(count >= 7, "runbooks name only {count} log lines");
    Ok(())
}

#[test]
fn every_page_has_its_parts_and_is_named_where_it_helps() -> Outcome {
    let pages = pages()?;
    for (name, page) in &pages {
        let places: Vec<Option<usize>> = PARTS.iter().map(|part| page.find(&format!("\n{part}\n"))).collect();
        ensure!(places.iter().all(Option::is_some) && places.is_sorted(), "{name} lacks one of {PARTS:?}");
    }
    // Whatever page the daemon names must be there.
    for word in code()?.split(|c: char| c.is_whitespace() || "\";,)".contains(c)) {
        if let Some(page) = word.strip_prefix("docs/runbooks/").filter(|page| page.ends_with(".md")) {
            ensure!(pages.contains_key(page), "{page} is named and not there");
        }
    }
    Ok(())
}
