//! `bascule pattern test`: whether a pattern matches events, or which rules of a bus match one, and if not, why.
//!
//! In: a pattern and events, or an event and a bus's rules.
//! Out: a verdict on each, with the first field that fails, what was expected and what is there.
//! Never: a change anywhere; without `--bus` and `--remote` the cluster is not even asked.

use std::path::{Path, PathBuf};

use bascule_api::v1::{ListRulesRequest, Rule, TestEventPatternRequest};
use bascule_pattern::explain::explain;
use bascule_pattern::{Event, Pattern};
use clap::{Args, Subcommand};

use crate::error::Error;
use crate::explain::Exit;
use crate::inputs::{self, Inputs};
use crate::limits::{EVENTS_TESTED_MAX_COUNT, LINE_MAX_BYTES, PAGE_MAX_COUNT};
use crate::link::{ask, every};
use crate::output::View;
use crate::output::pattern::{self, Verdict};
use crate::output::record::Record;
use crate::verbs::{Desk, Outcome};

/// What exit codes mean, as for `grep`.
const AFTER: &str = "Exit codes, as grep's: 0 something matched (with --all: everything did); 1 nothing did; 2 a pattern, an event or a \
file is wrong, whatever else matched. With --bus or --remote also those of every command.";

/// What to do with patterns.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Test a pattern against events, or an event against the rules of a bus; exits with 0 on a match and with 1 on none
    #[command(after_help = AFTER)]
    Test(Test),
}

/// A pattern and events, or an event and a bus.
#[derive(Debug, Args)]
pub struct Test {
    /// Pattern: JSON, `@FILE`, or `-` for the standard input
    #[arg(long, value_name = "JSON", required_unless_present = "bus", conflicts_with = "bus")]
    pattern: Option<String>,
    /// Whole event: JSON, `@FILE`, or `-`; may be repeated
    #[arg(long = "event", value_name = "JSON", required_unless_present = "files")]
    events: Vec<String>,
    /// File with one JSON event on each line, `-` for the standard input; may be repeated
    #[arg(long = "events", value_name = "FILE", conflicts_with_all = ["bus", "remote"])]
    files: Vec<PathBuf>,
    /// Name or ARN of a bus: test the event against all of its rules
    #[arg(long, conflicts_with = "remote")]
    bus: Option<String>,
    /// Let the cluster decide (TestEventPattern), which wants `id`, `account`, `source`, `time`, `region` and `detail-type` in
    /// the event, and says only yes or no
    #[arg(long)]
    remote: bool,
    /// End with 0 only if everything matched
    #[arg(long)]
    all: bool,
}

/// Does it.
///
/// # Errors
/// Why it could not.
pub async fn run(verb: Verb, desk: &mut Desk) -> Result<Outcome, Error> {
    let Verb::Test(test) = verb;
    match (&test.bus, test.remote) {
        (Some(bus), _) => rules(bus, &test, desk).await,
        (None, true) => remote(&test, desk).await,
        (None, false) => here(&test, &mut desk.inputs),
    }
}

/// One pattern, many events.
fn here(test: &Test, inputs: &mut Inputs) -> Result<Outcome, Error> {
    let text = inputs.document("--pattern", test.pattern.as_deref().unwrap_or_default())?;
    let wrong = |reason: bascule_pattern::Invalid| Error::Pattern { reason: reason.to_string() };
    let pattern = Pattern::parse(&text).map_err(wrong)?;
    let mut verdicts = Vec::new();
    for (at, event) in test.events.iter().enumerate() {
        let text = inputs.document("--event", event)?;
        let name = event.strip_prefix('@').map_or_else(|| format!("#{}", at + 1), str::to_owned);
        verdicts.push((name, judge(&pattern, &text)));
    }
    if let ([(_, verdict)], []) = (verdicts.as_slice(), test.files.as_slice()) {
        return Ok(ended(pattern::one(verdict), std::slice::from_ref(verdict), test.all));
    }
    for path in &test.files {
        lines(path, inputs, &pattern, &mut verdicts)?;
    }
    let view = pattern::events(&verdicts);
    let verdicts: Vec<Verdict> = verdicts.into_iter().map(|(_, verdict)| verdict).collect();
    Ok(ended(view, &verdicts, test.all))
}

/// The events of a file, a line each; empty lines are passed over.
fn lines(
    path: &Path,
    inputs: &mut Inputs,
    pattern: &Pattern,
    verdicts: &mut Vec<(String, Verdict)>,
) -> Result<(), Error> {
    let mut from = inputs.lines("--events", path)?.from;
    let unreadable = |source| Error::Unreadable { what: "file", path: path.to_owned(), source };
    let mut number = 0;
    while let Some(line) = inputs::line(&mut *from, LINE_MAX_BYTES).map_err(unreadable)? {
        number += 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        if verdicts.len() == EVENTS_TESTED_MAX_COUNT {
            let problem = format!("there are more than {EVENTS_TESTED_MAX_COUNT} events; test them in parts");
            return Err(Error::Argument { flag: "--events", problem });
        }
        let verdict = match std::str::from_utf8(&line) {
            Ok(text) => judge(pattern, text),
            Err(_) => Verdict::Wrong("the line is no utf-8 text".to_owned()),
        };
        verdicts.push((format!("{}:{number}", path.display()), verdict));
    }
    Ok(())
}

fn judge(pattern: &Pattern, event: &str) -> Verdict {
    let event = match Event::parse(event) {
        Ok(event) => event,
        Err(error) => return Verdict::Wrong(error.to_string()),
    };
    match explain(pattern, &event) {
        Ok(None) => Verdict::Match,
        Ok(Some(why)) => Verdict::No(why),
        Err(error) => Verdict::Wrong(error.to_string()),
    }
}

/// One event, all rules of a bus.
async fn rules(bus: &str, test: &Test, desk: &mut Desk) -> Result<Outcome, Error> {
    let [event] = test.events.as_slice() else {
        let problem = "the rules of a bus are tested against one event".to_owned();
        return Err(Error::Argument { flag: "--event", problem });
    };
    let text = desk.inputs.document("--event", event)?;
    let event = Event::parse(&text).map_err(|error| Error::Argument { flag: "--event", problem: error.to_string() })?;
    let link = desk.dial.link().await?;
    let rules = every(|page_token| {
        let request = ListRulesRequest {
            event_bus_name: bus.to_owned(),
            page_size: PAGE_MAX_COUNT,
            page_token,
            ..ListRulesRequest::default()
        };
        let page = ask!(link, rules.list_rules, request);
        async move { page.await.map(|page| (page.rules, page.next_page_token)) }
    })
    .await?;
    let verdict = |rule: &Rule| {
        if rule.event_pattern.is_empty() {
            return Verdict::NoPattern;
        }
        match Pattern::parse(&rule.event_pattern).map(|pattern| explain(&pattern, &event)) {
            Ok(Ok(None)) => Verdict::Match,
            Ok(Ok(Some(why))) => Verdict::No(why),
            Ok(Err(error)) => Verdict::Wrong(error.to_string()),
            Err(reason) => Verdict::Wrong(reason.to_string()),
        }
    };
    let verdicts: Vec<Verdict> = rules.iter().map(verdict).collect();
    Ok(ended(pattern::rules(&rules, &verdicts), &verdicts, test.all))
}

async fn remote(test: &Test, desk: &mut Desk) -> Result<Outcome, Error> {
    let [event] = test.events.as_slice() else {
        let problem = "the cluster tests one event at a time".to_owned();
        return Err(Error::Argument { flag: "--event", problem });
    };
    let request = TestEventPatternRequest {
        event_pattern: desk.inputs.document("--pattern", test.pattern.as_deref().unwrap_or_default())?,
        event: desk.inputs.document("--event", event)?,
    };
    let link = desk.dial.link().await?;
    let answer = ask!(link, rules.test_event_pattern, request).await?;
    let json = Record::new().flag("Result", answer.result);
    let (text, exit) = if answer.result { ("match", Exit::Done) } else { ("no match", Exit::Negative) };
    Ok(Outcome { exit, ..Outcome::done(View::line(text, json)) })
}

fn ended(view: View, verdicts: &[Verdict], all: bool) -> Outcome {
    let is_match = |verdict: &Verdict| *verdict == Verdict::Match;
    let relevant = || verdicts.iter().filter(|verdict| **verdict != Verdict::NoPattern);
    let holds = if all { relevant().all(is_match) } else { relevant().any(is_match) };
    let exit = match holds {
        _ if verdicts.iter().any(|verdict| matches!(verdict, Verdict::Wrong(_))) => Exit::Usage,
        true => Exit::Done,
        false => Exit::Negative,
    };
    Outcome { exit, ..Outcome::done(view) }
}

#[cfg(test)]
mod tests;
