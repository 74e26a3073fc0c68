//! Decisions, and why they are what they are, as records and for people who have to find out tonight.

use bascule_api::iam::v1::{ConsideredStatement, ContextEntry, EvaluationResult, PolicyDecision};

use crate::output::record::{Item, Record};
use crate::output::{Part, View, whole_rows};

/// The statement as a row.
fn statement(it: &ConsideredStatement) -> Record {
    Record::new()
        .text("Layer", &it.layer)
        .maybe("Level", it.level)
        .text("Policy", &it.policy)
        .text("Sid", &it.sid)
        .number("Place", u64::from(it.place))
        .text("Effect", &it.effect)
        .flag("Applies", it.applies)
        .text("Reason", &it.reason)
}

/// Everything about a decision.
fn record(it: &EvaluationResult) -> Record {
    Record::new()
        .text("ActionName", &it.action_name)
        .text("ResourceArn", &it.resource_arn)
        .choice("Decision", it.decision().as_str_name(), "POLICY_DECISION_")
        .text("Reason", &it.reason)
        .texts("MissingContextKeys", &it.missing_context_keys)
        .items("Statements", it.statements.iter().map(|it| Item::Record(statement(it))).collect())
}

/// One decision, the answer first; `given` are the keys that the caller gave.
pub fn one(it: &EvaluationResult, given: &[ContextEntry], control_index: u64) -> View {
    let parts = vec![
        Part::Line(verdict(it)),
        Part::Line(format!("{} on {}", it.action_name, it.resource_arn)),
        statements(&it.statements),
    ];
    let mut view = View::new(parts, record(it).number("ControlIndex", control_index));
    if !it.missing_context_keys.is_empty() {
        view.add(Part::Block(missing(it, given)));
    }
    view
}

/// `ALLOWED` or `DENIED`, and why. Most reasons begin with that word themselves.
fn verdict(it: &EvaluationResult) -> String {
    let word = if it.decision() == PolicyDecision::Allowed { "ALLOWED" } else { "DENIED" };
    match it.reason.split_at_checked(word.len()) {
        Some((begin, rest)) if begin.eq_ignore_ascii_case(word) => format!("{word}{rest}"),
        _ => format!("{word}: {}", it.reason),
    }
}

/// The statements that are about the action, in the order in which they were looked at; none of their texts is cut, since the end of
/// a policy's ARN is its name.
fn statements(all: &[ConsideredStatement]) -> Part {
    let columns = [
        ("LAYER", "Layer"),
        ("LEVEL", "Level"),
        ("POLICY", "Policy"),
        ("SID", "Name"),
        ("EFFECT", "Effect"),
        ("APPLIES", "Applies"),
        ("WHY NOT", "Reason"),
    ];
    let named = |it: &ConsideredStatement| statement(it).text("Name", &name(it));
    match all.is_empty() {
        true => Part::Line("no statement of any policy is about the action".to_owned()),
        false => whole_rows(&all.iter().map(named).collect::<Vec<_>>(), &columns),
    }
}

/// What a statement is called: by its Sid, or its place, counted from 0 as in its policy's `Statement[0]`.
fn name(it: &ConsideredStatement) -> String {
    if it.sid.is_empty() { format!("#{}", it.place) } else { it.sid.clone() }
}

/// Keys without a value, each with the statements that ask for it.
fn missing(it: &EvaluationResult, given: &[ContextEntry]) -> Vec<String> {
    let mut lines = vec!["these keys have no value here; a call may have one, and `--key` gives one:".to_owned()];
    for key in &it.missing_context_keys {
        // To say it again would send people round in circles.
        if given.iter().any(|entry| entry.key.eq_ignore_ascii_case(key)) {
            lines.push(format!("  `{key}` was given, and the cluster does not take it from `--key`"));
            continue;
        }
        let quoted = format!("`{key}`");
        let asks = it.statements.iter().filter(|it| !it.applies && it.reason.contains(&quoted));
        let asks: Vec<String> = asks.map(|it| format!("{} `{}` of `{}`", it.effect, name(it), it.policy)).collect();
        let of = if asks.is_empty() { String::new() } else { format!("  asked for by {}", asks.join(", ")) };
        lines.push(format!("  --key {key}=VALUE{of}"));
    }
    lines
}

/// Many decisions.
pub fn many(results: &[EvaluationResult], control_index: u64) -> View {
    let columns =
        [("ACTION", "ActionName"), ("RESOURCE", "ResourceArn"), ("DECISION", "Decision"), ("REASON", "Reason")];
    let more = [("MISSING KEYS", "MissingContextKeys")];
    let view = View::list("Results", results.iter().map(record).collect(), &columns, &more, "nothing was asked");
    // The reason says which statement, at its end: a table cuts nothing of it either.
    let parts = vec![whole_rows(&results.iter().map(record).collect::<Vec<_>>(), &columns)];
    View { parts, json: view.json.clone().number("ControlIndex", control_index), ..view }
}
