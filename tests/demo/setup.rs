//! Bus, queues, destinations, rules and targets, all through the command line; one command of each kind is shown.

use std::collections::BTreeMap;

use anyhow::Context as _;
use bascule_tests::Outcome;
use bascule_tests::receiver::{Receiver, SECRET};
use serde_json::Value;

use crate::commands::{Commands, Shown};
use crate::script::{Rule, Script, Target};
use crate::{BUS, rights, say};

/// Destinations by name, and how the receiver answers there. A target fills the `*` with its rule.
const DESTINATIONS: [(&str, &str); 3] = [("fast", "/ok/*"), ("slow", "/slow/2500/*"), ("gone", "/status/410/*")];

/// The path at which the receiver sees the events of a rule; none for a queue.
#[must_use]
pub fn path(rule: &Rule, target: &Target) -> Option<String> {
    let name = target.destination.as_deref()?;
    let (_, path) = DESTINATIONS.iter().find(|(known, _)| *known == name)?;
    Some(path.replace('*', &rule.name))
}

/// Makes everything; gives the control index from which on all of it holds.
///
/// # Errors
/// A command failed.
pub fn everything(commands: &Commands, script: &Script, receiver: &Receiver) -> Outcome<u64> {
    commands.run(&["bus", "create", BUS], Shown::Yes)?;
    let secret = commands.file("signing-secret", SECRET)?;
    let made = commands.run(&["connection", "create", "receiver", "--signing-secret-file", &secret], Shown::Yes)?;
    let connection = arn(&made, "ConnectionArn")?;
    let mut arns = BTreeMap::new();
    for (name, path) in DESTINATIONS {
        let url = receiver.url(path);
        let words =
            ["destination", "create", name, "--connection-arn", &connection, "--endpoint", &url, "--method", "POST"];
        let made = commands.run(&words, shown(name == "slow"))?;
        arns.insert(name.to_owned(), arn(&made, "ApiDestinationArn")?);
    }
    let role = rights::role(commands)?;
    let mut control_index = 0;
    for (nth, rule) in script.rules.iter().enumerate() {
        let pattern = rule.pattern.to_string();
        let words =
            ["rule", "put", &rule.name, "--bus", BUS, "--pattern", &pattern, "--description", &rule.description];
        commands.run(&words, shown(nth == 0))?;
        for target in &rule.targets {
            let made = put(commands, rule, target, (&role, &arns), shown(nth == 0))?;
            control_index = made["ControlIndex"].as_u64().context("an answer without `ControlIndex`")?;
        }
    }
    say(&format!("     … and {} rules more, each with its target: tests/demo/rules.json", script.rules.len() - 1));
    Ok(control_index)
}

fn put(
    commands: &Commands,
    rule: &Rule,
    target: &Target,
    (role, arns): (&str, &BTreeMap<String, String>),
    shown: Shown,
) -> Outcome<Value> {
    let words = ["target", "put", "--bus", BUS, "--rule", &rule.name, "--id", &target.id, "--role-arn", role, "--arn"];
    if let Some(queue) = &target.queue {
        let made = commands.run(&["queue", "create", queue], shown)?;
        let arn = arn(&made, "Arn")?;
        return commands.run(&[&words[..], &[&arn]].concat(), shown);
    }
    let name = target.destination.as_deref().unwrap_or_default();
    let arn = arns.get(name).with_context(|| format!("there is no destination `{name}`"))?;
    commands.run(&[&words[..], &[arn, "--path-value", &rule.name]].concat(), shown)
}

fn shown(shown: bool) -> Shown {
    if shown { Shown::Yes } else { Shown::No }
}

fn arn(answer: &Value, field: &str) -> Outcome<String> {
    let arn = answer[field].as_str().with_context(|| format!("an answer without `{field}`: {answer}"))?;
    Ok(arn.to_owned())
}
